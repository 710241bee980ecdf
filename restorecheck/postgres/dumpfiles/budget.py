"""How much may come out of a packed file: a bomb of kilobytes unpacks to terabytes.

Nothing else bounds a plain dump that is only read. What is written is bounded by the free disk, too.
"""

from threading import Lock

from restorecheck.postgres.dumpfiles.unreadable import UnusableLayerError

MOST_TIMES = 100_000
"""Rows of equal text become 1,000 times smaller by gzip, 7,000 by xz, 10,000 by zstd and 20,000 by bzip2.
More than that is in bombs: a stream within another, or zeros in bzip2 (a million times).
"""
ALWAYS = 1 << 30
"""Bytes that every file may unpack to, however small it is."""


class Budget:
    """Of one file, for all its layers and members together; may be shared by threads."""

    def __init__(self, packed: int) -> None:
        """`packed`: bytes of the file as it lies on the disk."""
        self._left = max(ALWAYS, MOST_TIMES * packed)
        self._lock = Lock()

    def take(self, count: int) -> None:
        """So many bytes came out.

        Raises:
            UnusableLayerError: More than any honest dump has.
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
