"""Which statements read a database, so that each table is read once for all that asks about it. Pure.

A *scan* of a table is one statement with one aggregate for each thing that somebody wants to know.
Large tables are cut into *units* of consecutive blocks, in order: for several connections, and so
that what was interrupted goes on where it was. Every aggregate can be put together from those of the
parts: sums are added, of maxima the largest is taken.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum

from restorecheck.checks.fingerprint import fingerprint, plain_fingerprint
from restorecheck.checks.tables import Column, Table, literal, quoted

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


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One thing to know of a table."""

    key: str
    sql: str
    merge: Merge = Merge.SUM


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of every row is looked at."""

    contents: bool = True
    """Every value is read (out of TOAST, too) and goes into the fingerprint."""
    constraints: bool = True
    newest: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that no scan of one table can tell; one statement, one value."""

    key: str
    sql: str
    weight: int = 0
    """Roughly the blocks to be read: the largest come first."""
    by_index: bool = False
    """Answered out of an index, and not out of the heap."""
    prelude: str = ""
    """A statement before it, in the same transaction, which is rolled back."""
    patience: timedelta | None = None
    """How long its answer may take; None: as long as anything may."""
    budgeted: bool = False
    """Left out when those of its kind have taken their time."""


OVER_BUDGET = "not within the time that it is given"
"""A doubt: `Question.budgeted`."""
ROWS, PRINT, NULLS = "rows", "print", "nulls"
CHECK, NEWEST, ASKED = "check:", "newest:", "asked:"
"""Beginnings of keys: of a constraint, of a column, of a configured check."""


def aggregates(
    table: Table, depth: Depth, asked: Iterable[Aggregate] = (), *, major: int
) -> tuple[Aggregate, ...]:
    """Everything that one scan of this table finds out."""
    found = [Aggregate(ROWS, "count(*)")]
    if depth.contents:
        typed = major >= FIRST_RANGE_MAJOR
        found.append(Aggregate(PRINT, fingerprint(table.columns) if typed else plain_fingerprint()))
    if depth.constraints:
        found += _constraints(table)
    if depth.newest:
        found += _newest(table)
    return (*found, *asked)


def simpler(table: Table, wanted: Sequence[Aggregate]) -> Iterator[tuple[Aggregate, ...]]:
    """What to try when a scan cannot be done as it was: less and less of it, the count last."""
    own = tuple(a for a in wanted if a.key in {ROWS, PRINT})
    if own != tuple(wanted):
        yield own
    if any(a.key == PRINT for a in wanted):
        yield (Aggregate(ROWS, "count(*)"), Aggregate(PRINT, plain_fingerprint()))
        yield (Aggregate(ROWS, "count(*)"),)
    elif not own:
        raise AssertionError(f"every scan counts, that of {table.full_name} too")


def statement(table: Table, wanted: Sequence[Aggregate], blocks: tuple[int, int] | None) -> str:
    """One row: an array of texts, in the order of `wanted`."""
    values = ", ".join(f"({aggregate.sql})::text" for aggregate in wanted)
    return f"select array[{values}] from only {table.quoted} t{_where(blocks)}"  # noqa: S608  # quoted by us


def batch(scans: Sequence[tuple[Table, Sequence[Aggregate]]]) -> str:
    """Many small tables in one statement: their number, and the array, for each."""
    parts = (
        f"select {number}, x.* from ({statement(table, wanted, None)}) x"  # noqa: S608  # as above
        for number, (table, wanted) in enumerate(scans)
    )
    return " union all ".join(parts)


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


def merged(
    wanted: Sequence[Aggregate], parts: Iterable[Mapping[str, str | None]]
) -> dict[str, str]:
    """The aggregates of a whole, from those of its parts. What is NULL everywhere is left out."""
    whole: dict[str, str] = {}
    for part in parts:
        for aggregate in wanted:
            value = part.get(aggregate.key)
            if value is None:
                continue
            before = whole.get(aggregate.key)
            if before is None:
                whole[aggregate.key] = value
            elif aggregate.merge is Merge.SUM:
                whole[aggregate.key] = str(added(Decimal(before), Decimal(value)))
            else:
                whole[aggregate.key] = max(before, value, key=by_size)
    return whole


_AS_POSTGRES = Context(prec=1_000, traps=[])
"""Exact: 28 digits, as usual, are fewer than sums of wide numerics have."""


def added(one: Decimal, other: Decimal) -> Decimal:
    """Infinities that cancel each other are NaN, as PostgreSQL has it, and no error."""
    return _AS_POSTGRES.add(one, other)


def by_size(value: str) -> tuple[bool, Decimal]:
    """For sorting: PostgreSQL's NaN is greater than everything, Decimal's cannot be compared."""
    number = Decimal(value)
    return (True, Decimal()) if number.is_nan() else (False, number)


def _where(blocks: tuple[int, int] | None) -> str:
    if blocks is None:
        return ""
    first, last = blocks
    end = "" if last < 0 else f" and t.ctid < '({last},0)'::tid"
    return f" where t.ctid >= '({first},0)'::tid{end}"


def _constraints(table: Table) -> Iterator[Aggregate]:
    """Rows that must not be there: of each validated constraint, and of all NOT NULL columns."""
    required = [f"t.{quoted(c.name)} is null" for c in table.columns if c.not_null]
    if required:
        yield Aggregate(NULLS, f"count(*) filter (where {' or '.join(required)})")
    for constraint in table.constraints:
        sql = f"count(*) filter (where not ({constraint.expression}))"
        yield Aggregate(f"{CHECK}{constraint.name}", sql)


def _newest(table: Table) -> Iterator[Aggregate]:
    """Seconds since 1970 of the newest value; infinity is no time."""
    moments = [c for c in table.columns if c.kind == "b" and c.type in MOMENTS]
    for column in sorted(moments, key=_promise)[:MOST_NEWEST]:
        yield newest(column.name, f"{NEWEST}{column.name}")


FIRST_MOMENT = datetime(2, 1, 1, tzinfo=UTC).timestamp()
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""What a `datetime` can be, and a span away from it. PostgreSQL's years go from 4713 BC to 294276, and
to 5874897 for dates.
"""
MOMENTS = frozenset({"timestamptz", "timestamp", "date"})


def newest(column: str, key: str) -> Aggregate:
    name = f"t.{quoted(column)}"
    sql = f"extract(epoch from max({name}) filter (where isfinite({name})))"
    return Aggregate(key, sql, Merge.MAX)


def _promise(column: Column) -> tuple[bool, str]:
    """Columns that tell when a row came about or was changed, before birthdays."""
    telling = ("creat", "updat", "insert", "modif", "time", "_at", "added", "logged", "seen")
    return not any(word in column.name.lower() for word in telling), column.name


UNTIL, GREATEST, TOTAL, PRESENT = ":until", ":greatest", ":total", ":present"
"""Ends of keys: of checks that want several aggregates."""


def greatest(column: str, key: str, *, moment: bool) -> Aggregate:
    """The greatest key of a table that is only appended to; of times, microseconds since 1970."""
    name = f"t.{quoted(column)}"
    sql = f"max(extract(epoch from {name}) * 1000000)" if moment else f"max({name})"
    return Aggregate(f"{key}{GREATEST}", f"({sql})::numeric", Merge.MAX)


def until(
    columns: Iterable[Column], column: str, limit: str, key: str, *, moment: bool
) -> Aggregate:
    """The fingerprint of the rows that were there when the greatest key was `limit`."""
    name = f"t.{quoted(column)}"
    value = f"(extract(epoch from {name}) * 1000000)" if moment else name
    bound = str(Decimal(limit))
    return Aggregate(
        f"{key}{UNTIL}",
        f"{fingerprint(columns)} filter (where {value}::numeric <= '{bound}'::numeric)",
    )


def sums(column: str, key: str) -> tuple[Aggregate, Aggregate]:
    """For the average of a column, and the share of rows that have a value."""
    name = f"t.{quoted(column)}"
    return (
        Aggregate(f"{key}{TOTAL}", f"sum({name}::numeric)"),
        Aggregate(f"{key}{PRESENT}", f"count({name})"),
    )


def filled(columns: Sequence[str], key: str) -> Aggregate:
    """Rows with a value in each."""
    condition = " and ".join(f"t.{quoted(column)} is not null" for column in columns)
    return Aggregate(f"{key}{PRESENT}", f"count(*) filter (where {condition})")


def violations(condition: str, key: str) -> Aggregate:
    return Aggregate(key, f"count(*) filter (where {condition})")


def outside_of(column: str, low: object, high: object) -> str:
    """True of values outside of the bounds; NULL is none of them."""
    name = f"t.{quoted(column)}"
    parts = [f"{name} < {_bound(low)}"] if low is not None else []
    parts += [f"{name} > {_bound(high)}"] if high is not None else []
    return " or ".join(parts)


def not_among(column: str, values: Sequence[object]) -> str:
    """True of values that are none of these; NULL is none of them."""
    listed = ", ".join(literal(_text(value)) for value in values)
    name = f"t.{quoted(column)}"
    return f"{name}::text <> all(array[{listed}]::text[])"


def _bound(value: object) -> str:
    """A number as it is, anything else as a text that the server reads as the column's type."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    return literal(str(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
