"""Backups of WAL-G, read by WAL-G itself: `backup-list`, `backup-fetch`, `wal-fetch`, `wal-show`, and `st cat` for tablespaces.

Written from WAL-G's documentation and source (docs/PostgreSQL.md, internal/databases/postgres), and tried with a program that
behaves like them, not with WAL-G: no package registry of ours has it. Commands that ask the running cluster (`wal-verify`) are
not used.
"""

import json
import os
import pwd
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from restorecheck.errors import AccessDeniedError, CapacityError, ProviderError
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.physical import beside, source, wal
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.copies import LABEL
from restorecheck.postgres.physical.programs import ProgramEnd, run
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    FromArchive,
    PhysicalSource,
    Workshop,
)
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.processes import Fence
from restorecheck.rules.facts import RepositoryFacts

PROGRAM = "wal-g"
NOT_THERE = 74
"""Exit code of wal-fetch; 1 is any other error. Source: WAL-G, docs/PostgreSQL.md."""
SETTINGS = ("WALG_", "AWS_", "AZURE_", "GOOGLE_", "OS_", "SWIFT_", "SSH_", "YC_", "GCS_")
"""Beginnings of the variables that configure WAL-G and its storages."""
DAMAGED = (
    *(
        "invalid checksum",
        "checksum mismatch",
        "unexpected EOF",
        "corrupt",
        "Object does not exist",
    ),
    *("does not exist in storage", "decompress", "message integrity"),
)
"""Of a file in the storage, which answered. Not complete: of an error in other words nothing is concluded."""
LOCAL = "WALG_FILE_PREFIX"
PREFIXES = tuple(f"WALG_{kind}_PREFIX" for kind in ("S3", "GS", "AZ", "SWIFT", "SSH"))
CIPHERS = (
    *("WALG_LIBSODIUM_KEY", "WALG_LIBSODIUM_KEY_PATH", "WALG_PGP_KEY", "WALG_PGP_KEY_PATH"),
    *("WALG_GPG_KEY_ID", "WALE_GPG_KEY_ID", "WALG_CSE_KMS_ID", "YC_CSE_KMS_KEY_ID"),
)
"""With one of them WAL-G reads encrypted backups only. Source: WAL-G, internal/configure_crypter.go, docs/README.md."""
_FIRST = re.compile(r"base_([0-9A-F]{24})")
SENTINEL = "_backup_stop_sentinel.json"
FETCHED = "fetched"
BACKUPS_GONE = "No backups found"


@dataclass(frozen=True, kw_only=True)
class WalG(PhysicalSource):
    settings: str | None = None

    @property
    def place(self) -> str:
        return "WAL-G"

    def backups(self, workshop: Workshop) -> Sequence[PhysicalBackup]:
        done = self._run(workshop, "backup-list", "--detail", "--json")
        if done.code == 0 and not done.out.strip() and BACKUPS_GONE in done.err:
            return []
        found = [_backup(values) for values in self._parsed(done, "backup-list")]
        return sorted(found, key=lambda backup: (str(backup.stopped_at), backup.name))

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        source.room_for(backup.size_bytes or 0, workshop)
        workshop.expected = backup.size_bytes or 0
        data, reader = workshop.places.data, self._reader(workshop)
        spec = self._tablespaces(backup.name, workshop)
        written = (data, *([workshop.tablespaces] if spec else []))
        if reader is not None:
            for folder in written:
                untrusted_files.give_all(folder, reader.uid, reader.gid)
        # Fenced: without the option WAL-G restores tablespaces to production's paths, which are not within reach.
        done = self._run(workshop, "backup-fetch", str(data), backup.name, *spec, writes=written)
        if done.code:
            if source.is_about_room(done.err, workshop.places.directory):
                raise CapacityError(
                    f"wal-g backup-fetch: not enough free disk space: {done.last_line}"
                )
            damaged = any(words in done.err for words in DAMAGED)
            raise (DamagedBackupError if damaged else ProviderError)(
                f"wal-g backup-fetch {done.how}"
            )
        if workshop.account is not None:
            for folder in written:
                untrusted_files.give_all(folder, workshop.account.uid, workshop.account.gid)
        if not (data / LABEL).is_file():
            raise DamagedBackupError("wal-g restored no backup_label")
        installation = workshop.installation(source.major_of(data))
        source.verify(data, workshop.tablespaces, workshop, installation)

    def _tablespaces(self, name: str, workshop: Workshop) -> list[str]:
        """The option that moves the backup's tablespaces below the drill's folder; empty: it has none, or that is not known.

        Source: WAL-G, internal/databases/postgres/tablespace_spec.go and backup_sentinel_dto.go.
        """
        done = self._run(workshop, "st", "cat", f"basebackups_005/{name}{SENTINEL}")
        try:
            spec = json.loads(done.out).get("Spec") if not done.code else None
            oids = [str(int(oid)) for oid in (spec or {}).get("tablespaces") or ()]
        except (ValueError, TypeError, AttributeError):
            return []
        if not oids:
            return []
        spaces = workshop.folder("tablespaces")
        for oid in oids:
            cluster.make_folder(spaces / oid, workshop.account)
        places = {oid: {"loc": str(spaces / oid), "link": f"pg_tblspc/{oid}"} for oid in oids}
        file = self._folder(workshop) / "restore-spec.json"
        file.write_text(
            json.dumps({"base_prefix": str(workshop.places.data), "tablespaces": oids, **places})
        )
        file.chmod(0o644)
        return [f"--restore-spec={file}"]

    def fetch(self, name: str, to: Path, workshop: Workshop) -> FromArchive:
        try:
            folder = self._folder(workshop)
            place = folder / name
            place.unlink(missing_ok=True)
            done = self._run(workshop, "wal-fetch", name, str(place), writes=(folder,))
            if done.code == NOT_THERE:
                return FromArchive(ArchiveAnswer.ABSENT)
            if done.code:
                damaged = any(words in done.err for words in DAMAGED)
                answer = ArchiveAnswer.DAMAGED if damaged else ArchiveAnswer.UNKNOWN
                return FromArchive(answer, done.how)
            if not stat.S_ISREG(place.lstat().st_mode):
                return FromArchive(ArchiveAnswer.UNKNOWN, "wal-fetch did not make a regular file")
            place.rename(to)
        except (ProviderError, OSError) as exc:
            return FromArchive(ArchiveAnswer.UNKNOWN, str(exc))
        return FromArchive(ArchiveAnswer.FETCHED)

    def newest_segment(self, workshop: Workshop) -> str:
        return wal.newest(str(line.get("end_segment")) for line in self._shown(workshop))

    def archived(self, workshop: Workshop) -> Mapping[str, datetime | None]:
        """From the chosen backup on. WAL-G tells no times. Source: wal_show_handler.go, timeline_info.go."""
        backup = workshop.chosen
        if backup is None or backup.starts_at is None:
            return {}
        size = wal.size_of(backup.first_segment, backup.starts_at) if backup.first_segment else None
        if size is None:
            return {}
        there: dict[str, datetime | None] = {}
        for line in self._shown(workshop):
            missing = {*(line.get("missing_segments") or ())}
            names = _between(line, backup.starts_at // size, size)
            there |= dict.fromkeys(name for name in names if name not in missing)
        return there

    def repositories(self, backups: Sequence[PhysicalBackup]) -> tuple[RepositoryFacts, ...]:
        """As the settings of WAL-G on this machine tell; a storage over the network is on another one."""
        settings = self._settings()
        encrypted = any(settings.get(name) for name in CIPHERS)
        if local := settings.get(LOCAL):
            identifier = backups[-1].system_identifier if backups else ""
            return beside.repository(Path(local), identifier, encrypted=encrypted)
        bucket = next((settings[name] for name in PREFIXES if settings.get(name)), "")
        if not bucket:
            return ()
        return (
            RepositoryFacts(
                name=bucket, encrypted=encrypted, beside_the_database=False, writable_by=None
            ),
        )

    def _settings(self) -> dict[str, str]:
        """Variables, and the file in JSON or YAML; WAL-G lets variables win, and names in the file in any case (viper)."""
        written: Any = None
        if self.settings:
            with suppress(OSError, ValueError, yaml.YAMLError):
                written = yaml.safe_load(Path(self.settings).read_text())
        of_file = written.items() if isinstance(written, dict) else ()
        return {str(name).upper(): str(value) for name, value in of_file} | dict(os.environ)

    # --- running WAL-G -----------------------------------------------------------------------

    def _shown(self, workshop: Workshop) -> Iterator[dict[str, Any]]:
        """The timelines of the archive."""
        done = self._run(workshop, "wal-show", "--detailed-json", "--without-backups")
        return self._parsed(done, "wal-show")

    def _parsed(self, done: ProgramEnd, command: str) -> Iterator[dict[str, Any]]:
        if done.code:
            raise ProviderError(f"wal-g {command} {done.how}")
        try:
            found = json.loads(done.out) or []
        except ValueError as exc:
            raise ProviderError(f"the output of wal-g {command} could not be parsed") from exc
        yield from found

    def _run(
        self, workshop: Workshop, *arguments: str, writes: tuple[Path, ...] = ()
    ) -> ProgramEnd:
        program = shutil.which(PROGRAM)
        if program is None:
            raise AccessDeniedError(
                "wal-g is not installed on this machine", hint="Install WAL-G in a folder of PATH."
            )
        config = [f"--config={self.settings}"] if self.settings else []
        given = {n: v for n, v in os.environ.items() if n.startswith(SETTINGS)}
        # With more, wal-fetch leaves a process behind that fetches the next segments. Source: prefetch.go.
        one = {"WALG_DOWNLOAD_CONCURRENCY": "1"} if "wal-fetch" in arguments else {}
        readable = [Path(value) for value in given.values() if value.startswith("/")]
        readable += [Path(self.settings)] if self.settings else []
        readable += [workshop.places.directory / FETCHED] if writes else []
        return run(
            [program, *config, *arguments],
            directory=workshop.places.directory,
            account=self._reader(workshop),
            stop=workshop.stop,
            environment=given | one,
            within=Fence(
                readable=tuple(path for path in readable if path.exists()),
                writable=writes,
                network=True,
                record=cluster.recorded(workshop.places),
            ),
        )

    def _folder(self, workshop: Workshop) -> Path:
        folder = workshop.places.directory / FETCHED
        if not folder.is_dir():
            cluster.make_folder(folder, self._reader(workshop))
        return folder

    def _reader(self, workshop: Workshop) -> OsUser | None:
        """The owner of the configuration file, which holds secrets; never root."""
        if workshop.account is None or self.settings is None:
            return workshop.account
        try:
            entry = pwd.getpwuid(Path(self.settings).stat().st_uid)
        except (OSError, KeyError):
            return workshop.account
        if entry.pw_uid == 0:
            return workshop.account
        return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


SOURCE = WalG


def _backup(values: dict[str, Any]) -> PhysicalBackup:
    version = int(values.get("pg_version") or 0)
    finished = _time(values.get("finish_time")) or _time(values.get("time"))
    return PhysicalBackup(
        name=str(values["backup_name"]),
        address=f"WAL-G: {values['backup_name']}",
        started_at=_time(values.get("start_time")),
        stopped_at=finished,
        starts_at=values.get("start_lsn") or None,
        first_segment=first[1] if (first := _FIRST.match(str(values["backup_name"]))) else "",
        ends_at=values.get("finish_lsn") or None,
        size_bytes=values.get("uncompressed_size") or None,
        system_identifier=str(values.get("system_identifier") or ""),
        major=version // 10_000 or None,
    )


def _between(line: dict[str, Any], first: int, size: int) -> Iterator[str]:
    """Names of the segments of a timeline, from one number on."""
    ends = [str(line.get(end)) for end in ("start_segment", "end_segment")]
    if not all(wal.SEGMENT.fullmatch(end) for end in ends):
        return
    start, end = (wal.Segment.of(name, size) for name in ends)
    for number in range(max(start.number, first), end.number + 1):
        yield wal.Segment(end.timeline, number).name(size)


def _time(text: object) -> datetime | None:
    """None: not known; WAL-G then writes the year 1."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo and found.year > 1 else None
