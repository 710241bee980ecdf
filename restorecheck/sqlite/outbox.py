"""What each channel knows, and the messages that wait to be delivered.

News is found and written down in one transaction, then sent: a process that dies in between
loses no message, and one that dies after sending sends it twice at worst.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from restorecheck.announcing import NOTHING_TOLD, News, Told
from restorecheck.sqlite.database import Database
from restorecheck.sqlite.moments import moment, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a channel has heard."""

    sequence: int
    settled: int
    """Slots with a reason, by their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """News that waits for its delivery."""

    id: int
    target: str
    news: News
    created_at: datetime
    attempts: int
    next_try_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a channel is doing."""

    channel: str
    waiting: int
    attempts: int
    """In vain, at most, of what still waits."""
    error: str
    """Of the last attempt that did not succeed, of what still waits."""
    given_up: int
    """Messages that nobody got, of those created since a given time."""


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
        """What the channel knows, by target."""
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
        """All at once: how far the channel heard, what it knows, and what it is to be sent."""
        with self._database.transaction():
            self._database.execute(
                "insert or replace into cursors values (?, ?, ?)",
                (channel, cursor.sequence, cursor.settled),
            )
            for target, known in told.items():
                if known == NOTHING_TOLD:
                    self._database.execute(
                        "delete from readers where channel = ? and target = ?", (channel, target)
                    )
                    continue
                self._database.execute(
                    "insert or replace into readers values (?, ?, ?)",
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
        """What waits, oldest first, due or not."""
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
        """Of every channel that something waits for, or that something was given up for."""
        rows = self._database.rows(
            "select channel, sum(done_at is null and attempts > 0),"
            " coalesce(max(case when done_at is null then attempts end), 0),"
            " coalesce(max(case when done_at is null then error end), ''),"
            " sum(outcome = 'given up' and created_at >= ?)"
            " from messages where done_at is null or (outcome = 'given up' and created_at >= ?)"
            " group by channel order by channel",
            (stamp(since), stamp(since)),
        )
        return tuple(
            Delivery(
                channel=channel,
                waiting=waiting or 0,
                attempts=attempts,
                error=error,
                given_up=given_up or 0,
            )
            for channel, waiting, attempts, error, given_up in rows
            if waiting or given_up
        )

    def prune(self, before: datetime) -> None:
        """Forget messages that were done with long ago."""
        with self._database.transaction():
            self._database.execute("delete from messages where done_at < ?", (stamp(before),))
