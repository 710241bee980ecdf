"""Which checks a database's profile gives rise to, and which it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from restorecheck.checks.profiles import ColumnProfile, NightProfile, Profile, TableProfile
from restorecheck.checks.propose.proposal import propose, same_subject
from restorecheck.checks.propose.schema_objects import (
    INDEX,
    MOST,
    MOST_MARKS,
    SEQUENCE,
    VIEW,
    mark,
)

NOW = datetime(2026, 2, 27, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = 365 * DAY


def table(*columns, name="orders", rows=2000, **changes):
    made = TableProfile(schema="shop", name=name, rows=rows, columns=columns)
    return replace(made, **changes)


def column(name, kind="text", **changes):
    return replace(ColumnProfile(name=name, type=kind, present=2000), **changes)


def proposed(kind, *tables, nights=(), **changes):
    """The keys of the proposed checks of one kind."""
    found = propose(Profile(tables=tables, taken_at=NOW, **changes), nights)
    return [dict(proposal.keys) for proposal in found if proposal.kind == kind]


@pytest.mark.parametrize(
    ("rows", "least"), [(0, None), (1, 1), (3, 1), (30, 15), (2468, 1200), (98_765, 49_000)]
)
def test_half_of_the_rows_of_tonight_are_expected_to_two_digits(rows, least):
    found = proposed("row_count", table(rows=rows))

    assert [keys["min"] for keys in found] == ([] if least is None else [least])


@pytest.mark.parametrize(
    "passing", [{"unlogged": True}, {"name": "session_cache"}, {"name": "log_2026_01_01"}]
)
def test_of_what_comes_and_goes_nothing_is_claimed_but_its_keys(passing):
    state = column("state", values=(("open", 1000), ("paid", 1000)))
    found = propose(Profile(tables=(table(state, keys=(("id",),), **passing),), taken_at=NOW))

    assert {proposal.kind for proposal in found} <= {"unique", "not_null"}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((("open", 1000), ("paid", 1000)), ["open", "paid"]),
        ((("paid", 1000), ("open", 1000)), ["open", "paid"]),
        ((("open", 1996), ("paid", 4)), None),
        ((("open", 1000), (" paid", 1000)), None),
        ((("open", 1000), ("", 1000)), None),
        ((("open", 2000),), None),
        (tuple((f"s{n}", 100) for n in range(13)), None),
    ],
)
def test_a_column_of_few_plain_values_each_often_is_an_enumeration(values, wanted):
    found = proposed("accepted_values", table(column("state", values=values)))

    assert [keys["values"] for keys in found] == ([] if wanted is None else [wanted])


def seconds(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


@pytest.mark.parametrize(
    ("low", "high", "least"),
    [
        (NOW - YEAR, NOW, "2024-02-26"),
        (datetime(2000, 1, 3, tzinfo=UTC), datetime(2010, 1, 3, tzinfo=UTC), "1989-12-31"),
        (datetime(1000, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None),
        (datetime(1000, 1, 1, tzinfo=UTC), datetime(1998, 5, 1, tzinfo=UTC), None),
        (datetime(1000, 1, 1, tzinfo=UTC), datetime(1990, 5, 1, tzinfo=UTC), "0009-09-01"),
    ],
)
def test_times_may_be_as_long_again_before_the_oldest_where_the_calendar_goes_so_far(
    low, high, least
):
    born = column("founded", "date", low=seconds(low), high=seconds(high))
    found = proposed("range", table(born))

    assert [keys["min"] for keys in found] == ([] if least is None else [least])


def test_a_time_that_stands_for_never_is_no_bound():
    never = seconds(datetime(9999, 12, 31, tzinfo=UTC))

    assert proposed("range", table(column("founded", "date", low=never, high=never))) == []


@pytest.mark.parametrize(
    ("low", "high", "present", "bounds"),
    [
        (1, 90, 2000, (0, 900)),
        (-5, 90, 2000, (-900, 900)),
        (0, 0.04, 2000, (0, 1)),
        (7, 7, 2000, None),
        (1, 90, 19, None),
    ],
)
def test_numbers_have_ten_times_as_much_room_where_they_differ(low, high, present, bounds):
    price = column("price", "numeric", low=low, high=high, present=present)
    found = proposed("range", table(price, rows=present))

    assert [(k["min"], k["max"]) for k in found] == ([] if bounds is None else [bounds])


@pytest.mark.parametrize(("present", "told"), [(2000, True), (99, False)])
def test_an_average_is_relied_on_where_it_has_many_values(present, told):
    price = column("price", "numeric", low=1, high=9, mean=5.0, deviation=0.1, present=present)
    found = proposed("distribution", table(price, rows=present))

    assert [keys["max_shift"] for keys in found] == (["20%"] if told else [])


@pytest.mark.parametrize(
    ("lag", "told"), [(timedelta(hours=2), True), (timedelta(hours=-2), False)]
)
def test_the_age_of_the_newest_row_is_learned_from_nights_whose_clocks_agree(lag, told):
    nights = [
        NightProfile(
            taken_at=NOW - n * DAY,
            rows={},
            prints={},
            newest={"shop.orders.created_at": seconds(NOW - n * DAY - lag)},
        )
        for n in range(8)
    ]
    created = column("created_at", "timestamptz", low=seconds(NOW - YEAR), high=seconds(NOW - lag))

    assert bool(proposed("freshness", table(created), nights=nights)) is told


@pytest.mark.parametrize(("present", "told"), [(2000, True), (99, False)])
def test_where_nothing_new_came_for_long_the_newest_is_still_there(present, told):
    paid = column(
        "paid", "date", low=seconds(NOW - 2 * YEAR), high=seconds(NOW - YEAR), present=present
    )
    names = [keys["name"] for keys in proposed("query", table(paid))]

    assert any("paid" in name and "still there" in name for name in names) is told


def test_large_objects_that_rows_point_to_are_to_be_there():
    found = proposed("query", table(column("scan", "oid"), large_objects=("scan",)))
    (keys,) = [keys for keys in found if "large objects" in keys["name"]]

    assert keys["expect"] == {"equals": 0}
    assert 'from "shop"."orders" t where t."scan" is not null' in keys["sql"]


# --- the database as a whole ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, MOST, MOST + 1, MOST_MARKS + 1])
def test_every_kind_of_object_has_a_check_of_its_own_however_many_there_are(number):
    """Names while they are few; then digits of their hashes; then their number alone."""
    names = tuple(f"v{n}" for n in range(number))
    (keys,) = proposed("query", objects={VIEW: names})
    sql = keys["sql"]

    assert (keys["severity"], keys["expect"]) == ("warning", {"equals": 0})
    assert ("'v0'" in sql) is (number <= MOST)
    assert (mark("v0") in sql) is (MOST < number <= MOST_MARKS)
    marks = len({mark(name) for name in names})
    assert str(marks if MOST < number <= MOST_MARKS else number) in sql
    assert len(mark("v0")) == 6


def test_with_indexes_the_versions_of_collations_are_asked_too():
    assert len(proposed("query", objects={INDEX: ("i",)})) == 2
    assert len(proposed("query", objects={VIEW: ("v",)})) == 1
    assert proposed("query", objects={}) == []


def test_a_sequence_is_compared_with_the_column_that_it_fills():
    (keys,) = proposed("query", objects={SEQUENCE: ('"s"\0"t"\0"c"', '"q"\0"u"\0"d"')})

    assert 'from "s" s where s.last_value < (select max("c") from "t"))' in keys["sql"]
    assert ' + (select count(*) from "q" s' in keys["sql"]


def test_the_extensions_of_tonight_are_expected():
    assert proposed("extensions", extensions=("citext",)) == [{"names": ["citext"]}]
    assert proposed("extensions") == []


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("extensions", {"names": ["a"]}, {"names": ["b"]}, True),
        ("query", {"name": "a", "sql": "1"}, {"name": "a", "sql": "2"}, True),
        ("query", {"name": "a", "sql": "1"}, {"name": "b", "sql": "1"}, False),
        ("not_null", {"table": "t", "columns": ["a"]}, {"table": "t", "columns": ["b"]}, False),
        ("row_count", {"table": "t", "min": 1}, {"table": "t", "min": 2}, True),
        ("row_count", {"table": "t", "min": 1}, {"table": "u", "min": 1}, False),
        ("structure", {"file": "a.json"}, {"file": "b.json"}, True),
    ],
)
def test_two_checks_of_one_subject_are_not_wanted_side_by_side(kind, one, other, same):
    assert (same_subject(kind, one) == same_subject(kind, other)) is same
