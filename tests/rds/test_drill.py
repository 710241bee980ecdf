"""The whole way across two accounts, through the command line."""

import pytest

from restorecheck.sandbox import WireCall
from tests.rds import promise
from tests.rds.conftest import ROWS


def test_an_automated_snapshot_becomes_a_verified_restore_in_the_backup_account(scene):
    done = scene.drill()

    report = done.report
    assert (done.code, done.verdict) == (0, "verified"), done.reason
    assert report["backup"]["kind"] == "rds"
    assert ":111111111111:snapshot:rds:courses-prod-" in report["backup"]["identifier"]
    assert report["teardown"]["outcome"] == "complete"
    (rows,) = [c for c in report["checks"] if c["kind"] == "row_count"]
    assert (rows["outcome"], rows["found"]) == ("passed", f"{ROWS:,}")
    assert scene.leftovers() == []
    assert [c.rpartition(":")[2] for c in report["copies"]["kept"]] == scene.copies()


def test_the_copy_carries_its_lineage_and_its_verdict(scene):
    done = scene.drill()

    (name,) = scene.copies()
    copy = scene.sandbox.snapshots(scene.sandbox.backup)[name]
    assert copy.tags["restorecheck:verdict"] == "verified"
    assert copy.tags["restorecheck:source-snapshot"] == done.report["backup"]["identifier"]
    assert copy.tags["restorecheck:source-db-instance"].endswith(":db:courses-prod")
    assert copy.tags["restorecheck:drill-id"] == done.report["drill_id"]
    assert copy.kms_key_id == scene.stage.land.backup_kms_key_id


def test_the_temporary_instance_has_none_of_aws_s_dangerous_defaults(scene):
    scene.drill()

    restores = [c for c in scene.sandbox.calls if c.operation == "RestoreDBInstanceFromDBSnapshot"]
    call = restores[-1]
    given = call.parameters
    for switched_off in (
        "PubliclyAccessible",
        "MultiAZ",
        "DeletionProtection",
        "AutoMinorVersionUpgrade",
        "CopyTagsToSnapshot",
        "DedicatedLogVolume",
        "EnableIAMDatabaseAuthentication",
    ):
        assert given[switched_off] is False
    assert given["BackupRetentionPeriod"] == 0
    assert given["DBInstanceClass"] == "db.t4g.small"
    assert given["DBSubnetGroupName"] == "restorecheck"
    assert given["VpcSecurityGroupIds"] == [scene.stage.land.vpc_security_group_id]
    assert given["DBParameterGroupName"] == "restorecheck"
    assert given["EngineLifecycleSupport"] == "open-source-rds-extended-support"
    assert given["StorageType"] == "gp3"
    assert "env" not in {tag["Key"] for tag in given["Tags"]}


@pytest.mark.parametrize("credentials", ["managed-secret", "reset"])
def test_nobody_needs_production_s_password(scene, credentials):
    scene.rds["restore"]["credentials"] = credentials

    done = scene.drill()

    assert done.verdict == "verified", done.reason
    assert scene.leftovers() == []


def test_all_databases_that_are_no_templates_are_proven_where_none_is_named(scene):
    del scene.keys["targets"][0]["databases"]

    done = scene.drill()

    (counted,) = [c for c in done.report["checks"] if c["kind"] == "tables_countable"]
    assert counted["database"] == "courses, postgres"
    assert done.verdict == "verified"


def test_a_database_that_is_not_in_the_instance_fails_the_drill(scene):
    scene.keys["targets"][0]["databases"] = ["courses", "invoices"]

    done = scene.drill()

    assert (done.code, done.verdict) == (1, "failed")
    assert "database invoices is not there" in done.reason
    assert scene.leftovers() == []


def test_a_database_that_nobody_can_enter_is_not_left_out_silently(scene):
    del scene.keys["targets"][0]["databases"]
    scene.keys["targets"][0]["checks"] = []
    sandbox = scene.sandbox
    production = sandbox.instance(sandbox.source, "courses-prod")
    with sandbox.sql(production, "postgres") as connection:
        connection.execute("create database closed allow_connections false")
    try:
        sandbox.take_automated_snapshot("courses-prod")
        done = scene.drill()
    finally:
        with sandbox.sql(production, "postgres") as connection:
            connection.execute("drop database closed")
        sandbox.take_automated_snapshot("courses-prod")

    assert (done.code, done.verdict) == (3, "inconclusive")
    assert "no connection to the restored database closed" in done.reason
    assert scene.leftovers() == []


def test_a_kept_instance_does_not_cost_the_earlier_standby(scene):
    scene.rds["after"] = "stop"
    standby = f"restorecheck-{scene.drill().report['drill_id']}"
    kept = scene.drill("--keep").report["drill_id"]

    sandbox = scene.sandbox
    assert set(sandbox.instances(sandbox.backup)) == {standby, f"restorecheck-{kept}"}

    scene.run("sweep", kept, standby.removeprefix("restorecheck-"))
    assert scene.leftovers() == []


def test_a_check_that_does_not_hold_fails_the_drill_and_leaves_nothing(scene):
    scene.keys["targets"][0]["checks"] = [{"row_count": {"table": "answers", "min": ROWS + 1}}]

    done = scene.drill()

    assert (done.code, done.verdict) == (1, "failed")
    assert scene.leftovers() == []
    (name,) = scene.copies()
    copy = scene.sandbox.snapshots(scene.sandbox.backup)[name]
    assert copy.tags["restorecheck:verdict"] == "failed"


def test_evidence_is_collected_before_the_instance_is_gone(scene):
    scene.sandbox.next_restore("available", slower=20)  # so that it is seen while it is made
    done = scene.drill()

    sources = {seen["source"] for seen in done.report["evidence"]}
    texts = " ".join(seen["text"] for seen in done.report["evidence"])
    assert {"restore", "RDS event", "server log"} <= sources
    assert "creating" in texts
    assert "Reset master credentials" in texts
    assert "database system is ready to accept connections" in texts


def test_copies_beyond_keep_copies_go_and_the_newest_verified_one_stays(scene):
    scene.rds["backup"]["keep_copies"] = 1
    good = scene.drill().report["drill_id"]
    scene.sandbox.take_automated_snapshot("courses-prod")
    scene.keys["targets"][0]["checks"] = [{"row_count": {"table": "answers", "equals": 1}}]
    first_bad = scene.drill().report["drill_id"]
    assert scene.copies() == [f"restorecheck-{good}", f"restorecheck-{first_bad}"]

    scene.sandbox.take_automated_snapshot("courses-prod")
    second_bad = scene.drill().report["drill_id"]

    assert scene.copies() == [f"restorecheck-{good}", f"restorecheck-{second_bad}"]
    assert scene.staging_copies() == [f"restorecheck-{second_bad}"]


def test_with_after_stop_the_verified_instance_is_the_standby_until_the_next_one_is(scene):
    scene.rds["after"] = "stop"
    sandbox = scene.sandbox
    first = scene.drill()
    assert first.verdict == "verified", first.reason
    name = f"restorecheck-{first.report['drill_id']}"
    assert sandbox.instances(sandbox.backup)[name].status == "stopped"
    assert [p["kind"] for p in first.report["teardown"]["parked"]] == ["DB instance"]

    scene.keys["targets"][0]["checks"] = [{"row_count": {"table": "answers", "equals": 1}}]
    assert scene.drill().verdict == "failed"
    assert [*sandbox.instances(sandbox.backup)] == [name]

    scene.keys["targets"][0]["checks"] = []
    second = scene.drill()
    assert [*sandbox.instances(sandbox.backup)] == [f"restorecheck-{second.report['drill_id']}"]

    scene.rds["after"] = "delete"
    scene.drill()
    assert scene.leftovers() == []


def test_a_standby_that_rds_started_again_is_stopped_by_the_sweep_and_ended_on_demand(scene):
    scene.rds["after"] = "stop"
    drill_id = scene.drill().report["drill_id"]
    sandbox, name = scene.sandbox, f"restorecheck-{drill_id}"
    instance = sandbox.instances(sandbox.backup)[name]
    sandbox.client("rds", sandbox.backup).start_db_instance(DBInstanceIdentifier=name)
    sandbox.wait_until(lambda: instance.status == "available", "the standby's seven days")

    swept = scene.run("sweep")

    assert (swept.code, instance.status) == (0, "stopped"), swept.err
    assert "had started this standby again" in swept.out
    assert scene.run("sweep", drill_id).code == 0
    assert scene.leftovers() == []


def test_keep_leaves_the_instance_and_sweep_ends_it(scene):
    done = scene.run("drill", "--keep")
    (name,) = scene.sandbox.instances(scene.sandbox.backup)

    assert done.code == 0
    assert "get-secret-value" in done.out
    assert f"sweep {name.removeprefix('restorecheck-')}" in done.out
    assert scene.run("sweep").code == 0
    assert name in scene.sandbox.instances(scene.sandbox.backup)
    assert scene.run("sweep", name.removeprefix("restorecheck-")).code == 0
    assert scene.leftovers() == []


def test_the_plan_lists_the_calls_in_order_and_makes_none(scene):
    before = len(scene.sandbox.calls)

    done = scene.run("drill", "--plan")

    assert done.code == 0
    assert len(scene.sandbox.calls) == before
    calls = [
        "sts:GetCallerIdentity",
        "rds:DescribeDBSnapshots in account 111111111111",
        "rds:CopyDBSnapshot in account 111111111111",
        "rds:ModifyDBSnapshotAttribute",
        "rds:CopyDBSnapshot in account 222222222222",
        "rds:RestoreDBInstanceFromDBSnapshot in account 222222222222",
        "rds:ModifyDBInstance",
        "deletes DB instance arn:aws:rds:eu-west-1:222222222222:db:restorecheck-",
        "rds:AddTagsToResource",
        "rds:DeleteDBSnapshot in account 222222222222",
    ]
    positions = [done.out.index(call) for call in calls]
    assert positions == sorted(positions)


def test_no_password_and_no_external_id_is_in_reports_history_or_output(scene):
    done = scene.drill()
    history = (scene.directory / "history.sqlite").read_bytes()

    for text in (done.out, done.err, history.decode(errors="replace")):
        assert scene.stage.land.external_id not in text
        assert "Production-Password" not in text
        assert '"password"' not in text


def test_the_assertion_on_promise_one_can_fail():
    touch = WireCall(
        service="rds",
        account_id="111111111111",
        region="eu-west-1",
        operation="ModifyDBInstance",
        parameters={"DBInstanceIdentifier": "courses-prod"},
        caller="role",
    )

    with pytest.raises(AssertionError):
        promise.assert_kept([touch])


def test_a_copy_that_is_kept_is_drilled_by_its_name_and_no_other_one_is_made(scene):
    scene.drill()
    before = scene.copies()

    done = scene.drill("--backup", before[0])

    assert (done.code, done.verdict) == (0, "verified"), done.reason
    assert done.report["backup"]["storage"].endswith(f":snapshot:{before[0]}")
    assert done.report["backup"]["chosen"]["by"] == "named"
    assert scene.copies() == before
    assert scene.leftovers() == []


def test_a_backup_by_chance_is_restored_and_the_report_says_of_how_many(scene):
    scene.drill()
    scene.keys["targets"][0]["select"] = "random"

    done = scene.drill()

    # The first snapshot of the sandbox may be drawn: it was taken before there was a table.
    assert done.report["restore"]["outcome"] == "succeeded", done.reason
    chosen = done.report["backup"]["chosen"]
    assert chosen["by"] == "random"
    assert chosen["of"] >= 1
    assert chosen["seed"].startswith(f"{scene.target} ")
    assert scene.leftovers() == []


def test_a_snapshot_is_new_once(scene):
    assert scene.drill("--when-new").verdict == "verified"
    again = scene.run("drill", "--when-new")
    assert again.code == 0
    scene.sandbox.take_automated_snapshot("courses-prod")
    assert scene.drill("--when-new").verdict == "verified"
