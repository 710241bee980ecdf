"""The pure parts of the AWS room, and the fence before its wire."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.aws.session import call_guard, naming
from restorecheck.aws.session.accounts import refuse_forbidden_endpoint
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.settings import Place, parse_arn
from restorecheck.aws.session.translation import attempting, is_throttled
from restorecheck.aws.session.views import (
    INSTANCE_STATUSES,
    SNAPSHOT_STATUSES,
    StatusMeaning,
    instance_view,
    snapshot_view,
)
from restorecheck.aws.snapshots import copies, evidence
from restorecheck.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    CapacityError,
    ConfigError,
    InvalidStateError,
    NotFoundError,
    ProviderError,
    TransientError,
)
from restorecheck.testing import World

SOURCE = Place("aws", "111111111111", "eu-west-1")


def answer(code: str, status: int = 400, message: str = "because") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "7f1a"},
    }
    return ClientError(response, "CopyDBSnapshot")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("Throttling", 400, TransientError),
        ("ThrottlingException", 400, TransientError),
        ("RequestLimitExceeded", 503, TransientError),
        ("InternalFailure", 500, TransientError),
        ("ServiceUnavailable", 503, TransientError),
        ("SomethingNew", 500, TransientError),
        ("SomethingNew", 502, TransientError),
        ("KMSInternalException", 500, TransientError),
        ("InstanceQuotaExceeded", 400, CapacityError),
        ("SnapshotQuotaExceeded", 400, CapacityError),
        ("StorageQuotaExceeded", 400, CapacityError),
        ("InsufficientDBInstanceCapacity", 400, CapacityError),
        ("AccessDenied", 403, AccessDeniedError),
        ("KMSKeyNotAccessibleFault", 400, AccessDeniedError),
        ("KMSAccessDeniedException", 400, AccessDeniedError),
        ("ExpiredToken", 403, AccessDeniedError),
        ("ExpiredTokenException", 400, AccessDeniedError),
        ("UnrecognizedClientException", 400, AccessDeniedError),
        ("DBSnapshotNotFound", 404, NotFoundError),
        ("DBInstanceNotFoundFault", 404, NotFoundError),
        ("ResourceNotFoundException", 400, NotFoundError),
        ("DBSubnetGroupNotFoundFault", 404, NotFoundError),
        ("DBSnapshotAlreadyExists", 400, AlreadyExistsError),
        ("ResourceExistsException", 400, AlreadyExistsError),
        ("InvalidDBInstanceState", 400, InvalidStateError),
        ("InvalidDBSnapshotStateFault", 400, InvalidStateError),
        ("InvalidParameterCombination", 400, ProviderError),
        ("NobodyKnows", 400, ProviderError),
    ],
)
def test_each_answer_of_aws_becomes_one_of_our_errors(code, status, kind):
    with pytest.raises(ProviderError) as caught, attempting("copy snapshot a to b", "a"):
        raise answer(code, status)

    assert type(caught.value) is kind
    assert caught.value.message == f"could not copy snapshot a to b: because ({code}, request 7f1a)"
    assert (caught.value.code, caught.value.resource) == (code, "a")
    assert caught.value.operation == "CopyDBSnapshot"


@pytest.mark.parametrize(
    ("code", "throttled"),
    [
        ("Throttling", True),
        ("ThrottlingException", True),
        ("ThrottledException", True),
        ("RequestThrottled", True),
        ("RequestThrottledException", True),
        ("RequestLimitExceeded", True),
        ("BandwidthLimitExceeded", True),
        ("PriorRequestNotComplete", True),
        ("SlowDown", True),
        ("TooManyRequestsException", True),
        ("InternalFailure", False),
        ("ServiceUnavailable", False),
        ("RequestTimeout", False),
    ],
)
def test_throttling_is_told_apart_from_other_passing_faults(code, throttled):
    with pytest.raises(TransientError) as caught, attempting("look"):
        raise answer(code)

    assert is_throttled(caught.value) is throttled


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (EndpointConnectionError(endpoint_url="https://rds"), TransientError),
        (ConnectTimeoutError(endpoint_url="https://rds"), TransientError),
        (ResponseParserError("<html>hunter2</html>"), TransientError),
        (NoCredentialsError(), AccessDeniedError),
        (ParamValidationError(report="Invalid type: 'hunter2'"), ProviderError),
    ],
)
def test_errors_of_the_library_are_named_and_never_quoted(raised, kind):
    with pytest.raises(ProviderError) as caught, attempting("look"):
        raise raised

    assert type(caught.value) is kind
    assert type(raised).__name__ in f"{caught.value.message} {caught.value.code}"
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("DeleteDBInstance", {"DBInstanceIdentifier": "restorecheck-1"}),
        ("ModifyDBInstance", {"DBInstanceIdentifier": "restorecheck-1"}),
        ("RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": "restorecheck-1"}),
        ("DeleteDBSnapshot", {"DBSnapshotIdentifier": "rds:courses-prod-2026-02-26"}),
        ("ModifyDBSnapshotAttribute", {"DBSnapshotIdentifier": "nightly"}),
        ("CopyDBSnapshot", {"TargetDBSnapshotIdentifier": "mine"}),
        ("CopyDBSnapshot", {}),
        ("StartExportTask", {}),
        ("RebootDBInstance", {"DBInstanceIdentifier": "courses-prod"}),
    ],
)
def test_the_source_account_is_never_written_to_but_for_our_own_snapshots(operation, params):
    with pytest.raises(AccessDeniedError, match="was not made"):
        call_guard.refuse_strangers(operation, params, call_guard.SOURCE_WRITES)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("DeleteDBInstance", {"DBInstanceIdentifier": "courses-prod"}),
        ("StopDBInstance", {"DBInstanceIdentifier": "someone-elses"}),
        ("ModifyDBSnapshotAttribute", {"DBSnapshotIdentifier": "restorecheck-1"}),
        (
            "AddTagsToResource",
            {"ResourceName": "arn:aws:rds:eu-west-1:222222222222:db:not-restorecheck-1"},
        ),
        (
            "RestoreDBInstanceFromDBSnapshot",
            {"DBInstanceIdentifier": "restorecheck-1", "DBSnapshotIdentifier": "theirs"},
        ),
        (
            "RestoreDBInstanceFromDBSnapshot",
            {"DBInstanceIdentifier": "theirs", "DBSnapshotIdentifier": "restorecheck-1"},
        ),
        ("CopyDBSnapshot", {"TargetDBSnapshotIdentifier": "theirs"}),
        ("DeleteDBSnapshot", {"DBSnapshotIdentifier": "theirs"}),
        ("ModifyDBInstance", {"DBInstanceIdentifier": "courses-prod"}),
        ("CreateSecret", {"Name": "production/password"}),
        ("DeleteSecret", {"SecretId": "production/password"}),
    ],
)
def test_in_the_backup_account_only_what_carries_our_name_is_written_to(operation, params):
    with pytest.raises(AccessDeniedError, match="was not made"):
        call_guard.refuse_strangers(operation, params, call_guard.BACKUP_WRITES)


CLUSTER = {
    "DBClusterIdentifier": "restorecheck-1",
    "SnapshotIdentifier": "arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:restorecheck-1",
    "BackupRetentionPeriod": 1,
    "DeletionProtection": False,
}
MEMBER = {
    "DBInstanceIdentifier": "restorecheck-1",
    "DBClusterIdentifier": "restorecheck-1",
    "PubliclyAccessible": False,
}


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"PubliclyAccessible": True}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"EnableInternetAccessGateway": True}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"EnableVPCNetworking": False}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"DeletionProtection": True}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"BackupRetentionPeriod": 14}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"AssociatedRoles": []}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"DBClusterIdentifier": "prod"}),
        ("RestoreDBClusterFromSnapshot", CLUSTER | {"SnapshotIdentifier": "rds:prod-2026"}),
        ("RestoreDBClusterFromSnapshot", {k: v for k, v in CLUSTER.items() if "Back" not in k}),
        ("CreateDBInstance", MEMBER | {"PubliclyAccessible": True}),
        ("CreateDBInstance", {k: v for k, v in MEMBER.items() if k != "PubliclyAccessible"}),
        ("CreateDBInstance", {k: v for k, v in MEMBER.items() if k != "DBClusterIdentifier"}),
        ("CreateDBInstance", MEMBER | {"DBClusterIdentifier": "prod"}),
        ("CreateDBInstance", MEMBER | {"MonitoringRoleArn": "arn:aws:iam::1:role/x"}),
        ("ModifyDBCluster", {"DBClusterIdentifier": "restorecheck-1", "DeletionProtection": True}),
        ("ModifyDBCluster", {"DBClusterIdentifier": "restorecheck-1", "EnableHttpEndpoint": True}),
        ("DeleteDBCluster", {"DBClusterIdentifier": "prod"}),
        ("StopDBCluster", {"DBClusterIdentifier": "prod"}),
        ("CreateDBCluster", {"DBClusterIdentifier": "restorecheck-1"}),
        ("RestoreDBClusterToPointInTime", {"DBClusterIdentifier": "restorecheck-1"}),
    ],
)
def test_a_cluster_is_restored_private_unprotected_and_without_rights(operation, params):
    with pytest.raises(AccessDeniedError, match="was not made"):
        call_guard.refuse_strangers(operation, params, call_guard.BACKUP_WRITES)


def test_a_cluster_as_drills_ask_for_it_passes_the_fence():
    for operation, params in (
        ("RestoreDBClusterFromSnapshot", CLUSTER),
        ("CreateDBInstance", MEMBER),
        ("ModifyDBCluster", {"DBClusterIdentifier": "restorecheck-1"}),
    ):
        call_guard.refuse_strangers(operation, params, call_guard.BACKUP_WRITES)


def test_our_own_things_and_reads_pass_the_fence():
    ours = "arn:aws:rds:eu-west-1:222222222222:snapshot:restorecheck-1"

    call_guard.refuse_strangers("DescribeDBInstances", {}, call_guard.SOURCE_WRITES)
    call_guard.refuse_strangers(
        "AddTagsToResource", {"ResourceName": ours}, call_guard.BACKUP_WRITES
    )
    call_guard.refuse_strangers(
        "CopyDBSnapshot",
        {
            "SourceDBSnapshotIdentifier": "rds:courses-prod-2026",
            "TargetDBSnapshotIdentifier": "restorecheck-1",
        },
        call_guard.SOURCE_WRITES,
    )


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:rds:eu-west-1:111111111111:snapshot:rds:courses-prod-2026-02-26-03-15",
        "arn:aws-us-gov:rds:us-gov-west-1:111111111111:db:restorecheck-1",
    ],
)
def test_arns_are_taken_apart_and_put_together_again(arn):
    assert str(parse_arn(arn)) == arn


def test_an_automated_snapshots_name_keeps_its_colon():
    parsed = parse_arn("arn:aws:rds:eu-west-1:111111111111:snapshot:rds:courses-1")

    assert parsed.name == "rds:courses-1"
    assert parsed.place == SOURCE


@pytest.mark.parametrize("text", ["", "restorecheck-1", "arn:aws:s3:::bucket"])
def test_what_is_no_arn_is_refused(text):
    with pytest.raises(ProviderError):
        parse_arn(text)


@given(st.dictionaries(st.sampled_from([naming.TARGET, naming.DRILL]), st.text(max_size=400)))
def test_every_text_becomes_a_tag_that_aws_takes(tags):
    for tag in naming.as_list(tags):
        assert len(tag["Value"]) <= 256
        assert not naming._FOREIGN.search(tag["Value"])


def test_every_text_of_a_tag_survives_the_way_there_and_back():
    tags = naming.common_tags(
        drill_id="20260226-031500-a1b2c3",
        target="courses-rds",
        role=naming.COPY,
        expires_at=datetime(2026, 2, 26, 9, tzinfo=UTC),
    )

    back = naming.as_dict(naming.as_list(tags))

    assert back == tags
    assert naming.moment_in(back, naming.EXPIRES) == datetime(2026, 2, 26, 9, tzinfo=UTC)


def test_one_look_serves_everybody_for_a_tick():
    world = World()
    looks: list[datetime] = []

    def look() -> dict[str, int]:
        looks.append(world.now())
        return {"looks": len(looks)}

    bulletin = DescribeCache(look, world, timedelta(seconds=30))

    for _ in range(200):
        bulletin.latest()
    assert len(looks) == 1
    world.pass_time(timedelta(seconds=30))
    for _ in range(200):
        bulletin.latest()
    assert len(looks) == 2


def test_a_look_that_is_too_old_for_the_question_is_taken_again():
    world = World()
    looks: list[datetime] = []

    def look() -> dict[str, int]:
        looks.append(world.now())
        return {}

    bulletin = DescribeCache(look, world, timedelta(seconds=30))
    bulletin.latest()
    world.pass_time(timedelta(seconds=1))

    bulletin.latest(not_before=world.now())
    bulletin.latest(not_before=world.now())

    assert len(looks) == 2


def test_a_look_is_as_old_as_its_beginning_and_one_that_failed_is_none():
    world = World()
    trouble: list[Exception] = []

    def look() -> dict[str, datetime]:
        world.pass_time(timedelta(seconds=10))
        if trouble:
            raise trouble.pop()
        return {"looked at": world.now()}

    bulletin = DescribeCache(look, world, timedelta(seconds=30))
    first = bulletin.latest()
    assert bulletin.latest(not_before=world.now() - timedelta(seconds=5)) != first, (
        "what happened while the look was taken may be missing in it"
    )

    world.pass_time(timedelta(seconds=30))
    trouble.append(TransientError("reset"))
    with pytest.raises(TransientError):
        bulletin.latest()
    asked_at = world.now()
    assert bulletin.latest()["looked at"] > asked_at


def test_a_status_that_unknown_cause_is_waited_for():
    view = instance_view({"DBInstanceIdentifier": "i", "DBInstanceStatus": "dreaming"})

    assert view.progress is StatusMeaning.UNKNOWN
    assert not view.ready


def test_available_is_not_ready_while_something_is_still_being_changed():
    raw: dict[str, Any] = {
        "DBInstanceIdentifier": "i",
        "DBInstanceStatus": "available",
        "Endpoint": {"Address": "h", "Port": 5432},
    }
    assert instance_view(raw).ready

    changing: list[dict[str, Any]] = [
        {"PendingModifiedValues": {"MasterUserPassword": "****"}},
        {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "adding"}]},
        {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "removing"}]},
        {"DBParameterGroups": [{"DBParameterGroupName": "p", "ParameterApplyStatus": "applying"}]},
        {"Endpoint": None},
    ]
    for change in changing:
        assert not instance_view(raw | change).ready


def test_the_statuses_that_botocore_waits_on_for_ever_are_ends_here():
    forgotten = {
        "incompatible-network",
        "incompatible-create",
        "restore-error",
        "insufficient-capacity",
        "storage-full",
        "inaccessible-encryption-credentials",
        "stopped",
    }

    waited_for = {StatusMeaning.READY, StatusMeaning.UNDER_WAY}
    assert not [name for name in forgotten if INSTANCE_STATUSES[name] in waited_for]


def test_only_these_statuses_blame_the_backup_and_only_these_are_ready():
    def of(statuses, progress):
        return {name for name, meaning in statuses.items() if meaning is progress}

    blamed = {"failed", "incompatible-restore", "restore-error"}
    assert of(INSTANCE_STATUSES, StatusMeaning.BAD_BACKUP) == blamed
    ready = {"available", "storage-optimization", "storage-initialization"}
    assert of(INSTANCE_STATUSES, StatusMeaning.READY) == ready
    assert of(SNAPSHOT_STATUSES, StatusMeaning.BAD_BACKUP) == set()
    assert of(SNAPSHOT_STATUSES, StatusMeaning.READY) == {"available"}
    assert of(SNAPSHOT_STATUSES, StatusMeaning.UNDER_WAY) == {"copying", "creating", "pending"}


def test_a_snapshot_is_as_old_as_its_data_and_sorted_by_when_its_original_was_begun():
    """A copy has a time of its own, which says nothing of what is in it."""
    begun, copied = datetime(2026, 2, 26, 3, tzinfo=UTC), datetime(2026, 2, 27, 3, tzinfo=UTC)
    data = begun - timedelta(hours=5)
    view = snapshot_view(
        {
            "DBSnapshotIdentifier": "s",
            "DBSnapshotArn": "arn:aws:rds:eu-west-1:111111111111:snapshot:s",
            "OriginalSnapshotCreateTime": begun,
            "SnapshotCreateTime": copied,
            "SnapshotDatabaseTime": data,
        }
    )

    assert view.taken_at == begun
    assert copies._backup_of(view).taken_at == data
    assert copies._backup_of(replace(view, database_time=None)).taken_at == begun


def test_the_last_lines_of_a_servers_log_are_kept():
    log = "".join(f"LOG:  server process (PID {n}) exited with exit code 1\n" for n in range(99))

    lines = evidence.safe_lines(f"{log}LOG:  database system is shut down\n")

    assert len(lines) == evidence.MOST_LINES
    assert lines[-1] == "LOG:  database system is shut down"


def test_lines_of_a_servers_log_that_may_carry_rows_are_left_out():
    log = """
2026-02-26 03:15:00 UTC::@:[1]:LOG:  database system was interrupted; last known up at 2026-02-26
2026-02-26 03:15:00 UTC::@:[1]:LOG:  redo starts at 0/1500028
2026-02-26 03:15:01 UTC:10.0.0.7(4711):dbadmin@courses:[9]:ERROR:  invalid page in block 7 of relation "base/16384/16385"
2026-02-26 03:15:01 UTC:10.0.0.7(4711):dbadmin@courses:[9]:ERROR:  duplicate key value violates unique constraint "users_email"
2026-02-26 03:15:01 UTC::@:[9]:LOG:  database system is ada@example.org
2026-02-26 03:15:01 UTC::@:[9]:LOG:  server process (PID ada) exited with exit code 1
2026-02-26 03:15:01 UTC::@:[9]:ERROR:  could not open file "ada@example.org": No such file or directory
2026-02-26 03:15:01 UTC::@:[9]:ERROR:  invalid page in block 4111 of relation base/4111/4111
2026-02-26 03:15:01 UTC:10.0.0.7(4711):dbadmin@courses:[9]:DETAIL:  Key (email)=(ada@example.org) already exists.
2026-02-26 03:15:01 UTC:10.0.0.7(4711):dbadmin@courses:[9]:STATEMENT:  insert into users values ('ada@example.org')
"""

    lines = evidence.safe_lines(log)

    assert len(lines) == 4
    assert "ada" not in str(lines)
    assert "4111" not in str(lines)
    assert 'ERROR:  invalid page in block \u2026 of relation "\u2026"' in lines


@pytest.mark.parametrize(
    ("url", "sandbox"),
    [
        ("http://rds.eu-west-1.amazonaws.com", False),
        ("http://127.0.0.1:5000", False),
        ("https://rds.eu-west-1.amazonaws.com", True),
        ("http://10.0.0.7:5000", True),
        ("http://localhost.example.org:5000", True),
    ],
)
def test_real_aws_and_the_sandbox_are_never_taken_for_one_another(url, sandbox):
    with pytest.raises(ConfigError):
        refuse_forbidden_endpoint(url, sandbox=sandbox)


@pytest.mark.parametrize(
    ("url", "sandbox"),
    [
        ("https://rds.eu-west-1.amazonaws.com", False),
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000", True),
        ("http://localhost:5000", True),
    ],
)
def test_the_right_endpoint_is_taken(url, sandbox):
    refuse_forbidden_endpoint(url, sandbox=sandbox)


EXPIRY = datetime(2026, 2, 27, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "now", "expired"),
    [
        (EXPIRY.isoformat(), EXPIRY, False),
        (EXPIRY.isoformat(), EXPIRY + timedelta(seconds=1), True),
        (EXPIRY.isoformat(), EXPIRY - timedelta(days=1), False),
        (EXPIRY.replace(tzinfo=None).isoformat(), EXPIRY - timedelta(days=1), True),
        ("soon", EXPIRY, True),
        (None, EXPIRY, True),
    ],
)
def test_a_thing_belongs_to_a_drill_until_its_tag_says_otherwise(tag, now, expired):
    """A tag that says nothing, or says it without a zone, is not one of ours."""
    tags = {} if tag is None else {naming.EXPIRES: tag}
    view = replace(snapshot_view({"DBSnapshotIdentifier": "s", "DBSnapshotArn": "arn"}), tags=tags)

    assert copies.is_expired(view, now) is expired
