"""Zip and tar files that contain one dump.

The names in them are not trusted: only names of pg_dump's own directory format become names of files here.
"""

import io
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Literal, cast

from restorecheck.postgres.dumpfiles.budget import Budget
from restorecheck.postgres.dumpfiles.magic import HEAD, begins_a_dump
from restorecheck.postgres.dumpfiles.names import looks_like_a_dump, printable
from restorecheck.postgres.dumpfiles.streams import decompressed
from restorecheck.postgres.dumpfiles.unreadable import (
    BaseBackupError,
    DamagedLayerError,
    NoDumpError,
    UnnamedFileError,
    UnusableLayerError,
)

MOST_FILES = 1_000_000
"""Files in a container; with more it is not read, because a few gigabytes can contain any number of empty files."""
MEGABYTE = 1 << 20
LONGEST_LIST = 32 * MEGABYTE
"""Bytes of a zip file's list of files (300,000 files); a longer one is refused, because it needs too much memory."""
LONGEST_HEADER = MEGABYTE
"""Bytes of a tar header for one member; a longer one counts as damage. Names have at most 4 KB."""
HEADERS = frozenset(
    {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
     tarfile.SOLARIS_XHDTYPE}
)  # fmt: skip
"""Tar members that describe the next one, and are read into memory completely."""

DATA_FILE = re.compile(r"toc\.dat|(?:\d+|blob_\d+)\.dat(?:\.gz|\.lz4|\.zst)?|blobs(?:_\d+)?\.toc")
"""Files of the directory format. Source: src/bin/pg_dump/pg_backup_directory.c."""

OF_A_BASE_BACKUP = re.compile(
    r"PG_VERSION|backup_label|tablespace_map|pg_control|backup_manifest|(?:base|pg_wal)\.tar(?:\.\w+)?"
    r"|[0-9A-F]{24}"
)

GLOBALS = re.compile(r"(?:.*[._-])?(?:globals?|roles?)(?:[._-].*)?", re.IGNORECASE | re.DOTALL)

BASE_BACKUP = "is a base backup (a copy of a server's data directory), not a dump"
BASE_BACKUP_HINT = (
    "This version of restorecheck does not restore base backups. Configure dumps of pg_dump, "
    "and check the base backup with pg_verifybackup."
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a container; `stream` must be read before the next file."""

    name: str
    """Without its folders."""
    stream: io.BufferedReader


@dataclass(frozen=True, slots=True)
class Content:
    """Content of a container: one dump, or the files of one in the directory format."""

    stream: io.BufferedReader
    folder: Iterator[Member] | None = None


@contextmanager
def open_container(stream: io.BufferedReader, kind: str, budget: Budget) -> Iterator[Content]:
    """Find the dump in a zip or tar file.

    Raises:
        UnusableLayerError: It contains none or several, or needs another program to unpack, or exceeds the
            budget; also while reading.
        DamagedLayerError: It ends early or is corrupt; also while reading.
    """
    with closing((_zipped if kind == "zip" else _tarred)(stream, budget)) as members:
        yield _content(members, kind)


def _content(members: Iterator[Member], kind: str) -> Content:
    seen = 0
    for member in members:
        if member.name.startswith("."):
            continue  # metadata that macOS adds beside each file
        seen += 1
        if seen > MOST_FILES:
            raise UnusableLayerError(
                f"is a {kind} file of more than {MOST_FILES:,} files",
                hint="Replace the file with the dump itself.",
            )
        if OF_A_BASE_BACKUP.fullmatch(member.name):
            raise BaseBackupError(BASE_BACKUP, hint=BASE_BACKUP_HINT)
        if DATA_FILE.fullmatch(member.name):
            return Content(member.stream, chain([member], members))
        if _is_dump(member):
            return Content(io.BufferedReader(_Only(member, members, kind), buffer_size=1 << 18))
    if seen == 1:
        raise UnnamedFileError(
            f"is a {kind} file with one file that is not a dump by its name or its first bytes",
            hint="Give the inner file the name of a dump (db.sql, db.dump), or replace the "
            "file with the dump itself.",
        )
    raise NoDumpError(f"is a {kind} file of {seen} files, none of which is a dump")


def _is_dump(member: Member) -> bool:
    if member.name.startswith(".") or GLOBALS.fullmatch(member.name):
        return False
    head = member.stream.peek(HEAD)[:HEAD]
    return begins_a_dump(head) or looks_like_a_dump(member.name)


class _Only(io.RawIOBase):
    """The dump in a container. At its end the other files are examined: none may be a dump."""

    def __init__(self, member: Member, others: Iterator[Member], kind: str) -> None:
        self._member = member
        self._others = others
        self._kind = kind

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._member.stream.readinto(buffer)
        if count == 0:
            for other in self._others:
                if _is_dump(other):
                    first, second = printable(self._member.name), printable(other.name)
                    raise UnusableLayerError(
                        f"is a {self._kind} file that holds more than one dump ({first}, {second})",
                        hint="Write each dump to a separate file.",
                    )
        return count


def open_tar(stream: IO[bytes], mode: Literal["r|", "r:"]) -> tarfile.TarFile:
    """Open an untrusted tar file.

    Raises:
        UnusableLayerError, DamagedLayerError: Also while reading: it has sizes that no dump needs.
        tarfile.TarError: The same: it is damaged.
    """
    return tarfile.open(fileobj=stream, mode=mode, tarinfo=_Claims)


class _Claims(tarfile.TarInfo):
    """Refuses headers and sparse maps of excessive length before they are read into memory."""

    def _proc_member(self, tar: Any) -> Any:  # noqa: ANN401  # to be overridden, says the base class
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise _sparse()
        if self.type in HEADERS:
            shared = sum(len(name) + len(value) for name, value in tar.pax_headers.items())
            if max(self.size, shared) > LONGEST_HEADER:
                raise DamagedLayerError("is damaged: a header in its tar file has no end")
        try:
            return cast(Any, super())._proc_member(tar)  # noqa: SLF001  # its own
        except RecursionError:
            raise DamagedLayerError("is damaged: the headers of its tar file have no end") from None

    def _proc_gnusparse_10(self, *_: object) -> None:
        raise _sparse()


def _sparse() -> UnusableLayerError:
    return UnusableLayerError(
        "is a sparse tar file, which this version cannot read",
        hint="Create the tar file without --sparse, or compress the dump with gzip or zstd.",
    )


def _tarred(stream: io.BufferedReader, budget: Budget) -> Generator[Member]:
    try:
        with open_tar(stream, "r|") as tar:
            for info in tar:
                cast(Any, tar).members.clear()  # tarfile keeps every member
                file = tar.extractfile(info) if _has_bytes(info) else None
                if file is not None and info.isreg():
                    yield _member(info.name, file, info.size, "tar", budget)
                while file is not None and file.read(1 << 20):
                    pass  # a false size of terabytes ends with the file
        while stream.read(1 << 20):
            pass  # the layer around it has a checksum at its end
    except (tarfile.TarError, EOFError, zlib.error):
        raise DamagedLayerError("is damaged or truncated: its tar structure ends early") from None


def _has_bytes(info: tarfile.TarInfo) -> bool:
    return info.isreg() or info.type not in tarfile.SUPPORTED_TYPES


def _zipped(stream: io.BufferedReader, budget: Budget) -> Generator[Member]:
    if not stream.seekable():
        raise UnusableLayerError(
            "holds a zip file within another format, which this version cannot read",
            hint="Unpack the outer file, or compress the dump with gzip, zstd, bzip2, xz or lz4.",
        )
    try:
        with zipfile.ZipFile(cast(BinaryIO, _ReadInParts(stream))) as packed:
            if sum(info.compress_size for info in packed.infolist()) > stream.seek(0, os.SEEK_END):
                raise DamagedLayerError("is damaged: its files overlap, as in a zip bomb")
            for info in packed.infolist():
                if not info.is_dir():
                    yield _member(
                        info.filename, _opened(packed, info), info.file_size, "zip", budget
                    )
    except (RuntimeError, NotImplementedError) as exc:
        what = "with a password" if "password" in str(exc) else "in a manner"
        raise UnusableLayerError(
            f"is a zip file packed {what} that this version cannot read",
            hint="Unpack the file, or set decrypt: a command that reads the file on stdin and "
            "writes the "
            "dump to stdout.",
        ) from None
    except (zipfile.BadZipFile, EOFError, ValueError) as exc:
        if "multiple disks" in str(exc):
            raise UnusableLayerError(
                "is the last part of a zip file in several parts, which this version cannot read",
                hint="Join the parts (zip --split-size 0), or compress the dump with gzip or zstd.",
            ) from None
        raise DamagedLayerError("is damaged or truncated: its zip structure ends early") from None


class _ReadInParts:
    """A zip file whose list of files is read only if it is not too long."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        most = LONGEST_LIST + 1
        data = self._stream.read(most if size < 0 else min(size, most))
        if len(data) == most:
            raise UnusableLayerError(
                "is a zip file of too many files: their list has more than "
                f"{LONGEST_LIST // MEGABYTE} MB",
                hint="Replace the file with the dump itself, or use tar.",
            )
        return data


def _opened(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Unpacks bzip2 in bounded pieces, and refuses LZMA: zipfile itself may unpack 4 KB to gigabytes at once."""
    if info.compress_type == zipfile.ZIP_LZMA:
        raise NotImplementedError  # as zipfile says of a method that it does not know
    if info.compress_type != zipfile.ZIP_BZIP2:
        return packed.open(info)
    raw = copy(info)
    raw.compress_type, raw.file_size = zipfile.ZIP_STORED, info.compress_size
    del raw.CRC
    return cast(IO[bytes], _WithChecksum(decompressed(packed.open(raw), "bzip2"), info.CRC))


class _WithChecksum:
    def __init__(self, content: IO[bytes], expected: int) -> None:
        self._content = content
        self._expected = expected
        self._seen = 0

    def read(self, size: int) -> bytes:
        data = self._content.read(size)
        self._seen = zlib.crc32(data, self._seen)
        if not data and size and self._seen != self._expected:
            raise zipfile.BadZipFile
        return data


def _member(name: str, file: IO[bytes], size: int, kind: str, budget: Budget) -> Member:
    raw = _Whole(cast(BinaryIO, file), size, kind, budget)
    return Member(PurePosixPath(name.replace("\\", "/")).name, io.BufferedReader(raw, 1 << 18))


class _Whole(io.RawIOBase):
    """One member, with restorecheck's errors, and an error if it ends before its size."""

    def __init__(self, inner: BinaryIO, size: int, kind: str, budget: Budget) -> None:
        self._inner = inner
        self._left = size
        self._kind = kind
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            raise DamagedLayerError(f"is damaged: its {self._kind} data is corrupt") from None
        if not data and self._left > 0:
            raise DamagedLayerError(f"is truncated: its {self._kind} data ends early")
        self._left -= len(data)
        self._budget.take(len(data))
        buffer[: len(data)] = data
        return len(data)
