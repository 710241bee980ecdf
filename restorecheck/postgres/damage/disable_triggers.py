"""Disables triggers and rules while injecting damage: real corruption does not fire them.

`session_replication_role` disables most of them. Those that fire always are removed from the catalog during
a damage and restored before any check runs, all in one transaction.
"""

from collections.abc import Sequence
from typing import Any

from restorecheck.postgres.session.connection import Connection

Disabled = tuple[Sequence[tuple[Any, ...]], ...]

SETTINGS = (
    ("session_replication_role", "replica", "origin"),
    ("allow_system_table_mods", "on", "off"),
)
EVENT_TRIGGERS = (
    "with old as (select oid, evtenabled from pg_event_trigger where evtenabled in ('A', 'R') for update)"
    " update pg_event_trigger e set evtenabled = 'D' from old where old.oid = e.oid"
    " returning old.evtenabled::text, e.oid"
)
TABLES = (
    "with old as (select c.oid, relhastriggers, relhasrules from pg_class c where c.relkind in ('r', 'p')"
    " and (exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgenabled in ('A', 'R'))"
    " or exists (select from pg_rewrite r where r.ev_class = c.oid and r.ev_enabled in ('A', 'R'))) for update)"
    " update pg_class c set relhastriggers = false, relhasrules = false from old where old.oid = c.oid"
    " returning old.relhastriggers, old.relhasrules, c.oid"
)
"""For a table whose catalog row says that it has none, PostgreSQL does not look for any."""
AGAIN = (
    'update pg_event_trigger set evtenabled = %s::"char" where oid = %s',
    "update pg_class set relhastriggers = %s, relhasrules = %s where oid = %s",
)


def disable(connection: Connection) -> Disabled:
    """Disables them; returns the removed rows, for `enable_again`."""
    for name, value, _ in SETTINGS:
        connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])
    return tuple(connection.execute(text.encode()).fetchall() for text in (EVENT_TRIGGERS, TABLES))


def enable_again(connection: Connection, disabled: Disabled) -> None:
    for text, rows in zip(AGAIN, disabled, strict=True):
        for row in rows:
            connection.execute(text.encode(), row)
    for name, _, value in SETTINGS:
        connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])
