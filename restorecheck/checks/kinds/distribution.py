"""The average of a column of numbers, and its share of rows with a value, are about as before."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from restorecheck.checks.answers import Judgement, passed_if
from restorecheck.checks.keys import Share, TableKeys, Text
from restorecheck.checks.kind import NOTHING_YET, Ask, Context, OfRelation, RelationScan
from restorecheck.checks.scan_result import shown_rows
from restorecheck.checks.scan_statements import Aggregate, filled, filled_key
from restorecheck.checks.shown import percent
from restorecheck.model import CheckOutcome, CheckSpec

WHOLE = frozenset({"int2", "int4", "int8", "money"})
BROKEN = frozenset({"numeric", "float4", "float8"})
"""Types with NaN and infinity, which have no average."""
TOTAL, FINITE = "sum:", "numbers:"


class DistributionKeys(TableKeys):
    column: Text = Field(description="A column of numbers.")
    max_shift: Share = Field(
        description="How much the average and the share of rows with a value may change since "
        "the last verified drill."
    )

    @property
    def about(self) -> str:
        return f"distribution of {self.column}"


class Distribution(OfRelation):
    name = "distribution"
    help = "The average and the share of rows with a value are similar to the last verified drill."
    keys = DistributionKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        shift = percent(options["max_shift"])
        return f"average and share of rows with a value within {shift} of the last verified drill"

    def refused(self, ask: Ask) -> str:
        column = ask.column()
        if column.type not in WHOLE | BROKEN:
            return f"column {column.name} has the type {column.type}, which has no average"
        return ""

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        column = ask.column()
        yield ask.sql.total(column, f"{TOTAL}{column.name}")
        yield ask.sql.violations(ask.sql.finite(column), f"{FINITE}{column.name}")
        yield filled([column], ask.sql)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        expected, column = self.expected(spec.options), scan.column(spec.options["column"])
        now, broken_now = _average(scan, column), _broken(scan, column)
        keys = (f"{TOTAL}{column}", f"{FINITE}{column}", filled_key([column]))
        if before is None or not before.has(*keys):
            return Judgement(CheckOutcome.PASSED, expected, _shown(now), NOTHING_YET)
        earlier = _average(before, column)
        found = f"{_shown(now)}, before {_shown(earlier)}"
        allowed = Decimal(str(spec.options["max_shift"]))
        if now is None or earlier is None:
            # The first rows are no loss; another check reports an empty table.
            holds = now is not None or earlier is None
            return Judgement(passed_if(holds), expected, found)
        if broken_now and not _broken(before, column):
            detail = f"{shown_rows(broken_now)} with NaN or infinity; there was none before"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        moved = abs(now[0] - earlier[0]) > allowed * abs(earlier[0])
        thinner = abs(now[1] - earlier[1]) > allowed
        return Judgement(passed_if(not moved and not thinner), expected, found)


def _average(scan: RelationScan, column: str) -> tuple[Decimal, Decimal] | None:
    """The average of the finite numbers, and their share of the rows."""
    present, rows = scan.count(f"{FINITE}{column}"), scan.rows
    total = scan.total(f"{TOTAL}{column}")
    return (total / present, Decimal(present) / rows) if present and rows else None


def _broken(scan: RelationScan, column: str) -> int:
    return scan.count(filled_key([column])) - scan.count(f"{FINITE}{column}")


def _shown(average: tuple[Decimal, Decimal] | None) -> str:
    return f"average {average[0]:.6g}, {average[1]:.1%} with a value" if average else "no value"
