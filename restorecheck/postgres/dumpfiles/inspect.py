"""Inspects a file or folder: the kind of dump, its completeness, version and needs."""

import errno
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from restorecheck.postgres.dumpfiles import archive, checksums, partial
from restorecheck.postgres.dumpfiles.archive import DamagedArchiveError, Toc, TocEntry
from restorecheck.postgres.dumpfiles.containers import (
    BASE_BACKUP_HINT,
    DATA_FILE,
    Member,
    open_tar,
)
from restorecheck.postgres.dumpfiles.folders import name_folder
from restorecheck.postgres.dumpfiles.foreign import (
    is_of_another_database,
    is_text,
    looks_like_sql,
    name_foreign,
    name_other_dump,
)
from restorecheck.postgres.dumpfiles.layers import (
    COMMANDED,
    ENCRYPTED_SUFFIXES,
    HEAD,
    DamagedLayerError,
    Decryption,
    Layers,
    UnusableLayerError,
    open_layers,
)
from restorecheck.postgres.dumpfiles.magic import is_archive, packing_of
from restorecheck.postgres.dumpfiles.members import DirectoryMembers, TarMembers, data_problem
from restorecheck.postgres.dumpfiles.needs import FUNCTIONS, Needs, NeedsCollector, unquote
from restorecheck.postgres.dumpfiles.pieces import pieces_of, state_of
from restorecheck.postgres.dumpfiles.plain import Follower, scan
from restorecheck.postgres.dumpfiles.texts import shown
from restorecheck.postgres.dumpfiles.unreadable import (
    BaseBackupError,
    NoDumpError,
    OthersFormatError,
    UnnamedFileError,
)
from restorecheck.postgres.server import cluster

UNWRAPPED = "unwrapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The result; `complete` is True only if everything was read to its end."""

    path: Path
    size_bytes: int
    mtime_ns: int
    kind: str = ""
    """`custom`, `directory`, `tar`, `plain`; `cluster`: plain, of several databases; `container`: a zip or tar file without a dump; `packed`: what
    others can unpack; or empty.
    """
    layers: tuple[str, ...] = ()
    complete: bool = False
    problem: str = ""
    """Completes `<name> …`."""
    hint: str = ""
    foreign: bool = False
    beside: bool = False
    """It is an additional file beside dumps, whatever its name."""
    unusable: bool = False
    """It cannot be read here, which says nothing about the backup."""
    checksum: str = ""
    """`sha256:…` of the list of its files' checksums; empty: not all of it was read while it was inspected."""
    created_at: datetime | None = None
    """Time in the archive, without a time zone."""
    server_version: str = ""
    dump_version: str = ""
    dbname: str = ""
    needs: Needs = field(default_factory=Needs)
    entries: tuple[TocEntry, ...] = ()
    """The objects that the dump lists."""
    last_line: int = 0
    """For a plain dump: number of pg_dump's last line."""
    missing: tuple[str, ...] = ()
    """Parts that were left out, by the dump's list."""
    notes: tuple[str, ...] = ()
    """Further observations, for the report."""
    cluster: bool = False
    """Written by pg_dumpall."""
    parts: tuple["Inspection", ...] = ()
    """For a file of several databases, the dump of each."""
    statements: tuple[str, ...] = field(default=(), repr=False)
    """Statements of such a file on the whole server; may contain password hashes."""
    extent: tuple[int, int] | None = None
    """For a part: its start and end in the unpacked file."""
    lines_before: int = 0
    """For a part: number of lines before it. `entries` and `last_line` count from the part's first line."""
    creates: bool = True
    """For a part: it creates tables or other objects."""
    unwrapped: Path | None = None
    """Path of an archive that was decompressed or decrypted for the restore."""

    @property
    def of_another_database(self) -> bool:
        """It is not a backup of PostgreSQL, and may be as good as it is."""
        return self.foreign and self.unusable

    @property
    def modified_at(self) -> datetime:
        return datetime.fromtimestamp(self.mtime_ns / 1e9, tz=UTC)


OTHER_DATABASE = "restorecheck restores backups of PostgreSQL only. Correct `path` if this target has dumps of PostgreSQL."

KINDS: dict[type[Exception], str] = {
    BaseBackupError: "container",
    UnnamedFileError: "container",
    OthersFormatError: "packed",
}


class Following(Protocol):
    """Follows the reading of a plain dump."""

    def of(self, inspection: "Inspection") -> Follower | None: ...


def inspect(
    path: Path,
    decryption: Decryption | None,
    *,
    materialise: Path,
    following: Following | None = None,
) -> Inspection:
    """Read a file or folder to its end.

    Args:
        path: The candidate.
        decryption: The configured command for encrypted files.
        materialise: Folder for an archive that must be unpacked for the restore.
        following: Gets the pieces of a plain dump while it is read.

    Raises:
        OSError: It cannot be read, or there is no space to unpack it.
    """
    if path.is_dir():
        return _against_checksums(_inspect_directory(path))
    size, mtime_ns = state_of(path)
    found = Inspection(path=path, size_bytes=size, mtime_ns=mtime_ns)
    if size == 0:
        return replace(found, problem="is empty")
    try:
        found = _against_checksums(_inspect_file(found, decryption, materialise, following))
    except PermissionError as exc:
        return replace(
            found,
            unusable=True,
            problem=f"cannot be read: {exc.strerror}",
            hint="Give the user that runs restorecheck the right to read it.",
        )
    except UnusableLayerError as exc:
        kind = KINDS.get(type(exc), "")
        return replace(found, kind=kind, unusable=True, problem=exc.message, hint=exc.hint)
    except NoDumpError as exc:
        return replace(found, kind="container", foreign=True, problem=exc.message)
    except (DamagedLayerError, DamagedArchiveError) as exc:
        unknown = decryption is not None and _says_nothing(path)
        found = replace(found, problem=str(exc), foreign=unknown)
    return _with_line_ends(found)


def _says_nothing(path: Path) -> bool:
    """Whether a file that decrypt could not read may be something else than a dump."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    known = packing_of(head) or is_archive(head) or is_text(head)
    return not known and path.suffix.lower() not in ENCRYPTED_SUFFIXES


def _inspect_file(
    found: Inspection,
    decryption: Decryption | None,
    materialise: Path,
    following: Following | None,
) -> Inspection:
    with open_layers(found.path, decryption) as layers:
        found = replace(found, layers=layers.names)
        looked = (
            _inspect_stream(found, layers, materialise, following)
            if layers.folder is None
            else _inspect_packed(found, layers.folder, materialise)
        )
    if decryption is not None and not COMMANDED & set(layers.names):
        note = f"{found.path.name} is not encrypted, but decrypt is configured"
        return replace(looked, notes=(*looked.notes, note))
    return looked


def _against_checksums(found: Inspection) -> Inspection:
    """Compares a complete dump with checksum files: beside it, or in its folder."""
    if not found.complete:
        return found
    files = list(found.path.iterdir()) if found.path.is_dir() else pieces_of(found.path)
    said = checksums.checksums_of(files)
    for file, checksum in said.items():
        if not checksums.holds(file, checksum):
            _clear(found.unwrapped)
            return replace(found, complete=False, problem=checksums.mismatch(file, checksum))
    for source in sorted({checksum.path.name for checksum in said.values()}):
        of = [file.name for file, checksum in said.items() if checksum.path.name == source]
        what = of[0] if len(of) == 1 else f"{len(of)} files of {found.path.name}"
        note = f"the checksum of {what} is that in {source}"
        found = replace(found, notes=(*found.notes, note))
    return found


LOOKED_AT = 1 << 20
FEWEST_LINES = 4


def _with_line_ends(found: Inspection) -> Inspection:
    """Detects a binary file in which every line feed became carriage return and line feed."""
    if found.complete or found.foreign or found.unusable or found.kind in {"plain", "directory"}:
        return found
    with found.path.open("rb") as file:
        data = file.read(LOOKED_AT)
    lines = data.count(b"\n")
    if lines < FEWEST_LINES or data.count(b"\r\n") < lines or is_text(data[:HEAD]):
        return found
    said = (
        "each of its line feeds follows a carriage return, as after a transfer in text mode "
        "or through a terminal (docker exec -t)"
    )
    return replace(found, problem=f"{found.problem}; {said}")


def _inspect_stream(
    found: Inspection, layers: Layers, materialise: Path, following: Following | None
) -> Inspection:
    head = layers.stream.peek(HEAD)[:HEAD]  # type: ignore[attr-defined]
    if not head:
        return replace(found, problem=f"is empty inside its {found.layers[-1]} layer")
    if head.startswith(archive.MAGIC):
        return _seekable(found, layers, materialise, "custom", _inspect_custom)
    if head[257:262] == b"ustar":
        return _seekable(found, layers, materialise, "tar", _inspect_tar)
    name = name_foreign(head)
    if name and is_of_another_database(head):
        return replace(found, foreign=True, unusable=True, problem=name, hint=OTHER_DATABASE)
    if name:
        return replace(found, foreign=True, problem=name)
    other = name_other_dump(head)
    if other:
        return replace(
            found,
            unusable=True,
            problem=f"is a dump of {other}, which may need functions that PostgreSQL does not have",
            hint="This version of restorecheck supports only dumps of PostgreSQL: test this "
            f"dump with a restore into {other}.",
        )
    facts = scan(layers.stream, following.of(found) if following else None)
    if facts.globals_only:
        return replace(
            found,
            foreign=True,
            beside=True,
            problem="holds roles and tablespaces (pg_dumpall --globals-only), no database",
        )
    if facts.cluster or len(facts.databases) > 1:
        return replace(
            found,
            kind="cluster",
            cluster=facts.cluster,
            complete=not facts.problem,
            problem=facts.problem,
            server_version=facts.server_version,
            dump_version=facts.dump_version,
        )
    if facts.dumps > 1:
        return replace(
            found,
            unusable=True,
            problem=f"holds {facts.dumps} dumps, one after the other, without the names of "
            "their databases",
            hint="Write each dump to a separate file (`>`, not `>>`), or dump with --create.",
        )
    if not facts.written_by_pg_dump and looks_like_sql(head):
        return replace(
            found,
            unusable=True,
            problem=facts.problem,
            hint="Write the dump with pg_dump: its last line shows that the dump is complete.",
        )
    if not facts.written_by_pg_dump:
        return replace(found, foreign=True, problem="is a text, not a PostgreSQL dump")
    if facts.commands and not facts.problem:
        return replace(
            found,
            unusable=True,
            problem=f"holds the psql command {facts.commands[0]}, which restorecheck does not run",
            hint="A drill runs no psql command from a dump: write the dump only with pg_dump.",
        )
    problem = facts.problem or partial.without_definitions(facts.entries)
    return replace(
        found,
        kind="plain",
        complete=not problem,
        problem=problem,
        server_version=facts.server_version,
        dump_version=facts.dump_version,
        dbname=facts.dbname,
        needs=facts.needs,
        entries=facts.entries,
        last_line=facts.last_line,
        missing=partial.missing(facts.entries),
        notes=facts.notes,
    )


Look = Callable[[Inspection, BinaryIO, int], Inspection]


def _seekable(
    found: Inspection, layers: Layers, materialise: Path, kind: str, look: Look
) -> Inspection:
    """Archives are read in place, or unpacked first, because pg_restore must seek."""
    found = replace(found, kind=kind)
    if not layers.names:
        with found.path.open("rb") as stream:
            return look(found, stream, found.size_bytes)
    target = materialise / UNWRAPPED
    _clear(target)
    _write(layers.stream, target)
    with target.open("rb") as stream:
        looked = look(found, stream, target.stat().st_size)
    if not looked.complete:
        target.unlink()
        return looked
    return replace(looked, unwrapped=target)


def _clear(target: Path | None) -> None:
    if target is None:
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _write(stream: BinaryIO, target: Path) -> None:
    """Raises UnusableLayerError before the disk is full: packed data may be unbounded."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while chunk := stream.read(1 << 20):
            if cluster.is_almost_full(target.parent) or not _written(file, chunk):
                raise UnusableLayerError(
                    f"was not unpacked: not enough space is left in {target.parent}",
                    hint="Free disk space, or set postgres.work_dir to a larger disk.",
                )


def _written(file: io.FileIO, chunk: bytes) -> bool:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            return False
        raise
    return True


def _inspect_packed(found: Inspection, files: Iterator[Member], materialise: Path) -> Inspection:
    """A directory-format dump from a zip or tar file, unpacked because pg_restore needs the files."""
    target = materialise / UNWRAPPED
    _clear(target)
    target.mkdir(mode=0o700)
    try:
        for file in files:
            if DATA_FILE.fullmatch(file.name):
                _write(cast(BinaryIO, file.stream), target / file.name)
    except FileExistsError:
        raise UnusableLayerError(
            "holds more than one directory-format dump", hint="Write each dump to a separate file."
        ) from None
    if not (target / "toc.dat").is_file():
        return replace(
            found, problem="is incomplete: toc.dat of its directory-format dump is missing"
        )
    looked = _inspect_directory(target)
    return replace(
        looked,
        path=found.path,
        size_bytes=found.size_bytes,
        mtime_ns=found.mtime_ns,
        layers=found.layers,
        unwrapped=target,
    )


def _inspect_custom(found: Inspection, stream: BinaryIO, size: int) -> Inspection:
    toc = archive.read_toc(stream, size, custom=True)
    if not toc.known:
        return _unknown(found, toc)
    problem = archive.custom_data_problem(stream, toc, size)
    return with_toc(replace(found, complete=not problem, problem=problem), toc)


def _inspect_tar(found: Inspection, stream: BinaryIO, size: int) -> Inspection:
    try:
        with open_tar(stream, "r:") as tar:
            members = TarMembers(tar, stream, size)
            if members.find("toc.dat") is None:
                return replace(found, foreign=True, problem="is not a tar archive of pg_dump")
            toc_bytes = members.read("toc.dat")
            toc = archive.read_toc(io.BytesIO(toc_bytes), len(toc_bytes), custom=False)
            if not toc.known:
                return _unknown(found, toc)
            problem = _tar_end_problem(stream, size) or data_problem(toc, members)
    except (tarfile.TarError, EOFError):
        return replace(found, problem="is damaged or truncated: its tar structure ends early")
    return with_toc(replace(found, complete=not problem, problem=problem), toc)


TAR_END = 1024
"""Two blocks of zeroes."""


def _tar_end_problem(stream: BinaryIO, size: int) -> str:
    stream.seek(max(0, size - TAR_END))
    if size % 512 or size < TAR_END or stream.read(TAR_END).strip(b"\x00"):
        return "is truncated: the end of its tar archive is missing"
    return ""


def _inspect_directory(path: Path) -> Inspection:
    toc_path = path / "toc.dat"
    state = (toc_path if toc_path.exists() else path).stat()
    name = name_folder(path)
    if name:
        found = Inspection(path=path, size_bytes=0, mtime_ns=state.st_mtime_ns, unusable=True)
        return replace(found, problem=name, hint=BASE_BACKUP_HINT)
    files = {entry.name: entry.stat().st_size for entry in os.scandir(path) if entry.is_file()}
    found = Inspection(
        path=path,
        kind="directory",
        size_bytes=sum(files.values()),
        mtime_ns=state.st_mtime_ns,
    )
    try:
        with toc_path.open("rb") as stream:
            toc = archive.read_toc(stream, state.st_size, custom=False)
    except DamagedArchiveError as exc:
        return replace(found, problem=f"{exc} (toc.dat)")
    if not toc.known:
        return _unknown(found, toc)
    members = DirectoryMembers(path, files)
    problem = data_problem(toc, members)
    checksum = "" if problem else members.checksum()
    return with_toc(replace(found, complete=not problem, problem=problem, checksum=checksum), toc)


def _unknown(found: Inspection, toc: Toc) -> Inspection:
    major, minor = toc.archive_version
    newer = toc.archive_version > archive.NEWEST
    return replace(
        found,
        unusable=True,
        problem=f"has the archive version {major}.{minor}, which is "
        f"{'newer' if newer else 'older'} than the versions this restorecheck knows",
        hint="Upgrade restorecheck." if newer else "Dump again with pg_dump 9.0 or newer.",
    )


UNCHECKED = {2: "lz4", 3: "zstd"}
"""Source: PostgreSQL, src/include/common/compression.h; pg_dump sets no checksum for either."""


def with_toc(found: Inspection, toc: Toc) -> Inspection:
    problem = found.problem or partial.without_definitions(toc.entries)
    notes = found.notes
    if toc.compression in UNCHECKED and any(entry.has_data for entry in toc.entries):
        name = UNCHECKED[toc.compression]
        note = (
            f"the data of {found.path.name} has no checksum (pg_dump --compress={name}): "
            "a changed byte may not be detected"
        )
        notes = (*notes, note)
    return replace(
        found,
        complete=found.complete and not problem,
        problem=problem,
        notes=notes,
        created_at=toc.created_at,
        server_version=toc.server_version.split(" ")[0],
        dump_version=toc.dump_version.split(" ")[0],
        dbname=shown(toc.dbname),
        needs=_needs(toc),
        entries=toc.entries,
        missing=partial.missing(toc.entries),
    )


def _needs(toc: Toc) -> Needs:
    collector = NeedsCollector()
    for entry in toc.entries:
        collector.add_owner(unquote(entry.owner))
        if entry.desc in {"SERVER", "FOREIGN SERVER"}:
            collector.foreign_servers = True
        if entry.desc == "EXTENSION":
            collector.add_extension(entry.tag)
        elif entry.desc in {"DATABASE", "DATABASE PROPERTIES"}:
            collector.add_database(entry.defn.lstrip())
        elif entry.desc in LOOKED_INTO or entry.defn.lstrip().startswith(FUNCTIONS):
            collector.add_statement(entry.defn.lstrip())
    return collector.finish()


LOOKED_INTO = frozenset(
    {"ACL", "DEFAULT ACL", "POLICY", "COLLATION", "SCHEMA", "ENCODING", "USER MAPPING",
     "PROCEDURAL LANGUAGE", "ROW SECURITY"}
)  # fmt: skip
