"""Which drills have a living host, where several hosts share a history: each host renews its leases.

A lease ends by the server's clock, so the clocks of the hosts do not matter.
"""

from datetime import timedelta

from restorecheck.errors import BusyError
from restorecheck.postgres.history.database import PostgresDatabase

RENEWALS = 6
"""In the time that a lease lasts: it outlives several that fail."""
_FORGOTTEN = "delete from leases where until < clock_timestamp() - interval '7 days'"


class Leases:
    """The leases of one process; `holder` is its own name for itself, `lasts` the time from one renewal on."""

    def __init__(
        self, database: PostgresDatabase, *, host: str, holder: str, lasts: timedelta
    ) -> None:
        self._database = database
        self._host = host
        self._holder = holder
        self._lasts = lasts.total_seconds()

    def take(self, name: str) -> None:
        """Raises BusyError: another host has it. Between the processes of one host its own locks decide, which end
        with a process: what a dead one of this host had is free.
        """
        with self._database.translated("write"):
            self._database.execute(_FORGOTTEN)
            taken = self._database.execute(
                "insert into leases values (?1, ?2, ?3, clock_timestamp() + make_interval(secs => ?4))"
                " on conflict (name) do update set host = ?2, holder = ?3,"
                " until = clock_timestamp() + make_interval(secs => ?4)"
                " where leases.until < clock_timestamp() or leases.host = ?2",
                (name, self._host, self._holder, self._lasts),
            )
        if not taken:
            row = self._database.row("select host from leases where name = ?", (name,))
            raise BusyError(
                f"the host {row[0] if row else 'of another process'} has the lease {name!r} of this history",
                hint="Wait until its process ends; `restorecheck status` shows its drill.",
            )

    def renew(self) -> int:
        """Renews every lease of this process; returns how many it still has."""
        with self._database.translated("write"):
            return self._database.execute(
                "update leases set until = clock_timestamp() + make_interval(secs => ?2) where holder = ?1",
                (self._holder, self._lasts),
            )

    def give_back(self, name: str) -> None:
        with self._database.translated("write"):
            self._database.execute(
                "delete from leases where name = ? and holder = ?", (name, self._holder)
            )
