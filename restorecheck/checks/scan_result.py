"""What the checks of one drill have read: continued after an interruption, compared tomorrow. Pure.

Kept packed in the drill (numbers, names, hashes and definitions; never a row's value), small enough
for an item of DynamoDB: of a very large schema only a digest of each object is kept.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from restorecheck.checks.questions import LARGE_OBJECTS
from restorecheck.checks.scan_statements import NEWEST, NOTHING, PRINT, ROWS

LARGEST_PACKED = 150_000
"""Characters. A drill holds its own readings and those of the night that it is compared with, and an
item of DynamoDB takes 400 KB. Some 2,500 tables.
"""
CATALOG, MISSING_DATABASE = "catalog", "database"
"""In `problems` and `doubts` of a reading that could not even begin: nothing else in it was read."""
HIDDEN = "hidden damage"
"""In `doubts`: what was read without an error may be damaged all the same."""


@dataclass(slots=True, kw_only=True)
class TableReading:
    """One table, read to its end."""

    values: dict[str, str] = field(default_factory=dict)
    """Aggregate by its key, as `scan_statements` names them."""
    group: str = ""
    traits: str = ""
    """`Table.traits`."""
    problem: str = ""
    """Why it could not be read: the data are damaged."""
    doubts: dict[str, str] = field(default_factory=dict)
    """What could not be found out, and why: nothing that speaks against the data."""
    seconds: float = 0.0
    bytes: int = 0


@dataclass(slots=True, kw_only=True)
class RelationReading:
    """What a configured check is about, as the database has resolved its name."""

    kind: str = "r"
    members: list[str] = field(default_factory=list)
    """Tables that hold its rows; in `DatabaseReading.tables`."""
    foreign: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class AskedReading:
    """What has become of the names in one configured check."""

    relation: str = ""
    """Full name; in `DatabaseReading.relations`."""
    columns: dict[str, str] = field(default_factory=dict)
    """As configured → as the table has it."""
    question: str = ""
    """Key of its own question, where it has one."""
    absent: str = ""
    """What it is about and is not there: the backup lacks it."""
    refused: str = ""
    """Why the question has no answer, whatever the backup holds."""


@dataclass(slots=True, kw_only=True)
class DatabaseReading:
    """One database: finished tables, parts of unfinished ones, and its structure."""

    tables: dict[str, TableReading] = field(default_factory=dict)
    parts: dict[str, dict[str, dict[str, str | None]]] = field(default_factory=dict)
    """Table → unit → aggregates; dropped when the table is finished."""
    relations: dict[str, RelationReading] = field(default_factory=dict)
    asked: dict[str, AskedReading] = field(default_factory=dict)
    """By the name of the check."""
    crashed: dict[str, int] = field(default_factory=dict)
    """Table → how often the server went away while it was read."""
    answers: dict[str, str] = field(default_factory=dict)
    """Questions of their own, by key (`scan_statements.Question`)."""
    problems: dict[str, str] = field(default_factory=dict)
    """Questions that met damaged data."""
    doubts: dict[str, str] = field(default_factory=dict)
    """Questions that could not be answered."""
    structure: dict[str, str] = field(default_factory=dict)
    unsettled: dict[str, str] = field(default_factory=dict)
    """What differs from the structure that was last accepted, and what it was then; empty: nothing was there."""
    statistics: dict[str, str] = field(default_factory=dict)
    """Table → its columns (`column_statistics`)."""
    implausible: dict[str, bool] = field(default_factory=dict)
    """What of tonight's columns no ordinary night makes of those of the night before; whether it is certain."""
    role: str = ""
    """Who asked."""
    major: int = 0
    """Of the server; 0: not known."""
    denied: dict[str, str] = field(default_factory=dict)
    """Table → why the role may not read it in full."""
    grants: list[str] = field(default_factory=list)
    """Statements that would let it."""
    installed: list[str] = field(default_factory=list)
    """Tables of extensions that no check names: they are not read."""
    until: str = ""
    """Until when the backup holds data, ISO 8601."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Question → time."""
    bytes_there: int = 0
    bytes_read: int = 0
    """Of the tables, with TOAST."""
    wall: float = 0.0
    """Seconds that all of it took, side by side."""
    rounds: int = 0
    nights: int = 0
    """Verified ones that this one goes on from, with itself (`memory`)."""
    past: dict[str, str] = field(default_factory=dict)
    """Tables that have come and gone, been empty, or shrunk: `memory.Past`."""
    done: bool = False
    """Every table is read, every question answered."""


Readings = dict[str, DatabaseReading]


def pack(readings: Mapping[str, DatabaseReading]) -> str:
    """As text. Of more tables than fit, fingerprints and newest times are left out, but for those of the
    tables that a configured check is about.
    """
    text = _packed(readings)
    return text if len(text) <= LARGEST_PACKED else _packed(_without(readings, (PRINT, NEWEST)))


def _packed(readings: Mapping[str, DatabaseReading]) -> str:
    text = json.dumps(readings, default=_fields, separators=(",", ":"), sort_keys=True)
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401  # as json asks it
    """Of a reading, or of one of its tables; `asdict` would copy every value of thousands of tables."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _without(
    readings: Mapping[str, DatabaseReading], beginnings: tuple[str, ...]
) -> dict[str, DatabaseReading]:
    """Finished tables with less; what is still being read is left as it is."""
    return {
        database: replace(
            reading,
            tables={
                name: table if name in wanted else _with_less(table, beginnings)
                for name, table in reading.tables.items()
            },
        )
        for database, reading in readings.items()
        for wanted in ({name for r in reading.relations.values() for name in r.members},)
    }


def _with_less(table: TableReading, beginnings: tuple[str, ...]) -> TableReading:
    kept = {k: v for k, v in table.values.items() if not k.startswith(beginnings)}
    return replace(table, values=kept)


def unpack(text: str) -> Readings:
    """What `pack` wrote; nothing where nothing was read, or where it cannot be understood.

    A baseline that a later version wrote is no baseline: nothing is compared with it.
    """
    if not text:
        return {}
    try:
        plain = json.loads(zlib.decompress(base64.b85decode(text)))
        return {name: _database(value) for name, value in plain.items()}
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return {}


def _database(value: dict[str, Any]) -> DatabaseReading:
    tables = {name: TableReading(**table) for name, table in value.pop("tables").items()}
    relations = {n: RelationReading(**r) for n, r in value.pop("relations", {}).items()}
    asked = {name: AskedReading(**a) for name, a in value.pop("asked", {}).items()}
    return DatabaseReading(**value, tables=tables, relations=relations, asked=asked)


def objects_of(reading: DatabaseReading | None) -> int | None:
    """How many large objects there are; None: not known."""
    answer = reading.answers.get(LARGE_OBJECTS) if reading else None
    return int(answer) if answer else None


def shown_rows(rows: float) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{rows:,.0f} row{'' if rows == 1 else 's'}"


def rows_by_group(reading: DatabaseReading) -> dict[str, int]:
    """Rows by table; the partitions of one table together."""
    return {name: round(number) for name, number in summed(reading, ROWS).items()}


def summed(reading: DatabaseReading, key: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, table in reading.tables.items():
        if table.values.get(key, NOTHING) != NOTHING:
            group = table.group or name
            found[group] = found.get(group, 0) + float(table.values[key])
    return found


def newest_by_group(reading: DatabaseReading, prefix: str) -> dict[str, float]:
    """The newest moment of each column that was looked at: `schema.table.column` → seconds."""
    found: dict[str, float] = {}
    for name, table in reading.tables.items():
        for key, value in table.values.items():
            if key.startswith(prefix) and value != NOTHING:
                column = f"{table.group or name}.{key.removeprefix(prefix)}"
                found[column] = max(found.get(column, float("-inf")), float(value))
    return found


def progress(readings: Mapping[str, DatabaseReading]) -> str:
    """How far the reading has come, for somebody who waits."""
    there = sum(reading.bytes_there for reading in readings.values())
    read = sum(reading.bytes_read for reading in readings.values())
    wall = sum(reading.wall for reading in readings.values())
    if not read or not wall:
        return "reading"
    speed = f"read {shown_size(read)} of {shown_size(there)}, {shown_size(read / wall)}/s"
    if read >= there:
        questions = sum(len(reading.answers) for reading in readings.values())
        return f"{speed}; {questions:,} other questions answered"
    return f"{speed}, about {(there - read) * wall / read / 60:.0f} min left"


def shown_size(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} bytes"
