"""The interfaces that the engine calls. The docstrings are the contract; adapters subclass these.

Every method may raise `TransientError` (tried again, bounded), `AccessDeniedError` or another
`ProviderError` (inconclusive). SDK and driver exceptions never pass through a port.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from restorecheck.choosing import Listed
from restorecheck.evidence.notes import NoteLink, StoredNote
from restorecheck.evidence.signatures import Signature
from restorecheck.history import Acceptance, Entry, Link, Standing, Stored
from restorecheck.lifecycle import (
    Action,
    Event,
    Gone,
    InProgress,
    Parked,
    Rehearsing,
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
    Rehearsal,
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
    """Restores the backups of one target, and deletes what it restored."""

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        """The steps of a drill with this id, in order. Reads and changes nothing.

        The identifiers of everything that a step makes are derived from the drill id.
        """
        ...

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        """Perform `step`: create what is absent, then describe it. Safe to repeat.

        Returns within seconds; longer work is started here and observed by later calls
        (`InProgress`). A bad backup is the value `Broken`, never an exception.
        """
        ...

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        """Delete one resource of a drill. Safe to repeat; an absent resource is `Gone`.

        Where AWS shows a new resource only after a while, an absent one is `StillThere` until long
        enough after `made_until`, the last moment at which it can have been made.

        Deletes only what has both the derived name and the tags of restorecheck.
        """
        ...

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:  # noqa: ARG002  # the default needs none
        """What explains the verdict and is lost by the teardown. Called once; changes nothing.

        No row values: of a server's log only lines that cannot contain any.
        """
        return ()

    def study(self, drill: Drill) -> Proof | None:  # noqa: ARG002  # the default has no analysis
        """One extra analysis of the restored database before the teardown. Called once, after the verdict
        is stored; it cannot change the verdict, and damages only what this drill made.
        """
        return None

    def rehearse(self, drill: Drill) -> Rehearsal | Rehearsing | None:  # noqa: ARG002  # as above
        """Restore the same backup into the next major version, or upgrade the restored database. Begun at most once, after
        the verdict is stored; it changes no verdict, and nothing of it is left afterwards.

        A restore is bounded, and ends with the call. An upgrade takes many calls: the first one (without
        `Drill.upgrade`) changes nothing, each of the others is safe to repeat, and `Upgrade.until` bounds all of them.
        """
        return None

    def rehearses(self, drill_id: str) -> str:  # noqa: ARG002  # as above
        """What `rehearse` does, and its price; completes `if it is verified: …` in `drill --plan`. Reads nothing."""
        return "load the dump into the next major version, too"

    def after_verified(self, drill: Drill) -> tuple[str, ...]:  # noqa: ARG002  # as above
        """Run the configured command on the verified database, and return a note on how it ended. Called at most
        once, after the verdict is stored; it is bounded, changes no verdict, and nothing of it runs afterwards.
        """
        return ()

    def park(self, resource: Resource) -> Parked | StillThere:
        """Stop a verified resource instead of deleting it. Safe to repeat.

        Called only for the resources in a step's `standby`.
        """
        raise AssertionError(f"{resource} is not made to be parked")

    def afterwards(self, drill_id: str) -> tuple[str, ...]:  # noqa: ARG002  # as above
        """Sentences for `drill --plan` on what happens after the teardown. Reads nothing."""
        return ()

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:  # noqa: ARG002  # as above
        """After the teardown: tag tonight's copy with its verdict, delete old copies of restorecheck.

        Safe to repeat. Never deletes the backup of another program, the newest verified copy, or
        any copy before a newer one is available.
        """
        return Retained()

    def newest(self, now: datetime) -> tuple[Listed, ...]:
        """The newest backup of each database or job, as the list shows it before anything is read. Changes nothing.

        Raises:
            NotFoundError: The folder, storage or instance does not exist.
        """
        raise AssertionError(f"at {now}: there is no list of backups")

    def release(self, drill: Drill) -> None:
        """Close what this process holds of the drill (handles, connections). Deletes nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The questions for a checker."""

    endpoint: Endpoint
    pending: Sequence[CheckSpec]
    until: datetime
    """No question is asked after this time."""
    backup: Backup | None = None
    baseline: Baseline | None = None
    readings: str = ""
    """As `Drill.readings`: where an earlier call stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    results: tuple[CheckResult, ...] = ()
    readings: str | None = None
    """None: nothing new was read."""
    detail: str = ""
    """How much of the database has been read."""


class Checker(Protocol):
    """Puts questions to a restored database."""

    def run(self, inquiry: Inquiry) -> Answers:
        """Answer at least the first pending check, or read a part of what its answer needs.

        A long scan returns from time to time with readings and no result, so that the readings
        are stored. The next call continues from them, with the same result as without a break.

        Proves on every connection that the server is `endpoint.identity`, and writes that
        identity into each result. A question that cannot be answered is a result with the
        outcome `error`, not an exception.

        Raises:
            DatabaseUnreachableError: No connection could be made to the database.
        """
        ...

    def plans(
        self,
        endpoint: Endpoint,  # noqa: ARG002  # the default reads none
        queries: Sequence[CheckSpec],  # noqa: ARG002
        until: datetime,  # noqa: ARG002
    ) -> dict[str, str]:
        """By the name of the check: the shape of the plan, after statistics of its tables were collected. Without
        those that could not be read until then.

        Raises:
            DatabaseUnreachableError: No connection could be made to the database.
        """
        return {}

    def close(self) -> None:
        """Close the connections."""
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
        """Store the drill if no other host saved it since it was loaded; returns it with its new version.

        Raises:
            DrillConflictError: Another host saved it. The caller drops its own change.
        """
        ...

    def finish(self, drill: Drill, compose: Callable[[Link], str]) -> Drill:
        """Save a finished drill and its one report (JSON), both or neither.

        `compose` makes the report from its place in the one chain of all reports of this store.
        It is called again when another report was written in between.

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
        """The present state of a target; takes no longer with a longer history."""
        ...

    def acceptance(self, target: str) -> Acceptance | None:
        """The newest drill of a target whose failure a person accepted."""
        ...

    def accept(self, acceptance: Acceptance) -> None:
        """Store it beside earlier ones."""
        ...

    def prune(self, before: datetime, now: datetime) -> int:
        """Drop the texts and numbers of reports finished before; returns how many.

        Kept of each target: the newest report, the newest verified one and the newest accepted one.
        Every line of the chain is kept.
        """
        ...


class Proofs(Protocol):
    """Signatures of reports, and notes of people, beside one history."""

    def signatures(self) -> dict[int, Signature]:
        """By the sequence of the report."""
        ...

    def unsigned(self) -> tuple[Entry, ...]:
        """The reports after the newest signed one, and others without a signature after the first signed one,
        in sequence. Where no report is signed: the newest.
        """
        ...

    def sign(self, sequence: int, signature: Signature) -> None:
        """Store the signature of a report. The first one stays."""
        ...

    def notes(self) -> tuple[StoredNote, ...]:
        """In the order in which they were written."""
        ...

    def note(self, compose: Callable[[NoteLink], str]) -> StoredNote:
        """Add a note; `compose` makes its text from its place in the chain of notes."""
        ...

    def note_signatures(self) -> dict[int, Signature]:
        """By the number of the note."""
        ...

    def sign_note(self, number: int, signature: Signature) -> None:
        """As `sign`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A resource with a name or tags of restorecheck; `marked`: it has the tags (on a machine: the mark)."""

    resource: Resource
    drill_id: str
    marked: bool
    alive: bool
    """The host of its drill is alive, or may be."""
    kept: bool = False
    """Kept on purpose (`--keep`, or a standby)."""
    restarted: bool = False
    """A stopped standby that is running again: AWS starts a stopped instance after seven days."""
    made_at: datetime | None = None
    renamed: bool = False
    """It has the tags of restorecheck but another name."""


class Inventory(Protocol):
    """Finds by name and tags what any drill left behind, also a drill without a record."""

    def find(self) -> tuple[Found, ...]:
        """Every resource of restorecheck, those of running drills included. Changes nothing."""
        ...

    def delete(self, resource: Resource) -> Gone | StillThere:
        """As `Provider.delete`."""
        ...

    def park(self, resource: Resource) -> Parked | StillThere:
        """As `Provider.park`, for what is `Found.restarted`."""
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
    """Changes when the content changes; empty: the storage has no versions."""
    problem: str = ""
    """Why it cannot be read now; completes `<name> …`."""
    deleted_at: datetime | None = None
    """Of what was deleted and is known of all the same: it is no backup any more."""


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

    def batches(self) -> Iterator[Sequence[StoredFile]]:
        """The same files, the newest first, where looking into each snapshot takes a call: as many as are wanted."""
        yield self.files()

    def read(self, file: StoredFile, to: BinaryIO, stop: Callable[[], bool]) -> None:
        """Write the whole content of the file. Stops without an error soon after `stop` returns True."""
        ...

    def changes_allowed(self) -> Sequence[str] | None:
        """What these credentials could change there, in the storage's words; None: that cannot be known.

        Asked by `doctor`. Nothing is tried: a try would be a write.
        """
        return None


class Messenger(Protocol):
    """Delivers messages. A slow or broken channel does not delay the others."""

    def started(self, target: str, slot: datetime) -> None:  # noqa: ARG002  # most channels ignore it
        """A scheduled drill begins.

        Raises:
            DeliveryError: It was not accepted; it is not sent again.
        """
        return

    def send(self, message: Message) -> None:
        """Deliver, within seconds.

        Raises:
            DeliveryError: It was not accepted; it may be sent again.
        """
        ...


class Observer(Protocol):
    """Called after each action, for progress and logs. Must not raise and must not be slow."""

    def performed(self, before: Drill, action: Action, event: Event, after: Drill) -> None: ...


class NoObserver(Observer):
    """Ignores every action."""

    def performed(self, before: Drill, action: Action, event: Event, after: Drill) -> None:
        pass
