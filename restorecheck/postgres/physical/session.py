"""State of a running drill in this process; lost with the process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from restorecheck.lifecycle import InProgress
from restorecheck.model import CheckResult, Endpoint, Recovered
from restorecheck.postgres.dump.background import Background
from restorecheck.postgres.physical.broker import WalRequest
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.moment import Moment
from restorecheck.postgres.physical.outcome import Reached
from restorecheck.postgres.physical.recovery import Recovery
from restorecheck.postgres.physical.source import Workshop
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import Lodging
from restorecheck.postgres.session.stopwatch import Stopwatch

T = TypeVar("T")
LOOKS = 0.5
"""Seconds that one poll of running work waits at most."""
ENDING_SECONDS = 10.0


def working(detail: str) -> InProgress:
    """Look again at once: the look itself waits."""
    return InProgress(wait=timedelta(0), detail=detail)


@dataclass
class Asked:
    """Checks that the provider itself puts to a server: at a named moment, or after it."""

    endpoint: Endpoint
    checker: PostgresChecker
    results: tuple[CheckResult, ...] = ()
    readings: str = ""


@dataclass
class PhysicalSession:
    lodging: Lodging | None = None
    workshop: Workshop | None = None
    made: cluster.Made | None = None
    work: dict[str, "Background[object]"] = field(default_factory=dict)
    """Step → its work in a thread."""
    watch: Stopwatch = field(default_factory=Stopwatch)
    backup: PhysicalBackup | None = None
    moment: Moment = field(default_factory=Moment)
    """The moment to recover to at last; of `random` the drawn one."""
    recovered: Recovered | None = None
    recovery: Recovery | None = None
    """Of the step that runs, or ran last."""
    recoveries: int = 0
    stage: str = ""
    """The step that began it."""
    requests: list[WalRequest] = field(default_factory=list)
    """Of earlier recoveries of this drill."""
    reached: Reached | None = None
    endpoint: Endpoint | None = None
    asked: dict[str, Asked] = field(default_factory=dict)
    """Step → its checks."""

    def in_background(self, step: str, work: Callable[[], T]) -> T | None:
        """The result of the work (never None); None: it still runs. Raises what the work raises."""
        if step not in self.work:
            self.watch = Stopwatch()
            self.work[step] = Background[object](work)
        running = self.work[step]
        if not running.done(patience=LOOKS):
            return None
        del self.work[step]
        return running.result()  # type: ignore[return-value]  # of the same work

    def notes(self) -> tuple[str, ...]:
        """Notes of the source since the last call, each once."""
        if self.workshop is None:
            return ()
        notes, self.workshop.notes = tuple(self.workshop.notes), []
        return tuple(dict.fromkeys(notes))

    def all_requests(self) -> list[WalRequest]:
        """Every file that a server requested from the archive."""
        last = self.recovery.broker.requests if self.recovery and self.recovery.broker else []
        return [*self.requests, *last]

    def end(self) -> None:
        for asked in self.asked.values():
            asked.checker.close()
        if self.workshop is not None:
            self.workshop.stop.set()
        for work in self.work.values():
            work.done(patience=ENDING_SECONDS)
        if self.recovery is not None:
            self.recovery.end(ENDING_SECONDS)

    def leave(self) -> None:
        """Release the account of the programs after they have ended."""
        if self.lodging is not None:
            self.lodging.close()
