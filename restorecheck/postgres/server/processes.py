"""Starts PostgreSQL's programs, and ends them.

No process is ended by name, or because of data that a dump can write: only processes that restorecheck
started, known in memory or as a recorded `Birth`.
"""

import ctypes
import marshal
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Self

import psutil

from restorecheck.errors import CapacityError, ProviderError
from restorecheck.postgres.server import fence
from restorecheck.postgres.server.account import OsUser, any_of_a_drill

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""
_BEGIN_FENCE = (
    "import sys; sys.path.append(sys.argv[1]); import fence; fence.main(int(sys.argv[2]))"
)
_BEGINS_WITHIN = 60.0
"""Seconds; if the fence takes longer, the start fails."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Birth:
    """Identifies one process: its number, and its start time (in ticks since boot, on Linux)."""

    pid: int
    at: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """None: there is no such process."""
        try:
            if not LINUX:
                return cls(pid, str(psutil.Process(pid).create_time()))
            # Field 22, after the name, which may contain any character; proc_pid_stat(5).
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            return cls(pid, f"{_BOOT.read_text().strip()} {fields[19]}")
        except (OSError, psutil.Error, IndexError):
            return None

    @property
    def runs(self) -> bool:
        """Whether the process runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            return Birth.of(self.pid) == self and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def send(self, number: int) -> None:
        """Send a signal; a missing process is no error."""
        try:
            handle = os.pidfd_open(self.pid) if LINUX else None
        except OSError:
            return
        try:
            # Checked with the handle open: the number cannot be reused meanwhile.
            if Birth.of(self.pid) != self:
                return
            if handle is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        except (ProcessLookupError, PermissionError):
            return
        finally:
            if handle is not None:
                os.close(handle)


def end(births: Iterable[Birth], timeout: float) -> bool:
    """End these processes, with so many seconds after each signal. True: none is running.

    SIGTERM first: then the parent of a fenced program kills it with all of its children.
    """
    running = [birth for birth in births if birth.runs]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for birth in running:
            birth.send(number)
            birth.send(signal.SIGCONT)  # it may be stopped
        known = []
        for birth in running:
            with suppress(psutil.Error):
                known.append(psutil.Process(birth.pid))
        psutil.wait_procs(known, timeout)
        running = [birth for birth in running if birth.runs]
        if not running:
            return True
    return False


def end_all_of(account: OsUser) -> None:
    """Kill every process of a user id that only one drill uses."""
    assert account.alone, "others may run as this user"
    shell_as(account, "kill -9 -1")  # kill(2): every process that the caller may signal, but itself


def shell_as(account: OsUser, script: str, *arguments: str) -> int:
    """Run a script of restorecheck as the account, without a fence; returns its exit code."""
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *arguments],
        check=False,
        capture_output=True,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    ).returncode


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """What a fenced program may access besides the system's programs."""

    writable: tuple[Path, ...] = ()
    """Folders that it may write."""
    readable: tuple[Path, ...] = ()
    """Folders and files that it may read."""
    network: bool = False
    open: bool = False
    """A process namespace only: for a program of the user's, which may reach what restorecheck reaches."""
    record: Callable[[tuple[Birth, ...]], None] = lambda _births: None
    """Called with the processes before they run, so that a sweep finds them if restorecheck is killed."""


class Program(subprocess.Popen[bytes]):
    """A started program. In a fence, this is its parent, which ends with the program's exit code."""

    inner: Birth | None = None
    """The program itself."""
    fenced: bool = False
    missing: tuple[str, ...] = ()
    """Parts of the fence that the kernel does not support; keys of `fence.WALLS`."""

    @property
    def contained(self) -> bool:
        """Whether the kernel ends its children with it, and removes their shared memory."""
        return self.fenced and not {"processes", "memory"} & set(self.missing)

    def kill(self) -> None:
        """Kill the program itself, so that its parent in the fence ends, too."""
        if self.inner is None or self.inner.pid == self.pid:
            super().kill()
        elif self.returncode is None:
            self.inner.send(signal.SIGKILL)
            self.send_signal(signal.SIGCONT)


def environment(home: Path) -> dict[str, str]:
    """The environment of PostgreSQL's programs: no PG* variable, no secret, messages in English."""
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
    return {"PATH": os.defpath, **kept, "HOME": str(home), "LC_ALL": "C", "PGTZ": "UTC"}


def spawn(
    argv: Sequence[str | Path],
    *,
    directory: Path,
    account: OsUser | None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
    outlive_us: bool = False,
    dies_by: signal.Signals = signal.SIGKILL,
    extra_environment: dict[str, str] | None = None,
    within: Fence | None = None,
) -> Program:
    """Start a program as `account` in `directory`, in its own session.

    Unless `outlive_us`, the kernel sends it `dies_by` when this process dies (Linux only; in fact when the
    starting thread ends, so start from a thread that lives on).
    `within`: its fence, on Linux; elsewhere only the account separates it.

    Raises:
        ProviderError: The program cannot be started.
    """
    program = Path(argv[0]).name
    words = [str(word) for word in argv]
    variables = environment(directory) | (extra_environment or {})
    streams: dict[str, Any] = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    try:
        if within is not None and LINUX:
            return _fenced(
                words,
                within,
                streams,
                order={
                    "uid": account.uid if account else None,
                    "gid": account.gid if account else None,
                    "alone": bool(account and account.alone),
                    "outlives": outlive_us,
                    "dies_by": int(dies_by),
                    "environment": variables,
                    "directory": str(directory),
                },
            )
        started = Program(
            words,
            cwd=directory,
            env=variables,
            start_new_session=True,
            umask=0o077,
            preexec_fn=None if outlive_us else die_with_parent(dies_by),  # a single system call
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            **streams,
        )
    except OSError as exc:
        raise ProviderError(
            f"could not start {program}: {exc.strerror}",
            operation=program,
            hint=f"Check that {argv[0]} can be executed"
            + (f" by the user {account.name}." if account else "."),
        ) from exc
    started.inner = Birth.of(started.pid)
    if within is not None and started.inner is not None:
        within.record((started.inner,))
    return started


def _fenced(
    words: list[str], within: Fence, streams: dict[str, Any], order: dict[str, Any]
) -> Program:
    """Raises OSError: it cannot be started."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, its:
        ours.settimeout(_BEGINS_WITHIN)
        place = str(Path(fence.__file__).parent)
        started: Program = Program(
            [sys.executable, "-I", "-S", "-c", _BEGIN_FENCE, place, str(its.fileno())],
            cwd="/",
            env=order["environment"],
            start_new_session=True,
            umask=0o077,
            pass_fds=[its.fileno()],
            **streams,
        )
        its.close()
        try:
            ours.send(marshal.dumps(order | _reach(words, within)))
            _begin(ours, started, within)
        except BaseException:
            started.terminate()  # ends its children, too
            started.wait()
            for stream in (started.stdin, started.stdout, started.stderr):
                if stream is not None:
                    stream.close()
            raise
    return started


def _begin(ours: socket.socket, started: Program, within: Fence) -> None:
    answers = [_answer(ours), _answer(ours)]  # from two processes, in any order
    (pid,) = (answer for answer in answers if isinstance(answer, int))
    (missing,) = (answer for answer in answers if isinstance(answer, list))
    _refuse_error(missing)
    started.inner = Birth.of(pid)
    started.fenced, started.missing = True, tuple(missing)
    within.record(tuple(b for b in (started.inner, Birth.of(started.pid)) if b is not None))
    ours.send(b"g")
    last = ours.recv(fence.MESSAGE)
    if last:
        _refuse_error(marshal.loads(last))  # noqa: S302  # from restorecheck's own program, before the fenced one starts


def _answer(ours: socket.socket) -> Any:  # noqa: ANN401  # see fence.py
    text = ours.recv(fence.MESSAGE)
    if not text:
        raise OSError(0, "the fence ended without an answer")
    return marshal.loads(text)  # noqa: S302  # as above


def _refuse_error(answer: list[str]) -> None:
    if answer[:1] == ["error"]:
        raise OSError(0, answer[1])


def _reach(words: list[str], within: Fence) -> dict[str, Any]:
    """The part of an order with the program and the paths that it may access."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    readable = [*_parts_of(Path(words[0])), *(Path(p) for p in libraries if p), *within.readable]
    return {
        "walls": not within.open,
        "parent": os.getpid(),
        "argv": [shutil.which(words[0]) or words[0], *words[1:]],
        "network": within.network,
        "open": within.open,
        "readable": [str(path.absolute()) for path in readable],
        "writable": [str(path.absolute()) for path in within.writable],
    }


def _parts_of(program: Path) -> list[Path]:
    """The installation of a program, with the libraries of a wheel, which are beside its package."""
    prefix = program.parent.parent
    if prefix == Path("/"):
        return []  # part of the system, which the fence includes
    parts = [program.parent, *(prefix / name for name in ("lib", "lib64", "share"))]
    parts += [path.with_name(f"{path.name}.libs") for path in program.parents if path.name]
    brew = Path("/home/linuxbrew/.linuxbrew")
    return [brew, *parts] if brew in program.parents else parts


@cache
def missing_walls() -> tuple[str, ...]:
    """Parts of the fence that this kernel does not support, tested once by starting one; keys of `fence.WALLS`."""
    if not LINUX:
        return tuple(fence.WALLS)
    account = any_of_a_drill(None)
    probe = spawn(["/bin/true"], directory=Path("/"), account=account, within=Fence())
    probe.wait()
    return probe.missing


def run(
    argv: Sequence[str | Path],
    *,
    directory: Path,
    account: OsUser | None,
    timeout: float,
    extra_environment: dict[str, str] | None = None,
    within: Fence | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    Raises:
        CapacityError: The disk is full.
        ProviderError: It could not be started, did not end in time, or exited with an error.
    """
    program = Path(argv[0]).name
    process = spawn(
        argv,
        directory=directory,
        account=account,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        extra_environment=extra_environment,
        within=within,
    )
    with process:  # closes the pipes, even if the program did not end
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


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Any:  # noqa: ANN401  # what Popen takes
    """For Popen's preexec_fn: the kernel ends the program when the starting thread ends.

    Linux only; elsewhere None. SIGKILL, because a program inherits ignored signals: what a shell
    starts in the background ignores SIGINT and SIGQUIT.
    """
    if not LINUX:
        return None
    # Looked up here: after a fork the loader's lock may be held by a thread that no longer exists.
    # PyDLL, because it keeps the interpreter's lock during the call.
    prctl = ctypes.PyDLL(None).prctl
    wanted = int(number)
    getppid, leave, parent = os.getppid, os._exit, os.getpid()  # no cleanup in a fork

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, wanted)
        if getppid() != parent:
            leave(1)

    return ask_the_kernel
