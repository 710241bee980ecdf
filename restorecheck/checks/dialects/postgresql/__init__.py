"""PostgreSQL's implementation of `scan_statements.Sql`; `questions.py`: for kinds of check of PostgreSQL only."""

# ruff: noqa: S608  # every name is quoted by us, every other part is ours

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from restorecheck.checks.dialects.postgresql.fingerprint import FIRST_MAJOR, row_hash
from restorecheck.checks.questions import ORPHANS
from restorecheck.checks.scan_statements import (
    CHECK,
    NULLS,
    SKEW,
    UNIT_BLOCKS,
    UNSETTLED,
    Aggregate,
    Merge,
    Plan,
    Question,
)
from restorecheck.checks.tables import (
    Column,
    Constraint,
    ForeignKey,
    KeyPair,
    Relation,
    Table,
    literal,
    parts_of,
    quoted,
)

BLOCK = 8192
FIRST_RANGE_MAJOR = 14
"""The first version in which a condition on ctid reads only the named blocks (PostgreSQL 14 release notes)."""
MOMENTS = frozenset({"timestamptz", "timestamp", "date"})


def statement(table: Table, wanted: Sequence[Aggregate], blocks: tuple[int, int] | None) -> str:
    """One row: an array of texts, in the order of `wanted`."""
    values = ", ".join(_as_text(aggregate) for aggregate in wanted)
    natural = any(aggregate.natural for aggregate in wanted)
    alias = quoted(table.name) if natural else "t"
    return f"select array[{values}] from only {table.quoted} {alias}{_where(alias, blocks)}"


def _as_text(aggregate: Aggregate) -> str:
    """Text by the type's output function, because the database may define casts. NULL is empty."""
    return f"pg_catalog.concat({aggregate.sql})"


def of_view(relation: Relation, wanted: Sequence[Aggregate]) -> str:
    """One value: a JSON object of texts, by key."""
    values = ", ".join(f"{literal(a.key)}, {_as_text(a)}" for a in wanted)
    return f"select pg_catalog.concat(json_build_object({values})) from {relation.quoted} t"


def batch(scans: Sequence[tuple[Table, Sequence[Aggregate]]]) -> str:
    """Many small tables in one statement: for each its number and the array."""
    parts = (
        f"select {number}, x.* from ({statement(table, wanted, None)}) x"
        for number, (table, wanted) in enumerate(scans)
    )
    return " union all ".join(parts)


def together(questions: Sequence[Question]) -> str:
    """Many questions in one statement: a row with the answer of each; NULL: no rows."""
    return "select " + ", ".join(f"({question.sql})" for question in questions)


def unit_blocks(table: Table, size: int = UNIT_BLOCKS) -> int:
    """Blocks of one unit; fewer if much of the table is in TOAST."""
    heap = max(1, table.blocks) * BLOCK
    return max(1, min(size, size * heap // max(heap, table.bytes)))


def units(
    table: Table, *, major: int, size: int = UNIT_BLOCKS
) -> tuple[tuple[int, int] | None, ...]:
    """Ranges of blocks [first, last); one None: the table is read as a whole.

    The last range is open (-1): blocks added since the size was read are included.
    """
    size = unit_blocks(table, size)
    if major < FIRST_RANGE_MAJOR or table.blocks <= size:
        return (None,)
    firsts = range(0, table.blocks, size)
    return tuple((first, first + size if first + size < table.blocks else -1) for first in firsts)


def _where(alias: str, blocks: tuple[int, int] | None) -> str:
    if blocks is None:
        return ""
    first, last = blocks
    tid = "'({},0)'::pg_catalog.tid"
    end = "" if last < 0 else f" and {alias}.ctid operator(pg_catalog.<) {tid.format(last)}"
    return f" where {alias}.ctid operator(pg_catalog.>=) {tid.format(first)}{end}"


def fingerprint(columns: Iterable[Column], *, major: int = FIRST_MAJOR) -> str:
    """An aggregate: numeric, NULL for an empty table."""
    return f"sum({row_hash(columns, major=major)})"


def constraints(table: Table) -> Iterator[Aggregate]:
    """Number of violations of each validated constraint, and of all NOT NULL columns."""
    required = [lacks(c) for c in table.columns if c.not_null]
    if required:
        yield violations(" or ".join(required), NULLS)
    for constraint in table.constraints:
        key = f"{CHECK if constraint.settled else UNSETTLED}{constraint.name}"
        yield violations(f"not ({constraint.expression})", key, natural=not constraint.plain)
    for column in table.columns:
        for constraint, broken in _of_domains(table, column):
            begin = CHECK if constraint.settled else UNSETTLED
            key = f"{begin}{column.name}, {constraint.name}"
            yield violations(broken, key, natural=not constraint.plain)


def _of_domains(table: Table, column: Column) -> Iterator[tuple[Constraint, str]]:
    """Checks of domains, with SQL that is true for a violation.

    In a domain's check VALUE works like a column: PostgreSQL, `replace_domain_constraint_value`.
    """

    def value(constraint: Constraint) -> str:
        return f"{'t' if constraint.plain else quoted(table.name)}.{quoted(column.name)}"

    for constraint in column.domain_checks:
        one = f"(select {value(constraint)}::{column.sql_type} as value) d"
        yield (
            constraint,
            f"(select not ({constraint.expression}) from {one})",
        )
    for field, constraint in column.nested_checks:
        if field:
            one = f"(select ({value(constraint)}).{quoted(field)} as value) d"
            yield constraint, f"(select not ({constraint.expression}) from {one})"
        else:
            every = f"pg_catalog.unnest({value(constraint)}) d(value)"
            yield constraint, f"exists (select from {every} where not ({constraint.expression}))"


def lacks(column: Column) -> str:
    """True if the column has no value. A row of NULLs is a value."""
    name = f"t.{quoted(column.name)}"
    return f"num_nulls({name}) = 1" if column.composite else f"{name} is null"


def violations(condition: str, key: str, *, natural: bool = False) -> Aggregate:
    count = "pg_catalog.count(*)" if natural else "count(*)"
    return Aggregate(key, f"{count} filter (where {condition})", natural=natural)


def newest(column: str, key: str, until: datetime | None = None) -> Aggregate:
    name = f"t.{quoted(column)}"
    condition = f"isfinite({name})" + (f" and not {_later(column, until)}" if until else "")
    return Aggregate(key, f"extract(epoch from max({name}) filter (where {condition}))", Merge.MAX)


def later(column: str, key: str, until: datetime | None) -> Aggregate:
    """Number of rows with a time after the backup; None: the time of the backup is not known."""
    condition = f"isfinite(t.{quoted(column)}) and {_later(column, until)}" if until else "false"
    return violations(condition, key)


def _later(column: str, until: datetime) -> str:
    """In seconds since 1970: a date, or a time without zone, counts as UTC."""
    return f"t.{quoted(column)} > {literal((until + SKEW).isoformat())}::timestamptz"


def rows(relation: Relation) -> str:
    if relation.kind == "r" and relation.alone:
        return f"only {relation.quoted}"
    if not relation.foreign:
        return relation.quoted
    listed = ", ".join(quoted(column.name) for column in relation.columns) or "1"
    parts = [
        f"select {listed} from only {'.'.join(map(quoted, parts_of(name)))}"
        for name in relation.members
    ]
    return f"({' union all '.join(parts) or f'select {listed} from {relation.quoted} limit 0'})"


def equal(pair: KeyPair, there: str, here: str) -> str:
    """True of equal values; both are aliases."""
    left = f"{there}.{quoted(pair.there)}{pair.there_cast}"
    right = f"{here}.{quoted(pair.here)}{pair.here_cast}{pair.collation}"
    return f"{left} {pair.operator} {right}"


def orphans(key: ForeignKey, *, name: str = "") -> Question:
    """Rows that refer to a missing row; a NULL is no reference.

    The same query as PostgreSQL's for a new constraint (`RI_Initial_Check`; for periods, `RI_FKey_check`).
    """
    here = [f"c.{quoted(column)}" for column in key.columns]
    some = " or ".join(f"{column} is not null" for column in here)
    every = " and ".join(f"{column} is not null" for column in here)
    points = some if key.full else every
    there = f"{'only ' * key.target_plain}{key.target} p"
    same = " and ".join(equal(pair, "p", "c") for pair in key.pairs)
    found = f"select from {there} where {same}"
    if key.period:
        *keys, span = key.pairs
        theirs, ours = f"p.{quoted(span.there)}", f"c.{quoted(span.here)}"
        same = " and ".join(
            [*(equal(pair, "p", "c") for pair in keys), f"{theirs} operator(pg_catalog.&&) {ours}"]
        )
        parts = f"select {theirs} as r from {there} where {same}"
        found = f"select from ({parts}) x having {ours} operator(pg_catalog.<@) pg_catalog.range_agg(x.r)"
    return Question(
        key=name or f"{ORPHANS}{key.table} {key.name}",
        natural=key.declared,
        table=key.table,
        sql=f"select pg_catalog.count(*) from {'only ' * key.plain}{key.table} c where ({points}) and not exists ({found})",
    )


def duplicates(
    relation: Relation, columns: Sequence[Column], *, name: str, by_index: bool, major: int
) -> Question:
    """NULLs are never equal. An index on the columns saves sorting: then only the index is read, and must have
    as many rows as the heap, because a row that is missing in the index could be a duplicate.

    Where counting distinct values is faster, that is done first: each value is counted only if there are
    fewer distinct values than rows. Both use the same operator.
    """
    listed = ", ".join(f"t.{quoted(column.name)}" for column in columns)
    among = f"{rows(relation)} t where " + " and ".join(
        f"not ({lacks(column)})" for column in columns
    )
    each = (
        "select concat(count(*) filter (where n > 1), ' ', coalesce(sum(n), 0))"  # quoted names
        f" from (select count(*) as n from {among} group by {listed}) d"
    )
    if len(columns) == 1 and _counts_distinct(columns[0], by_index=by_index, major=major):
        each = (
            f"select case when v = n then concat('0 ', n) else ({each}) end"
            f" from (select count(distinct {listed}) as v, count(*) as n from {among}) a"  # quoted names
        )
    return Question(key=name, sql=each, plan=Plan.INDEX if by_index else Plan.HEAP)


SORTED_FAST = frozenset({"int2", "int4", "int8", "oid", "uuid", "date", "timestamp", "timestamptz"})
"""Counted in a third of the time (a million rows in chance order)."""
SORTED_SLOWLY = frozenset({"text", "varchar", "bpchar", "numeric"})
"""Counted faster where an index has them in order, and nowhere else."""
PRESORTED_MAJOR = 16
"""Since when distinct values are counted in the order in which an index gives them. Source: PostgreSQL 16,
release notes, E.1.3.1.1 "Optimizer".
"""


def _counts_distinct(column: Column, *, by_index: bool, major: int) -> bool:
    """For types that PostgreSQL brings: others may have an equality without an order."""
    if column.kind != "b" or not column.sql_type.startswith("pg_catalog."):
        return False
    if by_index and major < PRESORTED_MAJOR:
        return column.type in WHOLE
    return column.type in SORTED_FAST or (by_index and column.type in SORTED_SLOWLY)


def outside(column: Column, least: object, most: object) -> str:
    name = f"t.{quoted(column.name)}"
    ends = ((column.below, least), (column.above, most))
    return " or ".join(
        f"{name} {sign} {_bound(end, column)}" for sign, end in ends if end is not None
    )


WHOLE = frozenset({"int2", "int4", "int8", "oid"})
"""Types of whole numbers; their bounds may be any number."""


def _bound(value: object, column: Column) -> str:
    """A bound with the column's type, so that the type's order decides."""
    if column.type in WHOLE and not isinstance(value, str):
        return repr(value)
    if column.type == "money" and not isinstance(value, str):
        return f"{literal(str(value))}::numeric::money"  # independent of the currency format
    return f"{literal(str(value))}::{column.sql_type}"


def unlisted(column: Column, values: Iterable[object]) -> str:
    name = f"t.{quoted(column.name)}"
    texts = [literal(_text(value)) for value in values]
    listed = ", ".join(texts)
    if column.kind == "e" or not column.equals:
        # An enumeration may lack a label of the list. `concat` only calls the type's output function.
        if column.kind != "e":
            listed = ", ".join(f"concat({text}::{column.sql_type})" for text in texts)
        among = f"concat({name}) = any(array[{listed}])"
    elif column.type.startswith("_"):  # there are no arrays of arrays
        each = (f"{name} {column.equals} {text}::{column.sql_type}" for text in texts)
        among = " or ".join(each)
    else:
        among = f"{name} {column.equals} any(array[{listed}]::{column.sql_type}[])"
    return f"{name} is not null and not ({among})"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def pair(here: Column, there: Column) -> KeyPair:
    """Built-in types are compared by built-in operators, which also compare different types."""
    brought = all(column.sql_type.startswith("pg_catalog.") for column in (here, there))
    if here.sql_type != there.sql_type and brought:
        operator = "operator(pg_catalog.=)"
        return KeyPair(here=here.name, there=there.name, operator=operator)
    cast = f"::{there.sql_type}" if here.sql_type != there.sql_type else ""
    return KeyPair(
        here=here.name,
        there=there.name,
        operator=there.equals or "=",
        here_cast=cast,
        collation=there.collation if there.collation != here.collation else "",
    )


def finite(column: Column) -> str:
    name = f"t.{quoted(column.name)}"
    if column.type == "numeric":
        # NaN is greater than every number, and infinity greater than every other one.
        return f"{name} < 'NaN' and concat({name}) not like '%Infinity'"
    if column.type in {"float4", "float8"}:
        return f"({name})::float8 between -1.7976931348623157e308 and 1.7976931348623157e308"
    return f"{name} is not null"


def total(column: Column, key: str) -> Aggregate:
    name = f"t.{quoted(column.name)}"
    return Aggregate(key, f"sum({name}::numeric) filter (where {finite(column)})")
