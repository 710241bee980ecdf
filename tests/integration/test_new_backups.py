"""The runner looks for new backups, and drills each of them once: on a clock that is moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from restorecheck.choosing import Listed
from restorecheck.engine import _compose
from restorecheck.errors import AccessDeniedError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.drill.new_backups import AGAIN
from restorecheck.model import Backup, Verdict
from restorecheck.sqlite.store import SqliteStore
from tests.factories import drill, finished
from tests.simulation.test_nights import DAY, PlayedDrills, Stage

NOON = datetime(2026, 2, 23, 12, tzinfo=UTC)
WATCHED = {"when_new": "true"}


class Drills(PlayedDrills):
    """Each drill is of the newest backup in the list."""

    def __init__(self, stage, listed, verdicts):
        super().__init__(stage)
        self.listed, self.verdicts = listed, verdicts
        self.drilled: list[str] = []

    def drill(self, target, slot, limit):  # noqa: ARG002  # nobody hangs here
        newest = self.listed[-1]
        self.drilled.append(newest.identifier)
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict.VERIFIED
        known = Backup(kind="dump", identifier=newest.identifier, version=newest.version)
        with self.stage.history() as store:
            begun = drill().evolve(
                id=self.stage.new_id(),
                target=target,
                started_at=self.stage.now(),
                deadline=self.stage.now() + DAY,
                scheduled_for=slot,
            )
            stored = store.create(begun)
            done = finished(verdict).evolve(
                id=begun.id,
                target=target,
                version=stored.version,
                scheduled_for=slot,
                started_at=begun.started_at,
                backup=known,
            )
            store.finish(done, lambda link: _compose(done, link))
        return ""


class Scene(Stage):
    def __init__(self, tmp_path, traveller):
        super().__init__(tmp_path, traveller)
        self.listed = [Listed(identifier="/b/1.dump", version="a")]
        self.verdicts: list[Verdict] = []
        self.looks = 0
        self.refusal: Exception | None = None

    def start(self):
        self.configure(("shop", WATCHED))
        self.launcher = Drills(self, self.listed, self.verdicts)
        self.service = Service(
            Watched(self.path, {"HOME": "/"}),
            self.launcher,
            SystemClock(),
            pause=self.pause,
            flags=Flags(),
            reach=lambda _config, _clock: (),
            newest_of=lambda _config, _name, _clock: self._newest(),
        )
        self.service._call = self.service._night
        return self.service

    def _newest(self):
        self.looks += 1
        if self.refusal:
            raise self.refusal
        return tuple(self.listed[-1:])

    def look(self, *, after=timedelta(minutes=5)):
        self.traveller.shift(after)
        self.service._look_for_new()
        return self.launcher.drilled


@pytest.fixture
def scene(tmp_path):
    with time_machine.travel(NOON, tick=False) as traveller:
        made = Scene(tmp_path, traveller)
        made.start()
        yield made


def test_a_backup_is_drilled_once_two_looks_have_found_it_unchanged(scene):
    assert scene.look() == []
    assert scene.look() == ["/b/1.dump"]
    assert scene.look() == ["/b/1.dump"]


def test_a_backup_that_is_still_growing_waits(scene):
    scene.look()
    for size in "bcd":
        scene.listed[-1] = replace(scene.listed[-1], version=size)
        assert scene.look() == []
    assert scene.look() == ["/b/1.dump"]


def test_the_next_backup_is_drilled_and_so_is_one_that_replaces_the_last(scene):
    scene.look(), scene.look()
    scene.listed.append(Listed(identifier="/b/2.dump", version="a"))
    scene.look(), scene.look()
    scene.listed.append(Listed(identifier="/b/2.dump", version="b"))
    scene.look(), scene.look(), scene.look()
    assert scene.launcher.drilled == ["/b/1.dump", "/b/2.dump", "/b/2.dump"]


def test_a_backup_that_failed_is_not_new_and_one_that_nobody_could_judge_is_tried_again_in_an_hour(
    scene,
):
    scene.verdicts += [Verdict.INCONCLUSIVE, Verdict.FAILED]
    scene.look(), scene.look(), scene.look()
    assert len(scene.launcher.drilled) == 1
    assert len(scene.look(after=AGAIN)) == 2
    assert len(scene.look(after=AGAIN)) == 2


def test_each_drill_has_a_slot_that_is_settled_by_its_report(scene):
    scene.look(), scene.look()
    store = SqliteStore(scene.database)
    (entry,) = store.entries()
    store.close()
    assert entry.scheduled_for == NOON + timedelta(minutes=10)


def test_no_backup_at_all_is_drilled_and_so_told(scene):
    nothing, scene.listed[:] = [*scene.listed], []
    scene.launcher.listed = nothing
    scene.look()
    assert len(scene.look()) == 1


def test_a_list_that_cannot_be_read_ends_nothing(scene):
    scene.refusal = AccessDeniedError("no")
    assert scene.look() == []
    scene.refusal = None
    scene.look()
    assert scene.look() == ["/b/1.dump"]


def test_a_restart_drills_nothing_twice(scene):
    scene.look(), scene.look()
    scene.start()
    scene.look(), scene.look()
    assert scene.launcher.drilled == []


def test_once_drills_what_is_new_without_a_second_look(scene):
    scene.service.once()
    assert scene.launcher.drilled == ["/b/1.dump"]
    scene.start().once()
    assert scene.launcher.drilled == []
