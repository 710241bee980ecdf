"""RDS as it is, for tests and rehearsals: one pure machine, two faces.

The machine says what AWS answers and what becomes of things as time passes; what is behind them
belongs to a face. `restorecheck.testing.cloud` keeps values in memory behind the clients that
`restorecheck.aws` calls, in a time that stands still until it is told to pass;
`restorecheck.sandbox` keeps real servers and runs on moto's wire. Each of AWS's rules is said here
once, with its source; what nobody has seen is marked (?), and where two answers are possible a
switch in `unknowns` plays both.
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
