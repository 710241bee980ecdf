"""The structure of databases on real servers, next to what pg_dump writes of them."""

import shutil

import pytest

from restorecheck.checks.rights import widened
from restorecheck.checks.structure import comparable, structure_changes
from restorecheck.postgres.scan import catalog
from tests import everything, pg
from tests.missing import left_out
from tests.reading import connection_to


def installed(major):
    found = next((i for i in pg.installations() if i.major == major), None)
    return found or left_out(f"no PostgreSQL {major} here")


def dumped(server, name="library"):
    """By pg_dump -s, without the key that is another one each time."""
    lines = server.run("pg_dump", "--schema-only", name).decode().splitlines()
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


def structure_of(server, name="library"):
    with connection_to(server, name) as connection:
        connection.autocommit = False
        catalog.pin_settings(connection)
        return catalog.structure(connection)


@pytest.mark.parametrize("major", [15, 18])
def test_the_structure_sees_every_change_that_a_dump_of_the_schema_sees(major):
    unseen = []
    with pg.running(installed(major), everything.of_major(major)) as server:
        text, found = dumped(server), structure_of(server)
        for what, change in everything.changes_of_major(major).items():
            server.sql(change)
            # One major is enough for the question whether the changes are any.
            now, after = dumped(server) if major > 15 else "", structure_of(server)
            if now == text and major > 15:
                unseen.append(f"pg_dump: {what}")
            if not structure_changes(found, after):
                unseen.append(what)
            text, found = now, after

    assert unseen == []


WHOLE_DEFAULTS = """
select format('column %s.%s.%s', n.nspname, c.relname, a.attname), 'default ' || pg_get_expr(d.adbin, d.adrelid)
from pg_attrdef d join pg_class c on c.oid = d.adrelid join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = d.adnum
where n.nspname = 'drawers'
"""


@pytest.mark.parametrize("major", [15, 18])
def test_a_default_is_written_as_postgresql_writes_it_for_its_table(major):
    """Without the table PostgreSQL is quicker, but then it cannot name a column, as a generated one does."""
    drawers = "create schema drawers; create type drawers.size as enum ('s', 'l'); create sequence drawers.seq;"
    with pg.running(installed(major), drawers) as server:
        server.sql(
            "create table drawers.d (a int default 7, b text default 'x' || now()::text, c drawers.size default 'l',"
            " e int generated always as (a * 2) stored, f bigint default nextval('drawers.seq'), g int[] default '{1}');"
            " create view drawers.v as select a, b from drawers.d; alter view drawers.v alter b set default 'new'"
        )
        with connection_to(server, "library") as connection:
            connection.autocommit = False
            catalog.pin_settings(connection)
            structure = catalog.structure(connection)
            wanted = connection.execute(WHOLE_DEFAULTS).fetchall()

    assert len(wanted) == 7  # six of the table, one of the view
    assert [name for name, text in wanted if text not in structure[name]] == []


def test_large_objects_belong_to_the_structure():
    with pg.running(installed(18), "select lo_create(4711); create role app") as server:
        before = structure_of(server)
        server.sql("grant select on large object 4711 to app")
        after = structure_of(server)

    assert [str(d) for d in structure_changes(before, after)] == [
        "rights large objects of postgres: owner postgres → owner postgres; app: SELECT"
    ]
    assert before["large objects"] == "some"


# --- restored, by a server of another major version -------------------------------------------------


@pytest.fixture(scope="module")
def dump_of_15(tmp_path_factory):
    """The archive, and the structure that the source had."""
    with pg.running(installed(15), everything.of_major(15)) as server:
        archive = server.dump(tmp_path_factory.mktemp("rich") / "rich.dump", "--format=custom")
        yield archive, structure_of(server)


@pytest.mark.parametrize("major", [15, 17, 18])
def test_what_was_restored_has_the_structure_of_the_source(dump_of_15, major):
    archive, wanted = dump_of_15
    with pg.running(installed(major), everything.ROLES) as server:
        inside = server.places.sockets / archive.name
        shutil.copyfile(archive, inside)
        inside.chmod(0o644)
        server.run("pg_restore", "--dbname=library", str(inside))
        found = structure_of(server)
        server.sql("alter table app.plain alter column amount set storage external")
        planted = structure_of(server)

    wanted = comparable(wanted, logical=True)
    assert structure_changes(wanted, comparable(found, logical=True)) == ()
    (seen,) = structure_changes(wanted, comparable(planted, logical=True))
    assert str(seen) == "column app.plain.amount: numeric(10,2) → numeric(10,2) storage e"


# --- rights -----------------------------------------------------------------------------------

GUARDED = """
create role app; create role reader; create role other; create role rds_app; create role boss superuser;
create table orders (id int primary key, name text); alter table orders owner to app;
grant select on orders to reader; alter table orders enable row level security, force row level security;
create policy own on orders for select to reader using (id < 10);
create view names with (security_barrier) as select name from orders; create function f() returns int language sql as 'select 1';
create sequence s; create type mood as enum ('ok');
"""

WIDER = {
    "grant select on orders to public": "rights table public.orders",
    "grant select on orders to other": "rights table public.orders",
    'create role "Odd; ""role"": SELECT"; grant select on orders to "Odd; ""role"": SELECT"': "rights table public.orders",
    "grant update on orders to reader": "rights table public.orders",
    "grant update (name) on orders to reader": "rights column public.orders.name",
    "grant select on orders to reader with grant option": "rights table public.orders",
    "alter table orders owner to boss": "rights table public.orders",
    "alter function f() owner to boss": "rights function public.f()",
    "grant create on schema public to public": "rights schema public",
    "grant all on sequence s to public": "rights sequence public.s",
    "grant select on pg_authid to reader": "rights table pg_catalog.pg_authid",
    "grant execute on function pg_read_file(text) to public": "rights function pg_catalog.pg_read_file(text)",
    "alter default privileges for role app grant select on tables to public": "rights new tables of app",
    "alter default privileges for role app in schema public grant all on tables to reader": "rights new tables of app in public",
    "alter table orders disable row level security": "row security public.orders",
    "alter table orders no force row level security": "row security public.orders",
    "alter policy own on orders using (true)": "policy public.orders.own",
    "alter policy own on orders to public": "policy public.orders.own",
    "create policy more on orders for all using (true)": "policy public.orders.more",
    "alter function f() security definer": "security definer public.f()",
    "alter view names reset (security_barrier)": "view security public.names",
    "alter role rds_app superuser": "role rds_app",
    "alter role app bypassrls": "role app",
    "alter role app createrole": "role app",
    "alter role app replication": "role app",
    "grant boss to reader": "role reader",
    "grant app to reader": "role reader",
    "grant pg_write_all_data to reader": "role reader",
    "create role rdsomething superuser": "role rdsomething",
    "grant connect on database library to other; grant create on database library to public": "rights database",
}
"""Statement → what is said to be wider."""

NO_WIDER = (
    "grant all on orders to app",
    "revoke select on orders from reader",
    "grant usage on schema public to public",
    "create table more (id serial primary key, t text)",
    "create function g() returns int language sql security definer as 'select 1'",
    "create type color as enum ('red')",
    "create role one_more login",
    "alter role app login",
    "revoke execute on function f() from public",
    "grant execute on function f() to reader",
    "revoke execute on function pg_sleep from public; grant execute on function pg_sleep to reader",
    "alter default privileges for role app revoke execute on functions from public",
    "drop policy own on orders",
    "drop table orders cascade",
    "create policy fence on orders as restrictive using (id < 5)",
    "alter policy own on orders using (id < 20)",
    "create extension hstore",
)


@pytest.mark.parametrize("major", [15, 18])
def test_only_what_gives_somebody_more_is_said_to_be_wider(major):
    wrong = []
    with pg.running(installed(major), GUARDED) as server:
        before = structure_of(server)
        for statement, what in [*WIDER.items(), *((text, None) for text in NO_WIDER)]:
            with (
                connection_to(server, "library") as connection,
                connection.transaction(force_rollback=True),
            ):
                connection.execute(statement.encode())
                catalog.pin_settings(connection)
                found = [d.what for d in widened(before, catalog.structure(connection))]
            if found != [what] * (what is not None):
                wrong.append((statement, found))

    assert wrong == []


def test_rights_are_the_same_in_whatever_order_and_form_they_were_given():
    with pg.running(installed(18), GUARDED) as server:
        server.sql("grant select on orders to other; revoke update on orders from app")
        before = structure_of(server)
        server.sql(
            "revoke all on orders from reader, other, app; grant select on orders to other;"
            " grant insert, delete, truncate, references, trigger, maintain, select on orders to app;"
            " grant select on orders to reader; grant all on s to postgres; grant usage on type mood to public"
        )
        after = structure_of(server)

    assert structure_changes(before, after) == ()
    assert before["rights table public.orders"] == (
        "owner app; app: DELETE, INSERT, MAINTAIN, REFERENCES, SELECT, TRIGGER, TRUNCATE;"
        " other: SELECT; reader: SELECT"
    )


@pytest.mark.parametrize("major", [15, 18])
def test_a_role_that_may_only_read_sees_the_same_structure(major):
    """What PostgreSQL shows only to superusers is not compared."""
    with pg.running(installed(major), everything.of_major(major)) as server:
        whole = structure_of(server)
        server.sql("create role restorecheck_checker")
        with connection_to(server, "library") as connection:
            connection.autocommit = False
            connection.execute("set local role restorecheck_checker")
            catalog.pin_settings(connection)
            seen = catalog.structure(connection)

    hidden = {"subscription connection sub", "user mapping options owner_a on there"}
    assert {*whole} - {*seen} == hidden
    assert structure_changes(whole, seen) == ()
