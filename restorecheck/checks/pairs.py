"""The tables of two nights in pairs, with the memory of earlier nights. Pure."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from restorecheck.checks.families import passing, united
from restorecheck.checks.scan_result import DatabaseReading, newest_by_group, rows_by_group
from restorecheck.checks.scan_statements import NEWEST, ROWS
from restorecheck.checks.structure import unfilled
from restorecheck.checks.tables import POINTING, REFERENCED, UNLOGGED, VIEW

HABIT = 35
"""Nights of a habit: longer than a month, so that a table that is emptied monthly has been empty once."""


WEIGHTY = 1_000
"""Fewest rows for which a table that refers to others matters as much as one that others refer to."""


@dataclass(frozen=True, slots=True)
class TablePast:
    """Events of one table; stored as four numbers with spaces."""

    since: int = 0
    """The night of the last event; of a new table its first night."""
    emptied: int = 0
    """How often it became empty or missing; one, if it was empty from the beginning."""
    shrunk: int = 0
    back: int = 0
    """How often its newest time was older than before."""

    def __str__(self) -> str:
        return f"{self.since} {self.emptied} {self.shrunk} {self.back}"

    @classmethod
    def of(cls, text: str) -> "TablePast":
        return cls(*(int(part) for part in text.split()))

    def habit(self, times: int, night: int) -> bool:
        """Whether an event that happened so often is normal for this table."""
        return times > 1 or (times > 0 and night - self.since <= HABIT)


@dataclass(slots=True, kw_only=True)
class Pair:
    """One table in both nights, or a family of them."""

    name: str
    before: int = 0
    after: int = 0
    was_there: bool = False
    there: bool = False
    """Whether it exists tonight."""
    traits: set[str] = field(default_factory=set)
    past: TablePast
    night: int
    """Number of the baseline's night."""

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]

    @property
    def passing(self) -> bool:
        return UNLOGGED in self.traits or VIEW in self.traits or passing(self.name)

    @property
    def referenced(self) -> bool:
        return REFERENCED in self.traits and not self.passing

    @property
    def weighty(self) -> bool:
        """Whether others refer to it, or it is large and refers to others: volatile tables are not like that."""
        return POINTING in self.traits and not self.passing and self.before >= WEIGHTY

    @property
    def joined(self) -> bool:
        related = POINTING in self.traits or self.referenced
        return related and not self.passing and self.before >= WEIGHTY

    @property
    def empties(self) -> bool:
        """Whether it was empty before in a verified drill."""
        return self.past.habit(self.past.emptied, self.night)

    @property
    def shrinks(self) -> bool:
        return self.past.habit(self.past.shrunk, self.night)

    @property
    def goes_back(self) -> bool:
        return self.past.habit(self.past.back, self.night)

    @property
    def always_full(self) -> bool:
        return not self.passing and not self.empties and self.night - self.past.since >= HABIT

    def fell(self, share: float) -> bool:
        """Whether it lost more than this share of its rows."""
        return self.after < self.before * (1 - share)


def night_of(reading: DatabaseReading) -> int:
    """Number of verified nights up to this reading; one: not counted."""
    return max(1, reading.nights)


def pairs(before: DatabaseReading, after: DatabaseReading) -> dict[str, Pair]:
    """By the name to compare by; without tables that could not be counted tonight."""
    old, new = rows_by_group(before), rows_by_group(after)
    units = united(old, new)
    found: dict[str, Pair] = {}
    for group, unit in units.items():
        pair = found.get(unit)
        if pair is None:
            past = TablePast.of(before.past.get(unit, ""))
            found[unit] = pair = Pair(name=unit, past=past, night=night_of(before))
        pair.before += old.get(group, 0)
        pair.after += new.get(group, 0)
        pair.was_there |= group in old
        pair.there |= group in new
    for name, table in before.tables.items():
        unit = units.get(table.group or name, "")
        if unit in found:
            found[unit].traits.update(table.traits)
    # A table that could not be counted is not missing: another check reports it. Nor is an unfilled
    # materialized view.
    for group in unread(after) | unfilled(after.structure):
        found.pop(units.get(group, group), None)
    return found


def unread(after: DatabaseReading) -> set[str]:
    return {t.group or name for name, t in after.tables.items() if t.problem or ROWS in t.doubts}


def older(before: DatabaseReading, after: DatabaseReading) -> Iterator[tuple[str, str]]:
    """Table and column whose newest value is older than before."""
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    groups = {group for reading in (before, after) for group in rows_by_group(reading)}
    for name, moment in sorted(old.items()):
        if name in new and new[name] < moment:
            yield split_column(name, groups)


def split_column(name: str, groups: Container[str]) -> tuple[str, str]:
    """`public.events.created.at` → the table among `groups`, and its column: names of columns may contain dots."""
    table, _, column = name.rpartition(".")
    while table and table not in groups:
        table, _, more = table.rpartition(".")
        column = f"{more}.{column}"
    return table, column
