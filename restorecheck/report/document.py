"""`Report`: stored, printed by `--json` and rendered. Versioned; fields are only added.

Its JSON Schema is generated from these models and committed as
`docs/reference/report.schema.json`.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from restorecheck import __version__
from restorecheck.model import (
    RESTORED_BYTES,
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Chosen,
    Drill,
    DrillOf,
    Noticed,
    Recovered,
    RestoreOutcome,
    SelectBy,
    Severity,
    StepKind,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)


def _to_the_millisecond(seconds: float) -> float:
    return round(seconds, 3)


Seconds = Annotated[float, AfterValidator(_to_the_millisecond)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, from_attributes=True)


class ChosenReport(_Part):
    """How the backup was chosen, and from how many: evidence of a sample."""

    by: SelectBy
    of: int = Field(description="Number of backups in the list, this one included.")
    seed: str = Field(
        default="",
        description="Of random: the backup was drawn for which the SHA-256 of `SEED IDENTIFIER` is the lowest.",
    )
    within_days: float | None = Field(
        default=None, description="The choice was among backups of this many days."
    )
    newest: str = Field(default="", description="Identifier of the newest backup in the list.")
    newest_at: datetime | None = Field(
        default=None, description="When the newest backup in the list was taken, UTC."
    )
    oldest_at: datetime | None = Field(
        default=None, description="When the oldest of the backups to choose from was taken, UTC."
    )


class RecoveredReport(_Part):
    """How far WAL was replayed onto a physical backup."""

    asked: str = Field(
        description="The moment as configured: latest, immediate, time …, lsn …, random."
    )
    to: str = Field(default="", description="Of random: the moment that was drawn.")
    seed: str = Field(
        default="",
        description="Of random: the first 8 bytes of the SHA-256 of `SEED moment`, divided by 2^64, are the share of the "
        "time between `drawn_after` and `drawn_until`.",
    )
    drawn_after: datetime | None = Field(default=None, description="Of random, UTC.")
    drawn_until: datetime | None = Field(default=None, description="Of random, UTC.")
    lsn: str = Field(default="", description="The position reached.")
    timeline: int = Field(default=0, description="Timeline of this position.")
    segment: str = Field(default="", description="WAL segment of this position.")
    newest_commit: datetime | None = Field(
        default=None, description="Newest commit that was replayed, UTC; null: no commit was."
    )
    archive_until: datetime | None = Field(
        default=None, description="Newest commit in the archive, UTC; null: not known."
    )
    gap_seconds: int | None = Field(
        default=None,
        description="From the newest commit in the archive to the start of the drill: the measured loss of data.",
    )


class BackupReport(_Part):
    """What was restored."""

    kind: str = Field(description="Kind of the backup: dump, …")
    identifier: str = Field(description="File name, snapshot id: enough to find it again.")
    taken_at: datetime | None = Field(description="When the backup was taken, UTC.")
    time_source: str = Field(
        default="",
        description="Where `taken_at` was read: in the dump, in the file's name, or the file's time.",
    )
    age_seconds: int | None = Field(description="Age when the drill started.")
    size_bytes: int | None = Field(description="Size as stored.")
    server_version: str = Field(description="Version of the server it was taken from.")
    storage: str = Field(
        default="",
        description="The storage that it was fetched from, without secrets; empty: a folder of this machine, or RDS.",
    )
    checksum: str = Field(
        default="",
        description="sha256:… of what was read from the storage; of several files, of the list of their "
        "checksums, a line each.",
    )
    chosen: ChosenReport | None = Field(
        default=None, description="How it was chosen; null: there was nothing to choose from."
    )
    recovered: RecoveredReport | None = Field(
        default=None, description="How far WAL was replayed onto it; null: no WAL was."
    )


class RestoreReport(_Part):
    """Did it restore?"""

    outcome: RestoreOutcome
    seconds: Seconds = Field(description="Duration of the restoring steps.")
    server_version: str = Field(description="Version of the server it was restored into.")
    restored_bytes: int | None = Field(
        default=None, description="Size of the restored databases; null: not measured."
    )
    identity: str = Field(
        default="",
        description="Identity of the restored server, which every answer of a check came from; empty: none was reached.",
    )
    adopted: bool = Field(
        default=False,
        description="Another program restored it; `seconds` is its duration, 0 if unknown.",
    )


class CheckReport(_Part):
    """One question, the answer it must give and the answer it gave."""

    name: str
    kind: str
    database: str
    severity: Severity
    outcome: CheckOutcome
    expected: str
    found: str
    seconds: Seconds
    detail: str
    measured: dict[str, int | float] = Field(
        default_factory=dict, description="Numbers in the answer, for comparison with other drills."
    )


class BaselineReport(_Part):
    """What this drill was compared with."""

    drill_id: str
    at: datetime
    accepted_by: str = Field(default="", description="Who accepted it; empty: it was verified.")
    accepted_because: str = ""


class DeploymentReport(_Part):
    """The AWS deployment that ran the drill."""

    nightly_machine: str = Field(
        description="ARN of the Step Functions state machine that starts drills."
    )
    table: str = Field(description="DynamoDB table with the history.")
    bucket: str = Field(description="Bucket with the reports.")


class DamageReport(_Part):
    """One kind of damage that was done to the restored copy on purpose."""

    kind: str
    what: str = Field(description="The damaged objects: names of the schema.")
    noticed: Noticed
    by: tuple[str, ...] = Field(description="Names of the checks that detected it.")
    proposed: tuple[str, ...] = Field(
        description="Checks from `propose`, not configured, that would detect it."
    )
    needs_contents: bool = Field(
        description="Only a comparison of contents (`unchanged`, `manifest`) can detect it."
    )
    fails: bool = Field(
        default=False,
        description="A required check detects it, configured or built-in: the drill would not be verified.",
    )
    of_pages: bool = Field(
        default=False,
        description="Damage of files, which a dump cannot have: it is not in the numbers.",
    )
    detail: str = Field(description="Why the damage was not tried.")


class ProofReport(_Part):
    """Which damage the checks detect (`restorecheck prove`)."""

    seen: int = Field(description="Number of kinds of damage that configured checks detect.")
    of: int = Field(
        description="Number of kinds of damage that were tried and that such a backup can have."
    )
    seen_as_warning: int = Field(
        description="The part of `seen` for which configured checks only warn."
    )
    seen_by_own: int = Field(description="Kinds that only built-in checks detect.")
    failing: int = Field(
        default=0,
        description="Kinds that a required check detects, configured or built-in: the drill would not be verified.",
    )
    warned: int = Field(
        default=0,
        description="Kinds that only warnings detect, configured or built-in: the drill would be verified.",
    )
    unseen: tuple[str, ...] = Field(description="Kinds that no check detects.")
    damages: tuple[DamageReport, ...]
    seconds: Seconds
    reading_seconds: Seconds = Field(
        description="The part of `seconds` for one run of all checks on the undamaged copy."
    )
    detail: str = Field(description="Why there is no proof, or a proof of a part only.")


class RehearsalReport(_Part):
    """The rehearsal of an upgrade: its verdict changes no other."""

    verdict: Verdict = Field(
        description="verified: the upgrade would work as far as the checks see; failed: it would break."
    )
    reason: str
    from_version: str
    to_version: str
    load_seconds: Seconds = Field(description="Of the load of a dump.")
    upgrade_seconds: Seconds = Field(
        default=0.0,
        description="Of a database that AWS upgraded: from the request until it was available again.",
    )
    plans: tuple[str, ...] = Field(
        default=(), description="Configured queries with another plan in the new version."
    )


class LeftReport(_Part):
    """A resource that was not deleted."""

    kind: str
    identifier: str
    account: str


class TeardownReport(_Part):
    """Is everything torn down?"""

    outcome: TeardownOutcome
    left: tuple[LeftReport, ...]
    details: tuple[str, ...] = Field(description="Why deletions did not succeed at once.")
    parked: tuple[LeftReport, ...] = Field(
        default=(), description="Stopped and kept on purpose: a standby."
    )


class StepReport(_Part):
    """One stage of the drill."""

    name: str
    started_at: datetime
    seconds: Seconds
    outcome: StepOutcome
    database_seconds: Seconds = Field(
        description="The part of `seconds` spent in the database's own programs and queries, or "
        "waiting for AWS."
    )


class ObservationReport(_Part):
    """Something seen that explains the verdict: a status, an event, a line of the server's log."""

    at: datetime | None
    source: str
    text: str


class CopiesReport(_Part):
    """The backups that restorecheck itself keeps, by their identifiers."""

    kept: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


class ChainReport(_Part):
    """The report's place in the chain of all reports of one history, which shows changes."""

    sequence: int = Field(description="Number of the report in the history, from 1.")
    previous_sha256: str = Field(
        description="SHA-256 of the previous report as stored; empty for the first."
    )


class OverheadReport(_Part):
    """How the time of the drill was spent."""

    total_seconds: Seconds
    database_seconds: Seconds = Field(
        description="initdb, start, load, queries and stop, or waiting for AWS to do the same."
    )
    own_seconds: Seconds = Field(description="The rest: restorecheck itself.")


class Report(_Part):
    """One finished drill."""

    schema_version: Literal[1] = 1
    drill_id: str
    target: str
    verdict: Verdict
    reason: str = Field(description="One sentence; it contains no row value and no secret.")
    hint: str = Field(description="What to do next; empty: nothing.")
    contact: str = Field(
        default="", description="Whom to call: `contact` of the target when the drill started."
    )
    about: DrillOf = Field(
        default=DrillOf.NEWEST,
        description="Which backup the drill says something about: the newest; a sample, which is an older one by the "
        "rule of the target; or asked, an older one that was asked for and is no proof of the target.",
    )
    backup: BackupReport | None
    restore: RestoreReport
    checks: tuple[CheckReport, ...]
    teardown: TeardownReport
    steps: tuple[StepReport, ...]
    time: OverheadReport
    notes: tuple[str, ...]
    evidence: tuple[ObservationReport, ...] = Field(
        default=(), description="Observations during the drill, in order."
    )
    copies: CopiesReport = Field(
        default_factory=CopiesReport, description="What retention did with the kept copies."
    )
    scheduled_for: datetime | None = Field(
        default=None,
        description="The scheduled time that this drill is for, or when the runner's pages asked for it; null: on demand.",
    )
    deployment: DeploymentReport | None = Field(
        default=None,
        description="The AWS deployment that ran the drill; null: `restorecheck` ran on a machine.",
    )
    baseline: BaselineReport | None = Field(
        default=None, description="The drill that this one was compared with; null: there was none."
    )
    rehearsal: RehearsalReport | None = Field(
        default=None, description="The rehearsal of an upgrade; null: there was none."
    )
    proof: ProofReport | None = Field(
        default=None, description="Which damage the checks detect; only after `prove`."
    )
    chain: ChainReport | None = Field(
        default=None, description="The place of this report in the chain of reports."
    )
    interrupted: bool = Field(description="The drill was interrupted before its last step ended.")
    started_at: datetime
    finished_at: datetime
    restorecheck_version: str

    def to_json(self) -> str:
        return self.model_dump_json()


def parse(text: str) -> Report:
    return Report.model_validate_json(text)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one report."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def build(drill: Drill, chain: ChainReport | None = None) -> Report:
    """The report of a finished drill."""
    assert drill.verdict is not None, "the verdict is recorded before the report"
    assert drill.finished_at is not None, "only finished drills are reported"
    return Report(
        drill_id=drill.id,
        target=drill.target,
        verdict=drill.verdict,
        reason=drill.reason,
        hint=drill.hint,
        contact=drill.contact,
        about=drill.of,
        backup=_backup(drill),
        restore=RestoreReport(
            outcome=drill.restore_outcome,
            seconds=round((drill.restore_time or timedelta(0)).total_seconds(), 3),
            server_version=drill.endpoint.server_version if drill.endpoint else "",
            restored_bytes=int(drill.outputs[RESTORED_BYTES])
            if RESTORED_BYTES in drill.outputs
            else None,
            identity=drill.endpoint.identity if drill.endpoint else "",
            adopted=any(step.kind is StepKind.ADOPT for step in drill.plan),
        ),
        checks=_checks(drill),
        teardown=_teardown(drill),
        steps=tuple(_step(record) for record in drill.records),
        time=_time(drill),
        notes=drill.notes,
        evidence=tuple(map(ObservationReport.model_validate, drill.evidence)),
        copies=CopiesReport.model_validate(drill.retention),
        scheduled_for=drill.scheduled_for,
        deployment=drill.deployment and DeploymentReport.model_validate(drill.deployment),
        baseline=drill.baseline and BaselineReport.model_validate(drill.baseline),
        proof=proof_of(drill),
        rehearsal=drill.rehearsal and RehearsalReport.model_validate(drill.rehearsal),
        chain=chain,
        interrupted=drill.failure is not None and drill.failure.aborted,
        started_at=drill.started_at,
        finished_at=drill.finished_at,
        restorecheck_version=__version__,
    )


def proof_of(drill: Drill) -> ProofReport | None:
    proof = drill.proof
    if proof is None:
        return None
    return ProofReport(
        seen=proof.seen,
        of=len(proof.counted),
        seen_as_warning=proof.noticed_by(Noticed.YOURS_WARNING),
        seen_by_own=proof.noticed_by(Noticed.OWN, Noticed.OWN_WARNING),
        failing=sum(d.fails for d in proof.counted),
        warned=sum(d.warns for d in proof.counted),
        unseen=tuple(d.kind for d in proof.counted if d.noticed is Noticed.UNDETECTED),
        damages=tuple(map(DamageReport.model_validate, proof.damages)),
        seconds=proof.seconds,
        reading_seconds=proof.reading_seconds,
        detail=proof.detail,
    )


def _backup(drill: Drill) -> BackupReport | None:
    backup = drill.backup
    if backup is None:
        return None
    age = drill.backup_age
    return BackupReport(
        kind=backup.kind,
        identifier=backup.identifier,
        taken_at=backup.taken_at,
        time_source=backup.time_source,
        age_seconds=None if age is None else round(age.total_seconds()),
        size_bytes=backup.size_bytes,
        server_version=backup.server_version,
        storage=backup.storage,
        checksum=backup.checksum,
        chosen=backup.chosen and _chosen(backup.chosen),
        recovered=backup.recovered and _recovered(backup.recovered, drill.started_at),
    )


def _recovered(known: Recovered, now: datetime) -> RecoveredReport:
    lost = None if known.archive_until is None else max(now - known.archive_until, timedelta(0))
    return RecoveredReport(
        asked=known.asked,
        to=known.to,
        seed=known.seed,
        drawn_after=known.drawn_after,
        drawn_until=known.drawn_until,
        lsn=known.lsn,
        timeline=known.timeline,
        segment=known.segment,
        newest_commit=known.newest_commit,
        archive_until=known.archive_until,
        gap_seconds=None if lost is None else round(lost.total_seconds()),
    )


def _chosen(chosen: Chosen) -> ChosenReport:
    days = None if chosen.within is None else chosen.within / timedelta(days=1)
    return ChosenReport(
        by=chosen.by,
        of=chosen.of,
        seed=chosen.seed,
        within_days=days,
        newest=chosen.newest,
        newest_at=chosen.newest_at,
        oldest_at=chosen.oldest_at,
    )


def _is_hint(result: CheckResult) -> bool:
    """Whether the result is a note on the files that decides nothing; such rows come last."""
    return result.origin is CheckOrigin.BACKUP and result.severity is Severity.WARNING


def _checks(drill: Drill) -> tuple[CheckReport, ...]:
    """Every configured check has a row: one that did not run is `skipped`, never absent."""
    answered = tuple(map(CheckReport.model_validate, sorted(drill.results, key=_is_hint)))
    skipped = tuple(
        CheckReport(
            name=spec.name,
            kind=spec.kind,
            database=spec.database,
            severity=spec.severity,
            outcome=CheckOutcome.SKIPPED,
            expected="",
            found="",
            seconds=0.0,
            detail="not asked: the drill ended earlier",
        )
        for spec in drill.pending_checks
    )
    return answered + skipped


def _teardown(drill: Drill) -> TeardownReport:
    return TeardownReport(
        outcome=drill.teardown_outcome,
        left=tuple(map(LeftReport.model_validate, drill.ledger)),
        details=drill.teardown_details,
        parked=tuple(map(LeftReport.model_validate, drill.parked)),
    )


def _step(record: StepRecord) -> StepReport:
    return StepReport(
        name=record.name,
        started_at=record.started_at,
        seconds=record.duration.total_seconds(),
        outcome=record.outcome or StepOutcome.ABORTED,
        database_seconds=record.external_seconds,
    )


def _time(drill: Drill) -> OverheadReport:
    assert drill.finished_at is not None, "only finished drills are reported"
    total = (drill.finished_at - drill.started_at).total_seconds()
    database = sum(record.external_seconds for record in drill.records)
    database += drill.teardown_external_seconds
    return OverheadReport(
        total_seconds=total,
        database_seconds=database,
        own_seconds=max(0.0, total - database),
    )
