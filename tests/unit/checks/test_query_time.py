"""How long a query may take: the judgement, and the plan that goes with it."""

import json

import pytest
from pydantic import ValidationError

from restorecheck.checks.answers import Judgement, NoAnswer, Rows
from restorecheck.checks.judge_scan import judge_answer
from restorecheck.checks.kinds.query import QueryKeys
from restorecheck.checks.query_time import Timing, judge_time, shape, tables_of
from restorecheck.checks.registry import most_seconds, needs_statistics
from restorecheck.checks.scan_result import DatabaseReading, TimedReading, pack, unpack
from restorecheck.model import CheckOutcome, CheckSpec, Severity

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR
RIGHT = Judgement(PASSED, "5", "5")
BEFORE = TimedReading(seconds=0.2, plan="Index Scan of orders_pkey")
SPEC = CheckSpec(
    name="q", kind="query", options={"sql": "…", "expect": {"equals": 5}, "max_seconds": 1}
)


def timing(seconds, **changes):
    return Timing(seconds=seconds, plan="Seq Scan of orders", **changes)


def test_a_limit_above_the_time_after_which_the_query_is_ended_is_refused():
    with pytest.raises(ValidationError, match="raise timeout_seconds"):
        QueryKeys.model_validate(
            {"name": "q", "sql": "select 1", "timeout_seconds": 5, "max_seconds": 6,
             "expect": {"equals": 1}}
        )  # fmt: skip


def test_a_kind_says_by_itself_whether_it_is_about_the_time_of_queries():
    answers = CheckSpec(name="h", kind="server_answers", options={})
    slow = CheckSpec(name="q", kind="query", options={"sql": "select 1", "max_seconds": 1})

    assert [needs_statistics([spec]) for spec in (answers, slow)] == [False, True]
    assert [most_seconds(spec) for spec in (answers, slow)] == [None, 1]


def test_in_time_it_passes_and_says_how_long_it_took():
    judged = judge_time(RIGHT, timing(0.25), None, 1)
    assert judged == Judgement(PASSED, "5, within 1 s", "5, in 0.25 s")


def test_the_limit_itself_is_in_time():
    assert judge_time(RIGHT, timing(1.0), None, 1).outcome is PASSED


def test_over_the_limit_it_fails_with_the_plan():
    judged = judge_time(RIGHT, timing(1.01), None, 1)
    assert (judged.outcome, judged.severity) == (FAILED, None)
    assert judged.detail == "no earlier drill to compare with; plan: Seq Scan of orders"


def test_a_wrong_answer_stays_the_finding_however_slow_it_was():
    wrong = Judgement(FAILED, "5", "4", "why")
    judged = judge_time(wrong, timing(9), BEFORE, 1)
    assert (judged.outcome, judged.detail) == (FAILED, "why")
    assert judged.found == "4, in 9 s"


def test_a_changed_plan_is_named():
    judged = judge_time(RIGHT, timing(2), BEFORE, 1)
    assert "changed from Index Scan of orders_pkey to Seq Scan of orders" in judged.detail


def test_the_same_plan_points_to_the_data_or_the_server():
    before = TimedReading(seconds=0.2, plan="Seq Scan of orders")
    assert "with the same plan" in judge_time(RIGHT, timing(2), before, 1).detail


def test_without_statistics_a_slow_plan_says_nothing_about_the_backup():
    judged = judge_time(RIGHT, timing(2, without_statistics=("public.orders",)), BEFORE, 1)
    assert judged.outcome is ERROR
    assert "ANALYZE" in judged.detail
    assert "public.orders" in judged.detail


def test_without_statistics_a_fast_answer_passes():
    judged = judge_time(RIGHT, timing(0.1, without_statistics=("public.orders",)), None, 1)
    assert judged.outcome is PASSED


@pytest.mark.parametrize(
    ("seconds", "before", "warned"),
    [(1.3, 0.2, True), (1.3, 0.3, False), (1.0, 0.2, False), (0.9, 0.001, False)],
)
def test_a_jump_within_the_limit_is_a_warning(seconds, before, warned):
    known = TimedReading(seconds=before, plan="")
    judged = judge_time(RIGHT, timing(seconds), known, 60)
    assert (judged.severity is Severity.WARNING) is warned
    assert (judged.outcome is FAILED) is warned


def test_no_answer_in_time_fails_unless_the_plan_is_a_guess():
    none = judge_answer(SPEC, NoAnswer(reason="no answer within 300 s"))
    late = timing(300, answered=False)
    judged = judge_time(none, late, BEFORE, 1)
    assert (judged.outcome, judged.found) == (FAILED, "no answer within 300 s")
    guess = timing(300, answered=False, without_statistics=("t",))
    assert judge_time(none, guess, BEFORE, 1).outcome is ERROR


EXPLAINED = json.dumps(
    [
        {
            "Plan": {
                "Node Type": "Gather",
                "Plans": [
                    {
                        "Node Type": "Hash Join",
                        "Hash Cond": "(a.secret = 'row value')",
                        "Plans": [
                            {"Node Type": "Seq Scan", "Relation Name": "a", "Schema": "s"},
                            {
                                "Node Type": "Index Scan",
                                "Relation Name": "b",
                                "Schema": "s",
                                "Index Name": "b_pkey",
                            },
                        ],
                    }
                ],
            }
        }
    ]
)


def test_a_plan_has_names_of_tables_and_indexes_and_no_values():
    assert shape(EXPLAINED) == "Hash Join (Seq Scan of a, Index Scan of b_pkey)"
    assert tables_of(EXPLAINED) == (("s", "a"), ("s", "b"))


def test_times_are_kept_for_the_next_drill():
    reading = DatabaseReading(timed={"q": BEFORE})
    assert unpack(pack({"shop": reading}))["shop"].timed == {"q": BEFORE}


def test_only_a_check_with_a_limit_needs_statistics():
    plain = CheckSpec(name="p", kind="query", options={"sql": "…", "expect": {"equals": 5}})
    later = CheckSpec(name="l", kind="of a later version")
    assert (most_seconds(SPEC), most_seconds(plain), most_seconds(later)) == (1.0, None, None)
    assert needs_statistics([plain, SPEC])
    assert not needs_statistics([plain, later])


def test_an_answer_is_judged_as_without_a_limit():
    assert judge_answer(SPEC, Rows(columns=1, count=1, first=(5,))).outcome is PASSED
