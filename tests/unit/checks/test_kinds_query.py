"""What an answer to a query is worth, one value at a time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from restorecheck.checks.answers import Missing, Rows
from restorecheck.checks.judge_scan import judge_answer, measure
from restorecheck.checks.kind import Alone
from restorecheck.checks.registry import BY_NAME
from restorecheck.checks.shown import show
from restorecheck.model import CheckOutcome, CheckSpec

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR


def query(expect):
    return CheckSpec(name="q", kind="query", options={"sql": "select …", "expect": expect})


def one(value):
    return Rows(columns=1, count=1, first=(value,))


@pytest.mark.parametrize(
    ("expect", "value", "outcome"),
    [
        ({"equals": True}, True, PASSED),
        ({"equals": True}, False, FAILED),
        ({"equals": True}, None, FAILED),
        ({"equals": True}, 1, FAILED),
        ({"equals": 1}, True, FAILED),
        ({"equals": 5}, 5, PASSED),
        ({"equals": 5}, Decimal("5.00"), PASSED),
        ({"equals": 0.1}, Decimal("0.1"), PASSED),
        ({"equals": "a"}, "a", PASSED),
        ({"equals": "a"}, "b", FAILED),
        ({"equals": 5}, "5", FAILED),
        ({"equals": None}, None, PASSED),
        ({"equals": None}, 0, FAILED),
        ({"equals": "2026-02-26"}, date(2026, 2, 26), PASSED),
        ({"equals": "2026-02-26"}, date(2026, 2, 27), FAILED),
        ({"at_least": 5}, 5, PASSED),
        ({"at_least": 5}, 4, FAILED),
        ({"at_least": 5}, float("nan"), ERROR),
        ({"at_least": 5}, "many", ERROR),
        ({"at_least": 5}, None, FAILED),
        ({"at_most": 5}, 5, PASSED),
        ({"at_most": 5}, 6, FAILED),
        ({"between": [1, 3]}, 1, PASSED),
        ({"between": [1, 3]}, 3, PASSED),
        ({"between": [1, 3]}, 0, FAILED),
        ({"between": [1, 3]}, 4, FAILED),
        ({"at_least": "2026-02-26T00:00:00Z"}, datetime(2026, 2, 26, 1, tzinfo=UTC), PASSED),
        ({"at_least": "2026-02-26"}, datetime(2026, 2, 25, 23, tzinfo=UTC), FAILED),
        ({"at_least": "2026-02-26T12:00:00Z"}, datetime(2026, 2, 26, 11, tzinfo=UTC), FAILED),
        ({"at_least": "2026-02-26T12:00:00"}, datetime(2026, 2, 26, 11, tzinfo=UTC), FAILED),
        ({"at_least": "2026-02-26T12:00:00"}, datetime(2026, 2, 26, 11), FAILED),  # noqa: DTZ001  # of a column without zone
        ({"at_least": "2026-02-26T12:00:00Z"}, datetime(2026, 2, 26, 13), ERROR),  # noqa: DTZ001  # as above
        ({"at_least": 5}, timedelta(hours=9), ERROR),
        ({"equals": 5}, ["a list"], FAILED),
        ({"equals": "soon"}, date(2026, 2, 26), FAILED),
        ({"at_most": "soon"}, date(2026, 2, 26), ERROR),
        ({"at_least": "soon"}, datetime(2026, 2, 26, tzinfo=UTC), ERROR),
        ({"at_least": "2026-02-26"}, date(2026, 2, 26), PASSED),
        ({"nearly": 5}, 5, ERROR),
    ],
)
def test_one_value_is_held_against_the_expectation(expect, value, outcome):
    assert judge_answer(query(expect), one(value)).outcome is outcome


@pytest.mark.parametrize(
    ("expect", "count", "outcome"),
    [
        ({"not_empty": True}, 1, PASSED),
        ({"not_empty": True}, 0, FAILED),
        ({"empty": True}, 0, PASSED),
        ({"empty": True}, 3, FAILED),
        ({"rows": 3}, 3, PASSED),
        ({"rows": 3}, 2, FAILED),
        ({"equals": 1}, 0, FAILED),
        ({"equals": 1}, 2, FAILED),
    ],
)
def test_row_numbers_are_held_against_the_expectation(expect, count, outcome):
    answer = Rows(columns=1, count=count, first=(1,) if count else ())

    assert judge_answer(query(expect), answer).outcome is outcome


@pytest.mark.parametrize(
    ("expect", "outcome"),
    [
        ({"rows": 3}, FAILED),
        ({"rows": 2}, FAILED),
        ({"rows": 4}, ERROR),
        ({"empty": True}, FAILED),
        ({"not_empty": True}, PASSED),
    ],
)
def test_rows_that_were_not_read_any_more_are_there_all_the_same(expect, outcome):
    answer = Rows(columns=1, count=3, first=(1,), more=True)

    assert judge_answer(query(expect), answer).outcome is outcome


def test_two_columns_are_no_answer_to_a_question_about_one_value():
    answer = Rows(columns=2, count=1, first=(1, 2))

    assert judge_answer(query({"equals": 1}), answer).outcome is ERROR


def test_a_query_without_an_expectation_never_passes():
    assert judge_answer(query({}), one(1)).outcome is ERROR


@pytest.mark.parametrize("expect", ["soon", "2026-02-30"])
def test_an_expected_text_that_is_no_time_is_told_as_a_text_beside_a_time(expect):
    detail = judge_answer(query({"at_least": expect}), one(date(2026, 2, 26))).detail

    assert "a time" in detail
    assert "a text" in detail
    assert expect not in detail


def test_the_query_that_is_run_is_the_one_that_is_configured():
    sql = "select count(*) from t -- 50 % of {all}"
    kind = BY_NAME["query"]

    assert isinstance(kind, Alone)
    assert kind.sql({"sql": sql, "expect": {"equals": 1}}) == sql


def test_texts_are_described_and_never_shown():
    judgement = judge_answer(query({"equals": "bob@example.org"}), one("alice@example.org"))

    assert judgement.found == "text of 17 characters"
    assert show(b"secret") == "6 bytes"
    assert len(show(Decimal(10) ** 400)) < 30
    assert show({"name": "alice"}) == "a value of type dict"


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (one(5), 5),
        (one(2**63), None),
        (one(Decimal("1.5")), 1.5),
        (one(Decimal("1e400")), None),
        (one(float("nan")), None),
        (one(True), None),
        (one("5"), None),
        (one(None), None),
        (Rows(columns=1, count=2, first=(5,)), None),
        (Rows(columns=2, count=1, first=(5, 6)), None),
        (Missing(what="table t"), None),
    ],
)
def test_of_a_query_the_history_keeps_a_single_number_or_nothing(answer, number):
    kept = measure(query({"at_least": 1}), answer)

    assert kept == ({} if number is None else {"value": number})
    assert type(kept.get("value")) is type(number)
