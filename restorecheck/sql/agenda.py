"""The slots of each target's schedule, and how each was settled.

A slot is *settled* by its drill, or by a recorded reason why there is none. Due slots are computed from the
schedule and the stored time of the last look, never from a timer alone: so a slot that passed while no process
ran is found by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from restorecheck.evidence.gaps import Slot
from restorecheck.schedule import Schedule
from restorecheck.sql.database import Database
from restorecheck.sql.moments import moment, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A schedule with its stored state."""

    schedule: Schedule
    since: datetime
    """When the target was first scheduled."""
    seen_until: datetime
    """Every slot up to this time is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    number: int
    """Consecutive number of the slots that were settled with a reason."""
    target: str
    due_at: datetime
    reason: str
    settled_at: datetime


_OPEN = (
    "reason is null and not exists (select 1 from drills d"
    " where d.target = slots.target and d.scheduled_for = slots.due_at)"
)


class Agenda:
    def __init__(self, database: Database) -> None:
        self._database = database

    def followed(self, target: str) -> Followed | None:
        row = self._database.row(
            "select cron, timezone, since, seen_until from schedules where target = ?", (target,)
        )
        if row is None:
            return None
        return Followed(
            schedule=Schedule(cron=row[0], timezone=row[1]),
            since=moment(row[2]),
            seen_until=moment(row[3]),
        )

    def targets(self) -> tuple[str, ...]:
        rows = self._database.rows("select target from schedules order by target")
        return tuple(row[0] for row in rows)

    def note(
        self, target: str, schedule: Schedule, seen_until: datetime, slots: Sequence[datetime]
    ) -> None:
        """Store the slots that came, and the time of this look."""
        with self._database.transaction():
            self._database.execute(
                "insert into schedules values (?1, ?2, ?3, ?4, ?4) on conflict (target) do update"
                " set cron = ?2, timezone = ?3, seen_until ="
                " case when schedules.seen_until > ?4 then schedules.seen_until else ?4 end",
                (target, schedule.cron, schedule.timezone, stamp(seen_until)),
            )
            for slot in slots:
                self._add(target, slot)

    def add(self, target: str, slot: datetime) -> None:
        """Add a slot that is in no schedule."""
        with self._database.transaction():
            self._add(target, slot)

    def _add(self, target: str, slot: datetime) -> None:
        self._database.execute(
            "insert into slots (target, due_at) values (?, ?) on conflict do nothing",
            (target, stamp(slot)),
        )

    def forget(self, target: str) -> None:
        """Remove the schedule of a target; its settled slots stay."""
        with self._database.transaction():
            self._database.execute("delete from schedules where target = ?", (target,))

    def open(self, target: str) -> tuple[datetime, ...]:
        """Slots without a drill and without a reason, oldest first."""
        rows = self._database.rows(
            f"select due_at from slots where target = ? and {_OPEN} order by due_at",  # noqa: S608  # our own condition
            (target,),
        )
        return tuple(moment(row[0]) for row in rows)

    def waiting(self, since: datetime) -> tuple[str, ...]:
        """Targets with an open slot that was due at or after `since`."""
        rows = self._database.rows(
            f"select distinct target from slots where due_at >= ? and {_OPEN} order by target",  # noqa: S608  # as above
            (stamp(since),),
        )
        return tuple(str(target) for (target,) in rows)

    def settle(self, target: str, due_at: datetime, reason: str, now: datetime) -> bool:
        """Record why there is no drill for a slot; False: it has a drill or a reason already."""
        assert reason, "a recorded reason says something"
        with self._database.transaction():
            self._add(target, due_at)
            changed = self._database.execute(
                "update slots set reason = ?, settled_at = ?,"  # noqa: S608  # our own condition
                " settled = (select coalesce(max(settled), 0) + 1 from slots)"
                f" where target = ? and due_at = ? and {_OPEN}",
                (reason, stamp(now), target, stamp(due_at)),
            )
        return changed == 1

    def slots(self, target: str, since: datetime, until: datetime) -> list[Slot]:
        """Every stored time in [since, until), in order, and what became of it."""
        rows = self._database.rows(
            "select due_at, reason, exists (select 1 from drills d where d.target = slots.target"
            " and d.scheduled_for = slots.due_at) from slots"
            " where target = ? and due_at >= ? and due_at < ? order by due_at",
            (target, stamp(since), stamp(until)),
        )
        return [
            Slot(target=target, due_at=moment(at), reason=reason or "", drilled=bool(drilled))
            for at, reason, drilled in rows
        ]

    def settled(self) -> int:
        """The number of the newest slot that was settled with a reason."""
        (number,) = self._database.row("select coalesce(max(settled), 0) from slots") or (0,)
        return int(number)

    def skips(
        self,
        *,
        target: str | None = None,
        since: datetime | None = None,
        settled_after: int = 0,
    ) -> tuple[Skip, ...]:
        """Slots with a reason: due at or after `since`, with a number beyond `settled_after`."""
        rows = self._database.rows(
            "select settled, target, due_at, reason, settled_at from slots where settled > ?3"
            " and (cast(?1 as text) is null or target = ?1)"
            " and (cast(?2 as text) is null or due_at >= ?2) order by settled",
            (target, stamp(since), settled_after),
        )
        return tuple(
            Skip(
                number=number,
                target=name,
                due_at=moment(due_at),
                reason=reason,
                settled_at=moment(settled_at),
            )
            for number, name, due_at, reason, settled_at in rows
        )
