"""Damage that only a backup of files can have: indexes that disagree with their tables, and corrupt pages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from restorecheck.checks.dialects.postgresql import questions
from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase, Section
from restorecheck.checks.kinds.references_hold import questions_found, under
from restorecheck.checks.questions import BTREE, HEAP, KEYS, VISIBLE
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.checks.scan_statements import OVER_BUDGET, ROWS, Question
from restorecheck.checks.tables import Table
from restorecheck.model import CheckSpec
from restorecheck.spelling import number_of

DEFAULT_MINUTES = 60.0
AMCHECK, VISIBILITY = "amcheck", "pg_visibility"
VERIFY_HEAP_MAJOR = 14


class IndexesAgree(OfDatabase):
    name = "indexes_agree"
    help = "An index has as many rows as its table. Not for dumps."
    built_in = BuiltIn(name="indexes agree with their tables", physical=True)
    questions_begin = (KEYS,)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "the same number of rows in the index and the table"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        return (questions.keys(table) for table in catalog.tables if table.key_index)

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        def say(name: str, value: str) -> str:
            table = reading.tables.get(name)
            if table is None or ROWS not in table.values:
                return ""
            rows = round(float(table.values[ROWS]))
            if rows == int(value or 0):
                return ""
            return (
                f"{name}: {number_of(rows, 'row')} in the table, {int(value or 0):,} in the index"
            )

        found = questions_found(reading, KEYS, "table", say)
        tables = ((name, reading.tables.get(name)) for name, _ in under(reading.answers, KEYS))
        unread = [
            f"{name}: its rows could not be counted"
            for name, table in tables
            if table is None or not (table.problem or ROWS in table.values)
        ]
        return replace(found, doubts=(*found.doubts, *unread))


class PagesSound(OfDatabase):
    name = "pages_sound"
    help = "amcheck and pg_visibility find no error. Not for dumps."
    built_in = BuiltIn(name="pages are sound", physical=True)
    reads = frozenset({Section.BTREES, Section.EXTENSIONS})
    questions_begin = (BTREE, HEAP, VISIBLE)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no error in heaps and B-trees"

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        return {"minutes": suite.get("pages_minutes", DEFAULT_MINUTES)}

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        """If the extensions are installed, or they or their functions can be made for a transaction."""
        for name, schema in catalog.extensions.items():
            before = questions.prelude(name, schema, major=catalog.major)
            within = schema or questions.own_schema(name)
            if name == AMCHECK:
                yield from _amcheck(catalog, within, before)
            if name == VISIBILITY:
                yield from questions.visible(within, _heaps(catalog), before=before)

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        kinds = ((HEAP, "heap"), (BTREE, "B-tree"), (VISIBLE, "visibility map"))
        parts = [
            questions_found(
                reading, prefix, noun, lambda name, value: f"{name}: {value}" if value else ""
            )
            for prefix, noun in kinds
        ]
        doubts = tuple(doubt for part in parts for doubt in part.doubts)
        asked = any(not part.found.startswith("0 ") for part in parts)
        if not asked and not doubts and reading.tables:
            doubts = ("amcheck is not available on this server",)
        return CheckFinding(
            found=", ".join(part.found for part in parts) if asked else "",
            problems=tuple(problem for part in parts for problem in part.problems),
            doubts=tuple(_explained(doubts)),
        )


def _amcheck(catalog: Catalog, schema: str, before: str) -> Iterator[Question]:
    yield from questions.btree(schema, catalog.btrees, before=before, major=catalog.major)
    if catalog.major >= VERIFY_HEAP_MAJOR:
        yield from questions.heaps(schema, _heaps(catalog), before=before)


def _heaps(catalog: Catalog) -> list[Table]:
    return [table for table in catalog.tables if not table.view]


def _explained(doubts: Iterable[str]) -> Iterator[str]:
    every = list(doubts)
    if any("42501" in reason for reason in every):
        yield (
            "the role of the checker cannot use or create the extension amcheck: create the "
            "extension in production, and grant EXECUTE on its functions"
        )
        return
    late = sum(OVER_BUDGET in reason for reason in every)
    if late:
        yield (
            f"{late:,} not checked within suite.pages_minutes: raise suite.pages_minutes, or "
            "make pages_sound a warning"
        )
    yield from (reason for reason in every if OVER_BUDGET not in reason)
