"""The command that must succeed before the dumps are listed: a mount, a tunnel."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from restorecheck.errors import ProviderError
from restorecheck.postgres.dump.machine_facts import changer_of

POLL_SECONDS = 0.2
MOST_SAID = 4096
"""Bytes of the end of the output, of which the last line is reported."""


def run_before(
    arguments: Sequence[str], *, timeout: float, config_file: Path, stop: Callable[[], bool]
) -> None:
    """Start the command, and wait until it ends. What it leaves running (a tunnel) is left alone.

    Not where another user can change the configuration: such a user could have any command run (RC112).

    Raises:
        ProviderError: The command was not run, did not succeed, or took too long.
    """
    changer = changer_of(config_file)
    if changer is not None:
        by = "owns" if changer.by_owning else "can write to"
        raise ProviderError(
            f"dump.before was not run: {changer.who} {by} {changer.place}",
            hint="Let no other user change the configuration; `restorecheck doctor` says more (RC112).",
        )
    # A file, not a pipe: what stays in the background holds a pipe open.
    with tempfile.TemporaryFile() as said:
        code = _code(arguments, timeout, stop, said)
        if code:
            ended = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ProviderError(f"dump.before failed: {arguments[0]}: {_last(said)} ({ended})")


def _code(
    arguments: Sequence[str], timeout: float, stop: Callable[[], bool], said: BinaryIO
) -> int:
    try:
        process = subprocess.Popen(  # a list, never a shell
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as exc:
        raise ProviderError(
            f"dump.before failed: the program {arguments[0]} did not start: {exc.strerror}"
        ) from exc
    for _ in range(max(1, round(timeout / POLL_SECONDS))):
        with suppress(subprocess.TimeoutExpired):
            return process.wait(POLL_SECONDS)
        if stop():
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    raise ProviderError(
        f"dump.before failed: {arguments[0]} did not end within {timeout:g} s",
        hint="Correct the command, or raise dump.before.timeout_seconds.",
    )


def _last(said: BinaryIO) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - MOST_SAID))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:400] if lines else "it printed no reason"
