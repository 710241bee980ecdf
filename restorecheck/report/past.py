"""The nights before a report, as far as a reader wants to see them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from restorecheck.model import CheckOutcome, RestoreOutcome, Verdict
from restorecheck.report.document import Report

DRAWN_NIGHTS = 90
"""Nights that are drawn."""
MARKED = 30
"""Nights of one check that are shown beside it."""
DRAWN_TABLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One earlier drill in a line."""

    drill_id: str
    at: datetime
    verdict: Verdict
    reason: str
    backup: str
    """Its identifier; empty where none was found."""
    taken_at: datetime | None
    size_bytes: int | None
    restore_seconds: float | None
    """None where it was not restored, or nobody knows how long that took."""
    backup_age_seconds: int | None
    outcomes: dict[str, CheckOutcome]
    rows: dict[str, float]
    """Rows of the largest tables."""


@dataclass(frozen=True, slots=True)
class Past:
    """Nights of one target, the oldest first; the report itself is the last of them."""

    nights: tuple[Night, ...] = ()

    def outcomes(self, check: str) -> tuple[CheckOutcome | None, ...]:
        """Of one check in the last nights; None where it was not asked."""
        return tuple(night.outcomes.get(check) for night in self.nights[-MARKED:])

    def since(self, check: str) -> datetime | None:
        """Since when it has not passed; None where it passed in the last night."""
        began = None
        for night in reversed(self.nights):
            outcome = night.outcomes.get(check)
            if outcome in {CheckOutcome.PASSED, None}:
                break
            began = night.at
        return began

    @property
    def last_verified(self) -> Night | None:
        """The newest night with a proof. An accepted night is none: somebody explained it."""
        verified = (night for night in reversed(self.nights) if night.verdict is Verdict.VERIFIED)
        return next(verified, None)

    @property
    def same_backup(self) -> "Night | None":
        """The night before, where it was about the same backup."""
        if len(self.nights) < 2:  # noqa: PLR2004  # this one and the one before
            return None
        before, now = self.nights[-2:]
        same = all(
            getattr(before, key) == getattr(now, key)
            for key in ("backup", "taken_at", "size_bytes")
        )
        return before if now.backup and same else None

    @property
    def not_verified_since(self) -> datetime | None:
        """The first night of those without a proof until now."""
        began = None
        for night in reversed(self.nights):
            if night.verdict is Verdict.VERIFIED:
                break
            began = night.at
        return began

    @property
    def nights_not_verified(self) -> int:
        """In a row, until now."""
        verdicts = [night.verdict for night in reversed(self.nights)]
        proven = (n for n, verdict in enumerate(verdicts) if verdict is Verdict.VERIFIED)
        return next(proven, len(verdicts))

    def tables(self) -> tuple[str, ...]:
        """The largest tables of these nights: one that lost all of its rows is the one to see."""
        rows: dict[str, float] = {}
        for night in self.nights:
            for name, number in night.rows.items():
                rows[name] = max(number, rows.get(name, 0))
        by_size = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
        return tuple(name for name, _ in by_size[:DRAWN_TABLES])


def past_of(reports: Sequence[Report]) -> Past:
    return Past(tuple(night_of(report) for report in reports[-DRAWN_NIGHTS:]))


def night_of(report: Report) -> Night:
    restored = report.restore.outcome is RestoreOutcome.SUCCEEDED
    return Night(
        drill_id=report.drill_id,
        at=report.finished_at,
        verdict=report.verdict,
        reason=report.reason,
        backup=report.backup.identifier if report.backup else "",
        taken_at=report.backup.taken_at if report.backup else None,
        size_bytes=report.backup.size_bytes if report.backup else None,
        restore_seconds=report.restore.seconds or None if restored else None,
        backup_age_seconds=report.backup.age_seconds if report.backup else None,
        outcomes={check.name: check.outcome for check in report.checks},
        rows=_rows(report),
    )


def _rows(report: Report) -> dict[str, float]:
    for check in report.checks:
        if check.kind == "tables_countable":
            return dict(check.measured)
    return {}
