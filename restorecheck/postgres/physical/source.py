"""The interface of each kind of physical backup: list, restore, fetch WAL. The docstrings are the contract."""

import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from restorecheck.errors import CapacityError, NotFoundError, ProviderError
from restorecheck.model import CheckResult
from restorecheck.postgres.physical import manifest
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.programs import ProgramEnd, run
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.server.processes import Fence
from restorecheck.rules.facts import RepositoryFacts


class DamagedBackupError(ProviderError):
    """Raised when the backup itself is bad: a file is missing or damaged, or parts do not match."""


class ArchiveAnswer(Enum):
    """Answer of an archive to the request of one file."""

    FETCHED = "fetched"
    ABSENT = "not in the archive"
    DAMAGED = "damaged"
    UNKNOWN = "the archive did not answer"


@dataclass(frozen=True, slots=True)
class FromArchive:
    answer: ArchiveAnswer
    said: str = ""
    """Why the file is damaged or the request failed."""
    partial: bool = False
    """The segment was not finished: zeros stand behind its records."""


@dataclass(kw_only=True, eq=False)
class Workshop:
    """Tools of a source for one drill. A source writes only below `places.directory`."""

    places: Places
    account: OsUser | None
    """Owner of the restored files, and user of the programs that read them; None: the present user."""
    installations: Sequence[Installation]
    now: datetime
    """When the drill started to search its backup."""
    jobs: int = 1
    """Files that are copied at a time."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set: the drill has ended."""
    expected: int = 0
    """Bytes to restore; 0: not known."""
    done: int = 0
    """Bytes restored."""
    notes: list[str] = field(default_factory=list)
    findings: list[CheckResult] = field(default_factory=list)
    """What the tool says of its repository."""
    chosen: PhysicalBackup | None = None
    """The backup of this drill, when one is chosen."""

    @property
    def tablespaces(self) -> Path:
        return self.places.directory / "tablespaces"

    def folder(self, name: str) -> Path:
        """A folder of the drill that the account may write to."""
        path = self.places.directory / name
        if not path.is_dir():
            cluster.make_folder(path, self.account)
        return path

    def installation(self, major: int) -> Installation:
        """Programs of exactly this major version: others cannot read the data directory.

        Raises:
            NotFoundError: There are none on this machine.
        """
        for installation in self.installations:
            if installation.major == major:
                return installation
        have = sorted({f"{i.major}" for i in self.installations})
        raise NotFoundError(
            f"the backup needs PostgreSQL {major}; on this machine: {', '.join(have) or 'none'}",
            hint=f"Install the server programs of PostgreSQL {major}, or set postgres.bin_dir to their folder.",
        )

    def run(
        self,
        installation: Installation,
        program: str,
        *arguments: str | Path,
        readable: tuple[Path, ...] = (),
        writable: tuple[Path, ...] = (),
    ) -> ProgramEnd:
        """Run a program of PostgreSQL as the account, in a fence.

        Raises:
            ProviderError: It cannot be started, or the drill ended meanwhile.
        """
        path = installation.program(program)
        if not path.is_file():
            raise NotFoundError(
                f"{installation.bin_dir} has no {program}",
                hint=f"Install {program} of PostgreSQL {installation.major}.",
            )
        record = cluster.recorded(self.places)
        within = Fence(readable=readable, writable=writable, record=record)
        return run(
            [path, *arguments],
            directory=self.places.directory,
            account=self.account,
            stop=self.stop,
            within=within,
        )

    def progress(self, count: int) -> None:
        """Count restored bytes.

        Raises:
            CapacityError: The disk is almost full.
            ProviderError: The drill has ended.
        """
        self.done += count
        if self.stop.is_set():
            raise ProviderError("the drill has ended")
        if cluster.is_almost_full(self.places.directory):
            raise CapacityError("the restore was stopped: not enough free disk space")


class PhysicalSource(Protocol):
    """A place of physical backups. It is only read; production is never contacted.

    Raises (each method):
        DamagedBackupError: The backup is bad.
        NotFoundError: The repository or folder does not exist, or a program is missing.
        ProviderError: Anything else.
    """

    @property
    def place(self) -> str:
        """Name in reports."""
        ...

    def backups(self, workshop: Workshop) -> Sequence[PhysicalBackup]:
        """All backups, the oldest first."""
        ...

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        """Restore the files into the existing empty data directory: verified, and owned by the account."""
        ...

    def fetch(self, name: str, to: Path, workshop: Workshop) -> FromArchive:
        """Fetch one file of the WAL archive: a segment, or a history file. Raises nothing."""
        ...

    def newest_segment(self, workshop: Workshop) -> str:
        """Name of the newest complete segment in the archive; empty: there is no archive, or it is empty."""
        ...

    def archived(self, workshop: Workshop) -> Mapping[str, datetime | None]:  # noqa: ARG002  # of a list that cannot be had
        """For doctor: names of the segments in the archive of the chosen backup → when they came into it; empty: that
        cannot be listed.
        """
        return {}

    def expiring(self, backups: Sequence[PhysicalBackup]) -> tuple[str, ...]:  # noqa: ARG002  # of a tool whose retention is not known
        """For doctor: addresses of the backups that the next full backup will expire."""
        return ()

    def repositories(self, backups: Sequence[PhysicalBackup]) -> tuple[RepositoryFacts, ...]:  # noqa: ARG002  # of a storage that tells nothing
        """For doctor: where the backups are, as this machine and the backup tool's configuration on it tell. Raises OSError, too."""
        return ()


_MAJOR = re.compile(r"(\d+)")


def major_of(data: Path) -> int:
    """Major version of a data directory without a running server.

    Raises:
        DamagedBackupError: The version cannot be read.
    """
    try:
        match = _MAJOR.match((data / "PG_VERSION").read_text())
    except (OSError, ValueError):
        match = None
    if match is None:
        raise DamagedBackupError("the file PG_VERSION of the backup is missing or unreadable")
    return int(match[1])


def verify(
    manifest_of: Path, tablespaces: Path, workshop: Workshop, installation: Installation
) -> None:
    """Compare every file of a directory with its manifest, if there is one.

    Without the WAL (`-n`), which recovery reads completely. An incomplete check (exit code 1) counts as damage.

    Raises:
        DamagedBackupError: A file is missing, changed or not in the manifest.
    """
    if not (manifest_of / "backup_manifest").is_file():
        workshop.notes.append(
            "the backup has no manifest, so its files were not compared with checksums: the proof is weaker"
        )
        return
    spaces = (tablespaces,) if tablespaces.is_dir() else ()
    others = _put_beside(manifest_of)
    if others:
        workshop.notes.append(f"not a part of the backup: {', '.join(others)}")
    done = workshop.run(
        installation, "pg_verifybackup", "--exit-on-error", "--no-parse-wal",
        *(f"--ignore={name}" for name in others), manifest_of,
        readable=(manifest_of, *spaces),
    )  # fmt: skip
    if done.code == 1:
        said = done.first_line.removeprefix("pg_verifybackup: ").removeprefix("error: ")
        raise DamagedBackupError(f"the backup differs from its manifest: {said}")
    if done.code:
        raise ProviderError(f"pg_verifybackup {done.how}")
    workshop.notes.append("every file matches the backup's manifest (pg_verifybackup)")


OF_THE_SERVER = re.compile(
    r"pg_|postgresql|recovery\.|standby\.|(base|global|PG_VERSION|backup_label|backup_manifest|tablespace_map|promote)(\.|$)"
)
"""Beginnings of names that a server reads in its data directory."""


def _put_beside(data: Path) -> list[str]:
    """Files and folders beside those of the server that the manifest does not know, as a mark of a script or `lost+found`."""
    known = manifest.parse((data / "backup_manifest").read_bytes())
    if known is None:
        return []  # pg_verifybackup says why
    there = sorted(path.name for path in data.iterdir())
    return [n for n in there if n not in known.tops and not OF_THE_SERVER.match(n)]


NO_ROOM = ("No space left on device", "Disk quota exceeded", "could not write to file")
"""Of a short write a program tells no reason, and it may have removed its files again."""


def is_about_room(said: str, directory: Path) -> bool:
    """Whether a program failed because of this machine: it tells of no space, or there is none."""
    return any(words in said for words in NO_ROOM) or cluster.is_almost_full(directory)


def room_for(needed: int, workshop: Workshop) -> None:
    """Refuse a restore that does not fit, before it starts.

    Raises:
        CapacityError: Not enough disk space is free.
    """
    free = shutil.disk_usage(workshop.places.directory).free
    if needed >= free:
        raise CapacityError(
            f"the restore needs {needed / 1e9:.1f} GB; {free / 1e9:.1f} GB are free in "
            f"{workshop.places.directory.parent}"
        )
