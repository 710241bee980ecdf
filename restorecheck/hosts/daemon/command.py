"""`restorecheck run`: signals, one runner per history, exit status."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType

import structlog

from restorecheck import config as configuration
from restorecheck.config import Config
from restorecheck.errors import BusyError, NotFoundError, StoreError
from restorecheck.hosts.clock import SystemClock, sleep
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.pages import Pages
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.daemon.web import Answer, Site, fixed, health_page, serving
from restorecheck.hosts.daemon.workers import HandedOver, Launcher, Workers
from restorecheck.hosts.drill import wiring
from restorecheck.hosts.drill.metrics_file import metrics_room, not_installed
from restorecheck.hosts.drill.standings import overview_of, statuses_of, unscheduled
from restorecheck.hosts.process import logs
from restorecheck.hosts.process.exit_codes import Exit, of_report, worst
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.leases import Lease, locks_of
from restorecheck.hosts.process.shared_leases import SharedLeases
from restorecheck.ports import Clock
from restorecheck.report import document
from restorecheck.report.status import render_waiting
from restorecheck.sql.store import SqlStore

log = structlog.get_logger("restorecheck.runner")


def run(arguments: argparse.Namespace) -> int:
    logs.configure(default="info")
    watched = Watched(configuration.locate(arguments.config, os.environ))
    wiring.refuse_impossible(watched.config)
    watched.source.refuse_idle()
    _name_unscheduled(watched.config)
    clock = SystemClock()
    flags = Flags()
    locks = locks_of(Path(watched.config.history.path))
    launcher: Launcher = Workers(lambda: watched.source)
    if not arguments.once:
        launcher = dispatched(watched.config, launcher, clock)
    service = Service(watched, launcher, clock, pause=sleep, flags=flags)
    with ExitStack() as stack:
        _only_runner(stack, locks, watched.config)
        stack.enter_context(handled_signals(flags))
        if arguments.once:
            return _once(service, watched, flags, clock)
        if watched.config.runner.textfile:
            metrics_room()  # fails now if the extra is missing, instead of every minute
        runner = watched.config.runner
        if runner.listen:
            site = _monitoring(service, watched, clock)
            stack.enter_context(serving("runner.listen", runner.listen, site))
        if runner.pages:
            site = Pages(service, watched, clock).site()
            stack.enter_context(serving("runner.pages.listen", runner.pages.listen, site))
        stack.enter_context(_folders(service, watched, clock))
        if runner.queue:
            stack.enter_context(_queue(service, watched, clock))
        service.run()
    return Exit.VERIFIED


def dispatched(config: Config, here: Launcher, clock: Clock) -> Launcher:
    """Where the drills of the runner run."""
    if config.runner.dispatch == "here":
        return here
    if config.runner.dispatch == "kubernetes":
        from restorecheck.hosts.daemon.cluster import jobs_of

        return HandedOver(here, jobs_of(config, clock).defer)
    assert config.history.url is not None, "a rule of the configuration"
    url = config.history.url.get_secret_value()
    try:
        from restorecheck.dispatch.jobs import Deferrer
    except ImportError as exc:
        raise not_installed("runner.dispatch", exc, "workers") from exc
    return HandedOver(here, Deferrer(url).defer)


def _name_unscheduled(config: Config) -> None:
    for name in unscheduled(config):
        log.warning("target.unscheduled", target=name, consequence="drilled only on demand")


def _only_runner(stack: ExitStack, locks: Path, config: Config) -> None:
    try:
        stack.enter_context(Lease(locks / "runner.lock", permanent=True))
        stack.enter_context(SharedLeases(config.history).hold("runner"))
    except BusyError as exc:
        raise BusyError(
            "another `restorecheck run` uses this history",
            hint="End the other process first, or set another history.path or history.url.",
        ) from exc


def _once(service: Service, watched: Watched, flags: Flags, clock: Clock) -> int:
    drills, _ = service.once()
    history = Path(watched.config.history.path)
    store = open_history(watched.config.history)
    if flags.stop:
        print("interrupted; targets without a drill are due at the next start", file=sys.stderr)
    elif not drills:
        now = clock.now()
        statuses = statuses_of(watched.config, store, locks_of(history), now)
        store.close()
        print(render_waiting(statuses, now), end="", file=sys.stderr)
        return Exit.VERIFIED
    codes = [Exit.INTERRUPTED] if flags.stop else []
    try:
        for target, drill_id in sorted(drills.items()):
            try:
                report = document.parse(store.report(drill_id))
            except NotFoundError:
                print(f"{target}: no drill took place; see the log", file=sys.stderr)
                codes.append(Exit.INCONCLUSIVE)
                continue
            print(f"{target}: {report.verdict.value.upper()}: {report.reason}")
            codes.append(of_report(report))
    finally:
        store.close()
    return worst(codes)


@contextmanager
def handled_signals(flags: Flags) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        flags.stop = True

    def reload(_number: int, _frame: FrameType | None) -> None:
        flags.reload = True

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _folders(service: Service, watched: Watched, clock: Clock) -> Iterator[None]:
    """Where inotify or the extra is missing, the looks of `runner.look_every_minutes` find new dumps."""
    if sys.platform != "linux":
        yield
        return
    try:
        from restorecheck.hosts.daemon.folder_watch import FolderWatch
    except ImportError as exc:
        reason = f"{exc.name} is not installed (the extra `watch`)"
        log.info("folder.unwatched", folder="", reason=reason)
        yield
        return
    watch = FolderWatch(lambda: watched.config, service, clock)
    service.looks.is_written = watch.is_written
    threading.Thread(target=watch.run, daemon=True).start()
    try:
        yield
    finally:
        watch.stop()


@contextmanager
def _queue(service: Service, watched: Watched, clock: Clock) -> Iterator[None]:
    """Not joined: a call may wait for 20 seconds, and SQS delivers again what it has brought."""
    from restorecheck.hosts.daemon.queue_watch import QueueWatch, queue_of

    assert watched.config.runner.queue is not None, "asked above"
    queue = queue_of(watched.config.runner.queue)
    watch = QueueWatch(queue, lambda: watched.config, service, clock)
    threading.Thread(target=watch.run, daemon=True).start()
    try:
        yield
    finally:
        watch.stop()


def _monitoring(service: Service, watched: Watched, clock: SystemClock) -> Site:
    room = metrics_room()

    @contextmanager
    def history() -> Iterator[SqlStore]:
        store = open_history(watched.config.history)
        try:
            yield store
        finally:
            store.close()

    def health() -> Answer:
        problem = service.health.store_problem
        try:
            with history() as store:
                store.entries(newest=1)
        except StoreError as exc:
            problem = exc.message
        others = {"config": service.health.config_problem or "ok"}
        return health_page(service.health.looked_at, clock.now(), others, problem)

    def metrics() -> Answer:
        valid = not service.health.config_problem
        with history() as store:
            overview = overview_of(watched.config, store, clock.now(), config_valid=valid)
        return Answer(HTTPStatus.OK, room.CONTENT_TYPE, room.page(overview))

    return fixed({"/healthz": health, "/metrics": metrics})
