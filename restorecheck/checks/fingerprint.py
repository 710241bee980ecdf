"""One number for the contents of a table, whatever the order of its rows. Pure: SQL out.

The sum, over all rows, of a 64-bit hash of the row's typed hash. The second hash makes the sum sound:
without it, two rows that swap a value go unseen two times in three. (An exclusive or would not
see two copies of one row added or lost.) NULL has a mark of its own by its place in the row.

Types whose hash is not exact or not stable (numeric: 1.5 and 1.50; jsonb; enums and the like,
which are hashed by number; citext) are hashed by their text, which the session's settings pin
down. Collations are taken out: a nondeterministic one would make different texts equal.

`hash_record_extended` is there since PostgreSQL 14 and gave the same numbers on 14 to 18
(little-endian, 64 bit).
"""

from collections.abc import Iterable

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
"""Hashed by their own type; arrays of them too."""

TEXTS = frozenset({"text", "varchar", "bpchar", "name"})

SETTINGS = {
    "bytea_output": "hex",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "IntervalStyle": "postgres",
    "lc_monetary": "C",
    "TimeZone": "UTC",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "search_path": "pg_catalog",
}
"""What values look like as text; the same on every server."""


def fingerprint(columns: Iterable[Column], alias: str = "t") -> str:
    """An aggregate: numeric, NULL for an empty table."""
    items = [expression(column, alias) for column in columns]
    row = f"row({', '.join(items)})" if items else "row(0)"
    return f"sum(hashint8extended(hash_record_extended({row}, 0), 1))"


def plain_fingerprint(alias: str = "t") -> str:
    """Of the row's text: for servers before PostgreSQL 14, and where a type defeats the other."""
    return f"sum(hashtextextended({alias}::text, 0)::numeric)"


def expression(column: Column, alias: str) -> str:
    name = f"{alias}.{quoted(column.name)}"
    if column.kind == "b" and column.type.removeprefix("_") in EXACT:
        return name
    if column.kind == "b" and column.type in TEXTS:
        return f'{name} collate "C"'
    return f'{name}::text collate "C"'
