"""Statistics of a table's columns in a few hundred bytes, for comparison with another night. Pure.

Three parts, one statement:

*Measures* of a sample of whole blocks: rows with a value, empty texts, non-ASCII characters, whole
numbers, times at midnight, and so on. Sums only, so those of partitions can be added up. The share
of blocks is a power of two and the seed is fixed, so the sample of the next night has the same blocks.

The *newest* rows: how many of them have a value in each column.

*Probes*: about 60 rows with fixed keys, in 16 groups by the hash of the key: for each group a hash of the keys, and
for each column a hash of 4 bits. They show whether the same rows have changed values, without a stored value. For
times the average in quarters of an hour is kept instead, which shows a shift.

No statistic is a value of a row: sums and counts of many rows, and hashes too short to be reversed.
"""

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from restorecheck.checks.tables import Column, Table

MOST_COLUMNS = 60
"""The first columns of a table; the others have no statistics."""
GROUPS = 16
LEAST_PROBED = 8
"""A table with fewer rows has no probes: they would be too uncertain."""
NOTHING = -1
"""The state of a group of probes without rows."""


class MeasureKind(Enum):
    """The measures of a column by its type: names of sums, `filled` first."""

    TEXT = (
        "filled",
        "distinct",
        "empty",
        "octets",
        "longest",
        "foreign",
        "broken",
        "asked",
        "blanks",
    )
    WHOLE = ("filled", "distinct", "total", "negative", "zero")
    NUMBER = (
        "filled",
        "distinct",
        "total",
        "negative",
        "zero",
        "whole",
        "tenths",
        "single",
        "digits",
    )
    BOOLEAN = ("filled", "true")
    TIME = ("filled", "distinct", "days", "latest", "zero", "midnight", "seconds")
    JSON = ("filled", "size", "keys")
    LIST = ("filled", "size", "items")
    CODE = ("filled", "distinct")
    OTHER = ("filled", "size")


SUMS = frozenset({"octets", "total", "digits", "days", "size", "keys", "items"})
"""Sums kept as averages over the rows with a value; the others, except two, are numbers of rows."""
GREATEST = frozenset({"longest", "latest"})

TEXTS = frozenset({"text", "varchar", "bpchar"})
WHOLE = frozenset({"int2", "int4", "int8"})
NUMBERS = frozenset({"numeric", "float4", "float8"})
TIMES = frozenset({"timestamptz", "timestamp", "date"})
CODES = frozenset({"uuid", "inet", "cidr", "macaddr", "macaddr8"})


def kind_of(column: Column) -> MeasureKind:
    name = column.type
    if column.kind == "b":
        if name in TEXTS or name == "citext":
            return MeasureKind.TEXT
        if name in WHOLE:
            return MeasureKind.WHOLE
        if name in NUMBERS:
            return MeasureKind.NUMBER
        if name == "bool":
            return MeasureKind.BOOLEAN
        if name in TIMES:
            return MeasureKind.TIME
        if name == "jsonb":
            return MeasureKind.JSON
        if name in CODES:
            return MeasureKind.CODE
        if name.startswith("_"):
            return MeasureKind.LIST
    return MeasureKind.CODE if column.kind == "e" else MeasureKind.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The same rows every night, in groups by the hash of the key."""

    member: int = 0
    """The part of a partitioned table: 16 bits of the hash of its name."""
    keys: tuple[int, ...]
    """For each group 12 bits of the hash of its rows' keys; `NOTHING`: no rows."""
    states: Mapping[int, tuple[int, ...]]
    """Column, by `mark` → for each group 4 bits, or for times 12 bits of quarters of an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMeasures:
    mark: int
    """16 bits of the hash of the name, which is not kept itself."""
    kind: MeasureKind
    sums: Mapping[str, float] = field(default_factory=dict)
    """Named as in `MeasureKind`; zeros are left out."""
    key: bool = False
    """Whether it is a key column; unknown after `unpack`."""
    newest: float | None = None
    """Number of the newest rows with a value; None: not asked."""
    moves: int = 0
    """Nights for which a change of all rows is still remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """Statistics of one table, or of all of its parts."""

    names: tuple[str, ...] = ()
    """Column names in order; unknown after `unpack`."""
    rows: float = 0
    """Rows in the sample."""
    newest: float = 0
    """Number of newest rows that were read."""
    latest: float = 0
    """Their newest time, only to choose between parts."""
    keyed: bool = False
    """Whether the table has a key for probes."""
    columns: tuple[ColumnMeasures, ...] = ()
    probes: tuple[Probes, ...] = ()

    def pack(self) -> str:
        return _pack(self)


def measured(table: Table) -> tuple[Column, ...]:
    return tuple(c for c in table.columns if not c.virtual)[:MOST_COLUMNS]


def key_columns(table: Table, key: Sequence[str]) -> tuple[Column, ...]:
    """The key columns; without times, which may have shifted, if the rest looks like a key.

    That is so in partitioned tables, whose keys must contain the partitioning time.
    """
    found = {c.name: c for c in table.columns}
    columns = tuple(found[name] for name in key if name in found)
    lasting = tuple(c for c in columns if kind_of(c) is not MeasureKind.TIME)
    return lasting if any(c.name.lower() in {"id", "uuid", "guid"} for c in lasting) else columns


def probed(table: Table, columns: Sequence[Column], key: Sequence[str]) -> list[Column]:
    own = {c.name for c in key_columns(table, key)}
    return [c for c in columns if c.name not in own]


# --- answers


def mark_of(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFFFF


def read(table: Table, answer: Sequence[str | None], *, key: Sequence[str]) -> ColumnStatistics:
    """The statistics from the answer to `statement` with the same key."""
    columns = measured(table)
    sums, newest, probes = ([*answer, None, None, None])[:3]
    numbers = [float(x) if x else 0.0 for x in (sums or "").split(",")]
    found: list[ColumnMeasures] = []
    at = 1
    for column in columns:
        kind = kind_of(column)
        values = dict(zip(kind.value, numbers[at : at + len(kind.value)], strict=False))
        at += len(kind.value)
        kept = {name: value for name, value in values.items() if value and math.isfinite(value)}
        found.append(
            ColumnMeasures(mark=mark_of(column.name), kind=kind, sums=kept, key=column.name in key)
        )
    late = [float(x) if x else 0.0 for x in newest.split(",")] if newest else [0.0, 0.0]
    if newest:
        nullable = [i for i, c in enumerate(columns) if not c.not_null]
        for i, value in zip(nullable, late[2:], strict=False):
            found[i] = replace(found[i], newest=value)
    read_probes = _read_probes(table, probes, key) if probes else None
    return ColumnStatistics(
        names=tuple(c.name for c in columns),
        rows=numbers[0],
        newest=late[0],
        latest=late[1],
        keyed=bool(key_columns(table, key)) and not (probes and read_probes is None),
        columns=tuple(found),
        probes=(read_probes,) if read_probes else (),
    )


def _read_probes(table: Table, answer: str, key: Sequence[str]) -> Probes | None:
    """None: there are few rows, or the key without its times is not unique."""
    wanted = probed(table, measured(table), key)
    keys = [NOTHING] * GROUPS
    states = [[NOTHING] * GROUPS for _ in wanted]
    rows = distinct = 0
    for group in answer.split(";"):
        number, count, different, hashes, *values = [
            float(x) if x else None for x in group.split(",")
        ]
        g = int(number or 0)
        rows, distinct = rows + int(count or 0), distinct + int(different or 0)
        keys[g] = _folded(int(hashes or 0) + int(count or 0) * 977, 12)
        for i, value in enumerate(values[: len(wanted)]):
            if kind_of(wanted[i]) is MeasureKind.TIME:
                states[i][g] = (
                    4095 if value is None or not math.isfinite(value) else int(value) % 4095
                )
            else:
                states[i][g] = _folded(int(value or 0), 4)
    if rows < LEAST_PROBED or distinct < rows:
        return None
    return Probes(
        member=mark_of(table.full_name),
        keys=tuple(keys),
        states={mark_of(c.name): tuple(s) for c, s in zip(wanted, states, strict=True)},
    )


def _folded(number: int, bits: int) -> int:
    """The number, folded into so many bits."""
    return ((number * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF) >> (64 - bits)


def merge(parts: Iterable[ColumnStatistics]) -> ColumnStatistics:
    """The statistics of a partitioned table: added sums, and the newest rows of the newest part.

    Probes are kept for two parts, the same ones while they exist.
    """
    given = [part for part in parts if part.rows]
    if len(given) < 2:  # noqa: PLR2004  # nothing to add
        return given[0] if given else ColumnStatistics()
    newest = max(given, key=lambda part: (part.newest > 0, part.latest))
    names: dict[int, str] = {}
    columns: dict[int, ColumnMeasures] = {}
    for part in given:
        for name, column in zip(part.names, part.columns, strict=True):
            names[column.mark] = name
            before = columns.get(column.mark)
            sums = column.sums if before is None else _added(before.sums, column.sums)
            columns[column.mark] = replace(column, sums=sums, newest=None)
    late = {c.mark: c.newest for c in newest.columns}
    probes = sorted((p for part in given for p in part.probes), key=lambda p: p.member)
    return ColumnStatistics(
        names=tuple(names[mark] for mark in columns),
        rows=sum(part.rows for part in given),
        newest=newest.newest,
        latest=newest.latest,
        keyed=any(part.keyed for part in given),
        columns=tuple(replace(c, newest=late.get(c.mark)) for c in columns.values()),
        probes=tuple(probes[:2]),
    )


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {
        name: max(one.get(name, 0), other.get(name, 0))
        if name in GREATEST
        else one.get(name, 0) + other.get(name, 0)
        for name in {**one, **other}
    }


# --- one string

KINDS = tuple(MeasureKind)
VERSION = 1


class _Writer:
    """Writes bits, most significant first."""

    def __init__(self) -> None:
        self.bits, self.length = 0, 0

    def number(self, value: int, width: int) -> None:
        self.bits = self.bits << width | (value & ((1 << width) - 1))
        self.length += width

    def count(self, value: float) -> None:
        """A non-negative integer: its length in 5 bits, then its bits without the first."""
        whole = max(0, min(round(value), 2**31 - 1))
        self.number(whole.bit_length(), 5)
        if whole > 1:
            self.number(whole, whole.bit_length() - 1)

    def real(self, value: float) -> None:
        """22 bits of a float32: four digits."""
        size = max(-3e38, min(value, 3e38))
        self.number(int.from_bytes(struct.pack(">f", size), "big") >> 10, 22)

    def text(self) -> str:
        spare = -self.length % 8
        return base64.b85encode(
            (self.bits << spare).to_bytes((self.length + spare) // 8, "big")
        ).decode()


class _Reader:
    def __init__(self, text: str) -> None:
        content = base64.b85decode(text)
        self.bits, self.left = int.from_bytes(content, "big"), 8 * len(content)

    def number(self, width: int) -> int:
        if width > self.left:
            raise ValueError("statistics of columns: the text is too short")
        self.left -= width
        return self.bits >> self.left & ((1 << width) - 1)

    def count(self) -> int:
        length = self.number(5)
        return length if length < 2 else 1 << length - 1 | self.number(length - 1)  # noqa: PLR2004  # 0 and 1 have no further bits

    def real(self) -> float:
        return float(struct.unpack(">f", (self.number(22) << 10).to_bytes(4, "big"))[0])


def _pack(statistics: ColumnStatistics) -> str:
    w = _Writer()
    w.number(VERSION, 4)
    w.count(statistics.rows)
    w.count(statistics.newest)
    w.number(statistics.keyed, 1)
    w.number(len(statistics.columns), 7)
    for column in statistics.columns:
        w.number(column.mark, 16)
        w.number(KINDS.index(column.kind), 4)
        w.number(min(column.moves, 15), 4)
        w.number(column.newest is not None, 1)
        if column.newest is not None:
            w.count(statistics.newest - column.newest)
        w.count(statistics.rows - column.sums.get("filled", 0))
        _pack_sums(w, column)
    w.number(len(statistics.probes), 2)
    for probes in statistics.probes:
        w.number(probes.member, 16)
        for key in probes.keys:
            w.number(key != NOTHING, 1)
            if key != NOTHING:
                w.number(key, 12)
        for column in statistics.columns:
            states = probes.states.get(column.mark)
            w.number(states is not None, 1)
            if states is not None:
                for key, state in zip(probes.keys, states, strict=True):
                    if key != NOTHING:
                        w.number(state, _width(column.kind))
    return w.text()


def _width(kind: MeasureKind) -> int:
    return 12 if kind is MeasureKind.TIME else 4


def _pack_sums(w: _Writer, column: ColumnMeasures) -> None:
    filled = column.sums.get("filled", 0)
    if not filled:
        return
    for name in column.kind.value[1:]:
        value = column.sums.get(name, 0)
        w.number(value != 0, 1)
        if not value:
            continue
        if name in SUMS:
            w.real(value / filled)
        elif name in GREATEST:
            w.real(value)
        else:
            w.number(value == filled, 1)
            if value != filled:
                w.count(value)


def unpack(text: str) -> ColumnStatistics:
    """Unpack, without column names.

    Raises:
        ValueError: `pack` did not make this text.
    """
    r = _Reader(text)
    if r.number(4) != VERSION:
        raise ValueError("statistics of columns: an unknown version")
    rows, newest, keyed = r.count(), r.count(), bool(r.number(1))
    columns = [_unpacked_column(r, rows, newest) for _ in range(r.number(7))]
    probes: list[Probes] = []
    for _ in range(r.number(2)):
        member = r.number(16)
        keys = tuple(r.number(12) if r.number(1) else NOTHING for _ in range(GROUPS))
        states = {
            column.mark: tuple(
                NOTHING if key == NOTHING else r.number(_width(column.kind)) for key in keys
            )
            for column in columns
            if r.number(1)
        }
        probes.append(Probes(member=member, keys=keys, states=states))
    return ColumnStatistics(
        rows=rows, newest=newest, keyed=keyed, columns=tuple(columns), probes=tuple(probes)
    )


def _unpacked_column(r: _Reader, rows: int, newest: int) -> ColumnMeasures:
    mark, number, moves = r.number(16), r.number(4), r.number(4)
    if number >= len(KINDS):
        raise ValueError("statistics of columns: an unknown kind of column")
    kind = KINDS[number]
    late = newest - r.count() if r.number(1) else None
    filled = rows - r.count()
    sums: dict[str, float] = {"filled": filled} if filled else {}
    for name in kind.value[1:] if filled else ():
        if not r.number(1):
            continue
        if name in SUMS:
            sums[name] = r.real() * filled
        elif name in GREATEST:
            sums[name] = r.real()
        else:
            sums[name] = filled if r.number(1) else r.count()
    return ColumnMeasures(mark=mark, kind=kind, sums=sums, newest=late, moves=moves)


def bounded(statistics: Mapping[str, tuple[str, int]], limit: int) -> dict[str, str]:
    """The packed statistics of the largest tables, in `limit` characters. `statistics`: table → text and rows."""
    kept: dict[str, str] = {}
    left = limit
    for name, (text, _) in sorted(statistics.items(), key=lambda item: (-item[1][1], item[0])):
        if len(text) <= left:
            kept[name] = text
            left -= len(text)
    return kept
