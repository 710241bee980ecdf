"""Positions, segments and timelines of the write-ahead log. Pure.

Sources: src/include/access/xlog_internal.h (XLogFileName, XLogLongPageHeaderData), timeline.c.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

SEGMENT = re.compile(r"[0-9A-F]{24}")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
REQUESTED = re.compile(r"[0-9A-F]{24}(\.[0-9A-F]{8}\.backup|\.partial)?|[0-9A-F]{8}\.history")
"""Names that a server requests from its archive."""
HEADER_BYTES = 40
_IDS = 1 << 32
_LINE = re.compile(r"^\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)", re.MULTILINE)


def position(text: str) -> int:
    """`16/B374D848` → bytes from the start of the log.

    Raises:
        ValueError: The text is not a position.
    """
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def position_text(value: int) -> str:
    return f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A segment, ordered by time: one of a later timeline is later, whatever its position."""

    timeline: int
    number: int
    """Its position divided by the segment size."""

    @classmethod
    def at(cls, timeline: int, where: int, size: int) -> Self:
        return cls(timeline, where // size)

    @classmethod
    def of(cls, name: str, size: int) -> Self:
        return cls(int(name[:8], 16), int(name[8:16], 16) * (_IDS // size) + int(name[16:24], 16))

    def name(self, size: int) -> str:
        high, low = divmod(self.number, _IDS // size)
        return f"{self.timeline:08X}{high:08X}{low:08X}"


def newest(names: Iterable[str]) -> str:
    """The name of the newest complete segment; empty: there is none."""
    return max((name for name in names if SEGMENT.fullmatch(name)), default="")


def size_of(name: str, at: int) -> int | None:
    """Size of a segment in bytes, of the name of the one with this position; None: no size fits."""
    sizes = (1 << power for power in range(20, 31))
    return next((s for s in sizes if Segment.of(name, s).number == at // s), None)


def missing(names: Iterable[str], start: int, size: int) -> tuple[str, ...]:
    """Segments from the position on that are not among these names, of which the last is the newest. On whatever timeline."""
    there = {
        one.number: one
        for one in (Segment.of(n, size) for n in names)
        if one.number >= start // size
    }
    if not there:
        return ()
    found, timeline = [], there[min(there)].timeline
    for number in range(start // size, max(there)):
        timeline = there[number].timeline if number in there else timeline
        if number not in there:
            found.append(Segment(timeline, number).name(size))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """Header of a segment's first page."""

    position: int
    system_identifier: str
    segment_size: int

    @classmethod
    def of(cls, head: bytes) -> Self | None:
        """Parse the header; None: truncated, or not a long header."""
        if len(head) < HEADER_BYTES:
            return None
        at, system, size = struct.unpack_from("<8xQ8xQI", head)
        return cls(at, str(system), size)


def misfit(head: bytes, name: str, size: int, system_identifier: str) -> str:
    """Why a file cannot be this segment of this cluster; completes `<name> …`; empty: it can.

    The timeline in a page is ignored: the first segment of a new timeline begins with pages of the old one.
    """
    header = SegmentHeader.of(head)
    if header is None:
        return "is truncated: it has no page header"
    if header.system_identifier != system_identifier:
        return f"belongs to another cluster: its system identifier is {header.system_identifier}, the backup's is {system_identifier}"
    if header.position != Segment.of(name, size).number * size:
        return (
            f"contains other WAL than its name says: it begins at {position_text(header.position)}"
        )
    return ""


def parent(history: str) -> tuple[int, int] | None:
    """The parent timeline in a history file, and the position of the switch; None: no parent."""
    lines = _LINE.findall(history)
    return (int(lines[-1][0]), position(lines[-1][1])) if lines else None
