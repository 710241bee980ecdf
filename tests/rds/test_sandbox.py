"""What the sandbox's RDS does and refuses, asked by an operator with plain boto3."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from restorecheck.sandbox import NEVER, Fault, FaultKind, Pace, Quotas, Sandbox
from restorecheck.sandbox.keys import admits
from restorecheck.simulated.passwords import ACTIVE
from tests.rds.conftest import PASSWORD

FAST = Pace(factor=1 / 4000, visible=0)
RESTORE = {
    "DBInstanceClass": "db.t4g.small",
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 0,
    "Tags": [{"Key": "made-by", "Value": "test"}],
}


class Room:
    """A sandbox of its own: two accounts, their RDS clients, and production."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.land = sandbox.prepare()
        self.source = sandbox.client("rds", sandbox.source)
        self.backup = sandbox.client("rds", sandbox.backup)
        self.production = sandbox.create_production(password=PASSWORD)
        self.automated = sandbox.take_automated_snapshot("courses-prod").identifier
        self.account = sandbox.backup.account_id

    def copied(self, name, **options):
        """A copy of the automated snapshot in the source account, by default with the transit key."""
        options = {"KmsKeyId": self.land.transit_kms_key_id} | options
        options = {key: value for key, value in options.items() if value is not None}
        self.source.copy_db_snapshot(
            SourceDBSnapshotIdentifier=self.automated, TargetDBSnapshotIdentifier=name, **options
        )
        self.until_snapshot(self.source, name)
        return f"arn:aws:rds:eu-west-1:111111111111:snapshot:{name}"

    def share(self, name, *accounts):
        self.source.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=list(accounts)
        )

    def shared(self, name, **options):
        arn = self.copied(name, **options)
        self.share(name, self.account)
        return arn

    def kept(self, name):
        """A copy of our own in the backup account."""
        self.backup.copy_db_snapshot(
            SourceDBSnapshotIdentifier=self.shared(f"for-{name}"),
            TargetDBSnapshotIdentifier=name,
            KmsKeyId=self.land.backup_kms_key_id,
        )
        self.until_snapshot(self.backup, name)
        return name

    def restored(self, name, snapshot, **options):
        self.backup.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **(RESTORE | options)
        )
        instance = self.sandbox.instance(self.sandbox.backup, name)
        self.sandbox.wait_until(lambda: instance.status == "available", name)
        return instance

    def until_snapshot(self, client, name):
        def available():
            found = client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
            return found[0]["Status"] == "available"

        self.sandbox.wait_until(available, name)

    def delete(self, name):
        self.backup.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        self.sandbox.wait_until(
            lambda: self.sandbox.instance(self.sandbox.backup, name) is None, f"{name} to go"
        )


@pytest.fixture(scope="module")
def room():
    with Sandbox(pace=FAST, quotas=Quotas(instances=4, copies_in_progress=3)) as sandbox:
        yield Room(sandbox)


def refused(code):
    return pytest.raises(ClientError, match=rf"\({code}\)")


def log_in(instance, user, password, database="courses", ca_bundle=None):
    return psycopg.connect(
        host="127.0.0.1",
        port=instance.server.port,
        user=user,
        password=password,
        dbname=database,
        sslmode="verify-full",
        sslrootcert=str(ca_bundle),
    )


def test_production_is_a_real_server_behind_tls(room):
    ca = room.sandbox.ca_bundle

    with log_in(room.production, "dbadmin", PASSWORD, ca_bundle=ca) as connection:
        row = connection.execute(
            "select current_user, (select rolsuper from pg_roles where rolname = current_user)"
        ).fetchone()

    assert row == ("dbadmin", False)
    with pytest.raises(psycopg.OperationalError):
        log_in(room.production, "dbadmin", PASSWORD, "rdsadmin", ca_bundle=ca)
    with pytest.raises(psycopg.OperationalError):
        log_in(room.production, "rdsadmin", "", ca_bundle=ca)


def test_a_restored_instance_holds_what_was_there_at_the_snapshot_and_is_independent(room):
    with room.sandbox.sql(room.production, "courses") as connection:
        connection.execute("create table early as select 1 as x")
    room.automated = room.sandbox.take_automated_snapshot("courses-prod").identifier
    with room.sandbox.sql(room.production, "courses") as connection:
        connection.execute("create table late as select 1 as x")

    instance = room.restored("independent", room.kept("independent-copy"))

    with room.sandbox.sql(instance, "courses") as connection:
        found = connection.execute("select to_regclass('early'), to_regclass('late')").fetchone()
        connection.execute("drop table early")
    assert found == ("early", None)
    with room.sandbox.sql(room.production, "courses") as connection:
        assert connection.execute("select count(*) from early").fetchone() == (1,)
    room.delete("independent")


def test_a_managed_password_is_real_and_production_s_is_refused_afterwards(room):
    instance = room.restored("managed", room.kept("managed-copy"))
    ca = room.sandbox.ca_bundle
    log_in(instance, "dbadmin", PASSWORD, ca_bundle=ca).close()

    answer = room.backup.modify_db_instance(
        DBInstanceIdentifier="managed", ManageMasterUserPassword=True, ApplyImmediately=True
    )
    assert answer["DBInstance"]["DBInstanceStatus"] == "available", "the race of the real thing"
    assert answer["DBInstance"]["PendingModifiedValues"]
    room.sandbox.wait_until(lambda: instance.secret_status == ACTIVE, "the secret")

    secrets = room.sandbox.client("secretsmanager", room.sandbox.backup)
    value = json.loads(secrets.get_secret_value(SecretId=instance.secret_arn)["SecretString"])
    log_in(instance, value["username"], value["password"], ca_bundle=ca).close()
    with pytest.raises(psycopg.OperationalError):
        log_in(instance, "dbadmin", PASSWORD, ca_bundle=ca)
    room.delete("managed")
    assert secrets.list_secrets()["SecretList"] == []


def test_what_is_not_said_at_a_restore_aws_chooses_and_chooses_dangerously(room):
    snapshot = room.kept("dangerous-copy")
    room.backup.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="dangerous", DBSnapshotIdentifier=snapshot
    )
    instance = room.sandbox.instance(room.sandbox.backup, "dangerous")
    room.sandbox.wait_until(lambda: instance.status == "available", "the instance")

    (found,) = room.backup.describe_db_instances(DBInstanceIdentifier="dangerous")["DBInstances"]
    assert found["DBInstanceClass"] == "db.r6g.4xlarge"
    assert found["PubliclyAccessible"] is True
    assert found["BackupRetentionPeriod"] == 7
    assert found["TagList"] == [{"Key": "env", "Value": "production"}]
    assert found["DeletionProtection"] is False
    room.delete("dangerous")


def test_automated_snapshots_cannot_be_shared_or_deleted(room):
    with refused("InvalidParameterValue"):
        room.share(room.automated, room.account)
    with refused("InvalidDBSnapshotState"):
        room.source.delete_db_snapshot(DBSnapshotIdentifier=room.automated)


def test_a_snapshot_with_the_default_key_cannot_be_shared(room):
    room.copied("default-key", KmsKeyId=None)

    with refused("InvalidParameterCombination"):
        room.share("default-key", room.account)


def test_an_encrypted_snapshot_cannot_be_public_and_twenty_accounts_are_the_most(room):
    room.copied("sharing")

    with refused("InvalidParameterValue"):
        room.share("sharing", "all")
    with refused("SharedSnapshotQuotaExceeded"):
        room.share("sharing", *(f"{n:012}" for n in range(21)))


def test_what_is_not_shared_does_not_exist_for_others(room):
    arn = room.copied("private")

    for call in (
        lambda: room.backup.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn,
            TargetDBSnapshotIdentifier="stolen",
            KmsKeyId=room.land.backup_kms_key_id,
        ),
        lambda: room.backup.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="stolen", DBSnapshotIdentifier=arn, **RESTORE
        ),
    ):
        with refused("DBSnapshotNotFound"):
            call()


def test_a_shared_snapshot_is_listed_by_its_arn_without_tags_and_cannot_be_deleted(room):
    arn = room.shared("listed", Tags=[{"Key": "a", "Value": "b"}])

    found = room.backup.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]

    (listed,) = [s for s in found if s["DBSnapshotArn"] == arn]
    assert (listed["DBSnapshotIdentifier"], listed["SnapshotType"]) == (arn, "shared")
    assert listed["TagList"] == []
    with refused("DBSnapshotNotFound"):
        room.backup.delete_db_snapshot(DBSnapshotIdentifier="listed")


def test_a_shared_and_encrypted_snapshot_is_copied_with_an_own_key_or_not_at_all(room):
    arn = room.shared("encrypted")

    with refused("InvalidDBSnapshotState"):
        room.backup.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="direct", DBSnapshotIdentifier=arn, **RESTORE
        )
    with refused("InvalidParameterCombination"):
        room.backup.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="keyless"
        )


def test_a_key_counts_only_as_far_as_its_policy_admits_the_caller(room):
    kms = room.sandbox.client("kms", room.sandbox.source)
    own = kms.create_key()["KeyMetadata"]["Arn"]
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Action": "kms:*",
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
                "Action": ["kms:Decrypt", "kms:DescribeKey"],
            },
        ]
    }
    without_grant = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]

    for name, key in {"own-key": own, "no-grant": without_grant}.items():
        arn = room.shared(name, KmsKeyId=key)
        with refused("KMSKeyNotAccessibleFault"):
            room.backup.copy_db_snapshot(
                SourceDBSnapshotIdentifier=arn,
                TargetDBSnapshotIdentifier=f"copy-{name}",
                KmsKeyId=room.land.backup_kms_key_id,
            )


@pytest.mark.parametrize("state", ["unknown", "disabled", "pending deletion"])
def test_a_key_that_cannot_be_used_is_refused(room, state):
    kms = room.sandbox.client("kms", room.sandbox.source)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    if state == "unknown":
        key = key[:-4] + "0000"
    elif state == "disabled":
        kms.disable_key(KeyId=key.rpartition("/")[2])
    else:
        kms.schedule_key_deletion(KeyId=key.rpartition("/")[2])

    with refused("KMSKeyNotAccessibleFault"):
        room.copied("unusable", KmsKeyId=key)


def test_a_deny_in_a_key_policy_outranks_every_allow():
    allow = {"Effect": "Allow", "Principal": "*", "Action": "kms:*"}
    deny = {"Effect": "Deny", "Principal": {"AWS": "222222222222"}, "Action": "kms:CreateGrant"}

    assert admits({"Statement": [allow]}, "222222222222", "kms:CreateGrant")
    assert not admits({"Statement": [allow, deny]}, "222222222222", "kms:CreateGrant")
    assert admits({"Statement": [allow, deny]}, "222222222222", "kms:Decrypt")


def test_deletions_that_aws_refuses(room, monkeypatch):
    snapshot = room.kept("deletions-copy")
    long_enough = 2 / FAST.factor  # to be called in the middle of it, by however slow a machine
    pace = replace(FAST, restore=long_enough, delete=long_enough)
    monkeypatch.setattr(room.sandbox.rds.state, "pace", pace)

    with refused("InvalidParameterCombination"):
        room.source.delete_db_instance(DBInstanceIdentifier="courses-prod", SkipFinalSnapshot=True)
    room.backup.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="short-lived", DBSnapshotIdentifier=snapshot, **RESTORE
    )
    with refused("InvalidDBInstanceState"):
        room.backup.delete_db_instance(DBInstanceIdentifier="short-lived", SkipFinalSnapshot=True)
    instance = room.sandbox.instance(room.sandbox.backup, "short-lived")
    room.sandbox.wait_until(lambda: instance.status == "available", "short-lived")
    for options in ({}, {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "final"}):
        with refused("InvalidParameterCombination"):
            room.backup.delete_db_instance(DBInstanceIdentifier="short-lived", **options)
    room.backup.delete_db_instance(DBInstanceIdentifier="short-lived", SkipFinalSnapshot=True)
    with refused("InvalidDBInstanceState"):
        room.backup.delete_db_instance(DBInstanceIdentifier="short-lived", SkipFinalSnapshot=True)
    room.sandbox.wait_until(
        lambda: room.sandbox.instance(room.sandbox.backup, "short-lived") is None, "it to go"
    )
    with refused("DBInstanceNotFound"):
        room.backup.delete_db_instance(DBInstanceIdentifier="short-lived", SkipFinalSnapshot=True)


def test_restores_that_aws_refuses(room):
    snapshot = room.kept("restores-copy")

    def restore(name="refused", **options):
        room.backup.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **(RESTORE | options)
        )

    with refused("InvalidParameterValue"):
        restore("bad--name")
    with refused("InvalidParameterValue"):
        restore(VpcSecurityGroupIds=["sg-00000000"])
    with refused("DBSubnetGroupNotFoundFault"):
        restore(DBSubnetGroupName="nowhere")
    with refused("DBParameterGroupNotFound"):
        restore(DBParameterGroupName="nothing")
    with refused("InvalidParameterCombination"):
        restore(ManageMasterUserPassword=True)
    with refused("InvalidParameterValue"):
        restore(Tags=[{"Key": "aws:mine", "Value": "x"}])
    with refused("DBSnapshotNotFound"):
        room.backup.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="refused", DBSnapshotIdentifier="nothing", **RESTORE
        )


def test_a_subnet_group_needs_two_zones(room):
    ec2 = room.sandbox.client("ec2", room.sandbox.backup)
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.30.0.0/24")["Subnet"]["SubnetId"]
    room.backup.create_db_subnet_group(
        DBSubnetGroupName="one-zone", DBSubnetGroupDescription="x", SubnetIds=[subnet]
    )

    with refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        room.backup.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="refused",
            DBSnapshotIdentifier=room.kept("zones-copy"),
            DBSubnetGroupName="one-zone",
            **RESTORE,
        )


def test_quotas_and_taken_names(room):
    snapshot = room.kept("quota-copy")
    with refused("DBSnapshotAlreadyExists"):
        room.backup.copy_db_snapshot(
            SourceDBSnapshotIdentifier=snapshot, TargetDBSnapshotIdentifier="quota-copy"
        )
    for n in range(4):
        room.restored(f"quota-{n}", snapshot)
    for name, code in {
        "quota-0": "DBInstanceAlreadyExists",
        "one-more": "InstanceQuotaExceeded",
    }.items():
        with refused(code):
            room.backup.restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **RESTORE
            )
    for n in range(4):
        room.delete(f"quota-{n}")

    for n in range(3):
        room.sandbox.next_copy("available", slower=NEVER)
        room.backup.copy_db_snapshot(
            SourceDBSnapshotIdentifier=snapshot, TargetDBSnapshotIdentifier=f"slow-{n}"
        )
    with refused("SnapshotQuotaExceeded"):
        room.backup.copy_db_snapshot(
            SourceDBSnapshotIdentifier=snapshot, TargetDBSnapshotIdentifier="slow-3"
        )
    for n in range(3):  # a copy of one's own snapshot is `creating`; it stays
        with refused("InvalidDBSnapshotState"):
            room.backup.delete_db_snapshot(DBSnapshotIdentifier=f"slow-{n}")


@pytest.mark.parametrize(
    "password", ["short", "with/slash", "with space", 'with"quote', "w@h-at1234"]
)
def test_passwords_that_rds_does_not_take(room, password):
    with refused("InvalidParameterValue"):
        room.source.modify_db_instance(
            DBInstanceIdentifier="courses-prod", MasterUserPassword=password
        )


def test_lists_come_in_pages_and_filters_work(room):
    paginator = room.source.get_paginator("describe_db_snapshots")
    for n in range(25):
        room.copied(f"page-{n}")

    pages = [*paginator.paginate(SnapshotType="manual", PaginationConfig={"PageSize": 20})]

    assert len(pages) >= 2
    assert len(pages[0]["DBSnapshots"]) == 20
    filters = [{"Name": "db-instance-id", "Values": ["courses-prod", "other"]}]
    found = room.source.describe_db_instances(Filters=filters)["DBInstances"]
    assert [i["DBInstanceIdentifier"] for i in found] == ["courses-prod"]
    with refused("InvalidParameterValue"):
        room.source.describe_db_snapshots(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_a_snapshot_in_progress_has_no_create_time(room):
    snapshot = room.sandbox.take_automated_snapshot("courses-prod", wait=False)
    (found,) = room.source.describe_db_snapshots(
        DBSnapshotIdentifier=snapshot.identifier, SnapshotType="automated"
    )["DBSnapshots"]

    assert found["Status"] in {"creating", "available"}
    assert ("SnapshotCreateTime" in found) == (found["Status"] == "available")


def test_automated_snapshots_die_with_their_instance(room):
    instance = room.sandbox.create_production("doomed", password=PASSWORD, DeletionProtection=False)
    room.sandbox.take_automated_snapshot("doomed")
    room.source.delete_db_instance(DBInstanceIdentifier="doomed", SkipFinalSnapshot=True)
    room.sandbox.wait_until(
        lambda: room.sandbox.instance(room.sandbox.source, "doomed") is None, "it to go"
    )

    left = room.source.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"]

    assert [s for s in left if s["DBInstanceIdentifier"] == "doomed"] == []
    assert not instance.server.running


def test_a_role_is_assumed_only_with_its_external_id(room):
    sts = room.sandbox.client("sts", room.sandbox.backup)
    options = {"RoleArn": room.land.role_arn, "RoleSessionName": "test"}

    for wrong in ({}, {"ExternalId": "guess"}):
        with refused("AccessDenied"):
            sts.assume_role(**options, **wrong)
    with refused("AccessDenied"):
        sts.assume_role(
            RoleArn="arn:aws:iam::111111111111:role/none",
            RoleSessionName="test",
            ExternalId=room.land.external_id,
        )
    found = sts.assume_role(**options, ExternalId=room.land.external_id)
    assert found["Credentials"]["AccessKeyId"].startswith("ASIA")


def once(room, patience=60.0):
    """A client that tries once, and waits so many seconds for the answer."""
    once_only = Config(retries={"total_max_attempts": 1}, read_timeout=patience)
    account = room.sandbox.backup
    made = boto3.session.Session(
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        region_name="eu-west-1",
    )
    return made.client("rds", endpoint_url=room.sandbox.endpoint_url, config=once_only)


def test_faults_answer_cut_and_hang_as_asked_and_as_often(room):
    client = once(room)
    room.sandbox.faults.add(Fault(operation="DescribeDBInstances", code="Throttling", skip=1))
    client.describe_db_instances()
    with refused("Throttling"):
        client.describe_db_instances()
    client.describe_db_instances()

    room.sandbox.faults.add(Fault(operation="*", kind=FaultKind.RESET))
    with pytest.raises(ConnectionClosedError):
        client.describe_db_instances()
    room.sandbox.faults.add(Fault(operation="*", kind=FaultKind.HANG, seconds=1.0))
    with pytest.raises(ReadTimeoutError):
        once(room, patience=0.3).describe_db_instances()


def test_a_call_whose_answer_is_lost_took_effect(room):
    fault = Fault(operation="CopyDBSnapshot", code="InternalFailure", status=500, after_effect=True)
    room.sandbox.faults.add(fault)

    with refused("DBSnapshotAlreadyExists"):  # boto3 tries again by itself
        room.copied("lost-answer")

    assert "lost-answer" in room.sandbox.snapshots(room.sandbox.source)


def test_the_snapshot_of_another_day_can_be_had(room):
    snapshot = room.sandbox.take_automated_snapshot("courses-prod", age=timedelta(hours=40))

    assert snapshot.identifier.startswith("rds:courses-prod-")
    (found,) = room.source.describe_db_snapshots(
        DBSnapshotIdentifier=snapshot.identifier, SnapshotType="automated"
    )["DBSnapshots"]
    assert found["OriginalSnapshotCreateTime"] == found["SnapshotDatabaseTime"]


NEXT = """
from restorecheck.sandbox import Sandbox
with Sandbox():
    pass
"""
KILLED = """
import os, signal, sys
from restorecheck.sandbox import Pace, Sandbox
with Sandbox(pace=Pace(factor=1 / 4000)) as sandbox:
    production = sandbox.create_production(password="Production-Password-1")
    print(production.server.places.data, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_python(text):
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_killed_sandbox_leaves_no_server_running_and_the_next_one_clears_its_files_away():
    done = run_python(KILLED)
    data = done.stdout.strip()
    assert data, done.stderr

    _, alive = psutil.wait_procs(working_in(data), timeout=10)

    assert alive == []
    assert Path(data).exists()
    assert run_python(NEXT).returncode == 0
    assert not Path(data).exists()


def working_in(place):
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(place):
                found.append(process)
    return found


@pytest.mark.parametrize(("kind", "most"), [("user", 2048), ("group", 5120), ("role", 10_240)])
def test_policies_of_a_user_a_group_and_a_role_have_limits(room, kind, most):
    """White space is not counted."""
    iam = room.sandbox.client("iam", room.sandbox.backup)
    key, name = f"{kind.capitalize()}Name", f"long-{kind}"
    trust = {"AssumeRolePolicyDocument": "{}"} if kind == "role" else {}
    getattr(iam, f"create_{kind}")(**{key: name}, **trust)

    def put(length):
        start, end = '{"Version": "2012-10-17", "Statement": [{"Sid": "', '"}]}'
        text = start + "x" * (length - len("".join((start + end).split()))) + end
        given = {key: name, "PolicyName": "p", "PolicyDocument": text}
        return getattr(iam, f"put_{kind}_policy")(**given)

    with refused("LimitExceeded"):
        put(most + 1)
