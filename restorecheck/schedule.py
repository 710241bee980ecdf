"""When a target is due. Pure: times in, times out.

Cron expressions are read as by Debian's cron (cronsim), also in daylight saving time: a time
that is skipped in spring is due right after the change, and a time that occurs twice in autumn is
due once. Sunday is 0 and 7. Where day of month and weekday are both restricted, one match is enough.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import TypeAlias
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


TICK = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Each:
    """Every slot."""

    # Of all three: the slots of a target later than a moment, in UTC, in order, without end. Nothing is stored.
    def after(self, schedule: Schedule, target: str, moment: datetime) -> Iterator[datetime]:  # noqa: ARG002  # every target's
        return schedule.after(moment)


@dataclass(frozen=True, slots=True)
class Every:
    """The first slot of each window of this length. The windows of a target begin at a time that follows from its name:
    so the targets of a tier are spread evenly over all slots.
    """

    length: timedelta

    def window(self, target: str, moment: datetime) -> int:
        """Number of the window that the moment is in."""
        return (moment - EPOCH - delay(target, EPOCH, self.length)) // self.length

    def after(self, schedule: Schedule, target: str, moment: datetime) -> Iterator[datetime]:
        number, previous = self.window(target, moment), moment
        while True:
            begin = EPOCH + delay(target, EPOCH, self.length) + number * self.length
            slot = schedule.next(begin - TICK)
            if slot > previous:
                yield slot
                previous = slot
            number = max(number, self.window(target, slot)) + 1

    def is_due(self, target: str, slot: datetime, last: datetime | None) -> bool:
        """Of a host without a schedule. `last`: slot of the target's newest drill; None: there is none."""
        return last is None or self.window(target, last) < self.window(target, slot)


@dataclass(frozen=True, slots=True)
class Sample:
    """So many of the targets at each slot, drawn by chance."""

    count: int
    names: tuple[str, ...]
    """The targets that are drawn from."""

    def drawn(self, slot: datetime) -> frozenset[str]:
        return _drawn(self.names, self.count, slot.astimezone(UTC))

    def after(self, schedule: Schedule, target: str, moment: datetime) -> Iterator[datetime]:
        return (slot for slot in schedule.after(moment) if target in self.drawn(slot))


@lru_cache(maxsize=4096)
def _drawn(names: tuple[str, ...], count: int, slot: datetime) -> frozenset[str]:
    """The names with the lowest digests: chance that every host draws alike."""

    def place(name: str) -> bytes:
        return hashlib.sha256(f"{slot.isoformat()} {name}".encode()).digest()

    return frozenset(sorted(names, key=place)[:count])


Tier: TypeAlias = Each | Every | Sample
"""At which slots of its schedule a target is drilled; known in advance, and the same on every host."""
EACH = Each()
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
