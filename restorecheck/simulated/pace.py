"""How long AWS takes, how much it allows, and how the next thing ends."""

from dataclasses import dataclass
from datetime import timedelta

from restorecheck.simulated.families import INSTANCES, Family

NEVER = timedelta.max
"""What takes so long stays under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Durations in seconds of AWS's time; `factor` is what one of them takes here."""

    factor: float = 1
    create: float = 300
    backup: float = 60
    copy: float = 240
    restore: float = 600
    password: float = 60
    upgrade: float = 900
    delete: float = 180
    stop: float = 60
    start: float = 120
    visible: float = 10
    """From a call that makes or changes something until others see it: eventual consistency."""

    def lasts(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds * self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Per account and region; Amazon RDS User Guide, "Quotas and constraints"."""

    instances: int = 40
    snapshots: int = 100
    copies_in_progress: int = 20
    clusters: int = 40
    cluster_copies_in_progress: int = 5
    """Amazon Aurora User Guide, "Copying a DB cluster snapshot", limitations."""
    storage: int = 100_000
    """In gigabytes."""

    def copies_of(self, family: Family) -> int:
        """How many snapshots of this family may be copied at once."""
        of_instances = family is INSTANCES
        return self.copies_in_progress if of_instances else self.cluster_copies_in_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutcome:
    """How the next restore, copy, upgrade or change of a password ends, where that is not well."""

    status: str = "available"
    event: str = ""
    takes: timedelta | None = None
    """None: as long as always; `NEVER` leaves it under way."""
    slower: float = 1.0
    """How many times longer than always it takes, where `takes` says nothing."""
    shown: str = ""
    """Said in place of the status while it is under way."""
