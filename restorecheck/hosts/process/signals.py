"""Ctrl-C and SIGTERM: the first one ends the drill, after its teardown."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
"""`Exit.INTERRUPTED`, repeated here because its module takes time to import."""


def leave_at_once() -> None:
    """Before and after the work of a command a signal ends the process, with the documented exit code.

    An exception could be lost in a callback of an import. Ignored signals stay ignored: `nohup`.
    """
    for number in HANDLED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


def begin() -> None:
    """From here on there may be something to tear down: a signal raises KeyboardInterrupt."""
    for number in HANDLED:
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.default_int_handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


class Interrupted(BaseException):
    """Raised in the main thread by the first signal; not an Exception, so that no handler catches it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


class Interrupts:
    """Raises on the first signal inside `raising`; otherwise only records the signal."""

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
        """Inside, a signal raises `Interrupted`."""
        self.look()
        self._raising = True
        try:
            yield
        finally:
            self._raising = False

    def look(self) -> None:
        """Called between two steps: a recorded signal whose exception was lost (in a callback) ends the
        work now.
        """
        if self.seen is not None:
            raise Interrupted(self.seen)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.seen = self.seen or signal.Signals(number)
        if self._raising:
            self._raising = False
            raise Interrupted(signal.Signals(number))
