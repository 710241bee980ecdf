"""Ctrl-C and SIGTERM: the first one ends the drill, teardown comes first all the same."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
"""`Exit.INTERRUPTED`, whose room takes its time to import."""


def leave_at_once() -> None:
    """While a command starts and when it is over, a signal ends the process, with the documented exit code.

    An exception could be eaten by a callback of an import. What is ignored stays so: `nohup`.
    """
    for number in HANDLED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


def begin() -> None:
    """From here on there is something to tidy up: a signal raises KeyboardInterrupt."""
    for number in HANDLED:
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.default_int_handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


class Interrupted(BaseException):
    """Raised in the main thread by the first signal; not an Exception, so that nothing eats it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


class Interrupts:
    """Raises on the first signal while `raising`; afterwards only remembers."""

    def __init__(self) -> None:
        self.seen: signal.Signals | None = None
        self._raising = False

    @contextmanager
    def handled(self) -> Iterator["Interrupts"]:
        previous = {number: signal.signal(number, self._receive) for number in HANDLED}
        try:
            yield self
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """While at work that can be broken off: a signal raises `Interrupted`."""
        self.look()
        self._raising = True
        try:
            yield
        finally:
            self._raising = False

    def look(self) -> None:
        """Between two steps: a signal that was seen and came to nothing (it hit a callback, which eats
        whatever is raised in it) ends the work now.
        """
        if self.seen is not None:
            raise Interrupted(self.seen)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.seen = self.seen or signal.Signals(number)
        if self._raising:
            self._raising = False
            raise Interrupted(signal.Signals(number))
