"""Which of several backups a drill restores."""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.config.select import rule_of
from restorecheck.model import Select, SelectBy
from restorecheck.postgres.physical import choice
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.moment import Moment
from tests.factories import HOUR, NOW


def backup(name, hours, **more):
    ended = NOW - hours * HOUR
    return PhysicalBackup(
        name=name, address=name, started_at=ended - HOUR, stopped_at=ended,
        ends_at=int(1000 - hours), **more,
    )  # fmt: skip


def choose(backups, select, moment):
    rule = rule_of(select) if isinstance(select, str) else select
    return choice.choose(backups, rule, moment, NOW)


EVERY = [backup("old", 72), backup("middle", 48), backup("new", 24)]


@pytest.mark.parametrize(
    ("select", "name"), [("newest", "new"), ("oldest", "old"), ("middle", "middle")]
)
def test_the_newest_the_oldest_or_a_named_one_is_chosen(select, name):
    chosen = choose(EVERY, select, Moment())

    assert chosen.backup is not None
    assert chosen.backup.name == name
    assert chosen.newest is None


def test_a_damaged_newest_backup_is_told_and_the_one_before_is_restored():
    chosen = choose([*EVERY[:2], replace(EVERY[2], problem="is cut")], "newest", Moment())

    assert chosen.backup is EVERY[1]
    assert chosen.newest is not None
    assert chosen.newest.name == "new"


def test_a_damaged_backup_that_was_asked_for_by_name_is_not_replaced():
    chosen = choose([*EVERY[:2], replace(EVERY[2], problem="is cut")], "new", Moment())

    assert chosen.backup is None
    assert (chosen.reason, chosen.unclear) == ("new is cut", False)
    assert chosen.newest is not None


def test_a_backup_that_is_still_written_is_passed_over():
    writing = replace(EVERY[2], problem="has no manifest", in_progress=True)

    chosen = choose([*EVERY[:2], writing], "newest", Moment())

    assert chosen.backup is EVERY[1]
    assert (chosen.newest, chosen.skipped) == (None, ("new",))


@pytest.mark.parametrize(
    ("hours", "name"),
    [(1, "new"), (23.99, "new"), (24, "middle"), (24.01, "middle"), (50, "old"), (73, None)],
)
def test_to_a_time_the_newest_backup_that_had_ended_by_then_is_chosen(hours, name):
    moment = Moment("time", (NOW - hours * HOUR).isoformat())

    chosen = choose(EVERY, "newest", moment)

    assert (chosen.backup.name if chosen.backup else None) == name
    assert bool(chosen.reason) == (name is None)


def test_tools_write_whole_seconds_so_a_backup_may_have_ended_within_the_one_that_it_names():
    def to(seconds, newest):
        moment = Moment("time", (NOW - 24 * HOUR + timedelta(seconds=seconds)).isoformat())
        chosen = choose([*EVERY[:2], newest], "newest", moment)
        return chosen.backup.name if chosen.backup else None

    assert [to(seconds, EVERY[2]) for seconds in (0.9, 1)] == ["middle", "new"]
    precise = replace(EVERY[2], stopped_at=NOW - 24 * HOUR + timedelta(microseconds=500_000))
    assert [to(seconds, precise) for seconds in (0.4, 0.5)] == ["middle", "new"]


def test_to_a_position_the_newest_backup_that_had_ended_by_then_is_chosen():
    chosen = choose(EVERY, "newest", Moment("lsn", "0/3C0"))  # 960

    assert chosen.backup is EVERY[1]
    assert choose(EVERY, "newest", Moment("lsn", "0/1")).backup is None


def test_a_named_backup_that_ended_after_the_moment_is_refused():
    moment = Moment("time", (NOW - 30 * HOUR).isoformat())

    assert choose(EVERY, "new", moment).backup is None
    wrong = choose(EVERY, "other", Moment())
    assert (wrong.reason, wrong.unclear) == (
        "none of the 3 backups in the list has the name 'other'",
        True,
    )
    assert wrong.hint
    assert choose([], "newest", Moment()).reason == "there is no backup"


def test_the_choice_is_told_with_the_newest_of_all():
    moment = Moment("time", (NOW - 30 * HOUR).isoformat())

    how = choose(EVERY, "newest", moment).how

    assert how is not None
    assert (how.by, how.of, how.newest) == (SelectBy.NEWEST, 2, "new")


def test_a_random_backup_is_drawn_by_the_seed_of_those_that_ended_in_time():
    drawn = {
        choose(
            EVERY, Select(by=SelectBy.RANDOM, seed=str(seed)), Moment("lsn", "0/3C0")
        ).backup.name
        for seed in range(30)
    }

    assert drawn == {"old", "middle"}


def test_no_backup_within_the_days_is_a_failure_of_the_backups():
    none = choose(EVERY, Select(by=SelectBy.RANDOM, within=HOUR, seed="s"), Moment())

    assert (none.backup, none.unclear) == (None, False)
    assert "there is no backup of the last 1 h;" in none.reason


def test_each_backup_has_its_turn():
    first = EVERY[0].listed
    drilled = {f"{first.identifier} {first.version}": NOW}

    chosen = choose(EVERY, Select(by=SelectBy.ROTATING, drilled=drilled), Moment())

    assert chosen.backup is EVERY[1]


def test_only_backups_that_are_being_written_are_no_failure():
    chosen = choose([replace(EVERY[0], in_progress=True)], "newest", Moment())

    assert (chosen.reason, chosen.unclear) == ("the only backup is still being written", True)


@pytest.mark.parametrize(
    ("kept", "gone"), [(1, "abc"), (2, "ab"), (3, "a"), (4, ""), (5, ""), (7, ""), (None, "")]
)
def test_the_next_full_backup_expires_what_is_more_than_is_kept(kept, gone):
    assert choice.leaving(["a", "b", "c"], kept) == {*gone}
