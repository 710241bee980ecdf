"""Which statements policies may hold for: without a server."""

import pytest

from restorecheck.checks.scan_statements import VIEW, Question
from restorecheck.postgres.scan.scan_session import PLANS, is_shown


def test_rows_that_policies_hide_are_refused_and_never_left_out():
    assert PLANS["row_security"] == "off"
    assert PLANS["enable_indexscan"] == PLANS["enable_indexonlyscan"] == "off"


ORPHANS = Question(key="orphans:u", sql="", natural=True)
OF_VIEW = Question(key=f"{VIEW}mine", sql="")
HIDDEN = frozenset({'"public"."secret"'})


@pytest.mark.parametrize(
    ("hidden", "text", "question", "natural", "shown"),
    [
        (None, 'from "public"."t"', None, False, False),
        (frozenset(), 'from "public"."t"', None, False, True),
        (frozenset(), 'from "public"."t"', None, True, True),
        (HIDDEN, 'from "public"."t"', None, False, True),
        (HIDDEN, 'from "public"."secret"', None, False, False),
        (HIDDEN, 'from "public"."t"', None, True, False),
        (HIDDEN, 'from "public"."t"', ORPHANS, True, True),
        (HIDDEN, 'from "public"."t" where x in "public"."secret"', ORPHANS, True, False),
        (HIDDEN, 'from "public"."v"', OF_VIEW, False, False),
        (frozenset(), 'from "public"."v"', OF_VIEW, False, False),
    ],
)
def test_policies_may_hold_only_where_they_are_known_to_hide_nothing(
    hidden, text, question, natural, shown
):
    assert is_shown(text, question, hidden, natural=natural) is shown
