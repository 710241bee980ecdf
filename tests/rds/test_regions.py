"""Copies in another region, and logging in by token."""

import pytest

from restorecheck.model import Verdict
from restorecheck.testing import MemoryStore, World
from tests.rds.conftest import run_scene, run_stage
from tests.rds.test_crash import Host, at_step
from tests.rds.test_faults import expect


@pytest.fixture(scope="module")
def far_stage():
    yield from run_stage(backup_region="eu-central-1")


@pytest.fixture
def far_scene(far_stage, monkeypatch, capsys):
    yield from run_scene(far_stage, monkeypatch, capsys)


def test_the_copy_can_be_kept_and_proven_in_another_region(far_scene):
    done = far_scene.drill()

    expect(done, 0, "verified")
    (kept,) = done.report["copies"]["kept"]
    assert kept.startswith("arn:aws:rds:eu-central-1:222222222222:snapshot:restorecheck-")
    assert far_scene.leftovers() == []


def test_what_was_made_in_a_region_is_deleted_there_after_the_configuration_has_changed(far_scene):
    store = MemoryStore(World())
    before = Host(far_scene, store)
    drill = at_step(before, "credentials")
    land = far_scene.stage.land
    far_scene.rds["backup"] |= {
        "region": "eu-west-1",
        "kms_key_id": land.backup_kms_key_id.replace("eu-central-1", "eu-west-1"),
    }

    Host(far_scene, store).sweeper.sweep()

    assert store.load(drill.id).ledger == ()
    assert far_scene.leftovers() == []


def test_with_iam_the_checker_logs_in_by_a_token_and_the_password_stays_as_it_was(far_scene):
    """PostgreSQL cannot check such a token, so the sandbox refuses it; RDS would take it."""
    far_scene.rds["restore"] |= {"credentials": "iam", "iam_user": "checker"}
    store = MemoryStore(World())
    host = Host(far_scene, store)
    drill = at_step(host, "check")
    assert drill.endpoint is not None

    token = host.provider.passwords().of(drill.endpoint)
    finished = host.run(drill.id)

    assert drill.endpoint.user == "checker"
    assert token.startswith(f"127.0.0.1:{drill.endpoint.port}/?Action=connect&DBUser=checker&")
    assert "X-Amz-Signature=" in token
    assert "ModifyDBInstance" not in [
        c.operation
        for c in far_scene.sandbox.calls
        if c.parameters.get("DBInstanceIdentifier") == f"restorecheck-{drill.id}"
    ]
    assert finished.verdict is Verdict.INCONCLUSIVE
    assert far_scene.leftovers() == []
