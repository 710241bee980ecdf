"""The estimated price of a run. List prices of us-east-1 in late 2026, as in docs/how-to/deploy.md.

The estimates were never compared with a bill.
"""

from dataclasses import dataclass

HOURS_OF_A_MONTH = 730
STORAGE = 0.115
"""gp3, dollars per GB and month."""
SNAPSHOTS = 0.095
"""Dollars per GB and month."""
SECRET = 0.40
"""Dollars a month; charged by the hour."""
CALLS = 0.01
PER_HOUR = {
    "db.t4g.micro": 0.016,
    "db.t3.micro": 0.018,
    "db.t4g.small": 0.032,
    "db.t4g.medium": 0.065,
}
UNKNOWN_CLASS = 0.20
"""Price for a class that is not in the list: higher than that of any small one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    instances: float
    storage: float
    snapshots: float

    @property
    def total(self) -> float:
        return self.instances + self.storage + self.snapshots + CALLS


def price(*, gigabytes: int, instance_class: str, hours: float) -> Price:
    """Two instances with production's storage, four snapshots of its size, for so many hours.

    Rather too high: the second instance exists only for minutes, and a second copy may be incremental.
    """
    month = hours / HOURS_OF_A_MONTH
    each = PER_HOUR.get(instance_class, UNKNOWN_CLASS) * hours
    return Price(
        instances=2 * each,
        storage=2 * gigabytes * STORAGE * month,
        snapshots=4 * gigabytes * SNAPSHOTS * month + SECRET * month,
    )
