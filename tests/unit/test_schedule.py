"""When a target is due, on ordinary nights and on the two odd ones of the year."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.schedule import EACH, Every, Sample, Schedule, delay, longest_gap, malformed

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


# --- tiers ----------------------------------------------------------------------------------------

DAY = timedelta(days=1)
NIGHTLY = Schedule(cron="15 3 * * *", timezone="Europe/Berlin")
NAMES = tuple(f"t-{number}" for number in range(700))


@given(MOMENTS)
def test_without_a_tier_every_slot_is_the_targets(moment):
    expected = list(islice(NIGHTLY.after(moment), 5))

    assert list(islice(EACH.after(NIGHTLY, "t", moment), 5)) == expected


@given(MOMENTS, st.sampled_from(NAMES), st.sampled_from([2, 7, 30]))
def test_a_target_of_a_tier_has_one_slot_in_each_of_its_windows(moment, name, days):
    tier = Every(days * DAY)

    found = list(islice(tier.after(NIGHTLY, name, moment), 6))

    windows = [tier.window(name, slot) for slot in found]
    assert windows == list(range(windows[0], windows[0] + 6))
    assert all(slot in set(NIGHTLY.between(slot - DAY, slot)) for slot in found)
    assert moment < found[0] <= moment + days * DAY + DAY
    # Daylight saving time may move one slot over the end of a window.
    assert all(abs(later - one - days * DAY) <= 1.1 * DAY for one, later in pairwise(found))


@given(MOMENTS, st.integers(0, 20 * 86_400), st.sampled_from(NAMES))
def test_whenever_it_is_asked_the_slots_of_a_tier_are_the_same(moment, seconds, name):
    tier, later = Every(7 * DAY), moment + timedelta(seconds=seconds)

    first = [slot for slot in islice(tier.after(NIGHTLY, name, moment), 6) if slot > later]

    assert list(islice(tier.after(NIGHTLY, name, later), len(first))) == first


def test_the_targets_of_a_tier_are_spread_evenly_over_its_nights():
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    nights = Counter(next(Every(7 * DAY).after(NIGHTLY, name, begin)) for name in NAMES)

    assert len(nights) == 7
    assert all(70 <= number <= 130 for number in nights.values()), nights  # 100 in the mean


def test_a_tier_that_is_shorter_than_the_schedule_takes_every_slot():
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    found = list(islice(Every(timedelta(hours=1)).after(NIGHTLY, "t", begin), 4))

    assert found == list(islice(NIGHTLY.after(begin), 4))


def test_without_a_schedule_a_target_is_due_once_in_each_window():
    tier, night = Every(7 * DAY), datetime(2026, 2, 1, 3, tzinfo=UTC)
    drilled, last = [], None
    for number in range(70):
        slot = night + number * DAY
        if tier.is_due("t", slot, last):
            drilled.append(number)
            last = slot

    assert drilled[0] == 0, "one that was never drilled is due at once"
    assert len(drilled) in {10, 11}
    assert {later - one for one, later in pairwise(drilled[1:])} == {7}


def test_a_sample_has_its_size_at_every_slot_and_reaches_everybody():
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    sample = Sample(20, NAMES)
    nights = list(islice(NIGHTLY.after(begin), 365))

    drawn = Counter(name for night in nights for name in sample.drawn(night))

    assert all(len(sample.drawn(night)) == 20 for night in nights)
    assert len(drawn) > 690, "365 nights of 20 out of 700"
    assert max(drawn.values()) < 30, "10.4 in the mean"


def test_the_slots_of_a_sampled_target_are_those_at_which_it_is_drawn():
    begin, sample = datetime(2026, 1, 1, tzinfo=UTC), Sample(100, NAMES)

    found = list(islice(sample.after(NIGHTLY, "t-7", begin), 5))

    until = NIGHTLY.between(begin, found[-1])
    assert found == [slot for slot in until if "t-7" in sample.drawn(slot)]


def test_a_small_tier_is_drilled_as_a_whole():
    assert Sample(20, NAMES[:5]).drawn(datetime(2026, 1, 1, tzinfo=UTC)) == set(NAMES[:5])
