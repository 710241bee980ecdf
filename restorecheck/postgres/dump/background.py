"""Work that may take long, in a thread that the engine's ticks look at."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs a function once; `poll` returns its result or raises what it raised."""

    def __init__(self, work: Callable[[], T], news: threading.Event | None = None) -> None:
        """`news`: by which the work calls for attention before its end."""
        self._work = work
        self._news = news or threading.Event()
        self._future: Future[T] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def done(self, patience: float) -> bool:
        """Whether it ended within `patience` seconds from now; news are told at once."""
        self._news.wait(timeout=patience)
        self._news.clear()
        return self._future.done()

    def result(self) -> T:
        """The result of work that is done."""
        return self._future.result()

    def _run(self) -> None:
        try:
            self._future.set_result(self._work())
        except BaseException as exc:  # noqa: BLE001  # raised again where the result is asked for
            self._future.set_exception(exc)
        finally:
            self._news.set()
