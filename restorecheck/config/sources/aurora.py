"""Aurora: the keys, with AWS's own names and values, and what holds between them."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from restorecheck.checks.keys import Hours, Keys, Text, optional, refusal
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.sources.kind import SourceKind, Written
from restorecheck.config.sources.rds import (
    InstanceName,
    RdsBackup,
    RdsSource,
    Region,
    TemporaryDatabase,
    between_accounts,
    mapping,
    matching,
)

SERVERLESS = "db.serverless"
LEAST_ACU, MOST_ACU = 0.5, 256
_PRICE_OF_COPIES = (
    "copy: the snapshot is copied into the backup account and restored there; the copy is the "
    "off-account backup. Copies of Aurora are always full: each of keep_copies is billed with the size of "
    "the whole cluster. shared: the source account shares a snapshot, which is restored without a copy; "
    "nothing is kept in the backup account."
)


def _half_steps(value: float) -> float:
    if value * 2 % 1:
        raise refusal("expected Aurora capacity units in steps of 0.5, found {found}")
    return value


Acu = Annotated[float, Field(ge=LEAST_ACU, le=MOST_ACU), AfterValidator(_half_steps)]


AuroraClass = Annotated[
    str,
    matching(
        r"db\.(serverless|[a-z0-9-]+\.[a-z0-9-]+)",
        "db.serverless or an instance class such as db.r6g.large",
    ),
]


class AuroraServerless(Keys):
    """Limits of Aurora Serverless v2."""

    min_acu: Acu = Field(
        default=LEAST_ACU,
        description="Minimum capacity in Aurora capacity units (ACU). With a larger minimum, large tables are read "
        "faster, because Aurora adds capacity in proportion to the present capacity.",
    )
    max_acu: Acu = Field(default=8.0, description="Maximum capacity in ACU.")


class AuroraRestore(TemporaryDatabase):
    """The temporary cluster and its one instance."""

    db_instance_class: AuroraClass = Field(
        description="Class of the temporary instance: db.serverless (Aurora Serverless v2), or one such as "
        "db.r6g.large."
    )
    serverless_v2: AuroraServerless | None = optional(
        "Limits of capacity; required with db_instance_class: db.serverless."
    )
    db_cluster_parameter_group_name: Text | None = Field(
        default=None,
        description="Cluster parameter group; by default the default group of AWS for the engine, not "
        "the group of production.",
    )


class Aurora(Keys):
    """Automated snapshots of an Aurora PostgreSQL cluster."""

    db_cluster_identifier: InstanceName = Field(
        description="Identifier of the production DB cluster."
    )
    region: Region = Field(description="Region of the DB cluster.")
    origin: Literal["copy", "shared"] = Field(
        default="copy", alias="from", description=_PRICE_OF_COPIES
    )
    source: RdsSource = Field(description="The account that holds production.")
    backup: RdsBackup = Field(description="The account that owns the copies.")
    restore: AuroraRestore = Field(description="Settings of the temporary cluster.")
    max_age_hours: Hours = Field(
        default=26.0, description="The drill fails if the newest snapshot is older than this."
    )
    after: Literal["delete", "stop"] = Field(
        default="delete",
        description="What happens to a verified cluster. delete: it is deleted. stop: it is stopped and "
        "kept as a warm standby until the next cluster is verified; its storage is billed.",
    )


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    path = (*written.path, "aurora")
    yield from between_accounts(written.keys, path)
    yield from _capacity(mapping(written.keys, "restore"), (*path, "restore"))
    backup = mapping(written.keys, "backup")
    if written.keys.get("from") == "shared" and "keep_copies" in backup:
        message = "keep_copies is allowed only with from: copy; with from: shared no copy is kept"
        yield ConfigFinding((*path, "backup", "keep_copies"), message)


def _capacity(restore: dict[str, Any], path: Path) -> Iterator[ConfigFinding]:
    limits = restore.get("serverless_v2")
    serverless = restore.get("db_instance_class") == SERVERLESS
    if serverless and limits is None:
        message = f"db_instance_class: {SERVERLESS} needs serverless_v2, the limits of its capacity"
        yield ConfigFinding(path, message)
    if not serverless and limits is not None:
        message = f"serverless_v2 is allowed only with db_instance_class: {SERVERLESS}"
        yield ConfigFinding((*path, "serverless_v2"), message)
    if not isinstance(limits, dict):
        return
    least, most = limits.get("min_acu", LEAST_ACU), limits.get("max_acu", 8.0)
    if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
        message = f"min_acu {least:g} is greater than max_acu {most:g}"
        yield ConfigFinding((*path, "serverless_v2", "min_acu"), message)


AURORA = SourceKind(
    key="aurora",
    keys=Aurora,
    help="The backups are automated snapshots of an Aurora PostgreSQL cluster.",
    physical=True,
    in_aws=True,
    selects=True,
    from_account=True,
    upgrades=True,
    broken_rules=_broken_rules,
)
