"""No value is in two rows; read from the table, not from the unique index."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import Columns, TableKeys
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan, violations_judged
from restorecheck.checks.scan_statements import ASKED, Aggregate, Question, filled, filled_key
from restorecheck.model import CheckOutcome, CheckSpec
from restorecheck.spelling import number_of


class UniqueKeys(TableKeys):
    columns: Columns = Field(description="Columns whose values together occur in only one row.")

    @property
    def about(self) -> str:
        return f"uniqueness of {', '.join(self.columns)}"


class Unique(OfRelation):
    name = "unique"
    help = "No value occurs twice; read from the table, not from an index."
    keys = UniqueKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return "every value once"

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        yield filled(ask.listed, ask.sql)

    def question(self, ask: Ask) -> Question | None:
        by_index = ask.has_index and ask.relation.alone
        return ask.sql.duplicates(
            ask.relation, ask.listed, name=ask.key, by_index=by_index, major=ask.major
        )

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        expected = self.expected(spec.options)
        number, looked_at = (int(part) for part in scan.answer(f"{ASKED}{spec.name}").split())
        rows = scan.count(filled_key([scan.column(c) for c in spec.options["columns"]]))
        if rows != looked_at:
            detail = (
                f"{number_of(rows, 'row')} with values in the table, {looked_at:,} in the index"
            )
            found = f"{number:,} values more than once"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        what = "more than once"
        return violations_judged(number, expected, what, noun="value", detail=scan.beside)
