"""A profile of a database from the readings of earlier drills. Pure."""

import re
from datetime import datetime

from restorecheck.checks.profiles import ColumnProfile, NightProfile, Profile, TableProfile
from restorecheck.checks.scan_result import DatabaseReading, newest_by_group, rows_by_group
from restorecheck.checks.scan_statements import NEWEST, PRINT

TIMES = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "date": "date",
}
"""Type names of `format_type` → of the catalog."""
KEY = re.compile(r"(?:PRIMARY KEY|UNIQUE) \(([a-z_0-9, ]+)\)")
SCHEMA_AND_TABLE = 2


def night_of(reading: DatabaseReading, taken_at: datetime) -> NightProfile:
    prints: dict[str, list[str]] = {}
    for name, table in reading.tables.items():
        prints.setdefault(table.group or name, []).append(table.values.get(PRINT, ""))
    return NightProfile(
        taken_at=taken_at,
        rows=rows_by_group(reading),
        prints={name: " ".join(sorted(values)) for name, values in prints.items() if all(values)},
        newest=newest_by_group(reading, NEWEST),
    )


def profile_of(reading: DatabaseReading, taken_at: datetime) -> Profile:
    """The part of a profile that a reading has: rows, columns and keys, no values."""
    rows = rows_by_group(reading)
    tables = [
        _table(name, number, reading)
        for name, number in sorted(rows.items())
        if len(name.split(".")) == SCHEMA_AND_TABLE and f"view {name}" not in reading.structure
    ]
    return Profile(tables=tuple(tables), taken_at=taken_at)


def _table(name: str, rows: int, reading: DatabaseReading) -> TableProfile:
    schema, _, table = name.partition(".")
    columns, keys = [], []
    for key, definition in reading.structure.items():
        kind, _, what = key.partition(" ")
        if not what.startswith(f"{name}."):
            continue
        own = what.removeprefix(f"{name}.")
        if kind == "column" and not definition.startswith("#"):
            columns.append(_column(own, definition))
        elif kind == "constraint" and (found := KEY.fullmatch(definition)):
            keys.append((definition, tuple(part.strip() for part in found[1].split(","))))
    return TableProfile(
        schema=schema,
        name=table,
        rows=rows,
        columns=tuple(columns),
        keys=tuple(names for _, names in sorted(keys)),  # PRIMARY before UNIQUE
        unlogged=reading.structure.get(f"table {name}", "").split(" ")[1:2] == ["u"],
    )


def _column(name: str, definition: str) -> ColumnProfile:
    known = next((t for text, t in TIMES.items() if definition.startswith(text)), "")
    return ColumnProfile(name=name, type=known, not_null=" not null" in definition)
