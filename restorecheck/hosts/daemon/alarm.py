"""APScheduler, changed to notice that the machine was suspended.

APScheduler waits on a clock that stops while the machine is suspended: a laptop that resumes at
8:00 would start the drill of 3:00 in the afternoon. So the wall clock is read every second, and
signals are handled as fast.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger

from restorecheck.hosts.drill.slots import SlotPlan

LOOK_EVERY = timedelta(seconds=1)

DRILLS, CHORES, MESSAGES, NUMBERS, LOOKS = "drills", "chores", "messages", "numbers", "looks"

Pause = Callable[[timedelta], None]


class SlotTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The starts of a target's drills."""

    def __init__(self, plan: SlotPlan) -> None:
        self.plan = plan

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return self.plan.next_start(previous or now)


class Alarm(BlockingScheduler):  # type: ignore[misc]  # as above
    """Calls `between` at least every second, from the thread that started it."""

    def __init__(self, *, pause: Pause, between: Callable[[], None], most: int) -> None:
        super().__init__(
            timezone="UTC",
            executors={
                DRILLS: ThreadPoolExecutor(most),
                CHORES: ThreadPoolExecutor(1),
                MESSAGES: ThreadPoolExecutor(1),
                NUMBERS: ThreadPoolExecutor(1),
                LOOKS: ThreadPoolExecutor(1),
            },
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._pause = pause
        self._between = between

    def _main_loop(self) -> None:
        while self.state != STATE_STOPPED:
            self._between()
            if self.state == STATE_STOPPED:
                return
            seconds: Any = self._process_jobs()
            due = LOOK_EVERY if seconds is None else timedelta(seconds=seconds)
            self._pause(min(due, LOOK_EVERY))
