"""One number for the contents of a table, whatever the order of its rows. Pure: SQL out.

The sum, over all rows, of a 64-bit hash of the row's typed hash. The second hash makes the sum sound:
without it, two rows that swap a value go unseen two times in three. (An exclusive or would not
see two copies of one row added or lost.) NULL has a mark of its own by its place in the row.

Types whose hash is not exact or not stable (numeric: 1.5 and 1.50; jsonb; enums and the like, which are
hashed by number; citext; arrays, whose bounds are not hashed) go in as the text that their own output
function gives, which the session's settings pin down. A record's output calls those and nothing else:
`value::text` would call a user-defined cast. Collations are taken out: a nondeterministic one
would make different texts equal.

`hash_record_extended` is there since PostgreSQL 14 and gave the same numbers on 14 to 18
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
"""Hashed by their own type."""

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
"""What values look like as text; the same on every server."""


def row_hash(columns: Iterable[Column], *, major: int = FIRST_MAJOR) -> str:
    """Of one row: bigint. By the names of the columns, so that two that swap theirs are told apart. What is
    computed when it is read (PostgreSQL 18) is in no backup. Before PostgreSQL 14, of the row's text.
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
    """Of a record: bigint, sound in a sum."""
    return f"hashint8extended(hash_record_extended({row}, 0), 1)"


def _as_text(names: Sequence[str]) -> str:
    return f'row({", ".join(names)})::text collate "C"'


def _is_hashed(column: Column) -> bool:
    return column.kind == "b" and column.type in EXACT | TEXTS


def _hashed(column: Column) -> str:
    name = f"t.{quoted(column.name)}"
    return f'{name} collate "C"' if column.type in TEXTS else name
