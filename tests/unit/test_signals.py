"""A signal ends the work, wherever it hits."""

import os
import signal
from contextlib import suppress
from datetime import timedelta

import pytest

from restorecheck.engine import Engine, Wait
from restorecheck.hosts.driving import drive
from restorecheck.hosts.signals import Interrupted, Interrupts


def test_a_signal_that_was_eaten_ends_the_work_before_the_next_step():
    steps = []

    class Eating(Engine):
        """A step in whose middle the signal comes, in a place that swallows everything."""

        def __init__(self):
            pass

        def advance(self, drill_id):  # noqa: ARG002  # there is one
            steps.append("step")
            with suppress(BaseException):
                os.kill(os.getpid(), signal.SIGTERM)
            return Wait(timedelta(0))

    interrupts = Interrupts()
    with interrupts.handled(), pytest.raises(Interrupted, match="SIGTERM"), interrupts.raising():
        drive(Eating(), "d", lambda _: None, interrupts.look)

    assert steps == ["step"]


def test_what_is_seen_after_the_work_only_is_remembered():
    interrupts = Interrupts()
    with interrupts.handled():
        with interrupts.raising():
            pass
        os.kill(os.getpid(), signal.SIGHUP)

        assert interrupts.seen is signal.SIGHUP
        with pytest.raises(Interrupted), interrupts.raising():
            pytest.fail("nothing is begun any more")
