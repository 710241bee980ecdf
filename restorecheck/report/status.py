"""The state of every target, for people, monitoring systems and programs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from restorecheck.model import Verdict
from restorecheck.report.document import Report
from restorecheck.report.terminal import BOLD, COLORS, RED, Paint, clean
from restorecheck.spelling import duration, minute_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """One target now."""

    target: str
    verdict: Verdict | None
    """Of the newest drill; None: there was none."""
    drill_id: str
    drilled_at: datetime | None
    proven_at: datetime | None
    """When the newest drill that proves the target was finished."""
    allowed: timedelta
    """How old the newest proof may be."""
    overdue: bool
    bad: int
    """Drills since the newest proof that were not verified."""
    left_behind: bool
    """A resource of an earlier drill is not known to be deleted, and was not kept on purpose."""
    next_at: datetime | None
    """When the next drill is due; None: on demand only."""
    samples: bool = False
    """By its rule it drills older backups, too, and these are its proof."""
    newest_proven_at: datetime | None = None
    """When the newest verified drill of the newest backup was finished."""
    running_since: datetime | None = None
    skipped: str = ""
    """Why the newest slot had no drill, if it is newer than the newest drill."""

    @property
    def alarming(self) -> bool:
        return self.overdue or self.verdict is Verdict.FAILED or self.left_behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All targets at one time, with the facts for monitoring systems."""

    at: datetime
    history: str
    """Path of the history: one machine may have several."""
    statuses: tuple[TargetStatus, ...]
    reports: tuple[Report, ...]
    """The newest of each target that was drilled."""
    waiting: tuple[tuple[str, int], ...] = ()
    """Channels, with the number of messages that each has not yet accepted."""
    config_valid: bool = True
    """False: the changed file is invalid, and the service uses the previous configuration."""


class Nagios(IntEnum):
    """Exit statuses of a plugin (https://nagios-plugins.org/doc/guidelines.html#AEN78)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def render_text(
    statuses: Sequence[TargetStatus], now: datetime, notes: Sequence[str], *, color: bool
) -> str:
    """One line for each target, aligned; then the notes."""
    paint = Paint(color)
    rows = [_cells(status, now) for status in statuses]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(4)]
    lines = []
    for status, row in zip(statuses, rows, strict=True):
        cells = [f"{text:<{width}}" for text, width in zip(row, widths, strict=False)]
        code = BOLD + (COLORS[status.verdict] if status.verdict else RED)
        cells[1] = paint(cells[1], code)
        if status.overdue:
            cells[2] = paint(cells[2], BOLD + RED)
        lines.append("  ".join([*cells, *row[4:]]).rstrip())
    lines += [f"note: {clean(note)}" for note in notes]
    return "".join(f"{line}\n" for line in lines)


def _cells(status: TargetStatus, now: datetime) -> list[str]:
    verdict = status.verdict.value.upper() if status.verdict else "NEVER DRILLED"
    last = minute_of(status.drilled_at) if status.drilled_at else ""
    coming = f"next {minute_of(status.next_at)}" if status.next_at else "on demand"
    more = []
    if status.running_since:
        more.append(f"running for {duration(_seconds(now - status.running_since))}")
    if status.bad > 1:
        more.append(f"{status.bad} drills not verified")
    if status.samples:
        more.append(newest_proof(status))
    if status.left_behind:
        more.append("LEFT BEHIND: restorecheck sweep")
    if status.skipped:
        more.append(clean(status.skipped))
    cells = [clean(status.target), f"{verdict:<13} {last}".rstrip(), _proof(status, now), coming]
    return [*cells, "; ".join(more)]


def _proof(status: TargetStatus, now: datetime) -> str:
    allowed = duration(_seconds(status.allowed))
    if status.proven_at is None:
        return f"{'OVERDUE, ' if status.overdue else ''}never proven"
    age = duration(_seconds(now - status.proven_at))
    return f"{'OVERDUE, ' if status.overdue else ''}proof {age} old, limit {allowed}"


def newest_proof(status: TargetStatus) -> str:
    """Of a target that drills samples: what is known of its newest backup."""
    at = status.newest_proven_at
    said = f"last proven {minute_of(at)}" if at else "never proven by this target"
    return f"samples; the newest backup was {said}"


def render_waiting(statuses: Sequence[TargetStatus], now: datetime) -> str:
    """Why no drill took place, with one line for each target."""
    lines = ["no drill took place: no target is due"]
    for status in statuses:
        verdict = f"newest drill {status.verdict.value}" if status.verdict else "never drilled"
        due = f"due {minute_of(status.next_at)}" if status.next_at else "has no schedule"
        lines.append(f"  {clean(status.target)}: {due}; {verdict}; {_proof(status, now)}")
    return "".join(f"{line}\n" for line in lines)


def render_json(
    statuses: Sequence[TargetStatus], now: datetime, notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "at": _iso(now),
        "notes": list(notes),
        "targets": [
            {
                "target": status.target,
                "verdict": status.verdict.value if status.verdict else None,
                "drill_id": status.drill_id or None,
                "drilled_at": _iso(status.drilled_at),
                "proven_at": _iso(status.proven_at),
                "newest_proven_at": _iso(status.newest_proven_at),
                "samples": status.samples,
                "proof_age_seconds": _seconds(now - status.proven_at) if status.proven_at else None,
                "max_proof_age_seconds": _seconds(status.allowed),
                "overdue": status.overdue,
                "bad_in_a_row": status.bad,
                "left_behind": status.left_behind,
                "next_at": _iso(status.next_at),
                "running_since": _iso(status.running_since),
                "skipped": status.skipped or None,
            }
            for status in statuses
        ],
    }


def render_nagios(statuses: Sequence[TargetStatus], now: datetime) -> tuple[str, Nagios]:
    """One line of a plugin's output with performance data, and its exit status.

    The worst first: failed, then not proven, then inconclusive targets.
    """
    alarming = any(status.alarming for status in statuses)
    troubled = sorted((s for s in statuses if _troubles(s)), key=lambda s: _troubles(s)[0][0])
    state = Nagios.CRITICAL if alarming else Nagios.WARNING if troubled else Nagios.OK
    summary = ", ".join(
        f"{clean(s.target)} {' and '.join(said for _, said in _troubles(s))}" for s in troubled
    )
    # The vertical bar divides text and performance data.
    summary = (summary or f"{len(statuses)} of {len(statuses)} proven").replace("|", "/")
    data = " ".join(
        f"'{clean(s.target)}'={_seconds(now - s.proven_at)}s;;{_seconds(s.allowed)};0"
        for s in statuses
        if s.proven_at is not None
    )
    return f"RESTORECHECK {state.name} - {summary}{f' | {data}' if data else ''}", state


def nagios_unknown(why: str) -> tuple[str, Nagios]:
    line = clean(why).replace("|", "/")
    return f"RESTORECHECK UNKNOWN - {line}", Nagios.UNKNOWN


def _troubles(status: TargetStatus) -> list[tuple[int, str]]:
    """Problems of a target, each with its rank: 0 is the worst."""
    found = [
        (status.verdict is Verdict.FAILED, "failed"),
        (status.left_behind, "left something behind"),
        (status.verdict is None, "was never drilled"),
        (status.overdue and status.verdict is not None, "is overdue"),
        (status.verdict is Verdict.INCONCLUSIVE, "is inconclusive"),
    ]
    return [(rank, said) for rank, (holds, said) in enumerate(found) if holds]


def _seconds(value: timedelta) -> int:
    return max(0, round(value.total_seconds()))


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
