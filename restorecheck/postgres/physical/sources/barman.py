"""What Barman keeps of one server: its files are read, and Barman is never started.

Barman's own `check`, `status`, `show-server`, and `recover` with a target connect to production; its files do not. Folders
as Barman 3.4 to 3.19 have them: `base/ID/data`, `base/ID/OID` for each tablespace, `wals`, and the description of a
backup in `meta/ID-backup.info`, until 3.13.1 in `base/ID/backup.info`. And as barman-cloud-backup writes them into a
bucket: `base/ID/data.tar`, `base/ID/OID.tar` and `base/ID/backup.info`, with compressed WAL under its plain name and a suffix.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError
from restorecheck.postgres.physical import archive_folder, barman_config, beside, wal
from restorecheck.postgres.physical.archive_folder import CLOSED
from restorecheck.postgres.physical.choice import PhysicalBackup, leaving
from restorecheck.postgres.physical.copies import Copies, text_of
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    FromArchive,
    Workshop,
)
from restorecheck.rules.facts import RepositoryFacts

COPIED = frozenset({"DONE", "WAITING_FOR_WALS"})
RUNNING = frozenset({"EMPTY", "STARTED", "SYNCING"})
"""Values of `status`. Source: barman/infofile.py, BackupInfo."""
DAY = timedelta(days=1)
"""A backup that began earlier and has not ended was interrupted."""
JUST_NOW = timedelta(minutes=2)
"""A folder without a description that changed since may be one that Barman is about to describe."""
FIRST_SEGMENT = 1 << 20
_ID = re.compile(r"\d{8}T\d{6}")
"""Of a backup: when it began, in the time zone of Barman's machine."""


@dataclass(frozen=True, kw_only=True)
class Barman(Copies):
    home: str
    server: str
    described: dict[str, Mapping[str, str]] = field(default_factory=dict, compare=False)
    """Name of a backup → its description, of the last list."""

    @property
    def place(self) -> str:
        return f"Barman {self.server}"

    @property
    def folder(self) -> Path:
        return Path(self.home) / self.server

    def backups(self, workshop: Workshop) -> Sequence[PhysicalBackup]:
        self.folders.clear()
        infos = {name: parse(text_of(path)) for name, path in self._files().items()}
        self.described.clear()
        self.described.update(infos)
        for name in infos:
            base = self.folder / "base" / name
            self.folders[name] = base if any(base.glob("data.tar*")) else base / "data"
        found = [self._backup(name, infos, workshop.now) for name in sorted(infos)]
        self.sizes.update({backup.name: backup.size_bytes or 0 for backup in found})
        return sorted(found, key=lambda backup: (str(backup.started_at or ""), backup.name))

    def _files(self) -> dict[str, Path]:
        """Id of a backup → the file that describes it."""
        base, meta = self.folder / "base", self.folder / "meta"
        try:
            old = {p.name: p / "backup.info" for p in base.iterdir() if _ID.fullmatch(p.name)}
            new = {
                p.name.removesuffix("-backup.info"): p
                for p in (meta.iterdir() if meta.is_dir() else ())
                if p.name.endswith("-backup.info")
            }
        except FileNotFoundError:
            if self.folder.is_dir():
                raise NotFoundError(f"{base} does not exist") from None
            # As of a wrong name, or of a disk that is not mounted.
            raise ProviderError(
                f"{self.folder} does not exist",
                hint=f"Correct physical.home or physical.server of this target{_others(self.home)}.",
            ) from None
        except PermissionError as exc:
            raise AccessDeniedError(
                f"{exc.filename} cannot be read: permission denied",
                hint="Run restorecheck as root or as the user barman.",
            ) from None
        return old | new

    def _backup(
        self, name: str, infos: Mapping[str, Mapping[str, str]], now: datetime
    ) -> PhysicalBackup:
        info = infos[name]
        began, ended = _time(info.get("begin_time", "")), _time(info.get("end_time", ""))
        needs, problem = _chain(name, infos)
        running = info.get("status", "") in RUNNING
        since = began or _time(f"{name}+00:00")
        if not info:
            since = _changed_at(self.folder / "base" / name)
            running = since is not None and now - since < JUST_NOW
        size = info.get("cluster_size", "") or info.get("size", "")
        version = info.get("version", "")
        return PhysicalBackup(
            name=name,
            address=f"{self.place}: {name}",
            started_at=began,
            stopped_at=ended,
            starts_at=_position(info.get("begin_xlog", "")),
            first_segment=info.get("begin_wal", ""),
            ends_at=_position(info.get("end_xlog", "")),
            size_bytes=int(size) if size.isdigit() else None,
            needs=needs,
            system_identifier=info.get("systemid", ""),
            major=int(version) // 10_000 if version.isdigit() else None,
            problem=problem,
            in_progress=running and since is not None and now - since < DAY,
        )

    def spaces_of(self, name: str) -> Mapping[str, Path]:
        """Barman keeps them beside the data directory; links in it lead to Barman's own folder, or nowhere."""
        base, folder = self.folder / "base" / name, self.folders[name]
        oids = _oids(self.described[name].get("tablespaces", ""))
        if any(folder.glob("*.tar*")):
            return dict.fromkeys(oids, folder)  # tars of tablespaces lie beside that of the data
        spaces = {oid: base / oid for oid in oids}
        for oid, folder in spaces.items():
            if not folder.is_dir():
                raise DamagedBackupError(f"the folder of the tablespace {oid} is missing in {base}")
        return spaces

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        for name in (*backup.needs, backup.name):
            info = self.described[name]
            if info.get("mode", "").startswith("snapshot") or info.get("snapshots_info"):
                raise ProviderError(
                    f"{name} is a snapshot of disks, which restorecheck cannot restore"
                )
            folder = self.folders[name]
            if closed := sorted(p.name for p in folder.glob("*.tar*") if p.suffix in CLOSED):
                raise ProviderError(f"restorecheck cannot read {closed[0]} of the backup {name}")
            if not folder.is_dir():
                raise DamagedBackupError(f"{folder} is missing")
        super().restore(backup, workshop)

    def fetch(self, name: str, to: Path, workshop: Workshop) -> FromArchive:  # noqa: ARG002  # the port's signature
        got = archive_folder.fetch(str(self.folder / "wals"), name, to)
        if got.answer is ArchiveAnswer.FETCHED and wal.SEGMENT.fullmatch(name) and _is_closed(to):
            return FromArchive(
                ArchiveAnswer.UNKNOWN,
                "it is encrypted, or compressed by a custom command of Barman",
            )
        return got

    def newest_segment(self, workshop: Workshop) -> str:  # noqa: ARG002  # the port's signature
        return archive_folder.newest_segment(str(self.folder / "wals"))

    def archived(self, workshop: Workshop) -> Mapping[str, datetime | None]:  # noqa: ARG002  # the port's signature
        return archive_folder.archived(str(self.folder / "wals"))

    def expiring(self, backups: Sequence[PhysicalBackup]) -> tuple[str, ...]:
        kept = barman_config.retention(self.home, self.server)
        fulls = [b.name for b in backups if not (b.needs or b.problem)]
        gone = {name for name in leaving(fulls, kept) if not self._is_to_be_kept(name)}
        return tuple(b.address for b in backups if gone & {b.name, *b.needs})

    def _is_to_be_kept(self, name: str) -> bool:
        """Marked by `barman keep`. Source: barman/annotations.py."""
        return (self.folder / "base" / name / "annotations" / "keep").exists()

    def repositories(self, backups: Sequence[PhysicalBackup]) -> tuple[RepositoryFacts, ...]:
        if not backups:
            return ()
        newest = backups[-1]
        folder = self.folders[newest.name]
        return beside.repository(
            self.folder,
            newest.system_identifier or beside.identifier_of(folder),
            encrypted=any(tar.suffix in CLOSED for tar in folder.glob("*.tar*")),
        )


SOURCE = Barman


def _others(home: str) -> str:
    """The servers that this folder has; completes a sentence."""
    try:
        there = sorted(base.parent.name for base in Path(home).glob("*/base"))
    except OSError:
        return ""
    return f": {home} has {', '.join(there)}" if there else ""


def parse(text: str) -> dict[str, str]:
    """A `backup.info`: lines of `key=value`. Without a value: `None`."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {
        key.strip(): "" if value.strip() == "None" else value.strip() for key, _, value in pairs
    }


def _oids(tablespaces: str) -> tuple[str, ...]:
    """Of `[('name', 16387, '/path')]`."""
    try:
        return tuple(str(int(oid)) for _, oid, _ in ast.literal_eval(tablespaces or "[]"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ()


def _changed_at(folder: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except OSError:
        return None


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _position(text: str) -> int | None:
    try:
        return wal.position(text)
    except ValueError:
        return None


def _chain(name: str, infos: Mapping[str, Mapping[str, str]]) -> tuple[tuple[str, ...], str]:
    """The backups that one builds on, the full one first; and why it cannot be restored."""
    if problem := _problem(infos[name]):
        return (), problem
    needs: list[str] = []
    below = infos[name].get("parent_backup_id", "")
    while below:
        if below not in infos or below in needs:
            return tuple(needs), f"builds on the backup {below}, which is missing"
        needs.insert(0, below)
        if problem := _problem(infos[below]):
            return tuple(needs), f"builds on {below}, which {problem}"
        below = infos[below].get("parent_backup_id", "")
    return tuple(needs), ""


def _problem(info: Mapping[str, str]) -> str:
    status = info.get("status", "")
    if not status:
        return "has a backup.info that is missing or unreadable"
    if status in COPIED:
        return ""
    return (
        "failed, according to Barman"
        if status == "FAILED"
        else f"was interrupted (status {status})"
    )


def _is_closed(file: Path) -> bool:
    """Whether these are other bytes than a segment's: not its magic number (0xD1 since PostgreSQL 13), and not its
    size. A damaged segment has one of them. Source: src/include/access/xlog_internal.h, XLOG_PAGE_MAGIC.
    """
    size = file.stat().st_size
    with file.open("rb") as reading:
        head = reading.read(2)
    whole = size >= FIRST_SEGMENT and size & (size - 1) == 0
    return size > 0 and not whole and head[1:2] != b"\xd1"
