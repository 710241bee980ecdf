"""What a target costs, approximately: for the plan, which makes no call and knows no size. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from restorecheck.aws.aurora.settings import SERVERLESS, AuroraSettings
from restorecheck.spelling import number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """On-demand list prices in USD without tax."""

    region: str
    read_on: date
    """A price may have changed since."""
    source: str
    usd: Mapping[str, float]
    """By usage type."""


BACKUP = "Aurora:BackupUsage"
"""GB and month of snapshots beyond the free allowance; copies in another account have none."""
STORAGE = "Aurora:StorageUsage"
"""GB and month of the volume of an Aurora Standard cluster."""
CAPACITY = "Aurora:ServerlessV2Usage"
"""Aurora capacity unit and hour."""
TRANSFER = "AWS-Out-Bytes"
"""GB to another region."""

LIST = PriceTable(
    region="us-east-1",
    read_on=date(2026, 11, 30),
    source="https://aws.amazon.com/rds/aurora/pricing/ and the AWS price list of AmazonRDS, as quoted by others: "
    "not read from AWS itself",
    usd={BACKUP: 0.021, STORAGE: 0.10, CAPACITY: 0.12, TRANSFER: 0.02},
)
PER_GB = 100
HOURS_OF_A_MONTH = 730


def sentence(settings: AuroraSettings, prices: PriceTable = LIST) -> str:
    """For 100 GB of the cluster and an hour of the restored one."""
    usd, backup = prices.usd, settings.backup
    parts = []
    if not settings.direct:
        kept = number_of(backup.keep_copies, "full copy", "full copies")
        monthly = PER_GB * backup.keep_copies * usd[BACKUP]
        parts.append(f"{kept} of each {PER_GB} GB {monthly:.2f} USD a month")
        if backup.place.region != settings.source.place.region:
            nightly = PER_GB * usd[TRANSFER]
            parts.append(f"their transfer to {backup.place.region} {nightly:.2f} USD a drill")
    volume = PER_GB * usd[STORAGE] / HOURS_OF_A_MONTH
    parts.append(f"the restored volume {volume:.3f} USD an hour for each {PER_GB} GB")
    parts.append(_instance(settings, usd[CAPACITY]))
    return (
        f"costs about: {'; '.join(parts)} (list prices of {prices.region} of {prices.read_on:%Y-%m-%d}, without "
        "tax; prices of other regions differ)"
    )


def _instance(settings: AuroraSettings, of_unit: float) -> str:
    restore = settings.restore
    if restore.db_instance_class != SERVERLESS or restore.capacity is None:
        return f"the instance the hourly price of {restore.db_instance_class}"
    least, most = (limit * of_unit for limit in restore.capacity)
    return f"the instance {least:.2f} to {most:.2f} USD an hour"
