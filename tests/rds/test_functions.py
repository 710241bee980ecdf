"""The functions of the AWS host against the sandbox, called as the state machine calls them."""

import json
import threading
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from restorecheck.errors import ConfigError, NotFoundError
from restorecheck.history import Standing, flaws
from restorecheck.hosts.functions import checker, planner, stepper, sweeper
from restorecheck.model import CheckOutcome, Severity, Verdict
from restorecheck.report import document
from restorecheck.sandbox import Fault
from tests.rds.conftest import ROWS, configure

MINUTES = timedelta(minutes=14)
SLOT = "2026-02-26T03:15:00+00:00"


def planned(around, **event):
    (drill,) = planner.plan({"scheduled_for": SLOT, **event}, around)["drills"]
    return drill


def run(around, drill, *, remaining=lambda: MINUTES, turns=400):
    """As the state machine does: step, wait or check, until done. Returns every answer."""
    nap = threading.Event()
    answers = []
    for _ in range(turns):
        answer = stepper.step(drill, around)
        answers.append(answer)
        while answer["next"] == "check":
            answer = checker.check(drill, around, remaining)
            answers.append(answer)
        drill = {**drill, "abort": ""}
        if answer["next"] == "done":
            return answers
        if answer["wait_seconds"]:
            nap.wait(0.02)
    raise AssertionError(answers[-5:])


def report_of(around, drill):
    return document.parse(around.store.report(drill["drill_id"]))


def test_a_night_from_the_plan_to_the_report(scene, around):
    drill = planned(around)

    answers = run(around, drill)

    assert answers[-1]["verdict"] == "verified", answers[-1]
    report = report_of(around, drill)
    assert report.verdict is Verdict.VERIFIED
    assert report.scheduled_for == datetime.fromisoformat(SLOT)
    assert scene.leftovers() == []
    assert list(flaws(around.store.stored())) == []
    assert "check" in [answer["next"] for answer in answers]
    waits = [a["wait_seconds"] for a in answers if a["wait_seconds"]]
    assert min(waits) >= 30


def test_a_night_whose_check_does_not_hold(scene, around):
    scene.keys["targets"][0]["checks"] = [
        {"row_count": {"table": "public.answers", "min": ROWS + 1}}
    ]
    configure(scene, around)

    answers = run(around, planned(around))

    assert answers[-1]["verdict"] == "failed"
    assert scene.leftovers() == []


def test_a_schedule_that_fires_twice_plans_the_same_drills(around):
    assert planned(around) == planned(around)
    assert planned(around)["drill_id"].startswith("20260226-031500-")
    other = planned(around, scheduled_for="2026-02-27T03:15:00Z")
    assert other["drill_id"] != planned(around)["drill_id"]


def test_a_plan_names_what_it_cannot_do(scene, around):
    with pytest.raises(ConfigError, match="no RDS target 'nobody'"):
        planned(around, targets=["nobody"])
    with pytest.raises(ConfigError, match="expected a time such as"):
        planned(around, scheduled_for="yesterday")


def test_a_night_of_two_thousand_targets_is_a_list_in_the_bucket_and_a_short_answer(scene, around):
    """262,144 bytes are the limit of a state; a configuration may have 150,000 values and 4 MiB."""
    rds = {key: scene.rds[key] for key in ("db_instance_identifier", "region")}
    rds |= {key: dict(scene.rds[key]) for key in ("source", "backup", "restore")}
    scene.keys["targets"] = [{"name": f"target-{n:033}", "rds": rds} for n in range(2000)]
    configure(scene, around)
    around.store = SimpleNamespace(
        standing=lambda name: Standing(target=name)
    )  # as quick as a table

    night = planner.night({"scheduled_for": SLOT}, around)

    assert night["drills"] == 2000
    assert len(json.dumps(night)) < 200
    bucket = around.setting("RESTORECHECK_BUCKET")
    listed = around.client("s3").get_object(Bucket=bucket, Key=night["list"])["Body"].read()
    assert len(json.loads(listed)) == 2000


def test_an_abort_goes_through_the_teardown(scene, around):
    drill = planned(around)
    for _ in range(60):
        stepper.step(drill, around)
        if scene.sandbox.instances(scene.sandbox.backup):
            break

    answers = run(around, {**drill, "abort": "somebody stopped it"})

    assert answers[-1]["verdict"] == "inconclusive"
    assert "somebody stopped it" in answers[-1]["reason"]
    assert scene.leftovers() == []


def test_the_checker_goes_on_where_the_time_of_one_invocation_ends(scene, around):
    scene.keys["targets"][0]["checks"] = [
        {
            "query": {
                "name": f"question {n}",
                "sql": f"select {n}",
                "expect": {"equals": n},
                "timeout_seconds": 300,
            }
        }
        for n in range(3)
    ]
    configure(scene, around)
    drill = planned(around)

    answers = run(around, drill, remaining=lambda: timedelta(seconds=310))

    assert answers[-1]["verdict"] == "verified", answers[-1]
    partial = [answer for answer in answers if "asked" in answer]
    assert len(partial) >= 4, "each question of 300 s wants an invocation of its own"
    checks = report_of(around, drill).checks
    assert {c.outcome for c in checks if c.severity is Severity.REQUIRED} == {CheckOutcome.PASSED}
    assert [c.name for c in checks][-3:] == [f"question {n}" for n in range(3)]


def test_a_question_that_is_longer_than_an_invocation_is_reported_with_what_to_do(scene, around):
    scene.keys["targets"][0]["checks"] = [
        {
            "query": {
                "name": "too long",
                "sql": "select 1 from pg_sleep(30)",
                "expect": "not_empty",
                "timeout_seconds": 3600,
            }
        }
    ]
    configure(scene, around)
    drill = planned(around)

    answers = run(around, drill, remaining=lambda: timedelta(seconds=22))

    assert answers[-1]["verdict"] == "inconclusive"
    check = report_of(around, drill).checks[-1]
    assert (check.name, check.outcome) == ("too long", CheckOutcome.ERROR)
    assert "the limit of one run of the checker function" in check.detail
    assert "restorecheck run" in check.detail


def test_the_checker_makes_no_call_of_rds_and_the_stepper_reads_no_secret(scene, around):
    drill = planned(around)
    calls = scene.sandbox.calls
    asked, stepped = [], []

    nap = threading.Event()
    for _ in range(400):
        begin = len(calls)
        answer = stepper.step(drill, around)
        stepped += calls[begin:]
        if answer["next"] == "check":
            begin = len(calls)
            checker.check(drill, around, lambda: MINUTES)
            asked += calls[begin:]
        if answer["next"] == "done":
            break
        if answer["wait_seconds"]:
            nap.wait(0.02)

    assert {call.service for call in asked} <= {"secretsmanager", "dynamodb", "s3"}
    assert [call for call in stepped if call.operation == "GetSecretValue"] == []


def test_a_target_that_is_gone_from_the_configuration_is_torn_down_all_the_same(scene, around):
    drill = planned(around)
    for _ in range(60):
        stepper.step(drill, around)
        if scene.sandbox.instances(scene.sandbox.backup):
            break
    scene.keys["targets"][0]["name"] = "renamed"
    configure(scene, around)

    answers = run(around, {**drill, "abort": "its target is gone"})

    assert answers[-1]["next"] == "done"
    assert scene.leftovers() == []


def test_a_drill_of_nobody_is_an_error(around):
    with pytest.raises(NotFoundError, match="no target 'nobody'"):
        stepper.step({"drill_id": "d-1", "target": "nobody"}, around)


@pytest.mark.parametrize("hours", [1, 4, 24])
def test_a_drill_of_many_hours_fits_into_the_history_of_an_execution(hours):
    """9 events a turn (wait, task, choice), and 25,000 are allowed."""
    age, turns = timedelta(0), 0
    while age < timedelta(hours=hours):
        age += stepper._wait(timedelta(seconds=10), age)
        turns += 1

    assert turns * 9 < 25_000 / 4


def test_answers_are_json(scene, around):
    drill = planned(around)

    assert json.loads(json.dumps(stepper.step(drill, around)))["drill_id"] == drill["drill_id"]


# --- the sweeper


class Machines:
    """Step Functions as far as the sweeper sees it: which executions run, and which were started."""

    class exceptions:  # noqa: N801  # boto3's name
        pass

    def __init__(self):
        self.running: set[str] = set()
        self.started: list[dict[str, str]] = []

    def describe_execution(self, executionArn):  # noqa: N803  # boto3's name
        name = executionArn.rpartition(":")[2]
        if name in self.running:
            return {"status": "RUNNING"}
        raise ClientError(
            {"Error": {"Code": "ExecutionDoesNotExist", "Message": name}}, "DescribeExecution"
        )

    def start_execution(self, stateMachineArn, name, input):  # noqa: A002, N803  # boto3's names
        assert stateMachineArn == MACHINE_ARN
        if name in self.running:
            raise ClientError(
                {"Error": {"Code": "ExecutionAlreadyExists", "Message": name}}, "StartExecution"
            )
        self.running.add(name)
        self.started.append(json.loads(input))


MACHINE_ARN = "arn:aws:states:eu-west-1:222222222222:stateMachine:restorecheck-drill"


@pytest.fixture
def machines(around):
    made = Machines()
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    around._clients["stepfunctions"] = made
    return made


def step_until_restored(scene, around, drill):
    for _ in range(60):
        stepper.step(drill, around)
        if scene.sandbox.instances(scene.sandbox.backup):
            return
    raise AssertionError("nothing was restored")


def test_a_drill_whose_execution_ended_is_given_one_that_tears_it_down(scene, around, machines):
    drill = planned(around)
    step_until_restored(scene, around, drill)

    found = sweeper.sweep(around)
    assert found.restarted == (drill["drill_id"],)
    assert sweeper.sweep(around).restarted == ()

    (order,) = machines.started
    answers = run(around, order)
    assert answers[-1]["verdict"] == "inconclusive"
    assert "the Step Functions execution ended" in answers[-1]["reason"]
    assert scene.leftovers() == []


def test_a_drill_whose_execution_lives_is_left_alone(scene, around, machines):
    drill = planned(around)
    machines.running.add(drill["drill_id"])
    step_until_restored(scene, around, drill)

    found = sweeper.sweep(around)

    assert (found.restarted, found.deleted, found.left) == ((), (), ())
    assert run(around, drill)[-1]["verdict"] == "verified"


def test_what_a_drill_left_behind_is_deleted_hour_by_hour(scene, around, machines):
    drill = planned(around)
    machines.running.add(drill["drill_id"])
    denied = Fault(operation="DeleteDBInstance", code="AccessDenied", status=403, times=None)
    scene.sandbox.faults.add(denied)
    answers = run(around, drill, turns=2000)
    assert answers[-1]["teardown"] == "incomplete"
    scene.sandbox.faults.clear()

    nap = threading.Event()
    for _ in range(100):
        if not sweeper.sweep(around).left:
            break
        nap.wait(0.05)

    assert scene.leftovers() == []
    assert around.store.with_leftovers() == ()


def test_a_target_that_is_not_proven_is_overdue_until_it_is(scene, around, machines):
    assert [fact.target for fact in sweeper.sweep(around).overdue] == [scene.target]

    run(around, planned(around))

    found = sweeper.sweep(around)
    assert found.overdue == ()
    assert 0 <= found.proof_hours[scene.target] < 1
