"""The sequence of a local dump in the world: one directory that two steps make, seen at once, and a
session that dies with its host, so that the steps after it cannot be carried on by another one.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from restorecheck.errors import DrillConflictError, StoreError
from restorecheck.lifecycle import Broken, InProgress, Ready, StepEvent, Unclear
from restorecheck.model import Drill, Endpoint, Resource, Step, StepKind, Verdict
from restorecheck.report import document
from restorecheck.testing import HostDied, MemoryStore, World, WorldProvider
from tests.simulation.test_every_crash import DEADLINE, OUTAGES, Host, assert_promises

HOUR = timedelta(hours=1)


@dataclass
class DumpsInTheWorld(WorldProvider):
    """As `postgres.local`: find dump, start server, load dump, check."""

    world: World
    sessions: set[str] = field(default_factory=set)
    """Of this process: drills whose server it has started."""

    def __post_init__(self) -> None:
        super().__init__(self.world)

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        made = (directory(drill_id),)
        return (
            Step(name="find dump", kind=StepKind.PREPARE, does="find it", deadline=HOUR),
            Step(
                name="start server", kind=StepKind.PREPARE, does="start", deadline=HOUR, makes=made
            ),
            Step(name="load dump", kind=StepKind.RESTORE, does="load", deadline=HOUR, makes=made),
            Step(name="check", kind=StepKind.CHECK, does="ask", deadline=HOUR),
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        match step.name:
            case "find dump":
                return super().ensure(drill, super().plan(drill.id)[0])
            case "start server":
                made = directory(drill.id)
                if not self.world.exists(made):
                    self.world.effect("make directory", lambda: self._create(made))
                self.sessions.add(drill.id)
                return Ready()
            case _:
                return self._load(drill)

    def _load(self, drill: Drill) -> StepEvent:
        if drill.id not in self.sessions:
            return Unclear(reason="the process that started the server is gone")
        thing = self.world.things[directory(drill.id)]
        if self.world.present < thing.made_at + self.world.creating_takes:
            return InProgress(wait=timedelta(minutes=1), detail="loading")
        if not thing.good:
            return Broken(reason="pg_restore found an error")
        name = directory(drill.id).identifier
        endpoint = Endpoint(identity=name, host="socket", port=1, user="u", databases=("d",))
        return Ready(endpoint=endpoint)


def directory(drill_id: str) -> Resource:
    return Resource(kind="instance", identifier=f"/var/tmp/restorecheck-{drill_id}")


def a_host(world, store):
    host = Host(world, store)
    host.provider = DumpsInTheWorld(world)
    return host


def night(world, store):
    host = a_host(world, store)
    drill = host.start()
    return host, drill


def drive_on(host, world):
    for _ in range(1000):
        try:
            outcome = host.engine.advance("d-1")
        except (StoreError, DrillConflictError):
            continue
        if hasattr(outcome, "drill"):
            return outcome.drill
        world.pass_time(outcome.duration)
    raise AssertionError("the drill never ends")


def effects():
    world = World()
    host, _ = night(world, MemoryStore(world))
    assert drive_on(host, world).verdict is Verdict.VERIFIED
    return world.started


@pytest.mark.parametrize("good", [True, False], ids=["good dump", "bad dump"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_whatever_dies_whenever_it_dies_nothing_is_left_and_no_verdict_is_false(
    outage, after, good
):
    for number in range(effects()):
        world = World(backup_good=good)
        store = MemoryStore(world)
        world.kill_host_at(number, after=after)
        try:
            host, _ = night(world, store)
            drive_on(host, world)
        except HostDied:
            if outage == "back after the deadline":
                world.pass_time(DEADLINE * 10)
            host = a_host(world, store)
            if outage == "only the sweep comes":
                host.sweeper.sweep()
                world.pass_time(HOUR)
                host.sweeper.sweep()
            elif store.unfinished():
                drive_on(host, world)
        assert_promises(world, store, good=good)
        if good and store.reports:
            assert document.parse(store.report("d-1")).verdict is not Verdict.FAILED


@pytest.mark.parametrize("error", [StoreError("no room"), DrillConflictError("another host")])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whatever_save_fails_the_drill_is_verified_and_nothing_is_left(after, error):
    for number in range(1, effects()):
        world = World()
        store = MemoryStore(world)

        def fail(count, name, number=number):
            if count == number and name in {"save drill", "finish drill"}:
                raise error

        setattr(world, "after" if after else "before", fail)
        host, _ = night(world, store)

        drill = drive_on(host, world)

        assert drill.verdict is Verdict.VERIFIED
        assert_promises(world, store, good=True)
