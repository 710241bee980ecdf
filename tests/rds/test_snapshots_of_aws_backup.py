"""A database whose backups AWS Backup alone makes: proven by them, or told how else."""

import pytest

from restorecheck.sandbox import Fault
from tests.rds.conftest import PASSWORD, ROWS, age


@pytest.fixture
def managed(scene):
    """Production with automated backups off."""
    sandbox = scene.sandbox
    name = f"billing-{scene.target}"
    production = sandbox.create_production(name, password=PASSWORD, BackupRetentionPeriod=0)
    with sandbox.sql(production, "courses") as connection:
        text = f"create table answers as select generate_series(1, {ROWS}) as id"
        connection.execute(text.encode())
    scene.rds["db_instance_identifier"] = name
    yield name
    client = sandbox.client("rds", sandbox.source)
    client.modify_db_instance(
        DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
    )
    client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_it_is_copied_restored_and_checked_as_an_automated_one_is(scene, managed):
    snapshot = scene.sandbox.take_snapshot_of_aws_backup(managed)

    done = scene.drill()

    assert (done.code, done.verdict) == (0, "verified"), done.reason
    assert done.report["backup"]["identifier"] == snapshot.arn
    assert any("a snapshot of AWS Backup" in note for note in done.report["notes"])
    assert scene.leftovers() == []


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidDBSnapshotState"])
def test_a_copy_that_is_refused_is_no_bad_backup(scene, managed, code):
    """Whether RDS copies what AWS Backup manages nobody has tried."""
    scene.sandbox.take_snapshot_of_aws_backup(managed)
    scene.sandbox.faults.add(Fault(operation="CopyDBSnapshot", code=code, message="no"))

    done = scene.drill()

    assert (done.code, done.verdict) == (3, "inconclusive")
    assert "kind adopt" in done.out
    assert scene.leftovers() == []


def test_one_that_is_too_old_is_stale_all_the_same(scene, managed):
    scene.sandbox.take_snapshot_of_aws_backup(managed, age=age(30))

    done = scene.drill()

    assert (done.code, done.verdict) == (1, "failed")
    assert "the newest snapshot of AWS Backup of" in done.reason


def test_doctor_takes_it_for_a_backup(scene, managed):
    before = scene.run("doctor")
    scene.sandbox.take_snapshot_of_aws_backup(managed)
    after = scene.run("doctor")

    assert "problem RC211" in before.out
    assert "ok      RC211" in after.out
    assert "ok      RC212" in after.out
