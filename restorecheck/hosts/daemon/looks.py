"""Looks for new backups of targets with `when_new`: by the clock, and when something says that there may be one."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import Enum, auto

import structlog

from restorecheck.choosing import Listed
from restorecheck.config import Config
from restorecheck.hosts.drill import new_backups
from restorecheck.hosts.drill.new_backups import Look
from restorecheck.ports import Clock
from restorecheck.sql.store import SqlStore

log = structlog.get_logger("restorecheck.runner")

NOT_SEEN = frozenset({"not seen"})
"""Of a target before the first look; no backup has this key."""

NewestOf = Callable[[Config, str, Clock], tuple[Listed, ...]]


class Seen(Enum):
    """What one look at a target has found."""

    NOTHING_NEW = auto()
    AGAIN = auto()  # the backup may still be written: look again
    ASKED = auto()  # a drill was asked for
    LATER = auto()  # a drill waits, runs, or was asked for lately


class Looks:
    """Called from several threads: one look at a time, so that no backup is asked for twice."""

    def __init__(
        self,
        config: Callable[[], Config],
        clock: Clock,
        *,
        newest_of: NewestOf,
        history: Callable[[], AbstractContextManager[SqlStore]],
        is_busy: Callable[[str], bool],
    ) -> None:
        """`is_busy`: a drill of the target waits or runs."""
        self._config, self._clock = config, clock
        self._newest_of, self._history = newest_of, history
        self._is_busy = is_busy
        self.is_written: Callable[[str], bool] = lambda _name: False
        """Whether a file of the target is open for writing, as far as this machine sees."""
        self._known: dict[str, Look] = {}
        self._looking = threading.Lock()

    def look(self, name: str, ask: Callable[[str], None], *, at_once: bool = False) -> Seen:
        """Ask for a drill if the newest backup was not drilled. `at_once`: there will be no second look.

        Raises as `Provider.newest`; StoreError.
        """
        with self._looking:
            if self._is_busy(name):
                return Seen.LATER
            keys = new_backups.keys_of(self._newest_of(self._config(), name, self._clock))
            now = self._clock.now()
            known = self._known.setdefault(name, Look(keys if at_once else NOT_SEEN))
            if self.is_written(name) or not known.is_settled(keys, now):
                return Seen.AGAIN
            with self._history() as store:
                if not new_backups.is_new(keys, store, name):
                    return Seen.NOTHING_NEW
            if not known.is_due(now):
                return Seen.LATER
            known.asked_at = now
            log.info("backup.new", target=name, backups=sorted(keys))
            ask(name)
            return Seen.ASKED
