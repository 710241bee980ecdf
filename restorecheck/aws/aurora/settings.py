"""What the configuration says of one Aurora target."""

from dataclasses import dataclass
from typing import ClassVar

from restorecheck.aws.session.settings import RestoreSettings, SnapshotSettings
from restorecheck.aws.session.snapshot_kinds import OF_CLUSTERS, SnapshotKind

SERVERLESS = "db.serverless"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuroraRestoreSettings(RestoreSettings):
    """The temporary cluster and its instance."""

    db_cluster_parameter_group_name: str | None = None
    min_acu: float | None = None
    max_acu: float | None = None
    """Aurora capacity units; set for the class `db.serverless` only."""

    @property
    def parameter_group(self) -> str | None:
        return self.db_cluster_parameter_group_name

    @property
    def capacity(self) -> tuple[float, float] | None:
        limits = (self.min_acu, self.max_acu)
        return None if None in limits else limits  # type: ignore[return-value]  # both are set, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class AuroraSettings(SnapshotSettings):
    """One Aurora cluster."""

    kind: ClassVar[SnapshotKind] = OF_CLUSTERS
    db_cluster_identifier: str
    restore: AuroraRestoreSettings

    @property
    def identifier(self) -> str:
        return self.db_cluster_identifier
