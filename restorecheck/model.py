"""The frozen values that a drill is made of.

A `Drill` is the whole memory of one run: what is planned, what was observed, what exists and must
be deleted. It is moved by `lifecycle.apply` alone and stored after every step, so any host can
carry it on. No value here holds a password, a connection string or a row of the database.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

LONGEST_DRILL_ID = 40
"""What is made for a drill is named after it; an RDS identifier has 63 letters."""
_DRILL_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")


def is_drill_id(text: str) -> bool:
    """Whether a drill may have this id: it becomes part of names of files, databases and instances."""
    return len(text) <= LONGEST_DRILL_ID and _DRILL_ID.fullmatch(text) is not None


class Verdict(StrEnum):
    """What a finished drill says of the backup; the three are never merged."""

    VERIFIED = "verified"  # restored, and every required check passed
    FAILED = "failed"  # this backup is bad
    INCONCLUSIVE = "inconclusive"  # we could not tell


class Severity(StrEnum):
    REQUIRED = "required"  # decides the verdict
    WARNING = "warning"  # is reported, and changes no verdict


class CheckOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"  # the database answered, and the answer is wrong
    ERROR = "error"  # the question could not be put or answered
    SKIPPED = "skipped"  # not asked; never counts as passed


class CheckOrigin(StrEnum):
    """Where an answer came from; only `DATABASE` answers can verify a backup."""

    DATABASE = "database"
    BACKUP = "backup"  # the files or snapshots themselves, before any restore
    DRILL = "drill"  # what the drill itself has measured


class RestoreOutcome(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class TeardownOutcome(StrEnum):
    PENDING = "pending"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    KEPT = "kept"  # `--keep`: left standing on purpose


class StepOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"


class StepKind(StrEnum):
    PREPARE = "prepare"  # anything before the restore
    RESTORE = "restore"  # brings the data back; its time is the measured recovery time
    ADOPT = "adopt"  # finds what somebody else has brought back
    CHECK = "check"  # asks the restored database


class Phase(StrEnum):
    STEPS = "steps"
    JUDGING = "judging"  # nothing more is asked; the verdict is to be recorded
    EVIDENCE = "evidence"  # the verdict is stored; what explains it is collected before it goes
    TEARDOWN = "teardown"  # the ledger is emptied, then old backups of ours are pruned
    CLOSING = "closing"  # the report is to be written
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A billable or sensitive thing that a drill makes.

    The identifier is derived from the drill id, so that it is known before the thing exists.
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
    """What the step is about to create; recorded in the ledger before the step is performed."""
    standby: tuple[Resource, ...] = ()
    """Of these, what is parked and not deleted when the verdict is `verified`."""

    @property
    def brings_back(self) -> bool:
        """Whether the data is there when it is done."""
        return self.kind in {StepKind.RESTORE, StepKind.ADOPT}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    name: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: StepOutcome | None = None
    external_seconds: float = 0.0
    """Of the whole, the seconds in which the database's own programs or queries were at work."""

    @property
    def duration(self) -> timedelta:
        """Nothing as long as the step is not finished."""
        return self.finished_at - self.started_at if self.finished_at else timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What was found to be restored."""

    kind: str
    identifier: str
    taken_at: datetime | None = None
    time_source: str = ""
    """Where `taken_at` stands; empty where the provider says it."""
    size_bytes: int | None = None
    server_version: str = ""
    """Version of the server that the backup was taken from, as the backup says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something seen that explains a verdict: a status, an event, a line of the server's log."""

    at: datetime | None
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What became of the backups that restorecheck itself keeps."""

    kept: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The restored database, as the provider that made it returned it."""

    identity: str
    """Names this very instance (a system identifier, a resource id); checked on every connection."""
    host: str
    port: int
    user: str
    databases: tuple[str, ...]
    """The databases to prove; empty: all that are not templates, and the checker looks."""
    server_version: str = ""
    secret: str = ""
    """Where the checker reads the password: the name of a secret, never the secret itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One question put to the restored database, and the answer that it must give."""

    name: str
    kind: str
    """Family of the check: `row_count`, `query`, `server_answers` …"""
    severity: Severity = Severity.REQUIRED
    timeout: timedelta = timedelta(minutes=5)
    database: str = ""
    """Empty: the first database of the endpoint."""
    options: dict[str, Any] = field(default_factory=dict)
    """What the family needs: `{"table": …, "min": …}`, `{"sql": …, "expect": …}`. JSON values only."""
    built_in: bool = False


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
    RPO = "rpo"  # recovery point: how much may be lost, so how old the newest backup may be
    RTO = "rto"  # recovery time: how long a restore may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What the business asks for."""

    kind: ObjectiveKind
    limit: timedelta
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What tonight is compared with: the last verified drill, or a later one that was accepted."""

    drill_id: str
    at: datetime
    readings: str
    """As `Drill.readings` of that drill."""
    accepted_by: str = ""
    accepted_because: str = ""
    """Somebody said why what failed is right; empty: the drill was verified."""


class Noticed(StrEnum):
    """Who would say something about a damage, the loudest first."""

    YOURS = "yours"  # a configured check that is required fails
    YOURS_WARNING = "yours, a warning"  # of the configured ones only warnings do
    OWN = "own"  # a required one of every drill's own
    OWN_WARNING = "own, a warning"
    NOBODY = "nobody"
    NOT_TRIED = "not tried"  # there is nothing in this database that it could be done to


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """One kind of damage that was done to the restored copy, and who has noticed it."""

    kind: str
    what: str = ""
    """What was damaged: names of the schema, no values."""
    noticed: Noticed = Noticed.NOT_TRIED
    by: tuple[str, ...] = ()
    """Names of the checks that noticed."""
    proposed: tuple[str, ...] = ()
    """Names of checks that are not configured, are proposed, and would notice."""
    own_fails: bool = False
    """A required check of every drill's own has noticed, whatever yours say."""
    needs_contents: bool = False
    """Only a comparison of contents (`unchanged`, `manifest`) can see it."""
    of_pages: bool = False
    """Done to files: a drill of a dump never meets it, and the score is without it."""
    detail: str = ""
    """Why it was not tried."""

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
    """What the checks of a target see of damage: `restorecheck prove`."""

    damages: tuple[Damaged, ...] = ()
    seconds: float = 0.0
    reading_seconds: float = 0.0
    """Of these, one run of all checks on the healthy copy."""
    detail: str = ""
    """Why there is no proof, or not of everything."""

    @property
    def tried(self) -> tuple[Damaged, ...]:
        return tuple(d for d in self.damages if d.noticed is not Noticed.NOT_TRIED)

    @property
    def counted(self) -> tuple[Damaged, ...]:
        """Of what was tried, what a drill of this kind of backup can meet."""
        return tuple(d for d in self.tried if not d.of_pages)

    def noticed_by(self, *who: Noticed) -> int:
        return sum(1 for damaged in self.counted if damaged.noticed in who)

    @property
    def seen(self) -> int:
        """By configured checks."""
        return self.noticed_by(Noticed.YOURS, Noticed.YOURS_WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the steps ended early."""

    verdict: Verdict
    reason: str
    step: str
    timed_out: bool = False
    aborted: bool = False
    """Somebody ended the drill: an interrupt, or a sweep that found its host dead."""
    hint: str = ""


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
    scheduled_for: datetime | None = None
    """The slot of the schedule that this drill is for; None: somebody asked for it."""
    announce: bool = False
    """Whether those who are configured to be told of drills are told of this one."""

    phase: Phase = Phase.STEPS
    position: int = 0
    """Index into the plan of the step to perform next."""
    records: tuple[StepRecord, ...] = ()
    retries: int = 0
    """Transient errors in a row, in the present step."""
    ledger: tuple[Resource, ...] = ()
    """Resources made or about to be made, and not yet known to be gone; oldest first."""
    backup: Backup | None = None
    endpoint: Endpoint | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    """What one step found and a later one needs; the provider's own words."""
    waiting_for: str = ""
    """What the present step waits for, in the provider's words."""
    evidence: tuple[Observation, ...] = ()
    """Statuses as they changed, then what was collected after the verdict."""
    notes: tuple[str, ...] = ()
    """Sentences for the report: what was done differently from what one might expect."""
    restore_outcome: RestoreOutcome = RestoreOutcome.PENDING
    restored_in: timedelta | None = None
    """How long it took whoever restored, where that was somebody else."""
    results: tuple[CheckResult, ...] = ()
    baseline: Baseline | None = None
    readings: str = ""
    """What the checks have read so far, packed (`checks.readings`): whoever goes on begins there,
    and it is what a later night is compared with.
    """
    proof: Proof | None = None
    """What its checks see of damage, where that was asked for."""
    failure: Failure | None = None
    verdict: Verdict | None = None
    reason: str = ""
    hint: str = ""
    teardown_outcome: TeardownOutcome = TeardownOutcome.PENDING
    teardown_details: tuple[str, ...] = ()
    teardown_waited: timedelta = timedelta(0)
    """Time spent on waiting for deletions; bounded by `teardown_limit`."""
    teardown_external_seconds: float = 0.0
    parked: tuple[Resource, ...] = ()
    """Left standing on purpose, at rest, until the next drill is verified."""
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
        """Age of the backup when the drill began: what would have been lost; None: not known."""
        if self.backup is None or self.backup.taken_at is None:
            return None
        return max(timedelta(0), self.started_at - self.backup.taken_at)

    @property
    def data_until(self) -> datetime:
        """When the backup was taken; when the drill began, where nobody knows."""
        taken_at = self.backup.taken_at if self.backup else None
        return taken_at or self.started_at

    @property
    def restore_time(self) -> timedelta | None:
        """Of the steps that bring the data back, or what whoever brought it back has taken.

        None: somebody else restored, and did not say.
        """
        if self.restored_in is not None:
            return self.restored_in
        if any(step.kind is StepKind.ADOPT for step in self.plan):
            return None
        restoring = {step.name for step in self.plan if step.kind is StepKind.RESTORE}
        return sum((r.duration for r in self.records if r.name in restoring), timedelta(0))

    def evolve(self, **changes: Any) -> Self:  # noqa: ANN401  # the fields' own types check it
        return replace(self, **changes)
