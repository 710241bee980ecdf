"""What several hosts of one history know of each other: their names, and who still runs which drill."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from restorecheck.config.models import History
from restorecheck.errors import StoreError
from restorecheck.hosts.process import leases
from restorecheck.model import Drill
from restorecheck.sql.store import SqlStore

if TYPE_CHECKING:
    from restorecheck.postgres.history.leases import Leases

log = structlog.get_logger("restorecheck.history")

NAME = "RESTORECHECK_HOST"
"""Variable with the name of this host, where the host name changes or is not unique (containers)."""


def host_name_of(history: History) -> str:
    """The name of this host; empty: its history is not shared."""
    return "" if history.url is None else _this_host()


def _this_host() -> str:
    return os.environ.get(NAME) or socket.gethostname()


def lease_of(drill_id: str) -> str:
    return f"drill {drill_id}"


def is_alive(drill: Drill, store: SqlStore, locks: Path) -> bool:
    """Whether a process still runs the drill. Of this host the locks tell at once, of another one its lease."""
    if drill.host in {"", _this_host()}:
        return leases.is_held(locks / f"{drill.id}.lock")
    return store.database.holder(lease_of(drill.id)) is not None


class SharedLeases:
    """The leases of this process in a shared history; a thread renews them while any is held."""

    def __init__(self, history: History) -> None:
        self._url = history.url
        self._host = host_name_of(history)
        self._lasts = timedelta(seconds=history.host_timeout_seconds)
        self._held = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold a lease that other hosts see. Of a history that is not shared: nothing to hold.

        Raises:
            BusyError: Another process has it.
            StoreError: The history cannot be written.
        """
        if self._url is None:
            yield
            return
        with self._opened() as shared:
            shared.take(name)
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)
            try:
                with self._opened() as shared:
                    shared.give_back(name)
            except StoreError as exc:
                log.warning("lease.not_returned", name=name, reason=exc.message)

    def _count(self, change: int) -> None:
        with self._lock:
            self._held += change
            if change > 0 and self._held == 1:
                self._stop = threading.Event()
                threading.Thread(target=self._renew, args=[self._stop], daemon=True).start()
            if not self._held:
                self._stop.set()

    def _renew(self, stop: threading.Event) -> None:
        from restorecheck.postgres.history.leases import RENEWALS

        while not stop.wait(self._lasts.total_seconds() / RENEWALS):
            try:
                with self._opened() as shared:
                    shared.renew()
            except StoreError as exc:  # tried again; a lease outlives several failures
                log.warning("lease.not_renewed", reason=exc.message)

    @contextmanager
    def _opened(self) -> Iterator["Leases"]:
        from restorecheck.postgres.history.database import PostgresDatabase
        from restorecheck.postgres.history.leases import Leases

        assert self._url is not None, "asked before"
        with closing(PostgresDatabase(self._url.get_secret_value())) as database:
            holder = f"{self._host} {os.getpid()} {id(self)}"
            yield Leases(database, host=self._host, holder=holder, lasts=self._lasts)
