"""Runs checks on a restored PostgreSQL database.

Every question runs alone in a read-only transaction with `statement_timeout` and `lock_timeout`,
as a role without superuser if the provider could make one, over the extended protocol, which
accepts exactly one statement. A deadline on this side of the connection ends what the server does
not end itself (a damaged index can make a query loop and ignore every cancel).
"""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg

from restorecheck.checks.answers import (
    Answer,
    Judgement,
    Late,
    Missing,
    NoAnswer,
    Rows,
    UnreadableData,
)
from restorecheck.checks.judge_scan import judge_answer, measure
from restorecheck.checks.kind import Alone, ByProgram, Context
from restorecheck.checks.query_time import Timing, judge_time
from restorecheck.checks.registry import is_alone, kind_of, most_seconds
from restorecheck.checks.results import context_of, result_of, results_of, which
from restorecheck.checks.scan_result import (
    CATALOG,
    MISSING_DATABASE,
    DatabaseReading,
    Readings,
    TimedReading,
    pack,
    progress,
    unpack,
)
from restorecheck.checks.server_messages import NOTHING, Known
from restorecheck.checks.server_messages import is_damage as says_damage
from restorecheck.errors import DatabaseUnreachableError, ProviderError
from restorecheck.model import CheckResult, CheckSpec, Endpoint
from restorecheck.ports import Answers, Checker, Clock, Inquiry
from restorecheck.postgres.scan.query_plan import plan_of, plan_with_statistics
from restorecheck.postgres.scan.scan_plan import Inquirer
from restorecheck.postgres.session.connection import (
    GRACE,
    Connect,
    Connection,
    deadline,
    plainly,
    rolled_back,
)
from restorecheck.postgres.session.known_names import known_in
from restorecheck.postgres.session.messages import is_absence, lacks_room, shows_damage, told
from restorecheck.postgres.session.opening import ANSWERS_WITHIN, unknown_cause
from restorecheck.scan.table_scan import WHO_DID_IT

MAINTENANCE = ("postgres", "template1")
"""Databases that exist by default; used to list the others."""

OTHERS_OWN = ("rdsadmin",)
"""Databases of the provider, which refuse other users: RDS User Guide, "rdsadmin"."""

MISSING = " does not exist"

ROWS_READ = 1_000_000
"""Rows of a query that are read; the count of a longer result is given as `more than`."""

DATABASES = """
select datname from pg_database where not datistemplate and datname <> all(%s) order by datname
"""
"""Includes databases that allow no connections: these are reported as not checked."""

CONNECTIONS = 4
"""Connections of a scan; more help only a server with more processors."""
TRIES = 3
"""Tries of a query that is slower than it may be; the shortest time counts."""
SLICE = timedelta(seconds=30)
"""Time of a scan after which its readings are stored."""


RunProgram = Callable[[Endpoint, str, CheckSpec, timedelta], Answer]
"""Runs the program of a check against one database, for at most so long."""


def no_program(
    _endpoint: Endpoint, _database: str, _spec: CheckSpec, _timeout: timedelta
) -> Answer:
    """Where none can be run."""
    return NoAnswer(
        reason="a program is only run beside a server that restorecheck has started itself"
    )


@dataclass
class _Session:
    connection: Connection


class PostgresChecker(Checker):
    """Uses connections from `connect`: keeps one for each database for single questions, and opens
    several for a scan.
    """

    def __init__(
        self,
        connect: Connect,
        clock: Clock,
        *,
        connections: int = CONNECTIONS,
        workers: int = 0,
        killed: Callable[[Endpoint], str] = unknown_cause,
        run: RunProgram = no_program,
    ) -> None:
        """`run`: for checks that are programs. `workers`: parallel workers of the server for each connection. `killed`: why the server ended, if
        no question caused it.
        """
        self._killed = killed
        self._run_program = run
        self._workers = workers
        self._connect = connect
        self._clock = clock
        self._connections = connections
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._listed: dict[str, tuple[str, ...]] = {}

    def run(self, inquiry: Inquiry) -> Answers:
        answers = self._run(inquiry)
        killed = self._killed(inquiry.endpoint)
        if killed:
            raise ProviderError(killed, hint=WHO_DID_IT)
        return answers

    def _run(self, inquiry: Inquiry) -> Answers:
        spec, endpoint = inquiry.pending[0], inquiry.endpoint
        left = inquiry.until - self._clock.now()
        if left <= timedelta(0):
            judgement = judge_answer(spec, NoAnswer(reason="no time was left for this check"))
            return Answers(results=(result_of(spec, spec.database, judgement, endpoint.identity),))
        if not is_alone(spec):
            return self._read_on(inquiry, left)
        timeout = min(spec.timeout, left)
        began = time.perf_counter()
        database, answer = self._ask_one(endpoint, spec, timeout)
        seconds = time.perf_counter() - began
        judgement, measured = judge_answer(spec, answer), measure(spec, answer)
        most, readings = most_seconds(spec), None
        if most is not None and database and isinstance(answer, Rows | Late):
            timing = self._timed(inquiry, database, answer, seconds, timeout)
            judgement, readings = _judged(judgement, timing, inquiry, database, most)
            measured |= {"seconds": round(timing.seconds, 4)} if timing.answered else {}
            seconds = time.perf_counter() - began
        result = result_of(spec, database, judgement, endpoint.identity, seconds=seconds)
        return Answers(results=(replace(result, measured=measured),), readings=readings)

    def _timed(
        self,
        inquiry: Inquiry,
        database: str,
        answer: Rows | Late,
        seconds: float,
        timeout: timedelta,
    ) -> Timing:
        """Ask again what was slow: the first try also reads from the disk. All tries end within the timeout."""
        spec, endpoint = inquiry.pending[0], inquiry.endpoint
        end = time.perf_counter() + timeout.total_seconds() - seconds
        most = most_seconds(spec) or 0.0
        answered = isinstance(answer, Rows)
        for _ in range(TRIES - 1):
            left = end - time.perf_counter()
            if not answered or seconds <= most or left < most:
                break
            began = time.perf_counter()
            again = self._answer(endpoint, database, spec, timedelta(seconds=left))
            if isinstance(again, Rows):
                seconds = min(seconds, time.perf_counter() - began)
        connection = self._session(endpoint, database).connection
        with deadline(connection, ANSWERS_WITHIN):
            plan, bare = plan_of(connection, str(spec.options["sql"]), ANSWERS_WITHIN)
        return Timing(seconds=seconds, answered=answered, plan=plan, without_statistics=bare)

    def plans(
        self, endpoint: Endpoint, queries: Sequence[CheckSpec], until: datetime
    ) -> dict[str, str]:
        found = {}
        for spec in queries:
            left = until - self._clock.now()
            database = self._database_of(endpoint, spec)
            if left <= timedelta(0) or not database:
                continue
            connection = self._session(endpoint, database).connection
            limit = min(left, spec.timeout)
            with deadline(connection, left + GRACE):
                plan = plan_with_statistics(connection, str(spec.options["sql"]), limit)
            if plan:
                found[spec.name] = plan
            self._forget((endpoint.identity, database))  # its timeout was changed
        return found

    def close(self) -> None:
        for key in list(self._sessions):
            self._forget(key)

    # --- the scan -------------------------------------------------------------------------

    def _read_on(self, inquiry: Inquiry, left: timedelta) -> Answers:
        names = self.databases(inquiry.endpoint)
        context = context_of(names, inquiry.baseline, inquiry.backup, self._clock.now())
        results, readings = self.read(inquiry, unpack(inquiry.readings), context, left)
        detail = "" if results else progress(readings)
        return Answers(results=results, readings=pack(readings), detail=detail)

    def read(
        self, inquiry: Inquiry, readings: Readings, context: Context, left: timedelta
    ) -> tuple[tuple[CheckResult, ...], Readings]:
        """Read for one `SLICE`; after the last one, answer the checks that need no statement of their own. No
        results: there is more to read.

        `readings` and `context`: those of the inquiry, unpacked.
        """
        endpoint = inquiry.endpoint
        specs = [spec for spec in inquiry.pending if not is_alone(spec)]
        for name in context.databases:
            reading = readings.setdefault(name, DatabaseReading())
            if reading.done:
                continue
            try:
                self._read(endpoint, name, specs, reading, left=left, context=context)
            except DatabaseUnreachableError:
                if not self._is_missing(endpoint, name):
                    raise
                reading.doubts[MISSING_DATABASE] = f"database {name}"
                reading.done = True
            if not reading.done:
                return (), readings
        return results_of(
            specs,
            readings,
            context,
            default=self._default_database(endpoint),
            answered_by=endpoint.identity,
        )

    def _read(
        self,
        endpoint: Endpoint,
        name: str,
        specs: Sequence[CheckSpec],
        reading: DatabaseReading,
        *,
        left: timedelta,
        context: Context,
    ) -> None:
        wanted = [s for s in specs if s.built_in or self._database_of(endpoint, s) == name]
        inquirer = Inquirer(
            lambda: self._connect(endpoint, name),
            wanted,
            connections=self._connections,
            context=context,
            database=name,
            killed=lambda: self._killed(endpoint),
            workers=self._workers,
        )
        try:
            inquirer.read(reading, min(SLICE, left), left)
        except psycopg.Error as exc:  # of the catalog; an error of a table is in the reading
            known = self._known(endpoint, name, exc)
            if shows_damage(exc):
                reading.problems[CATALOG] = told(exc, known)
            else:
                answer = _translate(exc, left, known=known, expired=False)
                reading.doubts[CATALOG] = (
                    answer.reason if isinstance(answer, NoAnswer) else told(exc, known)
                )
            reading.done = True

    def _known(self, endpoint: Endpoint, name: str, exc: psycopg.Error) -> Known:
        """Uses another connection; that of the error is closed."""
        try:
            with closing(self._connect(endpoint, name)) as connection:
                return known_in(connection, exc)
        except DatabaseUnreachableError:
            return NOTHING

    # --- single questions -----------------------------------------------------------------

    def _ask_one(
        self, endpoint: Endpoint, spec: CheckSpec, timeout: timedelta
    ) -> tuple[str, Answer]:
        database = self._database_of(endpoint, spec)
        if not database:
            return "", NoAnswer(reason=which(self.databases(endpoint)))
        return database, self._answer(endpoint, database, spec, timeout)

    def _database_of(self, endpoint: Endpoint, spec: CheckSpec) -> str:
        return spec.database or self._default_database(endpoint)

    def _default_database(self, endpoint: Endpoint) -> str:
        """The database of checks that name none; empty: unknown."""
        if endpoint.databases:
            return endpoint.databases[0]
        own = [name for name in self.databases(endpoint) if name != MAINTENANCE[0]]
        if len(own) > 1:
            return ""
        return own[0] if own else MAINTENANCE[0]

    def databases(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The databases to check: the configured ones, or all except templates."""
        return endpoint.databases or self._list(endpoint)

    def _list(self, endpoint: Endpoint) -> tuple[str, ...]:
        if endpoint.identity not in self._listed:
            connection = self._maintenance(endpoint)
            with deadline(connection, ANSWERS_WITHIN), plainly(connection):
                names = connection.execute(DATABASES, [list(OTHERS_OWN)]).fetchall()
            self._listed[endpoint.identity] = tuple(str(row[0]) for row in names)
        return self._listed[endpoint.identity]

    def _maintenance(self, endpoint: Endpoint) -> Connection:
        first, second = MAINTENANCE
        try:
            return self._session(endpoint, first).connection
        except DatabaseUnreachableError:
            # `postgres` may have been dropped; template1 almost always exists.
            return self._session(endpoint, second).connection

    def _is_missing(self, endpoint: Endpoint, database: str) -> bool:
        """Whether another database of the server says that this one does not exist."""
        try:
            connection = self._maintenance(endpoint)
            with deadline(connection, ANSWERS_WITHIN), plainly(connection):
                row = connection.execute(
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
        if isinstance(kind_of(spec), ByProgram):
            return self._run_program(endpoint, database, spec, timeout)
        expired = threading.Event()
        try:
            with deadline(session.connection, timeout + GRACE, expired):
                return _ask(session, spec, timeout)
        except psycopg.Error as exc:
            late = expired.is_set()
            known = known_in(session.connection, exc, str(spec.options.get("sql", "")))
            return _translate(exc, timeout, known=known, expired=late)
        except UnicodeDecodeError:
            return NoAnswer(reason="the query returns text that is not valid UTF-8")
        finally:
            # A statement may have ended its transaction; such a connection, and a broken one, is not
            # used again.
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


def _judged(
    judgement: Judgement, timing: Timing, inquiry: Inquiry, database: str, most: float
) -> tuple[Judgement, str | None]:
    """With the readings for the next drill, if there are any of the database."""
    name = inquiry.pending[0].name
    if not timing.answered and timing.seconds < most:
        return judgement, None  # the drill had less time than the query may take
    earlier = context_of((database,), inquiry.baseline, inquiry.backup, inquiry.until)
    before = earlier.before(database)
    known = before.timed.get(name) if before else None
    readings = unpack(inquiry.readings)
    packed = None
    if timing.answered and database in readings:
        reading = TimedReading(seconds=round(timing.seconds, 4), plan=timing.plan)
        readings[database].timed[name] = reading
        packed = pack(readings)
    return judge_time(judgement, timing, known, most), packed


def _ask(session: _Session, spec: CheckSpec, timeout: timedelta) -> Answer:
    kind = kind_of(spec)
    if not isinstance(kind, Alone):
        return NoAnswer(reason=f"this version of restorecheck has no check of kind {spec.kind!r}")
    return _query(session.connection, kind.sql(spec.options), timeout)


def _query(connection: Connection, text: str, timeout: timedelta) -> Rows:
    """The first row and the number of rows, read row by row to save memory."""
    # With row_security off PostgreSQL refuses a query whose rows a policy would hide.
    settings = "set local row_security to off"
    with (
        rolled_back(connection, timeout, settings=settings),
        connection.cursor() as cursor,
    ):
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


ABSENT = {
    "3F000": "a schema",
    "42703": "a column",
    "42883": "a function or operator",
    "42P01": "a table or view",
}
"""Kinds of missing objects whose name may be a row value: only the kind is shown."""


def _absent(code: str, message: str) -> str:
    what, found, _ = message.rpartition(f"{MISSING} (SQLSTATE {code})")
    return what if found else f"{ABSENT[code]} that the query needs (SQLSTATE {code})"


def _translate(exc: psycopg.Error, timeout: timedelta, *, known: Known, expired: bool) -> Answer:
    code = exc.sqlstate or ""
    if code == "57014" or expired:
        return Late(reason=f"no answer within {timeout.total_seconds():g} s")
    if isinstance(exc, psycopg.ProgrammingError) and not code:
        return NoAnswer(reason="the statement is not a query: it returns no result set")
    if isinstance(exc, psycopg.DataError) and not code:
        return NoAnswer(
            reason="the query returns a value that cannot be read here, such as an infinite date "
            "or one outside of the years 1 to 9999"
        )
    message = told(exc, known)
    if says_damage(code, exc.diag.message_primary or ""):
        return UnreadableData(reason=message)
    if is_absence(code):
        return Missing(what=_absent(code, message))
    if code == "42601" and "multiple commands" in message:
        return NoAnswer(reason="a check must be one statement; this one has several")
    if code == "25006":
        return NoAnswer(reason=f"a check may only read: {message}")
    if lacks_room(code):
        return NoAnswer(reason=f"the temporary server ran out of resources: {message}")
    return NoAnswer(reason=message)
