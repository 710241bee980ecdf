"""The rules of `doctor --deployment`, each on a deployment that is well but for one thing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from restorecheck.rules.catalogue import BY_ID
from restorecheck.rules.deployment import (
    BackupFacts,
    Execution,
    Function,
    ReportLock,
    SourceFacts,
    Stack,
    VpcEndpoint,
    judge_backup,
    judge_source,
)
from restorecheck.rules.facts import Unread
from restorecheck.rules.findings import Outcome

EVERYBODY = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]}
ROLE_ONLY = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::2:role/x"}}]}
LAMBDA = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
TRUST = {
    "Statement": [
        {"Effect": "Allow", "Condition": {"StringEquals": {"sts:ExternalId": "a word"}}},
    ]
}
STACK = Stack(name="restorecheck", status="CREATE_COMPLETE", outputs={"NightlyMachineArn": "arn:m"})
DYNAMODB = VpcEndpoint(
    service="dynamodb", kind="Gateway", state="available", connected=True, policy=EVERYBODY
)
SECRETS = VpcEndpoint(
    service="secretsmanager", kind="Interface", state="available", connected=True, policy=ROLE_ONLY
)
STEPPER = Function(name="restorecheck-stepper", state="Active", update="Successful")
NIGHT = Execution(status="SUCCEEDED", started=datetime(2026, 2, 26, 3, 15, tzinfo=UTC))
SOURCE = SourceFacts(
    account_id="1",
    region="eu-west-1",
    stack=replace(STACK, name="restorecheck-source"),
    trust=TRUST,
)
BACKUP = BackupFacts(
    account_id="2",
    region="eu-west-1",
    stack=STACK,
    roles={"restorecheck-stepper": LAMBDA},
    functions={"restorecheck-stepper": STEPPER},
    endpoints=(DYNAMODB, SECRETS),
    concurrency=1000,
    schedules={"restorecheck-nightly": "ENABLED"},
    subscriptions=(True,),
    lock=ReportLock(mode="COMPLIANCE", days=400),
    configuration=True,
    nights=(NIGHT,),
)
UNREAD = Unread("the right to read")


def problems(findings):
    return {f.rule.id: f.found for f in findings if f.outcome is Outcome.PROBLEM}


def test_a_deployment_that_is_well_has_no_problem():
    found = [*judge_source(SOURCE), *judge_backup(BACKUP)]

    assert problems(found) == {}
    assert {f.rule.id for f in found} == {rule for rule in BY_ID if "RC511" <= rule <= "RC541"}


BROKEN_SOURCE = [
    ({"stack": None}, "RC511", "the stack restorecheck-source does not exist"),
    ({"stack": replace(STACK, status="ROLLBACK_COMPLETE")}, "RC511", "is ROLLBACK_COMPLETE"),
    ({"trust": None}, "RC512", "the role restorecheck-source does not exist"),
    ({"trust": LAMBDA}, "RC512", "does not require an external id"),
    ({"trust": {"Statement": []}}, "RC512", "trusts no account"),
]


def test_the_role_of_a_further_region_is_looked_for_under_its_own_name():
    stack = replace(STACK, suffix="-eu-central-1")

    found = problems(judge_source(replace(SOURCE, stack=stack, trust=None)))

    assert "the role restorecheck-source-eu-central-1 does not exist" in found["RC512"]


@pytest.mark.parametrize(("changes", "rule", "said"), BROKEN_SOURCE)
def test_what_is_wrong_in_the_source_account_is_said(changes, rule, said):
    found = problems(judge_source(replace(SOURCE, **changes)))

    assert list(found) == [rule]
    assert said in found[rule]


BROKEN_BACKUP = [
    ({"stack": None}, "RC521", "the stack restorecheck does not exist"),
    ({"stack": replace(STACK, status="CREATE_IN_PROGRESS")}, "RC521", "is CREATE_IN_PROGRESS"),
    (
        {"roles": {"restorecheck-stepper": None}},
        "RC522",
        ("the role restorecheck-stepper does not exist"),
    ),
    ({"roles": {"restorecheck-stepper": TRUST}}, "RC522", "Lambda may not assume"),
    (
        {"functions": {"restorecheck-stepper": None}},
        "RC523",
        "the function restorecheck-stepper does not exist",
    ),
    ({"functions": {"x": replace(STEPPER, state="Pending")}}, "RC523", "x is Pending"),
    ({"functions": {"x": replace(STEPPER, update="Failed")}}, "RC523", "its last update: Failed"),
    ({"endpoints": (DYNAMODB,)}, "RC524", "the endpoint of secretsmanager does not exist"),
    ({"endpoints": (SECRETS, replace(DYNAMODB, state="pending"))}, "RC524", "dynamodb is pending"),
    ({"endpoints": (SECRETS, replace(DYNAMODB, connected=False))}, "RC524", "in no route table"),
    ({"endpoints": (SECRETS, replace(DYNAMODB, policy=ROLE_ONLY))}, "RC524", "aws:PrincipalArn"),
    ({"concurrency": 10}, "RC525", "10 functions may run at the same time; 20 are needed"),
    ({"schedules": {"restorecheck-sweep": "DISABLED"}}, "RC526", "restorecheck-sweep is DISABLED"),
    ({"schedules": {"restorecheck-sweep": None}}, "RC526", "restorecheck-sweep is not there"),
    ({"subscriptions": ()}, "RC527", "the topic has no subscription"),
    ({"subscriptions": (False,)}, "RC527", "no subscription is confirmed"),
    ({"lock": None}, "RC528", "object lock of the bucket <ReportBucketName> is off"),
    ({"configuration": None}, "RC531", "has no restorecheck.yaml"),
    ({"configuration": False}, "RC531", "differs from the local file"),
    ({"nights": ()}, "RC541", "there was no execution yet"),
    ({"nights": (replace(NIGHT, status="FAILED"),)}, "RC541", "ended with the status FAILED"),
    ({"nights": (replace(NIGHT, status="RUNNING"),)}, "RC541", "the first execution is running"),
]


@pytest.mark.parametrize(("changes", "rule", "said"), BROKEN_BACKUP)
def test_what_is_wrong_in_the_backup_account_is_said(changes, rule, said):
    found = problems(judge_backup(replace(BACKUP, **changes)))

    assert list(found) == [rule]
    assert said in found[rule]


UNREADABLE = {
    "RC521": "stack",
    "RC522": "roles",
    "RC523": "functions",
    "RC524": "endpoints",
    "RC525": "concurrency",
    "RC526": "schedules",
    "RC527": "subscriptions",
    "RC528": "lock",
    "RC531": "configuration",
    "RC541": "nights",
}


@pytest.mark.parametrize(("rule", "fact"), UNREADABLE.items())
def test_what_must_not_be_read_is_never_taken_for_well(rule, fact):
    changes: dict[str, Any] = {fact: UNREAD}
    found = {f.rule.id: f for f in judge_backup(replace(BACKUP, **changes))}

    assert found[rule].outcome is Outcome.NOT_LOOKED_AT
    assert "the right to read" in found[rule].found


def test_a_night_that_is_under_way_does_not_hide_the_one_before():
    nights = (replace(NIGHT, status="RUNNING"), replace(NIGHT, status="FAILED"))

    assert (
        "ended with the status FAILED"
        in problems(judge_backup(replace(BACKUP, nights=nights)))["RC541"]
    )


@pytest.mark.parametrize(
    ("part", "rules"),
    [
        ("backup", {f"RC52{n}" for n in range(1, 9)}),
        ("configuration", {"RC531"}),
        ("night", {"RC541"}),
    ],
)
def test_a_step_is_looked_at_alone(part, rules):
    assert {f.rule.id for f in judge_backup(BACKUP, part)} == rules


def test_a_later_step_says_that_the_stack_is_not_there():
    found = problems(judge_backup(replace(BACKUP, stack=None), "night"))

    assert list(found) == ["RC521"]


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (ReportLock(), "no default retention is set"),
        (ReportLock(mode="COMPLIANCE", days=400), "for 400 days (COMPLIANCE)"),
    ],
)
def test_a_bucket_with_object_lock_says_for_how_long(lock, said):
    (finding,) = [f for f in judge_backup(replace(BACKUP, lock=lock)) if f.rule.id == "RC528"]

    assert finding.outcome is Outcome.OK
    assert said in finding.found
