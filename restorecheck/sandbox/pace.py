"""Durations of AWS in the sandbox, and the thread that does its work."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import structlog

from restorecheck.simulated import pace

T = TypeVar("T")

log = structlog.get_logger("restorecheck.sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace(pace.Durations):
    """AWS's time, accelerated."""

    factor: float = 1 / 150


class Worker:
    """The thread in which all delayed actions of AWS run.

    The servers of the sandbox are started by it and by no other: the kernel ends a server when
    the *thread* that started it ends (PR_SET_PDEATHSIG), and threads that answer requests do.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="sandbox", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """End the thread; actions that are not due are dropped."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it `seconds` of real time from now."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), action))
            self._changed.notify()

    def do(self, action: Callable[[], T]) -> T:
        """Do it now in the worker's thread, and wait for it. Not while holding the lock."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(action())
            except BaseException as exc:  # noqa: BLE001  # raised again where it was asked for
                done.set_exception(exc)

        self.after(0, run)
        return done.result()

    def _work(self) -> None:
        while True:
            action = self._next()
            if action is None:
                return
            try:
                with self._lock:
                    action()
            except Exception:  # the region goes on working
                log.exception("sandbox.defect")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._ending:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(self._due[0][0] - now if self._due else None)
        return None
