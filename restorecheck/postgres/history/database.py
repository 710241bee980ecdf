"""The connection to the history: opening, transactions, turns, and errors.

Each `history.url` is one schema `restorecheck` in one database. What several hosts do at once is settled by the
server: one transaction at a time writes (an advisory lock, as SQLite's write lock), and a save is conditional.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import psycopg

from restorecheck.checks.server_messages import Known
from restorecheck.errors import BusyError, StoreError
from restorecheck.postgres.history import migration
from restorecheck.postgres.session.messages import told, why_not_reached
from restorecheck.sql.database import Database, Row

Connection = psycopg.Connection[Row]

LOCKS = 0x7263  # "rc"
"""First key of our advisory locks, which other programs in the database do not use by chance."""
WRITING = 0
LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Without an answer for 30 seconds the connection counts as lost: a network may drop packets without an error."""
SESSION = """
set search_path to restorecheck;
set lock_timeout to '30s';
set statement_timeout to '10min';
set idle_in_transaction_session_timeout to '1min';
set tcp_keepalives_idle to 30;
set tcp_keepalives_interval to 10;
set tcp_keepalives_count to 3;
set default_transaction_isolation to 'read committed';
"""
"""The server ends what a dead host holds within a minute."""
_PARAMETER = re.compile(r"\?(\d*)")


class PostgresDatabase(Database):
    """One connection, for one thread. A lost connection is opened again by the next call.

    Raises:
        StoreError: The server cannot be reached, refuses, or its history is of a newer version.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._within = 0
        """Inside a transaction or a turn, which a new connection would not continue."""
        with self.translated("open"):
            self._connection = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    @property
    def place(self) -> str:
        return place_of(self._url)

    def close(self) -> None:
        self._connection.close()

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> int:
        return self._cursor(statement, parameters).rowcount

    def run(self, script: str) -> None:
        """Several statements without parameters, as `execute`."""
        self._reconnect()
        self._connection.execute(script.encode())

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> list[Row]:
        with self.translated("read"):
            return self._cursor(statement, parameters).fetchall()

    def row(self, statement: str, parameters: Iterable[Any] = ()) -> Row | None:
        with self.translated("read"):
            return self._cursor(statement, parameters).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.translated("write"), self._unbroken():
            self._cursor("begin")
            try:
                self._cursor("select pg_advisory_xact_lock(?, ?)", (LOCKS, WRITING))
                yield
            except BaseException:
                with suppress(psycopg.Error):
                    self._cursor("rollback")
                raise
            self._cursor("commit")

    @contextmanager
    def turn(self, name: str, *, wait: bool = True) -> Iterator[None]:
        key = (LOCKS, name)
        with self._unbroken():
            if wait:
                with self.translated("lock"):
                    self._cursor("select pg_advisory_lock(?, hashtext(?))", key)
            elif self.row("select pg_try_advisory_lock(?, hashtext(?))", key) != (True,):
                raise BusyError(f"another host has the lock {name!r} of this history")
            try:
                yield
            finally:
                with suppress(psycopg.Error):  # a lost connection has released it
                    self._cursor("select pg_advisory_unlock(?, hashtext(?))", key)

    def holder(self, name: str) -> str | None:
        row = self.row(
            "select host from leases where name = ? and until > clock_timestamp()", (name,)
        )
        return None if row is None else str(row[0])

    @contextmanager
    def translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            known = Known(
                f"{_user_of(self._url)} {urlsplit(self._url).path.strip('/')} restorecheck {migration.TABLES}"
            )
            why = why_not_reached(exc, known) if verb == "open" else told(exc, known)
            raise StoreError(
                f"could not {verb} the history {self.place}: {why}", hint=_advice(exc)
            ) from exc

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        self._reconnect()
        self._within += 1
        try:
            yield
        finally:
            self._within -= 1

    def _cursor(self, statement: str, parameters: Iterable[Any] = ()) -> psycopg.Cursor[Row]:
        self._reconnect()
        return self._connection.execute(_numbered(statement), tuple(parameters))

    def _reconnect(self) -> None:
        """After a loss, and after an interrupt in the middle of a statement."""
        idle = self._connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        if self._within or idle:
            return
        self._connection.close()
        with self.translated("open"):
            self._connection = self._connect()

    def _connect(self) -> Connection:
        made: Connection = psycopg.Connection.connect(
            self._url,
            autocommit=True,
            client_encoding="UTF8",
            application_name="restorecheck",
            cursor_factory=psycopg.RawCursor,
            **cast(
                Any, {name: value for name, value in LIMITS.items() if f"{name}=" not in self._url}
            ),
        )
        made.execute(SESSION)
        return made

    def _prepare(self) -> None:
        version = migration.version_of(self._connection)
        if version < migration.VERSION:
            with self.transaction():
                migration.migrate(self._connection)
        elif version > migration.VERSION:
            raise StoreError(
                f"could not open the history {self.place}: a newer restorecheck wrote it (format {version})",
                hint="Upgrade restorecheck on this host, or set history.url to another database.",
            )


def place_of(url: str) -> str:
    """`server:port/database` of a URL, without user and password."""
    parts = urlsplit(url)
    query = dict(pair.partition("=")[::2] for pair in parts.query.split("&"))
    host = parts.hostname or unquote(query.get("host", ""))
    port = parts.port or query.get("port") or 5432
    return f"{host}:{port}{parts.path or '/'}"


def _user_of(url: str) -> str:
    return unquote(urlsplit(url).username or "")


@cache
def _numbered(statement: str) -> bytes:
    """With PostgreSQL's own spelling of parameters."""
    numbers = count(1)
    return _PARAMETER.sub(lambda match: f"${match[1] or next(numbers)}", statement).encode()


def _advice(exc: psycopg.Error) -> str:
    match exc.sqlstate or "":
        case "42501" | "3F000":
            return (
                "Let an administrator run, in this database: create schema restorecheck authorization "
                "<the role of history.url>."
            )
        case "25006":
            return "history.url names a standby, which only reads: name the primary."
        case "55P03":
            return "Another host is writing for more than 30 seconds. No data is lost; try again."
        case "53100":
            return "Free space on its disk. The next start finishes the unfinished drills."
        case "53300":
            return "Raise max_connections of the server, or the connection limit of the role."
        case _:
            return (
                "Check that the server runs, and history.url: host, port, role, password, TLS. "
                "The same command can be tried again; no report is lost."
            )
