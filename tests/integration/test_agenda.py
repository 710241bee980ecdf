"""What is due, and why what was due was not drilled: the runner's nights, without its threads."""

from datetime import UTC, datetime, timedelta

import pytest

from restorecheck.hosts.drill.slots import SlotPlan, Slots
from restorecheck.ports import Clock
from restorecheck.schedule import Schedule
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2026, 2, 23, 12, 0, tzinfo=UTC)
"""A Monday."""


class MovedClock(Clock):
    def __init__(self):
        self.time = BEGIN

    def now(self):
        return self.time


class Scene:
    def __init__(self, path):
        self.store = SqliteStore(path)
        self.agenda = Agenda(self.store.database)
        self.clock = MovedClock()
        self.nights = Slots(self.agenda, self.clock)

    def at(self, day, hour):
        self.clock.time = datetime(2026, 2, day, hour, tzinfo=UTC)
        return self.nights

    def reasons(self):
        return [(skip.due_at.day, skip.reason.partition(":")[0]) for skip in self.agenda.skips()]


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path / "history.sqlite")
    yield made
    made.store.close()


def plan(cron="15 3 * * *", grace=None, jitter=timedelta(0), timezone="UTC"):
    return SlotPlan(
        target="courses",
        schedule=Schedule(cron=cron, timezone=timezone),
        jitter=jitter,
        grace=grace,
    )


def slot(day, hour=3, minute=15):
    return datetime(2026, 2, day, hour, minute, tzinfo=UTC)


def test_what_came_by_the_old_schedule_came_although_it_was_changed_since(scene):
    scene.nights.look(plan())

    # The machine was off in the night, and the configuration was changed before it is on again.
    came = scene.at(24, 9).look(plan("0 5 * * SUN"))
    later = scene.at(27, 9).look(plan("0 5 * * SUN"))

    assert came == (slot(24),)
    assert later == (slot(24),), "from now on by the new one"


def test_the_newest_slot_is_drilled_for_and_the_older_ones_have_a_reason(scene):
    scene.nights.look(plan())

    taken = scene.at(26, 9).take(plan())

    assert taken == slot(26)
    assert scene.reasons() == [(24, "missed"), (25, "missed")]
    assert scene.nights.look(plan()) == (slot(26),), "until its drill is stored"


@pytest.mark.parametrize(
    ("late", "taken"), [(timedelta(0), True), (30 * MINUTE, True), (31 * MINUTE, False)]
)
def test_a_slot_is_given_up_only_beyond_its_grace(scene, late, taken):
    scene.nights.look(plan())
    scene.clock.time = slot(24) + late

    due = scene.nights.take(plan(grace=30 * MINUTE))

    assert due == (slot(24) if taken else None)
    assert scene.reasons() == ([] if taken else [(24, "missed")])


def test_a_slot_is_not_due_before_its_own_delay(scene):
    delayed = plan(jitter=HOUR)
    scene.nights.look(delayed)
    start = delayed.starts_at(slot(24))
    assert slot(24) < start <= slot(24) + HOUR

    scene.clock.time = start - timedelta(seconds=1)
    early = scene.nights.take(delayed)
    scene.clock.time = start
    due = scene.nights.take(delayed)

    assert (early, due) == (None, slot(24))
    assert scene.reasons() == []


@pytest.mark.parametrize(("late", "taken"), [(10 * MINUTE, True), (11 * MINUTE, False)])
def test_a_grace_begins_with_the_start_that_the_delay_allows(scene, late, taken):
    delayed = plan(jitter=4 * HOUR, grace=10 * MINUTE)
    start = delayed.starts_at(slot(24))
    assert start - slot(24) > 11 * MINUTE
    scene.nights.look(delayed)

    scene.clock.time = start + late
    due = scene.nights.take(delayed)

    assert due == (slot(24) if taken else None)
    assert scene.reasons() == ([] if taken else [(24, "missed")])


def test_an_overrun_settles_what_could_have_started_and_not_what_still_waits(scene):
    delayed = plan(jitter=4 * HOUR)
    start = delayed.starts_at(slot(24))
    scene.nights.look(delayed)

    scene.clock.time = start - timedelta(seconds=1)
    scene.nights.overrun(delayed)
    early = scene.reasons()
    scene.clock.time = start
    scene.nights.overrun(delayed)

    assert (early, scene.reasons()) == ([], [(24, "skipped")])


def test_a_slot_is_written_down_once_however_often_somebody_looks(scene):
    scene.nights.look(plan())
    for minutes in range(0, 240, 7):
        scene.clock.time = slot(24) - HOUR + minutes * MINUTE
        scene.nights.look(plan())
    scene.clock.time = slot(24) - HOUR  # the clock was put back

    assert scene.nights.look(plan()) == (slot(24),)


def test_slots_of_a_schedule_that_is_gone_have_a_reason(scene):
    scene.nights.look(plan())
    scene.at(24, 9).look(plan())

    scene.nights.forget("courses", "skipped: taken out of the configuration")

    assert scene.reasons() == [(24, "skipped")]
    assert scene.agenda.targets() == ()


def test_the_time_of_the_zone_counts(scene):
    berlin = plan(timezone="Europe/Berlin")
    scene.nights.look(berlin)

    assert scene.at(24, 9).look(berlin) == (slot(24, 2),)
