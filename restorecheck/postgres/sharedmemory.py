"""What a server that was killed leaves in the kernel's memory.

PostgreSQL makes one small System V segment a data directory, by which the next server over it
would notice survivors. A server that ends removes it; one that was killed cannot, and over a
throw-away directory there is no next one.
Sources: src/backend/port/sysv_shmem.c; src/include/utils/pidfile.h, LOCK_FILE_LINE_SHMEM_KEY.
"""

import ctypes
import sys
from pathlib import Path

from restorecheck.postgres.theirs import read_small

SEGMENTS = Path("/proc/sysvipc/shm")
_LINE = 7
_IPC_RMID = 0


def free(data_directory: Path) -> None:
    """Remove the segment that the directory's own lock file names, where nobody uses it.

    Linux only: elsewhere nothing says whether a segment is in use.
    """
    named = _named(data_directory)
    if named is None or not sys.platform.startswith("linux"):
        return
    try:
        owner = data_directory.stat().st_uid
        segments = [[int(word) for word in line.split()] for line in _lines()]
    except (OSError, ValueError):
        return
    for key, number, _mode, _size, _maker, _last, attached, owned_by, *_ in segments:
        if (key, number) == named and not attached and owned_by == owner:
            ctypes.CDLL(None).shmctl(number, _IPC_RMID, None)


def _lines() -> list[str]:
    """Of `key shmid perms size cpid lpid nattch uid …`; see proc_sysvipc(5)."""
    return SEGMENTS.read_text().splitlines()[1:]


def _named(data_directory: Path) -> tuple[int, int] | None:
    """Key and number of the segment; None when there was never one, or it is removed."""
    try:
        lines = read_small(data_directory / "postmaster.pid").split("\n")
        key, number = lines[_LINE - 1].split()
        # The key is printed without its sign, the kernel lists it with one.
        return ctypes.c_int32(int(key)).value, int(number)
    except (OSError, ValueError, IndexError):
        return None
