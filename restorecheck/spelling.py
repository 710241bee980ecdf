"""Times, ages and lists as text, the same in every face. Pure."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LONG = 2 * DAY
"""Longer times are spelled in days and hours."""


def spell(value: timedelta, *, exact: bool = False) -> str:
    """`45 s`, `7 min 53 s`, `2 h 16 min`, `9 days 4 h`.

    The last shown unit is rounded up, so no time looks shorter than it is.
    `exact`: to the second, however long: for limits, and for times just above or below them.
    """
    if value < timedelta(0):
        return f"-{spell(-value, exact=exact)}"
    whole = _whole(value, exact=exact)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24) if whole >= LONG.total_seconds() else (0, hours)
    parts = [(days, "days"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def _whole(value: timedelta, *, exact: bool) -> int:
    """Seconds, rounded to the units that are shown."""
    second = timedelta(seconds=1)
    if exact or value < MINUTE:
        return math.ceil(value / second)
    # Reports keep whole seconds of an age: a fraction of a second must not add a minute.
    near = timedelta(seconds=round(value / second))
    if near < HOUR:
        return round(near / second)
    unit = MINUTE if near < LONG else HOUR
    return math.ceil(near / unit) * round(unit / second)


def duration(seconds: float) -> str:
    """As `spell`."""
    return spell(timedelta(seconds=seconds))


def size(number: int) -> str:
    """Bytes with a unit, in powers of ten."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # powers of ten
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def minute_of(at: datetime) -> str:
    """`2026-03-01 03:15 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def second_of(at: datetime) -> str:
    """`2026-03-01 03:15:07 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def number_of(number: int, one: str, many: str = "") -> str:
    """`1 report`, `2,450 reports`. `many`: where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def first_of(names: Sequence[str], most: int, *, between: str = ", ") -> str:
    """`a, b, c and 4 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more
