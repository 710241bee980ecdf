"""Copies and unpacks a backup into the private directory: regular files and folders, no links."""

import bz2
import fcntl
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, cast

import lz4.frame
import zstandard

from restorecheck.postgres.physical.source import DamagedBackupError, Workshop
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.untrusted_files import open_regular

FIRST = 50
"""Members of a tar that are looked at to see what it is."""
PIECE, PAGE = 1 << 20, 8192
MOVED = 16 << 20
"""Bytes that the kernel copies at once."""
END_OF_TAR = 1024
"""Zero bytes at the end of every tar: two blocks. Source: POSIX, pax, "ustar Interchange Format"."""
_FICLONE = 0x40049409
"""Source: linux/fs.h. On file systems with reflinks the copy shares the blocks of its source."""
SUFFIXES = ("", ".gz", ".zst", ".lz4", ".bz2", ".xz")


def copy_tree(source: Path, into: Path, workshop: Workshop, *, top: bool = True) -> dict[str, Path]:
    """Copy a folder's content into an existing folder, several files at a time; returns the links of its tablespaces.

    Links point outside the backup: those in pg_tblspc are returned, the target of pg_wal is copied, others are left
    out.
    """
    links: dict[str, Path] = {}
    found, one_at_a_time = _files(source, into, workshop, links, top=top), threading.Lock()
    failed = threading.Event()

    def copy() -> None:
        try:
            while not failed.is_set():
                with one_at_a_time:
                    file = next(found, None)
                if file is None:
                    return
                copy_file(*file, workshop)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(max(1, workshop.jobs - 1)) as pool:
        others = []
        with suppress(RuntimeError):  # no memory for another thread
            others = [pool.submit(copy) for _ in range(workshop.jobs - 1)]
        copy()
    for other in others:
        other.result()
    return links


def _files(
    source: Path, into: Path, workshop: Workshop, links: dict[str, Path], *, top: bool
) -> Iterator[tuple[Path, Path]]:
    """Makes the folders; yields each file and where it belongs."""
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            path, to = Path(entry.path), into / entry.name
            if entry.is_symlink():
                if top and entry.name == "pg_wal" and entry.is_dir():
                    cluster.make_folder(to, workshop.account)
                    yield from _files(path.resolve(), to, workshop, links, top=False)
                elif source.name == "pg_tblspc":
                    links[entry.name] = path.readlink()
            elif entry.is_dir(follow_symlinks=False):
                cluster.make_folder(to, workshop.account)
                yield from _files(path, to, workshop, links, top=False)
            elif entry.is_file(follow_symlinks=False):
                yield path, to


def copy_file(source: Path, to: Path, workshop: Workshop) -> None:
    with open_regular(source) as reading, _new(to, workshop) as writing:
        size = os.fstat(reading.fileno()).st_size
        if processes.LINUX:
            with suppress(OSError):
                fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
                workshop.progress(size)
                return
        for count in _moved(reading, writing):
            workshop.progress(count)


def _moved(reading: BinaryIO, writing: IO[bytes]) -> Iterator[int]:
    """Copies piece by piece; in the kernel, where it can."""
    if processes.LINUX:
        with suppress(OSError):  # of a file system that cannot: read below, from where it stopped
            while count := os.sendfile(writing.fileno(), reading.fileno(), None, MOVED):
                yield count
            return
    while piece := reading.read(PIECE):
        writing.write(piece)
        yield len(piece)


@contextmanager
def _new(path: Path, workshop: Workshop) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        if workshop.account is not None:
            os.fchown(file.fileno(), workshop.account.uid, workshop.account.gid)


def make_ours(file: Path) -> None:
    """Of a file that a tool made, as another user. One that it linked is the archive's, so a copy takes its place."""
    state = file.lstat()
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
        copy = file.with_name("copy")
        shutil.copyfile(file, copy)
        copy.replace(file)
    os.chown(file, os.geteuid(), os.getegid())


UNREADABLE = (
    tarfile.TarError,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    zstandard.ZstdError,
    lzma.LZMAError,
    RuntimeError,
)
"""Errors of Python's readers for a truncated or damaged file; lz4 raises RuntimeError."""


def copy_beginning(source: Path, to: Path) -> None:
    """Copy a file that is still being written, as far as it can be decompressed. Raises OSError."""
    with to.open("wb") as writing, suppress(*UNREADABLE), opened(source) as plain:
        while piece := plain.read(PAGE):
            writing.write(piece)


def unpack(tar: Path, into: Path, workshop: Workshop) -> None:
    """Unpack a tar file into an existing folder.

    Raises:
        DamagedBackupError: It is truncated or damaged.
    """
    members = 0
    try:
        with opened(tar) as plain:
            ending = _Ending(plain)
            with tarfile.open(fileobj=ending, mode="r|") as archive:  # type: ignore[call-overload]  # it only reads
                for member in archive:
                    members += 1
                    _extract(archive, member, into, workshop)
                # The final zero blocks are read, to verify a compressed file to its end.
                while ending.read(PIECE):
                    continue
    except UNREADABLE as exc:
        raise DamagedBackupError(f"{tar.name} is truncated or damaged: {exc}") from exc
    if not members and tar.name.startswith("base."):
        raise DamagedBackupError(f"{tar.name} is empty")
    if members and not ending.is_whole:
        raise DamagedBackupError(f"{tar.name} is truncated: it does not end as a tar file does")


class _Ending:
    """Remembers the last bytes of a tar: `tarfile` takes one that was cut between two members for a whole one."""

    def __init__(self, plain: IO[bytes]) -> None:
        self._plain = plain
        self._last = b""

    def read(self, size: int) -> bytes:
        piece = self._plain.read(size)
        self._last = (self._last + piece[-END_OF_TAR:])[-END_OF_TAR:]
        return piece

    @property
    def is_whole(self) -> bool:
        return self._last == bytes(END_OF_TAR)


def _extract(
    archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path, workshop: Workshop
) -> None:
    parts = [part for part in member.name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise DamagedBackupError(
            f"the tar file contains a path that leads out of the target folder: {member.name}"
        )
    if not parts:
        return
    for depth in range(1, len(parts) + member.isdir()):
        folder = into.joinpath(*parts[:depth])
        if not folder.is_dir() or folder.is_symlink():
            cluster.make_folder(folder, workshop.account)
    if not member.isreg():
        return
    content = archive.extractfile(member)
    assert content is not None, "it is regular"
    with _new(into.joinpath(*parts), workshop) as writing:
        while piece := content.read(PIECE):
            writing.write(piece)
            workshop.progress(len(piece))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Stream a file's content, decompressed by its suffix.

    gzip is opened here and not by tarfile, whose streams end with the first member: pg_basebackup begins
    pg_wal.tar.gz with an empty one.
    """
    with open_regular(path) as raw:
        match path.suffix:
            case ".gz":
                with gzip.GzipFile(fileobj=raw) as plain:
                    yield cast(IO[bytes], plain)
            case ".zst":
                reader = zstandard.ZstdDecompressor()
                with reader.stream_reader(raw, read_across_frames=True) as plain_zst:
                    yield cast(IO[bytes], plain_zst)
            case ".lz4":
                with lz4.frame.open(raw) as plain_lz4:
                    yield cast(IO[bytes], plain_lz4)
            case _:
                with _by_content(raw) as plain_any:
                    yield plain_any


def _by_content(raw: BinaryIO) -> IO[bytes]:
    """Barman compresses WAL under its plain name. The first bytes are those of barman/compression.py."""
    head = cast(BufferedReader, raw).peek(len(_XZ))
    if head.startswith(b"\x1f\x8b\x08"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if head.startswith(b"BZh"):
        return bz2.open(raw)
    if head.startswith(_XZ):
        return lzma.open(raw)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(
            IO[bytes], zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        )
    if head.startswith(b"\x04\x22\x4d\x18"):
        return cast(IO[bytes], lz4.frame.open(raw))
    return raw


_XZ = b"\xfd7zXZ\x00"


def first_member(tar: Path, name: str) -> bytes:
    """The content of a tar's first member if it has this name; else empty."""
    try:
        with opened(tar) as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
            member = archive.next()
            if member is None or member.name.removeprefix("./") != name:
                return b""
            content = archive.extractfile(member)
            return content.read(PIECE) if content else b""
    except UNREADABLE:
        return b""


def first_names(tar: Path) -> list[str] | None:
    """Names of a tar's first members; None: empty or damaged."""
    try:
        with opened(tar) as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
            names = [member.name.removeprefix("./") for member in islice(archive, FIRST)]
    except UNREADABLE:
        return None
    return names or None


def copy_plain(source: Path, to: Path) -> None:
    """Copy a file, decompressed by its suffix. Raises OSError, and `UNREADABLE` if it is damaged."""
    with opened(source) as plain, to.open("wb") as writing:
        shutil.copyfileobj(plain, writing, PIECE)
