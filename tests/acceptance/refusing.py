"""The `restorecheck` command where the kernel refuses every namespace, as in most containers: unshare(2) fails.

Usage: refusing.py ARGUMENTS…   Sources: seccomp(2), linux/filter.h, linux/seccomp.h.
"""

import ctypes
import errno
import platform
import struct
import sys

from restorecheck.hosts.cli.arguments import main

UNSHARE = {"x86_64": 272, "aarch64": 97}[platform.machine()]
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ERROR, ALLOW = 0x00050000, 0x7FFF0000
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def refuse():
    code = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD_WORD, 0, 0, 0),  # the number of the call
            (JUMP_IF_EQUAL, 0, 1, UNSHARE),
            (RETURN, 0, 0, ERROR | errno.EPERM),
            (RETURN, 0, 0, ALLOW),
        )
    )
    text = ctypes.create_string_buffer(code, len(code))
    program = Program(4, ctypes.cast(text, ctypes.c_void_p))
    prctl = ctypes.CDLL(None).prctl
    prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    assert prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) == 0


if __name__ == "__main__":
    refuse()
    sys.exit(main(sys.argv[1:]))
