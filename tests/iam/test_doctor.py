"""What doctor asks IAM's simulator, and the policies that it advises, put to AWS's own rules."""

from dataclasses import replace

import pytest

from restorecheck.rules.advised import (
    LOOKING,
    LOOKING_IN_SOURCE,
    backup_policy,
    source_policy,
)
from restorecheck.rules.permissions import Names, asks_of_backup, asks_of_source
from restorecheck.rules.policies import Decision, evaluate
from restorecheck.rules.policies import Request as Asked
from tests.iam.requests import PRODUCTION_KEY
from tests.iam.simulator import Request
from tests.infra.resolving import BACKUP, REGION, SOURCE, source_stack

STACK = source_stack(SourceKeyArns=PRODUCTION_KEY, AuditRoleName="on-call")
ME = f"arn:aws:iam::{BACKUP}:role/restorecheck"
NAMES = Names(
    target="courses",
    partition="aws",
    source_account=SOURCE,
    backup_account=BACKUP,
    region=REGION,
    backup_region=REGION,
    role_arn=STACK.arn("SourceRole"),
    instance="courses-prod",
    transit_key=STACK.outputs["TransitKeyArn"],
    production_key=PRODUCTION_KEY,
    backup_key=f"arn:aws:kms:{REGION}:{BACKUP}:key/backup",
    subnet_group="restorecheck",
    parameter_group="restorecheck",
)


def each(asks):
    for ask in asks:
        for action in ask.actions:
            for resource in ask.resources:
                yield ask, action, resource


def wrong(simulator, principal, asks, statements):
    """Where the answer is not what doctor wants; and where our own evaluation differs from AWS's."""
    disagreeing, differing = [], []
    for ask, action, resource in each(asks):
        account = resource.split(":")[4] if resource.startswith("arn:") else ""
        request = Request(action, resource, dict(ask.context), account or principal.split(":")[4])
        owner = f"arn:aws:iam::{principal.split(':')[4]}:root"
        admits = [{"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "*", "Resource": "*"}]
        needs_both = action.startswith("kms:") or account not in {"", principal.split(":")[4]}
        found = simulator.allows(
            principal, request, statements, resource_policy=admits if needs_both else None
        )
        context = {key.lower(): value for key, value in ask.context.items()}
        ours = evaluate([{"Statement": statements}], Asked(action, resource, context))
        if found is not ask.allowed:
            disagreeing.append(str(request))
        if (ours is Decision.ALLOWED) is not found:
            differing.append(str(request))
    return disagreeing, differing


def test_the_advised_policy_of_the_source_role_is_what_doctor_asks_for(simulator):
    statements = source_policy(NAMES)["Statement"]

    assert wrong(simulator, NAMES.role_arn, asks_of_source(NAMES), statements) == ([], [])


def test_the_template_of_the_source_role_is_what_doctor_asks_for(simulator):
    statements = STACK.policy("SourceRole")

    assert wrong(simulator, NAMES.role_arn, asks_of_source(NAMES), statements) == ([], [])


@pytest.mark.parametrize("credentials", ["managed-secret", "reset", "iam"])
def test_the_advised_policy_in_the_backup_account_is_what_doctor_asks_for(simulator, credentials):
    names = replace(NAMES, credentials=credentials, iam_user="checker")
    statements = backup_policy(names)["Statement"]

    assert wrong(simulator, ME, asks_of_backup(names, ME), statements) == ([], [])


EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


def test_beside_a_wider_policy_the_advised_ones_still_deny_what_must_be_denied(simulator):
    source = [*source_policy(NAMES)["Statement"], *EVERYTHING]
    backup = [*backup_policy(NAMES)["Statement"], *EVERYTHING]

    assert wrong(simulator, NAMES.role_arn, asks_of_source(NAMES), source) == ([], [])
    assert wrong(simulator, ME, asks_of_backup(NAMES, ME), backup) == ([], [])


def test_an_administrator_is_not_what_doctor_asks_for(simulator):
    disagreeing, differing = wrong(simulator, ME, asks_of_backup(NAMES, ME), EVERYTHING)

    assert len(disagreeing) >= 6
    assert differing == []


def test_whoever_audits_may_enter_and_read_what_audit_reads_and_only_when_named():
    without = source_stack(SourceKeyArns=PRODUCTION_KEY)
    trusted = str(STACK.properties("SourceRole")["AssumeRolePolicyDocument"])
    (look,) = [s for s in STACK.policy("SourceRole") if s["Sid"] == "LookForDoctorAndAudit"]

    assert f"arn:aws:iam::{BACKUP}:role/on-call" in trusted
    assert "on-call" not in str(without.properties("SourceRole"))
    assert "AuditPolicy" not in without.resources
    assert set(look["Action"]) == {*LOOKING, *LOOKING_IN_SOURCE}
