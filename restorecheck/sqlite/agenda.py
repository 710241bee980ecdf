"""The slots of each target's schedule: which came, and what became of them.

A slot is *settled* by a drill that is for it, or by a recorded reason why there is none. What is
due is computed from the schedule and from how far it was looked at, never from a timer alone: so
a slot that passed while nobody was there is found by whoever comes next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from restorecheck.schedule import Schedule
from restorecheck.sqlite.database import Database
from restorecheck.sqlite.moments import moment, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A schedule that somebody looks after."""

    schedule: Schedule
    since: datetime
    """When the target was first scheduled at all."""
    seen_until: datetime
    """Every slot up to here is written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    number: int
    """Counted up by one for each slot that is settled with a reason."""
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
        """Write down the slots that came, and that the schedule was looked at until then."""
        with self._database.transaction():
            self._database.execute(
                "insert into schedules values (?1, ?2, ?3, ?4, ?4) on conflict (target) do update"
                " set cron = ?2, timezone = ?3, seen_until = max(seen_until, ?4)",
                (target, schedule.cron, schedule.timezone, stamp(seen_until)),
            )
            for slot in slots:
                self._add(target, slot)

    def add(self, target: str, slot: datetime) -> None:
        """A slot that no schedule has."""
        with self._database.transaction():
            self._add(target, slot)

    def _add(self, target: str, slot: datetime) -> None:
        self._database.execute(
            "insert into slots (target, due_at) values (?, ?) on conflict do nothing",
            (target, stamp(slot)),
        )

    def forget(self, target: str) -> None:
        """The target is no longer scheduled; what became of its slots stays."""
        with self._database.transaction():
            self._database.execute("delete from schedules where target = ?", (target,))

    def open(self, target: str) -> tuple[datetime, ...]:
        """Slots that came and have neither drill nor reason, oldest first."""
        rows = self._database.rows(
            f"select due_at from slots where target = ? and {_OPEN} order by due_at",  # noqa: S608  # our own condition
            (target,),
        )
        return tuple(moment(row[0]) for row in rows)

    def settle(self, target: str, due_at: datetime, reason: str, now: datetime) -> bool:
        """Record why there is no drill for a slot; False when there is one, or a reason already."""
        assert reason, "a recorded reason says something"
        with self._database.transaction():
            self._add(target, due_at)
            cursor = self._database.execute(
                "update slots set reason = ?, settled_at = ?,"  # noqa: S608  # our own condition
                " settled = (select coalesce(max(settled), 0) + 1 from slots)"
                f" where target = ? and due_at = ? and {_OPEN}",
                (reason, stamp(now), target, stamp(due_at)),
            )
        return cursor.rowcount == 1

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
            " and (?1 is null or target = ?1) and (?2 is null or due_at >= ?2) order by settled",
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
