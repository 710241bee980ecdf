"""Databases of the source account that are found by their tags: by the sweeper of the deployment, against the sandbox."""

import copy

import pytest

from restorecheck.errors import ConfigError
from restorecheck.hosts.functions import planner, sweeper
from restorecheck.sandbox import Fault
from tests.rds.conftest import configure
from tests.rds.test_functions import MACHINE_ARN, SLOT, Machines

TAG = {"Key": "restorecheck", "Value": "yes"}


@pytest.fixture
def discovering(scene, around):
    """A configuration with a rule instead of its target."""
    (target,) = scene.keys.pop("targets")
    template = {key: value for key, value in target.items() if key != "name"}
    template["rds"] = copy.deepcopy(template["rds"])
    del template["rds"]["db_instance_identifier"]
    scene.keys["discover"] = {"rds": {"tags": {"restorecheck": "yes"}}, "template": template}
    configure(scene, around)
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    around._clients["stepfunctions"] = Machines()
    rds = scene.sandbox.client("rds", scene.sandbox.source)
    (instance,) = rds.describe_db_instances()["DBInstances"]
    arn = instance["DBInstanceArn"]
    yield (
        lambda there: (
            rds.add_tags_to_resource(ResourceName=arn, Tags=[TAG])
            if there
            else rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["restorecheck"])
        )
    )
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["restorecheck"])


def names(around):
    return [target.name for target in around.config().targets]


def test_a_tag_makes_a_target_that_is_overdue_and_the_end_of_the_tag_ends_it(
    scene, around, discovering
):
    assert sweeper.sweep(around).overdue == ()
    assert names(around) == []

    discovering(True)
    first = sweeper.sweep(around)
    assert names(around) == ["courses-prod"]
    assert [fact.target for fact in first.overdue] == ["courses-prod"]
    (drill,) = planner.plan({"scheduled_for": SLOT}, around)["drills"]
    assert drill["target"] == "courses-prod"

    discovering(False)
    assert sweeper.sweep(around).overdue == ()
    assert names(around) == []
    (one,) = around.config().found
    assert one.gone_at is not None


def test_an_account_that_cannot_be_read_loses_no_target_and_is_an_alarm(scene, around, discovering):
    discovering(True)
    sweeper.sweep(around)
    denied = Fault(operation="DescribeDBInstances", code="AccessDenied", status=403, times=1)
    scene.sandbox.faults.add(denied)

    found = sweeper.sweep(around)

    scene.sandbox.faults.clear()
    assert any("could not look for databases" in said for said in found.unseen)
    assert names(around) == ["courses-prod"]


def test_a_found_name_that_a_target_has_is_refused_in_words(scene, around, discovering):
    discovering(True)
    sweeper.sweep(around)
    target = {"name": "courses-prod", "dump": {"path": "/b"}}
    scene.keys["targets"] = [target]
    configure(scene, around)

    with pytest.raises(ConfigError, match="would be the target 'courses-prod'"):
        around.config()
