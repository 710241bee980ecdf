"""A simulation of RDS for tests and the sandbox: one pure state machine with two faces.

The state machine has the answers of AWS and the changes over time; a face has the data behind them.
`restorecheck.testing.cloud` keeps values in memory behind the clients that `restorecheck.aws` calls, with a clock that
only moves on request; `restorecheck.sandbox` runs real servers behind moto's HTTP API. Each rule of AWS is here once,
with its source; rules that were never seen on real AWS are marked (?), and for each undocumented behaviour a switch in
`unknowns` has all possibilities.
"""

from restorecheck.simulated.behind import Behind, KmsPort, Time
from restorecheck.simulated.pace import NEVER, Durations, PlannedOutcome, Quotas
from restorecheck.simulated.rds import SimulatedRds
from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.state import Page, State
from restorecheck.simulated.things import Cluster, Database, Instance, Region, Snapshot
from restorecheck.simulated.unknowns import Unknowns

__all__ = [
    "NEVER",
    "Behind",
    "Cluster",
    "Database",
    "Durations",
    "Instance",
    "KmsPort",
    "Page",
    "PlannedOutcome",
    "Quotas",
    "Refusal",
    "Region",
    "SimulatedRds",
    "Snapshot",
    "State",
    "Time",
    "Unknowns",
]
