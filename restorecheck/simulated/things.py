"""What instances, clusters and snapshots are to RDS, and how it describes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from restorecheck.simulated.families import CLUSTERS, INSTANCES, Family

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

COPIED_OF_CLUSTERS = (
    "Engine",
    "EngineVersion",
    "EngineLifecycleSupport",
    "MasterUsername",
    "DatabaseName",
    "KmsKeyId",
    "BackupRetentionPeriod",
    "BacktrackWindow",
    "DeletionProtection",
    "CopyTagsToSnapshot",
    "ServerlessV2ScalingConfiguration",
)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def attributes(snapshot: "Snapshot") -> Description:
    """The answer about whom a snapshot is shared with."""
    restore = {"AttributeName": "restore", "AttributeValues": sorted(snapshot.shared)}
    word = snapshot.family.snapshot
    return {
        f"{word}AttributesResult": {
            snapshot.family.snapshot_id: snapshot.identifier,
            f"{word}Attributes": [restore],
        }
    }


def event(source: str, kind: str, arn: str, message: str, at: datetime) -> Description:
    return {
        "SourceIdentifier": source,
        "SourceType": kind,
        "SourceArn": arn,
        "Message": message,
        "EventCategories": [],
        "Date": at,
    }


@dataclass(slots=True, kw_only=True)
class Thing:
    """What an instance, a cluster and a snapshot have in common."""

    identifier: str
    arn: str
    tags: dict[str, str]
    status: str = "creating"
    visible_from: datetime
    """Before this time lists do not show it; a describe call by name does."""
    tags_from: datetime
    made_by: str = ""
    """Name of the caller."""
    shown_status: str = ""
    """Said in place of the status while it is set: a word of the future, or a wrong one."""

    def shown_tags(self, now: datetime) -> list[dict[str, str]]:
        return tag_list(self.tags) if now >= self.tags_from else []


UNREACHABLE = frozenset(
    {"creating", "stopping", "stopped", "starting", "upgrading", "deleting", "failed"}
)


@dataclass(slots=True, kw_only=True)
class Database(Thing):
    """What an instance and a cluster have in common: settings, a master password, data."""

    family: ClassVar[Family]
    resource_id: str = ""
    created_at: datetime
    settings: Description
    """What was asked for or inherited, under the names of the API."""
    up: bool = False
    """Its server has been started once, and so it has an address."""
    pending: Description = field(default_factory=dict)
    pending_from: datetime | None = None
    """Modifications are not seen at once: until then all looks done."""
    secret_arn: str = ""
    secret_status: str = ""
    restart_at: datetime | None = None
    upgrading_since: datetime | None = None
    password: str = field(default="", repr=False)
    """Of the master user."""
    host: str = ""
    data: Any = None
    """What is in it, where a face keeps values."""
    server: Any = None
    """What serves it, where a face keeps servers."""

    @property
    def master(self) -> str:
        return str(self.settings["MasterUsername"])

    @property
    def retention(self) -> int:
        """Days for which automated backups are kept; 0: there are none."""
        return int(self.settings.get("BackupRetentionPeriod", 0))

    @property
    def reachable(self) -> bool:
        return self.up and self.status not in UNREACHABLE

    def described_in_common(self, now: datetime) -> Description:
        settings = self.settings
        shows_pending = self.pending_from is None or now >= self.pending_from
        described: Description = {
            "StorageEncrypted": bool(settings.get("KmsKeyId")),
            "PendingModifiedValues": dict(self.pending) if shows_pending else {},
            "TagList": self.shown_tags(now),
            "VpcSecurityGroups": [
                {"VpcSecurityGroupId": group, "Status": "active"}
                for group in settings.get("VpcSecurityGroupIds", [])
            ],
            "IAMDatabaseAuthenticationEnabled": bool(
                settings.get("EnableIAMDatabaseAuthentication")
            ),
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
class Instance(Database):
    """A DB instance; of Aurora, one that serves a cluster, which has the data and the settings."""

    family: ClassVar[Family] = INSTANCES
    replications: list[str] = field(default_factory=list)
    """ARNs of its automated backups in other regions."""
    logs: dict[str, str] = field(default_factory=dict)
    """Files beside the server's log, by name."""

    @property
    def cluster(self) -> str:
        """Of Aurora, the identifier of its cluster; else empty."""
        return str(self.settings.get("DBClusterIdentifier", ""))

    def describe(self, now: datetime, endpoint: tuple[str, int] | None) -> Description:
        settings = self.settings
        described: Description = {
            **self.described_in_common(now),
            "DBInstanceIdentifier": self.identifier,
            "DBInstanceArn": self.arn,
            "DbiResourceId": self.resource_id,
            "DBInstanceStatus": self.shown_status or self.status,
            "InstanceCreateTime": self.created_at,
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
        if self.cluster:
            described["DBClusterIdentifier"] = self.cluster
        if endpoint is not None:
            host, port = endpoint
            described["Endpoint"] = {"Address": host, "Port": port, "HostedZoneId": "Z0"}
        return described


@dataclass(slots=True, kw_only=True)
class Cluster(Database):
    """An Aurora cluster: the data, and the settings of its instances. Without an instance it accepts no connection."""

    family: ClassVar[Family] = CLUSTERS
    members: list[Instance] = field(default_factory=list)
    """The writer first."""
    restored_from: "Snapshot | None" = None
    served: bool = False
    """An instance has opened the data once."""

    @property
    def reachable(self) -> bool:
        """Only where an instance serves it."""
        served = any(member.reachable for member in self.members)
        return self.up and self.status not in UNREACHABLE and served

    def describe(self, now: datetime, endpoint: tuple[str, int] | None) -> Description:
        settings = self.settings
        described: Description = {
            **self.described_in_common(now),
            "DBClusterIdentifier": self.identifier,
            "DBClusterArn": self.arn,
            "DbClusterResourceId": self.resource_id,
            "Status": self.shown_status or self.status,
            "ClusterCreateTime": self.created_at,
            "DBSubnetGroup": settings.get("DBSubnetGroupName", "default"),
            "EngineMode": "provisioned",
            "StorageType": settings.get("StorageType", "aurora"),
            "AssociatedRoles": [
                {"RoleArn": role["RoleArn"], "Status": "ACTIVE"}
                for role in settings.get("AssociatedRoles", [])
            ],
            "DBClusterMembers": [
                {
                    "DBInstanceIdentifier": member.identifier,
                    "IsClusterWriter": member is self.members[0],
                    "DBClusterParameterGroupStatus": "in-sync",
                    "PromotionTier": 1,
                }
                for member in self.members
            ],
        }
        described |= {key: settings[key] for key in COPIED_OF_CLUSTERS if key in settings}
        described["DBClusterParameterGroup"] = settings["DBClusterParameterGroupName"]
        if endpoint is not None:
            described["Endpoint"], described["Port"] = endpoint
            described["ReaderEndpoint"] = endpoint[0].replace(".cluster-", ".cluster-ro-")
        return described


@dataclass(slots=True, kw_only=True)
class Snapshot(Thing):
    """A DB snapshot. What is said of its instance is of the cluster, where it is a cluster's."""

    family: ClassVar[Family] = INSTANCES
    account_id: str
    type: str
    instance: str
    instance_settings: Description
    instance_tags: dict[str, str]
    original_at: datetime
    says_original: bool = True
    """See `unknowns.Original`."""
    database_at: datetime
    created_at: datetime | None = None
    percent: int = 0
    kms_key_id: str = ""
    source_arn: str = ""
    copied_from: str = ""
    """As `source_arn`, also for copies within the account and region, where RDS does not say it."""
    shared: dict[str, datetime] = field(default_factory=dict)
    """Account to the moment from which it may use the snapshot."""
    asked_by: set[str] = field(default_factory=set)
    """Foreign accounts that have asked for it."""
    password: str = field(default="", repr=False)
    """Of the master user, when it was taken."""
    data: Any = None
    """What is in it: the face's own."""

    @property
    def in_progress(self) -> bool:
        return self.status in {"creating", "copying"}

    def usable_by(self, account_id: str, now: datetime) -> bool:
        return any(now >= self.shared[who] for who in (account_id, "all") if who in self.shared)

    def describe(self, account_id: str, now: datetime) -> Description:
        """As this account sees it: a foreign one has its ARN for a name, and no tags."""
        described = self._described(now)
        if account_id != self.account_id:
            described |= {
                self.family.snapshot_id: self.arn,
                "SnapshotType": "shared",
                "TagList": [],
            }
        return described

    def _described(self, now: datetime) -> Description:
        settings = self.instance_settings
        described: Description = {
            "DBSnapshotIdentifier": self.identifier,
            "DBSnapshotArn": self.arn,
            "DBInstanceIdentifier": self.instance,
            "SnapshotType": self.type,
            "Status": self.shown_status or self.status,
            "PercentProgress": self.percent,
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
            "TagList": self.shown_tags(now),
        }
        said = {
            "OriginalSnapshotCreateTime": self.original_at if self.says_original else None,
            "SnapshotCreateTime": self.created_at,
            "Iops": settings.get("Iops"),
            "KmsKeyId": self.kms_key_id,
            "SourceDBSnapshotIdentifier": self.source_arn,
        }
        return described | {key: value for key, value in said.items() if value}


@dataclass(slots=True, kw_only=True)
class ClusterSnapshot(Snapshot):
    """A snapshot of an Aurora cluster. RDS says neither its size nor the time of the first one that a copy
    comes from; `SnapshotCreateTime` is that of the copy.
    """

    family: ClassVar[Family] = CLUSTERS

    def _described(self, now: datetime) -> Description:
        settings = self.instance_settings
        described: Description = {
            "DBClusterSnapshotIdentifier": self.identifier,
            "DBClusterSnapshotArn": self.arn,
            "DBClusterIdentifier": self.instance,
            "SnapshotType": self.type,
            "Status": self.shown_status or self.status,
            "PercentProgress": self.percent,
            "StorageEncrypted": bool(self.kms_key_id),
            "Engine": settings["Engine"],
            "EngineVersion": settings["EngineVersion"],
            "EngineMode": "provisioned",
            "MasterUsername": settings["MasterUsername"],
            "AllocatedStorage": 1,
            "StorageType": settings.get("StorageType", "aurora"),
            "IAMDatabaseAuthenticationEnabled": bool(
                settings.get("EnableIAMDatabaseAuthentication")
            ),
            "TagList": self.shown_tags(now),
        }
        said = {
            "SnapshotCreateTime": self.created_at,
            "KmsKeyId": self.kms_key_id,
            "SourceDBClusterSnapshotArn": self.source_arn,
        }
        return described | {key: value for key, value in said.items() if value}


@dataclass(slots=True, kw_only=True)
class Region:
    """Everything of RDS in one account and region."""

    account_id: str
    region: str
    instances: dict[str, Instance] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    cluster_snapshots: dict[str, Snapshot] = field(default_factory=dict)
    events: list[Description] = field(default_factory=list)

    def arn(self, kind: str, name: str, service: str = "rds") -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{kind}:{name}"

    def snapshots_of(self, family: Family) -> dict[str, Snapshot]:
        return self.snapshots if family is INSTANCES else self.cluster_snapshots

    def owners_of(self, family: Family) -> Mapping[str, Database]:
        return self.instances if family is INSTANCES else self.clusters

    def tell(self, thing: Database, message: str, at: datetime) -> None:
        kind = thing.family.event_source
        self.events.append(event(thing.identifier, kind, thing.arn, message, at))
