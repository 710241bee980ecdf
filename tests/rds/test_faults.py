"""Whatever AWS does: the right verdict, the right exit code, one clear reason, nothing left."""

import json
import os

import pytest

from restorecheck.sandbox import NEVER, Fault, FaultKind
from restorecheck.sandbox.certificates import Authority
from tests import failures
from tests.rds.conftest import PASSWORD, age

WRITES = (
    ("CopyDBSnapshot", "111111111111"),
    ("ModifyDBSnapshotAttribute", "111111111111"),
    ("CopyDBSnapshot", "222222222222"),
    ("RestoreDBInstanceFromDBSnapshot", "222222222222"),
    ("ModifyDBInstance", "222222222222"),
    ("DeleteDBInstance", "222222222222"),
    ("AddTagsToResource", "222222222222"),
)
READS = (
    ("DescribeDBSnapshots", "111111111111"),
    ("DescribeDBSnapshotAttributes", "111111111111"),
    ("DescribeDBSnapshots", "222222222222"),
    ("DescribeDBInstances", "222222222222"),
    ("DescribeEvents", "222222222222"),
)
DECISIVE = (*WRITES[:5], READS[0], READS[3])


def expect(done, code, verdict, *words):
    assert (done.code, done.verdict) == (code, verdict), done.reason
    said = f"{done.reason} {done.report['hint']}"
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "operations",
    [WRITES[:3], WRITES[3:], READS],
    ids=["on the way", "in the backup account", "looks"],
)
@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("InternalFailure", 500)])
def test_a_passing_fault_of_every_call_changes_no_verdict(scene, operations, code, status):
    for operation, account in operations:
        scene.sandbox.faults.add(
            Fault(operation=operation, account_id=account, code=code, status=status)
        )

    done = scene.drill()

    failures.expect("aws: passing fault", done.code, done.report)
    assert scene.leftovers() == []


@pytest.mark.parametrize(
    ("operation", "account", "kind"),
    [(*write, FaultKind.ERROR) for write in WRITES]
    + [(*WRITES[2], FaultKind.RESET), (*WRITES[3], FaultKind.RESET)],
)
def test_a_call_whose_answer_is_lost_is_done_once(scene, operation, account, kind):
    scene.sandbox.faults.add(
        Fault(
            operation=operation,
            account_id=account,
            kind=kind,
            code="InternalFailure",
            status=500,
            after_effect=True,
        )
    )

    done = scene.drill()

    failures.expect("aws: answer lost", done.code, done.report)
    assert scene.leftovers() == []
    assert len(scene.copies()) == len(scene.staging_copies()) == 1


@pytest.mark.parametrize(("operation", "account"), DECISIVE)
def test_a_missing_permission_is_inconclusive_and_named(scene, operation, account):
    denied = "is not authorized to perform this"
    scene.sandbox.faults.add(
        Fault(
            operation=operation,
            account_id=account,
            code="AccessDenied",
            message=denied,
            status=403,
            times=None,
        )
    )

    done = scene.drill()
    scene.sandbox.faults.clear()

    expect(
        done, done.code, "inconclusive", denied, "AccessDenied", "docs/reference/aws-permissions"
    )
    assert done.code == (4 if done.report["teardown"]["left"] else 3)
    assert scene.run("sweep").code == 0
    assert scene.leftovers() == []


def test_what_cannot_be_deleted_is_named_outranks_the_verdict_and_is_swept_later(scene):
    scene.sandbox.faults.add(
        Fault(operation="DeleteDBInstance", code="AccessDenied", status=403, times=None)
    )

    done = scene.drill()

    failures.expect("aws: cannot delete", done.code, done.report)
    (left,) = done.report["teardown"]["left"]
    assert left["identifier"].endswith(f":db:restorecheck-{done.report['drill_id']}")
    assert left["account"] == "222222222222"
    scene.sandbox.faults.clear()
    assert scene.run("sweep").code == 0
    assert scene.leftovers() == []


@pytest.mark.parametrize("status", ["incompatible-restore", "restore-error", "failed"])
def test_a_snapshot_that_rds_cannot_restore_fails_the_drill(scene, status):
    for _ in range(2):
        scene.sandbox.next_restore(status, event="The restore failed: no such luck")

    done = scene.drill()

    failures.expect("aws: restore fails", done.code, done.report)
    expect(
        done,
        1,
        "failed",
        f"RDS could not restore the snapshot: the status of the DB instance is {status}",
    )
    assert "no such luck" in str(done.report["evidence"])
    assert scene.leftovers() == []


@pytest.mark.parametrize(
    "status",
    [
        "storage-full",
        "insufficient-capacity",
        "incompatible-network",
        "incompatible-parameters",
        "inaccessible-encryption-credentials",
    ],
)
def test_an_instance_that_does_not_come_up_for_our_own_reasons_is_inconclusive(scene, status):
    scene.sandbox.next_restore(status)

    done = scene.drill()

    failures.expect("aws: our instance", done.code, done.report)
    expect(done, 3, "inconclusive", f"cannot become available: its status is {status}")
    assert done.report["hint"]
    assert scene.leftovers() == []


def test_an_instance_that_is_created_for_ever_runs_into_the_deadline_and_is_deleted(scene):
    scene.keys["targets"][0]["deadline_minutes"] = 0.1
    scene.sandbox.next_restore("available", slower=NEVER)

    done = scene.drill()

    failures.expect("aws: created for ever", done.code, done.report)
    expect(done, 3, "inconclusive", "step 'restore'", "last seen: creating")
    assert scene.leftovers() == []


def test_a_status_that_unknown_cause_is_waited_for_until_the_deadline(scene):
    scene.keys["targets"][0]["deadline_minutes"] = 0.1
    scene.sandbox.next_restore("dreaming")

    done = scene.drill()

    expect(done, 3, "inconclusive", "last seen: dreaming (unknown)")
    assert scene.leftovers() == []


def test_a_slow_copy_is_waited_for(scene):
    scene.sandbox.next_copy("available", slower=5)
    scene.sandbox.next_copy("available", slower=5)

    expect(scene.drill(), 0, "verified")


def test_a_copy_that_fails_says_nothing_about_the_backup(scene):
    scene.sandbox.next_copy("available")
    scene.sandbox.next_copy("failed")

    done = scene.drill()

    failures.expect("aws: copy fails", done.code, done.report)
    expect(done, 3, "inconclusive", "the copy restorecheck-", "is failed")
    assert scene.leftovers() == []


def test_a_password_that_rds_cannot_change_is_inconclusive(scene):
    scene.sandbox.next_password("failed")

    done = scene.drill()

    failures.expect("aws: password", done.code, done.report)
    expect(done, 3, "inconclusive", "RDS could not change the master password")
    assert "Unable to reset your password" in str(done.report["evidence"])
    assert scene.leftovers() == []


def test_corrupt_data_behind_a_restored_instance_fails_the_drill(scene):
    production = scene.sandbox.instance(scene.sandbox.source, "courses-prod")
    with scene.sandbox.sql(production, "courses") as connection:
        (path,) = connection.execute("select pg_relation_filepath('answers')").fetchone()

    def damage(data):
        with (data / path).open("r+b") as file:
            file.seek(8192 * 3 + 200)
            file.write(b"\xde\xad\xbe\xef" * 64)

    scene.sandbox.corrupt_next_restore(damage)

    done = scene.drill()

    failures.expect("aws: corrupt data", done.code, done.report)
    expect(done, 1, "failed", "invalid page")
    assert scene.leftovers() == []


def test_data_files_that_no_server_starts_over_fail_the_drill(scene):
    for _ in range(2):
        scene.sandbox.corrupt_next_restore(
            lambda data: (data / "global/pg_control").write_bytes(b"")
        )

    done = scene.drill()

    expect(done, 1, "failed", "the status of the DB instance is restore-error")
    assert scene.leftovers() == []


@pytest.mark.parametrize("code", ["InstanceQuotaExceeded", "InsufficientDBInstanceCapacity"])
def test_missing_room_is_waited_for(scene, code):
    scene.sandbox.faults.add(Fault(operation="RestoreDBInstanceFromDBSnapshot", code=code, times=3))

    expect(scene.drill(), 0, "verified")


def test_room_that_never_comes_is_inconclusive_and_says_what_was_missing(scene):
    scene.keys["targets"][0]["deadline_minutes"] = 0.1
    fault = Fault(
        operation="RestoreDBInstanceFromDBSnapshot", code="InstanceQuotaExceeded", times=None
    )
    scene.sandbox.faults.add(fault)

    done = scene.drill()

    failures.expect("aws: no room", done.code, done.report)
    expect(done, 3, "inconclusive", "InstanceQuotaExceeded")
    assert scene.leftovers() == []


def rds_calls(sandbox, since, account):
    return [c for c in sandbox.calls[since:] if (c.service, c.account_id) == ("rds", account)]


def test_credentials_of_another_account_end_the_drill_before_the_first_rds_call(scene):
    backup = scene.rds["backup"]
    backup["account_id"] = "333333333333"
    backup["kms_key_id"] = backup["kms_key_id"].replace("222222222222", "333333333333")
    before = len(scene.sandbox.calls)

    done = scene.drill()

    failures.expect("aws: wrong account", done.code, done.report)
    expect(
        done,
        3,
        "inconclusive",
        "could not enter account 333333333333",
        "belong to account 222222222222",
    )
    for account in ("111111111111", "222222222222"):
        assert rds_calls(scene.sandbox, before, account) == []


def test_a_wrong_external_id_ends_the_drill_before_the_first_rds_call(scene):
    scene.rds["source"]["external_id"] = "not-this-one"
    before = len(scene.sandbox.calls)

    done = scene.drill()

    expect(done, 3, "inconclusive", "not authorized to perform: sts:AssumeRole")
    assert "not-this-one" not in done.out + done.err
    for account in ("111111111111", "222222222222"):
        assert rds_calls(scene.sandbox, before, account) == []


def other_production(scene, name, **parameters):
    parameters = {"DeletionProtection": False} | parameters
    instance = scene.sandbox.create_production(name, password=PASSWORD, **parameters)
    with scene.sandbox.sql(instance, "courses") as connection:
        connection.execute(
            "create table answers as select generate_series(1, 5000) as id; "
            "alter table answers owner to dbadmin"
        )
    if int(instance.settings["BackupRetentionPeriod"]):
        scene.sandbox.take_automated_snapshot(name)
    scene.rds["db_instance_identifier"] = name
    return instance


def forget_snapshots(scene, name):
    """As RDS does when its retention has passed."""
    sandbox = scene.sandbox
    region = sandbox.rds.state.region(sandbox.source.account_id, sandbox.region)
    for key in [key for key, s in region.snapshots.items() if s.instance == name]:
        del region.snapshots[key]


def test_a_stale_snapshot_fails_the_drill_with_both_times(scene):
    other_production(scene, "stale-prod")
    forget_snapshots(scene, "stale-prod")
    scene.sandbox.take_automated_snapshot("stale-prod", age=age(30))

    done = scene.drill()

    failures.expect("aws: stale", done.code, done.report)
    expect(
        done,
        1,
        "failed",
        "the backup is stale",
        "30.0 hours before this drill",
        "max_age_hours allows 26.0",
    )
    assert done.report["backup"]["age_seconds"] == pytest.approx(30 * 3600, abs=60)
    assert scene.copies() == []


def test_no_automated_snapshot_at_all_fails_the_drill_and_says_why(scene):
    other_production(scene, "unsaved-prod", BackupRetentionPeriod=0)

    done = scene.drill()

    failures.expect("aws: no snapshot", done.code, done.report)
    expect(
        done,
        1,
        "failed",
        "no finished automated snapshot",
        "set its backup retention to more than 0 days",
    )


def test_a_database_that_is_gone_fails_the_drill(scene):
    scene.rds["db_instance_identifier"] = "never-was"

    expect(
        scene.drill(),
        1,
        "failed",
        "no finished automated snapshot",
        "does not exist in the source account",
    )


def test_a_snapshot_in_progress_is_not_waited_for(scene):
    other_production(scene, "busy-prod")
    finished = scene.sandbox.take_automated_snapshot("busy-prod")
    newer = scene.sandbox.take_automated_snapshot("busy-prod")
    newer.status = "creating"

    done = scene.drill()

    expect(done, 0, "verified")
    assert done.report["backup"]["identifier"] == finished.arn
    assert "is being created; this drill did not wait for it" in str(done.report["notes"])


def test_the_default_key_without_a_transit_key_is_refused_with_the_way_out(scene):
    del scene.rds["source"]["transit_kms_key_id"]

    done = scene.drill()

    expect(done, 3, "inconclusive", "default key of RDS", "source.transit_kms_key_id")
    assert scene.staging_copies() == []


def test_an_own_key_of_production_needs_no_transit_key_when_it_admits_the_backup_account(scene):
    del scene.rds["source"]["transit_kms_key_id"]
    other_production(scene, "own-key-prod", KmsKeyId=scene.stage.land.transit_kms_key_id)

    expect(scene.drill(), 0, "verified")


def test_an_unencrypted_production_is_encrypted_on_the_way(scene):
    other_production(scene, "plain-prod", StorageEncrypted=False)

    done = scene.drill()

    expect(done, 0, "verified")
    (staging,) = scene.staging_copies()
    copy = scene.sandbox.snapshots(scene.sandbox.source)[staging]
    assert copy.kms_key_id == scene.stage.land.transit_kms_key_id


def test_a_transit_key_that_does_not_admit_the_backup_account_is_explained(scene):
    kms = scene.sandbox.client("kms", scene.sandbox.source)
    scene.rds["source"]["transit_kms_key_id"] = kms.create_key()["KeyMetadata"]["Arn"]

    done = scene.drill()

    expect(done, 3, "inconclusive", "KMSKeyNotAccessibleFault", "CreateGrant")
    assert scene.leftovers() == []


def test_a_disabled_backup_key_is_explained(scene):
    kms = scene.sandbox.client("kms", scene.sandbox.backup)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=key.rpartition("/")[2])
    scene.rds["backup"]["kms_key_id"] = key

    done = scene.drill()

    expect(done, 3, "inconclusive", "KMSKeyNotAccessibleFault", "must be enabled")
    assert scene.leftovers() == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("db_subnet_group_name", "nowhere", "correct restore.db_subnet_group_name"),
        ("db_parameter_group_name", "nothing", "correct restore.db_parameter_group_name"),
        ("vpc_security_group_ids", ["sg-00000000"], "Invalid security group"),
    ],
)
def test_a_group_that_is_not_there_is_named(scene, key, value, said):
    scene.rds["restore"][key] = value

    done = scene.drill()

    expect(done, 3, "inconclusive", said)
    assert scene.leftovers() == []


def test_certificates_of_somebody_else_end_the_check_and_nothing_is_verified(scene, tmp_path):
    stranger = tmp_path / "other.pem"
    Authority().write_bundle(stranger)
    scene.keys["aws"]["ca_bundle"] = str(stranger)

    done = scene.drill()

    expect(done, 3, "inconclusive", "certificate was not accepted", "aws.ca_bundle")
    assert scene.leftovers() == []


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_bundle_that_cannot_be_used_is_a_problem_of_the_configuration(scene, tmp_path, text):
    bundle = tmp_path / "bundle.pem"
    if text is not None:
        bundle.write_text(text)
    scene.keys["aws"]["ca_bundle"] = str(bundle)
    before = len(scene.sandbox.calls)

    done = scene.run("drill")

    assert done.code == 2
    assert "curl -o rds-global-bundle.pem" in done.err
    assert len(scene.sandbox.calls) == before


def test_a_plain_endpoint_is_refused_unless_the_configuration_says_sandbox(scene):
    scene.keys["sandbox"] = False
    before = len(scene.sandbox.calls)

    done = scene.run("drill")

    assert done.code == 2
    assert "does not use https" in done.err
    assert len(scene.sandbox.calls) == before


def test_with_sandbox_real_aws_is_never_called(scene, monkeypatch):
    for key in [key for key in os.environ if key.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(key)

    done = scene.run("drill")

    assert done.code == 2
    assert "only AWS endpoints on this machine" in done.err


def test_without_credentials_nothing_is_begun(scene, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    done = scene.drill()

    expect(done, 3, "inconclusive", "no usable AWS credentials", "AWS_PROFILE")


def test_an_old_standby_and_old_copies_of_other_targets_are_left_alone(scene):
    sandbox = scene.sandbox
    theirs = [n for n in sandbox.snapshots(sandbox.backup) if n not in scene.copies()]

    expect(scene.drill(), 0, "verified")

    assert [n for n in theirs if n not in sandbox.snapshots(sandbox.backup)] == []


def test_a_report_of_a_failed_drill_is_json_of_the_published_schema(scene):
    for _ in range(2):
        scene.sandbox.next_restore("restore-error")

    report = json.loads(scene.drill().out)

    assert report["restore"]["outcome"] == "failed"
    assert report["copies"]["kept"]
