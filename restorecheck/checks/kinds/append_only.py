"""Rows are added, and none is changed or lost.

The table is cut into slices of keys, finer towards its end, and each has a number of rows and a
fingerprint. A slice with as many rows as last night must have the same contents. One with more has got rows
that came late: a transaction that was still at work last night has taken a smaller key. Those are no loss;
what else is in their slice cannot be told apart from them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import Field

from restorecheck.checks.answers import Judgement
from restorecheck.checks.fingerprint import FIRST_MAJOR, fingerprint, plain_fingerprint
from restorecheck.checks.keys import TableKeys, Text
from restorecheck.checks.kind import NOTHING_YET, Ask, Context, OfRelation, RelationScan
from restorecheck.checks.readings import shown_rows
from restorecheck.checks.scanning import MOMENTS, Aggregate, violations
from restorecheck.checks.tables import Column, quoted
from restorecheck.model import CheckOutcome, CheckSpec

ENDS = ("0.5", "0.75", "0.875", "0.94", "0.97", "0.985", "0.995", "1")
"""Where the slices end, as shares of the way from the smallest key to the greatest."""
NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "oid", "xid8"})
LATE_ROWS, LATE_SHARE = 10, Decimal("0.02")
"""So many may come late in the older half; more of them are no latecomers."""
SLICE, THEN = "slice:", "then:"
"""Tonight's slices, for the next night; and those of the last night, for tonight."""


class AppendOnlyKeys(TableKeys):
    """For tables that only grow: every row of the last verified night is there as it was."""

    key: Text = Field(description="A column that grows with every row: a number or a time.")

    @property
    def about(self) -> str:
        return "earlier rows"


class AppendOnly(OfRelation):
    name = "append_only"
    help = "Rows are added, and none is changed or lost."
    keys = AppendOnlyKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return "the rows of before as they were"

    def refused(self, ask: Ask) -> str:
        column = ask.column("key")
        if column.type not in NUMBERS | MOMENTS:
            return f"column {column.name} is of type {column.type}: a key is a number or a time"
        return ""

    def probe(self, ask: Ask) -> str:
        column = ask.column("key")
        name = quoted(column.name)
        ends = ", ".join(f"concat({_number(f'{f}({name})', column)})" for f in ("min", "max"))
        finite = f"isfinite({name})" if column.type in MOMENTS else "true"
        if column.type in {"numeric", "float4", "float8"}:
            finite = f"{name} < 'NaN'"
        return f"select array[{ends}] from {ask.relation.rows} t where {finite}"  # noqa: S608  # quoted names

    def bounds(self, ask: Ask) -> Mapping[str, list[str]]:
        if ask.probed is None or len(ask.probed) != 2:  # noqa: PLR2004  # both ends
            return {}
        low, high = (Decimal(value) for value in ask.probed)
        if not (low.is_finite() and high.is_finite()):
            return {}
        ends = {str(low + (high - low) * Decimal(share)): None for share in ENDS[:-1]}
        return {ask.column("key").name: [*ends, str(high)]}

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        column = ask.column("key")
        tonight = self.bounds(ask).get(column.name, [])
        yield from _slices(SLICE, column, tonight, ask.relation.columns, ask.major)
        if ask.before is not None:
            known = ask.before.relation
            columns = [c for c in ask.relation.columns if c.name in known.columns]
            ends = known.bounds.get(column.name, [])
            yield from _slices(THEN, column, ends, columns, ask.major)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        expected, column = self.expected(spec.options), scan.column(spec.options["key"])
        rows = scan.rows
        for key in _every_key(SLICE, column, scan.relation.bounds.get(column, [])):
            scan.texts(key)  # without them the next night would have nothing to compare with
        ends = before.relation.bounds.get(column, []) if before else []
        if before is None or not ends or not before.has(*_keys(SLICE, column, 0)):
            return Judgement(CheckOutcome.PASSED, expected, shown_rows(rows), NOTHING_YET)
        found = f"{shown_rows(rows)}, {rows - before.rows:+,}"
        lost = sorted(set(before.relation.columns) - set(scan.relation.columns))
        if lost:
            detail = f"column {', '.join(lost)} is not there any more"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        return _compared(_each(scan, before, column, len(ends)), expected, found)


def _compared(slices: Sequence[tuple[int, int, bool]], expected: str, found: str) -> Judgement:
    """Of each slice: rows before, rows now, whether the contents are the same; the oldest first."""
    late = beside = 0
    for number, (before, now, same) in enumerate(slices):
        more = now - before
        if more < 0 or (more == 0 and not same):
            detail = "earlier rows are missing or changed"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        few = more <= LATE_ROWS or more <= LATE_SHARE * before
        if more and number < len(slices) // 2 and not few:
            detail = f"{shown_rows(more)} came among the earlier ones; were they loaded twice?"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        if more:
            late, beside = late + more, beside + before
    if not late:
        return Judgement(CheckOutcome.PASSED, expected, found)
    detail = (
        f"{shown_rows(late)} with smaller keys came late; {shown_rows(beside)} among them could not "
        "be compared one by one"
    )
    return Judgement(CheckOutcome.PASSED, expected, found, detail)


def _each(
    scan: RelationScan, before: RelationScan, column: str, ends: int
) -> list[tuple[int, int, bool]]:
    slices = []
    # Rows without a key are the last slice: they may be of any age.
    for number in range(ends + 1):
        counted, contents = _keys(SLICE, column, number)
        counted_now, contents_now = _keys(THEN, column, number)
        same = before.total(contents) == scan.total(contents_now)
        slices.append((before.count(counted), scan.count(counted_now), same))
    return slices


def _every_key(beginning: str, column: str, ends: Sequence[str]) -> Iterator[str]:
    for number in range(len(ends) + 1 if ends else 0):
        yield from _keys(beginning, column, number)


def _keys(beginning: str, column: str, number: int) -> tuple[str, str]:
    return f"{beginning}rows:{number}:{column}", f"{beginning}contents:{number}:{column}"


def _slices(
    beginning: str,
    column: Column,
    ends: Sequence[str],
    columns: Iterable[Column],
    major: int,
) -> Iterator[Aggregate]:
    if not ends:
        return
    every = list(columns)
    contents = fingerprint(every) if major >= FIRST_MAJOR else plain_fingerprint(every)
    value = _number(f"t.{quoted(column.name)}", column)
    limits = [f"'{end}'::numeric" for end in ends]
    conditions = [
        f"{value} <= {limit}" + (f" and {value} > {limits[n - 1]}" if n else "")
        for n, limit in enumerate(limits)
    ]
    conditions.append(f"t.{quoted(column.name)} is null")
    for number, condition in enumerate(conditions):
        counted, content = _keys(beginning, column.name, number)
        yield violations(condition, counted)
        yield Aggregate(content, f"{contents} filter (where {condition})")


def _number(value: str, column: Column) -> str:
    """Of a time, microseconds since 1970."""
    if column.type in MOMENTS:
        return f"(extract(epoch from {value}) * 1000000)::numeric"
    if column.type in {"oid", "xid8"}:
        return f"({value})::text::numeric"
    return f"({value})::numeric"
