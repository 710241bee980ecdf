"""Waits for a program of the user's, and keeps the end of what it prints."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from restorecheck.postgres.server.processes import Program

MOST_SAID = 4096
"""Bytes of the end of the output that are kept; the rest is thrown away."""
LONGEST_LINE = 400
"""Characters of its last line that may be shown."""
ENDS_WITHIN = 10.0
"""Seconds for the end of a killed program."""


def await_end(started: Program, seconds: float) -> tuple[int | None, str]:
    """Its exit code and the last line of its output, which is a pipe. None: it was killed after so many seconds.

    Its output may be data of a restored database.
    """
    assert started.stdout is not None, "the output is a pipe"
    with _keeping(started, started.stdout) as said:
        try:
            code = started.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
    return code, _last_line(bytes(said))


@contextmanager
def _keeping(started: Program, stream: IO[bytes]) -> Iterator[bytearray]:
    """Read to the end, so that the program is never blocked. Whatever happens, it has ended afterwards."""
    said = bytearray()
    reader = threading.Thread(target=_keep_end, args=(stream, said), daemon=True)
    reader.start()
    try:
        yield said
    finally:
        if started.poll() is None:
            started.kill()
            with suppress(subprocess.TimeoutExpired):
                started.wait(ENDS_WITHIN)
        reader.join(ENDS_WITHIN)
        stream.close()


def _keep_end(stream: IO[bytes], said: bytearray) -> None:
    with suppress(OSError, ValueError):
        while data := stream.read1(65_536):  # type: ignore[attr-defined]  # of a pipe
            said += data
            del said[:-MOST_SAID]


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    shown = "".join(c if c.isprintable() else " " for c in lines[-1]) if lines else ""
    return shown[:LONGEST_LINE]
