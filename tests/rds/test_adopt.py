"""Instances that somebody else restored: checked, answered for, and left as they are."""

import threading

import pytest
from botocore.exceptions import ClientError

from restorecheck.errors import ConfigError
from restorecheck.hosts.functions import adopter, checker, stepper
from restorecheck.model import Verdict
from restorecheck.report import document
from restorecheck.sandbox import Fault
from tests.rds.conftest import ROWS, adoption, configure
from tests.rds.test_functions import MACHINE_ARN, MINUTES, Machines

PRODUCTION = "arn:aws:rds:eu-west-1:111111111111:db:courses-prod"


@pytest.fixture
def adopting(scene):
    """A target of kind adopt."""
    target = scene.keys["targets"][0]
    del target["rds"]
    target["adopt"] = adoption(scene)
    return scene


@pytest.fixture
def restored(adopting):
    """What AWS Backup has restored for a test."""
    sandbox = adopting.sandbox
    job = sandbox.restore_for_test(sandbox.take_automated_snapshot("courses-prod"))
    yield job
    name = job.created_arn.rpartition(":")[2]
    sandbox.client("rds", sandbox.backup).delete_db_instance(
        DBInstanceIdentifier=name, SkipFinalSnapshot=True
    )
    sandbox.wait_until(lambda: sandbox.instance(sandbox.backup, name) is None, "its end")


@pytest.fixture
def function(adopting, around):
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    around._clients["stepfunctions"] = Machines()
    configure(adopting, around)
    return around


def run(around, order):
    """As the state machine does."""
    nap = threading.Event()
    for _ in range(200):
        answer = stepper.step(order, around)
        while answer["next"] == "check":
            answer = checker.check(order, around, lambda: MINUTES)
        if answer["next"] == "done":
            return document.parse(around.store.report(order["drill_id"]))
        if answer["wait_seconds"]:
            nap.wait(0.02)
    raise AssertionError(answer)


def instance_of(scene, job):
    return scene.sandbox.instance(scene.sandbox.backup, job.created_arn.rpartition(":")[2])


def described(scene, job):
    state = scene.sandbox.rds.state
    instance = instance_of(scene, job)
    return instance.describe(state.time.now(), state.behind.endpoint(instance))


# --- by hand ----------------------------------------------------------------------------------


def test_by_hand_an_instance_is_checked_and_left_as_it_is(adopting, restored):
    before = described(adopting, restored)
    name = before["DBInstanceIdentifier"]
    adopting.sandbox.forget_calls()

    outcome = adopting.drill("--adopt", name)

    assert outcome.code == 0, outcome.err
    assert outcome.verdict == "verified"
    assert outcome.report["restore"]["adopted"] is True
    assert outcome.report["teardown"]["outcome"] == "complete"
    assert described(adopting, restored) == before
    operations = {call.operation for call in adopting.sandbox.calls}
    assert operations == {"GetCallerIdentity", "DescribeDBInstances", "GetSecretValue"}
    assert restored.answers == [], "who asks by hand does not speak for the restore testing plan"


def test_a_check_that_does_not_hold_fails_an_adopted_instance(adopting, restored):
    adopting.keys["targets"][0]["checks"] = [
        {"row_count": {"table": "public.answers", "min": ROWS + 1}}
    ]

    outcome = adopting.drill(adopting.target, "--adopt", restored.created_arn)

    assert (outcome.code, outcome.verdict) == (1, "failed")


def test_production_itself_is_never_adopted(adopting):
    adopting.keys["targets"][0]["adopt"]["account_id"] = "111111111111"
    adopting.sandbox.forget_calls()

    for name in ("courses-prod", "Courses-Prod", PRODUCTION):
        outcome = adopting.run("drill", "--adopt", name)

        assert outcome.code == 2
        assert "is the production instance" in outcome.err
    assert adopting.sandbox.calls == ()


def test_an_instance_that_is_not_there_is_no_verdict_on_the_backup(adopting):
    outcome = adopting.drill("--adopt", "nobody")

    assert (outcome.code, outcome.verdict) == (3, "inconclusive")
    assert "could not find the DB instance" in outcome.reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "every target is of kind adopt; give the instance to check"),
        (["{target}"], "--adopt INSTANCE"),
        (
            ["--adopt", "arn:aws:rds:eu-west-1:333333333333:db:x"],
            "is not the ARN of a DB instance in",
        ),
        (
            ["--adopt", "arn:aws:rds:eu-west-1:222222222222:snapshot:x"],
            "is not the ARN of a DB instance in",
        ),
        (["--adopt", "arn:x"], "expected an ARN of another kind"),
        (["nobody", "--adopt", "x"], "no target 'nobody'"),
    ],
)
def test_what_cannot_be_adopted_is_said(adopting, arguments, message):
    outcome = adopting.run("drill", *(a.format(target=adopting.target) for a in arguments))

    assert outcome.code == 2
    assert message in outcome.err


def test_only_targets_of_kind_adopt_adopt(scene):
    outcome = scene.run("drill", scene.target, "--adopt", "x")

    assert outcome.code == 2
    assert "is not of kind adopt" in outcome.err


def test_the_plan_says_that_nothing_is_changed(adopting):
    outcome = adopting.run("drill", "--adopt", "x", "--plan")

    assert outcome.code == 0
    assert "restorecheck does not delete the adopted instance" in outcome.out


def test_an_age_that_unknown_cause_is_no_proof(adopting, restored):
    adopting.keys["targets"][0]["adopt"]["max_age_hours"] = 26

    outcome = adopting.drill("--adopt", restored.created_arn)

    assert (outcome.code, outcome.verdict) == (3, "inconclusive")
    assert "the age of the backup" in outcome.reason


# --- by AWS Backup's event --------------------------------------------------------------------


def test_a_restore_of_the_plan_is_checked_and_answered_once(adopting, restored, function):
    order = adopter.adopt(restored.event(), function)

    report = run(function, order)

    assert report.verdict is Verdict.VERIFIED, report.reason
    assert report.backup is not None
    assert report.backup.kind == "AWS Backup recovery point"
    assert report.backup.age_seconds is not None
    assert restored.answers == ["SUCCESSFUL"]
    assert f"restorecheck {order['drill_id']}: verified" in restored.validation_message
    assert instance_of(adopting, restored) is not None, "AWS Backup deletes it, and nobody else"


def test_the_order_is_what_the_state_machine_needs(restored, function):
    order = adopter.adopt(restored.event(), function)

    (given,) = function._clients["stepfunctions"].started
    assert given == order
    assert set(order) == {"drill_id", "target", "scheduled_for", "abort", "adopt"}


def test_an_event_that_comes_twice_has_one_drill(restored, function):
    first = adopter.adopt(restored.event(), function)

    assert adopter.adopt(restored.event(), function) == first


def test_a_backup_that_fails_its_checks_is_told_to_aws_backup(adopting, restored, function):
    adopting.keys["targets"][0]["checks"] = [
        {"row_count": {"table": "public.answers", "min": ROWS + 1}}
    ]
    configure(adopting, function)

    report = run(function, adopter.adopt(restored.event(), function))

    assert report.verdict is Verdict.FAILED
    assert restored.answers == ["FAILED"]


def test_not_knowing_is_not_told_as_a_bad_backup(adopting, restored, function):
    adopting.keys["targets"][0]["adopt"]["user"] = "nobody"
    configure(adopting, function)

    report = run(function, adopter.adopt(restored.event(), function))

    assert report.verdict is Verdict.INCONCLUSIVE
    assert restored.answers == ["TIMED_OUT"]
    assert "inconclusive" in restored.validation_message


def test_a_stale_recovery_point_fails(adopting, restored, function):
    adopting.keys["targets"][0]["adopt"]["max_age_hours"] = 0.000001
    configure(adopting, function)

    report = run(function, adopter.adopt(restored.event(), function))

    assert report.verdict is Verdict.FAILED
    assert "the backup is stale" in report.reason
    assert restored.answers == ["FAILED"]


def test_a_restore_that_failed_has_a_report_with_aws_backups_words(adopting, function):
    sandbox = adopting.sandbox
    sandbox.next_restore("incompatible-restore")
    job = sandbox.restore_for_test(sandbox.take_automated_snapshot("courses-prod"))

    report = run(function, adopter.adopt(job.event(), function))

    assert report.verdict is Verdict.INCONCLUSIVE
    assert "is FAILED: DB instance is in the status incompatible-restore" in report.reason
    assert job.answers == []
    del sandbox.rds.state.region(sandbox.backup.account_id, sandbox.region).instances[
        job.created_arn.rpartition(":")[2]
    ]


def test_a_failed_restore_of_an_unknown_source_alarms_with_aws_backups_words(adopting, function):
    sandbox = adopting.sandbox
    sandbox.next_restore("incompatible-restore")
    job = sandbox.restore_for_test(sandbox.take_automated_snapshot("courses-prod"))
    job.source_is_described = False

    with pytest.raises(ConfigError, match="DB instance is in the status incompatible-restore"):
        adopter.adopt(job.event(), function)

    del sandbox.rds.state.region(sandbox.backup.account_id, sandbox.region).instances[
        job.created_arn.rpartition(":")[2]
    ]


def test_an_answer_that_got_lost_is_not_given_again(adopting, restored, function):
    lost = Fault(
        service="backup",
        operation="PutRestoreValidationResult",
        after_effect=True,
        times=1,
        code="ServiceUnavailableException",
        status=503,
    )
    adopting.sandbox.faults.add(lost)

    report = run(function, adopter.adopt(restored.event(), function))

    assert report.verdict is Verdict.VERIFIED
    assert restored.validation == "SUCCESSFUL"
    assert any("the validation result SUCCESSFUL was sent" in note for note in report.notes)


def test_somebody_elses_answer_stands_and_is_noted(adopting, restored, function):
    client = adopting.sandbox.client("backup", adopting.sandbox.backup)
    client.put_restore_validation_result(
        RestoreJobId=restored.identifier, ValidationStatus="FAILED"
    )

    report = run(function, adopter.adopt(restored.event(), function))

    assert report.verdict is Verdict.VERIFIED
    assert restored.validation == "FAILED"
    assert any("in AWS Backup is FAILED" in note for note in report.notes)


def test_a_job_of_another_source_is_not_taken_for_ours(adopting, restored, function):
    order = adopter.adopt(restored.event(), function)
    restored.source_arn = PRODUCTION.replace("courses", "billing")

    report = run(function, order)

    assert report.verdict is Verdict.INCONCLUSIVE
    assert "billing-prod" in report.reason


def test_an_event_that_nobody_has_configured_is_an_error_that_alarms(adopting, restored, function):
    event = restored.event()
    event["detail"]["sourceResourceArn"] = PRODUCTION.replace("courses", "billing")
    with pytest.raises(ConfigError, match="no target of kind adopt"):
        adopter.adopt(event, function)
    with pytest.raises(ConfigError, match="expected an event of AWS Backup"):
        adopter.adopt({"source": "aws.ec2", "detail-type": "x", "detail": {}}, function)
    event["detail"]["status"] = "RUNNING"
    with pytest.raises(ConfigError, match="expected a restore job that has ended"):
        adopter.adopt(event, function)


def test_the_sandbox_takes_one_answer(adopting, restored):
    client = adopting.sandbox.client("backup", adopting.sandbox.backup)
    arguments = {"RestoreJobId": restored.identifier, "ValidationStatus": "SUCCESSFUL"}
    client.put_restore_validation_result(**arguments)

    with pytest.raises(ClientError) as refused:
        client.put_restore_validation_result(**arguments)

    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    assert client.describe_restore_job(RestoreJobId=restored.identifier)["ValidationStatus"] == (
        "SUCCESSFUL"
    )
