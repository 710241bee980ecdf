"""What pg_basebackup wrote: a directory, or tars, alone or as a chain; and a folder of WAL segments."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError
from restorecheck.postgres.physical import (
    archive_folder,
    backup_label,
    beside,
    files,
    manifest,
    source,
    wal,
)
from restorecheck.postgres.physical.backup_label import BackupLabel
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.copies import LABEL, MANIFEST, Copies, tar_of, text_of
from restorecheck.postgres.physical.manifest import BackupManifest
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    FromArchive,
    Workshop,
)
from restorecheck.rules.facts import RepositoryFacts

STILL = timedelta(minutes=2)
"""A backup that is not complete, and in which a file changed since, may still be written."""
TARS = (*(f".tar{suffix}" for suffix in files.SUFFIXES), ".tgz")
PARTS = (LABEL, MANIFEST, beside.CONTROL, "PG_VERSION", "base")
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class BaseBackups(Copies):
    path: str
    archive: str | None = None

    @property
    def place(self) -> str:
        return self.path

    def backups(self, workshop: Workshop) -> Sequence[PhysicalBackup]:
        self.folders.clear()
        ends = self._ends()
        places = names_of(_places(self.path))
        seen = [_Seen.at(name, place, ends, workshop.now) for name, place in places.items()]
        self.folders.update(places)
        self.sizes.update({one.backup.name: one.backup.size_bytes or 0 for one in seen})
        ordered = sorted(seen, key=_when)
        return [_with_chain(one, ordered) for one in ordered]

    def _ends(self) -> dict[int, datetime]:
        """Where a backup starts → when it stopped, of the backup history files in the archive."""
        paths = Path(self.archive).rglob("*.backup*") if self.archive else ()
        labels = (backup_label.parse(text_of(path)) for path in paths)
        return {label.start: label.stopped_at for label in labels if label and label.stopped_at}

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        super().restore(backup, workshop)
        inside = workshop.places.data / "pg_wal"
        if self.archive is None and not any(
            wal.SEGMENT.fullmatch(p.name) for p in inside.glob("0*")
        ):
            raise ProviderError(
                "the backup contains no WAL (pg_basebackup --wal-method=none), and no archive is configured",
                hint="Set physical.archive to the folder of archived WAL.",
            )

    def fetch(self, name: str, to: Path, workshop: Workshop) -> FromArchive:  # noqa: ARG002  # the port's signature
        return archive_folder.fetch(self.archive, name, to) if self.archive else NOTHING

    def newest_segment(self, workshop: Workshop) -> str:  # noqa: ARG002  # the port's signature
        if self.archive is None:
            return ""
        newest = archive_folder.newest_segment(self.archive)
        if not newest:
            raise ProviderError(
                f"the WAL archive {self.archive} has no WAL segments",
                hint="Segments are searched in the folder itself, and in folders with the first 16 characters of their names.",
            )
        return newest

    def archived(self, workshop: Workshop) -> Mapping[str, datetime | None]:  # noqa: ARG002  # the port's signature
        return archive_folder.archived(self.archive) if self.archive else {}

    def repositories(self, backups: Sequence[PhysicalBackup]) -> tuple[RepositoryFacts, ...]:
        if not backups:
            return ()
        newest, folder = backups[-1], self.folders[backups[-1].name]
        identifier = newest.system_identifier or beside.identifier_of(folder)
        return beside.repository(folder.parent, identifier, encrypted=False)


NOTHING = FromArchive(ArchiveAnswer.ABSENT)
SOURCE = BaseBackups


def _when(seen: "_Seen") -> tuple[datetime, int]:
    """Times are of whole seconds; of one second, the WAL has the order."""
    return seen.backup.ended or _NO_TIME, seen.backup.starts_at or 0


def names_of(places: Sequence[Path]) -> dict[str, Path]:
    """Their last names; where two are the same, as many more as tell them apart."""
    found: dict[str, Path] = {}
    for depth in range(1, 1 + max((len(place.parts) for place in places), default=0)):
        found = {"/".join(place.parts[-depth:]): place for place in places}
        if len(found) == len(set(places)):
            break
    return found


def _places(path: str) -> list[Path]:
    """Those that are backups: the folder or tar that is named, or those in a folder, or that a pattern matches."""
    matches = sorted(glob.glob(path))  # noqa: PTH207  # Path.glob takes relative patterns only
    places = [Path(match) for match in matches] if glob.has_magic(path) else [Path(path)]
    found = []
    for place in places:
        try:
            inner = [place] if _is_backup(place) else sorted(place.iterdir())
        except FileNotFoundError:
            raise NotFoundError(f"{place} does not exist") from None
        except NotADirectoryError:
            raise NotFoundError(
                f"{place} is not a folder",
                hint="Name the folder of the backup, or the folder of all backups.",
            ) from None
        except PermissionError:
            raise AccessDeniedError(f"{place} cannot be read: permission denied") from None
        found += [folder for folder in inner if _is_backup(folder)]
    return found


def _is_backup(place: Path) -> bool:
    """Also a folder that has lost some of these; and one tar of everything, as `pg_basebackup --pgdata=- --format=tar`
    writes it, or one that cannot be read.
    """
    if place.is_dir():
        return any((place / name).exists() for name in PARTS) or tar_of(place, "base") is not None
    if not place.name.endswith(TARS):
        return False
    names = files.first_names(place)
    return names is None or any(name in PARTS for name in names)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    folder: Path
    backup: PhysicalBackup
    label: BackupLabel | None

    @classmethod
    def at(cls, name: str, folder: Path, ends: dict[int, datetime], now: datetime) -> "_Seen":
        alone = folder.is_file()
        tar = folder if alone else tar_of(folder, "base")
        text = (
            files.first_member(tar, LABEL).decode(errors="replace")
            if tar
            else text_of(folder / LABEL)
        )
        label = backup_label.parse(text)
        known = None
        if (folder / MANIFEST).is_file():
            known = manifest.parse((folder / MANIFEST).read_bytes())
        problem = _problem(folder, known, is_tar=tar is not None)
        parts = [folder] if alone else folder.iterdir()
        changed = max((p.lstat().st_mtime for p in parts), default=0.0)
        changed_at = datetime.fromtimestamp(changed, UTC)
        started = label.started_at if label else None
        stopped = ends.get(label.start) if label else None
        if stopped is None and known is not None:
            stopped = known.newest_file
        backup = PhysicalBackup(
            name=name,
            address=str(folder),
            started_at=started,
            stopped_at=max(filter(None, (started, stopped)), default=changed_at),
            starts_at=label.start if label else None,
            first_segment=label.segment if label else "",
            ends_at=known.ends_at if known else None,
            size_bytes=known.size_bytes if known else None,
            system_identifier=known.system_identifier if known else "",
            major=_major(folder),
            problem=problem,
            in_progress=bool(problem) and now - changed_at < STILL,
            notes=("the backup was taken from a standby",) if label and label.from_standby else (),
        )
        return cls(folder=folder, backup=backup, label=label)


def _problem(folder: Path, known: BackupManifest | None, *, is_tar: bool) -> str:
    if known is None and (folder / MANIFEST).is_file():
        return "has a truncated or damaged backup_manifest"
    if known is None and not is_tar and not (folder / beside.CONTROL).is_file():
        return f"has neither a backup_manifest nor {beside.CONTROL}: it was interrupted, or is still being written"
    return ""


def _major(folder: Path) -> int | None:
    try:
        return source.major_of(folder)
    except DamagedBackupError:
        return None


def _with_chain(one: _Seen, every: Sequence[_Seen]) -> PhysicalBackup:
    """With the backups that it builds on: each is known by where it starts."""
    needs: list[str] = []
    below, label = one, one.label
    while label is not None and label.builds_on is not None:
        wanted = label.builds_on
        found = [s for s in every if s.label and s.label.start == wanted and s is not below]
        if not found:
            position = wal.position_text(wanted)
            problem = f"builds on a backup that starts at {position}, which is missing"
            return replace(one.backup, problem=one.backup.problem or problem)
        below, label = found[0], found[0].label
        needs.insert(0, below.backup.name)
        if below.backup.problem:
            problem = f"builds on {below.backup.name}, which {below.backup.problem}"
            return replace(one.backup, problem=one.backup.problem or problem)
    return replace(one.backup, needs=tuple(needs))
