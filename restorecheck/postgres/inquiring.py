"""What is read of one database for the checks that are asked, and reading it."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import psycopg

from restorecheck.checks import questions, scanning
from restorecheck.checks.catalogue import DEFAULT_PAGES_MINUTES, Family, TableName, parse_table_name
from restorecheck.checks.readings import HIDDEN, DatabaseReading, bounded
from restorecheck.checks.scanning import ASKED, GREATEST, Aggregate, Depth, Question
from restorecheck.checks.surveyed import ABSENT
from restorecheck.checks.tables import ForeignKey, Table, quoted
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import CheckSpec
from restorecheck.postgres import describing
from restorecheck.postgres.asking import GRACE, Connection, deadline, rolled_back
from restorecheck.postgres.surveying import Survey

AMCHECK, VISIBILITY = "amcheck", "pg_visibility"
PRINTED = frozenset({Family.ROWS_READABLE, Family.UNCHANGED, Family.APPEND_ONLY, Family.MANIFEST})
"""Checks that want the contents read and hashed."""
CATALOG_TIMEOUT = timedelta(minutes=5)
VERIFY_HEAP_MAJOR = 14


@dataclass
class Wanted:
    """What the checks of one database want to know."""

    aggregates: dict[str, list[Aggregate]] = field(default_factory=lambda: defaultdict(list))
    questions: list[Question] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    """Check → what it is about and is not there."""


class Inquirer:
    """Reads one database for some checks, as far as time allows."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        specs: Sequence[CheckSpec],
        *,
        connections: int,
        before: DatabaseReading | None = None,
        workers: int = 0,
        killed: Callable[[], str] = str,
    ) -> None:
        """`before`: the same database in the earlier night. `workers`, `killed`: as in `Survey`."""
        self._killed = killed
        self._before = before
        self._workers = workers
        self._names: dict[str, TableName | None] = {}
        self._columns: dict[TableName, frozenset[str]] = {}
        self._connect = connect
        self._specs = specs
        self._connections = connections

    def read(self, reading: DatabaseReading, soon: timedelta, allowed: timedelta) -> None:
        """Go on with the reading; `done` says whether it has come to its end.

        Raises:
            DatabaseUnreachableError: No connection, or it was lost before anything was read.
            psycopg.Error: The catalog itself cannot be read.
        """
        connection, expired = self._connect(), threading.Event()
        try:
            limit = min(CATALOG_TIMEOUT, allowed)
            with (
                deadline(connection, limit + GRACE, expired),
                rolled_back(connection, limit),
            ):
                describing.pin_settings(connection)
                hiding = describing.hiding_settings(connection)
                tables = describing.tables(connection)
                wanted = self._wanted(connection, tables)
                if not reading.structure:
                    reading.structure = bounded(describing.structure(connection))
                major = describing.major_of(connection)
        except psycopg.Error as exc:
            if connection.broken and not expired.is_set():
                reason = "the connection was lost while the catalog was read"
                raise DatabaseUnreachableError(reason) from exc
            raise
        finally:
            connection.close()
        if hiding:
            reading.doubts[HIDDEN] = (
                f"{' and '.join(hiding)} is on: damaged pages are read without an error"
            )
        reading.doubts |= {name: f"{ABSENT}{what}" for name, what in wanted.absent.items()}
        survey = Survey(
            self._connect,
            tables,
            reading,
            depth=self._depth(),
            asked=wanted.aggregates,
            questions=wanted.questions,
            connections=self._connections,
            major=major,
            budget=self._budget(),
            killed=self._killed,
            workers=self._workers,
        )
        survey.run(soon, allowed)

    # --- within

    def _budget(self) -> timedelta:
        pages = [spec for spec in self._specs if spec.kind == Family.PAGES_SOUND]
        return timedelta(
            minutes=sum(spec.options.get("minutes", DEFAULT_PAGES_MINUTES) for spec in pages)
        )

    def _depth(self) -> Depth:
        kinds = {spec.kind for spec in self._specs}
        return Depth(
            contents=bool(kinds & PRINTED),
            constraints=Family.CONSTRAINTS_HOLD in kinds,
            newest=True,
        )

    def _wanted(self, connection: Connection, tables: Sequence[Table]) -> Wanted:
        wanted = Wanted()
        for spec in self._specs:
            if spec.built_in:
                wanted.questions += self._of_built_in(spec, connection, tables)
            else:
                self._of_configured(spec, connection, tables, wanted)
        return wanted

    def _of_built_in(
        self, spec: CheckSpec, connection: Connection, tables: Sequence[Table]
    ) -> Iterator[Question]:
        match spec.kind:
            case Family.REFERENCES_HOLD:
                blocks = {table.quoted: table.blocks for table in tables}
                for key in describing.foreign_keys(connection):
                    yield replace(questions.orphans(key), weight=blocks.get(key.table, 0))
            case Family.SEQUENCES_AHEAD:
                yield from map(questions.behind, describing.owned_sequences(connection))
            case Family.INDEXES_VALID:
                yield questions.invalid_indexes(describing.OWN)
            case Family.COLLATIONS_CURRENT:
                yield questions.collations(describing.major_of(connection))
            case Family.TRANSACTIONS_YOUNG:
                yield questions.transaction_age()
            case Family.INDEXES_AGREE:
                yield from (questions.keys(table) for table in tables if table.key_index)
            case Family.PAGES_SOUND:
                yield from _about_pages(connection, tables)
            case _:
                return

    def _of_configured(
        self, spec: CheckSpec, connection: Connection, tables: Sequence[Table], wanted: Wanted
    ) -> None:
        key = f"{ASKED}{spec.name}"
        if "table" not in spec.options:
            return
        name = self._find(connection, spec.options["table"])
        if name is None:
            wanted.absent[key] = f"table {parse_table_name(spec.options['table'])}"
            return
        missing = self._missing_columns(connection, name, spec)
        if missing:
            wanted.absent[key] = f"column {missing} of {name}"
            return
        scanned = [t for t in tables if str(name) in {t.full_name, t.group}]
        question = _question(spec, key, connection, name, scanned)
        if question is not None:
            blocks = sum(table.blocks for table in scanned)
            wanted.questions.append(replace(question, weight=blocks, patience=spec.timeout))
        for table in scanned:
            wanted.aggregates[table.full_name] += self._aggregates(spec, key, table)
        if not scanned and question is None:
            wanted.absent[key] = f"a table {name} with rows of its own"

    def _find(self, connection: Connection, text: str) -> TableName | None:
        """Each table once, however many checks are about it."""
        if text not in self._names:
            self._names[text] = describing.find(connection, parse_table_name(text))
        return self._names[text]

    def _missing_columns(self, connection: Connection, name: TableName, spec: CheckSpec) -> str:
        if name not in self._columns:
            self._columns[name] = describing.columns_of(connection, name)
        there = self._columns[name]
        return ", ".join(column for column in _columns_of(spec) if column not in there)

    def _aggregates(self, spec: CheckSpec, key: str, table: Table) -> Iterator[Aggregate]:
        match spec.kind:
            case Family.APPEND_ONLY:
                column = spec.options["key"]
                types = {c.name: c.type for c in table.columns}
                moment = types[column] in scanning.MOMENTS
                yield scanning.greatest(column, key, moment=moment)
                limit = self._greatest_before(key)
                if limit is not None:
                    yield scanning.until(table.columns, column, limit, key, moment=moment)
            case Family.UNIQUE:
                yield scanning.filled(spec.options["columns"], key)
            case Family.DISTRIBUTION:
                yield from scanning.sums(spec.options["column"], key)
            case _:
                aggregate = _aggregate(spec, key)
                if aggregate is not None:
                    yield aggregate

    def _greatest_before(self, key: str) -> str | None:
        tables = self._before.tables.values() if self._before else ()
        found = [t.values[key + GREATEST] for t in tables if key + GREATEST in t.values]
        return max(found, key=scanning.by_size, default=None)


def _columns_of(spec: CheckSpec) -> list[str]:
    options = spec.options
    single = [options[key] for key in ("column", "key") if key in options]
    return [*options.get("columns", ()), *single]


def _aggregate(spec: CheckSpec, key: str) -> Aggregate | None:
    options = spec.options
    match spec.kind:
        case Family.FRESHNESS | Family.HEARTBEAT:
            return scanning.newest(options["column"], key)
        case Family.NOT_NULL:
            condition = " or ".join(f"t.{quoted(c)} is null" for c in options["columns"])
            return scanning.violations(condition, key)
        case Family.RANGE:
            condition = scanning.outside_of(
                options["column"], options.get("min"), options.get("max")
            )
            return scanning.violations(condition, key)
        case Family.ACCEPTED_VALUES:
            condition = scanning.not_among(options["column"], options["values"])
            return scanning.violations(condition, key)
        case _:
            return None


def _question(
    spec: CheckSpec, key: str, connection: Connection, name: TableName, scanned: Sequence[Table]
) -> Question | None:
    """About the rows that the scans read: of a table's own, not of those that inherit from it."""
    options = spec.options
    here = f"{quoted(name.schema)}.{quoted(name.table)}"
    plain = any(table.full_name == str(name) and not table.view for table in scanned)
    match spec.kind:
        case Family.ROW_COUNT if not scanned:
            return Question(key=key, sql=f"select count(*) from {here}")  # noqa: S608  # quoted names
        case Family.UNIQUE:
            by_index = describing.has_index(connection, name, options["columns"])
            own = f"only {here}" if plain else here
            return questions.duplicates(own, options["columns"], name=key, by_index=by_index)
        case Family.REFERENCES:
            there = describing.find(connection, parse_table_name(options["to"]))
            target = f"{quoted(there.schema)}.{quoted(there.table)}" if there else options["to"]
            foreign = ForeignKey(
                name="",
                table=here,
                columns=tuple(options["columns"]),
                target=target,
                target_columns=tuple(options["to_columns"]),
                plain=plain,
            )
            return questions.orphans(foreign, name=key)
        case _:
            return None


def _about_pages(connection: Connection, tables: Sequence[Table]) -> Iterator[Question]:
    """Where the extensions are, or can be made for the length of a transaction."""
    has = describing.extensions(connection, (AMCHECK, VISIBILITY))
    for name, make in _extension_questions(connection, tables).items():
        if name in has:
            schema = has[name]
            before = "" if schema else questions.prelude(name)
            yield from make(schema or questions.OWN_SCHEMA, before)


def _extension_questions(
    connection: Connection, tables: Sequence[Table]
) -> Mapping[str, Callable[[str, str], Iterator[Question]]]:
    heaps = [table for table in tables if not table.view]

    def amcheck(schema: str, before: str) -> Iterator[Question]:
        yield from questions.btree(schema, describing.btrees(connection), before=before)
        if describing.major_of(connection) >= VERIFY_HEAP_MAJOR:
            yield from questions.heaps(schema, heaps, before=before)

    def visibility(schema: str, before: str) -> Iterator[Question]:
        yield from questions.visible(schema, heaps, before=before)

    return {AMCHECK: amcheck, VISIBILITY: visibility}
