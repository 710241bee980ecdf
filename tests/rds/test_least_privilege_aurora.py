"""The roles of the templates with `Aurora=true` against what drills of clusters ask for, on the wire."""

from copy import deepcopy
from dataclasses import replace

import pytest

from restorecheck.hosts.functions import adopter, sweeper
from restorecheck.sandbox import Fault
from tests.iam.guarded import statements as guardrail
from tests.iam.requests import (
    OURS,
    PRODUCTION_KEY,
    READER,
    requests_of,
)
from tests.iam.simulator import Request
from tests.infra.resolving import BACKUP, REGION, SOURCE, backup_stack, source_stack
from tests.rds.conftest import PASSWORD, ROWS, adoption, configure, run_stage
from tests.rds.test_aurora import delete_copies
from tests.rds.test_functions import MACHINE_ARN, SLOT, planned
from tests.rds.test_least_privilege import Asked, Attribution, night

PLAN = f"arn:aws:backup:{REGION}:{BACKUP}:restore-testing-plan:nightly-0a1b2c3d"
SOURCE_STACK = source_stack(SourceKeyArns=PRODUCTION_KEY, Aurora="true")
BACKUP_STACK = backup_stack(Aurora="true", IamUser="restorecheck")
ADOPTS: dict[str, str] = {
    "SourceAccountId": "",
    "ExternalId": "",
    "TransitKeyArn": "",
    "RestoreTestingPlanArns": PLAN,
    "DatabaseSecretArns": READER,
}
ADOPTING_STACK = backup_stack(Aurora="true", **ADOPTS)
WITHOUT = {
    "source": source_stack(SourceKeyArns=PRODUCTION_KEY),
    "adopting stepper": backup_stack(**ADOPTS),
}
PLAIN = backup_stack(IamUser="restorecheck")
TRANSIT_KEY = SOURCE_STACK.outputs["TransitKeyArn"]
ROLES = {
    "source": (SOURCE_STACK, "SourceRole"),
    "stepper": (BACKUP_STACK, "StepperRole"),
    "checker": (BACKUP_STACK, "CheckerRole"),
    "sweeper": (BACKUP_STACK, "SweeperRole"),
    "adopting stepper": (ADOPTING_STACK, "StepperRole"),
}
TAGGED = {"aws:RequestTag/restorecheck:managed": "true"}
PRIVATE = TAGGED | {"rds:PubliclyAccessible": "false"}


def rds(account, kind, name):
    return f"arn:aws:rds:{REGION}:{account}:{kind}:{name}"


def policy_of(role):
    stack, name = ROLES[role]
    return stack.policy(name)


def of_clusters(role):
    """The statements that a deployment without Aurora has not."""
    without = WITHOUT.get(role, PLAIN).policy(ROLES[role][1])
    return [s for s in policy_of(role) if s not in without]


def beside(role, request):
    """What the key or role of the other account, or the share of a snapshot, lets this role do."""
    foreign = role != "source" and f":{SOURCE}:cluster-snapshot:restorecheck-" in request.resource
    if request.action.startswith(("kms:", "sts:")) or foreign:
        return [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]
    return None


def allows(simulator, role, request, statements, guardrails=()):
    stack, name = ROLES[role]
    who = stack.arn(name)
    asked = replace(request, context={"aws:PrincipalArn": who, **request.context})
    return simulator.allows(
        who, asked, statements, resource_policy=beside(role, request), guardrails=guardrails
    )


def allowed(simulator, role, request):
    return allows(simulator, role, request, policy_of(role))


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        cluster = sandbox.create_production_cluster(password=PASSWORD)
        with sandbox.sql(cluster, "courses") as connection:
            connection.execute(
                f"create table answers as select g as id from generate_series(1, {ROWS}) g"
            )
            connection.execute("alter table answers owner to dbadmin")
        sandbox.move_in(cluster, "courses")
        sandbox.take_automated_snapshot("courses-aurora")
        yield made


@pytest.fixture
def asked(scene, around):
    """Two nights of a cluster with a standby and retention, a bad teardown, a sweep, a cluster of AWS Backup."""
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    (target,) = scene.keys["targets"]
    keys = deepcopy(target.pop("rds"))
    del keys["db_instance_identifier"], keys["restore"]["db_parameter_group_name"]
    keys["db_cluster_identifier"] = "courses-aurora"
    keys["restore"]["db_instance_class"] = "db.r6g.large"
    keys["backup"]["keep_copies"] = 1
    target["aurora"] = keys
    attribution = Attribution(scene, around)
    for number, after in enumerate(["stop", "delete"]):
        scene.sandbox.take_automated_snapshot("courses-aurora")
        keys["after"] = after
        configure(scene, around)
        drill = planned(around, scheduled_for=SLOT.replace("02-26", f"02-2{number + 5}"))
        assert night(attribution, drill)["verdict"] == "verified"
    denied = Fault(operation="DeleteDBCluster", code="AccessDenied", status=403, times=None)
    scene.sandbox.faults.add(denied)
    night(attribution, planned(around, scheduled_for=SLOT.replace("26", "27", 1)))
    scene.sandbox.faults.clear()
    for _ in range(3):
        attribution.run("sweeper", sweeper.sweep)
    production = adoption(scene)
    arn = production.pop("db_instance_arn").replace(":db:courses-prod", ":cluster:courses-aurora")
    del target["aurora"]
    target["adopt"] = production | {"db_cluster_arn": arn, "db_instance_class": "db.r6g.large"}
    configure(scene, around)
    job = scene.sandbox.restore_for_test(scene.sandbox.take_automated_snapshot("courses-aurora"))
    adopting = Attribution(scene, around)
    order = adopting.run("adopter", lambda own: adopter.adopt(job.event(), own))
    assert night(adopting, order)["verdict"] == "verified"
    delete_copies(scene)
    seen = {role: calls for role, calls in attribution.seen.items() if role in ROLES}
    seen["adopting stepper"] = adopting.seen["stepper"]
    return [
        Asked(role, request)
        for role, calls in seen.items()
        for call in calls
        for request in requests_of(
            call, ADOPTING_STACK if role == "adopting stepper" else BACKUP_STACK, TRANSIT_KEY
        )
    ]


AFTER_SEVEN_DAYS = [
    # RDS starts a standby again.
    Asked("sweeper", Request("rds:StopDBCluster", rds(BACKUP, "cluster", "restorecheck-x"), OURS)),
    Asked("sweeper", Request("rds:StartDBCluster", rds(BACKUP, "cluster", "restorecheck-x"), OURS)),
    # A staging copy that a dead drill left is deleted by the source role; `from: shared` restores it.
    Asked(
        "stepper",
        Request(
            "rds:RestoreDBClusterFromSnapshot",
            rds(SOURCE, "cluster-snapshot", "restorecheck-x"),
            PRIVATE,
        ),
    ),
    Asked(
        "checker",
        Request(
            "rds-db:connect",
            f"arn:aws:rds-db:{REGION}:{BACKUP}:dbuser:cluster-ABC/restorecheck",
        ),
    ),
]


def test_every_request_of_a_cluster_is_allowed_and_every_grant_is_needed(simulator, asked):
    every = asked + AFTER_SEVEN_DAYS
    refused = [item for item in every if not allowed(simulator, item.role, item.request)]
    assert "\n".join(sorted({f"{item.role}: {item.request}" for item in refused})) == ""

    needless = []
    for role in ROLES:
        mine = [item.request for item in every if item.role == role]
        for statement in of_clusters(role):
            lesser = [s for s in policy_of(role) if s is not statement]
            if statement["Effect"] == "Allow" and all(
                allows(simulator, role, request, lesser) for request in mine
            ):
                needless.append(f"{role}: {statement['Sid']}")
    assert "\n".join(needless) == ""
    scp = [guardrail("scp.json")]
    stopped = [i for i in every if not allows(simulator, i.role, i.request, policy_of(i.role), scp)]
    assert "\n".join(sorted({f"{item.role}: {item.request}" for item in stopped})) == ""


# --- what must never happen -------------------------------------------------------------------

CLUSTER = rds(SOURCE, "cluster", "courses-aurora")
AUTOMATED = rds(SOURCE, "cluster-snapshot", "rds:courses-aurora-2026-02-26-03-00")
BY_HAND = rds(SOURCE, "cluster-snapshot", "before-migration")
FORGED = rds(SOURCE, "cluster-snapshot", "restorecheck-forged")
OTHERS = rds(BACKUP, "cluster", "warehouse")
OTHER_COPY = rds(BACKUP, "cluster-snapshot", "warehouse-2026")
OUR_CLUSTER = rds(BACKUP, "cluster", "restorecheck-x")
OUR_COPY = rds(BACKUP, "cluster-snapshot", "restorecheck-x")
OUR_MEMBER = rds(BACKUP, "db", "restorecheck-x")
ADOPTED = rds(BACKUP, "cluster", "awsbackup-restore-test-x")
SECRET = f"arn:aws:secretsmanager:{REGION}:{BACKUP}:secret:"

FORBIDDEN = {
    "source": [
        *(
            Request(f"rds:{verb}DBCluster", CLUSTER, OURS)
            for verb in ("Delete", "Modify", "Stop", "Start", "Reboot", "Failover")
        ),
        Request("rds:CreateDBInstance", CLUSTER, PRIVATE),
        Request("rds:CreateDBInstance", rds(SOURCE, "db", "restorecheck-x"), PRIVATE),
        Request("rds:CreateDBClusterSnapshot", CLUSTER),
        Request("rds:BacktrackDBCluster", CLUSTER),
        Request("rds:AddRoleToDBCluster", CLUSTER),
        Request("rds:DeleteGlobalCluster", f"arn:aws:rds::{SOURCE}:global-cluster:courses"),
        Request("rds:RemoveFromGlobalCluster", CLUSTER),
        Request("rds:DeleteDBClusterSnapshot", AUTOMATED, OURS),
        Request("rds:DeleteDBClusterSnapshot", BY_HAND, OURS),
        Request("rds:DeleteDBClusterSnapshot", FORGED),
        Request("rds:ModifyDBClusterSnapshotAttribute", BY_HAND, OURS),
        Request("rds:ModifyDBClusterSnapshotAttribute", FORGED),
        Request("rds:DescribeDBClusterSnapshotAttributes", BY_HAND),
        Request("rds:CopyDBClusterSnapshot", BY_HAND),
        Request("rds:CopyDBClusterSnapshot", rds(SOURCE, "cluster-snapshot", "mine"), TAGGED),
        Request("rds:DeleteDBClusterAutomatedBackup", rds(SOURCE, "cluster-auto-backup", "x")),
        Request("rds:AddTagsToResource", FORGED),
        Request("rds:AddTagsToResource", CLUSTER, TAGGED),
        Request("rds:RestoreDBClusterFromSnapshot", CLUSTER, PRIVATE),
        Request("rds:RestoreDBClusterFromSnapshot", rds(SOURCE, "cluster", "restorecheck-x")),
        Request("rds:RestoreDBClusterToPointInTime", rds(SOURCE, "cluster", "restorecheck-x")),
        Request("rds:StartExportTask", AUTOMATED),
    ],
    "stepper": [
        *(
            Request(f"rds:{verb}DBCluster", OTHERS, OURS)
            for verb in ("Delete", "Modify", "Stop", "Start")
        ),
        *(
            Request(f"rds:{verb}DBCluster", ADOPTED, OURS)
            for verb in ("Delete", "Modify", "Stop", "Start")
        ),
        Request("rds:DeleteDBCluster", OUR_CLUSTER),
        Request("rds:ModifyDBCluster", OUR_CLUSTER),
        Request("rds:DeleteDBClusterSnapshot", OTHER_COPY, OURS),
        Request("rds:DeleteDBClusterSnapshot", OUR_COPY),
        Request("rds:ModifyDBClusterSnapshotAttribute", OUR_COPY, OURS),
        Request("rds:CopyDBClusterSnapshot", rds(BACKUP, "cluster-snapshot", "other"), TAGGED),
        Request("rds:RestoreDBClusterFromSnapshot", OTHERS, PRIVATE),
        Request("rds:RestoreDBClusterFromSnapshot", OTHER_COPY, PRIVATE),
        Request("rds:RestoreDBClusterFromSnapshot", rds(BACKUP, "subgrp", "public"), PRIVATE),
        Request("rds:RestoreDBClusterToPointInTime", OUR_CLUSTER, PRIVATE),
        Request("rds:CreateDBCluster", OUR_CLUSTER, PRIVATE),
        Request("rds:CreateDBInstance", OUR_MEMBER, PRIVATE | {"rds:PubliclyAccessible": "true"}),
        Request("rds:CreateDBInstance", OTHERS, PRIVATE),
        Request("rds:CreateDBInstance", rds(BACKUP, "db", "warehouse"), PRIVATE),
        Request("rds:CreateDBInstance", rds(BACKUP, "subgrp", "public"), PRIVATE),
        Request("rds:AddTagsToResource", OTHERS, TAGGED),
        Request("rds:AddTagsToResource", ADOPTED, TAGGED),
        Request("rds:AddTagsToResource", OUR_CLUSTER),
        Request("rds:AddTagsToResource", OUR_MEMBER),
        Request("rds:DeleteDBInstance", rds(BACKUP, "db", "warehouse"), OURS),
        Request("rds:DeleteDBInstance", OUR_MEMBER),
        Request("rds:AddRoleToDBCluster", OUR_CLUSTER, OURS),
        Request("rds:EnableHttpEndpoint", OUR_CLUSTER, OURS),
        Request("rds:FailoverDBCluster", OUR_CLUSTER, OURS),
        Request("rds:CreateDBClusterEndpoint", OUR_CLUSTER, OURS),
        Request("rds:StartExportTask", OUR_COPY, OURS),
        Request("secretsmanager:GetSecretValue", f"{SECRET}rds!cluster-1-AbCdEf"),
        Request("secretsmanager:CreateSecret", f"{SECRET}other-AbCdEf"),
        Request(
            "rds-db:connect", f"arn:aws:rds-db:{REGION}:{BACKUP}:dbuser:cluster-A/restorecheck"
        ),
    ],
    "adopting stepper": [
        *(
            Request(f"rds:{verb}DBCluster", ADOPTED, OURS)
            for verb in ("Delete", "Modify", "Stop", "Start")
        ),
        Request("rds:CreateDBInstance", OTHERS, PRIVATE),
        Request("rds:CreateDBInstance", CLUSTER, PRIVATE),
        Request("rds:CreateDBInstance", rds(BACKUP, "db", "warehouse"), PRIVATE),
        Request("rds:CreateDBInstance", rds(BACKUP, "subgrp", "public"), PRIVATE),
        Request("rds:CreateDBInstance", OUR_MEMBER, PRIVATE | {"rds:PubliclyAccessible": "true"}),
        Request("rds:AddTagsToResource", ADOPTED, TAGGED),
        Request("rds:AddTagsToResource", OUR_MEMBER),
        Request("rds:DeleteDBInstance", OUR_MEMBER),
        Request("rds:DeleteDBInstance", rds(BACKUP, "db", "added-by-a-person"), OURS),
        Request("rds:ModifyDBInstance", OUR_MEMBER, OURS),
        Request("rds:RestoreDBClusterFromSnapshot", OUR_CLUSTER, PRIVATE),
        Request("rds:CopyDBClusterSnapshot", OUR_COPY, TAGGED),
    ],
    "checker": [
        Request("rds:DescribeDBClusters", OUR_CLUSTER),
        Request("rds:ModifyDBCluster", OUR_CLUSTER, OURS),
        Request("rds:DeleteDBCluster", OUR_CLUSTER, OURS),
        Request("secretsmanager:GetSecretValue", f"{SECRET}rds!cluster-2-AbCdEf"),
        Request(
            "secretsmanager:GetSecretValue",
            f"{SECRET}rds!cluster-2-AbCdEf",
            {"aws:ResourceTag/aws:rds:primaryDBClusterArn": OTHERS},
        ),
        Request("rds-db:connect", f"arn:aws:rds-db:{REGION}:{BACKUP}:dbuser:cluster-A/dbadmin"),
    ],
    "sweeper": [
        *(Request(f"rds:{verb}DBCluster", OTHERS, OURS) for verb in ("Delete", "Stop", "Start")),
        Request("rds:DeleteDBCluster", ADOPTED, OURS),
        Request("rds:DeleteDBCluster", OUR_CLUSTER),
        Request("rds:DeleteDBClusterSnapshot", OTHER_COPY, OURS),
        Request("rds:DeleteDBClusterSnapshot", OUR_COPY),
        Request("rds:ModifyDBCluster", OUR_CLUSTER, OURS),
        Request("rds:RestoreDBClusterFromSnapshot", OUR_CLUSTER, PRIVATE),
        Request("rds:CreateDBInstance", OUR_MEMBER, PRIVATE),
        Request("rds:CopyDBClusterSnapshot", OUR_COPY, TAGGED),
        Request("rds:ModifyDBClusterSnapshotAttribute", OUR_COPY, OURS),
    ],
}


@pytest.mark.parametrize("role", FORBIDDEN)
def test_what_must_never_happen_to_a_cluster_is_denied(simulator, role):
    through = [str(r) for r in FORBIDDEN[role] if allowed(simulator, role, r)]

    assert "\n".join(through) == ""


def conditions():
    """Every statement for clusters without its conditions, or, if it denies, without itself."""
    for role in ROLES:
        for statement in of_clusters(role):
            if statement["Effect"] == "Deny":
                yield pytest.param(role, statement, None, id=f"{role}-{statement['Sid']}")
            elif "Condition" in statement:
                lesser = {k: v for k, v in statement.items() if k != "Condition"}
                yield pytest.param(role, statement, lesser, id=f"{role}-{statement['Sid']}")


@pytest.mark.parametrize(("role", "statement", "lesser"), [*conditions()])
def test_every_condition_of_a_cluster_keeps_something_out(simulator, role, statement, lesser):
    statements = [s for s in policy_of(role) if s is not statement]
    if lesser is not None:
        statements.append(lesser)

    assert any(allows(simulator, role, r, statements) for r in FORBIDDEN[role])


def test_without_aurora_no_role_may_do_anything_to_a_cluster(simulator):
    for role in ("stepper", "sweeper", "checker"):
        plain = PLAIN.policy(ROLES[role][1])
        for request in (
            Request("rds:DeleteDBCluster", OUR_CLUSTER, OURS),
            Request("rds:CreateDBInstance", OUR_MEMBER, PRIVATE),
            Request("rds:CreateDBInstance", ADOPTED, PRIVATE),
            Request("rds:RestoreDBClusterFromSnapshot", OUR_CLUSTER, PRIVATE),
        ):
            assert not allows(simulator, role, request, plain), f"{role}: {request}"
