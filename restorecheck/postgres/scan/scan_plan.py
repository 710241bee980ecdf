"""The scan of one database for its checks: the plan, and the reading."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from restorecheck.checks import judge_scan
from restorecheck.checks.access import statements
from restorecheck.checks.answers import UnansweredError
from restorecheck.checks.dialects import postgresql
from restorecheck.checks.kind import (
    Ask,
    Catalog,
    Context,
    OfDatabase,
    OfRelation,
    RelationScan,
    Section,
    resolve,
)
from restorecheck.checks.kinds.pages import AMCHECK, VISIBILITY
from restorecheck.checks.kinds.tables_countable import COLLECTED
from restorecheck.checks.registry import BY_NAME, kind_of
from restorecheck.checks.scan_result import (
    HIDDEN,
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
)
from restorecheck.checks.scan_statements import PRINT, ROWS, VIEW, Aggregate, Depth, Question
from restorecheck.checks.structure import bounded
from restorecheck.checks.tables import Relation, Table, full_name
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import CheckSpec
from restorecheck.postgres.scan import catalog as pg_catalog
from restorecheck.postgres.scan.catalog import Access, Directory
from restorecheck.postgres.scan.scan_session import PostgresSession
from restorecheck.postgres.session.connection import GRACE, Connection, deadline, rolled_back
from restorecheck.scan.table_scan import Survey

CATALOG_TIMEOUT = timedelta(minutes=5)
"""Limit of a statement on the catalog; a slower one is cancelled, and the scan fails."""
NAMES = ("table", "to", "column", "columns", "to_columns")
"""Options of checks that contain names; others may contain values."""
RELATIONS = {
    "i": "an index",
    "I": "an index",
    "S": "a sequence",
    "c": "a type",
    "t": "a TOAST table",
}
"""`pg_class.relkind` of relations that are not tables."""


@dataclass
class Wanted:
    """What the checks of one database need from the scan."""

    aggregates: dict[str, list[Aggregate]] = field(default_factory=lambda: defaultdict(list))
    questions: list[Question] = field(default_factory=list)


class Inquirer:
    """Reads one database for some checks, within a time limit."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        specs: Sequence[CheckSpec],
        *,
        connections: int,
        context: Context | None = None,
        database: str = "",
        workers: int = 0,
        killed: Callable[[], str] = str,
    ) -> None:
        """`context`, `database`: with the findings of the previous drill. `workers`: as in
        `PostgresSession`; `killed`: as in `Survey`.
        """
        self._killed = killed
        self._context = context
        self._before = context.before(database) if context else None
        self._workers = workers
        self._connect = connect
        self._specs = specs
        known = [kind_of(spec) for spec in specs]
        collected = {name for spec in specs for name in spec.options.get(COLLECTED, ())}
        self._kinds = {k.name: k for k in (*known, *map(BY_NAME.get, collected)) if k is not None}
        self._connections = connections

    def read(self, reading: DatabaseReading, soon: timedelta, allowed: timedelta) -> None:
        """Continue the reading; `done`: whether it is complete.

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
                path = pg_catalog.search_path(connection)
                pg_catalog.pin_settings(connection)
                hiding = pg_catalog.hiding_settings(connection)
                found = pg_catalog.find(connection, self._names(), path)
                tables = {oid for oid, kind in found.values() if kind not in RELATIONS}
                directory = pg_catalog.directory(connection, tables)
                catalog = self._catalog(connection, directory, tables)
                access = pg_catalog.access(connection)
                _note_access(reading, access, directory, catalog)
                wanted = self._of_built_ins(catalog)
                self._of_configured(connection, directory, found, reading, wanted)
                if not reading.structure and any(k.structure for k in self._kinds.values()):
                    reading.structure = bounded(pg_catalog.structure(connection))
        except psycopg.Error as exc:
            if connection.broken and not expired.is_set():
                reason = "the connection was lost while reading the catalog"
                raise DatabaseUnreachableError(reason) from exc
            raise
        finally:
            connection.close()
        if hiding:
            reading.doubts[HIDDEN] = (
                f"{' and '.join(hiding)} is on: damaged pages are read without an error"
            )
        began = time.monotonic()
        survey = self._survey(catalog, reading, wanted, access)
        survey.run(soon, allowed)
        if reading.done:
            spent = timedelta(seconds=time.monotonic() - began)
            left = max(timedelta(seconds=1), allowed - spent)
            self._study(survey, catalog, reading, soon - spent, left)
        reading.until = self._until.isoformat() if self._until else ""

    # --- within

    def _survey(
        self, catalog: Catalog, reading: DatabaseReading, wanted: Wanted, access: Access
    ) -> Survey:
        configured, hidden = " ".join(self._named()), access.hidden if access.opened else None

        def session() -> PostgresSession:
            return PostgresSession(
                self._connect(), workers=self._workers, configured=configured, hidden=hidden
            )

        return Survey(
            session,
            catalog.tables,
            reading,
            sql=postgresql,
            depth=self._depth(),
            asked=wanted.aggregates,
            questions=wanted.questions,
            connections=self._connections,
            major=catalog.major,
            budget=self._budget(),
            killed=self._killed,
        )

    def _named(self) -> Iterator[str]:
        """Tables and columns that the checks name."""
        for spec in self._specs:
            for option in NAMES:
                found = spec.options.get(option, ())
                yield from (found,) if isinstance(found, str) else map(str, found)

    def _study(
        self,
        survey: Survey,
        catalog: Catalog,
        reading: DatabaseReading,
        soon: timedelta,
        allowed: timedelta,
    ) -> None:
        """What is asked of the tables, depending on their number of rows."""
        kinds = [kind for kind in self._kinds.values() if isinstance(kind, OfDatabase)]
        questions = [q for kind in kinds for q in kind.studies(catalog, reading)]
        if questions:
            survey.add(questions)
            survey.run(soon, allowed)
        if reading.done:
            for kind in kinds:
                kind.settle(catalog, reading, self._before)

    def _budget(self) -> timedelta:
        return timedelta(minutes=sum(spec.options.get("minutes", 0) for spec in self._specs))

    def _depth(self) -> Depth:
        kinds = self._kinds.values()
        return Depth(
            contents=any(kind.contents for kind in kinds),
            constraints=any(kind.constraints for kind in kinds),
            until=self._until,
        )

    @property
    def _until(self) -> datetime | None:
        return self._context.until if self._context else None

    def _names(self) -> Iterator[str]:
        """Tables that the checks name."""
        for spec in self._specs:
            for option in ("table", "to"):
                if isinstance(kind_of(spec), OfRelation) and option in spec.options:
                    yield str(spec.options[option])

    def _catalog(
        self, connection: Connection, directory: Directory, asked: Collection[int]
    ) -> Catalog:
        """`asked`: oids of the relations that checks name."""
        sections = frozenset[Section]().union(*(kind.reads for kind in self._kinds.values()))
        readers: Mapping[Section, tuple[str, Callable[[Connection], Any]]] = {
            Section.FOREIGN_KEYS: ("foreign_keys", pg_catalog.foreign_keys),
            Section.EXCLUSIONS: ("exclusions", pg_catalog.exclusions),
            Section.SEQUENCES: ("sequences", pg_catalog.owned_sequences),
            Section.BTREES: ("btrees", pg_catalog.btrees),
            Section.EXTENSIONS: (
                "extensions",
                lambda c: pg_catalog.extensions(c, (AMCHECK, VISIBILITY)),
            ),
        }
        parts = {readers[section][0]: readers[section][1](connection) for section in sections}
        named = {full for spec in self._specs for full in spec.options.get("tables", ())}
        kept = {*asked, *(o for o, t in directory.tables.items() if t.full_name in named)}
        tables = tuple(directory.without_installed(kept & directory.relations.keys()).values())
        return Catalog(
            sql=postgresql, major=pg_catalog.major_of(connection), tables=tables, **parts
        )

    def _of_built_ins(self, catalog: Catalog) -> Wanted:
        wanted = Wanted()
        for spec in self._specs:
            kind = kind_of(spec)
            if isinstance(kind, OfDatabase):
                wanted.questions += kind.questions(catalog, spec.options)
        return wanted

    def _of_configured(
        self,
        connection: Connection,
        directory: Directory,
        found: Mapping[str, tuple[int, str]],
        reading: DatabaseReading,
        wanted: Wanted,
    ) -> None:
        tables = {table.full_name: table for table in directory.tables.values()}
        keyed = [str(s.options.get("table", "")) for s in self._specs if "columns" in s.options]
        oids = {found[name][0] for name in keyed if name in found}
        indexes = pg_catalog.index_columns(connection, oids)
        for spec in self._specs:
            kind = kind_of(spec)
            if not isinstance(kind, OfRelation):
                continue
            asked = AskedReading()
            reading.asked[spec.name] = asked
            ask = _resolved(spec, kind, asked, found, directory)
            if ask is None:
                continue
            reading.relations.setdefault(asked.relation, _kept(ask.relation))
            oid, _ = found[str(spec.options["table"])]
            ask = self._told(ask, indexes.get(oid, ()), reading, pg_catalog.major_of(connection))
            self._ask(ask, kind, asked, tables, wanted)

    def _told(
        self,
        ask: Ask,
        indexes: Iterable[Sequence[str]],
        reading: DatabaseReading,
        major: int,
    ) -> Ask:
        """With the facts of the database and of the previous drill."""
        spec = ask.spec
        listed = [ask.columns[column] for column in spec.options.get("columns", ())]
        return replace(
            ask,
            has_index=bool(listed) and pg_catalog.has_index(indexes, listed),
            before=self._scan_before(spec, reading),
            until=self._until,
            major=major,
        )

    def _scan_before(self, spec: CheckSpec, reading: DatabaseReading) -> RelationScan | None:
        if self._before is None:
            return None
        try:
            return judge_scan.scan_before(spec, judge_scan.scan_of(spec, reading), self._before)
        except UnansweredError:
            return None

    def _ask(
        self,
        ask: Ask,
        kind: OfRelation,
        asked: AskedReading,
        tables: Mapping[str, Table],
        wanted: Wanted,
    ) -> None:
        own = list(kind.aggregates(ask))
        if ask.relation.kind == "v":
            every = [Aggregate(ROWS, "count(*)"), *own]
            if kind.contents:
                contents = postgresql.fingerprint(ask.relation.columns, major=ask.major)
                every.insert(1, Aggregate(PRINT, contents))
            text = postgresql.of_view(ask.relation, every)
            wanted.questions.append(
                Question(key=f"{VIEW}{ask.spec.name}", sql=text, patience=ask.spec.timeout)
            )
        for name in ask.relation.members:
            wanted.aggregates[name] += own
        question = kind.question(ask)
        if question is not None:
            asked.question = question.key
            weight = sum(tables[name].blocks for name in ask.relation.members if name in tables)
            wanted.questions.append(replace(question, weight=weight, patience=ask.spec.timeout))


def _note_access(
    reading: DatabaseReading, access: Access, directory: Directory, catalog: Catalog
) -> None:
    """Tables that the role may not read in full are left out: a part would be taken for the whole."""
    read = {table.full_name: table for table in catalog.tables}
    every = {
        directory.tables[oid].full_name: d
        for oid, d in access.denied.items()
        if oid in directory.tables
    }
    denied = {name: one for name, one in every.items() if name in read}
    reading.role, reading.major = access.role, catalog.major
    reading.denied = {name: one.why for name, one in denied.items()}
    reading.grants = list(statements(access.role, denied.values(), catalog.major))
    reading.installed = sorted(
        table.full_name
        for oid, table in directory.tables.items()
        if oid in directory.installed and table.full_name not in read
    )
    for name, one in denied.items():
        table = read[name]
        reading.tables[name] = TableReading(
            group=table.group,
            bytes=table.bytes,
            traits=table.traits,
            doubts={ROWS: f"not read: {one.why} for the role {access.role}"},
        )


def _kept(relation: Relation) -> RelationReading:
    return RelationReading(
        kind=relation.kind,
        members=list(relation.members),
        foreign=list(relation.foreign),
        columns=[column.name for column in relation.columns],
    )


def _resolved(
    spec: CheckSpec,
    kind: OfRelation,
    asked: AskedReading,
    found: Mapping[str, tuple[int, str]],
    directory: Directory,
) -> Ask | None:
    """The check with its names resolved; None: `asked` has the reason."""
    relation = _relation(str(spec.options["table"]), found, directory, asked)
    if relation is None:
        return None
    asked.relation = relation.full_name
    columns = _columns(kind.used(spec.options), relation, asked)
    to, to_columns = None, None
    if "to" in spec.options:
        to = _relation(str(spec.options["to"]), found, directory, asked)
        to_columns = _columns(spec.options["to_columns"], to, asked) if to else None
    if columns is None or ("to" in spec.options and to_columns is None):
        return None
    asked.columns = columns
    ask = Ask(
        sql=postgresql,
        spec=spec,
        relation=relation,
        columns=columns,
        to=to,
        to_columns=to_columns or {},
    )
    asked.refused = _refusal(relation) or kind.refused(ask)
    return None if asked.refused else ask


def _relation(
    text: str,
    found: Mapping[str, tuple[int, str]],
    directory: Directory,
    asked: AskedReading,
) -> Relation | None:
    oid, kind = found.get(text, (0, ""))
    if kind in RELATIONS:
        asked.refused = f"{text} is {RELATIONS[kind]}, and no table"
        return None
    if oid not in directory.relations:
        asked.absent = f"table {text}"
        return None
    return directory.relation(oid)


def _columns(
    texts: Sequence[str], relation: Relation, asked: AskedReading
) -> dict[str, str] | None:
    found = dict(resolve(texts, relation))
    missing = [text for text, name in found.items() if name is None]
    if missing:
        name = full_name(relation.schema, relation.name)
        asked.absent = f"column {', '.join(missing)} of {name}"
        return None
    return {text: name for text, name in found.items() if name is not None}


def _refusal(relation: Relation) -> str:
    """Why its rows cannot be read; empty: they can."""
    name = relation.full_name
    if relation.kind == "f":
        return (
            f"{name} is a foreign table: another server holds its rows, and no backup of this one"
        )
    if relation.kind == "m" and not relation.populated:
        return f"the materialized view {name} is not filled: REFRESH MATERIALIZED VIEW fills it"
    return ""
