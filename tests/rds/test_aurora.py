"""Drills of an Aurora cluster through the command line: two accounts, a real PostgreSQL behind the writer endpoint."""

from copy import deepcopy
from typing import Any

import pytest

from restorecheck.sandbox import Sandbox
from tests.rds.conftest import PASSWORD, ROWS, run_stage


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        cluster = sandbox.create_production_cluster(password=PASSWORD)
        with sandbox.sql(cluster, "courses") as connection:
            connection.execute(
                "create table answers as select g as id, now() as at"
                f" from generate_series(1, {ROWS}) g"
            )
            connection.execute("alter table answers owner to dbadmin")
        sandbox.move_in(cluster, "courses")
        sandbox.take_automated_snapshot("courses-aurora")
        yield made


@pytest.fixture
def clusters(scene):
    """The target is a cluster."""
    (target,) = scene.keys["targets"]
    keys: dict[str, Any] = deepcopy(target.pop("rds"))
    del keys["db_instance_identifier"], keys["restore"]["db_parameter_group_name"]
    keys["db_cluster_identifier"] = "courses-aurora"
    keys["restore"]["db_instance_class"] = "db.serverless"
    keys["restore"]["serverless_v2"] = {"min_acu": 0.5, "max_acu": 2.0}
    target["aurora"] = keys
    yield scene, keys
    delete_copies(scene)


def left(sandbox: Sandbox) -> list[str]:
    manual = [s for s in sandbox.cluster_snapshots(sandbox.source).values() if s.type == "manual"]
    return [
        *sandbox.clusters(sandbox.backup),
        *sandbox.instances(sandbox.backup),
        *(s.identifier for s in manual),
    ]


def copies(sandbox: Sandbox) -> list[str]:
    found = sandbox.cluster_snapshots(sandbox.backup).values()
    return [s.identifier for s in found if s.type == "manual"]


def delete_copies(scene) -> None:
    client = scene.sandbox.client("rds", scene.sandbox.backup, scene.sandbox.backup_region)
    for name in copies(scene.sandbox):
        client.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)


@pytest.mark.parametrize("credentials", ["managed-secret", "reset"])
def test_a_cluster_is_copied_restored_and_verified_and_only_the_copy_stays(clusters, credentials):
    scene, keys = clusters
    keys["restore"]["credentials"] = credentials

    outcome = scene.drill()

    assert outcome.verdict == "verified", outcome.reason
    assert outcome.report["backup"]["kind"] == "aurora"
    assert left(scene.sandbox) == []
    assert len(copies(scene.sandbox)) == 1
    assert scene.leftovers() == []


def test_the_temporary_cluster_is_upgraded_after_the_verdict_and_deleted(clusters):
    scene, _ = clusters
    scene.keys["targets"][0]["rehearse"] = {"upgrade": "next"}

    outcome = scene.drill()

    assert outcome.verdict == "verified", outcome.reason
    found = outcome.report["rehearsal"]
    assert found["verdict"] == "verified", found["reason"]
    before, after = (int(found[key].partition(".")[0]) for key in ("from_version", "to_version"))
    assert after == before + 1
    calls = [c for c in scene.sandbox.calls if "EngineVersion" in c.parameters]
    (asked,) = [c for c in calls if c.operation == "ModifyDBCluster"]
    assert asked.parameters["DBClusterIdentifier"] == f"restorecheck-{outcome.report['drill_id']}"
    assert left(scene.sandbox) == []
    plan = scene.run("drill", "--plan").out
    assert "rds:ModifyDBCluster on restorecheck-" in plan


def test_a_shared_snapshot_is_restored_without_a_copy(clusters):
    scene, keys = clusters
    keys["from"] = "shared"

    outcome = scene.drill()

    assert outcome.verdict == "verified", outcome.reason
    assert left(scene.sandbox) == []
    assert copies(scene.sandbox) == []


def test_rows_that_are_missing_in_the_backup_fail_the_drill(clusters):
    scene, _ = clusters
    scene.keys["targets"][0]["checks"] = [
        {"row_count": {"table": "public.answers", "min": ROWS + 1}}
    ]

    outcome = scene.drill()

    assert outcome.verdict == "failed"
    assert left(scene.sandbox) == []


def test_a_server_that_does_not_start_twice_is_a_bad_backup(clusters):
    scene, _ = clusters
    for _ in range(2):
        scene.sandbox.corrupt_next_restore(lambda data: (data / "global/pg_control").unlink())

    outcome = scene.drill()

    assert outcome.verdict == "failed"
    assert "could not restore" in outcome.reason
    assert left(scene.sandbox) == []


def test_the_plan_makes_nothing_and_says_what_a_copy_costs(clusters):
    scene, _ = clusters
    before = len(scene.sandbox.calls)

    outcome = scene.run("drill", "--plan")

    assert "a full copy, billed in full" in outcome.out
    assert "rds:RestoreDBClusterFromSnapshot" in outcome.out
    assert len(scene.sandbox.calls) == before


def test_a_sweep_after_a_good_night_finds_nothing(clusters):
    scene, _ = clusters
    assert scene.drill().verdict == "verified"

    outcome = scene.run("sweep")

    assert outcome.code == 0, outcome.err
    assert left(scene.sandbox) == []


def test_audit_finds_the_copies_of_a_cluster(clusters):
    scene, _ = clusters
    assert scene.drill().verdict == "verified"

    outcome = scene.run("audit", "--format", "json")

    assert "1 copy in the backup account" in outcome.out
