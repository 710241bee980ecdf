"""Every command, option, configuration key, exit code and error stands in the documentation."""

import argparse
import inspect
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from restorecheck import config, errors
from restorecheck.announcing import Kind
from restorecheck.hosts.cli import arguments
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.rules.advised import (
    backup_policy,
    looking_in_backup,
    looking_in_source,
    source_policy,
    trust_policy,
    upgrades_policy,
)
from restorecheck.rules.permissions import Names
from tests import messages
from tests.write_reference import EXPLANATION, REFERENCE, explanation, pages

ROOT = Path(__file__).parents[1]


def commands(parser: argparse.ArgumentParser, prefix: str = "restorecheck"):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield f"{prefix} {name}", child
                yield from commands(child, f"{prefix} {name}")


def test_every_command_and_option_stands_in_the_reference():
    text = (REFERENCE / "cli.md").read_text()

    for name, parser in commands(arguments._parser()):
        assert name in text, name
        for action in parser._actions:
            for option in action.option_strings:
                if option.startswith("--") and option not in {"--help", "--config"}:
                    assert option in text, f"{name} {option}"


def test_every_exit_code_stands_in_the_reference_and_in_the_help():
    text = (REFERENCE / "exit-codes.md").read_text()

    for code in Exit:
        assert f"| {code.value} |" in text
        assert re.search(rf"^  {code.value}\s", arguments.EXIT_STATUSES, re.MULTILINE)


def test_every_error_stands_in_the_reference():
    text = (REFERENCE / "errors.md").read_text()

    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, Exception) and name != "RestorecheckError":
            assert f"`{name}`" in text, name


@pytest.mark.parametrize(
    "name",
    [
        "report.schema.json",
        "restorecheck.schema.json",
        "config.md",
        "rules.md",
        "messages.md",
        "texts.md",
    ],
)
def test_reference_pages_are_those_of_the_models(name):
    assert (REFERENCE / name).read_text() == pages()[name], "run: make schema"


def test_there_is_an_example_of_each_kind_of_message():
    assert set(messages.WHEN) == set(messages.examples()) == set(Kind)


def test_the_table_of_open_questions_is_that_of_the_registry():
    assert EXPLANATION.read_text() == explanation(), "run: make schema"


def test_the_configuration_of_the_readme_is_valid():
    readme = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)

    parsed = config.parse(block, file="README.md", directory=ROOT, environment={})

    assert [target.name for target in parsed.targets] == ["courses"]
    assert parsed.targets[0].schedule, "the README's `restorecheck run` drills it"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 100


def test_the_readme_shows_a_report():
    readme = (ROOT / "README.md").read_text()
    ((says, path),) = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", readme)
    picture = (ROOT / path).read_bytes()

    assert len(says) > 50, "somebody who does not see it is told what it shows"
    assert readme.index(path) < readme.index("## Try it")
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) < 150_000


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not link.startswith("https://"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_policies_in_the_reference_are_those_that_doctor_advises():
    page = (REFERENCE / "aws-permissions.md").read_text()
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    names = Names(
        target="",
        partition="aws",
        source_account="SOURCE",
        backup_account="BACKUP",
        region="REGION",
        backup_region="REGION",
        role_arn="arn:aws:iam::SOURCE:role/restorecheck-source",
        instance="",
        transit_key="TRANSIT-KEY-ARN",
        production_key="PRODUCTION-KEY-ARN",
        backup_key="BACKUP-KEY-ARN",
        subnet_group="SUBNET-GROUP",
    )

    expected = [
        trust_policy(names, "YOUR-EXTERNAL-ID"),
        source_policy(names),
        backup_policy(names),
        source_policy(replace(names, aurora=True)),
        backup_policy(replace(names, aurora=True)),
        upgrades_policy(names),
        looking_in_source(),
        looking_in_backup(),
    ]
    assert blocks == expected, "\n".join(map(json.dumps, expected))
