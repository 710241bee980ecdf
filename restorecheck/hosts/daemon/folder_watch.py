"""Watches folders of dumps (inotify): a dump is drilled seconds after it was closed, and not while it is written.

Only what this kernel writes is seen. A dump that another host writes to a network file system is found by the looks of
`runner.look_every_minutes`, which stay.
"""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from watchdog.events import (
    DirCreatedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.inotify import InotifyObserver

from restorecheck.config import Config
from restorecheck.config.sources.dump import Dump
from restorecheck.hosts.daemon.looks import Seen
from restorecheck.hosts.drill.new_backups import SETTLED
from restorecheck.ports import Clock
from restorecheck.storages.names import fixed_part, is_match

log = structlog.get_logger("restorecheck.runner")

WANTED: list[type[FileSystemEvent]] = [
    DirCreatedEvent, FileClosedEvent, FileCreatedEvent, FileModifiedEvent, FileMovedEvent,
]  # fmt: skip
TICK = timedelta(seconds=1)
FOLDERS_EVERY = timedelta(seconds=15)
"""A folder that appears later, as on a disk that is mounted, is watched from then on."""
WRITTEN_FOR = timedelta(hours=1)
"""A file that was opened and not written for longer holds up no drill: its writer may never close it."""


class Looker(Protocol):
    """The part of the service that a watch calls, from its own thread."""

    def look(self, name: str) -> Seen: ...


class FolderWatch(FileSystemEventHandler):
    def __init__(self, config: Callable[[], Config], looker: Looker, clock: Clock) -> None:
        self._config, self._looker, self._clock = config, looker, clock
        self._observer = InotifyObserver()
        self._patterns: tuple[tuple[str, str], ...] = ()
        self._watched: set[str] = set()
        self._folders_at = clock.now()
        self._open: dict[str, datetime] = {}
        """Files that were written and not closed since, with the time of the last write."""
        self._due: dict[str, datetime] = {}
        """When each target is to be looked at."""
        self._changing = threading.Lock()
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        self._observer.start()
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(TICK.total_seconds())

    def stop(self) -> None:
        self._stop.set()
        self._observer.unschedule_all()
        self._observer.stop()

    def turn(self) -> None:
        now = self._clock.now()
        if now >= self._folders_at:
            self._folders_at = now + FOLDERS_EVERY
            self._watch_folders()
        with self._changing:
            due = [name for name, at in self._due.items() if at <= now]
            for name in due:
                del self._due[name]
        for name in due:
            if not self.is_written(name) and self._looker.look(name) is Seen.AGAIN:
                self._look_in(name, SETTLED)

    def is_written(self, name: str) -> bool:
        """Whether a file of the target is open for writing: when it is closed, there will be an event."""
        since = self._clock.now() - WRITTEN_FOR
        with self._changing:
            recent = [path for path, at in self._open.items() if at > since]
        return any(name in self._fitting(path) for path in recent)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """In the observer's thread."""
        path = os.fsdecode(event.dest_path or event.src_path)
        names = list(self._fitting(path))
        with self._changing:
            if isinstance(event, FileMovedEvent):
                self._open.pop(os.fsdecode(event.src_path), None)
            if isinstance(event, FileModifiedEvent) or (
                isinstance(event, FileCreatedEvent) and _is_empty(path)
            ):
                if names:
                    self._open[path] = self._clock.now()
                return
            self._open.pop(path, None)
        for name in names:
            self._look_in(name, timedelta(0))

    def _look_in(self, name: str, wait: timedelta) -> None:
        with self._changing:
            self._due.setdefault(name, self._clock.now() + wait)

    def _watch_folders(self) -> None:
        self._patterns = tuple(_patterns(self._config()))
        wanted = {_folder(pattern) for _, pattern in self._patterns}
        wanted = {folder for folder in wanted if Path(folder).is_dir()}
        if wanted == self._watched:
            return
        self._observer.unschedule_all()
        self._watched = wanted
        for folder in sorted(wanted):
            try:
                self._observer.schedule(self, folder, recursive=True, event_filter=WANTED)
            except OSError as exc:
                log.warning("folder.unwatched", folder=folder, reason=exc.strerror or str(exc))
            else:
                log.info("folder.watched", folder=folder)

    def _fitting(self, path: str) -> Iterator[str]:
        """Names of the targets whose dumps a file belongs to."""
        return (name for name, pattern in self._patterns if is_match(path, pattern))


def _patterns(config: Config) -> Iterator[tuple[str, str]]:
    """Name and path of each target with `when_new` whose dumps are in a folder of this machine."""
    for target in config.targets:
        if target.when_new and isinstance(keys := target.source, Dump) and keys.storage is None:
            yield target.name, f"{keys.path}/" if Path(keys.path).is_dir() else keys.path


def _folder(pattern: str) -> str:
    """The folder of which all dumps are found: of `/b/*/shop.dump` it is `/b`."""
    return str(Path(f"{fixed_part(pattern)}x").parent)


def _is_empty(path: str) -> bool:
    """A file that was moved here is complete; one that was opened for writing is still empty."""
    try:
        return Path(path).stat().st_size == 0
    except OSError:
        return False
