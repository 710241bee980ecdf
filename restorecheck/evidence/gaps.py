"""Nights without a drill, and why. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

DAY = timedelta(days=1)
NO_REASON = "no drill and no reason recorded: the runner did not run, or its history was lost"
NOT_SCHEDULED = "no drill on this day; restorecheck knows of no schedule of this target"
NEVER = "no drill in the whole period"
WAITING = "due, but neither drilled nor skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A scheduled time. `reason`: why it had no drill; empty: none is recorded."""

    target: str
    due_at: datetime
    reason: str = ""
    drilled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Consecutive nights of one target without a drill, for one reason. Days in UTC, both included."""

    target: str
    first: date
    last: date
    nights: int
    reason: str


def gaps_of_slots(slots: Iterable[Slot]) -> Iterator[Gap]:
    """Of one target that restorecheck itself schedules; `slots` in order."""
    missed = [slot for slot in slots if not slot.drilled]
    for reason, group in groupby(missed, key=lambda slot: slot.reason or WAITING):
        run = list(group)
        yield Gap(
            target=run[0].target,
            first=run[0].due_at.date(),
            last=run[-1].due_at.date(),
            nights=len(run),
            reason=reason,
        )


def gaps_of_days(target: str, drilled: Sequence[date], since: date, until: date) -> Iterator[Gap]:
    """Of a target that another program starts: the days in [since, until] without a drill."""
    known = sorted({day for day in drilled if since <= day <= until})
    if not known:
        days = (until - since) // DAY + 1
        if days > 0:
            yield Gap(target=target, first=since, last=until, nights=days, reason=NEVER)
        return
    before = since - DAY
    for day in (*known, until + DAY):
        if (nights := (day - before) // DAY - 1) > 0:
            yield Gap(
                target=target,
                first=before + DAY,
                last=day - DAY,
                nights=nights,
                reason=NOT_SCHEDULED,
            )
        before = day
