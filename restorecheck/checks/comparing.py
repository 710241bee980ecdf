"""Tonight against the last verified night. Pure: two readings in, findings out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from restorecheck.checks.readings import DatabaseReading, newest_by_group, rows_by_group
from restorecheck.checks.scanning import NEWEST, ROWS
from restorecheck.checks.structure import Difference
from restorecheck.checks.structure import structure_changes as structure_changes  # noqa: PLC0414  # imported from here

WORTH_WATCHING = 100
"""Rows from which on a table that is suddenly empty is worth a failed night."""
HALF = 0.5
SHOWN = 5
EVERYTHING = "all tables"


def without(reading: DatabaseReading, patterns: Sequence[str]) -> DatabaseReading:
    """Without the tables that come and go."""
    if not patterns:
        return reading
    kept = {
        name: table
        for name, table in reading.tables.items()
        if not any(fnmatchcase(table.group or name, pattern) for pattern in patterns)
    }
    return replace(reading, tables=kept)


def emptied(before: DatabaseReading, after: DatabaseReading) -> Iterator[Difference]:
    """Tables that had rows and have none or are gone, and a database that has lost half of all."""
    old, new = rows_by_group(before), rows_by_group(after)
    # What nobody could count is not gone: whoever was to count it says so.
    unread = {t.group or name for name, t in after.tables.items() if t.problem or ROWS in t.doubts}
    for name, rows in sorted(old.items(), key=lambda item: -item[1]):
        if rows >= WORTH_WATCHING and not new.get(name) and name not in unread:
            left = "0 rows" if name in new else ""
            yield Difference(what=f"table {name}", before=f"{rows:,} rows", after=left)
    total, left_over = sum(old.values()), sum(new.values())
    if total >= WORTH_WATCHING and left_over < total * HALF and not unread:
        yield Difference(what=EVERYTHING, before=f"{total:,} rows", after=f"{left_over:,} rows")


def without_rows(before: DatabaseReading, after: DatabaseReading) -> int:
    """Tables among `emptied`."""
    return sum(difference.what != EVERYTHING for difference in emptied(before, after))


def shrunk(before: DatabaseReading, after: DatabaseReading, share: float) -> Iterator[Difference]:
    """Tables that have lost more than this share of their rows, and are not empty."""
    old, new = rows_by_group(before), rows_by_group(after)
    for name, rows in sorted(old.items(), key=lambda item: -item[1]):
        now = new.get(name, 0)
        if now and rows >= WORTH_WATCHING and now < rows * (1 - share):
            yield Difference(what=f"table {name}", before=f"{rows:,} rows", after=f"{now:,}")


def rejuvenated(before: DatabaseReading, after: DatabaseReading) -> Iterator[str]:
    """Columns whose newest value is older than it was: rows of the last days are missing."""
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    for column, moment in sorted(old.items()):
        now = new.get(column)
        if now is not None and now < moment:
            yield column


def unmoved(before: DatabaseReading, after: DatabaseReading) -> bool:
    """Nothing at all is newer than it was, though there are columns that tell."""
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    return bool(old) and not any(new[c] > m for c, m in old.items() if c in new)


def listed(differences: tuple[Difference, ...] | list[Difference]) -> str:
    first = "; ".join(str(difference) for difference in differences[:SHOWN])
    more = len(differences) - SHOWN
    return f"{first}; and {more} more" if more > 0 else first
