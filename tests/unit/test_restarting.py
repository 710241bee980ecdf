"""Which executions of Step Functions the hourly sweep takes for living, and how it starts another."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions import sweeper
from restorecheck.model import Drill
from tests.factories import NOW, drill

MACHINE = "arn:aws:states:eu-west-1:222222222222:stateMachine:restorecheck-drill"
ID = "20260226-031500-a1b2c3"


class Machines:
    """Executions by name. One that has ended keeps it."""

    def __init__(self):
        self.statuses: dict[str, str] = {}
        self.started: dict[str, Any] = {}

    def setting(self, name):
        assert name == "RESTORECHECK_DRILL_MACHINE"
        return MACHINE

    def client(self, service):
        assert service == "stepfunctions"
        return self

    def describe_execution(self, executionArn):  # noqa: N803  # boto3's name
        place, _, name = executionArn.rpartition(":")
        assert place == MACHINE.replace(":stateMachine:", ":execution:")
        if name not in self.statuses:
            error: Any = {"Error": {"Code": "ExecutionDoesNotExist", "Message": name}}
            raise ClientError(error, "DescribeExecution")
        return {"status": self.statuses[name]}

    def start_execution(self, stateMachineArn, name, input):  # noqa: A002, N803  # boto3's names
        assert stateMachineArn == MACHINE
        if name in self.statuses:
            error: Any = {"Error": {"Code": "ExecutionAlreadyExists", "Message": name}}
            raise ClientError(error, "StartExecution")
        self.statuses[name] = "RUNNING"
        self.started[name] = json.loads(input)


def found(version=3, **changes) -> Drill:
    return drill(id=ID, **changes).evolve(version=version)


def restart(state, machines: Any) -> bool:
    return sweeper._restart(state, machines)


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
@pytest.mark.parametrize("name", [ID, f"{ID}-v0", f"{ID}-v2", f"{ID}-v3"])
def test_a_drill_with_a_living_execution_is_left_to_it(name, status):
    machines = Machines()
    machines.statuses = {ID: "FAILED", name: status}

    assert restart(found(), machines) is False
    assert machines.started == {}


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_a_drill_whose_executions_have_ended_is_given_one_of_a_new_name(status):
    machines = Machines()
    machines.statuses = {ID: status, f"{ID}-v2": status}

    assert restart(found(scheduled_for=NOW), machines) is True

    assert machines.started == {
        f"{ID}-v3": {
            "drill_id": ID,
            "target": "courses",
            "scheduled_for": NOW.isoformat(),
            "abort": sweeper.DEAD,
            "adopt": {},
        }
    }
    assert restart(found(), machines) is False, "it lives now"


def test_a_drill_that_was_restarted_in_vain_is_restarted_until_it_gets_further():
    """As long as a configuration cannot be used, no execution gets anywhere."""
    machines = Machines()
    machines.statuses = {ID: "FAILED"}

    for _ in range(3):
        assert restart(found(version=3), machines) is True
        assert restart(found(version=3), machines) is False
        machines.statuses = dict.fromkeys(machines.statuses, "FAILED")
    assert restart(found(version=4), machines) is True

    again = [f"{ID}-v3", f"{ID}-v3-2", f"{ID}-v3-3", f"{ID}-v4"]
    assert list(machines.started) == again


def test_a_drill_lives_in_any_of_its_tries():
    machines = Machines()
    machines.statuses = {ID: "FAILED", f"{ID}-v1": "FAILED", f"{ID}-v1-2": "RUNNING"}

    assert restart(found(version=3), machines) is False


def test_a_slot_has_one_drill_in_whatever_zone_it_is_written():
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))

    assert drill_id_of("courses", berlin) == drill_id_of("courses", NOW)
    assert drill_id_of("grades", NOW) != drill_id_of("courses", NOW)
