"""What the plan says of the price of an Aurora target."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from restorecheck.aws.aurora import prices
from restorecheck.aws.aurora.settings import AuroraRestoreSettings, AuroraSettings
from restorecheck.aws.session.settings import BackupSettings, Place, SourceSettings

HOUR = timedelta(hours=1)
SOURCE = Place("aws", "111111111111", "eu-west-1")
BACKUP = Place("aws", "222222222222", "eu-west-1")
SETTINGS = AuroraSettings(
    target="courses",
    db_cluster_identifier="courses",
    source=SourceSettings(place=SOURCE, role_arn="arn:r", external_id="x"),
    backup=BackupSettings(place=BACKUP, kms_key_id="arn:k", keep_copies=2),
    restore=AuroraRestoreSettings(
        db_instance_class="db.serverless",
        db_subnet_group_name="drills",
        vpc_security_group_ids=("sg-1",),
        min_acu=0.5,
        max_acu=8.0,
    ),
    max_age=26 * HOUR,
    deadline=HOUR,
)


def test_the_plan_says_what_full_copies_and_capacity_cost_and_of_when_the_prices_are():
    said = prices.sentence(SETTINGS)

    assert "2 full copies of each 100 GB 4.20 USD a month" in said
    assert "the instance 0.06 to 0.96 USD an hour" in said
    assert "about" in said
    assert f"{prices.LIST.read_on:%Y-%m-%d}" in said
    assert "transfer" not in said


def test_what_is_shared_has_no_copies_to_pay_for():
    said = prices.sentence(replace(SETTINGS, direct=True))

    assert "copies" not in said
    assert "transfer" not in said


def test_copies_into_another_region_are_paid_for_each_night():
    far = replace(SETTINGS.backup, place=replace(BACKUP, region="eu-central-1"))

    said = prices.sentence(replace(SETTINGS, backup=far))

    assert "their transfer to eu-central-1 2.00 USD a drill" in said


def test_an_instance_of_a_class_has_the_price_of_its_class():
    restore = replace(
        SETTINGS.restore, db_instance_class="db.r6g.large", min_acu=None, max_acu=None
    )

    assert "the hourly price of db.r6g.large" in prices.sentence(replace(SETTINGS, restore=restore))


@pytest.mark.parametrize("usage", [prices.BACKUP, prices.STORAGE, prices.CAPACITY, prices.TRANSFER])
def test_the_page_has_the_prices_of_the_table(usage):
    page = (Path(__file__).parents[3] / "docs/how-to/aurora.md").read_text()
    found = {float(amount) for amount in re.findall(r"([0-9.]+) USD", page)}

    assert prices.LIST.usd[usage] in found
    assert f"as of {prices.LIST.read_on:%Y-%m-%d}" in page
