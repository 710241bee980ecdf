"""A folder of WAL segments, plain or compressed."""

import os
from collections.abc import Iterable
from pathlib import Path

from restorecheck.errors import NotFoundError
from restorecheck.postgres.physical import files, wal
from restorecheck.postgres.physical.source import ArchiveAnswer, FromArchive


def fetch(archive: str, name: str, to: Path) -> FromArchive:
    """Raises nothing."""
    try:
        os.scandir(archive).close()  # an archive that is not mounted has no file either
        found = next((p for p in _places_of(Path(archive), name) if p.is_file()), None)
        if found is None:
            return FromArchive(ArchiveAnswer.ABSENT)
        files.copy_plain(found, to)
    except files.UNREADABLE as exc:
        return FromArchive(ArchiveAnswer.DAMAGED, f"cannot be decompressed: {exc}")
    except OSError as exc:
        return FromArchive(ArchiveAnswer.UNKNOWN, exc.strerror or "could not be read")
    return FromArchive(ArchiveAnswer.FETCHED)


def newest_segment(archive: str) -> str:
    """Raises NotFoundError where the folder cannot be read."""
    try:
        os.scandir(archive).close()
    except OSError as exc:
        raise NotFoundError(f"the WAL archive {archive} cannot be read: {exc.strerror}") from exc
    # `rglob` and not a list: an archive has a hundred thousand files.
    return wal.newest(_plain_name(path.name) for path in Path(archive).rglob("0*"))


def _plain_name(name: str) -> str:
    suffix = next((s for s in files.SUFFIXES[1:] if name.endswith(s)), "")
    return name.removesuffix(suffix)


def _places_of(archive: Path, name: str) -> Iterable[Path]:
    """Where an archive has a file: at its top, or in a folder for each 4 GB of WAL, as Barman and pgBackRest name it."""
    for folder in (archive, archive / name[:16]):
        for suffix in files.SUFFIXES:
            yield folder / f"{name}{suffix}"
