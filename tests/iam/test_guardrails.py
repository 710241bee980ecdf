"""The guardrails against an administrator: what they stop, what they let through, and their size."""

import json
import re

import pytest

from tests.iam.guarded import (
    GUARDRAILS,
    MARK,
    PAGE,
    SUBJECTS,
    in_context,
    in_source,
    page,
    principal,
    statements,
    stops,
)
from tests.iam.simulator import EVERYTHING, Request
from tests.infra.resolving import BACKUP, REGION, SOURCE

SCP_LIMIT, POLICY_LIMIT = 5120, 6144
"""Characters without spaces: quotas of AWS Organizations and of IAM's managed policies."""
ALL = [request for subject in SUBJECTS for request in subject.requests()]
STOPPED = [request for request in ALL if stops(request)]
ORDINARY = [request for request in ALL if not stops(request)]
OUR_ROLES = (
    *("adopter", "checker", "drill", "nightly", "notifier", "planner"),
    *("scheduler", "source", "stepper", "sweeper"),
)


def own_policy(request):
    """A key's policy, or a role's trust, that leaves everything to IAM: the guardrail is between."""
    if not request.action.startswith(("kms:", "sts:")):
        return None
    root = f"arn:aws:iam::{request.resource.split(':')[4]}:root"
    return [{"Effect": "Allow", "Principal": {"AWS": root}, "Action": "*", "Resource": "*"}]


def asks(simulator, who, request, identity=EVERYTHING, guardrails=()):
    name = principal(who, request.account)
    asked = Request(request.action, request.resource, in_context(request, name), request.account)
    return simulator.allows(
        name, asked, identity, resource_policy=own_policy(request), guardrails=guardrails
    )


@pytest.mark.parametrize("request_", ALL, ids=str)
def test_our_evaluation_of_the_guardrail_is_the_simulators(simulator, request_):
    scp = [statements("scp.json")]

    assert asks(simulator, "administrator", request_)
    assert asks(simulator, "administrator", request_, guardrails=scp) is not stops(request_)
    assert asks(simulator, "break-glass", request_, guardrails=scp)


def test_the_table_of_the_page_is_what_the_simulation_says():
    text = PAGE.read_text()

    assert page(text) == text, "make schema"
    assert text.count("| a role of restorecheck's |") == 1


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("a copy of restorecheck's", {"rds:RestoreDBInstanceFromDBSnapshot", "rds:CopyDBSnapshot"}),
        ("a restored instance", set()),
        ("a recovery point of AWS Backup", set()),
        ("a key with the mark", {"kms:CreateGrant", "kms:Decrypt"}),
        ("the mark on anything", set()),
        ("the table of drills", {"dynamodb:Query"}),
        ("a bucket of restorecheck's", set()),
        ("a report", {"s3:PutObject", "s3:GetObject"}),
        ("a role of restorecheck's", set()),
        ("a new role with restorecheck's name", set()),
        ("the break-glass role", {"sts:AssumeRole"}),
        ("a function", set()),
        ("a stack", set()),
    ],
)
def test_nothing_else_is_allowed_on_what_is_restorechecks(subject, allowed):
    (found,) = [s for s in SUBJECTS if s.says == subject]

    assert {r.action for r in found.requests() if not stops(r)} == allowed


def test_ordinary_work_goes_on():
    allowed = {request.action for request in ORDINARY}

    assert {
        "rds:CreateDBSnapshot",
        "rds:ModifyDBInstance",
        "iam:CreateRole",
        "dynamodb:DeleteTable",
        "states:StartExecution",
        "s3:PutObject",
    } <= allowed


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
def test_the_guardrail_holds_in_other_partitions(partition):
    for request in STOPPED:
        moved = Request(
            request.action,
            request.resource.replace("arn:aws:", f"arn:{partition}:"),
            request.context,
            request.account,
        )
        assert stops(moved), str(moved)


@pytest.mark.parametrize("role", OUR_ROLES)
def test_a_role_of_restorecheck_deletes_nothing_of_others(simulator, role):
    scp = [statements("scp.json")]
    other = Request("rds:DeleteDBSnapshot", in_source("snapshot", "before-migration"), {}, SOURCE)
    point = Request("backup:DeleteRecoveryPoint", in_source("snapshot", "awsbackup:x"), {}, SOURCE)
    itself = Request(
        "iam:PutRolePolicy", principal(f"restorecheck-{role}", BACKUP), {}, account=BACKUP
    )

    for request in (other, point, itself):
        assert not asks(simulator, f"restorecheck-{role}", request, guardrails=scp)


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("source", "rds:DeleteDBSnapshot", in_source("snapshot", "restorecheck-20260226")),
        (
            "stepper",
            "rds:DeleteDBInstance",
            f"arn:aws:rds:{REGION}:{BACKUP}:db:restorecheck-x",
        ),
        ("checker", "dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{BACKUP}:table/restorecheck-x"),
        ("drill", "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{BACKUP}:function:x"),
    ],
)
def test_a_role_of_restorecheck_may_do_its_own_work(role, action, resource):
    request = Request(action, resource, dict(MARK), account=BACKUP)

    assert not stops(request, f"restorecheck-{role}")
    assert not stops(request, f"restorecheck-{role}-eu-central-1"), "of another region's stack"


@pytest.mark.parametrize(
    "name",
    ["restorecheck-audit", "restorecheck", "path/break-glass", "x/restorecheck-source"],
)
def test_a_role_named_like_an_exempt_one_is_not_exempt(name):
    for request in STOPPED:
        assert stops(request, name), str(request)


@pytest.mark.parametrize("role", OUR_ROLES)
@pytest.mark.parametrize("ending", ["", "2", "-eu-central-1", "/path"])
def test_whoever_is_exempt_by_the_beginning_of_his_name_was_not_made_by_others(role, ending):
    made = principal(f"restorecheck-{role}{ending}", BACKUP)

    for action in ("iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam:PassRole"):
        assert stops(Request(action, made, {}, BACKUP))


@pytest.mark.parametrize("number", range(5))
def test_every_statement_of_the_scp_stops_something(simulator, number):
    lesser = [s for n, s in enumerate(statements("scp.json")) if n != number]

    assert any(asks(simulator, "administrator", r, guardrails=[lesser]) for r in STOPPED)


def test_roles_that_are_exempt_are_those_of_the_templates():
    named = set(re.findall(r"role/restorecheck-([a-z]+)\*\"", json.dumps(statements("scp.json"))))

    assert named == set(OUR_ROLES)


# --- the boundary -----------------------------------------------------------------------------


def test_the_boundary_denies_what_the_scp_denies():
    boundary, scp = statements("permissions-boundary.json"), statements("scp.json")

    assert boundary[0]["Effect"] == "Allow"
    assert boundary[1 : len(scp) + 1] == scp


@pytest.mark.parametrize(
    "action",
    ["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:CreateRole"],
)
def test_whoever_has_the_boundary_gets_rid_of_it_neither_himself_nor_by_another_role(action):
    own = f"arn:aws:iam::{SOURCE}:policy/restorecheck-boundary"
    request = Request(action, principal("web", SOURCE), {}, SOURCE)
    other = {"iam:PermissionsBoundary": f"arn:aws:iam::{SOURCE}:policy/x/restorecheck-boundary"}
    kept = Request(action, request.resource, {"iam:PermissionsBoundary": own}, SOURCE)
    changed = Request("iam:CreatePolicyVersion", own, {}, SOURCE)

    def stopped(asked, who="administrator"):
        return stops(asked, who, "permissions-boundary.json")

    assert stopped(request)
    assert stopped(Request(action, request.resource, other, SOURCE))
    assert stopped(changed)
    assert stopped(kept) is (action == "iam:DeleteRolePermissionsBoundary")
    assert not stopped(request, "break-glass")


# --- the agent --------------------------------------------------------------------------------

AGENT = [*statements("agent-policy.json"), *EVERYTHING]
READ = re.compile(r"\w+:(Describe|List|Get|Query|Filter)\w*")


@pytest.mark.parametrize("request_", [r for r in ALL if not READ.fullmatch(r.action)], ids=str)
def test_an_agent_changes_nothing_whatever_else_is_attached(simulator, request_):
    assert not asks(simulator, "agent", request_, AGENT)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateUser", f"arn:aws:iam::{SOURCE}:user/me"),
        ("iam:CreateLoginProfile", f"arn:aws:iam::{SOURCE}:user/me"),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{SOURCE}:policy/agent"),
        ("iam:AddUserToGroup", f"arn:aws:iam::{SOURCE}:group/administrators"),
        ("iam:DetachRolePolicy", f"arn:aws:iam::{SOURCE}:role/agent"),
        ("sts:AssumeRole", f"arn:aws:iam::{SOURCE}:role/administrator"),
        ("ec2:TerminateInstances", f"arn:aws:ec2:{REGION}:{SOURCE}:instance/i-0123456789abcdef0"),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{SOURCE}:function:any"),
        ("s3:PutObject", "arn:aws:s3:::state/terraform.tfstate"),
        ("ssm:SendCommand", f"arn:aws:ec2:{REGION}:{SOURCE}:instance/i-0123456789abcdef0"),
        (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:{REGION}:{SOURCE}:secret:x-AbCdEf",
        ),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{SOURCE}:parameter/password"),
        ("cloudformation:CreateStack", f"arn:aws:cloudformation:{REGION}:{SOURCE}:stack/x/0a1b"),
    ],
)
def test_an_agent_finds_no_way_round(simulator, action, resource):
    assert not asks(simulator, "agent", Request(action, resource, {}, SOURCE), AGENT)


def test_an_agent_can_look_at_what_a_plan_needs(simulator):
    agent = statements("agent-policy.json")
    look = Request("rds:DescribeDBInstances", in_source("db", "x"), {}, SOURCE)
    state = Request("s3:GetObject", "arn:aws:s3:::state/terraform.tfstate", {}, SOURCE)

    assert asks(simulator, "agent", look, agent)
    assert not asks(simulator, "agent", state, agent), "another policy grants the one bucket"
    assert asks(simulator, "agent", state, AGENT)


def test_what_an_agent_may_do_is_granted_and_excepted_from_the_denial():
    allowed, denied = statements("agent-policy.json")

    assert set(denied["NotAction"]) == {*allowed["Action"], "s3:GetObject", "s3:ListBucket"}
    assert all(
        re.fullmatch(r"\w+:(Describe|Get|List|Simulate)\w*\*?", a) for a in denied["NotAction"]
    )


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("scp.json", SCP_LIMIT),
        ("permissions-boundary.json", POLICY_LIMIT),
        ("agent-policy.json", POLICY_LIMIT),
    ],
)
def test_policies_fit_into_their_quotas(name, limit):
    text = json.dumps(json.loads((GUARDRAILS / name).read_text()), separators=(",", ":"))

    assert len(text) < limit
