"""Zip and tar files that hold one dump.

The names in them are not trusted: none becomes the name of a file here but those that pg_dump itself
gives to the files of its directory format.
"""

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, cast

from restorecheck.postgres.dumpfiles.magic import HEAD, begins_a_dump
from restorecheck.postgres.dumpfiles.names import looks_like_a_dump, printable
from restorecheck.postgres.dumpfiles.unreadable import (
    BaseBackupError,
    DamagedLayerError,
    NoDumpError,
    UnusableLayerError,
)

MOST_FILES = 1_000_000
"""More are not looked at: a few gigabytes can hold any number of empty ones."""

DATA_FILE = re.compile(r"toc\.dat|(?:\d+|blob_\d+)\.dat(?:\.gz|\.lz4|\.zst)?|blobs(?:_\d+)?\.toc")
"""Files of the directory format. Source: src/bin/pg_dump/pg_backup_directory.c."""

OF_A_BASE_BACKUP = re.compile(
    r"PG_VERSION|backup_label|tablespace_map|pg_control|backup_manifest|(?:base|pg_wal)\.tar(?:\.\w+)?"
    r"|[0-9A-F]{24}"
)

GLOBALS = re.compile(r"(?:.*[._-])?(?:globals?|roles?)(?:[._-].*)?", re.IGNORECASE | re.DOTALL)

BASE_BACKUP = "is a base backup (a copy of a server's data directory), not a dump"
BASE_BACKUP_HINT = (
    "Base backups are not restored by this version: prove dumps of pg_dump, and check the base backup "
    "with pg_verifybackup."
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a container; `stream` is read before the next one is taken."""

    name: str
    """Without its folders."""
    stream: io.BufferedReader


@dataclass(frozen=True, slots=True)
class Content:
    """What a container holds: one dump, or the files of one in the directory format."""

    stream: io.BufferedReader
    folder: Iterator[Member] | None = None


@contextmanager
def open_container(stream: io.BufferedReader, kind: str) -> Iterator[Content]:
    """Find the dump in a zip or tar file.

    Raises:
        UnusableLayerError: It holds none or several, or is packed in a manner that only others read.
        DamagedLayerError: It ends early or is corrupt; also while reading.
    """
    with closing(_zipped(stream) if kind == "zip" else _tarred(stream)) as members:
        yield _content(members, kind)


def _content(members: Iterator[Member], kind: str) -> Content:
    seen = 0
    for member in members:
        if member.name.startswith("."):
            continue  # what macOS puts beside each file, under its name
        seen += 1
        if seen > MOST_FILES:
            raise UnusableLayerError(
                f"is a {kind} file of more than {MOST_FILES:,} files",
                hint="Put the dump itself there.",
            )
        if OF_A_BASE_BACKUP.fullmatch(member.name):
            raise BaseBackupError(BASE_BACKUP, hint=BASE_BACKUP_HINT)
        if DATA_FILE.fullmatch(member.name):
            return Content(member.stream, chain([member], members))
        if _is_dump(member):
            return Content(io.BufferedReader(_Only(member, members, kind), buffer_size=1 << 18))
    if seen == 1:
        raise UnusableLayerError(
            f"is a {kind} file with one file in it that neither its name nor its first bytes call a dump",
            hint="Name it after what it is (db.sql, db.dump), or put the dump itself there.",
        )
    raise NoDumpError(f"is a {kind} file of {seen} files, none of which is a dump")


def _is_dump(member: Member) -> bool:
    if member.name.startswith(".") or GLOBALS.fullmatch(member.name):
        return False
    head = member.stream.peek(HEAD)[:HEAD]
    return begins_a_dump(head) or looks_like_a_dump(member.name)


class _Only(io.RawIOBase):
    """The dump of a container. At its end the others are looked at: none may be a dump."""

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
                        hint="Put each dump into a file of its own.",
                    )
        return count


def _tarred(stream: io.BufferedReader) -> Generator[Member]:
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for info in tar:
                cast(Any, tar).members.clear()  # it remembers each one
                file = tar.extractfile(info) if info.isreg() else None
                if file is not None:
                    yield _member(info.name, file, info.size, "tar")
        while stream.read(1 << 20):
            pass  # what is around it has a checksum at its end
    except (tarfile.TarError, EOFError, zlib.error):
        raise DamagedLayerError("is damaged or truncated: its tar structure ends early") from None


def _zipped(stream: io.BufferedReader) -> Generator[Member]:
    if not stream.seekable():
        raise UnusableLayerError(
            "holds a zip file within another format, which this version cannot read",
            hint="Unpack the outer one, or compress the dump with gzip, zstd, bzip2, xz or lz4.",
        )
    try:
        with zipfile.ZipFile(stream) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield _member(info.filename, packed.open(info), info.file_size, "zip")
    except (RuntimeError, NotImplementedError) as exc:
        what = "with a password" if "password" in str(exc) else "in a manner"
        raise UnusableLayerError(
            f"is a zip file packed {what} that this version cannot read",
            hint="Unpack it, or set decrypt: a command that reads the file on stdin and writes the "
            "dump to stdout.",
        ) from None
    except (zipfile.BadZipFile, EOFError, ValueError) as exc:
        if "multiple disks" in str(exc):
            raise UnusableLayerError(
                "is the last part of a zip file in several parts, which this version cannot read",
                hint="Join the parts (zip --split-size 0), or compress the dump with gzip or zstd.",
            ) from None
        raise DamagedLayerError("is damaged or truncated: its zip structure ends early") from None


def _member(name: str, file: IO[bytes], size: int, kind: str) -> Member:
    raw = _Whole(cast(BinaryIO, file), size, kind)
    return Member(PurePosixPath(name.replace("\\", "/")).name, io.BufferedReader(raw, 1 << 18))


class _Whole(io.RawIOBase):
    """One member: its errors in our words, and an error where it ends before its size is read."""

    def __init__(self, inner: BinaryIO, size: int, kind: str) -> None:
        self._inner = inner
        self._left = size
        self._kind = kind

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
        buffer[: len(data)] = data
        return len(data)
