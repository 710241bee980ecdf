"""Where tests keep their files: in memory where there is plenty, because copying data directories
is most of what they do; short either way, because sockets live there.
"""

import os
import shutil
import tempfile
from pathlib import Path

ENOUGH = 6 << 30
"""Bytes. What all workers of a run hold at a time is below one of them."""

LONGEST = 20
"""Characters of a place, below which there is room for the names of sockets."""


def _choose() -> str:
    memory = Path("/dev/shm")
    asked = os.environ.get("TMPDIR")
    if asked and len(asked) <= LONGEST:
        return asked
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH:
        return str(memory)
    return "/tmp"


SHORT = _choose()


def settle() -> None:
    """Whatever a test or what it starts puts into a temporary place, lies here."""
    os.environ["TMPDIR"] = SHORT
    tempfile.tempdir = None  # found anew
