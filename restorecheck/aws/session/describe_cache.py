"""One bulk describe call for all drills of this process in one tick."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from restorecheck.ports import Clock

T = TypeVar("T")


class DescribeCache(Generic[T]):
    """The result of `read`, not older than one tick.

    So the number of describe calls does not depend on the number of drills: one (paginated) call for each kind
    and tick.
    """

    def __init__(self, read: Callable[[], Mapping[str, T]], clock: Clock, tick: timedelta) -> None:
        self._read = read
        self._clock = clock
        self._tick = tick
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._latest: Mapping[str, T] = {}

    def latest(self, *, not_before: datetime | None = None) -> Mapping[str, T]:
        """By identifier. `not_before`: an earlier result is not used."""
        with self._lock:
            if self._is_old(not_before):
                # The time before the call counts: changes during the call may be missing.
                began = self._clock.now()
                self._latest = self._read()
                self._read_at = began
            return self._latest

    def fresh(self) -> Mapping[str, T]:
        """Read now: used before a change or deletion that depends on the result."""
        return self.latest(not_before=self._clock.now())

    def _is_old(self, not_before: datetime | None) -> bool:
        if self._read_at is None or self._clock.now() - self._read_at >= self._tick:
            return True
        return not_before is not None and self._read_at < not_before
