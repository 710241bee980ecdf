"""When a scheduled drill starts: its slot, moved by a delay of its own, from the keys of a target."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.hosts.daemon.alarm import SlotTrigger
from restorecheck.hosts.drill.slots import SlotPlan, plan_of
from restorecheck.schedule import Schedule, delay
from tests.unit.config.test_config import parse, target

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHTLY = Schedule(cron="15 3 * * *", timezone="UTC")
BEGIN = datetime(2026, 2, 23, tzinfo=UTC)
MOMENTS = st.integers(0, 30 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds))
JITTERS = st.integers(0, 1440).map(lambda minutes: minutes * MINUTE)


def plan(jitter=timedelta(0), name="courses"):
    return SlotPlan(target=name, schedule=NIGHTLY, jitter=jitter, grace=None)


def planned(**keys):
    text = target("\n".join(f"{key}: {value}" for key, value in keys.items()))
    found = plan_of(parse(text).targets[0])
    assert found is not None
    return found


@given(now=MOMENTS, jitter=JITTERS)
def test_the_next_start_is_the_first_one_after_now_also_of_a_slot_before_it(now, jitter):
    known = plan(jitter)
    starts = [known.starts_at(slot) for slot in islice(NIGHTLY.after(now - 3 * DAY), 6)]

    assert known.next_start(now) == min(start for start in starts if start > now)


@given(now=MOMENTS, jitter=JITTERS)
def test_an_alarm_rings_once_for_each_slot(now, jitter):
    trigger = SlotTrigger(plan(jitter))
    first = trigger.get_next_fire_time(None, now)
    second = trigger.get_next_fire_time(first, first)
    late = trigger.get_next_fire_time(first, first + MINUTE)

    assert now < first < second
    assert late == second, "whenever it is asked"
    slots = list(islice(NIGHTLY.after(now - 3 * DAY), 8))
    assert [s for s in (first, second) if s not in map(plan(jitter).starts_at, slots)] == []


def test_each_target_and_each_night_has_a_delay_of_its_own():
    slots = [BEGIN + 3 * HOUR + n * DAY for n in range(20)]

    nights = {delay("courses", slot, HOUR) for slot in slots}
    targets = {delay(f"t-{n}", slots[0], HOUR) for n in range(20)}

    assert (len(nights), len(targets)) == (20, 20)
    assert delay("courses", slots[0], timedelta(0)) == timedelta(0)


@pytest.mark.parametrize(
    ("keys", "jitter", "grace"),
    [
        ({}, timedelta(0), None),
        ({"jitter_minutes": 90}, 90 * MINUTE, None),
        ({"misfire_grace_minutes": 0.5}, timedelta(0), MINUTE / 2),
        ({"jitter_minutes": 5, "misfire_grace_minutes": 60}, 5 * MINUTE, HOUR),
    ],
)
def test_a_plan_has_the_minutes_that_the_target_says(keys, jitter, grace):
    found = planned(schedule='"15 3 * * *"', timezone="Europe/Berlin", **keys)

    assert (found.jitter, found.grace) == (jitter, grace)
    assert found.schedule == Schedule(cron="15 3 * * *", timezone="Europe/Berlin")


def test_a_target_without_a_schedule_has_no_plan():
    assert plan_of(parse(target()).targets[0]) is None
