"""Rehearses an upgrade: the dumps that were just verified are loaded into the next major version on this machine.

It runs after the verdict, in a folder of the drill's directory, and is gone before the teardown. The dump loads into its
own version, so an error here is one of the new version.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import psycopg

from restorecheck.checks import rehearsals
from restorecheck.checks.registry import has_plan, is_asked_of_upgrade
from restorecheck.errors import RestorecheckError
from restorecheck.lifecycle import Broken, InProgress, Ready, Unclear
from restorecheck.model import (
    CheckResult,
    CheckSpec,
    Drill,
    Endpoint,
    Rehearsal,
    StepKind,
    Verdict,
)
from restorecheck.ports import Inquiry
from restorecheck.postgres.dump.finder import DrillSession
from restorecheck.postgres.dump.load_errors import Into
from restorecheck.postgres.dump.local_provider import (
    LocalDumpProvider,
    connect_locally,
    killed_locally,
    remove_cluster,
)
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.scan.query_plan import plan_of
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Mark, Places
from restorecheck.postgres.session.connection import Connection, deadline
from restorecheck.postgres.session.messages import why_not
from restorecheck.postgres.session.opening import ANSWERS_WITHIN, by_system_identifier

NAME = "n"
"""Of the folder, `restorecheck-n`: short, because of the limit on socket paths."""


class _NextMajor(LocalDumpProvider):
    """Loads into another version on purpose: it excuses no error."""

    def _into(self, *parts: object) -> Into:
        into = super()._into(*parts)  # type: ignore[arg-type]  # passed on as they are
        return replace(into, source_major=into.major)

    def start(self, drill: Drill, session: DrillSession, installation: Installation) -> None:
        self.sessions[drill.id] = session
        self._make_server(drill, session, installation, session.restores)


Rehearse = Callable[[Drill, DrillSession, LocalDumpProvider], Rehearsal]


def rehearse(
    drill: Drill, session: DrillSession, provider: LocalDumpProvider, *, limit: timedelta
) -> Rehearsal:
    """The rehearsal of a drill whose server still runs in this process; ends soon after `limit`."""
    present = session.programs
    if present is None or not session.restores or drill.endpoint is None:
        return _unclear("", "the server of the drill is not that of this process")
    if present.container is not None:
        why = "the server runs in a container; set server.runtime to none"
        return _unclear(present.version, why)
    following = [i for i in provider.server.installations() if i.major > present.major]
    if not following:
        command = f"restorecheck server install {present.major + 1}"
        why = f"no later major version is on this machine ({command})"
        return _unclear(present.version, why)
    chosen = min(following, key=lambda i: (i.major, -i.minor))
    try:
        return _Trial(drill, session, provider, chosen, present, limit).run()
    except (RestorecheckError, psycopg.Error, OSError) as exc:
        why = exc.message if isinstance(exc, RestorecheckError) else _told(exc)
        return _unclear(present.version, why, chosen.version)


def _told(exc: psycopg.Error | OSError) -> str:
    return why_not(exc) if isinstance(exc, psycopg.Error) else str(exc.strerror)


def _unclear(present: str, reason: str, chosen: str = "") -> Rehearsal:
    return Rehearsal(
        verdict=Verdict.INCONCLUSIVE, reason=reason, from_version=present, to_version=chosen
    )


@dataclass
class _Trial:
    drill: Drill
    session: DrillSession
    provider: LocalDumpProvider
    chosen: Installation
    present: Installation
    limit: timedelta
    began: float = field(default_factory=time.monotonic)

    def run(self) -> Rehearsal:
        with self._server() as (provider, drill, session):
            loaded = self._load(provider, drill)
            seconds = round(session.load_seconds, 3)
            if not isinstance(loaded, Ready) or loaded.endpoint is None:
                return self._judged(loaded, seconds)
            results = self._check(loaded.endpoint)
            plans = tuple(self._changed_plans(provider, drill, loaded.endpoint))
            return self._result(results, plans, seconds)

    # --- the server ----------------------------------------------------------------------------

    @contextmanager
    def _server(self) -> Iterator[tuple[_NextMajor, Drill, DrillSession]]:
        """A second server within the drill's directory; nothing of it is left afterwards."""
        outer = self.provider.server.places(self.drill.id)
        provider = _NextMajor(
            dump=self.provider.dump,
            server=replace(self.provider.server, work_dir=outer.directory),
            clock=self.provider.clock,
            lock_of=self.provider.lock_of,
            deadline=self.limit,
        )
        drill = self.drill.evolve(id=NAME, keep=False)
        session = DrillSession(
            decryption=self.session.decryption,
            restores=self.session.restores,
            statements=self.session.statements,
            installation=self.chosen,
            programs=self.chosen,
            ignored=self.session.ignored,
            lodging=self.session.lodging,
        )
        places = provider.server.places(NAME)
        try:
            self._make_directory(outer, places, session)
            provider.start(drill, session, self.chosen)
            self._remember(outer, session)
            yield provider, drill, session
        finally:
            if session.load is not None:
                session.load.end()
            remove_cluster(places.directory, NAME, session.server)

    def _make_directory(self, outer: Places, places: Places, session: DrillSession) -> None:
        mark = cluster.read_mark(outer.directory)
        lock = mark.lock if mark else ""
        own = Mark(drill_id=NAME, made_at=self.drill.started_at, lock=lock)
        cluster.make_directory(places, own, session.account)
        if session.account is not None:
            # Else the end of this server would end every process of the account, and so the drill's own server.
            shared = replace(session.account, alone=False)
            cluster.write_mark(places, replace(own, account=shared))

    @staticmethod
    def _remember(outer: Places, session: DrillSession) -> None:
        """A sweep reads the mark of the drill's own directory."""
        if session.server is not None and session.server.inner is not None:
            cluster.recorded(outer)((session.server.inner,))

    # --- the load ------------------------------------------------------------------------------

    def _load(self, provider: LocalDumpProvider, drill: Drill) -> Ready | Broken | Unclear:
        (step,) = (s for s in provider.plan(drill.id) if s.kind is StepKind.RESTORE)
        while True:
            event = provider.ensure(drill.evolve(checks=()), step)
            if isinstance(event, Ready | Broken | Unclear):
                return event
            assert isinstance(event, InProgress), "a load retries nothing"
            if self._left() <= timedelta(0):
                return Unclear(
                    reason=f"the load did not end within {self.limit.total_seconds():g} s"
                )

    def _left(self) -> timedelta:
        return self.limit - timedelta(seconds=time.monotonic() - self.began)

    def _is_over(self) -> bool:
        return self._left() <= timedelta(0)

    def _judged(self, event: Ready | Broken | Unclear, seconds: float) -> Rehearsal:
        broken = isinstance(event, Broken)
        reason = "" if isinstance(event, Ready) else event.reason
        return Rehearsal(
            verdict=Verdict.FAILED if broken else Verdict.INCONCLUSIVE,
            reason=reason,
            from_version=self.present.version,
            to_version=self.chosen.version,
            load_seconds=seconds,
        )

    # --- the checks ----------------------------------------------------------------------------

    def _check(self, endpoint: Endpoint) -> list[CheckResult]:
        """The checks of the drill, without comparisons and programs."""
        checker = PostgresChecker(
            by_system_identifier(connect_locally), self.provider.clock, killed=killed_locally
        )
        pending = tuple(spec for spec in self.drill.checks if is_asked_of_upgrade(spec))
        until = self.provider.clock.now() + self._left()
        results: list[CheckResult] = []
        readings = ""
        try:
            while pending and self._left() > timedelta(0):
                answers = checker.run(
                    Inquiry(
                        endpoint=endpoint,
                        pending=pending,
                        until=until,
                        backup=self.drill.backup,
                        readings=readings,
                    )
                )
                results += answers.results
                readings = readings if answers.readings is None else answers.readings
                known = {result.name for result in results}
                pending = tuple(spec for spec in pending if spec.name not in known)
        finally:
            checker.close()
        results += [rehearsals.unasked(spec) for spec in pending]
        return results

    def _result(
        self, results: Sequence[CheckResult], plans: tuple[str, ...], seconds: float
    ) -> Rehearsal:
        verdict, reason = rehearsals.judge(results, "the dump loads")
        return Rehearsal(
            verdict=verdict,
            reason=reason,
            from_version=self.present.version,
            to_version=self.chosen.version,
            load_seconds=seconds,
            plans=plans,
        )

    # --- the plans -----------------------------------------------------------------------------

    def _changed_plans(
        self, provider: LocalDumpProvider, drill: Drill, there: Endpoint
    ) -> Iterator[str]:
        """Of the configured queries, with statistics in both versions."""
        here = self.drill.endpoint
        queries = [spec for spec in self.drill.checks if has_plan(spec)]
        if here is None or not queries:
            return
        self.provider.analyze(self.drill, here.databases, self._is_over)
        provider.analyze(drill, there.databases, self._is_over)
        before, after = (
            {s.name: _plan(end, s.database or here.databases[0], s) for s in queries}
            for end in (here, there)
        )
        yield from rehearsals.changed(before, after)


def _plan(endpoint: Endpoint, database: str, spec: CheckSpec) -> str:
    connect = by_system_identifier(connect_locally)
    connection: Connection
    with closing(connect(endpoint, database)) as connection, deadline(connection, ANSWERS_WITHIN):
        return plan_of(connection, str(spec.options["sql"]), ANSWERS_WITHIN)[0]
