"""Applies each kind of damage to a restored copy, and records which checks detect it.

A damage is done in a transaction. The checks run in the same transaction, with the code and the role of
every drill, and then it is rolled back. Undamaged tables are not read again.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType

import psycopg

from restorecheck.checks.damage.detection import (
    Change,
    Connected,
    Sides,
    is_affected,
    is_worth_asking,
    tables_in,
    unread,
    verdict_on,
)
from restorecheck.checks.damage.kinds import (
    CANDIDATES,
    LOGICAL,
    Candidate,
    DamageKind,
    Scene,
    Victim,
    by_worth,
)
from restorecheck.checks.kind import Context
from restorecheck.checks.kinds.append_only import AppendOnly
from restorecheck.checks.kinds.query import Query
from restorecheck.checks.profiles import Profile
from restorecheck.checks.propose.proposal import Proposal
from restorecheck.checks.registry import is_alone, most_seconds
from restorecheck.checks.results import context_of
from restorecheck.checks.scan_result import DatabaseReading, pack, unpack
from restorecheck.checks.tables import Table, full_name
from restorecheck.errors import InvalidStateError, RestorecheckError
from restorecheck.model import (
    Backup,
    Baseline,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Damaged,
    Endpoint,
    Proof,
    Severity,
)
from restorecheck.ports import Clock, Inquiry
from restorecheck.postgres.damage.disable_triggers import disable, enable_again
from restorecheck.postgres.scan import catalog
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.scan.scan_session import PLANS
from restorecheck.postgres.server.temporary_server import Connection, Lent, Temporary
from restorecheck.postgres.session.connection import rolled_back, spelled
from restorecheck.postgres.session.messages import told
from restorecheck.postgres.session.opening import by_system_identifier, connect_to_throw_away

REFUSED = "the database itself refuses this damage"
PLANNING = timedelta(seconds=30)
CATALOG_WORDS = ("pg_", "information_schema", "has_", "::reg", "current_", "nextval", "_to_xml")
"""Words of a query that may depend on more than the rows of tables."""
NOTHING_FITS = "nothing in this database can be damaged in this way"
LATE = "no time was left"
SURE = 3
"""Retries before a failing query is believed."""
DUMP = "dump"
"""Kind of backup."""
CATALOG = "pg_catalog."
ALARMS = frozenset({CheckOutcome.FAILED, CheckOutcome.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The checks that run on every damaged copy."""

    asked: tuple[CheckSpec, ...]
    """The built-in checks, as with an earlier drill to compare with, and the configured ones."""
    proposed: tuple[tuple[Proposal, CheckSpec], ...] = ()

    @property
    def every(self) -> tuple[CheckSpec, ...]:
        return (*self.asked, *(spec for _, spec in self.proposed))

    @property
    def sides(self) -> Sides:
        proposed = frozenset(spec.name for _, spec in self.proposed)
        return Sides(
            configured=frozenset(s.name for s in self.asked if not s.built_in),
            proposed=proposed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a damaged copy is compared with: the undamaged one, as an earlier drill."""

    context: Context
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthy:
    """The answers on the undamaged copy."""

    reading: DatabaseReading
    outcomes: Mapping[str, CheckOutcome]
    earlier: Earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One damage that was done, and all answers."""

    kind: DamageKind
    what: str
    results: tuple[CheckResult, ...]


class Prover:
    """Tests the checks of one database against damage."""

    def __init__(
        self,
        temporary: Temporary,
        questions: Questions,
        profile: Profile,
        clock: Clock,
        *,
        until: datetime,
        only: Sequence[str] = (),
        unproven: Mapping[str, str] = MappingProxyType({}),
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`only`: tables to damage, as readings name them; empty: the most suitable ones. `unproven`: as the
        property, of an earlier proof.
        """
        self._temporary = temporary
        self._questions = questions
        self._profile = profile
        self._clock = clock
        self._until = until
        self._only = frozenset(only)
        self._tell = tell
        self._database = temporary.endpoint.databases[0]
        self._tables: tuple[Table, ...] = ()
        self._around = Connected(foreign_keys=(), sequences=(), partitions={})
        self._unproven = dict(unproven)
        """Check that cannot tell damaged from undamaged → why."""
        self._confirmed: Counter[str] = Counter()
        self._session: Lent | None = None

    @property
    def unproven(self) -> Mapping[str, str]:
        return self._unproven

    def prove(self, kinds: Sequence[DamageKind] = tuple(LOGICAL)) -> Proof:
        """Raises:
        InvalidStateError: The checks do not pass on the undamaged copy.
        DatabaseUnreachableError, psycopg.Error: The server is lost.
        """
        try:
            return self._proved(kinds)
        finally:
            if self._session is not None:
                self._session.end()

    def _proved(self, kinds: Sequence[DamageKind]) -> Proof:
        began = time.perf_counter()
        self._look_around()
        self._tell("running every check on the undamaged copy")
        first = self._read_all()
        self._know(first)
        reading_seconds = time.perf_counter() - began
        healthy = self._control(first)
        scene = self._scene(healthy.reading)
        damages: list[Damaged | Tried] = []
        for number, kind in enumerate(kinds, 1):
            if self._clock.now() >= self._until:
                damages.append(untried(kind, LATE))
                continue
            if kind.not_in_a_dump and self._backup and self._backup.kind == DUMP:
                damages.append(untried(kind, kind.not_in_a_dump))
                continue
            self._tell(f"damage {number} of {len(kinds)}: {kind.name}")
            damages.append(self._damaged(kind, scene, healthy))
        return self._proof(damages, healthy, time.perf_counter() - began, reading_seconds)

    def _proof(
        self,
        damages: Sequence[Damaged | Tried],
        healthy: Healthy,
        seconds: float,
        reading_seconds: float,
    ) -> Proof:
        """Judged at the end, when it is known which checks do not count."""
        outcomes = {**healthy.outcomes, **dict.fromkeys(self._unproven, CheckOutcome.ERROR)}
        return Proof(
            damages=tuple(
                verdict_on(
                    tried.kind,
                    tried.what,
                    healthy=outcomes,
                    results=tried.results,
                    sides=self._questions.sides,
                )
                if isinstance(tried, Tried)
                else tried
                for tried in damages
            ),
            seconds=seconds,
            reading_seconds=reading_seconds,
            detail="; ".join(f"{name} {why}" for name, why in sorted(self._unproven.items())),
        )

    # --- the undamaged copy

    def _look_around(self) -> None:
        connection = self._temporary.superuser(self._database)
        try:
            self._tables = catalog.tables(connection)
            self._around = Connected(
                foreign_keys=catalog.foreign_keys(connection),
                sequences=catalog.owned_sequences(connection),
                partitions={t.full_name: t.root for t in self._tables if t.root},
                quoted={t.full_name: t.quoted for t in self._tables},
                reads=self._reads(connection),
            )
        finally:
            connection.end()

    def _reads(self, connection: Connection) -> dict[str, frozenset[str]]:
        """By plans without pruning. A query that names a function or view of the database, or reads the
        catalog, may depend on more than its plan shows.
        """
        text = catalog.statements("profile.sql", "restorecheck.postgres.profile")[
            "functions and views"
        ]
        rows = connection.execute(spelled(connection, text)).fetchall()
        unclear = {*(str(name) for (name,) in rows), *CATALOG_WORDS}
        found = {}
        for spec in self._questions.every:
            if spec.kind != Query.name:
                continue
            text = str(spec.options["sql"])
            if any(name in text.lower() for name in unclear):
                continue
            plan = self._plan(connection, text)
            if plan is not None:
                found[spec.name] = tables_in(plan)
        return found

    def _plan(self, connection: Connection, text: str) -> object:
        with rolled_back(connection, PLANNING):
            for setting in ("constraint_exclusion", "enable_partition_pruning"):
                connection.execute(f"set local {setting} = off".encode())
            role = psycopg.sql.Identifier(self._temporary.endpoint.user)
            connection.execute(psycopg.sql.SQL("set local session authorization {}").format(role))
            try:
                row = connection.execute(
                    spelled(connection, f"explain (verbose, format json) {text}"), prepare=True
                ).fetchone()
            except psycopg.Error:
                return None  # runs again each time, and is judged as usual
        return row[0] if row else None

    def _read_all(self) -> DatabaseReading:
        """One normal run of all checks: several connections, every table is read."""
        checker = PostgresChecker(by_system_identifier(connect_to_throw_away), self._clock)
        try:
            return self._ask(checker, self._questions.every, DatabaseReading(), self._earlier())[1]
        finally:
            checker.close()

    def _earlier(self, reading: DatabaseReading | None = None) -> Earlier:
        now = self._clock.now()
        packed = pack({self._database: reading}) if reading else ""
        baseline = Baseline(drill_id="healthy", at=now, readings=packed) if reading else None
        context = context_of((self._database,), baseline, self._backup, now)
        return Earlier(context=context, baseline=baseline)

    def _know(self, reading: DatabaseReading) -> None:
        """Stores how the database resolved the names in the checks."""
        about = {
            name: reading.relations[asked.relation]
            for name, asked in reading.asked.items()
            if asked.relation in reading.relations
        }
        self._around = replace(self._around, about=about)

    def _control(self, reading: DatabaseReading) -> Healthy:
        """Judges the undamaged copy like a damaged one: a check that fails now does not count."""
        earlier = self._earlier(reading)
        append_only = [s for s in self._questions.every if s.kind == AppendOnly.name]
        again = (*append_only, *(s for s in self._questions.every if self._is_of_view(s)))
        touched = [
            t.full_name
            for t in self._tables
            if any(is_affected(s, [t.full_name], self._around) for s in append_only)
        ]
        connection = self._begun()
        try:
            # The statistics are read again, as after a damage: what differs by itself must not count.
            results, known = self._asked_within(
                connection,
                self._questions.every,
                unread(replace(reading, statistics={}), Change.of(touched), self._around, again),
                earlier,
            )
        finally:
            _undone(connection)
        outcomes = {result.name: result.outcome for result in results}
        sides = self._questions.sides
        for result in results:
            if result.outcome is CheckOutcome.PASSED or result.name not in sides.configured:
                continue
            if result.severity is Severity.REQUIRED:
                raise InvalidStateError(
                    f"the undamaged copy must pass every check, but {result.name} failed"
                )
            self._unproven[result.name] = (
                "fails on the undamaged copy, so the proof leaves this check out"
            )
        return Healthy(reading=known, outcomes=outcomes, earlier=earlier)

    def _scene(self, reading: DatabaseReading) -> Scene:
        profiles = {table.full_name: table for table in self._profile.tables}
        targets = {key.target for key in self._around.foreign_keys}
        until = self._profile.taken_at
        victims = [
            Victim(
                table=table,
                rows=round(float(reading.tables[table.full_name].values.get("rows", 0))),
                profile=profiles[table.group],
                referenced=table.quoted in targets,
                until=until.timestamp() if until else math.inf,
            )
            for table in self._tables
            if table.full_name in reading.tables and table.group in profiles
        ]
        if self._only:
            victims = [v for v in victims if {v.name, v.table.group} & self._only]
        return Scene(
            victims=by_worth(victims),
            foreign_keys=self._around.foreign_keys,
            references=self._profile.references,
        )

    # --- damage

    def _damaged(self, kind: DamageKind, scene: Scene, healthy: Healthy) -> Damaged | Tried:
        connection = self._begun()
        try:
            counted = _counted(connection)
            done = self._done(connection, kind, scene)
            if isinstance(done, str):
                return untried(kind, done)
            change = self._changed(connection, counted, done.touches)
            questions = self._questions
            pending = (
                *(s for s in questions.asked if s.built_in or self._is_affected(s, change.tables)),
                *(
                    spec
                    for proposal, spec in questions.proposed
                    if is_worth_asking(proposal, change.tables, self._around)
                ),
            )
            left = unread(healthy.reading, change, self._around, pending)
            results, _ = self._asked_within(connection, pending, left, healthy.earlier)
            doubted = self._doubted(results)
            self._compared(doubted, self._asked_alone(connection, doubted), alarmed=True)
        except RestorecheckError as exc:
            return untried(kind, exc.message)
        except psycopg.Error as exc:
            return untried(kind, told(exc))
        finally:
            _undone(connection)
        self._ask_of_health(doubted)
        return Tried(kind=kind, what=done.what, results=results)

    def _doubted(self, results: Sequence[CheckResult]) -> tuple[CheckSpec, ...]:
        """Failed queries, which may not give the same answer twice."""
        alarmed = {r.name for r in results if r.outcome in ALARMS} - set(self._unproven)
        return tuple(
            spec
            for spec in self._questions.asked
            if spec.name in alarmed
            and spec.kind == Query.name
            and self._confirmed[spec.name] < SURE
        )

    def _ask_of_health(self, doubted: Sequence[CheckSpec]) -> None:
        if not doubted:
            return
        connection = self._begun()
        try:
            self._compared(doubted, self._asked_alone(connection, doubted), alarmed=False)
        finally:
            _undone(connection)
        self._confirmed.update(spec.name for spec in doubted)

    def _compared(
        self, asked: Sequence[CheckSpec], results: Sequence[CheckResult], *, alarmed: bool
    ) -> None:
        said = {result.name for result in results if (result.outcome in ALARMS) is alarmed}
        for spec in asked:
            if spec.name not in said:
                why = "does not give the same answer twice, so the proof leaves this check out"
                self._unproven[spec.name] = why

    def _changed(
        self, connection: Connection, earlier: Counter[str], declared: Collection[str]
    ) -> Change:
        """What this transaction changed: by PostgreSQL's counters, and by the catalog."""
        counted = {*(_counted(connection) - earlier)}
        before = {table.full_name: table for table in self._tables}
        altered = any(name.startswith(CATALOG) for name in counted)
        after = before
        if altered:
            after = {table.full_name: table for table in catalog.tables(connection)}
        other = {n for n in {*before, *after} if _differ(before.get(n), after.get(n))}
        rows = counted & {*before, *after} | other
        return Change(tables=rows | {*declared}, kept={*declared} - rows, structure=altered)

    def _is_of_view(self, spec: CheckSpec) -> bool:
        """Whether its answer may change by itself, as that of a view that reads the clock."""
        about = self._around.about.get(spec.name)
        return about is not None and about.kind == "v"

    def _is_affected(self, spec: CheckSpec, touched: Collection[str]) -> bool:
        return is_affected(spec, touched, self._around)

    def _begun(self) -> Lent:
        """A superuser's transaction; it is always rolled back. One session for all keeps its catalog caches."""
        if self._session is None or self._session.closed:
            self._session = self._temporary.superuser(self._database)
        self._session.execute("begin transaction isolation level repeatable read, read write")
        return self._session

    def _done(self, connection: Connection, kind: DamageKind, scene: Scene) -> Candidate | str:
        """The first candidate that had an effect; else why there is none."""
        reason = NOTHING_FITS
        disabled = disable(connection)
        for candidate in islice(self._candidates(connection, kind, scene), CANDIDATES):
            connection.execute("savepoint attempt")
            try:
                changed = _executed(connection, candidate.sql)
            except (psycopg.errors.ConnectionFailure, psycopg.InterfaceError):
                raise
            except psycopg.Error:
                connection.execute("rollback to savepoint attempt")
                reason = REFUSED
                continue
            if changed or not candidate.counted:
                connection.execute("release savepoint attempt")
                enable_again(connection, disabled)
                return candidate
            connection.execute("rollback to savepoint attempt")
        return reason

    def _candidates(
        self, connection: Connection, kind: DamageKind, scene: Scene
    ) -> Iterator[Candidate]:
        text = catalog.statements("damage.sql", "restorecheck.postgres.damage").get(kind.name)
        if text is None:
            yield from LOGICAL[kind](scene)
            return
        rank = {victim.name: number for number, victim in enumerate(scene.victims)}
        names = {f"{t.schema}.{t.name}": t.full_name for t in self._tables}
        rows = connection.execute(spelled(connection, text)).fetchall()
        found = [(what, sql, names.get(str(table), str(table))) for what, sql, table in rows]
        for what, sql, table in sorted(found, key=lambda row: rank.get(row[2], len(rank))):
            if not self._only or not table or table in self._only:
                touches = (table,) if table else ()
                yield Candidate(what=what, sql=(sql,), touches=touches, counted=False)

    # --- asking

    def _asked_within(
        self,
        connection: Lent,
        pending: Sequence[CheckSpec],
        left: DatabaseReading,
        earlier: Earlier,
    ) -> tuple[tuple[CheckResult, ...], DatabaseReading]:
        """Run the checks inside the transaction, as the role of every drill. `left`: what is not read again."""
        return self._ask(self._within(connection), pending, left, earlier)

    def _asked_alone(
        self, connection: Lent, queries: Sequence[CheckSpec]
    ) -> tuple[CheckResult, ...]:
        """As `_asked_within`, without reading tables."""
        if not queries:
            return ()
        return self._ask(self._within(connection), queries, DatabaseReading(), self._earlier())[0]

    def _within(self, connection: Lent) -> PostgresChecker:
        role = psycopg.sql.Identifier(self._temporary.endpoint.user)
        connection.execute(psycopg.sql.SQL("set local session authorization {}").format(role))

        def lend(_endpoint: Endpoint, _database: str) -> Connection:
            # The settings of the scan are not for queries.
            connection.execute("; ".join(f"reset {name}" for name in PLANS).encode())
            return connection

        # Only this connection sees the damage, and its parallel workers.
        workers = self._temporary.jobs - 1
        return PostgresChecker(lend, self._clock, connections=1, workers=workers)

    def _ask(
        self,
        checker: PostgresChecker,
        specs: Sequence[CheckSpec],
        reading: DatabaseReading,
        earlier: Earlier,
    ) -> tuple[tuple[CheckResult, ...], DatabaseReading]:
        pending = tuple(specs)
        found: list[CheckResult] = []
        readings = {self._database: reading}
        until = self._until + timedelta(minutes=1)
        while pending:
            timed = most_seconds(pending[0]) is not None
            inquiry = Inquiry(
                endpoint=self._temporary.endpoint,
                pending=pending,
                until=until,
                backup=self._backup,
                baseline=earlier.baseline,
                readings=pack(readings) if timed else "",
            )
            left = until - self._clock.now()
            if is_alone(pending[0]) or left <= timedelta(0):
                answers = checker.run(inquiry)
                results = answers.results
                readings = unpack(answers.readings or "") or readings
            else:
                results, readings = checker.read(inquiry, readings, earlier.context, left)
            found += results
            answered = {result.name for result in results}
            pending = tuple(spec for spec in pending if spec.name not in answered)
        return tuple(found), readings[self._database]

    @property
    def _backup(self) -> Backup | None:
        return self._temporary.drill.backup


def _counted(connection: Connection) -> Counter[str]:
    """Rows that this session has changed, by table: a server may still count those of earlier transactions."""
    rows = connection.execute(
        "select schemaname, relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_xact_all_tables"
    ).fetchall()
    return Counter({full_name(schema, name): changed for schema, name, changed in rows})


def _differ(before: Table | None, after: Table | None) -> bool:
    """Whether the rows or columns may differ. A larger file alone is no difference: earlier changes, rolled back,
    have left their space there.
    """
    if before is None or after is None or after.blocks < before.blocks:
        return before is not after
    same = replace(
        after,
        blocks=before.blocks,
        bytes=before.bytes,
        key=before.key,
        key_index=before.key_index,
    )
    return before != same


def _executed(connection: Connection, statements: Sequence[str]) -> int:
    changed = 0
    for text in statements:
        cursor = connection.execute(spelled(connection, text))
        changed = max(cursor.rowcount, 0)
    return changed


def _undone(connection: Lent) -> None:
    """Ends the transaction without a commit; a session that does not do that is ended."""
    try:
        connection.execute("rollback")
    except psycopg.Error:
        connection.end()  # nothing was committed


def untried(kind: DamageKind, detail: str) -> Damaged:
    return Damaged(
        kind=kind.name,
        detail=detail,
        needs_contents=kind.needs_contents,
        of_pages=kind.physical,
    )


def together(first: Proof, second: Proof) -> Proof:
    """One proof of two parts."""
    return replace(
        first,
        damages=(*first.damages, *second.damages),
        seconds=first.seconds + second.seconds,
        detail="; ".join(dict.fromkeys(d for d in (first.detail, second.detail) if d)),
    )
