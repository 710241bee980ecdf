"""The SQLite file (WAL): opening, format, transactions, and errors."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from restorecheck.errors import StoreError
from restorecheck.sql.database import Database, Row
from restorecheck.sqlite import migration

log = structlog.get_logger("restorecheck.history")

BUSY_SECONDS = 30.0
"""Time to wait for a lock of another process; then the operation fails with a hint."""
OWNER_ONLY = 0o600
"""Reports are evidence about a production database, and drills know its hosts."""
OTHERS = 0o077


class SqliteDatabase(Database):
    """One connection, for one thread. Several processes may have one each.

    Raises:
        StoreError: The file cannot be created, opened or read, or is of a newer version.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        try:
            # Only the owner may read reports: they are evidence about a production database.
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise StoreError(
                f"could not create the history folder {path.parent}: {exc.strerror}",
                hint="Set history.path in the configuration to a writable place.",
            ) from exc
        self._file: os.stat_result | None = None
        make_private(path)
        with self.translated("open"):
            # Autocommit: every transaction is explicit.
            self._db = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
            try:
                self._refuse_what_is_not_ours()
                keep_private(path)
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        self._file = self._look()

    def close(self) -> None:
        self._db.close()

    @property
    def place(self) -> str:
        return str(self.path)

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        return self._db.execute(statement, tuple(parameters)).rowcount

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> list[Row]:
        with self.translated("read"):
            return self._db.execute(statement, tuple(parameters)).fetchall()

    def row(self, statement: str, parameters: Iterable[Any] = ()) -> Row | None:
        with self.translated("read"):
            found: Row | None = self._db.execute(statement, tuple(parameters)).fetchone()
            return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; the write lock is held from the start."""
        with self.translated("write"):
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                # After a full disk SQLite has already rolled back.
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")

    @contextmanager
    def turn(self, name: str, *, wait: bool = True) -> Iterator[None]:  # noqa: ARG002  # as the port
        """A file is of one host."""
        yield

    def holder(self, name: str) -> str | None:  # noqa: ARG002  # as above
        return None

    def _refuse_what_is_not_ours(self) -> None:
        """Raises StoreError, or sqlite3.Error for no database at all; nothing is changed."""
        query = "select name from sqlite_master where type = 'table'"
        tables = {name for (name,) in self._db.execute(query)}
        if tables and migration.FIRST_TABLE not in tables:
            raise StoreError(
                f"could not open the history {self.path}: it is a database of another program",
                hint="Set history.path to another file.",
            )

    def _prepare(self) -> None:
        self._db.execute("pragma journal_mode = wal")
        # A power cut may lose the last saves, but not an intent whose effect survives: throw-away servers
        # end with the power, too.
        self._db.execute("pragma synchronous = normal")
        self._db.execute("pragma foreign_keys = on")
        if self._version() > migration.VERSION:
            raise StoreError(
                f"could not open the history {self.path}: a newer restorecheck wrote it (format "
                f"{self._version()})",
                hint="Upgrade restorecheck, or set history.path to another file.",
            )
        if self._version() < migration.VERSION:
            with self.transaction():
                # Another process may have migrated the file during the wait for the lock.
                migration.migrate(self._db, self._version())

    def _version(self) -> int:
        (version,) = self._db.execute("pragma user_version").fetchone()
        return int(version)

    def _look(self) -> os.stat_result | None:
        try:
            return self.path.stat()
        except OSError:
            return None

    def _refuse_to_write_into_nothing(self) -> None:
        """Raises StoreError if the file was removed or replaced: SQLite would continue, and lose what is saved."""
        there = self._look()
        if self._file is None or (there is not None and os.path.samestat(self._file, there)):
            return
        raise StoreError(
            f"could not write the history {self.path}: another program removed or replaced the "
            "file",
            hint="Put the file back if you have it; otherwise the next start makes a new "
            "history. `restorecheck sweep` deletes what running drills left.",
        )

    @contextmanager
    def translated(self, verb: str) -> Iterator[None]:
        if verb == "write":
            self._refuse_to_write_into_nothing()
        try:
            yield
        except sqlite3.Error as exc:
            raise StoreError(
                f"could not {verb} the history {self.path}: {exc}", hint=_advice(exc)
            ) from exc


def make_private(path: Path) -> None:
    """Make the file, if there is none, readable and writable by its owner only. Errors are left to SQLite's open."""
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))


def keep_private(path: Path) -> None:
    """Take an existing history's permissions from everybody but its owner.

    SQLite gives `-wal` and `-shm` the permissions of the database (os_unix.c, findCreateFileMode). The file is not
    opened: closing it would release the locks of this process (fcntl(2)).
    """
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        with suppress(OSError):
            state = file.stat()
            if state.st_mode & OTHERS and state.st_uid == os.geteuid():
                file.chmod(OWNER_ONLY)
                log.warning(
                    "history.made_private", file=str(file), mode=f"{state.st_mode & 0o777:o}"
                )


def _advice(exc: sqlite3.Error) -> str:
    match getattr(exc, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "Free space on its disk. The next start finishes the unfinished drills."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "Another program has locked the file: end that program. No data is lost."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                "The file is damaged. Move the file away and restore a copy; `sqlite3 FILE "
                ".recover` saves the readable rows."
            )
        case _:
            return (
                "Check the file, the permissions of its folder and free disk space, or set "
                "history.path to another place."
            )
