"""Base of the dump providers: a session for each drill, and three steps, the first of which finds the dump."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar

import psycopg

from restorecheck.checks.registry import needs_statistics
from restorecheck.choosing import Listed
from restorecheck.errors import CapacityError, ProviderError
from restorecheck.lifecycle import InProgress, Ready, StepEvent, Unclear
from restorecheck.model import Drill, Step
from restorecheck.ports import Clock, Provider
from restorecheck.postgres.dump import chosen_dumps, fetching
from restorecheck.postgres.dump.background import Background
from restorecheck.postgres.dump.database_choice import ALL, choose
from restorecheck.postgres.dump.finder import DrillSession, DumpFinder
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.dump.statistics import Connection, analyze
from restorecheck.postgres.dumpfiles.layers import Decryption

ANALYZING_SECONDS = 0.2
"""One step of the engine waits so long for ANALYZE."""
LOADING = InProgress(wait=timedelta(0), detail="loading")


@dataclass(kw_only=True, eq=False)
class DumpProvider(Provider):
    """Finds a target's newest dump; subclasses restore it."""

    prepares: ClassVar[str]
    """Name of the step between finding the dump and loading it."""

    restores_here: ClassVar[bool] = False
    """The restored database lies in the work directory."""

    dump: DumpSettings
    server: ServerSettings
    clock: Clock
    lock_of: Callable[[str], Path]
    deadline: timedelta
    sessions: dict[str, DrillSession] = field(default_factory=dict, init=False)

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        session = self.sessions.setdefault(drill.id, DrillSession())
        try:
            match step.name:
                case "find dump":
                    return self._find(drill, session)
                case self.prepares:
                    return self._prepare(drill, session)
                case "load dump":
                    return self._load(drill, session)
                case _:
                    raise AssertionError(f"no step {step.name!r} in this plan")
        except CapacityError as exc:
            # A full disk is not freed within the minutes of a retry.
            return Unclear(reason=exc.message, hint=exc.hint or self._room_hint())
        except psycopg.Error as exc:
            return self._refused(exc)

    def newest(self, now: datetime) -> tuple[Listed, ...]:
        dump = self.dump
        if dump.before is not None:
            dump.before(lambda: False)
        if dump.storage is not None:
            return fetching.newest(dump.storage, now)
        decryption = Decryption(dump.decrypt) if dump.decrypt else None
        choice = choose(dump.path, decryption, dump.databases, now=now, exact=dump.exact)
        return chosen_dumps.newest(choice)

    def databases(self, now: datetime) -> frozenset[str]:
        """The databases that have a dump in the folder, as the heads of the files and their names say. Changes nothing.

        Raises:
            NotFoundError: The folder does not exist.
            AccessDeniedError: It cannot be read.
            ProviderError: A file holds several databases, or neither it nor its name says which one.
        """
        decryption = Decryption(self.dump.decrypt) if self.dump.decrypt else None
        present = choose(self.dump.path, decryption, (ALL,), now=now).present
        dumps = [dated for dated in present if dated.head.dump or dated.head.dbname]
        unclear = [d for d in dumps if d.head.cluster or not (d.head.dbname or d.stem)]
        if unclear:
            raise ProviderError(
                f"{unclear[0].path} is a dump of several databases, or of one without a name",
                hint="Name the files after their databases, or write one target for the folder.",
            )
        return frozenset(dated.head.dbname or dated.stem for dated in dumps)

    def release(self, drill: Drill) -> None:
        session = self.sessions.pop(drill.id, None)
        if session is not None:
            session.end()
            session.leave()

    def _find(self, drill: Drill, session: DrillSession) -> StepEvent:
        here = self.restores_here
        finder = DumpFinder(self.dump, self.server, self.clock, self.lock_of, restores_here=here)
        return finder.find(drill, session)

    def _analyzed(
        self, drill: Drill, session: DrillSession, opened: Ready, databases: Sequence[str]
    ) -> StepEvent:
        """The end of the load, after ANALYZE where a check is about the time of queries."""
        if not needs_statistics(drill.checks):
            return opened
        if session.analyzing is None:
            session.opened = opened
            connect = partial(self._owner, drill)
            session.analyzing = Background(
                partial(analyze, connect, databases, session.stop.is_set)
            )
        if not session.analyzing.done(ANALYZING_SECONDS):
            return InProgress(wait=timedelta(0), detail="analyzing")
        return replace(opened, notes=(*opened.notes, *session.analyzing.result()))

    def analyze(self, drill: Drill, databases: Sequence[str], stop: Callable[[], bool]) -> None:
        """Collect statistics. Raises psycopg.Error: the server does not answer."""
        analyze(partial(self._owner, drill), databases, stop)

    @abstractmethod
    def _owner(self, drill: Drill, database: str) -> Connection:
        """A connection to the restored database that may analyze its tables, for as long as the drill may take."""

    @abstractmethod
    def _prepare(self, drill: Drill, session: DrillSession) -> StepEvent: ...
    @abstractmethod
    def _load(self, drill: Drill, session: DrillSession) -> StepEvent: ...
    @abstractmethod
    def _refused(self, error: psycopg.Error) -> Unclear: ...

    def _room_hint(self) -> str:
        return ""
