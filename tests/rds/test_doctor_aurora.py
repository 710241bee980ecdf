"""Before the first night of an Aurora target: broken set-ups, each mended by its own advice."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.sandbox import Quotas, landscape
from tests.rds.conftest import PASSWORD, configuration, run_stage
from tests.rds.robot import Robot
from tests.rds.test_doctor import READS, identifier


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        sandbox.create_production_cluster(password=PASSWORD)
        sandbox.take_automated_snapshot("courses-aurora")
        take_away_rights(sandbox)
        sandbox.rds.state.quotas = Quotas(snapshots=2000)
        yield made


def grant(stage, *, aurora):
    sandbox = stage.sandbox
    places = (sandbox.region, sandbox.backup_region)
    own = (stage.land, sandbox.source, sandbox.backup, sandbox.endpoint_url, places)
    landscape.grant(*own, aurora=aurora)


def take_away_rights(sandbox):
    """Those for instances: this account has clusters only."""
    role = sandbox.client("iam", sandbox.source)
    role.delete_role_policy(RoleName=landscape.ROLE, PolicyName="restorecheck")
    user = sandbox.client("iam", sandbox.backup)
    for group in ("restorecheck", "restorecheck-never"):
        user.remove_user_from_group(GroupName=group, UserName=landscape.USER)


@pytest.fixture
def keys(scene):
    """The target is a cluster, and the rights are as in the documentation."""
    grant(scene.stage, aurora=True)
    (target,) = scene.keys["targets"]
    own: dict[str, Any] = deepcopy(target.pop("rds"))
    del own["db_instance_identifier"], own["restore"]["db_parameter_group_name"]
    own["db_cluster_identifier"] = "courses-aurora"
    own["restore"]["db_instance_class"] = "db.serverless"
    own["restore"]["serverless_v2"] = {"min_acu": 0.5, "max_acu": 2.0}
    target["aurora"] = own
    return own


@pytest.fixture
def robot(scene, keys):
    sandbox = scene.sandbox
    return Robot(
        scene,
        answers={
            "external id": keys["source"]["external_id"],
            "for the next backup window": lambda: sandbox.take_automated_snapshot("courses-aurora"),
            "its identifier": "courses-aurora",
            "a class that RDS offers": "db.r6g.large",
        },
    )


def of_backup(scene):
    return scene.sandbox.client("rds", scene.sandbox.backup, scene.sandbox.backup_region)


def misspelled_cluster(_scene, keys):
    keys["db_cluster_identifier"] = "coarses-aurora"


def an_instance_instead_of_a_cluster(_scene, keys):
    keys["db_cluster_identifier"] = "courses-prod"


def snapshots_are_old(scene, _keys):
    for snapshot in scene.sandbox.cluster_snapshots(scene.sandbox.source).values():
        snapshot.created_at -= timedelta(hours=48)


def default_key_and_no_transit_key(_scene, keys):
    del keys["source"]["transit_kms_key_id"]


def transit_key_is_disabled(scene, keys):
    kms = scene.sandbox.client("kms", scene.sandbox.source)
    kms.disable_key(KeyId=identifier(keys["source"]["transit_kms_key_id"]))


def parameter_group_of_another_major(scene, keys):
    of_backup(scene).create_db_cluster_parameter_group(
        DBClusterParameterGroupName="old",
        DBParameterGroupFamily="aurora-postgresql12",
        Description="old",
    )
    keys["restore"]["db_cluster_parameter_group_name"] = "old"


def no_parameter_group(_scene, keys):
    keys["restore"]["db_cluster_parameter_group_name"] = "forgotten"


def a_class_without_aurora(_scene, keys):
    del keys["restore"]["serverless_v2"]
    keys["restore"]["db_instance_class"] = "db.m5.large"


def no_room_for_a_cluster(scene, _keys):
    state = scene.sandbox.rds.state
    state.quotas = replace(state.quotas, clusters=0)


def no_room_for_copies(scene, _keys):
    state = scene.sandbox.rds.state
    state.quotas = replace(state.quotas, snapshots=0)


def source_role_without_rights_for_clusters(scene, _keys):
    iam = scene.sandbox.client("iam", scene.sandbox.source)
    iam.delete_role_policy(RoleName=landscape.ROLE, PolicyName="restorecheck-aurora")


def no_rights_for_clusters(scene, _keys):
    iam = scene.sandbox.client("iam", scene.sandbox.backup)
    iam.remove_user_from_group(GroupName="restorecheck-aurora", UserName=landscape.USER)


BROKEN = {
    misspelled_cluster: {"RC210"},
    an_instance_instead_of_a_cluster: {"RC210"},
    snapshots_are_old: {"RC212"},
    transit_key_is_disabled: {"RC302"},
    default_key_and_no_transit_key: {"RC301"},
    no_parameter_group: {"RC408"},
    parameter_group_of_another_major: {"RC408"},
    a_class_without_aurora: {"RC413"},
    no_room_for_a_cluster: {"RC415"},
    no_room_for_copies: {"RC410", "RC412"},
    source_role_without_rights_for_clusters: {"RC501"},
    no_rights_for_clusters: {"RC503"},
}


def test_each_broken_set_up_of_a_cluster_is_found_and_its_own_advice_mends_it(scene, keys, robot):
    """That the next look finds the next breakage and nothing else shows that the last is mended."""
    for break_it, expected in BROKEN.items():
        break_it(scene, keys)
        found = robot.look()
        assert {f["rule"] for f in found} == expected, (
            break_it.__name__,
            [(f["rule"], f["found"]) for f in found],
        )
        robot.mend(found)
        if break_it is default_key_and_no_transit_key:
            found = robot.look()
            assert {f["rule"] for f in found} == {"RC501", "RC503"}
            robot.mend(found)
    assert robot.look() == []


def test_of_a_healthy_cluster_nothing_is_complained_about_and_everything_was_looked_at(scene, keys):
    scene.sandbox.forget_calls()
    assert keys["db_cluster_identifier"] == "courses-aurora"

    outcome = scene.run("doctor")

    assert outcome.code == 0, outcome.out
    assert "not looked at" not in outcome.out
    assert {"DescribeDBClusters", "DescribeDBEngineVersions"} <= {
        call.operation for call in scene.sandbox.calls
    }
    ours = {call.operation for call in scene.sandbox.calls if call.caller != "operator"}
    assert ours <= {*READS}


def test_what_was_advised_for_a_cluster_leaves_the_rights_for_instances(scene, keys, robot):
    grant(scene.stage, aurora=False)
    source_role_without_rights_for_clusters(scene, keys)
    no_rights_for_clusters(scene, keys)
    robot.mend(robot.look())
    other = configuration(scene.sandbox, scene.stage.land, "other")["targets"]
    scene.keys["targets"] += other

    assert robot.look() == []
