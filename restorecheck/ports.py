"""What the engine needs of the world. The docstrings are the contract; adapters subclass these.

Every method may raise `TransientError` (tried again, bounded), `AccessDeniedError` or another
`ProviderError` (inconclusive). SDK and driver exceptions never pass through a port.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from restorecheck.history import Acceptance, Entry, Link, Standing, Stored
from restorecheck.lifecycle import (
    Action,
    Event,
    Gone,
    InProgress,
    Parked,
    Retained,
    Retry,
    StepEvent,
    StillThere,
)
from restorecheck.model import (
    Backup,
    Baseline,
    CheckResult,
    CheckSpec,
    Drill,
    Endpoint,
    Observation,
    Proof,
    Resource,
    Step,
)
from restorecheck.report.message import Message


class Clock(Protocol):
    """The only source of the present time."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...


class Provider(Protocol):
    """Brings the backups of one target to life, and takes them away again."""

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        """The steps of a drill with this id, in order. Touches nothing and reads nothing.

        The identifiers of everything that a step makes are derived from the drill id.
        """
        ...

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        """Bring `step` about: create what is absent, then describe it. Safe to repeat.

        Returns within seconds; longer work is started here and observed by later calls
        (`InProgress`). A bad backup is the value `Broken`, never an exception.
        """
        ...

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        """Delete one resource of a drill. Safe to repeat; a thing that is absent is `Gone`.

        Where a new thing is not seen at once, one that is absent is `StillThere` until long
        enough after `made_until`, the last moment at which it can have been made.

        Never touches anything that does not carry both the derived name and our mark.
        """
        ...

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:  # noqa: ARG002  # the default needs none
        """What explains the verdict and is gone after the teardown. Asked once; changes nothing.

        No row values: lines of a server's log only where they cannot carry any.
        """
        return ()

    def study(self, drill: Drill) -> Proof | None:  # noqa: ARG002  # the default finds out nothing
        """What else somebody wanted to know of the restored database before it goes. Asked once,
        after the verdict is stored, and unable to change it. What it damages is this drill's own.
        """
        return None

    def park(self, resource: Resource) -> Parked | StillThere:
        """Bring a verified resource to rest instead of deleting it. Safe to repeat.

        Called for what a step's `standby` names, and for nothing else.
        """
        raise AssertionError(f"{resource} is not made to be parked")

    def afterwards(self, drill_id: str) -> tuple[str, ...]:  # noqa: ARG002  # as above
        """For `drill --plan`: sentences on what happens after the teardown. Reads nothing."""
        return ()

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:  # noqa: ARG002  # as above
        """After the teardown: mark tonight's backup with its verdict, prune old ones of ours.

        Safe to repeat. Never deletes what is not ours, nor the newest verified backup, nor
        anything before a newer one is there.
        """
        return Retained()

    def release(self, drill: Drill) -> None:
        """Let go of what this process holds of the drill (handles, connections). Deletes nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a checker is to find out."""

    endpoint: Endpoint
    pending: Sequence[CheckSpec]
    until: datetime
    """Nothing is asked after this."""
    backup: Backup | None = None
    baseline: Baseline | None = None
    readings: str = ""
    """As `Drill.readings`: where an earlier call has stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    results: tuple[CheckResult, ...] = ()
    readings: str | None = None
    """None: nothing new was read."""
    detail: str = ""
    """How far the reading has come."""


class Checker(Protocol):
    """Puts questions to a restored database."""

    def run(self, inquiry: Inquiry) -> Answers:
        """Answer at least the first pending check, or read on towards its answer.

        Reading that takes long comes back now and then with readings and no result, so that they
        are stored: whoever is given them goes on there, and finds the same as without a break.

        Proves on every connection that the server is `endpoint.identity`, and writes that
        identity into each result. A question that cannot be answered is a result with the
        outcome `error`, not an exception.

        Raises:
            DatabaseUnreachableError: No connection could be made to the database.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        return


class DrillStore(Protocol):
    """Keeps drills and their reports."""

    def create(self, drill: Drill) -> Drill:
        """Store a new drill and return it with its version.

        Raises:
            DrillConflictError: The id is taken.
        """
        ...

    def load(self, drill_id: str) -> Drill:
        """The drill as last saved.

        Raises:
            NotFoundError: No such drill.
        """
        ...

    def save(self, drill: Drill) -> Drill:
        """Store the drill if nobody saved it since it was loaded; returns it with its new version.

        Raises:
            DrillConflictError: Somebody did. The caller drops what it was about to do.
        """
        ...

    def finish(self, drill: Drill, compose: Callable[[Link], str]) -> Drill:
        """Save a finished drill and its one report (JSON), both or neither.

        `compose` makes the report, given what it is tied to: its place in the one chain of all
        reports of this store. It may be called again when another report was faster.

        Raises:
            DrillConflictError: As `save`; also when the drill has a report already.
        """
        ...

    def unfinished(self) -> tuple[Drill, ...]:
        """Drills without a report, oldest first."""
        ...

    def with_leftovers(self) -> tuple[Drill, ...]:
        """Finished drills whose ledger is not empty, oldest first."""
        ...

    def report(self, drill_id: str) -> str:
        """The stored report.

        Raises:
            NotFoundError: The drill has no report (yet), or retention has removed its text.
        """
        ...


class History(Protocol):
    """The reports of finished drills, in the order in which they were written."""

    def entries(
        self,
        *,
        target: str | None = None,
        since: datetime | None = None,
        after: int = 0,
        newest: int | None = None,
    ) -> tuple[Entry, ...]:
        """Entries in sequence: of one target, finished at or after `since`, with a sequence
        beyond `after`; of these only the `newest` many.
        """
        ...

    def stored(
        self, *, target: str | None = None, since: datetime | None = None
    ) -> Iterator[Stored]:
        """Entries with their texts, in sequence, one by one."""
        ...

    def texts(self, target: str, *, until: datetime, newest: int) -> tuple[str, ...]:
        """Reports of one target that were finished until then and not removed by retention, the
        oldest first; of these the `newest` many.
        """
        ...

    def standing(self, target: str) -> Standing:
        """Where a target stands; its age in nights does not matter to the effort."""
        ...

    def acceptance(self, target: str) -> Acceptance | None:
        """The newest drill of a target that somebody accepted as it is."""
        ...

    def accept(self, acceptance: Acceptance) -> None:
        """Keep it, beside those before it."""
        ...

    def prune(self, before: datetime, now: datetime) -> int:
        """Drop the texts and numbers of reports finished before; returns how many.

        The newest report, the newest verified and the newest accepted one of each target stay, and so does
        everything that a chain is made of.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A thing out there that carries our name; `marked` says whether it carries our mark too."""

    resource: Resource
    drill_id: str
    marked: bool
    alive: bool
    """A living host says that it is at work on it, or may be."""
    kept: bool = False
    """Left standing on purpose (`--keep`, or a standby)."""
    restless: bool = False
    """Was brought to rest and has woken up by itself."""
    made_at: datetime | None = None
    renamed: bool = False
    """It carries our mark alone: somebody has given it a name of his own."""


class Inventory(Protocol):
    """Finds by name and mark what any drill, known or forgotten, has left behind."""

    def find(self) -> tuple[Found, ...]:
        """Everything there is of ours, the living included. Changes nothing."""
        ...

    def delete(self, resource: Resource) -> Gone | StillThere:
        """As `Provider.delete`."""
        ...

    def park(self, resource: Resource) -> Parked | StillThere:
        """As `Provider.park`, for what is `Found.restless`."""
        raise AssertionError(f"{resource} is never parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that a storage holds, as its listing says."""

    name: str
    """Its path in the storage, with slashes."""
    size_bytes: int | None = None
    """None: the storage does not say."""
    modified_at: datetime | None = None
    """UTC; None: the storage does not say."""
    version: str = ""
    """Differs once the content differs, where the storage has such a mark."""
    problem: str = ""
    """Why it cannot be read now; completes `<name> …`."""


class DumpStorage(Protocol):
    """Where dumps are kept: a bucket, a repository, a server. It is only read, never written to.

    Raises (both methods):
        NotFoundError: The bucket, repository or file does not exist.
        AccessDeniedError: Credentials are missing or not sufficient.
        TransientError: The storage does not answer; the same call may succeed later.
        ProviderError: Anything else.
    """

    @property
    def place(self) -> str:
        """How reports name the storage: a URL or a repository, without a password."""
        ...

    def address(self, name: str) -> str:
        """How reports name a dump of this storage."""
        return f"{self.place}: {name}"

    def files(self) -> Sequence[StoredFile]:
        """Every file that the configured path matches, in any order."""
        ...

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        """Write the whole content of the file. Gives up, without an error, soon after `stop` returns True."""
        ...


class Messenger(Protocol):
    """Takes messages to somebody. A channel that is slow or broken costs nobody else anything."""

    def started(self, target: str, slot: datetime) -> None:  # noqa: ARG002  # most do not care
        """A scheduled drill begins.

        Raises:
            DeliveryError: Nobody took it; it is not said again.
        """
        return

    def send(self, message: Message) -> None:
        """Deliver, within seconds.

        Raises:
            DeliveryError: Nobody took it; it may be sent again.
        """
        ...


class Observer(Protocol):
    """Is told what happens, for progress and logs. Must not raise and must not be slow."""

    def performed(self, before: Drill, action: Action, event: Event, after: Drill) -> None: ...


class Silence(Observer):
    """Nobody watches."""

    def performed(self, before: Drill, action: Action, event: Event, after: Drill) -> None:
        pass
