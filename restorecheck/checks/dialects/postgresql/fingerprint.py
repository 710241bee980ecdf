"""One number for the contents of a table, independent of row order. Pure: SQL out.

The sum, over all rows, of a 64-bit hash of the row's typed hash. Without the second hash, two of three swaps of
a value between two rows would be missed. (An exclusive or would miss two added or lost copies of one row.) NULL is
marked by its position in the row.

Types whose hash is not exact or not stable (numeric: 1.5 and 1.50; jsonb; enums and similar types, which are
hashed by number; citext; arrays, whose bounds are not hashed) are used as text of their own output function, which
the session's settings fix. A record's output calls only those functions: `value::text` would call a user-defined
cast. Collations are removed: a nondeterministic one would make different texts equal.

`hash_record_extended` exists since PostgreSQL 14 and gave the same numbers on 14 to 18
(little-endian, 64 bit).
"""

from collections.abc import Iterable, Sequence

from restorecheck.checks.tables import Column, quoted

FIRST_MAJOR = 14

EXACT = frozenset(
    {
        "bool",
        "int2",
        "int4",
        "int8",
        "oid",
        "uuid",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "bytea",
        "inet",
        "cidr",
        "macaddr",
        "macaddr8",
    }
)
"""Types that are hashed directly."""

TEXTS = frozenset({"text", "varchar", "name"})

SETTINGS = {
    "bytea_output": "hex",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "IntervalStyle": "postgres",
    "lc_monetary": "C",
    "TimeZone": "UTC",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog",
}
"""Settings of the text format of values; the same on every server."""


def row_hash(columns: Iterable[Column], *, major: int = FIRST_MAJOR) -> str:
    """Hash of one row: bigint. Columns in the order of their names, so that swapped columns are detected, and
    without virtual ones (PostgreSQL 18), which no backup contains. Before PostgreSQL 14 of the row's text.
    """
    every = sorted((c for c in columns if not c.virtual), key=lambda column: column.name)
    if major < FIRST_MAJOR:
        names = [f"t.{quoted(column.name)}" for column in every]
        return f"hashtextextended({_as_text(names)}, 0)"
    items = [_hashed(column) for column in every if _is_hashed(column)]
    others = [f"t.{quoted(column.name)}" for column in every if not _is_hashed(column)]
    if others:
        items.append(_as_text(others))
    row = f"row({', '.join(items)})" if items else "row(0)"
    return typed_hash(row)


def typed_hash(row: str) -> str:
    """Hash of a record: bigint, suitable for a sum."""
    return f"hashint8extended(hash_record_extended({row}, 0), 1)"


def _as_text(names: Sequence[str]) -> str:
    return f'row({", ".join(names)})::text collate "C"'


def _is_hashed(column: Column) -> bool:
    return column.kind == "b" and column.type in EXACT | TEXTS


def _hashed(column: Column) -> str:
    name = f"t.{quoted(column.name)}"
    return f'{name} collate "C"' if column.type in TEXTS else name
