"""Shared memory of a killed server.

PostgreSQL makes one small System V segment for each data directory, by which the next server would
notice surviving processes. A killed server cannot remove its segment, and a throw-away directory has
no next server. In an IPC namespace the kernel removes the segment with the server.
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
"""First bytes of PostgreSQL's segments (`PGShmemMagic`)."""
HEADER = 64
"""Bytes that are read: the header has 56, and the kernel allocates whole pages."""
KEYS = 1000
"""Keys that are searched: the key is the inode of the data directory, or one of the next numbers if that is
used (since PostgreSQL 13).
"""


def free(makers: Collection[int], uid: int | None, data: Path) -> None:
    """Remove the unused segments that one of these processes made, or that name this data directory: the
    servers that initdb starts are not in `makers`.

    `uid`: owner of the segments; None: the present user. Linux only: elsewhere the maker of a segment is not
    known.
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
    """Whether the segment names this data directory, tested as the next server would."""
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
    """Lines of `key shmid perms size cpid lpid nattch uid …`."""
    return SEGMENTS.read_text().splitlines()[1:]
