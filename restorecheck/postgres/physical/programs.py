"""Runs programs that read a backup, in a thread of the drill."""

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from restorecheck.errors import ProviderError
from restorecheck.postgres.server import processes
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.processes import Birth, Fence, Program

LOOKS = 0.2
"""Seconds between two looks whether the drill has ended."""
MOST = 300
"""Characters of a message line that are shown; the rest is cut."""


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    code: int
    out: str
    err: str

    @property
    def how(self) -> str:
        return f"exited with {processes.describe_exit(self.code)}: {self.last_line}"

    @property
    def first_line(self) -> str:
        return self._line(0)

    @property
    def last_line(self) -> str:
        return self._line(-1)

    def _line(self, index: int) -> str:
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return printable(lines[index]) if lines else "no message"


def printable(text: str) -> str:
    """A printable message: another program may print bytes of the repository."""
    return "".join(c if c.isprintable() else "?" for c in text)[:MOST]


def run(
    argv: Sequence[str | Path],
    *,
    directory: Path,
    account: OsUser | None,
    stop: threading.Event,
    within: Fence | None = None,
    environment: Mapping[str, str] | None = None,
    record: Callable[[tuple[Birth, ...]], None] | None = None,
) -> ProgramEnd:
    """`environment`: more variables, with secrets. `record`: for a program without a fence, as `Fence.record`.

    Raises:
        ProviderError: It cannot be started, or the drill ended meanwhile.
    """
    process = processes.spawn(
        argv,
        directory=directory,
        account=account,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        extra_environment={"TZ": "UTC", **(environment or {})},
        within=within,
    )
    if record is not None and process.inner is not None:
        record((process.inner,))
    with process:
        try:
            out, err = _answer(process, stop)
        finally:
            if process.poll() is None:
                process.kill()
    texts = (text.decode(errors="replace") for text in (out, err))
    return ProgramEnd(process.returncode, *texts)


def _answer(process: Program, stop: threading.Event) -> tuple[bytes, bytes]:
    while True:
        try:
            return process.communicate(timeout=LOOKS)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                raise ProviderError("the drill has ended") from None
