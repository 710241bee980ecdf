"""What the two roles need, and what they must not be able to do. Pure.

docs/reference/aws-permissions.md has the same policies; a test holds the one against the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from restorecheck.rules.policies import Answer, Request, evaluate, listed, names_of

MANAGED = "restorecheck:managed"
KEY_USE = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
)
POLICY_NAME = "restorecheck"
AN_ID = "00000000-000000-000000"
"""Stands for a drill where a name is needed."""

Policy = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names in the configuration of one RDS target."""

    target: str
    partition: str
    source_account: str
    backup_account: str
    region: str
    backup_region: str
    role_arn: str
    instance: str
    transit_key: str = ""
    production_key: str = ""
    """The key that production's snapshots are under, where it is a customer's."""
    backup_key: str = ""
    subnet_group: str = ""
    security_groups: tuple[str, ...] = ()
    parameter_group: str = ""
    credentials: str = "managed-secret"
    iam_user: str = ""

    @property
    def role(self) -> str:
        return self.role_arn.rpartition("/")[2]

    def in_source(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:rds:{self.region}:{self.source_account}:{kind}:{name}"

    def in_backup(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:rds:{self.backup_region}:{self.backup_account}:{kind}:{name}"

    def secret(self, name: str) -> str:
        place = f"{self.backup_region}:{self.backup_account}"
        return f"arn:{self.partition}:secretsmanager:{place}:secret:{name}"

    @property
    def source_keys(self) -> tuple[str, ...]:
        return tuple(key for key in (self.transit_key, self.production_key) if key)

    @property
    def backup_keys(self) -> tuple[str, ...]:
        """What the backup account reads the staging copy with, and writes the copies with."""
        return (self.transit_key or self.production_key, self.backup_key)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to AWS's simulator, about several actions on several resources."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    allowed: bool
    """What the answer should be."""
    context: Mapping[str, str] = field(default_factory=dict)


def through_rds(region: str) -> dict[str, str]:
    return {"kms:ViaService": f"rds.{region}.amazonaws.com"}


def granting(region: str) -> dict[str, str]:
    return {**through_rds(region), "kms:GrantIsForAWSResource": "true"}


_ASKED = {f"aws:RequestTag/{MANAGED}": "true"}
_TAGGED = {f"aws:ResourceTag/{MANAGED}": "true"}


def _on_keys(keys: tuple[str, ...], region: str) -> tuple[Ask, ...]:
    keys = tuple(key for key in keys if key)
    if not keys:
        return ()
    return (
        Ask(("kms:DescribeKey",), keys, allowed=True),
        Ask(("kms:CreateGrant",), keys, allowed=True, context=granting(region)),
        Ask(KEY_USE, keys, allowed=True, context=through_rds(region)),
    )


def asks_of_source(names: Names) -> tuple[Ask, ...]:
    """Of the role in production's account."""
    ours = names.in_source("snapshot", f"restorecheck-{AN_ID}")
    automated = names.in_source("snapshot", f"rds:{names.instance}-2026-01-01-00-00")
    others = names.in_source("snapshot", f"{names.instance}-before-migration")
    instance = names.in_source("db", names.instance)
    return (
        Ask(("rds:DescribeDBInstances",), (instance,), allowed=True),
        Ask(("rds:DescribeDBSnapshots",), (automated, ours), allowed=True),
        Ask(("rds:CopyDBSnapshot",), (automated, ours), allowed=True, context=_ASKED),
        Ask(("rds:AddTagsToResource",), (ours,), allowed=True, context=_ASKED),
        Ask(
            (
                "rds:DescribeDBSnapshotAttributes",
                "rds:ModifyDBSnapshotAttribute",
                "rds:DeleteDBSnapshot",
            ),
            (ours,),
            allowed=True,
            context=_TAGGED,
        ),
        *_on_keys(names.source_keys, names.region),
        Ask(
            (
                "rds:DeleteDBInstance",
                "rds:ModifyDBInstance",
                "rds:StopDBInstance",
                "rds:RebootDBInstance",
            ),
            (instance,),
            allowed=False,
        ),
        Ask(("rds:DeleteDBSnapshot",), (automated, others), allowed=False),
        Ask(("rds:ModifyDBSnapshotAttribute",), (others,), allowed=False),
        *_never_on_itself(names.role_arn, names.source_keys),
    )


def _never_on_itself(principal: str, keys: tuple[str, ...]) -> tuple[Ask, ...]:
    """Nobody may widen his own rights, nor make the keys unusable."""
    action = "iam:PutUserPolicy" if ":user/" in principal else "iam:PutRolePolicy"
    keys = tuple(key for key in keys if key)
    asked = (Ask((action,), (principal,), allowed=False),) if principal else ()
    if not keys:
        return asked
    return (*asked, Ask(("kms:DisableKey", "kms:ScheduleKeyDeletion"), keys, allowed=False))


def asks_of_backup(names: Names, principal: str = "") -> tuple[Ask, ...]:
    """Of whoever drills, in the backup account."""
    ours = names.in_backup("db", f"restorecheck-{AN_ID}")
    copy = names.in_backup("snapshot", f"restorecheck-{AN_ID}")
    staging = names.in_source("snapshot", f"restorecheck-{AN_ID}")
    others = names.in_backup("db", "somebody-elses")
    foreign = names.in_backup("snapshot", "somebody-elses")
    around = (
        ours,
        copy,
        names.in_backup("subgrp", names.subnet_group),
        names.in_backup("pg", names.parameter_group or "default.postgres17"),
        names.in_backup("og", "default:postgres-17"),
    )
    private = {"rds:PubliclyAccessible": "false", **_ASKED}
    public = {"rds:PubliclyAccessible": "true", **_ASKED}
    restore = ("rds:RestoreDBInstanceFromDBSnapshot",)
    return (
        Ask(("rds:DescribeDBInstances", "rds:DescribeDBLogFiles"), (ours,), allowed=True),
        Ask(("rds:DownloadDBLogFilePortion",), (ours,), allowed=True),
        Ask(("rds:DescribeDBSnapshots",), (copy,), allowed=True),
        Ask(("rds:DescribeEvents",), ("*",), allowed=True),
        Ask(("rds:CopyDBSnapshot",), (staging, copy), allowed=True, context=_ASKED),
        Ask(("rds:AddTagsToResource",), (copy, ours), allowed=True, context=_ASKED | _TAGGED),
        Ask(restore, around, allowed=True, context=private),
        Ask(
            ("rds:ModifyDBInstance", "rds:DeleteDBInstance", "rds:StopDBInstance"),
            (ours,),
            allowed=True,
            context=_TAGGED,
        ),
        Ask(("rds:DeleteDBSnapshot",), (copy,), allowed=True, context=_TAGGED),
        Ask(("sts:AssumeRole",), (names.role_arn,), allowed=True),
        *_on_credentials(names),
        *_on_keys(names.backup_keys, names.backup_region),
        Ask(("rds:ModifyDBSnapshotAttribute",), (copy,), allowed=False, context=_TAGGED),
        Ask(restore, (ours,), allowed=False, context=public),
        Ask(("rds:DeleteDBInstance", "rds:ModifyDBInstance"), (others,), allowed=False),
        Ask(("rds:DeleteDBSnapshot",), (foreign,), allowed=False),
        *_never_on_itself(principal, (names.backup_key,)),
    )


def _on_credentials(names: Names) -> tuple[Ask, ...]:
    match names.credentials:
        case "iam":
            place = f"{names.backup_region}:{names.backup_account}"
            user = f"arn:{names.partition}:rds-db:{place}:dbuser:db-NEW/{names.iam_user}"
            return (Ask(("rds-db:connect",), (user,), allowed=True),)
        case "reset":
            own = names.secret(f"restorecheck-{AN_ID}-AbCdEf")
            actions = ("CreateSecret", "TagResource", "GetSecretValue", "DeleteSecret")
            named = tuple(f"secretsmanager:{action}" for action in actions)
            return (Ask(named, (own,), allowed=True),)
        case _:
            made = names.secret("rds!db-0a1b2c3d-AbCdEf")
            by_rds = ("CreateSecret", "TagResource", "GetSecretValue")
            named = tuple(f"secretsmanager:{action}" for action in by_rds)
            return (Ask(named, (made,), allowed=True),)


# --- the policies that answer so -----------------------------------------------------------------


def _statement(sid: str, actions: list[str], resources: Any, **more: Any) -> Policy:  # noqa: ANN401  # JSON
    effect = more.pop("effect", "Allow")
    return {"Sid": sid, "Effect": effect, "Action": actions, "Resource": resources, **more}


def _document(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust_policy(names: Names, external_id: str) -> Policy:
    """Lets the backup account in, and asks for the word."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{names.partition}:iam::{names.backup_account}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
    )


def source_policy(names: Names) -> Policy:
    """Of the role in production's account."""
    ours = names.in_source("snapshot", "restorecheck-*")
    automated = names.in_source("snapshot", "rds:*")
    keys = list(names.source_keys) or ["*"]
    return _document(
        _statement(
            "Read",
            ["rds:DescribeDBInstances", "rds:DescribeDBParameters", "rds:DescribeDBSnapshots"],
            "*",
        ),
        _statement("ReadAttributes", ["rds:DescribeDBSnapshotAttributes"], ours),
        _statement("CopyAutomatedToOurs", ["rds:CopyDBSnapshot"], [automated, ours]),
        _statement("TagOurCopies", ["rds:AddTagsToResource"], ours),
        _statement(
            "ShareAndDeleteOurs",
            ["rds:ModifyDBSnapshotAttribute", "rds:DeleteDBSnapshot"],
            ours,
            Condition={"StringEquals": dict(_TAGGED)},
        ),
        _statement("DescribeKeys", ["kms:DescribeKey"], keys),
        _statement(
            "UseKeys",
            [*KEY_USE],
            keys,
            Condition={"StringEquals": through_rds(names.region)},
        ),
        _statement(
            "GrantToRdsOnly",
            ["kms:CreateGrant"],
            keys,
            Condition={
                "Bool": {"kms:GrantIsForAWSResource": "true"},
                "StringEquals": through_rds(names.region),
            },
        ),
        {
            "Sid": "NeverTouchProduction",
            "Effect": "Deny",
            "Action": [
                "rds:Delete*",
                "rds:Modify*",
                "rds:Restore*",
                "rds:Create*",
                "rds:Stop*",
                "rds:Start*",
                "rds:Reboot*",
                "rds:RemoveTagsFromResource",
            ],
            "NotResource": ours,
        },
        _statement("NeverMore", [*NEVER_MORE], "*", effect="Deny"),
    )


NEVER_MORE = (
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Put*",
    "iam:Update*",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
)
"""What a wider policy beside ours must not give: rights of one's own, and the keys."""


def backup_policy(names: Names) -> Policy:
    """Of whoever drills, in the backup account."""
    copies = names.in_backup("snapshot", "restorecheck-*")
    instances = names.in_backup("db", "restorecheck-*")
    keys = [key for key in names.backup_keys if key]
    everywhere = names.in_backup("subgrp", "*"), names.in_backup("pg", "*")
    return _document(
        _statement(
            "Read",
            ["rds:Describe*", "rds:DownloadDBLogFilePortion", "secretsmanager:ListSecrets"],
            "*",
        ),
        _statement(
            "CopyIn",
            ["rds:CopyDBSnapshot"],
            [names.in_source("snapshot", "restorecheck-*"), copies],
        ),
        _statement(
            "Restore",
            ["rds:RestoreDBInstanceFromDBSnapshot"],
            [instances, copies, *everywhere, names.in_backup("og", "default:*")],
        ),
        _statement(
            "MustBePrivate",
            ["rds:RestoreDBInstanceFromDBSnapshot"],
            "*",
            effect="Deny",
            Condition={"BoolIfExists": {"rds:PubliclyAccessible": "true"}},
        ),
        _statement("Tag", ["rds:AddTagsToResource"], [instances, copies]),
        _statement(
            "ManageOurs",
            [
                "rds:ModifyDBInstance",
                "rds:DeleteDBInstance",
                "rds:StopDBInstance",
                "rds:DeleteDBSnapshot",
            ],
            [instances, copies],
            Condition={"StringEquals": dict(_TAGGED)},
        ),
        {
            "Sid": "OnlyOurs",
            "Effect": "Deny",
            "Action": ["rds:Delete*", "rds:Modify*", "rds:Stop*", "rds:Start*", "rds:Reboot*"],
            "NotResource": [instances, copies],
        },
        *_secrets_policy(names),
        _statement("UseKeys", ["kms:DescribeKey", *KEY_USE, "kms:CreateGrant"], keys),
        _statement(
            "NoResharing",
            ["rds:ModifyDBSnapshotAttribute", "rds:StartExportTask"],
            "*",
            effect="Deny",
        ),
        _statement("NeverMore", [*NEVER_MORE], "*", effect="Deny"),
        _statement("EnterSource", ["sts:AssumeRole"], names.role_arn),
    )


def _secrets_policy(names: Names) -> tuple[Policy, ...]:
    own, made = names.secret("restorecheck-*"), names.secret("rds!db-*")
    if names.credentials == "iam":
        place = f"{names.backup_region}:{names.backup_account}"
        user = f"arn:{names.partition}:rds-db:{place}:dbuser:*/{names.iam_user}"
        return (_statement("LogIn", ["rds-db:connect"], user),)
    return (
        _statement("ReadThePassword", ["secretsmanager:GetSecretValue"], [made, own]),
        _statement(
            "ManagedPassword", ["secretsmanager:CreateSecret", "secretsmanager:TagResource"], "*"
        ),
        _statement(
            "OwnSecrets", ["secretsmanager:DescribeSecret", "secretsmanager:DeleteSecret"], own
        ),
    )


def looking_in_source() -> Policy:
    """What `doctor` and `audit` read beyond what a drill does, in production's account."""
    return _document(_statement("LookForDoctorAndAudit", [*LOOKING, *LOOKING_IN_SOURCE], "*"))


def looking_in_backup() -> Policy:
    """The same in the backup account."""
    return _document(_statement("LookForDoctorAndAudit", [*LOOKING, *LOOKING_IN_BACKUP], "*"))


LOOKING = (
    "iam:GetRole",
    "iam:SimulatePrincipalPolicy",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "rds:DescribeAccountAttributes",
)
LOOKING_IN_SOURCE = (
    "iam:ListRoles",
    "iam:ListUsers",
    "rds:DescribeDBClusters",
    "rds:DescribeDBClusterSnapshotAttributes",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBInstanceAutomatedBackups",
    "rds:DescribeDBSnapshotAttributes",
)
LOOKING_IN_BACKUP = (
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "rds:DescribeDBParameterGroups",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBSubnetGroups",
)


# --- key policies --------------------------------------------------------------------------------

READING = ("kms:DescribeKey", "kms:Decrypt", "kms:CreateGrant")
"""What the backup account needs of the key of the staging copy."""
ADMITS = "BackupAccountOfRestorecheck"


def key_requests(key: str, region: str, actions: tuple[str, ...]) -> tuple[Request, ...]:
    """What is asked of a key's policy, as RDS asks it in the caller's name."""
    context = {name.lower(): value for name, value in granting(region).items()}
    return tuple(Request(action, key, context) for action in actions)


def admitting(policy: Mapping[str, Any], names: Names, requests: tuple[Request, ...]) -> Policy:
    """The key policy with a statement for the backup account, without those that deny it."""
    who = names_of(names.backup_account, partition=names.partition)
    kept = [
        statement
        for statement in listed(policy.get("Statement"))
        if statement.get("Sid") != ADMITS
        and all(
            evaluate([{"Statement": [statement]}], request, who) is not Answer.DENIED
            for request in requests
        )
    ]
    added = {
        "Sid": ADMITS,
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{names.partition}:iam::{names.backup_account}:root"},
        "Action": ["kms:DescribeKey", "kms:CreateGrant", *KEY_USE],
        "Resource": "*",
    }
    return {"Version": "2012-10-17", **policy, "Statement": [*kept, added]}


def administering(account_id: str, partition: str) -> Policy:
    """A key's default policy: the account's IAM decides."""
    return _document(
        {
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition}:iam::{account_id}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    )
