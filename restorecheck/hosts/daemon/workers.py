"""Drills in their own processes: one that crashes, leaks or hangs does not affect the others."""

import collections
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import IO, Protocol

import structlog

from restorecheck.config import Config, Target
from restorecheck.hosts.daemon.config_watch import ConfigSource
from restorecheck.hosts.drill.sweep_command import NOTHING
from restorecheck.hosts.sources.drill_settings import deadline_of, teardown_limit_of
from restorecheck.report.terminal import clean

log = structlog.get_logger("restorecheck.runner")

TAIL = 5
OWN = "restorecheck: "
LINE = 8192
DRAIN_SECONDS = 2.0
"""After the end of a worker its output is read for this long; later output is lost."""


TRY_AGAIN = 75
"""Exit status of a process that could not use the history, or found the target busy (EX_TEMPFAIL of sysexits.h)."""


class Temporary(str):
    """Why no drill started, where another host or a later try may have more luck."""

    __slots__ = ()


class Launcher(Protocol):
    """Starts work and waits for its end. Called from several threads."""

    hands_over: bool = False
    """Drills run on other hosts: `drill` does not wait for them, and these hosts see to every slot."""

    def drill(self, target: str, slot: datetime, limit: timedelta) -> str:
        """Drill a target for a slot; returns why no drill started; empty: one did."""
        ...

    def finish(self) -> str:
        """Finish the drills of dead processes only; returns the error, if any."""
        ...

    def sweep(self) -> str:
        """As `restorecheck sweep`; returns the error, if any."""
        ...

    def stop(self, within: timedelta) -> int:
        """Let running work tear down; workers that take longer are killed. Returns how many."""
        ...


Defer = Callable[[str, datetime], str]
"""Hands the drill of a target for a slot over to other hosts. Safe to repeat. Returns why there will be no drill;
empty: there may be one. Raises RestorecheckError: it is tried again in a minute."""


class HandedOver(Launcher):
    """Drills on other hosts; finishes and sweeps what belongs to this one."""

    hands_over = True

    def __init__(self, here: Launcher, defer: Defer) -> None:
        self._here = here
        self._defer = defer

    def drill(self, target: str, slot: datetime, limit: timedelta) -> str:  # noqa: ARG002  # that host limits it
        return self._defer(target, slot)

    def finish(self) -> str:
        return self._here.finish()

    def sweep(self) -> str:
        return self._here.sweep()

    def stop(self, within: timedelta) -> int:
        return self._here.stop(within)


def limit_of(config: Config, target: Target) -> timedelta:
    """A worker process that takes longer is ended: every drill ends by its own deadlines."""
    return deadline_of(target) + 3 * teardown_limit_of(config, target) + MARGIN


MARGIN = timedelta(minutes=30)
"""A worker that exceeds its own deadlines by more than this is ended."""
SWEEP_LIMIT = timedelta(hours=3)
"""A longer sweep is ended; a deletion in AWS takes minutes."""


class Workers(Launcher):
    def __init__(self, source: Callable[[], ConfigSource]) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopping = False

    def drill(self, target: str, slot: datetime, limit: timedelta) -> str:
        return self._work({"job": "drill", "target": target, "slot": slot.isoformat()}, limit)

    def finish(self) -> str:
        return self._work({"job": "finish"}, SWEEP_LIMIT)

    def sweep(self) -> str:
        return self._work({"job": "sweep"}, SWEEP_LIMIT)

    def stop(self, within: timedelta) -> int:
        with self._lock:
            self._stopping = True
            running = tuple(self._running)
        for process in running:
            process.terminate()
        end = time.monotonic() + within.total_seconds()
        killed = 0
        for process in running:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
        return killed

    def _work(self, job: dict[str, str], limit: timedelta) -> str:
        source = self._source()
        order = {**job, "file": str(source.path), "text": source.text}
        with self._lock:
            if self._stopping:
                return "the runner is stopping"
            process = subprocess.Popen(
                [sys.executable, "-m", "restorecheck.hosts.daemon.worker", *job.values()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            self._running.add(process)
        try:
            return self._attend(process, json.dumps(order), job, limit)
        finally:
            with self._lock:
                self._running.discard(process)

    def _attend(
        self, process: "subprocess.Popen[str]", order: str, job: dict[str, str], limit: timedelta
    ) -> str:
        assert process.stdin is not None, "piped"
        assert process.stderr is not None, "piped"
        tail: collections.deque[str] = collections.deque(maxlen=TAIL)
        # In a thread: a child of the worker may outlive it and keep the pipe open.
        reader = threading.Thread(target=_read, args=(process.stderr, tail, job), daemon=True)
        reader.start()
        ender = threading.Timer(limit.total_seconds(), process.kill)
        ender.daemon = True
        ender.start()
        try:
            process.stdin.write(order)
            process.stdin.close()
        except OSError:
            pass  # it ended early, as its exit status says
        code = process.wait()
        ender.cancel()
        reader.join(DRAIN_SECONDS)
        log.info("worker.ended", exit_code=code, output=list(tail) if code else [], **job)
        if code < 0:
            return f"the process was ended by signal {-code}"
        if code == 0:
            return ""
        why = _complaint(tail) or f"exit status {code}"
        return Temporary(why) if code == TRY_AGAIN else why


def _complaint(tail: "collections.deque[str]") -> str:
    """The worker's own error message, else the last line of its output."""
    own = [line.removeprefix(OWN) for line in tail if line.startswith(OWN)]
    return own[0] if own else tail[-1] if tail else ""


def _read(stream: IO[str], tail: "collections.deque[str]", job: dict[str, str]) -> None:
    with stream:
        while line := stream.readline(LINE):
            text = clean(line.rstrip("\n"))
            if not text.startswith("{"):  # its log, which goes on beside its error
                tail.append(text)
            say = log.info if job["job"] == "sweep" and text != NOTHING else log.debug
            say("worker.output", text=text, **job)
