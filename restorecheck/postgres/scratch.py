"""The `into:` provider: restores into a temporary database on an existing scratch server.

The database is created, checked and dropped; its name carries the drill id, and its comment is
our mark. Ownership and grants are not restored: roles belong to the whole server and would stay.
Whether a server is scratch is said in the configuration (`scratch_servers`), apart from the URL.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg import sql

from restorecheck.errors import CapacityError, DatabaseUnreachableError, ProviderError
from restorecheck.lifecycle import (
    Gone,
    InProgress,
    Ready,
    StepEvent,
    StillThere,
    Unclear,
)
from restorecheck.model import Drill, Endpoint, Resource, Step, StepKind
from restorecheck.ports import Clock, Found, Inventory, Provider
from restorecheck.postgres import checker, preparation, restoring
from restorecheck.postgres.binaries import Installation
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.load import Destination
from restorecheck.postgres.local import (
    KIND as DIRECTORY,
)
from restorecheck.postgres.local import (
    DumpFinder,
    DumpSettings,
    ServerSettings,
    Session,
    remove_cluster,
)
from restorecheck.postgres.messages import safe_message
from restorecheck.postgres.timing import Stopwatch

KIND = "temporary database"
ROLE_KIND = "temporary role"
PREFIX = "restorecheck_"

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchServer:
    """Where temporary databases may be made."""

    host: str
    port: int
    user: str
    password: str | None = field(repr=False, default=None)
    maintenance_database: str = "postgres"

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
        )

    def open(self, database: str | None = None) -> Connection:
        """Connect with the right to write.

        Raises:
            DatabaseUnreachableError: The server refuses or does not answer.
        """
        try:
            return psycopg.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                dbname=database or self.maintenance_database,
                autocommit=True,
                connect_timeout=10,
                application_name="restorecheck",
            )
        except psycopg.Error as exc:
            reason = safe_message(exc.sqlstate, str(exc)) if exc.sqlstate else _first_line(exc)
            raise DatabaseUnreachableError(
                f"no connection to the scratch server {self.name}: {reason}"
            ) from exc


def _first_line(exc: psycopg.Error) -> str:
    """Libpq's own words about the connection; they name host and port, never the password."""
    return str(exc).strip().split("\n", 1)[0][:300]


def database_of(drill_id: str) -> str:
    return PREFIX + drill_id.replace("-", "_")


def drill_of(database: str) -> str:
    return database.removeprefix(PREFIX).replace("_", "-")


class ScratchProvider(Provider):
    """Restores a target's newest dump into a temporary database of a scratch server."""

    def __init__(
        self,
        *,
        dump: DumpSettings,
        server: ServerSettings,
        scratch: ScratchServer,
        clock: Clock,
        lock_of: Callable[[str], Path],
        deadline: timedelta,
    ) -> None:
        self.scratch = scratch
        self._dump = dump
        self._server = server
        self._lock_of = lock_of
        self._deadline = deadline
        self._finder = DumpFinder(dump, server, clock, lock_of)
        self._sessions: dict[str, Session] = {}

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        directory = Resource(
            kind=DIRECTORY, identifier=str(self._server.places(drill_id).directory)
        )
        database = self._resource(drill_id)
        role = Resource(kind=ROLE_KIND, identifier=database.identifier, account=self.scratch.name)
        return (
            Step(
                name="find dump",
                kind=StepKind.PREPARE,
                does=f"make the private directory {directory.identifier}; "
                f"find the newest complete dump in {self._dump.path}",
                deadline=self._deadline,
                makes=(directory,),
            ),
            Step(
                name="create database",
                kind=StepKind.PREPARE,
                does=f"create the temporary database {database.identifier} "
                f"on the scratch server {self.scratch.name}, and a role of that name for the "
                "checks where the configured user is a superuser",
                deadline=timedelta(minutes=15),
                makes=(role, database),
            ),
            Step(
                name="load dump",
                kind=StepKind.RESTORE,
                does="load the dump, without ownership and grants",
                deadline=self._deadline,
                makes=(database,),
            ),
            Step(
                name="check",
                kind=StepKind.CHECK,
                does="run the checks, read-only",
                deadline=self._deadline,
            ),
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        session = self._sessions.setdefault(drill.id, Session())
        try:
            match step.name:
                case "find dump":
                    return self._finder.find(drill, session)
                case "create database":
                    return self._create(drill, session)
                case "load dump":
                    return self._load(drill, session)
                case _:
                    raise AssertionError(f"no step {step.name!r} in this plan")
        except CapacityError as exc:
            return Unclear(reason=exc.message, hint=exc.hint)
        except psycopg.Error as exc:
            reason = safe_message(exc.sqlstate, exc.diag.message_primary or str(exc))
            return Unclear(reason=f"the scratch server {self.scratch.name} refused: {reason}")

    def delete(self, resource: Resource) -> Gone | StillThere:
        if resource.kind == DIRECTORY:
            drill_id = resource.identifier.rpartition("restorecheck-")[2]
            looking = self._sessions.get(drill_id)
            if looking is not None:
                looking.end()
            detail = remove_cluster(Path(resource.identifier), drill_id)
            return StillThere(resource, detail) if detail else Gone(resource)
        session = self._sessions.get(drill_of(resource.identifier))
        if session is not None and not session.reached:
            return Gone(resource)  # this process never got as far as making it
        if resource.kind == ROLE_KIND:
            return drop_role(self.scratch, resource)
        if session is not None:
            session.end()
        return drop_database(self.scratch, resource)

    def release(self, drill: Drill) -> None:
        session = self._sessions.pop(drill.id, None)
        if session is not None:
            session.end()

    def connect(self, endpoint: Endpoint, database: str) -> Connection:
        """As the configured user; a superuser puts on the drill's role, which only reads."""
        connection = checker.connect(endpoint, database, password=self.scratch.password)
        if _is_superuser(connection):
            # The role is named like the database that it was made for.
            role = sql.Identifier(endpoint.databases[0])
            connection.execute(sql.SQL("set role {}").format(role))
        return connection

    def _resource(self, drill_id: str) -> Resource:
        return Resource(kind=KIND, identifier=database_of(drill_id), account=self.scratch.name)

    def _create(self, drill: Drill, session: Session) -> StepEvent:
        inspection = session.inspection
        if inspection is None:
            return Unclear(reason="the process that ran this drill is gone")
        watch = Stopwatch()
        with self.scratch.open() as connection:
            session.reached = True
            chosen = self._tools(connection, inspection)
            if isinstance(chosen, Unclear):
                return chosen
            session.installation = chosen
            missing = preparation.lacking(connection, inspection, self._dump.ignore_extensions)
            if missing:
                return restoring.unfit(missing, chosen)
            name = database_of(drill.id)
            if _mark_of(connection, name) is None and not _exists(connection, name):
                preparation.make_database(connection, name, encoding=inspection.needs.encoding)
            _write_mark(connection, name, drill, self._lock_of(drill.id))
        with self.scratch.open(database_of(drill.id)) as connection:
            preparation.make_way(connection, inspection)
        return Ready(external_seconds=watch.seconds)

    def _tools(self, connection: Connection, inspection: Inspection) -> Installation | Unclear:
        """Programs of the server's own major where there are any: a newer pg_restore sets
        parameters that an older server does not know.
        """
        major = connection.info.server_version // 10000
        needed = restoring.needed_major(inspection)
        if major < needed:
            return Unclear(
                reason=f"the dump needs PostgreSQL {needed} or newer; the scratch server "
                f"{self.scratch.name} is {major}"
            )
        return restoring.choose_tools(major, self._server.installations())

    def _load(self, drill: Drill, session: Session) -> StepEvent:
        inspection, installation = session.inspection, session.installation
        if inspection is None or installation is None:
            return Unclear(reason="the process that ran this drill is gone")
        if session.load is None:
            session.load = restoring.begin(
                inspection,
                Destination(
                    host=self.scratch.host,
                    port=self.scratch.port,
                    user=self.scratch.user,
                    password=self.scratch.password,
                    database=database_of(drill.id),
                ),
                installation,
                self._server.account(),
                directory=self._server.places(drill.id).directory,
                jobs=self._dump.jobs or self._server.jobs or os.cpu_count() or 1,
                decryption=session.decryption,
                ignored=self._dump.ignore_extensions,
                ownership=False,
            )
            return InProgress(wait=timedelta(0), detail="loading")
        loaded = session.load.poll(restoring.POLL_SECONDS)
        if loaded is None:
            return InProgress(wait=timedelta(0), detail="loading")
        session.load.end()
        failed = restoring.explain(loaded, inspection, log=None, offset=0, server_lost=False)
        if failed is not None:
            return failed
        name = database_of(drill.id)
        with self.scratch.open(name) as connection:
            if _is_superuser(connection):
                preparation.make_reading_role(connection, name, login=False)
            endpoint = Endpoint(
                identity=checker.identity_of(connection),
                host=self.scratch.host,
                port=self.scratch.port,
                user=self.scratch.user,
                databases=(name,),
                server_version=restoring.server_version(connection),
            )
        return Ready(endpoint=endpoint, external_seconds=loaded.seconds)


def drop_database(scratch: ScratchServer, resource: Resource) -> Gone | StillThere:
    """Drop a temporary database that carries our name and our mark, or is still empty."""
    name = resource.identifier
    if not name.startswith(PREFIX):
        return StillThere(resource, "its name is not one of ours")
    try:
        with scratch.open() as connection:
            if not _exists(connection, name):
                return Gone(resource)
            if _mark_of(connection, name) is None and not _is_empty(scratch, name):
                return StillThere(resource, "it does not carry our mark")
            watch = Stopwatch()
            force = " with (force)" if connection.info.server_version >= 130000 else ""  # noqa: PLR2004
            statement = sql.SQL("drop database if exists {}" + force)
            connection.execute(statement.format(sql.Identifier(name)))
            return Gone(resource, external_seconds=watch.seconds)
    except psycopg.Error as exc:
        reason = safe_message(exc.sqlstate, exc.diag.message_primary or str(exc))
        return StillThere(resource, f"could not be dropped: {reason}")
    except DatabaseUnreachableError as exc:
        return StillThere(resource, exc.message)


def drop_role(scratch: ScratchServer, resource: Resource) -> Gone | StillThere:
    """Drop the role that the checks were asked as; what it was granted went with the database."""
    if not resource.identifier.startswith(PREFIX):
        return StillThere(resource, "its name is not one of ours")
    try:
        with scratch.open() as connection:
            role = sql.Identifier(resource.identifier)
            connection.execute(sql.SQL("drop role if exists {}").format(role))
            return Gone(resource)
    except psycopg.Error as exc:
        reason = safe_message(exc.sqlstate, exc.diag.message_primary or str(exc))
        return StillThere(resource, f"could not be dropped: {reason}")
    except DatabaseUnreachableError as exc:
        return StillThere(resource, exc.message)


def _is_superuser(connection: Connection) -> bool:
    return connection.info.parameter_status("is_superuser") == "on"


def _exists(connection: Connection, name: str) -> bool:
    query = "select 1 from pg_database where datname = %s"
    return connection.execute(query, (name,)).fetchone() is not None


def _is_empty(scratch: ScratchServer, name: str) -> bool:
    """A drill can die between creating the database and marking it; then nothing is in it."""
    with scratch.open(name) as connection:
        query = (
            "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' limit 1"
        )
        return connection.execute(query).fetchone() is None


def _write_mark(connection: Connection, name: str, drill: Drill, lock: Path) -> None:
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


def _mark_of(connection: Connection, name: str) -> dict[str, Any] | None:
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
        try:
            connection = self._scratch.open()
        except DatabaseUnreachableError:
            return ()  # what is known to be there stands in a ledger, and is reported from it
        with connection:
            query = "select datname from pg_database where starts_with(datname, %s) order by 1"
            names = [row[0] for row in connection.execute(query, (PREFIX,))]
            return tuple(self._look_at(connection, name) for name in names)

    def delete(self, resource: Resource) -> Gone | StillThere:
        return drop_database(self._scratch, resource)

    def _look_at(self, connection: Connection, name: str) -> Found:
        mark = _mark_of(connection, name)
        elsewhere = mark is not None and mark.get("host") != os.uname().nodename
        return Found(
            resource=Resource(kind=KIND, identifier=name, account=self._scratch.name),
            drill_id=drill_of(name),
            marked=mark is not None,
            # A drill of another machine cannot be seen from here; it is that machine's to sweep.
            alive=mark is not None and (elsewhere or self._is_held(Path(str(mark.get("lock"))))),
            kept=mark is not None and bool(mark.get("kept")),
            made_at=datetime.fromisoformat(str(mark["made_at"])) if mark else None,
        )


class Forgotten(Provider):
    """Stands in for a target that is no longer configured: takes away, makes nothing."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        raise ProviderError(f"the target of drill {drill_id} is not configured any more")

    def ensure(self, drill: Drill, step: Step) -> StepEvent:  # noqa: ARG002  # the port's signature
        return Unclear(reason=f"the target {drill.target} is not configured any more")

    def delete(self, resource: Resource) -> Gone | StillThere:
        if resource.kind in {KIND, ROLE_KIND}:
            detail = f"no target with the scratch server {resource.account} is configured any more"
            return StillThere(resource, detail)
        drill_id = resource.identifier.rpartition("restorecheck-")[2]
        detail = remove_cluster(Path(resource.identifier), drill_id)
        return StillThere(resource, detail) if detail else Gone(resource)

    def release(self, drill: Drill) -> None:
        pass
