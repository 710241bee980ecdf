"""What an earlier night's reading tells of a database that is not there now."""

from restorecheck.checks.nights import night_of, profile_of
from restorecheck.checks.scan_statements import NEWEST
from tests.factories import NOW
from tests.scans import reading, table

STRUCTURE = {
    "table shop.orders": "r owner app",
    "column shop.orders.id": "bigint not null",
    "column shop.orders.paid": "timestamp with time zone",
    "column shop.orders.kept": "#1f2e3d",
    "constraint shop.orders.once": "UNIQUE (id, paid)",
    "constraint shop.orders.pk": "PRIMARY KEY (id)",
    "constraint shop.orders.positive": "CHECK (id > 0)",
    "column shop.items.id": "bigint",
    "view shop.totals": "v",
}


def test_a_table_has_its_own_columns_and_keys_the_primary_one_first():
    rows = {"shop.orders": table(10), "shop.items": table(5), "shop.totals": table(1)}
    found = profile_of(reading(rows, structure=STRUCTURE), NOW)
    orders = next(t for t in found.tables if t.name == "orders")

    assert [(t.full_name, t.rows) for t in found.tables] == [("shop.items", 5), ("shop.orders", 10)]
    assert [(c.name, c.not_null) for c in orders.columns] == [("id", True), ("paid", False)]
    assert orders.keys == (("id",), ("id", "paid"))


def test_partitions_are_one_table_whose_contents_are_known_where_all_of_theirs_are():
    parts = {
        "shop.a": table(10, "7", "shop.whole", **{f"{NEWEST}paid": 5}),
        "shop.b": table(20, "6", "shop.whole", **{f"{NEWEST}paid": 9}),
        "shop.c": table(1, "7", "shop.other"),
        "shop.d": table(1, "", "shop.other"),
    }
    night = night_of(reading(parts), NOW)

    assert night.rows == {"shop.whole": 30, "shop.other": 2}
    assert night.prints == {"shop.whole": "6 7"}
    assert night.newest == {"shop.whole.paid": 9.0}
