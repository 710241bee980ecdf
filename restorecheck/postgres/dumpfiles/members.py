"""The data files of a directory-format or tar-format dump: does each one exist, and is it complete?

pg_restore does not check that: from a complete gzip file with half of a table it loads that half and exits 0
(seen with 15.18, 17.10 and 18.6). With a truncated gzip file it exits 1.

Source: PostgreSQL, src/bin/pg_dump/pg_backup_directory.c and pg_backup_tar.c. Table data ends with
a line of a backslash and a dot and two empty lines. Large objects are listed in `blobs.toc`, or in
`blobs_<dump id>.toc` since version 16, a line each: `oid filename`. Which large objects there are
is also said by the table of contents: one entry `BLOB` each, since version 17 `BLOB METADATA`
entries whose text is a list of oids.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from restorecheck.postgres.dumpfiles.archive import LONGEST_TEXT, Toc, TocEntry, label
from restorecheck.postgres.dumpfiles.budget import Budget
from restorecheck.postgres.dumpfiles.containers import MOST_FILES
from restorecheck.postgres.dumpfiles.streams import PACKED, decompressed
from restorecheck.postgres.dumpfiles.unreadable import DamagedLayerError, UnusableLayerError

COPY_ENDS = (b"\n\\.\n\n\n", b"\n\\.\r\n\r\n\r\n")
INSERT_END = b";\n\n\n"
TAIL = 16
CHUNK = 1 << 20
TOC = "toc.dat"

CUSTOM_HINT = "Dump in the custom or directory format (pg_dump -Fc, -Fd)."

WRAPPINGS = ("", ".gz", ".lz4", ".zst")


class Members(Protocol):
    """The files of a dump, by name."""

    def find(self, name: str) -> str | None:
        """The actual name, with the suffix of its compression; None: the file does not exist."""
        ...

    def tail(self, name: str) -> bytes:
        """The last bytes of the content, which is read to its end.

        Raises:
            DamagedLayerError: The file ends early or is corrupt.
        """
        ...

    def read(self, name: str) -> bytes:
        """The whole content of a small file."""
        ...


def data_problem(toc: Toc, members: Members) -> str:
    """The problem of the data files; empty: each exists and is complete."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        tables = [e for e in toc.entries if e.has_data and e.desc != "BLOBS"]
        for problem in pool.map(lambda entry: _table_problem(entry, members), tables):
            if problem:
                return problem
        return _large_objects_problem(toc, members, pool.map)


def _table_problem(entry: TocEntry, members: Members) -> str:
    if not entry.filename:
        return ""
    name = members.find(entry.filename)
    if name is None:
        return f"is incomplete: the data file {entry.filename} of {label(entry)} is missing"
    try:
        tail = members.tail(name)
    except DamagedLayerError as exc:
        return f"{exc.message} ({name}, {label(entry)})"
    if entry.desc != "TABLE DATA" or _ends_well(entry, tail):
        return ""
    return f"is truncated: the data of {label(entry)} ends early ({name})"


def _ends_well(entry: TocEntry, tail: bytes) -> bool:
    """COPY text ends in a line of its own, the first of an empty table; INSERTs in a semicolon.
    Both are followed by two empty lines.
    """
    if entry.copied:
        return (b"\n" + tail).endswith(COPY_ENDS)
    return tail.endswith(INSERT_END) or tail == b"\n\n"


Map = Callable[[Callable[[str], str], Iterable[str]], Iterable[str]]


def _large_objects_problem(toc: Toc, members: Members, run: Map) -> str:
    entries = [e for e in toc.entries if e.desc == "BLOBS" and e.has_data]
    listed: dict[str, str] = {}
    for entry in entries:
        names = (f"blobs_{entry.dump_id}.toc", "blobs.toc", entry.filename)
        name = next((found for n in names if n and (found := members.find(n))), None)
        if name is None:
            return "is incomplete: the list of its large objects is missing"
        for line in io.BytesIO(members.read(name)):
            oid, _, file = line.decode(errors="replace").partition(" ")
            listed[oid] = file.strip()
    missing = _large_objects(toc) - set(listed) if entries else set()
    if missing:
        return f"is incomplete: {len(missing)} of its large objects are not listed"

    def check(oid: str) -> str:
        name = members.find(listed[oid])
        if name is None:
            return f"is incomplete: the large object {oid} is missing"
        try:
            members.tail(name)
        except DamagedLayerError as exc:
            return f"{exc.message} (large object {oid})"
        return ""

    return next((problem for problem in run(check, listed) if problem), "")


def _large_objects(toc: Toc) -> set[str]:
    single = {e.tag for e in toc.entries if e.desc == "BLOB"}
    grouped = {oid for e in toc.entries if e.desc == "BLOB METADATA" for oid in e.defn.split()}
    return {oid for oid in single | grouped if oid.isdigit()}


class DirectoryMembers(Members):
    """The files of a folder."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._names = frozenset(names)
        self._sums: dict[str, str] = {}
        """SHA-256 of the data files that were read to their end."""

    def checksum(self) -> str:
        """SHA-256 of the list of the files' checksums, by name; empty: a data file was not read whole.

        Data files that are not compressed are not read to their end, and are not read for this alone.
        """
        small = {name for name in self._names if name == TOC or name.endswith(".toc")}
        for name in small:
            self._sums[name] = hashlib.sha256((self._folder / name).read_bytes()).hexdigest()
        if self._names - self._sums.keys():
            return ""
        whole = "\n".join(self._sums[name] for name in sorted(self._names))
        return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"

    def find(self, name: str) -> str | None:
        return next((name + w for w in WRAPPINGS if name + w in self._names), None)

    def tail(self, name: str) -> bytes:
        file = self._folder / name
        if file.suffix in PACKED:
            tail, self._sums[name] = _unpacked_tail(file)
            return tail
        with file.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - TAIL))
            return stream.read()

    def read(self, name: str) -> bytes:
        file = self._folder / name
        with file.open("rb") as stream:
            packed = file.suffix in PACKED
            content = decompressed(stream, PACKED[file.suffix]) if packed else stream
            data = content.read(LONGEST_TEXT + 1)
        if len(data) > LONGEST_TEXT:
            raise DamagedLayerError(f"is damaged: {name} has no end")
        return data


def _unpacked_tail(file: Path) -> tuple[bytes, str]:
    """The last bytes, and the SHA-256 of the packed file. Unpacks only one layer: a large object may itself be a
    compressed file.
    """
    tail = b""
    with file.open("rb", buffering=0) as raw:
        hashed = _Hashed(raw)
        stream = io.BufferedReader(hashed, CHUNK)
        content = decompressed(stream, PACKED[file.suffix], Budget(file.stat().st_size))
        while chunk := content.read(CHUNK):
            tail = (tail + chunk)[-TAIL:]
        while stream.read(CHUNK):
            pass  # what stands behind the data
    return tail, hashed.sha256.hexdigest()


class _Hashed(io.RawIOBase):
    def __init__(self, inner: io.FileIO) -> None:
        self._inner = inner
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._inner.readinto(buffer)
        self.sha256.update(memoryview(buffer)[:count])
        return count


class TarMembers(Members):
    """The members of a tar file; none is compressed."""

    def __init__(self, tar: tarfile.TarFile, stream: BinaryIO, size: int) -> None:
        self._members = {m.name.removeprefix("./"): m for m in islice(tar, MOST_FILES)}
        if tar.next() is not None:
            raise UnusableLayerError(
                f"is a tar file of more than {MOST_FILES:,} files", hint=CUSTOM_HINT
            )
        self._stream = stream
        self._size = size

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def find(self, name: str) -> str | None:
        return name if name in self._members else None

    def tail(self, name: str) -> bytes:
        member = self._members[name]
        return self._read_at(member, max(0, member.size - TAIL))

    def read(self, name: str) -> bytes:
        return self._read_at(self._members[name], 0)

    def _read_at(self, member: tarfile.TarInfo, offset: int) -> bytes:
        if member.offset_data + member.size > self._size:
            raise DamagedLayerError("is truncated: its data ends early")
        # Not through another file object: the callers share one stream, one after another.
        if member.size - offset > LONGEST_TEXT:
            raise DamagedLayerError(f"is damaged: {member.name} has no end")
        return os.pread(self._stream.fileno(), member.size - offset, member.offset_data + offset)
