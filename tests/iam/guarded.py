"""What is put to the guardrails: each subject with what somebody might ask of it. The table of
docs/how-to/guardrails.md is made of the answers; test_guardrails.py asks the simulator the same.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restorecheck.rules.policies import Decision, evaluate
from restorecheck.rules.policies import Request as Asked
from tests.iam.simulator import EVERYTHING, Request
from tests.infra.resolving import BACKUP, INFRA, REGION, SOURCE

GUARDRAILS = INFRA / "guardrails"
PAGE = INFRA.parent / "docs" / "how-to" / "guardrails.md"
BEGIN, END = "<!-- simulated: make schema writes this table -->\n", "<!-- end -->\n"

MARK = {"aws:ResourceTag/restorecheck:managed": "true"}
MOVED = {"aws:TagKeys": ["restorecheck:managed"]}
PLACE = f"{REGION}:{BACKUP}"


def in_source(kind: str, name: str) -> str:
    return f"arn:aws:rds:{REGION}:{SOURCE}:{kind}:{name}"


@dataclass(frozen=True)
class Subject:
    """A resource, and actions on it."""

    says: str
    resource: str
    actions: str
    """Parted by spaces."""
    context: Mapping[str, Any] = field(default_factory=dict)

    def requests(self) -> Iterator[Request]:
        account = self.resource.split(":")[4] if self.resource != "*" else SOURCE
        for action in self.actions.split():
            yield Request(action, self.resource, dict(self.context), account=account or BACKUP)


SUBJECTS = (
    Subject(
        "a DB instance of production",
        in_source("db", "courses-prod"),
        "rds:DeleteDBInstance rds:ModifyDBInstance rds:StopDBInstance rds:CreateDBSnapshot",
    ),
    Subject("a cluster", in_source("cluster", "c"), "rds:DeleteDBCluster rds:ModifyDBCluster"),
    Subject(
        "another snapshot, also one of AWS Backup",
        in_source("snapshot", "awsbackup:job-x"),
        "rds:DeleteDBSnapshot rds:ModifyDBSnapshotAttribute rds:CopyDBSnapshot",
    ),
    Subject(
        "a snapshot of a cluster", in_source("cluster-snapshot", "x"), "rds:DeleteDBClusterSnapshot"
    ),
    Subject(
        "automated backups",
        in_source("auto-backup", "ab-x"),
        "rds:DeleteDBInstanceAutomatedBackup",
    ),
    Subject(
        "a recovery point of AWS Backup",
        in_source("snapshot", "awsbackup:job-x"),
        "backup:DeleteRecoveryPoint backup:UpdateRecoveryPointLifecycle"
        " backup:DisassociateRecoveryPoint",
    ),
    Subject(
        "a vault of AWS Backup",
        f"arn:aws:backup:{REGION}:{SOURCE}:backup-vault:nightly",
        "backup:DeleteBackupVault backup:DeleteBackupVaultAccessPolicy"
        " backup:PutBackupVaultAccessPolicy backup:DeleteBackupVaultLockConfiguration",
    ),
    Subject(
        "a plan of AWS Backup",
        f"arn:aws:backup:{REGION}:{SOURCE}:backup-plan:nightly",
        "backup:DeleteBackupPlan backup:DeleteBackupSelection backup:UpdateBackupPlan",
    ),
    Subject("the organisation", "*", "organizations:LeaveOrganization"),
    Subject(
        "a copy of restorecheck's",
        f"arn:aws:rds:{PLACE}:snapshot:restorecheck-20260226",
        "rds:DeleteDBSnapshot rds:ModifyDBSnapshot rds:ModifyDBSnapshotAttribute"
        " rds:AddTagsToResource rds:RemoveTagsFromResource rds:StartExportTask"
        " rds:RestoreDBInstanceFromDBSnapshot rds:CopyDBSnapshot",
    ),
    Subject(
        "a restored instance",
        f"arn:aws:rds:{PLACE}:db:restorecheck-20260226",
        "rds:DeleteDBInstance rds:ModifyDBInstance rds:StopDBInstance rds:RemoveTagsFromResource",
    ),
    Subject(
        "a key with the mark",
        f"arn:aws:kms:{PLACE}:key/backup",
        "kms:ScheduleKeyDeletion kms:DisableKey kms:PutKeyPolicy kms:DeleteImportedKeyMaterial"
        " kms:UntagResource kms:TagResource kms:RevokeGrant kms:RetireGrant kms:UpdatePrimaryRegion"
        " kms:DisableKeyRotation kms:UpdateAlias kms:DeleteAlias kms:CreateGrant kms:Decrypt",
        MARK,
    ),
    Subject(
        "a key without the mark",
        f"arn:aws:kms:{REGION}:{SOURCE}:key/production",
        "kms:ScheduleKeyDeletion kms:DisableKey kms:PutKeyPolicy",
    ),
    Subject(
        "the mark on anything",
        f"arn:aws:kms:{REGION}:{SOURCE}:key/production",
        "kms:TagResource kms:UntagResource",
        MOVED,
    ),
    Subject(
        "the table of drills",
        f"arn:aws:dynamodb:{PLACE}:table/restorecheck-DrillTable-1A2B",
        "dynamodb:DeleteTable dynamodb:UpdateTable dynamodb:DeleteItem dynamodb:PutItem"
        " dynamodb:UpdateItem dynamodb:BatchWriteItem dynamodb:UpdateTimeToLive"
        " dynamodb:UpdateContinuousBackups dynamodb:PutResourcePolicy dynamodb:UntagResource"
        " dynamodb:Query",
    ),
    Subject(
        "a table of a stack of another name, with the mark",
        f"arn:aws:dynamodb:{PLACE}:table/proofs-DrillTable-1A2B",
        "dynamodb:DeleteTable dynamodb:UpdateTable dynamodb:DeleteItem",
        MARK,
    ),
    Subject(
        "a bucket of a stack of another name",
        "arn:aws:s3:::proofs-reportbucket-1a2b",
        "s3:DeleteBucket s3:PutLifecycleConfiguration",
    ),
    Subject(
        "a bucket of restorecheck's",
        "arn:aws:s3:::restorecheck-reportbucket-1a2b",
        "s3:DeleteBucket s3:DeleteBucketPolicy s3:PutBucketPolicy s3:PutBucketVersioning"
        " s3:PutLifecycleConfiguration s3:PutBucketObjectLockConfiguration"
        " s3:PutReplicationConfiguration s3:PutBucketPublicAccessBlock"
        " s3:PutEncryptionConfiguration s3:PutBucketAcl",
    ),
    Subject(
        "a report",
        "arn:aws:s3:::restorecheck-reportbucket-1a2b/reports/t/d.json",
        "s3:DeleteObject s3:DeleteObjectVersion s3:PutObjectRetention s3:PutObjectLegalHold"
        " s3:BypassGovernanceRetention s3:PutObjectAcl s3:PutObject s3:GetObject",
    ),
    Subject(
        "the configuration",
        "arn:aws:s3:::restorecheck-configbucket-1a2b/restorecheck.yaml",
        "s3:DeleteObjectVersion s3:PutObject",
    ),
    Subject(
        "a role of restorecheck's",
        f"arn:aws:iam::{BACKUP}:role/restorecheck-stepper",
        "iam:PassRole iam:PutRolePolicy iam:DeleteRolePolicy iam:AttachRolePolicy"
        " iam:DetachRolePolicy iam:UpdateAssumeRolePolicy iam:DeleteRole iam:UpdateRole"
        " iam:PutRolePermissionsBoundary iam:DeleteRolePermissionsBoundary iam:TagRole"
        " iam:UntagRole",
    ),
    Subject(
        "a new role with restorecheck's name",
        f"arn:aws:iam::{SOURCE}:role/restorecheck-stepper",
        "iam:CreateRole",
    ),
    Subject(
        "the break-glass role",
        f"arn:aws:iam::{SOURCE}:role/break-glass",
        "iam:CreateRole iam:DeleteRole iam:UpdateAssumeRolePolicy iam:PutRolePolicy iam:PassRole"
        " sts:AssumeRole",
    ),
    Subject(
        "a function",
        f"arn:aws:lambda:{PLACE}:function:restorecheck-stepper",
        "lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:DeleteFunction"
        " lambda:PutFunctionConcurrency lambda:AddPermission lambda:InvokeFunction"
        " lambda:TagResource",
    ),
    Subject(
        "a state machine",
        f"arn:aws:states:{PLACE}:stateMachine:restorecheck-nightly",
        "states:UpdateStateMachine states:DeleteStateMachine states:StartExecution",
    ),
    Subject(
        "a running drill",
        f"arn:aws:states:{PLACE}:execution:restorecheck-drill:courses-20260226",
        "states:StopExecution",
    ),
    Subject(
        "a schedule",
        f"arn:aws:scheduler:{PLACE}:schedule/default/restorecheck-nightly",
        "scheduler:DeleteSchedule scheduler:UpdateSchedule",
    ),
    Subject(
        "a rule of EventBridge",
        f"arn:aws:events:{PLACE}:rule/restorecheck-drill-ended",
        "events:DisableRule events:DeleteRule events:RemoveTargets events:PutRule",
    ),
    Subject(
        "an alarm",
        f"arn:aws:cloudwatch:{PLACE}:alarm:restorecheck-NotProvenAlarm-1A2B",
        "cloudwatch:DeleteAlarms cloudwatch:DisableAlarmActions cloudwatch:PutMetricAlarm"
        " cloudwatch:SetAlarmState",
    ),
    Subject(
        "the dashboard",
        f"arn:aws:cloudwatch::{BACKUP}:dashboard/restorecheck",
        "cloudwatch:DeleteDashboards cloudwatch:PutDashboard",
    ),
    Subject(
        "a password that restorecheck has set",
        f"arn:aws:secretsmanager:{PLACE}:secret:restorecheck-x-AbCdEf",
        "secretsmanager:DeleteSecret secretsmanager:PutSecretValue secretsmanager:GetSecretValue",
    ),
    Subject("the addresses that alarms are sent to", "*", "sns:Unsubscribe"),
    Subject(
        "the topic of the alarms",
        f"arn:aws:sns:{PLACE}:restorecheck-Topic-1A2B",
        "sns:DeleteTopic sns:SetTopicAttributes sns:Publish",
    ),
    Subject(
        "the queue of dead letters",
        f"arn:aws:sqs:{PLACE}:restorecheck-DeadLetters-1A2B",
        "sqs:PurgeQueue sqs:DeleteQueue sqs:DeleteMessage sqs:ReceiveMessage",
    ),
    Subject(
        "a log",
        f"arn:aws:logs:{PLACE}:log-group:/aws/lambda/restorecheck-stepper",
        "logs:DeleteLogGroup logs:PutRetentionPolicy logs:FilterLogEvents",
    ),
    Subject(
        "a stack",
        f"arn:aws:cloudformation:{PLACE}:stack/restorecheck/0a1b",
        "cloudformation:DeleteStack cloudformation:UpdateStack cloudformation:ExecuteChangeSet"
        " cloudformation:SetStackPolicy",
    ),
    Subject(
        "the security group, subnets and endpoints, with the mark",
        f"arn:aws:ec2:{PLACE}:security-group/sg-0123456789abcdef0",
        "ec2:AuthorizeSecurityGroupIngress ec2:AuthorizeSecurityGroupEgress"
        " ec2:DeleteSecurityGroup",
        MARK,
    ),
    Subject("another role", f"arn:aws:iam::{SOURCE}:role/web", "iam:PutRolePolicy iam:CreateRole"),
    Subject(
        "another bucket or table",
        f"arn:aws:dynamodb:{REGION}:{SOURCE}:table/sessions",
        "dynamodb:DeleteTable dynamodb:PutItem",
    ),
)


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((GUARDRAILS / name).read_text())["Statement"]
    return found


def principal(name: str, account: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def in_context(request: Request, who: str) -> dict[str, Any]:
    return {"aws:PrincipalArn": who, **request.context}


def stops(request: Request, who: str = "administrator", policy: str = "scp.json") -> bool:
    """Whether a policy denies what is allowed without it, by our own evaluation."""
    context = {
        key.lower(): value[0] if isinstance(value, list) else value
        for key, value in in_context(request, principal(who, request.account)).items()
    }
    asked = Asked(request.action, request.resource, context)
    documents = [{"Statement": EVERYTHING}, {"Statement": statements(policy)}]
    return evaluate(documents, asked) is Decision.DENIED


def table() -> str:
    lines = ["| what an administrator asks for | denied | still allowed |", "|---|---|---|"]
    for subject in SUBJECTS:
        answers = [(request.action, stops(request)) for request in subject.requests()]
        denied, allowed = (
            ", ".join(f"`{action}`" for action, answer in answers if answer is wanted)
            for wanted in (True, False)
        )
        lines.append(f"| {subject.says} | {denied} | {allowed} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as it is now."""
    return re.sub(
        f"(?s)(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", lambda _: "\n" + table() + "\n", text
    )


def write(path: Path = PAGE) -> None:
    path.write_text(page(path.read_text()))
