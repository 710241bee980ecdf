"""Runs the command of `after_verified` on a verified database, before the teardown: an export, statistics, a masked copy.

The command is the user's, on the user's machine: it reaches the files and the network that restorecheck reaches. It
gets no variable of restorecheck but PATH. The kernel ends everything that it started with it.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from restorecheck.errors import ProviderError
from restorecheck.model import Drill, Endpoint
from restorecheck.postgres.dump.machine_facts import changer_of
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.server.output import await_end
from restorecheck.postgres.server.processes import Fence
from restorecheck.postgres.session import libpq
from restorecheck.postgres.session.stopwatch import Stopwatch


@dataclass(frozen=True, kw_only=True)
class AfterVerified:
    """As the configuration has it."""

    argv: Sequence[str] = field(repr=False)
    seconds: float
    """A command that takes longer is ended."""
    config_file: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    show_output: bool = False

    def run(self, drill: Drill, *, superuser: str = cluster.SUPERUSER) -> tuple[str, ...]:
        """A note on how it ended. `superuser`: of the throw-away server.

        Raises:
            ProviderError: It was not started.
        """
        endpoint = drill.endpoint
        assert endpoint is not None, "the drill is verified"
        places = Places.of_socket(endpoint.host)
        self._refuse(places)
        watch = Stopwatch()
        started = processes.spawn(
            self.argv,
            directory=self.config_file.parent,
            account=None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            extra_environment={
                **self.environment,
                **_variables(drill, endpoint, places, superuser),
            },
            within=Fence(open=True, network=True, record=cluster.recorded(places)),
        )
        code, said = await_end(started, self.seconds)
        return (self._told(code, said, watch.seconds),)

    def _refuse(self, places: Places) -> None:
        changer = changer_of(self.config_file)
        if changer is not None:
            by = "owns" if changer.by_owning else "can write to"
            raise ProviderError(
                f"it was not run, because {changer.who} {by} {changer.place} (RC112)"
            )
        if gone := cluster.killed(places):
            raise ProviderError(f"it was not run, because {gone}")
        cluster.refuse_link(places)

    def _told(self, code: int | None, said: str, seconds: float) -> str:
        shown = f": {said}" if said and self.show_output else ""
        if code is None:
            return f"after_verified failed: it did not end within {self.seconds:g} s{shown}"
        if code:
            ended = processes.describe_exit(code)
            return f"after_verified failed: it ended with {ended}, after {seconds:.1f} s{shown}"
        return f"after_verified ended after {seconds:.1f} s{shown}"


def _variables(drill: Drill, endpoint: Endpoint, places: Places, superuser: str) -> dict[str, str]:
    database = endpoint.databases[0] if endpoint.databases else "postgres"
    folder = quote(str(places.sockets), safe="")
    taken_at = drill.backup.taken_at if drill.backup else None
    return {
        **libpq.VARIABLES,
        "HOME": str(Path.home()),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PGHOST": str(places.sockets),
        "PGPORT": str(cluster.PORT),
        "PGUSER": superuser,
        "PGDATABASE": database,
        "DATABASE_URL": f"postgresql://{quote(superuser, safe='')}@/{quote(database, safe='')}?host={folder}&port={cluster.PORT}",
        "RESTORECHECK_TARGET": drill.target,
        "RESTORECHECK_DRILL": drill.id,
        "RESTORECHECK_BACKUP": drill.backup.identifier if drill.backup else "",
        "RESTORECHECK_TAKEN_AT": taken_at.isoformat() if taken_at else "",
    }
