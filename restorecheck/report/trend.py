"""The trend of a number over the nights, and an estimate of the next one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles

from restorecheck.report.past import Past
from restorecheck.spelling import duration, number_of, size

LEAST = 5
"""Nights with a number; with fewer there is no estimate."""
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
    """Upper bound of the estimate: nine of ten nights were within it."""


def trend(values: Sequence[float | None]) -> Trend | None:
    """The trend of one number for each night, the oldest first; None: too few, or none of this night.

    The line has the median of all slopes (Theil-Sen): a single unusual night does not change it.
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
    """Sentences on restore time and size."""
    seconds = trend([night.restore_seconds for night in past.nights])
    sizes = trend([night.size_bytes for night in past.nights])
    said = []
    if seconds:
        said.append(
            f"Restore time: {duration(round(seconds.now))} in this drill; "
            f"{number_of(seconds.nights, 'drill')} ago: {duration(round(seconds.first))}. Estimate for the next: "
            f"{_between(duration(round(seconds.low)), duration(round(seconds.high)))}."
        )
    if sizes:
        said.append(
            f"Size of the backup: {size(round(sizes.now))} in this drill; "
            f"{number_of(sizes.nights, 'drill')} ago: {size(round(sizes.first))}. Estimate for the next: "
            f"{_between(size(round(sizes.low)), size(round(sizes.high)))}."
        )
    return said


def _between(low: str, high: str) -> str:
    return f"about {low}" if low == high else f"{low} to {high}"
