"""The local provider: a folder of dumps → a throw-away PostgreSQL server in a private directory."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg

from restorecheck.errors import CapacityError, NotFoundError
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
from restorecheck.model import Drill, Endpoint, Resource, Step, StepKind
from restorecheck.ports import Clock, Found, Inventory, Provider
from restorecheck.postgres import binaries, cluster, preparation, restoring
from restorecheck.postgres.account import Account, choose_account
from restorecheck.postgres.background import Background
from restorecheck.postgres.binaries import Installation
from restorecheck.postgres.checker import identity_of
from restorecheck.postgres.cluster import Mark, Places
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.load import Destination, Load
from restorecheck.postgres.selection import Selection, Snapshot, backup_of, findings, select
from restorecheck.postgres.timing import Stopwatch

KIND = "throw-away server"

ENDING_SECONDS = 10.0

SECOND_LOOK = timedelta(seconds=2)
"""How long to wait before deciding whether an incomplete file is still being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpSettings:
    """One target's dumps, as configured."""

    path: str
    decrypt: tuple[str, ...] | None = None
    max_age: timedelta | None = None
    ignore_extensions: tuple[str, ...] = ()
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """This machine's PostgreSQL programs and places, as configured."""

    bin_dir: str | None = None
    run_as: str | None = None
    work_dir: Path
    cache_dir: Path
    jobs: int | None = None

    def account(self) -> Account | None:
        return choose_account(self.run_as)

    def installations(self) -> Iterable[Installation]:
        return binaries.discover(bin_dir=self.bin_dir, cache=self.cache_dir, account=self.account())

    def places(self, drill_id: str) -> Places:
        return Places(self.work_dir / f"{cluster.PREFIX}{drill_id}")


@dataclass
class Session:
    """What this process holds of a drill that it is running; lost with the process."""

    decryption: Decryption | None = None
    looking: Background[Selection] | None = None
    undecided: dict[Path, Snapshot] = field(default_factory=dict)
    inspection: Inspection | None = None
    installation: Installation | None = None
    server: subprocess.Popen[bytes] | None = None
    load: Load | None = None
    log_offset: int = 0
    reached: bool = False
    """A server of somebody else's was reached: what was intended there may exist."""

    def end(self) -> None:
        """End what this process started for the drill, but for the server."""
        if self.decryption is not None:
            self.decryption.cancel()
        if self.load is not None:
            self.load.end()
        if self.looking is not None:
            self.looking.done(patience=ENDING_SECONDS)


class DumpFinder:
    """The first step of every dump target: the private directory, and the dump to restore."""

    def __init__(
        self,
        dump: DumpSettings,
        server: ServerSettings,
        clock: Clock,
        lock_of: Callable[[str], Path],
    ) -> None:
        self._dump = dump
        self._server = server
        self._clock = clock
        self._lock_of = lock_of

    def find(self, drill: Drill, session: Session) -> StepEvent:
        places = self._server.places(drill.id)
        mark = Mark(drill_id=drill.id, made_at=drill.started_at, lock=str(self._lock_of(drill.id)))
        cluster.make_directory(places, mark, self._server.account())
        if session.decryption is None and self._dump.decrypt:
            session.decryption = Decryption(self._dump.decrypt)
        if session.looking is None:
            session.looking = Background(
                partial(
                    select,
                    self._dump.path,
                    session.decryption,
                    now=self._clock.now(),
                    earlier=session.undecided,
                    materialise=places.directory,
                )
            )
        if not session.looking.done(patience=restoring.POLL_SECONDS):
            return InProgress(wait=timedelta(0), detail="reading")
        looking, session.looking = session.looking, None
        try:
            selection = looking.result()
        except NotFoundError as exc:
            return Broken(reason=exc.message, hint=exc.hint)
        except OSError as exc:
            return Unclear(reason=f"the dump could not be read: {exc.strerror}")
        if set(selection.undecided) - set(session.undecided):
            session.undecided = selection.undecided
            return InProgress(wait=SECOND_LOOK, detail="is the newest file still being written?")
        return self._conclude(selection, session, drill)

    def _conclude(self, selection: Selection, session: Session, drill: Drill) -> StepEvent:
        judged = tuple(findings(selection, max_age=self._dump.max_age, now=drill.started_at))
        if selection.unusable is not None:
            unusable = selection.unusable
            return Unclear(
                reason=f"{unusable.path.name} {unusable.problem}",
                hint=unusable.hint,
                findings=judged,
                notes=selection.notes,
            )
        if selection.chosen is None:
            if not selection.damaged:
                reason = f"there is no dump in {self._dump.path}"
                return Broken(reason=reason, notes=selection.notes)
            newest = selection.damaged[0]
            return Broken(
                reason=f"no complete dump: {newest.path.name} {newest.problem}",
                backup=backup_of(newest),
                findings=judged,
                notes=selection.notes + _others(selection),
            )
        session.inspection = selection.chosen
        return Ready(
            backup=backup_of(selection.chosen),
            findings=judged,
            notes=selection.notes + _others(selection),
        )


def _others(selection: Selection) -> tuple[str, ...]:
    notes = tuple(f"{i.path.name} {i.problem}" for i in selection.damaged[1:])
    if selection.chosen is not None and selection.damaged:
        chosen = selection.chosen.path.name
        return (*notes, f"{chosen} is the newest complete dump; it was restored instead")
    return notes


class LocalDumpProvider(Provider):
    """Restores a target's newest dump into a server of its own on this machine."""

    def __init__(
        self,
        *,
        dump: DumpSettings,
        server: ServerSettings,
        clock: Clock,
        lock_of: Callable[[str], Path],
        deadline: timedelta,
    ) -> None:
        self._dump = dump
        self._server = server
        self._deadline = deadline
        self._finder = DumpFinder(dump, server, clock, lock_of)
        self._sessions: dict[str, Session] = {}

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        directory = self._resource(drill_id)
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
                name="start server",
                kind=StepKind.PREPARE,
                does="make and start a throw-away PostgreSQL server in that directory, "
                "of the dump's major version or the lowest higher one at hand; "
                "no network address, unix socket only",
                deadline=timedelta(minutes=15),
                makes=(directory,),
            ),
            Step(
                name="load dump",
                kind=StepKind.RESTORE,
                does="compare what the dump needs with what the server offers; load the dump",
                deadline=self._deadline,
                makes=(directory,),
            ),
            Step(
                name="check",
                kind=StepKind.CHECK,
                does="run the checks, read-only, as a role without superuser",
                deadline=self._deadline,
            ),
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        session = self._sessions.setdefault(drill.id, Session())
        try:
            match step.name:
                case "find dump":
                    return self._finder.find(drill, session)
                case "start server":
                    return self._start(drill, session)
                case "load dump":
                    return self._load(drill, session)
                case _:
                    raise AssertionError(f"no step {step.name!r} in this plan")
        except CapacityError as exc:
            # A full disk does not empty itself in the minutes that a retry would take.
            return Unclear(reason=exc.message, hint=exc.hint or self._room_hint())
        except psycopg.Error as exc:
            return Unclear(reason=f"the throw-away server was lost: {type(exc).__name__}")

    def delete(self, resource: Resource) -> Gone | StillThere:
        drill_id = resource.identifier.rpartition(cluster.PREFIX)[2]
        watch = Stopwatch()
        session = self._sessions.pop(drill_id, None)
        server = None
        if session is not None:
            server = session.server
            session.end()
        detail = remove_cluster(Path(resource.identifier), drill_id, server)
        if detail:
            return StillThere(resource, detail)
        return Gone(resource, external_seconds=watch.seconds if server else 0.0)

    def release(self, drill: Drill) -> None:
        session = self._sessions.pop(drill.id, None)
        if session is not None:
            session.end()
        if keeps_standing(drill):
            places = self._server.places(drill.id)
            mark = cluster.read_mark(places.directory)
            if mark is not None:
                kept = Mark(drill_id=mark.drill_id, made_at=mark.made_at, lock=mark.lock, kept=True)
                cluster.write_mark(places, kept)

    def _resource(self, drill_id: str) -> Resource:
        return Resource(kind=KIND, identifier=str(self._server.places(drill_id).directory))

    def _start(self, drill: Drill, session: Session) -> StepEvent:
        inspection = session.inspection
        if inspection is None:
            return _elsewhere()
        chosen = restoring.choose_installation(
            inspection, self._server.installations(), self._dump.ignore_extensions
        )
        if isinstance(chosen, Unclear):
            return chosen
        session.installation = chosen
        places = self._server.places(drill.id)
        account = self._server.account()
        watch = Stopwatch()
        shutil.rmtree(places.data, ignore_errors=True)
        cluster.initdb(places, chosen, account)
        session.server = cluster.start(
            places, chosen, account, jobs=self._jobs(), outlive_us=drill.keep
        )
        return Ready(
            external_seconds=watch.seconds,
            notes=restoring.version_note(inspection, chosen),
        )

    def _load(self, drill: Drill, session: Session) -> StepEvent:
        if session.inspection is None or session.installation is None or session.server is None:
            return _elsewhere()
        if session.load is None:
            return self._begin_load(drill, session, session.inspection, session.installation)
        loaded = session.load.poll(restoring.patience(session.load))
        if loaded is None:
            return InProgress(wait=timedelta(0), detail="loading")
        session.load.end()
        places = self._server.places(drill.id)
        server_lost = session.server.poll() is not None
        failed = restoring.explain(
            loaded,
            session.inspection,
            log=places.log,
            offset=session.log_offset,
            server_lost=server_lost,
        )
        if failed is not None:
            return failed
        return self._open(places, session.inspection, loaded.seconds)

    def _begin_load(
        self, drill: Drill, session: Session, inspection: Inspection, installation: Installation
    ) -> StepEvent:
        places = self._server.places(drill.id)
        account = self._server.account()
        name = database_name(inspection)
        with cluster.superuser_connection(places) as connection:
            missing = preparation.lacking(connection, inspection, self._dump.ignore_extensions)
            if missing:
                return restoring.unfit(missing, installation)
            preparation.make_roles(connection, inspection.needs.roles)
            if name != "postgres":
                preparation.make_database(connection, name, encoding=inspection.needs.encoding)
            preparation.admit_roles(connection, name, inspection.needs.roles)
        with cluster.superuser_connection(places, name) as connection:
            preparation.make_way(connection, inspection)
        session.log_offset = places.log.stat().st_size
        destination = Destination(
            host=str(places.directory),
            port=cluster.PORT,
            user=cluster.SUPERUSER,
            database=name,
        )
        session.load = restoring.begin(
            inspection,
            destination,
            installation,
            account,
            directory=places.directory,
            jobs=self._jobs(),
            decryption=session.decryption,
            ignored=self._dump.ignore_extensions,
            ownership=True,
        )
        return InProgress(wait=timedelta(0), detail="loading")

    def _open(self, places: Places, inspection: Inspection, seconds: float) -> StepEvent:
        name = database_name(inspection)
        watch = Stopwatch()
        with cluster.superuser_connection(places, name) as connection:
            preparation.make_reading_role(connection, preparation.CHECKER_ROLE, login=True)
            endpoint = Endpoint(
                identity=identity_of(connection),
                host=str(places.directory),
                port=cluster.PORT,
                user=preparation.CHECKER_ROLE,
                databases=(name,),
                server_version=restoring.server_version(connection),
            )
        return Ready(endpoint=endpoint, external_seconds=seconds + watch.seconds)

    def _jobs(self) -> int:
        return self._dump.jobs or self._server.jobs or os.cpu_count() or 1

    def _room_hint(self) -> str:
        return (
            f"The restored database needs room in {self._server.work_dir}; "
            "postgres.work_dir names another place."
        )


def database_name(inspection: Inspection) -> str:
    return inspection.dbname or "restored"


def _elsewhere() -> Unclear:
    return Unclear(reason="the process that restored this dump is gone, and its server with it")


def remove_cluster(
    directory: Path, drill_id: str, server: subprocess.Popen[bytes] | None = None
) -> str:
    """Stop what runs in a drill's directory and remove it; empty when nothing is left."""
    places = Places(directory)
    mark = cluster.read_mark(directory)
    if mark is not None and mark.drill_id == drill_id and not cluster.stop(places, server):
        return "its server does not stop"
    return cluster.remove(places, drill_id)


class LocalInventory(Inventory):
    """Directories with our name below the folders that throw-away servers are made in."""

    def __init__(
        self, work_dirs: Iterable[Path], account: Account | None, is_held: Callable[[Path], bool]
    ) -> None:
        self._work_dirs = tuple(dict.fromkeys(work_dirs))
        self._owners = {os.geteuid(), account.uid if account else os.geteuid()}
        self._is_held = is_held

    def find(self) -> tuple[Found, ...]:
        return tuple(
            found
            for work_dir in self._work_dirs
            for directory in sorted(work_dir.glob(f"{cluster.PREFIX}*"))
            if (found := self._look_at(directory)) is not None
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        directory = Path(resource.identifier)
        mark = cluster.read_mark(directory)
        detail = remove_cluster(directory, mark.drill_id) if mark else "it has lost its mark"
        return StillThere(resource, detail) if detail and directory.exists() else Gone(resource)

    def _look_at(self, directory: Path) -> Found | None:
        try:
            state = directory.lstat()
        except OSError:
            return None
        if state.st_uid not in self._owners or not directory.is_dir() or directory.is_symlink():
            return None
        mark = cluster.read_mark(directory)
        drill_id = directory.name.removeprefix(cluster.PREFIX)
        marked = mark is not None and mark.drill_id == drill_id
        return Found(
            resource=Resource(kind=KIND, identifier=str(directory)),
            drill_id=drill_id,
            marked=marked,
            alive=mark is not None and self._is_held(Path(mark.lock)),
            kept=mark is not None and mark.kept,
            made_at=mark.made_at if mark else cluster.modified_at(directory),
        )
