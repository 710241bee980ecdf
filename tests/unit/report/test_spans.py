"""A drill as a trace: its spans, their times and outcomes, and nothing that quotes the database."""

from datetime import timedelta

from restorecheck.model import (
    CheckOutcome,
    CheckResult,
    Resource,
    Severity,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report.spans import trace_of
from tests.factories import NOW, finished

SECOND = timedelta(seconds=1)


def result(name, outcome):
    return CheckResult(
        name=name, kind="query", database="d", severity=Severity.REQUIRED, outcome=outcome,
        found="jane@example.org", detail="row (17, jane@example.org)",
    )  # fmt: skip


def record(name, began, done, outcome, external):
    return StepRecord(
        name=name,
        started_at=NOW + began * SECOND,
        finished_at=NOW + done * SECOND,
        outcome=outcome,
        external_seconds=external,
    )


def ended(**changes):
    records = (
        record("find", 0, 2, StepOutcome.SUCCEEDED, 0.5),
        record("restore", 2, 9, StepOutcome.FAILED, 6.0),
    )
    known = {
        "started_at": NOW,
        "finished_at": NOW + 12 * SECOND,
        "records": records,
        "verdict": Verdict.FAILED,
        "reason": "found jane@example.org",
        "ledger": (),
    }
    return finished().evolve(**(known | changes))


def test_a_span_for_the_drill_and_one_for_each_step_and_the_teardown():
    trace = trace_of(ended())

    assert trace.root.name == "drill courses"
    assert (trace.root.began, trace.root.ended) == (NOW, NOW + 12 * SECOND)
    assert [(s.name, (s.ended - s.began) / SECOND) for s in trace.children] == [
        ("find", 2),
        ("restore", 7),
        ("teardown", 3),
    ]
    assert [s.is_error for s in (trace.root, *trace.children)] == [True, False, True, False]
    assert trace.children[1].attributes["restorecheck.external_seconds"] == 6.0


def test_a_verified_drill_is_no_error_and_a_resource_left_behind_is_one_of_the_teardown():
    left = Resource(kind="DB instance", identifier="restorecheck-1")
    trace = trace_of(
        ended(verdict=Verdict.VERIFIED, ledger=(left,), teardown_outcome=TeardownOutcome.INCOMPLETE)
    )

    assert not trace.root.is_error
    assert trace.children[-1].is_error
    assert trace.root.attributes["restorecheck.left_behind"] == 1


def test_the_same_drill_has_the_same_ids_and_another_one_has_others():
    first, again, other = trace_of(ended()), trace_of(ended()), trace_of(ended(id="d-2"))

    assert first == again
    ids = {s.id for t in (first, other) for s in (t.root, *t.children)}
    assert len(ids) == 8
    assert first.id != other.id
    assert 0 < first.id < 2**128
    assert all(0 < one < 2**64 for one in ids)


def test_checks_are_counted_and_no_text_of_the_drill_is_in_any_attribute():
    results = (
        result("a", CheckOutcome.PASSED),
        result("b", CheckOutcome.FAILED),
        result("jane@example.org", CheckOutcome.FAILED),
    )
    trace = trace_of(ended(results=results, notes=("jane@example.org",), hint="jane@example.org"))

    counts = {k: v for k, v in trace.root.attributes.items() if ".checks." in k}
    assert counts == {"restorecheck.checks.failed": 2, "restorecheck.checks.passed": 1}
    assert "jane" not in repr(trace)


def test_a_step_that_an_abort_ended_has_an_end():
    records = (StepRecord(name="restore", started_at=NOW),)

    (step, teardown) = trace_of(ended(records=records)).children

    assert step.ended == NOW + 12 * SECOND
    assert step.is_error
    assert teardown.began <= teardown.ended
