"""A signal ends the work, wherever it hits."""

import io
import os
import signal
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from restorecheck.engine import Done, Engine, Wait
from restorecheck.hosts.console import Progress
from restorecheck.hosts.performing import Performer
from restorecheck.hosts.signals import Interrupted, Interrupts
from tests.factories import drill


class Eating(Engine):
    """A step in whose middle the signal comes, in a place that swallows everything."""

    def __init__(self):
        self.told: list[str] = []

    def advance(self, drill_id):  # noqa: ARG002  # there is one
        if len(self.told) > 1:
            self.told.append("teardown")
            return Done(drill())
        self.told.append("step")
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)
        return Wait(timedelta(0))

    def abort(self, drill_id, reason):  # noqa: ARG002  # as above
        self.told.append(reason)


def test_a_signal_that_was_eaten_ends_the_work_before_the_next_step():
    engine, interrupts = Eating(), Interrupts()
    parts: Any = SimpleNamespace(engine=engine)
    performer = Performer(parts, Progress(io.StringIO()), interrupts)

    with interrupts.handled():
        performer._drive("d")

    assert engine.told == ["step", "interrupted by SIGTERM", "teardown"]


def test_what_is_seen_after_the_work_only_is_remembered():
    interrupts = Interrupts()
    with interrupts.handled():
        with interrupts.raising():
            pass
        os.kill(os.getpid(), signal.SIGHUP)

        assert interrupts.seen is signal.SIGHUP
        with pytest.raises(Interrupted), interrupts.raising():
            pytest.fail("nothing is begun any more")
