"""A simulated AWS on this machine: moto for the HTTP API, a real PostgreSQL behind every endpoint.

moto does not simulate the relevant rules (it shares snapshots that AWS would refuse, copies ones that were never
shared, and is always done at once), so `restorecheck.simulated` gives the answers of RDS.
"""

from restorecheck.sandbox.faults import Fault, FaultKind, WireCall
from restorecheck.sandbox.landscape import Landscape, UserCredentials
from restorecheck.sandbox.pace import Pace
from restorecheck.sandbox.rds import NEVER
from restorecheck.sandbox.service import Sandbox
from restorecheck.simulated import Quotas

__all__ = [
    "NEVER",
    "Fault",
    "FaultKind",
    "Landscape",
    "Pace",
    "Quotas",
    "Sandbox",
    "UserCredentials",
    "WireCall",
]
