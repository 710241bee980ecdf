"""Which snapshot of production a drill is about: RDS's own, or one that AWS Backup manages."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from restorecheck.aws.session.views import SnapshotView
from restorecheck.aws.snapshots.copies import Copying
from restorecheck.errors import TransientError
from restorecheck.lifecycle import Broken, InProgress, Ready, Unclear
from restorecheck.model import StepRecord
from restorecheck.testing import World
from tests.factories import HOUR, NOW, drill
from tests.unit.aws.snapshots.test_credentials import Board
from tests.unit.hosts.sources.test_in_aws import SETTINGS as WIRED

PRODUCTION = "courses-prod"
SETTINGS = replace(WIRED, db_instance_identifier=PRODUCTION, max_age=26 * HOUR)
PLACE = SETTINGS.source.place
JOB = "awsbackup:job-5f2c"


def snapshot(name="rds:courses-prod-1", hours=2.0, **changes: Any):
    known: dict[str, Any] = {
        "identifier": name,
        "arn": PLACE.arn("snapshot", name),
        "status": "available",
        "type": "awsbackup" if name.startswith("awsbackup:") else "automated",
        "instance": PRODUCTION,
        "engine": "postgres",
        "original_create_time": NOW - timedelta(hours=hours),
    }
    return SnapshotView(**(known | changes))


def managed(hours=2.0, **changes: Any):
    return snapshot(JOB, hours, **changes)


class Account:
    """One account with these snapshots; copies what it does not refuse."""

    place = PLACE

    def __init__(self, *snapshots, refuses=""):
        def board(kind):
            return Board({s.identifier: s for s in snapshots if s.type == kind})

        self.automated, self.aws_backup = board("automated"), board("awsbackup")
        self.manual = self.instances = Board({})
        self.refuses = refuses
        self.copied: list[str] = []

    def snapshots(self, _kind):
        return self

    def owners(self, _kind):
        return self.instances

    def copy(self, source, *_, **__):
        if self.refuses:
            error: Any = {"Error": {"Code": self.refuses, "Message": "it is refused"}}
            raise ClientError(error, "CopyDBSnapshot")
        self.copied.append(source)


def find(*snapshots):
    source: Any = Account(*snapshots)
    return Copying(SETTINGS, source, source, World()).find(drill())


@pytest.mark.parametrize(
    ("snapshots", "chosen"),
    [
        ([snapshot()], "rds:courses-prod-1"),
        ([managed()], JOB),
        ([snapshot(hours=30), managed()], JOB),
        ([snapshot(hours=3), managed(hours=1)], "rds:courses-prod-1"),
        ([snapshot(status="creating", original_create_time=None), managed()], JOB),
        ([managed(), snapshot(hours=1, instance="other-prod")], JOB),
    ],
    ids=["RDS's", "AWS Backup's", "young enough", "RDS's first", "finished", "of the instance"],
)
def test_rds_s_own_snapshots_come_first_and_aws_backup_s_are_no_worse(snapshots, chosen):
    event = find(*snapshots)

    assert isinstance(event, Ready)
    assert event.backup is not None
    assert event.backup.identifier == PLACE.arn("snapshot", chosen)
    assert bool([n for n in event.notes if "a snapshot of AWS Backup" in n]) is (chosen == JOB)


@pytest.mark.parametrize(
    ("snapshots", "said"),
    [
        ([snapshot(hours=50), managed(hours=30)], "the newest snapshot of AWS Backup of courses"),
        ([snapshot(hours=30), managed(hours=50)], "the newest automated snapshot of courses"),
        ([managed(instance="other-prod")], "courses-prod has no finished automated snapshot"),
        ([managed(status="creating", original_create_time=None)], "and no snapshot of AWS Backup"),
    ],
)
def test_a_database_without_a_young_snapshot_of_either_is_stale(snapshots, said):
    event = find(*snapshots)

    assert isinstance(event, Broken)
    assert said in event.reason


def stage(chosen, refuses=""):
    source: Any = Account(chosen, refuses=refuses)
    copying = Copying(SETTINGS, source, source, World())
    found = copying.find(drill())
    assert isinstance(found, Ready)
    begun = (StepRecord(name="staging copy", started_at=NOW),)
    return copying.stage(drill(backup=found.backup, outputs=found.outputs, records=begun)), source


def test_a_snapshot_of_aws_backup_is_copied_as_an_automated_one_is():
    event, source = stage(managed())

    assert isinstance(event, InProgress)
    assert source.copied == [PLACE.arn("snapshot", JOB)]


@pytest.mark.parametrize(
    "code",
    ["AccessDenied", "InvalidDBSnapshotState", "InvalidParameterValue", "DBSnapshotNotFound"],
)
def test_one_that_may_not_be_copied_is_no_bad_backup_and_another_way_is_named(code):
    event, _ = stage(managed(), code)

    assert isinstance(event, Unclear)
    assert "it is refused" in event.reason
    assert "kind adopt" in event.hint


def test_a_passing_fault_is_tried_again():
    with pytest.raises(TransientError):
        stage(managed(), "Throttling")


def test_of_an_automated_snapshot_a_refusal_may_be_a_policy_that_has_not_arrived():
    event, _ = stage(snapshot(), "AccessDenied")

    assert isinstance(event, InProgress)
    assert event.status == "AccessDenied"


def test_one_under_the_default_key_is_not_copied_without_a_transit_key():
    source: Any = Account(managed(encrypted=True, encryption_type="sse-rds"))
    own = replace(SETTINGS, source=replace(SETTINGS.source, transit_kms_key_id=None))
    copying = Copying(own, source, source, World())
    found = copying.find(drill())
    assert isinstance(found, Ready)

    event = copying.stage(drill(backup=found.backup, outputs=found.outputs))

    assert isinstance(event, Unclear)
    assert source.copied == []
