"""The IAM policies that doctor advises, which fulfil permissions.py. Pure.

docs/reference/aws-permissions.md has the same policies; tests compare them, and compare them with the templates.
"""

from collections.abc import Mapping
from typing import Any

from restorecheck.rules.permissions import (
    ASKED,
    KEY_USE,
    RESTORES,
    SECRET_KEY_USE,
    TAGGED,
    Names,
    through,
)
from restorecheck.rules.policies import Decision, Request, evaluate, listed, names_of

POLICY_NAME = "restorecheck"


def policy_name(names: Names) -> str:
    """Of each kind its own: what is advised for a cluster must not replace what instances need."""
    return f"{POLICY_NAME}-aurora" if names.aurora else POLICY_NAME


Policy = dict[str, Any]


def _statement(sid: str, actions: list[str], resources: Any, **more: Any) -> Policy:  # noqa: ANN401  # JSON
    effect = more.pop("effect", "Allow")
    return {"Sid": sid, "Effect": effect, "Action": actions, "Resource": resources, **more}


def _document(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def of_groups(policy: Policy, name: str = POLICY_NAME) -> dict[str, Policy]:
    """A user's policy as those of two groups, by their names: a user's own may have 2,048 characters
    together, a group's 5,120 (IAM User Guide, "IAM and AWS STS quotas"). What it denies stands alone.
    """
    parts: dict[str, list[Policy]] = {}
    for statement in policy["Statement"]:
        group = name if statement["Effect"] == "Allow" else f"{name}-never"
        parts.setdefault(group, []).append(statement)
    return {group: _document(*statements) for group, statements in parts.items()}


def trust_policy(names: Names, external_id: str) -> Policy:
    """Trusts the backup account, and requires the external id."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{names.partition}:iam::{names.backup_account}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
    )


def source_policy(names: Names) -> Policy:
    """Policy of the role in production's account, as in infra/source-account.yaml."""
    kind, word = names.snapshot_arn, names.snapshot
    ours = names.in_source(kind, "restorecheck-*")
    automated = names.in_source(kind, "rds:*")
    managed = names.in_source(kind, "awsbackup:*")
    both = [names.in_source(one, "restorecheck-*") for one in ("snapshot", "cluster-snapshot")]
    return _document(
        _statement("Read", _described(names), "*"),
        _statement("ReadAttributes", [f"rds:Describe{word}Attributes"], ours),
        _statement("CopyAutomatedToOurs", [f"rds:Copy{word}"], [automated, managed, ours]),
        _statement(
            "TagOurCopiesAsTheyAreMade",
            ["rds:AddTagsToResource"],
            ours,
            Condition={"StringEquals": dict(ASKED)},
        ),
        _statement(
            "ShareAndDeleteOurs",
            [f"rds:Modify{word}Attribute", f"rds:Delete{word}"],
            ours,
            Condition={"StringEquals": dict(TAGGED)},
        ),
        *_keys_policy(names.source_account, dict.fromkeys(names.source_keys, (names.region,))),
        _never_touch(both, *CHANGING, "Restore", creates=True),
        _statement("NeverMore", [*NEVER_MORE], "*", effect="Deny"),
    )


def _described(names: Names) -> list[str]:
    if names.aurora:
        return [
            "rds:DescribeDBClusterParameters",
            "rds:DescribeDBClusterSnapshots",
            "rds:DescribeDBClusters",
        ]
    return ["rds:DescribeDBInstances", "rds:DescribeDBParameters", "rds:DescribeDBSnapshots"]


def _keys_policy(account: str, regions: Mapping[str, tuple[str, ...]]) -> tuple[Policy, ...]:
    """Use of named keys, only through RDS of the regions, and only for grants to AWS services."""
    keys = [*regions]
    by_place: dict[tuple[str, ...], list[str]] = {}
    for key, places in regions.items():
        by_place.setdefault(places, []).append(key)
    used: list[Policy] = []
    for number, (places, same) in enumerate(by_place.items(), 1):
        suffix = "" if len(by_place) == 1 else str(number)
        by_rds = {"kms:ViaService": through("rds", *places)}
        used += [
            _statement(
                f"UseKeysThroughRds{suffix}",
                [*KEY_USE],
                same,
                Condition={"StringEquals": by_rds},
            ),
            _statement(
                f"GrantToRdsOnly{suffix}",
                ["kms:CreateGrant"],
                same,
                Condition={
                    "Bool": {"kms:GrantIsForAWSResource": "true"},
                    "StringEquals": by_rds,
                },
            ),
        ]
    if keys:
        used.insert(0, _statement("DescribeKeys", ["kms:DescribeKey"], keys))
    return (*used, _no_keys_of_strangers(account, keys))


def _no_keys_of_strangers(account: str, keys: list[str]) -> Policy:
    """Denies foreign keys, even beside a wider policy. AWS's own key aws/rds counts as this account's."""
    return {
        "Sid": "NoKeysOfStrangers",
        "Effect": "Deny",
        "Action": "kms:*",
        **({"NotResource": keys} if keys else {"Resource": "*"}),
        "Condition": {"StringNotEquals": {"aws:ResourceAccount": account}},
    }


def _never_touch(ours: list[str], *verbs: str, creates: bool = False) -> Policy:
    first = ("Create",) if creates else ()
    return {
        "Sid": "NeverTouchWhatIsNotOurs",
        "Effect": "Deny",
        "Action": [*(f"rds:{verb}*" for verb in (*first, *verbs)), "rds:RemoveTagsFromResource"],
        "NotResource": ours,
    }


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
"""Calls that are denied even beside a wider policy: changes of the own rights, and of keys."""
CHANGING = (*("Delete", "Failover", "Modify", "Promote", "Reboot", "Reset", "Start", "Stop"),)


def upgrades_policy(names: Names) -> Policy:
    """What a rehearsal of an upgrade needs besides. The groups are resources of the change, too: Service Authorization
    Reference, "Amazon RDS".
    """
    return _document(
        _statement("ReadVersions", ["rds:DescribeDBEngineVersions"], "*"),
        _statement(
            "NameDefaultGroups",
            ["rds:ModifyDBInstance", "rds:ModifyDBCluster"],
            [*names.default_groups],
        ),
    )


def backup_policy(names: Names) -> Policy:
    """Policy of the drilling user in the backup account: the rights that infra/backup-account.yaml gives to its
    stepper, checker and sweeper.
    """
    word, kind = names.snapshot, names.snapshot_arn
    copies = names.in_backup(kind, "restorecheck-*")
    staging = names.in_source(kind, "restorecheck-*")
    instances = names.in_backup("db", "restorecheck-*")
    clusters = [names.in_backup("cluster", "restorecheck-*")] if names.aurora else []
    ours = [instances, *clusters, copies]
    around = [names.in_backup("subgrp", names.subnet_group or "*")]
    around += [names.in_backup("cluster-pg" if names.aurora else "pg", "*")]
    # From a shared snapshot, where that is configured.
    origin = [staging] if names.aurora else []
    restore = f"rds:{RESTORES[names.aurora]}"
    kinds = ("db", "snapshot", "cluster", "cluster-snapshot")
    every = [names.in_backup(one, "restorecheck-*") for one in kinds]
    transit, backup = names.backup_keys
    regions = {transit: names.regions, backup: (names.backup_region,)}
    return _document(
        _statement(
            "Read",
            [
                *dict.fromkeys(("rds:DescribeDBInstances", *_described(names))),
                "rds:DescribeEvents",
                "secretsmanager:ListSecrets",
            ],
            "*",
        ),
        _statement(
            "ReadLogsOfOurs",
            ["rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion"],
            instances,
        ),
        _statement(
            "CopyIn",
            [f"rds:Copy{word}"],
            [staging, copies],
        ),
        _statement(
            "Restore",
            [restore],
            [
                *(clusters or [instances]),
                copies,
                *origin,
                *around,
                names.in_backup("og", "default:*"),
            ],
        ),
        *(_instances_of_clusters(names, instances, clusters) if names.aurora else ()),
        _statement(
            "MustBePrivate",
            ["rds:CreateDBInstance" if names.aurora else restore],
            instances,
            effect="Deny",
            Condition={"Bool": {"rds:PubliclyAccessible": "true"}},
        ),
        _statement(
            "TagAsOurs",
            ["rds:AddTagsToResource"],
            ours,
            Condition={"StringEquals": dict(ASKED)},
        ),
        _statement(
            "MarkOurs",
            ["rds:AddTagsToResource"],
            ours,
            Condition={"StringEquals": dict(TAGGED)},
        ),
        _statement(
            "ManageOurs",
            _managed(names),
            ours,
            Condition={"StringEquals": dict(TAGGED)},
        ),
        *(upgrades_policy(names)["Statement"] if names.rehearses else ()),
        _never_touch(
            [*every, *(names.default_groups if names.rehearses else ())], *CHANGING, "Download"
        ),
        {
            "Sid": "NeverCreateWhatIsNotOurs",
            "Effect": "Deny",
            "Action": ["rds:Create*"],
            # An instance in a cluster is created with these.
            "NotResource": [
                *every,
                around[0],
                names.in_backup("pg", "*"),
                names.in_backup("og", "default:*"),
            ],
        },
        *_secrets_policy(names),
        *_keys_policy(names.backup_account, {k: where for k, where in regions.items() if k}),
        _statement(
            "NeverShareOn",
            [
                "rds:ModifyDBSnapshotAttribute",
                "rds:ModifyDBClusterSnapshotAttribute",
                "rds:StartExportTask",
            ],
            "*",
            effect="Deny",
        ),
        _statement("NeverMore", [*NEVER_MORE], "*", effect="Deny"),
        _statement("EnterTheSourceAccount", ["sts:AssumeRole"], names.role_arn),
    )


def _managed(names: Names) -> list[str]:
    """What is done to our own things."""
    if names.aurora:
        return [
            *("rds:DeleteDBCluster", "rds:DeleteDBClusterSnapshot", "rds:DeleteDBInstance"),
            *("rds:ModifyDBCluster", "rds:ModifyDBInstance"),
            *("rds:StartDBCluster", "rds:StopDBCluster"),
        ]
    actions = ("DeleteDBInstance", "DeleteDBSnapshot", "ModifyDBInstance", "StopDBInstance")
    return [f"rds:{action}" for action in actions]


def _instances_of_clusters(names: Names, instances: str, clusters: list[str]) -> tuple[Policy, ...]:
    """A restore of a cluster depends on CreateDBInstance: Service Authorization Reference, "Amazon RDS"."""
    around = [names.in_backup("subgrp", names.subnet_group or "*"), names.in_backup("pg", "*")]
    around.append(names.in_backup("og", "default:*"))
    resources = [instances, *clusters, *around]
    return (_statement("CreateInstancesInOurs", ["rds:CreateDBInstance"], resources),)


def _secrets_policy(names: Names) -> tuple[Policy, ...]:
    own, made = names.secret("restorecheck-*"), names.secret(f"{names.managed_secrets}*")
    if names.credentials == "iam":
        place = f"{names.backup_region}:{names.backup_account}"
        user = f"arn:{names.partition}:rds-db:{place}:dbuser:*/{names.iam_user}"
        return (_statement("LogInByIam", ["rds-db:connect"], user),)
    if names.credentials == "reset":
        actions = ("CreateSecret", "DeleteSecret", "DescribeSecret", "GetSecretValue")
        named = [f"secretsmanager:{action}" for action in (*actions, "TagResource")]
        return (_statement("OwnSecrets", named, own),)
    return (
        _statement(
            "ReadTheOneSecret",
            ["secretsmanager:GetSecretValue"],
            made,
            Condition={
                "StringLike": {
                    names.tag_of_secrets: names.in_backup(names.owner_arn, "restorecheck-*")
                }
            },
        ),
        _statement(
            "HaveRdsManageThePassword",
            ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
            made,
        ),
        _statement(
            "DescribeTheKeyOfSecrets",
            ["kms:DescribeKey"],
            names.secret_key or names.key(names.backup_account, "*"),
        ),
        *_secret_key_policy(names),
    )


def _secret_key_policy(names: Names) -> tuple[Policy, ...]:
    if not names.secret_key:
        return ()
    services = [through(service, names.backup_region) for service in ("rds", "secretsmanager")]
    return (
        _statement(
            "UseTheKeyOfSecrets",
            [*SECRET_KEY_USE, "kms:CreateGrant"],
            names.secret_key,
            Condition={"StringEquals": {"kms:ViaService": services}},
        ),
    )


def looking_in_source() -> Policy:
    """Reads of `doctor` and `audit` in production's account, beyond those of a drill."""
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
    "rds:DescribeDBClusterParameterGroups",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBEngineVersions",
    "rds:DescribeDBParameterGroups",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBSubnetGroups",
    "rds:DescribeOrderableDBInstanceOptions",
)


# --- key policies --------------------------------------------------------------------------------

ADMITS = "BackupAccountOfRestorecheck"


def admitting(policy: Mapping[str, Any], names: Names, requests: tuple[Request, ...]) -> Policy:
    """The key policy with a statement for the backup account, without denials of it."""
    who = names_of(names.backup_account, partition=names.partition)
    kept = [
        statement
        for statement in listed(policy.get("Statement"))
        if not str(statement.get("Sid")).startswith(ADMITS)
        and all(
            evaluate([{"Statement": [statement]}], request, who) is not Decision.DENIED
            for request in requests
        )
    ]
    who_uses = {"AWS": f"arn:{names.partition}:iam::{names.backup_account}:root"}
    used = {"StringEquals": {"kms:ViaService": through("rds", *names.regions)}}
    granted = {**used, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    added = (
        _statement(f"{ADMITS}Describes", ["kms:DescribeKey"], "*", Principal=who_uses),
        _statement(f"{ADMITS}Uses", [*KEY_USE], "*", Principal=who_uses, Condition=used),
        _statement(
            f"{ADMITS}Grants", ["kms:CreateGrant"], "*", Principal=who_uses, Condition=granted
        ),
    )
    return {"Version": "2012-10-17", **policy, "Statement": [*kept, *added]}


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
