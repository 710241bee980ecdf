"""Production as applications make it: the master user owns nothing of it. What it may not read is said, with the
statement that mends it; never that a backup is bad.
"""

import pytest

from tests.rds.conftest import run_scene, run_stage

READS_NOTHING, READS_ALL = "no member of pg_read_all_data", "a member of pg_read_all_data"


@pytest.fixture(scope="module", params=[READS_NOTHING, READS_ALL])
def master(request):
    yield from run_stage(reads_all=request.param == READS_ALL, readable=False)


@pytest.fixture
def scene(master, monkeypatch, capsys):
    yield from run_scene(master, monkeypatch, capsys)


def first_question(outcome):
    (found,) = [c for c in outcome.report["checks"] if c["kind"] == "tables_readable"]
    return found


def test_what_the_report_asks_for_is_all_that_a_proof_lacks(scene, request):
    before = scene.drill()
    question = first_question(before)
    _, _, statements = question["detail"].partition("run in production: ")
    production = scene.sandbox.instance(scene.sandbox.source, "courses-prod")
    with scene.sandbox.sql(production, "courses") as connection:
        connection.execute(statements.encode())
    scene.sandbox.take_automated_snapshot("courses-prod")
    after = scene.drill()

    assert (before.code, before.verdict) == (3, "inconclusive")
    assert "failed" not in {check["outcome"] for check in before.report["checks"]}
    assert "row security hides rows" in question["detail"]
    assert "messages.notes" in question["detail"]
    granted = 'GRANT pg_read_all_data TO "dbadmin";' in statements
    assert granted is ("public.answers" in question["detail"])
    assert granted is (READS_NOTHING in request.node.name)
    assert (after.code, after.verdict) == (0, "verified"), after.reason
    assert first_question(after)["found"].endswith("tables of extensions): cron.job")
