"""ANALYZE after a load: a dump contains no statistics, and without them the planner guesses."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql

from restorecheck.postgres.session.connection import pin, spell
from restorecheck.postgres.session.stopwatch import Stopwatch

Connection = psycopg.Connection[tuple[Any, ...]]

TABLES = """
select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'p') and n.nspname !~ '^pg_(catalog|toast|temp)' and n.nspname <> 'information_schema'
order by c.relkind = 'p', pg_catalog.pg_relation_size(c.oid) desc
"""


def analyze(
    connect: Callable[[str], Connection], databases: Sequence[str], stop: Callable[[], bool]
) -> tuple[str, ...]:
    """Analyze every table of these databases; returns notes for the report.

    Raises:
        psycopg.Error: The server does not answer.
    """
    watch, refused = Stopwatch(), 0
    for database in databases:
        with closing(connect(database)) as connection:
            pin(connection)
            spell(connection)
            for schema, table in connection.execute(TABLES).fetchall():
                if stop():
                    return ()
                refused += not _analyze(connection, schema, table)
    why = "because checks are about the time of queries: a dump contains no statistics"
    notes: tuple[str, ...] = (f"ANALYZE was run after the load, in {watch.seconds:.1f} s, {why}",)
    if refused:
        notes += (f"ANALYZE failed for {refused} table{'' if refused == 1 else 's'}",)
    return notes


def _analyze(connection: Connection, schema: str, table: str) -> bool:
    """False: the server refuses, for example because the function of an index fails."""
    try:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(schema, table)))
    except psycopg.Error:
        if connection.closed:
            raise
        return False
    return True
