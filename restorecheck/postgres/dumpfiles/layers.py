"""Compression and encryption around a dump, peeled by what the bytes are, not by the file's name."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.processes import describe_exit, die_with_parent

MAX_LAYERS = 4
HEAD = 512
ENCRYPTED_SUFFIXES = (".age", ".gpg", ".pgp", ".asc", ".enc")

MAGICS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"age-encryption.org/v1", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"-----BEGIN PGP MESSAGE-----", "gpg"),
)

ENCRYPTED = frozenset({"age", "gpg", "encrypted"})


class DamagedLayerError(RestorecheckError):
    """The bytes of a layer are not whole; the text completes `the dump …`."""


class UnusableLayerError(RestorecheckError):
    """The layer cannot be peeled here; says nothing about the backup."""


@dataclass(frozen=True, slots=True)
class Layers:
    stream: BinaryIO
    """Buffered; `peek` works. Reading to the end raises DamagedLayerError where a layer is cut."""
    names: tuple[str, ...]


class Decryption:
    """The configured command, and the processes of it that run now."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
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
                f"cannot be decrypted: {self.command[0]} cannot be run: {exc.strerror}",
                hint="Install it, or correct decrypt in the configuration.",
            ) from exc
        self._running.add(process)
        if self._canceled:
            process.kill()
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        self._running.discard(process)

    def cancel(self) -> None:
        """End what runs; whoever reads from it sees a command that failed."""
        self._canceled = True
        for process in tuple(self._running):
            process.kill()


@contextmanager
def open_layers(path: Path, decryption: Decryption | None) -> Iterator[Layers]:
    """The innermost bytes of a file.

    Raises:
        UnusableLayerError: It is encrypted and no command is configured, or that cannot be run.
        DamagedLayerError: While reading: a layer ends early or is corrupt.
    """
    with ExitStack() as stack:
        stream: io.BufferedReader = stack.enter_context(path.open("rb"))
        names: list[str] = []
        for _ in range(MAX_LAYERS):
            name = layer_of(stream.peek(HEAD)[:HEAD], path, outermost=not names)
            if name is None:
                break
            stream = stack.enter_context(_peel(stream, name, decryption))
            names.append(name)
        yield Layers(cast(BinaryIO, stream), tuple(names))


def layer_of(head: bytes, path: Path, *, outermost: bool) -> str | None:
    """The layer that begins with these bytes; None where the content itself begins."""
    for magic, name in MAGICS:
        if head.startswith(magic):
            return name
    if outermost and path.suffix.lower() in ENCRYPTED_SUFFIXES and not _is_content(head):
        # gpg's binary packets and home-made encryption have no magic of their own.
        return "gpg" if path.suffix.lower() in {".gpg", ".pgp"} else "encrypted"
    return None


def _is_content(head: bytes) -> bool:
    return not head or head.startswith((b"PGDMP", b"--", b"%PDF")) or b"ustar" in head[257:263]


@contextmanager
def _peel(
    stream: io.BufferedReader, name: str, decryption: Decryption | None
) -> Iterator[io.BufferedReader]:
    if name in ENCRYPTED:
        with _decrypted(stream, decryption) as plain:
            yield plain
        return
    if name == "lz4":
        raise UnusableLayerError(
            "is compressed with lz4, which this version cannot read",
            hint="Compress with gzip, zstd, bzip2 or xz instead.",
        )
    yield io.BufferedReader(_Checked(_decompressor(stream, name), name), buffer_size=1 << 18)


def _decompressor(stream: io.BufferedReader, name: str) -> IO[bytes]:
    match name:
        case "gzip":
            return cast(IO[bytes], gzip.GzipFile(fileobj=stream, mode="rb"))
        case "bzip2":
            return cast(IO[bytes], bz2.BZ2File(stream))
        case "xz":
            return cast(IO[bytes], lzma.LZMAFile(stream))
        case _:
            return cast(IO[bytes], _Zstd(stream))


class _Zstd:
    """Frame after frame. zstandard's own reader takes a cut frame for the end of the file."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._ready = b""

    def read(self, size: int) -> bytes:
        while not self._ready:
            unused = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._begun = False
            data = unused or self._stream.read(1 << 17)
            if not data:
                if self._begun:
                    raise EOFError
                return b""
            self._begun = True
            self._ready = self._frame.decompress(data)
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken


class _Checked(io.RawIOBase):
    """Says in one kind of error what each library says in its own."""

    def __init__(self, inner: IO[bytes], name: str) -> None:
        self._inner = inner
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except EOFError:
            raise DamagedLayerError(
                f"is truncated: the {self._name} stream ends before its end"
            ) from None
        except (OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, ValueError) as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            raise DamagedLayerError(f"is damaged: its {self._name} stream is corrupt") from None
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _decrypted(
    stream: io.BufferedReader, decryption: Decryption | None
) -> Iterator[io.BufferedReader]:
    """The command's standard output; its standard input is fed from the stream."""
    if decryption is None:
        raise UnusableLayerError(
            "is encrypted, and no command is configured that decrypts it",
            hint="Set decrypt: [command, argument, …] for this target; "
            "it reads the file on stdin and writes the dump to stdout.",
        )
    process = decryption.start()
    errors: list[bytes] = []
    threads = [
        threading.Thread(target=_feed, args=(stream, process), daemon=True),
        threading.Thread(target=lambda: errors.append(_tail(process)), daemon=True),
    ]
    for thread in threads:
        thread.start()
    assert process.stdout is not None, "a pipe"
    ended = _Ended(process, errors, threads[1], Path(decryption.command[0]).name)
    try:
        yield io.BufferedReader(_Judged(process.stdout, ended), buffer_size=1 << 18)
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
        return  # what was not written has no reader any more


def _feed(stream: io.BufferedReader, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None, "a pipe"
    try:
        while chunk := stream.read(1 << 17):
            process.stdin.write(chunk)
        process.stdin.close()
    except (OSError, ValueError, DamagedLayerError):
        return  # the command ended, or what it got was cut: its exit code tells


def _tail(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stderr is not None, "a pipe"
    tail = b""
    while chunk := process.stderr.read1(65536):  # type: ignore[attr-defined]
        tail = (tail + chunk)[-4096:]
    return tail


@dataclass(frozen=True, slots=True)
class _Ended:
    process: subprocess.Popen[bytes]
    errors: list[bytes]
    reader: threading.Thread
    program: str

    def check(self) -> None:
        code = self.process.wait()
        if code == 0:
            return
        if code < 0:
            # Bad input makes a program give up, it does not kill it: somebody did, or the kernel.
            raise UnusableLayerError(
                f"could not be decrypted: {self.program} was ended by {describe_exit(code)}",
                hint="Look whether memory was short, and run the drill again.",
            )
        self.reader.join(timeout=10)
        text = b"".join(self.errors).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        said = f": {lines[-1][:200]}" if lines else ""
        raise DamagedLayerError(
            f"cannot be decrypted: {self.program} ended with exit code {code}{said}"
        )


class _Judged(io.RawIOBase):
    """The end of the output is the end of the dump only if the command says that it succeeded."""

    def __init__(self, inner: IO[bytes], ended: _Ended) -> None:
        self._inner = inner
        self._ended = ended

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = os.read(self._inner.fileno(), len(buffer))
        if not data:
            self._ended.check()
        buffer[: len(data)] = data
        return len(data)
