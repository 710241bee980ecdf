"""Files in folders that a dump's code can write: it may put anything there, and change it at any time.

No link is followed, nothing is waited for, and every read is bounded; every path is opened below an open descriptor.
No other module opens files in a data directory or beside a socket (see tests/unit/postgres/test_untrusted_files.py).
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
"""Also opens files that may not be read; Linux only."""
SMALL = 64 * 1024
"""Bytes of a file that are read; the rest is ignored."""
REMOVERS = 8
"""Threads: removals wait for the file system's journal, but together. 10,000 written files took 12 s one
after the other, and 1.4 s with eight threads (ext4).
"""
AT_ONCE = 4096
"""Names held in memory at a time: a folder may have any number."""
FEW = 64


def open_regular(path: Path) -> BinaryIO:
    """The file, for reading. OSError: it is a link, a pipe or a device, or missing."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


@contextmanager
def folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder. OSError: it is a link, or not a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_small(place: Path, name: str) -> str:
    """The text of a small file in a folder; OSError as above."""
    with folder(place) as held, open_below(held, name) as file:
        return file.read(SMALL).decode(errors="replace")


def open_below(held: int, path: str, flags: int = os.O_RDONLY) -> BinaryIO:
    """The regular file at a relative path below a folder; no link in the path is followed. OSError as above."""
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


def move_below(file: Path, held: int, path: str) -> None:
    """Move a file of the same file system to a relative path, in the place of what is there. OSError as above."""
    with _parent_below(held, path) as (parent, name):
        os.rename(file, name, dst_dir_fd=parent)


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
    """Give a folder and everything in it to another user, except links."""
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
    """Remove everything in a folder, however deep, except the file `but`.

    Deep folders are moved up, so that depth needs neither descriptors nor recursion. All by descriptors,
    because a process that was not found could replace a folder by a link.

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
    """An open descriptor of a folder; an inaccessible one of the present user (chmod 0) is made accessible."""
    known = os.open(name, _O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    try:
        state = os.fstat(known)
        closed = state.st_mode & stat.S_IRWXU != stat.S_IRWXU
        if closed and state.st_uid == os.geteuid() and sys.platform.startswith("linux"):
            os.chmod(f"/proc/self/fd/{known}", stat.S_IRWXU)  # noqa: PTH101  # this folder itself
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    finally:
        os.close(known)


def _remove_files(folder: int, but: str) -> list[str]:
    """Remove the files; returns the names of the folders."""
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
                    )  # raises an error of a thread again
                except RuntimeError:  # no memory for another thread
                    _unlink(folder, names)
            folders += inner
    return folders


def _unlink(folder: int, names: list[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _lift(top: int, name: str, moved: int) -> int:
    """Empty a folder: remove its files, move its folders up; returns how many were moved so far."""
    folder = _opened_up(name, top)
    try:
        for inner in _remove_files(folder, ""):
            moved += 1
            os.close(_opened_up(inner, folder))  # a folder that is moved must be writable itself
            os.rename(inner, f".restorecheck {moved}", src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    return moved
