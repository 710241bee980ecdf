"""The statement for `column_statistics`, one for each table. Pure: SQL out."""

# ruff: noqa: S608  # every name is quoted by us, every other part is ours

import math
from collections.abc import Iterable, Sequence

from restorecheck.checks.column_statistics import (
    CODES,
    GROUPS,
    LEAST_PROBED,
    NUMBERS,
    TEXTS,
    WHOLE,
    MeasureKind,
    key_columns,
    kind_of,
    measured,
    probed,
)
from restorecheck.checks.name_words import BORN
from restorecheck.checks.tables import Column, Table, quoted

SAMPLED_ROWS = 4_096
"""Rows of the sample: between half of this and this number; a smaller table is read completely."""
SAMPLED_BYTES = 256 * 1024 * 1024
"""Bytes of heap and TOAST; a larger sample is reduced. Of long texts only the beginning is read."""
SAMPLED_BLOCKS = 1_024
BEGINNING = 200
"""Characters of a text that are measured; the rest is ignored."""
INLINE = 2_000
"""Bytes: larger values are in TOAST, and are not read for the counts."""
HASHED = 8_000
"""Stored bytes: for larger values the probes use only the size."""
PROBED = 64
FAR_APART = 8
"""Keys for each row: with larger gaps between keys, probes are the first rows."""
MOST_NEWEST, LEAST_NEWEST, NEWEST_SHARE = 256, 32, 20
"""The newest rows: one in 20, at most 256, at least 32; none of smaller tables."""
_FOLLOWS = r"[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
BROKEN = rf"[\u00c2-\u00df]{_FOLLOWS}|[\u00e0-\u00ef]{_FOLLOWS}{_FOLLOWS}|\u00f0{_FOLLOWS}{_FOLLOWS}|\ufffd"
"""UTF-8 that was read as Latin-1 or Windows-1252, and U+FFFD. Written as escapes of PostgreSQL's regular
expressions: they need no conversion, whatever the encoding of the database.
"""


def statement(table: Table, *, key: Sequence[str], rows_estimate: int) -> str | None:
    """One row, an array of three texts; None: no column can be measured.

    `key`: the columns of the primary key or of another unique index without NULLs; empty: none.
    """
    columns = measured(table)
    if not columns or rows_estimate < LEAST_PROBED:
        return None
    source = f"only {table.quoted} t{_sampled(table, rows_estimate)}"
    projected = ", ".join(part for i, c in enumerate(columns) for part in _projected(i, c))
    sums = ", ".join(["count(*)", *(a for i, c in enumerate(columns) for a in _aggregates(i, c))])
    # `offset 0` prevents the planner from repeating the expressions for each aggregate.
    sample = f"select {projected} from {source} offset 0"
    measures = f"(select array_to_string(array[{sums}]::float8[], ',', '') from s)"
    newest = _newest(table, columns, key, rows_estimate)
    probes = _probes(table, columns, key, rows_estimate)
    return f"with s as ({sample}) select array[{measures}, {newest}, {probes}]"


def _sampled(table: Table, rows: int) -> str:
    halves = max(
        _halves(rows, SAMPLED_ROWS),
        _halves(table.blocks, SAMPLED_BLOCKS),
        _halves(table.bytes, SAMPLED_BYTES),
    )
    return f" tablesample system ({100 / 2**halves!r}) repeatable (17)" if halves else ""


def _halves(size: int, most: int) -> int:
    return max(0, math.ceil(math.log2(max(1, size) / most)))


def as_text(column: Column, value: str) -> str:
    """Text by the type's output function: a cast, even an implicit one, may be a user's function.

    `concat` accepts any type and calls its output function (varlena.c, `build_concat_foutcache`); NULL gives an
    empty text.
    """
    if column.kind == "b" and column.type in TEXTS:
        return f'{value} collate "C"'
    return f'(case when {_given(column, value)} then concat({value}) end) collate "C"'


def _given(column: Column, value: str) -> str:
    """True for a value; `row(null, null) is null` is true for a row that is not NULL."""
    return f"num_nulls({value}) = 0" if column.kind == "c" else f"{value} is not null"


def _projected(i: int, column: Column) -> tuple[str, ...]:
    value = f"t.{quoted(column.name)}"
    match kind_of(column):
        case MeasureKind.TEXT:
            text = as_text(column, value)
            return (f"octet_length({text}) as r{i}", f"substr({text}, 1, {BEGINNING}) as s{i}")
        case MeasureKind.NUMBER if column.type == "numeric":
            # A larger float8 overflows with an error.
            number = f"case when {value} between -1e300 and 1e300 then {value}::float8 end"
            return (f"{value} as r{i}", f"{number} as s{i}")
        case MeasureKind.NUMBER:
            number = f"case when abs({value}::float8) < 1e300 then {value}::float8 end"
            return (f"{value} as r{i}", f"{number} as s{i}")
        case MeasureKind.TIME:
            seconds = f"case when isfinite({value}) then date_part('epoch', {value}) end"
            return (f"{value} as r{i}", f"{seconds} as s{i}")
        case MeasureKind.CODE if column.kind == "e":
            return (f"hashtext({as_text(column, value)}) as r{i}",)
        case _:
            return (f"{value} as r{i}",)


def _aggregates(i: int, column: Column) -> Iterable[str]:
    """In the order of the names in `MeasureKind`."""
    r, s = f"r{i}", f"s{i}"

    def rows(condition: str) -> str:
        return f"count(*) filter (where {condition})"

    yield f"count({r})"
    match kind_of(column):
        case MeasureKind.TEXT:
            foreign = f"octet_length({s}) <> char_length({s})"
            yield f"count(distinct hashtext({s}))"
            yield rows(f"{r} = 0")
            yield f"sum({r})"
            yield f"max({r})"
            yield rows(foreign)
            yield rows(f"{foreign} and {s} ~ '{BROKEN}'")
            yield rows(f"{s} like '%?%'")
            yield rows(f"{s} like ' %' or {s} like '% '")
        case MeasureKind.WHOLE:
            yield f"count(distinct {r})"
            yield f"sum({r}::float8)"
            yield rows(f"{r} < 0")
            yield rows(f"{r} = 0")
        case MeasureKind.NUMBER:
            yield f"count(distinct {s})"
            yield f"sum({s})"
            yield rows(f"{s} < 0")
            yield rows(f"{s} = 0")
            yield rows(f"{s} = trunc({s})")
            yield rows(f"abs({s} * 10 - round({s} * 10)) < 1e-6")
            yield rows(
                f"case when abs({s}) between 1e-30 and 1e30 then {s}::float4::float8 = {s} end"
            )
            yield f"sum(octet_length(concat({r})))"
        case MeasureKind.BOOLEAN:
            yield rows(r)
        case MeasureKind.TIME:
            yield f"count(distinct {s})"
            yield f"sum({s} / 86400)"
            yield f"max({s})"
            yield rows(f"{s} = 0")
            yield rows(f"{s} = floor({s} / 86400) * 86400")
            yield rows(f"{s} = floor({s})")
        case MeasureKind.JSON:
            top = (
                f"case when pg_column_size({r}) < {INLINE} then case when jsonb_typeof({r}) = 'object'"
                f" then (select count(*) from jsonb_object_keys({r})) end end"
            )
            yield f"sum(pg_column_size({r}))"
            yield f"sum({top})"
        case MeasureKind.LIST:
            yield f"sum(pg_column_size({r}))"
            yield f"sum(case when pg_column_size({r}) < {INLINE} then cardinality({r}) end)"
        case MeasureKind.CODE:
            yield f"count(distinct {r})"
        case MeasureKind.OTHER:
            yield f"sum(pg_column_size({r}))"


def _newest(table: Table, columns: Sequence[Column], key: Sequence[str], rows: int) -> str:
    """Number and time of the newest rows, and how many have a value in each nullable column."""
    wanted = [(i, c) for i, c in enumerate(columns) if not c.not_null]
    number = min(MOST_NEWEST, rows // NEWEST_SHARE)
    if not wanted or number < LEAST_NEWEST:
        return "null"
    counted = ", ".join(f"count(r{i})" for i, _ in wanted)
    numbered = next((c for c in table.columns if [c.name] == list(key) and c.type in WHOLE), None)
    born = next((i for i, c in enumerate(columns) if _tells_birth(c)), None)
    if numbered is not None:
        values = ", ".join(f"t.{quoted(c.name)} as r{i}" for i, c in wanted)
        name = f"t.{quoted(numbered.name)}"
        rest = f"select {values}, {name} as at from only {table.quoted} t order by {name} desc limit {number}"
    elif born is not None:
        values = ", ".join(f"r{i}" for i, _ in wanted)
        rest = (
            f"select {values}, s{born} as at from s order by s{born} desc nulls last limit {number}"
        )
    else:
        return "null"
    listed = f"array[count(*), max(at), {counted}]::float8[]"
    return f"(select array_to_string({listed}, ',', '') from ({rest}) n)"


def _tells_birth(column: Column) -> bool:
    return kind_of(column) is MeasureKind.TIME and BORN.search(column.name.lower()) is not None


def _probes(table: Table, columns: Sequence[Column], key: Sequence[str], rows: int) -> str:
    """Numbers of rows and keys, then for each group its number, keys and columns."""
    identity = key_columns(table, key)
    wanted = probed(table, columns, key)
    if not identity or not wanted:
        return "null"
    parts = ", '/', ".join(f"t.{quoted(c.name)}" for c in identity)
    listed = ", ".join(f"t.{quoted(c.name)} as r{i}" for i, c in enumerate(wanted))
    picked = f'hashtext(concat({parts}) collate "C") as k, {listed}'
    states = ", ".join(_state(i, c) for i, c in enumerate(wanted))
    chosen = _chosen(table, key, picked, rows)
    groups = (
        f"select array_to_string(array[k & {GROUPS - 1}, count(*), count(distinct k), sum(k & 1048575), {states}]::float8[], ',', '') as g"
        f" from ({chosen}) p group by k & {GROUPS - 1}"
    )
    return f"(select string_agg(g, ';') from ({groups}) q)"


def _chosen(table: Table, key: Sequence[str], picked: str, rows: int) -> str:
    """Rows by the key's index: the first ones; for an integer key one row of each of at most 64 ranges of keys.

    The place in a range is pseudo-random and fixed, so that a change of every tenth row is found. Ranges have
    round lengths, so that they stay the same the next night. If keys are far apart, the first rows are used.
    """
    order = ", ".join(f"t.{quoted(name)}" for name in key)
    types = {c.name: c.type for c in table.columns}
    source = f"select {picked} from only {table.quoted} t"
    first = f"{source} order by {order} limit {PROBED}"
    if len(key) > 1 or types.get(key[0]) not in WHOLE or rows <= PROBED:
        return first
    # Each `offset 0` makes PostgreSQL compute the subquery once, not for each later row.
    step = _stretch(rows)
    far = f"b.high - b.low > {FAR_APART * rows}"
    ends = f"select min({order})::numeric as low, max({order})::numeric as high from only {table.quoted} t"
    stretches = (
        f"select greatest(n * {step} + mod(hashint8(n::int8)::int8 & 2147483647, {step}), -9223372036854775808)::int8 as first,"
        f" least(n * {step} + {step - 1}, 9223372036854775807)::int8 as last"
        f" from b, generate_series(floor(b.low / {step}), least(floor(b.high / {step}), floor(b.low / {step}) + {PROBED - 1})) n"
        f" where not {far} offset 0"
    )
    one = f"{source} where {order} >= v.first and {order} <= v.last order by {order} limit 1"
    return (
        f"with b as ({ends}) select r.* from ({stretches}) v cross join lateral ({one}) r"
        f" union all (select r.* from ({first}) r where (select {far} from b))"
    )


def _stretch(rows: int) -> int:
    """Length of a range in keys: a power of two, or 1.5 times one."""
    size = 1
    while size * PROBED < rows:
        size = size // 2 * 3 if size & (size - 1) == 0 and size > 1 else size // 3 * 4 or 2
    return size


def _state(i: int, column: Column) -> str:
    r = f"r{i}"
    if kind_of(column) is MeasureKind.TIME:
        epoch = f"date_part('epoch', {r})"
        return f"floor(sum({epoch}) filter (where isfinite({r})) / 900 / nullif(count(*) filter (where isfinite({r})), 0))"
    text = f"hashtext(concat({r}, '/', k) collate \"C\")"
    if column.type not in CODES | WHOLE | NUMBERS | {"bool"}:
        text = f"case when pg_column_size({r}) > {HASHED} then pg_column_size({r}) else {text} end"
    return f"sum(case when {_given(column, r)} then {text} & 65535 else 7 + (k & 255) end)"
