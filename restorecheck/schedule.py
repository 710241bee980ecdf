"""When a target is due. Pure: times in, times out.

Cron expressions are read as by Debian's cron (cronsim), also in daylight saving time: a time
that is skipped in spring is due right after the change, and a time that occurs twice in autumn is
due once. Sunday is 0 and 7. Where day of month and weekday are both restricted, one match is enough.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def malformed(cron: str) -> str:
    """What is wrong with the expression; empty: nothing."""
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as exc:
        return str(exc).replace("Bad ", "", 1)
    except StopIteration:
        return "date: this day does not exist"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The times at which a target is due, its *slots*."""

    cron: str
    timezone: str

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every slot later than `moment`, in UTC, in order."""
        zone = UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)
        previous = moment
        for local in CronSim(self.cron, moment.astimezone(zone)):
            slot = local.astimezone(UTC)
            # In the repeated hour of autumn the wall clock shows a time before an earlier slot.
            if slot > previous:
                yield slot
                previous = slot

    def next(self, moment: datetime) -> datetime:
        return next(self.after(moment))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The slots in (after, until]."""
        return takewhile(lambda slot: slot <= until, self.after(after))


LOOKED_AHEAD = timedelta(days=500)
"""A schedule without two slots in this time has this gap."""
MOST_SLOTS = 3000
"""Slots looked at for the longest gap: more than one day of a schedule that is due each minute of one day a week."""


def longest_gap(cron: str) -> timedelta:
    """The longest time between two consecutive slots, without daylight saving time."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    slots = Schedule(cron=cron, timezone="UTC").between(begin, begin + LOOKED_AHEAD)
    gaps = [later - earlier for earlier, later in pairwise(islice(slots, MOST_SLOTS))]
    return max(gaps, default=LOOKED_AHEAD)


def delay(target: str, slot: datetime, jitter: timedelta) -> timedelta:
    """How long after its slot a drill starts: from 0 to `jitter`, the same on every host.

    Spreads the load of many targets; nothing is stored.
    """
    digest = hashlib.sha256(f"{target} {slot.astimezone(UTC).isoformat()}".encode()).digest()
    return jitter * (int.from_bytes(digest[:8]) / 2**64)
