"""The SQLite file (WAL): opening, its format, transactions, and its errors in our words."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from restorecheck.errors import StoreError
from restorecheck.sqlite import migration

log = structlog.get_logger("restorecheck.history")

BUSY_SECONDS = 30.0
OWNER_ONLY = 0o600
"""Reports are evidence about a production database, and drills know its hosts."""
OTHERS = 0o077

Row = tuple[Any, ...]


class Database:
    """One connection; of one thread. Several processes may each have theirs.

    Raises:
        StoreError: The file cannot be created, opened or read, or is of a newer version.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        try:
            # Reports are evidence about a production database: for their owner's eyes.
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise StoreError(
                f"could not create the history folder {path.parent}: {exc.strerror}",
                hint="Set history.path in the configuration to a writable place.",
            ) from exc
        self._file: os.stat_result | None = None
        keep_private(path)
        with self.translated("open"):
            # Autocommit: every transaction is spelled out.
            self._db = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        self._file = self._look()

    def close(self) -> None:
        self._db.close()

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        return self._db.execute(statement, tuple(parameters))

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> list[Row]:
        with self.translated("read"):
            return self._db.execute(statement, tuple(parameters)).fetchall()

    def row(self, statement: str, parameters: Iterable[Any] = ()) -> Row | None:
        with self.translated("read"):
            found: Row | None = self._db.execute(statement, tuple(parameters)).fetchone()
            return found

    def each(self, statement: str, parameters: Iterable[Any] = ()) -> Iterator[Row]:
        """One row at a time, for more than fits into memory."""
        with self.translated("read"):
            yield from self._db.execute(statement, tuple(parameters))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; the file is ours to write from the first line on."""
        with self.translated("write"):
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                # After a full disk SQLite has rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def _prepare(self) -> None:
        self._db.execute("pragma journal_mode = wal")
        # A power cut may take the last saves with it; what it cannot do is lose an intent whose
        # effect survives: throw-away clusters and their processes die with the power as well.
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
                # Another process may have been faster while we waited for the lock.
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
        """SQLite goes on with a file that has no name any more: what is saved would be lost."""
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


def keep_private(path: Path) -> None:
    """Make a new file, or one of ours that others may read, their owner's alone.

    SQLite gives `-wal` and `-shm` the permissions of the database (os_unix.c, findCreateFileMode). A file that is
    there is not opened: closing it would let go of the locks that this process has on it (fcntl(2)).
    What cannot be done here, SQLite says when it opens the file.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
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
