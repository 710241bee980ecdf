"""The reading of everything, against real servers: complete, resumable, and quiet when all is well."""

import contextlib
import os
import re
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restorecheck.checks.dialects import postgresql
from restorecheck.checks.registry import built_in
from restorecheck.checks.scan_result import DatabaseReading, pack
from restorecheck.errors import ConfigError, DatabaseUnreachableError, ProviderError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.sources import manifest
from restorecheck.model import CheckOutcome
from restorecheck.ports import Inquiry
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.scan import catalog
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.scan.scan_plan import Inquirer
from restorecheck.postgres.scan.scan_session import PostgresSession
from restorecheck.postgres.session.opening import by_system_identifier, connect
from tests import pg
from tests.reading import (
    HOUR,
    again,
    alarms,
    ask,
    connection_to,
    cut_off,
    database,
    endpoint_of,
    packed,
    read,
    seeded,
    spec,
    values,
)

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR

EXOTIC = """
create type mood as enum ('sad', 'ok');
create domain positive as int check (value > 0);
create domain name_of as text;
create type pair as (a int, b text);
create table plain (id bigserial primary key, t text not null, at timestamptz not null default now());
insert into plain (t) select 'row ' || g from generate_series(1, 3000) g;
create table "Weird ""name"" with.dots" (
  "select" int primary key, "Ümläut 'quote'" text check ("Ümläut 'quote'" <> ''), "a.b" mood, "%s" positive
);
insert into "Weird ""name"" with.dots" select g, 'x' || g, 'ok', g from generate_series(1, 50) g;
create table everything (
  b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, m money, c char(5), v varchar(9), tx text,
  by bytea, d date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval, u uuid, ip inet, ci cidr,
  ma macaddr, bi bit(3), vb varbit, x text, j json, jb jsonb, p point, bx box, l line, tsv tsvector, tsq tsquery,
  e mood, dm name_of, cp pair, r int4range, arr int[], tarr text[], earr mood[], o oid, rc regclass, ls pg_lsn
);
insert into everything select true, 1, 2, 'NaN', '-0', 1.50, '12.30', 'ab', 'cd', E'e\\n', '\\xdead', 'infinity', '12:00',
  '12:00+02', 'now', 'infinity', '1 day', gen_random_uuid(), '::1', '10.0.0.0/8', '08:00:2b:01:02:03', B'101', B'1', '<a/>',
  '{"b": 1, "a": 1.0}', '{"b": 1, "a": 1.00}', '(1,2)', '(1,2),(3,4)', '{1,2,3}', 'a b', 'a & b', 'sad', 'z', '(1,)',
  '[1,5)', array[1, null], array['a', 'b'], array['sad', 'ok']::mood[], 5, 'plain', '0/1';
insert into everything (b) values (null);
create table "no columns" ();
insert into "no columns" default values;
create table parts (id int not null, at date not null, primary key (id, at)) partition by range (at);
create table parts_1 partition of parts for values from ('2026-01-01') to ('2026-02-01');
create table parts_2 partition of parts for values from ('2026-02-01') to (maxvalue) partition by hash (id);
create table parts_2a partition of parts_2 for values with (modulus 2, remainder 0);
create table parts_2b partition of parts_2 for values with (modulus 2, remainder 1);
insert into parts select g, '2026-01-01'::date + g % 60 from generate_series(1, 500) g;
create table child (id int primary key, of_id int, of_at date, foreign key (of_id, of_at) references parts (id, at));
insert into child values (1, 1, '2026-01-02'), (2, null, '2026-01-02'), (3, null, null);
create table self (id int primary key, parent int references self);
insert into self values (1, null), (2, 1), (3, 3);
create table generated (id int generated always as identity primary key, twice int generated always as (id_ * 2) stored, id_ int);
insert into generated (id_) values (4), (5);
create table secret_rows (id int primary key, owner text);
alter table secret_rows enable row level security;
alter table secret_rows force row level security;
insert into secret_rows values (1, 'a');
create unlogged table quick (id int primary key);
insert into quick values (1);
create materialized view counted as select count(*) as n from plain;
create materialized view unfilled as select 1 as one with no data;
create view seen as select * from plain;
create table parent (id int primary key, at timestamptz);
create table heir (more text) inherits (parent);
insert into parent values (1, now()); insert into heir values (2, now(), 'x');
create table big_texts (id int primary key, body text);
alter table big_texts alter body set storage external;
insert into big_texts select g, repeat(md5(g::text), 2000) from generate_series(1, 30) g;
create table deleted (id int primary key); insert into deleted select generate_series(1, 100); delete from deleted where id > 10;
create extension postgres_fdw;
create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1');
create foreign table far (id int) server elsewhere;
create table wide_constraint (a int not null, b int not null check (b > 0), constraint "both" check (a < b or a is null));
insert into wide_constraint values (1, 2);
alter table wide_constraint add constraint later check (a > 100) not valid;
create sequence lonely;
create table descending (id int primary key); create sequence down increment -1; alter sequence down owned by descending.id;
select setval('down', -50); insert into descending values (-10);
create index on plain (lower(t)); create index on plain (id) where id > 5;
"""


MAJORS = sorted({installation.major for installation in pg.installations()})


@pytest.fixture(scope="module", params=sorted({MAJORS[0], MAJORS[-1]}))
def server(request):
    """The oldest and the newest major on this machine."""
    installation = next(i for i in pg.installations() if i.major == request.param)
    with pg.running(installation) as running:
        yield running


@pytest.fixture
def exotic(server):
    with database(server, "exotic", EXOTIC) as name:
        yield name


def test_nothing_is_alarming_about_a_database_with_everything_in_it(server, exotic):
    first, readings = ask(server, exotic)
    second, _ = ask(server, exotic, before=readings)

    assert alarms(first) == {}
    assert alarms(second) == {}
    assert "3,608 rows in 19 tables" in first["rows_readable"].found
    assert first["references_hold"].found == "2 references"


INHERITED = """
create table people (id int primary key); insert into people values (1);
create table vehicles (id serial primary key, owner int references people);
create table trucks (payload int) inherits (vehicles);
insert into vehicles (owner) values (1);
insert into trucks (owner, payload) values (7, 100), (8, 200);
"""


def test_keys_and_references_that_are_declared_say_nothing_of_tables_that_inherit(server):
    """A configured check is about all rows that a query of the table shows: those of its heirs, too."""
    asked = (
        spec("unique", name="key", table="vehicles", columns=["id"]),
        spec(
            "references",
            name="owners",
            table="vehicles",
            columns=["owner"],
            to="people",
            to_columns=["id"],
        ),
    )
    with database(server, "inherited", INHERITED) as name:
        found, _ = ask(server, name, asked)

    assert alarms(found) == {"owners": "failed: 2 rows that refer to no row"}
    assert found["key"].outcome.value == "passed"


def test_everything_is_read_to_the_last_value(server, exotic):
    reading = read(server, exotic)

    assert {name: table.doubts for name, table in reading.tables.items() if table.doubts} == {}
    assert reading.tables["public.parts_2a"].group == "public.parts"
    assert reading.tables["public.heir"].values["rows"] == "1"
    assert reading.tables["public.parent"].values["rows"] == "1", "not those of its heirs"
    assert "public.unfilled" not in reading.tables
    assert all("contents" in t.values for t in reading.tables.values() if t.values["rows"] != "0")


def test_an_empty_database_has_no_table_with_rows(server):
    with database(server, "empty", "") as name:
        found, _ = ask(server, name)

    assert alarms(found) == {"any_rows": "failed: there is no table"}


@pytest.mark.parametrize("connections", [1, 3])
def test_units_put_together_are_the_whole(server, monkeypatch, connections):
    made = (
        "create table t (id int primary key, body text, at timestamptz);"
        "insert into t select g, repeat('x', g % 700), now() - g * interval '1 s'"
        " from generate_series(1, 20000) g; delete from t where id % 7 = 0; vacuum t;"
    )
    with database(server, "units", "") as name:
        for statement in made.split(";"):
            if statement.strip():
                server.sql(statement, name)
        whole = read(server, name)
        original = postgresql.units
        monkeypatch.setattr(
            "restorecheck.checks.dialects.postgresql.units",
            lambda table, *, major, size: original(table, major=major, size=min(size, 13)),
        )
        parts = read(server, name, connections=connections)

    assert values(parts) == values(whole)


def test_a_reading_that_is_broken_off_anywhere_ends_as_the_one_that_is_not(
    server, exotic, monkeypatch
):
    whole = read(server, exotic)
    chance = seeded()
    original = postgresql.units
    monkeypatch.setattr(
        "restorecheck.checks.dialects.postgresql.units",
        lambda table, *, major, size: original(table, major=major, size=min(size, 3)),
    )
    monkeypatch.setattr("restorecheck.scan.table_scan.BATCH", 3)
    endpoint = endpoint_of(server, exotic)
    opener = by_system_identifier(connect)
    packed_reading = packed(DatabaseReading(), exotic)
    for _ in range(400):
        reading = again(packed_reading)[exotic]  # nothing but the text goes over
        inquirer = Inquirer(
            lambda: opener(endpoint, exotic), built_in(), connections=chance.choice([1, 2, 4])
        )
        soon = timedelta(milliseconds=chance.choice([0, 1, 3, 10]))
        inquirer.read(reading, soon, HOUR)
        packed_reading = packed(reading, exotic)
        if reading.done:
            break

    assert reading.done
    assert reading.rounds > 3, "it was broken off"
    assert values(reading) == values(whole)
    assert reading.answers == whole.answers
    assert reading.structure == whole.structure


# --- fingerprints -----------------------------------------------------------------------------

PEOPLE = (
    "create table people (id int primary key, a text, b text, n numeric, j jsonb);"
    "insert into people select g, 'a' || g, null, g / 10.0, '{\"k\": 1.0}' from generate_series(1, 200) g;"
    "create table twins (a int, b int); insert into twins select g % 5, g % 3 from generate_series(1, 90) g;"
)


@pytest.mark.parametrize(
    "change",
    [
        "update people set a = 'x' where id = 7",
        "update people set a = null, b = a where id = 7",
        "update people p set a = q.a from people q where p.id + q.id = 15 and p.id in (7, 8)",
        "update people set n = 0.70 where id = 7",
        "update people set j = '{\"k\": 1.00}' where id = 7",
        "delete from people where id = 7",
        "update people set id = 1000 where id = 7",
        "insert into twins select a, b from twins where a = 1 and b = 1 limit 2",
        "delete from twins where ctid in (select ctid from twins where a = 1 and b = 1 limit 2)",
    ],
)
def test_no_change_of_a_value_goes_unseen(source, change):
    with database(source, "people", PEOPLE) as name:
        before = values(read(source, name))
        source.sql("update people set id = id", name)
        unchanged = values(read(source, name))
        source.sql(change, name)
        after = values(read(source, name))

    assert unchanged == before, "where rows lie and when they were written does not matter"
    prints = {table: (before[table]["contents"], after[table]["contents"]) for table in before}
    assert any(old != new for old, new in prints.values())


def test_a_fingerprint_survives_a_dump_and_every_major(source, server, tmp_path):
    with database(source, "prints", PEOPLE) as name:
        before = values(read(source, name))
        dump = tmp_path / "prints.sql"
        dump.write_bytes(source.run("pg_dump", "--no-owner", f"--dbname={name}"))
    with database(server, "prints", "") as name:
        with dump.open("rb") as file:
            server.run("psql", "--no-psqlrc", "--quiet", f"--dbname={name}", stdin=file)
        after = values(read(server, name))

    assert after == before


# --- what goes wrong --------------------------------------------------------------------------


def test_of_questions_that_are_asked_together_one_without_an_answer_takes_no_other_with_it(source):
    text = """
create table orders (id serial primary key);
insert into orders values (1), (5);
create table items (id serial primary key, of_order int);
insert into items values (1, 1), (2, 7);
alter table items add constraint known foreign key (of_order) references orders not valid;
update pg_constraint set convalidated = true where conname = 'known';
create table notes (id serial primary key, of_order int references orders);
grant select on all tables in schema public to weak;
grant select on orders_id_seq, items_id_seq to weak;
"""
    source.sql("create role weak login", "postgres")
    try:
        with database(source, "together", text) as name:
            found, _ = ask(source, name, user="weak")
            source.sql("drop owned by weak", name)
    finally:
        source.sql("drop role weak", "postgres")

    assert found["sequences_ahead"].found == "2 sequences, 1 not checked"
    assert '"orders_id_seq" is 5 behind' in found["sequences_ahead"].detail
    assert found["references_hold"].found == "2 references"
    assert "known: 1 row without the referenced row" in found["references_hold"].detail


def test_a_small_table_that_crashes_the_server_is_named_and_the_others_are_read(monkeypatch):
    text = "create table trapped (id int); create table harmless (id int); insert into harmless values (1)"
    ask = PostgresSession.ask
    with pg.running(pg.installations()[0], text) as source:

        def spring(self, text, *arguments, **options):
            if '"trapped"' in text:
                with contextlib.suppress(AssertionError):  # another crash took this backend, too
                    os.kill(pg.outside(source, self._connection.info.backend_pid), signal.SIGSEGV)
            return ask(self, text, *arguments, **options)

        monkeypatch.setattr(PostgresSession, "ask", spring)
        reading = read(source, "library", [], connections=1)

    assert reading.tables["public.trapped"].problem == "the server crashed twice while it was read"
    assert reading.tables["public.harmless"].values["rows"] == "1"
    assert not reading.tables["public.harmless"].problem


def test_a_connection_that_is_cut_now_and_then_costs_nothing(source):
    """Somebody ends our connections again and again; what is read is the same."""
    with database(source, "cut", PEOPLE) as name:
        source.sql(
            "insert into people select g, repeat('y', 500) from generate_series(300, 9000) g", name
        )
        whole = values(read(source, name))
        stop = threading.Event()

        def cut():
            with connection_to(source, "postgres") as connection:
                while not stop.wait(0.03):
                    connection.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity"
                        " where datname = 'cut' and query like '%hash_record%' order by random() limit 1"
                    )

        cutter = threading.Thread(target=cut)
        cutter.start()
        threading.Timer(0.4, stop.set).start()
        try:
            broken_off = values(read(source, name))
        finally:
            stop.set()
            cutter.join()

    assert broken_off == whole


def test_the_functions_of_checks_may_be_called_by_the_role_that_asks(source):
    text = (
        "create function \"is 100%\"(variadic int[]) returns bool immutable language sql as 'select true';"
        'revoke execute on function "is 100%" from public;'
        'create table t (id int check ("is 100%"(id))); insert into t values (1);'
        "create role asking nologin; grant pg_read_all_data to asking;"
    )
    with database(source, "checking", text) as name, connection_to(source, name) as connection:
        for _ in range(2):
            preparation.let_evaluate(connection, "asking")
        may = connection.execute(
            "select has_function_privilege('asking', '\"is 100%\"(int[])', 'execute')"
        )
        assert may.fetchone() == (True,)
        connection.execute("drop owned by asking; drop role asking")


# --- comparisons ------------------------------------------------------------------------------

SHOP = (
    "create table orders (id bigserial primary key, at timestamptz not null, total numeric not null check (total >= 0));"
    "insert into orders (at, total) select now() - g * interval '1 hour', g from generate_series(1, 1000) g;"
    "create table notes (id int primary key, t text); insert into notes select g, 'n' from generate_series(1, 300) g;"
    "create table guarded (id int); alter table guarded enable row level security;"
    "create function f() returns int language sql return 1;"
    "create role app nologin; grant select on orders to app;"
)


@pytest.fixture
def shop(source):
    try:
        with database(source, "shop", SHOP) as name:
            _, readings = ask(source, name)
            yield name, readings
    finally:
        with connection_to(source, "postgres") as connection:
            connection.execute("drop role if exists app")


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ("truncate notes", "not_emptied", "table public.notes: 300 rows → 0 rows"),
        ("drop table notes", "structure_same", "table public.notes: gone"),
        ("delete from orders where id > 300", "not_emptied", "all tables: 1,300 rows"),
        ("delete from notes where id > 200", "not_shrunk", "table public.notes: 300 rows → 200"),
        ("delete from orders where id < 30", "newest_there", "public.orders.at"),
        (
            "alter table notes alter t type varchar(20)",
            "structure_same",
            "text → character varying(20)",
        ),
        ("alter table orders drop constraint orders_total_check", "structure_same", "constraint"),
        ("revoke select on orders from app", "structure_same", "rights table public.orders"),
        (
            "create or replace function f() returns int language sql return 2",
            "structure_same",
            "function public.f()",
        ),
        ("alter role app createdb", "not_widened", "role app"),
        ("grant delete on orders to app", "not_widened", "rights table public.orders"),
        ("alter table guarded disable row level security", "not_widened", "row security"),
        ("select setval('orders_id_seq', 5)", "sequences_ahead", "is 995 behind"),
    ],
)
def test_a_difference_from_the_last_verified_night_is_seen_and_named(
    source, shop, change, kind, words
):
    name, readings = shop
    source.sql(change, name)

    found, _ = ask(source, name, before=readings)

    assert found[kind].outcome is FAILED, found[kind]
    assert words in found[kind].detail


def test_ordinary_work_is_no_difference(source, shop):
    name, readings = shop
    source.sql(
        "insert into orders (at, total)"
        " select now() + g * interval '1 minute', g + 1000 from generate_series(1, 50) g",
        name,
    )
    source.sql("create table more (id int); alter table orders add more int", name)
    source.sql("update notes set t = 'm' where id % 30 = 0", name)
    source.sql("delete from notes where id > 290", name)
    source.sql("vacuum full orders", name)

    found, _ = ask(source, name, before=readings)

    assert alarms(found) == {}


def test_rows_that_no_constraint_would_let_in_are_found(source):
    text = (
        "create table owner (id int primary key); insert into owner values (1);"
        "create table pet (id int primary key, owner int references owner, age int not null check (age > 0));"
        "insert into pet values (1, 1, 3);"
    )
    with database(source, "pets", text) as name:
        with connection_to(source, name) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("insert into pet values (2, 99, 4)")
            connection.execute(
                "update pg_constraint set convalidated = false where conname = 'pet_age_check'"
            )
            connection.execute("alter table pet drop constraint pet_age_check")
            connection.execute("insert into pet values (3, 1, -4)")
            connection.execute(
                "alter table pet add constraint pet_age_check check (age > 0) not valid"
            )
            connection.execute(
                "update pg_constraint set convalidated = true where conname = 'pet_age_check'"
            )
            connection.execute(
                "update pg_attribute set attnotnull = false where attname = 'age' and attrelid = 'pet'::regclass"
            )
            connection.execute("insert into pet values (4, 1, null)")
            connection.execute(
                "update pg_attribute set attnotnull = true where attname = 'age' and attrelid = 'pet'::regclass"
            )
        found, _ = ask(source, name)

    assert "1 row without the referenced row" in found["references_hold"].detail
    detail = found["constraints_hold"].detail
    assert "1 row breaks NOT NULL" in detail
    assert "1 row breaks pet_age_check" in detail


# --- configured checks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "outcome"),
    [
        ("row_count", {"table": "orders", "min": 1000}, PASSED),
        ("row_count", {"table": "public.orders", "min": 1001}, FAILED),
        ("row_count", {"table": "PUBLIC.Orders", "equals": 1000}, PASSED),
        ("row_count", {"table": "seen", "equals": 1000}, PASSED),
        ("row_count", {"table": "gone", "min": 0}, FAILED),
        ("freshness", {"table": "orders", "column": "at", "max_age_minutes": 90}, PASSED),
        ("freshness", {"table": "orders", "column": "at", "max_age_minutes": 30}, FAILED),
        ("freshness", {"table": "orders", "column": "nowhere", "max_age_minutes": 30}, FAILED),
        ("freshness", {"table": "eras", "column": "bc", "max_age_minutes": 30}, FAILED),
        ("freshness", {"table": "eras", "column": "far", "max_age_minutes": 30}, FAILED),
        ("freshness", {"table": "eras", "column": "never", "max_age_minutes": 30}, FAILED),
        ("heartbeat", {"table": "orders", "column": "at", "max_age_minutes": 90}, PASSED),
        ("not_null", {"table": "orders", "columns": ["at", "total"]}, PASSED),
        ("not_null", {"table": "gaps", "columns": ["id"]}, FAILED),
        ("range", {"table": "orders", "column": "total", "min": 1, "max": 1000}, PASSED),
        ("range", {"table": "orders", "column": "total", "max": 999}, FAILED),
        ("range", {"table": "orders", "column": "at", "min": "2020-01-01"}, PASSED),
        ("range", {"table": "orders", "column": "at", "min": "tomorrow"}, FAILED),
        ("range", {"table": "orders", "column": "at", "min": "nonsense"}, ERROR),
        ("accepted_values", {"table": "gaps", "column": "kind", "values": ["a", "b"]}, PASSED),
        ("accepted_values", {"table": "gaps", "column": "kind", "values": ["a"]}, FAILED),
        ("unique", {"table": "orders", "columns": ["id"]}, PASSED),
        ("unique", {"table": "gaps", "columns": ["kind"]}, FAILED),
        (
            "references",
            {"table": "gaps", "columns": ["id"], "to": "orders", "to_columns": ["id"]},
            PASSED,
        ),
        (
            "references",
            {"table": "orders", "columns": ["id"], "to": "gaps", "to_columns": ["id"]},
            FAILED,
        ),
        ("extensions", {"names": ["plpgsql"]}, PASSED),
        ("extensions", {"names": ["plpgsql", "postgis"]}, FAILED),
        ("unchanged", {"table": "orders"}, PASSED),
    ],
)
def test_configured_checks(source, kind, options, outcome):
    text = SHOP.partition("create role")[0] + (
        "create table gaps (id int, kind text);"
        "insert into gaps values (1, 'a'), (null, 'b'), (3, 'a'), (4, null);"
        "create view seen as select * from orders;"
        "create table eras (bc date, far timestamptz, never timestamp);"
        "insert into eras values ('4713-01-01 BC', '294276-12-31', '-infinity');"
    )
    with database(source, "asked", text) as name:
        found, _ = ask(source, name, [spec(kind, **options)], taken_at=datetime.now(UTC))  # noqa: TID251  # the server's clock is the real one

    assert found["asked"].outcome is outcome, found["asked"]
    others = {kind: r for kind, r in found.items() if kind != "asked"}
    assert alarms(others) == {}, "one bad check spoils no other"


def test_a_table_that_is_written_once_has_the_contents_that_it_had(source):
    asked = [spec("unchanged", table="people")]
    with database(source, "once", PEOPLE) as name:
        _, readings = ask(source, name, asked)
        same, _ = ask(source, name, asked, before=readings)
        source.sql("update people set n = 0.70 where id = 7", name)
        changed, _ = ask(source, name, asked, before=readings)

    assert same["asked"].outcome is PASSED
    assert changed["asked"].outcome is FAILED
    assert "public.people" in changed["asked"].detail


def test_a_database_that_is_gone_is_missed_and_one_of_another_name_is_compared(source, shop):
    name, readings = shop
    with database(source, "other", SHOP.partition("create role")[0]) as other:
        renamed, _ = ask(source, other, before=readings)
        source.sql("truncate notes", other)
        emptied, _ = ask(source, other, before=readings)
        both = packed(read(source, name), "gone")
        merged = pack({**again(both), "further": DatabaseReading(done=True)})
        lost, _ = ask(source, name, before=merged)

    assert renamed["not_emptied"].outcome is PASSED
    assert emptied["not_emptied"].outcome is FAILED
    assert "database further: gone; database gone: gone" in lost["not_emptied"].detail


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("insert into orders (at, total) select now(), 1 from generate_series(1, 9)", PASSED),
        ("update orders set total = 7 where id = 5", FAILED),
        ("delete from orders where id = 5", FAILED),
        ("insert into orders (id, at, total) values (0, now(), 1)", PASSED),
        (
            "insert into orders (id, at, total) select -g, now(), 1 from generate_series(0, 99) g",
            FAILED,
        ),
        (
            "alter table orders add note text; insert into orders (at, total) values (now(), 1)",
            PASSED,
        ),
        ("vacuum full orders", PASSED),
    ],
)
def test_a_table_that_only_grows_keeps_its_earlier_rows(source, shop, change, outcome):
    name, _ = shop
    asked = [
        spec("append_only", name="by number", table="orders", key="id"),
    ]
    _, readings = ask(source, name, asked)
    source.sql(change, name)

    found, _ = ask(source, name, asked, before=readings)

    assert found["by number"].outcome is outcome, found["by number"]


def test_a_table_may_grow_by_time(source, shop):
    name, _ = shop
    asked = [spec("append_only", table="orders", key="at")]
    first, readings = ask(source, name, asked)
    source.sql("insert into orders (at, total) values (now() + interval '1 hour', 1)", name)
    grown, _ = ask(source, name, asked, before=readings)
    source.sql("update orders set total = 7 where id = 5", name)
    changed, _ = ask(source, name, asked, before=readings)

    outcomes = [results["asked"].outcome for results in (first, grown, changed)]
    assert outcomes == [PASSED, PASSED, FAILED]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("update orders set total = total + 1", PASSED),
        ("update orders set total = total * 2", FAILED),
        (
            "alter table orders alter total drop not null; update orders set total = null where id % 2 = 0",
            FAILED,
        ),
        ("update orders set total = 'NaN' where id = 7", FAILED),
    ],
)
def test_a_distribution_that_shifts_is_seen(source, shop, change, outcome):
    name, _ = shop
    asked = [spec("distribution", table="orders", column="total", max_shift=0.05)]
    _, readings = ask(source, name, asked)
    source.sql(change, name)

    found, _ = ask(source, name, asked, before=readings)

    assert found["asked"].outcome is outcome, found["asked"]


ENDLESS = """
create table odd (id numeric primary key, v float8);
insert into odd values (1, 'NaN'), ('NaN', 1);
"""


def test_numbers_that_are_none_are_compared_with_those_of_the_night_before(source):
    asked = [
        spec("distribution", "distribution", table="odd", column="v", max_shift=0.05),
        spec("append_only", "append_only", table="odd", key="id"),
    ]
    with database(source, "odd", ENDLESS) as name:
        _, readings = ask(source, name, asked)
        found, _ = ask(source, name, asked, before=readings)

    assert found["distribution"].outcome is PASSED, found["distribution"]
    assert found["append_only"].outcome is PASSED, found["append_only"]


def test_uniqueness_is_read_from_the_table_where_its_index_has_lost_a_row(source):
    text = "create table keyed (id int primary key, v text); insert into keyed select g, 'v' from generate_series(1, 50) g;"
    lost = (
        "set allow_system_table_mods = on;"
        "update pg_index set indisready = false where indexrelid = 'keyed_pkey'::regclass;"
        "insert into keyed values (7, 'twin');"
        "update pg_index set indisready = true where indexrelid = 'keyed_pkey'::regclass;"
    )
    asked = [spec("unique", table="keyed", columns=["id"])]
    with database(source, "keyed", text) as name:
        good, _ = ask(source, name, asked)
        source.sql(lost, name)
        bad, _ = ask(source, name, asked)

    assert good["asked"].outcome is PASSED
    assert bad["asked"].outcome is FAILED
    assert "51 rows with values in the table, 50 in the index" in bad["asked"].detail


OWN_ORDER = """
create table ranked (id int not null);
create function rank_order(a int, b int) returns int language sql immutable as $$ select sign(a - b)::int $$;
create operator class ranks for type int using btree as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 rank_order(int, int);
create type mood as enum ('sad', 'glad');
create table moods (m mood, t text, c text collate "C", i int);
insert into ranked select generate_series(1, 3000);
create index on ranked (id ranks);
create index on moods (m); create index on moods (t, c); create index on moods (i) include (t);
"""
NOT_TRANSITIVE = """
create or replace function rank_order(a int, b int) returns int language sql immutable as
  $$ select case when abs(a - b) < 500 then sign(a - b) else sign(b - a) end::int $$
"""


def test_an_order_of_its_own_is_also_searched_from_the_root(source):
    """Neighbours are in order on every page, but the search of an index does not find its rows."""
    with database(source, "ranked", OWN_ORDER) as name:
        good, _ = ask(source, name)
        source.sql(NOT_TRANSITIVE, name)
        bad, _ = ask(source, name)
        with connect(endpoint_of(source, name), name) as connection:
            searched = {tree.name: tree.foreign_order for tree in catalog.btrees(connection)}

    assert good["pages_sound"].outcome is PASSED
    assert bad["pages_sound"].outcome is FAILED
    assert "could not find tuple using search from root page" in bad["pages_sound"].detail
    assert searched == {
        "public.moods_i_t_idx": False,
        "public.moods_m_idx": True,
        "public.moods_t_c_idx": False,
        "public.ranked_id_idx": True,
    }


SINGLE = """
create table odd (i int8, u uuid, d date, m timestamptz, t text collate "C", n numeric, c char(9), f float8, l "char");
insert into odd select g, md5(g::text)::uuid, date '2026-01-01' + g, now() + g * interval '1 s', 'a' || g,
  g, 'a' || g, g, chr(g + 40)::"char" from generate_series(1, 40) g;
insert into odd default values;
insert into odd default values;
insert into odd (d, m, n, c, f) values ('infinity', '-infinity', 'NaN', 'c', 'NaN');
"""
TWINS = (
    "insert into odd select i, u, d, m, t, n, c, f, l from odd where i in (7, 9) or n = 'NaN';"
    "insert into odd (n, c, f) values (7.00, 'a7 ', 7)"
)
EACH_INDEXED = "; ".join(f"create index on odd ({column})" for column in "iudmtncfl")


@pytest.mark.parametrize("indexed", ["", EACH_INDEXED])
def test_values_that_occur_once_are_told_from_those_that_do_not_by_each_type(source, indexed):
    """A NULL is like no other; numbers and padded texts of one value are alike; an infinite time is a value."""
    asked = [spec("unique", column, table="odd", columns=[column]) for column in "iudmtncfl"]
    with database(source, "odd", f"{SINGLE}{indexed}") as name:
        once, _ = ask(source, name, asked)
        source.sql(TWINS, name)
        twice, _ = ask(source, name, asked)

    assert {column: once[column].outcome for column in "iudmtncfl"} == dict.fromkeys(
        "iudmtncfl", PASSED
    )
    assert {column: (twice[column].outcome, twice[column].found) for column in "iudmtncfl"} == {
        **dict.fromkeys("iutl", (FAILED, "2 values more than once")),
        **dict.fromkeys("dmncf", (FAILED, "3 values more than once")),
    }


# --- manifests --------------------------------------------------------------------------------


def test_a_manifest_of_the_source_is_held_against_what_is_restored(source, shop, tmp_path):
    name, _ = shop
    dsn = f"host={source.places.sockets} dbname={name} user=postgres"
    made = manifest.write(dsn, tmp_path / "m.json", only=(), megabytes_a_second=None)
    slow = manifest.write(dsn, tmp_path / "s.json", only=["orders"], megabytes_a_second=10.0)
    kept = manifest.load(tmp_path / "m.json")
    asked = [spec("manifest", tables=kept["tables"], taken_at=kept["taken_at"])]

    same, _ = ask(source, name, asked)
    source.sql("update notes set t = 'x' where id = 7", name)
    source.sql("delete from orders where id = 7", name)
    changed, _ = ask(source, name, asked)

    assert kept == made
    assert slow["tables"] == {"public.orders": made["tables"]["public.orders"]}
    assert same["asked"].outcome is PASSED
    assert changed["asked"].outcome is FAILED
    assert changed["asked"].detail == (
        "public.notes: other contents; public.orders: 999 rows, not 1,000"
    )


def test_a_manifest_holds_large_objects_as_well(source, tmp_path):
    text = "select lo_from_bytea(0, 'x' || g::text::bytea) from generate_series(1, 3) g; create table t (id int)"
    with database(source, "objects", text) as name:
        dsn = f"host={source.places.sockets} dbname={name} user=postgres"
        made = manifest.write(dsn, tmp_path / "m.json", only=(), megabytes_a_second=None)
        asked = [spec("manifest", tables=made["tables"], taken_at=made["taken_at"])]
        same, _ = ask(source, name, asked)
        source.sql(
            "update pg_largeobject set data = 'y' where loid = (select min(loid) from pg_largeobject)",
            name,
        )
        flipped, _ = ask(source, name, asked)
        source.sql("select lo_unlink(min(oid)) from pg_largeobject_metadata", name)
        lost, _ = ask(source, name, asked)

    assert made["tables"]["large objects"]["rows"] == "3"
    assert same["asked"].outcome is PASSED
    assert flipped["asked"].detail == "large objects: other contents"
    assert lost["asked"].detail == "large objects: 2 rows, not 3"


def test_what_is_no_manifest_is_refused(tmp_path, source, shop):
    name, _ = shop
    file = tmp_path / "m.json"
    for text in ("", "[]", "{}", '{"version": 2, "tables": {}}'):
        file.write_text(text)
        with pytest.raises(ConfigError, match="is not a manifest"):
            manifest.load(file)
    dsn = f"host={source.places.sockets} dbname={name} user=postgres"
    with pytest.raises(ConfigError, match="no table 'nowhere'"):
        manifest.write(dsn, file, only=["nowhere"], megabytes_a_second=None)
    with pytest.raises(DatabaseUnreachableError):
        manifest.write("host=/nowhere password=secret", file, only=(), megabytes_a_second=None)


# --- connections that are lost ----------------------------------------------------------------


@contextlib.contextmanager
def cutting(source, name):
    """Somebody, or a network, ends every connection that reads."""
    stop = threading.Event()

    def cut():
        with connection_to(source, "postgres") as connection:
            while not stop.wait(0.01):
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    f" where datname = '{name}' and query like '%hash_record%'"
                )

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        yield
    finally:
        stop.set()
        cutter.join()


MANY_PEOPLE = PEOPLE + (
    "insert into people select g, repeat('y', 900) from generate_series(300, 30000) g;"
)


def all_asked(source, name):
    until = SystemClock().now() + HOUR
    return Inquiry(endpoint=endpoint_of(source, name), pending=built_in()[1:], until=until)


def test_a_network_that_loses_every_connection_makes_no_table_guilty(source, monkeypatch):
    monkeypatch.setattr("restorecheck.scan.table_scan.LOSSES", 4)
    checker = PostgresChecker(by_system_identifier(connect), SystemClock(), connections=1)
    with (
        database(source, "flaps", MANY_PEOPLE) as name,
        contextlib.closing(checker),
        cutting(source, name),
        pytest.raises(DatabaseUnreachableError, match="lost 4 times, by a server that did not"),
    ):
        checker.run(all_asked(source, name))


def test_a_server_whose_log_says_that_it_was_killed_makes_no_table_guilty(source):
    checker = PostgresChecker(
        by_system_identifier(connect), SystemClock(), connections=1, killed=lambda _: "by somebody"
    )
    with (
        database(source, "killed", MANY_PEOPLE) as name,
        contextlib.closing(checker),
        cutting(source, name),
        pytest.raises(ProviderError, match="by somebody"),
    ):
        checker.run(all_asked(source, name))


def test_a_catalog_that_may_not_be_read_says_nothing_against_the_data(source):
    """Nobody knows then which tables there are: none at all would be another thing."""
    with database(source, "shut", "create table t (id int); insert into t values (1);") as name:
        source.sql("create role weak login; revoke select on pg_class from public", name)
        try:
            found, _ = ask(source, name, [spec("row_count", table="public.t", min=1)], user="weak")
        finally:
            source.sql("grant select on pg_class to public; drop role weak", name)

    outcomes = {kind: result.outcome for kind, result in found.items()}
    assert outcomes.pop("server_answers") is PASSED
    assert set(outcomes.values()) <= {ERROR, CheckOutcome.SKIPPED}, outcomes
    assert "permission denied for table pg_class" in found["any_rows"].detail


@pytest.mark.parametrize("setting", ["zero_damaged_pages", "ignore_checksum_failure"])
def test_a_server_that_hides_damaged_pages_proves_nothing(source, setting):
    with database(source, "hiding", "create table t (id int); insert into t values (1);") as name:
        source.sql(f"alter database hiding set {setting} = on", name)
        found, _ = ask(source, name)

    assert alarms(found).keys() == {"tables_countable", "rows_readable"}
    assert f"{setting} is on" in found["rows_readable"].detail


def test_a_connection_that_is_lost_while_the_catalog_is_read_is_made_again(source, monkeypatch):
    directory = catalog.directory
    lost: list[object] = []

    def cut_once(connection, wanted=()):
        if not lost:
            lost.append(connection)
            with connection_to(source, "postgres") as other:
                other.execute(
                    "select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid]
                )
        return directory(connection, wanted)

    monkeypatch.setattr(catalog, "directory", cut_once)
    with (
        database(source, "lost", "create table t (id int); insert into t values (1);") as name,
        contextlib.closing(
            PostgresChecker(by_system_identifier(connect), SystemClock())
        ) as checker,
    ):
        with pytest.raises(DatabaseUnreachableError, match="while reading the catalog"):
            checker.run(all_asked(source, name))
        results = checker.run(all_asked(source, name)).results

    assert lost
    assert alarms({result.kind: result for result in results}) == {}


# --- time -------------------------------------------------------------------------------------


def test_pages_are_looked_at_for_as_long_as_they_are_given(source):
    with database(source, "pages", PEOPLE) as name:
        all_of_them = read(source, name)
        none = read(source, name, built_in(suite={"pages_minutes": 0.0}))
        found, _ = ask(source, name)

    assert "not within the time" not in str(all_of_them.doubts)
    budgeted = {key for key in all_of_them.answers if key.startswith(("btree:", "heap:"))}
    assert budgeted
    assert set(none.doubts.values()) == {"not within its time limit"}
    assert budgeted <= set(none.doubts)
    assert found["pages_sound"].outcome is PASSED
    assert "2 heaps, 1 B-tree" in found["pages_sound"].found


class Counted:
    """A connection that counts what is said on it: one round trip each."""

    def __init__(self, connection, said):
        self._connection, self._said = connection, said

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, text, *arguments, **more):
        self._said.append(str(text))
        return self._connection.execute(text, *arguments, **more)


def test_many_small_tables_cost_hardly_more_round_trips_than_a_few_and_nothing_is_left(source):
    def counted(name, number):
        said: list[str] = []

        def counting() -> Any:
            return Counted(connection_to(source, name), said)

        one = "create table t_{0} (id serial primary key, t text unique); insert into t_{0} (t) values ('a');"
        reading = DatabaseReading()
        with database(source, name, "".join(one.format(n) for n in range(number))):
            Inquirer(counting, built_in(), connections=1).read(reading, HOUR, HOUR)
            with connection_to(source, name) as connection:
                left = connection.execute("select extname from pg_extension").fetchall()
        assert left == [("plpgsql",)]
        assert sum(key.startswith(("btree:", "heap:")) for key in reading.answers) == 3 * number
        return said

    few, many = counted("few", 5), counted("many", 65)

    assert len(many) - len(few) < 10
    assert sum("language c" in text for text in many) == 2
    assert not any("create extension" in text for text in many)


def test_somebody_who_waits_is_told_how_far_it_is(source, monkeypatch):
    monkeypatch.setattr("restorecheck.postgres.scan.checker.SLICE", timedelta(0))
    monkeypatch.setattr("restorecheck.scan.table_scan.BATCH", 1)
    checker = PostgresChecker(by_system_identifier(connect), SystemClock(), connections=1)
    with database(source, "waits", PEOPLE) as name:
        inquiry = Inquiry(
            endpoint=endpoint_of(source, name),
            pending=built_in()[1:],
            until=SystemClock().now() + HOUR,
        )
        told = []
        for _ in range(30):
            answers = checker.run(inquiry)
            inquiry = replace(inquiry, readings=answers.readings or "")
            told.append(answers.detail)
            if answers.results:
                break

    assert told[-1] == "", "done"
    assert told[0] == "reading"
    assert any(re.fullmatch(r"read [\d.]+ kB of [\d.]+ kB, .*/s[;,] .*", text) for text in told)


def test_the_structure_can_be_held_against_a_file(source, shop, tmp_path):
    name, _ = shop
    dsn = f"host={source.places.sockets} dbname={name} user=postgres"
    made = manifest.write(dsn, tmp_path / "m.json", only=["notes"], megabytes_a_second=None)
    asked = [spec("structure", structure=made["structure"], taken_at=made["taken_at"])]

    same, _ = ask(source, name, asked)
    source.sql("alter table orders add column more int", name)
    changed, _ = ask(source, name, asked)

    assert same["asked"].outcome is PASSED
    assert changed["asked"].outcome is FAILED
    assert changed["asked"].detail == "column public.orders.more: new"


def test_a_question_that_takes_too_long_is_an_error_and_stops_no_other(source):
    text = (
        "create table slow (id int); insert into slow select generate_series(1, 200000);"
        "create table quick (id int); insert into quick values (1);"
    )
    slow = replace(
        spec("unique", name="slow", table="slow", columns=["id"]), timeout=timedelta(milliseconds=1)
    )
    quick = spec("unique", name="quick", table="quick", columns=["id"])
    with database(source, "slow", text) as name:
        found, _ = ask(source, name, [slow, quick])

    assert found["slow"].outcome is ERROR
    assert found["slow"].detail == "no answer within 0.001 s"
    assert found["quick"].outcome is PASSED
    assert alarms({k: v for k, v in found.items() if k != "slow"}) == {}


# --- healthy in every way ---------------------------------------------------------------------


@pytest.mark.parametrize("major", MAJORS)
def test_a_snapshot_of_a_busy_server_is_healthy(major):
    """Pgbench writes until the moment of the snapshot; what recovers from it is whole."""
    installation = next(i for i in pg.installations() if i.major == major)
    with pg.running(installation, schema="select 1") as busy:
        busy.run("pgbench", "--initialize", "--scale=2", "--foreign-keys", "--quiet", "library")

        def bench():
            with contextlib.suppress(AssertionError):  # it is cut off
                busy.run("pgbench", "--client=2", "--time=30", "--no-vacuum", "library")

        writer = threading.Thread(target=bench)
        writer.start()
        threading.Event().wait(1.5)
        with cut_off(busy) as copy:
            writer.join()
            found, readings = ask(copy, "library")
            compared, _ = ask(copy, "library", before=readings)

    assert alarms(found) == {}
    assert alarms(compared) == {}
    assert found["pages_sound"].outcome is PASSED
    assert found["indexes_agree"].found == "3 tables"
