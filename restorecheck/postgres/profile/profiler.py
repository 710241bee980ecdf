"""Profiles a database for proposals of checks: one pass over each table, and a few bounded queries.

Every query is read-only, in a transaction with one snapshot, and has a time limit. A query that exceeds
it leads to no proposal.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations, islice
from typing import Any

import psycopg

from restorecheck.checks.dialects.postgresql import orphans, pair
from restorecheck.checks.dialects.postgresql.questions import without_large_object
from restorecheck.checks.profiles import (
    TEXTS,
    ColumnProfile,
    Profile,
    ReferenceProfile,
    TableProfile,
)
from restorecheck.checks.propose import schema_objects
from restorecheck.checks.propose.proposal import FEW_VALUES, LONGEST_VALUE, MOMENTS, NUMBERS
from restorecheck.checks.propose.schema_objects import SEQUENCE
from restorecheck.checks.tables import quoted
from restorecheck.postgres.scan import catalog
from restorecheck.postgres.session.connection import (
    GRACE,
    Connection,
    deadline,
    rolled_back,
    spelled,
)

SAMPLE = 2_000
"""Rows of the sample that decides whether a whole column is searched for an enumeration."""
MOST_MOMENTS = 4
LEAST_REFERRING = 20
"""Fewer rows prove no reference: values could match a table of a similar name by chance."""
Owned = tuple[str, str, str]
"""Sequence, table, column; quoted."""
PLANS = {"jit": "off", "row_security": "off", "max_parallel_workers_per_gather": "0"}


class Profiler:
    """Profiles one restored database."""

    def __init__(self, connect: Callable[[], Connection], *, patience: timedelta) -> None:
        """`patience`: limit of one statement; a table that takes longer is left out."""
        self._connect = connect
        self._patience = patience

    def profile(
        self, taken_at: datetime | None, tell: Callable[[str], None] = lambda _text: None
    ) -> Profile:
        """Raises psycopg.Error: the catalog itself cannot be read."""
        connection = self._connect()
        try:
            tables, declared = self._catalog(connection)
            looked_at = []
            for table in tables:
                tell(f"looking at {table.full_name}")
                looked_at.append(self._values(connection, table))
            known = tuple(looked_at)
            return Profile(
                tables=known,
                references=tuple(self._references(connection, known, declared)),
                objects=self._objects(connection),
                extensions=tuple(self._extensions(connection)),
                taken_at=taken_at,
            )
        finally:
            connection.close()

    # --- within

    def _asked(self, connection: Connection, sql: str) -> list[tuple[Any, ...]]:
        with (
            deadline(connection, self._patience + GRACE),
            rolled_back(connection, self._patience),
        ):
            catalog.pin_settings(connection)
            for name, value in PLANS.items():
                connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])
            return connection.execute(spelled(connection, sql)).fetchall()

    def _block(self, connection: Connection, name: str) -> list[tuple[Any, ...]]:
        return self._asked(
            connection, catalog.statements("profile.sql", "restorecheck.postgres.profile")[name]
        )

    def _catalog(
        self, connection: Connection
    ) -> tuple[list[TableProfile], dict[str, set[frozenset[str]]]]:
        columns: dict[int, list[ColumnProfile]] = defaultdict(list)
        for oid, name, kind, required in self._block(connection, "columns"):
            columns[oid].append(ColumnProfile(name=name, type=kind, not_null=required))
        keys: dict[int, list[tuple[str, ...]]] = defaultdict(list)
        for oid, names in self._block(connection, "keys"):
            keys[oid].append(tuple(names))
        references: dict[int, set[frozenset[str]]] = defaultdict(set)
        for oid, names in self._block(connection, "declared references"):
            references[oid].add(frozenset(names))
        tables, declared = [], {}
        for oid, schema, name, unlogged in self._block(connection, "relations"):
            table = TableProfile(
                schema=schema,
                name=name,
                unlogged=unlogged,
                columns=tuple(columns[oid]),
                keys=tuple(dict.fromkeys(keys[oid])),
                pointing=tuple(sorted({name for names in references[oid] for name in names})),
            )
            tables.append(table)
            declared[table.full_name] = references[oid]
        return tables, declared

    def _values(self, connection: Connection, table: TableProfile) -> TableProfile:
        try:
            found = self._scanned(connection, table)
            columns = tuple(
                replace(
                    column,
                    values=self._enumerated(connection, found, column),
                    hours=self._hours(connection, found, column),
                )
                for column in found.columns
            )
            return replace(
                found,
                columns=columns,
                distinct=tuple(self._distinct(connection, found)),
                large_objects=tuple(self._large_objects(connection, found)),
            )
        except psycopg.errors.Error:
            if connection.closed:
                raise
            return table  # not readable, or not in time: no proposals

    def _scanned(self, connection: Connection, table: TableProfile) -> TableProfile:
        moments = [c for c in table.columns if c.type in MOMENTS and not c.personal][:MOST_MOMENTS]
        pairs = [(a, b) for a, b in combinations(moments, 2) if a.type == b.type]
        wanted = ["count(*)"]
        for column in table.columns:
            wanted += _aggregates(column)
        for a, b in pairs:
            first, second = quoted(a.name), quoted(b.name)
            wanted += [
                f"count(*) filter (where {first} > {second})",
                f"count(*) filter (where {first} < {second})",
            ]
        listed = ", ".join(f"({sql})::text" for sql in wanted)
        ((values,),) = self._asked(connection, f"select array[{listed}] from {table.quoted}")  # noqa: S608  # quoted names
        answers = iter(values)
        rows = int(next(answers))
        columns = tuple(_filled(column, answers) for column in table.columns)
        ordered = []
        for a, b in pairs:
            later, earlier = int(next(answers)), int(next(answers))
            if not later and earlier >= LEAST_REFERRING:
                ordered.append((a.name, b.name))
            elif not earlier and later >= LEAST_REFERRING:
                ordered.append((b.name, a.name))
        return replace(table, rows=rows, columns=columns, ordered=tuple(ordered))

    def _enumerated(
        self, connection: Connection, table: TableProfile, column: ColumnProfile
    ) -> tuple[tuple[str, int], ...]:
        if column.type not in TEXTS or column.personal or not column.present:
            return ()
        name = quoted(column.name)
        few = self._asked(
            connection,
            f"select count(distinct c), max(length(c)) from (select {name}::text c from {table.quoted}"  # noqa: S608  # quoted names
            f" where {name} is not null limit {SAMPLE}) s",
        )
        if few[0][0] > FEW_VALUES or few[0][1] > LONGEST_VALUE:
            return ()
        rows = self._asked(
            connection,
            f"select {name}::text, count(*) from {table.quoted} where {name} is not null"  # noqa: S608  # quoted names
            f" group by 1 order by 2 desc limit {FEW_VALUES + 1}",
        )
        return tuple((value, number) for value, number in rows) if len(rows) <= FEW_VALUES else ()

    def _hours(
        self, connection: Connection, table: TableProfile, column: ColumnProfile
    ) -> tuple[int, ...]:
        if column.type not in MOMENTS or column.personal or column.high is None:
            return ()
        first = column.high - timedelta(days=14).total_seconds()
        seconds = f"extract(epoch from {quoted(column.name)})"
        rows = self._asked(
            connection,
            f"select distinct floor({seconds} / 3600)::bigint from {table.quoted}"  # noqa: S608  # quoted names
            f" where isfinite({quoted(column.name)}) and {seconds} >= {first!r} order by 1",
        )
        return tuple(hour for (hour,) in rows)

    def _distinct(self, connection: Connection, table: TableProfile) -> Iterator[str]:
        """Only of tables without a key, which need such a check most."""
        if table.keys or table.rows < LEAST_REFERRING:
            return
        for column in table.columns:
            if column.name.lower() not in {"id", "uuid", "key", "code", "slug"}:
                continue
            name = quoted(column.name)
            ((same,),) = self._asked(
                connection,
                f"select count(distinct {name}) = count(*) from {table.quoted}",  # noqa: S608  # quoted names
            )
            if same:
                yield column.name

    def _large_objects(self, connection: Connection, table: TableProfile) -> Iterator[str]:
        for column in table.columns:
            if column.type != "oid" or column.present < LEAST_REFERRING:
                continue
            ((lost,),) = self._asked(connection, without_large_object(table.quoted, column.name))
            if not lost:
                yield column.name

    def _references(
        self,
        connection: Connection,
        tables: Sequence[TableProfile],
        declared: Mapping[str, set[frozenset[str]]],
    ) -> Iterator[ReferenceProfile]:
        with rolled_back(connection, self._patience):
            catalog.pin_settings(connection)
            known = catalog.directory(connection)
        columns = {
            (known.relations[oid].full_name, column.name): column
            for oid, every in known.columns.items()
            for column in every
        }
        for table, column, to, there in candidates(tables):
            if frozenset({column.name}) in declared[table.full_name]:
                continue
            reference = ReferenceProfile(
                table=table,
                columns=(column.name,),
                to=to,
                to_columns=(there,),
                rows=column.present,
                pairs=(pair(columns[table.full_name, column.name], columns[to.full_name, there]),),
            )
            try:
                ((lost,),) = self._asked(connection, orphans(reference.key).sql)
            except psycopg.errors.Error:
                if connection.closed:
                    raise
                continue
            if not lost:
                yield reference

    def _objects(self, connection: Connection) -> dict[str, tuple[str, ...]]:
        found = {
            kind: tuple(sorted({name for (name,) in self._asked(connection, sql)}))
            for kind, sql in schema_objects.NAMES.items()
        }
        with rolled_back(connection, self._patience):
            catalog.pin_settings(connection)
            owned = catalog.owned_sequences(connection)
        rising = [(s.name, s.table, quoted(s.column)) for s in owned if s.increment > 0]
        found[SEQUENCE] = tuple("\0".join(parts) for parts in self._ahead(connection, rising))
        return found

    def _ahead(self, connection: Connection, sequences: Sequence[Owned]) -> Sequence[Owned]:
        """Without sequences that are behind tonight, as after an import with its own numbers: one of them
        would prevent the proposal for all others.
        """
        if not sequences or not self._behind(connection, sequences):
            return sequences
        return [s for s in sequences if not self._behind(connection, [s])]

    def _behind(self, connection: Connection, sequences: Sequence[Owned]) -> bool:
        ((number,),) = self._asked(connection, schema_objects.ahead(sequences))
        return bool(number)

    def _extensions(self, connection: Connection) -> list[str]:
        return [name for (name,) in self._block(connection, "extensions")]


def _aggregates(column: ColumnProfile) -> list[str]:
    """For columns that look personal only the number of rows with a value, and with a non-empty one."""
    name = quoted(column.name)
    wanted = [f"count({name})"]
    if column.type in TEXTS:
        wanted.append(f"count(*) filter (where {name} = '')")
    if column.personal:
        return wanted
    if column.type in NUMBERS:
        value = f"{name}::float8"
        finite = f"filter (where {value} between -1e300 and 1e300)"
        wanted += [
            f"{function}({value}) {finite}" for function in ("min", "max", "avg", "stddev_samp")
        ]
        wanted.append(f"count(*) {finite}")
    if column.type in MOMENTS:
        finite = f"filter (where isfinite({name}))"
        wanted += [
            f"extract(epoch from {function}({name}) {finite})" for function in ("min", "max")
        ]
    return wanted


def _filled(column: ColumnProfile, answers: Iterator[str | None]) -> ColumnProfile:
    present = int(next(answers) or 0)
    if column.type in TEXTS:
        return replace(column, present=present, empty=int(next(answers) or 0))
    if column.personal or column.type not in NUMBERS | MOMENTS:
        return replace(column, present=present)
    low, high = _number(next(answers)), _number(next(answers))
    if column.type in MOMENTS:
        return replace(column, present=present, low=low, high=high)
    mean, deviation = _number(next(answers)), _number(next(answers))
    if int(next(answers) or 0) != present:
        return replace(column, present=present)  # NaN exceeds every bound, and spoils every average
    return replace(column, present=present, low=low, high=high, mean=mean, deviation=deviation)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


Candidate = tuple[TableProfile, ColumnProfile, TableProfile, str]
WHOLE = frozenset({"int2", "int4", "int8"})


def candidates(tables: Iterable[TableProfile]) -> Iterator[Candidate]:
    """Columns that by name and type may refer to the key of another table: `course_id` to `courses.id`, or
    `branch_code` to a table whose key is `branch_code`.
    """
    every = tuple(tables)
    for table in every:
        own = {key[0] for key in table.keys if len(key) == 1}
        for column in table.columns:
            if column.present < LEAST_REFERRING:
                continue
            rules = (_named_after,) if column.name in own else (_named_after, _named_alike)
            found = (
                (table, column, to, key)
                for rule in rules
                for to in _near(table, every)
                for key in _keys_of_type(to, column.type)
                if rule(column.name.lower(), to.name.lower(), key.lower())
            )
            yield from islice(found, 1)


def _near(table: TableProfile, every: Sequence[TableProfile]) -> Iterator[TableProfile]:
    """Tables of the same schema first; one of another schema only if its name is unique: with one schema for
    each tenant every table name is repeated.
    """
    others = [to for to in every if to.full_name != table.full_name and to.rows > 1]
    names = Counter(to.name for to in every)
    yield from (to for to in others if to.schema == table.schema)
    yield from (to for to in others if to.schema != table.schema and names[to.name] == 1)


def _keys_of_type(table: TableProfile, wanted: str) -> Iterator[str]:
    kinds = {c.name: c.type for c in table.columns}
    for key in table.keys:
        if len(key) == 1 and (kinds[key[0]] == wanted or {kinds[key[0]], wanted} <= WHOLE):
            yield key[0]


def _named_alike(column: str, _table: str, key: str) -> bool:
    return column == key and key not in {"id", "key", "code", "uuid", "name", "slug"}


def _named_after(column: str, table: str, key: str) -> bool:
    """`course_id` or `best_course_id` for `courses.id`."""
    stem = re.sub(rf"_?{re.escape(key)}$", "", column)
    if not stem or stem == column:
        return False
    last = stem.rpartition("_")[2]
    return any(table in {s, f"{s}s", f"{s}es", f"{s[:-1]}ies"} for s in (stem, last))
