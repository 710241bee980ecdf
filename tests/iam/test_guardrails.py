"""The guardrails against an administrator: what they stop, what they let through, and their size."""

import json

import pytest

from tests.iam.simulator import EVERYTHING, Request
from tests.infra.resolving import BACKUP, INFRA, REGION, SOURCE

GUARDRAILS = INFRA / "guardrails"
ADMINISTRATOR = f"arn:aws:iam::{SOURCE}:role/administrator"
BREAK_GLASS = f"arn:aws:iam::{SOURCE}:role/break-glass"
SCP_LIMIT, POLICY_LIMIT = 5120, 6144
"""Characters without spaces: quotas of AWS Organizations and of IAM's managed policies."""


def rds(kind, name, account=SOURCE):
    return f"arn:aws:rds:{REGION}:{account}:{kind}:{name}"


MANAGED = {"aws:ResourceTag/restorecheck:managed": "true"}
KEY = f"arn:aws:kms:{REGION}:{BACKUP}:key/backup"
DESTRUCTIVE = [
    Request("rds:DeleteDBInstance", rds("db", "courses-prod")),
    Request("rds:DeleteDBCluster", rds("cluster", "courses")),
    Request("rds:DeleteDBSnapshot", rds("snapshot", "before-migration")),
    Request("rds:DeleteDBClusterSnapshot", rds("cluster-snapshot", "x")),
    Request("rds:DeleteDBInstanceAutomatedBackup", rds("auto-backup", "ab-x")),
    Request("rds:DeleteDBSnapshot", rds("snapshot", "restorecheck-20260226")),
    Request("rds:DeleteDBInstance", rds("db", "restorecheck-20260226")),
    Request("kms:ScheduleKeyDeletion", KEY, MANAGED),
    Request("kms:DisableKey", KEY, MANAGED),
    Request("kms:PutKeyPolicy", KEY, MANAGED),
    Request(
        "dynamodb:DeleteTable", f"arn:aws:dynamodb:{REGION}:{BACKUP}:table/restorecheck-drills"
    ),
    Request("s3:DeleteBucket", "arn:aws:s3:::restorecheck-reportbucket"),
    Request("s3:DeleteObjectVersion", "arn:aws:s3:::restorecheck-reportbucket/reports/t/d.json"),
    Request("iam:PutRolePolicy", f"arn:aws:iam::{BACKUP}:role/restorecheck-stepper"),
    Request("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{BACKUP}:role/restorecheck-sweeper"),
    Request("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{SOURCE}:role/break-glass"),
]
ORDINARY = [
    Request("rds:CreateDBInstance", rds("db", "new")),
    Request("rds:ModifyDBInstance", rds("db", "courses-prod")),
    Request("rds:CreateDBSnapshot", rds("db", "courses-prod")),
    Request("s3:DeleteObject", "arn:aws:s3:::website/index.html"),
    Request("dynamodb:DeleteTable", f"arn:aws:dynamodb:{REGION}:{SOURCE}:table/sessions"),
    Request("iam:PutRolePolicy", f"arn:aws:iam::{SOURCE}:role/web"),
]


def statements(name):
    return json.loads((GUARDRAILS / name).read_text())["Statement"]


def own_policy(request):
    """A key's policy that leaves everything to IAM, so that only the guardrail is between."""
    if not request.action.startswith("kms:"):
        return None
    root = f"arn:aws:iam::{request.resource.split(':')[4]}:root"
    return [{"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}]


def asks(simulator, who, request, identity, guardrails=()):
    account = request.resource.split(":")[4] or SOURCE
    principal = who.replace(SOURCE, account)
    asked = Request(
        request.action,
        request.resource,
        {"aws:PrincipalArn": principal, **request.context},
        account=account,
    )
    return simulator.allows(
        principal, asked, identity, resource_policy=own_policy(request), guardrails=guardrails
    )


@pytest.mark.parametrize("request_", DESTRUCTIVE, ids=str)
def test_an_administrator_cannot_destroy_what_the_break_glass_role_can(simulator, request_):
    scp = [statements("scp.json")]

    assert asks(simulator, ADMINISTRATOR, request_, EVERYTHING)
    assert not asks(simulator, ADMINISTRATOR, request_, EVERYTHING, scp)
    assert asks(simulator, BREAK_GLASS, request_, EVERYTHING, scp)


@pytest.mark.parametrize("request_", ORDINARY, ids=str)
def test_ordinary_work_goes_on(simulator, request_):
    assert asks(simulator, ADMINISTRATOR, request_, EVERYTHING, [statements("scp.json")])


@pytest.mark.parametrize(
    "role", ["restorecheck-source", "restorecheck-stepper", "restorecheck-sweeper"]
)
def test_restorecheck_may_delete_its_own_and_nothing_else(simulator, role):
    who = f"arn:aws:iam::{SOURCE}:role/{role}"
    scp = [statements("scp.json")]
    own = Request("rds:DeleteDBSnapshot", rds("snapshot", "restorecheck-20260226"))
    other = Request("rds:DeleteDBSnapshot", rds("snapshot", "before-migration"))

    assert asks(simulator, who, own, EVERYTHING, scp)
    assert not asks(simulator, who, other, EVERYTHING, scp)


@pytest.mark.parametrize("request_", DESTRUCTIVE, ids=str)
def test_an_agent_cannot_destroy_whatever_else_is_attached(simulator, request_):
    agent = [*statements("agent-policy.json"), *EVERYTHING]

    assert not asks(simulator, ADMINISTRATOR, request_, agent)


def test_an_agent_can_look_at_what_a_plan_needs(simulator):
    agent = statements("agent-policy.json")

    assert asks(simulator, ADMINISTRATOR, Request("rds:DescribeDBInstances", rds("db", "x")), agent)


@pytest.mark.parametrize("number", range(5))
def test_every_statement_of_the_scp_stops_something(simulator, number):
    lesser = [s for n, s in enumerate(statements("scp.json")) if n != number]

    assert any(asks(simulator, ADMINISTRATOR, r, EVERYTHING, [lesser]) for r in DESTRUCTIVE)


def test_the_boundary_denies_what_the_scp_denies():
    boundary = statements("permissions-boundary.json")

    assert boundary[0]["Effect"] == "Allow"
    assert boundary[1:] == statements("scp.json")


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
