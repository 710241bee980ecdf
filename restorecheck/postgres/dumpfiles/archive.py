"""pg_dump's archive header and table of contents: custom files, and `toc.dat` of the others.

Source: PostgreSQL, src/bin/pg_dump/pg_backup_archiver.c (ReadHead, ReadToc, ReadInt, ReadStr,
ReadOffset) and pg_backup_custom.c (data blocks), versions 9.0 to 18, that is archive versions
1.12 to 1.16.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from restorecheck.postgres.dumpfiles.texts import kept, shown
from restorecheck.postgres.dumpfiles.unreadable import UnusableLayerError

MAGIC = b"PGDMP"

OLDEST = (1, 12)
NEWEST = (1, 16)

CUSTOM, TAR, DIRECTORY = 1, 3, 5
"""The format byte. A directory's toc.dat says 5 or, as `pg_dump -Fd` writes it, tar's 3."""

POSITION_NOT_SET, POSITION_SET, NO_DATA = 1, 2, 3

BLOCK_DATA, BLOCK_BLOBS = 1, 3

SECTIONS = frozenset({1, 2, 3, 4})
"""None, pre-data, data, post-data: pg_restore silently skips entries with another number."""

HAVE_DATA = frozenset({"TABLE DATA", "BLOBS"})
"""Entries that need data."""

MAX_ENTRIES = 10_000_000
"""Entries of a table of contents; an archive that claims more is damaged."""
LONGEST_TEXT = 256 * 1024 * 1024
"""Bytes of one statement or name; a larger size in a header counts as damage."""
LONGEST_TEXTS = 1 << 30
"""Bytes of all texts; with more the archive is not read, because they are kept in memory, also by pg_restore."""


class DamagedArchiveError(Exception):
    """The bytes are not valid at this place of an archive; the text completes `the dump …`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TocEntry:
    dump_id: int
    has_data: bool
    tag: str
    desc: str
    defn: str
    namespace: str
    owner: str
    copied: bool = False
    """The data is COPY text, not INSERT statements."""
    position_state: int = NO_DATA
    position: int = 0
    filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toc:
    archive_version: tuple[int, int]
    known: bool
    """False: the version is newer or older than this reader knows; only the version was read."""
    compression: int = 0
    """0 none, 1 gzip, 2 lz4, 3 zstd; before version 1.15 there was only gzip."""
    int_size: int = 4
    off_size: int = 8
    created_at: datetime | None = None
    """In the dumping host's own time; the zone is not recorded."""
    dbname: str = ""
    server_version: str = ""
    dump_version: str = ""
    entries: tuple[TocEntry, ...] = ()
    start: int = 0
    """Offset of the table of contents."""
    end: int = 0
    """Offset of the first byte after the table of contents."""


class _Reader:
    """Reads bytes and integers; a size beyond the file is damage, and is not allocated."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._longest = min(size, LONGEST_TEXT)
        self._room = LONGEST_TEXTS
        self.int_size = 4
        self.off_size = 8

    def take(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            raise DamagedArchiveError("is truncated: the file ends inside its table of contents")
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        """A sign byte, then `int_size` bytes, the lowest first."""
        data = self.take(1 + self.int_size)
        value = int.from_bytes(data[1:], "little")
        return -value if data[0] else value

    def text(self) -> str | None:
        length = self.integer()
        if length < 0:
            return None
        if length > self._longest:
            raise DamagedArchiveError("is damaged: a text in its table of contents has no end")
        self._room -= length
        if self._room < 0:
            raise UnusableLayerError(
                "cannot be read: the texts of its table of contents have more than "
                f"{LONGEST_TEXTS >> 30} GB",
                hint="Check where the file comes from. If it is your dump, dump its schemas "
                "one by one (pg_dump -n).",
            )
        return kept(self.take(length))

    def offset(self) -> tuple[int, int]:
        state = self.byte()
        position = int.from_bytes(self.take(self.off_size), "little")
        if state not in {POSITION_NOT_SET, POSITION_SET, NO_DATA}:
            raise DamagedArchiveError("is damaged: its table of contents cannot be read")
        return state, position

    def tell(self) -> int:
        return self._stream.tell()


def read_toc(stream: BinaryIO, size: int, *, custom: bool, header_only: bool = False) -> Toc:
    """Read header and table of contents from the stream's present position.

    With `header_only`, only the part before the table of contents; `entries` is empty.

    Raises:
        DamagedArchiveError: They end early or are not valid.
        UnusableLayerError: They need too much memory.
    """
    reader = _Reader(stream, size)
    if reader.take(5) != MAGIC:
        raise DamagedArchiveError("is not an archive of pg_dump")
    major, minor, _revision = reader.byte(), reader.byte(), reader.byte()
    version = (major, minor)
    if not OLDEST <= version <= NEWEST:
        return Toc(archive_version=version, known=False)
    reader.int_size, reader.off_size, _format = reader.byte(), reader.byte(), reader.byte()
    if reader.int_size not in {2, 4, 8} or reader.off_size not in {4, 8}:
        raise DamagedArchiveError("is damaged: its header is not valid")
    compression = _compression(reader, version)
    created_at = _created_at([reader.integer() for _ in range(7)])
    dbname, server, dumped_by = reader.text(), reader.text(), reader.text()
    start = reader.tell()
    entries = () if header_only else _entries(reader, version, custom=custom)
    end = reader.tell()
    if not custom and not header_only and end != size:
        raise DamagedArchiveError("is damaged: its table of contents does not end with its file")
    return Toc(
        archive_version=version,
        known=True,
        compression=compression,
        int_size=reader.int_size,
        off_size=reader.off_size,
        created_at=created_at,
        dbname=dbname or "",
        server_version=server or "",
        dump_version=dumped_by or "",
        entries=entries,
        start=start,
        end=end,
    )


def _compression(reader: _Reader, version: tuple[int, int]) -> int:
    if version >= (1, 15):
        return reader.byte()
    return 1 if reader.integer() else 0  # the level


def _created_at(parts: list[int]) -> datetime | None:
    second, minute, hour, day, month, year, _dst = parts
    try:
        return datetime(year + 1900, month + 1, day, hour, minute, min(second, 59))  # noqa: DTZ001  # has no zone
    except (ValueError, OverflowError):
        return None


def _entries(reader: _Reader, version: tuple[int, int], *, custom: bool) -> tuple[TocEntry, ...]:
    count = reader.integer()
    if not 0 <= count <= MAX_ENTRIES:
        raise DamagedArchiveError("is damaged: its table of contents is not valid")
    return tuple(_entry(reader, version, custom=custom) for _ in range(count))


def _entry(reader: _Reader, version: tuple[int, int], *, custom: bool) -> TocEntry:
    dump_id = reader.integer()
    has_data = _flag(reader.integer())
    reader.text(), reader.text()  # catalog table and object id
    tag, desc = reader.text() or "", reader.text() or ""
    if reader.integer() not in SECTIONS:
        raise DamagedArchiveError(f"is damaged: the section of {desc} {shown(tag)} is not valid")
    defn = reader.text() or ""
    reader.text()  # drop statement
    copied = (reader.text() or "").lstrip().upper().startswith("COPY")
    namespace = reader.text() or ""
    reader.text()  # tablespace
    if version >= (1, 14):
        reader.text()  # table access method
    if version >= (1, 16):
        reader.integer()  # kind of relation
    owner = reader.text() or ""
    reader.text()  # with oids
    while (dependency := reader.text()) is not None:
        if not dependency:
            # They are numbers; a sparse file could have as many as its bytes.
            raise DamagedArchiveError(
                f"is damaged: the dependencies of {desc} {shown(tag)} are not valid"
            )
    state, position, filename = NO_DATA, 0, ""
    if custom:
        state, position = reader.offset()
    else:
        filename = reader.text() or ""
    if desc in HAVE_DATA and not (has_data and (not custom or state != NO_DATA)):
        raise DamagedArchiveError(
            f"is damaged: the data of {shown(namespace)}.{shown(tag)} is missing"
        )
    return TocEntry(
        dump_id=dump_id,
        has_data=has_data,
        tag=tag,
        desc=desc,
        defn=defn,
        namespace=namespace,
        owner=owner,
        copied=copied,
        position_state=state,
        position=position,
        filename=filename,
    )


def _flag(value: int) -> bool:
    if value not in {0, 1}:
        raise DamagedArchiveError("is damaged: its table of contents is not valid")
    return value == 1


def custom_data_problem(stream: BinaryIO, toc: Toc, size: int) -> str:
    """The problem of a custom archive's data; empty: every block exists and ends.

    All blocks are read in order from the end of the table of contents: each must begin where the previous one
    ends, belong to an entry, and be at the entry's position (a dump to a pipe has none). Bytes after the last
    block do not matter: pg_dump 17 repeats its table of contents there if its standard output is a file, and
    pg_restore does not read them.
    """
    wanted = {e.dump_id: e for e in toc.entries if e.has_data}
    if not wanted:
        return _without_data_problem(toc, size)
    stream.seek(toc.end)
    missing = set(wanted)
    try:
        while missing:
            position = stream.tell()
            kind, dump_id = _block_head(stream, toc)
            entry = wanted.get(dump_id)
            if kind not in {BLOCK_DATA, BLOCK_BLOBS} or entry is None:
                return "is damaged: its data does not begin where its table of contents ends"
            if entry.position_state == POSITION_SET and entry.position != position:
                return f"is damaged: the data of {label(entry)} is at a wrong position"
            _walk_block(stream, toc, size, kind)
            missing.discard(dump_id)
    except _EndedError:
        lost = label(wanted[min(missing)])
        return f"is truncated or damaged: its data ends before that of {lost} is complete"
    return ""


def _without_data_problem(toc: Toc, size: int) -> str:
    """An archive without data ends with its table of contents, or a second one."""
    rest = size - toc.end
    if rest in {0, toc.end - toc.start}:
        return ""
    return "is damaged: its table of contents does not end at the end of the file"


class _EndedError(Exception):
    pass


def _block_head(stream: BinaryIO, toc: Toc) -> tuple[int, int]:
    head = stream.read(1 + 1 + toc.int_size)
    if len(head) < 1 + 1 + toc.int_size:
        raise _EndedError
    return head[0], int.from_bytes(head[2:], "little")


def _walk_block(stream: BinaryIO, toc: Toc, size: int, kind: int) -> None:
    """Read to the block's end: chunks until one of length zero; large objects until oid zero."""
    if kind == BLOCK_DATA:
        _walk_chunks(stream, toc, size)
        return
    if kind != BLOCK_BLOBS:
        raise _EndedError
    while _integer(stream, toc) != 0:
        _walk_chunks(stream, toc, size)


def _walk_chunks(stream: BinaryIO, toc: Toc, size: int) -> None:
    read_integer: Callable[[], int] = lambda: _integer(stream, toc)  # noqa: E731  # short and local
    while (length := read_integer()) > 0:
        if stream.seek(length, os.SEEK_CUR) > size:
            raise _EndedError
    if length < 0:
        raise _EndedError


def _integer(stream: BinaryIO, toc: Toc) -> int:
    data = stream.read(1 + toc.int_size)
    if len(data) < 1 + toc.int_size:
        raise _EndedError
    value = int.from_bytes(data[1:], "little")
    return -value if data[0] else value


def label(entry: TocEntry) -> str:
    """Name of an entry in messages."""
    named = f"{entry.namespace}.{entry.tag}" if entry.namespace else entry.tag or entry.desc
    return shown(named)
