"""The provider of physical backups: files in a private directory, recovered by a throw-away server, compared with the WAL archive."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

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
from restorecheck.model import (
    Backup,
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Drill,
    Endpoint,
    Observation,
    Resource,
    Severity,
    Step,
    StepKind,
)
from restorecheck.ports import Clock, Provider
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.dump.background import Background
from restorecheck.postgres.dump.finder import SERVER, check_step, lost_session
from restorecheck.postgres.dump.load_plan import fence_note
from restorecheck.postgres.dump.local_provider import (
    MAINTENANCE,
    connect_locally,
    killed_locally,
    remove_cluster,
)
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.physical import broker, outcome, source, wal
from restorecheck.postgres.physical.choice import Chosen, PhysicalBackup, choose
from restorecheck.postgres.physical.moment import LATEST, LSN, TIME
from restorecheck.postgres.physical.outcome import LastSegment, Reached
from restorecheck.postgres.physical.prepare import prepare
from restorecheck.postgres.physical.recovery import Recovery
from restorecheck.postgres.physical.settings import PhysicalSettings
from restorecheck.postgres.physical.source import DamagedBackupError, Workshop
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.account import Lodging
from restorecheck.postgres.server.cluster import Mark
from restorecheck.postgres.server.fence import named
from restorecheck.postgres.session.connection import Connection
from restorecheck.postgres.session.messages import why_not
from restorecheck.postgres.session.stopwatch import Stopwatch

T = TypeVar("T")
FIND, RESTORE, RECOVER, COMPARE = "find backup", "restore files", "recover", "compare with archive"
LOOKS = 0.5
"""Seconds that one poll of running work waits at most."""
ENDING_SECONDS = 10.0
NOTHING_ASKED = (
    "no check is configured: the drill proves that the moment was reached, and nothing about the data "
    "at that moment"
)
NOW = InProgress(wait=timedelta(0))


@dataclass
class PhysicalSession:
    """State of a running drill in this process; lost with the process."""

    lodging: Lodging | None = None
    workshop: Workshop | None = None
    made: cluster.Made | None = None
    work: dict[str, "Background[object]"] = field(default_factory=dict)
    """Step → its work in a thread."""
    watch: Stopwatch = field(default_factory=Stopwatch)
    backup: PhysicalBackup | None = None
    recovery: Recovery | None = None
    reached: Reached | None = None
    endpoint: Endpoint | None = None

    def end(self) -> None:
        if self.workshop is not None:
            self.workshop.stop.set()
        for work in self.work.values():
            work.done(patience=ENDING_SECONDS)
        if self.recovery is not None:
            self.recovery.end(ENDING_SECONDS)

    def leave(self) -> None:
        """Release the account of the programs after they have ended."""
        if self.lodging is not None:
            self.lodging.close()


@dataclass(kw_only=True, eq=False)
class PhysicalProvider(Provider):
    physical: PhysicalSettings
    server: ServerSettings
    clock: Clock
    lock_of: Callable[[str], Path]
    deadline: timedelta
    sessions: dict[str, PhysicalSession] = field(default_factory=dict, init=False)

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        directory = self._resource(drill_id)
        place, moment = self.physical.source.place, self.physical.moment.said
        look = f"create the private directory {directory.identifier}; list the backups in {place}"
        start = "start a PostgreSQL server of the same major version on a unix socket only, with restorecheck's configuration"
        texts = {
            FIND: f"{look} and choose one ({self.physical.select})",
            RESTORE: "restore the files of the backup into this directory; compare them with their checksums",
            RECOVER: f"{start}; replay WAL to {moment}",
            COMPARE: "compare the end of recovery with the newest WAL segment of the archive",
        }
        steps = (
            Step(
                name=name,
                kind=StepKind.RESTORE if name in {RESTORE, RECOVER} else StepKind.PREPARE,
                does=does,
                deadline=self.deadline,
                makes=(directory,),
            )
            for name, does in texts.items()
        )
        return (*steps, check_step(self.deadline))

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        session = self.sessions.setdefault(drill.id, PhysicalSession())
        try:
            match step.name:
                case "find backup":
                    return self._find(drill, session)
                case "restore files":
                    return self._restore(session)
                case "recover":
                    return self._recover(drill, session)
                case "compare with archive":
                    return self._compare(drill, session)
                case _:
                    raise AssertionError(f"no step {step.name!r} in this plan")
        except DamagedBackupError as exc:
            return Broken(reason=exc.message, hint=exc.hint, notes=self._notes(session))
        except CapacityError as exc:
            # A full disk is not freed within the minutes of a retry.
            return Unclear(reason=exc.message, hint=exc.hint or self._room_hint())
        except psycopg.Error as exc:
            return Unclear(reason=f"the throw-away server does not answer: {why_not(exc)}")
        except OSError as exc:
            return Unclear(reason=f"the backup could not be read: {exc.strerror}: {exc.filename}")

    def delete(
        self,
        resource: Resource,
        made_until: datetime,  # noqa: ARG002  # what is made here is seen at once
    ) -> Gone | StillThere:
        drill_id = resource.identifier.rpartition(cluster.PREFIX)[2]
        session = self.sessions.pop(drill_id, None)
        server = by_us = None
        if session is not None:
            session.end()
            server = session.recovery.server if session.recovery else None
            by_us = session.made
        detail = remove_cluster(Path(resource.identifier), drill_id, server, by_us)
        if session is not None:
            session.leave()
        return StillThere(resource, detail) if detail else Gone(resource)

    def release(self, drill: Drill) -> None:
        session = self.sessions.pop(drill.id, None)
        if session is not None:
            session.end()
            session.leave()
        places = self.server.places(drill.id)
        if keeps_standing(drill) and (mark := cluster.read_mark(places.directory)):
            cluster.write_mark(places, replace(mark, kept=True))

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:
        """Every file that the server requested from the archive."""
        session = self.sessions.get(drill.id)
        asked = session.recovery.broker if session and session.recovery else None
        lines = broker.told(asked.requests) if asked else []
        return tuple(Observation(at=None, source="WAL archive", text=line) for line in lines)

    def connect(self, endpoint: Endpoint, database: str) -> Connection:
        return connect_locally(endpoint, database)

    def killed(self, endpoint: Endpoint) -> str:
        """Why a server process ended, if no question caused it. Raises as `killed_locally`."""
        return killed_locally(endpoint)

    # --- the steps -----------------------------------------------------------------------------

    def _find(self, drill: Drill, session: PhysicalSession) -> StepEvent:
        if self.server.require_fence and (missing := processes.missing_walls()):
            return Unclear(
                reason="could not restore safely: the kernel does not support "
                f"{named(missing)}, and postgres.require_fence is true",
                hint="`restorecheck doctor` says more (RC113).",
            )
        workshop = session.workshop or self._begin(drill, session)
        try:
            listed = self._in_background(
                session, FIND, lambda: self.physical.source.backups(workshop)
            )
        except NotFoundError as exc:
            return Broken(reason=exc.message, hint=exc.hint)
        if listed is None:
            return replace(NOW, detail="listing backups")
        chosen = choose(listed, self.physical.select, self.physical.moment)
        notes = tuple(f"{name} was skipped: it is still being written" for name in chosen.skipped)
        findings = _findings(chosen, self.physical.max_age, drill.started_at)
        if chosen.backup is None:
            newest = chosen.newest
            known = _backup_of(newest, self.physical.source.place) if newest else None
            if chosen.skipped and not chosen.newest:
                return Unclear(reason=chosen.reason, notes=notes)
            return Broken(
                reason=f"{self.physical.source.place}: {chosen.reason}",
                backup=known,
                findings=findings,
                notes=notes,
            )
        session.backup = chosen.backup
        if chosen.newest is not None:
            notes += (f"an older backup, {chosen.backup.name}, was restored instead",)
        return Ready(
            backup=_backup_of(chosen.backup, self.physical.source.place),
            findings=findings,
            notes=(*notes, chosen.how, *chosen.backup.notes),
        )

    def _begin(self, drill: Drill, session: PhysicalSession) -> Workshop:
        places = self.server.places(drill.id)
        mark = Mark(drill_id=drill.id, made_at=drill.started_at, lock=str(self.lock_of(drill.id)))
        session.lodging = session.lodging or self.server.lodge(drill.id)
        cluster.make_directory(places, mark, session.lodging.account)
        session.made = cluster.made(places)
        session.workshop = Workshop(
            places=places,
            account=session.lodging.account,
            installations=tuple(self.server.installations()),
            now=drill.started_at,
        )
        return session.workshop

    def _restore(self, session: PhysicalSession) -> StepEvent:
        workshop, backup = session.workshop, session.backup
        if workshop is None or backup is None:
            return lost_session()
        if backup.major is not None:
            workshop.installation(backup.major)  # before gigabytes are copied for nothing

        def work() -> bool:
            self.physical.source.restore(backup, workshop)
            return True

        if self._in_background(session, RESTORE, work) is None:
            return replace(NOW, detail=_copied(workshop))
        return Ready(notes=self._notes(session), external_seconds=session.watch.seconds)

    def _recover(self, drill: Drill, session: PhysicalSession) -> StepEvent:
        workshop, backup = session.workshop, session.backup
        if workshop is None or backup is None:
            return lost_session()
        if session.recovery is None:
            return self._begin_recovery(drill, session, workshop, backup)
        recovery = session.recovery
        looked = recovery.look(LOOKS)
        if isinstance(looked, Broken | Unclear):
            return replace(looked, external_seconds=session.watch.seconds)
        if not looked:
            if cluster.is_almost_full(self.server.work_dir):
                return Unclear(
                    reason="recovery was stopped: not enough free disk space",
                    hint=self._room_hint(),
                )
            return replace(NOW, detail=recovery.detail)
        return self._open(session, workshop, backup, recovery)

    def _begin_recovery(
        self, drill: Drill, session: PhysicalSession, workshop: Workshop, backup: PhysicalBackup
    ) -> StepEvent:
        session.watch = Stopwatch()
        installation = workshop.installation(source.major_of(workshop.places.data))
        newest = self._in_background(
            session, RECOVER, lambda: self.physical.source.newest_segment(workshop)
        )
        if newest is None:
            return replace(NOW, detail="listing the WAL archive")
        recovery = Recovery(
            workshop=workshop,
            source=self.physical.source,
            installation=installation,
            moment=self.physical.moment,
            newest=newest,
        )
        session.recovery = recovery
        workshop.notes += recovery.start(outlive_us=drill.keep)
        found = recovery.control["Database system identifier"]
        if backup.system_identifier and backup.system_identifier != found:
            return Broken(
                reason=f"the files are of the cluster {found}, but the list of backups says "
                f"{backup.system_identifier}"
            )
        return replace(NOW, detail=recovery.detail)

    def _open(
        self,
        session: PhysicalSession,
        workshop: Workshop,
        backup: PhysicalBackup,
        recovery: Recovery,
    ) -> StepEvent:
        superuser = self.physical.superuser
        try:
            connection = cluster.superuser_connection(workshop.places, MAINTENANCE, user=superuser)
        except psycopg.OperationalError as exc:
            return Unclear(
                reason=f"the recovered server accepts no connection as {superuser}: {why_not(exc)}",
                hint="Set physical.superuser to a superuser of the backup that may log in.",
            )
        with connection:
            session.reached = reached = recovery.reached(connection)
            asked = self.physical.moment
            commit = reached.newest_commit
            if asked.time is not None and commit is not None and commit > asked.time:
                return Broken(
                    reason=f"the backup cannot be recovered to {asked.value}: its first consistent state has a "
                    f"commit of {commit:%Y-%m-%d %H:%M:%S} UTC"
                )
            opened = prepare(workshop.places, superuser, self.physical.databases, connection)
        known = replace(
            _backup_of(backup, self.physical.source.place), server_version=opened.version
        )
        session.endpoint = Endpoint(
            identity=opened.identity,
            host=str(workshop.places.sockets),
            port=cluster.PORT,
            user=preparation.CHECKER_ROLE,
            databases=opened.databases,
            server_version=opened.version,
        )
        return Ready(
            backup=_as_old_as_its_data(known, reached) if asked.kind == LATEST else known,
            endpoint=session.endpoint,
            external_seconds=session.watch.seconds,
            notes=(
                *self._notes(session),
                *fence_note(recovery.missing),
                _said(asked.said, reached, recovery.size),
                *opened.notes,
            ),
        )

    def _compare(self, drill: Drill, session: PhysicalSession) -> StepEvent:
        recovery, reached = session.recovery, session.reached
        if recovery is None or reached is None:
            return lost_session()
        size, newest = recovery.size, recovery.newest
        if not newest:
            note = "there is no WAL archive: the backup was recovered with its own WAL only, to the end of the backup"
            return Ready(endpoint=session.endpoint, notes=(note,))
        if self.physical.moment.kind != LATEST:
            note = f"recovery ended at {self.physical.moment.said} as configured; later WAL was not read"
            return Ready(endpoint=session.endpoint, notes=(note, *self._unasserted(drill)))
        last = self._in_background(session, COMPARE, lambda: recovery.last_segment(reached))
        if last is None:
            return replace(NOW, detail="reading the last WAL segment")
        missed = outcome.gap(reached, newest, last, size)
        return Ready(
            endpoint=session.endpoint,
            findings=(_to_the_end(missed, reached, newest, size),),
            notes=(
                *([] if missed else [_gap(reached, drill.started_at)]),
                *_ahead(last, reached.segment(size).name(size)),
            ),
        )

    def _unasserted(self, drill: Drill) -> tuple[str, ...]:
        if self.physical.moment.kind not in {TIME, LSN} or any(
            not check.built_in for check in drill.checks
        ):
            return ()
        return (NOTHING_ASKED,)

    # --- parts ---------------------------------------------------------------------------------

    def _in_background(
        self, session: PhysicalSession, step: str, work: Callable[[], T]
    ) -> T | None:
        """The result of the work (never None); None: it still runs. Raises what the work raises."""
        if step not in session.work:
            session.watch = Stopwatch()
            session.work[step] = Background[object](work)
        running = session.work[step]
        if not running.done(patience=LOOKS):
            return None
        del session.work[step]
        return running.result()  # type: ignore[return-value]  # of the same work

    @staticmethod
    def _notes(session: PhysicalSession) -> tuple[str, ...]:
        if session.workshop is None:
            return ()
        notes, session.workshop.notes = tuple(session.workshop.notes), []
        return tuple(dict.fromkeys(notes))

    def _resource(self, drill_id: str) -> Resource:
        return Resource(kind=SERVER, identifier=str(self.server.places(drill_id).directory))

    def _room_hint(self) -> str:
        return (
            f"The restored files need space in {self.server.work_dir}: free disk space, or set "
            "postgres.work_dir to a larger disk."
        )


def _backup_of(backup: PhysicalBackup, place: str) -> Backup:
    return Backup(
        kind="physical",
        identifier=backup.address or f"{place}: {backup.name}",
        taken_at=backup.ended,
        time_source="the end of the backup" if backup.stopped_at else "the start of the backup",
        size_bytes=backup.size_bytes,
        server_version=str(backup.major or ""),
    )


def _as_old_as_its_data(backup: Backup, reached: Reached) -> Backup:
    """The backup with the time of its newest commit: later data is lost."""
    if reached.newest_commit is None or (
        backup.taken_at is not None and reached.newest_commit < backup.taken_at
    ):
        return backup
    return replace(backup, taken_at=reached.newest_commit, time_source="the newest commit")


def _findings(chosen: Chosen, max_age: timedelta | None, now: datetime) -> tuple[CheckResult, ...]:
    found = []
    if chosen.newest is not None:
        newest = chosen.newest
        found.append(
            _finding(
                "the newest backup is whole",
                CheckOutcome.FAILED,
                expected="a whole backup",
                found="a damaged one",
                detail=f"{newest.name} {newest.problem}",
            )
        )
    ended = chosen.backup.ended if chosen.backup else None
    if max_age is not None and ended is not None:
        young = now - ended <= max_age
        found.append(
            _finding(
                "the backup is young enough",
                CheckOutcome.PASSED if young else CheckOutcome.FAILED,
                expected=f"at most {_hours(max_age)} old",
                found=f"{_hours(now - ended)} old",
                detail="" if young else f"the backup is stale: it ended {ended:%Y-%m-%d %H:%M} UTC",
            )
        )
    return tuple(found)


def _to_the_end(missed: str, reached: Reached, newest: str, size: int) -> CheckResult:
    return _finding(
        "recovery reached the end of the archive",
        CheckOutcome.FAILED if missed else CheckOutcome.PASSED,
        expected=newest,
        found=reached.segment(size).name(size),
        detail=missed,
    )


def _finding(
    name: str, outcome: CheckOutcome, *, expected: str, found: str, detail: str
) -> CheckResult:
    return CheckResult(
        name=name,
        kind="physical_backup",
        database="",
        severity=Severity.REQUIRED,
        outcome=outcome,
        expected=expected,
        found=found,
        detail=detail,
        origin=CheckOrigin.BACKUP,
    )


def _said(asked: str, reached: Reached, size: int) -> str:
    commit = reached.newest_commit
    newest = f"{commit:%Y-%m-%d %H:%M:%S} UTC" if commit else "none"
    return (
        f"recovered to {asked}: reached {wal.position_text(reached.lsn)} on timeline {reached.timeline} "
        f"in {reached.segment(size).name(size)}; newest commit: {newest}"
    )


def _gap(reached: Reached, now: datetime) -> str:
    if reached.newest_commit is None:
        return "the loss of data is unknown: no commit was replayed"
    lost = max(timedelta(0), now - reached.newest_commit)
    return f"data of the last {timedelta(seconds=round(lost.total_seconds()))} before the drill is not in the backup"


def _ahead(last: LastSegment, name: str) -> list[str]:
    if not last.absent:
        return []
    return [f"the archive does not yet have {name}, the last WAL segment in the backup"]


def _copied(workshop: Workshop) -> str:
    if not workshop.done:
        return "restoring files"
    of = f" of {workshop.expected / 1e9:.2f}" if workshop.expected else ""
    return f"restoring files: {workshop.done / 1e9:.2f}{of} GB"


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f} hours"
