"""Programs that list and read a storage: borg, restic, rclone, or a configured command."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError, TransientError

LISTING_SECONDS = 600.0
"""A program that lists for longer is ended, and the listing is tried again later."""
SILENT_SECONDS = 600.0
"""A program that reads a file and writes nothing for this long is ended, and the file is read again later."""
MOST_LISTED = 256 * 1024 * 1024
"""Bytes of a listing. A longer one is refused: name a narrower path."""
CHUNK = 1024 * 1024
MOST_SAID = 4096
"""Bytes of the end of stderr, of which the last line is reported."""
POLL_SECONDS = 0.5
FATAL = ("Fatal:", "fatal:")
"""Prefixes of the line with the reason, which other lines may follow."""
UNREACHABLE = (
    "connection refused",
    "connection reset",
    "i/o timeout",
    "timed out",
    "no route to host",
    "network is unreachable",
    "no such host",
)
_USERINFO = re.compile(r"://[^/@\s]*@")
"""User part of a URL in a message: it may contain a password."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """How one program is started. Secrets are in `environment`, never among the arguments."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: Sequence[str] = ()
    """Words on stderr that mean: the repository or file does not exist."""
    denied: Sequence[str] = ("permission denied", "access denied", "wrong password")
    """Words on stderr that mean: credentials are missing or wrong."""

    def output(self, arguments: Sequence[str], what: str) -> bytes:
        """The stdout of the program. Raises as `DumpStorage`."""
        found = bytearray()

        def take(data: bytes) -> None:
            found.extend(data)
            if len(found) > MOST_LISTED:
                raise ProviderError(
                    f"could not {what}: {self.name} lists more than {MOST_LISTED // 1024**2} MiB",
                    hint="Use a narrower path in the target.",
                )

        try:
            self._run(arguments, take, what, lambda: False, LISTING_SECONDS)
        except (
            NotFoundError
        ) as exc:  # a wrong name, or a disk that is not mounted: no dump is missing
            hint = "Correct the address of the storage, or mount the disk that the storage is on."
            raise ProviderError(exc.message, hint=hint) from exc
        return bytes(found)

    def stream(
        self, arguments: Sequence[str], to: BinaryIO, what: str, stop: Callable[[], bool]
    ) -> None:
        """Write the stdout of the program to a file. Raises as `DumpStorage`."""
        self._run(arguments, to.write, what, stop, None)

    def _run(
        self,
        arguments: Sequence[str],
        take: Callable[[bytes], object],
        what: str,
        stop: Callable[[], bool],
        limit: float | None,
    ) -> None:
        try:
            process = subprocess.Popen(  # a list, never a shell
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        except OSError as exc:
            raise ProviderError(
                f"could not {what}: the program {arguments[0]} did not start: {exc.strerror}",
                hint=f"Install {self.name} on this machine.",
            ) from exc
        watch = _Watch(process, stop, limit)
        try:
            assert process.stdout is not None, "it is a pipe"
            while data := os.read(process.stdout.fileno(), CHUNK):
                watch.moved()
                take(data)
            process.wait()
        finally:
            watch.end()
        if watch.stopped:
            return
        if watch.late:
            raise TransientError(f"could not {what}: {self.name} did not answer in time")
        if process.returncode:
            raise self._error(process.returncode, watch.said, what)

    def _error(self, code: int, said: str, what: str) -> ProviderError:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        fatal = [line for line in lines if line.startswith(FATAL)]
        because = (
            _USERINFO.sub("://", [*lines, *fatal][-1])[:400] if lines else "it printed no reason"
        )
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        message = f"could not {what}: {self.name} failed: {because} ({ended})"
        low = said.lower()
        if any(word in low for word in UNREACHABLE):
            return TransientError(message)
        if any(word in low for word in self.missing):
            return NotFoundError(message)
        if any(word in low for word in self.denied):
            return AccessDeniedError(message)
        return TransientError(message)


class _Watch:
    """Reads stderr beside stdout, and ends a program that is stopped or exceeds its time."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", stop: Callable[[], bool], limit: float | None
    ) -> None:
        self.stopped = self.late = False
        self._process, self._stop, self._limit = process, stop, limit
        self._said = bytearray()
        self._silent = self._all = 0.0
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._hear, self._look)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def said(self) -> str:
        return self._said.decode(errors="replace")

    def moved(self) -> None:
        self._silent = 0.0

    def end(self) -> None:
        """End the program and all of its children."""
        self._ended.set()
        if self._process.poll() is None:
            self._kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _hear(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None, "it is a pipe"
        while data := os.read(pipe.fileno(), CHUNK):
            self._said.extend(data)
            del self._said[:-MOST_SAID]

    def _look(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            self._silent += POLL_SECONDS
            self._all += POLL_SECONDS
            late = self._silent >= SILENT_SECONDS or (self._limit and self._all >= self._limit)
            if self._stop() or late:
                self.stopped, self.late = not late, bool(late)
                self._kill()
                return

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
