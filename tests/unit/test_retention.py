from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from restorecheck.model import Verdict
from restorecheck.retention import Copy, prunable

NOW = datetime(2026, 2, 27, 3, 15, tzinfo=UTC)


def copy(day: int, **changes) -> Copy:
    values: dict[str, Any] = {
        "identifier": f"restorecheck-{day}",
        "origin": f"rds:courses-{day}",
        "taken_at": NOW + timedelta(days=day),
        "made_at": NOW + timedelta(days=day, hours=1),
        "available": True,
    }
    return Copy(**(values | changes))


def names(copies) -> list[str]:
    return [c.identifier for c in copies]


def test_the_oldest_go_and_the_newest_stay():
    copies = [copy(day, verdict=Verdict.VERIFIED) for day in range(5)]

    assert names(prunable(copies, 3)) == ["restorecheck-0", "restorecheck-1"]


def test_the_newest_verified_copy_stays_whatever_the_count_says():
    bad = [copy(day, verdict=Verdict.FAILED) for day in range(1, 9)]
    good = copy(0, verdict=Verdict.VERIFIED)

    assert good not in prunable([good, *bad], 1)


def test_an_unfinished_copy_pushes_nothing_out():
    copies = [copy(0), copy(1, available=False)]

    assert prunable(copies, 1) == ()


def test_a_copy_under_way_is_not_touched():
    bad = copy(1, verdict=Verdict.FAILED)
    assert prunable([copy(0, available=False), bad, copy(2)], 1) == (bad,)


def test_a_failed_copy_goes_once_there_is_a_whole_one():
    failed = copy(0, available=False, broken=True)

    assert prunable([failed], 1) == ()
    assert prunable([failed, copy(1)], 1) == (failed,)


def test_a_second_copy_of_the_same_snapshot_takes_no_other_nights_place():
    nights = [copy(0), copy(1), copy(2)]
    again = copy(2, identifier="restorecheck-again", made_at=NOW + timedelta(days=3))

    gone = prunable([*nights, again], 3)

    assert copy(0) not in gone
    assert copy(1) not in gone


def test_of_two_copies_of_one_snapshot_the_verified_one_stays():
    verified = copy(1, identifier="a", verdict=Verdict.VERIFIED)
    other = copy(1, identifier="b", made_at=NOW + timedelta(days=2))
    newer = copy(2)

    assert verified not in prunable([verified, other, newer], 5)
    assert other in prunable([verified, other, newer], 5)


def test_the_count_of_an_unproven_night_keeps_two_when_only_the_older_is_verified():
    assert prunable([copy(0, verdict=Verdict.VERIFIED), copy(1)], 1) == ()


COPIES = st.lists(
    st.builds(
        Copy,
        identifier=st.uuids().map(str),
        origin=st.sampled_from("abcdef"),
        taken_at=st.none() | st.integers(0, 5).map(lambda day: NOW + timedelta(days=day)),
        made_at=st.none() | st.integers(0, 9).map(lambda day: NOW + timedelta(days=day)),
        available=st.booleans(),
        broken=st.booleans(),
        verdict=st.none() | st.sampled_from(list(Verdict)),
    ),
    max_size=12,
)


@given(COPIES, st.integers(1, 5))
def test_the_last_good_copy_is_never_deleted(copies, keep):
    gone = set(names(prunable(copies, keep)))
    left = [c for c in copies if c.identifier not in gone]

    whole = [c for c in copies if c.available]
    assert not whole or any(c.available for c in left)
    times = [c.taken_at or datetime.min.replace(tzinfo=UTC) for c in whole]
    assert not whole or any(
        c.available and (c.taken_at or datetime.min.replace(tzinfo=UTC)) == max(times) for c in left
    )
    good = [c for c in whole if c.verdict is Verdict.VERIFIED]
    if good:
        newest = max(c.taken_at or datetime.min.replace(tzinfo=UTC) for c in good)
        assert any(
            c.verdict is Verdict.VERIFIED
            and (c.taken_at or datetime.min.replace(tzinfo=UTC)) == newest
            for c in left
        )


@given(COPIES, st.integers(1, 5))
def test_pruning_leaves_no_more_than_it_must(copies, keep):
    gone = set(names(prunable(copies, keep)))

    left = [c for c in copies if c.available and c.identifier not in gone]

    unknown = {c.origin for c in left if c.verdict is None}
    assert len(left) <= keep + 2 + len(unknown)


def test_a_copy_of_unknown_verdict_stays_until_a_newer_one_is_verified():
    """Its tag could not be written: it may be the last good one."""
    unknown = copy(0)
    bad = [copy(day, verdict=Verdict.INCONCLUSIVE) for day in range(1, 4)]
    good = copy(4, verdict=Verdict.VERIFIED)

    assert prunable([unknown, *bad], 1) == (bad[0], bad[1])
    assert prunable([unknown, *bad, good], 1) == (unknown, *bad)


def test_of_two_copies_of_one_snapshot_with_the_same_proof_the_newer_one_stays():
    older, newer = (
        copy(0),
        copy(0, identifier="restorecheck-again", made_at=NOW + timedelta(days=1)),
    )

    assert prunable([older, newer], 1) == (older,)
