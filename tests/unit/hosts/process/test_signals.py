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
from restorecheck.errors import StoreError
from restorecheck.hosts.drill import performer as performing
from restorecheck.hosts.drill.performer import STORE_TRIES, Performer
from restorecheck.hosts.process.console import Progress
from restorecheck.hosts.process.signals import Interrupted, Interrupts
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


def test_the_first_signal_is_the_one_that_ended_the_work():
    interrupts = Interrupts()
    with interrupts.handled():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    assert interrupts.seen is signal.SIGTERM


class Locked(Engine):
    """Its store cannot be used, for so many steps."""

    def __init__(self, times):
        self.left = times

    def advance(self, drill_id):  # noqa: ARG002  # there is one
        self.left -= 1
        if self.left >= 0:
            raise StoreError("could not write the history: it is locked")
        return Done(drill())


@pytest.mark.parametrize(
    ("times", "waits"), [(STORE_TRIES - 1, STORE_TRIES - 1), (STORE_TRIES, None)]
)
def test_a_history_that_cannot_be_used_is_waited_for_and_not_for_ever(times, waits, monkeypatch):
    waited: list[timedelta] = []
    monkeypatch.setattr(performing, "sleep", waited.append)
    parts: Any = SimpleNamespace(engine=Locked(times))
    performer = Performer(parts, Progress(io.StringIO()), Interrupts())

    if waits is None:
        with pytest.raises(StoreError):
            performer._drive("d")
        assert sum(waited, timedelta(0)) <= timedelta(minutes=1)
    else:
        performer._drive("d")
        assert len(waited) == waits


def test_what_is_seen_after_the_work_only_is_remembered():
    interrupts = Interrupts()
    with interrupts.handled():
        with interrupts.raising():
            pass
        os.kill(os.getpid(), signal.SIGHUP)

        assert interrupts.seen is signal.SIGHUP
        with pytest.raises(Interrupted), interrupts.raising():
            pytest.fail("nothing is begun any more")
