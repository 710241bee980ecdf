"""Descriptions of Aurora clusters and their snapshots, reduced to what drills need. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from restorecheck.aws.session.naming import Tags, as_dict
from restorecheck.aws.session.views import SnapshotView, StatusMeaning

CLUSTER_STATUSES: Mapping[str, StatusMeaning] = {
    "available": StatusMeaning.READY,
    "storage-optimization": StatusMeaning.READY,
    "backing-up": StatusMeaning.UNDER_WAY,
    "backtracking": StatusMeaning.UNDER_WAY,
    "configuring-iam-database-auth": StatusMeaning.UNDER_WAY,
    "creating": StatusMeaning.UNDER_WAY,
    "failing-over": StatusMeaning.UNDER_WAY,
    "maintenance": StatusMeaning.UNDER_WAY,
    "migrating": StatusMeaning.UNDER_WAY,
    "modifying": StatusMeaning.UNDER_WAY,
    "promoting": StatusMeaning.UNDER_WAY,
    "renaming": StatusMeaning.UNDER_WAY,
    "resetting-master-credentials": StatusMeaning.UNDER_WAY,
    "starting": StatusMeaning.UNDER_WAY,
    "update-iam-db-auth": StatusMeaning.UNDER_WAY,
    "upgrading": StatusMeaning.UNDER_WAY,
    "failed": StatusMeaning.BAD_BACKUP,
    "incompatible-restore": StatusMeaning.BAD_BACKUP,
    "migration-failed": StatusMeaning.BAD_BACKUP,
    "cloning-failed": StatusMeaning.HOPELESS,
    "deleted": StatusMeaning.HOPELESS,
    "deleting": StatusMeaning.HOPELESS,
    "inaccessible-encryption-credentials": StatusMeaning.HOPELESS,
    "inaccessible-encryption-credentials-recoverable": StatusMeaning.HOPELESS,
    "preparing-data-migration": StatusMeaning.HOPELESS,
    "stopped": StatusMeaning.HOPELESS,
    "stopping": StatusMeaning.HOPELESS,
}
"""Amazon Aurora User Guide, "Viewing Amazon Aurora DB cluster status"; `migrating` is how a restore from a
snapshot shows there. `failed` and `incompatible-restore`: botocore's waiters.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """An Aurora cluster. An `available` one has its data, but accepts no connection without an instance."""

    identifier: str
    arn: str
    status: str
    resource_id: str = ""
    engine: str = ""
    engine_version: str = ""
    engine_mode: str = ""
    host: str = ""
    """Host name of the writer."""
    port: int = 0
    master_username: str = ""
    public: str = ""
    """The setting by which it can be reached from the internet; empty: none."""
    deletion_protection: bool = False
    backup_retention_days: int = 0
    backtrack_seconds: int = 0
    iam_authentication: bool = False
    pending: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    """Security groups, and members with a parameter group, that are not applied yet."""
    secret_arn: str = ""
    secret_status: str = ""
    parameter_group: str = ""
    subnet_group: str = ""
    roles: tuple[str, ...] = ()
    """ARNs of associated IAM roles."""
    members: tuple[str, ...] = ()
    """Identifiers of its instances."""
    writer: str = ""
    """The one that the endpoint leads to."""
    tags: Tags = field(default_factory=dict)

    @property
    def what(self) -> str:
        return "DB cluster"

    @property
    def progress(self) -> StatusMeaning:
        return CLUSTER_STATUSES.get(self.status, StatusMeaning.UNKNOWN)

    @property
    def ready(self) -> bool:
        """Whether no change is in progress."""
        return self.progress is StatusMeaning.READY and not self.pending and not self.unsettled


def cluster_view(raw: Mapping[str, Any]) -> ClusterView:
    secret = raw.get("MasterUserSecret") or {}
    members = raw.get("DBClusterMembers") or ()
    return ClusterView(
        identifier=raw["DBClusterIdentifier"],
        arn=raw.get("DBClusterArn", ""),
        status=raw.get("Status", ""),
        resource_id=raw.get("DbClusterResourceId", ""),
        engine=raw.get("Engine", ""),
        engine_version=raw.get("EngineVersion", ""),
        engine_mode=raw.get("EngineMode", ""),
        host=raw.get("Endpoint", ""),
        port=raw.get("Port", 0),
        master_username=raw.get("MasterUsername", ""),
        public=_public(raw),
        deletion_protection=bool(raw.get("DeletionProtection")),
        backup_retention_days=raw.get("BackupRetentionPeriod", 0),
        backtrack_seconds=raw.get("BacktrackWindow") or 0,
        iam_authentication=bool(raw.get("IAMDatabaseAuthenticationEnabled")),
        pending=tuple(sorted(raw.get("PendingModifiedValues") or {})),
        unsettled=(
            *(
                g["VpcSecurityGroupId"]
                for g in raw.get("VpcSecurityGroups") or ()
                if g.get("Status") != "active"
            ),
            *(
                m["DBInstanceIdentifier"]
                for m in members
                if m.get("DBClusterParameterGroupStatus") == "applying"
            ),
        ),
        secret_arn=secret.get("SecretArn", ""),
        secret_status=secret.get("SecretStatus", ""),
        parameter_group=raw.get("DBClusterParameterGroup", ""),
        subnet_group=raw.get("DBSubnetGroup", ""),
        roles=tuple(role["RoleArn"] for role in raw.get("AssociatedRoles") or ()),
        members=tuple(m["DBInstanceIdentifier"] for m in members),
        writer=next((m["DBInstanceIdentifier"] for m in members if m.get("IsClusterWriter")), ""),
        tags=as_dict(raw.get("TagList")),
    )


def _public(raw: Mapping[str, Any]) -> str:
    if raw.get("PubliclyAccessible"):
        return "PubliclyAccessible"
    if raw.get("InternetAccessGatewayEnabled"):
        return "InternetAccessGatewayEnabled"
    return ""


def cluster_snapshot_view(raw: Mapping[str, Any]) -> SnapshotView:
    """RDS returns neither the size of these snapshots nor the time of a copy's original: the tag of restorecheck has the
    time.
    """
    return SnapshotView(
        identifier=raw["DBClusterSnapshotIdentifier"],
        arn=raw["DBClusterSnapshotArn"],
        status=raw.get("Status", ""),
        type=raw.get("SnapshotType", ""),
        instance=raw.get("DBClusterIdentifier", ""),
        engine=raw.get("Engine", ""),
        engine_version=raw.get("EngineVersion", ""),
        engine_mode=raw.get("EngineMode", ""),
        dated_by_tag=True,
        create_time=raw.get("SnapshotCreateTime"),
        encrypted=bool(raw.get("StorageEncrypted")),
        encryption_type=raw.get("StorageEncryptionType", ""),
        kms_key_id=raw.get("KmsKeyId", ""),
        percent=raw.get("PercentProgress", 0),
        source_arn=raw.get("SourceDBClusterSnapshotArn", ""),
        tags=as_dict(raw.get("TagList")),
    )
