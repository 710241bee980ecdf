"""Two AWS accounts in memory, behind the clients that `restorecheck.aws` calls.

The real provider, inventory and retention run against it, and a night takes milliseconds: time
passes only when the `World` is told so. What RDS does stands in `restorecheck.simulated`, which the
sandbox has, too; `docs/explanation/rds.md` says what of it is known.
"""

from restorecheck.simulated import (
    NEVER,
    Cluster,
    Database,
    Instance,
    PlannedOutcome,
    Quotas,
    Refusal,
    Snapshot,
    Unknowns,
)
from restorecheck.simulated.refusals import NoReply
from restorecheck.testing.cloud.state import BACKUP_ACCOUNT, REGION, SOURCE_ACCOUNT, Cloud
from restorecheck.testing.cloud.things import (
    ClientCall,
    CloudPace,
    Data,
    EventDelivery,
    Home,
    Key,
    Secret,
)

__all__ = [
    "BACKUP_ACCOUNT",
    "NEVER",
    "REGION",
    "SOURCE_ACCOUNT",
    "ClientCall",
    "Cloud",
    "CloudPace",
    "Cluster",
    "Data",
    "Database",
    "EventDelivery",
    "Home",
    "Instance",
    "Key",
    "NoReply",
    "PlannedOutcome",
    "Quotas",
    "Refusal",
    "Secret",
    "Snapshot",
    "Unknowns",
]
