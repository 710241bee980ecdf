"""The tables of two nights, each beside itself."""

import pytest

from restorecheck.checks.pairs import older, pairs
from restorecheck.checks.scan_result import TableReading
from restorecheck.checks.scan_statements import NEWEST, ROWS
from restorecheck.checks.tables import REFERENCED
from tests.scans import reading, table


def test_a_table_that_could_not_be_counted_the_night_before_has_nothing_to_be_compared_with():
    before = reading({
        "public.a": table(5),
        "public.b": TableReading(doubts={ROWS: "no right"}, traits=REFERENCED),
        "public.gone": TableReading(doubts={ROWS: "no right"}, traits=REFERENCED),
    })  # fmt: skip
    found = pairs(before, reading({"public.a": table(5), "public.b": table(0)}))

    assert set(found) == {"public.a", "public.b"}
    assert not found["public.b"].was_there
    assert found["public.a"].traits == set()


@pytest.mark.parametrize("name", ["public.orders", '"a.b"."c.d"'])
@pytest.mark.parametrize("column", ["at", "sold.at", "sold.at.utc"])
def test_a_newest_time_that_is_older_belongs_to_its_table_whatever_dots_are_in_names(name, column):
    def night(newest):
        return reading({name: table(5, **{f"{NEWEST}{column}": newest})})

    assert list(older(night(1000), night(999))) == [(name, column)]
    assert list(older(night(1000), night(1000))) == []
