"""The local provider: restores dumps into a throw-away PostgreSQL server in a private directory."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg

from restorecheck.errors import (
    InvalidStateError,
    ProviderError,
    RestorecheckError,
)
from restorecheck.lifecycle import (
    Broken,
    Gone,
    InProgress,
    Ready,
    StepEvent,
    StillThere,
    Unclear,
    keeps_standing,
)
from restorecheck.model import RESTORED_BYTES, Drill, Endpoint, Rehearsal, Resource, Step, StepKind
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.dump import (
    collations,
    database_choice,
    finder,
    load_plan,
    preparation,
    roles,
    selection,
    server_choice,
)
from restorecheck.postgres.dump.after_verified import AfterVerified
from restorecheck.postgres.dump.dump_provider import LOADING, DumpProvider
from restorecheck.postgres.dump.finder import (
    SERVER,
    DrillSession,
    Restore,
    check_step,
    find_step,
    lost_session,
)
from restorecheck.postgres.dump.load import Destination, Load, start_psql
from restorecheck.postgres.dump.load_errors import Into, LoadError
from restorecheck.postgres.dump.preparation import Lacking
from restorecheck.postgres.dump.streamed_load import Ahead, Begun
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.server import cluster, offers
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.server.temporary_server import Temporary
from restorecheck.postgres.session import libpq
from restorecheck.postgres.session.connection import Connection, pin, spell
from restorecheck.postgres.session.messages import depends_on_order, roles_missing, why_not
from restorecheck.postgres.session.opening import connect_to_throw_away, identity_of
from restorecheck.postgres.session.stopwatch import Stopwatch

MAINTENANCE = "template1"
"""Database for CREATE and DROP DATABASE; `postgres` itself may be restored."""
MOST_ROLES = 100
"""Missing roles that are made after a failed load; with more the load is not repeated."""


@dataclass(kw_only=True, eq=False)
class LocalDumpProvider(DumpProvider):
    """Restores a target's newest dump into its own server on this machine."""

    prepares = "start server"
    restores_here = True
    after: AfterVerified | None = None
    upgrade: Callable[[Drill, DrillSession, "LocalDumpProvider"], Rehearsal] | None = None
    """Rehearses an upgrade; None: there is no rehearsal."""

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        directory = self._resource(drill_id)
        return (
            find_step(directory, self.dump, self.deadline),
            Step(
                name=self.prepares,
                kind=StepKind.PREPARE,
                does="start a throw-away PostgreSQL server in this directory: the major "
                "version of the dump, or the lowest higher version on this machine; unix "
                "socket only, no network address",
                deadline=timedelta(minutes=15),
                makes=(directory,),
            ),
            Step(
                name="load dump",
                kind=StepKind.RESTORE,
                does="compare the needs of the dump (extensions, collations) with the server; "
                "load the dump",
                deadline=self.deadline,
                makes=(directory,),
            ),
            check_step(self.deadline),
        )

    def delete(
        self,
        resource: Resource,
        made_until: datetime,  # noqa: ARG002  # what is made here is seen at once
    ) -> Gone | StillThere:
        drill_id = resource.identifier.rpartition(cluster.PREFIX)[2]
        watch = Stopwatch()
        session = self.sessions.pop(drill_id, None)
        server = by_us = None
        if session is not None:
            server, by_us = session.server, session.made
            session.end()
        detail = remove_cluster(Path(resource.identifier), drill_id, server, by_us)
        if session is not None:
            session.leave()
        if detail:
            return StillThere(resource, detail)
        return Gone(resource, external_seconds=watch.seconds if server else 0.0)

    def release(self, drill: Drill) -> None:
        super().release(drill)
        if keeps_standing(drill):
            places = self.server.places(drill.id)
            mark = cluster.read_mark(places.directory)
            if mark is not None:
                cluster.write_mark(places, replace(mark, kept=True))

    def temporary(self, drill: Drill) -> Temporary:
        """The throw-away server of this drill, to damage it on purpose."""
        session = self.sessions.get(drill.id)
        if session is None or session.server is None or session.installation is None:
            raise InvalidStateError("could not inject damage: another process made the server")
        if session.programs is not None and session.programs.container is not None:
            raise InvalidStateError(
                "could not inject damage: the server runs in a container",
                hint="Set server.runtime to none for `restorecheck prove`.",
            )
        return Temporary(
            drill=drill,
            places=self.server.places(drill.id),
            installation=session.installation,
            account=session.account,
            jobs=self.server.parallel(self.dump),
            server=session.server,
        )

    def rehearse(self, drill: Drill) -> Rehearsal | None:
        session = self.sessions.get(drill.id)
        if self.upgrade is None or session is None:
            return None
        return self.upgrade(drill, session, self)

    def after_verified(self, drill: Drill) -> tuple[str, ...]:
        return self.after.run(drill) if self.after else ()

    def connect(self, endpoint: Endpoint, database: str) -> Connection:
        return connect_locally(endpoint, database)

    def killed(self, endpoint: Endpoint) -> str:
        """Why a server process ended, if no question caused it. Raises as `killed_locally`."""
        return killed_locally(endpoint)

    def _resource(self, drill_id: str) -> Resource:
        return Resource(kind=SERVER, identifier=str(self.server.places(drill_id).directory))

    def _prepare(self, drill: Drill, session: DrillSession) -> StepEvent:
        if not session.restores:
            return lost_session()
        inspections = [restore.inspection for restore in session.restores]
        together = load_plan.together(inspections)
        own = (*self.dump.ignore_extensions, *offers.of_services(together.needs.extensions))
        programs = server_choice.choose(together, self.dump.options, self.server, own)
        if isinstance(programs, Unclear):
            return programs
        chosen, session.installation = programs.server, programs.clients
        session.programs = chosen
        session.ignored = (
            *self.dump.ignore_extensions,
            *load_plan.left_to_the_service(inspections, chosen),
        )
        seconds = self._taken_over(session, chosen)
        if seconds is None:
            seconds = self._make_server(drill, session, chosen, session.restores)
        assert session.server is not None, "it was made"
        notes = [note for i in inspections for note in load_plan.version_note(i, chosen)]
        notes += load_plan.fence_note(session.server.missing)
        return Ready(
            external_seconds=seconds,
            outputs={"psql": str(programs.clients.program("psql"))},
            notes=tuple(dict.fromkeys(notes)),
        )

    def _make_server(
        self,
        drill: Drill,
        session: DrillSession,
        installation: Installation,
        restores: Sequence[Restore],
    ) -> float:
        """Start a new server; returns the seconds that it took."""
        places, account = self.server.places(drill.id), session.account
        watch = Stopwatch()
        if session.server is not None:
            if not cluster.stop(places, session.server):
                raise ProviderError("could not stop the first throw-away server")
            places.log.unlink(missing_ok=True)  # it is about ended processes
        untrusted_files.remove_all(places.data)
        cluster.initdb(places, installation, account)
        session.server = cluster.start(
            places,
            installation,
            account,
            jobs=self.server.parallel(self.dump),
            outlive_us=drill.keep,
            extra=server_choice.settings_for(
                restores[0].database,
                [r.inspection for r in restores],
                installation,
                self.dump.options,
            ),
            memory=self.dump.options.memory,
        )
        return watch.seconds

    # --- loading while reading ------------------------------------------------------------------

    def _find(self, drill: Drill, session: DrillSession) -> StepEvent:
        if session.looking is None and session.ahead is None and self._may_load_ahead():
            session.ahead = Ahead()
        event = super()._find(drill, session)
        ahead = session.ahead
        if ahead is None or not isinstance(event, InProgress):
            return event
        if ahead.asked is not None:
            ahead.answer(self._begin_ahead(drill, session, ahead.asked))
        elif ahead.begun is not None and cluster.is_almost_full(self.server.work_dir):
            return self._stop_load(ahead.begun.load)
        return event

    def _may_load_ahead(self) -> bool:
        """Whether the start of a dump is enough to choose how it is restored."""
        several = len(self.dump.databases) > 1 or self.dump.databases == (database_choice.ALL,)
        if self.dump.options.contained:
            return False
        return not (several or self.dump.ignore_extensions or self.dump.globals_path)

    def _begin_ahead(
        self, drill: Drill, session: DrillSession, inspection: Inspection
    ) -> Begun | None:
        """None: something prevents it; the same problem is reported after the dump is read."""
        if offers.of_services(inspection.needs.extensions) or _needs_frame(inspection):
            return None
        restore = Restore(finder.database_name(inspection, self.dump.databases), inspection)
        places, account = self.server.places(drill.id), session.account
        try:
            chosen = load_plan.choose_installation(inspection, self.server.installations(), ())
            if isinstance(chosen, Unclear):
                return None
            session.programs = chosen
            seconds = self._make_server(drill, session, chosen, (restore,))
            if self._make_database(places, session, restore):
                return None
            log_offset = places.log.stat().st_size
            load, pipe = start_psql(
                _destination(places, restore.database), chosen, account, directory=places.directory
            )
        except (RestorecheckError, psycopg.Error, OSError):
            return None
        return Begun(
            installation=chosen,
            database=restore.database,
            load=load,
            pipe=pipe,
            make_roles=partial(_make_roles, places, restore.database),
            log_offset=log_offset,
            sorts_alike=session.sorts_alike,
            seconds=seconds,
        )

    def _taken_over(self, session: DrillSession, chosen: Installation) -> float | None:
        """Take over the load that started while the dump was read, if it is the right one: returns the seconds
        that its server needed to start.
        """
        ahead = session.ahead
        if ahead is None:
            return None
        inspections = [restore.inspection for restore in session.restores]
        begun = ahead.begun
        if begun is None or not ahead.fits(inspections, session.databases[0], chosen):
            ahead.stop()
            return None
        session.load, session.log_offset = begun.load, begun.log_offset
        session.sorts_alike, session.prepared = begun.sorts_alike, (None,)
        return begun.seconds

    # --- loading --------------------------------------------------------------------------------

    def _load(self, drill: Drill, session: DrillSession) -> StepEvent:
        if not session.restores or session.installation is None or session.server is None:
            return lost_session()
        if session.opened is not None:
            return self._analyzed(drill, session, session.opened, session.databases)
        restore = session.restores[session.loading]
        if session.load is None:
            return self._begin_load(drill, session, restore, session.installation)
        loaded = session.load.poll(load_plan.patience(session.load))
        if loaded is None:
            if cluster.is_almost_full(self.server.work_dir):
                return self._stop_load(session.load)
            return LOADING
        session.load.end()
        session.load_seconds += loaded.seconds
        places = self.server.places(drill.id)
        server_lost = session.server.poll() is not None
        if not server_lost and self._begins_again(session, restore.inspection, places):
            return InProgress(wait=timedelta(0), detail="loading again")
        failed = load_plan.explain(
            loaded,
            restore.inspection,
            log=places.log,
            offset=session.log_offset,
            server_lost=server_lost,
            into=self._into(session, restore, session.installation, places),
        )
        if failed is not None:
            told = load_plan.with_full_text(failed, loaded, drill.id, self.server.full_text)
            return _naming(told, restore, session)
        killed = cluster.killed(places)
        if killed:
            return Unclear(reason=killed, external_seconds=session.load_seconds)
        if session.loading + 1 < len(session.restores):
            session.loading += 1
            session.load = None
            return LOADING
        opened = self._open(places, session)
        return self._analyzed(drill, session, opened, session.databases)

    def _owner(self, drill: Drill, database: str) -> Connection:
        places = self.server.places(drill.id)
        return cluster.superuser_connection(places, database, limit=self.deadline)

    def _begins_again(self, session: DrillSession, inspection: Inspection, places: Places) -> bool:
        """Whether a second load can succeed: a missing role can be made (one that only a regrole value names), or
        one job loads in another order.
        """
        missing = roles_missing(places.log, session.log_offset) - {
            *session.roles,
            *inspection.needs.roles,
        }
        several = not session.alone and inspection.kind in {"custom", "directory"}
        alone = several and depends_on_order(places.log, session.log_offset)
        if not alone and (not missing or len(session.roles) + len(missing) > MOST_ROLES):
            return False
        session.roles |= missing
        session.alone = session.alone or alone
        session.load = None
        return True

    def _into(
        self, session: DrillSession, restore: Restore, installation: Installation, places: Places
    ) -> Into:
        inspection = restore.inspection
        ignored = set(session.ignored)
        return Into(
            major=installation.major,
            source_major=load_plan.major_of(inspection.server_version),
            ignored=tuple(name for name in inspection.needs.extensions if name in ignored),
            sorts_alike=session.sorts_alike,
            by_collation=partial(_by_collation, places, restore),
        )

    def _stop_load(self, load: Load) -> Unclear:
        """Stop the load before the disk is full: other programs need it, and a dump may be unbounded."""
        load.end()
        return Unclear(
            reason=f"the load was stopped: not enough free space in {self.server.work_dir}",
            hint=self._room_hint(),
        )

    def _begin_load(
        self, drill: Drill, session: DrillSession, restore: Restore, installation: Installation
    ) -> StepEvent:
        places = self.server.places(drill.id)
        inspection = restore.inspection
        if not session.prepared:  # not when the first one is loaded again
            session.prepared = load_plan.prepare_each(
                [restore.inspection for restore in session.restores],
                installation,
                session.account,
                places.directory,
                session.ignored,
            )
            failed = self._make_roles(places, session, installation)
            if failed is not None:
                return failed
        missing = self._make_database(places, session, restore)
        if missing:
            return load_plan.unfit(missing, session.programs or installation, inspection)
        session.log_offset = places.log.stat().st_size
        session.load = load_plan.begin(
            inspection,
            _destination(places, restore.database),
            installation,
            session.account,
            directory=places.directory,
            jobs=1
            if session.alone or _needs_frame(inspection)
            else self.server.parallel(self.dump),
            decryption=session.decryption,
            ignored=session.ignored,
            ownership=True,
            prepared=session.prepared[session.loading],
        )
        return LOADING

    def _make_roles(
        self, places: Places, session: DrillSession, installation: Installation
    ) -> StepEvent | None:
        """Make the roles of pg_dumpall, as superusers during the load."""
        if not session.statements:
            return None
        with cluster.superuser_connection(places) as connection:
            pin(connection)
            made = roles.make(connection, session.statements)
            roles.elevate(connection, made.roles)
        if self.dump.globals_path and session.statements:
            needed = {role for r in session.restores for role in r.inspection.needs.roles}
            missing = sorted(needed - roles.named_in(session.statements))
            session.findings += (selection.roles_missing(missing),)
        if not made.problems:
            return None
        more = f"; {len(made.problems) - 1} more" if len(made.problems) > 1 else ""
        reason = f"the roles do not restore: {made.problems[0]}{more}"
        inspection = session.restores[0].inspection
        if load_plan.major_of(inspection.server_version) == installation.major:
            return Broken(reason=reason)
        return Unclear(
            reason=f"{reason} (into PostgreSQL {installation.version}; "
            f"the dump is of {inspection.server_version or 'an unknown version'})",
            hint=f"Install PostgreSQL {inspection.server_version.partition('.')[0]} here.",
        )

    def _make_database(self, places: Places, session: DrillSession, restore: Restore) -> Lacking:
        """Make the database; returns what the server lacks for the dump."""
        name, inspection = restore.database, restore.inspection
        first = not any(r.database == name for r in session.restores[: session.loading])
        with cluster.superuser_connection(places, MAINTENANCE) as connection:
            pin(connection)
            missing = preparation.lacking(connection, inspection, session.ignored, session.programs)
            if missing:
                return missing
            if first:
                preparation.drop_database(connection, name)
                session.sorts_alike = preparation.make_database(connection, name, inspection.needs)
                preparation.apply_settings(connection, name, inspection.needs)
                preparation.admit_everybody(connection, name)
        with cluster.superuser_connection(places, name) as connection:
            pin(connection)
            named = sorted({*inspection.needs.roles, *session.roles})
            preparation.make_roles(connection, named, inspection.needs.client_encoding)
            if first:
                preparation.make_way(connection, inspection)
            if not inspection.needs.creates_schema_public:
                frames = offers.frames(inspection.needs.extensions)
                preparation.call_before(connection, frames)
        return Lacking()

    def _open(self, places: Places, session: DrillSession) -> Ready:
        watch = Stopwatch()
        role = preparation.CHECKER_ROLE
        ignored = session.ignored
        notes = [
            note
            for restore in session.restores
            for note in load_plan.omission_notes(restore.inspection, ignored)
        ]
        with cluster.superuser_connection(places, session.databases[0]) as connection:
            pin(connection)
            spell(connection)
            preparation.demote_roles(connection)
            preparation.make_reading_role(connection, role, login=True)
            room = cluster.free_bytes(places.directory) // 2
            preparation.limit_temporary_files(connection, role, room)
            identity = identity_of(connection)
            version = load_plan.server_version(connection)
        restored = 0
        for name in session.databases:
            with cluster.superuser_connection(places, name) as connection:
                pin(connection)
                spell(connection)
                preparation.call_after(connection, offers.frames(_extensions_of(session, name)))
                preparation.let_in(connection, name, role)
                preparation.let_evaluate(connection, role)
                notes += load_plan.extension_note(connection, _extensions_of(session, name))
                restored += preparation.database_size(connection)
        return Ready(
            outputs={RESTORED_BYTES: str(restored)},
            endpoint=Endpoint(
                identity=identity,
                host=str(places.sockets),
                port=cluster.PORT,
                user=role,
                databases=session.databases,
                server_version=version,
            ),
            external_seconds=session.load_seconds + watch.seconds,
            findings=session.findings,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _refused(self, error: psycopg.Error) -> Unclear:
        return Unclear(reason=f"the throw-away server does not answer: {why_not(error)}")

    def _room_hint(self) -> str:
        return (
            f"The restored database needs space in {self.server.work_dir}: free disk space, or "
            "set postgres.work_dir to a larger disk."
        )


def killed_locally(endpoint: Endpoint) -> str:
    """For the checker: why a server process ended, if no question caused it.

    Raises:
        InvalidStateError: Restored code replaced the server's folders.
    """
    places = Places.of_socket(endpoint.host)
    if gone := cluster.replaced(places):
        raise InvalidStateError(gone, hint=cluster.ATTACKED)
    return cluster.killed(places)


def connect_locally(endpoint: Endpoint, database: str) -> Connection:
    """Connect to a drill's server, and to no other. Raises as `connect_to_throw_away` and `cluster.refuse_stranger`."""
    places = Places.of_socket(endpoint.host)
    cluster.refuse_link(places)
    connection = connect_to_throw_away(endpoint, database)
    cluster.refuse_stranger(connection, places)
    return connection


def _naming(failed: Broken | Unclear, restore: Restore, session: DrillSession) -> Broken | Unclear:
    """The event, with the name of the failed database if there are several."""
    if len(session.databases) == 1:
        return failed
    return replace(failed, reason=f"database {restore.database}: {failed.reason}")


def _needs_frame(inspection: Inspection) -> bool:
    """Whether functions of an extension are called before and after the load, which then has one job."""
    return bool(offers.frames(inspection.needs.extensions))


def _extensions_of(session: DrillSession, database: str) -> list[str]:
    needs = [r.inspection.needs for r in session.restores if r.database == database]
    return [name for need in needs for name in need.extensions]


def _destination(places: Places, database: str) -> Destination:
    return Destination(
        host=str(places.sockets),
        port=cluster.PORT,
        user=cluster.SUPERUSER,
        database=database,
        environment={**libpq.VARIABLES, "PGOPTIONS": libpq.options_of(cluster.OWN_SESSION)},
    )


def _make_roles(places: Places, database: str, names: Sequence[str], encoding: str) -> None:
    with cluster.superuser_connection(places, database) as connection:
        pin(connection)
        preparation.make_roles(connection, names, encoding)


def _by_collation(places: Places, restore: Restore, error: LoadError) -> bool:
    with cluster.superuser_connection(places, restore.database) as connection:
        pin(connection)
        return collations.may_decide(connection, error, restore.inspection)


def remove_cluster(
    directory: Path,
    drill_id: str,
    server: subprocess.Popen[bytes] | None = None,
    by_us: cluster.Made | None = None,
) -> str:
    """Stop the server in a drill's directory and remove the directory; empty: nothing is left."""
    places = Places(directory)
    mark = cluster.read_mark(directory)
    ours = (mark is not None and mark.drill_id == drill_id) or cluster.is_made(places, by_us)
    if ours and not cluster.stop(places, server):
        return "its server does not stop"
    return cluster.remove(places, drill_id, by_us)
