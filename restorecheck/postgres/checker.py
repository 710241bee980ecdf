"""Puts checks to a restored PostgreSQL database.

Every question runs alone in a read-only transaction with `statement_timeout` and `lock_timeout`,
as a role without superuser where the provider could make one, over the extended protocol, which
takes exactly one statement. A deadline on this side of the connection ends what the server does
not end itself (a damaged index can make a query loop that ignores every cancel).
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg
from psycopg import sql

from restorecheck.checks.catalogue import Family, TableName, parse_table_name
from restorecheck.checks.judge import (
    Answer,
    Counts,
    Damaged,
    Missing,
    NoAnswer,
    Rows,
    describe_expectation,
    judge,
    measure,
)
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import CheckOutcome, CheckResult, CheckSpec, Endpoint
from restorecheck.ports import Checker, Clock
from restorecheck.postgres.messages import (
    is_absence,
    is_damage,
    lacks_room,
    redacted,
    safe_message,
    why_refused,
)

Connection = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[[Endpoint, str], Connection]
"""Opens an autocommit connection to one database of the endpoint, and has proven that it is the
endpoint's own server that answers. Raises DatabaseUnreachableError."""

MAINTENANCE = ("postgres", "template1")
"""Databases that are there where nobody dropped them; asked which others there are."""

OTHERS_OWN = ("rdsadmin",)
"""Databases of the provider's, which nobody else may enter: RDS User Guide, "rdsadmin"."""

MISSING = " does not exist"

GRACE = timedelta(seconds=5)
"""How long after its own timeout the server may take to end a statement."""

ROWS_READ = 1_000_000
"""A query that returns more is not read further: row numbers above this are `more than`."""

IDENTITY = """
select system_identifier::text || '/' || (select oid from pg_database where datname = current_database())
from pg_control_system()
"""
"""Names the cluster (set once, by initdb) and the database in it. Readable by everybody."""

TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and c.relpersistence <> 't'
order by 1, 2
"""


DATABASES = """
select datname from pg_database where not datistemplate and datname <> all(%s) order by datname
"""
"""Also those that allow no connections: what cannot be looked at is said, not left out."""

EVERYWHERE = frozenset({Family.TABLES_COUNTABLE, Family.ANY_ROWS})


def identity_of(connection: Connection) -> str:
    """What `Endpoint.identity` is for a PostgreSQL database."""
    row = connection.execute(IDENTITY).fetchone()
    assert row is not None, "the query returns one row"
    return str(row[0])


def by_system_identifier(connect: Connect) -> Connect:
    """For servers that `initdb` made: no other cluster has the same identifier."""

    def proven(endpoint: Endpoint, database: str) -> Connection:
        connection = connect(endpoint, database)
        try:
            found = identity_of(connection)
        except psycopg.Error as exc:
            connection.close()
            raise unreachable(exc, database) from exc
        if database == endpoint.databases[0] and found != endpoint.identity:
            connection.close()
            raise DatabaseUnreachableError(
                "another server answers at the address of the restored database",
                hint="Nothing was asked of it. Run the drill again.",
            )
        return connection

    return proven


@dataclass
class _Session:
    connection: Connection
    counts: Counts | None = None


class PostgresChecker(Checker):
    """Asks over connections that `connect` opens; keeps one connection a database."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._listed: dict[str, tuple[str, ...]] = {}

    def run(
        self, endpoint: Endpoint, pending: Sequence[CheckSpec], until: datetime
    ) -> tuple[CheckResult, ...]:
        spec = pending[0]
        left = until - self._clock.now()
        if left <= timedelta(0):
            return (_no_time(spec, spec.database, endpoint),)
        began = time.perf_counter()
        timeout = min(spec.timeout, left)
        if spec.kind in EVERYWHERE:
            names = self._databases(endpoint)
            database, answer = ", ".join(names), self._count_all(endpoint, names, spec, timeout)
        else:
            database, answer = self._ask_one(endpoint, spec, timeout)
        seconds = time.perf_counter() - began
        judgement = judge(spec, answer)
        return (
            CheckResult(
                name=spec.name,
                kind=spec.kind,
                database=database,
                severity=spec.severity,
                outcome=judgement.outcome,
                expected=judgement.expected,
                found=judgement.found,
                detail=judgement.detail,
                seconds=seconds,
                answered_by=endpoint.identity,
                measured=measure(spec, answer),
            ),
        )

    def close(self) -> None:
        for key in list(self._sessions):
            self._forget(key)

    def _ask_one(
        self, endpoint: Endpoint, spec: CheckSpec, timeout: timedelta
    ) -> tuple[str, Answer]:
        database = spec.database or self._default_database(endpoint)
        if not database:
            several = ", ".join(self._databases(endpoint))
            reason = f"there are several databases ({several}); say `database` in the check"
            return "", NoAnswer(reason=reason)
        return database, self._answer(endpoint, database, spec, timeout)

    def _count_all(
        self, endpoint: Endpoint, names: Sequence[str], spec: CheckSpec, timeout: timedelta
    ) -> Answer:
        """Every table of every database; the first one that gives no counts is the answer."""
        end = time.monotonic() + timeout.total_seconds()
        tables: dict[str, int] = {}
        unreadable: dict[str, str] = {}
        for name in names:
            left = timedelta(seconds=max(0.001, end - time.monotonic()))
            answer = self._answer(endpoint, name, spec, left)
            if not isinstance(answer, Counts):
                return answer
            prefix = f"{name}." if len(names) > 1 else ""
            tables |= {prefix + table: count for table, count in answer.tables.items()}
            unreadable |= {prefix + table: reason for table, reason in answer.unreadable.items()}
        return Counts(tables=tables, unreadable=unreadable)

    def _default_database(self, endpoint: Endpoint) -> str:
        """The one that is meant where a check names none; empty where that cannot be said."""
        if endpoint.databases:
            return endpoint.databases[0]
        own = [name for name in self._databases(endpoint) if name != MAINTENANCE[0]]
        if len(own) > 1:
            return ""
        return own[0] if own else MAINTENANCE[0]

    def _databases(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Those to prove: the configured ones, or all that are there and no templates."""
        return endpoint.databases or self._list(endpoint)

    def _list(self, endpoint: Endpoint) -> tuple[str, ...]:
        if endpoint.identity not in self._listed:
            names = self._maintenance(endpoint).execute(DATABASES, [list(OTHERS_OWN)]).fetchall()
            self._listed[endpoint.identity] = tuple(str(row[0]) for row in names)
        return self._listed[endpoint.identity]

    def _maintenance(self, endpoint: Endpoint) -> Connection:
        first, second = MAINTENANCE
        try:
            return self._session(endpoint, first).connection
        except DatabaseUnreachableError:
            # It may have been dropped; template1 is there unless somebody tried hard.
            return self._session(endpoint, second).connection

    def _is_missing(self, endpoint: Endpoint, database: str) -> bool:
        """Whether the server, asked elsewhere, says that there is no such database."""
        try:
            row = self._maintenance(endpoint).execute(
                "select count(*) from pg_database where datname = %s", [database]
            )
            return row.fetchone() == (0,)
        except (DatabaseUnreachableError, psycopg.Error):
            return False

    def _answer(
        self, endpoint: Endpoint, database: str, spec: CheckSpec, timeout: timedelta
    ) -> Answer:
        key = (endpoint.identity, database)
        try:
            session = self._session(endpoint, database)
        except DatabaseUnreachableError:
            if self._is_missing(endpoint, database):
                return Missing(what=f"database {database}")
            raise
        expired = threading.Event()
        try:
            with _deadline(session.connection, timeout + GRACE, expired):
                return _ask(session, spec, timeout)
        except psycopg.Error as exc:
            known = f"{spec.options.get('sql', '')} {spec.options.get('table', '')}"
            return _translate(exc, timeout, known=known, expired=expired.is_set())
        except UnicodeDecodeError:
            return NoAnswer(reason="the query returns text that is not valid UTF-8")
        finally:
            # A statement may have ended the transaction it was put in; such a connection, and a
            # broken one, is not used again.
            status = session.connection.info.transaction_status
            if session.connection.closed or status is not psycopg.pq.TransactionStatus.IDLE:
                self._forget(key)

    def _session(self, endpoint: Endpoint, database: str) -> _Session:
        key = (endpoint.identity, database)
        if key not in self._sessions:
            connection = self._connect(endpoint, database)
            self._sessions[key] = _Session(connection)
        return self._sessions[key]

    def _forget(self, key: tuple[str, str]) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.connection.close()


def _ask(session: _Session, spec: CheckSpec, timeout: timedelta) -> Answer:
    match spec.kind:
        case Family.SERVER_ANSWERS:
            return _query(session.connection, "select 1", timeout)
        case Family.TABLES_COUNTABLE | Family.ANY_ROWS:
            if session.counts is None:
                session.counts = _count_tables(session.connection, timeout)
            return session.counts
        case Family.ROW_COUNT:
            return _row_count(session, parse_table_name(spec.options["table"]), timeout)
        case Family.QUERY:
            return _query(session.connection, spec.options["sql"], timeout)
        case _:
            return NoAnswer(reason=f"this version has no check of kind {spec.kind!r}")


@contextmanager
def _read_only(connection: Connection, timeout: timedelta) -> Iterator[None]:
    milliseconds = max(1, round(timeout / timedelta(milliseconds=1)))
    connection.execute("begin transaction isolation level repeatable read, read only")
    try:
        connection.execute(
            "select set_config('statement_timeout', %(ms)s, true),"
            " set_config('lock_timeout', %(ms)s, true),"
            " set_config('idle_in_transaction_session_timeout', '0', true)",
            {"ms": str(milliseconds)},
        )
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


def _query(connection: Connection, text: str, timeout: timedelta) -> Rows:
    """The first row and the number of rows, read row by row: memory stays small."""
    with _read_only(connection, timeout), connection.cursor() as cursor:
        first: tuple[Any, ...] = ()
        count = 0
        more = False
        # `stream` uses the extended protocol: a second statement is refused by the server.
        stream = cast(Generator[tuple[Any, ...]], cursor.stream(text))
        with closing(stream) as rows:
            for row in rows:
                if count == ROWS_READ:
                    more = True
                    break
                count += 1
                if count == 1:
                    first = row
        columns = len(cursor.description) if cursor.description else 0
    return Rows(columns=columns, count=count, first=first, more=more)


def _row_count(session: _Session, wanted: TableName, timeout: timedelta) -> Answer:
    found = _resolve(session.connection, wanted, timeout)
    if found is None:
        return Missing(what=f"table {wanted}")
    counted = session.counts.tables.get(".".join(found)) if session.counts else None
    if counted is not None:
        # Counted a moment ago, on this connection, in a database that nobody writes to.
        return Rows(columns=1, count=1, first=(counted,))
    text = sql.SQL("select count(*) from {}").format(sql.Identifier(*found))
    return _query(session.connection, text.as_string(session.connection), timeout)


def _resolve(
    connection: Connection, wanted: TableName, timeout: timedelta
) -> tuple[str, str] | None:
    """The table as the catalog has it: as written, else folded to lower case as SQL does."""
    for name in (wanted, TableName(wanted.schema.lower(), wanted.table.lower())):
        with _read_only(connection, timeout):
            row = connection.execute(
                "select n.nspname, c.relname from pg_class c"
                " join pg_namespace n on n.oid = c.relnamespace"
                " where c.relname = %(table)s and c.relkind in ('r', 'p', 'm', 'v', 'f')"
                " and (n.nspname = %(schema)s or (%(schema)s = '' and pg_table_is_visible(c.oid)))",
                {"table": name.table, "schema": name.schema},
            ).fetchone()
        if row is not None:
            return row[0], row[1]
    return None


def _count_tables(connection: Connection, timeout: timedelta) -> Counts:
    """Every ordinary table, each in a transaction of its own: one bad table hides no other."""
    end = time.monotonic() + timeout.total_seconds()
    with _read_only(connection, timeout):
        names = connection.execute(TABLES).fetchall()
    tables: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    for schema, table in names:
        left = timedelta(seconds=max(0.001, end - time.monotonic()))
        text = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
        try:
            answer = _query(connection, text.as_string(connection), left)
        except psycopg.Error as exc:
            if exc.sqlstate is None or not is_damage(exc.sqlstate):
                raise
            unreadable[f"{schema}.{table}"] = safe_message(exc.sqlstate, str(exc))
            continue
        tables[f"{schema}.{table}"] = answer.first[0]
    return Counts(tables=tables, unreadable=unreadable)


@contextmanager
def _deadline(connection: Connection, limit: timedelta, expired: threading.Event) -> Iterator[None]:
    """Cut the connection when the server does not answer within the limit.

    Cancelling is the server's business and may never happen; closing the socket is ours.
    """
    duplicate = os.dup(connection.fileno())

    def cut() -> None:
        expired.set()
        with socket.socket(fileno=os.dup(duplicate)) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit.total_seconds(), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        os.close(duplicate)


def _translate(exc: psycopg.Error, timeout: timedelta, *, known: str, expired: bool) -> Answer:
    code = exc.sqlstate or ""
    if code == "57014" or expired:
        return NoAnswer(reason=f"no answer within {timeout.total_seconds():g} s")
    if isinstance(exc, psycopg.ProgrammingError) and not code:
        return NoAnswer(reason="the statement is no query: it returns no rows, not even none")
    if isinstance(exc, psycopg.DataError) and not code:
        return NoAnswer(
            reason="the query returns a value that cannot be read here, such as an infinite date "
            "or one outside of the years 1 to 9999"
        )
    message = safe_message(exc.sqlstate, exc.diag.message_primary or str(exc))
    if code.startswith(("42", "3")):
        message = redacted(message, known)
    if is_damage(code):
        return Damaged(reason=message)
    if is_absence(code):
        return Missing(what=message.removesuffix(f" (SQLSTATE {code})").removesuffix(MISSING))
    if code == "42601" and "multiple commands" in message:
        return NoAnswer(reason="a check is one statement; this one has several")
    if code == "25006":
        return NoAnswer(reason=f"a check only reads: {message}")
    if lacks_room(code):
        return NoAnswer(reason=f"the temporary server ran out of room: {message}")
    return NoAnswer(reason=message)


def _no_time(spec: CheckSpec, database: str, endpoint: Endpoint) -> CheckResult:
    return CheckResult(
        name=spec.name,
        kind=spec.kind,
        database=database,
        severity=spec.severity,
        outcome=CheckOutcome.ERROR,
        expected=describe_expectation(spec),
        detail="no time was left to ask",
        answered_by=endpoint.identity,
    )


def unreachable(
    exc: psycopg.Error, database: str, *, hint: str = "", patience: timedelta | None = None
) -> DatabaseUnreachableError:
    reason = safe_message(exc.sqlstate, str(exc)) if exc.sqlstate else why_refused(str(exc))
    message = f"no connection to the restored database {database}: {reason}"
    return DatabaseUnreachableError(message, hint=hint, patience=patience)


def connect(
    endpoint: Endpoint,
    database: str,
    *,
    password: str | None = None,
    role: str | None = None,
    **security: str,
) -> Connection:
    """Open a connection as the checker uses it; proves nothing about who answers.

    `security`: libpq's parameters for TLS and authentication.

    Raises:
        DatabaseUnreachableError: It is refused or lost.
    """
    try:
        connection: Connection = psycopg.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.user,
            dbname=database,
            password=password,
            autocommit=True,
            connect_timeout=10,
            application_name="restorecheck",
            options="-c default_transaction_read_only=on",
            # Also where the database is SQL_ASCII: psycopg would give bytes for every text.
            client_encoding="UTF8",
            **cast(Any, security),
        )
        if role is not None:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    except psycopg.Error as exc:
        raise unreachable(exc, database) from exc
    return connection
