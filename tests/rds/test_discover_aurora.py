"""Clusters of the source account that are found by their tags, by the sweeper of the deployment."""

import copy

import pytest

from restorecheck.hosts.functions import planner, sweeper
from restorecheck.sandbox import Fault
from tests.rds.conftest import PASSWORD, ROWS, configure, run_stage
from tests.rds.test_aurora import delete_copies, left
from tests.rds.test_discover import names
from tests.rds.test_functions import MACHINE_ARN, SLOT, Machines, run

TAG = {"Key": "restorecheck", "Value": "yes"}


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        cluster = sandbox.create_production_cluster(password=PASSWORD)
        with sandbox.sql(cluster, "courses") as connection:
            connection.execute(f"create table answers as select generate_series(1, {ROWS}) as id")
            connection.execute("alter table answers owner to dbadmin")
        sandbox.move_in(cluster, "courses")
        sandbox.take_automated_snapshot("courses-aurora")
        yield made


@pytest.fixture
def tagged(scene, around):
    """A rule for clusters in place of the target; called with whether the cluster has the tag."""
    (target,) = scene.keys.pop("targets")
    template = {key: value for key, value in target.items() if key not in {"name", "rds"}}
    keys = copy.deepcopy(target["rds"])
    del keys["db_instance_identifier"], keys["restore"]["db_parameter_group_name"]
    keys["restore"]["db_instance_class"] = "db.serverless"
    keys["restore"]["serverless_v2"] = {"min_acu": 0.5, "max_acu": 2.0}
    template["aurora"] = keys
    scene.keys["discover"] = {"aurora": {"tags": {"restorecheck": "yes"}}, "template": template}
    scene.keys["targets"] = []
    configure(scene, around)
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    around._clients["stepfunctions"] = Machines()
    rds = scene.sandbox.client("rds", scene.sandbox.source)
    (cluster,) = rds.describe_db_clusters()["DBClusters"]
    members = rds.describe_db_instances()["DBInstances"]
    arns = [cluster["DBClusterArn"], *(m["DBInstanceArn"] for m in members)]

    def tag(there):
        """The cluster, and every instance: an instance is no cluster."""
        for arn in arns:
            if there:
                rds.add_tags_to_resource(ResourceName=arn, Tags=[TAG])
            else:
                rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["restorecheck"])

    yield tag
    tag(False)
    delete_copies(scene)


def test_a_tag_makes_a_cluster_a_target_that_is_overdue_and_the_end_of_the_tag_ends_it(
    scene, around, tagged
):
    assert sweeper.sweep(around).overdue == ()

    tagged(True)
    found = sweeper.sweep(around)
    assert names(around) == ["courses-aurora"]
    assert [fact.target for fact in found.overdue] == ["courses-aurora"]

    tagged(False)
    assert sweeper.sweep(around).overdue == ()
    assert names(around) == []
    (one,) = around.config().found
    assert one.gone_at is not None


def test_a_cluster_that_was_found_is_drilled_and_proven(scene, around, tagged):
    tagged(True)
    sweeper.sweep(around)
    (drill,) = planner.plan({"scheduled_for": SLOT}, around)["drills"]

    answers = run(around, drill)

    assert answers[-1]["verdict"] == "verified", answers[-1]
    assert sweeper.sweep(around).overdue == ()
    assert left(scene.sandbox) == []


def test_a_list_of_clusters_that_cannot_be_read_loses_no_target_and_is_an_alarm(
    scene, around, tagged
):
    tagged(True)
    sweeper.sweep(around)
    denied = Fault(operation="DescribeDBClusters", code="AccessDenied", status=403, times=1)
    scene.sandbox.faults.add(denied)

    found = sweeper.sweep(around)

    scene.sandbox.faults.clear()
    assert any("could not look for databases" in said for said in found.unseen)
    assert names(around) == ["courses-aurora"]


def test_a_rule_for_instances_and_one_for_clusters_find_each_their_own(scene, around, tagged):
    tagged(True)
    template = copy.deepcopy(scene.keys["discover"]["template"])
    keys = template.pop("aurora")
    keys["restore"] = {k: v for k, v in keys["restore"].items() if k != "serverless_v2"}
    template["rds"] = keys | {"restore": keys["restore"] | {"db_instance_class": "db.t4g.small"}}
    instances = {"rds": {"tags": {"restorecheck": "yes"}}, "template": template}
    scene.keys["discover"] = [scene.keys["discover"], instances]
    configure(scene, around)

    sweeper.sweep(around)

    assert sorted(names(around)) == ["courses-aurora", "courses-prod"]
