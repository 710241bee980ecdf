"""Every table can be counted, and every row can be read."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from restorecheck.checks.access import how_to_grant
from restorecheck.checks.dialects.postgresql.questions import large_contents
from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase
from restorecheck.checks.questions import LARGE_CONTENTS, LARGE_OBJECTS
from restorecheck.checks.scan_result import HIDDEN, DatabaseReading, shown_size
from restorecheck.checks.scan_statements import PRINT, ROWS, Question
from restorecheck.model import CheckSpec
from restorecheck.spelling import number_of

COLLECTED = "collected"
NO_RIGHT = "42501"
"""The code of PostgreSQL's `insufficient_privilege`."""


class TablesCountable(OfDatabase):
    name = "tables_countable"
    help = "Every table can be counted."
    built_in = BuiltIn(name="every table can be counted", always=True)
    key = ROWS

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        """Names the kinds whose comparisons need stored data, from the first drill on."""
        collected = list(suite.get(COLLECTED, ()))
        return {COLLECTED: collected} if collected else {}

    def expected(self, options: Mapping[str, Any]) -> str:
        return "a count of every table"

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        tables = reading.tables
        problems = [
            f"table {name} cannot be read: {t.problem}" for name, t in tables.items() if t.problem
        ]
        doubts = [
            f"table {name}: {with_grant(_doubt(t.doubts, self.key), reading)}"
            for name, t in tables.items()
            if not t.problem and self.key not in t.values
        ]
        if HIDDEN in reading.doubts:
            doubts.insert(0, reading.doubts[HIDDEN])
        rows = sum(round(float(t.values[ROWS])) for t in tables.values() if ROWS in t.values)
        size = shown_size(sum(t.bytes for t in tables.values()))
        return CheckFinding(
            found=f"{number_of(rows, 'row')} in {number_of(len(tables), 'table')}, {size}",
            problems=tuple(problems),
            doubts=tuple(doubts),
        )


def _doubt(doubts: Mapping[str, str], key: str) -> str:
    return doubts.get(ROWS) or doubts.get(key) or "the table was not read"


class RowsReadable(TablesCountable):
    name = "rows_readable"
    help = "Every value of every row can be read and hashed."
    built_in = BuiltIn(name="every row can be read")
    contents = True
    questions_begin = (LARGE_CONTENTS,)
    key = PRINT

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        return {}

    def expected(self, options: Mapping[str, Any]) -> str:
        return "every value of every row"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        yield large_contents(catalog.major)

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        finding = super().find(spec, reading, before, context)
        damaged = reading.problems.get(LARGE_CONTENTS)
        answered = LARGE_CONTENTS in reading.answers or reading.answers.get(LARGE_OBJECTS) == "0"
        unread = "" if answered or damaged else reading.doubts.get(LARGE_CONTENTS, "not read")
        problems = (f"large objects: {damaged}",) if damaged else ()
        doubts = (f"large objects: {with_grant(unread, reading)}",) if unread else ()
        return replace(
            finding, problems=(*finding.problems, *problems), doubts=(*finding.doubts, *doubts)
        )


def with_grant(reason: str, reading: DatabaseReading) -> str:
    """The reason with a grant, for objects other than tables, which `tables_readable` covers. Before PostgreSQL
    14 only a superuser can read pg_largeobject.
    """
    return f"{reason}; {how_to_grant(reason, reading.major)}" if NO_RIGHT in reason else reason
