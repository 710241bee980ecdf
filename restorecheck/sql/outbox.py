"""The news that each channel has reported, and the waiting messages.

News is stored in the transaction that finds it, then sent: a process that dies in between loses no message; one
that dies after sending may send it twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from restorecheck.announcing import NOTHING_TOLD, News, Told
from restorecheck.sql.database import Database
from restorecheck.sql.moments import moment, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Up to where a channel has reported."""

    sequence: int
    settled: int
    """Number of the last slot with a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """News that waits for delivery."""

    id: int
    target: str
    news: News
    created_at: datetime
    attempts: int
    next_try_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """State of a channel's delivery."""

    channel: str
    waiting: int
    attempts: int
    """Most failed attempts of a waiting message."""
    error: str
    """Error of the last failed attempt for a waiting message."""
    given_up: int
    """Messages since a given time that were given up."""


@cache
def _told() -> TypeAdapter[Told]:
    return TypeAdapter(Told)


@cache
def _news() -> TypeAdapter[News]:
    return TypeAdapter(News)


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self, channel: str) -> Cursor | None:
        row = self._database.row(
            "select sequence, settled from cursors where channel = ?", (channel,)
        )
        return None if row is None else Cursor(sequence=row[0], settled=row[1])

    def told(self, channel: str) -> dict[str, Told]:
        """What the channel has reported, by target."""
        rows = self._database.rows("select target, told from readers where channel = ?", (channel,))
        return {target: _told().validate_json(text) for target, text in rows}

    def record(
        self,
        channel: str,
        cursor: Cursor,
        told: Mapping[str, Told],
        news: Sequence[News],
        now: datetime,
    ) -> None:
        """Store in one transaction: the channel's cursor, its reported news, and the new messages."""
        with self._database.transaction():
            self._database.execute(
                "insert into cursors values (?1, ?2, ?3)"
                " on conflict (channel) do update set sequence = ?2, settled = ?3",
                (channel, cursor.sequence, cursor.settled),
            )
            for target, known in told.items():
                if known == NOTHING_TOLD:
                    self._database.execute(
                        "delete from readers where channel = ? and target = ?", (channel, target)
                    )
                    continue
                self._database.execute(
                    "insert into readers values (?1, ?2, ?3)"
                    " on conflict (channel, target) do update set told = ?3",
                    (channel, target, _told().dump_json(known).decode()),
                )
            for item in news:
                self._database.execute(
                    "insert into messages (channel, target, created_at, body, next_try_at)"
                    " values (?, ?, ?, ?, ?)",
                    (
                        channel,
                        item.fact.target,
                        stamp(now),
                        _news().dump_json(item).decode(),
                        stamp(now),
                    ),
                )

    def pending(self, channel: str) -> tuple[Pending, ...]:
        """Waiting messages, oldest first, due or not."""
        rows = self._database.rows(
            "select id, target, body, created_at, attempts, next_try_at from messages"
            " where channel = ? and done_at is null order by id",
            (channel,),
        )
        return tuple(
            Pending(
                id=number,
                target=target,
                news=_news().validate_json(body),
                created_at=moment(created_at),
                attempts=attempts,
                next_try_at=moment(next_try_at),
            )
            for number, target, body, created_at, attempts, next_try_at in rows
        )

    def done(self, ids: Sequence[int], outcome: str, now: datetime) -> None:
        with self._database.transaction():
            for number in ids:
                self._database.execute(
                    "update messages set done_at = ?, outcome = ? where id = ?",
                    (stamp(now), outcome, number),
                )

    def failed(self, ids: Sequence[int], error: str, next_try_at: datetime) -> None:
        with self._database.transaction():
            for number in ids:
                self._database.execute(
                    "update messages set attempts = attempts + 1, error = ?, next_try_at = ?"
                    " where id = ?",
                    (error, stamp(next_try_at), number),
                )

    def deliveries(self, since: datetime) -> tuple[Delivery, ...]:
        """State of every channel with waiting or given-up messages."""
        rows = self._database.rows(
            "select channel, count(*) filter (where done_at is null and attempts > 0),"
            " coalesce(max(case when done_at is null then attempts end), 0),"
            " coalesce(max(case when done_at is null then error end), ''),"
            " count(*) filter (where outcome = 'given up' and created_at >= ?1)"
            " from messages where done_at is null or (outcome = 'given up' and created_at >= ?1)"
            " group by channel order by channel",
            (stamp(since),),
        )
        return tuple(
            Delivery(
                channel=channel,
                waiting=waiting,
                attempts=attempts,
                error=error,
                given_up=given_up,
            )
            for channel, waiting, attempts, error, given_up in rows
            if waiting or given_up
        )

    def prune(self, before: datetime) -> None:
        """Delete old messages that were delivered or given up."""
        with self._database.transaction():
            self._database.execute("delete from messages where done_at < ?", (stamp(before),))
