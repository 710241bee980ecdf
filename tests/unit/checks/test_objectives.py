"""Recovery objectives: measured by the drill, never by the restored database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.checks.objectives import NAMES, describe
from restorecheck.codec import decode, encode
from restorecheck.lifecycle import (
    Broken,
    Checked,
    Ready,
    TimedOut,
    apply,
    decide,
    intend,
    judge,
)
from restorecheck.model import (
    Backup,
    CheckOrigin,
    CheckOutcome,
    Chosen,
    Objective,
    ObjectiveKind,
    SelectBy,
    Severity,
    Step,
    StepKind,
    Verdict,
)
from restorecheck.report import document
from restorecheck.spelling import spell
from tests.factories import BACKUP, ENDPOINT, HOUR, NOW, begun, drill, finished, result

RPO, RTO = ObjectiveKind
REQUIRED = Severity.REQUIRED


def objective(kind, limit, severity=Severity.WARNING):
    return Objective(kind=kind, limit=limit, severity=severity)


def nights_end(*objectives, backup=BACKUP, restore=timedelta(minutes=20)):
    """A drill whose checks are answered."""
    found = apply(begun(drill(objectives=objectives)), Ready(backup=backup), NOW)
    loaded = apply(begun(found), Ready(endpoint=ENDPOINT), NOW + restore)
    return apply(begun(loaded), Checked(results=(result(),)), NOW + restore)


def held(state):
    return {r.kind: r for r in state.results if r.origin is CheckOrigin.DRILL}


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize(
    ("kind", "limit", "outcome", "found"),
    [
        (RPO, timedelta(hours=3), CheckOutcome.PASSED, "3 h"),
        (RPO, timedelta(hours=3) - timedelta(microseconds=1), CheckOutcome.FAILED, "3 h"),
        (RTO, timedelta(minutes=20), CheckOutcome.PASSED, "20 min"),
        (RTO, timedelta(minutes=19, seconds=59), CheckOutcome.FAILED, "20 min"),
    ],
)
def test_an_objective_is_held_against_what_was_measured(kind, limit, outcome, found, severity):
    state = nights_end(objective(kind, limit, severity))

    answer = held(state)[kind]
    assert (answer.outcome, answer.found, answer.severity) == (outcome, found, severity)
    assert answer.name == NAMES[kind]
    assert answer.measured["limit_seconds"] == limit.total_seconds()
    missed = outcome is CheckOutcome.FAILED and severity is REQUIRED
    assert judge(state).verdict is (Verdict.FAILED if missed else Verdict.VERIFIED)


def test_a_restore_of_several_steps_takes_as_long_as_all_of_them():
    plan = tuple(
        Step(name=name, kind=StepKind.RESTORE, does="", deadline=HOUR)
        for name in ("start", "load", "replay")
    )
    state = drill(plan=plan, objectives=(objective(RTO, timedelta(minutes=29)),))
    for minutes in (10, 20, 30):
        began = NOW + timedelta(minutes=minutes - 10)
        state = intend(state, decide(state), began)
        state = apply(state, Ready(endpoint=ENDPOINT), NOW + timedelta(minutes=minutes))

    assert held(state)[RTO].found == "30 min"
    assert held(state)[RTO].outcome is CheckOutcome.FAILED


def test_a_missed_objective_says_what_was_asked_for_and_what_was_measured():
    state = nights_end(objective(RTO, timedelta(minutes=15), REQUIRED))

    reason = judge(state).reason
    assert reason == "check 'recovery time objective': expected at most 15 min, found 20 min"


def test_an_objective_that_is_met_verifies_nothing():
    state = nights_end(objective(RPO, 24 * HOUR, REQUIRED))
    nothing_asked = state.evolve(results=tuple(held(state).values()), checks=())

    assert judge(nothing_asked).verdict is Verdict.INCONCLUSIVE


def test_a_backup_of_unknown_age_meets_no_objective():
    unknown = Backup(kind="dump", identifier="x")
    state = nights_end(objective(RPO, 24 * HOUR, REQUIRED), backup=unknown)

    assert held(state)[RPO].outcome is CheckOutcome.ERROR
    assert judge(state).verdict is Verdict.INCONCLUSIVE


def test_what_was_not_restored_has_no_time_and_is_skipped():
    wanted = (objective(RPO, HOUR, REQUIRED), objective(RTO, HOUR, REQUIRED))
    broken = apply(begun(drill(objectives=wanted)), Broken(reason="no dump"), NOW)
    slow = apply(begun(drill(objectives=wanted)), TimedOut("too long"), NOW)

    for state, verdict in ((broken, Verdict.FAILED), (slow, Verdict.INCONCLUSIVE)):
        assert {r.outcome for r in held(state).values()} == {CheckOutcome.SKIPPED}
        assert judge(state).verdict is verdict


def test_who_adopts_a_restore_takes_its_time_from_whoever_restored():
    adopting = (
        Step(name="adopt", kind=StepKind.ADOPT, does="find it", deadline=HOUR),
        Step(name="check", kind=StepKind.CHECK, does="ask it", deadline=HOUR),
    )
    outcomes = {}
    for told in (None, timedelta(minutes=50), timedelta(minutes=70)):
        fresh = drill(plan=adopting, objectives=(objective(RTO, HOUR),))
        state = apply(begun(fresh), Ready(endpoint=ENDPOINT, restored_in=told), NOW)
        state = apply(begun(state), Checked(results=(result(),)), NOW)
        outcomes[told] = held(state)[RTO].outcome

    assert list(outcomes.values()) == [
        CheckOutcome.ERROR,
        CheckOutcome.PASSED,
        CheckOutcome.FAILED,
    ]


def test_objectives_survive_the_store_and_stand_in_the_report():
    state = nights_end(objective(RPO, HOUR), objective(RTO, HOUR))
    assert decode(encode(state)) == state

    report = document.build(finished().evolve(results=state.results, objectives=state.objectives))
    assert {c.kind: c.outcome.value for c in report.checks if c.kind in set(ObjectiveKind)} == {
        "rpo": "failed",
        "rto": "passed",
    }


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(milliseconds=1), "1 s"),
        (timedelta(seconds=59.5), "1 min"),
        (timedelta(hours=26, minutes=30), "26 h 30 min"),
        (timedelta(hours=1, seconds=5), "1 h 5 s"),
        (timedelta(days=2, hours=2, minutes=30), "2 days 2 h 30 min"),
    ],
)
def test_limits_are_spelled_out_to_the_second(duration, said):
    assert spell(duration, exact=True) == said


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "-5 s"),
        (timedelta(seconds=59.5), "1 min"),
        (timedelta(minutes=7, seconds=53), "7 min 53 s"),
        (timedelta(minutes=59, seconds=59), "59 min 59 s"),
        (timedelta(hours=2, minutes=15, seconds=1), "2 h 16 min"),
        (timedelta(hours=2, minutes=15, seconds=0.4), "2 h 15 min"),
        (timedelta(hours=47, minutes=59, seconds=1), "2 days"),
        (timedelta(days=9, minutes=1), "9 days 1 h"),
    ],
)
def test_nothing_looks_quicker_or_younger_than_it_is(duration, said):
    assert spell(duration) == said


@pytest.mark.parametrize(
    ("limit", "taken", "said"),
    [
        (timedelta(hours=2), timedelta(hours=2, seconds=1), "2 h 1 s"),
        (timedelta(hours=2, seconds=40), timedelta(hours=2, seconds=30), "2 h 30 s"),
        (timedelta(hours=2), timedelta(hours=1, seconds=1), "1 h 1 min"),
        (timedelta(days=3), timedelta(days=3, minutes=1), "3 days 1 min"),
    ],
)
def test_an_objective_that_is_nearly_met_is_told_to_the_second(limit, taken, said):
    state = nights_end(objective(RTO, limit), restore=taken)

    assert held(state)[RTO].found == said


def test_an_objective_is_described_with_its_limit():
    assert "26 h" in describe(objective(RPO, timedelta(hours=26)))
    assert "45 min" in describe(objective(RTO, timedelta(minutes=45)))
    assert describe(objective(RPO, HOUR)) != describe(objective(RTO, HOUR))


def test_a_backup_that_was_chosen_on_purpose_is_as_old_as_the_newest_one_for_the_recovery_point():
    chosen = Chosen(by=SelectBy.OLDEST, of=3, newest_at=NOW - 2 * HOUR)
    old = replace(BACKUP, taken_at=NOW - 900 * HOUR, chosen=chosen)
    asked = objective(RPO, 3 * HOUR)
    assert held(nights_end(asked, backup=old))["rpo"].outcome is CheckOutcome.PASSED
    stale = replace(old, chosen=replace(chosen, newest_at=NOW - 4 * HOUR))
    assert held(nights_end(asked, backup=stale))["rpo"].outcome is CheckOutcome.FAILED
    unknown = replace(old, chosen=replace(chosen, newest_at=None))
    assert held(nights_end(asked, backup=unknown))["rpo"].outcome is CheckOutcome.ERROR
