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
from typing import Protocol

from restorecheck.checks.tables import Column, ForeignKey, KeyPair, Relation, Table

UNIT_BLOCKS = 65_536
"""Half a gigabyte: some seconds of reading, and far below what a function's time allows."""
SMALL_BLOCKS = 64
BATCH = 100
"""Small tables in one statement: round trips and planning weigh the same (measured at 50 to 200)."""
MOST_NEWEST = 4
"""Columns of one table whose newest value is looked at."""


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


OVER_BUDGET = "not within its time limit"
"""A doubt: `Question.budgeted`."""
ROWS, PRINT, NULLS = "rows", "contents", "nulls"
CHECK, NEWEST, ASKED = "check:", "newest:", "asked:"
"""Beginnings of keys: of a constraint, of a column, of a configured check."""
VIEW = "view:"
"""Of a question that reads a view for a configured check."""
SKEW = timedelta(minutes=5)
"""How much later than the backup a time may be before it counts as one of the future."""


class Sql(Protocol):
    """What one engine says for what is asked: a module of texts. The table that is read is called `t` in them."""

    MOMENTS: frozenset[str]
    """Types of dates and times."""

    def rows(self, relation: Relation) -> str:
        """What to select them from, without those that another server holds."""

    def statement(
        self, table: Table, wanted: Sequence[Aggregate], blocks: tuple[int, int] | None
    ) -> str:
        """One row with one value: the texts of the aggregates, in their order. `blocks`: as in `units`."""

    def of_view(self, relation: Relation, wanted: Sequence[Aggregate]) -> str:
        """One value: a JSON object of texts, by key."""

    def batch(self, scans: Sequence[tuple[Table, Sequence[Aggregate]]]) -> str:
        """Many small tables in one statement: for each a row with its number, and what `statement` gives."""

    def together(self, questions: Sequence[Question]) -> str:
        """Many questions in one statement: a row with the answer of each; NULL where one has no rows."""

    def units(
        self, table: Table, *, major: int, size: int = UNIT_BLOCKS
    ) -> tuple[tuple[int, int] | None, ...]:
        """Ranges of blocks [first, last); one None: the table is read as a whole.

        The last range is open (-1): what was added since the size was looked at is read as well.
        """

    def fingerprint(self, columns: Iterable[Column], *, major: int) -> str:
        """A number for all values of all rows, whatever their order; those of parts can be added up."""

    def constraints(self, table: Table) -> Iterable[Aggregate]:
        """Rows that must not be there: of each validated constraint, and of all NOT NULL columns."""

    def newest(self, column: str, key: str, until: datetime | None = None) -> Aggregate:
        """Seconds since 1970 of the newest value up to `until`; infinity is no time."""

    def later(self, column: str, key: str, until: datetime | None) -> Aggregate:
        """Rows whose time is after the backup's; None: it is not known when that was taken."""

    def violations(self, condition: str, key: str) -> Aggregate:
        """Rows of which the condition is true."""

    def lacks(self, column: Column) -> str:
        """True where the column has no value."""

    def outside(self, column: Column, least: object, most: object) -> str:
        """True of values that are less or greater, by the order of the type; None: no bound."""

    def unlisted(self, column: Column, values: Iterable[object]) -> str:
        """True of values that are not among these, by the equality of the type."""

    def finite(self, column: Column) -> str:
        """True of numbers: neither NULL nor NaN nor infinite."""

    def total(self, column: Column, key: str) -> Aggregate:
        """The sum of what is finite."""

    def pair(self, here: Column, there: Column) -> KeyPair:
        """As a foreign key would compare them: by the equality of the type that is pointed to."""

    def orphans(self, key: ForeignKey, *, name: str = "") -> Question:
        """Rows that point to a row that is not there; a NULL points nowhere."""

    def duplicates(
        self, relation: Relation, columns: Sequence[Column], *, name: str, by_index: bool
    ) -> Question:
        """`DUPLICATES ROWS`: values that stand in more than one row, and rows that were looked at."""


def aggregates(
    table: Table, depth: Depth, asked: Iterable[Aggregate] = (), *, sql: Sql, major: int
) -> tuple[Aggregate, ...]:
    """Everything that one scan of this table finds out, each thing once."""
    found = [Aggregate(ROWS, "count(*)")]
    if depth.contents:
        found.append(Aggregate(PRINT, sql.fingerprint(table.columns, major=major)))
    if depth.constraints:
        found += sql.constraints(table)
    if depth.newest:
        found += _newest(table, depth.until, sql)
    return tuple({aggregate.key: aggregate for aggregate in (*found, *asked)}.values())


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


def _newest(table: Table, until: datetime | None, sql: Sql) -> Iterator[Aggregate]:
    moments = [c for c in table.columns if c.kind == "b" and c.type in sql.MOMENTS]
    for column in sorted(moments, key=_promise)[:MOST_NEWEST]:
        yield sql.newest(column.name, f"{NEWEST}{column.name}", until)


FIRST_MOMENT = datetime(2, 1, 1, tzinfo=UTC).timestamp()
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""What a `datetime` can be, and a span away from it. PostgreSQL's years go from 4713 BC to 294276, and
to 5874897 for dates.
"""


def _promise(column: Column) -> tuple[bool, str]:
    """Columns that tell when a row came about or was changed, before birthdays."""
    telling = ("creat", "updat", "insert", "modif", "time", "_at", "added", "logged", "seen")
    return not any(word in column.name.lower() for word in telling), column.name


def filled(columns: Sequence[Column], sql: Sql) -> Aggregate:
    """Rows with a value in each."""
    names = [column.name for column in columns]
    condition = " and ".join(f"not ({sql.lacks(column)})" for column in columns)
    return sql.violations(condition, filled_key(names))


def filled_key(names: Sequence[str]) -> str:
    return f"filled:{json.dumps(list(names))}"
