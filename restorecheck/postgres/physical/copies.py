"""Backups that are copies of files, in folders or tars: laid out in the private directory, alone or combined."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from restorecheck.errors import CapacityError, NotFoundError, ProviderError
from restorecheck.postgres.physical import files, source
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.source import DamagedBackupError, PhysicalSource, Workshop
from restorecheck.postgres.server import cluster

LABEL, MANIFEST = "backup_label", "backup_manifest"
SMALL = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Copies(PhysicalSource):
    folders: dict[str, Path] = field(default_factory=dict, compare=False)
    """Name of a backup → the folder with its data directory or tars, of the last list."""
    sizes: dict[str, int] = field(default_factory=dict, compare=False)
    """Name of a backup → bytes of its own files, where they are known."""

    def spaces_of(self, name: str) -> Mapping[str, Path]:  # noqa: ARG002  # of sources that keep them apart
        """Oids of the backup's tablespaces → their folders, where its links do not count; or the folder of their tars."""
        return {}

    def _needed(self, chain: Sequence[str], backup: PhysicalBackup) -> int:
        """Bytes: of a chain, all parts and what they are combined to, which is about as large as the largest."""
        if len(chain) == 1:
            return backup.size_bytes or 0
        sizes = [self.sizes.get(name, 0) for name in chain]
        return sum(sizes) + max(sizes)

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        chain = [*backup.needs, backup.name]
        source.room_for(self._needed(chain, backup), workshop)
        workshop.expected = backup.size_bytes or 0
        data = workshop.places.data
        if len(chain) == 1:
            _lay_out(
                self.folders[backup.name],
                data,
                workshop.tablespaces,
                workshop,
                self.spaces_of(backup.name),
            )
            installation = workshop.installation(source.major_of(data))
            source.verify(data, workshop.tablespaces, workshop, installation)
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
            _lay_out(self.folders[name], into, spaces, workshop, self.spaces_of(name))
            source.verify(into, spaces, workshop, workshop.installation(source.major_of(into)))
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
            said = done.first_line.removeprefix("pg_combinebackup: ").removeprefix("error: ")
            what = "could not combine the incremental backups"
            if source.is_about_room(done.err, workshop.places.directory):
                raise CapacityError(f"{what}: not enough free disk space: {said}")
            raise (DamagedBackupError if done.code == 1 else ProviderError)(f"{what}: {said}")
        for folder in folders:
            shutil.rmtree(folder)
        workshop.notes.append(f"combined of {len(chain)} backups: {', '.join(chain)}")


def tar_of(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}.tar{suffix}" for suffix in files.SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def parts_of(tar: Path) -> list[Path]:
    """A tar, and the others of which it is the first: barman-cloud begins another at a size.

    Raises:
        DamagedBackupError: One between them is missing.
    """
    name, _, ending = tar.name.partition(".tar")
    others = sorted(tar.parent.glob(f"{name}_[0-9][0-9][0-9][0-9].tar{ending}"))
    for number, other in enumerate(others, 1):
        wanted = f"{name}_{number:04}.tar{ending}"
        if other.name != wanted:
            raise DamagedBackupError(f"{wanted} is missing: {others[-1].name} is there")
    return [tar, *others]


def text_of(path: Path) -> str:
    """The beginning of a file; empty: it cannot be read."""
    try:
        with files.opened(path) as file:
            return file.read(SMALL).decode(errors="replace")
    except (OSError, *files.UNREADABLE):
        return ""


def _lay_out(
    folder: Path, into: Path, spaces: Path, workshop: Workshop, beside: Mapping[str, Path]
) -> None:
    """The files of one backup, copied or unpacked; its tablespaces below a folder of ours, whatever it says.

    `beside`: as `Copies.spaces_of`.
    """
    base = folder if folder.is_file() else tar_of(folder, "base") or tar_of(folder, "data")
    if base is None:
        links = files.copy_tree(folder, into, workshop)
        for oid, leads_to in {**links, **beside}.items():
            if not leads_to.is_dir():
                raise NotFoundError(
                    f"the tablespace {oid} of the backup is in {leads_to}, which does not exist on this machine"
                )
            files.copy_tree(leads_to, _space(into, spaces, oid, workshop), workshop, top=False)
        return
    _unpack(base, into, workshop)
    if own_wal := tar_of(folder, "pg_wal"):
        if not (into / "pg_wal").is_dir():
            cluster.make_folder(into / "pg_wal", workshop.account)
        files.unpack(own_wal, into / "pg_wal", workshop)
    listed = text_of(into / "tablespace_map").splitlines()
    for oid in sorted({line.split(" ", 1)[0] for line in listed if line.strip()} | {*beside}):
        tar = tar_of(folder, oid) if oid.isdigit() else None
        if tar is None:
            raise DamagedBackupError(f"the tar of the tablespace {oid} is missing")
        _unpack(tar, _space(into, spaces, oid, workshop), workshop)
    if (folder / MANIFEST).is_file() and not (into / MANIFEST).exists():
        files.copy_file(folder / MANIFEST, into / MANIFEST, workshop)


def _unpack(tar: Path, into: Path, workshop: Workshop) -> None:
    for part in parts_of(tar):
        files.unpack(part, into, workshop)


def _space(into: Path, spaces: Path, oid: str, workshop: Workshop) -> Path:
    if not spaces.is_dir():
        cluster.make_folder(spaces, workshop.account)
    space = spaces / oid
    cluster.make_folder(space, workshop.account)
    if not (into / "pg_tblspc").is_dir():
        cluster.make_folder(into / "pg_tblspc", workshop.account)
    (into / "pg_tblspc" / oid).symlink_to(space)
    return space
