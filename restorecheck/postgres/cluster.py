"""A throw-away PostgreSQL server in a private directory: made, started, found again, removed.

It listens on a unix socket only, in a directory of mode 0700. It is tuned for one bulk load and
for never surviving a crash: no fsync, no full-page writes, no autovacuum.
"""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg

from restorecheck.errors import AlreadyExistsError, CapacityError, ProviderError
from restorecheck.postgres import processes, sharedmemory, theirs
from restorecheck.postgres.account import Account
from restorecheck.postgres.asking import bounded
from restorecheck.postgres.binaries import Installation
from restorecheck.postgres.messages import LOG_PREFIX, errors_in_log, lacks_room, log_lines

PREFIX = "restorecheck-"
MARK = "restorecheck.json"
PORT = 5432  # of the socket's name only; nothing listens on TCP
SUPERUSER = "postgres"

INITDB_TIMEOUT = 180.0
START_TIMEOUT = 120.0
STOP_TIMEOUT = 10.0

SOCKET_PATH_LIMIT = 103
"""Bytes: 107 on Linux, 103 on macOS, without the final zero (sockaddr_un)."""

MEGABYTE = 1024 * 1024

EVENT_TRIGGERS_MAJOR = 17
"""Since when they can be switched off, and can fire at a login."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one cluster lies."""

    directory: Path

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def mark(self) -> Path:
        return self.directory / MARK

    @property
    def unfinished_mark(self) -> Path:
        return self.mark.with_suffix(".new")

    @property
    def socket_path(self) -> Path:
        return self.directory / f".s.PGSQL.{PORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Says whose a directory is; written first, read by every sweep."""

    drill_id: str
    made_at: datetime
    lock: str
    """File that the living host of the drill holds locked."""
    kept: bool = False


def socket_fits(work_dir: Path) -> bool:
    """Whether a socket below this directory has a short enough name."""
    longest = work_dir / f"{PREFIX}20260101-000000-abcdef" / f".s.PGSQL.{PORT}"
    return len(os.fsencode(longest)) <= SOCKET_PATH_LIMIT


def make_directory(places: Places, mark: Mark, account: Account | None) -> None:
    """Make the private directory, marked as ours. Repeatable by the same drill.

    Raises:
        AlreadyExistsError: Something else has the name.
        CapacityError: The disk is full.
        ProviderError: It cannot be made.
    """
    directory = places.directory
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
        write_mark(places, mark)
        if account is not None:
            os.chown(directory, account.uid, account.gid)
    except FileExistsError:
        existing = read_mark(directory)
        if existing is None or existing.drill_id != mark.drill_id:
            raise AlreadyExistsError(f"{directory} exists and was not made by this drill") from None
    except OSError as exc:
        raise _disk_error(exc, f"could not make {directory}") from exc


def write_mark(places: Places, mark: Mark) -> None:
    text = json.dumps(
        {
            "made_by": "restorecheck",
            "drill_id": mark.drill_id,
            "made_at": mark.made_at.isoformat(),
            "lock": mark.lock,
            "kept": mark.kept,
        }
    )
    # The directory may already belong to the server's user: never follow a link there.
    temporary = places.unfinished_mark
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(places.mark)


def read_mark(directory: Path) -> Mark | None:
    """The mark of a directory; None when there is none, or none that we wrote."""
    try:
        values = json.loads(theirs.read_small(directory / MARK))
        if values["made_by"] != "restorecheck":
            return None
        return Mark(
            drill_id=str(values["drill_id"]),
            made_at=datetime.fromisoformat(values["made_at"]),
            lock=str(values["lock"]),
            kept=bool(values["kept"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def initdb(places: Places, installation: Installation, account: Account | None) -> None:
    """Make the data directory. A C.UTF-8 locale sorts alike everywhere; C where there is none."""
    argv: list[str | Path] = [
        installation.program("initdb"),
        f"--pgdata={places.data}",
        f"--username={SUPERUSER}",
        "--auth=trust",  # behind a socket in a directory that only this user can enter
        "--encoding=UTF8",
        "--no-sync",
    ]
    try:
        _run_initdb([*argv, "--locale=C.UTF-8"], places, account)
    except CapacityError:
        raise
    except ProviderError as exc:
        if "locale" not in exc.message:
            raise
        shutil.rmtree(places.data, ignore_errors=True)
        _run_initdb([*argv, "--locale=C"], places, account)


def _run_initdb(argv: list[str | Path], places: Places, account: Account | None) -> None:
    processes.run(argv, directory=places.directory, account=account, timeout=INITDB_TIMEOUT)


def settings(*, jobs: int) -> dict[str, str]:
    """Server settings for one bulk load; sized by the machine's memory and processors."""
    memory = psutil.virtual_memory().available // MEGABYTE
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": str(20 + 4 * jobs),
        # A query of a table with thousands of partitions locks all of them, and their indexes.
        "max_locks_per_transaction": "1024",
        # What a crash would lose is thrown away after a crash anyway.
        "fsync": "off",
        "full_page_writes": "off",
        # On, all the same: a crash of one process must not take back what was loaded, or a good
        # dump would look incomplete after the server has recovered.
        "synchronous_commit": "on",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "16GB",
        "checkpoint_timeout": "1d",
        "autovacuum": "off",
        "shared_buffers": f"{max(32, min(memory // 8, 2048))}MB",
        "maintenance_work_mem": f"{max(32, min(memory // (8 * max(jobs, 1)), 1024))}MB",
        # Nothing of the restored database may act on the world.
        "max_logical_replication_workers": "0",
        "archive_mode": "off",
        "shared_preload_libraries": "",
        # Its shared memory disappears with its files, however it ends.
        "dynamic_shared_memory_type": "mmap",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        # Errors with their codes, without statements and details: those may show data.
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_line_prefix": LOG_PREFIX,
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "-1",
    }


def start(
    places: Places,
    installation: Installation,
    account: Account | None,
    *,
    jobs: int,
    outlive_us: bool,
) -> subprocess.Popen[bytes]:
    """Start the server and wait until it accepts connections.

    Raises:
        CapacityError: The disk is full or memory is short.
        ProviderError: The server did not come up; the reason is its own last message.
    """
    argv: list[str | Path] = [installation.program("postgres"), "-D", places.data]
    for key, value in settings(jobs=jobs).items():
        argv += ["-c", f"{key}={value}"]
    argv += ["-c", f"unix_socket_directories={places.directory}"]
    if installation.major >= EVENT_TRIGGERS_MAJOR:
        argv += ["-c", "event_triggers=off"]  # of restored ones, some fire when somebody logs in
    try:
        log = places.log.open("ab")
    except OSError as exc:
        raise _disk_error(exc, f"could not write {places.log}") from exc
    with log:
        server = processes.spawn(
            argv,
            directory=places.directory,
            account=account,
            stdout=log,
            stderr=log,
            outlive_us=outlive_us,
            # An immediate shutdown, which removes what the server shares; it never ignores this.
            dies_by=signal.SIGQUIT,
            confined=True,
        )
    try:
        await_ready(places, server)
    except BaseException:
        stop(places, server)
        raise
    return server


def await_ready(places: Places, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        if server.poll() is not None:
            raise _start_error(places, server.returncode)
        if _says_ready(places):
            return
        try:
            server.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
    raise ProviderError(f"the throw-away server was not ready within {START_TIMEOUT:g} s")


def _says_ready(places: Places) -> bool:
    """Line 8 of postmaster.pid is the server's state: `starting`, `ready   `, `stopping`.

    Source: src/include/utils/pidfile.h, LOCK_FILE_LINE_PM_STATUS (since PostgreSQL 10).
    """
    try:
        lines = theirs.read_small(places.data / "postmaster.pid").split("\n")
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"  # noqa: PLR2004  # line 8


def _start_error(places: Places, code: int) -> ProviderError:
    found = errors_in_log(places.log)
    reason = found[-1].safe if found else f"it exited with {processes.describe_exit(code)}"
    message = f"the throw-away server did not start: {reason}"
    full = any(lacks_room(e.sqlstate) or "No space left" in e.message for e in found)
    return CapacityError(message) if full else ProviderError(message)


BY_ITS_OWN_FAULT = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE})
"""How a process ends over what it reads; any other signal comes from somebody, or the kernel."""
_TERMINATED = re.compile(r"\(PID \d+\) was terminated by signal (\d+)")
_GAVE_UP = re.compile(r"server process \(PID \d+\) exited with exit code \d+")


def killed(places: Places) -> str:
    """How the server lost a process, where that was no fault of its own; empty where it lost none.

    Recovery empties unlogged tables: what the server says from then on proves nothing. Its log has
    "server process (PID 123) was terminated by signal 9: Killed", and "exited with exit code 2" of
    one that was told to give up at once. Source: src/backend/postmaster/postmaster.c, LogChildExit.
    """
    foreign: list[str] = []
    gave_up = False
    for line in log_lines(places.log):
        match = _TERMINATED.search(line)
        if match and int(match[1]) not in BY_ITS_OWN_FAULT:
            foreign.append(processes.describe_exit(-int(match[1])))
        gave_up = gave_up or _GAVE_UP.search(line) is not None
    if gave_up:
        foreign.append("somebody")
    return f"a process of the throw-away server was ended by {foreign[0]}" if foreign else ""


OWN_SESSION = {
    "role": "none",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""For our own sessions, whatever a dump has set for its database, for a role, or for all of them."""


def superuser_connection(
    places: Places, database: str = "postgres"
) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(
        host=str(places.directory),
        port=PORT,
        user=SUPERUSER,
        dbname=database,
        autocommit=True,
        connect_timeout=10,
        options=" ".join(f"-c {name}={value}" for name, value in OWN_SESSION.items()),
        client_encoding="UTF8",  # else an SQL_ASCII database gives bytes for every text
    )
    return bounded(connection)


def stop(places: Places, server: subprocess.Popen[bytes] | None = None) -> bool:
    """End the server and everything below it. True when nothing runs any more."""
    below = processes.descendants(places.data)
    if server is not None and server.poll() is None:
        server.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing needs to be kept
        try:
            server.wait(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    for process in processes.strays(places.directory):
        processes.end(process, signal.SIGKILL)
    running = processes.server_processes(places.data)
    if running:
        processes.end(running[0], signal.SIGQUIT)
        _, running = psutil.wait_procs(running, timeout=STOP_TIMEOUT)
    running += [process for process in below if process not in running and _runs(process)]
    for process in running:
        processes.end(process, signal.SIGKILL)
    _, still = psutil.wait_procs(running, timeout=STOP_TIMEOUT)
    if [p for p in still if _runs(p)]:
        return False
    sharedmemory.free(places.data)
    return True


def _runs(process: psutil.Process) -> bool:
    """A zombie waits only for a parent that does not look; it runs nothing and holds nothing."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


Made = tuple[int, int]
"""Names a directory by device and inode, for the process that has made it."""


def made(places: Places) -> Made:
    state = places.directory.lstat()
    return state.st_dev, state.st_ino


def is_made(places: Places, by_us: Made | None) -> bool:
    """Whether this process made the directory: then its mark need not say so any more."""
    try:
        return by_us is not None and made(places) == by_us
    except OSError:
        return False


def remove(places: Places, drill_id: str, by_us: Made | None = None) -> str:
    """Remove the directory of this drill; empty when it is gone, else why it is not.

    A directory without our mark is removed only when nothing but an unfinished mark is in it: a
    drill can die between making it and marking it.
    """
    directory = places.directory
    if not directory.name.startswith(PREFIX):
        return "its name is not one of ours"
    if not directory.is_dir() or directory.is_symlink():
        return "" if not directory.exists() else "it is not a directory"
    mark = read_mark(directory)
    if not is_made(places, by_us) and (mark is None or mark.drill_id != drill_id):
        try:
            if list(directory.iterdir()) == [places.unfinished_mark]:
                places.unfinished_mark.unlink()
            directory.rmdir()
        except OSError:
            return "it does not carry the mark of this drill"
        return ""
    return _remove_marked(directory)


def _remove_marked(directory: Path) -> str:
    """The mark goes last, so that a removal cut short can be taken up again."""
    try:
        theirs.remove_all(directory, but=MARK)
        (directory / MARK).unlink(missing_ok=True)
        directory.rmdir()
    except OSError as exc:
        return f"{exc.strerror}: {exc.filename}"
    return ""


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def is_almost_full(directory: Path) -> bool:
    """Whether a hundredth of the disk, or a gigabyte, is all that is left."""
    usage = shutil.disk_usage(directory)
    return usage.free < min(usage.total // 100, 1024 * MEGABYTE)


def modified_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, tz=UTC)
    except OSError:
        return None


def _disk_error(exc: OSError, what: str) -> ProviderError:

    message = f"{what}: {exc.strerror}"
    hint = "Set postgres.work_dir to a folder with room that can be written."
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CapacityError(message, hint=hint)
    return ProviderError(message, hint=hint)
