"""Every value of a column is one of a list, by the equality of its type."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import AtLeastOne, Bound, FromList, TableKeys, Text, refusal
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan, violations_judged
from restorecheck.checks.scan_statements import ASKED, Aggregate, violations
from restorecheck.checks.tables import literal, quoted
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
                f"column {column.name} is of type {column.type}, and but the allowed values are "
                "true and false: YAML reads yes, no, on and off without quotes as true and "
                "false. Quote them, as in 'no'"
            )
        return ""

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        column = ask.column()
        name = f"t.{quoted(column.name)}"
        texts = [literal(_text(value)) for value in ask.spec.options["values"]]
        listed = ", ".join(texts)
        if column.kind == "e" or not column.equals:
            # An enumeration may lack a label of the list. `concat` calls the type's output function alone.
            if column.kind != "e":
                listed = ", ".join(f"concat({text}::{column.sql_type})" for text in texts)
            among = f"concat({name}) = any(array[{listed}])"
        elif column.type.startswith("_"):  # there are no arrays of arrays
            each = (f"{name} {column.equals} {text}::{column.sql_type}" for text in texts)
            among = " or ".join(each)
        else:
            among = f"{name} {column.equals} any(array[{listed}]::{column.sql_type}[])"
        yield violations(f"{name} is not null and not ({among})", ask.key)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        number = scan.count(f"{ASKED}{spec.name}")
        expected = self.expected(spec.options)
        return violations_judged(number, expected, "with another value", detail=scan.beside)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
