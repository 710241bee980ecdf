"""Readings as a scan would have left them, and what the checks say to them: no database anywhere."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from restorecheck.checks.answers import Judgement
from restorecheck.checks.dialects import postgresql
from restorecheck.checks.judge_scan import judge_built_in, judge_configured
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
)
from restorecheck.checks.scan_statements import PRINT, ROWS
from restorecheck.checks.tables import Column, Relation
from restorecheck.model import CheckSpec
from tests.factories import NOW

NAME, TABLE = "asked", "public.t"
COLUMNS = (
    Column(name="id", type="int8", sql_type="pg_catalog.int8", equals="operator(pg_catalog.=)"),
    Column(name="at", type="timestamptz", sql_type="pg_catalog.timestamptz"),
    Column(name="lo", type="oid", sql_type="pg_catalog.oid"),
    Column(name="name", type="text", sql_type="pg_catalog.text", equals="operator(pg_catalog.=)"),
)


def table(rows: int = 10, contents: str = "7", group: str = "", **more: Any) -> TableReading:
    """`more`: keys as `scan_statements` has them → values."""
    known = {ROWS: str(rows)} | ({PRINT: contents} if contents else {})
    return TableReading(values=known | {key: str(v) for key, v in more.items()}, group=group)


def reading(tables: Mapping[str, TableReading] | None = None, **changes: Any) -> DatabaseReading:
    """Of one database; by default with one table."""
    known = {TABLE: table()} if tables is None else dict(tables)
    return replace(DatabaseReading(tables=known, done=True), **changes)


def about(read: DatabaseReading, *members: str) -> DatabaseReading:
    """The same, in which a check called `NAME` has found its table; of these members, by default itself."""
    names = [column.name for column in COLUMNS]
    relation = RelationReading(members=list(members or (TABLE,)), columns=names)
    asked = AskedReading(relation=TABLE, columns={name: name for name in names})
    return replace(
        read,
        relations={**read.relations, TABLE: relation},
        asked={**read.asked, NAME: read.asked.get(NAME, asked)},
    )


def context(
    before: DatabaseReading | None = None,
    *,
    taken_at: datetime | None = NOW,
    started_at: datetime = NOW,
    baseline: Mapping[str, DatabaseReading] | None = None,
    databases: tuple[str, ...] = ("shop",),
    accepted: bool = False,
) -> Context:
    known = dict(baseline or {}) if before is None else {"shop": before}
    return Context(
        baseline=known,
        databases=databases,
        taken_at=taken_at,
        started_at=started_at,
        accepted=accepted,
    )


def spec(kind: str, **options: Any) -> CheckSpec:
    return CheckSpec(name=NAME, kind=kind, options={"table": TABLE, **options})


def own(
    kind: str,
    read: DatabaseReading,
    before: DatabaseReading | None = None,
    *,
    accepted: bool = False,
    **options: Any,
) -> Judgement:
    """What a check of every drill says to one database."""
    built_in = CheckSpec(name="own", kind=kind, built_in=True, options=options)
    return judge_built_in(built_in, {"shop": read}, context(before, accepted=accepted))


def asked(
    kind: str,
    read: DatabaseReading,
    before: DatabaseReading | None = None,
    around: Context | None = None,
    **options: Any,
) -> Judgement:
    """What a configured check says."""
    return judge_configured(spec(kind, **options), "shop", read, around or context(before))


def ask(kind: OfRelation, before: RelationScan | None = None, **options: Any) -> Ask:
    """As the database would resolve the names of a check about the table with all `COLUMNS`."""
    relation = Relation(schema="public", name="t", columns=COLUMNS, members=(TABLE,))
    there = {column.name: column.name for column in COLUMNS}
    return Ask(
        sql=postgresql,
        spec=spec(kind.name, **options),
        relation=relation,
        columns=there,
        to=replace(relation, name="u"),
        to_columns=there,
        before=before,
        until=NOW,
    )
