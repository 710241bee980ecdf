"""What a drill remembers: which step took how long and whose time it was, and what was said."""

from datetime import timedelta
from typing import Any

import pytest

from restorecheck.lifecycle import (
    MAX_RETRIES,
    Aborted,
    Broken,
    Checked,
    Closed,
    Gone,
    InProgress,
    Ready,
    RecordVerdict,
    Retained,
    Retry,
    RunChecks,
    StillThere,
    TimedOut,
    Unclear,
    VerdictRecorded,
    apply,
    decide,
    expire,
    intend,
    judge,
)
from restorecheck.model import (
    Baseline,
    CheckOutcome,
    CheckSpec,
    Failure,
    Observation,
    Phase,
    Retention,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from tests.factories import BACKUP, ENDPOINT, HOUR, NOW, SERVER, begun, drill, restored, result

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATER = NOW + MINUTE
TWO = (CheckSpec(name="rows", kind="row_count"), CheckSpec(name="fresh", kind="query"))


def waited(state, status="creating", **changes):
    event: dict[str, Any] = {"wait": 30 * SECOND, "detail": f"it is {status}", "status": status}
    return apply(state, InProgress(**(event | changes)), LATER)


def torn_down(**changes):
    return drill(phase=Phase.TEARDOWN, position=3, **changes)


def test_a_step_knows_when_it_was_begun_and_ended_and_how_much_of_it_was_others_time():
    state = waited(waited(begun(drill())), wait=5 * SECOND)
    state = apply(state, Ready(external_seconds=2.5), NOW + HOUR)

    first = StepRecord(
        name="find",
        started_at=NOW,
        finished_at=NOW + HOUR,
        outcome=StepOutcome.SUCCEEDED,
        external_seconds=37.5,
    )
    assert state.records == (first,)
    second = apply(waited(begun(state)), Ready(endpoint=ENDPOINT), LATER)
    assert second.records[0] == first
    assert [r.external_seconds for r in second.records] == [37.5, 30.0]


def test_a_wait_of_which_nobody_says_anything_is_our_own_time():
    assert waited(begun(drill()), status="").records[0].external_seconds == 0.0


def test_what_is_seen_is_remembered_with_its_moment():
    state = waited(begun(drill()))

    assert state.evidence == (Observation(at=LATER, source="find", text="creating"),)
    assert state.waiting_for == "it is creating"
    assert apply(state, Ready(), LATER).waiting_for == ""


def test_what_steps_learn_adds_up():
    state = waited(begun(drill()), outputs={"a": "1"})
    told: dict[str, Any] = {
        "notes": ("one",),
        "outputs": {"b": "2"},
        "restored_in": MINUTE,
        "backup": BACKUP,
    }
    state = apply(state, Ready(**told), LATER)
    state = waited(begun(state), outputs={"c": "3"})
    state = apply(state, Ready(notes=("two",), endpoint=ENDPOINT), LATER)

    assert state.outputs == {"a": "1", "b": "2", "c": "3"}
    assert (state.notes, state.restored_in) == (("one", "two"), MINUTE)
    assert (state.backup, state.endpoint) == (BACKUP, ENDPOINT)


@pytest.mark.parametrize("ending", [Broken(reason="r"), Unclear(reason="r"), Ready()])
def test_a_step_that_ends_forgets_its_retries(ending):
    state = apply(begun(drill(retries=MAX_RETRIES)), ending, LATER)

    assert state.retries == 0


@pytest.mark.parametrize(
    ("ending", "outcome", "failure"),
    [
        (
            Broken(reason="r", hint="h"),
            StepOutcome.FAILED,
            {"verdict": Verdict.FAILED, "hint": "h"},
        ),
        (Unclear(reason="r", hint="h"), StepOutcome.FAILED, {"hint": "h"}),
        (TimedOut("r"), StepOutcome.TIMED_OUT, {"timed_out": True}),
        (Aborted("r"), StepOutcome.ABORTED, {"aborted": True}),
    ],
)
def test_a_step_that_fails_says_how_why_and_when(ending, outcome, failure):
    state = apply(begun(drill()), ending, LATER)

    whole: dict[str, Any] = {
        "verdict": Verdict.INCONCLUSIVE,
        "reason": "r",
        "step": "find",
    } | failure
    assert state.failure == Failure(**whole)
    assert state.records == (
        StepRecord(name="find", started_at=NOW, finished_at=LATER, outcome=outcome),
    )


def test_the_hint_of_a_bad_backup_comes_with_its_verdict():
    state = apply(begun(drill()), Broken(reason="it is cut off", hint="take another"), LATER)

    verdict = decide(state)

    assert isinstance(verdict, RecordVerdict)
    assert (verdict.reason, verdict.hint) == ("it is cut off", "take another")


def test_the_last_of_the_retries_says_why_and_how_often():
    state = apply(begun(drill(retries=MAX_RETRIES)), Retry(reason="reset", wait=SECOND), LATER)

    assert state.failure is not None
    assert state.failure.reason == f"reset ({MAX_RETRIES} times in a row)"
    assert state.records[0].finished_at == LATER


def test_a_step_that_is_within_its_time_goes_on():
    state = begun(drill())

    assert expire(state, NOW) == state
    assert expire(state, NOW + HOUR - SECOND) == state


def test_a_step_is_late_from_its_deadline_on_and_so_is_a_drill():
    late = expire(begun(drill()), NOW + HOUR)
    over = expire(drill(), NOW + 4 * HOUR)

    assert late.failure is not None
    assert over.failure is not None
    assert late.failure.reason == "step 'find' took longer than 60 minutes"
    assert late.records[0].finished_at == NOW + HOUR
    assert over.failure.reason == "the drill's deadline of 240 minutes passed in step 'find'"


def test_every_step_has_its_time_from_its_own_beginning():
    began = NOW + 50 * MINUTE
    found = apply(begun(drill()), Ready(), began)
    loading = intend(found, decide(found), began)

    assert expire(loading, began + HOUR - SECOND) == loading
    assert expire(loading, began + HOUR).failure is not None


def test_half_of_the_answers_leave_the_step_open_and_the_rest_is_asked():
    state = intend(waiting := restored(checks=TWO), decide(waiting), NOW)
    first = Checked(results=(result(seconds=2.0),), readings="packed", detail="of 2 tables")

    state = apply(state.evolve(retries=2), first, LATER)

    assert (state.readings, state.waiting_for, state.retries) == ("packed", "of 2 tables", 0)
    assert state.phase is Phase.STEPS
    assert decide(state) == RunChecks(state.plan[2], ENDPOINT, TWO[1:])
    state = apply(state, Checked(results=(result("fresh", seconds=1.5),)), NOW + HOUR)
    assert state.readings == "packed"
    assert (state.records[-1].external_seconds, state.records[-1].finished_at) == (3.5, NOW + HOUR)
    assert state.phase is Phase.JUDGING


def test_a_verdict_is_stored_with_its_reason_and_hint():
    state = apply(drill(waiting_for="x"), VerdictRecorded(Verdict.FAILED, "r", "h"), NOW)

    assert (state.verdict, state.reason, state.hint) == (Verdict.FAILED, "r", "h")
    assert state.waiting_for == ""


def test_the_words_of_a_verified_drill_say_how_many_checks_there_were():
    one = judge(apply(restored(), Checked(results=(result(),)), NOW))
    both = Checked(results=(result(), result("fresh")))
    two = judge(apply(restored(checks=TWO), both, NOW))

    words = "the backup restores, and {} passed on the restored database"
    assert one.reason == words.format("the required check")
    assert two.reason == words.format("all 2 required checks")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "check 'rows': expected at least 1, found 5"),
        ({"detail": "why"}, "check 'rows': expected at least 1, found 5 (why)"),
        ({"detail": "why", "expected": ""}, "check 'rows': why"),
    ],
)
def test_a_failed_check_says_what_was_wrong(changes, reason):
    wrong = result(outcome=CheckOutcome.FAILED, **changes)

    assert judge(apply(restored(), Checked(results=(wrong,)), NOW)).reason == reason


def test_a_check_of_every_drill_says_what_is_wrong_and_not_how_much_was_looked_at():
    own = CheckSpec(name="rows", kind="rows_readable", built_in=True)
    wrong = result(outcome=CheckOutcome.FAILED, kind=own.kind, detail="page 3 of t")

    state = apply(restored(checks=(own,)), Checked(results=(wrong,)), NOW)

    assert judge(state).reason == "check 'rows': page 3 of t"


def test_of_several_failed_checks_the_first_is_told_and_the_others_are_counted():
    wrong = [result(name, outcome=CheckOutcome.FAILED) for name in ("rows", "fresh")]

    reason = judge(apply(restored(checks=TWO), Checked(results=tuple(wrong)), NOW)).reason

    assert reason == "check 'rows': expected at least 1, found 5; 1 more required check failed"


def test_a_check_without_an_answer_says_why_or_at_least_what_became_of_it():
    silent = result(outcome=CheckOutcome.ERROR)
    told = result(outcome=CheckOutcome.ERROR, detail="no table t")

    reasons = [judge(apply(restored(), Checked(results=(r,)), NOW)).reason for r in (silent, told)]

    assert reasons == ["check 'rows': error", "check 'rows': no table t"]


def test_the_time_of_the_teardown_that_is_others_is_counted():
    state = torn_down(ledger=(SERVER,))

    state = apply(state, StillThere(SERVER, "it is deleting", 30 * SECOND), NOW)
    state = apply(state, StillThere(SERVER, "it is deleting", 15 * SECOND), NOW)
    state = apply(state, Gone(SERVER, 2.5), NOW)
    state = apply(state, InProgress(wait=5 * SECOND, outputs={"deleted": "a"}), NOW)

    assert state.teardown_external_seconds == 52.5
    assert state.outputs == {"deleted": "a"}


def test_the_last_ten_things_that_were_said_of_the_teardown_are_kept():
    state = torn_down(ledger=(SERVER,))

    for number in range(12):
        state = apply(state, StillThere(SERVER, f"look {number}"), NOW)

    assert state.teardown_details == tuple(f"{SERVER}: look {n}" for n in range(2, 12))


def test_what_became_of_the_kept_backups_is_stored():
    gone = Retention(kept=("b",), deleted=("a",))

    state = apply(torn_down(notes=("one",)), Retained(retention=gone, notes=("two",)), NOW)

    assert (state.retention, state.notes) == (gone, ("one", "two"))


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, TeardownOutcome.COMPLETE),
        ({"ledger": (SERVER,)}, TeardownOutcome.INCOMPLETE),
        ({"ledger": (SERVER,), "keep": True, "endpoint": ENDPOINT}, TeardownOutcome.KEPT),
    ],
)
def test_a_closed_drill_says_what_became_of_what_it_made(changes, outcome):
    assert apply(torn_down(**changes), Closed(), NOW).teardown_outcome is outcome


def test_a_closed_drill_knows_its_end_and_no_longer_what_it_was_compared_with():
    baseline = Baseline(drill_id="d-0", at=NOW, readings="packed")

    state = apply(torn_down(baseline=baseline), Closed(), LATER)

    assert (state.finished_at, state.phase) == (LATER, Phase.FINISHED)
    assert state.baseline == Baseline(drill_id="d-0", at=NOW, readings="")
