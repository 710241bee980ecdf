"""Which files a target's path names, the newest first."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from restorecheck.errors import AccessDeniedError, NotFoundError

BESIDES = (
    ".log", ".txt", ".md", ".json", ".yaml", ".yml", ".sha256", ".sha512", ".sha1", ".md5", ".sig",
    ".minisig", ".part", ".tmp", ".partial", ".swp",
)  # fmt: skip
"""Endings of what people keep beside their dumps; passed over in a folder, not in a glob."""


@dataclass(frozen=True, slots=True)
class Candidates:
    files: tuple[Path, ...]
    """Files and directory-format dumps, the newest first."""
    ignored: tuple[Path, ...] = ()


def candidates(path: str) -> Candidates:
    """What may be a dump.

    Args:
        path: A file, a folder of dumps, a folder that is a directory-format dump, or a glob.

    Raises:
        NotFoundError: There is nothing of that name.
        AccessDeniedError: It cannot be read.
    """
    place = Path(path)
    try:
        if (place / "toc.dat").is_file():
            return Candidates((place,))
        if place.is_dir():
            return _in_folder(place)
        if place.is_file():
            return Candidates((place,))
        if place.exists():
            raise NotFoundError(
                f"{path} is neither a file nor a folder",
                hint="A pipe or device cannot be looked into twice; write the dump to a file.",
            )
    except PermissionError as exc:
        raise _denied(path, exc) from exc
    if not glob.has_magic(path):
        raise NotFoundError(
            f"there is no file or folder {path}",
            hint="Correct the target's path, or look why the backup job wrote nothing.",
        )
    return _matching(path)


def _in_folder(folder: Path) -> Candidates:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except PermissionError as exc:
        raise _denied(str(folder), exc) from exc
    ignored = [e for e in entries if e.suffix.lower() in BESIDES or not _is_candidate(e)]
    files = [entry for entry in entries if entry not in set(ignored)]
    return Candidates(_newest_first(files), tuple(sorted(ignored)))


def _matching(pattern: str) -> Candidates:
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    if not base.is_dir():
        raise NotFoundError(
            f"there is no folder {base}", hint="Correct the target's path: it names this folder."
        )
    if not os.access(base, os.R_OK | os.X_OK):
        raise _denied(str(base), None)
    files = [Path(name) for name in glob.glob(pattern)]  # noqa: PTH207  # the pattern is absolute; Path.glob takes relative ones
    return Candidates(_newest_first([file for file in files if _is_candidate(file)]))


def _is_candidate(path: Path) -> bool:
    return path.is_file() or (path / "toc.dat").is_file()


def _newest_first(files: list[Path]) -> tuple[Path, ...]:
    return tuple(sorted(files, key=lambda file: (_modified(file), file.name), reverse=True))


def _modified(path: Path) -> int:
    try:
        return (path / "toc.dat" if path.is_dir() else path).stat().st_mtime_ns
    except OSError:
        return 0


def _denied(path: str, exc: OSError | None) -> AccessDeniedError:
    reason = exc.strerror if exc else "Permission denied"
    return AccessDeniedError(
        f"{path} cannot be read: {reason}",
        hint="Give the user that runs restorecheck the right to read it.",
    )
