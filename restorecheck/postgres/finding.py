"""The first step of every dump target: a private directory, and the dump to restore.

Also what one process holds of a drill that it is running.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from restorecheck.errors import NotFoundError
from restorecheck.lifecycle import Broken, InProgress, Ready, StepEvent, Unclear
from restorecheck.model import Drill, Resource, Step, StepKind
from restorecheck.ports import Clock
from restorecheck.postgres import cluster, restoring
from restorecheck.postgres.background import Background
from restorecheck.postgres.binaries import Installation
from restorecheck.postgres.cluster import Mark
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.load import Load
from restorecheck.postgres.selection import Selection, Snapshot, backup_of, findings, select
from restorecheck.postgres.settings import DumpSettings, ServerSettings

SERVER = "throw-away server"
"""Kind of the resource that is a private directory and the server in it."""

ENDING_SECONDS = 10.0

SECOND_LOOK = timedelta(seconds=2)
"""How long to wait before deciding whether an incomplete file is still being written."""


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
    sorts_alike: bool = True
    """The database has the locale of the source."""
    roles: set[str] = field(default_factory=set)
    """Made because the load before missed them; as `texts.kept` keeps them."""
    alone: bool = False
    """One job loads: several have waited for each other."""
    made: cluster.Made | None = None
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
        session.made = cluster.made(places)
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
        judged = tuple(
            findings(
                selection,
                max_age=self._dump.max_age,
                databases=self._dump.databases,
                now=drill.started_at,
            )
        )
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


def find_step(directory: Resource, dump: DumpSettings, deadline: timedelta) -> Step:
    return Step(
        name="find dump",
        kind=StepKind.PREPARE,
        does=f"make the private directory {directory.identifier}; "
        f"find the newest complete dump in {dump.path}",
        deadline=deadline,
        makes=(directory,),
    )


def check_step(deadline: timedelta) -> Step:
    return Step(
        name="check",
        kind=StepKind.CHECK,
        does="run the checks, read-only, as a role without superuser where one can be made",
        deadline=deadline,
    )


def lost_session() -> Unclear:
    return Unclear(reason="the process that ran this drill is gone, and what it held with it")
