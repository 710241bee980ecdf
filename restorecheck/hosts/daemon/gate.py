"""Limits the number of drills at once: the most urgent one first, then first come first served; the limit may change.

Nobody waits forever: urgency is a moment, and those who come later have later ones.
"""

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

AT_ONCE = datetime.min.replace(tzinfo=UTC)
"""Before every other one."""

Ticket = tuple[datetime, int]


class Gate:
    def __init__(self, limit: int) -> None:
        self._changed = threading.Condition()
        self._limit = limit
        self._inside = 0
        self._closed = False
        self._queue: set[Ticket] = set()
        self._numbers: Iterator[int] = itertools.count()

    @property
    def waiting(self) -> int:
        """How many wait; one whose turn has come may still be counted."""
        with self._changed:
            if self._closed:
                return 0
            return max(0, len(self._queue) - max(0, self._limit - self._inside))

    def enter(self, by: datetime = AT_ONCE) -> bool:
        """Wait for one's turn; False: the gate was closed. `by`: when the drill is wanted; an earlier moment goes first."""
        with self._changed:
            ticket = (by, next(self._numbers))
            self._queue.add(ticket)
            self._changed.wait_for(lambda: self._closed or self._is_next(ticket))
            self._queue.remove(ticket)
            if self._closed:
                return False
            self._inside += 1
            # There may be a place for the next one, too.
            self._changed.notify_all()
            return True

    def _is_next(self, ticket: Ticket) -> bool:
        return self._inside < self._limit and min(self._queue) == ticket

    def leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def resize(self, limit: int) -> None:
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
