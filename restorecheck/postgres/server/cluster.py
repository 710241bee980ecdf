"""A throw-away PostgreSQL server in a private directory: create, start, find, remove.

The directory belongs to restorecheck and contains the mark, the log and the dump files. Two folders in it
belong to the server: `data`, and that of its socket; their content is never trusted.

It listens only on a unix socket, in a directory of mode 0700. It is tuned for one bulk load, without
durability: no fsync, no full-page writes, no autovacuum.
"""

import errno
import json
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

import psutil
import psycopg

from restorecheck.errors import (
    AlreadyExistsError,
    CapacityError,
    InvalidStateError,
    ProviderError,
)
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.server import containers, processes, shared_memory
from restorecheck.postgres.server.account import FALLBACK, OsUser, choose_account
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.containers import Container
from restorecheck.postgres.server.processes import Birth, Fence, Program
from restorecheck.postgres.session import libpq
from restorecheck.postgres.session.connection import PREPARING, bounded
from restorecheck.postgres.session.messages import LOG_PREFIX, errors_in_log, lacks_room, log_lines

PREFIX = "restorecheck-"
MARK = "restorecheck.json"
PORT = 5432  # only part of the socket's name; nothing listens on TCP
SUPERUSER = "postgres"

INITDB_TIMEOUT = 180.0
"""Seconds; a slower initdb is ended, and the server does not start."""
START_TIMEOUT = 120.0
"""Seconds until the server must accept connections; otherwise it did not start."""
STOP_TIMEOUT = 10.0
"""Seconds; then a stronger signal follows, and a process that survives all is reported as left."""

SOCKET_PATH_LIMIT = 103
"""Bytes; a longer work_dir is refused. 107 on Linux, 103 on macOS, without the final zero (sockaddr_un)."""

MEGABYTE = 1024 * 1024

EVENT_TRIGGERS_MAJOR = 17
"""The first version in which they can be switched off, and can fire at a login."""


@dataclass(frozen=True, slots=True)
class Places:
    """Paths of one cluster."""

    directory: Path

    @classmethod
    def of_socket(cls, folder: str) -> Self:
        """The places of the server that listens there."""
        return cls(Path(folder).parent)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def sockets(self) -> Path:
        """Folder of the socket; its name is short because of the limit on socket paths."""
        return self.directory / "s"

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
        return self.sockets / f".s.PGSQL.{PORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Records the drill of a directory; written first, read by every sweep."""

    drill_id: str
    made_at: datetime
    lock: str
    """File that the drill's living host has locked."""
    kept: bool = False
    account: OsUser | None = None
    """User of the server; None: the user who wrote the mark."""
    processes: tuple[Birth, ...] = ()
    """Processes that were started for the drill, and may still run."""
    standing: "StartedServer | None" = None
    container: str = ""
    """The runtime of its containers, noted before the first one is made; empty: none."""


Made = tuple[int, int]
"""Identifies a directory: device and inode."""


@dataclass(frozen=True, slots=True)
class StartedServer:
    """A started server, and the identity of its folders at that time."""

    server: Birth
    data: Made
    sockets: Made


_STARTED: dict[Path, StartedServer] = {}
"""Servers of this process. Without a fence a dump's code may have replaced the mark."""


def socket_fits(work_dir: Path) -> bool:
    """Whether the path of a socket below this directory is short enough."""
    longest = Places(work_dir / f"{PREFIX}20260101-000000-abcdef").socket_path
    return len(os.fsencode(longest)) <= SOCKET_PATH_LIMIT


def make_directory(places: Places, mark: Mark, account: OsUser | None) -> None:
    """Make the private directory with its mark and the server's folders. Repeatable by the same drill.

    Raises:
        AlreadyExistsError: The name is used by something else.
        CapacityError: The disk is full.
        ProviderError: It cannot be made.
    """
    directory = places.directory
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
        write_mark(places, replace(mark, account=account))
        if account is not None:
            directory.chmod(0o711)  # the server's user may pass through it, and change nothing
    except FileExistsError:
        existing = read_mark(directory)
        if existing is None or existing.drill_id != mark.drill_id:
            raise AlreadyExistsError(f"{directory} exists and was not made by this drill") from None
    except OSError as exc:
        raise _disk_error(exc, f"could not make {directory}") from exc
    try:
        for folder in (places.data, places.sockets):
            with suppress(FileExistsError):
                make_folder(folder, account)
    except OSError as exc:
        raise _disk_error(exc, f"could not make {directory}/data") from exc


def make_folder(folder: Path, account: OsUser | None) -> None:
    """Make a folder that the server may write to. OSError: it cannot be made, or exists."""
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def write_mark(places: Places, mark: Mark) -> None:
    """Replace the mark, mode 0600. OSError: it cannot be written."""
    text = json.dumps(
        {"made_by": "restorecheck", **asdict(mark), "made_at": mark.made_at.isoformat()}
    )
    temporary = places.unfinished_mark
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(places.mark)


def read_mark(directory: Path) -> Mark | None:
    """The mark of a directory; None: missing, or of another user. Its processes are ended, so directory and
    mark must belong to the present user.
    """
    try:
        with (
            untrusted_files.folder(directory) as held,
            untrusted_files.open_below(held, MARK) as file,
        ):
            owners = {os.fstat(held).st_uid, os.fstat(file.fileno()).st_uid}
            values = json.loads(file.read(untrusted_files.SMALL))
        if values["made_by"] != "restorecheck" or owners != {os.geteuid()}:
            return None
        return Mark(
            drill_id=str(values["drill_id"]),
            made_at=datetime.fromisoformat(values["made_at"]),
            lock=str(values["lock"]),
            kept=bool(values["kept"]),
            account=OsUser(**values["account"]) if values.get("account") else None,
            processes=tuple(Birth(**birth) for birth in values.get("processes", ())),
            standing=_standing(values.get("standing")),
            container=str(values.get("container", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _standing(values: dict[str, Any] | None) -> StartedServer | None:
    if not values:
        return None
    (data, sockets) = (tuple(values[name]) for name in ("data", "sockets"))
    return StartedServer(Birth(**values["server"]), data, sockets)


def recorded(places: Places) -> Callable[[tuple[Birth, ...]], None]:
    """For `Fence.record`: adds processes to the mark before they run; does nothing without a mark."""

    def record(births: tuple[Birth, ...]) -> None:
        mark = read_mark(places.directory)
        if mark is not None:
            running = tuple(birth for birth in mark.processes if birth.runs)
            write_mark(places, replace(mark, processes=(*running, *births)))

    return record


def initdb(places: Places, installation: Installation, account: OsUser | None) -> None:
    """Make the data directory. The locale C.UTF-8 sorts the same everywhere; C, where it is missing."""
    argv: list[str | Path] = [
        installation.program("initdb"),
        f"--pgdata={places.data}",
        f"--username={SUPERUSER}",
        "--auth=trust",  # only this user can enter the directory of the socket
        "--encoding=UTF8",
        "--no-sync",
    ]
    if installation.container is not None:
        _note_container(places, installation.container)
    try:
        _run_initdb([*argv, "--locale=C.UTF-8"], places, account, installation.container)
    except CapacityError:
        raise
    except ProviderError as exc:
        if "locale" not in exc.message:
            raise
        untrusted_files.remove_all(places.data)
        _run_initdb([*argv, "--locale=C"], places, account, installation.container)


def _note_container(places: Places, container: Container) -> None:
    mark = read_mark(places.directory)
    if mark is None:
        raise InvalidStateError(f"{places.directory} has no mark, so it gets no container")
    write_mark(places, replace(mark, container=container.runtime))


def _container_words(
    argv: Sequence[str | Path],
    places: Places,
    account: OsUser | None,
    container: Container,
    folders: Sequence[Path],
    *,
    log: Path | None = None,
) -> list[str]:
    mark = read_mark(places.directory)
    drill_id = mark.drill_id if mark else ""
    try:
        containers.write_names(places.directory, account)
    except OSError as exc:
        raise _disk_error(exc, f"could not write to {places.directory}") from exc
    return containers.words(
        container,
        argv,
        directory=places.directory,
        drill_id=drill_id,
        folders=folders,
        account=account,
        log=log,
    )


def _run_initdb(
    argv: list[str | Path], places: Places, account: OsUser | None, container: Container | None
) -> None:
    if container is not None:
        processes.run(
            _container_words(argv, places, account, container, (places.data,)),
            directory=places.directory,
            account=None,
            timeout=INITDB_TIMEOUT,
            extra_environment=containers.environment(),
        )
        return
    try:
        _run_once(argv, places, account)
    except ProviderError as exc:
        if account is None or NO_NAME not in exc.message:
            raise
        # Without its own file system it fails, because its user has no name. It runs no code of a dump.
        substitute = choose_account(FALLBACK)
        assert substitute is not None, "only root becomes another user"
        untrusted_files.give_all(places.data, substitute.uid, substitute.gid)
        try:
            _run_once(argv, places, substitute)
        finally:
            untrusted_files.give_all(places.data, account.uid, account.gid)


def _run_once(argv: list[str | Path], places: Places, account: OsUser | None) -> None:
    processes.run(
        argv,
        directory=places.directory,
        account=account,
        timeout=INITDB_TIMEOUT,
        # Else it searches all time zones for this machine's, which `settings` overrides.
        extra_environment={"TZ": "UTC"},
        within=Fence(writable=(places.data,), record=recorded(places)),
    )


NO_NAME = "could not look up effective user ID"
"""Source: src/common/username.c, get_user_name."""


def settings(*, jobs: int, memory: int | None = None) -> dict[str, str]:
    """Server settings for one bulk load, by the machine's memory and processors.

    `memory`: bytes that the server should keep to; None: this machine's.
    """
    most = psutil.virtual_memory().available if memory is None else memory
    memory = min(most, psutil.virtual_memory().available) // MEGABYTE
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": str(20 + 4 * jobs),
        # A query of a table with thousands of partitions locks all of them and their indexes.
        "max_locks_per_transaction": "1024",
        # No durability: a crashed server is thrown away.
        "fsync": "off",
        "full_page_writes": "off",
        # On nevertheless: a crash of one process must not undo the load, or a good dump would look
        # incomplete after the recovery.
        "synchronous_commit": "on",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "16GB",
        "checkpoint_timeout": "1d",
        "autovacuum": "off",
        "shared_buffers": f"{max(32, min(memory // 8, 2048))}MB",
        "maintenance_work_mem": f"{max(32, min(memory // (8 * max(jobs, 1)), 1024))}MB",
        # The restored database must have no effect outside.
        "max_logical_replication_workers": "0",
        "archive_mode": "off",
        "shared_preload_libraries": "",
        # Its shared memory is removed with its files, however the server ends.
        "dynamic_shared_memory_type": "mmap",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        # Errors with their codes, without statements and details, which may contain data.
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_line_prefix": LOG_PREFIX,
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "-1",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a server is started with beside the settings of a bulk load."""

    values: Mapping[str, str] = field(default_factory=dict)
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()


def start(
    places: Places,
    installation: Installation,
    account: OsUser | None,
    *,
    jobs: int,
    outlive_us: bool,
    extra: Mapping[str, str] | None = None,
    memory: int | None = None,
    like: Started | None = None,
) -> Program:
    """Start the server and wait until it accepts connections.

    `extra`: further settings, of extensions and of the target.
    `memory`: as `settings`.

    Raises:
        CapacityError: The disk is full or memory is short.
        ProviderError: The server did not start; the reason is its last message.
    """
    values = {**settings(jobs=jobs, memory=memory), "unix_socket_directories": str(places.sockets)}
    if installation.major >= EVENT_TRIGGERS_MAJOR:
        values["event_triggers"] = "off"  # some restored ones fire at a login
    like = like or Started()
    values |= {**(extra or {}), **like.values}
    server = begin(
        places,
        installation,
        account,
        values,
        outlive_us=outlive_us,
        writable=like.writable,
        readable=like.readable,
    )
    try:
        await_ready(places, server)
        note_standing(places, server)
    except BaseException:
        stop(places, server)
        raise
    return server


def begin(
    places: Places,
    installation: Installation,
    account: OsUser | None,
    values: Mapping[str, str],
    *,
    outlive_us: bool,
    writable: Sequence[Path] = (),
    readable: Sequence[Path] = (),
) -> Program:
    """Start the server with these settings, and do not wait for it.

    `writable`, `readable`: what it reaches besides its data and its socket.

    Raises:
        CapacityError: The disk is full.
        ProviderError: The server cannot be started.
    """
    argv: list[str | Path] = [installation.program("postgres"), "-D", places.data]
    for key, value in values.items():
        argv += ["-c", f"{key}={value}"]
    with suppress(OSError), untrusted_files.folder(places.data) as held:
        untrusted_files.unlink_below(held, "postmaster.pid")  # that of a killed server says "ready"
    try:
        log = open_log(places)
    except OSError as exc:
        raise _disk_error(exc, f"could not write {places.log}") from exc
    if installation.container is not None:
        folders = (places.data, places.sockets, *writable, *readable)
        with log:
            if account is not None:
                os.fchown(log.fileno(), account.uid, account.gid)
            return _begin_container(
                _container_words(
                    argv, places, account, installation.container, folders, log=places.log
                ),
                places,
                installation.container,
                log,
                outlive_us=outlive_us,
            )
    with log:
        return processes.spawn(
            argv,
            directory=places.directory,
            account=account,
            stdout=log,
            stderr=log,
            outlive_us=outlive_us,
            # An immediate shutdown, which also removes the shared memory; the server never ignores it.
            dies_by=signal.SIGQUIT,
            within=Fence(
                writable=(places.data, places.sockets, *writable),
                readable=tuple(readable),
                record=recorded(places),
            ),
        )


def _begin_container(
    words: list[str], places: Places, container: Container, log: BinaryIO, *, outlive_us: bool
) -> Program:
    """Start the server in a container, and note its process as that of any other server."""
    server = processes.spawn(
        words,
        directory=places.directory,
        account=None,
        stdout=log,
        stderr=log,
        outlive_us=outlive_us,
        dies_by=signal.SIGQUIT,  # which the runtime passes on: an immediate shutdown
        extra_environment=containers.environment(),
    )
    recorded(places)(tuple(b for b in [server.inner] if b is not None))
    end = time.monotonic() + START_TIMEOUT
    while server.poll() is None and time.monotonic() < end:
        pid = containers.process_of(container.runtime, places.directory)
        if pid is not None and (birth := Birth.of(pid)) is not None:
            server.inner = birth
            recorded(places)((birth,))
            return server
    stop(places, server)
    raise ProviderError(
        f"the container of {container.image} did not start: {_last_line(places)}",
        hint=f"Run `restorecheck server pull`, or look with `{container.runtime} ps --all`.",
    )


def _last_line(places: Places) -> str:
    try:
        return processes.last_line(places.log.read_text(errors="replace"))
    except OSError:
        return "no message"


def open_log(places: Places) -> BinaryIO:
    """The server's log, opened for appending. OSError: it is a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.fdopen(os.open(places.log, flags, 0o600), "ab")


def note_standing(places: Places, server: Program) -> None:
    """Remember which process was started over which folders: connections are held against it."""
    if server.inner is None:
        return
    standing = StartedServer(server.inner, _identity(places.data), _identity(places.sockets))
    _STARTED[places.directory] = standing
    mark = read_mark(places.directory)
    if mark is not None:
        write_mark(places, replace(mark, standing=standing))


def _identity(path: Path) -> Made:
    state = path.lstat()
    return state.st_dev, state.st_ino


def _standing_of(places: Places) -> StartedServer | None:
    if places.directory in _STARTED:
        return _STARTED[places.directory]
    mark = read_mark(places.directory)
    return mark.standing if mark else None


def replaced(places: Places) -> str:
    """Which folder of a server started by restorecheck was replaced; empty: none.

    Empty also for a server that restorecheck did not start.
    """
    standing = _standing_of(places)
    if standing is None:
        return ""
    folders = {
        "data directory": (places.data, standing.data),
        "socket": (places.sockets, standing.sockets),
    }
    for name, (path, known) in folders.items():
        try:
            if _identity(path) != known:
                return f"the restored code replaced the server's {name}"
        except OSError:
            return f"the restored code removed the server's {name}"
    return ""


def await_ready(places: Places, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server accepts connections, at most START_TIMEOUT. Raises as `start`."""
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        if server.poll() is not None:
            raise _start_error(places, server.returncode)
        if says_ready(places):
            return
        try:
            server.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
    raise ProviderError(f"the throw-away server was not ready within {START_TIMEOUT:g} s")


def says_ready(places: Places) -> bool:
    """Line 8 of postmaster.pid is the server's state: `starting`, `ready   `, `stopping`. Only a hint: each
    connection is asked who has answered.

    Source: src/include/utils/pidfile.h, LOCK_FILE_LINE_PM_STATUS (since PostgreSQL 10).
    """
    try:
        lines = untrusted_files.read_small(places.data, "postmaster.pid").split("\n")
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"  # noqa: PLR2004  # line 8


def _start_error(places: Places, code: int) -> ProviderError:
    found = errors_in_log(places.log)
    reason = found[-1].told if found else f"it exited with {processes.describe_exit(code)}"
    message = f"the throw-away server did not start: {reason}"
    full = any(lacks_room(e.sqlstate) or "No space left" in e.message for e in found)
    return CapacityError(message) if full else ProviderError(message)


BY_ITS_OWN_FAULT = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE})
"""Signals by which a process ends because of its data; any other one comes from outside."""
_TERMINATED = re.compile(r"\(PID \d+\) was terminated by signal (\d+)")
_GAVE_UP = re.compile(r"server process \(PID \d+\) exited with exit code \d+")


def killed(places: Places) -> str:
    """How another program ended a server process or removed its folders; empty: none did.

    Recovery empties unlogged tables, so later answers prove nothing. The log has "server process (PID 123)
    was terminated by signal 9: Killed", or "exited with exit code 2" for an immediate shutdown.
    Source: src/backend/postmaster/postmaster.c, LogChildExit.
    """
    foreign: list[str] = []
    gave_up = False
    if gone := replaced(places):
        return gone
    for line in log_lines(places.log):
        match = _TERMINATED.search(line)
        if match and int(match[1]) not in BY_ITS_OWN_FAULT:
            foreign.append(processes.describe_exit(-int(match[1])))
        gave_up = gave_up or _GAVE_UP.search(line) is not None
    if gave_up:
        foreign.append("another program")
    return f"a process of the throw-away server was ended by {foreign[0]}" if foreign else ""


class Wire(Protocol):
    """A connection, or a socket."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


OWN_SESSION = {
    "role": "none",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "row_security": "on",
    "lc_messages": "C",  # errors are recognised by their English text
}
"""For restorecheck's own sessions: overrides what a dump set for databases and roles."""


def superuser_connection(
    places: Places,
    database: str = "postgres",
    *,
    user: str = SUPERUSER,
    limit: timedelta = PREPARING,
) -> psycopg.Connection[tuple[object, ...]]:
    """`limit`: after which it is closed."""
    refuse_link(places)
    connection = psycopg.connect(
        host=str(places.sockets),
        port=PORT,
        user=user,
        dbname=database,
        autocommit=True,
        connect_timeout=10,
        options=libpq.options_of(OWN_SESSION),
        client_encoding="UTF8",  # else psycopg returns bytes for the texts of an SQL_ASCII database
        **libpq.THROW_AWAY,
    )
    refuse_stranger(connection, places)
    return bounded(connection, limit)


def refuse_link(places: Places) -> None:
    """Before a connection: a link instead of the socket could lead to any server of the machine. If restored
    code makes one after this check, `refuse_stranger` detects it after connecting.

    Raises:
        InvalidStateError: The file is not a socket.
    """
    if _standing_of(places) is None:
        return
    try:
        with untrusted_files.folder(places.sockets) as held:
            state = os.stat(places.socket_path.name, dir_fd=held, follow_symlinks=False)
    except OSError:
        return  # connecting reports the error
    if not stat.S_ISSOCK(state.st_mode):
        raise InvalidStateError("the restored code replaced the server's socket", hint=ATTACKED)


ATTACKED = "Do not trust this dump: its code attacks the machine that restores it."


def refuse_stranger(connection: Wire, places: Places) -> None:
    """Close a connection if another process than this server listens on the socket.

    The kernel records the process that called listen(2): SO_PEERCRED, unix(7). Only on Linux.

    Raises:
        InvalidStateError: Another process listens there.
    """
    standing = _standing_of(places)
    if standing is None or not processes.LINUX:
        return
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        pid, _uid, _gid = struct.unpack(
            "3i", wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
    if pid != standing.server.pid or not standing.server.runs:
        connection.close()
        raise InvalidStateError(
            "another process listens on the socket of the throw-away server: restored code replaced the server",
            hint=ATTACKED,
        )


def stop(places: Places, server: subprocess.Popen[bytes] | None = None) -> bool:
    """End the server and all processes of its drill. True: none is running."""
    mark = read_mark(places.directory)
    known = _STARTED.pop(places.directory, None)
    if server is not None and not _ended(server):
        return False
    running = {*(mark.processes if mark else ()), *([known.server] if known else ())}
    if not processes.end(running, STOP_TIMEOUT / 2):
        return False
    if mark is not None and mark.container:
        left = containers.end(mark.container, places.directory, mark.drill_id)
        if left:
            return False
    account = mark.account if mark else None
    if account is not None and account.alone:
        processes.end_all_of(account)
    makers = {birth.pid for birth in running}
    shared_memory.free(makers, account.uid if account else None, places.data)
    return True


def _ended(server: subprocess.Popen[bytes]) -> bool:
    """Whether the server could be ended, by an immediate shutdown."""
    if server.poll() is not None:
        return True
    contained = isinstance(server, Program) and server.contained
    # Outside an IPC namespace the server itself removes its shared memory; SIGQUIT is an immediate shutdown.
    server.send_signal(signal.SIGTERM if contained else signal.SIGQUIT)
    for last_resort in (server.kill, server.kill):
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=STOP_TIMEOUT)
            return True
        last_resort()
    with suppress(subprocess.TimeoutExpired):
        server.wait(timeout=STOP_TIMEOUT)
    return server.returncode is not None


def made(places: Places) -> Made:
    return _identity(places.directory)


def is_made(places: Places, by_us: Made | None) -> bool:
    """Whether this process made the directory: then no mark is needed as evidence."""
    try:
        return by_us is not None and made(places) == by_us
    except OSError:
        return False


def remove(places: Places, drill_id: str, by_us: Made | None = None) -> str:
    """Remove the directory of this drill; empty: removed, else why not.

    A directory without a mark is removed only if it contains nothing but an unfinished mark: a drill can
    die between making and marking it.
    """
    directory = places.directory
    if not directory.name.startswith(PREFIX):
        return "its name is not one of restorecheck"
    if not directory.is_dir() or directory.is_symlink():
        return "" if not directory.exists() else "it is not a directory"
    mark = read_mark(directory)
    if not is_made(places, by_us) and (mark is None or mark.drill_id != drill_id):
        try:
            if list(directory.iterdir()) == [places.unfinished_mark]:
                places.unfinished_mark.unlink()
            directory.rmdir()
        except OSError:
            return "it does not have the mark of this drill"
        return ""
    return _remove_marked(directory)


def _remove_marked(directory: Path) -> str:
    """Removes the mark last, so that an interrupted removal can be continued."""
    try:
        untrusted_files.remove_all(directory, but=MARK)
        (directory / MARK).unlink(missing_ok=True)
        directory.rmdir()
    except OSError as exc:
        return f"{exc.strerror}: {exc.filename}"
    return ""


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def is_almost_full(directory: Path) -> bool:
    """Whether less than 1 % of the disk, or less than 1 GB, is free."""
    usage = shutil.disk_usage(directory)
    return usage.free < min(usage.total // 100, 1024 * MEGABYTE)


def modified_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, tz=UTC)
    except OSError:
        return None


def _disk_error(exc: OSError, what: str) -> ProviderError:

    message = f"{what}: {exc.strerror}"
    hint = "Set postgres.work_dir to a writable folder with enough free space."
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CapacityError(message, hint=hint)
    return ProviderError(message, hint=hint)
