"""What a file or folder is: which kind of dump, whole or not, of which version, needing what."""

import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.dumpfiles.archive import DamagedArchiveError, Toc, TocEntry
from restorecheck.postgres.dumpfiles.foreign import looks_like_sql, name_foreign
from restorecheck.postgres.dumpfiles.layers import (
    HEAD,
    DamagedLayerError,
    Layers,
    UnusableLayerError,
    open_layers,
)
from restorecheck.postgres.dumpfiles.needs import Needs, NeedsCollector, unquote
from restorecheck.postgres.dumpfiles.plain import scan

COPY_ENDS = (b"\\.\n\n\n", b"\\.\r\n\r\n\r\n", b"\\.\n")
"""How pg_dump ends the data of a table in directory and tar format."""

UNWRAPPED = "unwrapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found; `complete` is True only when everything was seen to its end."""

    path: Path
    size_bytes: int
    mtime_ns: int
    kind: str = ""
    """`custom`, `directory`, `tar`, `plain`, or empty."""
    layers: tuple[str, ...] = ()
    complete: bool = False
    problem: str = ""
    """Completes `<name> …`."""
    hint: str = ""
    foreign: bool = False
    unusable: bool = False
    """It cannot be looked into here, which says nothing about the backup."""
    created_at: datetime | None = None
    """As the archive says, without a zone."""
    server_version: str = ""
    dump_version: str = ""
    dbname: str = ""
    needs: Needs = field(default_factory=Needs)
    unwrapped: Path | None = None
    """Where an archive was put that had to be decompressed or decrypted to be restored."""

    @property
    def modified_at(self) -> datetime:
        return datetime.fromtimestamp(self.mtime_ns / 1e9, tz=UTC)


def inspect(path: Path, decrypt: Sequence[str] | None, *, materialise: Path) -> Inspection:
    """Look into a file or folder, to its end.

    Args:
        path: The candidate.
        decrypt: The configured command, where files are encrypted.
        materialise: Folder for an archive that must be unwrapped to be restored.

    Raises:
        OSError: It cannot be read, or there is no room to unwrap it.
    """
    if path.is_dir():
        return _inspect_directory(path)
    state = path.stat()
    found = Inspection(path=path, size_bytes=state.st_size, mtime_ns=state.st_mtime_ns)
    if state.st_size == 0:
        return replace(found, problem="is empty")
    try:
        with open_layers(path, decrypt) as layers:
            found = replace(found, layers=layers.names)
            return _inspect_stream(found, layers, materialise)
    except PermissionError as exc:
        return replace(
            found,
            unusable=True,
            problem=f"cannot be read: {exc.strerror}",
            hint="Give the user that runs restorecheck the right to read it.",
        )
    except UnusableLayerError as exc:
        return replace(found, unusable=True, problem=exc.message, hint=exc.hint)
    except (DamagedLayerError, DamagedArchiveError) as exc:
        return replace(found, problem=str(exc))


def _inspect_stream(found: Inspection, layers: Layers, materialise: Path) -> Inspection:
    head = layers.stream.peek(HEAD)[:HEAD]  # type: ignore[attr-defined]
    if not head:
        return replace(found, problem=f"holds nothing inside of its {found.layers[-1]} layer")
    if head.startswith(archive.MAGIC):
        return _seekable(found, layers, materialise, "custom", _inspect_custom)
    if head[257:262] == b"ustar":
        return _seekable(found, layers, materialise, "tar", _inspect_tar)
    name = name_foreign(head)
    if name:
        return replace(found, foreign=True, problem=name)
    facts = scan(layers.stream)
    if facts.cluster:
        return replace(
            found,
            unusable=True,
            problem="is a pg_dumpall file of a whole cluster, which this version does not restore",
            hint="Dump each database with pg_dump, and the roles with pg_dumpall --globals-only.",
        )
    if not facts.written_by_pg_dump and looks_like_sql(head):
        return replace(
            found,
            unusable=True,
            problem=facts.problem,
            hint="Dump with pg_dump: its last line says that the dump is whole.",
        )
    return replace(
        found,
        kind="plain" if facts.written_by_pg_dump else "",
        foreign=not facts.written_by_pg_dump,
        complete=not facts.problem,
        problem=facts.problem if facts.written_by_pg_dump else "is a text, not a PostgreSQL dump",
        server_version=facts.server_version,
        dump_version=facts.dump_version,
        dbname=facts.dbname,
        needs=facts.needs,
    )


Look = Callable[[Inspection, BinaryIO, int], Inspection]


def _seekable(
    found: Inspection, layers: Layers, materialise: Path, kind: str, look: Look
) -> Inspection:
    """Archives are looked at in place, or unwrapped first: pg_restore wants to seek as well."""
    found = replace(found, kind=kind)
    if not layers.names:
        with found.path.open("rb") as stream:
            return look(found, stream, found.size_bytes)
    target = materialise / UNWRAPPED
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(layers.stream, file, 1 << 20)
    with target.open("rb") as stream:
        looked = look(found, stream, target.stat().st_size)
    if not looked.complete:
        target.unlink()
        return looked
    return replace(looked, unwrapped=target)


def _inspect_custom(found: Inspection, stream: BinaryIO, size: int) -> Inspection:
    toc = archive.read_toc(stream, size, custom=True)
    if not toc.known:
        return _newer(found, toc)
    problem = archive.custom_data_problem(stream, toc, size)
    return replace(_with_toc(found, toc), complete=not problem, problem=problem)


def _inspect_tar(found: Inspection, stream: BinaryIO, size: int) -> Inspection:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            members = {member.name.removeprefix("./"): member for member in tar.getmembers()}
            if "toc.dat" not in members:
                return replace(found, foreign=True, problem=_name_tar(members))
            toc_file = tar.extractfile(members["toc.dat"])
            if toc_file is None:
                return replace(found, problem="is damaged: its toc.dat is not a file")
            with toc_file:
                toc = archive.read_toc(toc_file, members["toc.dat"].size, custom=False)  # type: ignore[arg-type]
            if not toc.known:
                return _newer(found, toc)
            problem = _tar_problem(tar, members, toc, stream, size)
    except (tarfile.TarError, EOFError):
        return replace(found, problem="is damaged or truncated: its tar structure ends early")
    return replace(_with_toc(found, toc), complete=not problem, problem=problem)


def _tar_problem(
    tar: tarfile.TarFile,
    members: dict[str, tarfile.TarInfo],
    toc: Toc,
    stream: BinaryIO,
    size: int,
) -> str:
    end = tar.offset
    stream.seek(max(0, size - 1024))
    if size < 1024 or stream.read(1024).strip(b"\x00"):  # noqa: PLR2004  # two empty blocks
        return "is truncated: the end of its tar archive is missing"
    for entry in toc.entries:
        if not entry.has_data or not entry.filename:
            continue
        member = members.get(entry.filename)
        if member is None:
            return f"is truncated: the data of {_label(entry)} is not there"
        if member.offset_data + member.size > min(size, end + size):
            return f"is truncated: the data of {_label(entry)} ends early"
        if entry.desc == "TABLE DATA" and _is_copy(entry):
            stream.seek(max(member.offset_data, member.offset_data + member.size - 8))
            tail = stream.read(min(8, member.size))
            if not tail.endswith(COPY_ENDS):
                return f"is truncated: the data of {_label(entry)} ends early"
    return ""


def _name_tar(members: dict[str, tarfile.TarInfo]) -> str:
    names = set(members)
    if any(name.endswith("/toc.dat") for name in names):
        return (
            "is a tar archive of a directory-format dump; unpack it, "
            "and let the target's path name the folder"
        )
    if {"PG_VERSION", "backup_label"} & {name.rpartition("/")[2] for name in names}:
        return "is a base backup, not a dump"
    return "is a tar archive, but not one that pg_dump wrote"


def _inspect_directory(path: Path) -> Inspection:
    toc_path = path / "toc.dat"
    state = toc_path.stat()
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
        return _newer(found, toc)
    found = _with_toc(found, toc)
    wanted = [entry for entry in toc.entries if entry.has_data and entry.filename]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        problems = pool.map(lambda entry: _data_file_problem(path, files, entry), wanted)
        problem = next((p for p in problems if p), "")
    return replace(found, complete=not problem, problem=problem)


WRAPPINGS = ("", ".gz", ".lz4", ".zst")


def _data_file_problem(path: Path, files: dict[str, int], entry: TocEntry) -> str:
    """What is wrong with one data file of a directory-format dump.

    pg_restore cannot be trusted with this: it takes a gzip file that was cut for a shorter one.
    """
    name = next((entry.filename + w for w in WRAPPINGS if entry.filename + w in files), None)
    if name is None:
        return f"is incomplete: the data file {entry.filename} of {_label(entry)} is missing"
    ends_copy = entry.desc == "TABLE DATA" and _is_copy(entry)
    try:
        tail = _tail_of(path / name)
    except DamagedLayerError as exc:
        return f"{exc.message} ({name}, {_label(entry)})"
    if tail is not None and ends_copy and not tail.endswith(COPY_ENDS):
        return f"is truncated: the data of {_label(entry)} ends early ({name})"
    return ""


def _tail_of(file: Path) -> bytes | None:
    """The last bytes of the content, read to the end; None where that cannot be told."""
    if file.suffix == ".lz4":
        _check_lz4_end(file)
        return None
    if file.suffix in {".gz", ".zst"}:
        tail = b""
        with open_layers(file, None) as layers:
            while chunk := layers.stream.read(1 << 20):
                tail = (tail + chunk)[-16:]
        return tail
    with file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 16))
        return stream.read()


def _check_lz4_end(file: Path) -> None:
    """A frame ends with a block size of zero (LZ4 Frame Format, "EndMark"); pg_dump adds no
    checksum behind it.
    """
    with file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 4))
        if stream.read() != b"\x00\x00\x00\x00":
            raise DamagedLayerError("is truncated: an lz4 stream ends before its end")


def _is_copy(entry: TocEntry) -> bool:
    """Data as COPY text, not as INSERTs: only that ends with a backslash and a dot."""
    return not entry.defn.startswith("-- load via")


def _newer(found: Inspection, toc: Toc) -> Inspection:
    major, minor = toc.archive_version
    return replace(
        found,
        unusable=True,
        problem=f"is of the archive version {major}.{minor}, newer than this version knows",
        hint="Upgrade restorecheck.",
    )


def _with_toc(found: Inspection, toc: Toc) -> Inspection:
    return replace(
        found,
        created_at=toc.created_at,
        server_version=toc.server_version.split(" ")[0],
        dump_version=toc.dump_version.split(" ")[0],
        dbname=toc.dbname,
        needs=_needs(toc),
    )


def _needs(toc: Toc) -> Needs:
    collector = NeedsCollector()
    for entry in toc.entries:
        collector.add_owner(unquote(entry.owner))
        if entry.desc == "EXTENSION":
            collector.add_extension(entry.tag)
        elif entry.desc in LOOKED_INTO:
            collector.add_statement(entry.defn.lstrip())
    return collector.finish()


LOOKED_INTO = frozenset(
    {"ACL", "DEFAULT ACL", "POLICY", "COLLATION", "SCHEMA", "ENCODING", "USER MAPPING",
     "PROCEDURAL LANGUAGE", "ROW SECURITY"}
)  # fmt: skip


def _label(entry: TocEntry) -> str:
    return f"{entry.namespace}.{entry.tag}" if entry.namespace else entry.tag or entry.desc
