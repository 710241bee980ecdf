"""When a target is due, on ordinary nights and on the two odd ones of the year."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.schedule import Schedule, delay, longest_gap, malformed

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(0, 2 * 365 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def slots(cron, begin, days, zone="Europe/Berlin"):
    start = datetime.fromisoformat(begin).replace(tzinfo=ZoneInfo(zone))
    schedule = Schedule(cron=cron, timezone=zone)
    found = schedule.between(start, start + timedelta(days=days))
    return [f"{slot.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for slot in found]


def test_each_night_has_its_slot():
    assert slots("15 3 * * *", "2026-02-26", 3) == ["02-26 03:15", "02-27 03:15", "02-28 03:15"]


def test_a_time_that_the_clocks_jump_over_is_due_after_the_jump():
    assert slots("30 2 * * *", "2026-03-28", 3) == ["03-28 02:30", "03-29 03:00", "03-30 02:30"]


def test_a_time_that_comes_twice_is_due_once():
    assert slots("30 2 * * *", "2026-10-24", 3) == ["10-24 02:30", "10-25 02:30", "10-26 02:30"]


def test_within_the_second_of_two_equal_hours_nothing_is_due_again():
    twice = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    schedule = Schedule(cron="30 2 * * *", timezone="Europe/Berlin")

    assert schedule.next(twice).astimezone(BERLIN) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


def test_every_hour_means_every_hour_that_passes():
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    schedule = Schedule(cron="0 * * * *", timezone="Europe/Berlin")

    found = list(islice(schedule.after(start), 6))

    assert found == [start + timedelta(hours=n) for n in range(1, 7)]


def test_between_two_moments_is_what_comes_after_the_first_up_to_the_second():
    first, last = (datetime(2026, 2, day, 3, tzinfo=UTC) for day in (25, 27))

    due = Schedule(cron="0 3 * * *", timezone="UTC").between(first, last)

    assert list(due) == [first + timedelta(days=1), last]


def test_sunday_is_0_and_7_as_cron_has_it():
    assert slots("0 4 * * 0", "2026-02-26", 7) == slots("0 4 * * 7", "2026-02-26", 7)
    assert slots("0 4 * * 0", "2026-02-26", 7) == ["03-01 04:00"]
    assert slots("0 4 * * 1-5", "2026-02-28", 4) == ["03-02 04:00", "03-03 04:00"]


def test_day_of_month_or_weekday_as_cron_has_it():
    assert slots("0 4 1 * wed", "2026-02-26", 8) == ["03-01 04:00", "03-04 04:00"]


@pytest.mark.parametrize(
    ("cron", "wrong"),
    [
        ("61 3 * * *", "minute"),
        ("15 25 * * *", "hour"),
        ("15 3 31 2 *", "day-of-month"),
        ("15 3 * * 8", "day-of-week"),
        ("15 3 * jam *", "month"),
        ("*/0 3 * * *", "minute"),
        ("15 3 * *", "Wrong number of fields"),
    ],
)
def test_what_is_wrong_is_named(cron, wrong):
    assert malformed(cron) == wrong


def test_a_delay_fills_its_bounds():
    slot = datetime(2026, 2, 26, 3, tzinfo=UTC)

    delays = [delay(f"target {n}", slot, timedelta(hours=1)) for n in range(100)]

    assert min(delays) < timedelta(minutes=10)
    assert max(delays) > timedelta(minutes=50)


def test_what_is_right_has_nothing_wrong():
    assert malformed("*/15 1-5 * jan,jul mon-fri") == ""


@given(
    moment=MOMENTS,
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    cron=st.sampled_from(["30 2 * * *", "15 1,3 * * *", "*/20 * * * *", "0 3 * * 0"]),
)
def test_slots_rise_and_are_the_same_from_wherever_one_starts_to_count(moment, zone, cron):
    schedule = Schedule(cron=cron, timezone=zone)
    found = list(islice(schedule.after(moment), 8))

    assert found == sorted(set(found))
    assert found[0] > moment
    for index, slot in enumerate(found[:-1]):
        assert schedule.next(slot) == found[index + 1]


@given(moment=MOMENTS)
def test_a_delay_is_within_its_bounds_and_the_same_everywhere(moment):
    jitter = timedelta(minutes=10)

    assert timedelta(0) <= delay("courses", moment, jitter) < jitter
    assert delay("courses", moment, jitter) == delay("courses", moment.astimezone(BERLIN), jitter)


@pytest.mark.parametrize(
    ("cron", "hours"),
    [
        ("0 3 * * *", 24),
        ("0 3 * * 1-5", 72),
        ("0 3 * * 0", 168),
        ("*/30 * * * *", 0.5),
        ("* * * * 1", 144 + 1 / 60),
        ("0 3 1 * *", 744),
    ],
)
def test_the_longest_time_between_two_slots(cron, hours):
    assert longest_gap(cron) == timedelta(hours=hours)


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 */29 2 mon#2"])
def test_a_schedule_that_never_comes_is_malformed(cron):
    """The second is due on the 1st or 30th of a February that is its second Monday."""
    assert malformed(cron)


def test_a_schedule_that_never_comes_has_no_slot():
    never = Schedule(cron="0 0 */29 2 mon#2", timezone="Europe/Berlin")

    assert [*never.after(datetime(2026, 1, 1, tzinfo=UTC))] == []
