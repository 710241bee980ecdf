"""Nights without a drill: none is forgotten, and none is counted twice."""

from datetime import UTC, date, datetime, timedelta

import pytest

from restorecheck.evidence.gaps import (
    NEVER,
    NOT_SCHEDULED,
    WAITING,
    Slot,
    gaps_of_days,
    gaps_of_slots,
)

DAY = timedelta(days=1)
FIRST = date(2026, 2, 1)


def days(drilled, *, until=9):
    found = gaps_of_days("a", [FIRST + n * DAY for n in drilled], FIRST, FIRST + until * DAY)
    return [((g.first - FIRST).days, (g.last - FIRST).days, g.nights) for g in found]


@pytest.mark.parametrize(
    ("drilled", "gaps"),
    [
        (range(10), []),
        ([0, 1, 5, 5, 9], [(2, 4, 3), (6, 8, 3)]),
        ([3], [(0, 2, 3), (4, 9, 6)]),
        ([9, 0, -5, 20], [(1, 8, 8)]),
        ([], [(0, 9, 10)]),
    ],
)
def test_days_without_a_drill_are_told_as_runs(drilled, gaps):
    assert days(drilled) == gaps
    assert sum(nights for *_, nights in gaps) == 10 - len({d for d in drilled if 0 <= d <= 9})


def test_a_target_that_was_never_drilled_is_told_as_such():
    (gap,) = gaps_of_days("a", [], FIRST, FIRST)
    (run,) = gaps_of_days("a", [FIRST], FIRST, FIRST + DAY)

    assert (gap.reason, gap.nights) == (NEVER, 1)
    assert run.reason == NOT_SCHEDULED
    assert list(gaps_of_days("a", [], FIRST + DAY, FIRST)) == []


def test_scheduled_times_keep_their_reasons():
    at = datetime(2026, 2, 1, 3, tzinfo=UTC)
    slots = [
        Slot(target="a", due_at=at, drilled=True),
        Slot(target="a", due_at=at + DAY, reason="missed"),
        Slot(target="a", due_at=at + 2 * DAY, reason="missed"),
        Slot(target="a", due_at=at + 3 * DAY),
    ]
    found = [(g.first.day, g.last.day, g.nights, g.reason) for g in gaps_of_slots(slots)]

    assert found == [(2, 3, 2, "missed"), (4, 4, 1, WAITING)]
