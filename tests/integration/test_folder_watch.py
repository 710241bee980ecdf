"""The runner watches folders of dumps: real files and inotify, on a clock that is moved."""

import os
import shutil
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import time_machine
from watchdog.events import FileClosedEvent

from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.folder_watch import FOLDERS_EVERY, WRITTEN_FOR, FolderWatch
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.drill import new_backups
from restorecheck.hosts.drill.new_backups import SETTLED
from restorecheck.model import Verdict
from tests.integration.test_new_backups import Drills
from tests.missing import missing
from tests.simulation.test_nights import Stage

PLAIN = b"--\n-- PostgreSQL database dump\n--\n"
LONG = 2_000
"""Hundredths of a second that an event of the kernel may take."""


class Watching(FolderWatch):
    """Knows which files it has seen closed."""

    closed: tuple[str, ...] = ()

    def on_any_event(self, event):
        super().on_any_event(event)
        if isinstance(event, FileClosedEvent):
            self.closed += (Path(os.fsdecode(event.src_path)).name,)


class Scene(Stage):
    def __init__(self, tmp_path, traveller):
        super().__init__(tmp_path, traveller)
        self.folder = tmp_path / "b"
        self.folder.mkdir()
        self.verdicts: list[Verdict] = []
        self.launcher = Listing(self)

    def watch_over(self, path):
        self.path.write_text(
            f"version: 1\nhistory: {{path: {self.database}}}\n"
            f"targets: [{{name: shop, when_new: true, dump: {{path: '{path}'}}}}]\n"
        )
        watched = Watched(self.path, {"HOME": "/"})
        self.service = Service(
            watched,
            self.launcher,
            SystemClock(),
            pause=self.pause,
            flags=Flags(),
            reach=lambda _config, _clock: (),
        )
        self.service._call = self.service._night
        self.watch = Watching(lambda: watched.config, self.service, SystemClock())
        self.service.looks.is_written = self.watch.is_written
        self.watch._observer.start()
        self.watch.turn()

    def until(self, holds):
        nap = threading.Event()
        for _ in range(LONG):
            if holds():
                return
            nap.wait(0.01)
        raise AssertionError("no event came")

    def is_due(self):
        return "shop" in self.watch._due

    def has_closed(self, name):
        """All events of the file before are through, too."""
        return name in self.watch.closed

    def is_open(self):
        return self.watch.is_written("shop")

    def settle(self):
        """Both looks after an event."""
        for _ in range(3):
            self.watch.turn()
            self.traveller.shift(SETTLED)
        return [name.rsplit("/", 1)[-1] for name in self.launcher.drilled]


class Listing(Drills):
    def __init__(self, scene):
        super().__init__(scene, [], scene.verdicts)

    def drill(self, target, slot, limit):
        config = self.stage.service._watched.config
        self.listed = [*new_backups.newest_of(config, target, SystemClock())]
        return super().drill(target, slot, limit)


@pytest.fixture
def scene(tmp_path):
    if sys.platform != "linux":
        missing("inotify", "Linux")
    # The files have the time of this machine: none is from the future.
    now = datetime.fromtimestamp(tmp_path.stat().st_mtime, UTC)
    with time_machine.travel(now, tick=False) as traveller:
        made = Scene(tmp_path, traveller)
        yield made
        made.watch.stop()


@pytest.mark.parametrize("path", ["{}", "{}/", "{}/*.dump", "{}/a.dump"])
def test_a_dump_is_drilled_seconds_after_it_was_closed_and_not_before(scene, path):
    scene.watch_over(path.format(scene.folder))
    with (scene.folder / "a.dump").open("wb") as file:
        scene.until(scene.is_open)
        file.write(PLAIN)
        file.flush()
        scene.traveller.shift(timedelta(minutes=30))
        assert scene.settle() == []
        scene.service._look_for_new()  # by the clock
        scene.traveller.shift(SETTLED)
        scene.service._look_for_new()
        assert scene.launcher.drilled == []
    scene.until(scene.is_due)
    assert not scene.is_open()
    assert scene.settle() == ["a.dump"]


def test_a_dump_that_is_renamed_when_it_is_done_is_drilled(scene):
    scene.watch_over(f"{scene.folder}/*.dump")
    part = scene.folder / "a.dump.part"
    part.write_bytes(PLAIN)
    part.rename(scene.folder / "a.dump")
    scene.until(scene.is_due)
    assert scene.settle() == ["a.dump"]


def test_a_dump_that_is_moved_here_is_drilled(scene, tmp_path):
    scene.watch_over(scene.folder)
    (tmp_path / "a.dump").write_bytes(PLAIN)
    (tmp_path / "a.dump").rename(scene.folder / "a.dump")
    scene.until(scene.is_due)
    assert scene.settle() == ["a.dump"]


def test_the_files_of_a_directory_dump_are_watched_too(scene):
    scene.watch_over(scene.folder)
    (scene.folder / "a.dir").mkdir()
    scene.until(scene.is_due)
    scene.settle()
    (scene.folder / "a.dir" / "toc.dat").write_bytes(b"PGDMP\x01\x0e\x00\x04\x08\x03")
    scene.until(scene.is_due)


def test_files_beside_the_dumps_start_nothing(scene):
    scene.watch_over(f"{scene.folder}/*.dump")
    (scene.folder / "a.log").write_bytes(b"done")
    (scene.folder / "a.dump").write_bytes(PLAIN)
    scene.until(lambda: scene.has_closed("a.dump"))
    with (scene.folder / "b.log").open("wb", buffering=0) as file:
        file.write(b"still")
        (scene.folder / "marker").touch()
        assert scene.settle() == ["a.dump"]


def test_a_file_that_nobody_closes_holds_up_no_drill_for_ever(scene):
    scene.watch_over(scene.folder)
    with (scene.folder / "a.dump").open("wb", buffering=0) as file:
        file.write(PLAIN)
        scene.until(scene.is_open)
        scene.traveller.shift(WRITTEN_FOR)
        assert not scene.is_open()


def test_a_folder_that_appears_later_is_watched_from_then_on(scene):
    shutil.rmtree(scene.folder)
    scene.watch_over(f"{scene.folder}/*.dump")
    scene.folder.mkdir()
    scene.traveller.shift(FOLDERS_EVERY)
    scene.watch.turn()
    (scene.folder / "a.dump").write_bytes(PLAIN)
    scene.until(scene.is_due)


def test_a_folder_that_cannot_be_watched_is_named_and_ends_nothing(scene):
    scene.watch_over(scene.folder)

    def refuse(*_, **__):
        raise OSError(28, "inotify watch limit reached")

    scene.watch._observer.schedule = refuse
    scene.watch._watched = set()
    scene.traveller.shift(FOLDERS_EVERY)
    with structlog.testing.capture_logs() as logs:
        scene.watch.turn()
    (said,) = [one for one in logs if one["event"] == "folder.unwatched"]
    assert said["reason"] == "inotify watch limit reached"
