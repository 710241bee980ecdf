"""The contents of a table equal those of the last verified drill."""

from collections.abc import Mapping
from typing import Any

from restorecheck.checks.answers import Judgement
from restorecheck.checks.dialects.postgresql.questions import large_contents
from restorecheck.checks.keys import TableKeys
from restorecheck.checks.kind import NOTHING_YET, Ask, Context, OfRelation, RelationScan
from restorecheck.checks.scan_result import shown_rows
from restorecheck.checks.scan_statements import ASKED, PRINT, Question
from restorecheck.checks.tables import quoted
from restorecheck.model import CheckOutcome, CheckSpec


class UnchangedKeys(TableKeys):
    """For tables that are written once: the contents equal those of the last verified drill."""

    @property
    def about(self) -> str:
        return "contents"


class Unchanged(OfRelation):
    name = "unchanged"
    help = "The contents equal those of the last verified drill."
    keys = UnchangedKeys
    contents = True

    def expected(self, options: Mapping[str, Any]) -> str:
        return "the same contents"

    def question(self, ask: Ask) -> Question | None:
        """Large objects that its rows refer to are part of its contents."""
        names = [f"t.{quoted(c.name)}" for c in ask.relation.columns if c.type == "oid"]
        if not names:
            return None
        of = f"select unnest(array[{', '.join(names)}]) from {ask.sql.rows(ask.relation)} t"  # noqa: S608  # quoted names
        return large_contents(ask.major, key=ask.key, of=of)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        expected = self.expected(spec.options)
        rows, contents = scan.rows, scan.total(PRINT)
        if before is None or not before.has(PRINT):
            return Judgement(CheckOutcome.PASSED, expected, shown_rows(rows), NOTHING_YET)
        same = (before.rows, before.total(PRINT)) == (rows, contents)
        key = f"{ASKED}{spec.name}"
        if same and (key not in before.answers or before.answer(key) == scan.answer(key)):
            found = f"{shown_rows(rows)}, unchanged"
            return Judgement(CheckOutcome.PASSED, expected, found, scan.beside)
        found = f"{shown_rows(rows)}, before {before.rows:,}"
        detail = f"contents differ from the last verified drill: {scan.name}"
        return Judgement(CheckOutcome.FAILED, expected, found, detail)
