"""`restorecheck work`: takes the jobs of targets that this host can run, and drills."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import structlog

from restorecheck.config import Target
from restorecheck.dispatch.jobs import Jobs, prepare
from restorecheck.dispatching import Labels, lacking
from restorecheck.errors import StoreError
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.workers import Launcher
from restorecheck.hosts.process.shared_leases import host_name_of
from restorecheck.ports import Clock
from restorecheck.postgres.history.database import PostgresDatabase

log = structlog.get_logger("restorecheck.worker")

HISTORY_WAIT = timedelta(seconds=5)
WATCH_EVERY = timedelta(seconds=15)


class JobLoop:
    """Takes jobs until it is stopped."""

    def __init__(
        self,
        watched: Watched,
        launcher: Launcher,
        clock: Clock,
        *,
        job: Callable[[str], None],
        labels: Labels,
        concurrency: int,
        pause: Callable[[timedelta], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._watched = watched
        self._launcher = launcher
        self._clock = clock
        self._job = job
        self._labels = labels
        self._concurrency = concurrency
        self._pause = pause
        self._stopped = stopped
        self._changed = False
        self._swept_at = clock.now()
        self._watched_at = clock.now()

    def run(self) -> int:
        """Returns how many drills were still running at the end; the next sweep finishes them."""
        self._sweep()
        left: list[int] = []
        while not self._stopped():
            self._changed = False
            try:
                self._take(left)
            except StoreError as exc:
                log.warning("history.unusable", reason=exc.message)
                self._pause(HISTORY_WAIT)
        log.info("worker.stopped", handed_over=sum(left))
        return sum(left)

    def targets(self) -> list[Target]:
        """Those that this host can run."""
        return [t for t in self._watched.config.targets if not lacking(t.runs_on, self._labels)]

    def _take(self, left: list[int]) -> None:
        config = self._watched.config
        assert config.history.url is not None, "asked before"
        url = config.history.url.get_secret_value()
        with closing(PostgresDatabase(url)) as database:
            prepare(database)
        queues = [target.name for target in self.targets()]
        log.info("worker.started", host=host_name_of(config.history), targets=len(queues))
        jobs = Jobs(
            url,
            queues=queues,
            name=host_name_of(config.history),
            concurrency=self._concurrency,
            dead_after=timedelta(seconds=config.history.host_timeout_seconds),
            drill=self._job,
        )
        jobs.work(lambda: self._ends(left))

    def _ends(self, left: list[int]) -> bool:
        """Asked twice a second: whether to take no more jobs. Sweeps and looks at the configuration in between."""
        now = self._clock.now()
        if self._stopped():
            if not left:
                within = timedelta(seconds=self._watched.config.runner.stop_within_seconds)
                left.append(0)
                threading.Thread(target=lambda: left.append(self._launcher.stop(within))).start()
            return True
        every = timedelta(minutes=self._watched.config.runner.sweep_every_minutes)
        if now - self._swept_at > every:
            self._swept_at = now
            threading.Thread(target=self._sweep, daemon=True).start()
        if now - self._watched_at > WATCH_EVERY:
            self._watched_at = now
            self._changed |= self._watched.changed() and self._watched.reload()
        return self._changed

    def _sweep(self) -> None:
        problem = self._launcher.sweep()
        if problem and not self._stopped():
            log.warning("sweep.incomplete", reason=problem)
