"""How many rows a table has."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from restorecheck.checks.answers import Judgement, passed_if
from restorecheck.checks.keys import Count, Growth, Share, Table, TableKeys, optional, refusal
from restorecheck.checks.kind import Context, OfRelation, RelationScan
from restorecheck.checks.shown import bounds, percent, show
from restorecheck.model import CheckOutcome, CheckSpec


class RowCountKeys(TableKeys):
    table: Table = Field(description="Table to count, with its schema: public.answers.")
    min: Count | None = optional("The table must have at least this many rows.")
    max: Count | None = optional("The table must have at most this many rows.")
    equals: Count | None = optional("The table must have exactly this many rows.")
    max_drop: Share | None = optional(
        "Maximum loss since the last verified drill: 5% or 0.05 of the rows."
    )
    max_growth: Growth | None = optional(
        "Maximum growth since the last verified drill: 50% or 0.5 of the rows."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        bounded = self.min is not None or self.max is not None
        compared = self.max_drop is not None or self.max_growth is not None
        if not bounded and not compared and self.equals is None:
            raise refusal(
                "expected at least one of min, max, equals, max_drop and max_growth, found none"
            )
        if bounded and self.equals is not None:
            raise refusal("expected either equals or min and max, found both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refusal(f"min {self.min} is greater than max {self.max}")
        return self

    @property
    def about(self) -> str:
        return "row count"


class RowCount(OfRelation):
    name = "row_count"
    help = "Counts the rows of a table."
    keys = RowCountKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        given = [options.get(key) for key in ("min", "max", "equals")]
        parts = [] if given == [None] * 3 else [bounds(*given)]
        drop, growth = options.get("max_drop"), options.get("max_growth")
        parts += [] if drop is None else [f"at most {percent(drop)} less than before"]
        parts += [] if growth is None else [f"at most {percent(growth)} more than before"]
        return ", ".join(parts)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        earlier = before.rows if before is not None else None
        return self.judge_count(spec, scan.rows, earlier, scan.beside)

    def judge_count(
        self, spec: CheckSpec, count: int, before: int | None, beside: str = ""
    ) -> Judgement:
        """`before`: rows in the last verified night; None: there was none, or no such table."""
        options = spec.options
        expected = self.expected(options)
        low, high, equals = options.get("min"), options.get("max"), options.get("equals")
        drop, growth = options.get("max_drop"), options.get("max_growth")
        if all(bound is None for bound in (low, high, equals, drop, growth)):
            return Judgement(CheckOutcome.ERROR, "", show(count), "the check names no bound")
        found = show(count)
        holds = (
            (low is None or count >= low)
            and (high is None or count <= high)
            and (equals is None or count == equals)
        )
        if before is not None and (drop is not None or growth is not None):
            found = f"{found}, before {before:,}"
            holds = holds and (drop is None or count >= before * (1 - drop))
            holds = holds and (growth is None or count <= before * (1 + growth))
        return Judgement(passed_if(holds), expected, found, beside)
