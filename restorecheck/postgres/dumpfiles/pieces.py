"""Files that `split` cut into pieces (`x.dump.aa`, `x.dump.ab`, …): joined again while they are read.

Pieces are told from the dumps of single days (`db-01`, `db-02`) by their content: only the first one
begins as a dump or a compressed file does.
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
    """The pieces of the file that this one is the first of, in order; the file alone where it is none.

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
    """The files, each split one by its first piece; pieces of one file lie in one folder."""
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
    """Whether a file begins as a whole one does."""
    return begins_a_dump(head) or packing_of(head) is not None


def _stands_alone(head: bytes) -> bool:
    """Whether a file is no piece: it begins as a whole one does, or is empty, or an error page."""
    return not head or _begins(head) or (head.strip(b"\0") != b"" and is_foreign(head))


def state_of(path: Path) -> tuple[int, int]:
    """Size in bytes, and when it was changed last in nanoseconds, of all the pieces."""
    try:
        states = [piece.stat() for piece in pieces_of(path)]
    except DamagedLayerError:
        states = [path.stat()]
    return sum(s.st_size for s in states), max(s.st_mtime_ns for s in states)


@contextmanager
def open_pieces(path: Path) -> Iterator[tuple[io.BufferedReader, tuple[str, ...]]]:
    """The bytes of a file, or of the pieces that it is the first of, and the layer that they are."""
    pieces = pieces_of(path)
    if len(pieces) == 1:
        with path.open("rb") as file:
            yield file, ()
        return
    yield io.BufferedReader(_Joined(pieces), buffer_size=1 << 18), ("split",)


class _Joined(io.RawIOBase):
    """One file after the other; seeks, as a zip file wants to."""

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
