"""What is found, written down and delivered, whatever becomes of the messengers."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from restorecheck.announcing import Kind, Overdue, Rules, Trouble
from restorecheck.engine import _compose
from restorecheck.errors import DeliveryError
from restorecheck.hosts.drill.standings import notes_of
from restorecheck.hosts.notifying.channels import Line
from restorecheck.hosts.notifying.outbox import Postman
from restorecheck.model import Verdict
from restorecheck.ports import Messenger
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.outbox import Outbox
from restorecheck.sqlite.store import SqliteStore
from tests.factories import SERVER, finished

NIGHT = datetime(2026, 2, 26, 3, 15, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Recorder(Messenger):
    def __init__(self):
        self.messages = []
        self.deaf = False
        self.broken = False

    def send(self, message):
        if self.broken:
            raise ValueError("token=hunter2")
        if self.deaf:
            raise DeliveryError("example.org answered HTTP 500")
        self.messages.append(message)

    @property
    def titles(self):
        return [message.title for message in self.messages]


class Scene:
    def __init__(self, path):
        self.store = SqliteStore(path)
        self.locks = path.with_name("locks")
        self.now_is = NIGHT
        self.recorders: dict[str, Recorder] = {}
        self.lines: tuple[Line, ...] = ()
        self.add("on-call")

    def add(self, name, *, targets=(), **changes):
        self.recorders[name] = Recorder()
        rules = Rules(kinds=frozenset(Kind), inconclusive_after=1)
        line = Line(
            name=name,
            rules=rules,
            concerns=lambda target: not targets or target in targets or not target,
            messenger=self.recorders[name],
        )
        self.lines = (*self.lines, replace(line, **changes))

    @property
    def on_call(self):
        return self.recorders["on-call"]

    def now(self):
        return self.now_is

    @property
    def postman(self):
        return Postman(self.store, self.lines, self, locks=self.locks, host="db-1")

    def tick(self, after=MINUTE, facts=()):
        self.now_is += after
        self.postman.collect(facts)
        self.postman.deliver()

    def drill(self, number, verdict=Verdict.VERIFIED, *, target="courses", announce=True, **more):
        done = finished().evolve(
            id=f"d-{number}",
            target=target,
            verdict=verdict,
            reason=f"night {number} is {verdict.value}",
            announce=announce,
            finished_at=self.now_is,
            **more,
        )
        stored = self.store.create(done)
        self.store.finish(done.evolve(version=stored.version), lambda link: _compose(done, link))


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path / "history.sqlite")
    made.tick()
    yield made
    made.store.close()


def test_what_was_finished_is_told_once(scene):
    scene.drill(1, Verdict.FAILED)

    scene.tick()
    scene.tick()

    assert [title[:16] for title in scene.on_call.titles] == ["courses: FAILED."]
    assert scene.store.entries()[0].sha256 in scene.on_call.messages[0].text


def test_a_new_channel_is_not_told_of_the_past(scene):
    scene.drill(1, Verdict.FAILED)
    scene.tick()

    scene.add("new")
    scene.tick()
    scene.drill(2, Verdict.FAILED)
    scene.tick()

    assert len(scene.recorders["new"].messages) == 1


def test_a_drill_on_demand_is_not_told_and_does_not_change_what_is_known(scene):
    scene.drill(1, Verdict.FAILED)
    scene.tick()
    scene.drill(2, Verdict.VERIFIED, announce=False)
    scene.tick()
    scene.drill(3, Verdict.VERIFIED)
    scene.tick()

    assert [m.kinds for m in scene.on_call.messages] == [(Kind.FAILED,), (Kind.RECOVERED,)]


def test_drills_of_one_night_become_one_message(scene):
    for number in range(5):
        scene.drill(number, Verdict.FAILED, target=f"t-{number}")

    scene.tick()

    (message,) = scene.on_call.messages
    assert message.title.startswith("Do now: look at 5 problems: t-0 failed, t-1 failed")


def test_a_channel_hears_of_its_targets_only(scene):
    scene.add("orders-team", targets=("orders",))
    scene.tick()
    scene.drill(1, Verdict.FAILED)
    scene.drill(2, Verdict.FAILED, target="orders")

    scene.tick()

    (message,) = scene.recorders["orders-team"].messages
    assert "orders" in message.title


def test_what_is_left_behind_is_named_in_the_message(scene):
    scene.drill(1, ledger=(SERVER,))

    scene.tick()

    assert f"left: server {SERVER.identifier}" in scene.on_call.messages[0].text


def test_a_deaf_channel_is_tried_again_later_and_costs_the_others_nothing(scene):
    scene.add("deaf")
    scene.tick()
    scene.recorders["deaf"].deaf = True
    scene.drill(1, Verdict.FAILED)

    scene.tick()
    assert len(scene.on_call.messages) == 1
    scene.tick(timedelta(seconds=30))
    scene.tick(timedelta(seconds=31))
    assert Outbox(scene.store.database).pending("deaf")[0].attempts == 2
    scene.recorders["deaf"].deaf = False
    scene.tick(2 * MINUTE)

    assert len(scene.recorders["deaf"].messages) == 1


def test_a_deaf_channel_is_itself_reported(scene):
    scene.add("deaf")
    scene.tick()
    scene.recorders["deaf"].deaf = True
    scene.drill(1, Verdict.FAILED)
    for _ in range(6):
        scene.tick(10 * MINUTE)

    assert "messages to 'deaf' are not delivered" in scene.on_call.messages[-1].text
    assert len(scene.on_call.messages) == 2
    (note,) = notes_of(scene.store, scene.now())
    assert "'deaf'" in note
    assert "HTTP 500" in note


def test_after_a_day_a_message_is_given_up_and_that_is_not_forgotten(scene):
    scene.on_call.deaf = True
    scene.drill(1, Verdict.FAILED)
    scene.tick()
    scene.tick(25 * HOUR)

    assert Outbox(scene.store.database).pending("on-call") == ()
    scene.on_call.deaf = False
    scene.drill(2, Verdict.FAILED)
    scene.tick()
    assert "night 2" in scene.on_call.messages[0].text
    assert "2 drills not verified since" in scene.on_call.messages[0].text


def test_a_message_that_nobody_has_tried_to_deliver_is_not_too_old(scene):
    scene.drill(1, Verdict.FAILED)
    scene.postman.collect()  # and the machine sleeps for two days

    scene.tick(48 * HOUR)

    assert "night 1" in scene.on_call.messages[0].text


def test_the_waits_for_a_deaf_channel_grow_up_to_an_hour(scene):
    scene.on_call.deaf = True
    scene.drill(1, Verdict.FAILED)
    waits = []
    for _ in range(10):
        scene.tick(HOUR)
        waiting, *_ = Outbox(scene.store.database).pending("on-call")
        waits.append((waiting.next_try_at - scene.now()) / MINUTE)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_defect_in_a_messenger_is_one_that_does_not_deliver(scene, capsys):
    scene.on_call.broken = True
    scene.drill(1, Verdict.FAILED)

    scene.tick()

    pending = Outbox(scene.store.database).pending("on-call")
    assert len(pending) == 1
    (note,) = notes_of(scene.store, scene.now())
    assert "ValueError" in note
    assert "hunter2" not in note


def test_a_process_that_dies_before_it_sends_loses_no_message(scene):
    scene.drill(1, Verdict.FAILED)
    scene.postman.collect()  # and dies

    scene.tick()

    assert len(scene.on_call.messages) == 1


def test_a_slot_without_a_drill_is_told(scene):
    agenda = Agenda(scene.store.database)
    agenda.settle("courses", NIGHT, "missed: the machine slept", scene.now())

    scene.tick()
    scene.tick()

    (message,) = scene.on_call.messages
    assert "the machine slept" in message.text


def test_facts_of_the_runner_are_told_as_they_come(scene):
    overdue = Overdue(target="courses", at=scene.now(), proven_at=None, allowed=30 * HOUR)
    trouble = Trouble(target="", at=scene.now(), reason="the configuration is broken")

    scene.tick(facts=[overdue, trouble])
    scene.tick(facts=[replace(overdue, at=scene.now()), replace(trouble, at=scene.now())])

    assert [message.kinds for message in scene.on_call.messages] == [(Kind.OVERDUE, Kind.TROUBLE)]


def test_a_switch_is_told_one_thing_after_the_other_and_of_the_newest_when_it_was_deaf(scene):
    every = Rules(kinds=frozenset(Kind), inconclusive_after=1, repeat_after=timedelta(0))
    scene.add("switch", is_ping=True, rules=every)
    scene.tick()
    switch = scene.recorders["switch"]
    scene.drill(1)
    scene.drill(2, Verdict.FAILED)
    scene.tick()
    assert [m.kinds for m in switch.messages] == [(Kind.VERIFIED,), (Kind.FAILED,)]

    switch.deaf = True
    scene.drill(3, Verdict.FAILED)
    scene.tick()
    scene.drill(4, Verdict.VERIFIED)
    switch.deaf = False
    scene.tick(10 * MINUTE)

    assert [m.kinds for m in switch.messages[2:]] == [(Kind.RECOVERED,)]


def test_old_messages_are_forgotten(scene):
    scene.drill(1, Verdict.FAILED)
    scene.tick()
    scene.now_is += timedelta(days=40)

    scene.postman.tidy()

    (count,) = scene.store.database.row("select count(*) from messages")
    assert count == 0


def test_two_who_look_at_once_find_the_same_news_once(scene, tmp_path):
    for number in range(20):
        scene.drill(number, Verdict.FAILED, target=f"t-{number}")
    found = []

    def look():
        store = SqliteStore(tmp_path / "history.sqlite")
        postman = Postman(store, scene.lines, scene, locks=scene.locks, host="db-1")
        postman.collect()
        found.append(len(Outbox(store.database).pending("on-call")))
        store.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [20] * 4
