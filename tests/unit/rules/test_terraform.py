"""What a state, a plan and the .tf files say of databases."""

import io
import json
from pathlib import Path

import hcl2
import pytest
import yaml

from restorecheck.hosts.cli.arguments import main
from restorecheck.rules.findings import AdvicePlace, Outcome
from restorecheck.rules.terraform import NotTerraformError, blocks_in, databases_in, judge

BAD = {"identifier": "prod", "deletion_protection": False, "skip_final_snapshot": True}
GOOD = {
    "identifier": "prod",
    "deletion_protection": True,
    "skip_final_snapshot": False,
    "delete_automated_backups": False,
}


def resource(values, address="aws_db_instance.prod", **more):
    kind, name = address.rsplit(".", 2)[-2:]
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name.partition("[")[0],
        "values": values,
        **more,
    }


def shown_state(*resources, modules=()):
    root = {"resources": list(resources), "child_modules": list(modules)}
    return {"format_version": "1.0", "values": {"root_module": root}}


def stored_state(values, **more):
    found = {"mode": "managed", "type": "aws_db_instance", "name": "prod"}
    return {"version": 4, "resources": [{**found, "instances": [{"attributes": values}], **more}]}


def plan_of(actions, before=None):
    after = "delete" not in actions or "create" in actions
    change = {"actions": actions, "before": before or GOOD}
    named = {"address": "aws_db_instance.prod", "type": "aws_db_instance", "name": "prod"}
    return {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [resource(GOOD)] if after else []}},
        "resource_changes": [{**named, "mode": "managed", "change": change}],
    }


def wrong(document, tf=None):
    blocks = None if tf is None else [*blocks_in(hcl2.load(io.StringIO(tf)))]
    found = judge(databases_in(document), blocks)
    return {f.rule.id: f.outcome for f in found if f.outcome is not Outcome.OK}


PROTECTED = 'resource "aws_db_instance" "prod" {\n lifecycle {\n prevent_destroy = true\n }\n}\n'
UNPROTECTED = 'resource "aws_db_instance" "prod" {\n lifecycle {\n prevent_destroy = false\n }\n}\n'


@pytest.mark.parametrize("document", [stored_state(BAD), shown_state(resource(BAD))])
def test_a_database_that_a_destroy_takes_with_its_backups_is_found_in_every_form(document):
    found = wrong(document, UNPROTECTED)

    assert found == dict.fromkeys(["RC902", "RC903", "RC904", "RC905"], Outcome.PROBLEM)


def test_what_is_protected_in_state_and_configuration_is_well():
    assert wrong(stored_state(GOOD), PROTECTED) == {}


def test_what_is_advised_can_be_pasted_into_the_block_and_mends_it():
    bare = 'resource "aws_db_instance" "prod" {'
    blocks = [*blocks_in(hcl2.load(io.StringIO(f"{bare}}}")))]
    found = [*judge(databases_in(shown_state(resource(BAD))), blocks)]

    advised = [advice.line for finding in found for advice in finding.advice]
    parsed = hcl2.load(io.StringIO("\n".join([bare, *advised, "}"])))
    (body,) = (_plain(named)["prod"] for one in parsed["resource"] for named in one.values())

    assert {advice.where for finding in found for advice in finding.advice} == {
        AdvicePlace.TERRAFORM
    }
    mended = judge(databases_in(shown_state(resource({**BAD, **body}))), [*blocks_in(parsed)])
    assert [f.rule.id for f in mended if f.outcome is not Outcome.OK] == []
    assert body["final_snapshot_identifier"].strip('"') == "prod-final"


def _plain(named):
    return {name.strip('"'): body for name, body in named.items()}


def test_without_the_files_prevent_destroy_is_not_looked_at():
    assert wrong(stored_state(GOOD)) == {"RC905": Outcome.NOT_LOOKED_AT}


def test_a_resource_that_is_in_no_given_file_is_not_looked_at():
    other = PROTECTED.replace('"prod"', '"other"')

    assert wrong(stored_state(GOOD), other) == {"RC905": Outcome.NOT_LOOKED_AT}


@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create", "delete"]])
def test_a_plan_that_deletes_or_replaces_a_database_is_found(actions):
    assert wrong(plan_of(actions), PROTECTED) == {"RC901": Outcome.PROBLEM}


@pytest.mark.parametrize("actions", [["no-op"], ["update"], ["create"]])
def test_a_plan_that_keeps_it_is_well(actions):
    assert wrong(plan_of(actions), PROTECTED) == {}


def test_databases_in_modules_and_with_an_index_keep_their_addresses():
    inner = resource(GOOD, "module.db.aws_rds_cluster.prod")
    shown = shown_state(modules=[{"resources": [inner]}])
    stored = stored_state(GOOD, module="module.db")
    stored["resources"][0]["instances"] = [
        {"index_key": 0, "attributes": GOOD},
        {"index_key": "eu", "attributes": GOOD},
    ]

    assert [d.address for d in databases_in(shown)] == ["module.db.aws_rds_cluster.prod"]
    assert [d.address for d in databases_in(stored)] == [
        "module.db.aws_db_instance.prod[0]",
        'module.db.aws_db_instance.prod["eu"]',
    ]


def test_other_resources_and_data_sources_are_none_of_our_business():
    looked_up = resource(BAD) | {"mode": "data"}
    bucket = resource(BAD, "aws_s3_bucket.backups")

    assert databases_in(shown_state(looked_up, bucket)) == []


def test_in_a_stored_state_other_resources_are_none_of_our_business():
    bucket = {"mode": "managed", "type": "aws_s3_bucket", "name": "b", "instances": []}
    stored = stored_state(GOOD)
    stored["resources"] += [bucket, {**stored["resources"][0], "mode": "data"}]

    assert [d.address for d in databases_in(stored)] == ["aws_db_instance.prod"]


def test_in_the_files_other_resources_are_none_of_our_business():
    bucket = 'resource "aws_s3_bucket" "prod" {\n}\n'

    assert wrong(stored_state(GOOD), bucket + PROTECTED) == {}
    assert [*blocks_in(hcl2.load(io.StringIO(bucket)))] == []


def test_an_empty_state_has_no_database():
    assert databases_in({"format_version": "1.0"}) == []


@pytest.mark.parametrize("document", [[], {}, {"version": 3, "resources": []}, {"a": 1}])
def test_what_is_neither_state_nor_plan_is_refused(document):
    with pytest.raises(NotTerraformError):
        databases_in(document)


@pytest.fixture
def run(tmp_path, capsys):
    config = tmp_path / "restorecheck.yaml"
    config.write_text(
        yaml.safe_dump({"version": 1, "targets": [{"name": "a", "dump": {"path": "/backups"}}]})
    )

    def run(*arguments):
        code = main(["audit", "-c", str(config), *arguments])
        return code, capsys.readouterr()

    return run


def written(path: Path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_a_pipeline_asks_about_its_plan_without_asking_aws(run, tmp_path):
    plan = written(tmp_path / "plan.json", plan_of(["delete"]))
    written(tmp_path / "main.tf", PROTECTED)

    code, said = run("--only-terraform", "--terraform", plan, "--terraform-files", str(tmp_path))

    assert code == 1
    assert (
        "RC901 critical aws_db_instance.prod: the plan deletes or replaces the database" in said.out
    )


def test_a_good_state_exits_with_0_and_with_3_where_something_was_not_seen(run, tmp_path):
    state = written(tmp_path / "terraform.tfstate", stored_state(GOOD))
    written(tmp_path / "main.tf", PROTECTED)

    seen, _ = run("--only-terraform", "--terraform", state, "--terraform-files", str(tmp_path))
    unseen, said = run("--only-terraform", "--terraform", state)

    assert (seen, unseen) == (0, 3)
    assert "prevent_destroy is not in a state or a plan" in said.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not json", "is not JSON; print a plan file with `terraform show -json FILE`"),
        ("[1]", "is neither a terraform.tfstate of version 4"),
        (
            '{"version": 4, "resources": [{"mode": "managed", "type": "aws_db_instance"}]}',
            "neither",
        ),
    ],
)
def test_a_file_that_is_something_else_is_named(run, tmp_path, content, words):
    path = written(tmp_path / "file.json", content)

    code, said = run("--only-terraform", "--terraform", path)

    assert code == 2
    assert words in said.err


def test_files_that_are_no_hcl_and_folders_without_any_are_named(run, tmp_path):
    state = written(tmp_path / "terraform.tfstate", stored_state(GOOD))
    broken = tmp_path / "broken"
    broken.mkdir()
    arguments = ("--only-terraform", "--terraform", state, "--terraform-files")

    none, said_none = run(*arguments, str(broken))
    written(broken / "main.tf", 'resource "aws_db_instance" {{{')
    bad, said_bad = run(*arguments, str(broken))

    assert (none, bad) == (2, 2)
    assert "there is no .tf file in" in said_none.err
    assert "main.tf could not be read by the HCL parser" in said_bad.err


def test_without_a_source_account_or_a_file_there_is_nothing_to_audit(run):
    assert run()[0] == 2
    assert "no target of kind rds" in run()[1].err
    assert run("--only-terraform")[0] == 2
