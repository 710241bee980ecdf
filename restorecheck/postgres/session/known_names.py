"""Which words of an error are names in the catalog: reports may contain them."""

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

import psycopg

from restorecheck.checks.server_messages import Known, shown, texts_in
from restorecheck.postgres.session.connection import Connection, deadline, plainly

LOOKS_WITHIN = timedelta(seconds=20)
"""After this time the connection is closed, and the message is not shown."""
SYSTEM_CATALOGS = """
select name from unnest(%(names)s::text[]) name where to_regclass('pg_catalog.' || quote_ident(name)) is not null
"""
"""Needs no right to read a catalog: the error may be about a missing right."""
_COLUMNS = {
    "pg_am": "amname",
    "pg_attribute": "attname",
    "pg_class": "relname",
    "pg_collation": "collname",
    "pg_constraint": "conname",
    "pg_database": "datname",
    "pg_extension": "extname",
    "pg_foreign_server": "srvname",
    "pg_language": "lanname",
    "pg_namespace": "nspname",
    "pg_opclass": "opcname",
    "pg_operator": "oprname",
    "pg_policy": "polname",
    "pg_proc": "proname",
    "pg_roles": "rolname",
    "pg_trigger": "tgname",
    "pg_ts_config": "cfgname",
    "pg_ts_dict": "dictname",
    "pg_type": "typname",
}
CATALOG_NAMES = " union ".join(
    f"select {column}::text from {catalog} where {column} = any(%(names)s::name[])"  # noqa: S608  # our own text
    for catalog, column in _COLUMNS.items()
)


def known_in(connection: Connection, exc: psycopg.Error, configured: str = "") -> Known:
    """The words of this error that may be shown: those in `configured`, and names in the database.

    Args:
        connection: Not in a failed transaction; a lost connection is not used.
        exc: The error of a statement of this connection.
        configured: SQL and names from the configuration.
    """
    known = Known(configured)
    sqlstate, message = exc.sqlstate or "", exc.diag.message_primary or ""
    wanted = texts_in(sqlstate, message)
    if not wanted or shown(sqlstate, message, known) is not None:
        return known
    return Known(configured, among(connection, wanted))


def among(connection: Connection, wanted: Collection[str]) -> frozenset[str]:
    """The texts that are names of objects in the database or of catalogs."""
    found: set[str] = set()
    for statement in (SYSTEM_CATALOGS, CATALOG_NAMES):
        # A text that the connection's encoding cannot express is not a name there.
        with suppress(psycopg.Error, UnicodeError):
            with deadline(connection, LOOKS_WITHIN), plainly(connection):
                rows = connection.execute(statement.encode(), {"names": [*wanted]}).fetchall()
            found |= {str(row[0]) for row in rows}
    return frozenset(found & {*wanted})
