"""`restorecheck work`: one worker of a shared history."""

import argparse
import os
import sys
import threading
from datetime import timedelta

from restorecheck import config as configuration
from restorecheck.config import Config
from restorecheck.dispatch.again import Again
from restorecheck.dispatching import labels_of
from restorecheck.errors import ConfigError, Problem, RestorecheckError
from restorecheck.hosts.clock import SystemClock, sleep
from restorecheck.hosts.daemon.alarm import LOOK_EVERY
from restorecheck.hosts.daemon.command import handled_signals
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.one_job import OneJob
from restorecheck.hosts.daemon.service import Flags
from restorecheck.hosts.daemon.workers import Workers
from restorecheck.hosts.drill import wiring
from restorecheck.hosts.drill.metrics_file import not_installed
from restorecheck.hosts.process import logs
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.sources.server_settings import server_settings

POSTGRESQL = "postgresql"
"""The label that each worker has without being told: the majors of its PostgreSQL programs."""


def run(arguments: argparse.Namespace) -> int:
    logs.configure(default="info")
    watched = Watched(configuration.locate(arguments.config, os.environ))
    _refuse_private(watched)
    if arguments.once:
        return _once(watched, arguments.once)
    try:
        from restorecheck.hosts.daemon.job_loop import JobLoop
    except ImportError as exc:
        raise not_installed("`restorecheck work`", exc, "workers") from exc
    labels = _labels(arguments.label)
    if POSTGRESQL not in labels:
        labels[POSTGRESQL] = _majors(watched.config)
    clock, flags = SystemClock(), Flags()
    launcher = Workers(lambda: watched.source)
    job = OneJob(watched, launcher, clock, stopped=lambda: flags.stop)
    loop = JobLoop(
        watched,
        launcher,
        clock,
        job=job.drill,
        labels=labels,
        concurrency=watched.config.runner.max_parallel_drills,
        pause=sleep,
        stopped=lambda: flags.stop,
    )
    if not loop.targets():
        known = ", ".join(f"{name}={','.join(sorted(found))}" for name, found in labels.items())
        message = f"no target of this configuration can run here: every target needs other labels than {known}"
        raise ConfigError((Problem(message=message, file=str(watched.source.path)),))
    wiring.refuse_impossible(watched.config)
    with handled_signals(flags):
        loop.run()
    return Exit.VERIFIED


def _once(watched: Watched, name: str) -> int:
    """One target, for its newest open slot, as a Job of Kubernetes does."""
    if name not in {target.name for target in watched.config.targets}:
        message = f"--once: this configuration has no target {name!r}"
        raise ConfigError((Problem(message=message, file=str(watched.source.path)),))
    flags = Flags()
    launcher = Workers(lambda: watched.source)
    job = OneJob(watched, launcher, SystemClock(), stopped=lambda: flags.stop)
    within = timedelta(seconds=watched.config.runner.stop_within_seconds)
    ended: list[BaseException | None] = []

    def drill() -> None:
        try:
            job.drill(name)
        except (Again, RestorecheckError) as exc:
            ended.append(exc)

    with handled_signals(flags):
        thread = threading.Thread(target=drill)
        thread.start()
        while thread.is_alive():
            thread.join(LOOK_EVERY.total_seconds())
            if flags.stop:
                launcher.stop(within)
    if not ended:
        return Exit.VERIFIED
    if isinstance(ended[0], RestorecheckError):
        raise ended[0]
    print(f"{name}: another process drills it, or this one was stopped; try again", file=sys.stderr)
    return Exit.INCONCLUSIVE


def _refuse_private(watched: Watched) -> None:
    if watched.config.history.url is not None:
        return
    message = "a worker takes the jobs of a shared history: set history.url"
    problem = Problem(message=message, file=str(watched.source.path), path="history")
    raise ConfigError((problem,), hint="See docs/how-to/several-machines.md.")


def _labels(written: list[str]) -> dict[str, frozenset[str]]:
    try:
        return labels_of(written)
    except ValueError as exc:
        message = (
            f"--label: expected a label such as site=berlin or postgresql=16,17, found {str(exc)!r}"
        )
        raise ConfigError((Problem(message=message),)) from None


def _majors(config: Config) -> frozenset[str]:
    return frozenset(
        str(installation.major) for installation in server_settings(config).installations()
    )
