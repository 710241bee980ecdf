"""Readings of one drill: continued after an interruption, compared by the next drill. Pure.

The drill keeps them packed (numbers, names, hashes and definitions, never a row value), small enough for
an item of DynamoDB: for a very large schema only a digest of each object.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from restorecheck.checks.questions import LARGE_OBJECTS
from restorecheck.checks.scan_statements import NEWEST, NOTHING, PRINT, ROWS
from restorecheck.checks.tables import UNLOGGED

LARGEST_PACKED = 4_000_000
"""Characters, about 65,000 tables; of more tables less is kept. Each call of the checker reads and writes them,
and to pack 260,000 tables takes 700 MB, most of a function's memory.
"""
CATALOG, MISSING_DATABASE = "catalog", "database"
"""Keys in `problems` and `doubts` of a reading that could not start: nothing else was read."""
HIDDEN = "hidden damage"
"""Key in `doubts`: data that was read without an error may still be damaged."""


@dataclass(slots=True, kw_only=True)
class TableReading:
    """One completely read table."""

    values: dict[str, str] = field(default_factory=dict)
    """Aggregates by key, named by `scan_statements`."""
    group: str = ""
    traits: str = ""
    """`Table.traits`."""
    problem: str = ""
    """Why it could not be read: its data is damaged."""
    doubts: dict[str, str] = field(default_factory=dict)
    """Values that are missing, and why: no evidence of damage."""
    seconds: float = 0.0
    bytes: int = 0

    @property
    def empty_unlogged(self) -> bool:
        return UNLOGGED in self.traits and self.values.get(ROWS) == "0"


@dataclass(slots=True, kw_only=True)
class RelationReading:
    """The relation of a configured check, as the database resolved its name."""

    kind: str = "r"
    members: list[str] = field(default_factory=list)
    """Tables with its rows; in `DatabaseReading.tables`."""
    foreign: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class AskedReading:
    """The resolved names of one configured check."""

    relation: str = ""
    """Full name; in `DatabaseReading.relations`."""
    columns: dict[str, str] = field(default_factory=dict)
    """As configured → as the table has it."""
    question: str = ""
    """Key of its own question; empty: it has none."""
    absent: str = ""
    """The missing object: the backup does not contain it."""
    refused: str = ""
    """Why the question has no answer, whatever the backup contains."""


@dataclass(slots=True, kw_only=True)
class TimedReading:
    """How long a query with a limit took, and its plan (`query_time.shape`)."""

    seconds: float
    plan: str = ""


@dataclass(slots=True, kw_only=True)
class DatabaseReading:
    """The reading of one database: finished tables, parts of unfinished ones, the structure."""

    tables: dict[str, TableReading] = field(default_factory=dict)
    parts: dict[str, dict[str, dict[str, str | None]]] = field(default_factory=dict)
    """Table → unit → aggregates; removed when the table is finished."""
    relations: dict[str, RelationReading] = field(default_factory=dict)
    asked: dict[str, AskedReading] = field(default_factory=dict)
    """By the name of the check."""
    crashed: dict[str, int] = field(default_factory=dict)
    """Table → how often the server crashed while it was read."""
    answers: dict[str, str] = field(default_factory=dict)
    """Answers to questions, by key (`scan_statements.Question`)."""
    problems: dict[str, str] = field(default_factory=dict)
    """Questions that met damaged data."""
    doubts: dict[str, str] = field(default_factory=dict)
    """Questions that could not be answered."""
    structure: dict[str, str] = field(default_factory=dict)
    unsettled: dict[str, str] = field(default_factory=dict)
    """Differences from the last accepted structure, with the value there; empty: it did not exist."""
    statistics: dict[str, str] = field(default_factory=dict)
    """Table → statistics of its columns (`column_statistics`)."""
    implausible: dict[str, bool] = field(default_factory=dict)
    """Implausible column changes since the previous drill → whether it is certain."""
    role: str = ""
    """The role of the checker."""
    major: int = 0
    """Major version of the server; 0: not known."""
    denied: dict[str, str] = field(default_factory=dict)
    """Table → why the role may not read it in full."""
    grants: list[str] = field(default_factory=list)
    """Statements that would grant the right."""
    installed: list[str] = field(default_factory=list)
    """Tables of extensions that no check names; they are not read."""
    until: str = ""
    """Until when the backup contains data, ISO 8601."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Question → seconds."""
    timed: dict[str, TimedReading] = field(default_factory=dict)
    """By the name of the check."""
    bytes_there: int = 0
    bytes_read: int = 0
    """Bytes of the tables, with TOAST."""
    wall: float = 0.0
    """Duration of the scan in seconds, over all connections."""
    rounds: int = 0
    nights: int = 0
    """Number of verified nights up to this one (`memory`)."""
    past: dict[str, str] = field(default_factory=dict)
    """Events of tables that came and went, were empty, or shrank: `pairs.TablePast`."""
    done: bool = False
    """Whether every table is read and every question answered."""


Readings = dict[str, DatabaseReading]


def pack(readings: Mapping[str, DatabaseReading]) -> str:
    """The readings as text. If there are too many tables, fingerprints and newest times are left out, except
    those of tables with a configured check.
    """
    text = _packed(readings)
    return text if len(text) <= LARGEST_PACKED else _packed(_without(readings, (PRINT, NEWEST)))


def _packed(readings: Mapping[str, DatabaseReading]) -> str:
    text = json.dumps(readings, default=_fields, separators=(",", ":"), sort_keys=True)
    return base64.b85encode(zlib.compress(text.encode())).decode()


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401  # as json asks it
    """The fields of a reading or a table; `asdict` would copy all values of thousands of tables."""
    return {name: getattr(value, name) for name in type(value).__slots__}


def _without(
    readings: Mapping[str, DatabaseReading], beginnings: tuple[str, ...]
) -> dict[str, DatabaseReading]:
    """The readings with less of each finished table; unfinished tables stay complete."""
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
    """Unpacks what `pack` wrote; empty: nothing was read, or the text is not readable.

    A baseline of a later version is ignored: nothing is compared with it.
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
    timed = {name: TimedReading(**t) for name, t in value.pop("timed", {}).items()}
    return DatabaseReading(**value, tables=tables, relations=relations, asked=asked, timed=timed)


def objects_of(reading: DatabaseReading | None) -> int | None:
    """Number of large objects; None: not known."""
    answer = reading.answers.get(LARGE_OBJECTS) if reading else None
    return int(answer) if answer else None


def shown_rows(rows: float) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{rows:,.0f} row{'' if rows == 1 else 's'}"


def rows_by_group(reading: DatabaseReading) -> dict[str, int]:
    """Rows by table, the partitions of one table together."""
    return {name: round(number) for name, number in summed(reading, ROWS).items()}


def summed(reading: DatabaseReading, key: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, table in reading.tables.items():
        if table.values.get(key, NOTHING) != NOTHING:
            group = table.group or name
            found[group] = found.get(group, 0) + float(table.values[key])
    return found


def newest_by_group(reading: DatabaseReading, prefix: str) -> dict[str, float]:
    """Newest time of each compared column: `schema.table.column` → seconds."""
    found: dict[str, float] = {}
    for name, table in reading.tables.items():
        for key, value in table.values.items():
            if key.startswith(prefix) and value != NOTHING:
                column = f"{table.group or name}.{key.removeprefix(prefix)}"
                found[column] = max(found.get(column, float("-inf")), float(value))
    return found


def progress(readings: Mapping[str, DatabaseReading]) -> str:
    """Progress of the scan, as text."""
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
