"""How a host that may block brings a drill to its end, and how it sweeps."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from restorecheck.engine import Done, Engine
from restorecheck.errors import DrillConflictError, RestorecheckError
from restorecheck.lifecycle import Gone, StillThere, apply
from restorecheck.model import Drill, Resource
from restorecheck.ports import Clock, DrillStore, Inventory, Provider
from restorecheck.sweep import Leftover, SweepPlan, plan_sweep

Sleep = Callable[[timedelta], None]

DELETE_TRIES = 10
DELETE_WAIT = timedelta(seconds=1)

DEAD_HOST = "the process that ran this drill died before it was through"


def drive(engine: Engine, drill_id: str, sleep: Sleep) -> Drill:
    """Advance until the drill is finished. Ends: every step and the teardown are bounded."""
    while True:
        outcome = engine.advance(drill_id)
        if isinstance(outcome, Done):
            return outcome.drill
        if outcome.duration:
            sleep(outcome.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep did."""

    plan: SweepPlan
    finished: tuple[Drill, ...] = ()
    deleted: tuple[Resource, ...] = ()
    left: tuple[tuple[Resource, str], ...] = ()


class Sweeper:
    """Finishes the drills of dead hosts and deletes what they and forgotten drills left."""

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
    ) -> None:
        self._engine = engine
        self._store = store
        self._inventories = inventories
        self._provider_for = provider_for
        self._is_alive = is_alive
        self._clock = clock
        self._sleep = sleep

    def plan(self, *, end: Collection[str] = ()) -> SweepPlan:
        """What `sweep` would do. Changes nothing."""
        unfinished = self._store.unfinished()
        found = tuple(
            Leftover(
                resource=f.resource,
                drill_id=f.drill_id,
                marked=f.marked,
                alive=f.alive,
                kept=f.kept,
                made_at=f.made_at,
            )
            for inventory in self._inventories
            for f in inventory.find()
        )
        return plan_sweep(
            unfinished=unfinished,
            finished=self._store.with_leftovers(),
            living={drill.id for drill in unfinished if self._is_alive(drill)},
            found=found,
            now=self._clock.now(),
            end=end,
        )

    def sweep(self, *, end: Collection[str] = ()) -> Swept:
        plan = self.plan(end=end)
        finished = self.finish_dead(plan)
        deleted: list[Resource] = []
        left: list[tuple[Resource, str]] = []
        for drill in finished:
            left.extend((resource, "its deletion did not succeed") for resource in drill.ledger)
        for drill, resource in plan.delete:
            provider = self._provider_for(drill)
            made_until = drill.finished_at or drill.deadline
            detail = self._delete(partial(provider.delete, resource, made_until))
            if detail:
                left.append((resource, detail))
            else:
                deleted.append(resource)
                self._strike_off(drill.id, resource)
        for resource in plan.orphans:
            detail = self._delete_orphan(resource)
            if detail:
                left.append((resource, detail))
            else:
                deleted.append(resource)
        return Swept(plan=plan, finished=finished, deleted=tuple(deleted), left=tuple(left))

    def finish_dead(self, plan: SweepPlan | None = None) -> tuple[Drill, ...]:
        """Give every drill of a dead host its verdict, its teardown and its report."""
        plan = plan or self.plan()
        for drill in plan.finish:
            self._engine.abort(drill.id, DEAD_HOST)
        return tuple(drive(self._engine, drill.id, self._sleep) for drill in plan.finish)

    def _delete(self, delete: Callable[[], Gone | StillThere]) -> str:
        """Empty when the resource is gone, else why it is not."""
        detail = ""
        for _ in range(DELETE_TRIES):
            try:
                event = delete()
            except RestorecheckError as exc:
                detail = exc.message
                self._sleep(DELETE_WAIT)
                continue
            if isinstance(event, Gone):
                return ""
            detail = event.detail
            self._sleep(max(event.wait, DELETE_WAIT))
        return detail or "its deletion takes longer than a sweep waits"

    def _delete_orphan(self, resource: Resource) -> str:
        for inventory in self._inventories:
            if any(found.resource == resource for found in inventory.find()):
                return self._delete(partial(inventory.delete, resource))
        return ""

    def _strike_off(self, drill_id: str, resource: Resource) -> None:
        """The report stays as it was written; only the ledger learns that the thing is gone."""
        try:
            drill = self._store.load(drill_id)
            self._store.save(apply(drill, Gone(resource), self._clock.now()))
        except DrillConflictError:
            return  # another sweep did the same
