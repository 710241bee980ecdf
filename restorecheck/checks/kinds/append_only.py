"""Rows are only added: no earlier row is changed or missing.

The rows up to the greatest key of the last drill are counted in buckets by their hash, each with a number of rows
and a sum of hashes. A lost or changed row is missing in its bucket. A late row (of a transaction with a smaller
key that was open during the last backup) is one more in its bucket, and no loss.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from restorecheck.checks.answers import Judgement
from restorecheck.checks.dialects.postgresql import MOMENTS
from restorecheck.checks.dialects.postgresql.fingerprint import row_hash
from restorecheck.checks.keys import TableKeys, Text
from restorecheck.checks.kind import NOTHING_YET, Ask, Context, OfRelation, RelationScan
from restorecheck.checks.scan_result import shown_rows
from restorecheck.checks.scan_statements import Question
from restorecheck.checks.tables import Column, literal, quoted
from restorecheck.model import CheckOutcome, CheckSpec

BUCKETS = 256
"""Number of buckets; a loss is missed if as many late rows fall into the same bucket."""
NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "oid", "xid8"})
LATE_ROWS, LATE_SHARE = 10, 0.02
"""Allowed late rows, absolute and as a share; more of them are reported as loaded twice."""


class AppendOnlyKeys(TableKeys):
    """For tables that only grow: every row of the last verified drill is unchanged."""

    key: Text = Field(
        description="A column whose value grows with every new row: a number or a time."
    )

    @property
    def about(self) -> str:
        return "earlier rows"


class AppendOnly(OfRelation):
    name = "append_only"
    help = "Rows are only added: no earlier row is changed or missing."
    keys = AppendOnlyKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return "every row of the last verified drill, unchanged"

    def refused(self, ask: Ask) -> str:
        column = ask.column("key")
        if column.type not in NUMBERS | MOMENTS:
            return (
                f"column {column.name} has the type {column.type}; expected a number or a "
                "time as key"
            )
        return ""

    def question(self, ask: Ask) -> Question | None:
        """A JSON object: the greatest key, its number of rows, tonight's buckets, and the buckets of the
        earlier rows, by the earlier columns.
        """
        column = ask.column("key")
        key = f"t.{quoted(column.name)}"
        before = _answer(ask.before, column.name)
        old, columns = "false", ask.relation.columns
        if before and ask.before is not None:
            known = ask.before.relation.columns
            columns = tuple(c for c in columns if c.name in known)
            limit = f"{literal(before['greatest'])}::{column.sql_type}"
            old = f"{key} is null or not {_finite(column)}"
            old += f" or {key} <= {limit}" if before["greatest"] else ""
        all_columns, old_columns = (
            row_hash(c, major=ask.major) for c in (ask.relation.columns, columns)
        )
        rows = (
            f"select {key} as k, {_finite(column)} as finite, {old} as old, {all_columns} as h,"  # noqa: S608  # quoted names
            f" {old_columns} as o from {ask.sql.rows(ask.relation)} t offset 0"  # quoted names
        )
        buckets = (
            f"select abs(h % {BUCKETS}) as place, count(*) as n, sum(h) as s from r group by 1",  # noqa: S608  # our own
            f"select abs(o % {BUCKETS}) as place, count(*) as n, sum(o) as s from r where old group by 1",  # noqa: S608  # our own
        )
        listed = [
            f"(select json_object_agg(place, concat(n, ' ', s)) from ({sql}) b)"  # noqa: S608  # ours
            for sql in buckets
        ]
        limit = "(select max(k) from r where finite)"
        last = (
            f"{literal(before['greatest'])}::{column.sql_type}"
            if before and before["greatest"]
            else "null"
        )
        sql = (
            f"with r as materialized ({rows})"  # noqa: S608  # quoted names
            f" select concat(json_build_object('greatest', concat({limit}),"
            f" 'last', (select count(*) from r where k = {limit}),"
            f" 'last then', (select count(*) from r where k = {last}),"
            f" 'rows', {listed[0]}, 'then', {listed[1]}))"
        )
        return Question(key=_key(ask.relation.full_name, column.name), sql=sql)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        expected, column = self.expected(spec.options), scan.column(spec.options["key"])
        now = json.loads(scan.answer(_key(scan.name, column)))
        earlier = _answer(before, column)
        rows = scan.rows
        if before is None or earlier is None:
            return Judgement(CheckOutcome.PASSED, expected, shown_rows(rows), NOTHING_YET)
        found = f"{shown_rows(rows)}, {rows - before.rows:+,}"
        lost = sorted(set(before.relation.columns) - set(scan.relation.columns))
        if lost:
            detail = f"column {', '.join(lost)} no longer exists"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        late = _late(earlier["rows"] or {}, now["then"] or {})
        if late is None:
            detail = "earlier rows are missing or changed"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        # More rows may come with the greatest key itself, such as a date.
        among = late - (now["last then"] - earlier["last"])
        if among > max(LATE_ROWS, LATE_SHARE * before.rows):
            detail = f"{shown_rows(among)} added between the earlier rows; were rows loaded twice?"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        detail = f"{shown_rows(among)} with smaller keys, added later" if among > 0 else ""
        return Judgement(CheckOutcome.PASSED, expected, found, detail)


def _late(before: Mapping[str, str], now: Mapping[str, str]) -> int | None:
    """Number of rows added between the earlier ones; None: some are missing or changed."""
    late = 0
    for place in {*before, *now}:
        rows, total = before.get(place, "0 0").split()
        rows_now, total_now = now.get(place, "0 0").split()
        more = int(rows_now) - int(rows)
        if more < 0 or (more == 0 and total != total_now):
            return None
        late += more
    return late


def _key(relation: str, column: str) -> str:
    """Key of the values in the history, independent of the check's name."""
    return f"append_only:{relation}:{column}"


def _answer(scan: RelationScan | None, column: str) -> dict[str, Any] | None:
    text = scan.answers.get(_key(scan.name, column)) if scan else None
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


def _finite(column: Column) -> str:
    name = f"t.{quoted(column.name)}"
    if column.type in MOMENTS:
        return f"isfinite({name})"
    if column.type in {"float4", "float8"}:
        return f"{name} between '-1e308' and '1e308'"
    if column.type == "numeric":
        return f"({name} < 'NaN' and concat({name}) not like '%Infinity')"
    return "true"
