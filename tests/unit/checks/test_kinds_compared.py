"""What tonight has lost against the last verified night: the pure part, at its limits."""

import pytest

from restorecheck.checks.baseline import without
from restorecheck.checks.judge_scan import judge_built_in
from restorecheck.checks.questions import LARGE_OBJECTS
from restorecheck.checks.scan_result import TableReading
from restorecheck.checks.scan_statements import NEWEST, ROWS
from restorecheck.model import CheckOutcome, CheckSpec
from tests.scans import context, own, reading, table

PASSED, FAILED = CheckOutcome.PASSED, CheckOutcome.FAILED
AT = f"{NEWEST}made_at"
ALL = {"public.sessions", "public.Sessions", "other.sessions", "staging.sessions", "staging.a",
       "public.page_cache", '"x.y".a b'}  # fmt: skip


def night(*, newest=None, objects=None, **rows):
    """Tables by name, with their rows; `newest`: seconds since 1970, of all of them."""
    more = {} if newest is None else {AT: str(newest)}
    tables = {
        f"public.{name}": TableReading(values={ROWS: str(count)} | more)
        for name, count in rows.items()
    }
    return reading(tables, answers={} if objects is None else {LARGE_OBJECTS: str(objects)})


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (night(a=100, b=900), night(a=0, b=900), FAILED),
        (night(a=100, b=900), night(b=900), FAILED),
        (night(a=10, b=900), night(a=0, b=900), FAILED),
        (night(a=9, b=900), night(a=0, b=900), PASSED),
        (night(a=99, b=900), night(b=900), PASSED),
        (night(a=99, b=900, newest=5), night(a=0, b=900, newest=5), PASSED),
        (night(a=100, b=900), night(a=1, b=900), PASSED),
        (night(a=90, b=90), night(a=45, b=45), PASSED),
        (night(a=90, b=90), night(a=45, b=44), FAILED),
        (night(a=49, b=50), night(), PASSED),
    ],
)
def test_a_table_is_missed_from_a_hundred_rows_on_settings_from_ten_and_a_database_from_half_of_them(
    before, after, outcome
):
    assert own("not_emptied", after, before).outcome is outcome


FILLED = {"table public.m": "m", "table public.t": "r"}
UNFILLED = FILLED | {"table public.m": "m not populated"}
FOREIGN = {"foreign server far": "postgres_fdw"}


def test_a_materialized_view_that_is_not_filled_has_lost_nothing():
    before = reading({"public.m": table(rows=900), "public.t": table()}, structure=FILLED)
    after = reading({"public.t": table()}, structure=UNFILLED)

    found = own("not_emptied", after, before)

    assert (found.outcome, found.detail) == (PASSED, "")
    assert "emptied" not in own("not_shrunk", after, before).found


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (FILLED, UNFILLED | FOREIGN, PASSED),
        (UNFILLED | FOREIGN, FILLED | FOREIGN, PASSED),
        (FILLED, UNFILLED, FAILED),
        (FILLED, UNFILLED | FOREIGN | {"table public.t": "r u"}, FAILED),
    ],
)
def test_a_view_that_the_drill_did_not_fill_is_no_change_of_the_structure(before, after, outcome):
    """Beside a foreign server, a drill fills none: that could log in to production."""
    tonight, last_night = reading(structure=after), reading(structure=before)

    assert own("structure_same", tonight, last_night, logical=True).outcome is outcome


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [(7, 0, FAILED), (7, 1, PASSED), (7, None, PASSED), (0, 0, PASSED)],
)
def test_large_objects_are_missed_where_they_were_counted(before, after, outcome):
    """What nobody could count is another check's error."""
    tonight = night(a=1, objects=after)

    assert own("not_emptied", tonight, night(a=1, objects=before)).outcome is outcome


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (night(a=100), night(a=80), PASSED),
        (night(a=100), night(a=79), FAILED),
        (night(a=99), night(a=1), PASSED),
        (night(a=100), night(a=0), PASSED),
        (night(a=100), night(a=200), PASSED),
    ],
)
def test_a_table_may_lose_the_share_that_it_may_lose_and_not_one_row_more(before, after, outcome):
    """One that is empty is another check's."""
    assert own("not_shrunk", after, before, max_drop=0.2).outcome is outcome


@pytest.mark.parametrize(("newest", "outcome"), [(1001, PASSED), (1000, PASSED), (999, FAILED)])
def test_the_newest_time_of_before_is_still_there(newest, outcome):
    before, after = night(a=1, newest=1000), night(a=1, newest=newest)

    assert own("newest_there", after, before).outcome is outcome


@pytest.mark.parametrize("kind", ["not_emptied", "not_shrunk"])
def test_what_comes_and_goes_is_not_missed(kind):
    before, after = night(a=1000, cache=1000), night(a=1000, cache=3)
    gone = night(a=1000)

    for tonight in (after, gone):
        assert own(kind, tonight, before, volatile=["public.cac*"]).outcome is PASSED


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("public.sessions", {"public.sessions"}),
        ("sessions", {"public.sessions", "other.sessions", "staging.sessions"}),
        ("staging.*", {"staging.sessions", "staging.a"}),
        ("*.a", {"staging.a"}),
        ("*_cache", {"public.page_cache"}),
        ("*", ALL),
        ("*.*", ALL),
        ("Sessions", {"public.Sessions", "public.sessions", "other.sessions", "staging.sessions"}),
        ('public."Sessions"', {"public.Sessions"}),
        ('"x.y"."a b"', {'"x.y".a b'}),
        ("public.s.ssions", set()),
        ("a.b.c", set()),
        ('"open', set()),
        ("sess", set()),
    ],
)
def test_what_comes_and_goes_is_named_as_sql_names_it(pattern, names):
    every = reading({name: table() for name in ALL})

    assert ALL - set(without(every, [pattern]).tables) == names
    assert without(every, []) is every


def test_what_comes_and_goes_may_be_named_for_all_of_its_partitions():
    every = reading({"public.log_jan": table(group="public.log"), "public.a": table()})

    assert set(without(every, ["public.log"]).tables) == {"public.a"}
    assert set(without(every, ["public.log_jan"]).tables) == {"public.log_jan", "public.a"}


def test_several_patterns_add_up():
    every = reading({name: table() for name in ALL})

    kept = without(every, ["public.*", "staging.*", '"x.y".*']).tables

    assert set(kept) == {"other.sessions"}


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("not_emptied", FAILED),
        ("structure_same", FAILED),
        ("not_shrunk", PASSED),
        ("newest_there", PASSED),
    ],
)
def test_a_database_that_is_gone_is_missed_once_and_not_by_everybody(kind, outcome):
    spec = CheckSpec(name="own", kind=kind, built_in=True, options={"max_drop": 0.2})
    same = night(a=1000)
    around = context(baseline={"shop": same, "grades": same})

    assert around.lost == ("grades",)
    assert judge_built_in(spec, {"shop": same}, around).outcome is outcome


def test_a_single_database_may_have_another_name_than_before():
    around = context(baseline={"shop_2025": night(a=1)})

    assert around.lost == ()
    assert around.before("shop") == night(a=1)
    assert context(baseline={"x": night(), "y": night()}).before("shop") is None
