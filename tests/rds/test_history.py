"""`history` about an AWS deployment: its table and its bucket, from somebody's own machine."""

import json

import pytest

from restorecheck.model import CheckOutcome, Severity
from tests.rds.conftest import configure
from tests.rds.test_functions import planned, report_of, run


@pytest.fixture
def ask(scene, around):
    bucket = around.setting("RESTORECHECK_BUCKET")
    table = around.setting("RESTORECHECK_TABLE")
    return lambda *words: scene.run("history", *words, "--table", table, "--bucket", bucket)


def test_a_difference_in_a_deployment_is_accepted_and_the_next_night_is_compared_with_it(
    scene, around, ask
):
    sandbox, instance = scene.sandbox, "courses-prod"
    scene.keys["targets"][0]["checks"] = []
    configure(scene, around)
    production = sandbox.instances(sandbox.source)[instance]

    def say(sql):
        with sandbox.sql(production, "courses") as connection:
            connection.execute(sql)
        sandbox.take_automated_snapshot(instance)

    def night(day):
        drill = planned(around, scheduled_for=f"2026-02-{day}T03:15:00Z")
        run(around, drill)
        report = report_of(around, drill)
        required = [c for c in report.checks if c.severity is Severity.REQUIRED]
        alarming = {c.name for c in required if c.outcome is not CheckOutcome.PASSED}
        return drill["drill_id"], report.verdict.value, alarming

    say(
        "create table old_answers as select g as id from generate_series(1, 3000) g;"
        "alter table old_answers owner to dbadmin"
    )
    first, verdict, _ = night(21)
    assert verdict == "verified"
    say("grant select on old_answers to public")
    purged, verdict, failed = night(22)
    assert (verdict, failed) == ("failed", {"no right was widened"})

    refused = ask("accept", first, "--why", "it was verified")
    accepted = ask("accept", purged, "--why", "the old answers are public now", "--by", "ada")

    assert refused.code == 2
    assert accepted.code == 0, accepted.err
    _, verdict, _ = night(23)
    assert verdict == "verified"
    listed = [json.loads(line) for line in ask("--json").out.splitlines()]
    assert [row["verdict"] for row in listed] == ["verified", "failed", "verified"]
    assert "3 reports, each tied to the one before" in ask("verify").out
    exported = ask("export").out.splitlines()
    assert [json.loads(line)["drill_id"] for line in exported][:2] == [first, purged]
    assert json.loads(exported[-1])["baseline"]["accepted_by"] == "ada"


def test_a_table_that_is_not_there_is_named(scene, around):
    bucket = around.setting("RESTORECHECK_BUCKET")

    done = scene.run("history", "--table", "nothing", "--bucket", bucket)

    assert done.code == 3
    assert "nothing" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table", "drills"], "--table and --bucket go together"),
        (["prune", "--older-than", "3", "--table", "t", "--bucket", "b"], "template"),
    ],
)
def test_half_of_a_deployment_is_a_mistake_of_the_caller(scene, words, said):
    done = scene.run("history", *words)

    assert done.code == 2
    assert said in done.err


def test_a_report_that_somebody_removed_from_the_bucket_is_a_flaw(scene, around, ask):
    drill = planned(around)
    run(around, drill)
    bucket = around.setting("RESTORECHECK_BUCKET")
    s3 = around.client("s3")
    (key,) = (
        o["Key"]
        for o in s3.list_objects_v2(Bucket=bucket)["Contents"]
        if drill["drill_id"] in o["Key"]
    )
    for version in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])

    done = ask("verify")

    assert done.code == 1
    assert "the text of the report is missing, and retention did not remove it" in done.out
    export = scene.directory / "export.jsonl"
    assert ask("export", "-o", str(export)).code == 0
    assert scene.run("history", "verify", "--file", str(export)).code == 1
