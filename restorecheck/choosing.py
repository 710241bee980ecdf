"""Which backup a drill restores, and what the list of all backups says. Pure.

NIST SP 800-53, CP-9(2), and CIS Controls, 11.5, ask for a sample of the backups: so a choice by chance can be
made again by anyone who has the report.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from restorecheck.model import (
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Chosen,
    Drill,
    Select,
    SelectBy,
    Severity,
)
from restorecheck.spelling import first_of, minute_of, number_of, spell

NEWEST = Select()
OF_THE_LIST = "backup_list"
"""Kind of the checks on the list of backups, which say nothing of the backup that was restored."""
OF_THE_BACKUP = "backup_file"
LATE = 1.5
"""Times the expected interval: two backups that are further apart have at least one missing between them."""
INTERVALS = 7
"""Expected intervals before the newest backup that are looked at: beyond a week many retention schemes
keep fewer backups than were made, and a missing night is reported for a week.
"""
COMPARED = 7
"""Backups before the newest one whose sizes it is compared with."""
FEWEST_COMPARED = 3
"""With fewer earlier sizes, none is usual."""
FALLS, JUMPS = 0.5, 2.0
"""Of the median of the earlier sizes: a size beyond them is unusual."""
NAMED = 3
"""Gaps that a detail names."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A backup, as a list shows it before anything is read."""

    identifier: str
    taken_at: datetime | None = None
    """None: the list does not say."""
    size_bytes: int | None = None
    version: str = ""
    """As `Backup.version`."""
    series: str = ""
    """Backups of one series are of one job and format: their sizes can be compared."""
    also: str = ""
    """Another name of it; empty: it has none."""
    position: int = 0
    """Of two backups of the same time, the one with the higher number is newer: its position in the WAL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    backup: Listed
    chosen: Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPicked:
    """There is no such backup."""

    reason: str
    hint: str = ""
    bad: bool = False
    """That is a failure of the backups, and no mistake in the question."""


def key_of(identifier: str, version: str) -> str:
    """What tells a backup from every other one, also from a later one of the same name."""
    return f"{identifier} {version}".rstrip()


def version_of(*parts: object) -> str:
    """Of a file, or of several: differs once one of these facts does."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def series_of(identifier: str) -> str:
    """The last part of a name, with its numbers left out: one for all the nights of one job and format."""
    return re.sub(r"\d+", "#", re.split(r"/|: ", identifier)[-1])


def seed_of(target: str, slot: datetime | None, drill_id: str) -> str:
    """Of a drill: by its slot, so that every host and every repetition chooses the same backup."""
    return f"{target} {drill_id if slot is None else slot.astimezone(UTC).isoformat(timespec='seconds')}"


def pick(select: Select, listed: Sequence[Listed], now: datetime) -> Picked | NotPicked:
    """The backup that the rule names. `now`: when the drill began."""
    eligible = [one for one in listed if _is_within(one, select.within, now)]
    if not eligible:
        return _none_within(select, listed)
    ordered = sorted(eligible, key=moment_of)
    found = ordered[-1]
    match select.by:
        case SelectBy.NEWEST:
            pass
        case SelectBy.OLDEST:
            found = next((one for one in ordered if one.taken_at), ordered[0])
        case SelectBy.RANDOM:
            found = min(ordered, key=lambda one: _lot(select.seed, one))
        case SelectBy.ROTATING:
            found = min(ordered, key=lambda one: _last_drilled(select, one))
        case SelectBy.NAMED:
            fitting = [one for one in ordered if _is_named(one, select.name)]
            if len(fitting) != 1:
                return _ambiguous(select.name, fitting, len(ordered))
            found = fitting[0]
    return Picked(backup=found, chosen=how(select, eligible, listed))


def how(select: Select, eligible: Sequence[Listed], listed: Sequence[Listed]) -> Chosen:
    """For the report. `eligible`: those of the list that the rule chooses among."""
    newest = max(listed, key=moment_of, default=None)
    moments = [one.taken_at for one in eligible if one.taken_at is not None]
    return Chosen(
        by=select.by,
        of=len(eligible),
        seed=select.seed if select.by is SelectBy.RANDOM else "",
        within=select.within,
        newest=newest.identifier if newest else "",
        newest_at=newest.taken_at if newest else None,
        oldest_at=min(moments, default=None),
    )


def of_database(select: Select, name: str) -> Select:
    """Of several databases in one drill each has a lot of its own."""
    if not name or select.by is not SelectBy.RANDOM:
        return select
    return Select(by=select.by, within=select.within, seed=f"{select.seed} {name}")


def is_newest(drill: Drill) -> bool:
    """Whether the drill is about the newest backup: then it is compared with earlier nights."""
    recovered = drill.backup.recovered if drill.backup else None
    return drill.select.by is SelectBy.NEWEST and (recovered is None or recovered.to_the_end)


def _is_within(one: Listed, within: timedelta | None, now: datetime) -> bool:
    return within is None or (one.taken_at is not None and now - one.taken_at <= within)


def moment_of(one: Listed) -> tuple[datetime, int, str]:
    """For the order: a backup without a time is older than every other one."""
    return one.taken_at or _LONG_AGO, one.position, one.identifier


def _lot(seed: str, one: Listed) -> bytes:
    """The lowest is drawn. Each backup has the same chance, whatever the order of the list; a backup that
    comes or goes changes the draw only where it is the drawn one itself.
    """
    return hashlib.sha256(f"{seed} {one.identifier}".encode()).digest()


def _last_drilled(select: Select, one: Listed) -> tuple[datetime, tuple[datetime, int, str]]:
    drilled = select.drilled.get(key_of(one.identifier, one.version), _LONG_AGO)
    return drilled, moment_of(one)


def _is_named(one: Listed, name: str) -> bool:
    """By the whole identifier or by its end, as a path or an ARN has it: `rds:courses-2026-11-28-03-00`."""
    identifier = one.identifier
    ends = identifier.endswith((f"/{name}", f":{name}", f": {name}"))
    return ends or name in {identifier, one.also}


def _ambiguous(name: str, fitting: Sequence[Listed], of: int) -> NotPicked:
    if not fitting:
        return NotPicked(
            reason=f"none of the {number_of(of, 'backup')} in the list has the name {name!r}",
            hint="Give the name as reports show it, or the last part of that name.",
        )
    names = first_of([one.identifier for one in fitting], NAMED)
    return NotPicked(
        reason=f"{name!r} names {len(fitting)} backups: {names}", hint="Name one of them."
    )


def _none_within(select: Select, listed: Sequence[Listed]) -> NotPicked:
    newest = max(listed, key=moment_of, default=None)
    if newest is None or select.within is None:
        return NotPicked(reason="there is no backup", bad=True)
    taken = f"was taken at {minute_of(newest.taken_at)}" if newest.taken_at else "has no known time"
    return NotPicked(
        reason=f"there is no backup of the last {spell(select.within)}; the newest, {newest.identifier}, {taken}",
        bad=newest.taken_at is not None,
    )


# --- what the list says -----------------------------------------------------------------------------


def findings(
    listed: Sequence[Listed], *, every: timedelta | None, of: str = ""
) -> list[CheckResult]:
    """Warnings, before anything is restored: neither says that the restored backup is bad.

    `every`: the interval at which backups are expected; `of`: the database, of several.
    """
    found = [] if every is None else [_missing(listed, every, of)]
    size = _size(listed, of)
    return [*found, *([] if size is None else [size])]


def _missing(listed: Sequence[Listed], every: timedelta, of: str) -> CheckResult:
    moments = sorted(one.taken_at for one in listed if one.taken_at is not None)
    since = moments[-1] - (INTERVALS + LATE - 1) * every if moments else _LONG_AGO
    looked = [at for at in moments if at >= since]
    gaps = [(a, b) for a, b in pairwise(looked) if b - a > LATE * every]
    missing = sum(max(1, round((b - a) / every) - 1) for a, b in gaps)
    said = [f"no backup between {minute_of(a)} and {minute_of(b)}" for a, b in gaps]
    return _finding(
        f"no backup{_of(of)} is missing",
        passed=not gaps,
        expected=f"one every {spell(every)}",
        found=f"{missing} missing" if gaps else number_of(len(looked), "backup"),
        detail=first_of(said, NAMED, between="; "),
        of=of,
    )


def _size(listed: Sequence[Listed], of: str) -> CheckResult | None:
    """Of the newest backup; None where there are too few others."""
    dated = sorted((one for one in listed if one.taken_at), key=moment_of)
    if not dated or dated[-1].size_bytes is None:
        return None
    newest, others = dated[-1], dated[:-1]
    sizes = [one.size_bytes for one in others if one.series == newest.series and one.size_bytes]
    if len(sizes) < FEWEST_COMPARED:
        return None
    usual = _median(sizes[-COMPARED:])
    size = dated[-1].size_bytes
    assert size is not None, "looked at above"
    share = size / usual
    return _finding(
        f"the newest backup{_of(of)} has a usual size",
        passed=FALLS <= share <= JUMPS,
        expected=f"{FALLS:.0%} to {JUMPS:.0%} of the median of {len(sizes[-COMPARED:])} earlier backups",
        found=f"{share:.0%}",
        detail=f"{size:,} bytes, the median is {round(usual):,} bytes",
        of=of,
        measured={"bytes": size, "median_bytes": round(usual)},
    )


def _median(sizes: Sequence[int]) -> float:
    ordered = sorted(sizes)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def age_of_newest(how: Chosen, limit: timedelta | None, now: datetime, of: str = "") -> CheckResult:
    """Of the newest in the list, where another one was chosen on purpose. It was not read."""
    at, name = how.newest_at, f"the newest backup{_of(of)} is young enough"
    severity = Severity.WARNING if limit is None else Severity.REQUIRED
    result = CheckResult(
        name=name,
        kind=OF_THE_BACKUP,
        database=of,
        severity=severity,
        outcome=CheckOutcome.ERROR,
        detail="the list has no time for any backup",
        origin=CheckOrigin.BACKUP,
    )
    if at is None:
        return result
    young = limit is not None and now - at <= limit
    stale = f"the newest backup is stale: {how.newest or 'it'} was taken at {minute_of(at)}"
    return replace(
        result,
        outcome=CheckOutcome.PASSED if young else CheckOutcome.FAILED,
        expected="a limit" if limit is None else f"at most {_hours(limit)} old",
        found=f"{_hours(now - at)} old",
        detail="" if young else "a backup of any age passes" if limit is None else stale,
    )


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f} hours"


def _of(name: str) -> str:
    return f" of {name}" if name else ""


def _finding(
    name: str,
    *,
    passed: bool,
    expected: str,
    found: str,
    detail: str,
    of: str,
    measured: dict[str, int | float] | None = None,
) -> CheckResult:
    return CheckResult(
        name=name,
        kind=OF_THE_LIST,
        database=of,
        severity=Severity.WARNING,
        outcome=CheckOutcome.PASSED if passed else CheckOutcome.FAILED,
        expected=expected,
        found=found,
        detail="" if passed else detail,
        origin=CheckOrigin.BACKUP,
        measured=measured or {},
    )
