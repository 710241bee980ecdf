"""The function that asks the database: what it begins in the time that one invocation has, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest

from restorecheck.engine import Done, Elsewhere, Wait
from restorecheck.hosts.functions import checker
from restorecheck.lifecycle import CollectEvidence, Ensure, RecordVerdict, Retain, RunChecks
from restorecheck.model import CheckOutcome, CheckSpec
from restorecheck.ports import Answers, Inquiry
from restorecheck.testing import MemoryStore, World
from tests.factories import ENDPOINT, drill, finished, restored, result

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Around:
    def __init__(self, *timeouts: timedelta):
        self.clock = World(present=drill().started_at)
        self.store = MemoryStore(self.clock)
        specs = [
            CheckSpec(name=f"q-{number}", kind="query", timeout=timeout)
            for number, timeout in enumerate(timeouts)
        ]
        self.state = self.store.create(restored().evolve(checks=tuple(specs)))


class Engine:
    """Answers one question with every step; each takes a minute."""

    def __init__(self, around, *outcomes):
        self.around = around
        self.outcomes = list(outcomes)
        self.asked = 0

    def advance(self, drill_id):
        around = self.around
        around.clock.pass_time(MINUTE)
        state = around.store.load(drill_id)
        if self.outcomes:
            return self.outcomes.pop(0)
        if not state.pending_checks:
            return Elsewhere(RecordVerdict)  # type: ignore[arg-type]  # any other action
        self.asked += 1
        answered = result(state.pending_checks[0].name)
        around.store.save(state.evolve(results=(*state.results, answered)))
        return Wait(timedelta(0))


def ask(around: Any, engine: Any, *, left: timedelta):
    end = around.clock.now() + left
    return checker._ask_while_there_is_time("d-1", engine, around, end)


def test_as_many_questions_are_asked_as_fit_into_the_time():
    around = Around(*[5 * MINUTE] * 4)
    engine = Engine(around)

    said = ask(around, engine, left=6 * MINUTE)

    assert (said["next"], engine.asked) == ("check", 2), "after two minutes four are left"
    assert ask(around, engine, left=14 * MINUTE)["next"] == "wait"
    assert engine.asked == 4


def test_one_question_is_asked_however_little_time_there_is():
    around = Around(60 * MINUTE, 60 * MINUTE)
    engine = Engine(around)

    said = ask(around, engine, left=2 * MINUTE)

    assert (said["next"], engine.asked) == ("check", 1)


@pytest.mark.parametrize(("second", "third", "asked"), [(5, 60, 2), (60, 5, 1)])
def test_it_is_the_next_question_that_must_fit(second, third, asked):
    around = Around(MINUTE, second * MINUTE, third * MINUTE)
    engine = Engine(around)

    ask(around, engine, left=7 * MINUTE)

    assert engine.asked == asked


def test_reading_goes_on_while_a_unit_still_fits():
    reading = CheckSpec(name="r", kind="unchanged", timeout=60 * MINUTE)

    assert checker._needs(reading) == checker.READING_ROOM
    assert checker._needs(CheckSpec(name="q", kind="query", timeout=MINUTE)) == MINUTE


def test_a_database_that_is_to_be_asked_later_is_waited_for_by_the_state_machine():
    around = Around(MINUTE)

    said = ask(around, Engine(around, Wait(45 * SECOND, "no connection")), left=9 * MINUTE)

    assert (said["next"], said["wait_seconds"], said["detail"]) == ("wait", 45, "no connection")
    assert ask(around, Engine(around, Done(finished())), left=9 * MINUTE)["next"] == "done"


def test_the_checker_has_the_right_to_ask_and_no_other():
    step = drill().plan[2]
    assert checker.may_perform(RunChecks(step, ENDPOINT, ()))
    for action in (Ensure(step), CollectEvidence(), Retain()):
        assert not checker.may_perform(action)


class Inner:
    def __init__(self, outcome):
        self.outcome = outcome
        self.asked: list[Inquiry] = []

    def run(self, inquiry):
        self.asked.append(inquiry)
        name = inquiry.pending[0].name
        return Answers(results=(result(name, outcome=self.outcome, detail="canceled"),))

    def close(self):
        pass


@pytest.mark.parametrize(
    ("timeout", "until", "outcome", "cut"),
    [
        (60 * MINUTE, 60 * MINUTE, CheckOutcome.ERROR, True),
        (60 * MINUTE, 60 * MINUTE, CheckOutcome.PASSED, False),
        (60 * MINUTE, 60 * MINUTE, CheckOutcome.FAILED, False),
        (5 * MINUTE, 60 * MINUTE, CheckOutcome.ERROR, False),
        (60 * MINUTE, 5 * MINUTE, CheckOutcome.ERROR, False),
    ],
)
def test_a_question_ends_with_the_invocation_and_says_so_only_where_that_cut_it_short(
    timeout, until, outcome, cut
):
    around: Any = Around(timeout)
    inner: Any = Inner(outcome)
    now = around.clock.now()
    end = now + 10 * MINUTE
    pending = (CheckSpec(name="q", kind="query", timeout=timeout),)

    answers = checker.Limited(inner, around, end).run(
        Inquiry(endpoint=ENDPOINT, pending=pending, until=now + until)
    )

    assert inner.asked[0].until == min(end, now + until)
    assert ("restorecheck run" in answers.results[0].detail) is cut
    assert answers.results[0].outcome is outcome


def test_what_is_left_of_an_invocation_is_for_storing_the_last_answer(monkeypatch):
    """Lambda ends a function without a word."""
    around: Any = Around(MINUTE)
    inner = Inner(CheckOutcome.PASSED)
    monkeypatch.setattr(checker, "_connector", lambda _around: None)
    monkeypatch.setattr(checker, "PostgresChecker", lambda *_: inner)

    checker.check({"drill_id": "d-1"}, around, lambda: 5 * MINUTE)

    assert inner.asked[0].until == around.clock.now() + 5 * MINUTE - checker.MARGIN
    assert checker.MARGIN >= 10 * SECOND
