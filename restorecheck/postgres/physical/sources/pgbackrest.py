"""A pgBackRest repository, read by pgBackRest itself as the user that the repository belongs to.

`info`, `restore` and `archive-get` only, with a data directory, locks and spool of the drill: nothing of the configured
cluster is read or written.
"""

import json
import os
import pwd
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from restorecheck.errors import AccessDeniedError, CapacityError, NotFoundError, ProviderError
from restorecheck.model import CheckResult
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.physical import pgbackrest_config, source, told, wal
from restorecheck.postgres.physical.choice import PhysicalBackup, leaving
from restorecheck.postgres.physical.copies import LABEL
from restorecheck.postgres.physical.programs import ProgramEnd, printable, run
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    FromArchive,
    PhysicalSource,
    Workshop,
)
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser
from restorecheck.rules.facts import RepositoryFacts

PROGRAM = "pgbackrest"
DAMAGED = frozenset({26, 28, 29})
"""Exit codes: checksum, file-invalid, format. Source: pgBackRest, src/build/error/error.yaml."""
ERRORS = (
    *("[FormatError]", "[ChecksumError]", "[FileInvalidError]", "[ArchiveDuplicateError]"),
    *("[045]: duplicates found", "[044]: unable to retrieve the archive id"),
    *(
        "cipher header invalid",
        "cipher header missing",
        "unable to flush",
        "was the repo encrypted",
    ),
)
"""Of a file, also of one that cannot be decrypted: the list of the backups was, with the same key. Other CryptoErrors are of
TLS. Sources: pgBackRest, src/common/crypto/cipherBlock.c, src/command/archive/get/get.c.
"""
UNREADABLE_LIST = (
    "[FileMissingError] unable to load info file", "[ChecksumError]", "FormatError: invalid JSON value",
)  # fmt: skip
"""Of a stanza's status: of backup.info or archive.info. Any other format error may be that of a wrong key."""
OF_A_KEY = ("CryptoError", "FormatError", "was the repo encrypted")
"""Of a list that is read with another key than it was written with, or with none."""
VERIFY = "verify"
VERIFY_ERRORS = ("missing: ", "invalid: ", "other: ")
"""Source: pgBackRest, src/command/verify/verify.c, verifyRenderFn."""
MOST_ERRORS = 10
"""Lines of `pgbackrest verify` that are shown."""
LISTS = frozenset({"info", "repo-ls", VERIFY})
"""Commands that take no lock."""
LOST = frozenset({55, 75})
"""file-missing, backup-set-invalid: of a restore, whose list of files is the repository's own."""
OPTION_REQUIRED = 37
SET_OPTION = (
    "Set this option in pgBackRest's configuration, or in the environment of restorecheck: "
    "repo1-cipher-pass as PGBACKREST_REPO1_CIPHER_PASS."
)
NOT_THERE = 1
CONTROL = ("global/pg_control", LABEL)
NO_STANZA, NO_DATA, WHOLE = 1, 3, frozenset({0, 2})
"""Codes of a repository's status; whole: with backups, or without any yet. Source: pgBackRest, src/command/info/info.c."""
LOCAL = ("--reset-pg1-host",)
"""A configuration of a repository host names the host of the cluster: nothing runs there."""
PRIVATE = (
    *LOCAL, "--archive-mode=off", "--no-delta", "--no-link-all",
    "--reset-link-map", "--reset-tablespace-map", "--reset-recovery-option",
    "--reset-db-include", "--reset-db-exclude",
)  # fmt: skip
"""Whatever the configuration says, all databases are restored, and below the private directory: maps lead to production's paths."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a backup is, of the last list."""

    label: str
    repo: int
    newest: str
    """The newest segment in the archive of its cluster; empty: none."""
    archive: str = ""
    """Id of this archive."""


@dataclass(frozen=True, kw_only=True)
class PgBackRest(PhysicalSource):
    config: str | None = None
    stanza: str
    repo: int | None = None
    reader: str | None = None
    verify: bool | None = None
    listed: dict[str, Listed] = field(default_factory=dict, compare=False)
    """Name of a backup → where it is."""
    ciphers: dict[int, bool] = field(default_factory=dict, compare=False)
    """Number of a repository → whether it is encrypted, of the last list."""

    @property
    def place(self) -> str:
        return f"pgBackRest {self.stanza}"

    def backups(self, workshop: Workshop) -> Sequence[PhysicalBackup]:
        stanza = self._info(workshop)
        systems = {(db["repo-key"], db["id"]): db for db in stanza["db"]}
        newest = {
            (a["database"]["repo-key"], a["database"]["id"]): a["max"] or ""
            for a in stanza["archive"]
        }
        archives = {
            (a["database"]["repo-key"], a["database"]["id"]): a["id"] for a in stanza["archive"]
        }
        several = len(stanza["repo"]) > 1
        self.ciphers.clear()
        for one in stanza["repo"]:
            self.ciphers[one["key"]] = one.get("cipher", "none") != "none"
        self.listed.clear()
        found = []
        for values in stanza["backup"]:
            where = (values["database"]["repo-key"], values["database"]["id"])
            label, repo = values["label"], where[0]
            name = label if label not in self.listed else f"{label} in repository {repo}"
            self.listed[name] = Listed(label, repo, newest.get(where, ""), archives.get(where, ""))
            made = _backup(name, f"{self.place}: {name}", values, systems[where])
            found.append(replace(made, problem=made.problem or _lost(values, stanza["backup"])))
            if several:
                note = f"the backup is in repository {repo} of {len(stanza['repo'])}"
                found[-1] = replace(found[-1], notes=(note,))
        return sorted(found, key=lambda backup: (backup.stopped_at, backup.name))

    def _info(self, workshop: Workshop) -> dict[str, Any]:
        """Exit code 0 says nothing; of a wrong key the message holds bytes that are not JSON."""
        repo = [f"--repo={self.repo}"] if self.repo else []
        done = self._run(workshop, *repo, "--output=json", "info")
        if done.code:
            hint = SET_OPTION if done.code == OPTION_REQUIRED else ""
            raise ProviderError(f"pgbackrest info {done.how}", hint=hint)
        try:
            stanzas = json.loads(done.out, strict=False)
            stanza: dict[str, Any] = next(s for s in stanzas if s["name"] == self.stanza)
            # Until 2.33 without `repo`: there was one.
            repos = stanza.setdefault("repo", [{"key": 1, "status": stanza["status"]}])
            for one in repos:
                status = one["status"]
                self._refuse(one["key"], len(repos), status["code"], str(status["message"]))
        except (ValueError, KeyError, TypeError, StopIteration) as exc:
            raise ProviderError("the output of pgbackrest info could not be parsed") from exc
        return stanza

    def _refuse(self, repo: int, repos: int, code: int, message: str) -> None:
        """A repository of which the list says nothing, or that cannot be read.

        Raises:
            NotFoundError, ProviderError: See there.
        """
        which = f"repository {repo}" if repos > 1 else "the repository"
        hint = (
            f"Set physical.repo to read one repository only, not all {repos}." if repos > 1 else ""
        )
        if code == NO_DATA:
            reason = f"{which} has no backups of stanza {self.stanza}: {printable(message)}"
            raise NotFoundError(reason, hint=hint)
        if code == NO_STANZA:  # as of a wrong name, or of a disk that is not mounted
            raise ProviderError(
                f"{which} has no stanza {self.stanza}",
                hint=hint or "Correct physical.stanza of this target, or repo1-path of pgBackRest.",
            )
        if code not in WHOLE:
            reason = f"{which} cannot be read: {printable(' '.join(message.split()))}"
            damaged = any(words in message for words in UNREADABLE_LIST)
            if not damaged and any(words in message for words in OF_A_KEY):
                hint = f"Correct repo{repo}-cipher-type and repo{repo}-cipher-pass of pgBackRest. {hint}"
            raise (DamagedBackupError if damaged else ProviderError)(reason, hint=hint.rstrip())

    def restore(self, backup: PhysicalBackup, workshop: Workshop) -> None:
        source.room_for(backup.size_bytes or 0, workshop)
        workshop.expected = backup.size_bytes or 0
        reader, data = self._reader(workshop), workshop.places.data
        spaces = workshop.folder("tablespaces")
        if reader is not None:
            for folder in (data, spaces):
                untrusted_files.give_all(folder, reader.uid, reader.gid)
        listed = self.listed[backup.name]
        done = self._run(
            workshop,
            f"--repo={listed.repo}",
            f"--pg1-path={data}",
            f"--spool-path={self._own('spool', workshop)}",
            f"--set={listed.label}",
            "--type=none",
            f"--tablespace-map-all={spaces}",
            *PRIVATE,
            "restore",
            long=True,
        )
        if _damaged(done) or done.code in LOST:
            raise DamagedBackupError(f"pgbackrest restore: {_said(done)}")
        if done.code:
            if source.is_about_room(done.err, workshop.places.directory):
                raise CapacityError(
                    f"pgbackrest restore: not enough free disk space: {_said(done)}"
                )
            raise ProviderError(f"pgbackrest restore: {_said(done)}")
        if workshop.account is not None:
            for folder in (data, spaces):
                untrusted_files.give_all(folder, workshop.account.uid, workshop.account.gid)
        if not (data / LABEL).is_file():
            raise DamagedBackupError("pgbackrest restored no backup_label")
        self._keep_control(workshop)
        workshop.notes.append("pgBackRest compared every restored file with its checksum")
        if self.verify:
            workshop.findings.append(self._verify(listed.repo, workshop))

    def _verify(self, repo: int, workshop: Workshop) -> CheckResult:
        """Its exit code is 0 whatever it finds; of a whole repository older versions print nothing."""
        done = self._run(workshop, f"--repo={repo}", "--output=text", VERIFY, long=True)
        if done.code:
            return told.verified_by_tool([], f"pgbackrest verify {done.how}")
        lines = [printable(line.strip()) for line in done.out.splitlines()]
        if not any(line == "status: error" for line in lines):
            return told.verified_by_tool([], "")
        errors = [ln for ln in lines if any(kind in ln for kind in VERIFY_ERRORS)] or lines
        return told.verified_by_tool(errors[:MOST_ERRORS], "")

    def _keep_control(self, workshop: Workshop) -> None:
        """`archive-get` reads pg_control to know whose WAL is meant; the server's own is closed to the reader. Since 2.51
        it refuses a restored pg_control that has no backup_label beside it.
        """
        reader, kept = self._reader(workshop), self._own("pg1", workshop)
        cluster.make_folder(kept / "global", reader)
        for name in CONTROL:
            with (
                untrusted_files.folder(workshop.places.data) as held,
                untrusted_files.open_below(held, name) as file,
            ):
                (kept / name).write_bytes(file.read(untrusted_files.SMALL))
            if reader is not None:
                os.chown(kept / name, reader.uid, reader.gid)

    def fetch(self, name: str, to: Path, workshop: Workshop) -> FromArchive:
        place = self._own("wal", workshop) / name
        try:
            place.unlink(missing_ok=True)
            pg1 = self._own("pg1", workshop)
            done = self._run(
                workshop,
                *self._repo_of(workshop),
                f"--pg1-path={pg1}",
                *LOCAL,
                "--no-archive-async",
                "archive-get",
                name,
                str(place),
            )
            if done.code == NOT_THERE:
                return FromArchive(ArchiveAnswer.ABSENT)
            if done.code:
                return FromArchive(
                    ArchiveAnswer.DAMAGED if _damaged(done) else ArchiveAnswer.UNKNOWN,
                    _said(done),
                )
            if not stat.S_ISREG(place.lstat().st_mode):
                return FromArchive(
                    ArchiveAnswer.UNKNOWN, "pgbackrest archive-get did not make a regular file"
                )
            place.rename(to)
        except (ProviderError, OSError) as exc:
            return FromArchive(ArchiveAnswer.UNKNOWN, str(exc))
        return FromArchive(ArchiveAnswer.FETCHED)

    def _repo_of(self, workshop: Workshop) -> list[str]:
        assert workshop.chosen is not None, "WAL is fetched for a backup"
        return [f"--repo={self.listed[workshop.chosen.name].repo}"]

    def newest_segment(self, workshop: Workshop) -> str:
        """Of the archive of the chosen backup's cluster: a stanza has one for each version that was upgraded from."""
        assert workshop.chosen is not None, "WAL is fetched for a backup"
        self.backups(workshop)
        listed = self.listed.get(workshop.chosen.name)
        return wal.newest([listed.newest] if listed else [])

    def archived(self, workshop: Workshop) -> Mapping[str, datetime | None]:
        assert workshop.chosen is not None, "WAL is listed for a backup"
        listed = self.listed[workshop.chosen.name]
        done = self._run(
            workshop, f"--repo={listed.repo}", "--output=json", "--recurse", "repo-ls", f"archive/{self.stanza}/{listed.archive}",
        )  # fmt: skip
        if done.code:
            raise ProviderError(f"pgbackrest repo-ls {done.how}")
        found: dict[str, datetime | None] = {}
        for path, values in json.loads(done.out).items():
            name, _, rest = path.rpartition("/")[2].partition("-")
            if rest and wal.SEGMENT.fullmatch(name) and values["type"] == "file":
                found[name] = datetime.fromtimestamp(values["time"], UTC)
        return found

    def expiring(self, backups: Sequence[PhysicalBackup]) -> tuple[str, ...]:
        """Of each repository that keeps a number of full backups."""
        found: list[str] = []
        for repo in {one.repo for one in self.listed.values()}:
            kept = pgbackrest_config.retention(self.config, self.stanza, repo)
            here = [b for b in backups if self.listed[b.name].repo == repo]
            fulls = [full for b in here if (full := self.listed[b.name].label).endswith("F")]
            gone = leaving(fulls, kept)
            found += [b.address for b in here if self.listed[b.name].label[:16] in gone]
        return tuple(found)

    def repositories(self, backups: Sequence[PhysicalBackup]) -> tuple[RepositoryFacts, ...]:  # noqa: ARG002  # the port's signature
        return tuple(
            replace(pgbackrest_config.repository(self.config, self.stanza, repo), encrypted=cipher)
            for repo, cipher in sorted(self.ciphers.items())
        )

    # --- running pgBackRest ------------------------------------------------------------------

    def _run(self, workshop: Workshop, *arguments: str, long: bool = False) -> ProgramEnd:
        """`long`: a sweep must find the program, should this process be killed."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise AccessDeniedError(
                "pgbackrest is not installed on this machine",
                hint="Install the package pgbackrest.",
            )
        return run(
            [
                program,
                *([f"--config={self.config}"] if self.config else []),
                f"--stanza={self.stanza}",
                "--log-level-file=off",
                "--log-level-console=off",
                "--log-level-stderr=error",
                *([] if LISTS & {*arguments} else [f"--lock-path={self._own('lock', workshop)}"]),
                *arguments,
            ],
            directory=workshop.places.directory,
            account=self._reader(workshop),
            stop=workshop.stop,
            environment=pgbackrest_config.environment(),
            record=cluster.recorded(workshop.places) if long else None,
        )

    def _own(self, name: str, workshop: Workshop) -> Path:
        """A folder of the drill that the reader may write in."""
        base = workshop.places.directory / PROGRAM
        for folder in (base, base / name):
            if not folder.is_dir():
                cluster.make_folder(folder, self._reader(workshop))
        return base / name

    def _reader(self, workshop: Workshop) -> OsUser | None:
        """The configured user, else the owner of a local repository, else that of the drill; never root.

        Raises:
            AccessDeniedError: There is no such user.
        """
        if os.geteuid() != 0:
            return None
        try:
            entry = (
                pwd.getpwnam(self.reader)
                if self.reader
                else pgbackrest_config.owner_of(self.config, self.stanza, self.repo or 1)
            )
        except KeyError:
            raise AccessDeniedError(
                f"the operating system has no user {self.reader}",
                hint="Correct physical.reader of this target.",
            ) from None
        if entry is None or entry.pw_uid == 0:
            return workshop.account
        return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


SOURCE = PgBackRest


def _backup(
    name: str, address: str, values: dict[str, Any], system: dict[str, Any]
) -> PhysicalBackup:
    wrong = "contains pages with wrong checksums, which pgBackRest found when it made the backup"
    return PhysicalBackup(
        name=name,
        address=address,
        started_at=datetime.fromtimestamp(values["timestamp"]["start"], UTC),
        stopped_at=datetime.fromtimestamp(values["timestamp"]["stop"], UTC),
        starts_at=_position(values, "start"),
        first_segment=(values.get("archive") or {}).get("start") or "",
        ends_at=_position(values, "stop"),
        size_bytes=values["info"]["size"],
        system_identifier=str(system["system-id"]),
        major=int(system["version"].split(".")[0]),
        problem=wrong if values.get("error") else "",
    )


def _lost(values: dict[str, Any], listed: Sequence[dict[str, Any]]) -> str:
    """Of an incremental or differential backup: one that it takes files from is no longer in its repository."""
    repo = values["database"]["repo-key"]
    there = {one["label"] for one in listed if one["database"]["repo-key"] == repo}
    gone = [label for label in values.get("reference") or () if label not in there]
    return f"takes files from the backup {gone[0]}, which is missing" if gone else ""


def _position(values: dict[str, Any], end: str) -> int | None:
    text = (values.get("lsn") or {}).get(end)
    return wal.position(text) if text else None


def _damaged(done: ProgramEnd) -> bool:
    """Of a file that cannot be decompressed, the exit code is that of a read error."""
    return done.code in DAMAGED or any(words in done.err for words in ERRORS)


def _said(done: ProgramEnd) -> str:
    """The error and what pgBackRest tells of it, in one line."""
    said = " ".join(done.err.partition("ERROR: ")[2].split())
    return f"{printable(said) or done.last_line} (exit code {done.code})"
