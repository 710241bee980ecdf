"""Which backup can be restored while the newest one is in doubt. Pure."""

from dataclasses import dataclass
from datetime import datetime

from restorecheck.model import CheckOutcome, ObjectiveKind, RestoreOutcome, Severity, Verdict
from restorecheck.report import wording
from restorecheck.report.document import CheckReport, Report
from restorecheck.report.past import Past
from restorecheck.spelling import duration, minute_of

_REQUIRED = Severity.REQUIRED
_OBJECTIVES = frozenset(ObjectiveKind)
_OF_OTHERS = {
    f"the newest dump {wording.NEWEST_WHOLE}",
    f"the newest backup {wording.NEWEST_WHOLE}",
    f"the backup {wording.YOUNG}",
}
"""Checks of a drill of one database that say nothing against the backup that was restored."""


@dataclass(frozen=True, slots=True)
class Restorable:
    """The newest backup that is known to restore, and to hold what it should."""

    backup: str
    """Its identifier."""
    verified_at: datetime | None
    """End of the drill that verified it; None: it was restored and checked in the drill of the report itself."""
    taken_at: datetime | None
    seconds: float | None
    """Of its restore; None where the drill did not measure them."""
    command: str
    """Prints how to bring it back."""

    @property
    def says(self) -> str:
        """How it is known, what it lacks and how long its restore took, in sentences."""
        known = (
            f"Verified {minute_of(self.verified_at)}."
            if self.verified_at
            else "Restored in this drill: every required check of its data passed."
        )
        lacks = f" Data after {minute_of(self.taken_at)} is not in it." if self.taken_at else ""
        took = f" Its restore took {duration(self.seconds)}." if self.seconds else ""
        return f"{known}{lacks}{took}"


def to_restore(report: Report, past: Past) -> str:
    """The newest backup that is known to restore, or that none is, in sentences."""
    known = restorable(report, past)
    if known is None:
        return wording.none_verified(past)
    return f"{wording.RESTORABLE}: {known.backup}. {known.says} How: {known.command}"


def restorable(report: Report, past: Past) -> Restorable | None:
    """None: no verified backup is known. Of a verified drill, its own backup is the one."""
    if report.backup is not None and _is_good(report):
        proven = report.verdict is Verdict.VERIFIED
        return Restorable(
            backup=report.backup.identifier,
            verified_at=report.finished_at if proven else None,
            taken_at=report.backup.taken_at,
            seconds=report.restore.seconds,
            command=_command(report),
        )
    night = past.last_verified
    if night is None or not night.backup:
        return None
    return Restorable(
        backup=night.backup,
        verified_at=night.at,
        taken_at=night.taken_at,
        seconds=night.restore_seconds,
        command=_command(report),
    )


def _command(report: Report) -> str:
    there = report.deployment
    where = f" --table {there.table} --bucket {there.bucket}" if there else ""
    return f"restorecheck bring-back {report.target}{where}"


def _is_good(report: Report) -> bool:
    """Whether the backup that was restored is proven, but for its age or for what its successor is."""
    if report.verdict is not Verdict.FAILED:
        return report.verdict is Verdict.VERIFIED
    failed = wording.failed_required(report)
    return (
        report.restore.outcome is RestoreOutcome.SUCCEEDED
        and bool(failed)
        and all(check.kind in _OBJECTIVES or check.name in _OF_OTHERS for check in failed)
        and any(_is_proof(check) for check in report.checks)
    )


def _is_proof(check: CheckReport) -> bool:
    of_the_data = check.kind not in wording.OF_THE_FILE and check.kind not in _OBJECTIVES
    return of_the_data and check.outcome is CheckOutcome.PASSED and check.severity is _REQUIRED
