"""Proposed checks against real databases: what they are made of, and thirty nights with them."""

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from restorecheck import config
from restorecheck.checks.catalogue import Family
from restorecheck.checks.proposing import propose
from restorecheck.config import proposed
from restorecheck.postgres.profiling import Profiler
from tests import pg, shop
from tests.reading import alarms, ask, connection_to, database

ONLY_THESE = dict.fromkeys(Family)
"""Turns off what every drill has by itself."""
HEAD = "version: 1\ntargets:\n  - name: shop\n    dump: {path: .}\n"


@pytest.fixture(scope="module")
def source():
    with pg.running(pg.installations()[0], schema=shop.ROLES) as made:
        yield made


def proposals_for(source, name, taken_at, nights=()):
    profiler = Profiler(lambda: connection_to(source, name), patience=timedelta(minutes=1))
    return propose(profiler.profile(taken_at), nights)


def specs_of(proposals):
    """Through the text that a person is given."""
    text = proposed.merged(HEAD, "shop", proposals)
    parsed = config.parse(text, file="t", directory=Path("/"), environment={})
    return parsed.targets[0].check_specs()


def about(proposals, kind, table):
    return [p.keys for p in proposals if p.kind == kind and p.keys.get("table") == table]


@pytest.fixture(scope="module")
def first(source):
    with database(source, "first", shop.SCHEMA):
        yield proposals_for(source, "first", shop.night(0))


def test_references_that_no_constraint_declares_are_found_and_others_are_not_repeated(first):
    found = [
        (p.keys["table"], p.keys["columns"], p.keys["to"]) for p in first if p.kind == "references"
    ]

    assert found == [
        ("public.order_items", ["order_id"], "public.orders"),
        ("public.order_items", ["product_id"], "public.products"),
    ]


def test_a_column_that_moves_every_day_is_to_be_fresh(first):
    (orders,) = about(first, "freshness", "public.orders")

    assert orders["column"] == "created_at"
    assert orders["max_age_hours"] < 24
    assert about(first, "freshness", "public.products") == []


def test_enumerations_keys_ranges_and_floors_are_proposed(first):
    assert about(first, "accepted_values", "public.orders") == [
        {
            "table": "public.orders",
            "column": "status",
            "values": ["done", "new", "paid", "returned", "shipped"],
        }
    ]
    assert {"table": "public.customers", "columns": ["email"]} in about(
        first, "unique", "public.customers"
    )
    assert {"table": "public.orders", "column": "total", "min": 0, "max": 3000} in about(
        first, "range", "public.orders"
    )
    assert about(first, "row_count", "public.visits") == [
        {"table": "public.visits", "min": 2500, "max_drop": "4%"}
    ]


def test_of_what_looks_personal_nothing_but_the_filling_is_asked(source):
    asked = []

    class Listening:
        def __init__(self, inner):
            self.inner = inner

        def execute(self, text, *rest):
            asked.append(text.decode() if isinstance(text, bytes) else text)
            return self.inner.execute(text, *rest)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    with database(source, "quiet", shop.SCHEMA):
        profiler = Profiler(
            lambda: cast(Any, Listening(connection_to(source, "quiet"))),
            patience=timedelta(minutes=1),
        )
        profile = profiler.profile(shop.night(0))

    scans = "\n".join(text for text in asked if '"customers"' in text)
    for column in ("email", "full_name", "phone"):
        assert f'count("{column}")' in scans
        for part in ("min(", "max(", "distinct ", "select "):
            assert f'{part}"{column}"' not in scans
    assert "@example.org" not in repr(profile)


def test_a_table_that_comes_and_goes_is_held_against_no_number(first):
    assert {p.kind for p in first if p.keys.get("table") == "public.sessions"} == {
        "not_null",
        "unique",
    }


def test_the_proposed_block_passes_tonight_and_thirty_nights_of_ordinary_growth(source):
    with database(source, "growing", shop.SCHEMA):
        specs = specs_of(proposals_for(source, "growing", shop.night(0)))
        found, before = ask(source, "growing", specs, suite=ONLY_THESE, taken_at=shop.night(0))
        assert alarms(found) == {}

        for number in range(1, 31):
            source.sql(shop.day(number), "growing")
            if number == 15:
                source.sql(shop.day(number, shop.PURGE), "growing")
            found, readings = ask(
                source,
                "growing",
                specs,
                before=before,
                suite=ONLY_THESE,
                taken_at=shop.night(number),
            )
            before = readings  # verified, or accepted
            failed = set(alarms(found))
            if number == 15:
                purged = {"row count of public.orders", "row count of public.visits"}
                assert purged <= failed, "a purge is to be seen, and accepted by somebody"
            else:
                assert failed == set(), f"night {number}"
