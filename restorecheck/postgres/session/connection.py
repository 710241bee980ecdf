"""Asking a restored database: read-only, one statement at a time, bounded on both sides."""

import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg

from restorecheck.model import Endpoint

Connection = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[[Endpoint, str], Connection]
"""Opens an autocommit connection to one database of the endpoint, and has proven that it is the
endpoint's own server that answers. Raises DatabaseUnreachableError."""

PREPARING = timedelta(minutes=10)
"""For the few statements before and after a load; dropping a large database is the slowest."""

TRANSACTION_TIMEOUT = 170_000
"""The version that has one; a database may have set it for sessions of its application."""
OURS = "restorecheck"
GRACE = timedelta(seconds=5)
"""How long after its own timeout the server may take to end a statement."""


def pin(connection: Connection) -> None:
    """Names mean what PostgreSQL means by them, from now on: for connections that are ours alone."""
    connection.execute("set search_path to pg_catalog")


NAMES = """
select pg_catalog.string_agg(name::text, '') from (
  select nspname from pg_catalog.pg_namespace union all select relname from pg_catalog.pg_class
  union all select proname from pg_catalog.pg_proc union all select conname from pg_catalog.pg_constraint
  union all select attname from pg_catalog.pg_attribute where attrelid >= 16384
) named(name)
"""


def spell(connection: Connection) -> None:
    """Names in an SQL_ASCII database may be of any encoding. Where they are not UTF-8, every byte is sent
    and read as the Latin 1 letter of its number, so that it comes back as it was.

    Source: src/backend/utils/mb/mbutils.c, pg_server_to_any: what such a database sends is only verified.
    """
    if connection.info.parameter_status("server_encoding") != "SQL_ASCII":
        return
    try:
        connection.execute(NAMES)
    except psycopg.errors.CharacterNotInRepertoire:
        connection.execute("set client_encoding to 'LATIN1'")


def spelled(connection: Connection, text: str) -> bytes:
    """A statement in the encoding of its connection; of a letter that it lacks, nothing has a name."""
    return text.encode(connection.info.encoding, errors="replace")


@contextmanager
def plainly(connection: Connection) -> Iterator[None]:
    """A short reading transaction of our own in which names mean what PostgreSQL means by them.

    A restored database may have a `search_path` with other functions, tables and operators of the same
    names before the catalog's; statements like SET are not looked up anywhere.
    """
    within = connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    begin = f"savepoint {OURS}" if within else "begin read only"
    end = f"rollback to savepoint {OURS}; release savepoint {OURS}" if within else "rollback"
    plain = f"{begin}; set local search_path to pg_catalog"
    connection.execute(plain.encode(), prepare=False)
    with _ended(connection, end):
        yield


@contextmanager
def rolled_back(
    connection: Connection, timeout: timedelta, *, writes: bool = False, settings: str = ""
) -> Iterator[None]:
    """One transaction that sees one state of the database, is ended by the server in time, and leaves
    nothing. `writes`: it may make something for as long as it lasts (an extension that looks at pages).
    `settings`: statements of ours that go with its beginning, in one round trip.

    Within somebody else's transaction it is a savepoint, and sees what that one sees.
    """
    milliseconds = max(1, round(timeout / timedelta(milliseconds=1)))
    mode = "read write" if writes else "read only"
    within = connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    end = f"rollback to savepoint {OURS}; release savepoint {OURS}" if within else "rollback"
    begin = f"begin transaction isolation level repeatable read, {mode}"
    if within:
        begin = f"savepoint {OURS}" + "; set transaction read only" * (not writes)
    # Statements, not calls of set_config: a search path of the database may have another one first.
    begin += (
        f"; set local statement_timeout to {milliseconds}; set local lock_timeout to {milliseconds}"
        "; set local idle_in_transaction_session_timeout to 0"
    )
    if connection.info.server_version >= TRANSACTION_TIMEOUT:
        begin += "; set local transaction_timeout to 0"
    with _ended(connection, end):
        connection.execute(f"{begin}; {settings}".encode(), prepare=False)
        yield


@contextmanager
def _ended(connection: Connection, end: str) -> Iterator[None]:
    """Afterwards `end` is said, whatever happened; what is in flight (an interrupt, say) is not replaced
    by the error that this comes to on a connection in the middle of a statement.
    """
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):
            _say(connection, end)
        raise
    _say(connection, end)


def _say(connection: Connection, end: str) -> None:
    if not connection.closed:
        connection.execute(end.encode())


def bounded(connection: Connection, limit: timedelta = PREPARING) -> Connection:
    """For connections that are opened for a few statements and closed: cut after the limit, so that
    a server that stands still, or a network that swallows everything, ends in an error.
    """
    # It must not hold the connection itself, or nobody could ever be done with that.
    watched = weakref.ref(connection)
    cutter = _Cutter(connection.fileno(), limit, threading.Event(), lambda: is_open(watched()))
    weakref.finalize(connection, cutter.stop)
    return connection


def is_open(connection: Connection | None) -> bool:
    return connection is not None and not connection.closed


@contextmanager
def deadline(
    connection: Connection, limit: timedelta, expired: threading.Event | None = None
) -> Iterator[None]:
    """Cut the connection when the server does not answer within the limit; `expired` is set then.

    Cancelling is the server's business and may never happen (a damaged index can make a query loop
    that ignores every cancel); closing the socket is ours.
    """
    cutter = _Cutter(connection.fileno(), limit, expired or threading.Event())
    try:
        yield
    finally:
        cutter.stop()


class _Cutter:
    """Ends what goes through a socket when its time is up, unless it is stopped before."""

    def __init__(
        self,
        descriptor: int,
        limit: timedelta,
        expired: threading.Event,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`wanted`: asked at the end of the time; what is closed by then needs no cutting."""
        self._expired = expired
        self._wanted = wanted
        self._duplicate = os.dup(descriptor)
        self._timer = threading.Timer(limit.total_seconds(), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        if not self._wanted():
            return
        self._expired.set()
        with socket.socket(fileno=os.dup(self._duplicate)) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._timer.cancel()
        self._timer.join()
        os.close(self._duplicate)
