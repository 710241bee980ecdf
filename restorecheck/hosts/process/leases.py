"""Which drills have a living host: each host holds a lock for each drill, and the kernel releases the
lock when the host dies. A pid may be reused; a lock cannot outlive its process.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from restorecheck.errors import BusyError, StoreError


def locks_of(history: Path) -> Path:
    """Folder of the locks of a history's drills: beside the history."""
    return history.with_name(f"{history.name}.locks")


class Lease:
    """Held by a drill's host, from before the drill is stored until its report is written.

    A lease that several processes may request is `permanent`: if its file were removed, one process
    could lock the removed file and another one a new file.
    """

    def __init__(self, path: Path, *, permanent: bool = False) -> None:
        self._path = path
        self._permanent = permanent
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = self._lock()
        except BlockingIOError as exc:
            raise BusyError(
                f"another process has the lock {self._path.name}",
                hint="Wait until the other process ends; `restorecheck status` shows its drill.",
            ) from exc
        except OSError as exc:
            raise StoreError(
                f"could not lock {self._path}: {exc.strerror}",
                hint="Set history.path to a writable place.",
            ) from exc
        return self

    def _lock(self) -> int:
        """A locked descriptor of the present file: `forget` may have removed the opened file before it
        was locked.
        """
        # Other processes hold the lock of a drill only for a short look.
        wait = fcntl.LOCK_NB if self._permanent else 0
        while True:
            # Not inheritable (PEP 446): started programs do not keep the lock.
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | wait)
                if _is_at(descriptor, self._path):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            if not self._permanent:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait for one's turn, among the threads and processes of this machine.

    Raises:
        StoreError: The lock cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise StoreError(f"could not lock {path}: {exc.strerror}") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock. `path` may come from a mark that another user wrote: so
    only regular files are opened, because opening a device may have effects.
    """
    try:
        state = path.lstat()
        if not (stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode)):
            return False
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # cannot be opened: it may belong to another user, so it is spared
    try:
        fcntl.flock(
            descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB
        )  # shared: two looks do not block each other
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def forget(path: Path) -> None:
    """Remove the file of a drill's lease that no process holds; never a permanent one."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, path):
            path.unlink()
    except OSError:
        return  # it is held, or another process removed it
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
