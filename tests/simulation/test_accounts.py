"""The two accounts as the provider enters them: by which role, in which region, behind which fence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from restorecheck.aws.session import call_guard
from restorecheck.aws.session.accounts import Accounts
from restorecheck.aws.session.settings import Place
from restorecheck.errors import AccessDeniedError, ConfigError
from restorecheck.testing.cloud import BACKUP_ACCOUNT, REGION
from tests.simulation.stage import POLL, Host, SimulatedAccounts, Stage

OURS = "restorecheck-20260226-031500-000000"
HERE = Place("aws", BACKUP_ACCOUNT, REGION)

IN_SOURCE = [
    ("rds", "delete_db_instance", {"DBInstanceIdentifier": OURS, "SkipFinalSnapshot": True}),
    ("rds", "modify_db_instance", {"DBInstanceIdentifier": OURS}),
    ("rds", "stop_db_instance", {"DBInstanceIdentifier": OURS}),
    ("rds", "delete_db_snapshot", {"DBSnapshotIdentifier": "rds:courses-prod-2026-02-26"}),
    ("rds", "add_tags_to_resource", {"ResourceName": f"arn:aws:rds:x:1:db:{OURS}", "Tags": []}),
    ("secretsmanager", "create_secret", {"Name": OURS}),
]
IN_BACKUP = [
    ("rds", "delete_db_instance", {"DBInstanceIdentifier": "theirs", "SkipFinalSnapshot": True}),
    ("rds", "delete_db_snapshot", {"DBSnapshotIdentifier": "theirs"}),
    ("rds", "reboot_db_instance", {"DBInstanceIdentifier": OURS}),
    ("rds", "modify_db_snapshot_attribute", {"DBSnapshotIdentifier": OURS, "AttributeName": "a"}),
    ("secretsmanager", "delete_secret", {"SecretId": "production/password"}),
    ("secretsmanager", "put_secret_value", {"SecretId": OURS, "SecretString": "x"}),
    ("kms", "schedule_key_deletion", {"KeyId": "k"}),
]
ANYWHERE_OF_OTHERS = [
    ("rds", "delete_db_instance", {"DBInstanceIdentifier": OURS, "SkipFinalSnapshot": True}),
    ("rds", "modify_db_instance", {"DBInstanceIdentifier": OURS}),
    ("rds", "delete_db_snapshot", {"DBSnapshotIdentifier": OURS}),
    ("secretsmanager", "delete_secret", {"SecretId": OURS}),
]
WHILE_LOOKING = [
    *ANYWHERE_OF_OTHERS,
    (
        "rds",
        "copy_db_snapshot",
        {"SourceDBSnapshotIdentifier": OURS, "TargetDBSnapshotIdentifier": OURS},
    ),
    ("secretsmanager", "get_secret_value", {"SecretId": OURS}),
]


@pytest.fixture
def stage():
    return Stage()


@pytest.fixture
def accounts(stage):
    return SimulatedAccounts(stage, "restorecheck/1")


def entered(stage, accounts, which):
    settings = stage.settings()
    match which:
        case "source":
            return accounts.source(settings.source)
        case "backup":
            return accounts.backup(settings.backup)
        case "adopted":
            return accounts.adopted(HERE)
        case "adopted clusters":
            return accounts.adopted(HERE, clusters=True)
        case _:
            return accounts.looked_at(settings.source.place, settings.source)


@pytest.mark.parametrize(
    ("which", "service", "method", "params"),
    [
        *(("source", *call) for call in IN_SOURCE),
        *(("backup", *call) for call in IN_BACKUP),
        *(("adopted", *call) for call in ANYWHERE_OF_OTHERS),
        *(("adopted clusters", *call) for call in ANYWHERE_OF_OTHERS[1:]),
        ("adopted clusters", "rds", "delete_db_instance", {"DBInstanceIdentifier": "theirs"}),
        *(("looked at", *call) for call in WHILE_LOOKING),
    ],
)
def test_every_account_has_its_own_fence_before_every_service(
    stage, accounts, which, service, method, params
):
    client = entered(stage, accounts, which).client(service)
    calls = len(stage.cloud.calls)

    with pytest.raises(AccessDeniedError, match="not made") as caught:
        getattr(client, method)(**params)

    assert caught.value.code == "Fence"
    assert len(stage.cloud.calls) == calls


def test_the_fence_hangs_where_botocore_asks():
    """Events have the hyphenated id of a service, which is not what its endpoint is called."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106  # of nobody
    working: Any = session.client("secretsmanager", region_name=REGION)
    looking: Any = session.client("secretsmanager", region_name=REGION)
    call_guard.put_up(working.meta, call_guard.BACKUP_WRITES)
    call_guard.allow_reads_only(looking.meta)

    with pytest.raises(AccessDeniedError, match="not made"):
        working.delete_secret(SecretId="production/password")
    with pytest.raises(AccessDeniedError, match="not made"):
        looking.get_secret_value(SecretId="production/password")


def test_an_account_is_opened_once_for_each_role_and_region(stage, accounts):
    source, backup = stage.settings().source, stage.settings().backup
    elsewhere = Place("aws", source.place.account_id, "eu-central-1")
    others = [
        replace(source, role_arn=f"{source.role_arn}-2"),
        replace(source, external_id="another"),
        replace(source, place=elsewhere),
    ]
    opened: Any = SimulatedAccounts(stage, "restorecheck/1")
    opened._assumed = lambda settings: opened._session(settings.place.account_id)

    assert opened.source(source) is opened.source(replace(source, transit_kms_key_id=None))
    assert len({id(opened.source(each)) for each in (source, *others)}) == 4
    assert accounts.backup(backup) is accounts.backup(replace(backup, keep_copies=9))
    far = replace(backup, place=Place("aws", BACKUP_ACCOUNT, "eu-central-1"))
    assert accounts.backup(far) is not accounts.backup(backup)
    assert accounts.adopted(backup.place) is not accounts.backup(backup)
    assert accounts.looked_at(backup.place) is not accounts.backup(backup)


@pytest.mark.parametrize("place", [HERE, replace(HERE, region="eu-central-1")], ids=str)
def test_calls_go_to_the_region_of_their_account(stage, accounts, place):
    backup = replace(stage.settings().backup, place=place)

    accounts.backup(backup).rds().describe_db_instances()

    assert stage.cloud.calls[-1].region == place.region


def test_an_account_that_is_not_the_pinned_one_is_refused_each_time(stage, accounts):
    other = replace(stage.settings().backup, place=replace(HERE, account_id="333333333333"))
    account = accounts.backup(other)

    for _ in range(2):
        with pytest.raises(AccessDeniedError, match="restorecheck did nothing"):
            account.rds()

    assert {call.service for call in stage.cloud.calls} == {"sts"}


def test_every_event_of_an_instance_is_seen_however_many_there_are(stage):
    host = Host(stage)
    host.drive(host.start(keep=True))
    stage.world.pass_time(timedelta(hours=3))
    account = host.provider.backup_account()

    (name,) = stage.cloud.backup.instances
    seen = account.events.fresh()[name]

    assert len(seen) > 1, "the cloud tells of more than one thing"
    assert [event.message for event in seen] == [
        event.message for event in sorted(seen, key=lambda event: event.at)
    ]


def become_nobody(monkeypatch, **environment):
    """With credentials that are at hand, and open nothing."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in {**keys, **environment}.items():
        monkeypatch.setenv(name, value)


def test_the_role_is_not_assumed_at_an_endpoint_that_is_not_tls(monkeypatch, stage):
    """The credentials of the backup account would be readable, whatever the other calls do."""
    become_nobody(monkeypatch, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9")
    accounts = Accounts(clock=stage.world, tick=POLL)
    session: Any = accounts._assumed(stage.settings().source)

    with pytest.raises(ConfigError, match="does not use https"):
        session.get_credentials().get_frozen_credentials()


@pytest.mark.parametrize("service", ["STS", "RDS", "KMS", "SECRETS_MANAGER"])
def test_no_service_is_called_at_an_endpoint_that_is_not_tls(monkeypatch, stage, service):
    become_nobody(monkeypatch, **{f"AWS_ENDPOINT_URL_{service}": "http://127.0.0.1:9"})
    account = Accounts(clock=stage.world, tick=POLL).backup(stage.settings().backup)

    with pytest.raises(ConfigError, match="does not use https"):
        account.check_endpoints()
