"""One bulk look at AWS serves every drill of this process for one tick."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from restorecheck.ports import Clock

T = TypeVar("T")


class DescribeCache(Generic[T]):
    """What `read` returned, not older than one tick.

    With many drills under way the number of describe calls depends on time alone: one
    (paginated) call per kind and tick, however many ask.
    """

    def __init__(self, read: Callable[[], Mapping[str, T]], clock: Clock, tick: timedelta) -> None:
        self._read = read
        self._clock = clock
        self._tick = tick
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._latest: Mapping[str, T] = {}

    def latest(self, *, not_before: datetime | None = None) -> Mapping[str, T]:
        """By identifier. `not_before`: a look that was taken earlier than this will not do."""
        with self._lock:
            if self._is_old(not_before):
                # Counted from before the call: what happens while it runs may be missing in it.
                began = self._clock.now()
                self._latest = self._read()
                self._read_at = began
            return self._latest

    def fresh(self) -> Mapping[str, T]:
        """As of this moment: asked before something is changed or deleted for what is seen of it."""
        return self.latest(not_before=self._clock.now())

    def _is_old(self, not_before: datetime | None) -> bool:
        if self._read_at is None or self._clock.now() - self._read_at >= self._tick:
            return True
        return not_before is not None and self._read_at < not_before
