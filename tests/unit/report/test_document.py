"""What a report says of a drill that did not come to its end, and of one that did."""

import json
from dataclasses import replace
from datetime import timedelta

import jsonschema
import pytest

from restorecheck.lifecycle import (
    Aborted,
    Checked,
    Closed,
    Ready,
    VerdictRecorded,
    apply,
    decide,
    intend,
)
from restorecheck.model import (
    CheckOrigin,
    CheckSpec,
    Resource,
    Severity,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import document
from tests.factories import BACKUP, ENDPOINT, HOUR, NOW, begun, drill, finished, restored, result

MINUTE = timedelta(minutes=1)


def closed(state, verdict=Verdict.INCONCLUSIVE, at=NOW + HOUR):
    judged = apply(state, VerdictRecorded(verdict, "said"), at)
    return apply(judged.evolve(ledger=()), Closed(), at)


def test_a_drill_that_was_broken_off_says_which_step_it_was_in_and_what_was_not_asked():
    specs = (
        CheckSpec(name="rows", kind="row_count", options={"table": "t", "min": 1}),
        CheckSpec(name="further", kind="row_count", options={"table": "u", "min": 1}),
        CheckSpec(name="mild", kind="row_count", severity=Severity.WARNING),
    )
    asked = apply(restored(checks=specs), Checked(results=(result(),)), NOW + MINUTE)

    ended = apply(begun(asked), Aborted("interrupted by SIGTERM"), NOW + 2 * MINUTE)

    report = document.build(closed(ended))

    assert report.interrupted
    assert report.verdict is Verdict.INCONCLUSIVE
    assert [(c.name, c.outcome.value, c.severity.value) for c in report.checks] == [
        ("rows", "passed", "required"),
        ("further", "skipped", "required"),
        ("mild", "skipped", "warning"),
    ]
    assert [step.outcome for step in report.steps] == [
        StepOutcome.SUCCEEDED,
        StepOutcome.SUCCEEDED,
        StepOutcome.ABORTED,
    ]


def test_a_step_without_an_end_has_not_succeeded():
    record = StepRecord(name="load", started_at=NOW)

    report = document.build(finished().evolve(records=(record,)))

    assert [(step.outcome, step.seconds) for step in report.steps] == [(StepOutcome.ABORTED, 0)]


def test_the_restore_took_as_long_as_its_own_steps():
    found = apply(begun(drill()), Ready(backup=BACKUP), NOW + 5 * MINUTE)
    loading = intend(found, decide(found), NOW + 5 * MINUTE)
    loaded = apply(loading, Ready(endpoint=ENDPOINT), NOW + 12 * MINUTE)
    asked = apply(loaded, Checked(results=(result(),)), NOW + 25 * MINUTE)

    report = document.build(closed(asked, Verdict.VERIFIED, NOW + 25 * MINUTE))

    assert report.restore.seconds == 7 * 60
    assert report.time.total_seconds == 25 * 60


def test_a_backup_is_as_old_as_it_was_when_the_drill_began():
    assert BACKUP.taken_at == NOW - 3 * HOUR

    report = document.build(closed(restored(), at=NOW + 2 * HOUR))

    assert report.backup is not None
    assert report.backup.age_seconds == 3 * 3600


@pytest.mark.parametrize(("taken_at", "age"), [(NOW, 0), (None, None)])
def test_a_backup_of_this_very_moment_has_an_age_and_one_of_no_known_moment_has_none(taken_at, age):
    state = restored().evolve(backup=replace(BACKUP, taken_at=taken_at))

    report = document.build(closed(state))

    assert report.backup is not None
    assert report.backup.age_seconds == age


def test_what_is_left_and_what_is_parked_are_told_apart():
    server = Resource(kind="server", identifier="left")
    standby = Resource(kind="server", identifier="parked")

    report = document.build(
        finished().evolve(
            ledger=(server,), parked=(standby,), teardown_outcome=TeardownOutcome.INCOMPLETE
        )
    )

    assert [left.identifier for left in report.teardown.left] == ["left"]
    assert [parked.identifier for parked in report.teardown.parked] == ["parked"]


def test_what_is_said_of_the_files_and_decides_nothing_stands_last():
    of_file = {"kind": "backup_file", "origin": CheckOrigin.BACKUP}
    hint = result("the age has a limit", severity=Severity.WARNING, **of_file)
    whole = result("the newest dump is whole", **of_file)
    mild = result("rows", severity=Severity.WARNING)

    report = document.build(finished().evolve(results=(hint, whole, mild), checks=()))

    assert [check.name for check in report.checks] == [whole.name, mild.name, hint.name]


def test_the_schema_takes_what_is_written_and_not_what_a_report_lacks():
    schema = document.json_schema()
    report = json.loads(document.build(finished()).model_dump_json())

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("/2020-12/schema")
    jsonschema.validate(report, schema)
    for key in ("verdict", "teardown", "checks"):
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate({k: v for k, v in report.items() if k != key}, schema)
