"""Pairs of faults, weeks that chance has made, and rules that Hypothesis puts together."""

import random
import secrets
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.engine import Wait
from restorecheck.errors import DrillConflictError, StoreError
from restorecheck.model import Verdict
from restorecheck.testing import HostDied
from tests.simulation import chaos
from tests.simulation.disturbing import (
    DEATHS,
    OF_CALLS,
    OF_STORE,
    STORE,
    Disturbance,
    Fault,
    Kind,
    Rescue,
    clean_up,
    disturbed,
    effects_of,
)
from tests.simulation.stage import DEADLINE, Host, Setting, Stage
from tests.simulation.test_operators import DEEDS, make_up

PAIRS = 80
WEEKS = 60


def a_fault(dice: random.Random, effects: list[tuple[int, str]]) -> Fault:
    number, name = dice.choice(effects[1:])
    own = () if name == "answer check" else OF_STORE if name in STORE else OF_CALLS
    times = dice.choice((1, 1, 3))
    return Fault(number, name, dice.choice((*DEATHS, *own)), times)


@pytest.mark.parametrize("rescue", list(Rescue))
def test_two_faults_in_one_night_end_as_promised(rescue):
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}")
    dice = random.Random(seed)
    effects = effects_of(Stage)
    for _ in range(PAIRS // len(Rescue)):
        faults = (a_fault(dice, effects), a_fault(dice, effects))
        good = dice.random() < 0.7
        stage = Stage(good=good)
        stage.promises.by_mark = any(f.kind is Kind.BLIND for f in faults)
        try:
            drill = disturbed(stage, faults, rescue)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n  seed {seed}: {faults[0]}; {faults[1]}") from exc
        assert drill is None or good or drill.verdict is not Verdict.VERIFIED


def test_weeks_of_nights_in_which_chance_decides():
    first = secrets.randbelow(10**9)
    print(f"seeds from {first} on")
    for seed in range(first, first + WEEKS):
        chaos.run(seed)


def test_seeds_that_once_failed_fail_no_more():
    for seed in chaos.kept():
        chaos.run(seed)


class Nights(RuleBasedStateMachine):
    """Hosts, faults, operators and the clock, in whatever order Hypothesis finds interesting."""

    @initialize(
        credentials=st.sampled_from(list(Credentials)),
        after=st.sampled_from(list(After)),
        good=st.booleans(),
    )
    def begin(self, credentials, after, good):
        self.stage = Stage(setting=Setting(credentials=credentials, after=after), good=good)
        self.stage.promises.by_mark = True
        self.hosts = [Host(self.stage), Host(self.stage)]
        self.chance = Disturbance(self.stage)
        self.drill_id = self.hosts[0].start()

    def _with(self, which, act):
        try:
            return act(self.hosts[which])
        except HostDied:
            self.chance.revive()
            self.hosts[which] = Host(self.stage)
        except (StoreError, DrillConflictError):
            pass
        return None

    @rule(which=st.integers(0, 1), steps=st.integers(1, 12))
    def advance(self, which, steps):
        for _ in range(steps):
            outcome = self._with(which, lambda host: host.engine.advance(self.drill_id))
            if isinstance(outcome, Wait):
                self.stage.world.pass_time(outcome.duration)

    @rule(minutes=st.sampled_from([1, 5, 60, int(DEADLINE.total_seconds()) // 60, 3000]))
    def time_passes(self, minutes):
        self.stage.world.pass_time(timedelta(minutes=minutes))

    @rule(which=st.integers(0, 1))
    def sweep(self, which):
        self._with(which, lambda host: host.sweep())

    @rule(which=st.integers(0, 1))
    def interrupt(self, which):
        self._with(which, lambda host: host.engine.abort(self.drill_id, "interrupted"))

    @rule(
        kind=st.sampled_from(list(Kind)),
        soon=st.integers(0, 6),
        times=st.sampled_from([1, 3, 30]),
        seed=st.integers(0, 10**6),
    )
    def something_goes_wrong(self, kind, soon, times, seed):
        names = [n for n in self.stage.world.effects if n != "answer check" or kind in DEATHS]
        fitting = [n for n in dict.fromkeys(names) if kind in DEATHS or fits(kind, n)]
        if fitting:
            name = fitting[seed % len(fitting)]
            fault = Fault(self.stage.world.started + soon, name, kind, times)
            self.chance._faults = (fault,)
            self.chance._done = {fault: 0}

    @rule(deed=st.sampled_from(DEEDS))
    def an_operator_meddles(self, deed):
        self.stage.world.pass_time(timedelta(milliseconds=1))
        deed(self.stage, f"restorecheck-{self.drill_id}")
        self.stage.world.pass_time(timedelta(milliseconds=1))

    @precondition(lambda self: self.stage.store.load(self.drill_id).finished)
    @rule(good=st.booleans())
    def the_next_night(self, good):
        self.stage.next_night(good=good)
        self.drill_id = self._with(0, lambda host: host.start()) or self.drill_id

    def teardown(self):
        if not hasattr(self, "stage"):
            return
        self.chance.end()
        make_up(self.stage)
        clean_up(self.stage)


def fits(kind: Kind, name: str) -> bool:
    return (kind in OF_STORE) == (name in STORE)


TestNights = Nights.TestCase
TestNights.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
