"""The command without its imports: a process that has done them, and forks for every call.

Each call is a process of its own all the same, with its own signals, environment and files; what
is saved is half a second of importing. Whether the command can be started from nothing is asked
by the tests that start it themselves.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

from restorecheck.__main__ import main

COMMAND = [sys.executable, "-m", "restorecheck"]
IMPORTED = (
    "restorecheck.config.document",
    "restorecheck.config.rules",
    "restorecheck.hosts.cli.commands",
    "restorecheck.hosts.process.logs",
    "restorecheck.hosts.drill.performer",
    "restorecheck.hosts.cli.history_queries",
    "restorecheck.hosts.drill.wiring",
    "yaml",
)
"""What a drill imports, and so nearly all that any command does."""


class Ready:
    """The caller's side. One call at a time; whoever comes meanwhile starts from nothing."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._free = threading.Lock()

    def run(
        self, arguments: list[str], *, cwd: Path, env: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        if not self._free.acquire(blocking=False):
            return from_nothing(arguments, cwd=cwd, env=env, timeout=timeout)
        try:
            with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
                code = self._call(arguments, cwd, env, out, err, timeout)
                out.seek(0), err.seek(0)
                return subprocess.CompletedProcess(arguments, code, out.read(), err.read())
        finally:
            self._free.release()

    def _call(
        self,
        arguments: list[str],
        cwd: Path,
        env: dict[str, str],
        out: Any,
        err: Any,
        timeout: float,
    ) -> int:
        call = {
            "arguments": arguments,
            "cwd": str(cwd),
            "env": env,
            "files": [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)],
            "timeout": timeout,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(call).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def from_nothing(
    arguments: list[str], *, command: list[str] = COMMAND, **options: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, **options
    )


# --- the side that is ready ---


def _serve(calls: IO[str], answers: IO[str]) -> None:
    for line in calls:
        call = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(call)
        print(_wait(pid, call["timeout"]), file=answers, flush=True)


def _become(call: dict[str, Any]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    places = [nothing, *(os.open(path, os.O_RDWR) for path in call["files"])]
    for number, place in enumerate(places):
        os.dup2(place, number)
    os.closerange(3, 256)
    os.chdir(call["cwd"])
    os.environ.clear()
    os.environ.update(call["env"])
    time.tzset()
    sys.argv = ["restorecheck", *call["arguments"]]
    code = 1  # of a traceback
    try:
        sys.exit(main())
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter does
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
        os._exit(code)


def _wait(pid: int, timeout: float) -> int:
    """The exit status as `subprocess` says it."""
    waiting = threading.Timer(timeout, os.kill, (pid, signal.SIGKILL))
    waiting.start()
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        waiting.cancel()


def _import_everything() -> None:
    for name in IMPORTED:
        importlib.import_module(name)


if __name__ == "__main__":
    _import_everything()
    _serve(sys.stdin, sys.stdout)
