"""A scratch server: its temporary databases and roles, their marks, and leftovers.

The name contains the drill id; the comment on the database is the mark.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg import sql

from restorecheck.checks.server_messages import Known
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Drill, Resource
from restorecheck.ports import Found, Inventory
from restorecheck.postgres.session.connection import PREPARING, bounded, pin
from restorecheck.postgres.session.messages import why_not, why_not_reached
from restorecheck.postgres.session.stopwatch import Stopwatch

KIND = "temporary database"
ROLE_KIND = "temporary role"
PREFIX = "restorecheck_"
APPLICATION = "restorecheck"
CONNECT_SECONDS = 10
"""A slower connection attempt fails."""
SECURITY = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "require_auth": "PGREQUIREAUTH",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}
"""Parameters of libpq → variables for its programs."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchServer:
    """A server for temporary databases."""

    host: str
    port: int
    user: str
    password: str | None = field(repr=False, default=None)
    maintenance_database: str = "postgres"
    security: Mapping[str, str] = field(default_factory=dict)
    """Parameters of libpq for the verification of the server."""

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def of_url(cls, url: str) -> Self:
        """Read `postgresql://user:password@host:port/database`; `?host=/socket/dir` is understood."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        host = unquote(parts.hostname or "") or query.get("host", ["localhost"])[0]
        return cls(
            host=host,
            port=parts.port or int(query.get("port", ["5432"])[0]),
            user=unquote(parts.username or "") or query.get("user", ["postgres"])[0],
            password=unquote(parts.password) if parts.password else None,
            maintenance_database=parts.path.lstrip("/") or "postgres",
            security={key: query[key][0] for key in SECURITY if key in query},
        )

    def open(self, database: str | None = None, *, limit: timedelta = PREPARING) -> Connection:
        """Open a connection that may write. `limit`: after which it is closed.

        Raises:
            DatabaseUnreachableError: The server refuses or does not answer.
        """
        try:
            connection: Connection = psycopg.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                dbname=database or self.maintenance_database,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                client_encoding="UTF8",
                application_name=APPLICATION,
                **cast(Any, self.security),
            )
            bounded(connection, limit)
            pin(connection)
            return connection
        except psycopg.Error as exc:
            known = Known(f"{self.user} {database or self.maintenance_database}")
            raise DatabaseUnreachableError(
                f"could not connect to the scratch server {self.name}: "
                f"{why_not_reached(exc, known)}"
            ) from exc


def database_of(drill_id: str) -> str:
    return PREFIX + drill_id.replace("-", "_")


def drill_of(database: str) -> str:
    return database.removeprefix(PREFIX).replace("_", "-")


def drop_database(scratch: ScratchServer, resource: Resource) -> Gone | StillThere:
    """Drop a temporary database with restorecheck's name and mark, or an empty one with the name."""
    name = resource.identifier
    if not name.startswith(PREFIX):
        return StillThere(resource, "not deleted: restorecheck uses no such names")
    try:
        with scratch.open() as connection:
            if _end_its_making(connection, name):
                return StillThere(resource, "the database is being created; this is ended first")
            if not exists(connection, name):
                return Gone(resource)
            if mark_of(connection, name) is None and not _is_empty(scratch, name):
                return StillThere(resource, "not deleted: the mark of restorecheck is missing")
            watch = Stopwatch()
            _drop_subscriptions(scratch, connection, name)
            force = " with (force)" if connection.info.server_version >= 130000 else ""  # noqa: PLR2004
            statement = sql.SQL("drop database if exists {}" + force)
            connection.execute(statement.format(sql.Identifier(name)))
            return Gone(resource, external_seconds=watch.seconds)
    except psycopg.Error as exc:
        reason = why_not(exc)
        return StillThere(resource, f"not deleted: {reason}")
    except DatabaseUnreachableError as exc:
        return StillThere(resource, exc.message)


def drop_role(scratch: ScratchServer, resource: Resource) -> Gone | StillThere:
    """Drop the role of the checks; its grants were dropped with the database."""
    if not resource.identifier.startswith(PREFIX):
        return StillThere(resource, "not deleted: restorecheck uses no such names")
    try:
        with scratch.open() as connection:
            if _end_its_making(connection, resource.identifier):
                return StillThere(resource, "the database is being created; this is ended first")
            if _has_role(connection, resource.identifier):
                role = sql.Identifier(resource.identifier)
                connection.execute(sql.SQL("drop role if exists {}").format(role))
            return Gone(resource)
    except psycopg.Error as exc:
        reason = why_not(exc)
        return StillThere(resource, f"not deleted: {reason}")
    except DatabaseUnreachableError as exc:
        return StillThere(resource, exc.message)


def _end_its_making(connection: Connection, name: str) -> bool:
    """End a CREATE DATABASE whose client is dead; returns whether there was one. The statement outlives its
    client, and its database is not visible before it ends.
    """
    found = connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        " and application_name = %s and state = 'active' and query ilike 'create %%'"
        " and strpos(query, %s) > 0",
        (APPLICATION, name),
    ).fetchall()
    return bool(found)


def is_superuser(connection: Connection) -> bool:
    return connection.info.parameter_status("is_superuser") == "on"


def exists(connection: Connection, name: str) -> bool:
    query = "select 1 from pg_database where datname = %s"
    return connection.execute(query, (name,)).fetchone() is not None


def _has_role(connection: Connection, name: str) -> bool:
    """Whether the role exists; asked first, because "drop role if exists" needs the right even without a role."""
    query = "select 1 from pg_roles where rolname = %s"
    return connection.execute(query, (name,)).fetchone() is not None


def _drop_subscriptions(scratch: ScratchServer, connection: Connection, name: str) -> None:
    """Drop subscriptions, which prevent dropping the database (src/backend/commands/dbcommands.c). Without a
    slot name this does not contact the publisher.
    """
    query = "select subname from pg_subscription s join pg_database d on d.oid = subdbid where datname = %s"
    subscriptions = connection.execute(query, (name,)).fetchall()
    if not subscriptions:
        return
    with scratch.open(name) as inside:
        for (subscription,) in subscriptions:
            for statement in (
                "alter subscription {} disable",
                "alter subscription {} set (slot_name = none)",
                "drop subscription {}",
            ):
                inside.execute(sql.SQL(statement).format(sql.Identifier(subscription)))


def _is_empty(scratch: ScratchServer, name: str) -> bool:
    """Whether the database is empty: a drill may die between creating and marking it."""
    with scratch.open(name) as connection:
        query = (
            "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' limit 1"
        )
        return connection.execute(query).fetchone() is None


def write_mark(connection: Connection, name: str, drill: Drill, lock: Path) -> None:
    mark = json.dumps(
        {
            "made_by": "restorecheck",
            "drill_id": drill.id,
            "made_at": drill.started_at.isoformat(),
            "lock": str(lock),
            "host": os.uname().nodename,
            "kept": drill.keep,
        }
    )
    statement = sql.SQL("comment on database {} is {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(mark)))


def mark_of(connection: Connection, name: str) -> dict[str, Any] | None:
    row = connection.execute(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", (name,)
    ).fetchone()
    try:
        mark = json.loads(row[0]) if row and row[0] else None
    except ValueError:
        return None
    if not isinstance(mark, dict) or mark.get("made_by") != "restorecheck":
        return None
    return mark if mark.get("drill_id") == drill_of(name) else None


class ScratchInventory(Inventory):
    """Temporary databases on one scratch server."""

    def __init__(self, scratch: ScratchServer, is_held: Callable[[Path], bool]) -> None:
        self._scratch = scratch
        self._is_held = is_held

    def find(self) -> tuple[Found, ...]:
        """Raises DatabaseUnreachableError: the server cannot be searched, so nothing is known to be deleted."""
        query = "select datname from pg_database where starts_with(datname, %s) order by 1"
        try:
            with self._scratch.open() as connection:
                names = [row[0] for row in connection.execute(query, (PREFIX,))]
                return tuple(self._look_at(connection, name) for name in names)
        except psycopg.Error as exc:
            reason = why_not(exc)
            raise DatabaseUnreachableError(
                f"could not look for databases on the scratch server {self._scratch.name}: {reason}"
            ) from exc

    def delete(self, resource: Resource) -> Gone | StillThere:
        return drop_database(self._scratch, resource)

    def _look_at(self, connection: Connection, name: str) -> Found:
        mark = mark_of(connection, name)
        elsewhere = mark is not None and mark.get("host") != os.uname().nodename
        return Found(
            resource=Resource(kind=KIND, identifier=name, account=self._scratch.name),
            drill_id=drill_of(name),
            marked=mark is not None,
            # A drill of another machine is not visible here; that machine sweeps it.
            alive=mark is not None and (elsewhere or self._is_held(Path(str(mark.get("lock"))))),
            kept=mark is not None and bool(mark.get("kept")),
            made_at=datetime.fromisoformat(str(mark["made_at"])) if mark else None,
        )
