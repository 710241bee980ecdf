"""Which engines can be drilled, and what is said of the others."""

from restorecheck.aws.session.snapshot_kinds import OF_CLUSTERS, OF_INSTANCES, SnapshotKind
from restorecheck.lifecycle import Unclear

PLANNED = {
    "aurora": "Aurora MySQL",
    "aurora-mysql": "Aurora MySQL",
    "mariadb": "MariaDB",
    "mysql": "MySQL",
}
"""RDS API, DBInstance, Engine → what it is called."""


def refusal(kind: SnapshotKind, identifier: str, engine: str, mode: str) -> Unclear | None:
    """Why snapshots of this engine are not drilled; None where they are, or the engine is not known.

    `mode`: EngineMode of a cluster; `serverless` is version 1, which cannot be restored as version 2 in one call.
    """
    if mode == "serverless":
        return Unclear(
            reason=f"could not drill {identifier}: it is an Aurora Serverless v1 cluster",
            hint="Migrate the cluster to Aurora Serverless v2 or to provisioned instances.",
        )
    if engine in {kind.engine, ""}:
        return None
    if engine == OF_CLUSTERS.engine:
        return Unclear(
            reason=f"could not drill {identifier} with the key `rds`: its engine is {engine}",
            hint="Write a target with the key `aurora`, and the cluster's identifier.",
        )
    if engine == OF_INSTANCES.engine:
        return Unclear(
            reason=f"could not drill {identifier} with the key `aurora`: its engine is {engine}",
            hint="Write a target with the key `rds`. Clusters of three instances (Multi-AZ DB "
            "clusters) cannot be drilled: RDS does not share their snapshots.",
        )
    if engine in PLANNED:
        return Unclear(
            reason=f"could not drill {identifier}: its engine is {PLANNED[engine]} ({engine}), and "
            "this version of restorecheck restores PostgreSQL only",
            hint="Drills of MySQL, MariaDB and Aurora MySQL are planned for a later version.",
        )
    return Unclear(
        reason=f"could not drill {identifier}: its engine is {engine}, and this version of "
        "restorecheck restores PostgreSQL only"
    )
