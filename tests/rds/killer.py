"""Kills, stops and continues the processes of drills in the simulated AWS, at random moments.

Usage: python -m tests.rds.killer [--seed N] [--seconds S] [--verbose]

As `tests.acceptance.killer`, with RDS snapshots instead of dumps: what a kill leaves behind stands
in two accounts. What must hold after the sweep:

- no instance but one stopped standby, no secret and no share is there;
- the newest verified copy is there;
- every drill that was begun has one report, and the chain of reports verifies;
- data that is wrong was never verified, and good data never failed;
- every call that was made of AWS keeps promise 1.
"""

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from restorecheck.model import Verdict
from restorecheck.report import document
from restorecheck.sandbox import Sandbox
from restorecheck.schedule import Schedule
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests.acceptance.hunting import Hunt, main
from tests.places import SHORT
from tests.rds.conftest import ROWS, configuration, run_stage

GOOD, WRONG, STANDBY = ("managed", "reset"), "wrong", "standby"
TARGETS = (*GOOD, WRONG, STANDBY)
MIDNIGHT = Schedule(cron="0 0 * * *", timezone="UTC")
FACTOR = 1 / 1500
"""Of AWS's time: a drill takes some seconds, so that a kill can come at each of its calls."""

CALLS_OF_A_DRILL = 100


@dataclass(kw_only=True)
class SnapshotHunt(Hunt):
    """RDS snapshots in the sandbox."""

    sandbox: Sandbox

    @property
    def environment(self) -> dict[str, str]:
        own = {k: v for k, v in super().environment.items() if not k.startswith("AWS_")}
        return own | self.sandbox.environment()

    def furnish(self, land: Any) -> None:
        (self.directory / "tmp").mkdir()
        targets = []
        for name in TARGETS:
            keys = configuration(self.sandbox, land, name)
            (target,) = keys["targets"]
            target["schedule"], target["timezone"] = MIDNIGHT.cron, MIDNIGHT.timezone
            if name == "reset":
                target["rds"]["restore"]["credentials"] = "reset"
            if name == STANDBY:
                target["rds"]["after"] = "stop"
            if name == WRONG:
                target["checks"] = [{"row_count": {"table": "public.answers", "min": ROWS + 1}}]
            targets.append(target)
        keys |= {"targets": targets, "runner": {"stop_within_seconds": 10}}
        (self.directory / "restorecheck.yaml").write_text(yaml.safe_dump(keys))

    # --- what is done in it -----------------------------------------------------------------

    def some_command(self) -> list[str]:
        kind = self.chance.random()
        if kind < 0.8:
            return ["drill", *self.chance.sample(TARGETS, self.chance.choice((1, 1, 2)))]
        self._miss_last_night()
        return ["run"] if kind < 0.9 else ["run", "--once"]

    def _miss_last_night(self) -> None:
        now = datetime.now(UTC)  # noqa: TID251  # the slot is a real one
        with closing(SqliteStore(self.history)) as store:
            for name in TARGETS:
                slot = now.replace(second=0, microsecond=0) - timedelta(minutes=self.rounds)
                Agenda(store.database).note(name, MIDNIGHT, now, [slot])

    def kinds_for(self, words: Sequence[str]) -> Sequence[str]:
        return ("command", "worker", "worker") if "run" in words else ("command",)

    def await_moment(self, process: "subprocess.Popen[bytes]") -> None:
        """Some calls of AWS later: a drill makes about a hundred, and any may be its last."""
        until = len(self.sandbox.calls) + self.chance.randrange(CALLS_OF_A_DRILL)
        while len(self.sandbox.calls) < until and process.poll() is None:
            self.pass_time(process, 0.01)
        self.pass_time(process, self.chance.uniform(0.0, 0.1))

    # --- what must hold -------------------------------------------------------------------

    def is_lie(self, target: str, verdict: str) -> bool:
        return verdict == (Verdict.VERIFIED if target == WRONG else Verdict.FAILED).value

    def look_around(self) -> None:
        self.nothing_runs()
        self.no_lock_is_left()
        self.reports_are_whole()
        self._nothing_is_left_in_aws()
        self._last_good_copies_are_there()

    def _nothing_is_left_in_aws(self) -> None:
        sandbox = self.sandbox
        instances = sandbox.instances(sandbox.backup).values()
        standing = [i for i in instances if i.tags.get("restorecheck:role") == "standby"]
        at_rest = len(standing) <= 1 and all(i.status == "stopped" for i in standing)
        self.expect(at_rest, f"standbys: {[(i.identifier, i.status) for i in standing]}")
        left = [i.identifier for i in instances if i not in standing]
        manager = sandbox.client("secretsmanager", sandbox.backup, sandbox.backup_region)
        known = {i.secret_arn for i in standing}
        left += [s["Name"] for s in manager.list_secrets()["SecretList"] if s["ARN"] not in known]
        left += [name for name, s in sandbox.snapshots(sandbox.source).items() if s.shared]
        self.expect(not left, f"left in AWS: {left}")

    def _last_good_copies_are_there(self) -> None:
        newest: dict[str, str] = {}
        for text in self.seen_reports.values():
            report = document.parse(text)
            if report.verdict is Verdict.VERIFIED:
                newest[report.target] = max(newest.get(report.target, ""), report.drill_id)
        copies = self.sandbox.snapshots(self.sandbox.backup)
        for target, drill_id in newest.items():
            there = f"restorecheck-{drill_id}" in copies
            self.expect(there, f"the newest verified copy of {target}, {drill_id}, is gone")


@contextmanager
def world(chance: random.Random, *, verbose: bool = False) -> Iterator[SnapshotHunt]:
    with (
        contextmanager(run_stage)(factor=FACTOR) as stage,
        tempfile.TemporaryDirectory(prefix="rk", dir=SHORT) as name,
    ):
        made = SnapshotHunt(
            directory=Path(name), chance=chance, verbose=verbose, sandbox=stage.sandbox
        )
        made.furnish(stage.land)
        try:
            yield made
        finally:
            made.clear()


def hunt(seed: int, seconds: float, *, verbose: bool = False) -> SnapshotHunt:
    """Raises BrokenPromiseError as `Hunt.hunt`."""
    with world(random.Random(seed), verbose=verbose) as made:
        made.hunt(seconds)
        return made


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", hunt))
