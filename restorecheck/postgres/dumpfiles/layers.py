"""Removes compression and encryption around a dump, by its bytes and not by the file name."""

import io
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.dumpfiles import streams
from restorecheck.postgres.dumpfiles.budget import Budget
from restorecheck.postgres.dumpfiles.containers import Member, open_container
from restorecheck.postgres.dumpfiles.foreign import (
    is_foreign,
    is_text,
    looks_like_sql,
    looks_random,
)
from restorecheck.postgres.dumpfiles.magic import HEAD, is_archive, is_tar, packing_of
from restorecheck.postgres.dumpfiles.pieces import open_pieces, state_of
from restorecheck.postgres.dumpfiles.unreadable import (
    DamagedLayerError,
    OthersFormatError,
    UnusableLayerError,
)
from restorecheck.postgres.server.processes import describe_exit, die_with_parent

__all__ = ["HEAD", "DamagedLayerError", "Decryption", "Layers", "UnusableLayerError", "open_layers"]

MAX_LAYERS = 6
"""Formats within one another; a file with more is not read."""
ENCRYPTED_SUFFIXES = (
    ".age", ".gpg", ".pgp", ".asc", ".enc", ".aes", ".crypt", ".crypted", ".encrypted",
)  # fmt: skip

ENCRYPTED = frozenset({"age", "gpg", "openssl", "encrypted"})
BY_OTHERS = frozenset(
    {"7z", "rar", "legacy lz4", "lzop", "lzip", "lrzip", "snappy", "cab", "cpio", "base64",
     "uuencoded text", "zip with a password"}
)  # fmt: skip
"""Formats that other programs unpack: `decrypt` may name one."""
COMMANDED = ENCRYPTED | BY_OTHERS


@dataclass(frozen=True, slots=True)
class Layers:
    stream: BinaryIO
    """Buffered; `peek` works. Reading to the end raises DamagedLayerError if a layer is truncated."""
    names: tuple[str, ...]
    folder: Iterator[Member] | None = None
    """The files of a packed directory-format dump; then `stream` is not used."""


class Decryption:
    """The configured command, and its running processes."""

    def __init__(self, command: Sequence[str], *, does: str = "decrypted") -> None:
        self.command = tuple(command)
        self.does = does
        self._running: set[subprocess.Popen[bytes]] = set()
        self._canceled = False

    def start(self) -> subprocess.Popen[bytes]:
        """A process with pipes for everything.

        Raises:
            UnusableLayerError: It cannot be run.
        """
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509  # one prctl call, no Python locks
            )
        except OSError as exc:
            raise UnusableLayerError(
                f"cannot be {self.does}: could not run {self.command[0]}: {exc.strerror}",
                hint="Install the program, or correct decrypt in the configuration."
                if self.does == "decrypted"
                else "Install the program.",
            ) from exc
        self._running.add(process)
        if self._canceled:
            process.kill()
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        self._running.discard(process)

    def cancel(self) -> None:
        """End the running processes; a reader gets the error of a failed command."""
        self._canceled = True
        for process in tuple(self._running):
            process.kill()


@contextmanager
def open_layers(path: Path, decryption: Decryption | None) -> Iterator[Layers]:
    """The unpacked bytes of a file, or of all pieces if the file is the first one.

    Raises:
        UnusableLayerError: It is encrypted and no command is configured, or the command cannot be run; it needs
            another program to unpack, or exceeds the budget; also while reading.
        DamagedLayerError: A layer ends early or is corrupt; also while reading.
    """
    with ExitStack() as stack:
        stream, names = stack.enter_context(open_pieces(path))
        budget = Budget(state_of(path)[0])
        while name := layer_of(
            stream.peek(HEAD)[:HEAD], path, names, decrypts=decryption is not None
        ):
            if len(names) == MAX_LAYERS:
                raise _too_deep()
            if name in {"zip", "tar"}:
                content = stack.enter_context(open_container(stream, name, budget))
                if content.folder is not None:
                    yield Layers(cast(BinaryIO, stream), (*names, name), content.folder)
                    return
                stream = content.stream
            else:
                once = None if COMMANDED & set(names) else decryption
                stream = stack.enter_context(_peel(stream, name, once, budget))
            names = (*names, name)
        yield Layers(cast(BinaryIO, stream), names)


def layer_of(head: bytes, path: Path, names: Sequence[str], *, decrypts: bool) -> str | None:
    """The layer that begins with these bytes; None: the content itself.

    Args:
        head: The first bytes.
        path: Its name may be that of an encrypted file.
        names: The layers around it.
        decrypts: A command is configured: it gets every unknown content.
    """
    name = packing_of(head)
    if name is not None:
        return name
    if is_tar(head):
        return None if head.startswith(b"toc.dat\0") else "tar"
    return "encrypted" if _may_be_encrypted(head, path, names, decrypts=decrypts) else None


def _may_be_encrypted(head: bytes, path: Path, names: Sequence[str], *, decrypts: bool) -> bool:
    if not head or is_archive(head) or is_foreign(head):
        return False
    if ENCRYPTED & set(names):
        if looks_random(head):
            raise UnusableLayerError(
                "was decrypted, but the result is not a dump",
                hint="Check whether decrypt uses the right key.",
            )
        return False
    named = path.suffix.lower() in ENCRYPTED_SUFFIXES
    if is_text(head):
        return named and not looks_like_sql(head)
    return named or decrypts or looks_random(head)


def _too_deep() -> UnusableLayerError:
    return UnusableLayerError(
        f"is packed more than {MAX_LAYERS} times",
        hint="Compress the dump only once, with gzip or zstd.",
    )


@contextmanager
def _peel(
    stream: io.BufferedReader, name: str, decryption: Decryption | None, budget: Budget
) -> Iterator[io.BufferedReader]:
    if name == "compress":
        # Python has no reader for it; gzip has.
        gzip = Decryption(("gzip", "--decompress", "--stdout"), does="decompressed")
        with _decrypted(stream, gzip, budget) as plain:
            yield plain
    elif name in COMMANDED:
        if decryption is None:
            raise _unread(name)
        with _decrypted(stream, decryption, budget) as plain:
            yield plain
    else:
        yield streams.decompressed(stream, name, budget)


def _unread(name: str) -> UnusableLayerError:
    if name in BY_OTHERS:
        return OthersFormatError(
            f"is packed as {name}, which this version cannot read",
            hint="Compress with gzip, zstd, bzip2, xz or lz4 instead, or set decrypt: a command that "
            "reads the file on stdin and writes the dump to stdout.",
        )
    known = name != "encrypted"
    return UnusableLayerError(
        ("is encrypted" if known else "is encrypted or of an unknown format")
        + ", and no command to decrypt it is configured",
        hint="Set decrypt: [command, argument, …] for this target: a program that reads the "
        "file on stdin and writes the dump to stdout.",
    )


@contextmanager
def _decrypted(
    stream: io.BufferedReader, decryption: Decryption, budget: Budget
) -> Iterator[io.BufferedReader]:
    """The command's standard output; its standard input is fed from the stream."""
    process = decryption.start()
    errors: list[bytes] = []
    unfed: list[RestorecheckError] = []
    threads = [
        threading.Thread(target=_feed, args=(stream, process, unfed), daemon=True),
        threading.Thread(target=lambda: errors.append(_tail(process)), daemon=True),
    ]
    for thread in threads:
        thread.start()
    assert process.stdout is not None, "a pipe"
    ended = _Ended(process, errors, unfed, threads[1], decryption)
    try:
        yield io.BufferedReader(_Judged(process.stdout, ended, budget), buffer_size=1 << 18)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        decryption.ended(process)
        for thread in threads:
            thread.join(timeout=10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            _close(pipe)


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:
        return  # the reader has ended


def _feed(
    stream: io.BufferedReader, process: subprocess.Popen[bytes], unfed: list[RestorecheckError]
) -> None:
    assert process.stdin is not None, "a pipe"
    try:
        while chunk := stream.read(1 << 17):
            process.stdin.write(chunk)
    except (DamagedLayerError, UnusableLayerError) as exc:
        unfed.append(exc)
    except (OSError, ValueError):
        pass  # the command ended: its exit code tells
    _close(process.stdin)


def _tail(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stderr is not None, "a pipe"
    tail = b""
    while chunk := process.stderr.read1(65536):  # type: ignore[attr-defined]
        tail = (tail + chunk)[-4096:]
    return tail


ABOUT_KEYS = re.compile(
    r"no secret key|bad session key|bad passphrase|no identity matched|incorrect passphrase|no passphrase"
    r"|no such file|permission denied|can't open|cannot open|could not open|failed to open|unable to load",
    re.IGNORECASE,
)
"""Messages of gpg, age and openssl about a wrong or missing key, which say nothing about the file."""


@dataclass(frozen=True, slots=True)
class _Ended:
    process: subprocess.Popen[bytes]
    errors: list[bytes]
    unfed: list[RestorecheckError]
    """Why the command did not get the whole input."""
    reader: threading.Thread
    decryption: Decryption

    def check(self) -> None:
        code = self.process.wait()
        if self.unfed:
            raise self.unfed[0]
        if code == 0:
            return
        does, program = self.decryption.does, Path(self.decryption.command[0]).name
        if code < 0:
            # Bad input makes a program fail, but does not kill it: another process or the kernel did.
            raise UnusableLayerError(
                f"could not be {does}: {program} was ended by {describe_exit(code)}",
                hint="Check whether memory was short, and run the drill again.",
            )
        self.reader.join(timeout=10)
        text = b"".join(self.errors).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        said = f": {lines[-1][:200]}" if lines else ""
        message = f"cannot be {does}: {program} ended with exit code {code}{said}"
        if ABOUT_KEYS.search(text):
            raise UnusableLayerError(message, hint="Check the key in decrypt.")
        raise DamagedLayerError(message)


class _Judged(io.RawIOBase):
    """The end of the output is the end of the dump only if the command succeeded."""

    def __init__(self, inner: IO[bytes], ended: _Ended, budget: Budget) -> None:
        self._inner = inner
        self._ended = ended
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < min(streams.FULL, len(buffer)):
            data = os.read(self._inner.fileno(), len(buffer) - filled)
            if not data:
                self._ended.check()
                break
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        self._budget.take(filled)
        return filled
