"""Files that `split` divided into pieces (`x.dump.aa`, `x.dump.ab`, …): joined while they are read.

Pieces are distinguished from dumps of single days (`db-01`, `db-02`) by content: only the first piece begins
like a dump or a compressed file.
"""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from restorecheck.postgres.dumpfiles.foreign import is_foreign
from restorecheck.postgres.dumpfiles.magic import HEAD, begins_a_dump, packing_of
from restorecheck.postgres.dumpfiles.names import PieceMark, mark_of
from restorecheck.postgres.dumpfiles.streams import PACKED, decompressed
from restorecheck.postgres.dumpfiles.unreadable import DamagedLayerError


def pieces_of(path: Path) -> tuple[Path, ...]:
    """All pieces in order if the file is the first one; otherwise the file alone.

    Raises:
        DamagedLayerError: One in the middle is missing.
    """
    mark = mark_of(path.name)
    if mark is None or mark.number > 1:
        return (path,)
    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except OSError:
        return (path,)
    found = {other.number for other in _alike(mark, names)}
    if mark.number != min(found) or len(found) == 1:
        return (path,)
    rest = [path.parent / mark.at(number) for number in sorted(found - {mark.number})]
    if not _begins(_head(path, mark)) or any(_stands_alone(_head(p, mark)) for p in rest[:2]):
        return (path,)
    for number in range(mark.number, max(found)):
        if number not in found:
            raise DamagedLayerError(
                f"is incomplete: it was split into pieces, and the piece {mark.at(number)} is missing"
            )
    return (path, *rest)


def without_later_pieces(files: Iterable[Path]) -> list[Path]:
    """The files, each split one as its first piece; the pieces of a file are in one folder."""
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    return [file for inside in folders.values() for file in _without_later_pieces(inside)]


def _without_later_pieces(files: Iterable[Path]) -> list[Path]:
    by_name = {file.name: file for file in files}
    groups: dict[tuple[str, str, int, bool], list[PieceMark]] = {}
    for mark in filter(None, map(mark_of, by_name)):
        groups.setdefault(mark.group, []).append(mark)
    for marks in groups.values():
        first = min(marks, key=lambda mark: mark.number)
        if len(marks) > 1 and first.number <= 1 and _is_split(by_name[first.at(first.number)]):
            for mark in marks:
                if mark != first:
                    del by_name[mark.at(mark.number)]
    return list(by_name.values())


def _is_split(first: Path) -> bool:
    try:
        return len(pieces_of(first)) > 1
    except DamagedLayerError:
        return True  # one is missing


def _alike(mark: PieceMark, names: Iterable[str]) -> Iterator[PieceMark]:
    return (
        other
        for name in names
        if (other := mark_of(name)) is not None and mark.group == other.group
    )


def _head(piece: Path, mark: PieceMark) -> bytes:
    try:
        with piece.open("rb") as file:
            if mark.end in PACKED:
                return decompressed(file, PACKED[mark.end]).read(HEAD)
            return file.read(HEAD)
    except (OSError, DamagedLayerError):
        return b""


def _begins(head: bytes) -> bool:
    """Whether a file begins like a complete one."""
    return begins_a_dump(head) or packing_of(head) is not None


def _stands_alone(head: bytes) -> bool:
    """Whether a file is not a piece: it begins like a complete one, is empty, or is an error page."""
    return not head or _begins(head) or (head.strip(b"\0") != b"" and is_foreign(head))


def state_of(path: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds, of all pieces."""
    try:
        states = [piece.stat() for piece in pieces_of(path)]
    except DamagedLayerError:
        states = [path.stat()]
    return sum(s.st_size for s in states), max(s.st_mtime_ns for s in states)


@contextmanager
def open_pieces(path: Path) -> Iterator[tuple[io.BufferedReader, tuple[str, ...]]]:
    """The bytes of a file, or of all pieces if it is the first one, and the layer of the pieces."""
    pieces = pieces_of(path)
    if len(pieces) == 1:
        with path.open("rb") as file:
            yield file, ()
        return
    yield io.BufferedReader(_Joined(pieces), buffer_size=1 << 18), ("split",)


class _Joined(io.RawIOBase):
    """One file after the other; can seek, as zip files need."""

    def __init__(self, pieces: tuple[Path, ...]) -> None:
        self._pieces = pieces
        self._sizes = [piece.stat().st_size for piece in pieces]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: sum(self._sizes)}
        self._position = max(0, start[whence] + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        before = 0
        for piece, size in zip(self._pieces, self._sizes, strict=True):
            if self._position < before + size:
                with piece.open("rb") as file:
                    file.seek(self._position - before)
                    data = file.read(min(len(buffer), before + size - self._position))
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            before += size
        return 0
