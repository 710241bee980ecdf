"""Limit of the unpacked size of a file: a decompression bomb of kilobytes unpacks to terabytes.

Nothing else limits a plain dump that is only read; written data is also limited by the free disk space.
"""

from threading import Lock

from restorecheck.postgres.dumpfiles.unreadable import UnusableLayerError

MOST_TIMES = 100_000
"""Factor beyond which reading stops. Rows of equal text become 1,000 times smaller by gzip, 7,000 by xz, 10,000 by
zstd and 20,000 by bzip2; only bombs exceed that: a stream within another, or zeros in bzip2 (a million times).
"""
ALWAYS = 1 << 30
"""Bytes that every file may unpack to, however small it is."""


class Budget:
    """The limit of one file, for all its layers and members together; thread-safe."""

    def __init__(self, packed: int) -> None:
        """`packed`: bytes of the file on disk."""
        self._left = max(ALWAYS, MOST_TIMES * packed)
        self._lock = Lock()

    def take(self, count: int) -> None:
        """Count unpacked bytes.

        Raises:
            UnusableLayerError: More than any real dump has.
        """
        with self._lock:
            self._left -= count
        if self._left < 0:
            raise UnusableLayerError(
                f"was not read to its end: the file unpacks to more than {MOST_TIMES:,} times "
                "its size, like a decompression bomb",
                hint="Check where the file comes from. If it is your dump, compress it only "
                "once, with gzip or zstd.",
            )
