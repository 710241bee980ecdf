"""What a server that was killed leaves in the kernel's memory.

PostgreSQL makes one small System V segment a data directory, by which the next server over it
would notice survivors. A server that ends removes it; one that was killed cannot, and over a
throw-away directory there is no next one. In an IPC namespace of its own it goes with the server.
Sources: src/backend/port/sysv_shmem.c; proc_sysvipc(5).
"""

import ctypes
import os
import sys
from collections.abc import Collection
from pathlib import Path

SEGMENTS = Path("/proc/sysvipc/shm")
_IPC_RMID = 0


def free(makers: Collection[int], uid: int | None) -> None:
    """Remove the segments that one of these processes has made, where no process uses them.

    `uid`: whose they must be; None: of the present user. Linux only: elsewhere nothing says who has made them.
    """
    if not sys.platform.startswith("linux"):
        return
    owner = os.geteuid() if uid is None else uid
    try:
        segments = [[int(word) for word in line.split()] for line in _lines()]
    except (OSError, ValueError):
        return
    for _key, number, _mode, _size, maker, _last, attached, owned_by, *_ in segments:
        if maker in makers and not attached and owned_by == owner:
            ctypes.CDLL(None).shmctl(number, _IPC_RMID, None)


def _lines() -> list[str]:
    """Of `key shmid perms size cpid lpid nattch uid …`."""
    return SEGMENTS.read_text().splitlines()[1:]
