"""The frozen values that a drill is made of.

A `Drill` is the whole state of one run: what is planned, what was observed, what exists and must
be deleted. Only `lifecycle.apply` changes it. It is stored after every step, so any host can
continue it. No value here holds a password, a connection string or a row of the database.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

LONGEST_DRILL_ID = 40
"""Longer ids are refused: names of a drill's resources contain the id, and an RDS identifier has at most 63 letters."""
_DRILL_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
MADE_DRILL_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
"""What hosts make themselves (`hosts.clock`): of files without a mark, only such a name is a drill's."""


def is_drill_id(text: str) -> bool:
    """Whether a drill may have this id: it becomes part of names of files, databases and instances."""
    return len(text) <= LONGEST_DRILL_ID and _DRILL_ID.fullmatch(text) is not None


class Verdict(StrEnum):
    """What a finished drill says about the backup; the three are never merged."""

    VERIFIED = "verified"  # restored, and every required check passed
    FAILED = "failed"  # this backup is bad
    INCONCLUSIVE = "inconclusive"  # the drill could not tell


class Severity(StrEnum):
    REQUIRED = "required"  # decides the verdict
    WARNING = "warning"  # is reported, and changes no verdict


class CheckOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"  # the database answered, and the answer is wrong
    ERROR = "error"  # the question could not be asked or answered
    SKIPPED = "skipped"  # not asked; never counts as passed


class CheckOrigin(StrEnum):
    """The source of an answer; only `DATABASE` answers can verify a backup."""

    DATABASE = "database"
    BACKUP = "backup"  # the files or snapshots themselves, before any restore
    DRILL = "drill"  # measured by the drill itself


class RestoreOutcome(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class TeardownOutcome(StrEnum):
    PENDING = "pending"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    KEPT = "kept"  # by `--keep`


class StepOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"


class StepKind(StrEnum):
    PREPARE = "prepare"  # anything before the restore
    RESTORE = "restore"  # restores the data; its time is the measured recovery time
    ADOPT = "adopt"  # finds an instance that another program restored
    CHECK = "check"  # asks the restored database


class Hook(StrEnum):
    """The command that runs after a verified verdict, before the teardown."""

    NONE = "none"  # none is configured
    WANTED = "wanted"
    BEGUN = "begun"  # stored before it starts: whatever happens, it is not started a second time
    ENDED = "ended"


class Phase(StrEnum):
    STEPS = "steps"
    JUDGING = "judging"  # the steps have ended; the verdict is recorded next
    EVIDENCE = "evidence"  # the verdict is stored; its explanation is collected before the teardown
    REHEARSAL = "rehearsal"  # the restored database is upgraded, which takes many calls
    TEARDOWN = "teardown"  # the ledger is emptied, then old copies are deleted
    CLOSING = "closing"  # the report is written next
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A billable or sensitive thing that a drill makes.

    The identifier is derived from the drill id, so it is known before the resource exists.
    """

    kind: str
    identifier: str
    account: str = ""
    """Where it lives: an account id, a host name, or empty for this machine."""

    def __str__(self) -> str:
        where = f" in {self.account}" if self.account else ""
        return f"{self.kind} {self.identifier}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a drill, as a provider plans it."""

    name: str
    kind: StepKind
    does: str
    """One sentence for `drill --plan`."""
    deadline: timedelta
    makes: tuple[Resource, ...] = ()
    """Resources that the step creates; recorded in the ledger before the step is performed."""
    standby: tuple[Resource, ...] = ()
    """Those of `makes` that are parked instead of deleted when the verdict is `verified`."""

    @property
    def brings_back(self) -> bool:
        """Whether the data is restored when the step is done."""
        return self.kind in {StepKind.RESTORE, StepKind.ADOPT}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    name: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: StepOutcome | None = None
    external_seconds: float = 0.0
    """The part of the duration spent in the database's own programs or queries, in seconds."""

    @property
    def duration(self) -> timedelta:
        """Zero until the step is finished."""
        return self.finished_at - self.started_at if self.finished_at else timedelta(0)


class SelectBy(StrEnum):
    """Which of the backups that there are is to be restored."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAMED = "named"
    RANDOM = "random"
    ROTATING = "rotating"  # the one that was never drilled, or drilled longest ago


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """The rule by which a drill chooses its backup, with all that the choice depends on."""

    by: SelectBy = SelectBy.NEWEST
    name: str = ""
    """Of NAMED: the identifier, or its last part."""
    within: timedelta | None = None
    """Of RANDOM: only backups that are no older than this when the drill begins."""
    seed: str = ""
    """Of RANDOM: made from target and slot, so that the choice can be made again."""
    drilled: dict[str, datetime] = field(default_factory=dict)
    """Of ROTATING: when each backup was drilled last, by `choosing.key_of`."""


class DrillOf(StrEnum):
    """Which backup a drill says something about."""

    NEWEST = "newest"
    SAMPLE = "sample"  # an older one, by the rule of its target
    ASKED = "asked"  # an older one that was asked for: no proof of the target


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a backup was chosen, and from which others."""

    by: SelectBy
    of: int
    """Number of backups in the list, this one included."""
    seed: str = ""
    within: timedelta | None = None
    newest: str = ""
    """Identifier of the newest of them."""
    newest_at: datetime | None = None
    """When the newest of all was taken."""
    oldest_at: datetime | None = None
    """When the oldest of those to choose from was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """How far WAL was replayed onto a physical backup."""

    asked: str
    """The moment as configured: `latest`, `immediate`, `time …`, `lsn …`, `random`."""
    to: str = ""
    """Of `random`: the moment that was drawn."""
    seed: str = ""
    drawn_after: datetime | None = None
    drawn_until: datetime | None = None
    """Of `random`: the moment was drawn between these two."""
    lsn: str = ""
    """The position reached: the end of the last replayed record."""
    timeline: int = 0
    segment: str = ""
    newest_commit: datetime | None = None
    """Of what was replayed; None: no commit was."""
    archive_until: datetime | None = None
    """The newest commit in the archive: later data is lost; None: not known."""

    @property
    def to_the_end(self) -> bool:
        """Whether it can be compared with an earlier night: the moment is the same each night."""
        return self.asked in {"latest", "immediate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """The backup that the drill restores."""

    kind: str
    identifier: str
    taken_at: datetime | None = None
    time_source: str = ""
    """Where `taken_at` was read from; empty: from the provider."""
    size_bytes: int | None = None
    server_version: str = ""
    """Version of the server that the backup was taken from, as the backup records it."""
    version: str = ""
    """Differs where another backup has taken the same identifier; made of size and time as listed."""
    storage: str = ""
    """Where it is kept, without secrets; empty: on this machine, or the provider has no such thing."""
    checksum: str = ""
    """`sha256:…` of what was read from the storage; of several files, of the list of their checksums."""
    about: dict[str, str] = field(default_factory=dict)
    """Identifier and version of each backup that was restored, or found bad before an older one was."""
    chosen: Chosen | None = None
    recovered: Recovered | None = None
    """None: no WAL is replayed onto this kind of backup, or recovery did not end."""


RESTORED_BYTES = "restored_bytes"
"""Output: the size of the restored databases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSize:
    """How large the last verified backup was, and how large it became."""

    series: str
    """Its name without numbers: dumps of another name may be packed otherwise."""
    size_bytes: int
    restored_bytes: int

    def expected(self, series: str, size_bytes: int) -> int | None:
        """Bytes that a backup of this size will need once it is restored; None: not known."""
        if series != self.series or not self.size_bytes:
            return None
        return round(size_bytes * self.restored_bytes / self.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """An observation that explains a verdict: a status, an event, a line of the server's log."""

    at: datetime | None
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What retention did with the copies that restorecheck keeps."""

    kept: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The restored database, as its provider returned it."""

    identity: str
    """Identifies this instance (a system identifier, a resource id); checked on every connection."""
    host: str
    port: int
    user: str
    databases: tuple[str, ...]
    """The databases to check; empty: all that are not templates, which the checker lists."""
    server_version: str = ""
    secret: str = ""
    """Name of the secret with the password, never the password itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One question to the restored database, and the answer that it must give."""

    name: str
    kind: str
    """Family of the check: `row_count`, `query`, `server_answers` …"""
    severity: Severity = Severity.REQUIRED
    timeout: timedelta = timedelta(minutes=5)
    database: str = ""
    """Empty: the first database of the endpoint."""
    options: dict[str, Any] = field(default_factory=dict)
    """By family: `{"table": …, "min": …}`, `{"sql": …, "expect": …}`. JSON values only."""
    built_in: bool = False
    at: str = ""
    """Name of the moment at which it is asked; empty: when the restore is complete."""
    false_after: bool = False
    """Of a check at a moment: it must fail when the restore is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    name: str
    kind: str
    database: str
    severity: Severity
    outcome: CheckOutcome
    expected: str = ""
    found: str = ""
    detail: str = ""
    seconds: float = 0.0
    origin: CheckOrigin = CheckOrigin.DATABASE
    answered_by: str = ""
    """`Endpoint.identity` of the instance that gave the answer."""
    measured: dict[str, int | float] = field(default_factory=dict)
    """Numbers that the history keeps: `{"rows": 2000000}`, `{"public.answers": 2000000, …}`."""


class ObjectiveKind(StrEnum):
    RPO = "rpo"  # recovery point: how old the newest backup may be
    RTO = "rto"  # recovery time: how long a restore may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A recovery objective that the configuration sets."""

    kind: ObjectiveKind
    limit: timedelta
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The drill that this one is compared with: the last verified one, or a later accepted one."""

    drill_id: str
    at: datetime
    readings: str
    """As `Drill.readings` of that drill."""
    accepted_by: str = ""
    accepted_because: str = ""
    """The reason that a person gave for accepting a failure; empty: the drill was verified."""


class Noticed(StrEnum):
    """Which kind of check notices a damage, the strictest first."""

    YOURS = "yours"  # a configured required check fails
    YOURS_WARNING = "yours, a warning"  # only configured warnings fail
    OWN = "own"  # a required built-in check of every drill fails
    OWN_WARNING = "own, a warning"
    UNDETECTED = "nobody"
    NOT_TRIED = "not tried"  # this database has nothing that this damage applies to


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """One kind of damage that was done to the restored copy, and the checks that noticed it."""

    kind: str
    what: str = ""
    """The damaged objects: names of the schema, no values."""
    noticed: Noticed = Noticed.NOT_TRIED
    by: tuple[str, ...] = ()
    """Names of the checks that noticed."""
    proposed: tuple[str, ...] = ()
    """Names of proposed checks, not configured, that would notice."""
    own_fails: bool = False
    """A required built-in check noticed, whatever the configured checks say."""
    needs_contents: bool = False
    """Only a comparison of contents (`unchanged`, `manifest`) can see it."""
    of_pages: bool = False
    """Damage of files, which a restored dump cannot have; not counted in its score."""
    detail: str = ""
    """The reason, where it was not tried."""

    @property
    def fails(self) -> bool:
        """Whether the drill would not be verified."""
        return self.own_fails or self.noticed in {Noticed.YOURS, Noticed.OWN}

    @property
    def warns(self) -> bool:
        """Whether the drill would be verified, with a warning."""
        return not self.fails and self.noticed in {Noticed.YOURS_WARNING, Noticed.OWN_WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Which damage the checks of a target notice: `restorecheck prove`."""

    damages: tuple[Damaged, ...] = ()
    seconds: float = 0.0
    reading_seconds: float = 0.0
    """The part that one run of all checks on the undamaged copy took."""
    detail: str = ""
    """Why there is no proof, or a proof of a part only."""

    @property
    def tried(self) -> tuple[Damaged, ...]:
        return tuple(d for d in self.damages if d.noticed is not Noticed.NOT_TRIED)

    @property
    def counted(self) -> tuple[Damaged, ...]:
        """The damage that was tried and that this kind of backup can have."""
        return tuple(d for d in self.tried if not d.of_pages)

    def noticed_by(self, *who: Noticed) -> int:
        return sum(1 for damaged in self.counted if damaged.noticed in who)

    @property
    def seen(self) -> int:
        """How many of these configured checks noticed."""
        return self.noticed_by(Noticed.YOURS, Noticed.YOURS_WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The same backup in the next major version: a verdict of its own, which changes no other."""

    verdict: Verdict
    """verified: the upgrade would work as far as the checks see."""
    reason: str
    from_version: str = ""
    to_version: str = ""
    load_seconds: float = 0.0
    """Of a dump."""
    upgrade_seconds: float = 0.0
    """Of a database that was upgraded in place: from the request until it is available again."""
    plans: tuple[str, ...] = ()
    """Configured queries with another plan, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """An upgrade of the restored database in place, as far as it has got."""

    until: datetime
    """Then it ends without an answer."""
    asks: tuple[str, ...] = ()
    """Names of the checks that the upgraded database is asked."""
    queries: tuple[str, ...] = ()
    """Names of the checks whose plans are compared."""
    from_version: str = ""
    to_version: str = ""
    """Empty: not chosen yet."""
    requested_at: datetime | None = None
    looks: int = 0
    """Consecutive looks after the request that showed nothing of it."""
    seconds: float = 0.0
    """As `Rehearsal.upgrade_seconds`."""
    endpoint: Endpoint | None = None
    """The upgraded database; None: it is not upgraded yet."""
    plans_before: dict[str, str] | None = None
    """By the name of the check, before the upgrade; None: not read yet."""
    plans_after: dict[str, str] | None = None
    results: tuple[CheckResult, ...] = ()
    readings: str = ""
    """As `Drill.readings`, of the upgraded database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the steps ended early."""

    verdict: Verdict
    reason: str
    step: str
    timed_out: bool = False
    aborted: bool = False
    """Ended by an interrupt, or by a sweep that found the drill's host dead."""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The AWS deployment that runs a drill: what commands about the drill must name."""

    nightly_machine: str
    """ARN of the Step Functions state machine that starts drills."""
    table: str
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One run for one target."""

    id: str
    target: str
    plan: tuple[Step, ...]
    checks: tuple[CheckSpec, ...]
    started_at: datetime
    deadline: datetime
    objectives: tuple[Objective, ...] = ()
    teardown_limit: timedelta = timedelta(minutes=15)
    keep: bool = False
    contact: str = ""
    """Whom to call about the target; empty: not configured."""
    select: Select = field(default_factory=Select)
    """Which backup it restores."""
    asked: bool = False
    """That rule was asked for, in place of the rule of its target."""
    earlier_size: EarlierSize | None = None
    """By which a drill can tell that the disk is too small before it fetches anything."""
    scheduled_for: datetime | None = None
    """The slot of the schedule that this drill is for; None: started by a person."""
    announce: bool = False
    """Whether the configured channels report this drill."""
    host: str = ""
    """The machine that runs it, where several share a history; empty: the only one."""
    deployment: Deployment | None = None
    """The AWS deployment that runs it; None: `restorecheck` runs on a machine."""

    phase: Phase = Phase.STEPS
    position: int = 0
    """Index into the plan of the step to perform next."""
    records: tuple[StepRecord, ...] = ()
    retries: int = 0
    """Consecutive transient errors in the present step."""
    ledger: tuple[Resource, ...] = ()
    """Resources made or about to be made, and not yet known to be gone; oldest first."""
    backup: Backup | None = None
    endpoint: Endpoint | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    """Values that one step found and a later one needs; only the provider reads them."""
    waiting_for: str = ""
    """What the present step waits for, in the provider's words."""
    evidence: tuple[Observation, ...] = ()
    """Statuses as they changed, then what was collected after the verdict."""
    notes: tuple[str, ...] = ()
    """Sentences for the report on unexpected facts and decisions."""
    restore_outcome: RestoreOutcome = RestoreOutcome.PENDING
    restored_in: timedelta | None = None
    """How long the restore took, where another program restored."""
    results: tuple[CheckResult, ...] = ()
    baseline: Baseline | None = None
    readings: str = ""
    """What the checks have read so far, packed (`checks.readings`): the next call continues from
    there, and later drills are compared with it.
    """
    proof: Proof | None = None
    """Which damage its checks notice, where that was asked for."""
    hook: Hook = Hook.NONE
    rehearse: Hook = Hook.NONE
    """As `hook`, of the rehearsal of an upgrade."""
    rehearsal_limit: timedelta = timedelta(0)
    """How long the rehearsal may take."""
    upgrade: Upgrade | None = None
    """Of a rehearsal under way that takes several calls."""
    rehearsal: Rehearsal | None = None
    failure: Failure | None = None
    verdict: Verdict | None = None
    reason: str = ""
    hint: str = ""
    teardown_outcome: TeardownOutcome = TeardownOutcome.PENDING
    teardown_details: tuple[str, ...] = ()
    teardown_waited: timedelta = timedelta(0)
    """Time spent waiting for deletions; at `teardown_limit` the drill ends and its report names the rest."""
    teardown_external_seconds: float = 0.0
    parked: tuple[Resource, ...] = ()
    """Stopped and kept until the next drill is verified."""
    retention: Retention = field(default_factory=Retention)
    retention_waited: timedelta = timedelta(0)
    finished_at: datetime | None = None
    version: int = 0
    """Counted by the store; a save succeeds only against the version that was loaded."""

    @property
    def finished(self) -> bool:
        return self.phase is Phase.FINISHED

    @property
    def step(self) -> Step | None:
        """The step to perform next; None when no step is left."""
        if self.phase is Phase.STEPS and self.position < len(self.plan):
            return self.plan[self.position]
        return None

    @property
    def pending_checks(self) -> tuple[CheckSpec, ...]:
        """Checks without a result yet, in order. Check names are unique within a drill."""
        answered = {r.name for r in self.results if r.origin is CheckOrigin.DATABASE}
        return tuple(spec for spec in self.checks if spec.name not in answered)

    @property
    def backup_age(self) -> timedelta | None:
        """Age of the backup when the drill began: the data that a restore loses; None: not known."""
        if self.backup is None or self.backup.taken_at is None:
            return None
        return max(timedelta(0), self.started_at - self.backup.taken_at)

    @property
    def of(self) -> DrillOf:
        """Which backup it says something about. A chosen backup may be the newest one."""
        if self.select.by is SelectBy.NEWEST:
            return DrillOf.NEWEST
        backup = self.backup
        if backup and backup.chosen and backup.chosen.newest == backup.identifier:
            return DrillOf.NEWEST
        return DrillOf.ASKED if self.asked else DrillOf.SAMPLE

    @property
    def newest_age(self) -> timedelta | None:
        """Age of the newest backup when the drill began, whichever was restored; None: not known."""
        chosen = self.backup.chosen if self.backup else None
        if chosen is None or chosen.by is SelectBy.NEWEST:
            return self.backup_age
        if chosen.newest_at is None:
            return None
        return max(timedelta(0), self.started_at - chosen.newest_at)

    @property
    def data_until(self) -> datetime:
        """When the backup was taken, or when the drill began if that is not known."""
        taken_at = self.backup.taken_at if self.backup else None
        return taken_at or self.started_at

    @property
    def restore_time(self) -> timedelta | None:
        """Duration of the restoring steps, or of the restore by another program.

        None: another program restored, and its duration is not known.
        """
        if self.restored_in is not None:
            return self.restored_in
        if any(step.kind is StepKind.ADOPT for step in self.plan):
            return None
        restoring = {step.name for step in self.plan if step.kind is StepKind.RESTORE}
        return sum((r.duration for r in self.records if r.name in restoring), timedelta(0))

    def evolve(self, **changes: Any) -> Self:  # noqa: ANN401  # the fields' own types check it
        return replace(self, **changes)
