"""Which of several backups a drill restores."""

from dataclasses import replace

import pytest

from restorecheck.postgres.physical.choice import PhysicalBackup, choose
from restorecheck.postgres.physical.moment import Moment
from tests.factories import HOUR, NOW


def backup(name, hours, **more):
    ended = NOW - hours * HOUR
    return PhysicalBackup(
        name=name, address=name, started_at=ended - HOUR, stopped_at=ended,
        ends_at=int(1000 - hours), **more,
    )  # fmt: skip


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
    assert chosen.reason == "new is cut"


def test_a_backup_that_is_still_written_is_passed_over():
    writing = replace(EVERY[2], problem="has no manifest", in_progress=True)

    chosen = choose([*EVERY[:2], writing], "newest", Moment())

    assert chosen.backup is EVERY[1]
    assert (chosen.newest, chosen.skipped) == (None, ("new",))


@pytest.mark.parametrize(
    ("hours", "name"), [(1, "new"), (24, "new"), (24.01, "middle"), (50, "old"), (73, None)]
)
def test_to_a_time_the_newest_backup_that_had_ended_by_then_is_chosen(hours, name):
    moment = Moment("time", (NOW - hours * HOUR).isoformat())

    chosen = choose(EVERY, "newest", moment)

    assert (chosen.backup.name if chosen.backup else None) == name
    assert bool(chosen.reason) == (name is None)


def test_to_a_position_the_newest_backup_that_had_ended_by_then_is_chosen():
    chosen = choose(EVERY, "newest", Moment("lsn", "0/3C0"))  # 960

    assert chosen.backup is EVERY[1]
    assert choose(EVERY, "newest", Moment("lsn", "0/1")).backup is None


def test_a_named_backup_that_ended_after_the_moment_is_refused():
    moment = Moment("time", (NOW - 30 * HOUR).isoformat())

    assert choose(EVERY, "new", moment).backup is None
    assert choose(EVERY, "other", Moment()).reason == "there is no backup 'other' among 3"
    assert choose([], "newest", Moment()).reason == "there is no backup"
