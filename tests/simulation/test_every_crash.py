"""Promises 2, 4 and 5, exhaustively: the host dies before and after every effect of a drill,
and comes back at once, after every deadline has passed, or never (then only the sweep comes).
"""

import itertools
from datetime import datetime, timedelta

import pytest

from restorecheck.engine import Engine
from restorecheck.errors import ProviderError
from restorecheck.hosts.drill.driver import Sweeper, drive
from restorecheck.lifecycle import Gone, Parked, Retained, StillThere
from restorecheck.model import CheckSpec, Drill, Hook, Observation, Resource, Severity, Verdict
from restorecheck.report import document
from restorecheck.testing import (
    HostDied,
    MemoryStore,
    World,
    WorldChecker,
    WorldInventory,
    WorldProvider,
)
from tests.chosen import chosen

DEADLINE = timedelta(hours=2)
LATE = timedelta(minutes=3)
LIMIT = timedelta(minutes=10)
OUTAGES = ("back at once", "back after the deadline", "only the sweep comes")


class Host:
    """One process: an engine over a world, and nothing else that would outlive it."""

    def __init__(self, world: World, store: MemoryStore) -> None:
        self.world = world
        self.store = store
        self.provider = WorldProvider(world)
        self.engine = Engine(
            store=store,
            provider_for=lambda _drill: self.provider,
            checker_for=lambda _drill: WorldChecker(world),
            clock=world,
        )
        self.sweeper = Sweeper(
            engine=self.engine,
            store=store,
            inventories=[WorldInventory(world)],
            provider_for=lambda _drill: self.provider,
            is_alive=lambda _drill: False,
            clock=world,
            sleep=world.pass_time,
        )

    def start(self, hook: Hook = Hook.NONE) -> Drill:
        drill = Drill(
            id="d-1",
            hook=hook,
            rehearse=hook,
            rehearsal_limit=LIMIT,
            target="courses",
            plan=self.provider.plan("d-1"),
            checks=(
                CheckSpec(name="rows", kind="row_count"),
                CheckSpec(name="freshness", kind="query"),
                CheckSpec(name="nice to have", kind="query", severity=Severity.WARNING),
            ),
            started_at=self.world.now(),
            deadline=self.world.now() + DEADLINE,
        )
        return self.store.create(drill)


def run(world: World, store: MemoryStore, hook: Hook = Hook.NONE) -> None:
    host = Host(world, store)
    host.start(hook)
    drive(host.engine, "d-1", world.pass_time)


def effects_of_a_whole_drill(*, good: bool = True, standby: bool = False) -> int:
    world = World(backup_good=good, standby=standby)
    run(world, MemoryStore(world))
    return world.started


def come_back(outage: str, world: World, store: MemoryStore) -> None:
    if outage == "back after the deadline":
        world.pass_time(DEADLINE * 10)
    host = Host(world, store)
    if outage == "only the sweep comes":
        host.sweeper.sweep()
        world.pass_time(timedelta(hours=1))
        host.sweeper.sweep()
    elif store.unfinished():
        drive(host.engine, "d-1", world.pass_time)


def assert_promises(world: World, store: MemoryStore, *, good: bool) -> None:
    assert world.alive() == []
    if "create drill" not in world.effects:
        return
    assert store.unfinished() == ()
    assert store.with_leftovers() == ()
    assert len(store.reports["d-1"]) == 1
    report = document.parse(store.report("d-1"))
    if report.verdict is Verdict.VERIFIED:
        assert good
        (instance,) = [t for r, t in world.things.items() if r.kind == "instance"]
        assert {"rows", "freshness"} <= set(instance.asked)
    if not good:
        assert report.verdict is not Verdict.VERIFIED


@pytest.mark.parametrize("good", [True, False], ids=["good backup", "bad backup"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("appearing", [timedelta(0), LATE], ids=["seen at once", "seen late"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_whatever_dies_whenever_it_dies_nothing_is_left_and_no_verdict_is_false(
    outage: str, after: bool, good: bool, appearing: timedelta
):
    count = effects_of_a_whole_drill(good=good)
    assert count > 20, "the enumeration covers a whole drill"

    for number in range(count):
        world = World(backup_good=good, appearing_takes=appearing)
        store = MemoryStore(world)
        world.kill_host_at(number, after=after)
        with pytest.raises(HostDied):
            run(world, store)
        come_back(outage, world, store)
        assert_promises(world, store, good=good)


@pytest.mark.parametrize("good", [True, False], ids=["good backup", "bad backup"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_a_standby_is_kept_only_of_a_verified_backup_whatever_dies(
    outage: str, after: bool, good: bool
):
    for number in range(effects_of_a_whole_drill(good=good, standby=True)):
        world = World(backup_good=good, standby=True)
        store = MemoryStore(world)
        world.kill_host_at(number, after=after)
        with pytest.raises(HostDied):
            run(world, store)
        come_back(outage, world, store)

        standing = [world.things[resource] for resource in world.alive()]

        reports = [document.parse(text) for text in store.reports.get("d-1", [])]
        verified = [r for r in reports if r.verdict is Verdict.VERIFIED]
        assert len(standing) == len(verified)
        assert all(thing.parked and thing.good for thing in standing)


@pytest.mark.parametrize("good", [True, False], ids=["good backup", "bad backup"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_after_verified_runs_at_most_once_and_keeps_nothing_whatever_dies(
    outage: str, after: bool, good: bool
):
    whole = World(backup_good=good)
    run(whole, MemoryStore(whole), Hook.WANTED)
    assert whole.hooked == whole.rehearsed == (["d-1"] if good else [])
    for number in range(whole.started):
        world = World(backup_good=good)
        store = MemoryStore(world)
        world.kill_host_at(number, after=after)
        with pytest.raises(HostDied):
            run(world, store, Hook.WANTED)
        come_back(outage, world, store)
        assert_promises(world, store, good=good)
        assert len(world.hooked) <= 1
        assert len(world.rehearsed) <= 1
        for text in store.reports.values():
            report = document.parse(text[0])
            assert report.verdict is Verdict.VERIFIED or not world.hooked
            told = [note for note in report.notes if note.startswith("after_verified")]
            assert len(told) == 1, "each end of the command is told once"
            lost = [note for note in report.notes if "upgrade rehearsal was interrupted" in note]
            of_verified = report.verdict is Verdict.VERIFIED
            assert len(lost) + (report.rehearsal is not None) == of_verified


@pytest.mark.parametrize("takes", [LIMIT / 3, timedelta(days=1)], ids=["ends", "never"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_an_upgrade_of_many_calls_is_requested_at_most_once_and_ends_whatever_dies(
    outage: str, after: bool, takes: timedelta
):
    whole = World(upgrade_takes=takes)
    run(whole, MemoryStore(whole), Hook.WANTED)
    assert whole.rehearsed == ["d-1"]
    told = set()
    for number in range(whole.started):
        world = World(upgrade_takes=takes)
        store = MemoryStore(world)
        world.kill_host_at(number, after=after)
        with pytest.raises(HostDied):
            run(world, store, Hook.WANTED)
        come_back(outage, world, store)
        assert_promises(world, store, good=True)
        assert len(world.rehearsed) <= 1
        for text in store.reports.values():
            report = document.parse(text[0])
            lost = [note for note in report.notes if "upgrade rehearsal was interrupted" in note]
            of_verified = report.verdict is Verdict.VERIFIED
            assert len(lost) + (report.rehearsal is not None) == of_verified
            if report.rehearsal is not None:
                told.add((report.rehearsal.verdict, report.rehearsal.plans))
    upgraded = (Verdict.VERIFIED, ("rows: from Seq Scan to Index Scan",))
    assert (upgraded in told) is (takes < LIMIT)
    assert (Verdict.INCONCLUSIVE, ()) in told or outage == "back at once"


@pytest.mark.parametrize("second_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("outage", OUTAGES)
def test_a_second_death_during_the_recovery_changes_nothing(outage: str, second_after: bool):
    pairs = itertools.product(range(effects_of_a_whole_drill()), range(1, 12))
    for first, second in chosen(pairs, 0.25):
        world = World()
        store = MemoryStore(world)
        world.kill_host_at(first, after=True)
        with pytest.raises(HostDied):
            run(world, store)
        world.kill_host_at(world.started + second, after=second_after)
        try:
            come_back(outage, world, store)
        except HostDied:
            come_back(outage, world, store)
        assert_promises(world, store, good=True)


def test_an_undisturbed_drill_of_a_good_backup_is_verified():
    world = World()
    store = MemoryStore(world)

    run(world, store)

    report = document.parse(store.report("d-1"))
    assert report.verdict is Verdict.VERIFIED
    assert_promises(world, store, good=True)


def test_a_missing_backup_is_a_failed_drill_and_makes_nothing():
    world = World(backup_exists=False)
    store = MemoryStore(world)

    run(world, store)

    report = document.parse(store.report("d-1"))
    assert report.verdict is Verdict.FAILED
    assert world.things == {}


def test_an_instance_that_never_becomes_ready_is_inconclusive_and_torn_down():
    world = World(creating_takes=timedelta(days=30))
    store = MemoryStore(world)

    run(world, store)

    report = document.parse(store.report("d-1"))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert world.alive() == []


def test_of_two_hosts_that_advance_the_same_drill_one_wins_and_one_report_is_written():
    world = World()
    store = MemoryStore(world)
    first, second = Host(world, store), Host(world, store)
    first.start()

    while store.unfinished():
        first.engine.advance("d-1")
        second.engine.advance("d-1")
        world.pass_time(timedelta(seconds=30))

    assert_promises(world, store, good=True)


def test_what_was_just_made_and_is_not_seen_yet_is_waited_for_and_deleted():
    world = World(appearing_takes=LATE)
    store = MemoryStore(world)
    host = Host(world, store)
    host.start()
    while "make copy" not in world.effects:
        host.engine.advance("d-1")

    host.engine.abort("d-1", "interrupted")
    drive(host.engine, "d-1", world.pass_time)

    assert world.alive() == []
    assert document.parse(store.report("d-1")).teardown.left == ()


class RefusingProvider(WorldProvider):
    """Deletes only when asked for the fourth time."""

    asked = 0

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        self.asked += 1
        if self.asked % 4:
            raise ProviderError(f"could not delete {resource}")
        return super().delete(resource, made_until)

    def park(self, resource: Resource) -> Parked:
        self.asked += 1
        if self.asked % 4:
            raise ProviderError(f"could not park {resource}")
        return super().park(resource)


@pytest.mark.parametrize("standby", [False, True], ids=["deleted", "parked"])
def test_a_deletion_that_is_refused_is_asked_for_again_and_never_taken_for_done(standby):
    world = World(standby=standby)
    store = MemoryStore(world)
    host = Host(world, store)
    host.provider = RefusingProvider(world)
    host.start()

    drill = drive(host.engine, "d-1", world.pass_time)

    assert drill.ledger == ()
    assert [world.things[r].parked for r in world.alive()] == [True] * standby


class DefectiveProvider(WorldProvider):
    def evidence(self, drill: Drill) -> tuple[Observation, ...]:
        raise ValueError(drill.id)

    def retain(self, drill: Drill) -> Retained:
        raise ValueError(drill.id)


def test_a_defect_in_what_explains_and_in_what_comes_after_costs_neither_teardown_nor_report():
    world = World()
    store = MemoryStore(world)
    host = Host(world, store)
    host.provider = DefectiveProvider(world)
    host.start()

    drive(host.engine, "d-1", world.pass_time)

    assert_promises(world, store, good=True)
    report = document.parse(store.report("d-1"))
    assert report.verdict is Verdict.VERIFIED
    assert "ValueError" in report.notes[-1]
    assert "ValueError" in report.evidence[-1].text
