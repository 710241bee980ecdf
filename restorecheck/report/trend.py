"""How a number changes from night to night, and what the next one is likely to be. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles

from restorecheck.report.past import Past
from restorecheck.spelling import duration, size

LEAST = 5
"""Nights with a number; of fewer, nothing is estimated."""
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Trend:
    now: float
    first: float
    nights: int
    """From the first to now."""
    next: float
    low: float
    high: float
    """Nine of ten nights were within this of what the nights around them say."""


def trend(values: Sequence[float | None]) -> Trend | None:
    """Of one number a night, the oldest first; None: there are too few, or none of this night.

    The line is the one with the median of all slopes (Theil-Sen): a single odd night does not turn it.
    """
    known = [(night, value) for night, value in enumerate(values) if value is not None]
    if len(known) < LEAST or values[-1] is None:
        return None
    slope = median((b - a) / (m - n) for (n, a), (m, b) in combinations(known, 2))
    start = median(value - slope * night for night, value in known)
    off = quantiles([value - start - slope * night for night, value in known], n=TENTHS * 2)
    coming = max(0.0, start + slope * len(values))
    (began, first), (_, now) = known[0], known[-1]
    return Trend(
        now=now,
        first=first,
        nights=len(values) - 1 - began,
        next=coming,
        low=max(0.0, coming + off[0]),
        high=max(0.0, coming + off[-1]),
    )


def trends(past: Past) -> list[str]:
    """What there is to say of restore time and size, each in a sentence."""
    seconds = trend([night.restore_seconds for night in past.nights])
    sizes = trend([night.size_bytes for night in past.nights])
    said = []
    if seconds:
        said.append(
            f"Restore time: {duration(round(seconds.now))} in this drill, "
            f"{duration(round(seconds.first))} {seconds.nights} drills ago. Estimate for the next: "
            f"{_between(duration(round(seconds.low)), duration(round(seconds.high)))}."
        )
    if sizes:
        said.append(
            f"Size of the backup: {size(round(sizes.now))}, {size(round(sizes.first))} "
            f"{sizes.nights} drills ago. Estimate for the next: "
            f"{_between(size(round(sizes.low)), size(round(sizes.high)))}."
        )
    return said


def _between(low: str, high: str) -> str:
    return f"about {low}" if low == high else f"{low} to {high}"
