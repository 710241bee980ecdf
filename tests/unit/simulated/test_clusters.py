"""What the machine says of Aurora where the two faces cannot differ, or time must pass."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from restorecheck.testing import World
from restorecheck.testing.cloud import NEVER, SOURCE_ACCOUNT, Cloud, PlannedOutcome, Quotas
from restorecheck.testing.cloud.clients import Session

PASSWORD = "Production-Password-1"  # noqa: S105  # of the cloud


@pytest.fixture
def cloud():
    cloud = Cloud(World(), quotas=Quotas(clusters=2))
    cloud.create_production_cluster("prod", PASSWORD)
    cloud.take_automated_snapshot("prod")
    return cloud


def client(cloud):
    return Session(cloud, SOURCE_ACCOUNT, caller="operator").client("rds", region_name="eu-west-1")


def restore(cloud, name="r", **given):
    (snapshot,) = cloud.source.cluster_snapshots
    wanted = {
        "DBClusterIdentifier": name,
        "SnapshotIdentifier": snapshot,
        "Engine": "aurora-postgresql",
    }
    return client(cloud).restore_db_cluster_from_snapshot(**wanted, **given)["DBCluster"]


def instance(cloud, name="r"):
    return client(cloud).create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier=name,
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )["DBInstance"]


def later(cloud, **duration):
    cloud.world.pass_time(timedelta(**duration))
    cloud.tick()


def refused(call, *arguments, **given):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **given)
    metadata = caught.value.response["ResponseMetadata"]
    return caught.value.response["Error"]["Code"], metadata["HTTPStatusCode"]


def test_a_version_that_is_left_out_is_the_regions_and_not_the_snapshots(cloud):
    assert restore(cloud)["EngineVersion"] != "16.6"


def test_a_version_that_is_said_is_taken(cloud):
    assert restore(cloud, EngineVersion="16.6")["EngineVersion"] == "16.6"


def test_productions_long_retention_is_kept_where_none_is_said(cloud):
    assert restore(cloud)["BackupRetentionPeriod"] == 14


def test_a_full_quota_of_clusters_is_refused_with_http_status_403(cloud):
    restore(cloud)

    assert refused(restore, cloud, "s") == ("DBClusterQuotaExceededFault", 403)


def test_a_cluster_that_is_created_takes_no_instance_and_one_that_is_available_does(cloud):
    restore(cloud)
    assert refused(instance, cloud) == ("InvalidDBClusterStateFault", 400)

    later(cloud, hours=1)

    assert instance(cloud)["DBInstanceStatus"] == "creating"


def test_a_cluster_without_an_instance_answers_nobody(cloud):
    restore(cloud)
    later(cloud, hours=1)

    restored = cloud.source.clusters["r"]

    assert (restored.status, restored.reachable) == ("available", False)


def test_an_instance_may_stay_creating_while_its_cluster_is_available(cloud):
    cloud.rds.state.members.append(PlannedOutcome(takes=NEVER))
    restore(cloud)
    later(cloud, hours=1)
    instance(cloud)
    later(cloud, days=2)

    assert cloud.source.instances["r"].status == "creating"
    assert cloud.source.clusters["r"].status == "available"


def test_an_instance_is_public_unless_it_is_said_that_it_is_not(cloud):
    restore(cloud)
    later(cloud, hours=1)

    assert instance(cloud)["PubliclyAccessible"]


def test_serverless_needs_its_limits_on_the_cluster(cloud):
    restore(cloud)
    later(cloud, hours=1)
    given = {"DBInstanceIdentifier": "r", "DBClusterIdentifier": "r", "Engine": "aurora-postgresql"}

    code, _ = refused(client(cloud).create_db_instance, DBInstanceClass="db.serverless", **given)

    assert code == "InvalidParameterCombination"


def test_a_key_is_refused_for_a_copy_of_what_is_not_encrypted(cloud):
    (snapshot,) = cloud.source.cluster_snapshots
    key = cloud.key(cloud.source, "transit")
    given = {
        "SourceDBClusterSnapshotIdentifier": snapshot,
        "TargetDBClusterSnapshotIdentifier": "c",
    }

    code, _ = refused(client(cloud).copy_db_cluster_snapshot, KmsKeyId=key, **given)

    assert code == "InvalidParameterCombination"


def test_a_copy_has_the_time_of_the_copy_and_no_other(cloud):
    later(cloud, days=3)
    (snapshot,) = cloud.source.cluster_snapshots
    client(cloud).copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=snapshot, TargetDBClusterSnapshotIdentifier="c"
    )
    later(cloud, hours=1)

    found = client(cloud).describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="c")
    (copy,) = found["DBClusterSnapshots"]

    assert copy["SnapshotCreateTime"] > cloud.world.now() - timedelta(hours=2)
    assert "OriginalSnapshotCreateTime" not in copy


def test_the_first_instance_is_followed_by_an_automated_snapshot_of_the_cluster(cloud):
    restore(cloud)
    later(cloud, hours=1)
    instance(cloud)
    later(cloud, hours=1)
    later(cloud, hours=1)

    taken = [s for s in cloud.source.cluster_snapshots.values() if s.instance == "r"]
    assert [s.type for s in taken] == ["automated"]
