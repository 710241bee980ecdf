"""The `into:` provider: restores into a temporary database on an existing scratch server.

The database is created, checked and dropped; its name contains the drill id, and its comment is the mark.
Ownership and grants are not restored: roles belong to the whole server and would stay. The configuration must
list a scratch server in `scratch_servers`, apart from the URL.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg

from restorecheck.lifecycle import Gone, Ready, StepEvent, StillThere, Unclear
from restorecheck.model import Drill, Endpoint, Resource, Step, StepKind
from restorecheck.postgres.dump import collations, load_plan, preparation
from restorecheck.postgres.dump.dump_provider import LOADING, DumpProvider
from restorecheck.postgres.dump.finder import (
    SERVER,
    DrillSession,
    check_step,
    find_step,
    lost_session,
)
from restorecheck.postgres.dump.load import Destination
from restorecheck.postgres.dump.load_errors import LACKS_RIGHT, Into, LoadError
from restorecheck.postgres.dump.local_provider import remove_cluster
from restorecheck.postgres.dump.scratch_server import (
    KIND,
    ROLE_KIND,
    SECURITY,
    ScratchServer,
    database_of,
    drill_of,
    drop_database,
    drop_role,
    exists,
    is_superuser,
    mark_of,
    write_mark,
)
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.session import opening
from restorecheck.postgres.session.messages import why_not
from restorecheck.postgres.session.sqlstates import NO_RIGHT
from restorecheck.postgres.session.stopwatch import Stopwatch

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(kw_only=True, eq=False)
class ScratchProvider(DumpProvider):
    """Restores a target's newest dump into a temporary database of a scratch server."""

    prepares = "create database"
    scratch: ScratchServer

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        directory = Resource(kind=SERVER, identifier=str(self.server.places(drill_id).directory))
        database = self._resource(drill_id)
        role = Resource(kind=ROLE_KIND, identifier=database.identifier, account=self.scratch.name)
        return (
            find_step(directory, self.dump, self.deadline),
            Step(
                name=self.prepares,
                kind=StepKind.PREPARE,
                does=f"create the temporary database {database.identifier} on the scratch "
                f"server {self.scratch.name}; if the configured user is a superuser, also a "
                "role of this name for the checks",
                deadline=timedelta(minutes=15),
                makes=(role, database),
            ),
            Step(
                name="load dump",
                kind=StepKind.RESTORE,
                does="load the dump, without ownership and grants",
                deadline=self.deadline,
                makes=(database,),
            ),
            check_step(self.deadline),
        )

    def delete(
        self,
        resource: Resource,
        made_until: datetime,  # noqa: ARG002  # what is made here is seen at once
    ) -> Gone | StillThere:
        if resource.kind == SERVER:
            drill_id = resource.identifier.rpartition("restorecheck-")[2]
            looking = self.sessions.get(drill_id)
            if looking is not None:
                looking.end()
            detail = remove_cluster(Path(resource.identifier), drill_id)
            return StillThere(resource, detail) if detail else Gone(resource)
        session = self.sessions.get(drill_of(resource.identifier))
        if session is not None and not session.reached:
            return Gone(resource)  # this process has not made it yet
        if resource.kind == ROLE_KIND:
            return drop_role(self.scratch, resource)
        if session is not None:
            session.end()
        return drop_database(self.scratch, resource)

    killed = staticmethod(opening.unknown_cause)

    def connect(self, endpoint: Endpoint, database: str) -> Connection:
        """Connect as the configured user; a superuser switches to the drill's read-only role."""
        connection = opening.connect(
            endpoint, database, password=self.scratch.password, **cast(Any, self.scratch.security)
        )
        if is_superuser(connection):
            # The role has the name of its database.
            try:
                opening.put_on(connection, endpoint.databases[0])
            except psycopg.Error as exc:
                connection.close()
                raise opening.unreachable(exc, database) from exc
        return connection

    def _resource(self, drill_id: str) -> Resource:
        return Resource(kind=KIND, identifier=database_of(drill_id), account=self.scratch.name)

    def _prepare(self, drill: Drill, session: DrillSession) -> StepEvent:
        inspection = session.inspection
        if inspection is None:
            return lost_session()
        if len(session.databases) > 1:
            return Unclear(
                reason=f"{inspection.path.name} holds several databases, but `into` restores "
                "only one",
                hint="Set `databases` to one database, or remove `into`.",
            )
        watch = Stopwatch()
        with self.scratch.open() as connection:
            session.reached = True
            chosen = self._tools(connection, inspection)
            if isinstance(chosen, Unclear):
                return chosen
            session.installation = chosen
            missing = preparation.lacking(connection, inspection, self.dump.ignore_extensions)
            if missing:
                return load_plan.unfit(missing, chosen, inspection)
            name = database_of(drill.id)
            if mark_of(connection, name) is None and not exists(connection, name):
                session.sorts_alike = preparation.make_database(connection, name, inspection.needs)
                preparation.apply_settings(connection, name, inspection.needs)
            write_mark(connection, name, drill, self.lock_of(drill.id))
        with self.scratch.open(database_of(drill.id)) as connection:
            preparation.make_way(connection, inspection)
        return Ready(external_seconds=watch.seconds)

    def _tools(self, connection: Connection, inspection: Inspection) -> Installation | Unclear:
        """Programs of the server's major version if there are any: a newer pg_restore sets parameters that an
        older server does not know.
        """
        major = connection.info.server_version // 10000
        needed = load_plan.needed_major(inspection)
        if major < needed:
            return Unclear(
                reason=f"the dump needs PostgreSQL {needed} or newer; the scratch server "
                f"{self.scratch.name} is {major}"
            )
        return load_plan.choose_tools(major, self.server.installations(), inspection)

    def _load(self, drill: Drill, session: DrillSession) -> StepEvent:
        inspection, installation = session.inspection, session.installation
        if inspection is None or installation is None:
            return lost_session()
        if session.opened is not None:
            return self._analyzed(drill, session, session.opened, (database_of(drill.id),))
        if session.load is None:
            session.load = load_plan.begin(
                inspection,
                Destination(
                    host=self.scratch.host,
                    port=self.scratch.port,
                    user=self.scratch.user,
                    password=self.scratch.password,
                    database=database_of(drill.id),
                    environment={
                        SECURITY[key]: value for key, value in self.scratch.security.items()
                    },
                ),
                installation,
                session.account,
                directory=self.server.places(drill.id).directory,
                jobs=self.server.parallel(self.dump),
                decryption=session.decryption,
                # It is there already, and belongs to a superuser: its comment, which pg_dump wrote
                # before version 11, would be refused.
                ignored=(*self.dump.ignore_extensions, "plpgsql"),
                ownership=False,
            )
            return LOADING
        loaded = session.load.poll(load_plan.POLL_SECONDS)
        if loaded is None:
            return LOADING
        session.load.end()
        into = Into(
            major=installation.major,
            source_major=load_plan.major_of(inspection.server_version),
            server=self.scratch.name,
            sorts_alike=session.sorts_alike,
            by_collation=partial(self._by_collation, drill, inspection),
        )
        failed = load_plan.explain(
            loaded, inspection, log=None, offset=0, server_lost=False, into=into
        )
        if failed is not None:
            return load_plan.with_full_text(failed, loaded, drill.id, self.server.full_text)
        name = database_of(drill.id)
        with self.scratch.open(name) as connection:
            if is_superuser(connection):
                preparation.make_reading_role(connection, name, login=False)
                preparation.let_evaluate(connection, name)
            else:
                preparation.let_owner_read(connection)
            versions = load_plan.extension_note(connection, inspection.needs.extensions)
            endpoint = Endpoint(
                identity=opening.identity_of(connection),
                host=self.scratch.host,
                port=self.scratch.port,
                user=self.scratch.user,
                databases=(name,),
                server_version=load_plan.server_version(connection),
            )
        opened = Ready(
            endpoint=endpoint,
            external_seconds=loaded.seconds,
            notes=(
                *load_plan.omission_notes(inspection, self.dump.ignore_extensions),
                *_left_out(inspection),
                *versions,
            ),
        )
        return self._analyzed(drill, session, opened, (name,))

    def _owner(self, drill: Drill, database: str) -> Connection:  # noqa: ARG002  # one database each
        return self.scratch.open(database, limit=self.deadline)

    def _refused(self, error: psycopg.Error) -> Unclear:
        hint = "The user in `into` needs CREATEDB at least. " + LACKS_RIGHT
        return Unclear(
            reason=f"the scratch server {self.scratch.name} refused the operation: "
            f"{why_not(error)}",
            hint=hint if error.sqlstate == NO_RIGHT else "",
        )

    def _by_collation(self, drill: Drill, inspection: Inspection, error: LoadError) -> bool:
        with self.scratch.open(database_of(drill.id)) as connection:
            return collations.may_decide(connection, error, inspection)


def _left_out(inspection: Inspection) -> tuple[str, ...]:
    if not inspection.needs.roles:
        return ()
    return (
        (
            "owners and grants were left out, because restorecheck does not change roles of a "
            "scratch server"
        ),
    )


KINDS = frozenset({SERVER, KIND, ROLE_KIND})
"""Kinds of the resources that a drill of dumps makes."""


def remove_unconfigured(
    resource: Resource,
    made_until: datetime,  # noqa: ARG001  # what is made here is seen at once
) -> Gone | StillThere:
    """As `Provider.delete`, for a target that is no longer configured."""
    if resource.kind in {KIND, ROLE_KIND}:
        detail = f"no configured target has the scratch server {resource.account}"
        return StillThere(resource, detail)
    drill_id = resource.identifier.rpartition("restorecheck-")[2]
    detail = remove_cluster(Path(resource.identifier), drill_id)
    return StillThere(resource, detail) if detail else Gone(resource)
