"""What doctor asks IAM's simulator of the two roles, and that the advised policies answer it."""

from dataclasses import replace
from typing import Any

import pytest

from restorecheck.rules.advised import (
    backup_policy,
    looking_in_backup,
    looking_in_source,
    source_policy,
)
from restorecheck.rules.permissions import Names, asks_of_backup, asks_of_source
from restorecheck.rules.policies import Decision, Request, evaluate

SOURCE, BACKUP = "111111111111", "222222222222"
NAMES = Names(
    target="courses",
    partition="aws",
    source_account=SOURCE,
    backup_account=BACKUP,
    region="eu-west-1",
    backup_region="eu-central-1",
    role_arn=f"arn:aws:iam::{SOURCE}:role/restorecheck",
    instance="courses-prod",
    subnet_group="drills",
)
TRANSIT = f"arn:aws:kms:eu-west-1:{SOURCE}:key/transit"
PRODUCTION = f"arn:aws:kms:eu-west-1:{SOURCE}:key/production"
KEPT = f"arn:aws:kms:eu-central-1:{BACKUP}:key/kept"
OF_SECRETS = f"arn:aws:kms:eu-central-1:{BACKUP}:key/secrets"
WITH_KEYS = replace(
    NAMES,
    transit_key=TRANSIT,
    production_key=PRODUCTION,
    backup_key=KEPT,
    secret_key=OF_SECRETS,
)
OF_EACH_LOGIN = [
    replace(WITH_KEYS, credentials="managed-secret"),
    replace(WITH_KEYS, credentials="managed-secret", secret_key=""),
    replace(WITH_KEYS, credentials="reset"),
    replace(WITH_KEYS, credentials="iam", iam_user="checker"),
    replace(WITH_KEYS, transit_key=""),
    replace(WITH_KEYS, aurora=True),
    replace(WITH_KEYS, rehearses=True),
    replace(WITH_KEYS, aurora=True, rehearses=True),
    NAMES,
]
USER = f"arn:aws:iam::{BACKUP}:user/drills"


def unlike(policy, questions):
    """What the policy answers otherwise than doctor wants it."""
    return [
        (action, resource)
        for question in questions
        for action in question.actions
        for resource in question.resources
        if (answered(policy, action, resource, question.context) is Decision.ALLOWED)
        is not question.allowed
    ]


def answered(policy, action, resource, context):
    lowered = {name.lower(): value for name, value in context.items()}
    return evaluate([policy], Request(action, resource, lowered))


def asked(questions, action):
    """Resource → wanted answer."""
    return {r: q.allowed for q in questions if action in q.actions for r in q.resources}


@pytest.mark.parametrize("names", OF_EACH_LOGIN)
def test_the_policies_that_doctor_advises_answer_all_that_it_asks(names):
    assert unlike(source_policy(names), asks_of_source(names)) == []
    assert unlike(backup_policy(names), asks_of_backup(names, USER)) == []


@pytest.mark.parametrize("names", OF_EACH_LOGIN)
def test_a_role_that_may_do_everything_is_found_and_one_that_may_do_nothing(names):
    everything: Any = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    for questions in (asks_of_source(names), asks_of_backup(names, USER)):
        denied = {a for q in questions if not q.allowed for a in q.actions}
        allowed = {a for q in questions if q.allowed for a in q.actions}

        assert {action for action, _ in unlike(everything, questions)} == denied
        assert {action for action, _ in unlike({}, questions)} == allowed


def test_production_is_never_to_be_deleted_changed_or_stopped():
    production = f"arn:aws:rds:eu-west-1:{SOURCE}:db:courses-prod"
    questions = asks_of_source(NAMES)

    for verb in ("Delete", "Modify", "Stop", "Reboot"):
        assert asked(questions, f"rds:{verb}DBInstance") == {production: False}
    assert set(asked(questions, "rds:DeleteDBSnapshot").values()) == {True, False}


def test_both_keys_of_production_are_used_and_neither_is_ended():
    questions = asks_of_source(WITH_KEYS)

    assert asked(questions, "kms:ScheduleKeyDeletion") == {TRANSIT: False, PRODUCTION: False}
    assert asked(questions, "kms:DescribeKey") == {TRANSIT: True, PRODUCTION: True}
    assert asked(asks_of_source(NAMES), "kms:ScheduleKeyDeletion") == {}


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (WITH_KEYS, TRANSIT),
        (replace(WITH_KEYS, transit_key=""), PRODUCTION),
    ],
)
def test_the_backup_account_reads_with_the_key_of_the_staging_copy_and_writes_with_its_own(
    names, read
):
    granted = asked(asks_of_backup(names), "kms:CreateGrant")

    assert {r for r, allowed in granted.items() if allowed} == {read, KEPT, OF_SECRETS}
    assert [r for r, allowed in granted.items() if not allowed] == [
        "arn:aws:kms:eu-central-1:999999999999:key/00000000-000000-000000"
    ]


def test_a_copy_into_another_region_uses_the_transit_key_through_rds_of_both():
    used = [
        question.context["kms:ViaService"]
        for question in asks_of_backup(WITH_KEYS)
        if TRANSIT in question.resources and "kms:Decrypt" in question.actions
    ]

    assert used == ["rds.eu-west-1.amazonaws.com", "rds.eu-central-1.amazonaws.com"]


@pytest.mark.parametrize(
    ("names", "action", "resource"),
    [
        (
            replace(NAMES, credentials="iam", iam_user="checker"),
            "rds-db:connect",
            f"arn:aws:rds-db:eu-central-1:{BACKUP}:dbuser:db-NEW/checker",
        ),
        (
            replace(NAMES, credentials="reset"),
            "secretsmanager:DeleteSecret",
            f"arn:aws:secretsmanager:eu-central-1:{BACKUP}:secret:restorecheck-00000000-000000-000000-AbCdEf",
        ),
        (
            NAMES,
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:eu-central-1:{BACKUP}:secret:rds!db-0a1b2c3d-AbCdEf",
        ),
    ],
)
def test_only_what_the_way_of_logging_in_calls_is_asked(names, action, resource):
    questions = asks_of_backup(names)
    ways = ("rds-db:connect", "secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue")
    others = {w for w in ways if asked(questions, w)}

    assert asked(questions, action) == {resource: True}
    assert others - {action} <= {"secretsmanager:GetSecretValue"}


@pytest.mark.parametrize(
    ("principal", "action"),
    [
        (USER, "iam:PutUserPolicy"),
        (f"arn:aws:iam::{BACKUP}:role/stepper", "iam:PutRolePolicy"),
    ],
)
def test_nobody_who_drills_may_widen_his_own_rights(principal, action):
    questions = asks_of_backup(WITH_KEYS, principal)

    assert asked(questions, action) == {principal: False}
    assert asked(questions, "kms:DisableKey") == {KEPT: False}


def test_what_doctor_and_audit_read_changes_nothing():
    reading = ("Describe", "Get", "List", "Simulate")
    for policy in (looking_in_source(), looking_in_backup()):
        (statement,) = policy["Statement"]
        verbs = [action.partition(":")[2] for action in statement["Action"]]

        assert [verb for verb in verbs if not verb.startswith(reading)] == []
    assert answered(looking_in_source(), "iam:ListRoles", "*", {}) is Decision.ALLOWED
    assert answered(looking_in_backup(), "ec2:DescribeSubnets", "*", {}) is Decision.ALLOWED
