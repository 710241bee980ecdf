"""Two deployments in one pair of accounts, each in a region of its own, with the same names wherever names have a region."""

import copy
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from restorecheck.hosts.functions import stepper, sweeper
from restorecheck.hosts.functions.surroundings import FunctionContext
from tests.rds.conftest import PASSWORD, ROWS, Scene, context_in, run_stage
from tests.rds.test_functions import MACHINE_ARN, Machines, planned, run

SECOND, SUFFIX = "eu-central-1", "-eu-central-1"


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        production = sandbox.create_production(password=PASSWORD, region=SECOND)
        with sandbox.sql(production, "courses") as connection:
            connection.execute(f"create table answers as select generate_series(1, {ROWS}) as id")
            connection.execute("alter table answers owner to dbadmin")
        sandbox.move_in(production, "courses")
        sandbox.take_automated_snapshot("courses-prod", region=SECOND)
        yield made


@pytest.fixture(scope="module")
def second_land(stage):
    return stage.sandbox.prepare(SECOND, SUFFIX)


@dataclass
class Deployment:
    """The functions of one region."""

    scene: Scene
    around: FunctionContext
    region: str
    machines: Machines

    def begin(self) -> dict[str, Any]:
        """A drill, until its instance is there."""
        order: dict[str, Any] = planned(self.around)
        self.machines.running.add(order["drill_id"])
        nap = threading.Event()
        for _ in range(400):
            answer = stepper.step(order, self.around)
            if self.restored():
                return order
            if answer["wait_seconds"]:
                nap.wait(0.02)
        raise AssertionError(answer)

    def restored(self) -> list[str]:
        sandbox = self.scene.sandbox
        return [*sandbox.instances(sandbox.backup, self.region)]

    def shared(self) -> list[str]:
        sandbox = self.scene.sandbox
        snapshots = sandbox.snapshots(sandbox.source, self.region)
        return [name for name, snapshot in snapshots.items() if snapshot.shared]


def deployment(scene, region):
    machines = Machines()
    around = context_in(scene, region)
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    around._clients["stepfunctions"] = machines
    return Deployment(scene, around, region, machines)


@pytest.fixture
def both(scene, second_land):
    """Targets of the same name, of databases of the same name."""
    first = deployment(scene, scene.sandbox.region)
    keys = copy.deepcopy(scene.keys)
    rds = keys["targets"][0]["rds"]
    rds["region"] = rds["backup"]["region"] = SECOND
    rds["source"]["role_arn"] = second_land.role_arn
    rds["source"]["transit_kms_key_id"] = second_land.transit_kms_key_id
    rds["backup"]["kms_key_id"] = second_land.backup_kms_key_id
    rds["restore"]["vpc_security_group_ids"] = [second_land.vpc_security_group_id]
    there = Scene(scene.stage, scene.directory, scene.target, scene.capture, keys)
    return first, deployment(there, SECOND)


def test_each_region_drills_its_own_target_and_a_sweep_of_one_leaves_the_others_drill_alone(both):
    orders = [each.begin() for each in both]
    assert orders[0] == orders[1], "the names are the same: only the region tells them apart"

    swept = [sweeper.sweep(each.around) for each in both]

    assert [(found.restarted, found.deleted, found.left) for found in swept] == [((), (), ())] * 2
    assert [len(each.restored()) for each in both] == [1, 1]
    for each, order in zip(both, orders, strict=True):
        assert run(each.around, order)[-1]["verdict"] == "verified"
        assert [e.target for e in each.around.store.entries()] == [each.scene.target]
    assert [(each.restored(), each.shared()) for each in both] == [([], [])] * 2


def test_what_a_dead_drill_left_is_deleted_by_its_own_region_alone(both):
    first, second = both
    order, other = first.begin(), second.begin()
    for each in both:
        each.machines.running.clear()

    found = sweeper.sweep(second.around)

    assert found.restarted == (other["drill_id"],)
    assert len(first.restored()) == 1
    assert run(second.around, second.machines.started[0])[-1]["next"] == "done"
    assert (len(first.restored()), second.restored()) == (1, [])
    assert sweeper.sweep(first.around).restarted == (order["drill_id"],)
    assert run(first.around, first.machines.started[0])[-1]["next"] == "done"
    assert first.restored() == []


@pytest.mark.parametrize("number", [0, 1])
def test_the_functions_of_a_region_call_no_other_one(both, number):
    mine = both[number]
    calls = mine.scene.sandbox.calls
    begin = len(calls)

    order = planned(mine.around)
    mine.machines.running.add(order["drill_id"])
    assert run(mine.around, order)[-1]["verdict"] == "verified"
    sweeper.sweep(mine.around)

    asked = mine.scene.sandbox.calls[begin:]
    assert {call.region for call in asked if call.service not in {"sts", "iam"}} == {mine.region}
    roles = {call.parameters["RoleArn"] for call in asked if call.operation == "AssumeRole"}
    ending = SUFFIX if number else "/restorecheck-source"
    assert [role.endswith(ending) for role in roles] == [True]
