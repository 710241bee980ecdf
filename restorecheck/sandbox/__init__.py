"""A rehearsal AWS on this machine: moto for the wire, a real PostgreSQL behind every endpoint.

moto keeps no promise that matters here (it shares what AWS would not, copies what was never
shared, and is always done at once), so what RDS answers is ours: `restorecheck.simulated`.
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
