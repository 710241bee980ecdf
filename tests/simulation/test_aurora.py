"""Nights of an Aurora cluster: what is different from an instance, and what AWS may do to it."""

from dataclasses import replace
from typing import Any

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.model import Verdict
from restorecheck.simulated import Quotas, Refusal
from restorecheck.testing.cloud import (
    BACKUP_ACCOUNT,
    NEVER,
    SOURCE_ACCOUNT,
    CloudPace,
    PlannedOutcome,
    Unknowns,
)
from tests.simulation.disturbing import (
    Fault,
    Kind,
    Rescue,
    clean_up,
    disturbed,
    effects_of,
)
from tests.simulation.stage import PRODUCTION, Host, Setting, Stage
from tests.simulation.test_unknowns import SLOW, told

COPIED = Setting(aurora=True)
SHARED = Setting(aurora=True, direct=True)
BAD = ("failed", "incompatible-restore", "migration-failed")


def night(stage, **options):
    host = Host(stage)
    drill = host.drive(host.start(**options))
    stage.promises.look()
    return drill


def asked(stage, operation):
    return [call for call in stage.cloud.calls if call.operation == operation]


def kept(stage):
    return set(stage.cloud.backup.cluster_snapshots)


def refuse(stage, operation, code, times=1, *, status=400):
    """AWS refuses this operation so often."""
    left = [times]

    def before(_number, name):
        if name.startswith(f"{operation} in") and left[0]:
            left[0] -= 1
            raise Refusal(code, "AWS's own words", status=status)

    stage.world.before = before


# --- a good night -----------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [COPIED, SHARED], ids=["copy", "shared"])
@pytest.mark.parametrize("unknowns", [*dict.fromkeys(Unknowns.each())], ids=told)
def test_a_good_backup_is_verified_and_nothing_is_left_however_aws_answers(setting, unknowns):
    stage = Stage(setting=setting, unknowns=unknowns, pace=SLOW)
    for _ in range(3):
        drill = night(stage)
        assert drill.verdict is Verdict.VERIFIED, f"{drill.reason} {drill.hint}"
        assert not drill.ledger
        stage.promises.at_end()
        stage.next_night()
    assert len(kept(stage)) == (0 if setting.direct else setting.keep_copies)


def test_a_bad_backup_fails():
    stage = Stage(setting=COPIED, good=False)

    assert night(stage).verdict is Verdict.FAILED


@pytest.mark.parametrize("credentials", list(Credentials))
def test_every_way_in_leads_to_the_writer_of_the_cluster(credentials):
    stage = Stage(setting=replace(COPIED, credentials=credentials))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert drill.endpoint is not None
    assert ".cluster-" in drill.endpoint.host
    assert drill.endpoint.identity.startswith("cluster-")


def test_no_staging_copy_outlives_the_copy_that_is_made_of_it():
    stage = Stage(setting=COPIED)
    host = Host(stage)
    drill_id = host.start()
    while stage.store.load(drill_id).step.name != "restore":
        host.engine.advance(drill_id)
        stage.world.pass_time(host.provider.settings.poll)

    manual = [s for s in stage.cloud.source.cluster_snapshots.values() if s.type == "manual"]
    assert manual == []
    host.drive(drill_id)


@pytest.mark.parametrize(
    ("setting", "call"),
    [(COPIED, "CopyDBClusterSnapshot"), (SHARED, "RestoreDBClusterFromSnapshot")],
)
def test_a_staging_copy_waits_for_what_is_made_from_it_and_is_not_seen_yet(setting, call):
    def make():
        return Stage(setting=setting)

    (number, name) = next(e for e in effects_of(make) if e[1] == f"{call} in {BACKUP_ACCOUNT}")

    disturbed(make(), (Fault(number, name, Kind.DIES_AFTER),), Rescue.SWEEPER)


def test_the_copy_carries_the_time_of_the_snapshot_in_a_tag():
    stage = Stage(setting=COPIED)
    drill = night(stage)

    (copy,) = stage.cloud.backup.cluster_snapshots.values()

    assert drill.backup is not None
    assert copy.tags["restorecheck:snapshot-time"] == drill.backup.taken_at.isoformat()
    assert copy.created_at > drill.backup.taken_at


def test_the_recovery_time_counts_the_cluster_and_its_instance():
    drill = night(Stage(setting=COPIED))

    spent = {record.name: record.duration for record in drill.records}

    assert drill.restore_time == spent["restore"] + spent["instance"]


def test_a_verified_cluster_stands_by_stopped_until_the_next_is_verified():
    stage = Stage(setting=replace(COPIED, after=After.STOP))
    first = night(stage)
    home = stage.cloud.backup
    assert [c.status for c in home.clusters.values()] == ["stopped"]
    assert [i.status for i in home.instances.values()] == ["stopped"]
    assert {r.kind for r in first.parked} == {"DB cluster", "DB instance"}

    stage.next_night()
    second = night(stage)

    assert list(home.clusters) == [f"restorecheck-{second.id}"] == list(home.instances)
    stage.promises.at_end()


def test_a_stopped_standby_whose_target_is_gone_is_started_to_be_deleted():
    stage = Stage(setting=replace(COPIED, after=After.STOP))
    drill = night(stage)
    host = Host(stage)

    host.sweeper.sweep(end=[drill.id])

    assert asked(stage, "StartDBCluster")
    assert not stage.cloud.backup.clusters
    assert not stage.cloud.backup.instances


def test_a_standby_that_aws_started_again_is_stopped_again_by_a_sweep():
    stage = Stage(setting=replace(COPIED, after=After.STOP))
    night(stage)
    (cluster,) = stage.cloud.backup.clusters.values()
    for thing in (cluster, *cluster.members):
        thing.status = "available"

    clean_up(stage)

    assert cluster.status == "stopped"


# --- what AWS chooses, or another program -------------------------------------------------------


def test_a_cluster_of_another_version_proves_nothing():
    """As where the version that was asked for is taken for a wish."""
    stage = Stage(setting=COPIED)
    host = Host(stage)
    drill_id = host.start()
    while not stage.cloud.backup.clusters:
        host.engine.advance(drill_id)
        stage.world.pass_time(host.provider.settings.poll)
    (cluster,) = stage.cloud.backup.clusters.values()
    cluster.settings["EngineVersion"] = "16.99"

    drill = host.drive(drill_id)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "16.99" in drill.reason
    assert stage.cloud.backup.clusters == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DeletionProtection": True}, "protected against deletion"),
        ({"BackupRetentionPeriod": 14}, "backups for 14 days"),
        ({"AssociatedRoles": [{"RoleArn": "arn:aws:iam::222222222222:role/x"}]}, "role/x"),
        ({"DBSubnetGroupName": "default"}, "subnet group default"),
    ],
)
def test_a_cluster_that_is_not_as_it_was_asked_for_is_not_used(settings, said):
    stage = Stage(setting=COPIED)
    host = Host(stage)
    drill_id = host.start()
    while not stage.cloud.backup.clusters:
        host.engine.advance(drill_id)
        stage.world.pass_time(host.provider.settings.poll)
    (cluster,) = stage.cloud.backup.clusters.values()
    cluster.settings |= settings

    drill = host.drive(drill_id)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert said in drill.reason
    assert stage.answers == []


def test_an_instance_with_a_public_address_is_not_used():
    stage = Stage(setting=COPIED)
    host = Host(stage)
    drill_id = host.start()
    while not stage.cloud.backup.instances:
        host.engine.advance(drill_id)
        stage.world.pass_time(host.provider.settings.poll)
    (instance,) = stage.cloud.backup.instances.values()
    instance.settings["PubliclyAccessible"] = True

    drill = host.drive(drill_id)

    assert "public address" in drill.reason
    assert stage.answers == []


def test_a_cluster_with_an_instance_of_another_program_stays_until_that_is_gone():
    stage = Stage(setting=COPIED)
    host = Host(stage)
    drill_id = host.start()
    home = stage.cloud.backup
    while not any(c.up for c in home.clusters.values()):
        host.engine.advance(drill_id)
        stage.world.pass_time(host.provider.settings.poll)
    (cluster,) = home.clusters.values()
    stranger = stage.cloud.add_member(home, cluster, "reports")

    drill = host.drive(drill_id)

    assert drill.verdict is not Verdict.VERIFIED
    assert [r.kind for r in drill.ledger] == ["DB cluster"]
    assert any("reports, which another program" in text for text in drill.teardown_details)
    stage.cloud.remove_instance(home, stranger)
    clean_up(stage)
    assert home.clusters == {}


# --- what AWS refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", BAD)
def test_a_restore_that_fails_once_is_tried_once_more(status):
    stage = Stage(setting=COPIED)
    stage.cloud.restores.append(PlannedOutcome(status=status))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert any("second" in note for note in drill.notes)
    assert stage.cloud.backup.clusters == {}


@pytest.mark.parametrize("status", BAD)
def test_a_backup_that_does_not_restore_twice_is_bad(status):
    stage = Stage(setting=COPIED)
    stage.cloud.restores.extend([PlannedOutcome(status=status)] * 2)

    drill = night(stage)

    assert drill.verdict is Verdict.FAILED
    assert status in drill.reason
    assert stage.cloud.backup.clusters == {}


def test_an_instance_that_fails_once_is_made_once_more():
    stage = Stage(setting=COPIED)
    stage.cloud.rds.state.members.append(PlannedOutcome(status="failed"))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    stage.promises.at_end()


def test_an_instance_that_stays_creating_is_inconclusive_and_everything_goes():
    stage = Stage(setting=COPIED)
    stage.cloud.rds.state.members.append(PlannedOutcome(takes=NEVER))

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "'instance'" in drill.reason
    clean_up(stage)
    assert not stage.cloud.backup.instances
    assert not stage.cloud.backup.clusters


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("RestoreDBClusterFromSnapshot", "DBClusterQuotaExceededFault"),
        ("RestoreDBClusterFromSnapshot", "InsufficientDBClusterCapacityFault"),
        ("CreateDBInstance", "InsufficientDBInstanceCapacity"),
    ],
)
def test_a_403_of_quota_or_capacity_is_waited_for_and_is_no_denial(operation, code):
    stage = Stage(setting=COPIED)
    refuse(stage, operation, code, times=3, status=403)

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert code in {o.text for o in drill.evidence}


def test_a_sixth_copy_at_once_waits_for_its_turn():
    stage = Stage(setting=COPIED, pace=CloudPace(copy=600))
    source = stage.cloud.source
    automated = next(iter(source.cluster_snapshots))
    operator: Any = stage.cloud.rds.operation("CopyDBClusterSnapshot")
    for number in range(5):
        given = {
            "SourceDBClusterSnapshotIdentifier": automated,
            "TargetDBClusterSnapshotIdentifier": f"by-hand-{number}",
        }
        operator(source, given, "operator")

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert any("SnapshotQuotaExceeded" in o.text for o in drill.evidence)


def test_where_snapshots_fill_the_account_older_copies_go_before_the_copy():
    stage = Stage(setting=replace(COPIED, keep_copies=3))
    for _ in range(3):
        assert night(stage).verdict is Verdict.VERIFIED
        stage.next_night()
    stage.cloud.rds.state.quotas = Quotas(snapshots=3)
    before = sorted(kept(stage))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert sorted(kept(stage)) == [*before[1:], f"restorecheck-{drill.id}"]


# --- what cannot be drilled ---------------------------------------------------------------------


def plain(setting):
    """Production that is not encrypted."""
    stage = Stage(setting=setting)
    for snapshot in stage.cloud.source.cluster_snapshots.values():
        snapshot.kms_key_id = ""
    return stage


def test_a_cluster_that_is_not_encrypted_cannot_be_copied_encrypted_and_that_is_said():
    stage = plain(COPIED)

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "from: shared" in drill.hint
    assert not asked(stage, "CopyDBClusterSnapshot")


def test_a_cluster_that_is_not_encrypted_is_encrypted_by_the_restore():
    stage = plain(SHARED)
    host = Host(stage)
    stage.transit_key = ""  # is not used from here on: RDS refuses a key for such a copy

    drill = host.drive(host.start())

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    restores = asked(stage, "RestoreDBClusterFromSnapshot")
    assert {restore.parameters["KmsKeyId"] for restore in restores} == {stage.backup_key}


@pytest.mark.parametrize(
    ("engine", "said"),
    [("aurora-mysql", "Aurora MySQL"), ("mysql", "MySQL"), ("postgres", "key `aurora`")],
)
def test_other_engines_are_refused_with_what_is_planned(engine, said):
    stage = Stage(setting=COPIED)
    stage.production.settings["Engine"] = engine
    for snapshot in stage.cloud.source.cluster_snapshots.values():
        snapshot.instance_settings["Engine"] = engine

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert said in drill.reason
    assert not [c for c in stage.cloud.calls if "Copy" in c.operation]


def test_an_instance_of_aurora_under_the_key_rds_is_no_bad_backup():
    """It has no snapshots of its own, which an instance without backups has neither."""
    stage = Stage()
    stage.cloud.source.snapshots.clear()
    stage.production.settings["Engine"] = "aurora-postgresql"

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "key `aurora`" in drill.hint


def test_a_cluster_without_a_snapshot_is_a_stale_backup():
    stage = Stage(setting=COPIED)
    stage.cloud.source.cluster_snapshots.clear()

    drill = night(stage)

    assert drill.verdict is Verdict.FAILED
    assert f"{PRODUCTION} is available and keeps automated backups for 14 days" in drill.hint


def test_only_clusters_are_touched_in_the_source_account():
    stage = Stage(setting=COPIED)
    night(stage)

    writes = {
        call.operation
        for call in stage.cloud.calls
        if call.account_id == SOURCE_ACCOUNT and not call.operation.startswith(("Describe", "Get"))
    }
    assert writes == {
        "CopyDBClusterSnapshot",
        "ModifyDBClusterSnapshotAttribute",
        "DeleteDBClusterSnapshot",
    }
