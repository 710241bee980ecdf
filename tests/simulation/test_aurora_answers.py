"""Answers that AWS documents for clusters and that come rarely: the verdict is true, and nothing is left."""

import pytest

from restorecheck.model import Verdict
from restorecheck.simulated import Refusal
from restorecheck.testing.cloud import BACKUP_ACCOUNT, SOURCE_ACCOUNT, PlannedOutcome
from tests.simulation.disturbing import clean_up, effects_of
from tests.simulation.stage import Host, Setting, Stage
from tests.simulation.test_aurora import COPIED, SHARED, night

OURS = (
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
)
OF_INSTANCES = (
    *OURS,
    *("incompatible-parameters", "incompatible-network", "incompatible-create"),
    *("storage-full", "insufficient-capacity", "stopped"),
)
OF_CLUSTERS = (*OURS, "cloning-failed", "preparing-data-migration", "stopped")


def is_clean(stage):
    stage.promises.at_end()
    clean_up(stage)
    cloud = stage.cloud
    manual = [s for s in cloud.source.cluster_snapshots.values() if s.type == "manual"]
    return not (cloud.backup.clusters or cloud.backup.instances or manual)


@pytest.mark.parametrize("status", OF_CLUSTERS)
def test_a_cluster_that_cannot_become_available_says_nothing_of_the_backup(status):
    stage = Stage(setting=COPIED)
    stage.cloud.restores.append(PlannedOutcome(status=status))

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert status in drill.reason
    assert is_clean(stage)


@pytest.mark.parametrize("status", OF_INSTANCES)
def test_an_instance_that_cannot_become_available_says_nothing_of_the_backup(status):
    stage = Stage(setting=COPIED)
    stage.cloud.rds.state.members.append(PlannedOutcome(status=status))

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert status in drill.reason
    assert is_clean(stage)


@pytest.mark.parametrize("status", ["failed", "incompatible-restore"])
def test_an_available_cluster_whose_writer_fails_twice_is_never_verified(status):
    stage = Stage(setting=COPIED)
    stage.cloud.rds.state.members.extend([PlannedOutcome(status=status)] * 2)

    drill = night(stage)

    assert drill.verdict is Verdict.FAILED
    assert f"the status of the DB instance is {status}" in drill.reason
    assert is_clean(stage)


@pytest.mark.parametrize("step", ["credentials", "check"])
@pytest.mark.parametrize("status", ["failed", "storage-full", "incompatible-parameters"])
def test_a_writer_that_fails_later_proves_nothing_while_its_cluster_is_available(step, status):
    stage = Stage(setting=COPIED)
    host = Host(stage)
    drill_id = host.start()
    while stage.store.load(drill_id).step.name != step:
        host.engine.advance(drill_id)
        stage.world.pass_time(host.provider.settings.poll)
    (cluster,) = stage.cloud.backup.clusters.values()
    (member,) = cluster.members
    member.status, member.up = status, False

    drill = host.drive(drill_id)

    assert cluster.status in {"available", "deleting", "deleted"}
    assert drill.verdict is not Verdict.VERIFIED
    assert drill.verdict is Verdict.INCONCLUSIVE, drill.reason
    assert is_clean(stage)


@pytest.mark.parametrize("setting", [COPIED, SHARED], ids=["copy", "shared"])
@pytest.mark.parametrize("first", ["available", "failed"])
def test_a_snapshot_that_fails_after_it_was_available_is_never_restored(setting, first):
    """A staging copy that AWS found broken. The copy of it, or the restore, is refused."""
    stage = Stage(setting=setting)
    host = Host(stage)
    drill_id = host.start()
    if first == "failed":
        stage.cloud.copies.append(PlannedOutcome(status="failed"))
    else:
        while stage.store.load(drill_id).step.name not in {"copy", "restore"}:
            host.engine.advance(drill_id)
            stage.world.pass_time(host.provider.settings.poll)
        for snapshot in stage.cloud.source.cluster_snapshots.values():
            if snapshot.type == "manual":
                snapshot.status = "failed"

    drill = host.drive(drill_id)

    assert drill.verdict is not Verdict.VERIFIED
    assert is_clean(stage)


def operations(setting: Setting) -> set[str]:
    def make() -> Stage:
        return Stage(setting=setting)

    places = (f" in {BACKUP_ACCOUNT}", f" in {SOURCE_ACCOUNT}")
    return {name for _, name in effects_of(make) if name.endswith(places)}


OPERATIONS = sorted(operations(COPIED) | operations(SHARED))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_throttling_of_each_call_costs_time_and_no_verdict(operation):
    for setting in (COPIED, SHARED):
        assert _throttled(operation, setting).verdict is Verdict.VERIFIED


def _throttled(operation: str, setting: Setting):
    """The first four calls of this operation are refused."""
    stage = Stage(setting=setting)
    left = [4]

    def before(_number, name):
        if name == operation and left[0]:
            left[0] -= 1
            raise Refusal("ThrottlingException", "Rate exceeded", status=400)

    stage.world.before = before
    drill = night(stage)
    assert is_clean(stage)
    return drill


@pytest.mark.parametrize("setting", [COPIED, SHARED], ids=["copy", "shared"])
def test_an_endpoint_that_is_told_late_is_waited_for(setting, monkeypatch):
    """The cluster and its writer are available before the endpoint is in the description."""
    stage = Stage(setting=setting)
    behind = stage.cloud.rds.state.behind
    known, looks = behind.endpoint, [0]

    def endpoint(thing):
        if f":{BACKUP_ACCOUNT}:cluster:" in thing.arn:
            looks[0] += 1
            return None if looks[0] < 20 else known(thing)
        return known(thing)

    monkeypatch.setattr(behind, "endpoint", endpoint)
    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert is_clean(stage)
