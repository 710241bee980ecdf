"""Reads the head of a dump: its database and its time.

A folder may have thousands of dumps; their heads are enough to find the newest of each database.
"""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.dumpfiles.archive import DamagedArchiveError
from restorecheck.postgres.dumpfiles.layers import (
    DamagedLayerError,
    Decryption,
    UnusableLayerError,
    open_layers,
)
from restorecheck.postgres.dumpfiles.needs import unquote
from restorecheck.postgres.dumpfiles.pieces import state_of
from restorecheck.postgres.dumpfiles.statements import CLUSTER_HEADER, HEADER
from restorecheck.postgres.dumpfiles.texts import kept, shown
from restorecheck.postgres.dumpfiles.timestamps import Claim, header_claim, started_claim

HEAD = 64 * 1024
TAR_BLOCK = 512

NAME = rb'("(?:[^"\n]|"")+"|[^\s;"]+)'
_CREATE_DATABASE = re.compile(rb"^CREATE DATABASE " + NAME, re.MULTILINE)
_OBJECT = re.compile(
    rb"^-- (?:Data for )?Name: (.*?); Type: (?:TABLE|TABLE DATA|FUNCTION|SEQUENCE|VIEW|TYPE);",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    path: Path
    modified: datetime
    claim: Claim | None = None
    """The time in the dump itself."""
    dbname: str = ""
    """Name of its only database; empty: not recorded."""
    dump: bool = False
    """It begins like a file of pg_dump."""
    cluster: bool = False
    """It has several databases: from pg_dumpall, or with several `connect` commands."""
    objects: frozenset[bytes] = frozenset()
    """Names of tables and other objects at the start of a plain dump."""


def head_of(path: Path, decryption: Decryption | None) -> Head:
    """The head of a file; problems of the file are found by `inspect`."""
    toc = path / "toc.dat"
    try:
        mtime = toc.stat().st_mtime_ns if path.is_dir() else state_of(path)[1]
    except OSError:
        mtime = 0
    modified = datetime.fromtimestamp(mtime / 1e9, tz=UTC)
    found = Head(path=path, modified=modified)
    try:
        if path.is_dir():
            with toc.open("rb") as file:
                return _of_archive(found, file.read(HEAD))
        with open_layers(path, decryption) as layers:
            if layers.folder is None:
                return _of_bytes(found, _first(layers.stream))
            packed = next((file for file in layers.folder if file.name == "toc.dat"), None)
            return found if packed is None else _of_archive(found, packed.stream.read(HEAD))
    except (OSError, UnusableLayerError, DamagedLayerError, DamagedArchiveError):
        return found


def _first(stream: BinaryIO) -> bytes:
    """The first bytes, or fewer if a layer is truncated."""
    parts: list[bytes] = []
    try:
        while sum(map(len, parts)) < HEAD and (part := stream.read(1 << 14)):
            parts.append(part)
    except (DamagedLayerError, UnusableLayerError):
        if not parts:
            raise
    return b"".join(parts)


def _of_bytes(found: Head, head: bytes) -> Head:
    if head.startswith(archive.MAGIC):
        return _of_archive(found, head)
    if head[257:262] == b"ustar":
        # pg_dump's tar begins with toc.dat: src/bin/pg_dump/pg_backup_tar.c.
        return _of_archive(found, head[TAR_BLOCK:])
    return _of_text(found, head)


def _of_archive(found: Head, head: bytes) -> Head:
    toc = archive.read_toc(io.BytesIO(head), len(head), custom=True, header_only=True)
    claim = header_claim(toc.created_at)
    return Head(path=found.path, modified=found.modified, claim=claim, dbname=toc.dbname, dump=True)


def _of_text(found: Head, head: bytes) -> Head:
    lines = {line.rstrip() for line in head[: 1 << 14].split(b"\n")}
    created = {shown(unquote(kept(name))) for name in _CREATE_DATABASE.findall(head)}
    roles = CLUSTER_HEADER in lines
    database = HEADER in lines or (roles and b"\n" + HEADER + b"\n" in head)
    return Head(
        path=found.path,
        modified=found.modified,
        claim=started_claim(head),
        dbname=created.pop() if len(created) == 1 and not roles else "",
        dump=database,
        cluster=(roles and database) or len(created) > 1,
        objects=frozenset(_OBJECT.findall(head)),
    )
