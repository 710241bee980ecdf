"""Counts the books of every shelf; what the counts say is judged where those of every engine are."""

from datetime import UTC, datetime
from pathlib import Path

from restorecheck.checks.answers import Rows
from restorecheck.checks.judge_scan import judge_answer
from restorecheck.checks.registry import is_alone
from restorecheck.checks.results import context_of, result_of, results_of
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
    pack,
)
from restorecheck.checks.scan_statements import ROWS
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import CheckSpec
from restorecheck.ports import Answers, Checker, Inquiry

NAME = "shelves"


class ShelfChecker(Checker):
    def run(self, inquiry: Inquiry) -> Answers:
        endpoint = inquiry.endpoint
        place = Path(endpoint.host)
        if not place.is_dir() or str(place.stat().st_ino) != endpoint.identity:
            raise DatabaseUnreachableError("these are other shelves")
        first = inquiry.pending[0]
        if is_alone(first):
            judgement = judge_answer(first, Rows(columns=1, count=1, first=(1,)))
            return Answers(results=(result_of(first, NAME, judgement, endpoint.identity),))
        specs = [spec for spec in inquiry.pending if not is_alone(spec)]
        context = context_of((NAME,), inquiry.baseline, inquiry.backup, datetime.now(UTC))  # noqa: TID251  # a toy
        results, readings = results_of(
            specs,
            {NAME: _read(place, specs)},
            context,
            default=NAME,
            answered_by=endpoint.identity,
        )
        return Answers(results=results, readings=pack(readings))


def _read(place: Path, specs: list[CheckSpec]) -> DatabaseReading:
    tables = {
        shelf.name: TableReading(values={ROWS: str(len(list(shelf.iterdir())))}, group=shelf.name)
        for shelf in sorted(place.iterdir())
    }
    reading = DatabaseReading(tables=tables, done=True)
    for spec in specs:
        name = spec.options.get("table", "")
        there = name in tables
        reading.asked[spec.name] = AskedReading(
            relation=name, absent="" if there or spec.built_in else f"shelf {name}"
        )
        if there:
            reading.relations[name] = RelationReading(members=[name])
    return reading
