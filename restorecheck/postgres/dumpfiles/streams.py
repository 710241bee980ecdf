"""Decompresses the streams of a file one after the other, in pieces of bounded memory.

The readers of the libraries take the end of a file inside a zstd frame for the end of the frame, drop data after
zeros between two xz streams, and confuse data after a gzip stream with damage in it.
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, Protocol, cast

import lz4.frame
import psutil
import zstandard

from restorecheck.postgres.dumpfiles.budget import Budget
from restorecheck.postgres.dumpfiles.unreadable import DamagedLayerError, UnusableLayerError

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this machine
    _inflate: Callable[..., object] = zlib.decompressobj
    GzipError: type[Exception] = zlib.error
else:
    _inflate, GzipError = isal_zlib.decompressobj, cast(type[Exception], isal_zlib.error)

GZIP = b"\x1f\x8b"
XZ = b"\xfd7zXZ\x00"
ZSTD = b"\x28\xb5\x2f\xfd"
LZ4 = b"\x04\x22\x4d\x18"
SKIPPABLE = tuple(bytes([number]) + b"\x2a\x4d\x18" for number in range(0x50, 0x60))
"""Frames of zstd and lz4 without content; pzstd writes one before each of its frames."""

PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz", ".lz4": "lz4"}
"""Suffixes of pg_dump and `split --filter`."""

PIECE = 1 << 14
"""Bytes that are read at a time."""
MOST = 1 << 20
"""Unpacked bytes at a time, whatever the compression ratio."""
ZSTD_BLOCK = 1 << 17
"""Largest content of a zstd block, which may be packed into four bytes (RFC 8878, 3.1.1.2)."""
LONGEST_HEADER = 18
"""Bytes of a zstd frame header (RFC 8878, 3.1.1.1); an xz header has 12 bytes, the relevant part of lz4's has 7."""
USUAL_WINDOW = 1 << 27
"""The largest window that `zstd` reads by default."""
LARGEST_WINDOW = 1 << 31
"""The largest window that `zstd` writes (`--long=31`)."""
SHARE = 2
"""A stream may need at most 1/SHARE of the free memory; beyond that it is not read, because the drill needs memory, too."""
FULL = 512
"""Least bytes of a read, unless the stream ends: enough to recognise the content."""


def decompressed(stream: IO[bytes], name: str, budget: Budget | None = None) -> io.BufferedReader:
    """The content of a compressed stream; `budget` limits its size.

    Raises:
        DamagedLayerError: While reading: the stream ends early or is corrupt.
        UnusableLayerError: While reading: this machine has too little memory for it, or it exceeds the
            budget.
    """
    return io.BufferedReader(
        CheckedReader(_reader(stream, name), name, budget), buffer_size=1 << 18
    )


def _reader(stream: IO[bytes], name: str) -> IO[bytes]:
    match name:
        case "gzip":
            return cast(IO[bytes], _Streams(stream, _gzip, (GZIP,), padded=True))
        case "bzip2":
            return cast(IO[bytes], bz2.BZ2File(stream))
        case "xz" | "lzma":
            return cast(IO[bytes], _Streams(stream, _xz, (XZ,), padded=True))
        case "lz4":
            return cast(IO[bytes], _Streams(stream, _lz4, (LZ4, *SKIPPABLE)))
        case _:
            return cast(IO[bytes], _Streams(stream, _zstd, (ZSTD, *SKIPPABLE)))


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most so many bytes; the rest of the data follows in later calls."""
        ...


def _zstd(head: bytes) -> _Decompressor:
    try:
        window = zstandard.get_frame_parameters(head).window_size
        header = 0 if head.startswith(SKIPPABLE) else zstandard.frame_header_size(head)
    except zstandard.ZstdError:
        if len(head) < LONGEST_HEADER:
            raise EOFError from None
        raise
    if window > USUAL_WINDOW and window > _free_memory():
        raise MemoryError
    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    return _ZstdFrame(decompressor.decompressobj(), header)


def _free_memory() -> int:
    return int(psutil.virtual_memory().available // SHARE)


class _ZstdFrame:
    """Passes a few blocks at a time to the library, which has no `max_length`."""

    def __init__(self, inner: Any, header: int) -> None:  # noqa: ANN401  # zstandard names no type
        self._inner = inner
        self._skip = header  # bytes before the next block
        self._all = not header  # no block follows, only a checksum
        self._rest = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return self._skip + 3 > len(self._rest)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + self._rest

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._rest + data
        end = self._end_of(max_length // ZSTD_BLOCK, data)
        self._rest = data[end:]
        return bytes(self._inner.decompress(data[:end]))

    def _end_of(self, blocks: int, data: bytes) -> int:
        """Offset after so many blocks. The library refuses invalid data."""
        position = self._skip
        while blocks and not self._all and position + 3 <= len(data):
            head = int.from_bytes(data[position : position + 3], "little")
            last, is_run, size = head & 1, head >> 1 & 3 == 1, head >> 3
            position += 3 + (1 if is_run else size)
            self._all = bool(last)
            blocks -= 1
        end = len(data) if self._all else min(position, len(data))
        self._skip = max(0, position - end)
        return end


class _GzipStream:
    """zlib with the interface of bz2 and lzma."""

    def __init__(self) -> None:
        self._inner: Any = _inflate(wbits=zlib.MAX_WBITS | 16)
        self._full = False

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out: bytes = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length
        return out


def _gzip(_head: bytes) -> _Decompressor:
    return _GzipStream()


def _xz(_head: bytes) -> _Decompressor:
    return lzma.LZMADecompressor(memlimit=_free_memory())


def _lz4(_head: bytes) -> _Decompressor:
    return cast(_Decompressor, lz4.frame.LZ4FrameDecompressor())


class TrailingError(Exception):
    """Other data follows the end of a compressed stream."""


class _Streams:
    """Stream after stream until the end of the file."""

    def __init__(
        self,
        stream: IO[bytes],
        begin: Callable[[bytes], _Decompressor],
        magics: tuple[bytes, ...],
        *,
        padded: bool = False,
    ) -> None:
        self._stream = stream
        self._begin = begin
        self._magics = magics
        self._padded = padded  # zeros may follow a stream
        self._current: _Decompressor | None = None
        self._ready = memoryview(b"")

    def read(self, size: int) -> memoryview:
        while not self._ready:
            if self._current is None or self._current.eof:
                data = self._next_stream()
                if not data:
                    return self._ready
                self._current = self._begin(data)
            elif self._current.needs_input:
                data = self._stream.read(PIECE)
                if not data:
                    raise EOFError
            else:
                data = b""
            self._ready = memoryview(self._current.decompress(data, MOST))
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def _next_stream(self) -> bytes:
        """The first bytes of the next stream; empty at the end of the file."""
        data = self._unpadded(self._current.unused_data or b"") if self._current else b""
        while len(data) < LONGEST_HEADER and (more := self._stream.read(PIECE)):
            data = self._unpadded(data + more)
        first = self._current is None
        if data and not (first or any(m.startswith(data[: len(m)]) for m in self._magics)):
            raise TrailingError
        return data

    def _unpadded(self, data: bytes) -> bytes:
        return data.lstrip(b"\0") if self._padded and self._current else data


_CORRUPT = (
    OSError,
    zlib.error,
    GzipError,
    lzma.LZMAError,
    zstandard.ZstdError,
    ValueError,
    RuntimeError,  # lz4's
)


class CheckedReader(io.RawIOBase):
    """Converts the errors of all libraries into one; reads return at least `FULL` bytes."""

    def __init__(self, inner: IO[bytes], name: str, budget: Budget | None) -> None:
        self._inner = inner
        self._name = name
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < min(FULL, len(buffer)):
            data = self._read(len(buffer) - filled)
            if not data:
                break
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        if self._budget is not None:
            self._budget.take(filled)
        return filled

    def _read(self, size: int) -> bytes:
        try:
            return self._inner.read(size)
        except EOFError:
            raise DamagedLayerError(
                f"is truncated: the {self._name} stream ends before its end"
            ) from None
        except TrailingError:
            raise DamagedLayerError(
                f"is damaged: other data follows after the end of its {self._name} stream; "
                "decompression programs ignore or refuse it"
            ) from None
        except MemoryError:
            raise self._too_large() from None
        except _CORRUPT as exc:
            raise self._problem(exc) from None

    def _problem(self, exc: Exception) -> Exception:
        if isinstance(exc, OSError) and exc.errno is not None:
            return exc
        if "emory" in str(exc):  # "Memory usage limit exceeded", "Frame requires too much memory"
            return self._too_large()
        return DamagedLayerError(f"is damaged: its {self._name} stream is corrupt")

    def _too_large(self) -> UnusableLayerError:
        return UnusableLayerError(
            f"cannot be decompressed: its {self._name} stream needs more memory than is free",
            hint="Free memory on this machine, or compress with a smaller window (zstd without --long).",
        )
