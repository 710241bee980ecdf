"""Instances and snapshots as the sandbox keeps them, and how RDS describes them."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from restorecheck.sandbox.servers import Server
from restorecheck.testing.cloud.rules import COPIED, Description, tag_list


@dataclass(slots=True, kw_only=True)
class Instance:
    """A DB instance; `server` is there while its storage is."""

    identifier: str
    arn: str
    resource_id: str
    created_at: datetime
    visible_from: float
    settings: Description
    """What was asked for or inherited, under the names of the API."""
    tags: dict[str, str]
    status: str = "creating"
    server: Server | None = None
    pending: Description = field(default_factory=dict)
    pending_from: float = 0.0
    """Modifications are not seen at once: until then all looks done."""
    secret_arn: str = ""
    secret_status: str = ""
    restart_at: datetime | None = None
    replications: list[str] = field(default_factory=list)
    """ARNs of its automated backups in other regions."""

    @property
    def visible(self) -> bool:
        return time.monotonic() >= self.visible_from

    @property
    def _shows_pending(self) -> bool:
        return time.monotonic() >= self.pending_from

    @property
    def master(self) -> str:
        return str(self.settings["MasterUsername"])

    @property
    def encrypted(self) -> bool:
        return bool(self.settings.get("KmsKeyId"))

    def describe(self) -> Description:
        settings = self.settings
        described: Description = {
            "DBInstanceIdentifier": self.identifier,
            "DBInstanceArn": self.arn,
            "DbiResourceId": self.resource_id,
            "DBInstanceStatus": self.status,
            "InstanceCreateTime": self.created_at,
            "StorageEncrypted": self.encrypted,
            "PendingModifiedValues": self.pending if self._shows_pending else {},
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
        }
        described |= {key: settings[key] for key in COPIED if key in settings}
        described["IAMDatabaseAuthenticationEnabled"] = bool(
            settings.get("EnableIAMDatabaseAuthentication")
        )
        if self.server is not None and self.server.port:
            described["Endpoint"] = {
                "Address": "127.0.0.1",
                "Port": self.server.port,
                "HostedZoneId": "SANDBOX",
            }
        if self.secret_arn:
            described["MasterUserSecret"] = {
                "SecretArn": self.secret_arn,
                "SecretStatus": self.secret_status,
            }
        if self.restart_at is not None:
            described["AutomaticRestartTime"] = self.restart_at
        return described


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A DB snapshot; `data` is a data directory of its own."""

    identifier: str
    arn: str
    account_id: str
    type: str
    instance: str
    instance_settings: Description
    instance_tags: dict[str, str]
    data: Path | None
    visible_from: float
    original_at: datetime
    database_at: datetime
    created_at: datetime | None = None
    status: str = "creating"
    percent: int = 0
    kms_key_id: str = ""
    source_arn: str = ""
    copied_from: str = ""
    """As `source_arn`, also for copies within the account and region, where RDS does not say it."""
    tags: dict[str, str] = field(default_factory=dict)
    shared: dict[str, float] = field(default_factory=dict)
    """Account to the moment from which it may use the snapshot."""

    @property
    def visible(self) -> bool:
        return time.monotonic() >= self.visible_from

    @property
    def in_progress(self) -> bool:
        return self.status in {"creating", "copying"}

    def usable_by(self, account_id: str) -> bool:
        return any(
            time.monotonic() >= self.shared[who]
            for who in (account_id, "all")
            if who in self.shared
        )

    def describe(self, account_id: str) -> Description:
        """As this account sees it: a foreign one has its ARN for a name, and no tags."""
        own = account_id == self.account_id
        settings = self.instance_settings
        described: Description = {
            "DBSnapshotIdentifier": self.identifier if own else self.arn,
            "DBSnapshotArn": self.arn,
            "DBInstanceIdentifier": self.instance,
            "SnapshotType": self.type if own else "shared",
            "Status": self.status,
            "PercentProgress": self.percent,
            "OriginalSnapshotCreateTime": self.original_at,
            "SnapshotDatabaseTime": self.database_at,
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
            "TagList": tag_list(self.tags) if own else [],
        }
        if self.created_at is not None:
            described["SnapshotCreateTime"] = self.created_at
        if self.kms_key_id:
            described["KmsKeyId"] = self.kms_key_id
        if self.source_arn:
            described["SourceDBSnapshotIdentifier"] = self.source_arn
        return described
