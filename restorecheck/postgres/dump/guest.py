"""Runs a program of the user's beside a restored database, as a role that only reads.

The program sees the system, its own files and one socket (`relay`): not the server's socket, no network where the
kernel allows that, no variable of restorecheck's, 64 MB of memory as its disk. The kernel ends everything that it
started with it.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from restorecheck.checks.answers import Exited, NoAnswer
from restorecheck.errors import ProviderError
from restorecheck.model import Endpoint
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.server.fence import named
from restorecheck.postgres.server.output import await_end
from restorecheck.postgres.server.processes import Fence
from restorecheck.postgres.server.relay import relayed
from restorecheck.postgres.session.connection import pin, spell, spelled
from restorecheck.postgres.session.messages import why_not

Connection = psycopg.Connection[tuple[Any, ...]]

ROLE = "restorecheck_guest"
MOST_CONNECTIONS = 10
"""Of the program at once; a further one is refused."""
NEEDED = frozenset({"files", "processes"})
"""Parts of the fence without which no program is run: it could reach the server's socket, or stay."""


@dataclass(frozen=True, kw_only=True)
class GuestProgram:
    """As the configuration has it."""

    argv: Sequence[str] = field(repr=False)
    files: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def run_guest(
    program: GuestProgram,
    endpoint: Endpoint,
    database: str,
    timeout: timedelta,
    *,
    superuser: str = cluster.SUPERUSER,
) -> Exited | NoAnswer:
    """Run it to its end, or for so long.

    `superuser`: of the throw-away server, which restorecheck started.

    Raises:
        ProviderError: The server's folders were replaced.
    """
    if lacking := NEEDED & set(processes.missing_walls()):
        return NoAnswer(
            reason=f"the program was not run: the kernel does not support {named(sorted(lacking))}, so it could "
            "reach more than the role of the check (`restorecheck doctor`, RC113)"
        )
    places = Places.of_socket(endpoint.host)
    try:
        return _beside(program, places, database, timeout, superuser)
    except psycopg.Error as exc:
        return NoAnswer(reason=f"the throw-away server does not answer: {why_not(exc)}")


def _beside(
    program: GuestProgram, places: Places, database: str, timeout: timedelta, superuser: str
) -> Exited | NoAnswer:
    with cluster.superuser_connection(
        places, database, user=superuser, limit=timeout + timedelta(seconds=60)
    ) as connection:
        pin(connection)
        spell(connection)
        with _role(connection, places, database):
            return _run(program, places, database, timeout)


# --- the role ------------------------------------------------------------------------------------


@contextmanager
def _role(connection: Connection, places: Places, database: str) -> Iterator[None]:
    """The role of the program, for the duration of the block: what PUBLIC may change is taken away meanwhile."""
    text = resources.files(__package__).joinpath("guest_rights.sql").read_text()
    rights = connection.execute(text.encode()).fetchall()
    try:
        for take, _ in rights:
            connection.execute(spelled(connection, str(take)))
        preparation.make_reading_role(connection, ROLE, login=True)
        room = cluster.free_bytes(places.directory) // 2
        preparation.limit_temporary_files(connection, ROLE, room)
        for statement in (
            f"alter role {ROLE} connection limit {MOST_CONNECTIONS}",
            f"alter role {ROLE} set default_transaction_read_only to on",
        ):
            connection.execute(statement.encode())
        grant = sql.SQL("grant connect on database {} to {}")
        connection.execute(grant.format(sql.Identifier(database), sql.Identifier(ROLE)))
        yield
    finally:
        with suppress(psycopg.Error):  # of a server that was ended: nothing is left to give back
            _remove_role(connection)
            for _, give in rights:
                connection.execute(spelled(connection, str(give)))


def _remove_role(connection: Connection) -> None:
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [ROLE]
    )
    connection.execute(f"drop owned by {ROLE}".encode())
    connection.execute(f"drop role {ROLE}".encode())


# --- the program ---------------------------------------------------------------------------------


def _run(
    program: GuestProgram,
    places: Places,
    database: str,
    timeout: timedelta,
) -> Exited | NoAnswer:
    mark = cluster.read_mark(places.directory)
    account = mark.account if mark else None
    folder = places.directory / "c"
    folder.mkdir(mode=0o755, exist_ok=True)
    with relayed(places, folder, role=ROLE, database=database):
        try:
            started = processes.spawn(
                program.argv,
                directory=places.directory,
                account=account,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                extra_environment={**program.environment, **_variables(folder, database)},
                within=Fence(readable=(folder, *program.files), record=cluster.recorded(places)),
            )
        except ProviderError as exc:
            return NoAnswer(reason=exc.message)
        notes = (
            (
                f"the kernel does not support {named(['network'])}: the program could reach the network",
            )
            if "network" in processes.missing_walls()
            else ()
        )
        code, said = await_end(started, timeout.total_seconds())
        if code is None:
            return NoAnswer(reason=f"the program did not end within {timeout.total_seconds():g} s")
        return Exited(code=code, said=said, notes=notes)


def _variables(folder: Path, database: str) -> dict[str, str]:
    """How the program finds the database, in the form of libpq and as a URL."""
    url = f"postgresql://{ROLE}@/{quote(database, safe='')}?host={quote(str(folder), safe='')}&port={cluster.PORT}"
    return {
        "HOME": "/tmp",  # noqa: S108  # a file system of its own
        "PGHOST": str(folder),
        "PGPORT": str(cluster.PORT),
        "PGUSER": ROLE,
        "PGDATABASE": database,
        "DATABASE_URL": url,
    }
