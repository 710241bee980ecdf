"""What tonight has lost against the last verified night: the pure part, at its limits."""

from dataclasses import replace

import pytest
from restorecheck.checks.surveyed import Circumstances, judge_asked, judge_reading, judged

from restorecheck.checks.readings import DatabaseReading, TableReading
from restorecheck.checks.scanning import ASKED, NEWEST, PRESENT, ROWS, TOTAL
from restorecheck.model import CheckOutcome, CheckSpec
from tests.factories import NOW

PASSED, FAILED = CheckOutcome.PASSED, CheckOutcome.FAILED
AT = f"{NEWEST}made_at"
KEY = f"{ASKED}average"


def night(*, newest=None, group="", **rows):
    """Tables by name, with their rows; `newest`: seconds since 1970, of all of them."""
    more = {} if newest is None else {AT: str(newest)}
    tables = {
        f"public.{name}": TableReading(values={ROWS: str(count)} | more, group=group)
        for name, count in rows.items()
    }
    return DatabaseReading(tables=tables, done=True)


def compared(kind, before, after, **options):
    spec = CheckSpec(name="own", kind=kind, built_in=True, options=options)
    around = Circumstances(
        baseline={"shop": before}, databases=("shop",), taken_at=NOW, started_at=NOW
    )
    finding = judge_reading(spec, "shop", after, around)
    return judged(spec, {"shop": finding}, around.lost)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (night(a=100, b=900), night(a=0, b=900), FAILED),
        (night(a=100, b=900), night(b=900), FAILED),
        (night(a=99, b=900), night(a=0, b=900), PASSED),
        (night(a=100, b=900), night(a=1, b=900), PASSED),
        (night(a=90, b=90), night(a=45, b=45), PASSED),
        (night(a=90, b=90), night(a=45, b=44), FAILED),
        (night(a=49, b=50), night(), PASSED),
    ],
)
def test_a_table_is_missed_from_a_hundred_rows_on_and_a_database_from_half_of_them(
    before, after, outcome
):
    assert compared("not_emptied", before, after).outcome is outcome


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
    assert compared("not_shrunk", before, after, max_drop=0.2).outcome is outcome


@pytest.mark.parametrize(("newest", "outcome"), [(1001, PASSED), (1000, PASSED), (999, FAILED)])
def test_the_newest_time_of_before_is_still_there(newest, outcome):
    before, after = night(a=1, newest=1000), night(a=1, newest=newest)

    assert compared("newest_there", before, after).outcome is outcome


@pytest.mark.parametrize("kind", ["not_emptied", "not_shrunk"])
def test_what_comes_and_goes_is_not_missed(kind):
    before, after = night(a=1000, cache=1000), night(a=1000, cache=3)
    gone = night(a=1000)

    for tonight in (after, gone):
        assert compared(kind, before, tonight, volatile=["public.cac*"]).outcome is PASSED


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
    around = Circumstances(
        baseline={"shop": same, "grades": same},
        databases=("shop",),
        taken_at=NOW,
        started_at=NOW,
    )

    finding = judge_reading(spec, "shop", same, around)

    assert around.lost == ("grades",)
    assert judged(spec, {"shop": finding}, around.lost).outcome is outcome


def test_a_single_database_may_have_another_name_than_before():
    around = Circumstances(
        baseline={"shop_2025": night(a=1)}, databases=("shop",), taken_at=NOW, started_at=NOW
    )

    assert around.lost == ()
    assert around.before("shop") == night(a=1)


def averaged(total, present, rows):
    read = night(a=rows)
    table = read.tables["public.a"]
    values = table.values | {KEY + TOTAL: str(total), KEY + PRESENT: str(present)}
    return replace(read, tables={"public.a": replace(table, values=values)})


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((1000, 100, 100), (1100, 100, 100), PASSED),
        ((1000, 100, 100), (1101, 100, 100), FAILED),
        ((1000, 100, 100), (899, 100, 100), FAILED),
        ((-1000, 100, 100), (-1100, 100, 100), PASSED),
        ((-1000, 100, 100), (-1101, 100, 100), FAILED),
        ((1000, 100, 100), (900, 90, 100), PASSED),
        ((1000, 100, 100), (890, 89, 100), FAILED),
    ],
)
def test_an_average_may_move_and_a_column_may_thin_out_by_the_share_that_is_allowed(
    before, after, outcome
):
    spec = CheckSpec(
        name="average",
        kind="distribution",
        options={"table": "public.a", "column": "c", "max_shift": 0.1},
    )
    around = Circumstances(
        baseline={"shop": averaged(*before)}, databases=("shop",), taken_at=NOW, started_at=NOW
    )

    assert judge_asked(spec, "shop", averaged(*after), around).outcome is outcome


@pytest.mark.parametrize(
    ("there", "outcome"),
    [
        (["extension citext", "extension postgis"], PASSED),
        (["extension citext"], FAILED),
        (["schema postgis", "extension citext"], FAILED),
        ([], FAILED),
    ],
)
def test_every_extension_is_wanted(there, outcome):
    spec = CheckSpec(name="e", kind="extensions", options={"names": ["citext", "postgis"]})
    around = Circumstances(baseline={}, databases=("shop",), taken_at=NOW, started_at=NOW)
    read = replace(night(a=1), structure=dict.fromkeys(there, "1.0"))

    assert judge_asked(spec, "shop", read, around).outcome is outcome


def test_a_table_of_another_schema_does_not_answer_for_it():
    spec = CheckSpec(name="rows", kind="row_count", options={"table": "public.orders", "min": 1})
    around = Circumstances(baseline={}, databases=("shop",), taken_at=NOW, started_at=NOW)
    full, empty = (TableReading(values={ROWS: str(count)}) for count in (9, 0))
    read = DatabaseReading(
        tables={"old_public.orders": full, "public.more_orders": full, "public.orders": empty}
    )

    assert judge_asked(spec, "shop", read, around).outcome is FAILED
