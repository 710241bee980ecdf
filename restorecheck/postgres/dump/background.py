"""Long work in a thread, polled by the steps of the engine."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs a function once; `poll` returns its result or raises what it raised."""

    def __init__(self, work: Callable[[], T], news: threading.Event | None = None) -> None:
        """`news`: set by the work to end a `done` wait early."""
        self._work = work
        self._news = news or threading.Event()
        self._future: Future[T] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def done(self, patience: float) -> bool:
        """Whether it ends within `patience` seconds; returns at once when `news` is set."""
        self._news.wait(timeout=patience)
        self._news.clear()
        return self._future.done()

    def result(self) -> T:
        """The result of finished work."""
        return self._future.result()

    def _run(self) -> None:
        try:
            self._future.set_result(self._work())
        except BaseException as exc:  # noqa: BLE001  # `result` raises it again
            self._future.set_exception(exc)
        finally:
            self._news.set()
