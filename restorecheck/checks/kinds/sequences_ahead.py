"""No sequence is behind the column that it fills: the next insert would fail."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from restorecheck.checks.dialects.postgresql.questions import behind
from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase, Section
from restorecheck.checks.kinds.references_hold import questions_found
from restorecheck.checks.questions import BEHIND
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.checks.scan_statements import Question
from restorecheck.model import CheckSpec, Severity


class SequencesAhead(OfDatabase):
    name = "sequences_ahead"
    help = "Each sequence continues after the greatest value of its column."
    built_in = BuiltIn(name="sequences are ahead", severity=Severity.WARNING)
    reads = frozenset({Section.SEQUENCES})
    questions_begin = (BEHIND,)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no sequence behind its column"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        small = catalog.small
        for sequence in catalog.sequences:
            tables = {sequence.table, *(table for table, _ in sequence.others)}
            yield replace(behind(sequence), small=tables <= small)

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        return questions_found(reading, BEHIND, "sequence", _is_behind)


FARTHEST = 10_000
"""A larger distance is not shown as a number: it may be a row value that the sequence did not make."""


def _is_behind(name: str, value: str) -> str:
    if not value:
        return ""
    distance = value if value.isdigit() and int(value) < FARTHEST else f"more than {FARTHEST:,}"
    return f"{name} is {distance} behind its column: the next insert fails"
