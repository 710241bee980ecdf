"""The call guard: which calls a client may make.

IAM enforces the same limits (docs/reference/aws-permissions.md). The guard is in the process, so that neither a
defect in this room nor a policy that is too wide affects production.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from restorecheck.aws.session.naming import is_ours
from restorecheck.aws.session.settings import parse_arn
from restorecheck.errors import AccessDeniedError, ProviderError

READS = ("Describe", "List", "Download", "Get")

SOURCE_WRITES: Mapping[str, tuple[str, ...]] = {
    "CopyDBSnapshot": ("TargetDBSnapshotIdentifier",),
    "ModifyDBSnapshotAttribute": ("DBSnapshotIdentifier",),
    "DeleteDBSnapshot": ("DBSnapshotIdentifier",),
    "CopyDBClusterSnapshot": ("TargetDBClusterSnapshotIdentifier",),
    "ModifyDBClusterSnapshotAttribute": ("DBClusterSnapshotIdentifier",),
    "DeleteDBClusterSnapshot": ("DBClusterSnapshotIdentifier",),
}
"""Operations that write in the source account, with the parameters that name the written resource."""

BACKUP_WRITES: Mapping[str, tuple[str, ...]] = {
    "CopyDBSnapshot": ("TargetDBSnapshotIdentifier",),
    "DeleteDBSnapshot": ("DBSnapshotIdentifier",),
    "RestoreDBInstanceFromDBSnapshot": ("DBInstanceIdentifier", "DBSnapshotIdentifier"),
    "ModifyDBInstance": ("DBInstanceIdentifier",),
    "DeleteDBInstance": ("DBInstanceIdentifier",),
    "StopDBInstance": ("DBInstanceIdentifier",),
    "CopyDBClusterSnapshot": ("TargetDBClusterSnapshotIdentifier",),
    "DeleteDBClusterSnapshot": ("DBClusterSnapshotIdentifier",),
    "RestoreDBClusterFromSnapshot": ("DBClusterIdentifier", "SnapshotIdentifier"),
    "CreateDBInstance": ("DBInstanceIdentifier", "DBClusterIdentifier"),
    "ModifyDBCluster": ("DBClusterIdentifier",),
    "DeleteDBCluster": ("DBClusterIdentifier",),
    "StartDBCluster": ("DBClusterIdentifier",),
    "StopDBCluster": ("DBClusterIdentifier",),
    "AddTagsToResource": ("ResourceName",),
    "CreateSecret": ("Name",),
    "DeleteSecret": ("SecretId",),
}

NEVER: Mapping[str, frozenset[str]] = {
    operation: frozenset(
        {
            "AssociatedRoles",
            "DomainIAMRoleName",
            "EnableInternetAccessGateway",
            "EnableVPCNetworking",
            "EnableHttpEndpoint",
            "MonitoringRoleArn",
        }
    )
    for operation in ("RestoreDBClusterFromSnapshot", "CreateDBInstance", "ModifyDBCluster")
}
"""Parameters of these operations that are refused whatever their value: ways in from the internet, and rights
for what was restored. IAM cannot see most of them.
"""

ONLY: Mapping[str, Mapping[str, frozenset[object]]] = {
    "RestoreDBClusterFromSnapshot": {
        "BackupRetentionPeriod": frozenset({1}),
        "DeletionProtection": frozenset({False}),
        "PubliclyAccessible": frozenset({False, None}),
    },
    "CreateDBInstance": {
        "DeletionProtection": frozenset({False, None}),
        "PubliclyAccessible": frozenset({False}),
    },
    "ModifyDBCluster": {
        "BackupRetentionPeriod": frozenset({None}),
        "DeletionProtection": frozenset({False, None}),
    },
}
"""The values that a parameter may have; None: it may be left out."""

ADOPTED_WRITES: dict[str, tuple[str, ...]] = {"PutRestoreValidationResult": ()}
"""Where another program restores an instance: the validation result."""
ADOPTED_CLUSTER_WRITES = ADOPTED_WRITES | {
    "CreateDBInstance": ("DBInstanceIdentifier",),
    "DeleteDBInstance": ("DBInstanceIdentifier",),
}
"""Where another program restores a cluster: also the instance that a cluster of restore testing lacks."""
RESTORE_TEST = "awsbackup-restore-test-"
"""How AWS Backup names what it restores for a test: only a cluster of this name gets an instance of ours."""


LOOKS = frozenset(
    {
        "DescribeAccountAttributes",
        "DescribeDBClusterParameterGroups",
        "DescribeDBClusterSnapshotAttributes",
        "DescribeDBClusterSnapshots",
        "DescribeDBClusters",
        "DescribeDBEngineVersions",
        "DescribeDBInstanceAutomatedBackups",
        "DescribeDBInstances",
        "DescribeDBParameterGroups",
        "DescribeDBSnapshotAttributes",
        "DescribeDBSnapshots",
        "DescribeDBSubnetGroups",
        "DescribeOrderableDBInstanceOptions",
        "DescribeKey",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "GetCallerIdentity",
        "GetKeyPolicy",
        "GetRole",
        "ListRoles",
        "ListUsers",
        "SimulatePrincipalPolicy",
    }
)
"""All operations of `doctor` and `audit`. They only read, and none reads a secret."""

DEPLOYMENT_LOOKS = frozenset(
    {
        "DescribeStacks",
        "DescribeVpcEndpoints",
        "GetAccountSettings",
        "GetFunctionConfiguration",
        "GetObjectLockConfiguration",
        "GetSchedule",
        "HeadObject",
        "ListExecutions",
        "ListSubscriptionsByTopic",
    }
)
"""Further operations of `doctor --deployment`."""


class ClientMeta(Protocol):
    """A client's `meta`, as botocore has it."""

    @property
    def events(self) -> Any: ...  # noqa: ANN401  # botocore's own

    @property
    def service_model(self) -> Any: ...  # noqa: ANN401  # botocore's own


def put_up(meta: ClientMeta, writes: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse every call of this client except reads, and writes to resources with a name of restorecheck."""

    def check(params: Mapping[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401  # botocore's own
        refuse_strangers(model.name, params, writes)

    service = meta.service_model.service_id.hyphenize()
    meta.events.register_first(f"provide-client-params.{service}", check)


def allow_reads_only(meta: ClientMeta) -> None:
    """Refuse every call of this client except those of `doctor` and `audit`."""

    def check(model: Any, **_: object) -> None:  # noqa: ANN401  # botocore's own
        refuse_touching(model.name)

    service = meta.service_model.service_id.hyphenize()
    meta.events.register_first(f"provide-client-params.{service}", check)


def refuse_touching(operation: str) -> None:
    """Raises AccessDeniedError unless the call only reads."""
    if operation not in LOOKS | DEPLOYMENT_LOOKS:
        raise AccessDeniedError(
            f"doctor and audit never call {operation}; the call was not made",
            operation=operation,
            code="Fence",
        )


def refuse_strangers(
    operation: str, params: Mapping[str, Any], writes: Mapping[str, tuple[str, ...]]
) -> None:
    """Raises AccessDeniedError unless the call is allowed."""
    if operation.startswith(READS):
        return
    named = writes.get(operation)
    if named is None:
        raise AccessDeniedError(
            f"restorecheck never calls {operation} here; the call was not made",
            operation=operation,
            code="Fence",
        )
    _refuse_values(operation, params)
    cluster = str(params.get("DBClusterIdentifier", ""))
    if writes is ADOPTED_CLUSTER_WRITES and cluster and not cluster.startswith(RESTORE_TEST):
        raise AccessDeniedError(
            f"restorecheck never calls {operation} in the DB cluster {cluster!r}, which is not of restore testing; "
            "the call was not made",
            operation=operation,
            resource=cluster,
            code="Fence",
        )
    for parameter in named:
        name = _name(str(params.get(parameter, "")))
        if not is_ours(name):
            raise AccessDeniedError(
                f"restorecheck never calls {operation} on {name!r}, "
                "which it did not make; the call was not made",
                operation=operation,
                resource=name,
                code="Fence",
            )


def _refuse_values(operation: str, params: Mapping[str, Any]) -> None:
    wrong = [name for name in NEVER.get(operation, ()) if name in params]
    only = ONLY.get(operation, {})
    wrong += [name for name, values in only.items() if params.get(name) not in values]
    if wrong:
        shown = params.get(wrong[0], "left out")
        raise AccessDeniedError(
            f"restorecheck never calls {operation} with {wrong[0]} {shown}; the call was not made",
            operation=operation,
            code="Fence",
        )


def _name(identifier: str) -> str:
    try:
        return parse_arn(identifier).name
    except ProviderError:
        return identifier
