"""Two AWS accounts in memory, behind the clients that `restorecheck.aws` calls.

The real provider, inventory and retention run against it, and a night takes milliseconds: time
passes only when the `World` is told so. What AWS does stands in `docs/explanation/rds.md`; that
this cloud and the sandbox do the same is held by `tests/contract/test_cloud.py`.
"""

from restorecheck.testing.cloud.refusals import NoAnswer, Refusal
from restorecheck.testing.cloud.state import (
    BACKUP_ACCOUNT,
    REGION,
    SOURCE_ACCOUNT,
    Cloud,
    Outcome,
)
from restorecheck.testing.cloud.things import (
    Call,
    Data,
    Delivery,
    Home,
    Instance,
    Key,
    Pace,
    Quotas,
    Secret,
    Snapshot,
)

__all__ = [
    "BACKUP_ACCOUNT",
    "REGION",
    "SOURCE_ACCOUNT",
    "Call",
    "Cloud",
    "Data",
    "Delivery",
    "Home",
    "Instance",
    "Key",
    "NoAnswer",
    "Outcome",
    "Pace",
    "Quotas",
    "Refusal",
    "Secret",
    "Snapshot",
]
