"""Every validated foreign key is fulfilled: no orphaned rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase, Section
from restorecheck.checks.kinds.tables_countable import with_grant
from restorecheck.checks.questions import ORPHANS
from restorecheck.checks.scan_result import DatabaseReading, shown_rows
from restorecheck.checks.scan_statements import Question
from restorecheck.model import CheckSpec
from restorecheck.spelling import number_of


class ReferencesHold(OfDatabase):
    name = "references_hold"
    help = "Every row refers to an existing row, by every validated foreign key."
    built_in = BuiltIn(name="references hold")
    reads = frozenset({Section.FOREIGN_KEYS})
    questions_begin = (ORPHANS,)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no orphaned rows"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        blocks = {table.quoted: table.blocks for table in catalog.tables}
        small = catalog.small
        for key in catalog.foreign_keys:
            weight, little = blocks.get(key.table, 0), {key.table, key.target} <= small
            yield replace(catalog.sql.orphans(key), weight=weight, small=little)

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        return questions_found(reading, ORPHANS, "reference", _orphaned)


def _orphaned(name: str, value: str) -> str:
    rows = int(value or 0)
    return f"{name}: {shown_rows(rows)} without the referenced row" if rows else ""


def questions_found(
    reading: DatabaseReading, prefix: str, one: str, say: Callable[[str, str], str]
) -> CheckFinding:
    """The finding of many questions of one kind. `say`: the problem for a name and value; empty: none."""
    answers = list(under(reading.answers, prefix))
    damaged = [f"{name}: {reason}" for name, reason in under(reading.problems, prefix)]
    doubts = [
        f"{name}: {with_grant(reason, reading)}" for name, reason in under(reading.doubts, prefix)
    ]
    said = (say(name, value) for name, value in answers)
    return CheckFinding(
        found=number_of(len(answers), one) + (f", {len(doubts)} not checked" if doubts else ""),
        problems=(*damaged, *(text for text in said if text)),
        doubts=tuple(doubts),
    )


def under(kept: Mapping[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    return ((k.removeprefix(prefix), v) for k, v in sorted(kept.items()) if k.startswith(prefix))
