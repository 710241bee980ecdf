"""The columns have a value in every row."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import Columns, TableKeys
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan, violations_judged
from restorecheck.checks.scan_statements import ASKED, Aggregate
from restorecheck.model import CheckSpec


class NotNullKeys(TableKeys):
    columns: Columns = Field(description="Columns that must have a value in every row.")

    @property
    def about(self) -> str:
        return f"values in {', '.join(self.columns)}"


class NotNull(OfRelation):
    name = "not_null"
    help = "The columns have a value in every row."
    keys = NotNullKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return "a value in every row"

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        yield ask.sql.violations(
            " or ".join(ask.sql.lacks(column) for column in ask.listed), ask.key
        )

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        number = scan.count(f"{ASKED}{spec.name}")
        expected = self.expected(spec.options)
        return violations_judged(number, expected, "without a value", detail=scan.beside)
