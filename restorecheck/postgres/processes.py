"""Starting PostgreSQL's programs, and finding and ending what was started.

Nothing is ever ended by its name. A process is ours when it is the one whose number was recorded
and it works in the directory that was recorded with it, or is a descendant of that one.
"""

import ctypes
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from restorecheck.errors import CapacityError, ProviderError
from restorecheck.postgres import theirs
from restorecheck.postgres.account import Account

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_AF_INET, _SOCK_DGRAM = 2, 2
"""Sources: linux/prctl.h, linux/sched.h, linux/sockios.h, linux/if.h; netdevice(7)."""


def environment(home: Path) -> dict[str, str]:
    """What PostgreSQL's programs see: no PG* variable, no secret, messages in English."""
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
    return {"PATH": os.defpath, **kept, "HOME": str(home), "LC_ALL": "C", "PGTZ": "UTC"}


def spawn(
    argv: Sequence[str | Path],
    *,
    directory: Path,
    account: Account | None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
    outlive_us: bool = False,
    dies_by: signal.Signals = signal.SIGKILL,
    extra_environment: dict[str, str] | None = None,
    confined: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program as `account` in `directory`, in a session of its own.

    Unless `outlive_us`, it is ended by the signal `dies_by` when this process dies, by the kernel (Linux only;
    the signal follows the thread that started it, so start from one that lives on).
    `confined`: what it starts stays below it, and, where root starts it, it has no network (Linux;
    elsewhere, and where the kernel refuses, as in most containers, it runs all the same).

    Raises:
        ProviderError: The program cannot be started.
    """
    program = Path(argv[0]).name
    identity: dict[str, Any] = {}
    confine = _confinement(account) if confined else None
    if account is not None and confine is None:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        return subprocess.Popen(  # a list, never a shell
            [str(arg) for arg in argv],
            cwd=directory,
            env=environment(directory) | (extra_environment or {}),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            umask=0o077,
            preexec_fn=_one_after_the_other(  # noqa: PLW1509  # system calls, no Python locks
                confine, None if outlive_us else die_with_parent(dies_by)
            ),
            **identity,
        )
    except OSError as exc:
        raise ProviderError(
            f"could not start {program}: {exc.strerror}",
            operation=program,
            hint=f"Check that {argv[0]} can be executed"
            + (f" by the user {account.name}." if account else "."),
        ) from exc


def run(
    argv: Sequence[str | Path],
    *,
    directory: Path,
    account: Account | None,
    timeout: float,
) -> str:
    """Run a program to its end and return its standard output.

    Raises:
        CapacityError: It found no space left.
        ProviderError: It could not be started, did not end in time, or exited with an error.
    """
    program = Path(argv[0]).name
    process = spawn(
        argv, directory=directory, account=account, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:  # which closes the pipes, also of a program that did not end
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as exc:
            raise ProviderError(f"{program} did not end within {timeout:g} s") from exc
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode == 0:
        return out.decode(errors="replace")
    last = last_line(err.decode(errors="replace"))
    if "No space left on device" in err.decode(errors="replace"):
        raise CapacityError(f"{program}: no space left in {directory}", operation=program)
    raise ProviderError(
        f"{program} exited with {describe_exit(process.returncode)}: {last}", operation=program
    )


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"


def describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def server_processes(data_directory: Path) -> list[psutil.Process]:
    """The server over this data directory and its descendants, the server first.

    A PostgreSQL server and all its backends work in the data directory; a person's shell there
    has a terminal, a server has none.
    """
    try:
        owner = data_directory.stat().st_uid
    except OSError:
        return []
    found = [p for p in _candidates(data_directory) if _is_server(p, data_directory, owner)]
    return sorted(found, key=lambda process: process.pid != _recorded_pid(data_directory))


def descendants(data_directory: Path) -> list[psutil.Process]:
    """What the server over this data directory started, wherever it works: `COPY … TO PROGRAM` of a
    dump may leave a program behind, which is still below a server that was started `confined`.
    """
    recorded = _recorded_pid(data_directory)
    try:
        server = psutil.Process(recorded) if recorded is not None else None
        if server is None or not _works_in(server, data_directory):
            return []
        return server.children(recursive=True)
    except psutil.Error:
        return []


def strays(directory: Path) -> list[psutil.Process]:
    """What works in a drill's directory itself: programs that load, and their workers.

    They are told to die with us, but what they forked is not, and may stand still (SIGSTOP).
    """
    try:
        owner = directory.stat().st_uid
    except OSError:
        return []
    return [p for p in psutil.process_iter() if _is_server(p, directory, owner)]


def end(process: psutil.Process, number: signal.Signals) -> None:
    """Send one signal; a process that is gone already is no error. psutil checks that the pid
    was not given to another process meanwhile.
    """
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _candidates(data_directory: Path) -> list[psutil.Process]:
    recorded = _recorded_pid(data_directory)
    try:
        if recorded is not None and _works_in(psutil.Process(recorded), data_directory):
            server = psutil.Process(recorded)
            return [server, *server.children(recursive=True)]
    except psutil.Error:
        pass
    # The server is gone or never wrote its file: look for what works in this very directory.
    return list(psutil.process_iter())


def _is_server(process: psutil.Process, data_directory: Path, owner: int) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return False
        return (
            process.uids().real == owner
            and _works_in(process, data_directory)
            and process.terminal() is None
        )
    except psutil.Error:
        return False


def _works_in(process: psutil.Process, directory: Path) -> bool:
    try:
        return Path(process.cwd()) == directory.resolve()
    except (psutil.Error, OSError):
        return False


def _recorded_pid(data_directory: Path) -> int | None:
    """The pid in the server's own lock file; its first line.

    Source: PostgreSQL documentation, "Database File Layout", postmaster.pid.
    """
    try:
        first = theirs.read_small(data_directory / "postmaster.pid").split("\n", 1)[0]
        return abs(int(first))
    except (OSError, ValueError):
        return None


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Any:  # noqa: ANN401  # what Popen takes
    """For Popen's preexec_fn: the kernel ends the program when the thread that started it ends.

    Linux only; elsewhere None. SIGKILL, because a program inherits ignored signals: what a shell
    starts in the background ignores SIGINT and SIGQUIT.
    """
    if not sys.platform.startswith("linux"):
        return None
    # Looked up here: after a fork the loader's lock may be held by a thread that is not there.
    # PyDLL, because it does not give up the interpreter's lock around the call.
    prctl = ctypes.PyDLL(None).prctl
    wanted = int(number)
    getppid, leave, parent = os.getppid, os._exit, os.getpid()  # no cleanup in a fork

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, wanted)
        if getppid() != parent:
            leave(1)

    return ask_the_kernel


def _one_after_the_other(*steps: Callable[[], None] | None) -> Callable[[], None] | None:
    wanted = [step for step in steps if step is not None]

    def take() -> None:
        for step in wanted:
            step()

    return take if wanted else None


def _confinement(account: Account | None) -> Callable[[], None] | None:
    """For Popen's preexec_fn: no network but its own loopback, adopt orphans, become `account`.

    Only root may leave the network without a user namespace, which many kernels refuse half-way; so
    the account is become here, after that. It forgets the signal of `die_with_parent`: that comes later.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.PyDLL(None)
    # Looked up here, as in `die_with_parent`.
    prctl, unshare, open_socket, ioctl = libc.prctl, libc.unshare, libc.socket, libc.ioctl
    loopback = struct.pack("16sH22x", b"lo", _IFF_UP)  # struct ifreq

    def confine() -> None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if account is None:
            return
        if unshare(_CLONE_NEWNET) == 0:
            # PostgreSQL before 15 sends its statistics over the loopback.
            wire = open_socket(_AF_INET, _SOCK_DGRAM, 0)
            ioctl(wire, _SIOCSIFFLAGS, loopback)
            os.close(wire)
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)

    return confine
