"""The file of roles beside the dumps, written by `pg_dumpall --globals-only`."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from restorecheck.postgres.dumpfiles import timestamps
from restorecheck.postgres.dumpfiles.cluster_dump import globals_of
from restorecheck.postgres.dumpfiles.find import candidates
from restorecheck.postgres.dumpfiles.heads import head_of
from restorecheck.postgres.dumpfiles.layers import (
    DamagedLayerError,
    Decryption,
    UnusableLayerError,
    open_layers,
)
from restorecheck.postgres.dumpfiles.timestamps import Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalsFile:
    path: Path
    taken: Taken
    all: frozenset[Path]
    """Including the older ones."""
    statements: tuple[str, ...] = field(default=(), repr=False)
    """May contain password hashes."""
    problem: str = ""
    """Completes `<name> …`; empty: the file is complete."""
    unusable: bool = False
    """It cannot be read here, which says nothing about the backup."""


def newest(path: str, decryption: Decryption | None, *, now: datetime) -> GlobalsFile | None:
    """The newest file at the path, read to its end; None: there is none.

    Raises:
        NotFoundError: The path names no file and no folder.
        AccessDeniedError: It cannot be read.
    """
    files = candidates(path).files
    dated = [(_taken(file, decryption, now), file) for file in files]
    if not dated:
        return None
    taken, file = max(dated, key=lambda one: (one[0].at, one[1].name))
    try:
        with open_layers(file, decryption) as layers:
            statements, problem = globals_of(layers.stream)
    except UnusableLayerError as exc:
        return GlobalsFile(
            path=file, taken=taken, all=frozenset(files), problem=exc.message, unusable=True
        )
    except DamagedLayerError as exc:
        return GlobalsFile(path=file, taken=taken, all=frozenset(files), problem=exc.message)
    if problem:
        return GlobalsFile(path=file, taken=taken, all=frozenset(files), problem=problem)
    return GlobalsFile(path=file, taken=taken, all=frozenset(files), statements=statements)


def _taken(file: Path, decryption: Decryption | None, now: datetime) -> Taken:
    head = head_of(file, decryption)
    return timestamps.when_taken(head.modified, head.claim or timestamps.name_claim(file.name), now)
