"""Which backup is drilled, and what the list of all says."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck import choosing
from restorecheck.choosing import Listed, NotPicked, Picked, pick
from restorecheck.model import CheckOutcome, Select, SelectBy, Severity

NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def night(age, *, size=100, **more):
    at = NOW - age * DAY - timedelta(hours=1)
    return Listed(identifier=f"/b/shop-{at:%Y-%m-%d}.dump", taken_at=at, size_bytes=size, **more)


WEEK = [night(age) for age in range(7)]


def picked(by, listed=WEEK, **more):
    found = pick(Select(by=by, **more), listed, NOW)
    assert isinstance(found, Picked), found
    return found


def refused(by, listed, **more):
    found = pick(Select(by=by, **more), listed, NOW)
    assert isinstance(found, NotPicked), found
    return found


def test_the_newest_and_the_oldest_are_by_their_time_and_not_by_the_order_of_the_list():
    assert picked(SelectBy.NEWEST).backup == night(0)
    assert picked(SelectBy.NEWEST, WEEK[::-1]).backup == night(0)
    assert picked(SelectBy.OLDEST).backup == night(6)


def test_the_report_can_say_from_how_many_and_of_which_time():
    chosen = picked(SelectBy.OLDEST).chosen
    assert (chosen.of, chosen.newest) == (7, night(0).identifier)
    assert (chosen.oldest_at, chosen.newest_at) == (night(6).taken_at, night(0).taken_at)


def test_a_backup_without_a_time_is_neither_the_newest_nor_the_oldest_of_those_with_one():
    undated = Listed(identifier="/b/a.dump")
    assert picked(SelectBy.OLDEST, [undated, *WEEK]).backup == night(6)
    assert picked(SelectBy.NEWEST, [undated, *WEEK]).backup == night(0)
    assert picked(SelectBy.OLDEST, [undated]).backup == undated


@given(st.text(max_size=20), st.permutations(WEEK))
def test_by_chance_the_same_seed_draws_the_same_backup_in_whatever_order_they_are_listed(
    seed, listed
):
    first = picked(SelectBy.RANDOM, seed=seed)
    assert picked(SelectBy.RANDOM, listed, seed=seed) == first
    assert first.chosen.seed == seed


@given(st.text(max_size=20), st.sampled_from(WEEK))
def test_a_backup_that_goes_changes_the_draw_only_where_it_was_drawn(seed, gone):
    first = picked(SelectBy.RANDOM, seed=seed).backup
    rest = [one for one in WEEK if one != gone]
    second = picked(SelectBy.RANDOM, rest, seed=seed).backup
    assert first in (second, gone)


@pytest.mark.parametrize("of", [2, 7, 30])
def test_by_chance_each_backup_has_the_same_chance(of):
    listed = [night(age) for age in range(of)]
    draws = 300 * of
    counts = Counter(
        picked(SelectBy.RANDOM, listed, seed=choosing.seed_of("shop", NOW + n * DAY, "")).backup
        for n in range(draws)
    )
    expected = draws / of
    chi_squared = sum((counts[one] - expected) ** 2 / expected for one in listed)
    # Seeds are slots, so the draws are the same in every run; this bound is above the 99.9 % quantile.
    assert chi_squared < of - 1 + 5 * (2 * (of - 1)) ** 0.5


def test_the_seed_follows_from_target_and_slot_and_not_from_the_host():
    slot = datetime(2026, 11, 28, 5, tzinfo=UTC)
    assert choosing.seed_of("shop", slot, "d-1") == choosing.seed_of("shop", slot, "d-2")
    assert choosing.seed_of("shop", slot, "d-1") != choosing.seed_of("crm", slot, "d-1")
    assert choosing.seed_of("shop", None, "d-1") != choosing.seed_of("shop", None, "d-2")


def test_each_database_of_a_drill_has_a_lot_of_its_own():
    select = Select(by=SelectBy.RANDOM, seed="s", within=DAY)
    assert choosing.of_database(select, "crm").seed != choosing.of_database(select, "shop").seed
    assert choosing.of_database(select, "crm").within == DAY
    assert choosing.of_database(select, "") == select


def test_a_window_leaves_out_what_is_older_and_what_has_no_time():
    within = {"within": timedelta(days=3), "seed": "s"}
    chosen = picked(SelectBy.RANDOM, [*WEEK, Listed(identifier="/b/x")], **within).chosen
    assert chosen.of == 3
    assert chosen.newest == night(0).identifier


def test_no_backup_within_the_window_is_a_failure_that_names_the_newest():
    said = refused(SelectBy.RANDOM, [night(9)], within=timedelta(days=3))
    assert said.bad
    assert "of the last 3 days" in said.reason
    assert night(9).identifier in said.reason


def test_in_turn_the_one_that_was_never_drilled_comes_first_and_then_the_one_longest_ago():
    drilled: dict[str, datetime] = {}
    order = []
    for n in range(9):
        found = picked(SelectBy.ROTATING, drilled=dict(drilled)).backup
        order.append(found)
        drilled[choosing.key_of(found.identifier, found.version)] = NOW + n * DAY
    assert order[:7] == WEEK[::-1]
    assert order[7:] == WEEK[::-1][:2]


def test_a_file_that_was_overwritten_was_never_drilled():
    old, new = (Listed(identifier="/b/latest.dump", taken_at=NOW, version=v) for v in "ab")
    drilled = {
        choosing.key_of(old.identifier, old.version): NOW,
        choosing.key_of(night(6).identifier, ""): NOW,
    }
    assert picked(SelectBy.ROTATING, [new, night(6)], drilled=drilled).backup == new


@pytest.mark.parametrize("name", [night(3).identifier, night(3).identifier.rpartition("/")[2]])
def test_a_name_is_the_identifier_or_its_last_part(name):
    assert picked(SelectBy.NAMED, name=name).backup == night(3)


def test_a_snapshot_is_named_as_rds_names_it():
    arn = "arn:aws:rds:eu-west-1:111111111111:snapshot:rds:courses-2026-11-28-03-00"
    listed = [*WEEK, Listed(identifier=arn)]
    assert (
        picked(SelectBy.NAMED, listed, name="rds:courses-2026-11-28-03-00").backup.identifier == arn
    )


def test_a_name_that_nothing_has_is_a_mistake_in_the_question_and_no_bad_backup():
    said = refused(SelectBy.NAMED, WEEK, name="shop-2020-01-01.dump")
    assert not said.bad
    assert "none of the 7 backups in the list has the name" in said.reason


def test_a_name_that_several_have_is_not_guessed():
    twins = [Listed(identifier=f"/{folder}/shop.dump") for folder in "ab"]
    said = refused(SelectBy.NAMED, twins, name="shop.dump")
    assert not said.bad
    assert "/a/shop.dump" in said.reason


# --- gaps -------------------------------------------------------------------------------------------


def gaps(listed, every=DAY):
    return choosing.findings(listed, every=every)[0]


def test_a_night_without_a_backup_is_a_warning_also_when_the_newest_is_fine():
    found = gaps([one for one in WEEK if one != night(2)])
    assert (found.outcome, found.severity) == (CheckOutcome.FAILED, Severity.WARNING)
    assert found.found == "1 missing"
    assert found.detail == "no backup between 2026-11-25 03:00 UTC and 2026-11-27 03:00 UTC"


def test_every_night_is_there():
    assert gaps(WEEK).outcome is CheckOutcome.PASSED


def test_a_backup_that_is_some_hours_late_is_not_missing():
    late = [
        Listed(identifier=str(n), taken_at=NOW - n * DAY + n % 2 * timedelta(hours=9))
        for n in range(7)
    ]
    assert gaps(late).outcome is CheckOutcome.PASSED


@given(st.sets(st.integers(1, 6), min_size=1, max_size=5))
def test_as_many_are_missing_as_are_gone(gone):
    found = gaps([night(age) for age in range(8) if age not in gone])
    assert found.found == f"{len(gone)} missing"


def test_older_backups_may_be_fewer():
    assert gaps([*WEEK, night(7), night(14), night(21)]).outcome is CheckOutcome.PASSED


def test_a_list_that_begins_a_day_ago_misses_nothing():
    assert gaps([night(0), night(1)]).outcome is CheckOutcome.PASSED
    assert gaps([]).outcome is CheckOutcome.PASSED


# --- sizes ------------------------------------------------------------------------------------------


def size(newest, *earlier, series=""):
    listed = [night(0, size=newest, series=series)]
    listed += [night(age + 1, size=one) for age, one in enumerate(earlier)]
    return choosing.findings(listed, every=None)


@pytest.mark.parametrize(("newest", "outcome"), [
    (49, CheckOutcome.FAILED), (50, CheckOutcome.PASSED), (100, CheckOutcome.PASSED),
    (200, CheckOutcome.PASSED), (201, CheckOutcome.FAILED),
])  # fmt: skip
def test_a_newest_backup_of_less_than_half_or_more_than_twice_the_usual_size_is_a_warning(
    newest, outcome
):
    (found,) = size(newest, 100, 90, 110)
    assert (found.outcome, found.severity) == (outcome, Severity.WARNING)


def test_one_odd_night_before_does_not_make_the_usual_size():
    (found,) = size(100, 1, 100, 100)
    assert found.outcome is CheckOutcome.PASSED


def test_only_the_last_seven_are_compared():
    (found,) = size(100, *[100] * 7, *[1000] * 20)
    assert found.outcome is CheckOutcome.PASSED
    assert "7 earlier" in found.expected


def test_too_few_sizes_and_sizes_of_another_series_say_nothing():
    assert size(100, 1, 1) == []
    assert size(None, 1, 1, 1) == []
    assert size(100, None, None, 1, 1) == []
    assert size(100, 1, 1, 1, series="*.sql.gz") == []


@pytest.mark.parametrize(
    ("identifier", "series"),
    [
        ("/b/shop-2026-11-28.dump", "shop-#-#-#.dump"),
        ("s3://bucket/2026/shop.sql.gz", "shop.sql.gz"),
        ("command list: shop-1.dump", "shop-#.dump"),
        ("restic repo: 7f3a/var/shop-1.dump", "shop-#.dump"),
    ],
)
def test_dumps_of_one_job_and_format_are_one_series(identifier, series):
    assert choosing.series_of(identifier) == series


def test_an_empty_list_has_no_backup_and_that_is_a_failure_of_the_backups():
    found = refused(SelectBy.OLDEST, [])
    assert (found.reason, found.bad) == ("there is no backup", True)


def test_beside_a_chosen_backup_the_age_of_the_newest_is_judged():
    def judged(age, limit, of=""):
        how = picked(SelectBy.OLDEST, [night(n) for n in range(age, 7)]).chosen
        return choosing.age_of_newest(how, limit, NOW, of)

    young, stale, unlimited = judged(0, 2 * DAY), judged(3, 2 * DAY, "shop"), judged(3, None)

    assert (young.outcome, young.severity, young.detail) == (
        CheckOutcome.PASSED, Severity.REQUIRED, "",
    )  # fmt: skip
    assert stale.name == "the newest backup of shop is young enough"
    assert stale.outcome is CheckOutcome.FAILED
    assert "is stale: /b/shop-2026-11-25.dump was taken at" in stale.detail
    assert (stale.expected, stale.found) == ("at most 48.0 hours old", "73.0 hours old")
    assert (unlimited.severity, unlimited.detail) == (
        Severity.WARNING, "a backup of any age passes",
    )  # fmt: skip


def test_of_a_list_without_times_no_age_is_known():
    how = picked(SelectBy.OLDEST, [Listed(identifier="/b/a.dump")]).chosen
    found = choosing.age_of_newest(how, DAY, NOW)
    assert (found.outcome, found.found) == (CheckOutcome.ERROR, "")


def test_of_two_backups_of_the_same_second_the_one_further_in_the_wal_is_newer():
    full = Listed(identifier="/b/z-full", taken_at=NOW, position=2)
    incremental = Listed(identifier="/b/a-incremental", taken_at=NOW, position=3)
    assert picked(SelectBy.NEWEST, [full, incremental]).backup == incremental
    assert picked(SelectBy.OLDEST, [full, incremental]).backup == full
