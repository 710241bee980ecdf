"""One step of one drill: what the engine asks of whom, what it makes of errors, how long it waits."""

from datetime import timedelta

import pytest

from restorecheck.engine import (
    CAPACITY_WAIT,
    CONFLICT_WAIT,
    RETRY_WAIT,
    Done,
    Elsewhere,
    Engine,
    Wait,
)
from restorecheck.errors import (
    AccessDeniedError,
    CapacityError,
    DatabaseUnreachableError,
    NotFoundError,
    TransientError,
)
from restorecheck.lifecycle import (
    MAX_RETRIES,
    Asking,
    Broken,
    InProgress,
    Ready,
    Rehearsing,
    Retained,
    RunChecks,
)
from restorecheck.model import (
    Baseline,
    Hook,
    Phase,
    Step,
    StepKind,
    TeardownOutcome,
    Upgrade,
    Verdict,
)
from restorecheck.ports import Answers, Checker, Inquiry, Provider
from restorecheck.testing import MemoryStore, World
from tests.factories import BACKUP, ENDPOINT, HOUR, SERVER, drill, restored, result

MINUTE = timedelta(minutes=1)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ROW = "Ann Example, 1999-01-02"
REFUSALS = [TransientError("reset"), NotFoundError("no account"), AccessDeniedError("denied")]


class Scripted(Provider):
    """Answers and raises what a test tells it to, again and again the last one."""

    def __init__(self, *script):
        self.script = list(script)
        self.released = []

    def plan(self, drill_id):
        raise AssertionError(drill_id)

    def _next(self):
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ensure(self, drill, step):  # noqa: ARG002  # the port's signature
        return self._next()

    def delete(self, resource, made_until):  # noqa: ARG002  # the port's signature
        return self._next()

    def park(self, resource):  # noqa: ARG002  # the port's signature
        return self._next()

    def retain(self, drill):  # noqa: ARG002  # the port's signature
        return self._next()

    def study(self, drill):  # noqa: ARG002  # the port's signature
        return self._next()

    def after_verified(self, drill):  # noqa: ARG002  # the port's signature
        return self._next()

    def rehearse(self, drill):  # noqa: ARG002  # the port's signature
        return self._next()

    def release(self, drill):
        self.released.append(drill)


class Asked(Checker):
    """Remembers what it was asked."""

    def __init__(self, *script):
        self.script = list(script)
        self.inquiries: list[Inquiry] = []

    def run(self, inquiry):
        self.inquiries.append(inquiry)
        answer = self.script.pop(0) if self.script else Answers(results=(result(),))
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench:
    """An engine with one drill before it."""

    def __init__(self, state, *script, checker=None, performs=None):
        self.signed: list[str] = []
        self.world = World(present=state.started_at)
        self.store = MemoryStore(self.world)
        self.store.create(state)
        self.provider = Scripted(*(script or (Ready(),)))
        self.checker = checker or Asked()
        self.engine = Engine(
            store=self.store,
            provider_for=lambda _drill: self.provider,
            checker_for=lambda _drill: self.checker,
            clock=self.world,
            sign=lambda: self.signed.append(self.store.report("d-1")),
            **({"performs": performs} if performs else {}),
        )

    def advance(self):
        return self.engine.advance("d-1")

    @property
    def drill(self):
        return self.store.load("d-1")


def tearing_down(**changes):
    judged = restored().evolve(phase=Phase.TEARDOWN, verdict=Verdict.VERIFIED, ledger=(SERVER,))
    return judged.evolve(**changes)


def test_a_passing_fault_is_waited_for_twice_as_long_each_time():
    bench = Bench(drill(), TransientError("reset"))

    waits = [bench.advance().duration for _ in range(MAX_RETRIES)]

    assert waits == [RETRY_WAIT * 2**n for n in range(MAX_RETRIES)]
    assert bench.drill.phase is Phase.STEPS
    bench.advance()
    assert bench.drill.failure.verdict is Verdict.INCONCLUSIVE


def test_missing_capacity_is_waited_for_longer():
    bench = Bench(drill(), CapacityError("no capacity"))

    assert bench.advance() == Wait(CAPACITY_WAIT, "no capacity")
    assert bench.drill.failure is None


@pytest.mark.parametrize(
    ("patience", "waits"), [(None, RETRY_WAIT), (3 * MINUTE, 3 * MINUTE), (SECOND / 10, RETRY_WAIT)]
)
def test_a_database_that_does_not_answer_yet_is_asked_again_after_its_own_patience(patience, waits):
    unreachable = DatabaseUnreachableError("no connection", patience=patience)
    bench = Bench(restored(), checker=Asked(*[unreachable] * (MAX_RETRIES + 1)))

    assert bench.advance() == Wait(waits, "no connection")
    assert bench.drill.phase is Phase.STEPS
    for _ in range(MAX_RETRIES):
        bench.advance()
    assert bench.drill.failure.verdict is Verdict.INCONCLUSIVE


def test_an_error_of_ours_is_unclear_and_keeps_its_hint():
    bench = Bench(drill(), AccessDeniedError("denied", hint="ask for the right"))

    assert bench.advance() == Wait(timedelta(0))
    failure = bench.drill.failure
    assert (failure.verdict, failure.hint) == (Verdict.INCONCLUSIVE, "ask for the right")


def test_what_is_under_way_is_looked_at_again_after_its_own_wait():
    bench = Bench(drill(), InProgress(wait=MINUTE, detail="copying", status="copying"))

    assert bench.advance() == Wait(MINUTE, "copying")


def test_a_checker_is_told_everything_that_is_known():
    baseline = Baseline(drill_id="d-0", at=drill().started_at, readings="before")
    state = restored().evolve(baseline=baseline, readings="so far")
    bench = Bench(state)

    bench.advance()

    (asked,) = bench.checker.inquiries
    assert asked.endpoint == ENDPOINT
    assert asked.backup == BACKUP
    assert asked.baseline == baseline
    assert asked.readings == "so far"
    assert [spec.name for spec in asked.pending] == ["rows"]


@pytest.mark.parametrize(("left", "allowed"), [(4 * HOUR, HOUR), (10 * MINUTE, 10 * MINUTE)])
def test_nothing_is_asked_after_the_deadline_of_the_step_nor_after_that_of_the_drill(left, allowed):
    state = restored()
    bench = Bench(state.evolve(deadline=state.records[-1].finished_at + left))

    bench.advance()

    (asked,) = bench.checker.inquiries
    assert asked.until == state.records[-1].finished_at + allowed


def test_what_was_read_without_an_answer_is_kept_and_read_on():
    bench = Bench(restored(), checker=Asked(Answers(readings="half", detail="at table 7")))

    bench.advance()
    bench.advance()

    assert [asked.readings for asked in bench.checker.inquiries] == ["", "half"]


def test_a_host_without_the_right_changes_nothing_and_says_what_comes_next():
    bench = Bench(restored(), performs=lambda action: not isinstance(action, RunChecks))

    outcome = bench.advance()

    assert isinstance(outcome, Elsewhere)
    assert isinstance(outcome.action, RunChecks)
    assert bench.checker.inquiries == []
    assert bench.drill.version == 1


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda exc: type(exc).__name__)
@pytest.mark.parametrize("standby", [False, True], ids=["deleted", "parked"])
def test_whatever_a_deletion_is_refused_with_the_thing_stays_in_the_ledger(refusal, standby):
    step = Step(
        name="load",
        kind=StepKind.RESTORE,
        does="load it",
        deadline=HOUR,
        makes=(SERVER,),
        standby=(SERVER,) if standby else (),
    )
    bench = Bench(tearing_down(plan=(step,)), refusal)

    outcome = bench.advance()

    assert bench.drill.ledger == (SERVER,)
    assert isinstance(outcome, Wait)
    assert outcome.detail == refusal.message


@pytest.mark.parametrize(
    ("each", "tries"),
    [(10 * SECOND, 82), (2 * MINUTE, 20), (HOUR, 20), (-HOUR, 900)],
    ids=["the poll", "no network", "the machine sleeps", "the clock is set back"],
)
def test_a_teardown_ends_however_long_its_attempts_take(each, tries):
    """Of a limit of a quarter of an hour, with a second between two of them."""

    class Slow(Scripted):
        def delete(self, resource, made_until):
            asked.append((resource, made_until))
            bench.world.pass_time(each)
            return super().delete(resource, made_until)

    asked: list[tuple[object, object]] = []
    bench = Bench(tearing_down())
    bench.world.pass_time(MINUTE)
    bench.provider = Slow(TransientError("no answer"))
    while bench.drill.ledger and len(asked) < 1000:
        before = len(asked)
        bench.advance()
        if len(asked) == before:
            break

    assert len(asked) == tries
    assert bench.drill.ledger == (SERVER,)


@pytest.mark.parametrize("wrong", [*REFUSALS, ValueError("x")], ids=lambda e: type(e).__name__)
def test_whatever_goes_wrong_with_the_kept_backups_there_is_a_report_with_a_note(wrong):
    bench = Bench(tearing_down(ledger=()), wrong)

    for _ in range(MAX_RETRIES + 3):
        outcome = bench.advance()

    assert isinstance(outcome, Done)
    assert getattr(wrong, "message", "ValueError") in outcome.drill.notes[-1]
    assert outcome.drill.teardown_outcome is TeardownOutcome.COMPLETE


@pytest.mark.parametrize("defect", [ValueError("x"), AccessDeniedError("denied")], ids=str)
def test_a_study_that_ends_badly_keeps_nothing_from_being_torn_down(defect):
    bench = Bench(restored().evolve(phase=Phase.EVIDENCE, verdict=Verdict.VERIFIED), defect)

    bench.advance()

    assert bench.drill.phase is Phase.TEARDOWN
    assert bench.drill.proof.detail


@pytest.mark.parametrize("wrong", [ValueError("x"), AccessDeniedError("denied")], ids=str)
def test_an_after_verified_that_ends_badly_is_a_note(wrong):
    bench = Bench(
        restored().evolve(phase=Phase.EVIDENCE, verdict=Verdict.VERIFIED, hook=Hook.WANTED), wrong
    )

    bench.advance()

    assert (bench.drill.phase, bench.drill.hook) == (Phase.TEARDOWN, Hook.ENDED)
    assert bench.drill.notes[-1].startswith("after_verified failed: ")
    assert bench.drill.verdict is Verdict.VERIFIED


@pytest.mark.parametrize("wrong", [ValueError("x"), AccessDeniedError("denied")], ids=str)
def test_a_rehearsal_that_ends_badly_is_no_answer_and_no_verdict(wrong):
    state = restored().evolve(phase=Phase.EVIDENCE, verdict=Verdict.VERIFIED, rehearse=Hook.WANTED)
    bench = Bench(state, wrong)

    bench.advance()

    assert bench.drill.phase is Phase.TEARDOWN
    assert bench.drill.verdict is Verdict.VERIFIED
    assert bench.drill.rehearsal.verdict is Verdict.INCONCLUSIVE


def rehearsing(**changes):
    upgrade = Upgrade(until=drill().started_at + timedelta(hours=1), asks=("rows",), **changes)
    return restored().evolve(
        phase=Phase.REHEARSAL, verdict=Verdict.VERIFIED, rehearse=Hook.BEGUN, upgrade=upgrade
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ValueError("x"), "a defect in restorecheck (ValueError)"),
        (AccessDeniedError("denied"), "denied"),
        (None, "rehearse is no longer configured"),
    ],
    ids=str,
)
def test_an_upgrade_that_cannot_go_on_is_no_answer_and_no_verdict(answer, words):
    bench = Bench(rehearsing(), answer)

    bench.advance()

    assert (bench.drill.phase, bench.drill.verdict) == (Phase.TEARDOWN, Verdict.VERIFIED)
    assert bench.drill.rehearsal.verdict is Verdict.INCONCLUSIVE
    assert bench.drill.rehearsal.reason == words


def test_an_upgrade_is_waited_for_and_a_passing_fault_is_tried_again():
    waits = Rehearsing(upgrade=rehearsing().upgrade, wait=MINUTE, detail="upgrading")
    bench = Bench(rehearsing(), TransientError("reset"), waits)

    assert bench.advance() == Wait(RETRY_WAIT, "reset")
    assert bench.advance() == Wait(MINUTE, "upgrading")
    assert (bench.drill.phase, bench.drill.retries) == (Phase.REHEARSAL, 0)


def test_a_host_without_databases_leaves_the_questions_about_an_upgrade_to_another():
    for state in (rehearsing(queries=("rows",)), rehearsing(endpoint=restored().endpoint)):
        bench = Bench(state, performs=lambda action: not isinstance(action, Asking))
        assert isinstance(bench.advance(), Elsewhere)


def test_the_upgraded_database_is_asked_without_the_baseline_of_the_drill():
    there = restored().endpoint
    bench = Bench(rehearsing(endpoint=there, readings="so far"), checker=Asked())

    bench.advance()

    (inquiry,) = bench.checker.inquiries
    assert (inquiry.endpoint, inquiry.readings, inquiry.baseline) == (there, "so far", None)
    assert bench.drill.rehearsal.verdict is Verdict.VERIFIED
    unreachable = Asked(DatabaseUnreachableError("no connection"))
    assert (
        Bench(rehearsing(endpoint=there), checker=unreachable).advance().detail == "no connection"
    )


def test_the_text_of_a_defect_is_in_no_report_since_it_may_quote_a_row():
    class Defective(Scripted):
        def evidence(self, drill):  # noqa: ARG002  # the port's signature
            raise ValueError(ROW)

        study = retain = evidence

    bench = Bench(restored().evolve(phase=Phase.EVIDENCE, verdict=Verdict.VERIFIED))
    bench.provider = Defective()

    while not isinstance(bench.advance(), Done):
        pass

    assert bench.store.report("d-1").count("ValueError") == len(("evidence", "study", "retention"))
    assert ROW not in bench.store.report("d-1")


def test_a_drill_is_let_go_of_once_when_its_report_is_written():
    bench = Bench(tearing_down(ledger=()), Retained())

    bench.advance()
    assert bench.provider.released == []
    bench.advance()

    assert [state.phase for state in bench.provider.released] == [Phase.FINISHED]
    assert bench.store.report("d-1")
    bench.advance()
    assert len(bench.provider.released) == 1


def test_a_report_is_signed_once_when_it_is_stored():
    bench = Bench(tearing_down(ledger=()), Retained())

    bench.advance()
    assert bench.signed == []
    bench.advance()
    bench.advance()

    assert bench.signed == [bench.store.report("d-1")]


def test_a_clock_that_is_set_back_gives_no_step_a_negative_length():
    bench = Bench(drill(), Broken(reason="no backup"), None, Retained())
    bench.world.pass_time(-HOUR)

    while not isinstance(bench.advance(), Done):
        pass

    finished = bench.drill
    assert finished.finished_at >= finished.started_at
    assert all(record.duration >= timedelta(0) for record in finished.records)


def test_a_step_that_ended_stays_the_latest_that_was_seen():
    state = restored()
    bench = Bench(state)
    bench.world.present = state.started_at - HOUR

    bench.advance()

    assert bench.drill.records[-1].started_at == state.records[-1].finished_at


@pytest.mark.parametrize("others", [1, 2])
def test_an_abort_that_meets_another_save_is_not_lost(others):
    bench = Bench(drill())
    meddling = iter(range(others))

    def before(_number, name):
        if name == "save drill" and next(meddling, None) is not None:
            bench.store._update(bench.store.load("d-1"))

    bench.world.before = before

    bench.engine.abort("d-1", "interrupted")

    assert bench.drill.failure.reason == "interrupted"


def test_who_was_slower_waits_and_changes_nothing():
    bench = Bench(drill())

    def another_host(_number, _name):
        bench.store._update(bench.store.load("d-1"))

    bench.world.before = another_host

    outcome = bench.advance()

    assert outcome.duration == CONFLICT_WAIT
    assert bench.drill.records == ()
