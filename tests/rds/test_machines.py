"""Nights in the state machines that ship, with the functions that ship, in the sandbox."""

import copy
import json
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from restorecheck.history import flaws
from restorecheck.hosts.functions import adopter, checker, planner, stepper, sweeper
from restorecheck.model import Verdict
from tests.infra.machines import machines
from tests.infra.resolving import backup_stack
from tests.rds.conftest import ROWS, adoption, configure
from tests.rds.test_functions import MINUTES, SLOT, planned

STACK = backup_stack()
EVENTS_ALLOWED = 25_000
"""Events in the history of an execution; hard quota of Step Functions Standard."""


class Functions:
    """The three functions, which can be made to die: before or after they did their work."""

    def __init__(self, around):
        self.around = around
        self.counts: Counter[str] = Counter()
        self.dying: dict[str, Callable[[int], str]] = {}

    def by_name(self):
        return {
            "restorecheck-stepper": lambda event: self._run(
                "stepper", lambda: stepper.step(event, self.around)
            ),
            "restorecheck-checker": lambda event: self._run(
                "checker", lambda: checker.check(event, self.around, lambda: MINUTES)
            ),
            "restorecheck-planner": lambda event: self._run(
                "planner", lambda: planner.night(event, self.around)
            ),
        }

    def _run(self, name, work):
        self.counts[name] += 1
        when = self.dying.get(name, lambda _: "")(self.counts[name])
        if when == "before":
            raise RuntimeError("the function died")
        answer = work()
        if when == "after":
            raise RuntimeError("the function died")
        return answer


@pytest.fixture
def functions(around):
    return Functions(around)


@pytest.fixture
def night(scene, around, functions):
    reports = around.setting("RESTORECHECK_BUCKET")
    with machines(scene.sandbox, STACK, functions.by_name(), reports=reports) as made:
        around._environment["RESTORECHECK_DRILL_MACHINE"] = made.drill
        around._clients["stepfunctions"] = made.client
        yield made


def targets(scene, **changes):
    """Targets with these names; each with changes of its own."""
    (first,) = scene.keys["targets"]
    scene.keys["targets"] = []
    for name, own in changes.items():
        target = copy.deepcopy(first)
        target.update({"name": f"{first['name']}-{name}", **own})
        scene.keys["targets"].append(target)


def verdicts(around):
    return {e.target.rpartition("-")[2]: e.verdict for e in around.store.entries()}


def drill(night, around):
    order = planned(around)
    return night.start(night.drill, order["drill_id"], order), order


def wait_for_an_instance(scene):
    nap = threading.Event()
    for _ in range(3000):
        if scene.sandbox.instances(scene.sandbox.backup):
            return
        nap.wait(0.02)
    raise AssertionError("nothing was restored")


def test_a_night_of_three_targets_each_with_a_verdict_of_its_own(scene, around, night):
    too_many = [{"row_count": {"table": "public.answers", "min": ROWS + 1}}]
    targets(scene, good={}, bad={"checks": too_many}, stuck={"deadline_minutes": 0.01})
    configure(scene, around)

    execution = night.start(night.nightly, "night-1", {"scheduled_for": SLOT})

    assert night.end(execution)["status"] == "SUCCEEDED"
    assert verdicts(around) == {
        "good": Verdict.VERIFIED,
        "bad": Verdict.FAILED,
        "stuck": Verdict.INCONCLUSIVE,
    }
    assert scene.leftovers() == []
    assert list(flaws(around.store.stored())) == []
    assert set(night.executions(night.drill).values()) == {"SUCCEEDED"}


def test_a_restore_of_aws_backup_goes_through_the_machine_and_is_answered(scene, around, night):
    target = scene.keys["targets"][0]
    del target["rds"]
    target["adopt"] = adoption(scene)
    configure(scene, around)
    job = scene.sandbox.restore_for_test(scene.sandbox.take_automated_snapshot("courses-prod"))

    order = adopter.adopt(job.event(), around)
    adopter.adopt(job.event(), around)

    assert list(night.executions(night.drill)) == [order["drill_id"]]
    execution = f"{night.drill.replace(':stateMachine:', ':execution:')}:{order['drill_id']}"
    assert night.end(execution)["status"] == "SUCCEEDED"
    assert job.answers == ["SUCCESSFUL"]
    assert planner.plan({"scheduled_for": SLOT}, around)["drills"] == []
    rds = scene.sandbox.client("rds", scene.sandbox.backup)
    name = job.created_arn.rpartition(":")[2]
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    scene.sandbox.wait_until(
        lambda: scene.sandbox.instance(scene.sandbox.backup, name) is None, "its end"
    )


def test_a_schedule_that_fires_twice_starts_each_drill_once(scene, around, night):
    first = night.start(night.nightly, "night-1", {"scheduled_for": SLOT})
    second = night.start(night.nightly, "night-2", {"scheduled_for": SLOT})

    assert [night.end(e)["status"] for e in (first, second)] == ["SUCCEEDED"] * 2
    assert len(around.store.entries()) == 1
    assert len(night.executions(night.drill)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_functions_that_die_now_and_then_cost_nothing(scene, around, night, functions, when):
    """Every third invocation dies: over one drill, at each of its steps."""
    functions.dying = {
        "stepper": lambda n: when if n % 3 == 0 else "",
        "checker": lambda n: when if n == 1 else "",
    }

    execution, _ = drill(night, around)

    assert night.end(execution)["status"] == "SUCCEEDED"
    (verdict,) = verdicts(around).values()
    assert verdict is Verdict.VERIFIED
    assert scene.leftovers() == []


def test_a_checker_that_cannot_be_run_goes_through_the_teardown(scene, around, night, functions):
    functions.dying = {"checker": lambda _: "before"}

    execution, order = drill(night, around)

    assert night.end(execution)["status"] == "SUCCEEDED"
    (entry,) = around.store.entries()
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert "could not be run" in around.store.report(order["drill_id"])
    assert scene.leftovers() == []


def test_what_a_dead_stepper_leaves_the_sweeper_finishes(scene, around, night, functions):
    functions.dying = {"stepper": lambda n: "before" if n > 12 else ""}
    execution, order = drill(night, around)
    assert night.end(execution)["status"] == "FAILED"
    assert scene.leftovers() != []
    functions.dying = {}

    assert sweeper.sweep(around).restarted == (order["drill_id"],)
    (again,) = set(night.executions(night.drill)) - {order["drill_id"]}
    finished = night.end(f"{night.drill.replace(':stateMachine:', ':execution:')}:{again}")

    assert finished["status"] == "SUCCEEDED"
    assert [e.verdict for e in around.store.entries()] == [Verdict.INCONCLUSIVE]
    assert scene.leftovers() == []


def test_an_execution_that_somebody_stops_is_finished_by_the_sweeper(scene, around, night):
    execution, order = drill(night, around)
    wait_for_an_instance(scene)

    night.client.stop_execution(executionArn=execution)
    assert night.end(execution)["status"] == "ABORTED"
    night.rest()
    assert sweeper.sweep(around).restarted == (order["drill_id"],)
    (again,) = set(night.executions(night.drill)) - {order["drill_id"]}
    night.end(f"{night.drill.replace(':stateMachine:', ':execution:')}:{again}")

    assert [e.verdict for e in around.store.entries()] == [Verdict.INCONCLUSIVE]
    assert scene.leftovers() == []


def test_an_execution_that_lasts_too_long_is_finished_by_the_sweeper(scene, around, night):
    night.time_out_after = 200
    execution, order = drill(night, around)

    assert night.end(execution)["status"] == "TIMED_OUT"
    night.time_out_after = None
    assert sweeper.sweep(around).restarted == (order["drill_id"],)
    (again,) = set(night.executions(night.drill)) - {order["drill_id"]}
    night.end(f"{night.drill.replace(':stateMachine:', ':execution:')}:{again}")

    assert [e.verdict for e in around.store.entries()] == [Verdict.INCONCLUSIVE]
    assert scene.leftovers() == []


def test_a_drill_costs_few_events_and_fits_many_times_into_a_history(scene, around, night):
    execution, _ = drill(night, around)
    night.end(execution)

    events = night.events(execution)

    assert len(events) < EVENTS_ALLOWED / 20
    assert json.dumps(events, default=str)
    turns = len(night.invocations)
    a_turn = len(events) / turns
    longest = sum(1 for _ in range(turns)) + 300  # 300 looks in 24 hours: see the stepper's tests
    assert longest * a_turn < EVENTS_ALLOWED / 2
