"""Proposed checks against real databases: what they are made of, and thirty nights with them."""

from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, cast

import pytest

from restorecheck import config
from restorecheck.checks.propose.proposal import propose
from restorecheck.checks.registry import BUILT_INS
from restorecheck.config import proposed
from restorecheck.postgres.profile.profiler import Profiler
from tests import pg, shop
from tests.reading import alarms, ask, connection_to, database

ONLY_THESE = dict.fromkeys(kind.name for kind in BUILT_INS)
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

        def execute(self, text, *rest, **options):
            asked.append(text.decode() if isinstance(text, bytes) else text)
            return self.inner.execute(text, *rest, **options)

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


PLATFORM = resources.files("restorecheck.hosts.demo").joinpath("platform.sql").read_text()
LEADERBOARD = """
truncate course.leaderboard;
insert into course.leaderboard select student_id, sum(score), rank() over (order by sum(score) desc) from course.submissions group by student_id;
"""
TERM = """
insert into course.students (email, display_name, joined_at) select 'new{night}-' || g || '@example.org', 'New', {at} from generate_series(1, 2) g;
insert into course.submissions (homework_id, student_id, submitted_at, score)
  select 20, id, {at} - interval '3 hours', id * 7919 % 101 from course.students order by id desc limit 2;
insert into course.answers (submission_id, question, answer, correct)
  select s.id, q, 'option ' || q, q % 3 <> 0 from course.submissions s, generate_series(1, 5) q order by s.id desc limit 10;
insert into course.projects (course_id, student_id, repository, points) values (1 + {night} % 4, {night}, 'https://git.example.org/{night}', {night} % 31);
update course.submissions set score = least(100, score + 1) where id % 50 = {night};
delete from course.answers where submission_id in (select id from course.submissions where student_id = {night} and homework_id = 3);
"""
END_OF_TERM = """
delete from course.answers where submission_id in (select id from course.submissions where homework_id <= 5);
delete from course.submissions where homework_id <= 5;
"""
LOOKALIKES = {
    "shop": (shop.SCHEMA, shop.DAY, shop.PURGE, {"public.orders", "public.visits"}),
    "platform": (
        PLATFORM.replace("{answers}", "10000").replace("now()", f"timestamptz '{shop.BEGIN}'"),
        TERM + LEADERBOARD,
        END_OF_TERM + LEADERBOARD,
        {"course.answers", "course.submissions"},
    ),
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_the_proposed_block_passes_tonight_and_thirty_nights_of_ordinary_growth(source, name):
    schema, ordinary, purge, purged = LOOKALIKES[name]
    with database(source, name, schema):
        specs = specs_of(proposals_for(source, name, shop.night(0)))
        found, before = ask(source, name, specs, suite=ONLY_THESE, taken_at=shop.night(0))
        assert alarms(found) == {}

        for number in range(1, 31):
            source.sql(shop.day(number, ordinary), name)
            if number == 15:
                source.sql(shop.day(number, purge), name)
            moment = shop.night(number)
            found, readings = ask(
                source, name, specs, before=before, suite=ONLY_THESE, taken_at=moment
            )
            before = readings  # verified, or accepted
            failed = set(alarms(found))
            if number == 15:
                seen = {f"row count of {table}" for table in purged}
                assert seen <= failed, "a purge is to be seen, and accepted by somebody"
            else:
                assert failed == set(), f"night {number}"


IMPORTED = """
create table staff (staff_no serial primary key, dept_no text not null);
insert into staff select g, 'd' || g % 4 from generate_series(1, 2000) g;
create table visits (id bigserial primary key, staff_no int not null);
insert into visits (staff_no) select 1 + g % 2000 from generate_series(1, 200) g;
create table depts (dept_no text primary key); insert into depts select distinct dept_no from staff;
alter table staff add foreign key (dept_no) references depts;
"""


def failing(source, name, specs):
    found, _ = ask(source, name, specs, suite=ONLY_THESE, taken_at=shop.night(0))
    return set(alarms(found))


def test_a_sequence_that_an_import_left_behind_keeps_no_other_from_being_asked_about(source):
    with database(source, "imported", IMPORTED) as name:
        specs = specs_of(proposals_for(source, name, shop.night(0)))
        assert failing(source, name, specs) == set()

        source.sql("alter sequence visits_id_seq restart with 7", name)

        assert failing(source, name, specs) == {"every sequence is ahead of its column"}


def test_a_new_value_of_what_stands_in_another_table_fails_no_night(source):
    with database(source, "departments", IMPORTED) as name:
        specs = specs_of(proposals_for(source, name, shop.night(0)))

        source.sql("insert into depts values ('d9'); insert into staff values (9999, 'd9')", name)

        assert failing(source, name, specs) == set()


@pytest.mark.parametrize("columns", [30, 120], ids=["their names", "their marks"])
def test_of_however_many_columns_one_of_another_type_is_seen_and_a_new_one_is_not(source, columns):
    listed = ", ".join(f"c{n} int" for n in range(columns))
    schema = "".join(f"create table t{n} ({listed});" for n in range(4))
    schema += "insert into t0 (c0) values (1);"
    with database(source, "wide", schema) as name:
        specs = specs_of(proposals_for(source, name, shop.night(0)))
        source.sql("alter table t1 add column another int default 5", name)
        assert failing(source, name, specs) == set()

        source.sql("alter table t2 alter c7 type bigint", name)

        told = {"every column has its type, its NOT NULL and its default"}
        assert failing(source, name, specs) == told
