"""At most so many drills at once; the number may change while drills run."""

import threading


class Gate:
    def __init__(self, limit: int) -> None:
        self._changed = threading.Condition()
        self._limit = limit
        self._inside = 0
        self._closed = False
        self.waiting = 0
        """How many wait for their turn."""

    def enter(self) -> bool:
        """Wait for one's turn; False when the gate was closed meanwhile."""
        with self._changed:
            self.waiting += 1
            self._changed.wait_for(lambda: self._closed or self._inside < self._limit)
            self.waiting -= 1
            if self._closed:
                return False
            self._inside += 1
            return True

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
