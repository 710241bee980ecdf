"""A folder of WAL segments, plain or compressed."""

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from restorecheck.errors import NotFoundError
from restorecheck.postgres.physical import files, wal
from restorecheck.postgres.physical.source import ArchiveAnswer, FromArchive

PARTIAL = ".partial"
"""The segment that pg_receivewal writes at present, or the last one of a timeline that a standby left."""
CLOSED = frozenset(
    {
        ".gpg",
        ".pgp",
        ".asc",
        ".age",
        ".enc",
        ".aes",
        ".snappy",
        ".lzo",
        ".lzma",
        ".lz",
        ".br",
        ".Z",
        ".zip",
        ".7z",
    }
)
"""Endings of files that are encrypted, or compressed in a way that restorecheck does not read."""
_GROUP = re.compile(r"[0-9A-F]{16}")
"""A folder for each 4 GB of WAL, as Barman and pgBackRest name it."""


def fetch(archive: str, name: str, to: Path) -> FromArchive:
    """Raises nothing."""
    try:
        os.scandir(archive).close()  # an archive that is not mounted has no file either
        found = next((p for p in _places_of(Path(archive), name) if p.is_file()), None)
        if found is None:
            return _closed(archive, name) or _fetch_partial(archive, name, to)
        files.copy_plain(found, to)
    except files.UNREADABLE as exc:
        return FromArchive(ArchiveAnswer.DAMAGED, f"cannot be decompressed: {exc}")
    except OSError as exc:
        return FromArchive(ArchiveAnswer.UNKNOWN, exc.strerror or "could not be read")
    return FromArchive(ArchiveAnswer.FETCHED)


def _closed(archive: str, name: str) -> FromArchive | None:
    """It is there, and nobody but its owner can tell how good it is. None: it is not there."""
    places = (
        p
        for end in CLOSED
        for p in (Path(archive, name + end), Path(archive, name[:16], name + end))
    )
    found = next((place for place in places if place.is_file()), None)
    return (
        FromArchive(ArchiveAnswer.UNKNOWN, f"restorecheck cannot read {found.name}")
        if found
        else None
    )


def _fetch_partial(archive: str, name: str, to: Path) -> FromArchive:
    """What there is of a segment that was not finished, and zeros behind it, as the server makes them itself."""
    places = _places_of(Path(archive), name, PARTIAL) if wal.SEGMENT.fullmatch(name) else ()
    found = next((p for p in places if p.is_file()), None)
    if found is None:
        return FromArchive(ArchiveAnswer.ABSENT)
    files.copy_beginning(found, to)
    with to.open("rb") as file:
        header = wal.SegmentHeader.of(file.read(wal.HEADER_BYTES))
    if header is None or not header.segment_size:
        return FromArchive(ArchiveAnswer.ABSENT)  # nothing is written yet
    if to.stat().st_size < header.segment_size:
        os.truncate(to, header.segment_size)
    return FromArchive(ArchiveAnswer.FETCHED, partial=True)


def archived(archive: str) -> dict[str, datetime | None]:
    """As `PhysicalSource.archived`. Raises OSError."""
    found: dict[str, datetime | None] = {}
    folders = [Path(archive), *(p for p in Path(archive).iterdir() if _GROUP.fullmatch(p.name))]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = _plain_name(entry.name)
                if wal.SEGMENT.fullmatch(name) and entry.is_file():
                    found[name] = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
    return found


def newest_segment(archive: str) -> str:
    """Raises NotFoundError where the folder cannot be read."""
    try:
        os.scandir(archive).close()
    except OSError as exc:
        raise NotFoundError(f"the WAL archive {archive} cannot be read: {exc.strerror}") from exc
    return wal.newest(_plain_name(name) for name in _names(archive))


def _names(archive: str) -> Iterator[str]:
    """Of the files that `fetch` finds; not a list, because an archive has a hundred thousand of them."""
    with os.scandir(archive) as entries:
        for entry in entries:
            if _GROUP.fullmatch(entry.name) and entry.is_dir():
                yield from os.listdir(entry.path)  # noqa: PTH208  # names only
            else:
                yield entry.name


def _plain_name(name: str) -> str:
    known = (*files.SUFFIXES[1:], *CLOSED)
    return name.removesuffix(next((s for s in known if name.endswith(s)), ""))


def _places_of(archive: Path, name: str, end: str = "") -> Iterable[Path]:
    """Where an archive has a file: at its top, or in the folder of its group."""
    for folder in (archive, archive / name[:16]):
        for suffix in files.SUFFIXES:
            yield folder / f"{name}{suffix}{end}"
