"""Tonight against the last verified night. Pure: two readings in, findings out.

Some of what is missed is certain to matter: half of all rows, a table that others point to, one that was
never empty in five weeks, a schema, all large objects. The rest may be ordinary life, and is a warning; what
a table has done before is no news (`memory`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

from restorecheck.checks import structure
from restorecheck.checks.families import like_others, ordinary
from restorecheck.checks.name_words import HAPPENED
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.pairs import Pair, older, pairs, unread
from restorecheck.checks.scan_result import (
    DatabaseReading,
    newest_by_group,
    objects_of,
    rows_by_group,
)
from restorecheck.checks.scan_statements import NEWEST, PRINT
from restorecheck.checks.structure import Difference
from restorecheck.checks.tables import parts_of

WORTH_WATCHING = 100
"""Rows from which on a table that is suddenly empty is worth a word."""
HALF, TENTH = 0.5, 0.1
QUARTER, PART = 0.25, 0.05
"""Shares of the rows of a table, and of all rows, that together are too many to have been deleted in a day."""
SMALL = 0.03
"""The share of its rows that a large table may lose in a night, when it is joined with others."""
FEW, SEVERAL = 10, 3
"""Rows of a table without times that is not to be empty; tables with new rows that make a busy day."""
DAY = timedelta(days=1)
MUCH = 0.2
"""The share of its rows that a table may lose before its newest ones are not looked at any more."""
EVERYTHING = "all tables"
ADVICE = (
    "if the change was intended: `restorecheck history accept`, or add the table in "
    "`volatile_tables`"
)
FOREIGN_KEY = re.compile(r"FOREIGN KEY \((.+?)\) REFERENCES (.+?)\(")
CONSTRAINT, COLUMN = "constraint ", "column "


def without(reading: DatabaseReading, patterns: Sequence[str]) -> DatabaseReading:
    """Without the tables that come and go."""
    if not patterns:
        return reading
    volatile = [_matcher(pattern) for pattern in patterns]
    kept = {
        name: table
        for name, table in reading.tables.items()
        if not any(matches(table.group or name) for matches in volatile)
    }
    return replace(reading, tables=kept)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Names as SQL reads them, `*` for anything; without a schema, of any."""
    try:
        name = parse_table_name(pattern)
    except ValueError:
        return lambda full: full == pattern
    parts = [part for part in (name.schema, name.table) if part is not None]
    expressions = [
        re.compile("|".join(map(_expression, part.readings)), re.DOTALL) for part in parts
    ]

    def matches(full: str) -> bool:
        there = parts_of(full)[-len(expressions) :]
        return all(e.fullmatch(text) for e, text in zip(expressions, there, strict=True))

    return matches


def _expression(text: str) -> str:
    return ".*".join(map(re.escape, text.split("*")))


def emptied(before: DatabaseReading, after: DatabaseReading) -> Iterator[Difference]:
    """Tables that had rows and have none or are gone, schemas that are gone, and a database that has
    lost half of all. What is certain comes first.
    """
    yield from sorted(_Losses(before, after).all(), key=lambda loss: not loss.certain)


class _Losses:
    """What the tables of one database have lost."""

    def __init__(self, before: DatabaseReading, after: DatabaseReading) -> None:
        self._before, self._after = before, after
        self._old, self._new = rows_by_group(before), rows_by_group(after)
        self._pairs = pairs(before, after)
        self._renamed = _renamed(before, after)

    def all(self) -> Iterator[Difference]:
        lost = self._lost_schemas()
        for pair in sorted(self._pairs.values(), key=lambda pair: -pair.before):
            if pair.after or pair.name in self._renamed or not self._is_watched(pair):
                continue
            if not pair.there and pair.schema in lost:
                continue
            certain = self._matters(pair)
            if certain or self._is_news(pair):
                yield Difference(
                    what=f"table {pair.name}",
                    before=f"{pair.before:,} rows",
                    after="0 rows" if pair.there else "",
                    certain=certain,
                )
        yield from self._schemas(lost)
        was, now = objects_of(self._before), objects_of(self._after)
        if was and now == 0:
            yield Difference(what="large objects", before=f"{was:,}", after="none")
        yield from self._halved()
        total, left_over, least = self._everything()
        if total >= WORTH_WATCHING and left_over < total * least and not unread(self._after):
            yield Difference(what=EVERYTHING, before=f"{total:,} rows", after=f"{left_over:,} rows")

    def _halved(self) -> Iterator[Difference]:
        """Large tables, joined with others, that have lost a good part of their rows, and the database with them."""
        rows = sum(pair.before for pair in self._pairs.values())
        for pair in self._pairs.values():
            lost = pair.before - pair.after
            usual = pair.shrinks or self._is_purged(pair)
            if (
                pair.after
                and pair.joined
                and pair.fell(QUARTER)
                and lost >= rows * PART
                and not usual
            ):
                yield Difference(
                    what=f"table {pair.name}",
                    before=f"{pair.before:,} rows",
                    after=f"{pair.after:,}",
                )

    def _everything(self) -> tuple[int, int, float]:
        """Rows before and tonight, and the share that must be left: of one table alone, to which no other
        points, nearly all may be (it is being loaded, or a new week has begun).
        """
        counted = [pair for pair in self._pairs.values() if not self._is_its_way(pair)]
        total, left_over = sum(p.before for p in counted), sum(p.after for p in counted)
        without = [p.before for p in counted if p.before and not p.after and not p.referenced]
        alone = len(without) == 1 and left_over >= (total - without[0]) * HALF
        return total, left_over, TENTH if alone else HALF

    def _is_watched(self, pair: Pair) -> bool:
        """A small table may well be empty, but for one that is no diary: settings, countries."""
        settings = pair.there and not pair.passing and pair.name not in self._newest[0]
        return pair.before >= (FEW if settings else WORTH_WATCHING)

    def _matters(self, pair: Pair) -> bool:
        if pair.there:
            matters = pair.referenced or pair.weighty
            return (matters and not pair.empties) or pair.always_full
        return pair.referenced and self._is_still_wanted(pair.name)

    def _is_news(self, pair: Pair) -> bool:
        """Worth a warning of this check only: that the table is gone, the structure reports."""
        if pair.empties and not pair.referenced:
            return False
        return pair.there or not self._before.structure or f"table {pair.name}" in self._ordinary

    @cached_property
    def _ordinary(self) -> frozenset[str]:
        return ordinary(self._before.structure, self._after.structure, self._before.past)

    def _is_still_wanted(self, name: str) -> bool:
        """Whether columns are left tonight that pointed to a table that is gone."""
        old, new = self._before.structure, self._after.structure
        if not old:
            return True
        known = False
        for key, definition in old.items():
            match = FOREIGN_KEY.match(definition) if key.startswith(CONSTRAINT) else None
            table = key.removeprefix(CONSTRAINT).rpartition(".")[0]
            if match is None or match[2].replace('"', "") != name or table == name:
                continue
            known = True
            columns = (column.strip().strip('"') for column in match[1].split(","))
            if all(f"{COLUMN}{table}.{column}" in new for column in columns):
                return True
        return not known and self._has_lost_unknown_constraints()

    def _has_lost_unknown_constraints(self) -> bool:
        """Whether tables that stayed have lost constraints of which only digests are kept, and no column."""
        old, new = self._before.structure, self._after.structure
        gone = [key for key in old if key not in new]
        thinner = {_table_of(key, COLUMN) for key in gone if key.startswith(COLUMN)}
        return any(
            f"table {table}" in new and table not in thinner
            for key in gone
            if key.startswith(CONSTRAINT) and old[key].startswith("#")
            for table in (_table_of(key, CONSTRAINT),)
        )

    def _lost_schemas(self) -> set[str]:
        """Of all that are left none is a table of these; not where nothing is left at all."""
        if not self._new:
            return set()
        return {_schema(n) for n in self._old if "." in n} - {_schema(n) for n in self._new}

    def _schemas(self, lost: set[str]) -> Iterator[Difference]:
        siblings = like_others(self._old, self._new)
        for schema in sorted(lost - {_schema(name) for name in self._renamed}):
            own = [p for p in self._pairs.values() if p.schema == schema and not p.passing]
            rows = sum(pair.before for pair in own)
            if rows >= WORTH_WATCHING and not all(pair.empties for pair in own):
                yield Difference(
                    what=f"schema {schema}",
                    before=f"{rows:,} rows",
                    after="",
                    certain=schema not in siblings,
                )

    def _is_its_way(self, pair: Pair) -> bool:
        """A queue's to be emptied, a log's to lose its old rows when it has gained new ones."""
        if pair.referenced:
            return False
        return pair.passing or pair.empties or pair.shrinks or self._is_purged(pair)

    def _is_purged(self, pair: Pair) -> bool:
        newest, tonight = self._newest
        own = newest.get(pair.name, {})
        later = {c: tonight.get(pair.name, {}).get(c, at) - at for c, at in own.items()}
        return (
            pair.fell(0)
            and pair.after > 0
            and any(s > 0 for s in later.values())
            and min(later.values()) >= 0
        )

    @cached_property
    def _newest(self) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
        """Table → column → newest moment; of both nights."""
        return _newest_by_table(self._before), _newest_by_table(self._after)


def _newest_by_table(reading: DatabaseReading) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for name, moment in newest_by_group(reading, NEWEST).items():
        table, _, column = name.rpartition(".")
        found[table][column] = moment
    return found


def _schema(name: str) -> str:
    return name.partition(".")[0]


def _table_of(key: str, kind: str) -> str:
    return key.removeprefix(kind).rpartition(".")[0]


def _renamed(before: DatabaseReading, after: DatabaseReading) -> frozenset[str]:
    """Tables that are gone, where one that was not there before has their columns or their contents."""
    old, new = rows_by_group(before), rows_by_group(after)
    come = sorted(set(new) - set(old))
    if not come:
        return frozenset()
    columns, others = _columns(before), _columns(after)
    prints, their_prints = _prints(before), _prints(after)
    found = set()
    for name in sorted(set(old) - set(new)):
        for other in come:
            same = columns.get(name) == others.get(other, {}) or (
                prints.get(name, [""]) == their_prints.get(other) and all(prints[name])
            )
            if same and new[other] >= old[name] * HALF:
                come.remove(other)
                found.add(name)
                break
    return frozenset(found)


def _columns(reading: DatabaseReading) -> dict[str, dict[str, str]]:
    """Table → column → type; without defaults, which may name a sequence that is called like the table."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key, value in reading.structure.items():
        if key.startswith(COLUMN):
            table, _, column = key.removeprefix(COLUMN).rpartition(".")
            found[table][column] = value.partition(" default ")[0]
    return found


def _prints(reading: DatabaseReading) -> dict[str, list[str]]:
    """Table → fingerprints of its parts; an empty one where the contents were not read."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, table in reading.tables.items():
        found[table.group or name].append(table.values.get(PRINT, ""))
    return {name: sorted(values) for name, values in found.items()}


def without_rows(before: DatabaseReading, after: DatabaseReading) -> int:
    """Tables that had rows and have none or are gone."""
    compared = pairs(before, after).values()
    return sum(pair.before >= WORTH_WATCHING and not pair.after for pair in compared)


def shrunk(before: DatabaseReading, after: DatabaseReading, share: float) -> Iterator[Difference]:
    """Tables that have lost more than this share of their rows, and are not empty; of those that others
    are joined with, a much smaller one.
    """
    for name, pair in sorted(pairs(before, after).items(), key=lambda item: -item[1].before):
        if pair.passing or pair.empties or pair.shrinks:
            continue
        most = min(share, SMALL) if pair.joined else share
        if pair.after and pair.before >= WORTH_WATCHING and pair.fell(most):
            rows = f"{pair.before:,} rows"
            yield Difference(
                what=f"table {name}", before=rows, after=f"{pair.after:,}", certain=False
            )


def rejuvenated(before: DatabaseReading, after: DatabaseReading) -> Iterator[str]:
    """Columns whose newest value is older than it was: rows of the last days are missing.

    Not of tables that have lost many rows: they are named for that.
    """
    compared = pairs(before, after)
    for table, column in older(before, after):
        pair = compared.get(table)
        if pair and not (pair.passing or pair.empties or pair.goes_back or pair.fell(MUCH)):
            yield f"{table}.{column}"


def silent(before: DatabaseReading, after: DatabaseReading) -> str:
    """Words, where rows came into several tables on the day of last night's backup, and into none since."""
    if not (before.until and after.until):
        return ""
    was, now = (datetime.fromisoformat(reading.until) for reading in (before, after))
    old, new = newest_by_group(before, NEWEST), newest_by_group(after, NEWEST)
    born = {
        name: at for name, at in old.items() if HAPPENED.search(name.rpartition(".")[2].lower())
    }
    active = [n for n, at in born.items() if was.timestamp() - at <= DAY.total_seconds()]
    if len(active) < SEVERAL or now - was < DAY / 2:
        return ""
    if any(new.get(name, at) > at for name, at in born.items()):
        return ""
    return f"no new row since the last drill in any of {len(born):,} tables with an insertion time"


def structure_changes(
    before: Mapping[str, str], after: Mapping[str, str], known: Collection[str] = ()
) -> tuple[Difference, ...]:
    """`known`: as in `families.ordinary`."""
    no_change = ordinary(*structure.alike(before, after), known)
    differences = structure.structure_changes(before, after)
    found = [replace(d, certain=False) for d in differences if d.what not in no_change]
    return tuple(sorted(found, key=lambda difference: _tables_first(difference.what)))


def _tables_first(key: str) -> tuple[bool, str]:
    """The list is cut off: a table that is gone is more than its columns."""
    return not key.startswith(("schema ", "table ")), key
