"""Nights in which chance decides what goes wrong: `make soak SECONDS=60 SEED=…`.

Everything that happens follows from the seed, so that a seed which failed fails again. Such seeds
are kept in `seeds.txt`, and replayed by the tests.
"""

import argparse
import logging
import random
import secrets
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog
from botocore.exceptions import ClientError

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.engine import Done, Elsewhere
from restorecheck.errors import StoreError
from restorecheck.testing import HostDied
from restorecheck.testing.cloud import CloudPace, EventDelivery, PlannedOutcome
from restorecheck.testing.cloud.state import NEVER
from tests.simulation.disturbing import (
    DEATHS,
    OF_CALLS,
    OF_STORE,
    STORE,
    STRANGE,
    Fault,
    Kind,
    clean_up,
)
from tests.simulation.disturbing import Disturbance as Known
from tests.simulation.stage import DEADLINE, MINUTE, Host, Setting, Stage
from tests.simulation.test_operators import DEEDS, make_up

SEEDS = Path(__file__).parent / "seeds.txt"
SECOND = timedelta(seconds=1)
OUTAGES = (timedelta(0), 5 * SECOND, 10 * MINUTE, DEADLINE, 3 * DEADLINE)
MOST_STEPS = 1500
ENOUGH = 10
"""Broken weeks after which a soak has told enough."""


class Chance(Known):
    """Something goes wrong at an effect with a probability, for a while or once."""

    def __init__(self, stage: Stage, dice: random.Random, share: float) -> None:
        super().__init__(stage)
        self._dice = dice
        self._share = share
        self._for_long: list[Fault] = []

    def end(self) -> None:
        self._share = 0.0
        self._for_long = []
        super().end()

    def _before(self, number: int, name: str) -> None:
        if self._dice.random() < self._share:
            times = self._dice.choice((1, 1, 1, 3, 20, None))
            kind = self._kind(name)
            if kind is Kind.CONFLICT:
                # Another host's save is a step of the drill: no drill stands still by it.
                times = times or 20
            fault = Fault(number, name, kind, times)
            self._faults = (fault, *self._faults[-2:])
            self._done[fault] = 0
        super()._before(number, name)

    def _kind(self, name: str) -> Kind:
        own = OF_STORE if name in STORE else OF_CALLS
        kinds = DEATHS if name == "answer check" else (*DEATHS, *own)
        chosen: Kind = self._dice.choice(kinds)
        return chosen


def a_pace(dice: random.Random) -> CloudPace:
    """Mostly minutes, at times nothing or hours."""

    def some(usual: int) -> float:
        return dice.choice((0.0, 0.5, 1.0, 1.0, 1.0, 2.0, 5.0, 40.0)) * usual

    return CloudPace(
        copy=some(80),
        restore=some(140),
        backup=some(60),
        password=some(40),
        delete=some(70),
        stop=some(50),
        start=some(50),
        visible=dice.choice((0, 10, 10, 60, 240)),
    )


def an_outcome(dice: random.Random) -> PlannedOutcome:
    status = dice.choice(("available", "available", "failed", "incompatible-network", STRANGE))
    takes = dice.choice((None, None, None, timedelta(0), 2 * DEADLINE, NEVER))
    return PlannedOutcome(status=status, takes=takes, shown=dice.choice(("", "", "", STRANGE)))


class Weeks:
    """Some nights of one target, with several hosts, a sweeper, operators, and what chance brings."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        setting = Setting(
            credentials=dice.choice(list(Credentials)),
            after=dice.choice(list(After)),
            keep_copies=dice.choice((1, 2, 3)),
        )
        self.stage = Stage(
            setting=setting,
            pace=a_pace(dice),
            good=dice.random() < 0.8,
            attempts=dice.choice((1, 1, 3)),
        )
        # Looks that lie make a thing be struck off that is there: its mark is what finds it then.
        self.stage.promises.by_mark = True
        self.chance = Chance(self.stage, dice, share=dice.choice((0.0, 0.002, 0.01, 0.03)))
        self.meddling = dice.choice((0.0, 0.0, 0.01, 0.05))
        self.hosts = [Host(self.stage) for _ in range(dice.choice((1, 2, 3)))]
        self.stage.cloud.delivery = dice.choice(list(EventDelivery))

    def run(self) -> None:
        for number in range(self.dice.choice((1, 2, 3))):
            if number:
                self.stage.next_night(good=self.dice.random() < 0.8)
                self.stage.cloud.rds.state.pace = a_pace(self.dice)
            self._bring_outcomes()
            self._night()
        self.chance.end()
        make_up(self.stage)
        for instance in self.stage.cloud.backup.instances.values():
            instance.shown_status = ""
        clean_up(self.stage)

    def _bring_outcomes(self) -> None:
        cloud = self.stage.cloud
        for outcomes in (cloud.restores, cloud.copies, cloud.passwords):
            outcomes.clear()
            if self.dice.random() < 0.2:
                outcomes.append(an_outcome(self.dice))

    def _night(self) -> None:
        drill_id = self._start()
        if not drill_id:
            return
        for _ in range(MOST_STEPS):
            if self.stage.store.load(drill_id).finished:
                return
            self._meddle(drill_id)
            self._step(drill_id)

    def _start(self) -> str:
        try:
            return self.hosts[0].start()
        except (HostDied, StoreError):
            self._replace(0)
        except Exception as exc:
            if "faster" not in str(exc):
                raise
        return ""

    def _step(self, drill_id: str) -> None:
        which = self.dice.randrange(len(self.hosts))
        host = self.hosts[which]
        try:
            if self.dice.random() < 0.01:
                host.sweep()
                return
            if self.dice.random() < 0.003:
                host.engine.abort(drill_id, "interrupted")
            outcome = host.engine.advance(drill_id)
        except HostDied:
            self._replace(which)
            return
        except StoreError:
            self.stage.world.pass_time(5 * SECOND)
            return
        if isinstance(outcome, Done | Elsewhere):
            return
        # Several hosts look at different times.
        self.stage.world.pass_time(outcome.duration * self.dice.choice((1, 1, 0.3)))

    def _replace(self, which: int) -> None:
        self.chance.revive()
        self.stage.world.pass_time(self.dice.choice(OUTAGES))
        self.hosts[which] = Host(self.stage)

    def _meddle(self, drill_id: str) -> None:
        if self.dice.random() < self.meddling:
            deed = self.dice.choice(DEEDS)
            self.stage.world.pass_time(timedelta(milliseconds=1))
            with suppress(ClientError):  # AWS refuses operators, too
                deed(self.stage, f"restorecheck-{drill_id}")
            self.stage.world.pass_time(timedelta(milliseconds=1))


def run(seed: int) -> None:
    """Raises AssertionError, with the seed in it, where a promise is broken."""
    try:
        Weeks(seed).run()
    except Exception as exc:
        raise AssertionError(f"seed {seed}: {type(exc).__name__}: {exc}") from exc


def kept() -> list[int]:
    """Seeds that once failed."""
    lines = SEEDS.read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    first = secrets.randbelow(10**9) if given.seed is None else given.seed
    print(f"seeds from {first} on", flush=True)
    end = time.monotonic() + given.seconds
    seed = first
    failed: list[int] = []
    while time.monotonic() < end and len(failed) < ENOUGH:
        try:
            run(seed)
        except AssertionError as exc:
            print(f"{exc}\n  keep it: add a line `{seed}  why` to {SEEDS.name}", flush=True)
            failed.append(seed)
        seed += 1
    print(f"{seed - first} weeks, {len(failed)} broken {failed or ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
