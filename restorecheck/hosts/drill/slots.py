"""The slots that are due now, and why earlier ones had no drill.

Slots are computed from the schedule and the stored time of the last look, so neither a suspended
laptop nor a crash loses a night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from restorecheck.config import Target
from restorecheck.ports import Clock
from restorecheck.schedule import EACH, Schedule, Tier, delay
from restorecheck.spelling import minute_of
from restorecheck.sql.agenda import Agenda

MOST = 10_000
"""Most slots stored at one look; after a longer break the older ones are not stored one by one."""
REMEMBER = timedelta(hours=1)
"""How often the time of the last look is stored when no slot came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """The schedule of a target, with its jitter and grace time."""

    target: str
    schedule: Schedule
    jitter: timedelta
    grace: timedelta | None
    tier: Tier = EACH

    def starts_at(self, slot: datetime) -> datetime:
        return slot + delay(self.target, slot, self.jitter)

    def next_start(self, now: datetime) -> datetime:
        """The first start after `now`; its slot may be slightly earlier than `now`."""
        for slot in self.tier.after(self.schedule, self.target, now - self.jitter):
            if self.starts_at(slot) > now:
                return self.starts_at(slot)
        raise AssertionError("a valid cron expression has a next time")

    def between(self, schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
        """The target's slots in (after, until] of that schedule, which may be an earlier one."""
        slots = self.tier.after(schedule, self.target, after)
        return takewhile(lambda slot: slot <= until, slots)


def plan_of(target: Target) -> SlotPlan | None:
    """None: the target has no schedule."""
    if target.schedule is None:
        return None
    grace = target.misfire_grace_minutes
    return SlotPlan(
        target=target.name,
        schedule=Schedule(cron=target.schedule, timezone=target.timezone),
        jitter=timedelta(minutes=target.jitter_minutes),
        grace=None if grace is None else timedelta(minutes=grace),
        tier=target.slots_of_tier,
    )


class Slots:
    def __init__(self, agenda: Agenda, clock: Clock) -> None:
        self._agenda = agenda
        self._clock = clock

    def look(self, plan: SlotPlan) -> tuple[datetime, ...]:
        """Store the slots since the last look; returns all unsettled slots."""
        now = self._clock.now()
        followed = self._agenda.followed(plan.target)
        if followed is None:
            self._agenda.note(plan.target, plan.schedule, now, ())
            return self._agenda.open(plan.target)
        # Earlier slots follow the old schedule: a changed schedule begins now.
        came = tuple(islice(plan.between(followed.schedule, followed.seen_until, now), MOST))
        stale = now - followed.seen_until > REMEMBER
        if came or stale or followed.schedule != plan.schedule:
            self._agenda.note(plan.target, plan.schedule, now, came)
        return self._agenda.open(plan.target)

    def ask(self, target: str, slot: datetime) -> None:
        """Store a slot that a person requested."""
        self._agenda.add(target, slot)

    def take_asked(self, target: str) -> datetime | None:
        """As `take`, for a target without a schedule: its open slots are requested ones."""
        return self._newest(target, self._agenda.open(target))

    def take(self, plan: SlotPlan, asked: datetime | None = None) -> datetime | None:
        """The slot to drill for now: the newest one that is due; it settles the older ones.

        `asked`: a requested slot, due without jitter.
        """
        now = self._clock.now()
        due = [slot for slot in self.look(plan) if slot == asked or plan.starts_at(slot) <= now]
        newest = self._newest(plan.target, due)
        if newest is None:
            return None
        late = now - plan.starts_at(newest)
        if plan.grace is not None and late > plan.grace:
            minutes = late / timedelta(minutes=1)
            reason = (
                f"missed: the drill could start at the earliest {minutes:.0f} min late; "
                f"misfire_grace_minutes allows {plan.grace / timedelta(minutes=1):.0f}"
            )
            self._settle(plan.target, [newest], reason)
            return None
        return newest

    def overrun(self, plan: SlotPlan) -> None:
        """Settle the slots that came while a drill of the same target ran or waited."""
        now = self._clock.now()
        came = [slot for slot in self.look(plan) if plan.starts_at(slot) <= now]
        self._settle(
            plan.target, came, "skipped: the previous drill was still running; see its report"
        )

    def give_up(self, target: str, slot: datetime, reason: str) -> None:
        self._agenda.settle(target, slot, reason, self._clock.now())

    def forget(self, target: str, reason: str) -> None:
        """Settle the open slots of a target that is no longer scheduled."""
        self._settle(target, self._agenda.open(target), reason)
        self._agenda.forget(target)

    def _newest(self, target: str, due: Sequence[datetime]) -> datetime | None:
        if not due:
            return None
        *older, newest = due
        covered = f"covered by the drill for {minute_of(newest)}"
        self._settle(target, older, f"missed: the runner was not running or was busy; {covered}")
        return newest

    def _settle(self, target: str, slots: Sequence[datetime], reason: str) -> None:
        for slot in slots:
            self._agenda.settle(target, slot, reason, self._clock.now())
