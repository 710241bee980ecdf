"""Descriptions of RDS, reduced to what drills need: frozen and typed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from restorecheck.aws.session.naming import SNAPSHOT_TIME, Tags, as_dict, is_managed, moment_in

DEFAULT_KEY_ENCRYPTION = "sse-rds"
"""StorageEncryptionType of storage that is encrypted with a key owned by AWS."""


class StatusMeaning(StrEnum):
    """Meaning of a status for a drill that waits until the resource is ready."""

    READY = "ready"
    UNDER_WAY = "under way"
    BAD_BACKUP = "bad backup"  # RDS could not restore the data
    HOPELESS = "hopeless"  # it will not become ready, which says nothing about the backup
    UNKNOWN = "unknown"  # a status unknown to this version; the drill waits until its deadline


INSTANCE_STATUSES: Mapping[str, StatusMeaning] = {
    "available": StatusMeaning.READY,
    "storage-optimization": StatusMeaning.READY,
    "storage-initialization": StatusMeaning.READY,
    "backing-up": StatusMeaning.UNDER_WAY,
    "configuring-enhanced-monitoring": StatusMeaning.UNDER_WAY,
    "configuring-iam-database-auth": StatusMeaning.UNDER_WAY,
    "configuring-log-exports": StatusMeaning.UNDER_WAY,
    "converting-to-vpc": StatusMeaning.UNDER_WAY,
    "creating": StatusMeaning.UNDER_WAY,
    "maintenance": StatusMeaning.UNDER_WAY,
    "modifying": StatusMeaning.UNDER_WAY,
    "moving-to-vpc": StatusMeaning.UNDER_WAY,
    "rebooting": StatusMeaning.UNDER_WAY,
    "renaming": StatusMeaning.UNDER_WAY,
    "resetting-master-credentials": StatusMeaning.UNDER_WAY,
    "starting": StatusMeaning.UNDER_WAY,
    "storage-config-upgrade": StatusMeaning.UNDER_WAY,
    "upgrading": StatusMeaning.UNDER_WAY,
    "failed": StatusMeaning.BAD_BACKUP,
    "incompatible-restore": StatusMeaning.BAD_BACKUP,
    "restore-error": StatusMeaning.BAD_BACKUP,
    "delete-precheck": StatusMeaning.HOPELESS,
    "deleted": StatusMeaning.HOPELESS,
    "deleting": StatusMeaning.HOPELESS,
    "inaccessible-encryption-credentials": StatusMeaning.HOPELESS,
    "inaccessible-encryption-credentials-recoverable": StatusMeaning.HOPELESS,
    "incompatible-create": StatusMeaning.HOPELESS,
    "incompatible-credentials": StatusMeaning.HOPELESS,
    "incompatible-network": StatusMeaning.HOPELESS,
    "incompatible-option-group": StatusMeaning.HOPELESS,
    "incompatible-parameters": StatusMeaning.HOPELESS,
    "insufficient-capacity": StatusMeaning.HOPELESS,
    "modify-failed": StatusMeaning.HOPELESS,
    "stopped": StatusMeaning.HOPELESS,
    "stopping": StatusMeaning.HOPELESS,
    "storage-full": StatusMeaning.HOPELESS,
    "upgrade-failed": StatusMeaning.HOPELESS,
}
"""Amazon RDS User Guide, "Viewing DB instance status"; the terminal ones also after
aws-cloudformation-resource-providers-rds, DBInstanceStatus.java. botocore's waiter fails on five
of them and waits for ever on the rest.
"""

INSTANCE_HINTS: Mapping[str, str] = {
    "incompatible-network": "Check the subnet group: no free address may be left, or its VPC "
    "was deleted.",
    "incompatible-parameters": "Correct restore.db_parameter_group_name: the group does not "
    "fit this engine version or instance class.",
    "insufficient-capacity": "Choose another restore.db_instance_class, or a subnet group with more "
    "zones.",
    "inaccessible-encryption-credentials": "Check the KMS key of the copy: the key is "
    "disabled, or its policy has changed.",
    "inaccessible-encryption-credentials-recoverable": "Enable the KMS key of the copy.",
    "storage-full": "The restored instance has the same storage size as production, and it is "
    "full. Give production more storage.",
}

SNAPSHOT_STATUSES: Mapping[str, StatusMeaning] = {
    "available": StatusMeaning.READY,
    "copying": StatusMeaning.UNDER_WAY,
    "creating": StatusMeaning.UNDER_WAY,
    "pending": StatusMeaning.UNDER_WAY,
    "failed": StatusMeaning.HOPELESS,
    "deleting": StatusMeaning.HOPELESS,
    "deleted": StatusMeaning.HOPELESS,
    "incompatible-restore": StatusMeaning.HOPELESS,
    "incompatible-parameters": StatusMeaning.HOPELESS,
}
"""A failed copy says nothing about its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotView:
    """A DB snapshot, or one of an Aurora cluster."""

    identifier: str
    arn: str
    status: str
    type: str
    instance: str
    """Or cluster."""
    engine: str = ""
    engine_version: str = ""
    engine_mode: str = ""
    """Of Aurora: `serverless` is version 1."""
    dated_by_tag: bool = False
    """RDS tells of a copy neither the time of its original nor its last transaction; our tag does."""
    original_create_time: datetime | None = None
    """Does not change when the snapshot is copied."""
    database_time: datetime | None = None
    """Time of the last transaction that the snapshot contains."""
    create_time: datetime | None = None
    """None while the snapshot is in progress."""
    encrypted: bool = False
    encryption_type: str = ""
    kms_key_id: str = ""
    percent: int = 0
    source_arn: str = ""
    """Set for copies from another account or region."""
    storage_type: str = ""
    iops: int | None = None
    allocated_gib: int = 0
    full_size_bytes: int | None = None
    tags: Tags = field(default_factory=dict)

    @property
    def progress(self) -> StatusMeaning:
        return SNAPSHOT_STATUSES.get(self.status, StatusMeaning.UNKNOWN)

    @property
    def taken_at(self) -> datetime | None:
        """When the backup started; snapshots are sorted by this time. If RDS has none for a copy, the tag of
        restorecheck has it.
        """
        return self.original_create_time or self._told or self.create_time

    @property
    def _told(self) -> datetime | None:
        return moment_in(self.tags, SNAPSHOT_TIME) if is_managed(self.tags) else None

    def holds(self, snapshot_time: str, database_time: datetime | None) -> bool:
        """Whether this is a copy of the snapshot with this time (ISO 8601) and last transaction. RDS reports the
        time of the original snapshot; if it reported another or no time for a copy in another account
        (`simulated.unknowns`), the last transaction would still be the same.
        """
        original = self._told if self.dated_by_tag else self.original_create_time
        same = original is not None and original.isoformat() == snapshot_time
        return same or (self.database_time is not None and self.database_time == database_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """A DB instance."""

    identifier: str
    arn: str
    status: str
    resource_id: str = ""
    engine: str = ""
    engine_version: str = ""
    host: str = ""
    port: int = 0
    master_username: str = ""
    publicly_accessible: bool = False
    deletion_protection: bool = False
    backup_retention_days: int = 0
    iam_authentication: bool = False
    cluster: str = ""
    """Of Aurora: the identifier of its cluster."""
    pending: tuple[str, ...] = ()
    """Names of modifications in progress."""
    unsettled: tuple[str, ...] = ()
    """Security groups and parameter groups that are not applied yet."""
    secret_arn: str = ""
    secret_status: str = ""
    parameter_groups: tuple[str, ...] = ()
    option_groups: tuple[str, ...] = ()
    subnet_group: str = ""
    tags: Tags = field(default_factory=dict)

    @property
    def what(self) -> str:
        return "DB instance"

    @property
    def engine_mode(self) -> str:
        """Only clusters have one."""
        return ""

    @property
    def progress(self) -> StatusMeaning:
        return INSTANCE_STATUSES.get(self.status, StatusMeaning.UNKNOWN)

    @property
    def ready(self) -> bool:
        """Available, without a change in progress: as in AWS's own handler
        (aws-cloudformation-resource-providers-rds, DBInstancePredicates.java).
        """
        settled = not self.pending and not self.unsettled
        return self.progress is StatusMeaning.READY and settled and bool(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event of a DB instance or a cluster."""

    at: datetime
    instance: str
    """Or cluster."""
    message: str


def snapshot_view(raw: Mapping[str, Any]) -> SnapshotView:
    return SnapshotView(
        identifier=raw["DBSnapshotIdentifier"],
        arn=raw["DBSnapshotArn"],
        status=raw.get("Status", ""),
        type=raw.get("SnapshotType", ""),
        instance=raw.get("DBInstanceIdentifier", ""),
        engine=raw.get("Engine", ""),
        engine_version=raw.get("EngineVersion", ""),
        original_create_time=raw.get("OriginalSnapshotCreateTime"),
        database_time=raw.get("SnapshotDatabaseTime"),
        create_time=raw.get("SnapshotCreateTime"),
        encrypted=bool(raw.get("Encrypted")),
        encryption_type=raw.get("StorageEncryptionType", ""),
        kms_key_id=raw.get("KmsKeyId", ""),
        percent=raw.get("PercentProgress", 0),
        source_arn=raw.get("SourceDBSnapshotIdentifier", ""),
        storage_type=raw.get("StorageType", ""),
        iops=raw.get("Iops"),
        allocated_gib=raw.get("AllocatedStorage", 0),
        full_size_bytes=raw.get("FullSnapshotSizeInBytes"),
        tags=as_dict(raw.get("TagList")),
    )


def instance_view(raw: Mapping[str, Any]) -> InstanceView:
    endpoint = raw.get("Endpoint") or {}
    secret = raw.get("MasterUserSecret") or {}
    security = raw.get("VpcSecurityGroups") or ()
    parameters = raw.get("DBParameterGroups") or ()
    return InstanceView(
        identifier=raw["DBInstanceIdentifier"],
        arn=raw.get("DBInstanceArn", ""),
        status=raw.get("DBInstanceStatus", ""),
        resource_id=raw.get("DbiResourceId", ""),
        engine=raw.get("Engine", ""),
        engine_version=raw.get("EngineVersion", ""),
        host=endpoint.get("Address", ""),
        port=endpoint.get("Port", 0),
        master_username=raw.get("MasterUsername", ""),
        publicly_accessible=bool(raw.get("PubliclyAccessible")),
        deletion_protection=bool(raw.get("DeletionProtection")),
        backup_retention_days=raw.get("BackupRetentionPeriod", 0),
        iam_authentication=bool(raw.get("IAMDatabaseAuthenticationEnabled")),
        cluster=raw.get("DBClusterIdentifier", ""),
        pending=tuple(sorted(raw.get("PendingModifiedValues") or {})),
        unsettled=(
            *(g["VpcSecurityGroupId"] for g in security if g.get("Status") != "active"),
            *(
                g["DBParameterGroupName"]
                for g in parameters
                if g.get("ParameterApplyStatus") == "applying"
            ),
        ),
        secret_arn=secret.get("SecretArn", ""),
        secret_status=secret.get("SecretStatus", ""),
        parameter_groups=tuple(g["DBParameterGroupName"] for g in parameters),
        option_groups=tuple(g["OptionGroupName"] for g in raw.get("OptionGroupMemberships") or ()),
        subnet_group=(raw.get("DBSubnetGroup") or {}).get("DBSubnetGroupName", ""),
        tags=as_dict(raw.get("TagList")),
    )


def event_view(raw: Mapping[str, Any]) -> EventView:
    return EventView(
        at=raw["Date"],
        instance=raw.get("SourceIdentifier", ""),
        message=" ".join(raw.get("Message", "").split()),
    )
