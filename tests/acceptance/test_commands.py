"""What the commands print: answers on stdout, progress on stderr, nothing done by a plan."""

import json
import re
import shutil
import sqlite3
from pathlib import Path

import jsonschema
import pytest

from restorecheck.report import document


@pytest.fixture
def library(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    world.configure("[{row_count: {table: public.books, min: 1}}]")
    return world


def test_a_quiet_drill_shows_no_progress(library):
    done = library.run("drill", "--quiet")

    assert done.returncode == 0
    assert done.stderr == ""
    assert "VERIFIED" in done.stdout


@pytest.mark.parametrize("option", ["--plan", "--dry-run"])
def test_a_plan_says_what_would_be_made_and_deleted_and_does_nothing(library, option):
    done = library.run("drill", option)

    assert done.returncode == 0
    for said in ("find dump", "makes throw-away server", "deletes throw-away server", "within"):
        assert said in done.stdout
    assert "row count of public.books: at least 1  [required]" in done.stdout
    assert not (library.directory / "history.sqlite").exists()


def test_json_is_all_that_stdout_holds_and_fits_the_schema(library):
    done = library.run("drill", "--json")

    jsonschema.validate(json.loads(done.stdout), document.json_schema())
    assert "drill 20" in done.stderr


def test_several_targets_are_an_array_and_the_worst_code_counts(library):
    text = library.config.read_text().replace(
        "targets:\n", "targets:\n  - {name: lost, dump: {path: nowhere}}\n"
    )
    library.config.write_text(text)

    done = library.run("drill", "--json")

    assert [r["verdict"] for r in json.loads(done.stdout)] == ["failed", "verified"]
    assert done.returncode == 1


def test_a_stored_report_can_be_printed_again(library):
    _, report = library.drill()

    again = library.run("report", report["drill_id"], "--format", "json")
    assert json.loads(again.stdout) == report

    assert "VERIFIED" in library.run("report", report["drill_id"]).stdout
    assert library.run("report", "no-such-drill").returncode == 3


def test_the_environment_of_libpq_leads_nowhere(library):
    library.environment = {
        "PGHOSTADDR": "192.0.2.1",
        "PGOPTIONS": "-c search_path=nowhere",
        "PGSERVICE": "production",
        "PGUSER": "admin",
    }

    assert library.drill()[0] == 0


def test_no_colour_reaches_a_pipe(library):
    done = library.run("drill")

    assert "\x1b" not in done.stdout + done.stderr


def test_the_configuration_is_validated_and_explained(library):
    assert library.run("config", "validate").stdout.endswith("valid; 1 target\n")
    assert json.loads(library.run("config", "schema").stdout)["title"] == "restorecheck.yaml"
    assert library.run("config", "example").stdout.startswith("# yaml-language-server")
    assert library.run("--version").stdout.startswith("restorecheck ")


def test_a_help_needs_no_configuration_and_ends_with_the_exit_statuses(library):
    library.config.unlink()

    said = library.run("drill", "--help").stdout
    assert said.rstrip().endswith(
        "130  interrupted; everything was deleted, or the report names the rest"
    )
    assert "restorecheck COMMAND --help" in library.run("--help").stdout


@pytest.mark.parametrize("arguments", [[], ["drlil"], ["drill", "--jsn"]])
def test_wrong_usage_is_exit_2(library, arguments):
    assert library.run(*arguments).returncode == 2


def test_objectives_are_measured_and_a_required_one_that_is_missed_fails_the_drill(library):
    library.configure(
        extra="defaults: {objectives: {rpo_hours: 876000, rto_minutes: 0.0001, "
        "rto_severity: required}}\n"
    )

    code, report = library.drill()

    assert (code, report["verdict"]) == (1, "failed")
    assert report["reason"].startswith("check 'recovery time objective': expected at most 1 s")
    assert report["restore"]["outcome"] == "succeeded"
    outcomes = {c["kind"]: c["outcome"] for c in report["checks"]}
    assert (outcomes["rpo"], outcomes["rto"]) == ("passed", "failed")
    plan = library.run("drill", "--plan").stdout
    assert "recovery time objective: restored within 1 s  [required]" in plan


def said_of_checks(text: str) -> list[str]:
    """Of the first report in it: everything but numbers of rows, times and names of files."""
    report = text[text.index("courses  VERIFIED\n") :]
    report = report[: report.index("  teardown")]
    checks = re.findall(r"^    (?:ok|warn|FAIL|--) +.*?(?=  |$)", report, re.MULTILINE)
    return [*report.splitlines()[:2], *re.findall(r"^  checks .*$", report, re.MULTILINE), *checks]


def test_the_demo_gives_each_night_its_verdict_and_names_the_page_that_it_has_written(world):
    place = world.directory / "demo"

    done = world.run("demo", "--answers", "1000", "--dir", str(place))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"The HTML report of the last drill: {place}/report.html" in done.stdout
    assert "<!doctype html>" in (place / "report.html").read_text()
    history = sqlite3.connect(place / "history.sqlite")
    verdicts = [row[0] for row in history.execute("select verdict from reports order by sequence")]
    history.close()
    assert verdicts == ["verified", "verified", "failed", "failed"]
    assert "== Night 1 again: the dump is in an S3 bucket" in done.stdout
    assert list((place / "work").iterdir()) == []
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert said_of_checks(readme) == said_of_checks(done.stdout), "README shows another first night"
