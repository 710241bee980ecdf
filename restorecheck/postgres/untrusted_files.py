"""Files in places that a dump's code can write: it may have put anything there, and changes it at any time.

Nothing is followed, waited for, or read without an end; everything is opened below a descriptor that is held.
No other module opens what lies in a data directory or beside a socket (tests/unit/postgres/test_untrusted_files.py looks).
"""

import os
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

_O_PATH = getattr(os, "O_PATH", os.O_RDONLY)
"""Opens also what may not be read; Linux."""
SMALL = 64 * 1024
REMOVERS = 8
"""A removal waits for the file system's journal, several wait together: 10,000 files that had reached the
disk took 12 s one after the other, 1.4 s by eight threads (ext4).
"""
AT_ONCE = 4096
"""Names that are held in memory: there may be any number."""
FEW = 64


def open_regular(path: Path) -> BinaryIO:
    """The file, for reading. OSError where it is a link, a pipe, a device or none at all."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


@contextmanager
def folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder. OSError where its name is a link, or something else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_small(place: Path, name: str) -> str:
    """The text of a file that has a few lines, in a folder; OSError as above."""
    with folder(place) as held, open_below(held, name) as file:
        return file.read(SMALL).decode(errors="replace")


def open_below(held: int, path: str, flags: int = os.O_RDONLY) -> BinaryIO:
    """The regular file at a relative path below a folder; no part of the path is followed. OSError as above."""
    with _parent_below(held, path) as (parent, name):
        descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "rb")


def unlink_below(held: int, path: str) -> None:
    """Remove one file. OSError as above."""
    with _parent_below(held, path) as (parent, name):
        os.unlink(name, dir_fd=parent)


@contextmanager
def _parent_below(held: int, path: str) -> Iterator[tuple[int, str]]:
    *folders, name = path.split("/")
    here = os.dup(held)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        yield here, name
    finally:
        os.close(here)


def give_all(place: Path, uid: int, gid: int) -> None:
    """A folder and everything in it to another user. Links and names that lead elsewhere stay as they are."""
    with folder(place) as held:
        _give_below(held, uid, gid)


def _give_below(held: int, uid: int, gid: int) -> None:
    os.fchown(held, uid, gid)
    with os.scandir(held) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if not is_folder:
            os.chown(name, uid, gid, dir_fd=held, follow_symlinks=False)
            continue
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held)
        try:
            _give_below(inner, uid, gid)
        finally:
            os.close(inner)


def remove_all(folder: Path, *, but: str = "") -> None:
    """Everything in a folder, however deep; `but`, a file in it, stays.

    What lies deep is moved up, so that depth costs neither descriptors nor recursion. By descriptors,
    because a process that was not found could put a link in a folder's place.

    Raises:
        OSError: Something cannot be removed.
    """
    top = _opened_up(str(folder), None)
    try:
        moved = 0
        while folders := _remove_files(top, but):
            for name in folders:
                moved = _lift(top, name, moved)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)


def _opened_up(name: str, within: int | None) -> int:
    """A folder, opened; one of the present user's that was closed (chmod 0) is made accessible first."""
    known = os.open(name, _O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    try:
        state = os.fstat(known)
        closed = state.st_mode & stat.S_IRWXU != stat.S_IRWXU
        if closed and state.st_uid == os.geteuid() and sys.platform.startswith("linux"):
            os.chmod(f"/proc/self/fd/{known}", stat.S_IRWXU)  # noqa: PTH101  # the very folder
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    finally:
        os.close(known)


def _remove_files(folder: int, but: str) -> list[str]:
    """Returns the names of the folders in it."""
    folders = []
    with ThreadPoolExecutor(REMOVERS) as pool, os.scandir(folder) as entries:
        while some := list(islice(entries, AT_ONCE)):
            inner = [e.name for e in some if e.is_dir(follow_symlinks=False)]
            spared = {*inner, but}
            names = [e.name for e in some if e.name not in spared]
            if len(names) < FEW:
                _unlink(folder, names)
            else:
                parts = [names[first::REMOVERS] for first in range(REMOVERS)]
                try:
                    list(
                        pool.map(partial(_unlink, folder), parts)
                    )  # raises what one of them raised
                except RuntimeError:  # too little memory for another thread
                    _unlink(folder, names)
            folders += inner
    return folders


def _unlink(folder: int, names: list[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _lift(top: int, name: str, moved: int) -> int:
    """Empty a folder: its files are removed, its folders move up; how many have moved by now."""
    folder = _opened_up(name, top)
    try:
        for inner in _remove_files(folder, ""):
            moved += 1
            os.close(_opened_up(inner, folder))  # a folder that is moved must be writable itself
            os.rename(inner, f".restorecheck {moved}", src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    return moved
