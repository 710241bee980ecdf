"""No broken disk and no lost backup asks a trigger or a rule: damage is not done past them, but without them.

`session_replication_role` keeps most of them still; those that fire always are taken out of the catalog
for the length of a damage, and stand in it again before anybody is asked. Within one transaction.
"""

from collections.abc import Sequence
from typing import Any

from restorecheck.postgres.session.connection import Connection

Silenced = tuple[Sequence[tuple[Any, ...]], ...]

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
"""A table that says that it has none is not asked which ones it has."""
AGAIN = (
    'update pg_event_trigger set evtenabled = %s::"char" where oid = %s',
    "update pg_class set relhastriggers = %s, relhasrules = %s where oid = %s",
)


def silence(connection: Connection) -> Silenced:
    """What stood there, for `hear_again`."""
    for name, value, _ in SETTINGS:
        connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])
    return tuple(connection.execute(text.encode()).fetchall() for text in (EVENT_TRIGGERS, TABLES))


def hear_again(connection: Connection, silenced: Silenced) -> None:
    for text, rows in zip(AGAIN, silenced, strict=True):
        for row in rows:
            connection.execute(text.encode(), row)
    for name, _, value in SETTINGS:
        connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])
