"""What instances and snapshots are to RDS, and how it describes them: the same in memory and in the
sandbox, which add what is behind them (a value, or a real server) and when they are seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Description = dict[str, Any]
Parameters = Mapping[str, Any]

COPIED = (
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "EngineLifecycleSupport",
    "MasterUsername",
    "DBName",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "KmsKeyId",
    "BackupRetentionPeriod",
    "PubliclyAccessible",
    "MultiAZ",
    "DeletionProtection",
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
    "DedicatedLogVolume",
)
"""Settings that are described under the names under which they were given."""


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def attributes(snapshot: "RdsSnapshot", shared: Iterable[str]) -> Description:
    """The answer about whom a snapshot is shared with."""
    restore = {"AttributeName": "restore", "AttributeValues": sorted(shared)}
    return {
        "DBSnapshotAttributesResult": {
            "DBSnapshotIdentifier": snapshot.identifier,
            "DBSnapshotAttributes": [restore],
        }
    }


def event(instance: str, arn: str, message: str, at: datetime) -> Description:
    return {
        "SourceIdentifier": instance,
        "SourceType": "db-instance",
        "SourceArn": arn,
        "Message": message,
        "EventCategories": [],
        "Date": at,
    }


@dataclass(slots=True, kw_only=True)
class RdsInstance:
    """A DB instance."""

    identifier: str
    arn: str
    resource_id: str
    created_at: datetime
    settings: Description
    """What was asked for or inherited, under the names of the API."""
    tags: dict[str, str]
    status: str = "creating"
    pending: Description = field(default_factory=dict)
    secret_arn: str = ""
    secret_status: str = ""

    def described(self, *, shows_pending: bool) -> Description:
        settings = self.settings
        described: Description = {
            "DBInstanceIdentifier": self.identifier,
            "DBInstanceArn": self.arn,
            "DbiResourceId": self.resource_id,
            "DBInstanceStatus": self.status,
            "InstanceCreateTime": self.created_at,
            "StorageEncrypted": bool(settings.get("KmsKeyId")),
            "PendingModifiedValues": dict(self.pending) if shows_pending else {},
            "TagList": tag_list(self.tags),
            "VpcSecurityGroups": [
                {"VpcSecurityGroupId": group, "Status": "active"}
                for group in settings.get("VpcSecurityGroupIds", [])
            ],
            "DBParameterGroups": [
                {
                    "DBParameterGroupName": settings["DBParameterGroupName"],
                    "ParameterApplyStatus": "in-sync",
                }
            ],
            "OptionGroupMemberships": [
                {"OptionGroupName": settings["OptionGroupName"], "Status": "in-sync"}
            ],
            "DBSubnetGroup": {"DBSubnetGroupName": settings.get("DBSubnetGroupName", "default")},
            "IAMDatabaseAuthenticationEnabled": bool(
                settings.get("EnableIAMDatabaseAuthentication")
            ),
        }
        described |= {key: settings[key] for key in COPIED if key in settings}
        if self.secret_arn:
            described["MasterUserSecret"] = {
                "SecretArn": self.secret_arn,
                "SecretStatus": self.secret_status,
            }
        return described


@dataclass(slots=True, kw_only=True)
class RdsSnapshot:
    """A DB snapshot."""

    identifier: str
    arn: str
    account_id: str
    type: str
    instance: str
    instance_settings: Description
    instance_tags: dict[str, str]
    original_at: datetime
    created_at: datetime | None = None
    status: str = "creating"
    percent: int = 0
    kms_key_id: str = ""
    source_arn: str = ""
    copied_from: str = ""
    """As `source_arn`, also for copies within the account and region, where RDS does not say it."""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        return self.status in {"creating", "copying"}

    def described(self) -> Description:
        """As its own account sees it."""
        settings = self.instance_settings
        described: Description = {
            "DBSnapshotIdentifier": self.identifier,
            "DBSnapshotArn": self.arn,
            "DBInstanceIdentifier": self.instance,
            "SnapshotType": self.type,
            "Status": self.status,
            "PercentProgress": self.percent,
            "OriginalSnapshotCreateTime": self.original_at,
            "SnapshotDatabaseTime": self.original_at,
            "Encrypted": bool(self.kms_key_id),
            "Engine": settings["Engine"],
            "EngineVersion": settings["EngineVersion"],
            "MasterUsername": settings["MasterUsername"],
            "AllocatedStorage": settings["AllocatedStorage"],
            "StorageType": settings["StorageType"],
            "OptionGroupName": settings["OptionGroupName"],
            "IAMDatabaseAuthenticationEnabled": bool(
                settings.get("EnableIAMDatabaseAuthentication")
            ),
            "TagList": tag_list(self.tags),
        }
        if self.created_at is not None:
            described["SnapshotCreateTime"] = self.created_at
        if self.kms_key_id:
            described["KmsKeyId"] = self.kms_key_id
        if self.source_arn:
            described["SourceDBSnapshotIdentifier"] = self.source_arn
        return described
