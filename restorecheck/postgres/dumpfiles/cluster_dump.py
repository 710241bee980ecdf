r"""Plain SQL of several databases: pg_dumpall's file, and dumps with \connect in one file.

The part of each database is a complete dump, from its first line to its trailer; statements outside of these
parts concern the whole server: roles, tablespaces.

Source: PostgreSQL, src/bin/pg_dump/pg_dumpall.c; of \connect, src/fe_utils/string_utils.c
(appendPsqlMetaConnect).
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.layers import (
    DamagedLayerError,
    Decryption,
    UnusableLayerError,
    open_layers,
)
from restorecheck.postgres.dumpfiles.needs import Needs, NeedsCollector, unquote
from restorecheck.postgres.dumpfiles.partial import without_rows
from restorecheck.postgres.dumpfiles.parts import CREATES_OBJECTS, connected
from restorecheck.postgres.dumpfiles.plain import scan
from restorecheck.postgres.dumpfiles.statements import (
    CLUSTER_HEADER,
    CLUSTER_TRAILER,
    HEADER,
    TRAILER,
    Position,
    Reader,
)
from restorecheck.postgres.dumpfiles.texts import kept

_DATABASE = re.compile(r'^(?:CREATE|ALTER) DATABASE ("(?:[^"]|"")+"|[^\s;]+)')


@dataclass(slots=True)
class DatabasePart:
    """The dump of one database in the file: bytes [start, end)."""

    start: int
    lines_before: int
    end: int = 0
    database: str = ""
    creates: bool = False


@dataclass
class _Reading:
    """State of the reading."""

    database: str = ""
    """The one that the last \\connect names."""
    parts: list[DatabasePart] = field(default_factory=list)
    open: DatabasePart | None = None
    statements: list[bytes] = field(default_factory=list)
    outside: bool = False
    """The last statement concerns the whole server."""
    cluster: bool = False
    ended: bool = False

    def take(self, line: bytes, where: Position, offset: int, number: int) -> None:
        if where is Position.START:
            self._take_start(line, offset, number)
        elif where is Position.INSIDE and self.outside:
            self.statements[-1] += line

    def _take_start(self, line: bytes, offset: int, number: int) -> None:
        stripped = line.strip()
        self.outside = False
        if stripped == HEADER:
            self._begin(offset, number)
        elif stripped == TRAILER:
            self._end(offset + len(line))
        elif stripped == CLUSTER_HEADER:
            self.cluster = True
        elif stripped == CLUSTER_TRAILER:
            self.ended = True
        elif name := connected(line):
            self.database = name
            if self.open is not None:
                self.open.database = name
        elif self.open is not None:
            self.open.creates = self.open.creates or line.startswith(CREATES_OBJECTS)
        elif stripped and not stripped.startswith((b"--", b"\\")):
            self.outside = True
            self.statements.append(line)

    def _begin(self, offset: int, number: int) -> None:
        self.open = DatabasePart(start=offset, lines_before=number - 1, database=self.database)
        self.parts.append(self.open)

    def _end(self, offset: int) -> None:
        if self.open is not None:
            self.open.end = offset
            self.open = None

    def shift(self, size: int) -> None:
        for part in self.parts:
            part.start += size
            part.end += size

    @property
    def problem(self) -> str:
        if self.open is not None:
            return (
                f"is truncated: the dump of {self.open.database or 'a database'} in it has no end"
            )
        if self.cluster and not self.ended:
            return (
                "is truncated: pg_dumpall's last line ('database cluster dump complete') is missing"
            )
        creating = [part.database for part in self.parts if part.creates]
        return "holds two dumps of one database" if len(creating) > len(set(creating)) else ""


def looked_into(inspection: Inspection, decryption: Decryption | None) -> Inspection:
    """The inspection with the parts of a file of several databases; any other unchanged.

    Raises:
        OSError: It cannot be read.
    """
    if inspection.kind != "cluster" or not inspection.complete:
        return inspection
    try:
        with open_layers(inspection.path, decryption) as layers:
            reading = _read(layers.stream)
        if reading.problem:
            return replace(inspection, complete=False, problem=reading.problem)
        with open_layers(inspection.path, decryption) as layers:
            parts = tuple(_parts(inspection, reading, layers.stream))
    except UnusableLayerError as exc:
        return replace(inspection, unusable=True, complete=False, problem=exc.message)
    except DamagedLayerError as exc:
        return replace(inspection, complete=False, problem=exc.message)
    bad = next((part for part in parts if not part.complete), None)
    if bad is not None:
        problem = f"{bad.problem} (in the dump of {bad.dbname})"
        return replace(inspection, complete=False, problem=problem)
    return replace(inspection, parts=parts, statements=tuple(kept(s) for s in reading.statements))


def _read(stream: BinaryIO) -> _Reading:
    reader, reading, offset = Reader(stream), _Reading(), 0
    for piece in reader.pieces():
        if piece.where is not Position.DATA:
            reading.take(piece.data, piece.where, offset, piece.number)
        offset += len(piece.data)
    reading.shift(reader.size - offset)  # a byte order mark
    return reading


def globals_of(stream: BinaryIO) -> tuple[tuple[str, ...], str]:
    """The statements of `pg_dumpall --globals-only`, and the problem of the file (empty: none)."""
    reading = _read(stream)
    if not reading.cluster:
        return (), "is not a file of pg_dumpall"
    return tuple(kept(statement) for statement in reading.statements), reading.problem


def _parts(inspection: Inspection, reading: _Reading, stream: BinaryIO) -> Iterator[Inspection]:
    before = _databases(reading)
    offset = 0
    for part in reading.parts:
        _skip(stream, part.start - offset)
        offset = part.end
        extent = Extent(stream, part.end - part.start)
        facts = scan(cast(BinaryIO, io.BufferedReader(extent, 1 << 18)))
        extent.drain()
        name = part.database or facts.dbname
        needs = facts.needs
        if name in before and not needs.locale:
            needs = replace(needs, locale=before[name].locale, settings=before[name].settings)
        yield replace(
            inspection,
            kind="plain",
            complete=not facts.problem,
            problem=facts.problem,
            dbname=name,
            needs=needs,
            server_version=facts.server_version,
            dump_version=facts.dump_version,
            extent=(part.start, part.end),
            lines_before=part.lines_before,
            entries=facts.entries,
            missing=without_rows(facts.entries),
            last_line=facts.last_line,
            creates=part.creates,
        )


def _databases(reading: _Reading) -> dict[str, Needs]:
    """Needs of databases outside of their dumps, as pg_dumpall wrote them up to version 10."""
    collectors: dict[str, NeedsCollector] = {}
    for statement in reading.statements:
        text = kept(statement)
        match = _DATABASE.match(text)
        if match:
            collectors.setdefault(unquote(match[1]), NeedsCollector()).add_database(text)
    return {name: collector.finish() for name, collector in collectors.items()}


class Extent(io.RawIOBase):
    """The next `size` bytes of a stream that cannot seek."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def drain(self) -> None:
        _skip(self._stream, self._left)


def part_of(stream: BinaryIO, extent: tuple[int, int] | None) -> BinaryIO:
    """The part of one database in an unpacked file; without an extent the file itself."""
    if extent is None:
        return stream
    start, end = extent
    _skip(stream, start)
    return cast(BinaryIO, io.BufferedReader(Extent(stream, end - start), 1 << 18))


def _skip(stream: BinaryIO, size: int) -> None:
    while size > 0 and (data := stream.read(min(size, 1 << 20))):
        size -= len(data)
