import json
from pathlib import Path

import jsonschema
import pytest

from restorecheck.lifecycle import Aborted, Closed, VerdictRecorded, apply
from restorecheck.model import CheckOutcome, Verdict
from restorecheck.report import document
from restorecheck.report.terminal import clean, render, size
from restorecheck.spelling import duration
from tests.factories import NOW, SERVER, drill, finished, restored, result

ROOT = Path(__file__).parents[3]


def ended(state, verdict, reason):
    return apply(apply(state, VerdictRecorded(verdict, reason), NOW), Closed(), NOW)


def test_the_verdict_and_its_reason_come_first():
    text = render(document.build(finished()), color=False)

    first, second = text.splitlines()[:2]
    assert first == "courses  VERIFIED"
    assert second.strip() == "it restores"


def test_checks_that_were_not_asked_have_a_row_that_says_so():
    aborted = ended(apply(drill(), Aborted("Ctrl-C"), NOW), Verdict.INCONCLUSIVE, "Ctrl-C")

    report = document.build(aborted)

    assert [check.outcome for check in report.checks] == [CheckOutcome.SKIPPED]
    assert report.interrupted


def test_what_is_left_is_named():
    left = ended(restored().evolve(ledger=(SERVER,)), Verdict.FAILED, "bad")

    text = render(document.build(left), color=False)

    assert "INCOMPLETE, 1 left" in text
    assert "restorecheck-d-1" in text


def test_escapes_and_line_breaks_from_outside_do_not_reach_the_terminal():
    hostile = "\x1b[2J\nVERIFIED\u202e"
    state = restored(target=hostile)
    bad = result(detail=hostile, outcome=CheckOutcome.FAILED)
    state = ended(state.evolve(results=(bad,)), Verdict.FAILED, hostile)

    text = render(document.build(state), color=False)

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "VERIFIED" not in text.splitlines()[1:2][0].split()[:1]
    assert clean("plain ✓ text") == "plain ✓ text"


def test_colour_is_only_used_when_asked_for():
    report = document.build(finished())

    assert "\x1b[" in render(report, color=True)
    assert "\x1b[" not in render(report, color=False)


def test_a_report_survives_json_and_fits_the_committed_schema():
    report = document.build(finished())
    committed = json.loads((ROOT / "docs/reference/report.schema.json").read_text())

    assert document.parse(report.to_json()) == report
    jsonschema.validate(json.loads(report.to_json()), committed)


def test_the_report_has_every_promised_field():
    values = json.loads(document.build(finished()).to_json())

    assert values["schema_version"] == 1
    assert {"drill_id", "target", "verdict", "reason", "started_at", "finished_at"} <= set(values)
    assert {"kind", "identifier", "taken_at", "age_seconds", "size_bytes", "server_version"} <= set(
        values["backup"]
    )
    assert {"outcome", "seconds", "server_version"} <= set(values["restore"])
    assert {
        "name",
        "kind",
        "database",
        "severity",
        "outcome",
        "expected",
        "found",
        "seconds",
        "detail",
    } <= set(values["checks"][0])
    assert {"outcome", "left"} <= set(values["teardown"])
    assert {"name", "started_at", "seconds", "outcome"} <= set(values["steps"][0])
    assert values["started_at"].endswith("Z")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (34_200_000, "34.2 MB")]
)
def test_sizes_are_said_as_people_say_them(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (300, "5 min"), (473, "7 min 53 s"), (10_800, "3 h"), (400_000, "4 days 16 h")],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text
