"""The roles of the template with `RehearseUpgrades=true` against what a night with a rehearsal asks for, on the wire."""

import pytest

from restorecheck.rules import policies
from restorecheck.rules.policies import Decision, evaluate
from tests.iam.requests import OURS, PRODUCTION_KEY, requests_of
from tests.iam.simulator import Request
from tests.infra.resolving import BACKUP, REGION, SOURCE, backup_stack, source_stack
from tests.rds.conftest import configure
from tests.rds.test_functions import MACHINE_ARN, planned, report_of
from tests.rds.test_least_privilege import Attribution, night

STACK = backup_stack(RehearseUpgrades="true", IamUser="restorecheck")
PLAIN = backup_stack(IamUser="restorecheck")
TRANSIT_KEY = source_stack(SourceKeyArns=PRODUCTION_KEY).outputs["TransitKeyArn"]
ROLES = {"stepper": "StepperRole", "checker": "CheckerRole"}


def allows(request, statements):
    context = {key.lower(): value for key, value in request.context.items()}
    asked = policies.Request(request.action, request.resource, context)
    return evaluate([{"Statement": statements}], asked) is Decision.ALLOWED


def test_a_night_with_a_rehearsal_is_allowed_and_every_grant_is_needed(scene, around):
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    scene.keys["targets"][0]["rehearse"] = {"upgrade": "next"}
    configure(scene, around)
    attribution = Attribution(scene, around)
    drill = planned(around)
    assert night(attribution, drill)["verdict"] == "verified"
    rehearsal = report_of(around, drill).rehearsal
    assert rehearsal is not None
    assert rehearsal.verdict == "verified", rehearsal.reason

    asked = {
        role: [
            request
            for call in attribution.seen[role]
            for request in requests_of(call, STACK, TRANSIT_KEY)
            if request.action.startswith("rds:")
        ]
        for role in ROLES
    }
    refused = [
        (role, request)
        for role, requests in asked.items()
        for request in requests
        if not allows(request, STACK.policy(ROLES[role]))
    ]
    assert refused == []
    assert STACK.policy("CheckerRole") == PLAIN.policy("CheckerRole")
    own, plain = STACK.policy("StepperRole"), PLAIN.policy("StepperRole")
    added = [s for s in own if s["Effect"] == "Allow" and s not in plain]
    assert {s["Sid"] for s in added} == {"ReadVersions", "NameDefaultGroups"}
    for statement in added:
        lesser = [s for s in own if s is not statement]
        assert not all(allows(r, lesser) for r in asked["stepper"])


def rds(kind, name, account=BACKUP):
    return f"arn:aws:rds:{REGION}:{account}:{kind}:{name}"


@pytest.mark.parametrize(
    "request_",
    [
        Request("rds:ModifyDBInstance", rds("db", "warehouse"), OURS),
        Request("rds:ModifyDBInstance", rds("db", "restorecheck-forged")),
        Request("rds:ModifyDBInstance", rds("db", "courses-prod", SOURCE), OURS),
        Request("rds:ModifyDBInstance", rds("pg", "mine")),
        Request("rds:ModifyDBCluster", rds("cluster", "restorecheck-x"), OURS),
        Request("rds:ModifyDBParameterGroup", rds("pg", "default.postgres18")),
        Request("rds:DeleteDBParameterGroup", rds("pg", "default.postgres18")),
        Request("rds:ModifyOptionGroup", rds("og", "default:postgres-18")),
    ],
    ids=str,
)
def test_no_other_instance_and_no_group_may_be_changed(request_):
    assert not allows(request_, STACK.policy("StepperRole"))
