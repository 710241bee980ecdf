"""Limits the number of drills at once, first come first served; the limit may change."""

import threading
from collections import deque


class Gate:
    def __init__(self, limit: int) -> None:
        self._changed = threading.Condition()
        self._limit = limit
        self._inside = 0
        self._closed = False
        self._queue: deque[object] = deque()

    @property
    def waiting(self) -> int:
        """How many wait; one whose turn has come may still be counted."""
        with self._changed:
            if self._closed:
                return 0
            return max(0, len(self._queue) - max(0, self._limit - self._inside))

    def enter(self) -> bool:
        """Wait for one's turn, in the order of arrival; False: the gate was closed."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            self._changed.wait_for(lambda: self._closed or self._is_next(ticket))
            self._queue.remove(ticket)
            if self._closed:
                return False
            self._inside += 1
            # There may be a place for the next one, too.
            self._changed.notify_all()
            return True

    def _is_next(self, ticket: object) -> bool:
        return self._inside < self._limit and self._queue[0] is ticket

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
