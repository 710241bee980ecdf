"""Instances that others restore: which one is taken for which backup, and what AWS Backup is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.aws.adopt.provider import ANSWERS, INSTANCE_ARN, RESTORE_JOB, AdoptProvider
from restorecheck.aws.session.settings import AdoptSettings, Place
from restorecheck.aws.session.views import InstanceView
from restorecheck.errors import NotFoundError, TransientError
from restorecheck.lifecycle import Broken, InProgress, Ready, Retry, StillThere, Unclear
from restorecheck.model import Resource, Step, StepKind, Verdict
from tests.factories import HOUR, NOW, drill, finished

PLACE = Place("aws", "222222222222", "eu-west-1")
PRODUCTION = "arn:aws:rds:eu-west-1:111111111111:db:courses-prod"
RESTORED = PLACE.arn("db", "awsbackup-restore-test-1")
SETTINGS = AdoptSettings(
    target="courses",
    place=PLACE,
    production=PRODUCTION,
    user="checker",
    max_age=timedelta(hours=26),
    deadline=HOUR,
)
VIEW = InstanceView(
    identifier="awsbackup-restore-test-1",
    arn=RESTORED,
    status="available",
    resource_id="db-1",
    host="h",
    port=5432,
)
JOB: dict[str, Any] = {
    "RestoreJobId": "job-1",
    "Status": "COMPLETED",
    "SourceResourceArn": PRODUCTION,
    "CreatedResourceArn": RESTORED,
    "CreationDate": NOW - HOUR,
    "CompletionDate": NOW - HOUR / 2,
    "RecoveryPointArn": "arn:aws:rds:eu-west-1:222222222222:snapshot:awsbackup:job-1",
    "RecoveryPointCreationDate": NOW - 3 * HOUR,
}


class Everything:
    """The accounts, the account, its instances and AWS Backup in one."""

    place = PLACE

    def __init__(self, job=None, view=VIEW):
        self.job = JOB | (job or {})
        self.view = view
        self.refuses: Exception | None = None
        self.deaf = False
        self.told: list[str] = []

    def adopted(self, place, *, clusters=False):
        assert (place, clusters) == (PLACE, False)
        return self

    @property
    def instances(self):
        return self

    def latest(self):
        return {self.view.identifier: self.view}

    def aws_backup(self):
        return self

    def describe_restore_job(self, RestoreJobId):  # noqa: N803  # boto3's name
        assert RestoreJobId == "job-1"
        if self.refuses:
            raise self.refuses
        return self.job

    def put_restore_validation_result(self, *, ValidationStatus, **_):  # noqa: N803  # as above
        self.told.append(ValidationStatus)
        if not self.deaf:
            self.job = self.job | {"ValidationStatus": ValidationStatus}


def adopt(world: Any, *, wanted=RESTORED, job="job-1", **settings: Any):
    outputs = {INSTANCE_ARN: wanted, **({RESTORE_JOB: job} if job else {})}
    step = Step(name="adopt", kind=StepKind.ADOPT, does="adopt it", deadline=HOUR)
    provider = AdoptProvider(settings=replace(SETTINGS, **settings), accounts=world)
    return provider.ensure(drill(outputs=outputs), step)


def retain(world: Any, verdict=Verdict.VERIFIED):
    provider = AdoptProvider(settings=SETTINGS, accounts=world)
    return provider.retain(finished(verdict).evolve(outputs={RESTORE_JOB: "job-1"}))


def test_the_restored_instance_is_taken_with_the_backup_that_it_came_from():
    event = adopt(Everything())

    assert isinstance(event, Ready)
    assert event.endpoint is not None
    assert event.backup is not None
    assert (event.endpoint.identity, event.endpoint.user) == ("db-1", "checker")
    assert event.backup.taken_at == NOW - 3 * HOUR
    assert event.restored_in == HOUR / 2


@pytest.mark.parametrize(
    ("job", "kind", "said"),
    [
        ({"Status": "RUNNING"}, InProgress, ""),
        ({"Status": "PENDING"}, InProgress, ""),
        ({"Status": "FAILED", "StatusMessage": "no subnet"}, Unclear, "no subnet"),
        ({"Status": "ABORTED"}, Unclear, "ABORTED"),
        ({"SourceResourceArn": f"{PRODUCTION}-2"}, Unclear, ", not arn:"),
        ({"SourceResourceArn": ""}, Unclear, "unknown source"),
        ({"CreatedResourceArn": f"{RESTORED}0"}, Unclear, "created"),
        ({"CreatedResourceArn": ""}, Unclear, "created nothing"),
        ({"RecoveryPointCreationDate": NOW - 27 * HOUR}, Broken, "stale"),
        ({"RecoveryPointCreationDate": None}, Unclear, "the age is unknown"),
    ],
)
def test_a_job_that_does_not_prove_it_is_not_taken_for_it(job, kind, said):
    event = adopt(Everything(job))

    assert isinstance(event, kind)
    assert said in getattr(event, "reason", "")


def test_production_itself_is_never_adopted():
    event = adopt(Everything(view=replace(VIEW, arn=PRODUCTION)), wanted=PRODUCTION, job="")

    assert isinstance(event, Unclear)
    assert "the production instance" in event.reason


def test_without_a_job_unknown_cause_how_old_the_data_is():
    assert isinstance(adopt(Everything(), job=""), Unclear)
    assert isinstance(adopt(Everything(), job="", max_age=None), Ready)


@pytest.mark.parametrize("arn", [RESTORED.replace("eu-west-1", "eu-north-1"), f"{RESTORED}x"])
def test_an_instance_of_that_name_somewhere_else_is_another_one(arn):
    with pytest.raises(NotFoundError):
        adopt(Everything(view=replace(VIEW, arn=arn)))


@pytest.mark.parametrize(("code", "kind"), [("Throttling", InProgress), ("InternalFailure", Retry)])
def test_throttling_costs_time_and_other_passing_faults_are_counted(code, kind):
    world = Everything()
    world.refuses = TransientError("later", code=code)

    assert isinstance(adopt(world), kind)
    assert isinstance(retain(world), kind)


@pytest.mark.parametrize("before", [None, "VALIDATING"])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_aws_backup_is_told_once(before, verdict):
    world = Everything({"ValidationStatus": before})

    first, second = retain(world, verdict), retain(world, verdict)

    assert world.told == [ANSWERS[verdict]]
    assert (
        first.notes
        == second.notes
        == (f"the validation result {ANSWERS[verdict]} was sent to AWS Backup",)
    )


def test_not_knowing_is_not_told_as_a_bad_backup():
    assert ANSWERS[Verdict.INCONCLUSIVE] == "TIMED_OUT"
    assert ANSWERS[Verdict.FAILED] == "FAILED"
    assert ANSWERS[Verdict.VERIFIED] == "SUCCESSFUL"


def test_an_answer_that_aws_backup_does_not_have_is_noted():
    world = Everything()
    world.deaf = True

    assert retain(world).notes == (
        "the validation result in AWS Backup is missing; restorecheck wanted to send SUCCESSFUL",
    )


def test_what_others_restored_is_not_deleted():
    everything: Any = Everything()
    instance = Resource(kind="DB instance", identifier=RESTORED, account=PLACE.account_id)

    answer = AdoptProvider(settings=SETTINGS, accounts=everything).delete(instance, NOW)

    assert isinstance(answer, StillThere)
    assert answer.hopeless
