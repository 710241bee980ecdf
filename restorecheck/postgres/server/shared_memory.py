"""What a server that was killed leaves in the kernel's memory.

PostgreSQL makes one small System V segment a data directory, by which the next server over it
would notice survivors. A server that ends removes it; one that was killed cannot, and over a
throw-away directory there is no next one. In an IPC namespace of its own it goes with the server.
Sources: src/backend/port/sysv_shmem.c, src/include/storage/pg_shmem.h; proc_sysvipc(5).
"""

import ctypes
import os
import struct
import sys
from collections.abc import Collection
from pathlib import Path

SEGMENTS = Path("/proc/sysvipc/shm")
_IPC_RMID = 0
_SHM_RDONLY = 0o10000
_FAILED = ctypes.c_void_p(-1).value
MAGIC = struct.pack("=i", 679834894)
"""How PostgreSQL's segments begin (`PGShmemMagic`)."""
HEADER = 64
"""Bytes: the header has 56, and the kernel gives whole pages."""
KEYS = 1000
"""The key is the inode of the data directory, or a number after it where that one is taken (since PostgreSQL 13):
others are not looked into.
"""


def free(makers: Collection[int], uid: int | None, data: Path) -> None:
    """Remove the segments that no process uses, and that one of these processes has made, or that name this
    data directory: initdb starts servers that nobody else knows.

    `uid`: who must own what the processes made; None: the present user. Linux only: elsewhere nothing says who
    has made a segment.
    """
    if not sys.platform.startswith("linux"):
        return
    owner = os.geteuid() if uid is None else uid
    try:
        segments = [[int(word) for word in line.split()] for line in _lines()]
    except (OSError, ValueError):
        return
    libc = ctypes.CDLL(None)
    for key, number, _mode, _size, maker, _last, attached, owned_by, *_ in segments:
        made = maker in makers and owned_by == owner
        if not attached and (made or _is_over(libc, key, number, data)):
            libc.shmctl(number, _IPC_RMID, None)


def _is_over(libc: ctypes.CDLL, key: int, number: int, data: Path) -> bool:
    """Whether the segment says that it belongs to this directory, as the next server over it would ask."""
    try:
        state = data.lstat()
    except OSError:
        return False
    if (key - state.st_ino) % 2**32 >= KEYS:
        return False
    libc.shmat.restype, libc.shmat.argtypes = (
        ctypes.c_void_p,
        (ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
    )
    libc.shmdt.argtypes = (ctypes.c_void_p,)
    place = libc.shmat(number, None, _SHM_RDONLY)
    if place == _FAILED:
        return False
    header = ctypes.string_at(place, HEADER)
    libc.shmdt(place)
    return header.startswith(MAGIC) and struct.pack("=QQ", state.st_dev, state.st_ino) in header


def _lines() -> list[str]:
    """Of `key shmid perms size cpid lpid nattch uid …`."""
    return SEGMENTS.read_text().splitlines()[1:]
