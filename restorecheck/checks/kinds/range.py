"""Every value of a column lies between two bounds, by the order of its type."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import Bound, TableKeys, Text, optional, refusal
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan, violations_judged
from restorecheck.checks.scan_statements import ASKED, Aggregate
from restorecheck.checks.shown import bounds
from restorecheck.model import CheckSpec

TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext"})


class RangeKeys(TableKeys):
    column: Text = Field(description="The column.")
    min: Bound | None = optional("Smallest allowed value: a number, or a date or time as text.")
    max: Bound | None = optional("Greatest allowed value.")

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.min is None and self.max is None:
            raise refusal("expected at least one of min and max, found none")
        return self

    @property
    def about(self) -> str:
        return f"range of {self.column}"


class Range(OfRelation):
    name = "range"
    help = "Every value lies between two bounds."
    keys = RangeKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return f"every value {bounds(options.get('min'), options.get('max'), None)}"

    def refused(self, ask: Ask) -> str:
        column = ask.column()
        numbers = any(isinstance(ask.spec.options.get(k), int | float) for k in ("min", "max"))
        if column.type in TEXTS and numbers:
            return f"column {column.name} has the type {column.type}, but the bounds are numbers"
        return ""

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        options = ask.spec.options
        outside = ask.sql.outside(ask.column(), options.get("min"), options.get("max"))
        yield ask.sql.violations(outside, ask.key)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        number = scan.count(f"{ASKED}{spec.name}")
        expected = self.expected(spec.options)
        return violations_judged(number, expected, "outside of the range", detail=scan.beside)
