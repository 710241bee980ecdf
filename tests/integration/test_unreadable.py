"""What the role that asks may not read: named first, never passed, never called a bad backup."""

import pytest

from restorecheck.hosts.sources import manifest
from restorecheck.model import CheckOutcome
from tests import pg
from tests.reading import alarms, ask, connection_to, database, spec

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR

TABLES = """
create table open (id int primary key); insert into open select generate_series(1, 9);
grant select on open to weak;
"""
RLS = "alter table shut enable row level security;"
OWN = f"create table shut (id int); alter table shut owner to weak; {RLS}"
GRANTED = f"create table shut (id int); grant select on shut to weak; {RLS}"
POLICIES = (
    "create policy p on shut using (true); create policy q on shut as restrictive using (id > 0)"
)
PARTS = "create table parts (id int) partition by range (id);"
CLOSED = {
    "a table without SELECT": ("create table shut (id int)", "no SELECT: public.shut"),
    "a table of which only a column may be read": (
        "create table shut (id int, secret int); grant select (id) on shut to weak",
        "SELECT on some columns only: public.shut",
    ),
    "a schema without USAGE": (
        "create schema s; create table s.shut (id int); grant select on s.shut to weak",
        "no USAGE on the schema: s.shut",
    ),
    "a table whose rows a policy hides": (GRANTED, "row security hides rows: public.shut"),
    "an own table whose policies hold for its owner": (
        f"{OWN} alter table shut force row level security",
        "row security hides rows: public.shut",
    ),
    "a table that a policy opens and another restricts": (
        f"{GRANTED} {POLICIES}",
        "row security hides rows: public.shut",
    ),
    "a partition of a table that may be read": (
        f"{PARTS} grant select on parts to weak; create table shut partition of parts default",
        "no SELECT: public.shut",
    ),
    "a materialized view": (
        "create materialized view shut as select 1 as id",
        "no SELECT: public.shut",
    ),
}
OPENED = {
    "a view": "create view v as select 1",
    "a materialized view that is not filled": "create materialized view m as select 1 with no data",
    "a foreign table": "create extension file_fdw; create server far foreign data wrapper file_fdw;"
    " create foreign table f (id int) server far options (filename '/nothing')",
    "a parent whose partitions may be read": f"{PARTS} create table part partition of parts default;"
    " grant select on part to weak",
    "a sequence that fills no column": "create sequence s",
    "a table whose policies bind others": "create table t (id int); alter table t owner to weak;"
    " alter table t enable row level security",
}


OTHERS = """
create schema s;
create table s.plain (id int primary key);
create table "Odd ""table" (id serial primary key, of_id int references s.plain);
create table hidden (id int); insert into hidden values (1), (2);
alter table hidden enable row level security;
create policy none on hidden using (false);
"""


@pytest.fixture
def weak(source):
    """A role that owns nothing and is in no group."""
    source.sql("create role weak login", "postgres")
    yield "weak"
    source.sql("drop role weak", "postgres")


def asked(source, text, specs=(), **options):
    with database(source, "rights", TABLES + text) as name:
        try:
            return ask(source, name, specs, user="weak", **options)
        finally:
            source.sql("reassign owned by weak to postgres; drop owned by weak", name)


@pytest.mark.parametrize("what", CLOSED)
def test_what_may_not_be_read_is_named_first_and_nothing_is_failed(source, weak, what):
    text, said = CLOSED[what]
    found, _ = asked(source, text)
    first = next(kind for kind in found if kind != "server_answers")

    assert first == "tables_readable"
    assert found[first].outcome is ERROR
    assert found[first].detail.startswith(
        f"the role weak may not read 1 of 2 tables in full ({said})"
    )
    assert FAILED not in {result.outcome for result in found.values()}
    assert {found[kind].outcome for kind in ("tables_countable", "rows_readable")} == {ERROR}


def test_a_query_over_rows_that_a_policy_hides_has_no_answer(source, weak):
    """Without them it would be answered as if they were not there."""
    none = spec("query", sql="select count(*) from shut", expect={"equals": 0})

    found, _ = asked(source, f"{GRANTED} create policy p on shut using (false)", [none])

    assert found["asked"].outcome is ERROR
    assert "row-level security" in found["asked"].detail


@pytest.mark.parametrize("what", OPENED)
def test_what_is_not_read_anyway_needs_no_right(source, weak, what):
    found, _ = asked(source, OPENED[what], physical=False)

    assert found["tables_readable"].outcome is PASSED, found["tables_readable"].detail
    assert {found[kind].outcome for kind in ("tables_countable", "rows_readable")} == {PASSED}


@pytest.mark.parametrize("installation", pg.installations(), ids=lambda i: f"{i.major}")
def test_what_the_report_says_is_enough(installation):
    """Every statement that it names, as it names it; of a role that owns nothing."""
    with pg.running(installation, f"create role weak login; {TABLES} {OTHERS}") as source:
        before, _ = ask(source, "library", user="weak", physical=False)
        _, _, statements = before["tables_readable"].detail.partition("run in production: ")
        with connection_to(source, "library") as connection:
            connection.execute(statements.encode())
        after, _ = ask(source, "library", user="weak", physical=False)
        counted = spec("row_count", table="hidden", equals=2)
        configured, _ = ask(source, "library", [counted], user="weak", physical=False)

    assert statements == (
        'GRANT pg_read_all_data TO "weak"; '
        'CREATE POLICY restorecheck ON "public"."hidden" FOR SELECT TO "weak" USING (true);'
    )
    assert alarms(after) == {}
    assert configured["asked"].outcome is PASSED


def test_a_view_is_read_with_every_row_or_not_at_all(source, weak):
    """Its owner's rights are not those of the role that asks."""
    text = """
create role tenant nologin;
create table kept (id int); insert into kept values (1), (2); grant select on kept to tenant, weak;
alter table kept enable row level security;
create policy p on kept for select to weak using (true);
create policy q on kept for select to tenant using (id = 1);
create view mine as select * from kept; alter view mine owner to tenant; grant select on mine to weak;
"""
    checks = [spec("row_count", table="mine", equals=1)]
    try:
        found, _ = asked(source, text, checks)
    finally:
        source.sql("drop role tenant", "postgres")

    assert found["tables_readable"].outcome is PASSED
    assert found["asked"].outcome is ERROR


def test_what_policies_show_is_read_beside_what_they_hide_and_no_reference_is_taken_for_broken(
    source, weak
):
    """A key that points to a table whose rows are hidden points, as far as the role sees, to nothing."""
    text = f"""{CRON}
create table shown (id int primary key); insert into shown values (1), (2);
create table points (id int primary key, shown int references shown, job bigint references cron.job);
insert into points values (1, 1, 1), (2, 2, 1);
alter table shown enable row level security; grant select on shown, points to weak;
create policy p on shown for select to weak using (true);
"""
    found, _ = asked(source, text, physical=False)

    assert found["tables_readable"].outcome is PASSED
    assert found["rows_readable"].found.startswith("13 rows in 3 tables")
    assert found["references_hold"].outcome is ERROR
    assert found["references_hold"].found == "1 reference, 1 not checked"
    assert "BYPASSRLS" in found["references_hold"].detail


# --- what belongs to extensions ----------------------------------------------------------------

CRON = """
create schema cron;
create table cron.job (jobid bigserial primary key, username text not null default current_user);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
grant usage on schema cron to public; grant select on cron.job to public;
insert into cron.job default values;
create extension hstore;
alter extension hstore add table cron.job;
"""
"""As pg_cron makes it: its jobs are shown to whom they belong."""


def test_the_tables_of_extensions_are_named_and_not_read(source, weak):
    found, _ = asked(source, CRON)

    assert found["tables_readable"].outcome is PASSED
    assert "tables of extensions): cron.job" in found["tables_readable"].found
    assert found["tables_countable"].found.startswith("9 rows in 1 table")
    assert not {"rows_readable", "constraints_hold", "sequences_ahead"} & alarms(found).keys()


def test_a_check_that_names_a_table_of_an_extension_has_it_read(source, weak):
    found, _ = asked(source, CRON, [spec("row_count", table="cron.job", min=1)])
    trusted, _ = ask_as_superuser(source, [spec("row_count", table="cron.job", equals=1)])

    assert found["asked"].outcome is ERROR
    assert "cron.job" in found["tables_readable"].detail
    assert trusted["asked"].outcome is PASSED


def ask_as_superuser(source, specs, **options):
    with database(source, "rights", CRON) as name:
        return ask(source, name, specs, **options)


def test_what_is_not_read_any_more_is_not_gone(source):
    """The night before was of a version that read the tables of extensions."""
    text = CRON.replace("default values", "(username) select 'u' from generate_series(1, 200)")
    with database(source, "rights", text) as name:
        source.sql("alter extension hstore drop table cron.job", name)
        _, before = ask(source, name)
        source.sql("alter extension hstore add table cron.job", name)
        after, _ = ask(source, name, before=before)

    assert "not_emptied" not in alarms(after), after["not_emptied"]


def test_a_manifest_leaves_the_tables_of_extensions_out_unless_it_is_asked_for_one(source):
    with database(source, "rights", TABLES.partition("grant")[0] + CRON) as name:
        dsn = f"host={source.places.sockets} dbname={name} user=postgres"
        every = manifest.write(dsn, None, only=(), megabytes_a_second=None)
        one = manifest.write(dsn, None, only=["cron.job"], megabytes_a_second=None)
        compared = spec("manifest", tables=one["tables"])
        found, _ = ask(source, name, [compared])

    assert [*every["tables"]] == ["public.open"]
    assert [*one["tables"]] == ["cron.job"]
    assert found["asked"].outcome is PASSED
