"""The runner's wiring: what a changed file changes while it runs, and what `run --once` does in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from restorecheck.announcing import Kind, Rules
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.daemon.workers import MARGIN
from restorecheck.hosts.notifying.channels import Line
from restorecheck.hosts.sources.source import TEARDOWN_LIMIT
from restorecheck.model import Verdict
from tests.simulation.test_nights import NIGHTLY, PlayedDrills, Stage

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOON = datetime(2026, 2, 23, 12, tzinfo=UTC)


class Told(PlayedDrills):
    """Says in which order it was told to do what, and how long each may take."""

    def __init__(self, stage):
        super().__init__(stage)
        self.orders: list[str] = []
        self.limits: list[timedelta] = []
        self.given: list[timedelta] = []

    def stop(self, within):
        self.given.append(within)
        return 3

    def sweep(self):
        self.orders.append("sweep")
        return super().sweep()

    def drill(self, target, slot, limit):
        self.orders.append(f"drill {target}")
        self.limits.append(limit)
        return super().drill(target, slot, limit)


class Scene(Stage):
    """A service that was not started; what it does is called one by one."""

    def started(self):
        self.launcher = Told(self)
        self.service = Service(
            Watched(self.path, {"HOME": "/"}),
            self.launcher,
            SystemClock(),
            pause=self.pause,
            flags=Flags(),
            reach=lambda config, _: tuple(self.line(channel.name) for channel in config.notify),
        )
        return self.service

    def line(self, name):
        return Line(
            name=name,
            rules=Rules(kinds=frozenset(Kind)),
            concerns=lambda _: True,
            messenger=self.recorder,
        )

    def scheduled(self):
        """With an alarm that never rings."""
        service = self.started()
        service._schedule_targets()
        service._schedule_chores()
        BaseScheduler.start(service._alarm, paused=True)
        return service

    def changed(self, service, *targets, more="", **runner):
        self.configure(*targets, **runner)
        self.path.write_text(self.path.read_text() + more)
        service._reload()

    def jobs(self):
        return {job.id for job in self.service._alarm.get_jobs() if job.id.startswith("drill:")}


@pytest.fixture
def scene(tmp_path):
    with time_machine.travel(NOON, tick=False) as traveller:
        made = Scene(tmp_path, traveller)
        yield made
        if made.service._alarm.state != STATE_STOPPED:
            BaseScheduler.shutdown(made.service._alarm)


COURSES, ORDERS = ("courses", NIGHTLY), ("orders", NIGHTLY)


def test_a_changed_file_changes_how_many_drill_at_once_and_how_often_is_swept(scene):
    scene.configure(COURSES, max_parallel_drills=1, sweep_every_minutes=60)
    service = scene.scheduled()
    assert service._gate._limit == 1

    scene.changed(service, COURSES, max_parallel_drills=5, sweep_every_minutes=7)

    assert service._gate._limit == 5
    sweep = service._alarm.get_job("sweep")
    assert (sweep.trigger.interval, sweep.next_run_time) == (7 * MINUTE, NOON + 7 * MINUTE)


def test_where_places_are_short_the_oldest_proof_goes_first_and_a_request_before_all(scene):
    names = ("new", "fresh", "old", "strict", "asked")
    keys: dict[str, Any] = {name: dict(NIGHTLY) for name in names}
    keys["strict"]["max_proof_age_hours"] = 12
    scene.configure(*keys.items())
    service = scene.scheduled()
    for name, hours in (("fresh", 1), ("old", 25), ("strict", 1), ("asked", 1)):
        scene.length[name] = timedelta(0)
        scene.traveller.move_to(NOON + (30 - hours) * HOUR)
        service._launcher.drill(name, scene.now(), MINUTE)
    scene.traveller.move_to(NOON + 30 * HOUR)
    service._asked["asked"] = scene.now()

    order = sorted(names, key=service._wanted_by)

    # overdue since 0 h; in 5 h; in 11 h; in 29 h
    assert order == ["asked", "new", "old", "strict", "fresh"]


def test_a_changed_file_brings_its_channels(scene):
    scene.configure(COURSES)
    service = scene.scheduled()
    assert service._lines == ()

    scene.changed(service, COURSES, more="notify: [{name: new, apprise: 'slack://a/b/c'}]\n")

    assert [line.name for line in service._lines] == ["new"]


def test_a_changed_file_takes_targets_away_adds_others_and_moves_those_whose_schedule_changed(
    scene,
):
    scene.configure(COURSES, ORDERS)
    service = scene.scheduled()
    assert scene.jobs() == {"drill:courses", "drill:orders"}
    before = service._alarm.get_job("drill:orders").next_run_time

    later = ("orders", {**NIGHTLY, "schedule": '"15 5 * * *"'})
    scene.changed(service, later, ("new", NIGHTLY))

    assert scene.jobs() == {"drill:orders", "drill:new"}
    assert service._alarm.get_job("drill:orders").next_run_time == before + 2 * HOUR


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: [oops", "not valid YAML"),
        ("version: 1\nhistory: {path: other.sqlite}\ntargets: []\n", "expected at least one item"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_health_until_it_is_mended(scene, text, said):
    scene.configure(COURSES)
    whole = scene.path.read_text()
    service = scene.scheduled()
    scene.path.write_text(text)
    service._reload()
    assert said in service.health.config_problem
    assert scene.jobs() == {"drill:courses"}

    scene.path.write_text(whole)
    service._reload()

    assert service.health.config_problem == ""


@pytest.mark.parametrize("key", ["history.path", "runner.listen", "runner.pages.listen"])
def test_what_is_held_open_keeps_the_whole_file_from_being_used(scene, key):
    pages = "{listen: '127.0.0.1:9190'}"
    scene.configure(COURSES, listen="127.0.0.1:9187", pages=pages, max_parallel_drills=1)
    service = scene.scheduled()
    text = scene.path.read_text().replace("max_parallel_drills: 1", "max_parallel_drills: 5")
    changes = {
        "history.path": ("history.sqlite", "moved.sqlite"),
        "runner.listen": ("9187", "9188"),
        "runner.pages.listen": ("9190", "9191"),
    }

    scene.path.write_text(text.replace(*changes[key]))
    service._reload()

    assert f"{key} was changed; restart the runner to use it" in service.health.config_problem
    assert service._gate._limit == service._watched.config.runner.max_parallel_drills == 1


def test_once_sweeps_first_then_drills_then_tells(scene):
    scene.configure(COURSES)
    scene.path.write_text(
        scene.path.read_text() + "notify: [{name: new, apprise: 'slack://a/b/c'}]\n"
    )
    scene.length["courses"] = timedelta(0)
    scene.verdict["courses"] = Verdict.FAILED

    scene.started().once()

    assert scene.launcher.orders == ["sweep", "drill courses"]
    assert [
        kind for m in scene.recorder.messages for kind in m.kinds if kind is not Kind.OVERDUE
    ] == [Kind.FAILED]


def test_the_file_of_numbers_is_written_with_the_report_of_a_drill(scene, tmp_path):
    path = tmp_path / "restorecheck.prom"
    scene.configure(COURSES, textfile=path)
    scene.length["courses"] = timedelta(0)
    service = scene.scheduled()
    scene.traveller.move_to(NOON + 24 * HOUR)

    service._night("courses")

    assert 'restorecheck_last_verdict{target="courses",verdict="verified"} 1.0' in path.read_text()


def test_a_worker_may_take_its_own_deadlines_and_a_margin_and_no_longer(scene):
    scene.configure(("courses", {**NIGHTLY, "deadline_minutes": 90}))
    scene.length["courses"] = timedelta(0)

    scene.started().once()

    assert scene.launcher.limits == [90 * MINUTE + 3 * TEARDOWN_LIMIT + MARGIN]


def test_a_stop_gives_running_work_the_time_that_is_configured_then(scene):
    scene.configure(COURSES, stop_within_seconds=60)
    scene.started()

    def change_and_stop():
        scene.changed(scene.service, COURSES, stop_within_seconds=7)
        scene.service._flags.stop = True

    scene.at(NOON + HOUR, change_and_stop)

    assert scene.service.run() == 3
    assert scene.launcher.given == [timedelta(seconds=7)]
