"""What Aurora drills left where no Aurora target is configured any more: a sweep for instances finds it."""

import pytest

from restorecheck.aws.aurora.leftovers import ForgottenClusters
from restorecheck.aws.aurora.provider import AuroraProvider
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.hosts.drill.driver import Sweeper
from restorecheck.hosts.sources.rds import no_cluster, reaching
from restorecheck.simulated import Refusal
from restorecheck.testing import HostDied
from restorecheck.testing.cloud import BACKUP_ACCOUNT, SOURCE_ACCOUNT
from tests.simulation.stage import (
    DEADLINE,
    Host,
    Setting,
    SimulatedAccounts,
    Stage,
)

COPIED = Setting(aurora=True)


def make():
    return Stage(setting=COPIED)


def died_after(effect):
    """A night whose host died right after this effect, for ever."""
    stage = make()

    def after(_number, name):
        if name == effect:
            raise HostDied(effect)

    stage.world.after = after
    host = Host(stage)
    drill_id = host.start()
    with pytest.raises(HostDied):
        host.drive(drill_id)
    stage.world.after = lambda _number, _name: None
    stage.world.pass_time(2 * DEADLINE)
    return stage, stage.store.load(drill_id)


def of_instances(stage):
    """The configuration has a target of RDS only."""
    accounts = SimulatedAccounts(stage, "another")
    settings = Stage(setting=Setting()).settings()
    rds = RdsProvider(settings=settings, accounts=accounts, clock=stage.world)
    clusters = AuroraProvider(settings=no_cluster(settings), accounts=accounts, clock=stage.world)
    return rds, clusters


def sweeper_of(stage):
    rds, clusters = of_instances(stage)
    return Sweeper(
        engine=Host(stage).engine,
        store=Stage(setting=Setting()).store,  # of a machine that has never heard of the drill
        inventories=[
            RdsInventory(rds, stage.world),
            ForgottenClusters(clusters, stage.world),
        ],
        provider_for=lambda _drill: rds,
        is_alive=lambda _drill: False,
        clock=stage.world,
        sleep=stage.world.pass_time,
    )


def left(stage):
    cloud = stage.cloud
    manual = [s for s in cloud.source.cluster_snapshots.values() if s.type == "manual"]
    return [*cloud.backup.clusters, *cloud.backup.instances, *(s.identifier for s in manual)]


@pytest.mark.parametrize(
    "effect",
    [
        f"CopyDBClusterSnapshot in {SOURCE_ACCOUNT}",
        f"ModifyDBClusterSnapshotAttribute in {SOURCE_ACCOUNT}",
        f"RestoreDBClusterFromSnapshot in {BACKUP_ACCOUNT}",
        f"CreateDBInstance in {BACKUP_ACCOUNT}",
        f"ModifyDBCluster in {BACKUP_ACCOUNT}",
    ],
)
def test_what_a_dead_drill_of_a_cluster_left_is_found_by_a_sweep_for_instances(effect):
    stage, _ = died_after(effect)
    assert left(stage)

    result = sweeper_of(stage).sweep()

    assert left(stage) == []
    assert result.left == ()


def test_without_the_right_to_look_for_clusters_the_others_are_swept():
    stage, _ = died_after(f"CreateDBInstance in {BACKUP_ACCOUNT}")

    def before(_number, name):
        if name.startswith(("DescribeDBClusters in", "DescribeDBClusterSnapshots in")):
            raise Refusal("AccessDenied", "not authorized", status=403)

    stage.world.before = before
    sweeper = sweeper_of(stage)
    plan = sweeper.plan()
    sweeper.sweep()

    assert plan.unseen == ()
    assert not stage.cloud.backup.instances
    assert stage.cloud.backup.clusters


@pytest.mark.parametrize(
    "effect",
    [
        f"CopyDBClusterSnapshot in {SOURCE_ACCOUNT}",
        f"RestoreDBClusterFromSnapshot in {BACKUP_ACCOUNT}",
    ],
)
def test_a_target_of_instances_never_takes_what_a_cluster_has_for_gone(effect):
    """It would look among its own snapshots and instances, and find nothing."""
    stage, drill = died_after(effect)
    rds, clusters = of_instances(stage)

    assert reaching(drill, [rds]) is None
    assert reaching(drill, [clusters]) is clusters
