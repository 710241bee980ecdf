"""Every value of a column is one of a list, by the equality of its type."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import AtLeastOne, Bound, FromList, TableKeys, Text, refusal
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan, violations_judged
from restorecheck.checks.scan_statements import ASKED, Aggregate
from restorecheck.model import CheckSpec


class AcceptedValuesKeys(TableKeys):
    column: Text = Field(description="The column.")
    values: Annotated[tuple[Bound | bool, ...], FromList, AtLeastOne] = Field(
        description="The allowed values. NULL is ignored: see not_null."
    )

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if len({isinstance(value, bool) for value in self.values}) > 1:
            raise refusal(
                "expected either true and false or other values, found both; YAML reads yes, "
                "no, on and off without quotes as true and false: quote them, as in 'no'"
            )
        return self

    @property
    def about(self) -> str:
        return f"values of {self.column}"


class AcceptedValues(OfRelation):
    name = "accepted_values"
    help = "Every value is one of a list."
    keys = AcceptedValuesKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return f"one of {len(options['values'])} allowed values"

    def refused(self, ask: Ask) -> str:
        column, values = ask.column(), ask.spec.options["values"]
        if column.type != "bool" and any(isinstance(value, bool) for value in values):
            return (
                f"column {column.name} has the type {column.type}, but the allowed values are "
                "true and false: YAML reads yes, no, on and off without quotes as true and "
                "false. Quote them, as in 'no'"
            )
        return ""

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        unlisted = ask.sql.unlisted(ask.column(), ask.spec.options["values"])
        yield ask.sql.violations(unlisted, ask.key)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        number = scan.count(f"{ASKED}{spec.name}")
        expected = self.expected(spec.options)
        return violations_judged(number, expected, "with another value", detail=scan.beside)
