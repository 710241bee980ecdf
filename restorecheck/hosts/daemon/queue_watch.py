"""Messages on new objects in S3 start drills. A message is deleted once a drill was recorded, not before."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from restorecheck.config import Config
from restorecheck.config.queue import Queue
from restorecheck.config.sources.dump import Dump
from restorecheck.hosts.daemon.looks import Seen
from restorecheck.ports import Clock
from restorecheck.storages.names import is_match
from restorecheck.storages.s3_calls import S3Access
from restorecheck.storages.s3_events import ForeignMessageError, NewObject, new_objects
from restorecheck.storages.s3_queue import HIDDEN, WAIT, Message, S3Queue

log = structlog.get_logger("restorecheck.runner")

SOON = timedelta(seconds=6)
"""Wait for further messages while a target is to be looked at again."""
TROUBLE = timedelta(minutes=1)
"""Pause after an error of the queue."""
HOLD_EVERY = HIDDEN / 2
MOST_PENDING = 1000
"""Messages that are held at once; then none is received until some are settled. SQS allows 120,000 of a queue."""


class Runner(Protocol):
    """The part of the service that a queue calls, from its own thread."""

    def look(self, name: str) -> Seen: ...
    def is_busy(self, name: str) -> bool: ...
    def has_report_since(self, name: str, moment: datetime) -> bool: ...
    def guarded(self, what: str) -> AbstractContextManager[None]: ...


@dataclass
class Pending:
    """A message whose targets are not all settled."""

    message: Message
    targets: set[str]
    received_at: datetime
    held_at: datetime


class QueueWatch:
    """Messages that are no events of S3 are left in the queue, and logged: they may belong to another reader."""

    def __init__(
        self, queue: S3Queue, config: Callable[[], Config], runner: Runner, clock: Clock
    ) -> None:
        self._queue, self._config, self._runner, self._clock = queue, config, runner, clock
        self._pending: dict[str, Pending] = {}
        self._foreign: set[str] = set()
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `stop`; in a thread of its own, because a call waits for 20 seconds."""
        while not self._stop.is_set():
            done = False
            with self._runner.guarded(f"read the queue {self._queue.url}"):
                self.turn()
                done = True
            if not done:
                self._stop.wait(TROUBLE.total_seconds())

    def stop(self) -> None:
        """Held messages are delivered to the next runner, after `HIDDEN`."""
        self._stop.set()

    def turn(self, wait: timedelta = WAIT) -> None:
        """Receive, look at the targets, delete what is settled."""
        names = {name for pending in self._pending.values() for name in pending.targets}
        if len(self._pending) < MOST_PENDING:
            self._take(self._queue.receive(min(wait, SOON) if names else wait))
        for name in sorted({name for one in self._pending.values() for name in one.targets}):
            if not self._stop.is_set():
                self._look_at(name)
        self._hold()

    def _take(self, messages: Sequence[Message]) -> None:
        now = self._clock.now()
        for message in messages:
            try:
                found = new_objects(message.body)
            except ForeignMessageError as exc:
                if message.identifier not in self._foreign:
                    self._foreign.add(message.identifier)
                    log.warning("queue.foreign", message=message.identifier, reason=str(exc))
                continue
            targets = {name for one in found for name in fitting(self._config(), one)}
            keys = [one.key for one in found]
            log.info(
                "queue.message", message=message.identifier, keys=keys, targets=sorted(targets)
            )
            if again := self._pending.get(message.identifier):
                again.message, again.held_at = message, now
            elif targets:
                self._pending[message.identifier] = Pending(message, targets, now, now)
            else:
                self._queue.delete(message)  # S3's test event, or an object of no target

    def _look_at(self, name: str) -> None:
        if self._runner.is_busy(name):
            return
        of_target = [one for one in self._pending.values() if name in one.targets]
        told = [o for o in of_target if self._runner.has_report_since(name, o.received_at)]
        if len(told) < len(of_target) and self._runner.look(name) is Seen.NOTHING_NEW:
            told = of_target
        for pending in told:
            pending.targets.discard(name)
            if not pending.targets:
                self._queue.delete(pending.message)
                del self._pending[pending.message.identifier]

    def _hold(self) -> None:
        now = self._clock.now()
        known = {target.name for target in self._config().targets if target.when_new}
        for pending in list(self._pending.values()):
            is_due = now - pending.held_at >= HOLD_EVERY
            gone = not pending.targets & known
            if gone or (is_due and not self._queue.hold(pending.message)):
                del self._pending[pending.message.identifier]  # it is delivered again
            elif is_due:
                pending.held_at = now


def fitting(config: Config, found: NewObject) -> Iterable[str]:
    """Names of the targets whose dumps an object belongs to."""
    for target in config.targets:
        if not target.when_new or not isinstance(target.source, Dump):
            continue
        path = target.source.path
        bucket = urlsplit(path).netloc
        pattern = path.removeprefix(f"s3://{bucket}").removeprefix("/")
        if path.startswith("s3://") and bucket == found.bucket and is_match(found.key, pattern):
            yield target.name


def queue_of(queue: Queue) -> S3Queue:
    access = S3Access(
        endpoint_url=queue.endpoint_url,
        region=queue.region_name,
        profile=queue.profile,
        role_arn=queue.role_arn,
    )
    return S3Queue(queue.url, access)
