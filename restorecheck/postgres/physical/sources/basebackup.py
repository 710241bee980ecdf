"""What pg_basebackup wrote: a directory, or tars, alone or as a chain; and a folder of WAL segments."""

import glob
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError
from restorecheck.postgres.physical import backup_label, files, manifest, source, wal
from restorecheck.postgres.physical.backup_label import BackupLabel
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.manifest import BackupManifest
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    FromArchive,
    PhysicalSource,
    Workshop,
)
from restorecheck.postgres.server import cluster

LABEL, MANIFEST, CONTROL = "backup_label", "backup_manifest", "global/pg_control"
STILL = timedelta(minutes=2)
"""A backup that is not complete, and in which a file changed since, may still be written."""
SMALL = 1 << 20
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class BaseBackups(PhysicalSource):
    path: str
    archive: str | None = None
    folders: dict[str, Path] = field(default_factory=dict, compare=False)

    @property
    def place(self) -> str:
        return self.path

    def backups(self, workshop: Workshop) -> Sequence[PhysicalBackup]:
        self.folders.clear()
        ends = self._ends()
        seen = [_Seen.at(folder, ends, workshop.now) for folder in _folders(self.path)]
        self.folders.update({one.backup.name: one.folder for one in seen})
        ordered = sorted(seen, key=_when)
        return [_with_chain(one, ordered) for one in ordered]

    def _ends(self) -> dict[int, datetime]:
        """Where a backup starts → when it stopped, of the backup history files in the archive."""
        paths = Path(self.archive).rglob("*.backup*") if self.archive else ()
        labels = (backup_label.parse(_read(path)) for path in paths)
        return {label.start: label.stopped_at for label in labels if label and label.stopped_at}

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        chain = [*backup.needs, backup.name]
        source.room_for(backup, 2 if len(chain) > 1 else 1, workshop)
        workshop.expected = backup.size_bytes or 0
        data = workshop.places.data
        if len(chain) == 1:
            _lay_out(self.folders[backup.name], data, workshop.tablespaces, workshop)
            source.verify(data, workshop, workshop.installation(source.major_of(data)))
        else:
            self._combine(chain, workshop)
        if not (data / LABEL).is_file():
            raise DamagedBackupError(
                "the backup has no backup_label: a server would start from the checkpoint in pg_control, and "
                "its data would be damaged without an error message"
            )

    def _combine(self, chain: Sequence[str], workshop: Workshop) -> None:
        """Each part is verified first: pg_combinebackup takes over what is damaged, and writes a manifest that fits it."""
        parts = []
        for number, name in enumerate(chain):
            into = workshop.folder(f"part-{number}")
            spaces = workshop.places.directory / f"part-{number}-tablespaces"
            _lay_out(self.folders[name], into, spaces, workshop)
            source.verify(into, workshop, workshop.installation(source.major_of(into)))
            parts.append((into, spaces))
        installation = workshop.installation(source.major_of(parts[-1][0]))
        mapped = []
        if parts[-1][1].is_dir():
            workshop.folder("tablespaces")
            mapped = [
                f"--tablespace-mapping={space}={workshop.tablespaces / space.name}"
                for space in sorted(parts[-1][1].iterdir())
            ]
        folders = [folder for part in parts for folder in part if folder.is_dir()]
        written = [workshop.places.data, *([workshop.tablespaces] if mapped else [])]
        done = workshop.run(
            installation, "pg_combinebackup", "--no-sync", f"--output={workshop.places.data}",
            *mapped, *(into for into, _ in parts),
            readable=tuple(folders), writable=tuple(written),
        )  # fmt: skip
        if done.code:
            said = done.last_line.removeprefix("pg_combinebackup: ").removeprefix("error: ")
            kind = DamagedBackupError if done.code == 1 else ProviderError
            raise kind(f"could not combine the incremental backups: {said}")
        for folder in folders:
            shutil.rmtree(folder)
        workshop.notes.append(f"combined of {len(chain)} backups: {', '.join(chain)}")

    def fetch(self, name: str, to: Path, workshop: Workshop) -> FromArchive:  # noqa: ARG002  # the port's signature
        if self.archive is None:
            return FromArchive(ArchiveAnswer.ABSENT)
        try:
            os.scandir(self.archive).close()  # an archive that is not mounted has no file either
            found = next((p for p in _places_of(Path(self.archive), name) if p.is_file()), None)
            if found is None:
                return FromArchive(ArchiveAnswer.ABSENT)
            files.copy_plain(found, to)
        except files.UNREADABLE as exc:
            return FromArchive(ArchiveAnswer.DAMAGED, f"cannot be decompressed: {exc}")
        except OSError as exc:
            return FromArchive(ArchiveAnswer.UNKNOWN, exc.strerror or "could not be read")
        return FromArchive(ArchiveAnswer.FETCHED)

    def newest_segment(self, workshop: Workshop) -> str:  # noqa: ARG002  # the port's signature
        if self.archive is None:
            return ""
        try:
            os.scandir(self.archive).close()
        except OSError as exc:
            raise NotFoundError(
                f"the WAL archive {self.archive} cannot be read: {exc.strerror}"
            ) from exc
        # `rglob` and not a list: an archive has a hundred thousand files.
        return wal.newest(_plain_name(path.name) for path in Path(self.archive).rglob("0*"))


SOURCE = BaseBackups


def _when(seen: "_Seen") -> tuple[datetime, int]:
    """Times are of whole seconds; of one second, the WAL has the order."""
    return seen.backup.ended or _NO_TIME, seen.backup.starts_at or 0


def _plain_name(name: str) -> str:
    suffix = next((s for s in files.SUFFIXES[1:] if name.endswith(s)), "")
    return name.removesuffix(suffix)


def _places_of(archive: Path, name: str) -> Iterable[Path]:
    """Where an archive has a file: at its top, or in a folder for each 4 GB of WAL, as Barman and pgBackRest name it."""
    for folder in (archive, archive / name[:16]):
        for suffix in files.SUFFIXES:
            yield folder / f"{name}{suffix}"


def _folders(path: str) -> list[Path]:
    """Those that are backups: the one that is named, or those in it, or that a pattern matches."""
    matches = sorted(glob.glob(path))  # noqa: PTH207  # Path.glob takes relative patterns only
    places = [Path(match) for match in matches] if glob.has_magic(path) else [Path(path)]
    found = []
    for place in places:
        try:
            inner = (
                [place] if _is_backup(place) else sorted(p for p in place.iterdir() if p.is_dir())
            )
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


def _is_backup(folder: Path) -> bool:
    """Also one that has lost some of these."""
    known = (LABEL, MANIFEST, CONTROL, "PG_VERSION", "base")
    return any((folder / name).exists() for name in known) or _tar(folder, "base") is not None


def _tar(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}.tar{suffix}" for suffix in files.SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _read(path: Path) -> str:
    try:
        with files.opened(path) as file:
            return file.read(SMALL).decode(errors="replace")
    except (OSError, *files.UNREADABLE):
        return ""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    folder: Path
    backup: PhysicalBackup
    label: BackupLabel | None

    @classmethod
    def at(cls, folder: Path, ends: dict[int, datetime], now: datetime) -> "_Seen":
        tar = _tar(folder, "base")
        text = (
            files.first_member(tar, LABEL).decode(errors="replace")
            if tar
            else _read(folder / LABEL)
        )
        label = backup_label.parse(text)
        known = None
        if (folder / MANIFEST).is_file():
            known = manifest.parse((folder / MANIFEST).read_bytes())
        problem = _problem(folder, known, is_tar=tar is not None)
        changed = max((p.lstat().st_mtime for p in folder.iterdir()), default=0.0)
        changed_at = datetime.fromtimestamp(changed, UTC)
        started = label.started_at if label else None
        stopped = ends.get(label.start) if label else None
        if stopped is None and known is not None:
            stopped = known.newest_file
        backup = PhysicalBackup(
            name=folder.name,
            address=str(folder),
            started_at=started,
            stopped_at=max(filter(None, (started, stopped)), default=changed_at),
            starts_at=label.start if label else None,
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
    if known is None and not is_tar and not (folder / CONTROL).is_file():
        return f"has neither a backup_manifest nor {CONTROL}: it was interrupted, or is still being written"
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


def _lay_out(folder: Path, into: Path, spaces: Path, workshop: Workshop) -> None:
    """The files of one backup, copied or unpacked; its tablespaces below a folder of ours, whatever it says."""
    base = _tar(folder, "base")
    if base is None:
        links = files.copy_tree(folder, into, workshop)
        for oid, leads_to in links.items():
            if not leads_to.is_dir():
                raise NotFoundError(
                    f"the tablespace {oid} of the backup is in {leads_to}, which does not exist on this machine"
                )
            files.copy_tree(leads_to, _space(into, spaces, oid, workshop), workshop, top=False)
        return
    files.unpack(base, into, workshop)
    if own_wal := _tar(folder, "pg_wal"):
        if not (into / "pg_wal").is_dir():
            cluster.make_folder(into / "pg_wal", workshop.account)
        files.unpack(own_wal, into / "pg_wal", workshop)
    listed = _read(into / "tablespace_map").splitlines()
    for oid in sorted({line.split(" ", 1)[0] for line in listed if line.strip()}):
        tar = _tar(folder, oid) if oid.isdigit() else None
        if tar is None:
            raise DamagedBackupError(f"the tar of the tablespace {oid} is missing")
        files.unpack(tar, _space(into, spaces, oid, workshop), workshop)
    if (folder / MANIFEST).is_file() and not (into / MANIFEST).exists():
        files.copy_file(folder / MANIFEST, into / MANIFEST, workshop)


def _space(into: Path, spaces: Path, oid: str, workshop: Workshop) -> Path:
    if not spaces.is_dir():
        cluster.make_folder(spaces, workshop.account)
    space = spaces / oid
    cluster.make_folder(space, workshop.account)
    if not (into / "pg_tblspc").is_dir():
        cluster.make_folder(into / "pg_tblspc", workshop.account)
    (into / "pg_tblspc" / oid).symlink_to(space)
    return space
