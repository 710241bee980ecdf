"""Getting into a restored instance: what is asked for, when it is believed, and what is never said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.aws.session import naming
from restorecheck.aws.session.settings import Credentials, RestoreSettings
from restorecheck.aws.session.views import EventView, InstanceView, SnapshotView
from restorecheck.aws.snapshots import credentials, instances
from restorecheck.aws.snapshots.evidence import log_of
from restorecheck.aws.snapshots.instances import DB_INSTANCE
from restorecheck.errors import ProviderError
from restorecheck.lifecycle import Broken, Gone, InProgress, Ready, StillThere, Unclear
from tests.factories import ENDPOINT, NOW, restored
from tests.unit.hosts.sources.test_in_aws import KEY, SETTINGS

NAME = "restorecheck-d-1"
MARK = {naming.MANAGED: "true", naming.DRILL: "d-1"}
HIDDEN = "hunter2-hunter2"
VIEW = InstanceView(
    identifier=NAME,
    arn=SETTINGS.backup.place.arn("db", NAME),
    status="available",
    resource_id=ENDPOINT.identity,
    host="h",
    port=5432,
    master_username="dbadmin",
    tags=MARK,
)


class Board:
    """A bulletin that shows the same for ever."""

    def __init__(self, shown):
        self.shown = shown

    def latest(self, **_):
        return self.shown

    def fresh(self):
        return self.shown


class Account:
    """The backup account, with one instance in it; remembers what it was asked to change."""

    place = SETTINGS.backup.place

    def __init__(self, view=VIEW, events=(), secret=None):
        self.instances = Board({view.identifier: view})
        self.events = Board({event.instance: (event,) for event in events})
        self.secret = secret or {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def rds(self):
        return self

    def secrets(self):
        return self

    def modify_db_instance(self, **given):
        self.asked.append(("modify", given))

    def describe_secret(self, SecretId):  # noqa: N803  # boto3's name
        return {"Name": SecretId, **self.secret}

    def get_secret_value(self, SecretId):  # noqa: N803  # as above
        return {"Name": SecretId, **self.secret}

    def delete_secret(self, **given):
        self.asked.append(("delete", given))

    def describe_db_log_files(self, **_):
        files = [("error/new.log", 3), ("error/old.log", 1), ("error/middle.log", 2)]
        return {"DescribeDBLogFiles": [{"LogFileName": n, "LastWritten": at} for n, at in files]}

    def download_db_log_file_portion(self, **given):
        self.asked.append(("read", given))
        return {"LogFileData": "LOG:  database system is shut down\n"}


def settings(credentials: Credentials, **changes: Any):
    restore: RestoreSettings = replace(SETTINGS.restore, credentials=credentials, **changes)
    return replace(SETTINGS, restore=restore)


def take_over(how: Credentials, account: Any, outputs=None, **changes: Any):
    drill = restored().evolve(outputs=outputs or {})
    return credentials.take_over(settings(how, **changes), account, drill, DB_INSTANCE)


def seen(times: int):
    return {credentials.REQUESTED: ENDPOINT.identity, credentials.SEEN: str(times)}


def managed(status: str) -> InstanceView:
    return replace(VIEW, secret_arn="arn:s", secret_status=status)  # noqa: S106  # a name


MANAGED = managed("active")
BY_TOKEN = replace(VIEW, iam_authentication=True)


@pytest.mark.parametrize(
    ("how", "view"), [(Credentials.MANAGED_SECRET, MANAGED), (Credentials.IAM, BY_TOKEN)]
)
def test_credentials_are_believed_after_two_looks_in_a_row(how, view):
    first = take_over(how, Account(view))
    assert isinstance(first, InProgress)

    assert isinstance(take_over(how, Account(view), first.outputs), Ready)


@pytest.mark.parametrize(
    ("how", "view"),
    [
        (Credentials.MANAGED_SECRET, managed("creating")),
        (Credentials.MANAGED_SECRET, managed("rotating")),
        (Credentials.MANAGED_SECRET, replace(MANAGED, pending=("MasterUserPassword",))),
        (Credentials.MANAGED_SECRET, replace(MANAGED, status="resetting-master-credentials")),
        (Credentials.IAM, VIEW),
        (Credentials.RESET, replace(VIEW, status="resetting-master-credentials")),
    ],
)
def test_a_look_that_is_not_good_makes_the_looks_begin_anew(how, view):
    event = take_over(how, Account(view), seen(6))

    assert isinstance(event, InProgress)
    assert event.outputs == {credentials.SEEN: "0"}


@pytest.mark.parametrize(
    ("message", "looks"),
    [
        ("Reset master credentials", credentials.POSITIVE_LOOKS),
        ("DB instance created", credentials.UNCONFIRMED_LOOKS),
        ("", credentials.UNCONFIRMED_LOOKS),
    ],
)
def test_a_password_of_which_no_event_says_that_it_is_set_is_looked_at_for_longer(message, looks):
    news = [EventView(at=NOW, instance=NAME, message=message)] if message else []
    account = Account(VIEW, news)

    early = take_over(Credentials.RESET, account, seen(looks - 2))
    assert isinstance(early, InProgress)
    assert isinstance(take_over(Credentials.RESET, account, seen(looks - 1)), Ready)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("incompatible-credentials", Unclear), ("storage-full", Unclear), ("restore-error", Broken)],
)
def test_an_instance_that_breaks_while_its_password_is_changed_is_not_waited_for(status, kind):
    view = replace(MANAGED, status=status)

    assert isinstance(take_over(Credentials.MANAGED_SECRET, Account(view), seen(1)), kind)


def test_who_has_no_secret_logs_in_with_a_token_for_its_own_address():
    class Signing(Account):
        def log_in_token(self, host, port, user):
            return f"token for {user} at {host}:{port}"

    account: Any = Signing()

    assert credentials.Passwords(account).of(ENDPOINT) == "token for u at h:5432"


def test_a_secret_that_rds_cannot_manage_is_no_reason_to_wait():
    event = take_over(Credentials.MANAGED_SECRET, Account(managed("impaired")))

    assert isinstance(event, Unclear)


@pytest.mark.parametrize(("instance", "kind"), [(NAME, Unclear), ("restorecheck-d-2", Ready)])
def test_bad_news_counts_for_the_instance_that_it_is_of(instance, kind):
    news = EventView(at=NOW, instance=instance, message="Unable to reset your password.")

    event = take_over(Credentials.MANAGED_SECRET, Account(MANAGED, [news]), seen(1))

    assert isinstance(event, kind)


@pytest.mark.parametrize(
    ("key", "given"), [(f"{KEY}m", {"MasterUserSecretKmsKeyId": f"{KEY}m"}), (None, {})]
)
def test_the_key_of_the_managed_secret_is_the_configured_one(key, given):
    account = Account()

    take_over(Credentials.MANAGED_SECRET, account, master_user_secret_kms_key_id=key)

    assert account.asked == [
        (
            "modify",
            {
                "DBInstanceIdentifier": NAME,
                "ApplyImmediately": True,
                "ManageMasterUserPassword": True,
                **given,
            },
        )
    ]


@pytest.mark.parametrize("text", [HIDDEN, f'["{HIDDEN}"]', f'{{"pass": "{HIDDEN}"}}', "7"])
def test_a_secret_that_holds_something_else_is_never_quoted(text):
    account: Any = Account(secret={"SecretString": text})

    with pytest.raises(ProviderError) as caught:
        credentials.read_password(account, replace(ENDPOINT, secret="s"))  # noqa: S106  # a name

    assert HIDDEN not in f"{caught.value!r} {caught.value.message} {caught.value.hint}"
    assert caught.value.__cause__ is None


def delete_secret(account: Any, *, after: timedelta):
    return credentials.delete_secret(
        SETTINGS,
        account,
        credentials.secret_resource(SETTINGS, "d-1"),
        made_until=NOW,
        now=NOW + after,
    )


def test_a_secret_that_is_on_its_way_out_is_not_deleted_again():
    account = Account(secret={"DeletedDate": NOW, "Tags": naming.as_list(MARK)})

    assert isinstance(delete_secret(account, after=timedelta(0)), StillThere)
    assert isinstance(delete_secret(account, after=SETTINGS.settling), Gone)
    assert account.asked == []


def test_a_secret_of_ours_goes_at_once():
    account = Account(secret={"Tags": naming.as_list(MARK)})

    assert isinstance(delete_secret(account, after=timedelta(0)), Gone)
    assert account.asked == [("delete", {"SecretId": NAME, "ForceDeleteWithoutRecovery": True})]


# --- the instance


def restoring(*, keep=False, **copied: Any):
    copy = SnapshotView(
        identifier=NAME, arn="a", status="available", type="manual", instance="i", **copied
    )
    return instances.parameters(SETTINGS, copy, restored().evolve(keep=keep), NAME)


def test_nothing_of_a_restore_is_left_to_aws():
    given = restoring(storage_type="gp3")

    tags = naming.as_dict(given.pop("Tags"))
    assert given == {
        "DBInstanceIdentifier": NAME,
        "DBSnapshotIdentifier": NAME,
        "DBInstanceClass": "db.t4g.medium",
        "DBSubnetGroupName": "drills",
        "VpcSecurityGroupIds": ["sg-0a1b2c3d", "sg-1b2c3d4e"],
        "DBParameterGroupName": "drills",
        "PubliclyAccessible": False,
        "MultiAZ": False,
        "DeletionProtection": False,
        "BackupRetentionPeriod": 0,
        "AutoMinorVersionUpgrade": False,
        "CopyTagsToSnapshot": False,
        "DedicatedLogVolume": False,
        "EnableIAMDatabaseAuthentication": False,
        "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "StorageType": "gp3",
    }
    assert tags.pop(naming.EXPIRES)
    assert tags == {**MARK, naming.TARGET: "courses", naming.ROLE: naming.INSTANCE}


def test_what_is_kept_on_request_says_so():
    assert naming.as_dict(restoring(keep=True)["Tags"])[naming.KEPT] == "true"


@pytest.mark.parametrize(
    ("copied", "given"),
    [
        ({"storage_type": "standard"}, {"StorageType": "gp3"}),
        ({"storage_type": "io1", "iops": 3000}, {"StorageType": "io1", "Iops": 3000}),
        ({"storage_type": "gp2", "iops": 300}, {"StorageType": "gp2"}),
        ({}, {}),
    ],
)
def test_the_storage_is_that_of_the_snapshot_but_for_what_rds_no_longer_restores(copied, given):
    found = restoring(**copied)

    assert {key: found[key] for key in ("StorageType", "Iops") if key in found} == given


def test_the_newest_of_the_logs_is_read():
    account: Any = Account()

    assert [o.text for o in log_of(account, NAME)] == ["LOG:  database system is shut down"]
    assert [given["LogFileName"] for _, given in account.asked] == ["error/new.log"]
