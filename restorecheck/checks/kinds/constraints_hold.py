"""No row violates a validated constraint: CHECK and NOT NULL of tables and domains, EXCLUDE."""

from collections.abc import Iterable, Mapping
from typing import Any

from restorecheck.checks.dialects.postgresql.questions import excluded
from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase, Section
from restorecheck.checks.kinds.references_hold import under
from restorecheck.checks.questions import EXCLUDED
from restorecheck.checks.scan_result import DatabaseReading, shown_rows
from restorecheck.checks.scan_statements import CHECK, NULLS, ROWS, UNSETTLED, Question
from restorecheck.model import CheckSpec

DEPENDS = "which may depend on settings of production such as its time zone, or on its version of a collation"
"""A load of a dump holds every row against its constraints here; a copy of files never was."""


class ConstraintsHold(OfDatabase):
    name = "constraints_hold"
    help = "No row violates a validated constraint."
    built_in = BuiltIn(name="constraints hold")
    reads = frozenset({Section.EXCLUSIONS})
    constraints = True
    questions_begin = (EXCLUDED,)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no violations"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        return map(excluded, catalog.exclusions)

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        problems, doubts, looked_at = [], [], 0
        for name, table in reading.tables.items():
            for key, value in table.values.items():
                if not _is_about(key):
                    continue
                looked_at += 1
                if float(value) > 0 and context.physical and key.startswith(UNSETTLED):
                    doubts.append(f"{name}: {_broken(float(value))} {_constraint(key)}, {DEPENDS}")
                elif float(value) > 0:
                    problems.append(f"{name}: {_broken(float(value))} {_constraint(key)}")
            if not table.problem and ROWS not in table.values:
                doubts.append(f"{name}: {table.doubts.get(ROWS, 'not read')}")
            doubts += [
                f"{name}, {_constraint(key)}: {reason}"
                for key, reason in table.doubts.items()
                if _is_about(key)
            ]
        for name, value in under(reading.answers, EXCLUDED):
            looked_at += 1
            if value not in {"", "0"}:
                problems.append(f"{name}: {_broken(float(value))} it")
        problems += [f"{name}: {why}" for name, why in under(reading.problems, EXCLUDED)]
        doubts += [f"{name}: {why}" for name, why in under(reading.doubts, EXCLUDED)]
        found = f"{looked_at:,} checked" + (f", {len(doubts)} not" if doubts else "")
        return CheckFinding(found=found, problems=tuple(problems), doubts=tuple(doubts))


def _is_about(key: str) -> bool:
    return key == NULLS or key.startswith((CHECK, UNSETTLED))


def _constraint(key: str) -> str:
    return "NOT NULL" if key == NULLS else key.removeprefix(CHECK).removeprefix(UNSETTLED)


def _broken(rows: float) -> str:
    return f"{shown_rows(rows)} break{'s' if rows == 1 else ''}"
