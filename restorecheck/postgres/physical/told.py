"""What a drill of a physical backup tells: the backup, findings on it, and notes. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from restorecheck import choosing
from restorecheck.lifecycle import Unclear
from restorecheck.model import (
    Backup,
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Recovered,
    SelectBy,
    Severity,
)
from restorecheck.postgres.physical import wal
from restorecheck.postgres.physical.choice import Chosen, PhysicalBackup
from restorecheck.postgres.physical.outcome import LastSegment, Reached
from restorecheck.spelling import number_of, second_of

NOTHING_ASKED = (
    "no check is configured: the drill proves that the moment was reached, and nothing about the data "
    "at that moment"
)


def backup_of(backup: PhysicalBackup, chosen: Chosen) -> Backup:
    """The backup, for the report: with the damaged one that an older one replaces, both count as drilled."""
    known = [backup, *([chosen.newest] if chosen.newest else [])]
    return Backup(
        kind="physical",
        identifier=backup.address,
        taken_at=backup.ended,
        time_source="the end of the backup" if backup.stopped_at else "the start of the backup",
        size_bytes=backup.size_bytes,
        server_version=str(backup.major or ""),
        version=backup.version,
        about={one.address: one.version for one in known},
        chosen=chosen.how,
    )


def findings(chosen: Chosen, max_age: timedelta | None, now: datetime) -> tuple[CheckResult, ...]:
    """Findings on the chosen backup, before anything is restored."""
    found = []
    if chosen.newest is not None:
        newest = chosen.newest
        found.append(
            finding(
                "the newest backup is whole",
                CheckOutcome.FAILED,
                expected="a whole backup",
                found="a damaged one",
                detail=f"{newest.name} {newest.problem}",
            )
        )
    how = chosen.how
    if max_age is None or how is None or chosen.backup is None:
        return tuple(found)
    if how.by is not SelectBy.NEWEST or how.newest != chosen.backup.address:
        return (*found, choosing.age_of_newest(how, max_age, now))
    ended = chosen.backup.ended
    if ended is not None:
        young = now - ended <= max_age
        found.append(
            finding(
                "the backup is young enough",
                CheckOutcome.PASSED if young else CheckOutcome.FAILED,
                expected=f"at most {_hours(max_age)} old",
                found=f"{_hours(now - ended)} old",
                detail="" if young else f"the backup is stale: it ended {ended:%Y-%m-%d %H:%M} UTC",
            )
        )
    return tuple(found)


def verified_by_tool(problems: Sequence[str], unclear: str) -> CheckResult:
    """What `pgbackrest verify` says of the whole repository: it may be about another backup, and is no verdict.

    `unclear`: why it did not answer; empty: it did.
    """
    outcome = CheckOutcome.FAILED if problems else CheckOutcome.PASSED
    found = number_of(len(problems), "error") if problems else "no error"
    made = finding(
        "pgbackrest verify finds no error",
        CheckOutcome.ERROR if unclear else outcome,
        expected="no error",
        found="" if unclear else found,
        detail=unclear or "; ".join(problems),
    )
    return replace(made, severity=Severity.WARNING)


def to_the_end(missed: str, reached: Reached, newest: str, size: int) -> CheckResult:
    return finding(
        "recovery reached the end of the archive",
        CheckOutcome.FAILED if missed else CheckOutcome.PASSED,
        expected=newest,
        found=reached.segment(size).name(size),
        detail=missed,
    )


def finding(
    name: str, outcome: CheckOutcome, *, expected: str, found: str, detail: str
) -> CheckResult:
    return CheckResult(
        name=name,
        kind="physical_backup",
        database="",
        severity=Severity.REQUIRED,
        outcome=outcome,
        expected=expected,
        found=found,
        detail=detail,
        origin=CheckOrigin.BACKUP,
    )


def said(known: Recovered) -> str:
    """What was asked for, and what was reached."""
    newest = second_of(known.newest_commit) if known.newest_commit else "none"
    drawn = f" ({known.to})" if known.to else ""
    if known.drawn_after and known.drawn_until:
        between = f"{second_of(known.drawn_after)} and {second_of(known.drawn_until)}"
        drawn = f" ({known.to}, drawn between {between}; seed {known.seed!r})"
    return (
        f"recovered to {known.asked}{drawn}: reached {known.lsn} on timeline {known.timeline} "
        f"in {known.segment}; newest commit: {newest}"
    )


def stands(name: str, asked: str, reached: Reached) -> str:
    """Of a named moment at which the server paused."""
    commit = reached.newest_commit
    newest = second_of(commit) if commit else "none"
    return f"recovered to {name} ({asked}): reached {wal.position_text(reached.lsn)}; newest commit: {newest}"


def with_reached(known: Recovered, reached: Reached, size: int) -> Recovered:
    return replace(
        known,
        lsn=wal.position_text(reached.lsn),
        timeline=reached.timeline,
        segment=reached.segment(size).name(size),
        newest_commit=reached.newest_commit,
    )


def as_old_as_its_data(backup: Backup) -> Backup:
    """The backup with the time of its newest commit: later data is lost."""
    commit = backup.recovered.newest_commit if backup.recovered else None
    if commit is None or (backup.taken_at is not None and commit < backup.taken_at):
        return backup
    return replace(backup, taken_at=commit, time_source="the newest commit")


def gap(until: datetime | None, now: datetime) -> str:
    """The measured loss of data. `until`: the newest commit in the archive."""
    if until is None:
        return "the loss of data is unknown: no commit was replayed"
    lost = max(timedelta(0), now - until)
    return f"data of the last {timedelta(seconds=round(lost.total_seconds()))} before the drill is not in the backup"


def ahead(last: LastSegment, name: str) -> tuple[str, ...]:
    if last.partial:
        return (f"the last WAL segment {name} is not complete in the archive yet",)
    if not last.absent:
        return ()
    return (f"the archive does not yet have {name}, the last WAL segment in the backup",)


def copied(done: int, expected: int) -> str:
    """Progress of a restore, from bytes."""
    if not done:
        return "restoring files"
    of = f" of {expected / 1e9:.2f}" if expected else ""
    return f"restoring files: {done / 1e9:.2f}{of} GB"


def no_room(what: str, work_dir: Path, said: str = "") -> Unclear:
    why = f": {said}" if said else ""
    return Unclear(
        reason=f"{what} was stopped: not enough free disk space in {work_dir}{why}",
        hint=room_hint(work_dir),
    )


def room_hint(work_dir: Path) -> str:
    return (
        f"The restored files need space in {work_dir}: free disk space, or set postgres.work_dir to a "
        "larger disk."
    )


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f} hours"
