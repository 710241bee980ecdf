"""Which statements read a database, so that each table is read once for all that asks about it. Pure.

A *scan* of a table is one statement with one aggregate for each thing that somebody wants to know.
Large tables are cut into *units* of consecutive blocks, in order: for several connections, and so
that what was interrupted goes on where it was. Every aggregate can be put together from those of the
parts: sums are added, of maxima the largest is taken.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import Enum, StrEnum, auto
from functools import reduce

from restorecheck.checks.fingerprint import fingerprint
from restorecheck.checks.tables import Column, Constraint, Relation, Table, literal, quoted

BLOCK = 8192
UNIT_BLOCKS = 65_536
"""Half a gigabyte: some seconds of reading, and far below what a function's time allows."""
SMALL_BLOCKS = 64
BATCH = 100
"""Small tables in one statement: round trips and planning weigh the same (measured at 50 to 200)."""
MOST_NEWEST = 4
"""Columns of one table whose newest value is looked at."""
FIRST_RANGE_MAJOR = 14
"""Since then a condition on ctid reads only the blocks that it names (PostgreSQL 14 release notes)."""


class Merge(StrEnum):
    SUM = "sum"
    MAX = "max"


class Plan(Enum):
    """What a question may be answered from."""

    HEAP = auto()
    INDEX = auto()
    ANY = auto()
    """The rows of the heap, and for each of them whatever finds its like the fastest."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One thing to know of a table."""

    key: str
    sql: str
    merge: Merge = Merge.SUM
    natural: bool = False
    """It calls what belongs to the database: names mean what they mean in its own search path, and the
    table has its own name in place of the alias `t`.
    """


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of every row is looked at."""

    contents: bool = True
    """Every value is read (out of TOAST, too) and goes into the fingerprint."""
    constraints: bool = True
    newest: bool = True
    until: datetime | None = None
    """Newest times are looked for up to this moment: what is planned for later hides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that no scan of one table can tell; one statement, one value."""

    key: str
    sql: str
    weight: int = 0
    """Roughly the blocks to be read: the largest come first."""
    plan: Plan = Plan.HEAP
    natural: bool = False
    """As `Aggregate.natural`: by the database's own settings."""
    prelude: str = ""
    """A statement before it, in the same transaction, which is rolled back."""
    patience: timedelta | None = None
    """How long its answer may take; None: as long as anything may."""
    budgeted: bool = False
    """Left out when those of its kind have taken their time."""
    small: bool = False
    """It reads small tables only: many of these are asked in one statement."""


OVER_BUDGET = "not within the time that it is given"
"""A doubt: `Question.budgeted`."""
ROWS, PRINT, NULLS = "rows", "contents", "nulls"
CHECK, NEWEST, ASKED = "check:", "newest:", "asked:"
"""Beginnings of keys: of a constraint, of a column, of a configured check."""
VIEW = "view:"
"""Of a question that reads a view for a configured check."""
SKEW = timedelta(minutes=5)
"""How much later than the backup a time may be before it counts as one of the future."""


def aggregates(
    table: Table, depth: Depth, asked: Iterable[Aggregate] = (), *, major: int
) -> tuple[Aggregate, ...]:
    """Everything that one scan of this table finds out, each thing once."""
    found = [Aggregate(ROWS, "count(*)")]
    if depth.contents:
        found.append(contents(table.columns, major=major))
    if depth.constraints:
        found += _constraints(table)
    if depth.newest:
        found += _newest(table, depth.until)
    return tuple({aggregate.key: aggregate for aggregate in (*found, *asked)}.values())


def contents(columns: Iterable[Column], *, major: int) -> Aggregate:
    """The fingerprint of all rows."""
    return Aggregate(PRINT, fingerprint(columns, major=major))


def halves(wanted: Sequence[Aggregate]) -> Iterator[tuple[Aggregate, ...]]:
    """What to try when a statement cannot be answered: two with less each, down to single aggregates."""
    if len(wanted) > 1:
        middle = len(wanted) // 2
        yield tuple(wanted[:middle])
        yield tuple(wanted[middle:])


def groups(wanted: Sequence[Aggregate]) -> Iterator[tuple[Aggregate, ...]]:
    """Those that go into one statement."""
    for natural in (False, True):
        some = tuple(a for a in wanted if a.natural is natural)
        if some:
            yield some


def statement(table: Table, wanted: Sequence[Aggregate], blocks: tuple[int, int] | None) -> str:
    """One row: an array of texts, in the order of `wanted`."""
    values = ", ".join(_as_text(aggregate) for aggregate in wanted)
    natural = any(aggregate.natural for aggregate in wanted)
    alias = quoted(table.name) if natural else "t"
    return f"select array[{values}] from only {table.quoted} {alias}{_where(alias, blocks)}"  # noqa: S608  # quoted by us


def _as_text(aggregate: Aggregate) -> str:
    """By the type's own output: a cast of numbers to text may be the database's. NULL is empty."""
    return f"pg_catalog.concat({aggregate.sql})"


def of_view(relation: Relation, wanted: Sequence[Aggregate]) -> str:
    """One value: a JSON object of texts, by key."""
    values = ", ".join(f"{literal(a.key)}, {_as_text(a)}" for a in wanted)
    return f"select pg_catalog.concat(json_build_object({values})) from {relation.quoted} t"  # noqa: S608  # quoted by us


def batch(scans: Sequence[tuple[Table, Sequence[Aggregate]]]) -> str:
    """Many small tables in one statement: their number, and the array, for each."""
    parts = (
        f"select {number}, x.* from ({statement(table, wanted, None)}) x"  # noqa: S608  # as above
        for number, (table, wanted) in enumerate(scans)
    )
    return " union all ".join(parts)


def together(questions: Sequence[Question]) -> str:
    """Many questions in one statement: a row with the answer of each; NULL where one has no rows."""
    return "select " + ", ".join(f"({question.sql})" for question in questions)


def unit_blocks(table: Table, size: int = UNIT_BLOCKS) -> int:
    """Blocks of one unit; fewer where much of the table lies in TOAST."""
    heap = max(1, table.blocks) * BLOCK
    return max(1, min(size, size * heap // max(heap, table.bytes)))


def units(
    table: Table, *, major: int, size: int = UNIT_BLOCKS
) -> tuple[tuple[int, int] | None, ...]:
    """Ranges of blocks [first, last); one None: the table is read as a whole.

    The last range is open (-1): what was added since the size was looked at is read as well.
    """
    size = unit_blocks(table, size)
    if major < FIRST_RANGE_MAJOR or table.blocks <= size:
        return (None,)
    firsts = range(0, table.blocks, size)
    return tuple((first, first + size if first + size < table.blocks else -1) for first in firsts)


NOTHING = ""
"""SQL's NULL, of an aggregate that was asked for and had no value to work on."""


def merged(
    wanted: Sequence[Aggregate], parts: Iterable[Mapping[str, str | None]]
) -> dict[str, str]:
    """The aggregates of a whole, from those of its parts. What is missing in one of them is left out."""
    every = list(parts)
    return {
        aggregate.key: _whole(aggregate.merge, [part[aggregate.key] for part in every])
        for aggregate in wanted
        if all(aggregate.key in part for part in every)
    }


def _whole(merge: Merge, values: Iterable[str | None]) -> str:
    there = [value for value in values if value not in {None, NOTHING}]
    if not there:
        return NOTHING
    if merge is Merge.SUM:
        return str(summed(there))
    return max(there, key=by_size)


def summed(values: Iterable[str]) -> Decimal:
    """Of numbers as texts; what is NULL adds nothing."""
    return reduce(added, (Decimal(value) for value in values if value != NOTHING), Decimal())


_AS_POSTGRES = Context(prec=1_000, traps=[])
"""Exact: 28 digits, as usual, are fewer than sums of wide numerics have."""


def added(one: Decimal, other: Decimal) -> Decimal:
    """Infinities that cancel each other are NaN, as PostgreSQL has it, and no error."""
    return _AS_POSTGRES.add(one, other)


def by_size(value: str) -> tuple[bool, Decimal]:
    """For sorting: PostgreSQL's NaN is greater than everything, Decimal's cannot be compared."""
    number = Decimal(value)
    return (True, Decimal()) if number.is_nan() else (False, number)


def _where(alias: str, blocks: tuple[int, int] | None) -> str:
    if blocks is None:
        return ""
    first, last = blocks
    tid = "'({},0)'::pg_catalog.tid"
    end = "" if last < 0 else f" and {alias}.ctid operator(pg_catalog.<) {tid.format(last)}"
    return f" where {alias}.ctid operator(pg_catalog.>=) {tid.format(first)}{end}"


def _constraints(table: Table) -> Iterator[Aggregate]:
    """Rows that must not be there: of each validated constraint, and of all NOT NULL columns."""
    required = [lacks(c) for c in table.columns if c.not_null]
    if required:
        yield violations(" or ".join(required), NULLS)
    for constraint in table.constraints:
        key, plain = f"{CHECK}{constraint.name}", constraint.plain
        yield violations(f"not ({constraint.expression})", key, natural=not plain)
    for column in table.columns:
        for constraint, broken in _of_domains(table, column):
            key = f"{CHECK}{column.name}, {constraint.name}"
            yield violations(broken, key, natural=not constraint.plain)


def _of_domains(table: Table, column: Column) -> Iterator[tuple[Constraint, str]]:
    """Checks of domains, and SQL that is true where they are broken.

    In a domain's check VALUE is read like a column: PostgreSQL, `replace_domain_constraint_value`.
    """

    def value(constraint: Constraint) -> str:
        return f"{'t' if constraint.plain else quoted(table.name)}.{quoted(column.name)}"

    for constraint in column.domain_checks:
        one = f"(select {value(constraint)}::{column.sql_type} as value) d"
        yield constraint, f"(select not ({constraint.expression}) from {one})"  # noqa: S608  # quoted by us, and below
    for field, constraint in column.nested_checks:
        if field:
            one = f"(select ({value(constraint)}).{quoted(field)} as value) d"
            yield constraint, f"(select not ({constraint.expression}) from {one})"  # noqa: S608
        else:
            every = f"pg_catalog.unnest({value(constraint)}) d(value)"
            yield constraint, f"exists (select from {every} where not ({constraint.expression}))"


def lacks(column: Column) -> str:
    """True where the column has no value. A row of NULLs is a value."""
    name = f"t.{quoted(column.name)}"
    return f"num_nulls({name}) = 1" if column.composite else f"{name} is null"


def _newest(table: Table, until: datetime | None) -> Iterator[Aggregate]:
    """Seconds since 1970 of the newest value; infinity is no time."""
    moments = [c for c in table.columns if c.kind == "b" and c.type in MOMENTS]
    for column in sorted(moments, key=_promise)[:MOST_NEWEST]:
        yield newest(column.name, f"{NEWEST}{column.name}", until)


FIRST_MOMENT = datetime(2, 1, 1, tzinfo=UTC).timestamp()
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""What a `datetime` can be, and a span away from it. PostgreSQL's years go from 4713 BC to 294276, and
to 5874897 for dates.
"""
MOMENTS = frozenset({"timestamptz", "timestamp", "date"})


def newest(column: str, key: str, until: datetime | None = None) -> Aggregate:
    name = f"t.{quoted(column)}"
    condition = f"isfinite({name})" + (f" and not {_later(column, until)}" if until else "")
    return Aggregate(key, f"extract(epoch from max({name}) filter (where {condition}))", Merge.MAX)


def later(column: str, key: str, until: datetime | None) -> Aggregate:
    """Rows whose time is after the backup's; None: it is not known when that was taken."""
    condition = f"isfinite(t.{quoted(column)}) and {_later(column, until)}" if until else "false"
    return violations(condition, key)


def _later(column: str, until: datetime) -> str:
    """By the seconds: a date and a time without zone are read in UTC."""
    return f"t.{quoted(column)} > {literal((until + SKEW).isoformat())}::timestamptz"


def _promise(column: Column) -> tuple[bool, str]:
    """Columns that tell when a row came about or was changed, before birthdays."""
    telling = ("creat", "updat", "insert", "modif", "time", "_at", "added", "logged", "seen")
    return not any(word in column.name.lower() for word in telling), column.name


def violations(condition: str, key: str, *, natural: bool = False) -> Aggregate:
    count = "pg_catalog.count(*)" if natural else "count(*)"
    return Aggregate(key, f"{count} filter (where {condition})", natural=natural)


def filled(columns: Sequence[Column]) -> Aggregate:
    """Rows with a value in each."""
    names = [column.name for column in columns]
    condition = " and ".join(f"not ({lacks(column)})" for column in columns)
    return violations(condition, filled_key(names))


def filled_key(names: Sequence[str]) -> str:
    return f"filled:{json.dumps(list(names))}"
