"""Aurora clusters that AWS Backup restored: asked through an instance of ours, which goes, and left as they are."""

import pytest

from restorecheck.hosts.functions import adopter
from restorecheck.model import Verdict
from restorecheck.sandbox import Fault
from tests.rds.conftest import PASSWORD, ROWS, adoption, configure, run_stage
from tests.rds.test_adopt import run
from tests.rds.test_functions import MACHINE_ARN, Machines

PRODUCTION = "arn:aws:rds:eu-west-1:111111111111:cluster:courses-aurora"


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        cluster = sandbox.create_production_cluster(password=PASSWORD)
        with sandbox.sql(cluster, "courses") as connection:
            connection.execute(
                f"create table answers as select g as id from generate_series(1, {ROWS}) g"
            )
            connection.execute("alter table answers owner to dbadmin")
        yield made


@pytest.fixture
def adopting(scene):
    target = scene.keys["targets"][0]
    del target["rds"]
    keys = adoption(scene)
    del keys["db_instance_arn"]
    target["adopt"] = keys | {"db_cluster_arn": PRODUCTION, "db_instance_class": "db.t4g.medium"}
    return scene


@pytest.fixture
def restored(adopting):
    """A cluster without an instance."""
    sandbox = adopting.sandbox
    job = sandbox.restore_for_test(sandbox.take_automated_snapshot("courses-aurora"))
    yield job
    name = job.created_arn.rpartition(":")[2]
    region = sandbox.rds.state.region(sandbox.backup.account_id, sandbox.backup_region)
    sandbox.rds._machine.clusters.remove(region, region.clusters[name])


@pytest.fixture
def function(adopting, around):
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    around._clients["stepfunctions"] = Machines()
    configure(adopting, around)
    return around


def name_of(job):
    return job.created_arn.rpartition(":")[2]


def test_by_hand_a_cluster_without_an_instance_is_asked_through_one_of_ours(adopting, restored):
    sandbox = adopting.sandbox
    sandbox.forget_calls()

    outcome = adopting.drill("--adopt", name_of(restored))

    assert outcome.verdict == "verified", outcome.reason
    assert outcome.report["teardown"]["outcome"] == "complete"
    assert sandbox.instances(sandbox.backup) == {}
    assert list(sandbox.clusters(sandbox.backup)) == [name_of(restored)]
    writes = {c.operation for c in sandbox.calls} - {
        "GetCallerIdentity",
        "DescribeDBInstances",
        "DescribeDBClusters",
        "GetSecretValue",
    }
    assert writes == {"CreateDBInstance", "DeleteDBInstance"}


def test_a_cluster_that_has_an_instance_is_asked_through_it(adopting, restored):
    sandbox = adopting.sandbox
    client = sandbox.client("rds", sandbox.backup, sandbox.backup_region)
    client.create_db_instance(
        DBInstanceIdentifier="by-hand",
        DBClusterIdentifier=name_of(restored),
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
        PubliclyAccessible=False,
    )
    sandbox.forget_calls()

    outcome = adopting.drill("--adopt", restored.created_arn)

    assert outcome.verdict == "verified", outcome.reason
    assert "CreateDBInstance" not in {call.operation for call in sandbox.calls}
    assert list(sandbox.instances(sandbox.backup)) == ["by-hand"]


def test_production_s_own_cluster_is_never_adopted(adopting):
    adopting.keys["targets"][0]["adopt"]["account_id"] = "111111111111"
    adopting.sandbox.forget_calls()

    outcome = adopting.run("drill", "--adopt", "courses-aurora")

    assert outcome.code == 2
    assert "is the production cluster" in outcome.err
    assert adopting.sandbox.calls == ()


def test_an_instance_is_not_taken_for_a_cluster(adopting):
    outcome = adopting.run("drill", "--adopt", "arn:aws:rds:eu-west-1:222222222222:db:x")

    assert outcome.code == 2
    assert "is not the ARN of a DB cluster" in outcome.err


def test_a_restore_of_the_plan_is_answered_once_our_instance_is_gone(adopting, restored, function):
    report = run(function, adopter.adopt(restored.event(), function))

    assert report.verdict is Verdict.VERIFIED, report.reason
    assert restored.answers == ["SUCCESSFUL"]
    assert adopting.sandbox.instances(adopting.sandbox.backup) == {}
    answered = [c.operation for c in adopting.sandbox.calls].index("PutRestoreValidationResult")
    assert "DeleteDBInstance" in [c.operation for c in adopting.sandbox.calls][:answered]


def test_an_instance_that_could_not_be_made_is_no_verdict(adopting, restored):
    fault = Fault(
        service="rds", operation="CreateDBInstance", code="AccessDenied", status=403, times=None
    )
    adopting.sandbox.faults.add(fault)

    outcome = adopting.drill("--adopt", name_of(restored))

    assert outcome.verdict == "inconclusive"
    assert adopting.sandbox.instances(adopting.sandbox.backup) == {}


def test_a_sweep_deletes_our_instance_that_a_dead_drill_left(adopting, restored):
    sandbox = adopting.sandbox
    client = sandbox.client("rds", sandbox.backup, sandbox.backup_region)
    drill_id = "20260226-031500-a1b2c3"
    tags = {"restorecheck:managed": "true", "restorecheck:drill-id": drill_id}
    client.create_db_instance(
        DBInstanceIdentifier=f"restorecheck-{drill_id}",
        DBClusterIdentifier=name_of(restored),
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
        PubliclyAccessible=False,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    named = f"restorecheck-{drill_id}"
    sandbox.wait_until(lambda: sandbox.instances(sandbox.backup)[named].up, "an instance")

    outcome = adopting.run("sweep")

    assert outcome.code == 0, outcome.err
    assert sandbox.instances(sandbox.backup) == {}
    assert list(sandbox.clusters(sandbox.backup)) == [name_of(restored)]
