"""Compares tonight's reading with that of the last verified drill. Pure: two readings in, findings out.

Some losses are certain to matter: half of all rows, a table that others refer to, one that was never
empty in five weeks, a schema, all large objects. Others may be normal and are a warning. A change that a
table has shown before is not reported (`memory`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

from restorecheck.checks import structure
from restorecheck.checks.families import like_others, ordinary
from restorecheck.checks.name_words import HAPPENED
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.pairs import Pair, older, pairs, split_column, unread
from restorecheck.checks.scan_result import (
    DatabaseReading,
    newest_by_group,
    objects_of,
    rows_by_group,
)
from restorecheck.checks.scan_statements import NEWEST, PRINT
from restorecheck.checks.structure import Difference
from restorecheck.checks.tables import parts_of
from restorecheck.spelling import number_of

WORTH_WATCHING = 100
"""A smaller table that is suddenly empty is not reported."""
HALF, TENTH = 0.5, 0.1
QUARTER, PART = 0.25, 0.05
"""Shares of a table's rows, and of all rows: if both are lost, that is more than a day's deletes."""
SMALL = 0.03
"""Share of rows that a large table with references may lose in a night; more is reported."""
FEW, SEVERAL = 10, 3
"""Fewest rows of a table without times whose loss is reported; fewest tables with new rows on a busy day."""
DAY = timedelta(days=1)
MUCH = 0.2
"""A table that lost a larger share is reported for that, and its newest times are not compared."""
EVERYTHING = "all tables"
ADVICE = (
    "if the change was intended: `restorecheck history accept`, or add the table in "
    "`volatile_tables`"
)
FOREIGN_KEY = re.compile(r"FOREIGN KEY \((.+?)\) REFERENCES (.+?)\(")
CONSTRAINT, COLUMN = "constraint ", "column "


def without(reading: DatabaseReading, patterns: Sequence[str]) -> DatabaseReading:
    """The reading without volatile tables."""
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
    """Matches names as SQL reads them, `*` for any text; without a schema, in every schema."""
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
    """Tables that had rows and are now empty or missing, missing schemas, and a database that lost half of
    its rows; certain losses first.
    """
    yield from sorted(_Losses(before, after).all(), key=lambda loss: not loss.certain)


class _Losses:
    """Losses of the tables of one database."""

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
                    before=number_of(pair.before, "row"),
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
            yield Difference(
                what=EVERYTHING,
                before=number_of(total, "row"),
                after=number_of(left_over, "row"),
            )

    def _halved(self) -> Iterator[Difference]:
        """Large tables with references that lost many rows, and with them the database."""
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
                    before=number_of(pair.before, "row"),
                    after=f"{pair.after:,}",
                )

    def _everything(self) -> tuple[int, int, float]:
        """Rows before and tonight, and the share that must remain: a single table without references may lose
        nearly all (it is being loaded, or a new week began).
        """
        counted = [pair for pair in self._pairs.values() if not self._is_its_way(pair)]
        total, left_over = sum(p.before for p in counted), sum(p.after for p in counted)
        without = [p.before for p in counted if p.before and not p.after and not p.referenced]
        alone = len(without) == 1 and left_over >= (total - without[0]) * HALF
        return total, left_over, TENTH if alone else HALF

    def _is_watched(self, pair: Pair) -> bool:
        """Whether the loss of all rows matters: small tables with times may be empty, but not settings or countries."""
        settings = pair.there and not pair.passing and pair.name not in self._newest[0]
        return pair.before >= (FEW if settings else WORTH_WATCHING)

    def _matters(self, pair: Pair) -> bool:
        if pair.there:
            matters = pair.referenced or pair.weighty
            return (matters and not pair.empties) or pair.always_full
        return pair.referenced and self._is_still_wanted(pair.name)

    def _is_news(self, pair: Pair) -> bool:
        """Whether to warn; a missing table is reported by the structure."""
        if pair.empties and not pair.referenced:
            return False
        return pair.there or not self._before.structure or f"table {pair.name}" in self._ordinary

    @cached_property
    def _ordinary(self) -> frozenset[str]:
        return ordinary(self._before.structure, self._after.structure, self._before.past)

    def _is_still_wanted(self, name: str) -> bool:
        """Whether columns remain that referred to a missing table."""
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
        """Whether remaining tables lost constraints known only by digest, and no column."""
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
        """Schemas without any table left; empty if no table at all is left."""
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
                    before=number_of(rows, "row"),
                    after="",
                    certain=schema not in siblings,
                )

    def _is_its_way(self, pair: Pair) -> bool:
        """Whether the loss is normal: a queue is emptied, a log loses old rows and gets new ones."""
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
        """Table → column → newest time; of both nights."""
        groups = {*rows_by_group(self._before), *rows_by_group(self._after)}
        return _newest_by_table(self._before, groups), _newest_by_table(self._after, groups)


def _newest_by_table(
    reading: DatabaseReading, groups: Container[str]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for name, moment in newest_by_group(reading, NEWEST).items():
        table, column = split_column(name, groups)
        found[table][column] = moment
    return found


def _schema(name: str) -> str:
    return name.partition(".")[0]


def _table_of(key: str, kind: str) -> str:
    return key.removeprefix(kind).rpartition(".")[0]


def _renamed(before: DatabaseReading, after: DatabaseReading) -> frozenset[str]:
    """Missing tables, if a new one has their columns or their contents."""
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
    """Table → column → type; without defaults, which may name a sequence named after the table."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key, value in reading.structure.items():
        if key.startswith(COLUMN):
            table, _, column = key.removeprefix(COLUMN).rpartition(".")
            found[table][column] = value.partition(" default ")[0]
    return found


def _prints(reading: DatabaseReading) -> dict[str, list[str]]:
    """Table → fingerprints of its parts; an empty text: the contents were not read."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, table in reading.tables.items():
        found[table.group or name].append(table.values.get(PRINT, ""))
    return {name: sorted(values) for name, values in found.items()}


def without_rows(before: DatabaseReading, after: DatabaseReading) -> int:
    """Tables that had rows and are now empty or missing."""
    compared = pairs(before, after).values()
    return sum(pair.before >= WORTH_WATCHING and not pair.after for pair in compared)


def shrunk(before: DatabaseReading, after: DatabaseReading, share: float) -> Iterator[Difference]:
    """Tables that lost more than this share of their rows and are not empty; for tables with references the
    share is much smaller.
    """
    for name, pair in sorted(pairs(before, after).items(), key=lambda item: -item[1].before):
        if pair.passing or pair.empties or pair.shrinks:
            continue
        most = min(share, SMALL) if pair.joined else share
        if pair.after and pair.before >= WORTH_WATCHING and pair.fell(most):
            rows = number_of(pair.before, "row")
            yield Difference(
                what=f"table {name}", before=rows, after=f"{pair.after:,}", certain=False
            )


def rejuvenated(before: DatabaseReading, after: DatabaseReading) -> Iterator[str]:
    """Columns whose newest value is older than before: rows of the last days are missing.

    Not for tables that lost many rows: these are reported for that.
    """
    compared = pairs(before, after)
    for table, column in older(before, after):
        pair = compared.get(table)
        if pair and not (pair.passing or pair.empties or pair.goes_back or pair.fell(MUCH)):
            yield f"{table}.{column}"


def silent(before: DatabaseReading, after: DatabaseReading) -> str:
    """A finding, if several tables got rows on the day before last night's backup, and none since; else empty."""
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
    """Sort key: the list is cut off, and a missing table matters more than its columns."""
    return not key.startswith(("schema ", "table ")), key
