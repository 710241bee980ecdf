"""The nights before a report, for its faces. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from restorecheck.model import CheckOutcome, DrillOf, RestoreOutcome, Verdict
from restorecheck.report.document import Report

DRAWN_NIGHTS = 90
"""Nights in charts and lists; older ones are left out."""
MARKED = 30
"""Nights shown beside a check; older ones are left out."""
DRAWN_TABLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One earlier drill."""

    drill_id: str
    at: datetime
    verdict: Verdict
    reason: str
    backup: str
    """Identifier of the backup; empty: none was found."""
    taken_at: datetime | None
    size_bytes: int | None
    restore_seconds: float | None
    """None: it was not restored, or the duration is not known."""
    backup_age_seconds: int | None
    outcomes: dict[str, CheckOutcome]
    rows: dict[str, float]
    """Rows of the largest tables."""
    of_newest: bool = True
    """The newest backup was drilled; False: an older one, which was chosen."""


@dataclass(frozen=True, slots=True)
class Past:
    """Nights of one target, the oldest first; the report itself is the last of them."""

    nights: tuple[Night, ...] = ()

    def outcomes(self, check: str) -> tuple[CheckOutcome | None, ...]:
        """Outcomes of one check in the last nights; None: it did not run."""
        return tuple(night.outcomes.get(check) for night in self.nights[-MARKED:])

    def since(self, check: str) -> datetime | None:
        """Since when the check has not passed; None: it passed in the last night."""
        began = None
        for night in reversed(self.nights):
            outcome = night.outcomes.get(check)
            if outcome in {CheckOutcome.PASSED, None}:
                break
            began = night.at
        return began

    @property
    def last_verified(self) -> Night | None:
        """The verified night with the newest backup. An accepted night does not count."""
        verified = [night for night in self.nights if night.verdict is Verdict.VERIFIED]
        of_newest = [night for night in verified if night.of_newest]
        # Of samples the last one may hold the oldest data.
        samples = sorted(verified, key=lambda night: (night.taken_at or night.at, night.at))
        return next(reversed(of_newest or samples), None)

    @property
    def newest_proven_at(self) -> datetime | None:
        """When a drill of the newest backup was verified last."""
        nights = reversed(self.nights)
        return next((n.at for n in nights if n.of_newest and n.verdict is Verdict.VERIFIED), None)

    @property
    def _alike(self) -> tuple[Night, ...]:
        """The nights that say as much as the last one: a sample ends no series of nights without a proof."""
        if self.nights and self.nights[-1].of_newest:
            return tuple(night for night in self.nights if night.of_newest)
        return self.nights

    @property
    def same_backup(self) -> "Night | None":
        """The previous night, if it had the same backup."""
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
        """The first of the consecutive unverified nights up to now."""
        began = None
        for night in reversed(self._alike):
            if night.verdict is Verdict.VERIFIED:
                break
            began = night.at
        return began

    @property
    def nights_not_verified(self) -> int:
        """Number of consecutive unverified nights up to now."""
        verdicts = [night.verdict for night in reversed(self._alike)]
        proven = (n for n, verdict in enumerate(verdicts) if verdict is Verdict.VERIFIED)
        return next(proven, len(verdicts))

    def tables(self) -> tuple[str, ...]:
        """The largest tables of all these nights, so that an emptied one is included."""
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
        of_newest=report.about is DrillOf.NEWEST,
    )


def _rows(report: Report) -> dict[str, float]:
    for check in report.checks:
        if check.kind == "tables_countable":
            return dict(check.measured)
    return {}
