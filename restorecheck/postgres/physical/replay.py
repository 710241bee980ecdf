"""The steps of a drill that replay WAL: to each named moment, to the last one, and their comparison with the archive."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from restorecheck import choosing
from restorecheck.errors import ProviderError
from restorecheck.lifecycle import Broken, Ready, StepEvent, Unclear
from restorecheck.model import CheckSpec, Drill, Endpoint, Recovered, Step
from restorecheck.ports import Clock, Inquiry
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.dump.finder import lost_session
from restorecheck.postgres.dump.load_plan import fence_note
from restorecheck.postgres.dump.local_provider import MAINTENANCE, connect_locally, killed_locally
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.physical import outcome, source, standby, told
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.moment import (
    IMMEDIATE,
    LATEST,
    LSN,
    RANDOM,
    TIME,
    Moment,
    draw,
    window_start,
)
from restorecheck.postgres.physical.outcome import Reached
from restorecheck.postgres.physical.prepare import prepare
from restorecheck.postgres.physical.recovery import Recovery
from restorecheck.postgres.physical.session import (
    ENDING_SECONDS,
    LOOKS,
    Asked,
    PhysicalSession,
    working,
)
from restorecheck.postgres.physical.settings import PhysicalSettings
from restorecheck.postgres.physical.source import Workshop
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session.messages import why_not
from restorecheck.postgres.session.opening import by_system_identifier
from restorecheck.postgres.session.stopwatch import Stopwatch

OF_POINTS = frozenset({TIME, LSN, RANDOM})
"""Moments about which a drill claims something only if a check is about them."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    physical: PhysicalSettings
    server: ServerSettings
    clock: Clock

    def recover(self, drill: Drill, session: PhysicalSession, step: str) -> StepEvent:
        """To the last moment, and open the databases."""
        workshop, backup = session.workshop, session.backup
        if workshop is None or backup is None:
            return lost_session()
        if session.stage != step:
            return self._begin(drill, session, step)
        assert session.recovery is not None, "begun above"
        looked = self._look(session, session.recovery)
        return self._open(drill, session, workshop) if looked is None else looked

    def _look(self, session: PhysicalSession, recovery: Recovery) -> StepEvent | None:
        """None: the server answers."""
        looked = recovery.look(LOOKS)
        if looked is True:
            return None
        if cluster.is_almost_full(self.server.work_dir):
            return told.no_room("recovery", self.server.work_dir)
        if isinstance(looked, Broken | Unclear):
            return replace(looked, external_seconds=session.watch.seconds)
        return working(recovery.detail)

    def _begin(
        self, drill: Drill, session: PhysicalSession, step: str, pause_at: Moment | None = None
    ) -> StepEvent:
        workshop, backup = session.workshop, session.backup
        assert workshop is not None, "looked at by the caller"
        assert backup is not None, "looked at by the caller"
        installation = workshop.installation(source.major_of(workshop.places.data))
        made = Recovery(
            workshop=workshop,
            source=self.physical.source,
            installation=installation,
            moment=pause_at or session.moment,
            pauses=pause_at is not None,
            number=session.recoveries,
        )
        wants_end = self.physical.moment.kind in OF_POINTS and session.recovered is None
        found = session.in_background(step, lambda: made.look_at_archive(newest_commit=wants_end))
        if found is None:
            return working("listing the WAL archive")
        newest, until = found
        _end_earlier(session, workshop)
        if session.recovered is None:
            session.moment, session.recovered = self._decide(drill, session.moment, backup, until)
        if late := _too_late(session.moment, until):
            return Broken(reason=late)
        made = replace(made, newest=newest, moment=pause_at or session.moment)
        session.watch = Stopwatch()
        session.recovery, session.stage = made, step
        session.recoveries += 1
        workshop.notes += made.start(outlive_us=drill.keep)
        return _of_another(backup, made) or working(made.detail)

    def _decide(
        self, drill: Drill, provisional: Moment, backup: PhysicalBackup, until: datetime | None
    ) -> tuple[Moment, Recovered]:
        """The moment to recover to. Of `random` the provisional one, if the archive goes so far, else one between the
        backup's end and the newest commit in the archive.
        """
        asked = self.physical.moment
        known = Recovered(asked=asked.said, archive_until=until)
        if asked.kind != RANDOM:
            return asked, known
        known = replace(known, seed=seed_of(drill))
        ended = backup.surely_ended
        if until is None or ended is None or until <= ended:
            return Moment(IMMEDIATE), replace(known, to=IMMEDIATE)
        after = min(window_start(asked, ended, drill.started_at), until)
        at = provisional.time
        if at is None or not after < at <= until:
            at = draw(known.seed, after, until)
        moment = Moment.at(at)
        return moment, replace(known, to=moment.said, drawn_after=after, drawn_until=until)

    def _open(self, drill: Drill, session: PhysicalSession, workshop: Workshop) -> StepEvent:
        recovery, known = session.recovery, session.recovered
        assert recovery is not None, "looked at by the caller"
        assert known is not None, "decided when the recovery began"
        superuser = self.physical.superuser
        try:
            connection = cluster.superuser_connection(workshop.places, MAINTENANCE, user=superuser)
        except psycopg.OperationalError as exc:
            return refused(superuser, exc)
        with connection:
            session.reached = reached = recovery.reached(connection)
            if early := beyond(session.moment, reached):
                return Broken(reason=early)
            opened = prepare(workshop.places, superuser, self.physical.databases, connection)
        session.recovered = known = told.with_reached(known, reached, recovery.size)
        if session.moment.kind == LATEST:
            session.recovered = known = replace(known, archive_until=reached.newest_commit)
        session.endpoint = Endpoint(
            identity=opened.identity,
            host=str(workshop.places.sockets),
            port=cluster.PORT,
            user=preparation.CHECKER_ROLE,
            databases=opened.databases,
            server_version=opened.version,
        )
        assert drill.backup is not None, "found by an earlier step"
        restored = replace(drill.backup, server_version=opened.version, recovered=known)
        return Ready(
            backup=told.as_old_as_its_data(restored) if session.moment.kind == LATEST else restored,
            endpoint=session.endpoint,
            external_seconds=session.watch.seconds,
            notes=(
                *session.notes(),
                *fence_note(recovery.missing),
                told.said(known),
                *opened.notes,
            ),
        )

    def compare(self, drill: Drill, session: PhysicalSession, step: str) -> StepEvent:
        """The end of recovery with the archive."""
        recovery, reached, known = session.recovery, session.reached, session.recovered
        if recovery is None or reached is None or known is None:
            return lost_session()
        size, newest = recovery.size, recovery.newest
        if not newest:
            note = "there is no WAL archive: the backup was recovered with its own WAL only, to the end of the backup"
            return Ready(endpoint=session.endpoint, notes=(note,))
        if session.moment.kind != LATEST:
            what = session.moment.said
            how = "as configured" if session.moment == self.physical.moment else "as drawn"
            notes = [f"recovery ended at {what} {how}; later WAL was not read"]
            if known.archive_until is not None:
                notes.append(told.gap(known.archive_until, drill.started_at))
            return Ready(endpoint=session.endpoint, notes=(*notes, *self._unasserted(drill)))
        last = session.in_background(step, lambda: recovery.last_segment(reached))
        if last is None:
            return working("reading the last WAL segment")
        missed = outcome.gap(reached, newest, last, size)
        gap = () if missed else (told.gap(reached.newest_commit, drill.started_at),)
        return Ready(
            endpoint=session.endpoint,
            findings=(told.to_the_end(missed, reached, newest, size),),
            notes=(*gap, *told.ahead(last, reached.segment(size).name(size))),
        )

    def recover_to(
        self, drill: Drill, session: PhysicalSession, step: Step, name: str
    ) -> StepEvent:
        """To a named moment, at which the server pauses and answers queries."""
        workshop = session.workshop
        if workshop is None or session.backup is None:
            return lost_session()
        moment = dict(self.physical.named)[name]
        if session.stage != step.name:
            if source.major_of(workshop.places.data) < standby.SINCE:
                return Unclear(
                    reason=f"checks at a moment need PostgreSQL {standby.SINCE} or later"
                )
            return self._begin(drill, session, step.name, pause_at=moment)
        recovery = session.recovery
        assert recovery is not None, "begun above"
        looked = self._look(session, recovery)
        if looked is not None:
            return looked
        places, superuser = workshop.places, self.physical.superuser
        try:
            connection = cluster.superuser_connection(places, MAINTENANCE, user=superuser)
        except psycopg.OperationalError as exc:
            return refused(superuser, exc)
        with connection:
            reached = recovery.stands_at(connection)
            if early := beyond(moment, reached):
                return Broken(reason=early)
            endpoint = standby.endpoint_of(places, superuser, self.physical.databases, connection)
        connect = by_system_identifier(standby.connect_reading)
        checker = PostgresChecker(connect, self.clock, connections=1, killed=killed_locally)
        session.asked[name] = Asked(endpoint=endpoint, checker=checker)
        return Ready(
            notes=(*session.notes(), told.stands(name, moment.said, reached)),
            external_seconds=session.watch.seconds,
        )

    def ask(self, drill: Drill, session: PhysicalSession, step: Step, name: str) -> StepEvent:
        """The checks of a named moment."""
        specs = [spec for spec in drill.checks if spec.at == name]
        found = self._answers(drill, session.asked.get(name), specs, step)
        if not isinstance(found, Ready):
            return found
        recovery, workshop = session.recovery, session.workshop
        if recovery is None or workshop is None:
            return lost_session()
        session.asked.pop(name).checker.close()
        # The next recovery goes on from the last restart point.
        with cluster.superuser_connection(
            workshop.places, MAINTENANCE, user=self.physical.superuser
        ) as connection:
            connection.execute("checkpoint")
        return found

    def ask_again(self, drill: Drill, session: PhysicalSession, step: Step) -> StepEvent:
        """The checks of named moments that must fail when the recovery is complete."""
        specs = [spec for spec in drill.checks if spec.false_after]
        if session.endpoint is None:
            return lost_session()
        if step.name not in session.asked:
            connect = by_system_identifier(connect_locally)
            checker = PostgresChecker(connect, self.clock, killed=killed_locally)
            session.asked[step.name] = Asked(endpoint=session.endpoint, checker=checker)
        found = self._answers(drill, session.asked[step.name], specs, step)
        if not isinstance(found, Ready):
            return found
        return replace(
            found,
            endpoint=session.endpoint,
            findings=tuple(standby.turned_round(result) for result in found.findings),
        )

    def _answers(
        self, drill: Drill, asked: Asked | None, specs: Sequence[CheckSpec], step: Step
    ) -> StepEvent:
        """One answer, or one part of a scan; Ready with all results."""
        if asked is None:
            return lost_session()
        answered = {result.name for result in asked.results}
        pending = [spec for spec in specs if spec.name not in answered]
        if not pending:
            return Ready(findings=asked.results)
        until = min(drill.deadline, drill.records[-1].started_at + step.deadline)
        inquiry = Inquiry(
            endpoint=asked.endpoint,
            pending=pending,
            until=until,
            backup=drill.backup,
            readings=asked.readings,
        )
        answers = asked.checker.run(inquiry)
        asked.results += answers.results
        if answers.readings is not None:
            asked.readings = answers.readings
        return working(answers.detail or f"{len(asked.results)} of {len(specs)} checks")

    def _unasserted(self, drill: Drill) -> tuple[str, ...]:
        about_it = any(not c.built_in and (not c.at or c.false_after) for c in drill.checks)
        if self.physical.moment.kind not in OF_POINTS or about_it:
            return ()
        return (told.NOTHING_ASKED,)


def seed_of(drill: Drill) -> str:
    return choosing.seed_of(drill.target, drill.scheduled_for, drill.id)


def refused(superuser: str, exc: psycopg.OperationalError) -> Unclear:
    return Unclear(
        reason=f"the recovered server accepts no connection as {superuser}: {why_not(exc)}",
        hint="Set physical.superuser to a superuser of the backup that may log in.",
    )


def beyond(moment: Moment, reached: Reached) -> str:
    """Why the server did not stop at the time; empty: it did."""
    commit = reached.newest_commit
    if moment.time is None or commit is None or commit <= moment.time:
        return ""
    return (
        f"the backup cannot be recovered to {moment.value}: its first consistent state has a "
        f"commit of {commit:%Y-%m-%d %H:%M:%S} UTC"
    )


def _too_late(moment: Moment, until: datetime | None) -> str:
    if moment.time is None or until is None or moment.time <= until:
        return ""
    return (
        f"the archive ends before {moment.value}: its newest commit is of "
        f"{until:%Y-%m-%d %H:%M:%S} UTC, so recovery cannot reach this moment"
    )


def _of_another(backup: PhysicalBackup, recovery: Recovery) -> Broken | None:
    found = recovery.control["Database system identifier"]
    if not backup.system_identifier or backup.system_identifier == found:
        return None
    return Broken(
        reason=f"the files are of the cluster {found}, but the list of backups says "
        f"{backup.system_identifier}"
    )


def _end_earlier(session: PhysicalSession, workshop: Workshop) -> None:
    """Ends the server that stands at an earlier moment; the next one goes on from there.

    Raises:
        ProviderError: It does not end.
    """
    earlier = session.recovery
    if earlier is None:
        return
    session.requests = session.all_requests()
    session.recovery = None
    if not cluster.stop(workshop.places, earlier.server):
        raise ProviderError("the server that is paused at the earlier moment does not stop")
    earlier.end(ENDING_SECONDS)
