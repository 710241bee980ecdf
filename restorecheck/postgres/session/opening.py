"""Opening a connection to a restored database, and proving which server answers."""

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
"""Names the cluster (set once, by initdb) and the database in it. Readable by everybody."""

ANSWERS_WITHIN = timedelta(minutes=1)
"""What costs the server nothing. One that stands still does not even end a statement."""
CONNECTS_WITHIN = 10
"""Seconds."""


def identity_of(connection: Connection) -> str:
    """What `Endpoint.identity` is for a PostgreSQL database."""
    with plainly(connection):
        row = connection.execute(IDENTITY).fetchone()
    if row is None or len(row) != 1:
        raise DatabaseUnreachableError("the server does not say which one it is")
    return str(row[0])


def by_system_identifier(connect: Connect) -> Connect:
    """For servers that `initdb` made: no other cluster has the same identifier."""

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
                hint="Nothing was asked of it. Run the drill again.",
            )
        return connection

    return proven


def nobody_knows(_endpoint: Endpoint) -> str:
    """Of a server whose log cannot be read from here."""
    return ""


def unreachable(exc: psycopg.Error, database: str) -> DatabaseUnreachableError:
    message = f"no connection to the restored database {database}: {why_not(exc)}"
    return DatabaseUnreachableError(message)


def put_on(connection: Connection, role: str) -> None:
    """Go on as this role. A server that accepts a connection and then says nothing is cut off."""
    with deadline(connection, ANSWERS_WITHIN):
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))


READING_SESSION = {
    "default_transaction_read_only": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
}
"""Whatever the database has set: each question brings limits of its own."""
OWN_SESSION = {
    **READING_SESSION,
    "role": "none",
    "row_security": "on",
    "local_preload_libraries": "",
    "idle_in_transaction_session_timeout": "0",
}
"""Of a role of ours, which nobody has a reason to set anything for. `session_preload_libraries` is for
superusers to set, and is set aside before. The `search_path` stays: configured queries mean the database's.
"""


def connect_to_throw_away(endpoint: Endpoint, database: str) -> Connection:
    """To a server that a drill has made, as `connect` does; it is told nothing of ours."""
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
    """Open a connection as the checker uses it; proves nothing about who answers.

    `session`: settings that win over those of database and role.
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
            # Also where the database is SQL_ASCII: psycopg would give bytes for every text.
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
