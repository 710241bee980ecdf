"""Every reference has its row, also without a constraint."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import Columns, Table, TableKeys, refusal
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan, violations_judged
from restorecheck.checks.scan_statements import ASKED, Question
from restorecheck.checks.tables import ForeignKey
from restorecheck.model import CheckSpec


class ReferencesKeys(TableKeys):
    columns: Columns = Field(description="Columns that refer to another table.")
    to: Table = Field(description="The table that the columns refer to.")
    to_columns: Columns = Field(description="Columns of the other table, in the same order.")

    @model_validator(mode="after")
    def _is_paired(self) -> Self:
        if len(self.columns) != len(self.to_columns):
            raise refusal("expected as many to_columns as columns")
        return self

    @property
    def about(self) -> str:
        return f"references from {', '.join(self.columns)}"


class References(OfRelation):
    name = "references"
    help = "Every row refers to an existing row, also without a foreign key."
    keys = ReferencesKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no orphaned rows"

    def question(self, ask: Ask) -> Question | None:
        assert ask.to is not None, "who asks has found the other table"
        names = [ask.to_columns[column] for column in ask.spec.options["to_columns"]]
        there = [ask.to.column(name) for name in names]
        key = ForeignKey(
            name="",
            table=ask.sql.rows(ask.relation),
            target=ask.sql.rows(ask.to),
            pairs=tuple(ask.sql.pair(h, t) for h, t in zip(ask.listed, there, strict=True)),
        )
        return ask.sql.orphans(key, name=ask.key)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        number = int(scan.answer(f"{ASKED}{spec.name}"))
        expected = self.expected(spec.options)
        return violations_judged(number, expected, "that refer to no row", detail=scan.beside)
