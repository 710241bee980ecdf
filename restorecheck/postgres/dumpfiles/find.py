"""The files at a target's path, the newest first."""

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from restorecheck.errors import AccessDeniedError, NotFoundError
from restorecheck.postgres.dumpfiles.folders import name_folder
from restorecheck.postgres.dumpfiles.foreign import SIGNATURE
from restorecheck.postgres.dumpfiles.magic import HEAD, begins_a_dump
from restorecheck.postgres.dumpfiles.names import is_about, is_unfinished, looks_beside
from restorecheck.postgres.dumpfiles.pieces import state_of, without_later_pieces


@dataclass(frozen=True, slots=True)
class Candidates:
    files: tuple[Path, ...]
    """Files and directory-format dumps, the newest first; for a link its target, for a file in pieces the first
    piece. A folder with another kind of backup is the only item.
    """
    ignored: tuple[Path, ...] = ()
    """Other files beside dumps."""


def candidates(path: str) -> Candidates:
    """Find the files that may be dumps.

    Args:
        path: A file, a folder of dumps, a folder that is a directory-format dump, or a glob.

    Raises:
        NotFoundError: The path does not exist.
        AccessDeniedError: It cannot be read.
    """
    place = Path(path)
    try:
        if (place / "toc.dat").is_file() or (place.is_dir() and name_folder(place)):
            return Candidates((_itself(place),))
        if place.is_dir():
            return _in_folder(place)
        if place.is_file():
            return Candidates((_itself(place),))
        if place.exists():
            raise NotFoundError(
                f"{path} is neither a file nor a folder",
                hint="Write the dump to a file: a pipe or device cannot be read twice.",
            )
    except PermissionError as exc:
        raise _denied(path, exc) from exc
    if place.is_symlink():
        raise NotFoundError(
            f"{path} is a symbolic link to {place.readlink()}, which does not exist",
            hint="Correct the link, or check why the backup job wrote no dump.",
        )
    if not glob.has_magic(path):
        raise NotFoundError(
            f"{path} does not exist",
            hint="Correct the path of the target, or check why the backup job wrote no dump.",
        )
    return _matching(path)


DEPTH, MOST_FOLDERS = 3, 200
"""Of folders below one without dumps: how deep, and how many of each."""


def deeper(folder: Path, depth: int = 1) -> str:
    """A glob of the files below this folder, which has none itself; empty: there are none."""
    try:
        inner = sorted(
            path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
        )[:MOST_FOLDERS]
        if any(_in_folder(path).files for path in inner):
            return str(Path(folder, "*", "*"))
    except (OSError, AccessDeniedError):
        return ""
    if depth == DEPTH:
        return ""
    below = (deeper(path, depth + 1) for path in inner)
    found = next((glob_ for glob_ in below if glob_), "")
    return str(Path(folder, "*", *Path(found).parts[len(folder.parts) + 1 :])) if found else ""


def _in_folder(folder: Path) -> Candidates:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except PermissionError as exc:
        raise _denied(str(folder), exc) from exc
    return _among(entries)


def _matching(pattern: str) -> Candidates:
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    if not base.is_dir():
        raise NotFoundError(
            f"the folder {base} does not exist",
            hint="Correct the path of the target, which contains this folder.",
        )
    if not os.access(base, os.R_OK | os.X_OK):
        raise _denied(str(base), None)
    files = [Path(name) for name in glob.glob(pattern)]  # noqa: PTH207  # the pattern is absolute; Path.glob takes relative ones
    return _among(files)


def _among(entries: list[Path]) -> Candidates:
    names = frozenset(entry.name for entry in entries)
    files = [entry for entry in entries if _is_candidate(entry, names)]
    if not files:
        files = [entry for entry in entries if entry.is_dir() and name_folder(entry)]
    ignored = tuple(sorted(set(entries) - set(files)))
    return Candidates(_newest_first(without_later_pieces(_once(files))), ignored)


def _is_candidate(path: Path, names: frozenset[str]) -> bool:
    if not path.is_file():
        return (path / "toc.dat").is_file()
    if is_unfinished(path.name, names):
        return False
    if looks_beside(path.name) or is_about(path.name, names):
        # Dumps may also be named `db.txt`.
        return begins_a_dump(_head(path))
    return path.suffix != ".asc" or not _head(path).startswith(SIGNATURE)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _once(files: Iterable[Path]) -> list[Path]:
    """Each file by one name: `latest.dump` may be a link to another one, or a second name."""
    by_identity: dict[tuple[int, int], Path] = {}
    for file in map(_itself, files):
        try:
            state = file.stat()
        except OSError:
            continue  # just deleted
        known = by_identity.setdefault((state.st_dev, state.st_ino), file)
        if _digits(file) > _digits(known):
            by_identity[state.st_dev, state.st_ino] = file
    return list(by_identity.values())


def _itself(path: Path) -> Path:
    return path.resolve() if path.is_symlink() else path


def _digits(path: Path) -> int:
    """Sort key: a name with a date is preferred to `latest`."""
    return sum(letter.isdigit() for letter in path.name)


def _newest_first(files: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(files, key=lambda file: (_modified(file), file.name), reverse=True))


def _modified(path: Path) -> int:
    try:
        toc = path / "toc.dat"
        return toc.stat().st_mtime_ns if toc.is_file() else state_of(path)[1]
    except OSError:
        return 0


def _denied(path: str, exc: OSError | None) -> AccessDeniedError:
    reason = exc.strerror if exc else "Permission denied"
    return AccessDeniedError(
        f"{path} cannot be read: {reason}",
        hint="Give the user that runs restorecheck the right to read it.",
    )
