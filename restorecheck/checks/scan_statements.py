"""The statements of a scan, so that each table is read once for all checks. Pure.

A *scan* of a table is one statement with one aggregate for each requested value. Large tables are divided
into *units* of consecutive blocks, in order: for several connections, and so that an interrupted scan
continues. Every aggregate can be combined from its parts: sums are added, of maxima the largest counts.
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
"""Blocks of one unit: 512 MB, some seconds of reading, far less than one invocation of a function."""
SMALL_BLOCKS = 64
BATCH = 100
"""Small tables in one statement: round trips and planning take equally long (measured with 50 to 200)."""
MOST_NEWEST = 4
"""Columns of one table whose newest value is read; further ones are ignored."""


class Merge(StrEnum):
    SUM = "sum"
    MAX = "max"


class Plan(Enum):
    """Which plan may answer a question."""

    HEAP = auto()
    INDEX = auto()
    ANY = auto()
    """Read the rows of the heap, and look up each one in any way."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One value to compute for a table."""

    key: str
    sql: str
    merge: Merge = Merge.SUM
    natural: bool = False
    """It calls functions of the database: names resolve in the database's search path, and the table has its
    own name instead of the alias `t`.
    """


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of every row is read."""

    contents: bool = True
    """Every value is read (from TOAST, too) and is part of the fingerprint."""
    constraints: bool = True
    newest: bool = True
    until: datetime | None = None
    """Newest times are read up to this time, so that planned times do not hide them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that no scan of one table answers: one statement, one value."""

    key: str
    sql: str
    weight: int = 0
    """Approximate number of blocks to read: larger questions are asked first."""
    plan: Plan = Plan.HEAP
    natural: bool = False
    """As `Aggregate.natural`: with the database's settings."""
    prelude: str = ""
    """Statements before it, in the same transaction, which is rolled back."""
    shared: bool = False
    """Several connections may run the prelude at once; else the second one would wait for the first."""
    patience: timedelta | None = None
    """Time limit of the answer; None: the general limit."""
    budgeted: bool = False
    """Left out when the budget for this kind is used up."""
    reordered: str = ""
    """Why this server may sort the keys of an index in another order than the source server did: then an error
    about their order is a doubt. Empty: both sort alike.
    """
    small: bool = False
    """Reads only small tables: many such questions are asked in one statement."""
    table: str = ""
    """The quoted table that it reads. The connection that has read this table asks it: the server looks up
    a table's definition once for each connection.
    """


OVER_BUDGET = "not within its time limit"
"""The doubt for a `Question.budgeted` that was left out."""
ROWS, PRINT, NULLS = "rows", "contents", "nulls"
CHECK, NEWEST, ASKED = "check:", "newest:", "asked:"
"""Prefixes of keys: of a constraint, a column, a configured check."""
UNSETTLED = "unsettled check:"
"""Prefix of the key of a constraint whose answer may depend on settings, such as the time zone."""
VIEW = "view:"
"""Prefix of the key of a question that reads a view for a configured check."""
SKEW = timedelta(minutes=5)
"""A time more than this after the backup counts as a future time."""


class Sql(Protocol):
    """The SQL of one engine: a module of texts, in which the table has the alias `t`."""

    MOMENTS: frozenset[str]
    """Types of dates and times."""

    def rows(self, relation: Relation) -> str:
        """The FROM clause for its rows, without rows on another server."""

    def statement(
        self, table: Table, wanted: Sequence[Aggregate], blocks: tuple[int, int] | None
    ) -> str:
        """One row with one value: the texts of the aggregates, in their order. `blocks`: as in `units`."""

    def of_view(self, relation: Relation, wanted: Sequence[Aggregate]) -> str:
        """One value: a JSON object of texts, by key."""

    def batch(self, scans: Sequence[tuple[Table, Sequence[Aggregate]]]) -> str:
        """Many small tables in one statement: for each a row with its number and the result of `statement`."""

    def together(self, questions: Sequence[Question]) -> str:
        """Many questions in one statement: a row with the answer of each; NULL: no rows."""

    def units(
        self, table: Table, *, major: int, size: int = UNIT_BLOCKS
    ) -> tuple[tuple[int, int] | None, ...]:
        """Ranges of blocks [first, last); one None: the table is read as a whole.

        The last range is open (-1): blocks added since the size was read are included.
        """

    def fingerprint(self, columns: Iterable[Column], *, major: int) -> str:
        """A number for all values of all rows in any order; numbers of parts can be added."""

    def constraints(self, table: Table) -> Iterable[Aggregate]:
        """Number of violations of each validated constraint, and of all NOT NULL columns."""

    def newest(self, column: str, key: str, until: datetime | None = None) -> Aggregate:
        """Seconds since 1970 of the newest value up to `until`, without infinity."""

    def later(self, column: str, key: str, until: datetime | None) -> Aggregate:
        """Number of rows with a time after the backup; None: the time of the backup is not known."""

    def violations(self, condition: str, key: str) -> Aggregate:
        """Number of rows for which the condition is true."""

    def lacks(self, column: Column) -> str:
        """True if the column has no value."""

    def outside(self, column: Column, least: object, most: object) -> str:
        """True for values below or above, by the order of the type; None: no bound."""

    def unlisted(self, column: Column, values: Iterable[object]) -> str:
        """True for values other than these, by the equality of the type."""

    def finite(self, column: Column) -> str:
        """True for values that are not NULL, NaN or infinite."""

    def total(self, column: Column, key: str) -> Aggregate:
        """The sum of the finite values."""

    def pair(self, here: Column, there: Column) -> KeyPair:
        """The comparison of a foreign key: by the equality of the referenced type."""

    def orphans(self, key: ForeignKey, *, name: str = "") -> Question:
        """Rows that refer to a missing row; a NULL is no reference."""

    def duplicates(
        self,
        relation: Relation,
        columns: Sequence[Column],
        *,
        name: str,
        by_index: bool,
        major: int,
    ) -> Question:
        """`DUPLICATES ROWS`: number of repeated values, and number of rows that were read."""


def aggregates(
    table: Table, depth: Depth, asked: Iterable[Aggregate] = (), *, sql: Sql, major: int
) -> tuple[Aggregate, ...]:
    """All aggregates of one scan of this table, each once."""
    found = [Aggregate(ROWS, "count(*)")]
    if depth.contents:
        found.append(Aggregate(PRINT, sql.fingerprint(table.columns, major=major)))
    if depth.constraints:
        found += sql.constraints(table)
    if depth.newest:
        found += _newest(table, depth.until, sql)
    return tuple({aggregate.key: aggregate for aggregate in (*found, *asked)}.values())


def halves(wanted: Sequence[Aggregate]) -> Iterator[tuple[Aggregate, ...]]:
    """Two smaller statements for one without an answer, down to single aggregates."""
    if len(wanted) > 1:
        middle = len(wanted) // 2
        yield tuple(wanted[:middle])
        yield tuple(wanted[middle:])


def groups(wanted: Sequence[Aggregate]) -> Iterator[tuple[Aggregate, ...]]:
    """Groups of aggregates for one statement each."""
    for natural in (False, True):
        some = tuple(a for a in wanted if a.natural is natural)
        if some:
            yield some


NOTHING = ""
"""SQL's NULL: the result of an aggregate without any input value."""


def merged(
    wanted: Sequence[Aggregate], parts: Iterable[Mapping[str, str | None]]
) -> dict[str, str]:
    """The aggregates of a table from those of its parts. One that is missing in any part is left out."""
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
    """The sum of numbers as texts, without NULLs."""
    return reduce(added, (Decimal(value) for value in values if value != NOTHING), Decimal())


_AS_POSTGRES = Context(prec=1_000, traps=[])
"""Exact: sums of wide numerics have more than the default 28 digits."""


def added(one: Decimal, other: Decimal) -> Decimal:
    """The sum; opposite infinities give NaN, as in PostgreSQL, and no error."""
    return _AS_POSTGRES.add(one, other)


def by_size(value: str) -> tuple[bool, Decimal]:
    """Sort key: in PostgreSQL NaN is greater than every number; Decimal cannot compare NaN."""
    number = Decimal(value)
    return (True, Decimal()) if number.is_nan() else (False, number)


def _newest(table: Table, until: datetime | None, sql: Sql) -> Iterator[Aggregate]:
    moments = [c for c in table.columns if c.kind == "b" and c.type in sql.MOMENTS]
    for column in sorted(moments, key=_promise)[:MOST_NEWEST]:
        yield sql.newest(column.name, f"{NEWEST}{column.name}", until)


FIRST_MOMENT = datetime(2, 1, 1, tzinfo=UTC).timestamp()
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""The latest time of a `datetime`, for comparisons. PostgreSQL's years go from 4713 BC to 294276, and to
5874897 for dates.
"""


def _promise(column: Column) -> tuple[bool, str]:
    """Sort key: times of creation or change come before others, such as birthdays."""
    telling = ("creat", "updat", "insert", "modif", "time", "_at", "added", "logged", "seen")
    return not any(word in column.name.lower() for word in telling), column.name


def filled(columns: Sequence[Column], sql: Sql) -> Aggregate:
    """Number of rows with a value, for each column."""
    names = [column.name for column in columns]
    condition = " and ".join(f"not ({sql.lacks(column)})" for column in columns)
    return sql.violations(condition, filled_key(names))


def filled_key(names: Sequence[str]) -> str:
    return f"filled:{json.dumps(list(names))}"
