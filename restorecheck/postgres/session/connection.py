"""Queries of a restored database: read-only, one statement at a time, with a limit on both sides."""

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
"""Opens an autocommit connection to one database of the endpoint, after verifying that the endpoint's
own server answers. Raises DatabaseUnreachableError."""

PREPARING = timedelta(minutes=10)
"""Limit of a statement before and after a load, the slowest being to drop a large database; then the connection is closed."""

TRANSACTION_TIMEOUT = 170_000
"""The first version with `transaction_timeout`, which a database may have set for its application."""
OURS = "restorecheck"
GRACE = timedelta(seconds=5)
"""If the server does not end a statement so long after its timeout, the connection is closed."""


def pin(connection: Connection) -> None:
    """Resolve names in PostgreSQL's own catalog only, for the rest of the session: for restorecheck's own connections."""
    connection.execute("set search_path to pg_catalog")


NAMES = """
select pg_catalog.string_agg(name::text, '') from (
  select nspname from pg_catalog.pg_namespace union all select relname from pg_catalog.pg_class
  union all select proname from pg_catalog.pg_proc union all select conname from pg_catalog.pg_constraint
  union all select attname from pg_catalog.pg_attribute where attrelid >= 16384
) named(name)
"""


def spell(connection: Connection) -> None:
    """Names in an SQL_ASCII database may have any encoding. If they are not UTF-8, every byte is sent and
    read as a Latin 1 character, so that names round-trip.

    Source: src/backend/utils/mb/mbutils.c, pg_server_to_any: what such a database sends is only verified.
    """
    if connection.info.parameter_status("server_encoding") != "SQL_ASCII":
        return
    try:
        connection.execute(NAMES)
    except psycopg.errors.CharacterNotInRepertoire:
        connection.execute("set client_encoding to 'LATIN1'")


def spelled(connection: Connection, text: str) -> bytes:
    """A statement in the encoding of its connection; characters that the encoding lacks are in no name."""
    return text.encode(connection.info.encoding, errors="replace")


@contextmanager
def plainly(connection: Connection) -> Iterator[None]:
    """A short read-only transaction in which names resolve to PostgreSQL's own objects.

    A restored database may have a `search_path` in which other functions, tables and operators hide
    those of the catalog; statements like SET need no lookup.
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
    """One transaction with one snapshot, which the server ends in time and which is rolled back. `writes`:
    it may make objects for its duration (an extension that checks pages). `settings`: statements that
    are sent with its start, in one round trip.

    Inside another transaction it is a savepoint, with the snapshot of that one.
    """
    milliseconds = max(1, round(timeout / timedelta(milliseconds=1)))
    mode = "read write" if writes else "read only"
    within = connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    end = f"rollback to savepoint {OURS}; release savepoint {OURS}" if within else "rollback"
    begin = f"begin transaction isolation level repeatable read, {mode}"
    if within:
        begin = f"savepoint {OURS}" + "; set transaction read only" * (not writes)
    # Statements, not calls of set_config: the database's search path may have another function of this name.
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
    """Run `end` afterwards in any case. Its own error, on a connection in the middle of a statement, does
    not replace the present exception (such as an interrupt).
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
    """For connections that are opened for a few statements: closed after the limit, so that a server that
    hangs, or a network that drops all packets, leads to an error.
    """
    # Only a weak reference: a strong one would keep the connection open.
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
    """Close the connection when the server does not answer within the limit; then `expired` is set.

    The server may ignore a cancel (a damaged index can make a query loop); closing the socket always
    works.
    """
    cutter = _Cutter(connection.fileno(), limit, expired or threading.Event())
    try:
        yield
    finally:
        cutter.stop()


class _Cutter:
    """Closes a socket when its time is over, unless it is stopped before."""

    def __init__(
        self,
        descriptor: int,
        limit: timedelta,
        expired: threading.Event,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`wanted`: called at the end of the time; False: the connection is closed already."""
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
