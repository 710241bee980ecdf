"""The provider of physical backups: files in a private directory, recovered by a throw-away server, compared with the WAL archive."""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg.errors import DiskFull

from restorecheck import choosing
from restorecheck.choosing import Listed
from restorecheck.errors import CapacityError, InvalidStateError, NotFoundError
from restorecheck.lifecycle import (
    Broken,
    Gone,
    Ready,
    StepEvent,
    StillThere,
    Unclear,
    keeps_standing,
)
from restorecheck.model import (
    Drill,
    Endpoint,
    Observation,
    Resource,
    SelectBy,
    Step,
    StepKind,
)
from restorecheck.ports import Clock, Provider
from restorecheck.postgres.dump.after_verified import AfterVerified
from restorecheck.postgres.dump.finder import SERVER, check_step, lost_session
from restorecheck.postgres.dump.local_provider import (
    connect_locally,
    killed_locally,
    remove_cluster,
)
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.physical import broker, listing, replay, told
from restorecheck.postgres.physical.choice import PhysicalBackup, choose
from restorecheck.postgres.physical.moment import (
    RANDOM,
    Moment,
    draw,
    window_start,
)
from restorecheck.postgres.physical.replay import Replay
from restorecheck.postgres.physical.session import PhysicalSession, working
from restorecheck.postgres.physical.settings import PhysicalSettings
from restorecheck.postgres.physical.source import DamagedBackupError, Workshop
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.cluster import Mark
from restorecheck.postgres.server.fence import named
from restorecheck.postgres.server.temporary_server import Temporary
from restorecheck.postgres.session.connection import Connection
from restorecheck.postgres.session.messages import why_not

FIND, RESTORE, RECOVER, COMPARE = "find backup", "restore files", "recover", "compare with archive"
TO, AT, AFTERWARDS = "recover to", "check at", "check afterwards"


@dataclass(kw_only=True, eq=False)
class PhysicalProvider(Provider):
    physical: PhysicalSettings
    server: ServerSettings
    clock: Clock
    lock_of: Callable[[str], Path]
    deadline: timedelta
    after: AfterVerified | None = None
    sessions: dict[str, PhysicalSession] = field(default_factory=dict, init=False)

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        directory = self._resource(drill_id)
        place, moment = self.physical.source.place, self.physical.moment.said
        look = f"create the private directory {directory.identifier}; list the backups in {place}"
        start = "start a PostgreSQL server of the same major version on a unix socket only, with restorecheck's configuration"
        texts = {
            FIND: f"{look} and choose one",
            RESTORE: "restore the files of the backup into this directory; compare them with their checksums",
            RECOVER: f"{start}; replay WAL to {moment}",
            COMPARE: "compare the end of recovery with the newest WAL segment of the archive",
        }
        texts = _before_last(texts, self._stages(), start)
        if self.physical.false_after:
            texts[AFTERWARDS] = "run the checks with `false_after` again: they must fail now"
        steps = (
            Step(
                name=name,
                kind=StepKind.RESTORE if _restores(name) else StepKind.PREPARE,
                does=does,
                deadline=self.deadline,
                makes=(directory,),
            )
            for name, does in texts.items()
        )
        return (*steps, check_step(self.deadline))

    @property
    def _replay(self) -> Replay:
        return Replay(physical=self.physical, server=self.server, clock=self.clock)

    def _stages(self) -> dict[str, tuple[str, bool]]:
        """Step → the named moment that it is about, and whether it asks the checks; in order."""
        names = [name for name, _ in self.physical.named]
        return {f"{verb} {name}": (name, verb != TO) for name in names for verb in (TO, AT)}

    def newest(self, now: datetime) -> tuple[Listed, ...]:
        with listing.workshop(now) as tools:
            listed = [b.listed for b in self.physical.source.backups(tools) if not b.in_progress]
        return tuple(sorted(listed, key=choosing.moment_of)[-1:])

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        session = self.sessions.setdefault(drill.id, PhysicalSession())
        try:
            match step.name:
                case "find backup":
                    return self._find(drill, session)
                case "restore files":
                    return self._restore(session)
                case "recover":
                    return self._replay.recover(drill, session, step.name)
                case "compare with archive":
                    return self._replay.compare(drill, session, step.name)
                case _ if step.name in self._stages():
                    name, asks = self._stages()[step.name]
                    stage = self._replay.ask if asks else self._replay.recover_to
                    return stage(drill, session, step, name)
                case "check afterwards":
                    return self._replay.ask_again(drill, session, step)
                case _:
                    raise AssertionError(f"no step {step.name!r} in this plan")
        except DamagedBackupError as exc:
            return Broken(reason=exc.message, hint=exc.hint, notes=session.notes())
        except CapacityError as exc:
            # A full disk is not freed within the minutes of a retry.
            return Unclear(
                reason=exc.message, hint=exc.hint or told.room_hint(self.server.work_dir)
            )
        except psycopg.Error as exc:
            if isinstance(exc, DiskFull) or cluster.is_almost_full(self.server.work_dir):
                return told.no_room("the drill", self.server.work_dir, why_not(exc))
            return Unclear(reason=f"the throw-away server does not answer: {why_not(exc)}")
        except OSError as exc:
            if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
                return told.no_room("the drill", self.server.work_dir, str(exc.strerror))
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
        lines = broker.told(session.all_requests()) if session else []
        return tuple(Observation(at=None, source="WAL archive", text=line) for line in lines)

    def temporary(self, drill: Drill) -> Temporary:
        """The throw-away server of this drill, to damage it on purpose."""
        session = self.sessions.get(drill.id)
        recovery = session.recovery if session else None
        if recovery is None or recovery.server is None:
            raise InvalidStateError("could not inject damage: another process made the server")
        return Temporary(
            drill=drill,
            places=self.server.places(drill.id),
            installation=recovery.installation,
            account=recovery.workshop.account,
            jobs=self.server.jobs or 1,
            server=recovery.server,
            user=self.physical.superuser,
            like=recovery.started,
        )

    def after_verified(self, drill: Drill) -> tuple[str, ...]:
        return self.after.run(drill, superuser=self.physical.superuser) if self.after else ()

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
            listed = session.in_background(FIND, lambda: self.physical.source.backups(workshop))
        except NotFoundError as exc:
            return Broken(reason=exc.message, hint=exc.hint)
        if listed is None:
            return working("listing backups")
        moment = self._provisional(drill, listed)
        chosen = choose(listed, drill.select, moment, drill.started_at)
        notes = tuple(f"{name} was skipped: it is still being written" for name in chosen.skipped)
        findings = (
            *told.findings(chosen, self.physical.max_age, drill.started_at),
            *choosing.findings(
                [b.listed for b in listed if not b.in_progress], every=self.physical.every
            ),
        )
        if chosen.backup is None:
            if chosen.unclear:
                return Unclear(reason=chosen.reason, hint=chosen.hint, notes=notes)
            return Broken(
                reason=f"{self.physical.source.place}: {chosen.reason}",
                backup=told.backup_of(chosen.newest, chosen) if chosen.newest else None,
                findings=findings,
                notes=notes,
            )
        session.backup = workshop.chosen = chosen.backup
        session.moment = self.physical.moment if self.physical.named else moment
        if chosen.newest is not None:
            notes += (f"an older backup, {chosen.backup.name}, was restored instead",)
        return Ready(
            backup=told.backup_of(chosen.backup, chosen),
            findings=findings,
            notes=(*notes, *chosen.backup.notes),
        )

    def _provisional(self, drill: Drill, listed: Sequence[PhysicalBackup]) -> Moment:
        """The earliest moment. Of `random`, a time before now from which the backup follows: how far the archive goes,
        only a restored backup can say.
        """
        asked = self.physical.named[0][1] if self.physical.named else self.physical.moment
        ended = [b.ended for b in listed if b.ended and not b.in_progress and not b.problem]
        if asked.kind != RANDOM or drill.select.by is not SelectBy.NEWEST or not ended:
            return asked
        now = drill.started_at
        after = min(window_start(asked, min(ended), now), now)
        return Moment.at(draw(replay.seed_of(drill), after, now))

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
            jobs=self.server.every_job,
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

        if session.in_background(RESTORE, work) is None:
            return working(told.copied(workshop.done, workshop.expected))
        return Ready(
            findings=tuple(workshop.findings),
            notes=session.notes(),
            external_seconds=session.watch.seconds,
        )

    def _resource(self, drill_id: str) -> Resource:
        return Resource(kind=SERVER, identifier=str(self.server.places(drill_id).directory))


def _restores(step: str) -> bool:
    return step in {RESTORE, RECOVER} or step.startswith(TO)


def _before_last(
    texts: dict[str, str], stages: dict[str, tuple[str, bool]], start: str
) -> dict[str, str]:
    """The steps, with those of the named moments before the last recovery."""
    found = {}
    for step, does in texts.items():
        if step == RECOVER:
            for stage, (name, asks) in stages.items():
                found[stage] = (
                    f"run the checks of {name} read-only on the paused server"
                    if asks
                    else f"{start}; replay WAL to {name} and pause"
                )
        found[step] = does
    return found
