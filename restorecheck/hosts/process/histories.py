"""Opens the history that the configuration names."""

from pathlib import Path

import structlog

from restorecheck.config.models import History
from restorecheck.hosts.process import logs
from restorecheck.sql.store import SqlStore
from restorecheck.sqlite.store import SqliteStore


def open_history(history: History) -> SqlStore:
    """The store, for one thread.

    Raises:
        StoreError: It cannot be created, opened or read, or is of a newer version.
    """
    if not structlog.is_configured():
        logs.configure()  # else its warnings go to stdout, into the answer of the command
    if history.url is None:
        return SqliteStore(Path(history.path))
    from restorecheck.postgres.history.database import PostgresDatabase

    return SqlStore(PostgresDatabase(history.url.get_secret_value()))
