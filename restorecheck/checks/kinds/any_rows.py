"""At least one table has rows: an empty backup is useless."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from restorecheck.checks.answers import Judgement
from restorecheck.checks.dialects.postgresql.questions import large_objects
from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase
from restorecheck.checks.scan_result import DatabaseReading, objects_of
from restorecheck.checks.scan_statements import ROWS, Question
from restorecheck.checks.structure import unfilled
from restorecheck.checks.tables import UNLOGGED
from restorecheck.model import CheckOutcome, CheckSpec
from restorecheck.spelling import number_of


class AnyRows(OfDatabase):
    name = "any_rows"
    help = "At least one table has rows."
    built_in = BuiltIn(name="at least one table has rows", always=True)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "at least one row"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        yield large_objects()

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        tables = reading.tables.values()
        rows = sum(round(float(t.values[ROWS])) for t in tables if ROWS in t.values)
        kept = objects_of(reading)
        found = f"{number_of(rows, 'row')} in {number_of(len(tables), 'table')}"
        if kept:
            found += f", {kept:,} large objects"
        unread = any(t.problem or ROWS not in t.values for t in tables)
        doubts = ["not every table could be counted"] if unread else []
        doubts += ["the large objects could not be counted"] if kept is None else []
        doubts += list(_excuses(reading))
        empty = "every table is empty" if tables else "there is no table"
        return CheckFinding(
            found=found, problems=() if rows or kept else (empty,), doubts=tuple(doubts)
        )

    def judge_all(
        self, spec: CheckSpec, findings: Mapping[str, CheckFinding], lost: Sequence[str]
    ) -> Judgement:
        """Judges all databases together: a single one may be empty."""
        expected = self.expected(spec.options)
        several = len(findings) > 1
        found = "; ".join(
            f"{n}: {f.found}" if several else f.found for n, f in findings.items() if f.found
        )
        if any(f.found and not f.problems for f in findings.values()):
            return Judgement(CheckOutcome.PASSED, expected, found)
        doubts = [doubt for f in findings.values() for doubt in f.doubts]
        if doubts:
            return Judgement(CheckOutcome.ERROR, expected, found, doubts[0])
        problems = [problem for f in findings.values() for problem in f.problems]
        return Judgement(CheckOutcome.FAILED, expected, found, problems[0] if problems else "")


def _excuses(reading: DatabaseReading) -> Iterator[str]:
    """Why a database may have no rows although nothing is lost."""
    if views := unfilled(reading.structure):
        yield f"materialized views without data: {len(views):,}"
    foreign = sum(key.startswith("foreign table ") for key in reading.structure)
    if foreign:
        yield f"foreign tables (their rows are on other servers): {foreign:,}"
    if reading.tables and all(UNLOGGED in table.traits for table in reading.tables.values()):
        yield "all tables are unlogged, and pg_dump may leave out the rows of unlogged tables"
