"""What a server that stands at a moment says, and what must no longer hold afterwards."""

import pytest

from restorecheck.model import CheckOutcome
from restorecheck.postgres.physical.moment import Moment, in_order
from restorecheck.postgres.physical.neutral import standby_settings
from restorecheck.postgres.physical.standby import turned_round
from tests.factories import NOW, result


def outcomes(outcome):
    return turned_round(result("orders, at m", outcome=outcome, detail="as found"))


def test_a_check_that_must_fail_afterwards_passes_when_it_fails():
    turned = outcomes(CheckOutcome.FAILED)

    assert (turned.outcome, turned.detail) == (CheckOutcome.PASSED, "")
    assert turned.name == "orders, at m, no longer afterwards"


def test_a_check_that_still_holds_fails():
    turned = outcomes(CheckOutcome.PASSED)

    assert turned.outcome is CheckOutcome.FAILED
    assert "still passes" in turned.detail


@pytest.mark.parametrize("outcome", [CheckOutcome.ERROR, CheckOutcome.SKIPPED])
def test_a_check_without_an_answer_stays_so(outcome):
    turned = outcomes(outcome)

    assert (turned.outcome, turned.detail) == (outcome, "as found")


def test_moments_are_taken_in_the_order_of_time_or_position():
    early, late = Moment.at(NOW), Moment.at(NOW.replace(year=2030))

    assert [name for name, _ in in_order({"b": late, "a": early})] == ["a", "b"]
    positions = {"b": Moment("lsn", "10/0"), "a": Moment("lsn", "9/FF")}
    assert [name for name, _ in in_order(positions)] == ["a", "b"]


def test_a_standby_has_at_least_what_production_had():
    control = {"max_connections setting": "300", "max_wal_senders setting": "10"}

    assert standby_settings(control) == {
        "hot_standby": "on",
        "max_connections": "300",
        "max_wal_senders": "10",
    }
    assert standby_settings({"max_connections setting": "5"})["max_connections"] == "40"
