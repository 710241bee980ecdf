"""The columns are similar to those of the last verified drill, by a sample of each table."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from restorecheck.checks.column_changes import carried, compare, same_backup
from restorecheck.checks.column_statistics import ColumnStatistics, bounded, merge, read, unpack
from restorecheck.checks.dialects.postgresql.column_statistics import statement
from restorecheck.checks.kind import (
    NOTHING_YET,
    BuiltIn,
    Catalog,
    CheckFinding,
    Context,
    OfDatabase,
)
from restorecheck.checks.questions import LARGE_CONTENTS
from restorecheck.checks.scan_result import (
    DatabaseReading,
    newest_by_group,
    objects_of,
    rows_by_group,
)
from restorecheck.checks.scan_statements import NEWEST, PRINT, ROWS, SMALL_BLOCKS, Plan, Question
from restorecheck.checks.tables import Table
from restorecheck.model import CheckSpec
from restorecheck.spelling import number_of

COLUMNS = "columns:"
MOST_TABLES = 60
"""Only the largest tables: one statement for each of many thousand small ones would take too long."""
LARGEST = 60_000
"""Characters of statistics stored for one database; smaller tables are left out."""


class ContentsPlausible(OfDatabase):
    name = "contents_plausible"
    help = (
        "The contents of the columns are similar to the last verified drill: no broken "
        "characters, no new NULLs, no rewritten values."
    )
    built_in = BuiltIn(name="the contents are plausible", compares=True)
    collects = True
    questions_begin = (COLUMNS,)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "contents similar to the last verified drill"

    def studies(self, catalog: Catalog, reading: DatabaseReading) -> Iterable[Question]:
        tables = [t for t in catalog.tables if not t.view and _rows(t, reading)]
        for table in sorted(tables, key=lambda t: -_rows(t, reading))[:MOST_TABLES]:
            if table.group in reading.statistics:
                continue  # in a copy that was damaged elsewhere
            sql = statement(table, key=table.key, rows_estimate=_rows(table, reading))
            if sql is not None:
                yield Question(
                    key=f"{COLUMNS}{table.full_name}",
                    sql=sql,
                    plan=Plan.ANY,
                    weight=table.blocks,
                    small=table.blocks <= SMALL_BLOCKS,
                )

    def settle(
        self, catalog: Catalog, reading: DatabaseReading, before: DatabaseReading | None
    ) -> None:
        parts: dict[str, list[ColumnStatistics]] = defaultdict(list)
        for table in catalog.tables:
            answer = reading.answers.pop(f"{COLUMNS}{table.full_name}", None)
            if answer:
                parts[table.group].append(read(table, json.loads(answer), key=table.key))
        rows = rows_by_group(reading)
        earlier = rows_by_group(before) if before else {}
        kept = {}
        reading.implausible = {}
        for name, some in sorted(parts.items()):
            now = merge(some)
            known = before.statistics.get(name) if before else None
            then = unpack(known) if known else None
            if then is not None:
                found = compare(
                    then, now, rows_before=earlier.get(name, 0), rows_after=rows[name], table=name
                )
                reading.implausible |= {f"{name}.{f.column}: {f.words}": f.certain for f in found}
            kept[name] = (carried(then, now).pack(), rows[name])
        reading.statistics = {**reading.statistics, **bounded(kept, LARGEST)}

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        number = len(reading.statistics)
        if before is None or not before.statistics:
            return CheckFinding(found=f"{number_of(number, 'table')} read; {NOTHING_YET}")
        same = _same_backup(before, reading)
        common = len({*reading.statistics} & {*before.statistics})
        return CheckFinding(
            found=f"{number_of(common, 'table')} compared",
            problems=tuple(words for words, certain in reading.implausible.items() if certain),
            warnings=(
                *([same] if same else ()),
                *_other_objects(before, reading),
                *(words for words, certain in reading.implausible.items() if not certain),
            ),
        )


def _other_objects(before: DatabaseReading, after: DatabaseReading) -> Iterable[str]:
    """Changed large objects, which applications hardly ever rewrite."""
    was, now = objects_of(before), objects_of(after)
    prints = [reading.answers.get(LARGE_CONTENTS) for reading in (before, after)]
    if was and was == now and all(prints) and prints[0] != prints[1]:
        yield f"large objects: the same number ({was:,}), but other contents"


def _rows(table: Table, reading: DatabaseReading) -> int:
    found = reading.tables.get(table.full_name)
    return round(float(found.values.get(ROWS, "0"))) if found else 0


def _same_backup(before: DatabaseReading, after: DatabaseReading) -> str:
    """A finding if tonight's backup is last night's under another date; else empty."""
    if not (before.until and after.until):
        return ""
    taken = [datetime.fromisoformat(reading.until).timestamp() for reading in (before, after)]
    prints = [
        {
            name: table.values.get(PRINT, "")
            for name, table in reading.tables.items()
            if table.values.get(ROWS) != "0"
        }
        for reading in (before, after)
    ]
    return same_backup(
        newest_by_group(before, NEWEST), (taken[0], taken[1]), (prints[0], prints[1])
    )
