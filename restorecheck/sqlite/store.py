"""Drills and reports in SQLite (WAL), one row each; a save is conditional on the version."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restorecheck import codec
from restorecheck.errors import DrillConflictError, NotFoundError, StoreError
from restorecheck.model import Drill
from restorecheck.ports import DrillStore

SCHEMA_VERSION = 1

_SCHEMA = """
create table if not exists drills (
  id text primary key,
  target text not null,
  version integer not null,
  started_at text not null,
  finished integer not null,
  left_behind integer not null,
  state text not null
) strict;
create index if not exists drills_open on drills (started_at) where finished = 0 or left_behind = 1;
create table if not exists reports (
  drill_id text primary key references drills (id),
  target text not null,
  verdict text not null,
  finished_at text not null,
  report text not null
) strict;
create index if not exists reports_by_target on reports (target, finished_at);
"""

BUSY_SECONDS = 30.0


class SqliteStore(DrillStore):
    """A store in one file, safe to use from several processes of one machine.

    Raises:
        StoreError: The file cannot be created, opened or read, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Reports are evidence about a production database: for their owner's eyes.
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise StoreError(
                f"the history folder {path.parent} cannot be made: {exc.strerror}",
                hint="Set history.path in the configuration to a place that can be written.",
            ) from exc
        with self._translated("open"):
            # Autocommit: every transaction below is spelled out.
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._migrate()

    def close(self) -> None:
        self._db.close()

    def create(self, drill: Drill) -> Drill:
        stored = drill.evolve(version=1)
        with self._translated("write"):
            cursor = self._db.execute(
                "insert into drills values (?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing",
                (stored.id, stored.target, 1, stored.started_at.isoformat(), *_row(stored)),
            )
        if cursor.rowcount != 1:
            raise DrillConflictError(f"drill {drill.id} exists already")
        return stored

    def load(self, drill_id: str) -> Drill:
        with self._translated("read"):
            row = self._db.execute("select state from drills where id = ?", (drill_id,)).fetchone()
        if row is None:
            raise NotFoundError(f"no drill {drill_id} in {self._path}")
        return codec.decode(row[0])

    def save(self, drill: Drill) -> Drill:
        with self._translated("write"):
            return self._update(drill)

    def finish(self, drill: Drill, report: str) -> Drill:
        assert drill.verdict is not None and drill.finished_at is not None, "finished"  # noqa: PT018  # one invariant
        with self._translated("write"), self._transaction():
            saved = self._update(drill)
            cursor = self._db.execute(
                "insert into reports values (?, ?, ?, ?, ?) on conflict (drill_id) do nothing",
                (
                    drill.id,
                    drill.target,
                    drill.verdict.value,
                    drill.finished_at.isoformat(),
                    report,
                ),
            )
            if cursor.rowcount != 1:
                raise DrillConflictError(f"drill {drill.id} has a report already")
            return saved

    def unfinished(self) -> tuple[Drill, ...]:
        return self._select("finished = 0")

    def with_leftovers(self) -> tuple[Drill, ...]:
        return self._select("finished = 1 and left_behind = 1")

    def report(self, drill_id: str) -> str:
        with self._translated("read"):
            row = self._db.execute(
                "select report from reports where drill_id = ?", (drill_id,)
            ).fetchone()
        if row is None:
            raise NotFoundError(f"no report of drill {drill_id} in {self._path}")
        return str(row[0])

    def _select(self, condition: str) -> tuple[Drill, ...]:
        with self._translated("read"):
            rows = self._db.execute(
                f"select state from drills where {condition} order by started_at, id"  # noqa: S608  # our own two conditions
            ).fetchall()
        return tuple(codec.decode(row[0]) for row in rows)

    def _update(self, drill: Drill) -> Drill:
        saved = drill.evolve(version=drill.version + 1)
        cursor = self._db.execute(
            "update drills set version = ?, finished = ?, left_behind = ?, state = ?"
            " where id = ? and version = ?",
            (saved.version, *_row(saved), drill.id, drill.version),
        )
        if cursor.rowcount != 1:
            raise DrillConflictError(f"drill {drill.id} was advanced by another host")
        return saved

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _migrate(self) -> None:
        self._db.execute("pragma journal_mode = wal")
        # A power cut may take the last saves with it; what it cannot do is lose an intent whose
        # effect survives: throw-away clusters and their processes die with the power as well.
        self._db.execute("pragma synchronous = normal")
        (found,) = self._db.execute("pragma user_version").fetchone()
        if found > SCHEMA_VERSION:
            raise StoreError(
                f"{self._path} was written by a newer restorecheck (format {found})",
                hint="Upgrade restorecheck, or set history.path to another file.",
            )
        if found < SCHEMA_VERSION:
            self._db.executescript(f"{_SCHEMA} pragma user_version = {SCHEMA_VERSION};")

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise StoreError(
                f"could not {verb} the history {self._path}: {exc}",
                hint="Check the file, its folder's permissions and free space; "
                "history.path names another place.",
            ) from exc


def _row(drill: Drill) -> tuple[int, int, str]:
    return int(drill.finished), int(drill.finished and bool(drill.ledger)), codec.encode(drill)
