"""What every inventory promises; one suite, the world and the simulated AWS."""

import threading
from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import parse_arn
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.hosts.clock import SystemClock
from restorecheck.lifecycle import Ensure, Gone, InProgress, Ready, apply, intend
from restorecheck.model import Drill, Resource, StepKind
from restorecheck.testing import World, WorldInventory, WorldProvider
from tests.contract.test_provider import DRILL_ID, in_the_sandbox
from tests.rds.conftest import run_stage


class Case:
    def __init__(self, inventory, provider, wait, exists):
        self.inventory = inventory
        self.provider = provider
        self.wait = wait
        self.exists = exists

    def restored(self) -> Resource:
        """The instance of a drill whose host then died."""
        now = SystemClock().now()
        drill = Drill(
            id=DRILL_ID,
            target="library",
            plan=self.provider.plan(DRILL_ID),
            checks=(),
            started_at=now,
            deadline=now - timedelta(hours=1),
        )
        for step in drill.plan:
            drill = intend(drill, Ensure(step), now)
            event = self.provider.ensure(drill, step)
            while isinstance(event, InProgress):
                drill = apply(drill, event, now)
                self.wait(event.wait)
                event = self.provider.ensure(drill, step)
            assert isinstance(event, Ready), event
            drill = apply(drill, event, now)
            if step.kind is StepKind.RESTORE:
                return step.makes[0]
        raise AssertionError("a plan restores")


@pytest.fixture(scope="module")
def stage():
    yield from run_stage()


@pytest.fixture(
    params=["world", pytest.param("sandbox", marks=pytest.mark.allow_hosts(["127.0.0.1"]))]
)
def case(request, monkeypatch, tmp_path):
    if request.param == "world":
        world = World()
        yield Case(WorldInventory(world), WorldProvider(world), world.pass_time, world.exists)
        return
    stage = request.getfixturevalue("stage")
    provider = in_the_sandbox(stage, tmp_path, monkeypatch).provider
    sandbox = stage.sandbox

    def exists(resource):
        return parse_arn(resource.identifier).name in sandbox.instances(sandbox.backup)

    def wait(duration):
        threading.Event().wait(duration.total_seconds())

    yield Case(RdsInventory(provider, SystemClock()), provider, wait, exists)


def test_what_a_dead_drill_left_is_found_with_its_drill_and_its_mark_and_can_be_deleted(case):
    resource = case.restored()

    (found,) = [thing for thing in case.inventory.find() if thing.resource == resource]
    assert DRILL_ID in found.drill_id
    assert found.marked
    assert not found.alive
    assert not found.kept

    for _ in range(1000):
        event = case.inventory.delete(resource)
        if isinstance(event, Gone):
            break
        case.wait(event.wait)
    assert not case.exists(resource)
    assert resource not in [thing.resource for thing in case.inventory.find()]


def test_looking_changes_nothing(case):
    assert case.inventory.find() == case.inventory.find()
