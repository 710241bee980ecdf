"""The only server that may be damaged: made by this drill, and deleted with it.

All code that damages takes a `Temporary`. None can be made for another server, for one that is to be
kept, or for one whose drill does not run in this process.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import psycopg

from restorecheck.errors import InvalidStateError
from restorecheck.model import Drill, Endpoint
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places, Started
from restorecheck.postgres.server.processes import Program
from restorecheck.postgres.session import libpq
from restorecheck.postgres.session.opening import identity_of

Connection = psycopg.Connection[tuple[Any, ...]]


@runtime_checkable
class Provable(Protocol):
    """A provider whose restored database may be damaged on purpose: it made the server itself, for one
    drill. Providers that restore elsewhere, or adopt, do not have this method.
    """

    def temporary(self, drill: Drill) -> "Temporary":
        """The server of this drill, while the drill runs in this process.

        Raises:
            InvalidStateError: As `Temporary`.
        """
        ...


class Lent(psycopg.Connection[tuple[Any, ...]]):
    """A connection that only its opener can close; for code that borrows it `close` does nothing."""

    def close(self) -> None:
        """Does nothing: see `end`."""

    def end(self) -> None:
        super().close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporary:
    """Verified when it is made, and by every connection that may damage.

    Raises:
        InvalidStateError: The server is not this drill's own, or is to be kept.
    """

    drill: Drill
    places: Places
    installation: Installation
    account: OsUser | None
    jobs: int
    server: Program
    user: str = cluster.SUPERUSER
    """A superuser of the restored database."""
    like: Started = field(default_factory=Started)
    """How it is started again."""

    def __post_init__(self) -> None:
        reason = self._objection()
        if reason:
            raise InvalidStateError(
                f"could not damage {self.places.directory}: {reason}",
                hint="Only a throw-away server that the running drill made is ever damaged.",
            )

    @property
    def endpoint(self) -> Endpoint:
        assert self.drill.endpoint is not None, "asked when it was made"
        return self.drill.endpoint

    def _objection(self) -> str:
        drill, directory = self.drill, self.places.directory
        mark = cluster.read_mark(directory)
        if drill.endpoint is None or Path(drill.endpoint.host) != self.places.sockets:
            return "the restored database is not there"
        if mark is None or mark.drill_id != drill.id:
            return "it does not have the mark of this drill"
        if drill.keep or mark.kept or drill.parked:
            return "it will be kept"
        if drill.finished or str(directory) not in {r.identifier for r in drill.ledger}:
            return "this drill will not delete it"
        if cluster.replaced(self.places) or directory.is_symlink():
            return "its data directory was replaced or is a link"
        if self.server.inner is None or not self.server.inner.runs:
            return "no server of this drill is running there"
        return ""

    def superuser(self, database: str) -> Lent:
        """A connection that may damage, to the server of this drill only.

        Raises:
            InvalidStateError: Another server answers.
            psycopg.Error: The server does not answer.
        """
        connection = Lent.connect(
            host=str(self.places.sockets),
            port=cluster.PORT,
            user=self.user,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
            client_encoding="UTF8",
            # A prepared statement keeps the plan of its first settings, and is refused when its table changes.
            prepare_threshold=None,
            options=libpq.options_of(cluster.OWN_SESSION),
            application_name="restorecheck prove",
            **libpq.THROW_AWAY,
        )
        cluster.refuse_stranger(connection, self.places)
        row = connection.execute("show data_directory").fetchone()
        first = database == self.endpoint.databases[0]
        ours = row is not None and Path(row[0]) == self.places.data
        if not ours or (first and identity_of(connection) != self.endpoint.identity):
            connection.end()
            raise InvalidStateError(
                "another server answered instead of the one that this drill made"
            )
        return connection
