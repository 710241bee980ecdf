r"""Runs pg_restore or psql to load a dump.

psql reads the SQL from restorecheck, through a filter and under `\restrict`: a dump cannot make it run
shell commands (CVE-2025-8714).
"""

import fcntl
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.layers import DamagedLayerError
from restorecheck.postgres.server import processes
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places, recorded
from restorecheck.postgres.server.processes import Fence

STDERR_READ = 64 * 1024
PIPE = 1 << 20
"""Bytes in the pipe to psql: fewer changes between the two programs. The largest pipe that every user may have:
man 7 pipe, /proc/sys/fs/pipe-max-size.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The end of a load."""

    exit_code: int
    errors: str
    """First and last part of the program's stderr; may contain row values, so it is never shown in full."""
    seconds: float
    feed_problem: str = ""
    """Why the SQL could not be read to its end, which psql does not notice."""
    feed_doubt: str = ""
    """The same, for reasons that do not concern the dump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The database to load into."""

    host: str
    port: int
    user: str
    database: str
    password: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables for libpq; never on the command line."""

    def arguments(self) -> list[str]:
        return [
            f"--host={self.host}",
            f"--port={self.port}",
            f"--username={self.user}",
            "--no-password",
            # A bare name that contains `=` would be read as a connection string.
            f"--dbname={make_conninfo(dbname=self.database)}",
        ]


SqlSource = Callable[[], AbstractContextManager[Iterable[bytes]]]


class Load:
    """One running program; `poll` returns its result."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._began = time.perf_counter()
        self._seconds = 0.0
        self._feed_problem = ""
        self._feed_doubt = ""
        self._feeder: threading.Thread | None = None
        # Waits in a thread, so that the end is timed exactly, not by the next poll.
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def feed(self, source: SqlSource) -> None:
        """Write the SQL of `source` to the program's standard input."""
        self._feeder = threading.Thread(target=self._pump, args=(source,), daemon=True)
        self._feeder.start()

    def poll(self, patience: float) -> Loaded | None:
        """The result; None: the program still runs after `patience` seconds."""
        self._waiter.join(timeout=patience)
        if self._waiter.is_alive():
            return None
        if self._feeder is not None:
            self._feeder.join(timeout=60)
        errors = self._said().decode(errors="replace")
        return Loaded(
            exit_code=self._process.returncode,
            errors=errors,
            seconds=self._seconds,
            feed_problem=self._feed_problem,
            feed_doubt=self._feed_doubt,
        )

    def _said(self) -> bytes:
        """The first errors, which name the cause, and the last ones, which show the end."""
        size = self._errors.seek(0, 2)
        self._errors.seek(0)
        first = self._errors.read(STDERR_READ)
        self._errors.seek(max(STDERR_READ, size - STDERR_READ))
        return first + self._errors.read(STDERR_READ)

    def end(self) -> None:
        """Stop the program and the thread that feeds it."""
        if self._process.poll() is None:
            self._process.kill()
        self._waiter.join(timeout=10)
        if self._process.stdin is not None:
            with suppress(BrokenPipeError, ValueError):
                self._process.stdin.close()
        if self._feeder is not None:
            self._feeder.join(timeout=10)
        self._errors.close()

    def _wait(self) -> None:
        self._process.wait()
        self._seconds = time.perf_counter() - self._began

    def _pump(self, source: SqlSource) -> None:
        stdin = self._process.stdin
        assert stdin is not None, "a fed program has a pipe"
        try:
            with source() as chunks:
                for chunk in chunks:
                    stdin.write(chunk)
            stdin.close()
        except BrokenPipeError:
            pass  # psql stopped at an error, which it reports
        except DamagedLayerError as exc:
            self._feed_problem = exc.message
            self._process.kill()
        except RestorecheckError as exc:
            self._feed_doubt = exc.message
            self._process.kill()
        except Exception as exc:  # noqa: BLE001  # in a thread; `poll` returns it
            self._feed_doubt = f"reading it ended with {_name_of(exc)}"
            self._process.kill()


def _name_of(exc: Exception) -> str:
    """The type of the exception, without its text, which may contain data."""
    return exc.strerror or "an input error" if isinstance(exc, OSError) else type(exc).__name__


def restore_archive(
    archive: Path,
    destination: Destination,
    installation: Installation,
    account: OsUser | None,
    *,
    directory: Path,
    jobs: int,
    use_list: Path | None,
    ownership: bool,
) -> Load:
    """Start pg_restore on a custom, directory or tar archive.

    It continues after errors, to report all of them; any error fails the load.
    """
    argv: list[str | Path] = [
        installation.program("pg_restore"),
        *destination.arguments(),
        *(["--no-owner", "--no-privileges"] if not ownership else []),
        "--no-tablespaces",
        *([f"--jobs={jobs}"] if jobs > 1 else []),
        *([f"--use-list={use_list}"] if use_list else []),
        archive,
    ]
    errors = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115  # lives as long as the load
    process = processes.spawn(
        argv,
        directory=directory,
        account=account,
        stderr=errors,
        extra_environment=_libpq(destination),
        within=_fence(
            destination, directory, *_files_of(archive), *([use_list] if use_list else [])
        ),
    )
    return Load(process, errors)


def run_sql(
    source: SqlSource,
    destination: Destination,
    installation: Installation,
    account: OsUser | None,
    *,
    directory: Path,
) -> Load:
    """Start psql and feed it a plain dump; it stops at the first error."""
    load, _ = start_psql(destination, installation, account, directory=directory)
    load.feed(source)
    return load


def start_psql(
    destination: Destination,
    installation: Installation,
    account: OsUser | None,
    *,
    directory: Path,
) -> tuple[Load, IO[bytes]]:
    """Start psql, which stops at the first error, and the pipe that it reads from."""
    argv: list[str | Path] = [
        installation.program("psql"),
        *destination.arguments(),
        "--no-psqlrc",
        "--file=-",  # so that errors have line numbers
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--set=VERBOSITY=verbose",  # with the SQLSTATE
        "--set=SHOW_CONTEXT=never",
        "--output=/dev/null",
    ]
    errors = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115  # lives as long as the load
    process = processes.spawn(
        argv,
        directory=directory,
        account=account,
        stdin=subprocess.PIPE,
        stderr=errors,
        extra_environment=_libpq(destination),
        within=_fence(destination, directory),
    )
    pipe = process.stdin
    assert pipe is not None, "a pipe was asked for"
    if sys.platform == "linux":
        with suppress(OSError):  # a user with many pipes gets none that is larger
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
    with suppress(BrokenPipeError):
        pipe.write(_restricted(installation))
    return Load(process, errors), pipe


def _restricted(installation: Installation) -> bytes:
    """Without a line break, so that psql counts the lines of the dump.

    A command of psql ends at two backslashes. Source: PostgreSQL documentation, psql, "Meta-Commands".
    """
    if not installation.knows_restrict:
        return b""
    return b"\\restrict " + secrets.token_hex(16).encode() + b" \\\\ "


def _fence(destination: Destination, directory: Path, *readable: Path) -> Fence:
    """Fence of a loading program: it may access the server and its input."""
    named = (destination.host, *destination.environment.values())
    return Fence(
        readable=(*readable, *(Path(value) for value in named if value.startswith("/"))),
        network=not destination.host.startswith("/"),
        record=recorded(Places(directory)),
    )


def _files_of(archive: Path) -> Iterator[Path]:
    """Files of an archive, with the targets of links in the directory format."""
    yield archive
    if archive.is_dir():
        yield from (file.resolve() for file in archive.iterdir() if file.is_symlink())


def _libpq(destination: Destination) -> dict[str, str]:
    password = {"PGPASSWORD": destination.password} if destination.password else {}
    return {**destination.environment, **password}


def archive_contents(
    archive: Path, installation: Installation, account: OsUser | None, directory: Path
) -> str:
    """The output of `pg_restore --list`, usable with `--use-list`."""
    return processes.run(
        [installation.program("pg_restore"), "--list", archive],
        directory=directory,
        account=account,
        timeout=300,
        within=Fence(readable=tuple(_files_of(archive))),
    )


def restorable_contents(
    contents: str, ignored: Sequence[str], left_out: Collection[TocEntry], *, refresh: bool
) -> str:
    """The list of an archive without: the named extensions and their comments, the entries `left_out`, user
    mappings (logins to other servers), and, unless `refresh`, the filling of materialized views.

    A line reads `5; 3079 16390 EXTENSION - hstore` and `4034; 0 0 COMMENT - EXTENSION hstore`.
    """
    wanted = [f"EXTENSION - {name}" for name in ignored]
    wanted += [f"COMMENT - EXTENSION {q}{name}{q}" for name in ignored for q in ("", '"')]
    identifiers = {f"{entry.dump_id};" for entry in left_out}

    def names(line: str) -> bool:
        rest = line.partition(";")[2].strip().split(" ", 2)[-1]
        return any(rest == item or rest.startswith(f"{item} ") for item in wanted)

    unwanted = [" USER MAPPING - "] + ([] if refresh else [" MATERIALIZED VIEW DATA "])
    return "".join(
        line
        for line in contents.splitlines(keepends=True)
        if not names(line)
        and line.split(" ", 1)[0] not in identifiers
        and not any(part in line for part in unwanted)
    )
