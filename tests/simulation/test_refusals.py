"""What AWS refuses at first, or at a first try, and what a drill makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.model import Verdict
from restorecheck.simulated import Quotas, Refusal
from restorecheck.testing.cloud import CloudPace, PlannedOutcome, Unknowns
from tests.simulation.disturbing import DEATHS, Fault, Rescue, disturbed, effects_of, telling
from tests.simulation.stage import Host, Setting, Stage

BAD = ("failed", "incompatible-restore", "restore-error")


def night(stage):
    host = Host(stage)
    drill = host.drive(host.start())
    stage.promises.at_end()
    return drill


def asked(stage, operation):
    return [call for call in stage.cloud.calls if call.operation == operation]


# --- a restore that fails ---------------------------------------------------------------------


@pytest.mark.parametrize("status", BAD)
def test_a_restore_that_fails_once_is_tried_once_more(status):
    stage = Stage()
    stage.cloud.restores.append(PlannedOutcome(status=status))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED
    assert any("second" in note for note in drill.notes)
    assert len(asked(stage, "DeleteDBInstance")) == 2
    assert stage.cloud.backup.instances == {}


def test_the_tags_of_the_second_instance_may_be_late_as_well():
    stage = Stage(unknowns=Unknowns(tags_late=True), pace=CloudPace(visible=80, restore=1000))
    stage.cloud.restores.append(PlannedOutcome(status="failed"))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert stage.cloud.backup.instances == {}


@pytest.mark.parametrize("status", BAD)
def test_a_backup_that_does_not_restore_twice_is_bad(status):
    stage = Stage()
    stage.cloud.restores.extend([PlannedOutcome(status=status)] * 2)

    drill = night(stage)

    assert drill.verdict is Verdict.FAILED
    assert status in drill.reason
    restores = [c for c in stage.cloud.calls if c.operation.startswith("Restore")]
    assert len({c.parameters["DBInstanceIdentifier"] for c in restores}) == 2
    assert stage.cloud.backup.instances == {}


def test_whoever_dies_between_two_restores_leaves_nothing():
    def make():
        stage = Stage()
        stage.cloud.restores.append(PlannedOutcome(status="failed"))
        return stage

    verdicts = set()
    for number, name in telling(effects_of(make)):
        for kind in DEATHS:
            for rescue in (Rescue.OTHER, Rescue.SWEEPER):
                drill = disturbed(make(), (Fault(number, name, kind),), rescue)
                verdicts.add(drill and drill.verdict)

    assert Verdict.FAILED not in verdicts


# --- manual snapshots fill the account ----------------------------------------------------------


def filled(keep: int, others: int = 0) -> Stage:
    """After some nights, in a backup account that takes no more snapshots."""
    stage = Stage(setting=Setting(keep_copies=keep))
    for _ in range(keep + 1):
        assert night(stage).verdict is Verdict.VERIFIED
        stage.next_night()
    full = len(stage.cloud.backup.snapshots) - others
    stage.cloud.rds.state.quotas = Quotas(snapshots=full)
    return stage


def test_where_manual_snapshots_fill_the_account_older_copies_go_before_the_copy():
    stage = filled(keep=3)
    before = sorted(stage.cloud.backup.snapshots)

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert sorted(stage.cloud.backup.snapshots) == [*before[1:], f"restorecheck-{drill.id}"]
    assert [arn.rpartition(":")[2] for arn in drill.retention.deleted] == before[:1]


def test_the_last_verified_copy_stays_however_full_the_account_is():
    stage = filled(keep=1)
    before = set(stage.cloud.backup.snapshots)

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert set(stage.cloud.backup.snapshots) == before
    assert "1 manual snapshot in" in drill.reason
    assert "keep_copies" in drill.hint


def test_a_full_account_is_told_within_minutes_and_not_at_the_deadline():
    stage = filled(keep=3, others=1)

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert drill.finished_at - drill.started_at < timedelta(minutes=30)
    assert any("SnapshotQuotaExceeded" in o.text for o in drill.evidence)


# --- storage ------------------------------------------------------------------------------------

STORAGE = {
    "small and magnetic": {"StorageType": "standard", "AllocatedStorage": 5},
    "magnetic": {"StorageType": "standard", "AllocatedStorage": 100},
    "provisioned": {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 1000},
    "general, with IOPS": {"StorageType": "gp3", "AllocatedStorage": 500, "Iops": 12_000},
    "general": {"StorageType": "gp2", "AllocatedStorage": 20},
}


@pytest.mark.parametrize("storage", STORAGE.values(), ids=STORAGE)
def test_whatever_storage_production_has_its_snapshot_is_restored(storage):
    stage = Stage()
    stage.production.settings.update(storage)
    stage.next_night()

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert (
        asked(stage, "RestoreDBInstanceFromDBSnapshot")[0].parameters["StorageType"] != "standard"
    )


@pytest.mark.parametrize("code", ["InvalidParameterCombination", "InvalidParameterValue"])
def test_a_storage_type_that_is_refused_is_left_to_aws(code):
    stage = Stage()
    refused = []

    def refuse(call):
        if "StorageType" in call.parameters:
            refused.append(call)
            raise Refusal(code, "not with this class")

    stage.cloud.on_call = refuse

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert len(refused) == 1


# --- the key of the master user's secret ----------------------------------------------------------


def test_who_may_not_describe_the_key_of_secrets_is_told_which_right_is_missing():
    stage = Stage()
    stage.cloud.values.denied |= {(f"restorecheck/{n}", "kms:DescribeKey") for n in range(9)}

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "kms:DescribeKey" in drill.reason
    assert stage.cloud.backup.instances == {}


def test_a_class_that_rds_does_not_offer_is_no_fault_of_the_backup():
    stage = Stage()
    stage.production.settings["EngineVersion"] = "17.5"
    settings = stage.settings
    small = "db.t2.micro"
    stage.settings = lambda: replace(  # type: ignore[method-assign]  # another configuration
        settings(), restore=replace(settings().restore, db_instance_class=small)
    )
    stage.promises.instance_class = small

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert small in drill.reason
