"""The store of one machine."""

from pathlib import Path

from restorecheck.sql.store import SqlStore
from restorecheck.sqlite.database import SqliteDatabase


class SqliteStore(SqlStore):
    """A store in one file, safe to use from several processes of one machine.

    Raises:
        StoreError: The file cannot be created, opened or read, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(SqliteDatabase(path))
