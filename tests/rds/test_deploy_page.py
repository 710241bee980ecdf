"""docs/how-to/deploy.md is followed: its commands are taken out of the page and run, in their order.

`aws` is AWS's own command line, from an environment of its own (.ci/run makes it: its botocore is another one
than ours). Without it, these tests are skipped on a machine of yours, and fail in CI.
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from restorecheck.sandbox import Pace, Sandbox
from tests.infra.resolving import template
from tests.missing import missing
from tests.places import SHORT
from tests.rds import deployed
from tests.rds.conftest import PASSWORD, Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/deploy.md").read_text()
AWS = ROOT / ".venv/awscli/bin/aws"
INSTALL = (
    "python3 -m venv --without-pip .venv/awscli && "
    "python3 -m pip --python .venv/awscli/bin/python install awscli==1.46.3"
)
SECOND, SUFFIX = "eu-central-1", "-eu-central-1"
NOT_PLAYED = {
    "pip install": "restorecheck is installed",
    "curl": "nothing is fetched from the network in a test",
    "restorecheck infra export": "tests/infra/test_packages.py does; here are templates that moto takes",
}


def commands(page: str = PAGE) -> list[str]:
    """Those of the page's blocks without a language, each on one line."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if not language]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.split("     #")[0].strip() for line in lines if line.strip()]


def test_the_page_has_commands_and_each_begins_with_a_known_program():
    found = commands()

    known = ("aws ", "restorecheck ", "AWS_PROFILE=", "export ", "pip ", "curl ", "ls ")
    assert [line for line in found if not line.startswith(known)] == []
    assert len(found) > 20


def test_every_step_ends_with_a_check():
    steps = re.split(r"^## \d\. ", PAGE.partition("## What alarms")[0], flags=re.MULTILINE)

    assert len(steps) == 6
    assert [step[:30] for step in steps if "\nCheck" not in step] == []


@pytest.mark.parametrize(
    ("stack", "name"),
    [("restorecheck-source", "source-account.yaml"), ("restorecheck ", "backup-account.yaml")],
)
def test_the_parameters_that_the_page_gives_are_those_of_the_template(stack, name):
    first, second = [
        set(re.findall(r"[ '](\w+)=", command.partition("--parameter-overrides")[2]))
        for command in commands()
        if "cloudformation deploy" in command and f"--stack-name {stack}" in command
    ]

    declared = template(name)["Parameters"]
    needed = {key for key, value in declared.items() if "Default" not in value}
    assert needed <= first <= set(declared)
    assert second == first | {"NameSuffix"}


@dataclass
class Shell:
    """What somebody has who follows the page: two profiles, a folder, the exported words."""

    stage: Stage
    folder: Path
    environment: dict[str, str]
    regions: tuple[str, ...]
    words: dict[str, str] = field(default_factory=dict)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        for word, value in self.words.items():
            line = line.replace(word, value)
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            said = self._run(f"echo -n {value}")
            self.environment[name] = said.stdout
            return said
        return self._run(line)

    def _run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def shell():
    with (
        Sandbox(pace=Pace(factor=1 / 8000)) as sandbox,
        tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name,
    ):
        there = Stage(sandbox, sandbox.prepare())
        second = Stage(sandbox, sandbox.prepare(SECOND, SUFFIX))
        sandbox.create_production(password=PASSWORD)
        sandbox.take_automated_snapshot("courses-prod")
        folder = Path(name)
        outputs = deployed.make(there)
        deployed.write_templates(there, outputs, folder / "deploy")
        others = deployed.make(second, SECOND, SUFFIX)
        deployed.write_templates(second, others, folder / SECOND)
        said = {"SECOND-TRANSIT-KEY-ARN": second.land.transit_kms_key_id, **words(there, outputs)}
        yield Shell(there, folder, environment(sandbox, folder), (sandbox.region, SECOND), said)


def environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    profiles = folder / "profiles"
    accounts = {"source": sandbox.source, "backup": sandbox.restorecheck}
    profiles.write_text(
        "".join(
            f"[profile {name}]\nregion = {sandbox.region}\naws_access_key_id = {account.access_key_id}\n"
            f"aws_secret_access_key = {account.secret_access_key}\ns3 =\n  addressing_style = path\n"
            for name, account in accounts.items()
        )
    )
    paths = [str(AWS.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        "PATH": ":".join(paths),
        "HOME": str(folder),
        "AWS_CONFIG_FILE": str(profiles),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        # By this name moto knows a template in a bucket of its own.
        "AWS_ENDPOINT_URL": sandbox.endpoint_url.replace("127.0.0.1", "localhost"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "NO_COLOR": "1",
    }


def words(there: Stage, outputs: dict[str, str]) -> dict[str, str]:
    """What the page leaves to its reader."""
    return {
        "YOUR-ARTIFACT-BUCKET": "artifacts-of-a-team",
        "YOUR-SECOND-ARTIFACT-BUCKET": "more-artifacts-of-a-team",
        "TRANSIT-KEY-ARN": there.land.transit_kms_key_id,
        "CONFIG-BUCKET": outputs["ConfigBucketName"],
        "REPORT-BUCKET": outputs["ReportBucketName"],
        "NIGHTLY-MACHINE-ARN": outputs["NightlyMachineArn"],
    }


def configuration(shell: Shell) -> str:
    """The page's own, with the reader's ARNs and words."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    land, sandbox = shell.stage.land, shell.stage.sandbox
    arns = iter([land.transit_kms_key_id, land.backup_kms_key_id])
    written = re.sub(r"arn:aws:kms:…", lambda _: next(arns), block)
    written = written.replace("sg-…", land.vpc_security_group_id)
    written = written.replace("${RESTORECHECK_EXTERNAL_ID}", land.external_id)
    bundle = f"aws: {{ca_bundle: {sandbox.ca_bundle}}}"
    return "sandbox: true\n" + re.sub(r"^aws: .*$", bundle, written, flags=re.MULTILINE)


EXPECTED = {
    # moto does not have GetAccountSettings: RC525 is not looked at.
    "AWS_PROFILE=backup restorecheck doctor --deployment backup": {3},
    # The sandbox's role is not the template's: it trusts all of the backup account.
    "AWS_PROFILE=backup restorecheck doctor": {0, 1, 3},
    # No execution of moto's ends: there are no functions behind it.
    "AWS_PROFILE=backup restorecheck doctor --deployment night": {1},
    "AWS_PROFILE=backup restorecheck doctor --deployment all": {1},
}


def show_outputs(shell: Shell) -> None:
    """Moto forgets the outputs of a stack that a change set made."""
    sandbox = shell.stage.sandbox
    stacks = {
        "restorecheck-source": ("source-account", sandbox.source),
        "restorecheck": ("backup-account", sandbox.backup),
    }
    for (stack, (template_name, account)), region in itertools.product(
        stacks.items(), shell.regions
    ):
        client = sandbox.client("cloudformation", account, region)
        folder = "deploy" if region == sandbox.region else region
        body = (shell.folder / folder / f"{template_name}.yaml").read_text()
        if stack in [found["StackName"] for found in client.describe_stacks()["Stacks"]]:
            given = client.describe_stacks(StackName=stack)["Stacks"][0].get("Parameters", [])
            client.delete_stack(StackName=stack)
            client.create_stack(StackName=stack, TemplateBody=body, Parameters=given)


@pytest.mark.timeout(900)  # each of some thirty commands starts a Python of its own
def test_the_commands_of_the_page_are_followed_to_the_letter(shell):
    if not AWS.exists():
        missing("AWS's command line", INSTALL)
    told: list[str] = []
    for line in commands():
        if line.startswith(tuple(NOT_PLAYED)):
            continue
        if "config validate" in line:
            (shell.folder / "restorecheck.yaml").write_text(configuration(shell))
        if "s3 presign" in line or "s3 sync" in line:
            (shell.folder / "site").mkdir(exist_ok=True)
        done = shell.run(line)
        if "cloudformation deploy" in line:
            show_outputs(shell)
        told.append(f"$ {line}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
        assert done.returncode in EXPECTED.get(line, {0}), "\n".join(told[-2:])
    del shell.environment["AWS_DEFAULT_REGION"]

    first, second = "\n".join(told).split("$ export AWS_DEFAULT_REGION=")
    for said in (first, second):
        assert "RC511 restorecheck-source is CREATE_COMPLETE" in said
        assert "RC512 the role requires an external id" in said
        assert "RC521 restorecheck is CREATE_COMPLETE" in said
        assert "RC522 5 roles found" in said
        assert "RC523 5 functions active" in said
    assert "RC531 the configuration in the bucket equals the local file" in first


def test_doctor_finds_what_is_not_made_yet_and_what_was_taken_away(shell):
    """Beside the rules' own tests: each fact is read from the sandbox's answer, and not made up."""
    sandbox = shell.stage.sandbox
    backup = {
        service: sandbox.client(service, sandbox.backup)
        for service in ("iam", "lambda", "scheduler", "cloudformation")
    }
    if "restorecheck" not in str(backup["cloudformation"].describe_stacks()["Stacks"]):
        body = (shell.folder / "deploy/backup-account.yaml").read_text()
        backup["cloudformation"].create_stack(StackName="restorecheck", TemplateBody=body)
    backup["lambda"].delete_function(FunctionName="restorecheck-checker")
    backup["iam"].delete_role(RoleName="restorecheck-planner")
    backup["scheduler"].delete_schedule(Name="restorecheck-sweep")
    shell.environment.setdefault("RESTORECHECK_TOPIC", "arn:aws:sns:eu-west-1:222222222222:x")

    done = shell.run("AWS_PROFILE=backup restorecheck doctor --deployment backup")
    other = shell.run("AWS_PROFILE=backup restorecheck doctor --deployment source")

    assert (done.returncode, other.returncode) == (1, 1)
    assert "the function restorecheck-checker does not exist" in done.stdout
    assert "the role restorecheck-planner does not exist" in done.stdout
    assert "restorecheck-sweep is not there" in done.stdout
    assert "the stack restorecheck-source does not exist" in other.stdout, (
        "it is in the other account"
    )


def test_doctor_looks_for_the_roles_of_the_shells_region(shell):
    sandbox = shell.stage.sandbox
    stacks = sandbox.client("cloudformation", sandbox.backup, SECOND)
    if "restorecheck" not in str(stacks.describe_stacks()["Stacks"]):
        body = (shell.folder / SECOND / "backup-account.yaml").read_text()
        given = [{"ParameterKey": "NameSuffix", "ParameterValue": SUFFIX}]
        stacks.create_stack(StackName="restorecheck", TemplateBody=body, Parameters=given)
    role = f"restorecheck-notifier{SUFFIX}"
    sandbox.client("iam", sandbox.backup).delete_role(RoleName=role)

    doctor = "AWS_PROFILE=backup restorecheck doctor --deployment backup"
    done = shell.run(f"AWS_DEFAULT_REGION={SECOND} {doctor}")

    assert f"the role {role} does not exist" in done.stdout
    assert role not in shell.run(doctor).stdout


def test_doctor_of_a_deployment_takes_no_target_and_needs_a_region(shell):
    named = shell.run("AWS_PROFILE=backup restorecheck doctor courses --deployment backup")
    (shell.folder / "bare").write_text(
        "[profile bare]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    nowhere = shell.run(
        "AWS_CONFIG_FILE=bare AWS_PROFILE=bare restorecheck doctor --deployment backup"
    )

    assert (named.returncode, nowhere.returncode) == (2, 2)
    assert "checks no target" in named.stderr
    assert "no AWS region is set" in nowhere.stderr
