"""Finds the news of each channel, stores them, and delivers them.

News come from the history: every drill that finished since a channel's last news is reported,
whichever process finished it. Nothing here can change a verdict.
"""

import socket
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from restorecheck.announcing import (
    NOTHING_TOLD,
    Fact,
    Kind,
    News,
    Skipped,
    Told,
    Trouble,
    hear,
)
from restorecheck.errors import BusyError, DeliveryError
from restorecheck.hosts.notifying.channels import Line, finished, send
from restorecheck.hosts.process import leases
from restorecheck.ports import Clock
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.outbox import Cursor, Outbox, Pending
from restorecheck.sql.store import SqlStore

log = structlog.get_logger("restorecheck.postman")

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
"""Longest time between two tries of a message."""
GIVE_UP = timedelta(hours=24)
"""Messages older than this are dropped; the channel then gets the present state."""
WORTH_A_WORD = 3
"""After so many failed attempts the other channels report the channel."""
KEEP_MESSAGES = timedelta(days=30)
"""Messages that were delivered or given up earlier are deleted."""


class Postman:
    def __init__(
        self,
        store: SqlStore,
        lines: Sequence[Line],
        clock: Clock,
        *,
        locks: Path,
        report_url: str | None = None,
        host: str | None = None,
    ) -> None:
        self._store = store
        self._agenda = Agenda(store.database)
        self._turn = store.database.turn
        self._outbox = Outbox(store.database)
        self._locks = locks
        self._lines = lines
        self._clock = clock
        self._report_url = report_url
        self._host = host or socket.gethostname()

    def collect(self, facts: Iterable[Fact] = ()) -> None:
        """Store each channel's news of the history and of these facts.

        Raises:
            StoreError: The history cannot be read or written.
        """
        # Else two processes would store the same news; of one machine, or of several hosts.
        with leases.turn(self._locks / "news.lock"), self._turn("news"):
            now = self._clock.now()
            given = [*facts, *self._undeliverable(now)]
            for line in self._lines:
                self._collect_for(line, given, now)

    def deliver(self) -> int:
        """Send the waiting messages that are due; returns how many channels could not be reached.

        Raises:
            StoreError: The history cannot be read or written.
        """
        try:
            with (
                leases.Lease(self._locks / "messages.lock", permanent=True),
                self._turn("messages", wait=False),
            ):
                return sum(not self._deliver_to(line) for line in self._lines)
        except BusyError:
            return 0  # another process delivers all messages

    def tidy(self) -> None:
        self._outbox.prune(self._clock.now() - KEEP_MESSAGES)

    # --- collecting -----------------------------------------------------------------------

    def _collect_for(self, line: Line, given: Sequence[Fact], now: datetime) -> None:
        cursor = self._outbox.cursor(line.name)
        if cursor is None:
            # A new channel reports new drills, not years of history.
            cursor = Cursor(sequence=self._head(), settled=self._agenda.settled())
            self._outbox.record(line.name, cursor, {}, (), now)
        entries = self._store.entries(after=cursor.sequence)
        skips = self._agenda.skips(settled_after=cursor.settled)
        facts = [
            *(finished(e, self._store) for e in entries if e.announce and line.concerns(e.target)),
            *(
                Skipped(target=s.target, at=s.settled_at, due_at=s.due_at, reason=s.reason)
                for s in skips
                if line.concerns(s.target)
            ),
            *(fact for fact in given if line.concerns(fact.target)),
        ]
        if not facts and not entries and not skips:
            return
        told, news = self._hear(line, sorted(facts, key=lambda fact: fact.at))
        ahead = Cursor(
            sequence=entries[-1].sequence if entries else cursor.sequence,
            settled=skips[-1].number if skips else cursor.settled,
        )
        self._outbox.record(line.name, ahead, told, news, now)

    def _hear(self, line: Line, facts: Sequence[Fact]) -> tuple[dict[str, Told], list[News]]:
        known = self._outbox.told(line.name)
        changed: dict[str, Told] = {}
        news: list[News] = []
        for fact in facts:
            before = changed.get(fact.target) or known.get(fact.target) or NOTHING_TOLD
            changed[fact.target], heard = hear(before, fact, line.rules)
            news += heard
        return changed, news

    def _head(self) -> int:
        newest = self._store.entries(newest=1)
        return newest[-1].sequence if newest else 0

    def _undeliverable(self, now: datetime) -> list[Trouble]:
        """Report an unreachable channel through the others."""
        return [
            Trouble(target="", at=now, reason=f"messages to {delivery.channel!r} are not delivered")
            for delivery in self._outbox.deliveries(now - GIVE_UP)
            if delivery.attempts >= WORTH_A_WORD
        ]

    # --- delivering -----------------------------------------------------------------------

    def _deliver_to(self, line: Line) -> bool:
        now = self._clock.now()
        pending = self._outbox.pending(line.name)
        late = [p for p in pending if now - p.created_at > GIVE_UP and p.attempts]
        if late:
            log.error("message.given_up", channel=line.name, messages=len(late))
            self._outbox.done([p.id for p in late], "given up", now)
        pending = tuple(p for p in pending if p not in late)
        if line.is_ping:
            pending = self._without_stale_pings(pending, now)
        due = pending[:1] if line.is_ping else pending
        if not any(p.next_try_at <= now for p in due):
            return True
        # A switch gets one request for each fact; people get one message of all.
        batches = [(p,) for p in pending] if line.is_ping else [pending]
        return all(self._deliver_batch(line, batch, now) for batch in batches)

    def _deliver_batch(self, line: Line, batch: Sequence[Pending], now: datetime) -> bool:
        ids = [p.id for p in batch]
        try:
            send(line, [p.news for p in batch], report_url=self._report_url, host=self._host)
        except DeliveryError as exc:
            tries = max(p.attempts for p in batch)
            wait = min(FIRST_RETRY * 2 ** min(tries, 10), LONGEST_RETRY)
            self._outbox.failed(ids, exc.message, now + wait)
            log.warning(
                "message.undelivered", channel=line.name, reason=exc.message, tries=tries + 1
            )
            return False
        self._outbox.done(ids, "delivered", now)
        log.info("message.delivered", channel=line.name, messages=len(ids))
        return True

    def _without_stale_pings(
        self, pending: Sequence[Pending], now: datetime
    ) -> tuple[Pending, ...]:
        """A switch needs only the newest state."""
        newest = {p.target: p.id for p in pending}
        stale = [p.id for p in pending if p.attempts and newest[p.target] != p.id]
        if stale:
            self._outbox.done(stale, "superseded", now)
        return tuple(p for p in pending if p.id not in stale)


def shout(line: Line, trouble: Trouble, report_url: str | None) -> None:
    """Send at once, without storing it: the history itself may be the problem."""
    if Kind.TROUBLE not in line.rules.kinds or not line.concerns(trouble.target):
        return
    news = News(kind=Kind.TROUBLE, fact=trouble)
    try:
        send(line, [news], report_url=report_url, host=socket.gethostname())
    except DeliveryError as exc:
        log.warning("message.undelivered", channel=line.name, reason=exc.message)
