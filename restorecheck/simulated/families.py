"""Instances and clusters, and the snapshots of each: one set of rules under two sets of names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The names of one of the two in the RDS API (botocore, `rds/2014-10-31`)."""

    owner: str
    """In operations, parameters and descriptions, as all that follow but the kinds of ARNs."""
    snapshot: str
    owner_arn: str
    snapshot_arn: str
    event_source: str
    fault: str
    """What the codes of its errors end with."""
    longest_snapshot: int
    """Characters of a snapshot's name."""
    restored_from: str
    """The parameter that names what is restored."""

    def parameter(self, name: str) -> str:
        """`SourceDBSnapshotIdentifier` → the name of the same parameter in this family."""
        return name.replace("DBSnapshot", self.snapshot).replace("DBInstance", self.owner)

    @property
    def owner_id(self) -> str:
        return f"{self.owner}Identifier"

    @property
    def snapshot_id(self) -> str:
        return f"{self.snapshot}Identifier"

    @property
    def no_owner(self) -> str:
        return f"{self.owner}NotFound{self.fault}"

    @property
    def no_snapshot(self) -> str:
        return f"{self.snapshot}NotFound{self.fault}"

    @property
    def owner_exists(self) -> str:
        return f"{self.owner}AlreadyExists{self.fault}"

    @property
    def snapshot_exists(self) -> str:
        return f"{self.snapshot}AlreadyExists{self.fault}"

    @property
    def bad_owner_state(self) -> str:
        return f"Invalid{self.owner}State{self.fault}"

    @property
    def bad_snapshot_state(self) -> str:
        return f"Invalid{self.snapshot}State{self.fault}"


INSTANCES = Family(
    owner="DBInstance",
    snapshot="DBSnapshot",
    owner_arn="db",
    snapshot_arn="snapshot",
    event_source="db-instance",
    fault="",
    longest_snapshot=255,
    restored_from="DBSnapshotIdentifier",
)
CLUSTERS = Family(
    owner="DBCluster",
    snapshot="DBClusterSnapshot",
    owner_arn="cluster",
    snapshot_arn="cluster-snapshot",
    event_source="db-cluster",
    fault="Fault",
    longest_snapshot=63,
    restored_from="SnapshotIdentifier",
)
"""Aurora's; the clusters of three instances (Multi-AZ) are no part of this machine."""
