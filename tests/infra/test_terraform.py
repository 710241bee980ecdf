"""The Terraform modules: what can be shown of them without a provider."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from tests.infra.resolving import INFRA, Loader
from tests.missing import missing

MODULES = INFRA / "terraform"
ENVIRONMENT = {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def terraform(*arguments, cwd, text=""):
    program = shutil.which("terraform") or shutil.which("tofu")
    if program is None:
        missing("terraform or tofu", "https://developer.hashicorp.com/terraform/install")
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={**ENVIRONMENT, "HOME": str(cwd)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def evaluated(module, expression, tmp_path, **variables):
    """An expression of a module, worked out by Terraform itself; without what needs a provider."""
    for name in ("locals.tf", "variables.tf"):
        shutil.copy(MODULES / module / name, tmp_path)
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(variables))
    done = terraform("console", cwd=tmp_path, text=f"jsonencode({expression})\n")
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout))


@pytest.fixture
def exported(tmp_path):
    place = tmp_path / "deploy"
    place.mkdir()
    shutil.copy(INFRA / "backup-account.yaml", place)
    for name in ("stepper", "checker", "planner", "sweeper", "adopter", "notifier"):
        (place / f"{name}.zip").write_bytes(name.encode())
    return place


def test_the_modules_are_formatted(tmp_path):
    done = terraform("fmt", "-check", "-recursive", str(MODULES), cwd=tmp_path)

    assert done.returncode == 0, done.stdout


def test_every_function_is_read_from_where_its_package_was_put(exported, tmp_path):
    given = {"directory": str(exported), "artifact_bucket": "artifacts"}
    template = yaml.load(evaluated("backup-account", "local.template", tmp_path, **given), Loader)  # noqa: S506  # a SafeLoader
    packages = evaluated("backup-account", "local.packages", tmp_path, **given)
    prefix = evaluated("backup-account", "local.prefix", tmp_path, **given)

    functions = {
        resource["Properties"]["Handler"].removesuffix(".handler"): resource["Properties"]["Code"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert set(functions) == set(packages)
    for name, code in functions.items():
        assert code == {"S3Bucket": "artifacts", "S3Key": f"{prefix}/{name}.zip"}
    original = yaml.load((exported / "backup-account.yaml").read_text(), Loader)  # noqa: S506  # a SafeLoader
    for resource in (*template["Resources"].values(), *original["Resources"].values()):
        resource.get("Properties", {}).pop("Code", None)
    assert template == original, "nothing else is changed"


def test_a_package_that_changes_has_a_new_place(exported, tmp_path):
    given = {"directory": str(exported), "artifact_bucket": "artifacts"}
    before = evaluated("backup-account", "local.prefix", tmp_path, **given)
    (exported / "stepper.zip").write_bytes(b"another version")

    assert evaluated("backup-account", "local.prefix", tmp_path, **given) != before


def test_parameters_of_the_source_account_go_to_the_template(tmp_path):
    given = evaluated(
        "source-account",
        "keys(local.parameters)",
        tmp_path,
        directory="deploy",
        backup_account_id="222222222222",
        external_id="0123456789abcdef",
        parameters={"TransitKeyArn": "arn:x"},
    )

    declared = yaml.load((INFRA / "source-account.yaml").read_text(), Loader)["Parameters"]  # noqa: S506  # a SafeLoader
    assert set(given) <= set(declared)
    assert {name for name, p in declared.items() if "Default" not in p} <= set(given)


def test_modules_say_what_each_variable_is():
    for path in MODULES.glob("*/variables.tf"):
        blocks = re.findall(r'(?ms)^variable "(\w+)" \{\n(.*?)^\}', path.read_text())
        assert blocks
        for name, body in blocks:
            assert "description" in body, f"{path.parent.name}: {name}"


def test_a_template_that_is_too_large_for_a_request_goes_through_a_bucket():
    """TemplateBody: at most 51,200 bytes; TemplateURL: 1 MB (CloudFormation, CreateStack)."""
    text = (MODULES / "backup-account" / "main.tf").read_text()
    size = (INFRA / "backup-account.yaml").stat().st_size
    guide = (INFRA.parent / "docs/how-to/deploy.md").read_text()

    assert 51_200 < size < 1_000_000
    assert "template_url" in text
    assert "amazonaws.com" not in text, "the host is the bucket's own"
    assert guide.count("--s3-bucket") == 2 * 2, "package and deploy, in two regions"
    assert (INFRA / "source-account.yaml").stat().st_size < 51_200
