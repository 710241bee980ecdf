"""The folder with PostgreSQL's programs that restorecheck copied, unpacked or installed.

Its entries are complete: each is made under another name and renamed. What a killed process left is
removed by the next one that makes an entry.
"""

import errno
import fcntl
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restorecheck.errors import AccessDeniedError, CapacityError, ProviderError

UNFINISHED = ".building-"
LOCK = ".lock"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
ANOTHER = "Name another folder in postgres.cache_dir."


def default_cache() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/restorecheck")
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "restorecheck"


def unpacked(archive: Path, cache: Path) -> Path:
    """The bin directory of an archive `NAME.tar.gz` of the folder `NAME`, unpacked once. Raises as `building`."""
    key = archive.name.removesuffix(".tar.gz")
    if not (cache / key).exists():
        with building(cache, key) as folder, tarfile.open(archive, "r:gz") as tar:
            _extract(tar, folder)
    return cache / key / key / "bin"


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Without the owners of the archive. The Python of Debian 12 (3.11.2) has no filters."""
    for member in tar.getmembers():
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
    if hasattr(tarfile, "data_filter"):
        tar.extraction_filter = tarfile.data_filter
    tar.extractall(folder)  # noqa: S202  # archives whose hash is pinned, or of an installed wheel


@contextmanager
def building(cache: Path, key: str) -> Iterator[Path]:
    """A folder that gets its name only when it is complete. Another process may make the same one.

    Raises:
        AccessDeniedError: Another user could put programs there, or it cannot be written.
        CapacityError: The disk is full.
        ProviderError: It cannot be made for another reason.
    """
    make_cache(cache)
    try:
        with passing(cache) as folder:
            yield folder
            open_for_reading(folder)
            _named(folder, cache / key)
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise ProviderError(f"could not unpack {key}: {exc}") from exc
    except OSError as exc:
        raise _refused(exc, cache) from exc


@contextmanager
def passing(cache: Path) -> Iterator[Path]:
    """A folder in the cache that ends with the block; what a killed process left ends with the next one.

    Raises:
        AccessDeniedError: The cache cannot be written.
        CapacityError: The disk is full, also within the block.
    """
    try:
        folder, held = _begun(cache)
    except OSError as exc:
        raise _refused(exc, cache) from exc
    try:
        yield folder
    except OSError as exc:
        if exc.errno in FULL:
            raise _refused(exc, cache) from exc
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _refused(exc: OSError, cache: Path) -> ProviderError:
    said = f"the cache folder {cache} cannot be written: {exc.strerror}"
    if exc.errno in FULL:
        return CapacityError(said, hint=ANOTHER)
    return AccessDeniedError(said, hint=ANOTHER)


def _begun(cache: Path) -> tuple[Path, int]:
    """A new folder, and a descriptor that locks it while this process lives."""
    with (cache / LOCK).open("w") as lock:
        # A folder without its lock would look like that of a killed process.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for abandoned in cache.glob(f"{UNFINISHED}*"):
            _remove_unless_held(abandoned)
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=cache))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    return folder, held


def _remove_unless_held(folder: Path) -> None:
    with suppress(OSError):
        held = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)


def _named(folder: Path, name: Path) -> None:
    try:
        folder.rename(name)
    except OSError:
        if not name.exists():  # else another process made it
            raise


def make_cache(cache: Path) -> None:
    """Make the folder; only its owner may write to it.

    Raises:
        AccessDeniedError: Another user could put programs there.
    """
    try:
        if not cache.exists():
            cache.mkdir(parents=True, exist_ok=True)
            cache.chmod(0o755)  # whatever the umask is: the user of a drill runs the programs
        cache.stat()
    except OSError as exc:
        raise AccessDeniedError(
            f"the cache folder {cache} cannot be made: {exc.strerror}", hint=ANOTHER
        ) from exc
    if not is_ours(cache):
        raise AccessDeniedError(
            f"the cache folder {cache} belongs to another user or can be written by others",
            hint=ANOTHER,
        )


def is_ours(cache: Path) -> bool:
    """Whether only this user and root can put programs there; False: also if it does not exist."""
    try:
        state = cache.stat()
    except OSError:
        return False
    return state.st_uid in {0, os.geteuid()} and not state.st_mode & 0o022


def open_for_reading(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o777
            readable = mode | 0o444
            executable = readable | 0o111 if path.is_dir() or mode & 0o100 else readable
            path.chmod(executable & ~0o022)


def write(path: Path, text: str) -> None:
    """Replace a file of the cache whole. Raises AccessDeniedError, CapacityError."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as exc:
        raise _refused(exc, path.parent) from exc
