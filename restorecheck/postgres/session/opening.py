"""Opens a connection to a restored database, and verifies which server answers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import psycopg
from psycopg import sql

from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import Endpoint
from restorecheck.postgres.session import libpq
from restorecheck.postgres.session.connection import Connect, Connection, deadline, plainly, spell
from restorecheck.postgres.session.messages import why_not

IDENTITY = """
select system_identifier::text || '/' || (select oid from pg_database where datname = current_database())
from pg_control_system()
"""
"""Identifies the cluster (set once, by initdb) and the database. Every role may read it."""

ANSWERS_WITHIN = timedelta(minutes=1)
"""Limit of a trivial statement; a server that hangs does not even end the statement itself."""
CONNECTS_WITHIN = 10
"""Seconds; a slower connection attempt fails."""


def identity_of(connection: Connection) -> str:
    """The `Endpoint.identity` of a PostgreSQL database."""
    with plainly(connection):
        row = connection.execute(IDENTITY).fetchone()
    if row is None or len(row) != 1:
        raise DatabaseUnreachableError("the server did not return its system identifier")
    return str(row[0])


def by_system_identifier(connect: Connect) -> Connect:
    """For servers made by `initdb`: no other cluster has the same identifier."""

    def proven(endpoint: Endpoint, database: str) -> Connection:
        connection = connect(endpoint, database)
        try:
            with deadline(connection, ANSWERS_WITHIN):
                found = identity_of(connection)
        except psycopg.Error as exc:
            connection.close()
            raise unreachable(exc, database) from exc
        except DatabaseUnreachableError:
            connection.close()
            raise
        if database == endpoint.databases[0] and found != endpoint.identity:
            connection.close()
            raise DatabaseUnreachableError(
                "another server answers at the address of the restored database",
                hint="restorecheck ran no check there. Run the drill again.",
            )
        return connection

    return proven


def unknown_cause(_endpoint: Endpoint) -> str:
    """For a server whose log is not on this machine."""
    return ""


def unreachable(exc: psycopg.Error, database: str) -> DatabaseUnreachableError:
    message = f"no connection to the restored database {database}: {why_not(exc)}"
    return DatabaseUnreachableError(message)


def put_on(connection: Connection, role: str) -> None:
    """Continue as this role. A server that accepts a connection and then hangs is cut off."""
    with deadline(connection, ANSWERS_WITHIN):
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))


READING_SESSION = {
    "default_transaction_read_only": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
}
"""Override the database's settings: each question sets its own limits."""
OWN_SESSION = {
    **READING_SESSION,
    "role": "none",
    "row_security": "on",
    "local_preload_libraries": "",
    "idle_in_transaction_session_timeout": "0",
}
"""For restorecheck's own role, which needs no settings. Only superusers set `session_preload_libraries`,
which is overridden before. The `search_path` stays: configured queries use the database's.
"""


def connect_to_throw_away(endpoint: Endpoint, database: str) -> Connection:
    """As `connect`, to a server that a drill made; sends it no password and no certificate."""
    return connect(endpoint, database, session=OWN_SESSION, **libpq.THROW_AWAY)


def connect(
    endpoint: Endpoint,
    database: str,
    *,
    password: str | None = None,
    role: str | None = None,
    session: Mapping[str, str] = READING_SESSION,
    **security: str,
) -> Connection:
    """Open a connection for the checker; does not verify which server answers.

    `session`: settings that override those of database and role.
    `security`: libpq's parameters for TLS and authentication.

    Raises:
        DatabaseUnreachableError: It is refused or lost.
    """
    try:
        connection: Connection = psycopg.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.user,
            dbname=database,
            password=password,
            autocommit=True,
            connect_timeout=CONNECTS_WITHIN,
            application_name="restorecheck",
            options=libpq.options_of(session),
            # For SQL_ASCII databases: psycopg would return bytes for every text.
            client_encoding="UTF8",
            **cast(Any, security),
        )
        if role is not None:
            put_on(connection, role)
        with deadline(connection, ANSWERS_WITHIN):
            spell(connection)
    except psycopg.Error as exc:
        raise unreachable(exc, database) from exc
    return connection
