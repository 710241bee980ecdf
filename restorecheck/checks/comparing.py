"""Tonight against the last verified night. Pure: two readings in, findings out.

Some of what is missed is certain to matter: half of all rows, a table that others point to, one that was
never empty in five weeks, a schema, all large objects. The rest may be ordinary life, and is a warning: once, for
what a table has done before is no news (`memory`).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from restorecheck.checks.families import family, like_others, ordinary, passing, united
from restorecheck.checks.memory import HABIT, Past, night_of, past_of
from restorecheck.checks.readings import (
    DatabaseReading,
    alike,
    newest_by_group,
    rows_by_group,
)
from restorecheck.checks.scanning import NEWEST, PRINT, ROWS
from restorecheck.checks.tables import REFERENCED, UNLOGGED, VIEW

WORTH_WATCHING = 100
"""Rows from which on a table that is suddenly empty is worth a word."""
HALF = 0.5
FELL = 0.2
"""The share of its rows that a table may lose before its newest ones are not looked at any more."""
SHOWN = 5
EVERYTHING = "all tables"
ADVICE = (
    "if that was intended: `restorecheck history accept`, or name the table in `volatile_tables`"
)
LARGE_OBJECTS = "large objects"
FOREIGN_KEY = re.compile(r"FOREIGN KEY \((.+?)\) REFERENCES (.+?)\(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    before: str
    after: str
    certain: bool = True
    """The backup is bad; else it may be ordinary life, and is a warning."""

    def __str__(self) -> str:
        if not self.before:
            return f"{self.what}: new"
        if not self.after:
            return f"{self.what}: gone"
        return f"{self.what}: {_shown(self.before)} → {_shown(self.after)}"


def _shown(value: str) -> str:
    return "other text" if value.startswith("#") else value


@dataclass(slots=True, kw_only=True)
class _Pair:
    """One table in both nights, or a family of them."""

    name: str
    before: int = 0
    after: int = 0
    there: bool = False
    """Tonight."""
    was_there: bool = False
    traits: set[str] = field(default_factory=set)
    past: Past
    night: int
    """Of the baseline."""

    @property
    def passing(self) -> bool:
        return UNLOGGED in self.traits or VIEW in self.traits or passing(self.name)

    @property
    def referenced(self) -> bool:
        return REFERENCED in self.traits and not self.passing

    @property
    def empties(self) -> bool:
        """It has been empty before, and that was well."""
        return self.past.habit(self.past.emptied, self.night)

    @property
    def always_full(self) -> bool:
        return not self.passing and not self.empties and self.night - self.past.since >= HABIT

    def fell(self, share: float) -> bool:
        return self.after < self.before * (1 - share)


def _pairs(before: DatabaseReading, after: DatabaseReading) -> dict[str, _Pair]:
    """By what they are compared as; without those that nobody could count tonight."""
    old, new = rows_by_group(before), rows_by_group(after)
    units = united(old, new)
    found: dict[str, _Pair] = {}
    for group, unit in units.items():
        if unit not in found:
            found[unit] = _Pair(name=unit, past=past_of(before, unit), night=night_of(before))
        pair = found[unit]
        pair.before += old.get(group, 0)
        pair.after += new.get(group, 0)
        pair.there |= group in new
        pair.was_there |= group in old
    for name, table in before.tables.items():
        unit = units.get(table.group or name)
        if unit in found:
            found[unit].traits.update(table.traits)
    # What nobody could count is not gone: whoever was to count it says so.
    for group in _unread(after):
        found.pop(units.get(group, group), None)
    return found


def _unread(after: DatabaseReading) -> set[str]:
    return {t.group or name for name, t in after.tables.items() if t.problem or ROWS in t.doubts}


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
    """Tables that had rows and have none or are gone, schemas that are gone, and a database that has
    lost half of all. What is certain comes first.
    """
    found = [*_emptied(before, after)]
    yield from sorted(found, key=lambda difference: not difference.certain)


def _emptied(before: DatabaseReading, after: DatabaseReading) -> Iterator[Difference]:
    pairs = _pairs(before, after)
    moved = _renamed(before, after)
    lost = set(_lost_schemas(before, after)) if after.tables else set()
    for name, pair in sorted(pairs.items(), key=lambda item: -item[1].before):
        if pair.before < WORTH_WATCHING or pair.after or name in moved:
            continue
        if not pair.there and name.partition(".")[0] in lost:
            continue
        certain = _matters(pair, before, after)
        if certain or _is_news(pair, before, after):
            left = "0 rows" if pair.there else ""
            rows = f"{pair.before:,} rows"
            yield Difference(what=f"table {name}", before=rows, after=left, certain=certain)
    yield from _without_schemas(
        pairs, lost - {name.partition(".")[0] for name in moved}, before, after
    )
    if (
        LARGE_OBJECTS in before.structure
        and LARGE_OBJECTS not in after.structure
        and after.structure
    ):
        yield Difference(what=LARGE_OBJECTS, before=before.structure[LARGE_OBJECTS], after="none")
    counted = [pair for pair in pairs.values() if not _explained(pair, before, after)]
    total, left_over = sum(p.before for p in counted), sum(p.after for p in counted)
    unread = _unread(after)
    if total >= WORTH_WATCHING and left_over < total * HALF and not unread:
        yield Difference(what=EVERYTHING, before=f"{total:,} rows", after=f"{left_over:,} rows")


def _matters(pair: _Pair, before: DatabaseReading, after: DatabaseReading) -> bool:
    if pair.there:
        return (pair.referenced and not pair.empties) or pair.always_full
    return pair.referenced and _still_wanted(pair.name, before, after)


def _is_news(pair: _Pair, before: DatabaseReading, after: DatabaseReading) -> bool:
    """Worth a warning, and of nobody else's: a table that is gone is a change of the structure."""
    if pair.empties and not pair.referenced:
        return False
    return (
        pair.there
        or not before.structure
        or f"table {pair.name}" in ordinary(before.structure, after.structure, before.past)
    )


def _still_wanted(name: str, before: DatabaseReading, after: DatabaseReading) -> bool:
    """Whether columns are left tonight that pointed to a table that is gone."""
    known = False
    for key, definition in before.structure.items():
        if not key.startswith("constraint "):
            continue
        table, _, _ = key.removeprefix("constraint ").rpartition(".")
        match = FOREIGN_KEY.match(definition)
        if match and match[2].replace('"', "") == name and table != name:
            known = True
            columns = [c.strip().strip('"') for c in match[1].split(",")]
            if all(f"column {table}.{column}" in after.structure for column in columns):
                return True
    return not known and _constraints_lost(before, after)


def _constraints_lost(before: DatabaseReading, after: DatabaseReading) -> bool:
    """Whether tables that stayed have lost constraints, where only digests of these are kept; and no
    column with them.
    """
    if not before.structure:
        return True
    gone = set(before.structure) - set(after.structure)
    thinner = {
        key.removeprefix("column ").rpartition(".")[0] for key in gone if key.startswith("column ")
    }
    tables = {
        key.removeprefix("constraint ").rpartition(".")[0]
        for key in gone
        if key.startswith("constraint ") and before.structure[key].startswith("#")
    }
    return any(f"table {t}" in after.structure and t not in thinner for t in tables)


def _renamed(before: DatabaseReading, after: DatabaseReading) -> frozenset[str]:
    """Tables that are gone, and one that was not there before has their columns or their contents."""
    old, new = rows_by_group(before), rows_by_group(after)
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    if not gone or not come:
        return frozenset()
    columns = {name: _columns(before, name) for name in gone}
    others = {name: _columns(after, name) for name in come}
    found = set()
    for name in gone:
        for other in come:
            same = columns[name] == others[other] and columns[name]
            if new[other] >= old[name] * HALF and (
                same or _same_contents(before, name, after, other)
            ):
                come.remove(other)
                found.add(name)
                break
    return frozenset(found)


def _columns(reading: DatabaseReading, name: str) -> dict[str, str]:
    """Name → type; a default may name a sequence that is called like the table."""
    prefix = f"column {name}."
    return {
        key.removeprefix(prefix): value.partition(" default ")[0]
        for key, value in reading.structure.items()
        if key.startswith(prefix)
    }


def _same_contents(before: DatabaseReading, one: str, after: DatabaseReading, other: str) -> bool:
    prints = [
        sorted(t.values.get(PRINT, "") for n, t in reading.tables.items() if (t.group or n) == name)
        for reading, name in ((before, one), (after, other))
    ]
    return prints[0] == prints[1] and all(prints[0])


def _lost_schemas(before: DatabaseReading, after: DatabaseReading) -> set[str]:
    old, new = rows_by_group(before), rows_by_group(after)
    left = {name.partition(".")[0] for name in new}
    return {name.partition(".")[0] for name in old if "." in name} - left


def _without_schemas(
    pairs: Mapping[str, _Pair],
    lost: Collection[str],
    before: DatabaseReading,
    after: DatabaseReading,
) -> Iterator[Difference]:
    siblings = like_others(rows_by_group(before), rows_by_group(after))
    for schema in sorted(lost):
        own = [p for p in pairs.values() if p.name.partition(".")[0] == schema and not p.passing]
        rows = sum(p.before for p in own)
        if rows < WORTH_WATCHING or all(p.empties for p in own):
            continue
        tables = "1 table" if len(own) == 1 else f"{len(own):,} tables"
        yield Difference(
            what=f"schema {schema}",
            before=f"{rows:,} rows in {tables}",
            after="",
            certain=schema not in siblings,
        )


def _explained(pair: _Pair, before: DatabaseReading, after: DatabaseReading) -> bool:
    """Its loss is its own way: of a queue, or of a log that has lost its old rows and gained new ones."""
    if pair.passing or pair.empties or pair.past.habit(pair.past.shrunk, pair.night):
        return not pair.referenced
    return (
        pair.fell(0)
        and pair.after > 0
        and not pair.referenced
        and _moved_on(pair.name, before, after)
    )


def _moved_on(name: str, before: DatabaseReading, after: DatabaseReading) -> bool:
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    own = [c for c in old if c.startswith(f"{name}.")]
    return any(new.get(c, old[c]) > old[c] for c in own) and not any(
        new.get(c, old[c]) < old[c] for c in own
    )


def without_rows(before: DatabaseReading, after: DatabaseReading) -> int:
    """Tables that had rows and have none or are gone."""
    return sum(p.before >= WORTH_WATCHING and not p.after for p in _pairs(before, after).values())


def shrunk(before: DatabaseReading, after: DatabaseReading, share: float) -> Iterator[Difference]:
    """Tables that have lost more than this share of their rows, and are not empty."""
    for name, pair in sorted(_pairs(before, after).items(), key=lambda item: -item[1].before):
        if pair.passing or pair.empties or pair.past.habit(pair.past.shrunk, pair.night):
            continue
        if pair.after and pair.before >= WORTH_WATCHING and pair.fell(share):
            rows = f"{pair.before:,} rows"
            yield Difference(
                what=f"table {name}", before=rows, after=f"{pair.after:,}", certain=False
            )


def rejuvenated(before: DatabaseReading, after: DatabaseReading) -> Iterator[str]:
    """Columns whose newest value is older than it was: rows of the last days are missing.

    Not of tables that have lost many rows: they are named for that.
    """
    pairs = _pairs(before, after)
    for column in _older(before, after):
        pair = pairs.get(column.rpartition(".")[0])
        if pair is None or pair.passing or pair.empties or pair.fell(FELL):
            continue
        if not pair.past.habit(pair.past.back, pair.night):
            yield column


def _older(before: DatabaseReading, after: DatabaseReading) -> Iterator[str]:
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    for column, moment in sorted(old.items()):
        now = new.get(column)
        if now is not None and now < moment:
            yield column


def unmoved(before: DatabaseReading, after: DatabaseReading) -> bool:
    """Nothing at all is newer than it was, though there are columns that tell."""
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    return bool(old) and not any(new[c] > m for c, m in old.items() if c in new)


def events(before: DatabaseReading, after: DatabaseReading) -> Iterator[tuple[str, str]]:
    """What is to be remembered: table, and the field of `Past`; none for a table that is new."""
    for name, pair in _pairs(before, after).items():
        if not pair.was_there:
            known = name in before.past or family(name) in before.past
            yield from () if known else ((name, ""),)
        elif bool(pair.before) != bool(pair.after) or (pair.was_there and not pair.there):
            yield name, "emptied"
        elif pair.before >= WORTH_WATCHING and pair.fell(FELL):
            yield name, "shrunk"
    for name in sorted({column.rpartition(".")[0] for column in _older(before, after)}):
        yield name, "back"


def structure_changes(
    before: Mapping[str, str], after: Mapping[str, str], known: Collection[str] = ()
) -> tuple[Difference, ...]:
    """`known`: as in `families.ordinary`."""
    old, new = alike(before, after)
    no_change = ordinary(old, new, known)
    return tuple(
        Difference(what=key, before=old.get(key, ""), after=new.get(key, ""), certain=False)
        for key in sorted({*old, *new} - no_change)
        if old.get(key) != new.get(key)
    )


def listed(differences: tuple[Difference, ...] | list[Difference]) -> str:
    first = "; ".join(str(difference) for difference in differences[:SHOWN])
    more = len(differences) - SHOWN
    return f"{first}; and {more} more" if more > 0 else first
