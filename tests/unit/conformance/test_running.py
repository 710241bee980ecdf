"""The experiments over a cloud of memory: surprises, time limits, skipped steps, the teardown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restorecheck.conformance.port import CallAnswer, CloudPort, Setup, Where
from restorecheck.conformance.pricing import price
from restorecheck.conformance.running import StepResult, run, steps_for
from restorecheck.conformance.stage import MOST_THROTTLED, Stage
from restorecheck.conformance.teardown import tear_down

MINE = [
    {"Key": "restorecheck:drill-id", "Value": "run"},
    {"Key": "restorecheck:managed", "Value": "true"},
]


class Scripted(CloudPort):
    """Answers by operation; the last of several stays. A pause is a minute."""

    def __init__(self, **answers):
        self.answers = {name: list(found) for name, found in answers.items()}
        self.calls = []
        self.minutes = 0

    def call(self, where, _service, operation, parameters):
        self.calls.append((where, operation, parameters))
        known = self.answers.get(operation, [CallAnswer()])
        return known.pop(0) if len(known) > 1 else known[0]

    def ask(self, _instance, _sql):
        return CallAnswer(code="Unreachable", message="no route")

    def pause(self):
        self.minutes += 1

    def elapsed(self):
        return timedelta(minutes=self.minutes)


def stage_of(cloud, **changes):
    setup: dict[str, Any] = {
        "run_id": "run",
        "production": "courses-prod",
        "source_account": "111111111111",
        "backup_account": "222222222222",
        "staging_arn": lambda name: f"arn:staging:{name}",
        "transit_key": "",
        "backup_key": "key",
        "tags_of": lambda *_: [],
        "restore": lambda *_: {},
        "hopeless": frozenset({"failed"}),
        "settling": timedelta(minutes=2),
    }
    return Stage(cloud, Setup(**(setup | changes)))


def snapshots(*statuses, **fields):
    return [
        CallAnswer({"DBSnapshots": [{"Status": s, "TagList": MINE, **fields}]}) for s in statuses
    ]


AUTOMATED = {
    "Status": "available",
    "Engine": "postgres",
    "DBSnapshotArn": "arn",
    "OriginalSnapshotCreateTime": datetime(2026, 2, 26, tzinfo=UTC),
}


def outcome(stage, name):
    told: list[StepResult] = []
    run(stage, [step for step in steps_for(()) if step.name == name], told.append, lambda _: None)
    return told[-1]


def test_an_answer_that_is_not_expected_ends_the_run_and_nothing_more_is_called():
    cloud = Scripted(
        DescribeDBSnapshots=[CallAnswer({"DBSnapshots": [AUTOMATED]})],
        CopyDBSnapshot=[CallAnswer(code="SnapshotQuotaExceeded", message="too many")],
    )
    told: list[StepResult] = []

    surprise = run(stage_of(cloud), steps_for(()), told.append, lambda _: None)

    assert surprise is not None
    assert (
        surprise.because
        == "CopyDBSnapshot in the source account failed with SnapshotQuotaExceeded: too many"
    )
    assert [r.outcome for r in told] == ["done", "surprise"]
    assert cloud.calls[-1][1] == "CopyDBSnapshot"


def test_a_snapshot_that_never_gets_ready_is_a_surprise_after_the_time_limit():
    stage = stage_of(Scripted(DescribeDBSnapshots=snapshots("creating")))
    stage.found["automated"] = AUTOMATED

    result = outcome(stage, "stage")

    assert result.outcome == "surprise"
    assert "the time limit was reached; the status is creating" in result.because


def test_throttling_is_waited_for_and_not_for_ever():
    stage = stage_of(Scripted(DescribeDBSnapshots=[CallAnswer(code="Throttling")]))

    result = outcome(stage, "find")

    assert result.outcome == "surprise"
    assert stage.cloud.elapsed() == timedelta(minutes=MOST_THROTTLED)


@pytest.mark.parametrize("name", ["endpoint", "trust", "validation"])
def test_what_needs_the_deployment_is_skipped_with_words_where_it_is_not_there(name):
    result = outcome(stage_of(Scripted()), name)

    assert result.outcome == "skipped"
    assert result.because


def test_a_right_that_is_missing_skips_and_names_the_right():
    denied = Scripted(GetRole=[CallAnswer(code="AccessDenied")])

    result = outcome(stage_of(denied), "trust")

    assert result.because == "needs the right iam:GetRole in the backup account"


def test_a_restored_instance_out_of_reach_skips_the_question_to_it():
    stage = stage_of(Scripted())
    stage.found["instance"] = {"MasterUserSecret": {"SecretArn": "arn"}}

    assert outcome(stage, "master").outcome == "skipped"


def test_a_restore_test_that_was_answered_before_is_not_answered_again():
    job = {"Status": "COMPLETED", "ValidationStatus": "SUCCESSFUL"}
    cloud = Scripted(DescribeRestoreJob=[CallAnswer(job)])

    result = outcome(stage_of(cloud, restore_job="A1"), "validation")

    assert result.outcome == "skipped"
    assert "PutRestoreValidationResult" not in [operation for _, operation, _ in cloud.calls]


def deletions(cloud):
    return [(where, p) for where, operation, p in cloud.calls if operation.startswith("Delete")]


def test_the_teardown_goes_from_what_reads_to_what_is_read_and_names_only_its_own():
    class Full(Scripted):
        """Everything is there until it is deleted."""

        def __init__(self):
            super().__init__()
            self.gone = set()

        def call(self, where, service, operation, parameters):
            (name,) = [v for k, v in parameters.items() if k.endswith("Identifier")]
            kind = "instance" if "Instance" in operation else "snapshot"
            super().call(where, service, operation, parameters)
            if operation.startswith("Delete"):
                self.gone.add((where, kind, name))
                return CallAnswer()
            if (where, kind, name) in self.gone:
                return CallAnswer(code="DBSnapshotNotFound")
            drill = name.removeprefix("restorecheck-")
            tags = [{"Key": "restorecheck:drill-id", "Value": drill}, MINE[1]]
            key = "DBInstances" if kind == "instance" else "DBSnapshots"
            return CallAnswer({key: [{"Status": "available", "TagList": tags}]})

    cloud = Full()

    assert tear_down(stage_of(cloud)) == []

    names = ["restorecheck-run-2", "restorecheck-run"]
    order = [(where, next(iter(p.values()))) for where, p in deletions(cloud)]
    assert order == [
        *[(Where.BACKUP, name) for name in names],
        *[(Where.BACKUP, name) for name in names],
        *[(Where.SOURCE, name) for name in names],
    ]


def test_what_does_not_carry_our_tag_is_named_and_not_deleted():
    foreign = snapshots("available", TagList=[])
    cloud = Scripted(
        DescribeDBSnapshots=foreign, DescribeDBInstances=[CallAnswer(code="DBInstanceNotFound")]
    )

    left = tear_down(stage_of(cloud))

    assert len(left) == 4
    assert "it does not have the tag of this run" in left[0]
    assert deletions(cloud) == []


def test_what_is_not_seen_is_believed_to_be_gone_only_after_a_while():
    cloud = Scripted(
        DescribeDBSnapshots=[CallAnswer(code="DBSnapshotNotFound")],
        DescribeDBInstances=[CallAnswer(code="DBInstanceNotFound")],
    )

    assert tear_down(stage_of(cloud)) == []
    assert cloud.elapsed() >= timedelta(minutes=2)


def test_a_teardown_that_is_denied_says_so_at_once():
    denied = [CallAnswer(code="AccessDenied", message="no")]
    cloud = Scripted(DescribeDBSnapshots=denied, DescribeDBInstances=denied)

    assert len(tear_down(stage_of(cloud))) == 6
    assert cloud.minutes == 0


def test_a_run_on_a_hundred_gigabytes_costs_less_than_a_dollar():
    assert price(gigabytes=100, instance_class="db.t4g.micro", hours=2).total < 0.5
    assert price(gigabytes=500, instance_class="db.t4g.micro", hours=2).total < 1
