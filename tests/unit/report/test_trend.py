"""Of the numbers of nights: which way they go, and what the next one is likely to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.model import Backup
from restorecheck.report import html
from restorecheck.report.past import past_of
from restorecheck.report.trend import LEAST, trend
from tests.nights import night

NIGHTS = st.lists(st.none() | st.floats(min_value=0, max_value=1e12), max_size=30)
RISING = [100.0 + 2 * n for n in range(20)]


def known(values):
    found = trend(values)
    assert found is not None
    return found


def test_a_line_goes_on():
    found = known(RISING[:10])

    assert (found.first, found.now, found.nights) == (100, 118, 9)
    assert found.next == pytest.approx(120)
    assert (found.low, found.high) == pytest.approx((120, 120))


def test_one_odd_night_turns_no_line_and_widens_the_estimate():
    found = known([*RISING[:7], 5_000, *RISING[8:]])

    assert found.next == pytest.approx(140)
    assert found.low == pytest.approx(140)
    assert found.high > 1000


def test_nights_without_a_number_keep_their_places():
    found = known([None, *RISING[1:4], None, *RISING[5:10]])

    assert found.next == pytest.approx(120)
    assert (found.first, found.nights) == (102, 8)


@pytest.mark.parametrize("values", [[], RISING[: LEAST - 1], [*RISING[:LEAST], None]])
def test_of_too_few_nights_and_of_a_night_without_a_number_nothing_is_estimated(values):
    assert trend(values) is None


@given(NIGHTS)
def test_an_estimate_is_never_negative(values):
    found = trend(values)

    if found is not None:
        assert 0 <= found.low <= found.high
        assert found.next >= 0


def test_a_page_says_how_long_and_how_large_the_next_one_will_be():
    def dump(number):
        return Backup(kind="dump", identifier=f"/b/{number}.dump", size_bytes=(50 + number) * 10**6)

    nights = [night(n, backup=dump(n)) for n in range(10)]

    page = html.render(nights[-1], past_of(nights)).replace("\N{NO-BREAK SPACE}", " ")

    seconds = [n.restore_seconds for n in past_of(nights).nights]
    assert seconds == [60.0 + n for n in range(10)]
    time, size = (
        "1 min 9 s in this drill; 9 drills ago: 1 min",
        "59.0 MB in this drill; 9 drills ago: 50.0 MB",
    )
    assert f"Restore time: {time}. Estimate for the next: about 1 min 10 s." in page
    assert f"Size of the backup: {size}. Estimate for the next: about 60.0 MB." in page
    few = html.render(nights[3], past_of(nights[:4]))
    assert "Estimate" not in few
