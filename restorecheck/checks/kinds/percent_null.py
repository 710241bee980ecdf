"""The share of rows without a value in a column, against a bound and against the last verified night."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Self

from pydantic import Field, model_validator

from restorecheck.checks.answers import Judgement, passed_if
from restorecheck.checks.keys import Share, TableKeys, Text, optional, refusal
from restorecheck.checks.kind import NOTHING_YET, Ask, Context, OfRelation, RelationScan
from restorecheck.checks.scan_statements import Aggregate, filled, filled_key
from restorecheck.checks.shown import percent
from restorecheck.model import CheckOutcome, CheckSpec


class PercentNullKeys(TableKeys):
    column: Text = Field(description="The column.")
    max: Share | None = optional("Maximum share of rows without a value: 5% or 0.05.")
    max_rise: Share | None = optional(
        "Maximum rise of the share since the last verified drill: 1% or 0.01 allows one more row "
        "in a hundred."
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.max is None and self.max_rise is None:
            raise refusal("expected at least one of max and max_rise, found none")
        return self

    @property
    def about(self) -> str:
        return f"share of NULL in {self.column}"


class PercentNull(OfRelation):
    name = "percent_null"
    help = "At most a given share of the rows has no value in a column."
    keys = PercentNullKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        most, rise = options.get("max"), options.get("max_rise")
        parts = [] if most is None else [f"at most {percent(most)} of the rows"]
        parts += [] if rise is None else [f"at most {percent(rise)} of the rows more than before"]
        return ", ".join(parts)

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        yield filled([ask.column()], ask.sql)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        options, expected = spec.options, self.expected(spec.options)
        share = _share(scan, options["column"])
        if share is None:
            return Judgement(CheckOutcome.PASSED, expected, "no rows", scan.beside)
        holds, found, detail = True, _shown(share), scan.beside
        if (most := options.get("max")) is not None:
            holds = share <= Fraction(str(most))
        if (rise := options.get("max_rise")) is not None:
            key = filled_key([scan.column(options["column"])])
            known = before is not None and before.has(key)
            earlier = _share(before, options["column"], scan) if before and known else None
            if earlier is None:
                detail = detail or NOTHING_YET
            else:
                found = f"{found}, before {_shown(earlier)}"
                holds = holds and share <= earlier + Fraction(str(rise))
        return Judgement(passed_if(holds), expected, found, detail)


def _share(
    scan: RelationScan, configured: str, names: RelationScan | None = None
) -> Fraction | None:
    """The share; None: no rows. `names`: the scan with the column's present name; None: `scan` itself."""
    name = (names or scan).column(configured)
    rows = scan.rows
    return Fraction(rows - scan.count(filled_key([name])), rows) if rows else None


def _shown(share: Fraction) -> str:
    """The share as text; a small share is not shown as 0 %."""
    return "less than 0.01%" if 0 < share < Fraction(1, 20_000) else f"{float(share):.2%}"
