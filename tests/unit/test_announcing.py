"""Who hears what, and when again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from restorecheck.announcing import (
    NOTHING_TOLD,
    Finished,
    Kind,
    Overdue,
    Rules,
    Skipped,
    Trouble,
    hear,
)
from restorecheck.model import Verdict

NIGHT = datetime(2026, 2, 26, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)
EVERYTHING = Rules(kinds=frozenset(Kind))
USUAL = Rules(
    kinds=frozenset(Kind) - {Kind.VERIFIED, Kind.SKIPPED},
    inconclusive_after=2,
    repeat_after=timedelta(hours=20),
)
OK, BAD, UNCLEAR = Verdict.VERIFIED, Verdict.FAILED, Verdict.INCONCLUSIVE


def drill(verdict, night=0, *, hours=0, reason="", left=()):
    return Finished(
        target="courses",
        at=NIGHT + night * DAY + timedelta(hours=hours),
        drill_id=f"d-{night}",
        verdict=verdict,
        reason=reason or f"it is {verdict.value}",
        left=left,
    )


def tell(*facts, rules=USUAL):
    """The news of each fact, as kinds."""
    told, heard = NOTHING_TOLD, []
    for fact in facts:
        told, news = hear(told, fact, rules)
        heard.append([item.kind.value for item in news])
    return heard


def last(*facts, rules=USUAL):
    told, latest = NOTHING_TOLD, []
    for fact in facts:
        told, news = hear(told, fact, rules)
        latest = list(news)
    return latest[-1]


def nights(*verdicts):
    return [drill(verdict, night) for night, verdict in enumerate(verdicts)]


def test_good_nights_are_quiet_unless_somebody_wants_them():
    assert tell(*nights(OK, OK)) == [[], []]
    assert tell(*nights(OK, OK), rules=EVERYTHING) == [["verified"], ["verified"]]


def test_a_failed_night_is_told_each_night_with_its_number():
    assert tell(*nights(OK, BAD, BAD)) == [[], ["failed"], ["failed"]]
    assert last(*nights(OK, BAD, BAD)).bad == 2
    assert last(*nights(OK, BAD, BAD)).bad_since == NIGHT + DAY


def test_recovery_is_told_once_and_says_how_long_it_was_bad():
    assert tell(*nights(BAD, BAD, OK, OK)) == [["failed"], ["failed"], ["recovered"], []]
    assert last(*nights(BAD, BAD, OK)).bad == 2


def test_one_inconclusive_night_is_no_news_the_second_in_a_row_is():
    assert tell(*nights(UNCLEAR, OK, UNCLEAR, UNCLEAR, OK)) == [
        [],
        [],
        [],
        ["inconclusive"],
        ["recovered"],
    ]


def test_unclear_nights_are_told_from_the_configured_one_on_and_say_since_when():
    assert tell(*nights(UNCLEAR, UNCLEAR, UNCLEAR)) == [[], ["inconclusive"], ["inconclusive"]]
    found = last(*nights(OK, UNCLEAR, UNCLEAR, UNCLEAR))
    assert (found.bad, found.bad_since) == (3, NIGHT + DAY)


def test_an_unclear_night_that_nobody_was_told_of_ends_without_a_word():
    assert tell(*nights(UNCLEAR, OK)) == [[], []]
    assert tell(*nights(BAD, UNCLEAR, OK)) == [["failed"], [], ["recovered"]]


def test_what_came_untold_is_counted_for_its_own_cause_only():
    same = [drill(BAD, hours=n, reason="the dump is cut") for n in range(3)]
    other = drill(BAD, hours=3, reason="a table is empty")

    assert last(*same, other).quiet == 0
    assert last(*same, drill(BAD, hours=24, reason="the dump is cut")).quiet == 2


def test_inconclusive_nights_are_counted_anew_after_a_failed_one():
    assert tell(*nights(UNCLEAR, BAD, UNCLEAR)) == [[], ["failed"], []]


def test_the_same_trouble_within_hours_is_counted_not_told():
    every_four_hours = [drill(BAD, hours=4 * n) for n in range(6)]

    assert tell(*every_four_hours) == [["failed"], [], [], [], [], ["failed"]]
    assert last(*every_four_hours).quiet == 4


def test_another_trouble_is_told_at_once():
    facts = [drill(BAD, reason="the dump is cut"), drill(BAD, hours=1, reason="a table is empty")]

    assert tell(*facts) == [["failed"], ["failed"]]


def test_what_is_left_behind_is_told_whatever_the_verdict():
    assert tell(drill(OK, left=("instance x",))) == [["left_behind"]]
    assert tell(drill(BAD, left=("instance x",))) == [["failed", "left_behind"]]


def test_overdue_is_told_once_a_day_until_a_drill_is_verified():
    def overdue(hours):
        at = NIGHT + timedelta(hours=hours)
        return Overdue(target="courses", at=at, proven_at=None, allowed=DAY)

    facts = [*(overdue(n) for n in range(22)), drill(OK, 1), overdue(60)]

    told = tell(*facts)

    assert [n for n, kinds in enumerate(told) if kinds == ["overdue"]] == [0, 20, 23]
    assert told[22] == ["recovered"]


def test_a_scheduled_time_without_a_drill_is_told_to_who_asks_for_it():
    skipped = Skipped(target="courses", at=NIGHT, due_at=NIGHT, reason="the machine slept")

    assert tell(skipped) == [[]]
    assert tell(skipped, rules=EVERYTHING) == [["skipped"]]


def test_trouble_of_the_runner_does_not_end_with_a_good_drill():
    trouble = Trouble(target="courses", at=NIGHT, reason="the history cannot be written")
    again = Trouble(target="courses", at=NIGHT + timedelta(hours=2), reason=trouble.reason)

    assert tell(trouble, drill(OK, hours=1), again) == [["trouble"], [], []]


def test_who_does_not_want_failures_may_still_want_recoveries():
    rules = Rules(kinds=frozenset({Kind.RECOVERED}))

    assert tell(*nights(BAD, OK), rules=rules) == [[], ["recovered"]]


@given(
    verdicts=st.lists(st.sampled_from([OK, BAD, UNCLEAR]), max_size=30),
    after=st.integers(1, 4),
)
def test_nobody_is_left_believing_in_trouble_that_ended_or_in_peace_that_is_none(verdicts, after):
    rules = Rules(kinds=USUAL.kinds, inconclusive_after=after, repeat_after=USUAL.repeat_after)
    believes_in_trouble = False
    streak: list[Verdict] = []

    for kinds, verdict in zip(tell(*nights(*verdicts), rules=rules), verdicts, strict=True):
        if {"failed", "inconclusive"} & set(kinds):
            believes_in_trouble = True
        if "recovered" in kinds:
            assert believes_in_trouble
            believes_in_trouble = False
        streak = [] if verdict is OK else [*streak, verdict]
        deserved = BAD in streak or _run_of(UNCLEAR, streak) >= after
        assert believes_in_trouble == deserved


def _run_of(wanted, streak):
    longest = present = 0
    for verdict in streak:
        present = present + 1 if verdict is wanted else 0
        longest = max(longest, present)
    return longest


def test_an_older_backup_that_was_asked_for_ends_no_alarm():
    asked = replace(drill(OK, 1), proves=False)

    assert tell(drill(BAD), asked, drill(OK, 2)) == [["failed"], [], ["recovered"]]
    assert tell(drill(BAD), asked, drill(BAD, 2), rules=EVERYTHING) == [
        ["failed"],
        ["verified"],
        ["failed"],
    ]
