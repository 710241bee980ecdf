"""The plan of a query, and which of its tables have no statistics."""

import json
from datetime import timedelta

import psycopg
from psycopg import sql

from restorecheck.checks.query_time import shape, tables_of
from restorecheck.postgres.session.connection import Connection, rolled_back

WITHOUT_STATISTICS = """
select pg_catalog.format('%%I.%%I', n.nspname, c.relname)
from unnest(%s::text[], %s::text[]) asked(schema_name, table_name)
join pg_catalog.pg_namespace n on n.nspname = asked.schema_name
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = asked.table_name
where c.relkind in ('r', 'm') and pg_catalog.pg_relation_size(c.oid) > 0 and not exists (
  select from pg_catalog.pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname)
order by 1
"""


def plan_with_statistics(connection: Connection, text: str, timeout: timedelta) -> str:
    """The shape of the plan once statistics of its tables are collected; empty: they cannot be, or there is no plan.

    A read-only session may run ANALYZE: src/backend/tcop/utility.c, ClassifyUtilityCommandAsReadOnly.
    """
    milliseconds = max(1, round(timeout / timedelta(milliseconds=1)))
    try:
        for table in tables_of(_explained(connection, text, timeout)):
            connection.execute(f"set statement_timeout to {milliseconds}".encode())
            connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*table)))
    except (psycopg.Error, ValueError, KeyError, TypeError):
        return ""
    plan, bare = plan_of(connection, text, timeout)
    return "" if bare else plan


def plan_of(connection: Connection, text: str, timeout: timedelta) -> tuple[str, tuple[str, ...]]:
    """The shape of the plan, and the tables that have rows and no statistics.

    Empty for a statement without a plan (SHOW), and where it cannot be read.
    """
    try:
        explained = _explained(connection, text, timeout)
        tables = tables_of(explained)
        with rolled_back(connection, timeout, settings="set local search_path to pg_catalog"):
            names = [list(column) for column in zip(*tables, strict=True)] or [[], []]
            bare = connection.execute(WITHOUT_STATISTICS, names).fetchall()
    except (psycopg.Error, ValueError, KeyError, TypeError):
        return "", ()
    return shape(explained), tuple(str(name) for (name,) in bare)


def _explained(connection: Connection, text: str, timeout: timedelta) -> str:
    with rolled_back(connection, timeout, settings="set local row_security to off"):
        row = connection.execute(f"explain (verbose, format json) {text}".encode()).fetchone()
    return _text(row)


def _text(row: tuple[object, ...] | None) -> str:
    """Raises TypeError: there is no text."""
    if row is None:
        raise TypeError
    return row[0] if isinstance(row[0], str) else json.dumps(row[0])
