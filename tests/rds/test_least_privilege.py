"""The roles of the templates against what the functions ask for: everything is allowed, nothing
is granted that nobody needs, and what must never happen is denied.
"""

import threading
from dataclasses import dataclass, replace
from functools import cache

import pytest

from restorecheck.hosts.functions import adopter, checker, notifier, planner, stepper, sweeper
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.sandbox import Fault, WireCall
from tests.iam.requests import (
    GRANT,
    KEY_USE,
    OURS,
    PRODUCTION_KEY,
    READER,
    THROUGH_RDS,
    key_of,
    owned_by,
    requests_of,
)
from tests.iam.simulator import Request
from tests.infra.resolving import BACKUP, EXTERNAL_ID, REGION, SOURCE, backup_stack, source_stack
from tests.rds.conftest import adoption, configure
from tests.rds.test_functions import MACHINE_ARN, MINUTES, SLOT, Machines, planned

SOURCE_STACK = source_stack(SourceKeyArns=PRODUCTION_KEY)
BACKUP_STACK = backup_stack(
    RestoreTestingPlanArns=f"arn:aws:backup:{REGION}:{BACKUP}:restore-testing-plan:nightly-0a1b2c3d",
    DatabaseSecretArns=READER,
    IamUser="restorecheck",
)
TRANSIT_KEY = SOURCE_STACK.outputs["TransitKeyArn"]
BACKUP_KEY = BACKUP_STACK.outputs["BackupKeyArn"]
ROLES = {
    "source": (SOURCE_STACK, "SourceRole"),
    "stepper": (BACKUP_STACK, "StepperRole"),
    "checker": (BACKUP_STACK, "CheckerRole"),
    "planner": (BACKUP_STACK, "PlannerRole"),
    "sweeper": (BACKUP_STACK, "SweeperRole"),
    "adopter": (BACKUP_STACK, "AdopterRole"),
    "notifier": (BACKUP_STACK, "NotifierRole"),
}


def policy_of(role):
    stack, name = ROLES[role]
    return stack.policy(name)


def principal_of(role):
    stack, name = ROLES[role]
    return stack.arn(name)


@dataclass(frozen=True)
class Asked:
    """A request, and whose it is."""

    role: str
    request: Request


class Attribution:
    """Which function made which calls: they run one after the other, each with clients of its own."""

    def __init__(self, scene, around):
        self.scene = scene
        self.seen: dict[str, list[WireCall]] = {role: [] for role in ROLES}
        self.around = {
            role: FunctionContext(around._environment, session=around._session)
            for role in ROLES
            if role != "source"
        }
        for role, own in self.around.items():
            own._clients["stepfunctions"] = Machines()
            self._listen(role, own)

    def _listen(self, role, own):
        """The sandbox sees no calls of S3: moto answers these by another way."""

        def seen(params, model, **_):
            call = WireCall(
                service="s3",
                account_id=BACKUP,
                region=REGION,
                operation=model.name,
                parameters=dict(params),
            )
            self.seen[role].append(call)

        own.client("s3").meta.events.register("provide-client-params.s3.*", seen)

    def run(self, role, work):
        begin = len(self.scene.sandbox.calls)
        answer = work(self.around[role])
        for call in self.scene.sandbox.calls[begin:]:
            self.seen["source" if call.caller == "role" else role].append(call)
        return answer


def listed(own, slot):
    planner.night({"scheduled_for": slot}, own)
    return planned(own, scheduled_for=slot)


def night(attribution, drill):
    nap = threading.Event()
    for _ in range(2000):
        answer = attribution.run("stepper", lambda around: stepper.step(drill, around))
        while answer["next"] == "check":
            answer = attribution.run(
                "checker", lambda around: checker.check(drill, around, lambda: MINUTES)
            )
        if answer["next"] == "done":
            return answer
        if answer["wait_seconds"]:
            nap.wait(0.02)
    raise AssertionError("the drill does not end")


@pytest.fixture
def asked(scene, around):
    """Two good nights with their retention, a standby, a bad teardown and its sweeps."""
    around._environment["RESTORECHECK_DRILL_MACHINE"] = MACHINE_ARN
    scene.keys["targets"][0]["rds"]["backup"]["keep_copies"] = 1
    attribution = Attribution(scene, around)
    for number, after in enumerate(["stop", "delete"]):
        scene.sandbox.take_automated_snapshot("courses-prod")
        scene.keys["targets"][0]["rds"]["after"] = after
        configure(scene, around)
        slot = SLOT.replace("02-26", f"02-2{number + 5}")
        drill = attribution.run("planner", lambda own, s=slot: listed(own, s))
        assert night(attribution, drill)["verdict"] == "verified"
        attribution.run("notifier", lambda own: notifier.publish({}, own))
    denied = Fault(operation="DeleteDBInstance", code="AccessDenied", status=403, times=None)
    scene.sandbox.faults.add(denied)
    night(attribution, planned(around, scheduled_for=SLOT.replace("26", "27", 1)))
    scene.sandbox.faults.clear()
    for _ in range(3):
        attribution.run("sweeper", sweeper.sweep)
    adopted_restore(scene, around, attribution)
    return BESIDES + [
        Asked(role, request)
        for role, calls in attribution.seen.items()
        for call in calls
        for request in requests_of(call, BACKUP_STACK, TRANSIT_KEY)
    ]


def adopted_restore(scene, around, attribution):
    target = scene.keys["targets"][0]
    del target["rds"]
    target["adopt"] = adoption(scene)
    configure(scene, around)
    job = scene.sandbox.restore_for_test(scene.sandbox.take_automated_snapshot("courses-prod"))
    order = attribution.run("adopter", lambda own: adopter.adopt(job.event(), own))
    assert night(attribution, order)["verdict"] == "verified"


INTERFACE = f"arn:aws:ec2:{REGION}:{BACKUP}:network-interface/eni-0123456789abcdef0"
INTERFACES = (
    "AssignPrivateIpAddresses",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "UnassignPrivateIpAddresses",
)
BY_ITS_CODE = {"lambda:SourceFunctionArn": BACKUP_STACK.arn("Checker")}

BESIDES = [
    # What Lambda, Step Functions and messengers do in the functions' names; not seen by the sandbox.
    *(
        Asked(role, Request(action, f"{BACKUP_STACK.arn(f'{role.capitalize()}Logs')}"))
        for role in ("stepper", "checker", "planner", "sweeper", "adopter", "notifier")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ),
    # With `discover` in the configuration.
    *(
        Asked(role, Request(*asked))
        for role in ("stepper", "planner", "sweeper", "adopter", "notifier")
        for asked in (
            ("s3:GetObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml.found.json"),
            ("s3:ListBucket", BACKUP_STACK.arn("ConfigBucket")),
        )
    ),
    Asked(
        "sweeper",
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml.found.json"),
    ),
    # With tiers, or more targets than run at once.
    Asked("planner", Request("dynamodb:GetItem", BACKUP_STACK.arn("DrillTable"))),
    # Frees the places of drills that have ended.
    Asked("sweeper", Request("dynamodb:UpdateItem", BACKUP_STACK.arn("DrillTable"))),
    Asked("stepper", Request("sns:Publish", BACKUP_STACK.arn("Topic"))),
    *(Asked("checker", Request(f"ec2:{action}", INTERFACE)) for action in INTERFACES),
    *(
        Asked("checker", Request(f"ec2:{action}", "*", account=BACKUP))
        for action in ("DescribeNetworkInterfaces", "DescribeSubnets")
    ),
    Asked("sweeper", Request("sqs:SendMessage", BACKUP_STACK.arn("DeadLetters"))),
    Asked("sweeper", Request("states:StartExecution", BACKUP_STACK.arn("DrillMachine"))),
    Asked(
        "sweeper",
        Request(
            "states:DescribeExecution",
            BACKUP_STACK.arn("DrillMachine").replace(":stateMachine:", ":execution:") + ":x",
        ),
    ),
    # `credentials: managed-secret` of a standby that RDS started again after seven days.
    Asked(
        "sweeper",
        Request("rds:StopDBInstance", f"arn:aws:rds:{REGION}:{BACKUP}:db:restorecheck-x", OURS),
    ),
    Asked("adopter", Request("sqs:SendMessage", BACKUP_STACK.arn("DeadLetters"))),
    # Of a restore that failed: its event does not say what was restored.
    Asked("adopter", Request("backup:DescribeRestoreJob", "*", account=BACKUP)),
    Asked("notifier", Request("sqs:SendMessage", BACKUP_STACK.arn("DeadLetters"))),
    Asked("adopter", Request("states:StartExecution", BACKUP_STACK.arn("DrillMachine"))),
    # `credentials: iam`: the right is asked for when the token is used.
    Asked(
        "checker",
        Request(
            "rds-db:connect", f"arn:aws:rds-db:{REGION}:{BACKUP}:dbuser:db-ABCDEF/restorecheck"
        ),
    ),
    Asked("sweeper", Request("dynamodb:Query", f"{BACKUP_STACK.arn('DrillTable')}/index/open")),
]


SHARE = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{BACKUP}:root"},
    "Action": "rds:CopyDBSnapshot",
    "Resource": "*",
}
"""What a snapshot's attribute says that is shared with the backup account."""


def resource_policy(request):
    """What decides as well: a key's own policy, and whom a role trusts. Of production's key, that
    it leaves it to IAM.
    """
    if request.action == "sts:AssumeRole" and request.resource == SOURCE_STACK.arn("SourceRole"):
        return [trust()]
    if request.action == "rds:CopyDBSnapshot" and f":{SOURCE}:" in request.resource:
        return [SHARE]
    if not request.action.startswith("kms:"):
        return None
    if request.resource == STRANGERS_KEY:
        return ADMITS_EVERYBODY
    if request.resource == TRANSIT_KEY:
        return SOURCE_STACK.properties("TransitKey")["KeyPolicy"]["Statement"]
    if f":{BACKUP}:" in request.resource:
        return BACKUP_STACK.properties("BackupKey")["KeyPolicy"]["Statement"]
    administers = SOURCE_STACK.properties("TransitKey")["KeyPolicy"]["Statement"][0]
    assert administers["Sid"] == "AccountAdministers"
    return [administers]


ADMITS_EVERYBODY = [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]
"""The policy of a key of somebody who wants it to be used."""


def allows(simulator, role, request, statements, *, any_key=False):
    who = principal_of(role)
    asked = replace(request, context={"aws:PrincipalArn": who, **request.context})
    beside = resource_policy(request)
    if any_key and request.action.startswith("kms:"):
        beside = ADMITS_EVERYBODY
    return simulator.allows(who, asked, statements, resource_policy=beside)


def allowed(simulator, role, request, *, without=None):
    return allows(simulator, role, request, [s for s in policy_of(role) if s is not without])


WITHOUT_AURORA = {
    ("source", "rds:DescribeDBClusterSnapshots"),
    ("sweeper", "rds:DescribeDBClusters"),
}
"""A stack without Aurora has no rights for clusters: the sweep asks once for those of targets that were removed, is
refused, and goes on (`ForgottenClusters`).
"""


def test_every_request_is_allowed_and_every_grant_is_needed(simulator, asked):
    refused = [item for item in asked if not allowed(simulator, item.role, item.request)]
    assert {(item.role, item.request.action) for item in refused} <= WITHOUT_AURORA, refused

    by_role = {role: [item.request for item in asked if item.role == role] for role in ROLES}
    assert all(by_role.values()), "who asks for nothing proves nothing"
    needless = [
        f"{role}: {statement['Sid']}"
        for role, mine in by_role.items()
        for statement in policy_of(role)
        if statement["Effect"] == "Allow"
        and all(allowed(simulator, role, request, without=statement) for request in mine)
    ]
    assert "\n".join(needless) == ""


# --- what must never happen -------------------------------------------------------------------


def rds(account, kind, name):
    return f"arn:aws:rds:{REGION}:{account}:{kind}:{name}"


PRODUCTION = rds(SOURCE, "db", "courses-prod")
AUTOMATED = rds(SOURCE, "snapshot", "rds:courses-prod-2026-02-26-03-00")
FOREIGN = rds(SOURCE, "snapshot", "before-migration")
FOREIGN_INSTANCE = rds(BACKUP, "db", "warehouse")
FOREIGN_COPY = rds(BACKUP, "snapshot", "warehouse-2026")
OURS_UNTAGGED = rds(BACKUP, "db", "restorecheck-forged")
OUR_INSTANCE = rds(BACKUP, "db", "restorecheck-x")
OUR_COPY = rds(BACKUP, "snapshot", "restorecheck-x")
EXECUTION = BACKUP_STACK.arn("DrillMachine").replace(":stateMachine:", ":execution:") + ":x"
ADOPTED = rds(BACKUP, "db", "awsbackup-restore-test-x")
TAGGED = {"aws:RequestTag/restorecheck:managed": "true"}
STRANGERS_KEY = key_of("999999999999", "mine")
OF_A_STRANGER = owned_by("999999999999")
SECRET = f"arn:aws:secretsmanager:{REGION}:{BACKUP}:secret:"

FORBIDDEN = {
    "source": [
        Request("rds:DeleteDBInstance", PRODUCTION),
        Request("rds:DeleteDBInstance", PRODUCTION, OURS),
        Request("rds:ModifyDBInstance", PRODUCTION),
        Request("rds:StopDBInstance", PRODUCTION),
        Request("rds:RebootDBInstance", PRODUCTION),
        Request("rds:CreateDBSnapshot", PRODUCTION),
        Request("rds:DeleteDBSnapshot", AUTOMATED),
        Request("rds:DeleteDBSnapshot", AUTOMATED, OURS),
        Request("rds:DeleteDBSnapshot", FOREIGN, OURS),
        Request("rds:DeleteDBSnapshot", rds(SOURCE, "snapshot", "restorecheck-forged")),
        Request("rds:ModifyDBSnapshotAttribute", FOREIGN, OURS),
        Request("rds:ModifyDBSnapshotAttribute", rds(SOURCE, "snapshot", "restorecheck-forged")),
        Request("rds:DeleteDBInstanceAutomatedBackup", rds(SOURCE, "auto-backup", "ab-x")),
        Request("rds:CopyDBSnapshot", FOREIGN),
        Request("rds:CopyDBSnapshot", rds(SOURCE, "snapshot", "copy-of-mine"), TAGGED),
        Request("rds:AddTagsToResource", FOREIGN, TAGGED),
        Request("rds:AddTagsToResource", rds(SOURCE, "snapshot", "restorecheck-forged")),
        Request("rds:AddTagsToResource", PRODUCTION, TAGGED),
        Request("rds:RemoveTagsFromResource", PRODUCTION),
        Request("rds:RestoreDBInstanceFromDBSnapshot", rds(SOURCE, "db", "restorecheck-x"), TAGGED),
        Request("rds:StartExportTask", AUTOMATED),
        *(Request(a, STRANGERS_KEY, THROUGH_RDS | OF_A_STRANGER) for a in KEY_USE),
        Request("kms:CreateGrant", STRANGERS_KEY, GRANT | OF_A_STRANGER),
        Request("kms:CreateGrant", key_of(SOURCE, "unnamed"), GRANT | owned_by(SOURCE)),
        Request("kms:Decrypt", key_of(SOURCE, "unnamed"), THROUGH_RDS | owned_by(SOURCE)),
        Request("kms:Decrypt", TRANSIT_KEY),
        Request("kms:Decrypt", PRODUCTION_KEY),
        Request("kms:CreateGrant", TRANSIT_KEY),
        Request("kms:CreateGrant", PRODUCTION_KEY, THROUGH_RDS),
        Request("kms:ScheduleKeyDeletion", TRANSIT_KEY),
        Request("kms:DisableKey", TRANSIT_KEY, THROUGH_RDS),
        Request(
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:{REGION}:{SOURCE}:secret:prod-AbCdEf",
        ),
        Request("iam:PassRole", f"arn:aws:iam::{SOURCE}:role/admin"),
        Request("sts:AssumeRole", f"arn:aws:iam::{SOURCE}:role/admin"),
    ],
    "stepper": [
        Request("rds:DeleteDBInstance", FOREIGN_INSTANCE, OURS),
        Request("rds:DeleteDBInstance", OURS_UNTAGGED),
        Request("rds:ModifyDBInstance", FOREIGN_INSTANCE, OURS),
        Request("rds:ModifyDBInstance", OURS_UNTAGGED),
        Request("rds:DeleteDBSnapshot", FOREIGN_COPY, OURS),
        Request("rds:DeleteDBSnapshot", OUR_COPY),
        Request("rds:AddTagsToResource", FOREIGN_INSTANCE, TAGGED),
        Request("rds:AddTagsToResource", FOREIGN_COPY, TAGGED),
        Request("rds:AddTagsToResource", OURS_UNTAGGED),
        Request("rds:ModifyDBSnapshotAttribute", OUR_COPY, OURS),
        Request("rds:StartExportTask", OUR_COPY),
        Request(
            "rds:RestoreDBInstanceFromDBSnapshot",
            OUR_INSTANCE,
            {**TAGGED, "rds:PubliclyAccessible": "true"},
        ),
        Request("rds:RestoreDBInstanceFromDBSnapshot", rds(BACKUP, "db", "warehouse"), TAGGED),
        Request("rds:RestoreDBInstanceFromDBSnapshot", rds(BACKUP, "subgrp", "public"), TAGGED),
        Request("rds:CopyDBSnapshot", rds(BACKUP, "snapshot", "somewhere-else"), TAGGED),
        Request("rds:CreateDBInstance", OUR_INSTANCE),
        Request("secretsmanager:GetSecretValue", f"{SECRET}rds!db-1-AbCdEf"),
        Request("secretsmanager:GetSecretValue", f"{SECRET}other-AbCdEf"),
        *(Request(a, STRANGERS_KEY, THROUGH_RDS | OF_A_STRANGER) for a in KEY_USE),
        Request("kms:CreateGrant", STRANGERS_KEY, GRANT | OF_A_STRANGER),
        Request("kms:Decrypt", BACKUP_KEY),
        Request("kms:Decrypt", TRANSIT_KEY),
        Request("kms:CreateGrant", BACKUP_KEY),
        Request("kms:CreateGrant", TRANSIT_KEY),
        # Granted to RDS, and not by a call of RDS.
        Request("kms:CreateGrant", BACKUP_KEY, {"kms:GrantIsForAWSResource": "true"}),
        Request("kms:CreateGrant", TRANSIT_KEY, {"kms:GrantIsForAWSResource": "true"}),
        Request("rds:DescribeDBLogFiles", FOREIGN_INSTANCE),
        Request("rds:DownloadDBLogFilePortion", FOREIGN_INSTANCE),
        Request("rds:DownloadDBLogFilePortion", ADOPTED),
        Request("kms:ScheduleKeyDeletion", BACKUP_KEY),
        Request("sts:AssumeRole", f"arn:aws:iam::{SOURCE}:role/admin"),
        Request("iam:PassRole", f"arn:aws:iam::{BACKUP}:role/admin"),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml"),
        Request("s3:DeleteObjectVersion", f"{BACKUP_STACK.arn('ReportBucket')}/reports/t/d.json"),
        Request("s3:DeleteObject", f"{BACKUP_STACK.arn('ReportBucket')}/reports/t/d.json"),
        Request("dynamodb:DeleteItem", BACKUP_STACK.arn("DrillTable")),
        Request("dynamodb:DeleteTable", BACKUP_STACK.arn("DrillTable")),
        Request("lambda:InvokeFunction", BACKUP_STACK.arn("Checker")),
        # What AWS Backup restored is checked, and that is all.
        Request("rds:ModifyDBInstance", ADOPTED),
        Request("rds:ModifyDBInstance", ADOPTED, OURS),
        Request("rds:DeleteDBInstance", ADOPTED, OURS),
        Request("rds:AddTagsToResource", ADOPTED, TAGGED),
        Request("rds:RemoveTagsFromResource", ADOPTED),
        Request("backup:StartRestoreJob", "*", account=BACKUP),
        Request("backup:DeleteRecoveryPoint", rds(BACKUP, "snapshot", "awsbackup:job-x")),
        Request(
            "backup:DeleteRestoreTestingPlan",
            f"arn:aws:backup:{REGION}:{BACKUP}:restore-testing-plan:nightly-0a1b2c3d",
        ),
        Request("secretsmanager:GetSecretValue", READER),
        # What nobody thought of when the policies were written.
        Request("rds:CreateDBSnapshot", OUR_INSTANCE, TAGGED),
        Request("rds:CreateDBInstanceReadReplica", OUR_INSTANCE, TAGGED),
        Request("rds:RestoreDBInstanceToPointInTime", OUR_INSTANCE, TAGGED),
        Request("rds:ModifyDBSnapshot", OUR_COPY, OURS),
        Request("rds:ModifyDBCluster", rds(BACKUP, "cluster", "restorecheck-x"), OURS),
        Request("rds:DeleteDBCluster", rds(BACKUP, "cluster", "warehouse"), OURS),
        Request("rds:DeleteDBSubnetGroup", rds(BACKUP, "subgrp", "restorecheck")),
        Request("rds:ModifyDBParameterGroup", rds(BACKUP, "pg", "restorecheck")),
        Request("rds:RemoveTagsFromResource", OUR_INSTANCE, OURS),
        Request("rds-db:connect", f"arn:aws:rds-db:{REGION}:{BACKUP}:dbuser:db-A/restorecheck"),
        Request("kms:PutKeyPolicy", BACKUP_KEY, THROUGH_RDS),
        Request("kms:RetireGrant", BACKUP_KEY),
        Request("kms:RevokeGrant", BACKUP_KEY, THROUGH_RDS),
        Request("s3:PutBucketPolicy", BACKUP_STACK.arn("ReportBucket")),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ReportBucket')}/elsewhere/x"),
        Request("s3:BypassGovernanceRetention", f"{BACKUP_STACK.arn('ReportBucket')}/reports/x"),
        Request("sns:Subscribe", BACKUP_STACK.arn("Topic")),
        Request("sns:Publish", f"arn:aws:sns:{REGION}:{BACKUP}:other"),
        Request("iam:CreateAccessKey", f"arn:aws:iam::{BACKUP}:user/admin"),
        Request("states:StopExecution", EXECUTION),
    ],
    "checker": [
        *(Request(f"ec2:{action}", INTERFACE, BY_ITS_CODE) for action in INTERFACES),
        Request("ec2:DescribeNetworkInterfaces", "*", BY_ITS_CODE, account=BACKUP),
        Request("ec2:ModifyNetworkInterfaceAttribute", INTERFACE),
        Request("logs:CreateLogGroup", BACKUP_STACK.arn("CheckerLogs")),
        Request("logs:PutLogEvents", BACKUP_STACK.arn("StepperLogs")),
        Request("rds:DescribeDBInstances", OUR_INSTANCE),
        Request("rds:DeleteDBInstance", OUR_INSTANCE, OURS),
        Request("rds:ModifyDBInstance", OUR_INSTANCE, OURS),
        Request("secretsmanager:GetSecretValue", f"{SECRET}other-AbCdEf"),
        Request("secretsmanager:GetSecretValue", f"{SECRET}rds!db-2-AbCdEf"),
        Request(
            "secretsmanager:GetSecretValue",
            f"{SECRET}rds!db-2-AbCdEf",
            {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": FOREIGN_INSTANCE},
        ),
        Request(
            "dynamodb:PutItem", BACKUP_STACK.arn("DrillTable"), {"dynamodb:LeadingKeys": ["chain"]}
        ),
        Request("dynamodb:DeleteItem", BACKUP_STACK.arn("DrillTable")),
        Request("s3:GetObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml"),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ReportBucket')}/reports/t/d.json"),
        Request("sts:AssumeRole", SOURCE_STACK.arn("SourceRole")),
        Request("sns:Publish", BACKUP_STACK.arn("Topic")),
        Request("rds-db:connect", f"arn:aws:rds-db:{REGION}:{BACKUP}:dbuser:db-A/dbadmin"),
        Request("rds-db:connect", f"arn:aws:rds-db:{REGION}:{SOURCE}:dbuser:db-A/restorecheck"),
        Request("secretsmanager:PutSecretValue", READER),
        Request("secretsmanager:DeleteSecret", READER),
        Request("backup:PutRestoreValidationResult", "*", account=BACKUP),
        Request("dynamodb:Scan", BACKUP_STACK.arn("DrillTable")),
        Request("lambda:InvokeFunction", BACKUP_STACK.arn("Stepper")),
    ],
    "adopter": [
        Request("rds:DescribeDBInstances", ADOPTED),
        Request("rds:ModifyDBInstance", ADOPTED),
        Request("backup:PutRestoreValidationResult", "*", account=BACKUP),
        Request("dynamodb:PutItem", BACKUP_STACK.arn("DrillTable")),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml"),
        Request("s3:GetObject", f"{BACKUP_STACK.arn('ReportBucket')}/reports/t/d.json"),
        Request("secretsmanager:GetSecretValue", READER),
        Request("states:StartExecution", BACKUP_STACK.arn("NightlyMachine")),
        Request("states:StopExecution", EXECUTION),
        Request("sts:AssumeRole", SOURCE_STACK.arn("SourceRole")),
    ],
    "notifier": [
        Request("rds:DescribeDBInstances", OUR_INSTANCE),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ReportBucket')}/reports/t/d.json"),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml"),
        Request("s3:DeleteObject", f"{BACKUP_STACK.arn('ReportBucket')}/pages/index.html"),
        Request("s3:ListBucket", BACKUP_STACK.arn("ReportBucket"), {"s3:prefix": "reports/"}),
        Request("dynamodb:PutItem", BACKUP_STACK.arn("DrillTable")),
        Request("states:StartExecution", BACKUP_STACK.arn("DrillMachine")),
        Request("sts:AssumeRole", SOURCE_STACK.arn("SourceRole")),
        Request("secretsmanager:GetSecretValue", READER),
        Request("sns:Publish", BACKUP_STACK.arn("Topic")),
    ],
    "planner": [
        Request("rds:ModifyDBInstance", OUR_INSTANCE),
        Request("s3:GetObject", f"{BACKUP_STACK.arn('ReportBucket')}/nights/x.json"),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ReportBucket')}/reports/t/d.json"),
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml"),
        Request("dynamodb:PutItem", BACKUP_STACK.arn("DrillTable")),
        Request("sts:AssumeRole", SOURCE_STACK.arn("SourceRole")),
    ],
    "sweeper": [
        Request("s3:PutObject", f"{BACKUP_STACK.arn('ConfigBucket')}/restorecheck.yaml"),
        Request("rds:DeleteDBInstance", FOREIGN_INSTANCE, OURS),
        Request("rds:DeleteDBInstance", OURS_UNTAGGED),
        Request("rds:DeleteDBSnapshot", FOREIGN_COPY, OURS),
        Request("rds:DeleteDBSnapshot", OUR_COPY),
        Request("rds:RestoreDBInstanceFromDBSnapshot", OUR_INSTANCE, TAGGED),
        Request("rds:ModifyDBInstance", OUR_INSTANCE, OURS),
        Request("rds:AddTagsToResource", OUR_INSTANCE, TAGGED),
        Request("rds:ModifyDBSnapshotAttribute", OUR_COPY, OURS),
        Request("secretsmanager:GetSecretValue", f"{SECRET}rds!db-1-AbCdEf"),
        Request("states:StartExecution", BACKUP_STACK.arn("NightlyMachine")),
        Request("kms:Decrypt", BACKUP_KEY, THROUGH_RDS),
        Request("kms:CreateGrant", BACKUP_KEY, GRANT),
    ],
}


@pytest.mark.parametrize("role", FORBIDDEN)
def test_what_must_never_happen_is_denied(simulator, role):
    through = [r for r in FORBIDDEN[role] if allowed(simulator, role, r)]

    assert [str(request) for request in through] == []


def conditions():
    """Every statement without one of its conditions, or, if it denies, without itself."""
    for role in ROLES:
        for statement in policy_of(role):
            if statement["Effect"] == "Deny":
                yield pytest.param(role, statement, None, id=f"{role}-{statement['Sid']}")
            elif "Condition" in statement:
                lesser = {k: v for k, v in statement.items() if k != "Condition"}
                yield pytest.param(role, statement, lesser, id=f"{role}-{statement['Sid']}")


SECOND_LOCK = {
    "source-NeverTouchWhatIsNotOurs",
    "source-NoKeysOfStrangers",
    "stepper-NoKeysOfStrangers",
    "stepper-NeverTouchWhatIsNotOurs",
    "stepper-NeverShareOn",
    "stepper-ReadNoSecret",
    "checker-NoRds",
    "sweeper-NeverTouchWhatIsNotOurs",
}
"""Denials of what no statement allows: they hold when somebody adds a policy to the role."""


@pytest.mark.parametrize(("role", "statement", "lesser"), [*conditions()])
def test_every_condition_and_every_denial_keeps_something_out(
    simulator, request, role, statement, lesser
):
    statements = [s for s in policy_of(role) if s is not statement]
    if lesser is not None:
        statements.append(lesser)
    if request.node.callspec.id in SECOND_LOCK:
        statements += [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        stands = [*policy_of(role), {"Effect": "Allow", "Action": "*", "Resource": "*"}]
        assert any(
            not allows(simulator, role, r, stands) and allows(simulator, role, r, statements)
            for r in FORBIDDEN[role]
        )
        return

    # The template's transit key asks for the same; one that was made by hand need not.
    assert any(allows(simulator, role, r, statements, any_key=True) for r in FORBIDDEN[role])


# --- who may enter ----------------------------------------------------------------------------


@cache
def trust():
    (statement,) = SOURCE_STACK.properties("SourceRole")["AssumeRolePolicyDocument"]["Statement"]
    return statement


@pytest.mark.parametrize(
    ("who", "word", "lets_in"),
    [
        (BACKUP_STACK.arn("StepperRole"), EXTERNAL_ID, True),
        (BACKUP_STACK.arn("SweeperRole"), EXTERNAL_ID, True),
        (BACKUP_STACK.arn("StepperRole"), "another word", False),
        (BACKUP_STACK.arn("CheckerRole"), EXTERNAL_ID, False),
        (f"arn:aws:iam::{BACKUP}:role/admin", EXTERNAL_ID, False),
        ("arn:aws:iam::333333333333:role/restorecheck-stepper", EXTERNAL_ID, False),
    ],
)
def test_the_source_account_lets_in_two_roles_that_know_the_word(simulator, who, word, lets_in):
    context = {"sts:ExternalId": word, "aws:PrincipalArn": who}
    request = Request("sts:AssumeRole", SOURCE_STACK.arn("SourceRole"), context, account=SOURCE)
    own = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]

    assert simulator.allows(who, request, own, resource_policy=[trust()]) is lets_in
