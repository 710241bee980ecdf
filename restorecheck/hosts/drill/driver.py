"""The loop of a drill on a host that may block, and the sweep."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from restorecheck.engine import Done, Engine, Wait
from restorecheck.errors import DrillConflictError, RestorecheckError
from restorecheck.lifecycle import Gone, Parked, StillThere, apply
from restorecheck.model import Drill, Resource
from restorecheck.ports import Clock, DrillStore, Inventory, Provider
from restorecheck.spelling import minute_of
from restorecheck.sweep import Leftover, SweepPlan, plan_sweep

Sleep = Callable[[timedelta], None]

DELETE_TRIES = 10
"""Tries of a deletion; then the sweep reports the resource as not deleted."""
SLOW_DELETE_TRIES = 40
"""As DELETE_TRIES, for deletions that take minutes (AWS)."""
DELETE_WAIT = timedelta(seconds=1)

DEAD_HOST = "the process that ran this drill ended before the drill did"


def drive(
    engine: Engine, drill_id: str, sleep: Sleep, look: Callable[[], None] = lambda: None
) -> Drill:
    """Advance until the drill is finished. Ends: every step and the teardown are bounded.

    `look`: called before each step; may raise to end the loop.
    """
    while True:
        look()
        outcome = engine.advance(drill_id)
        if isinstance(outcome, Done):
            return outcome.drill
        assert isinstance(outcome, Wait), "who drives performs everything"
        if outcome.duration:
            sleep(outcome.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The result of a sweep."""

    plan: SweepPlan
    finished: tuple[Drill, ...] = ()
    deleted: tuple[Resource, ...] = ()
    left: tuple[tuple[Resource, str], ...] = ()
    parked: tuple[Resource, ...] = ()


class Sweeper:
    """Finishes the drills of dead hosts, and deletes what these and unknown drills left.

    One that is not `patient` requests each deletion once; the next sweep sees the result.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        store: DrillStore,
        inventories: Sequence[Inventory],
        provider_for: Callable[[Drill], Provider],
        is_alive: Callable[[Drill], bool],
        clock: Clock,
        sleep: Sleep,
        patient: bool = True,
        host: str = "",
        is_drilled_again: Callable[[Drill], bool] = lambda _drill: False,
    ) -> None:
        """`is_drilled_again`: whether the slot of a drill, whose host died before its verdict, is free for another drill."""
        self._host = host
        self._is_drilled_again = is_drilled_again
        self._patient = patient
        self._engine = engine
        self._store = store
        self._inventories = inventories
        self._provider_for = provider_for
        self._is_alive = is_alive
        self._clock = clock
        self._sleep = sleep

    def plan(self, *, end: Collection[str] = ()) -> SweepPlan:
        """The plan of a sweep. Changes nothing."""
        found, unseen = self._look_around()
        return self._plan(found, unseen, end)

    def _plan(
        self, found: Sequence[Leftover], unseen: Sequence[str], end: Collection[str]
    ) -> SweepPlan:
        unfinished = self._store.unfinished()
        return plan_sweep(
            unfinished=unfinished,
            finished=self._store.with_leftovers(),
            living={drill.id for drill in unfinished if self._is_alive(drill)},
            found=found,
            now=self._clock.now(),
            end=end,
            unseen=unseen,
            host=self._host,
        )

    def _look_around(self) -> tuple[list[Leftover], list[str]]:
        """A place that cannot be searched does not prevent the search of the others."""
        found: list[Leftover] = []
        unseen: list[str] = []
        for inventory in self._inventories:
            try:
                things = inventory.find()
            except RestorecheckError as exc:
                unseen.append(exc.message)
                continue
            found += [
                Leftover(
                    resource=f.resource,
                    drill_id=f.drill_id,
                    marked=f.marked,
                    alive=f.alive,
                    kept=f.kept,
                    made_at=f.made_at,
                    restarted=f.restarted,
                    renamed=f.renamed,
                )
                for f in things
            ]
        return found, unseen

    def sweep(self, *, end: Collection[str] = ()) -> Swept:
        plan = self.plan(end=end)
        finished = self.finish_dead(plan)
        deleted: list[Resource] = []
        left: list[tuple[Resource, str]] = []
        for drill in finished:
            left.extend((resource, "the deletion did not succeed") for resource in drill.ledger)
        for drill, resource in plan.delete:
            provider = self._provider_for(drill)
            made_until = drill.finished_at or drill.deadline
            detail = self._until(partial(provider.delete, resource, made_until), Gone)
            if detail:
                left.append((resource, detail))
            else:
                deleted.append(resource)
                self._strike_off(drill.id, resource)
        for resource in plan.orphans:
            detail = self._of_inventory(resource, lambda i, r: i.delete(r), Gone)
            if detail:
                left.append((resource, detail))
            else:
                deleted.append(resource)
        parked: list[Resource] = []
        for resource in plan.park:
            detail = self._of_inventory(resource, lambda i, r: i.park(r), Parked)
            if detail:
                left.append((resource, detail))
            else:
                parked.append(resource)
        return Swept(
            plan=plan,
            finished=finished,
            deleted=tuple(deleted),
            left=tuple(left),
            parked=tuple(parked),
        )

    def finish_dead(self, plan: SweepPlan | None = None) -> tuple[Drill, ...]:
        """Finish every drill of a dead host: verdict, teardown, report.

        These drills are known from the history; no inventory is asked.
        """
        plan = plan or self._plan((), (), ())
        for drill in plan.finish:
            if drill.verdict is None and self._is_drilled_again(drill):
                self._free_slot(drill)
            self._engine.abort(
                drill.id, f"{DEAD_HOST} (host {drill.host})" if drill.host else DEAD_HOST
            )
        return tuple(drive(self._engine, drill.id, self._sleep) for drill in plan.finish)

    def _free_slot(self, drill: Drill) -> None:
        assert drill.scheduled_for is not None, "asked before"
        note = f"another drill is for the scheduled time {minute_of(drill.scheduled_for)}"
        try:
            self._store.save(drill.evolve(scheduled_for=None, notes=(*drill.notes, note)))
        except DrillConflictError:
            return  # another sweep did so already

    def _until(
        self,
        attempt: Callable[[], Gone | Parked | StillThere],
        done: type[Gone] | type[Parked],
    ) -> str:
        """Why the resource is not deleted yet; empty: it is deleted."""
        detail = ""
        patience = 1.0
        while patience > 0:
            try:
                event = attempt()
            except RestorecheckError as exc:
                detail = exc.message
                if not self._patient:
                    return detail
                patience -= 1 / DELETE_TRIES
                self._sleep(DELETE_WAIT)
                continue
            if isinstance(event, done):
                return ""
            assert isinstance(event, StillThere), "the other answer of both calls"
            detail = event.detail
            if not self._patient:
                return detail or "the deletion has been requested"
            # Longer waits are those of AWS, where deletions take minutes.
            patience -= 1 / (DELETE_TRIES if event.wait <= DELETE_WAIT else SLOW_DELETE_TRIES)
            self._sleep(max(event.wait, DELETE_WAIT))
        return detail or "the deletion takes longer than a sweep waits"

    def _of_inventory(
        self,
        resource: Resource,
        act: Callable[[Inventory, Resource], Gone | Parked | StillThere],
        done: type[Gone] | type[Parked],
    ) -> str:
        """Let the inventory that finds the resource act on it. A resource that no inventory finds is
        done, unless one of them could not search.
        """
        unseen = ""
        for inventory in self._inventories:
            try:
                found = any(thing.resource == resource for thing in inventory.find())
            except RestorecheckError as exc:
                unseen = exc.message
                continue
            if found:
                return self._until(partial(act, inventory, resource), done)
        return unseen

    def _strike_off(self, drill_id: str, resource: Resource) -> None:
        """Removes the resource from the ledger; the report does not change."""
        try:
            drill = self._store.load(drill_id)
            self._store.save(apply(drill, Gone(resource), self._clock.now()))
        except DrillConflictError:
            return  # another sweep did so already
