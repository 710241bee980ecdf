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
        self.looks = 0

    deployment = None

    def setting(self, name):
        assert name == "RESTORECHECK_DRILL_MACHINE"
        return MACHINE

    def client(self, service):
        assert service == "stepfunctions"
        return self

    def describe_execution(self, executionArn):  # noqa: N803  # boto3's name
        self.looks += 1
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
@pytest.mark.parametrize("tries", [1, 2, 3, 30])
def test_a_drill_with_a_living_execution_is_left_to_it(tries, status):
    machines = Machines()
    names = [ID, *(f"{ID}-{number}" for number in range(2, tries + 1))]
    machines.statuses = {**dict.fromkeys(names, "FAILED"), names[-1]: status}

    assert restart(found(), machines) is False
    assert machines.started == {}


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_a_drill_whose_executions_have_ended_is_given_one_of_a_new_name(status):
    machines = Machines()
    machines.statuses = {ID: status, f"{ID}-2": status}

    assert restart(found(scheduled_for=NOW), machines) is True

    assert machines.started == {
        f"{ID}-3": {
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

    for version in (3, 3, 4):
        assert restart(found(version), machines) is True
        assert restart(found(version), machines) is False
        machines.statuses = dict.fromkeys(machines.statuses, "FAILED")

    assert list(machines.started) == [f"{ID}-2", f"{ID}-3", f"{ID}-4"]


def test_a_drill_whose_first_execution_was_never_started_is_given_its_second():
    machines = Machines()

    assert restart(found(), machines) is True
    assert restart(found(), machines) is False
    assert list(machines.started) == [f"{ID}-2"]


def test_the_calls_are_as_many_as_the_tries_however_far_the_drill_has_come():
    machines = Machines()
    machines.statuses = {ID: "FAILED", f"{ID}-2": "FAILED"}

    restart(found(version=400), machines)

    assert machines.looks == 3


def test_a_slot_has_one_drill_in_whatever_zone_it_is_written():
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))

    assert drill_id_of("courses", berlin) == drill_id_of("courses", NOW)
    assert drill_id_of("grades", NOW) != drill_id_of("courses", NOW)
