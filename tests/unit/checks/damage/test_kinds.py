"""What is damaged, and how: a kind of damage is tried where it fits, and only there."""

from dataclasses import replace

import pytest

from restorecheck.checks.damage.kinds import (
    FLIPPED,
    LARGEST,
    LOGICAL,
    PHYSICAL,
    Scene,
    Victim,
    by_worth,
)
from restorecheck.checks.profiles import ColumnProfile, ReferenceProfile, TableProfile
from restorecheck.checks.tables import Constraint, ForeignKey, KeyPair, Table

DAY = 86_400.0
TODAY = 20_000 * DAY


def column(name, kind="text", **changes):
    return replace(ColumnProfile(name=name, type=kind, present=100), **changes)


def victim(name="orders", *columns, keys=(), rows=100, referenced=False, pointing=(), **table):
    return Victim(
        table=Table(schema="shop", name=name, **table),
        rows=rows,
        profile=TableProfile(
            schema="shop", name=name, rows=rows, columns=columns, keys=keys, pointing=pointing
        ),
        referenced=referenced,
        until=TODAY,
    )


def made(kind, *victims, foreign_keys=(), references=()):
    """What the kind of damage would do."""
    maker = next(maker for known, maker in LOGICAL.items() if known.name == kind)
    scene = Scene(victims=victims, foreign_keys=foreign_keys, references=references)
    return [*maker(scene)]


def tried(kind, *victims, **more):
    return [candidate.what for candidate in made(kind, *victims, **more)]


# --- where ----------------------------------------------------------------------------------------


def test_the_table_with_the_most_rows_is_damaged_first_of_those_that_are_read_in_a_second():
    few, many = victim("few", rows=10), victim("many", rows=1000)
    larger = victim("larger", rows=9000, bytes=LARGEST + 2)
    large = victim("large", rows=5000, bytes=LARGEST + 1)
    none = [victim("empty", rows=0), victim("view", view=True)]

    found = by_worth([few, larger, *none, large, many])

    assert [v.table.name for v in found] == ["many", "few", "large", "larger"]


@pytest.mark.parametrize(
    ("columns", "by"),
    [
        ([column("seen", "timestamptz"), column("created", "timestamptz")], "created"),
        ([column("birthday", "date"), column("updated_at", "timestamptz")], "updated_at"),
        ([column("birthday", "date")], "birthday"),
        ([column("due", "date", high=TODAY + 2 * DAY)], None),
        ([column("created", "date", high=TODAY + DAY)], "created"),
        ([column("created", "date", present=0), column("paid", "date")], "paid"),
        ([column("created", "text")], None),
    ],
)
def test_the_last_day_goes_by_the_time_that_tells_best_when_a_row_came_about(columns, by):
    found = made("the last day is missing", victim("orders", *columns))

    assert [c.what for c in found] == ([] if by is None else [f"shop.orders, by {by}"])
    if by:
        assert f'where "{by}" > ' in found[0].sql[0]


@pytest.mark.parametrize(
    ("columns", "keys", "by"),
    [
        ([column("id", "int8"), column("created", "date")], (("id",),), "created"),
        ([column("id", "int8")], (("id",),), "id"),
        ([column("id", "int8")], (("id", "part"),), None),
        ([column("id", "uuid")], (("id",),), None),
    ],
)
def test_new_rows_are_told_from_old_ones_by_a_time_or_by_a_number_that_is_a_key(columns, keys, by):
    table = victim("orders", *columns, keys=keys, rows=55)
    newest = made("the newest tenth of a table is missing", table)
    oldest = made("the oldest tenth of a table is missing", table)

    assert [c.what for c in newest] == ([] if by is None else [f"shop.orders, by {by}"])
    if by:
        assert f'order by "{by}" desc limit 5)' in newest[0].sql[0]
        assert f'order by "{by}" asc limit 5)' in oldest[0].sql[0]


def test_a_tenth_of_a_few_rows_is_one():
    table = victim("orders", column("created", "date"), rows=3)

    assert "limit 1)" in made("the newest tenth of a table is missing", table)[0].sql[0]


def test_one_row_is_lost_where_nothing_points_to_it_if_there_is_such_a_table():
    parent, child = victim("orders", referenced=True), victim("items", rows=9)
    found = made("one row lost", parent, child)

    assert [c.what for c in found] == ["shop.items", "shop.orders"]
    assert "offset 4 limit 1" in found[0].sql[0]


def test_what_cannot_be_done_to_a_table_is_not_tried():
    parent = victim("orders", referenced=True, keys=(("id",),))
    alone = victim("logs")
    part = victim("part_1", keys=(("id",),), root="shop.whole")

    assert tried("a truncated table", parent, alone) == ["shop.logs"]
    assert tried("a table is gone", parent, part) == ["shop.orders"]
    for twice in ("duplicate rows, no key", "a duplicate key, once in the index"):
        assert tried(twice, parent, alone, part) == ["shop.orders"]


def test_all_rows_of_a_table_can_be_lost_whoever_points_to_it():
    (found,) = made("a table without its rows", victim("orders", referenced=True))

    assert found.sql == ('delete from only "shop"."orders" where true',)
    assert found.counted


# --- references -----------------------------------------------------------------------------------

ITEMS, ORDERS = victim("items"), victim("orders")
KEY = ForeignKey(
    name="fk",
    table='"shop"."items"',
    target='"shop"."orders"',
    pairs=(KeyPair(here="order_id", there="id"),),
)


def test_rows_point_to_nothing_where_both_tables_can_be_damaged():
    (found,) = made("orphaned rows", ITEMS, ORDERS, foreign_keys=[KEY])

    assert found.what == "shop.items to shop.orders"
    assert found.touches == ("shop.items", "shop.orders")
    assert len(found.sql) == 1
    assert found.sql[0].startswith('delete from only "shop"."orders" ')
    assert tried("orphaned rows", ORDERS, foreign_keys=[KEY]) == []
    assert tried("orphaned rows", ITEMS, foreign_keys=[KEY]) == []


def test_a_constraint_that_is_lost_goes_before_the_rows_that_it_would_keep():
    kind = "orphaned rows, their constraint missing"
    (found,) = made(kind, ITEMS, ORDERS, foreign_keys=[KEY])

    assert found.sql[0] == 'alter table "shop"."items" drop constraint "fk"'
    assert found.sql[1].startswith('delete from only "shop"."orders" ')


def test_a_reference_that_no_constraint_declares_is_broken_too():
    reference = ReferenceProfile(
        table=ITEMS.profile,
        columns=("order_id",),
        to=ORDERS.profile,
        to_columns=("id",),
        rows=5,
    )
    kind = "orphaned rows, no constraint declared"

    assert tried(kind, ITEMS, ORDERS, references=[reference]) == ["shop.items to shop.orders"]
    assert tried(kind, ITEMS, references=[reference]) == []


# --- columns --------------------------------------------------------------------------------------

STATES = (("paid", 60), ("open", 40))


@pytest.mark.parametrize(
    ("kind", "fits", "others"),
    [
        (
            "numbers a thousand times too large",
            [column("price", "numeric", low=1, high=9), column("n", "int4", low=1, high=2)],
            [
                column("order_id", "int8", low=1, high=9),
                column("version", "int4", low=1, high=1),
                column("name"),
                column("empty", "int4", low=1, high=9, present=0),
            ],
        ),
        (
            "an unknown value in an enumeration",
            [column("state", values=STATES)],
            [
                column("kind", values=(("a", 100),)),
                column("note", values=tuple((str(n), 9) for n in range(11))),
                column("level", "int4", values=STATES),
                column("country", values=STATES),
            ],
        ),
        (
            "a column without its values",
            [column("note", present=90)],
            [column("rare", present=89), column("required", not_null=True)],
        ),
        (
            "every time is a month earlier",
            [column("created", "timestamptz"), column("born", "date")],
            [column("note"), column("hour", "int4")],
        ),
        ("texts are empty", [column("note"), column("mail", "citext")], [column("n", "int4")]),
    ],
)
def test_a_column_is_damaged_where_its_kind_fits(kind, fits, others):
    table = victim("orders", *others, *fits, pointing=("country",))

    assert tried(kind, table) == [f"shop.orders.{c.name}" for c in fits]


@pytest.mark.parametrize(
    "kind",
    [
        "numbers with the wrong sign",
        "a required column without its values",
        "a NOT NULL is broken",
        "two rows have swapped a value",
    ],
)
def test_the_columns_of_keys_are_left_alone(kind):
    count = column("n", "int4", low=1, high=9, not_null=True)

    assert tried(kind, victim("orders", count)) == ["shop.orders.n"]
    assert tried(kind, victim("orders", count, keys=(("n", "m"),))) == []


def test_what_is_put_into_a_column_is_said_of_that_column_whatever_it_is_called():
    table = victim("orders", column('a "b"', "int4", low=1, high=9))
    (found,) = made("numbers with the wrong sign", table)

    assert found.sql == (
        'update only "shop"."orders" set "a ""b""" = -"a ""b""" where "a ""b""" <> 0',
    )


def test_a_required_column_loses_its_values_with_its_constraint_and_a_broken_one_keeps_it():
    table = victim("orders", column("name", not_null=True), column("note"))
    (nulled,) = made("a required column without its values", table)
    (broken,) = made("a NOT NULL is broken", table)

    assert nulled.sql[0] == 'alter table "shop"."orders" alter "name" drop not null'
    assert ["attnotnull = false" in broken.sql[0], "attnotnull = true" in broken.sql[2]] == [
        True
    ] * 2
    assert 'set "name" = null' in broken.sql[1]


def test_a_check_is_broken_by_a_number_that_it_names_and_stays_declared():
    table = victim(
        "orders",
        column("price", "numeric"),
        column("other", "numeric"),
        column("name"),
        constraints=(Constraint(name="paid", expression="price > 0"),),
    )
    low, high = made("a CHECK is broken", table)

    assert (low.what, high.what) == ("shop.orders, paid",) * 2
    assert ('"price" = -30000' in low.sql[1], '"price" = 2000000000' in high.sql[1]) == (True, True)
    assert 'add constraint "paid" check (price > 0) not valid' in low.sql[2]
    assert "convalidated = true" in low.sql[3]


def test_columns_of_one_type_change_places_times_before_numbers_before_texts():
    table = victim(
        "orders",
        column("a", "bool"),
        column("b", "bool"),
        column("name"),
        column("title"),
        column("price", "int4"),
        column("cost", "int4"),
        column("due", "date"),
        column("paid", "date"),
        column("never", "date", present=0),
    )

    assert tried("two columns are swapped", table) == [
        "shop.orders: due and paid",
        "shop.orders: price and cost",
        "shop.orders: name and title",
    ]


def test_rows_swap_values_that_can_be_compared_and_that_are_no_references():
    columns = [column("doc", "json"), column("at", "point"), column("order_id", "int8")]

    assert tried("two rows have swapped a value", victim("orders", *columns, column("n"))) == [
        "shop.orders.n"
    ]


# --- the database as a whole ----------------------------------------------------------------------


def test_a_stale_copy_lacks_what_came_in_the_three_days_before_the_newest_row_of_all():
    old = victim("logs", column("created", "date", high=TODAY - 9 * DAY))
    new = victim("orders", column("created", "date", high=TODAY))
    timeless = victim("items")
    key = replace(KEY, target='"shop"."orders"')
    end = replace(KEY, table='"shop"."orders"', target='"shop"."logs"')
    (found,) = made("a snapshot of three days ago", old, new, timeless, foreign_keys=[key, end])

    assert found.what == "2 tables with times"
    limit = f"> to_timestamp({TODAY!r}) - interval '3 days'"
    assert [sql for sql in found.sql if limit in sql] == [
        f'delete from only "shop"."logs" where "created" {limit}',
        f'delete from only "shop"."orders" where "created" {limit}',
    ]
    loose = [sql.split(" c where ")[0] for sql in found.sql[2:]]
    assert loose == [
        'delete from "shop"."items"',
        'delete from "shop"."orders"',
        'delete from "shop"."items"',
    ], "again: a row may hang on one that hangs on one"


def test_without_times_nobody_can_tell_what_came_last():
    assert tried("a snapshot of three days ago", victim("orders", column("name"))) == []


@pytest.mark.parametrize(
    ("kind", "statements"),
    [
        ("another database under the right name", 5),
        ("an empty database of the same structure", 1),
    ],
)
def test_all_tables_are_emptied_together_and_a_hundredth_may_come_back(kind, statements):
    (found,) = made(kind, ITEMS, ORDERS)

    assert found.touches == ("shop.items", "shop.orders")
    assert len(found.sql) == statements
    assert found.sql[statements // 2] == 'truncate "shop"."items", "shop"."orders" cascade'
    assert made(kind) == []


def test_what_is_done_to_the_catalog_is_no_statement_of_these():
    assert tried("an index is gone", ITEMS, ORDERS) == []


def test_a_flipped_bit_is_seen_by_contents_alone_but_for_an_index():
    """The extension amcheck reads every key of a B-tree, whatever the page checksums say."""
    flipped = {kind.name: kind.needs_contents for kind in PHYSICAL if FLIPPED in kind.name}

    assert sorted(flipped.values()) == [False, True, True]
    assert not flipped[f"B-tree: {FLIPPED}"]
    assert not any(kind.needs_contents for kind in PHYSICAL if FLIPPED not in kind.name)
