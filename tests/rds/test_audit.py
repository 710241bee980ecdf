"""How exposed is production: accounts as they are found after accidents, and one that is well."""

import json
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta

import pytest
from moto.kms.models import kms_backends

from restorecheck.aws.session.call_guard import LOOKS
from restorecheck.rules.advised import (
    LOOKING,
    LOOKING_IN_BACKUP,
    LOOKING_IN_SOURCE,
)
from restorecheck.sandbox import Fault
from restorecheck.sandbox.service import RESTORECHECK
from tests.rds.conftest import PASSWORD, Scene

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
OTHER = "333333333333"


def audit(scene: Scene, *arguments):
    outcome = scene.run("audit", "--format", "json", *arguments)
    assert outcome.out, outcome.err
    return outcome.code, json.loads(outcome.out)["findings"]


def problems(findings, resource=""):
    return [
        f["rule"]
        for f in findings
        if f["outcome"] == "problem" and not f["ignored"] and f["resource"].endswith(resource)
    ]


def outcomes(findings, resource):
    return {f["rule"]: f["outcome"] for f in findings if f["resource"].endswith(resource)}


@pytest.fixture
def source(scene):
    return lambda service: scene.sandbox.client(service, scene.sandbox.source)


@pytest.fixture
def neglected(scene, source):
    """As in the account of February 2026: unprotected, all backups in the same hands."""
    name = "neglected"
    if scene.sandbox.instance(scene.sandbox.source, name) is None:
        scene.sandbox.create_production(
            name, password=PASSWORD, DeletionProtection=False, BackupRetentionPeriod=1
        )
    iam = source("iam")
    iam.create_role(RoleName="terraform", AssumeRolePolicyDocument='{"Statement": []}')
    policy = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})
    iam.put_role_policy(RoleName="terraform", PolicyName="all", PolicyDocument=policy)
    half = {"Effect": "Allow", "Action": "rds:DeleteDBInstance", "Resource": "*"}
    iam.create_user(UserName="half-way")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [half]})
    iam.put_user_policy(UserName="half-way", PolicyName="half", PolicyDocument=policy)
    yield name
    iam.delete_role_policy(RoleName="terraform", PolicyName="all")
    iam.delete_role(RoleName="terraform")
    iam.delete_user_policy(UserName="half-way", PolicyName="half")
    iam.delete_user(UserName="half-way")


@pytest.fixture
def plan(tmp_path, neglected):
    """What Terraform planned on that day."""
    before = {"identifier": neglected, "deletion_protection": False, "skip_final_snapshot": True}
    change = {"actions": ["delete"], "before": before, "after": None}
    document = {
        "format_version": "1.2",
        "planned_values": {"root_module": {}},
        "resource_changes": [
            {
                "address": "aws_db_instance.production",
                "mode": "managed",
                "type": "aws_db_instance",
                "name": "production",
                "change": change,
            }
        ],
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document))
    return path


def test_an_account_like_that_of_the_accident_is_told_what_would_have_prevented_it(
    scene, neglected, plan
):
    code, findings = audit(scene, "--terraform", str(plan))

    assert code == 1
    own = problems(findings, f":{neglected}")
    assert own == ["RC601", "RC603", "RC701", "RC801", "RC604", "RC802"]
    assert problems(findings, "aws_db_instance.production") == ["RC901", "RC902", "RC903", "RC904"]
    graveness = [f["severity"] for f in findings if f["outcome"] == "problem"]
    assert graveness == sorted(graveness, key=["critical", "high", "medium", "low"].index)
    first = next(f for f in findings if f["rule"] == "RC601")
    assert first["advice"][0]["line"].startswith(
        f"aws rds modify-db-instance --db-instance-identifier {neglected} --deletion-protection"
    )
    guilty = next(f for f in findings if f["rule"] == "RC801" and f["outcome"] == "problem")
    assert "role/terraform" in guilty["found"]
    assert "half-way" not in guilty["found"], "it cannot delete the snapshots"
    assert "restorecheck-source" not in guilty["found"]


def test_a_protected_database_with_a_proven_copy_outside_has_no_problem(scene):
    scene.drill()
    scene.sandbox.forget_calls()

    code, findings = audit(scene)

    mine = outcomes(findings, ":courses-prod")
    assert set(mine.values()) == {"ok"}, findings
    assert {"RC601", "RC603", "RC701", "RC702", "RC703", "RC704", "RC705", "RC801"} <= set(mine)
    ours = [c for c in scene.sandbox.calls if c.caller in {RESTORECHECK, "role"}]
    assert {c.operation for c in ours} <= {"AssumeRole", *LOOKS}
    assert code in {0, 1}, "others in the account may have problems"


def test_without_a_history_the_tag_on_the_copy_proves_it_and_no_history_is_made(scene):
    scene.drill()
    scene.keys["history"]["path"] = "elsewhere/history.sqlite"

    _, findings = audit(scene)

    assert outcomes(findings, ":courses-prod")["RC703"] == "ok"
    assert not (scene.directory / "elsewhere").exists()


def test_a_database_that_was_never_drilled_is_not_proven(scene):
    _, findings = audit(scene)

    assert set(problems(findings, ":courses-prod")) == {"RC603", "RC701", "RC703"}


def test_snapshots_that_are_public_or_shared_with_strangers_are_found(scene, source):
    rds = source("rds")
    name = "open"
    scene.sandbox.create_production(name, password=PASSWORD, encrypted=False)
    for snapshot, who in (("open-to-all", "all"), ("open-to-one", OTHER)):
        rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
        made = scene.sandbox.snapshots(scene.sandbox.source)[snapshot]
        scene.sandbox.wait_until(
            lambda m=made: m.status == "available" and scene.sandbox.sees(m), snapshot
        )
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=snapshot, AttributeName="restore", ValuesToAdd=[who]
        )

    _, findings = audit(scene)

    found = {f["rule"]: f for f in findings if f["resource"].endswith(":open")}
    assert found["RC706"]["outcome"] == found["RC707"]["outcome"] == "problem"
    assert "open-to-all" in found["RC706"]["advice"][0]["line"]
    assert f"open-to-one with {OTHER}" in found["RC707"]["found"]
    assert "RC603" not in problems(findings, ":open"), "manual snapshots survive the instance"


def test_a_database_without_backups_and_with_a_public_address_is_found(scene):
    scene.sandbox.create_production(
        "a-toy", password=PASSWORD, BackupRetentionPeriod=0, PubliclyAccessible=True
    )

    _, findings = audit(scene)

    assert problems(findings, ":a-toy") == ["RC602", "RC603", "RC701", "RC605"]


def test_copies_that_are_old_or_hang_on_a_key_of_the_source_account_are_found(scene):
    scene.drill()
    (name,) = scene.copies()
    copy = scene.sandbox.snapshots(scene.sandbox.backup)[name]
    taken = datetime.fromisoformat(copy.tags["restorecheck:snapshot-time"])
    copy.tags["restorecheck:snapshot-time"] = (taken - timedelta(days=30)).isoformat()
    copy.kms_key_id = scene.stage.land.transit_kms_key_id
    (scene.directory / "history.sqlite").unlink()

    _, findings = audit(scene)

    assert problems(findings, ":courses-prod") == ["RC704", "RC702", "RC703"]


def test_a_key_on_its_way_out_is_found(scene, source):
    kms = source("kms")
    key = kms.create_key()["KeyMetadata"]
    scene.sandbox.create_production("on-a-key", password=PASSWORD, KmsKeyId=key["Arn"])
    kms.schedule_key_deletion(KeyId=key["KeyId"])

    _, findings = audit(scene)

    found = next(f for f in findings if f["rule"] == "RC705" and f["outcome"] == "problem")
    assert found["resource"].endswith(":on-a-key")
    lines = [advice["line"].partition(" --region")[0] for advice in found["advice"]]
    assert lines == [
        f"aws kms cancel-key-deletion --key-id {key['KeyId']}",
        f"aws kms enable-key --key-id {key['KeyId']}",
    ]
    del kms_backends[scene.sandbox.source.account_id][scene.sandbox.region].keys[key["KeyId"]]


def test_clusters_are_looked_at_as_well(scene, source):
    source("rds").create_db_cluster(
        DBClusterIdentifier="an-aurora",
        Engine="aurora-postgresql",
        MasterUsername="dbadmin",
        MasterUserPassword=PASSWORD,
    )

    _, findings = audit(scene)

    found = outcomes(findings, ":cluster:an-aurora")
    assert found["RC601"] == "problem"
    assert found["RC701"] == "problem"
    assert found["RC605"] == "ok"


def test_what_may_not_be_read_is_said_and_never_well(scene):
    for service, operation in (("iam", "SimulatePrincipalPolicy"), ("rds", "DescribeDBClusters")):
        denied = Fault(
            service=service, operation=operation, code="AccessDenied", status=403, times=None
        )
        scene.sandbox.faults.add(denied)

    code, findings = audit(scene)

    assert code == 3
    assert {f["outcome"] for f in findings} == {"not looked at"}
    assert "needs rds:DescribeDBClusters in account 111111111111" in findings[0]["found"]


def test_an_accepted_finding_is_no_problem_until_its_day(scene, neglected):
    reason = {"reason": "a toy", "until": "2999-12-31"}
    scene.keys["audit"] = {"ignore": [{"rule": "RC601", "resource": "*:neglected", **reason}]}

    _, findings = audit(scene)

    ignored = next(f for f in findings if f["rule"] == "RC601" and f["ignored"])
    assert ignored["ignored"] == reason
    assert "RC601" not in problems(findings, f":{neglected}")
    assert "RC603" in problems(findings, f":{neglected}")


def test_every_format_tells_the_same_and_a_threshold_moves_the_exit_code(scene, neglected):
    text = scene.run("audit")
    sarif = json.loads(scene.run("audit", "--format", "sarif").out)
    junit = ET.fromstring(scene.run("audit", "--format", "junit").out)  # noqa: S314  # our own
    scene.keys["audit"] = {
        "ignore": [
            {"rule": rule, "reason": "known", "until": "2999-12-31"}
            for rule in ("RC601", "RC602", "RC603", "RC701", "RC705", "RC706")
        ]
    }
    no_critical = scene.run("audit", "--fail-on", "critical")

    (suite,) = junit
    cases = [(case.get("classname"), case.get("name")) for case in suite]
    assert len({*cases}) == len(cases)
    results = sarif["runs"][0]["results"]
    assert text.code == 1
    assert text.out.count("\nproblem ") + text.out.startswith("problem ") == len(results)
    assert int(suite.get("failures", "0")) == len(results)
    assert no_critical.code == 0
    assert scene.run("audit").code == 1


def test_no_more_is_read_than_the_policies_for_doctor_and_audit_grant(scene, source):
    rds = source("rds")
    if not rds.describe_db_clusters()["DBClusters"]:
        test_clusters_are_looked_at_as_well(scene, source)
    rds.create_db_cluster_snapshot(
        DBClusterIdentifier="an-aurora", DBClusterSnapshotIdentifier="by-hand"
    )
    scene.sandbox.forget_calls()

    scene.run("doctor")
    scene.run("audit")

    asked = {
        kind: {
            f"{c.service}:{c.operation}"
            for c in scene.sandbox.calls
            if c.caller == caller and c.service != "sts"
        }
        for kind, caller in (("source", "role"), ("backup", RESTORECHECK))
    }
    by_drill = {"rds:DescribeDBInstances", "rds:DescribeDBSnapshots"}
    assert asked["source"] - by_drill == {*LOOKING, *LOOKING_IN_SOURCE}
    # Without a session of a role nobody asks for the role behind it.
    # Of targets that are clusters: test_doctor_aurora.py.
    of_clusters = {"rds:DescribeDBClusterParameterGroups", "rds:DescribeDBEngineVersions"}
    of_clusters.add("rds:DescribeDBClusterSnapshots")
    granted = {*LOOKING, *LOOKING_IN_BACKUP}
    assert asked["backup"] | {"iam:GetRole"} | of_clusters == granted
