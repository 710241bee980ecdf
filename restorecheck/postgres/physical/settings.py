"""Settings of one target's physical backups, for the adapters."""

from dataclasses import dataclass, field
from datetime import timedelta

from restorecheck.postgres.physical.moment import Moment
from restorecheck.postgres.physical.source import PhysicalSource
from restorecheck.postgres.server.cluster import SUPERUSER


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalSettings:
    source: PhysicalSource
    moment: Moment = field(default_factory=Moment)
    named: tuple[tuple[str, Moment], ...] = ()
    """Moments before it at which checks are asked, the earliest first."""
    false_after: bool = False
    """Some of these checks must fail when the recovery is complete."""
    max_age: timedelta | None = None
    every: timedelta | None = None
    """At which interval backups are expected."""
    superuser: str = SUPERUSER
    """A role of the backup that is a superuser and may log in."""
    databases: tuple[str, ...] = ()
    """Names of the databases to check; empty: all except templates."""
