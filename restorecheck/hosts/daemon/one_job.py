"""One job of a host that drills for a shared history: a target, and its newest open slot."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import structlog

from restorecheck.dispatch.again import Again
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.workers import Launcher, Temporary, limit_of
from restorecheck.hosts.drill.slots import Slots
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.leases import locks_of
from restorecheck.hosts.process.shared_leases import host_name_of, is_alive
from restorecheck.model import Drill
from restorecheck.ports import Clock
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore

log = structlog.get_logger("restorecheck.worker")

ELSEWHERE = timedelta(minutes=1)
"""Wait while another process drills the target, or its host may be dead."""
SOON = timedelta(seconds=1)


class OneJob:
    """Sees to it that the slot of a job ends in one report or one recorded reason."""

    def __init__(
        self,
        watched: Watched,
        launcher: Launcher,
        clock: Clock,
        *,
        stopped: Callable[[], bool],
    ) -> None:
        self._watched = watched
        self._launcher = launcher
        self._clock = clock
        self._stopped = stopped

    def drill(self, name: str) -> None:
        """Drill a target for its newest open slot; nothing if none is open.

        Raises:
            Again: Try again later: another process has the target, or this one is stopping.
            StoreError: The history cannot be used.
        """
        target = next((t for t in self._watched.config.targets if t.name == name), None)
        if target is None:
            raise Again(ELSEWHERE)  # a changed configuration; the next worker knows it
        with self._history() as store:
            self._end_the_dead(store, name)
            slot = Slots(Agenda(store.database), self._clock).take_asked(name)
            head = max((entry.sequence for entry in store.entries(newest=1)), default=0)
        if slot is None:
            return
        log.info("drill.due", target=name, slot=slot.isoformat())
        why = self._launcher.drill(name, slot, limit_of(self._watched.config, target))
        with self._history() as store:
            if self._left_something(store):
                self._launcher.sweep()
            drill_id = store.drill_of_slot(name, slot)
            drill = store.load(drill_id) if drill_id else None
            if drill is not None and drill.finished:
                self._tell(drill)
            elif (
                drill is not None
                or self._stopped()
                or isinstance(why, Temporary)
                or _ended_by_another(store, name, head)
            ):
                raise Again(SOON)
            else:
                reason = f"no drill started: {why or 'the worker exited without an error message'}"
                Slots(Agenda(store.database), self._clock).give_up(name, slot, reason)
                log.error("drill.absent", target=name, slot=slot.isoformat(), reason=reason)

    def _end_the_dead(self, store: SqlStore, name: str) -> None:
        """A drill whose host died is ended first; one that lives is waited for."""
        locks = locks_of(Path(self._watched.config.history.path))
        running = [drill for drill in store.unfinished() if drill.target == name]
        if any(is_alive(drill, store, locks) for drill in running):
            raise Again(ELSEWHERE)
        if running:
            problem = self._launcher.finish()
            if problem:
                log.warning("drill.not_ended", target=name, reason=problem)
                raise Again(ELSEWHERE)

    def _left_something(self, store: SqlStore) -> bool:
        """As when another host ended a drill of this one, which was cut off."""
        host = host_name_of(self._watched.config.history)
        return any(drill.host == host and not drill.keep for drill in store.with_leftovers())

    def _tell(self, drill: Drill) -> None:
        log.info(
            "drill.finished",
            target=drill.target,
            drill_id=drill.id,
            verdict=drill.verdict.value if drill.verdict else "",
            reason=drill.reason,
            left=len(drill.ledger),
        )

    @contextmanager
    def _history(self) -> Iterator[SqlStore]:
        with closing(open_history(self._watched.config.history)) as store:
            yield store


def _ended_by_another(store: SqlStore, name: str, head: int) -> bool:
    """Whether the drill that was started is reported, or still unfinished, without its slot: another host took this
    one for dead, and freed the slot.
    """
    ended = any(
        entry.announce and entry.scheduled_for is None
        for entry in store.entries(target=name, after=head)
    )
    return ended or any(drill.target == name for drill in store.unfinished())
