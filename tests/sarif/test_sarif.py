"""What `--format sarif` writes, before its schema and before the rules of GitHub's code scanning.

Both come with Microsoft's SARIF Multitool, a node package of binaries; without it the tests are skipped,
but for the last, which asks for what GitHub's page "SARIF support for code scanning" calls required.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from restorecheck.rules.catalogue import RULES, By
from restorecheck.rules.findings import Finding, Ignore, ignoring, not_looked_at, ok, problem
from restorecheck.rules.machine_readable import as_sarif
from tests.missing import LINUX, missing, need

HERE = Path(__file__).parent
PACKAGE = Path("node_modules") / "@microsoft" / "sarif-multitool-linux"
PLACES = (HERE.parents[1] / ".venv" / "sarif" / PACKAGE, HERE / PACKAGE)
"""Where .ci/run, or `npm install` in this folder, puts it."""

TODAY = date(2026, 3, 1)
RESOURCE = "arn:aws:rds:eu-west-1:111111111111:db:"
DISPLAYED = 1024
"""Characters of a description."""


def findings(by: By) -> list[Finding]:
    """Each rule, broken twice, well once, not looked at once, and ignored once."""
    found = []
    for rule in RULES:
        if rule.by is by:
            found += [
                problem(rule.id, f"{RESOURCE}{name}", "off") for name in ("a", "b", "ignored")
            ]
            found += [ok(rule.id, f"{RESOURCE}c", "on")]
            found += [
                not_looked_at(rule.id, f"{RESOURCE}\x1b[31m<é\N{RIGHT-TO-LEFT OVERRIDE}>", "it")
            ]
    known = Ignore(rule="", resource="*:ignored", reason="a toy", until=TODAY)
    return ignoring(found, [replace(known, rule=rule.id) for rule in RULES], TODAY)


@pytest.fixture(params=By)
def text(request):
    return as_sarif(findings(request.param), request.param)


@pytest.fixture(scope="module")
def multitool():
    need(sys.platform.startswith("linux"), *LINUX)
    found = next((place for place in PLACES if place.is_dir()), None)
    if found is None:
        missing("the SARIF Multitool", "npm install in a copy of tests/sarif, as .ci/run does")
    return found


def test_it_is_valid_by_the_schema_of_sarif(text, multitool):
    schema = json.loads((multitool / "sarif-2.1.0.json").read_text())

    errors = Draft202012Validator(schema).iter_errors(json.loads(text))

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_code_scanning_would_take_it(text, multitool, tmp_path):
    program = shutil.copy(
        multitool / "Sarif.Multitool", tmp_path
    )  # packages keep no permission to run
    Path(program).chmod(0o700)
    (tmp_path / "given.sarif").write_text(text)

    done = subprocess.run(
        # Rules of the kind `Sarif` would fetch the schema from its address.
        [program, "validate", "given.sarif", "--rule-kind", "Gh", "--output", "found.sarif"],
        cwd=tmp_path,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = json.loads((tmp_path / "found.sarif").read_text())["runs"]
    assert [result["ruleId"] for result in run["results"]] == [], done.stdout
    assert "1 files scanned" in done.stdout


def test_it_has_what_code_scanning_requires_and_tells_any_two_findings_apart(text):
    (run,) = json.loads(text)["runs"]
    driver, results = run["tool"]["driver"], run["results"]

    assert driver["name"]
    for rule in driver["rules"]:
        texts = [
            rule["id"],
            *(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")),
        ]
        assert all(texts)
        assert max(map(len, texts[:3])) <= DISPLAYED
        assert rule["defaultConfiguration"]["level"] in {"note", "warning", "error"}
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert "security" in rule["properties"]["tags"]
    for result in results:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"]
        assert {"startLine", "startColumn", "endLine", "endColumn"} <= set(place["region"])
    told_apart = {
        (r["ruleId"], r["partialFingerprints"]["primaryLocationLineHash"]) for r in results
    }
    assert len(told_apart) == len(results) == 4 * len(driver["rules"])
    assert sum("suppressions" in result for result in results) == len(driver["rules"])
