"""What a host does with one job of a shared history: the drills are played, the history is a real PostgreSQL."""

from datetime import timedelta

import pytest

from restorecheck.dispatch.again import Again
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.one_job import OneJob
from restorecheck.hosts.daemon.workers import Launcher, Temporary
from restorecheck.hosts.drill import wiring
from restorecheck.hosts.drill.wiring import MOST_HOSTS
from restorecheck.hosts.process.shared_leases import SharedLeases, lease_of
from restorecheck.model import Verdict
from restorecheck.sql.agenda import Agenda
from tests.contract.postgres_store import empty, url_of
from tests.factories import NOW, SERVER, drill, finished

CONFIG = """
version: 1
targets: [{{name: courses, dump: {{path: backups}}}}]
history: {{url: "{url}"}}
runner: {{dispatch: workers}}
"""
OLDER = NOW - timedelta(days=1)


class Played(Launcher):
    """Stores what the process of a drill would, or dies in the middle."""

    def __init__(self, parts):
        self.parts = parts
        self.drilled = []
        self.swept = 0
        self.how = "verified"

    def drill(self, target, slot, limit):  # noqa: ARG002
        self.drilled.append(slot)
        if self.how == "absent":
            return "no fitting server"
        if self.how == "unstored":
            return Temporary("could not open the history")
        number = len(self.drilled)
        stored = self.parts.store.create(
            drill(
                id=f"20260227-031500-00000{number}",
                target=target,
                scheduled_for=slot,
                announce=True,
                host=f"host-{number}",
            )
        )
        if self.how == "verified":
            done = finished().evolve(id=stored.id, scheduled_for=slot, version=stored.version)
            self.parts.store.finish(done, lambda _: "{}")
        if self.how == "taken over":
            self.finish()
        return ""

    def finish(self):
        self.parts.sweeper.finish_dead()
        return ""

    def sweep(self):
        self.swept += 1
        return ""

    def stop(self, within):  # noqa: ARG002
        return 0


class Scene:
    def __init__(self, path):
        self.watched = Watched(path)
        self.parts = wiring.build(self.watched.config)
        self.store = self.parts.store
        self.agenda = Agenda(self.store.database)
        self.played = Played(self.parts)
        self.stopped = False
        self.job = OneJob(self.watched, self.played, SystemClock(), stopped=lambda: self.stopped)


@pytest.fixture
def scene(history_server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("RESTORECHECK_HOST", "here")
    monkeypatch.delenv("RESTORECHECK_CONFIG", raising=False)
    empty(history_server)
    path = tmp_path / "restorecheck.yaml"
    path.write_text(CONFIG.format(url=url_of(history_server)))
    made = Scene(path)
    yield made
    made.parts.close()


def test_a_job_drills_for_the_newest_open_slot_and_settles_the_older_ones(scene):
    scene.agenda.add("courses", OLDER)
    scene.agenda.add("courses", NOW)

    scene.job.drill("courses")
    scene.job.drill("courses")

    assert scene.played.drilled == [NOW]
    assert [(s.due_at, s.reason.split(":")[0]) for s in scene.agenda.skips()] == [(OLDER, "missed")]


def test_a_drill_that_does_not_start_is_a_recorded_reason(scene):
    scene.agenda.add("courses", NOW)
    scene.played.how = "absent"

    scene.job.drill("courses")

    assert [s.reason for s in scene.agenda.skips()] == ["no drill started: no fitting server"]


def test_a_worker_that_is_stopped_leaves_the_slot_to_another(scene):
    scene.agenda.add("courses", NOW)
    scene.played.how = "absent"
    scene.stopped = True

    with pytest.raises(Again):
        scene.job.drill("courses")

    assert scene.agenda.open("courses") == (NOW,)


def test_a_target_that_lives_on_another_host_is_waited_for(scene, monkeypatch):
    running = scene.store.create(drill(id="20260227-031500-abcdef", host="alpha"))
    scene.agenda.add("courses", NOW)
    monkeypatch.setenv("RESTORECHECK_HOST", "alpha")
    alpha = SharedLeases(scene.watched.config.history)
    monkeypatch.setenv("RESTORECHECK_HOST", "here")

    with alpha.hold(lease_of(running.id)), pytest.raises(Again):
        scene.job.drill("courses")

    assert scene.played.drilled == []


def test_a_drill_whose_host_died_is_reported_and_its_slot_is_drilled_again(scene):
    scene.agenda.add("courses", NOW)
    scene.played.how = "dies"
    with pytest.raises(Again):
        scene.job.drill("courses")
    scene.played.how = "verified"

    scene.job.drill("courses")

    died, done = scene.store.entries()
    assert (died.verdict, died.scheduled_for, died.announce) == (Verdict.INCONCLUSIVE, None, True)
    assert (done.verdict, done.scheduled_for) == (Verdict.VERIFIED, NOW)
    stored = scene.store.load(died.drill_id)
    assert stored.reason.endswith("ended before the drill did (host host-1)")
    assert stored.notes == ("another drill is for the scheduled time 2026-02-27 03:15 UTC",)


def test_a_drill_that_no_host_survives_is_not_tried_for_ever(scene):
    scene.agenda.add("courses", NOW)
    scene.played.how = "dies"
    for _ in range(MOST_HOSTS):
        with pytest.raises(Again):
            scene.job.drill("courses")

    scene.job.drill("courses")

    assert len(scene.played.drilled) == MOST_HOSTS
    assert [e.scheduled_for for e in scene.store.entries()] == [None, None, NOW]
    assert scene.agenda.open("courses") == ()


def test_a_slot_whose_drill_another_host_ended_in_between_is_not_given_up(scene):
    scene.agenda.add("courses", NOW)
    scene.played.how = "taken over"

    with pytest.raises(Again):
        scene.job.drill("courses")

    assert scene.agenda.skips() == ()
    assert scene.agenda.open("courses") == (NOW,)


def test_a_slot_whose_process_could_not_use_the_history_is_not_given_up(scene):
    scene.agenda.add("courses", NOW)
    scene.played.how = "unstored"

    with pytest.raises(Again):
        scene.job.drill("courses")

    assert scene.agenda.open("courses") == (NOW,)


def test_what_another_host_ended_here_is_swept_at_once(scene):
    left = scene.store.create(drill(id="20260226-031500-abcdef", target="other", host="here"))
    ended = finished().evolve(
        id=left.id, target="other", host="here", ledger=(SERVER,), version=left.version
    )
    scene.store.finish(ended, lambda _: "{}")
    scene.agenda.add("courses", NOW)

    scene.job.drill("courses")

    assert scene.played.swept == 1
