"""Facts for `doctor` about this machine and its dumps. Changes nothing."""

import grp
import io
import os
import pwd
import re
import shutil
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.dump.storage_facts import folder_changes, of_storage
from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.dumpfiles.archive import DamagedArchiveError
from restorecheck.postgres.dumpfiles.find import candidates
from restorecheck.postgres.dumpfiles.folders import name_folder
from restorecheck.postgres.dumpfiles.foreign import looks_like_sql, name_foreign
from restorecheck.postgres.dumpfiles.layers import Decryption, open_layers
from restorecheck.postgres.dumpfiles.timestamps import header_claim, when_taken
from restorecheck.postgres.dumpfiles.unreadable import (
    DamagedLayerError,
    NoDumpError,
    UnusableLayerError,
)
from restorecheck.postgres.server import pinned
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import UnusablePrograms
from restorecheck.rules.facts import DumpFacts, Unread

HEAD = 64 * 1024
"""Bytes read of a plain dump, whose first lines have the versions."""

SQLITE = b"SQLite format 3\0"
"""Source: sqlite.org, "Database File Format", 1.3."""
_VERSION = re.compile(rb"-- Dumped from database version (\d+)")
_READ, _USE = 0o4, 0o1


def examine_dump(
    target: str, settings: DumpSettings, server: ServerSettings, *, restores_here: bool
) -> DumpFacts:
    """Facts of a target's newest dump, from its head."""
    program = settings.decrypt[0] if settings.decrypt else ""
    facts = DumpFacts(
        target=target,
        path=settings.path,
        max_age=settings.max_age,
        decrypt=program,
        decrypt_found=not program or shutil.which(program) is not None,
        restores_here=restores_here,
    )
    facts = _with_newest(facts, settings)
    return _with_programs(facts, server) if restores_here else facts


def _with_newest(facts: DumpFacts, settings: DumpSettings) -> DumpFacts:
    if settings.storage is not None:
        return of_storage(facts, settings.storage)
    try:
        found = candidates(settings.path).files
        if not found:
            return replace(facts, problem=f"{settings.path} does not exist")
        newest, head = _newest(found, settings)
        size = _size(newest)
        toc = newest / "toc.dat"
        state = (toc if toc.is_file() else newest).stat()
        changes = folder_changes(newest.parent)
        modified = datetime.fromtimestamp(state.st_mtime, tz=UTC)
        taken = when_taken(modified, header_claim(head.created_at)).at
    except PermissionError as exc:
        return replace(facts, problem=f"{exc.filename} cannot be read: {exc.strerror}")
    except OSError as exc:
        return replace(facts, problem=f"{settings.path} cannot be read: {exc.strerror}")
    except RestorecheckError as exc:
        return replace(facts, problem=exc.message)
    return replace(
        facts,
        newest=newest.name,
        size_bytes=size,
        taken_at=taken,
        head=head.problem,
        major=head.major,
        changes_allowed=changes,
    )


MOST = 5
"""Candidates that are examined, because other files (roles, checksums) may be newer than the dump."""


class HeadFacts(NamedTuple):
    """Facts from the first bytes of a dump."""

    problem: str | Unread = ""
    """Why it is not a dump; empty: it is one."""
    major: int | None = None
    """Major version of the source server."""
    created_at: datetime | None = None
    """Time in the archive, in the time zone of the dumping host."""


def _newest(found: Sequence[Path], settings: DumpSettings) -> tuple[Path, HeadFacts]:
    """The newest dump; without a dump the newest file, and why it is not one."""
    looked = [(path, _head(path, settings)) for path in found[:1]]
    for path in found[1:MOST]:
        if looked[-1][1].major is not None:
            break
        looked.append((path, _head(path, settings)))
    return next((one for one in looked if one[1].major is not None), looked[0])


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file())
    return path.stat().st_size


def _head(path: Path, settings: DumpSettings) -> HeadFacts:
    if path.is_dir():
        toc = path / "toc.dat"
        if not toc.is_file():
            return HeadFacts(name_folder(path))
        with toc.open("rb") as stream:
            return _toc(stream, toc.stat().st_size, custom=False)
    decryption = Decryption(settings.decrypt) if settings.decrypt else None
    try:
        with open_layers(path, decryption) as layers:
            if layers.folder is not None:
                return (
                    HeadFacts()
                )  # a packed directory-format dump; its versions are not at the start
            head = layers.stream.read(HEAD)
            if head.startswith(archive.MAGIC):
                # The table of contents may be long, and data follows it.
                head += layers.stream.read(LONGEST_TOC)
    except (UnusableLayerError, DamagedLayerError, NoDumpError) as exc:
        return HeadFacts(exc.message)
    if head.startswith(archive.MAGIC):
        return _toc(io.BytesIO(head), len(head), custom=True)
    return _text(head)


LONGEST_TOC = 16 * 1024 * 1024


def _toc(stream: BinaryIO, size: int, *, custom: bool) -> HeadFacts:
    try:
        toc = archive.read_toc(stream, size, custom=custom)
    except DamagedArchiveError as exc:
        return HeadFacts(str(exc))
    if not toc.known:
        return HeadFacts("has an archive version that this restorecheck does not know")
    major = toc.server_version.partition(".")[0]
    return HeadFacts("", int(major) if major.isdigit() else None, toc.created_at)


def _text(head: bytes) -> HeadFacts:
    if not head:
        return HeadFacts("is empty")
    if head[257:262] == b"ustar":
        return HeadFacts()  # pg_dump's tar format; its versions are not at the start
    match = _VERSION.search(head)
    if match:
        return HeadFacts("", int(match[1]))
    said = name_foreign(head[:512])
    if said:
        return HeadFacts(said)
    if looks_like_sql(head[:512]):
        return HeadFacts()
    return HeadFacts("is no dump that pg_dump wrote")


def _with_programs(facts: DumpFacts, server: ServerSettings) -> DumpFacts:
    unusable: list[UnusablePrograms] = []
    try:
        majors = tuple(one.major for one in server.installations(unusable))
    except RestorecheckError as exc:
        return replace(facts, majors=Unread("PostgreSQL's programs", exc.message))
    return replace(
        facts,
        majors=majors,
        own_major=pinned.command_for(facts.major or NEWEST_ORDINARY),
        unusable=tuple(
            f"{one.bin_dir} does not run: {one.why}" + (f" ({one.fix})" if one.fix else "")
            for one in unusable
        ),
        unusable_fixes=tuple(dict.fromkeys(one.fix for one in unusable if one.fix)),
    )


NEWEST_ORDINARY = 17
"""Major version that is proposed where the head of a dump does not say its own."""


def history_problem(path: Path) -> str:
    """Why reports cannot be written; empty: they can."""
    if path.exists():
        if not path.is_file():
            return f"{path} is no file"
        if not os.access(path, os.R_OK | os.W_OK):
            return f"{path} cannot be written"
        with path.open("rb") as file:
            begins = file.read(len(SQLITE))
        return "" if begins in {SQLITE, b""} else f"{path} is not a history of restorecheck"
    return _making_problem(path.parent)


def _making_problem(folder: Path) -> str:
    """Why no file can be made in a folder, which may have to be made first; empty: it can."""
    for place in (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                return f"{place} is no folder"
            usable = os.access(place, os.W_OK | os.X_OK)
            return "" if usable else f"{place} cannot be written to"
    return ""


def work_dir_problem(work_dir: Path, account: OsUser | None) -> str:
    """Why a drill cannot work there; empty: it can."""
    if not work_dir.is_dir():
        return (
            f"{work_dir} is no folder"
            if work_dir.exists()
            else (f"the folder {work_dir} does not exist")
        )
    if not os.access(work_dir, os.W_OK | os.X_OK):
        return f"{work_dir} cannot be written to"
    state = work_dir.stat()
    if state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX:
        return f"every user can write to {work_dir} and delete the files of other users"
    if account is not None:
        for place in (work_dir, *work_dir.parents):
            if not _may_pass(place, account):
                return f"the user {account.name} cannot enter {place}"
    return ""


def _may_pass(place: Path, account: OsUser) -> bool:
    state = place.stat()
    if state.st_uid == account.uid:
        return bool(state.st_mode & stat.S_IXUSR)
    if state.st_gid == account.gid:
        return bool(state.st_mode & stat.S_IXGRP)
    return bool(state.st_mode & stat.S_IXOTH)


def free_bytes(work_dir: Path) -> int | None:
    try:
        return shutil.disk_usage(work_dir).free
    except OSError:
        return None


def is_open(path: Path) -> bool:
    """Whether every user of this machine may read it."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


class Changer(NamedTuple):
    """A user or group that can change a file and should not."""

    who: str
    place: str
    """The file, or one of its parent folders."""
    by_owning: bool


def changer_of(path: Path) -> Changer | None:
    """Who, except root and this user, may change or replace the file."""
    try:
        real = path.resolve(strict=True)
        for place in (real, *real.parents):
            changer = _changer(place)
            if changer is not None:
                return changer
    except OSError:
        return None  # reading the file reports the error
    return None


def _changer(place: Path) -> Changer | None:
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return None  # Kubernetes mounts configurations in folders that look writable
    state = place.stat()
    if state.st_uid not in {0, os.geteuid()}:
        return Changer(f"the user {_user(state.st_uid)}", str(place), by_owning=True)
    if stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX:
        return None  # like /tmp: only its owner may replace a file
    if state.st_mode & stat.S_IWOTH:
        return Changer("every user of this machine", str(place), by_owning=False)
    if state.st_mode & stat.S_IWGRP and not _is_own_group(state.st_uid, state.st_gid):
        return Changer(f"the group {_group(state.st_gid)}", str(place), by_owning=False)
    return None


def _is_own_group(uid: int, gid: int) -> bool:
    """Many distributions give each user a group, and make files writable for it."""
    try:
        return pwd.getpwuid(uid).pw_gid == gid
    except KeyError:
        return False


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
