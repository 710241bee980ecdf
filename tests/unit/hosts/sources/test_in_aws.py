"""From the keys of a target in AWS to what the AWS room is told, and who reaches what."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.aws.session.settings import (
    After,
    BackupSettings,
    Credentials,
    Place,
    RdsSettings,
    RestoreSettings,
    SourceSettings,
)
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.hosts.sources import rds
from restorecheck.hosts.sources.drill_settings import teardown_limit_of
from restorecheck.hosts.sources.in_aws import accounts_of
from restorecheck.hosts.sources.targets import Unconfigured
from restorecheck.model import Resource
from restorecheck.testing import World
from tests.factories import SERVER, drill

KEY = "arn:aws:kms:eu-central-1:222222222222:key/"
ROLE = "arn:aws:iam::111111111111:role/restorecheck-source"
TARGET: dict[str, Any] = {
    "name": "courses",
    "deadline_minutes": 90,
    "databases": ["courses", "grades"],
    "rds": {
        "db_instance_identifier": "courses-prod",
        "region": "eu-west-1",
        "source": {
            "account_id": "111111111111",
            "role_arn": ROLE,
            "external_id": "external",
            "transit_kms_key_id": "arn:aws:kms:eu-west-1:111111111111:key/t",
        },
        "backup": {
            "account_id": "222222222222",
            "region": "eu-central-1",
            "kms_key_id": f"{KEY}b",
            "keep_copies": 3,
        },
        "restore": {
            "db_instance_class": "db.t4g.medium",
            "db_subnet_group_name": "drills",
            "vpc_security_group_ids": ["sg-0a1b2c3d", "sg-1b2c3d4e"],
            "db_parameter_group_name": "drills",
            "engine_lifecycle_support": "open-source-rds-extended-support-disabled",
            "credentials": "managed-secret",
            "master_user_secret_kms_key_id": f"{KEY}m",
        },
        "after": "stop",
        "max_age_hours": 20,
    },
}
SETTINGS = RdsSettings(
    target="courses",
    db_instance_identifier="courses-prod",
    source=SourceSettings(
        place=Place("aws", "111111111111", "eu-west-1"),
        role_arn=ROLE,
        external_id="external",
        transit_kms_key_id="arn:aws:kms:eu-west-1:111111111111:key/t",
    ),
    backup=BackupSettings(
        place=Place("aws", "222222222222", "eu-central-1"), kms_key_id=f"{KEY}b", keep_copies=3
    ),
    restore=RestoreSettings(
        db_instance_class="db.t4g.medium",
        db_subnet_group_name="drills",
        vpc_security_group_ids=("sg-0a1b2c3d", "sg-1b2c3d4e"),
        db_parameter_group_name="drills",
        engine_lifecycle_support="open-source-rds-extended-support-disabled",
        credentials=Credentials.MANAGED_SECRET,
        master_user_secret_kms_key_id=f"{KEY}m",
        after=After.STOP,
    ),
    max_age=timedelta(hours=20),
    deadline=timedelta(minutes=90),
    poll=timedelta(seconds=7),
    databases=("courses", "grades"),
)


def parsed(*targets, tiers=None, **runner):
    keys = {
        "version": 1,
        "aws": {"ca_bundle": "b.pem", "poll_interval_seconds": 7},
        "targets": list(targets),
        "runner": runner,
        "tiers": tiers or {},
    }
    text = yaml.safe_dump(keys)
    return configuration.parse(text, file="c.yaml", directory=Path("/etc/rc"), environment={})


def provider(**changes: Any):
    world = World()
    accounts = accounts_of(parsed(TARGET), world)
    settings = replace(SETTINGS, **changes)
    return RdsProvider(settings=settings, accounts=accounts, clock=world)


def test_every_key_of_a_target_reaches_the_room_that_uses_it():
    config = parsed(TARGET)

    assert rds.settings_of(config, config.targets[0]) == SETTINGS


def test_a_user_of_iam_reaches_it_too():
    restore = {**TARGET["rds"]["restore"], "credentials": "iam", "iam_user": "checker"}
    del restore["master_user_secret_kms_key_id"]
    config = parsed({**TARGET, "rds": {**TARGET["rds"], "restore": restore}})

    settings = rds.settings_of(config, config.targets[0])

    assert (settings.restore.credentials, settings.restore.iam_user) == (Credentials.IAM, "checker")


def test_what_is_made_in_aws_has_time_to_go():
    config = parsed(TARGET)

    assert teardown_limit_of(config, config.targets[0]) == timedelta(seconds=360 * 7)


def elsewhere(settings: Any, **changes: str):
    return replace(settings, place=replace(settings.place, **changes))


@pytest.mark.parametrize(
    "other",
    [
        {"source": elsewhere(SETTINGS.source, account_id="333333333333")},
        {"source": elsewhere(SETTINGS.source, region="eu-north-1")},
        {"backup": elsewhere(SETTINGS.backup, account_id="444444444444")},
        {"backup": elsewhere(SETTINGS.backup, region="eu-north-1")},
    ],
)
def test_every_pair_of_accounts_and_regions_is_looked_at_once(other):
    providers = [provider(), provider(target="grades"), provider(**other)]

    looked_at = [found.settings for found in rds.for_each_pair(providers)]
    assert [(s.source.place, s.backup.place) for s in looked_at] == [
        (p.settings.source.place, p.settings.backup.place) for p in (providers[1], providers[2])
    ]


SHARE = Resource(
    kind="snapshot share",
    identifier="arn:aws:rds:eu-west-1:111111111111:snapshot:restorecheck-d-1",
    account="111111111111",
)
INSTANCE = Resource(
    kind="DB instance",
    identifier="arn:aws:rds:eu-central-1:222222222222:db:restorecheck-d-1",
    account="222222222222",
)


def test_a_drill_without_a_target_is_torn_down_by_who_reaches_all_of_its_accounts():
    elsewhere_ = provider(backup=elsewhere(SETTINGS.backup, account_id="444444444444"))
    left = drill(ledger=(SHARE, INSTANCE))

    assert rds.reaching(left, [elsewhere_]) is None
    found = rds.reaching(left, [elsewhere_, provider()])
    assert found is not None
    assert found.settings.backup.place.account_id == "222222222222"
    assert rds.reaching(drill(ledger=(SERVER,)), [provider()]) is None


def test_what_nobody_reaches_any_more_is_not_called_gone():
    forgotten = Unconfigured(None)

    answer = forgotten.delete(INSTANCE, World().now())

    assert type(answer).__name__ == "StillThere"
    assert type(forgotten.ensure(drill(), drill().plan[0])).__name__ == "Unclear"
