"""`into:` restores into a temporary database on a server that is marked as scratch."""

import shutil
import threading

import psycopg
import pytest

from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Resource
from restorecheck.postgres.dump.scratch_server import KIND, ScratchServer, drop_database
from restorecheck.postgres.server import cluster


@pytest.fixture
def library(world, dumps, source):
    """The source server serves as the scratch server too; its socket is opened for everybody."""
    shutil.copy(dumps["custom"], world.backups)
    return world


PLAIN_USER = "maker"
"""May create databases, and nothing else."""
SHOPS = """
create table shops (id int primary key, name text);
insert into shops select i, 'shop ' || i from generate_series(1, 50) i;
"""
FORMATS = pytest.mark.parametrize("kind", ["custom", "plain"])


@pytest.fixture
def dumped(world, source):
    """Dumps a database of its own, made by this SQL; roles that it names are gone before the drill."""
    source.sql(f"create role {PLAIN_USER} login createdb", "postgres")
    source.sql("create role tenant", "postgres")
    source.sql("create database shops", "postgres")

    def dump(kind, sql=SHOPS, *options):
        source.sql(sql, "shops")
        source.dump(world.backups / "shops.dump", f"--format={kind}", *options, database="shops")
        drop()

    def drop():
        with cluster.superuser_connection(source.places, "shops") as connection:
            found = connection.execute("select subname from pg_subscription").fetchall()
            for (name,) in found:
                connection.execute(f"alter subscription {name} set (slot_name = none)".encode())
                connection.execute(f"drop subscription {name}".encode())
        source.sql("drop database shops", "postgres")
        source.sql("drop role tenant", "postgres")

    yield dump
    source.sql(f"drop role {PLAIN_USER}", "postgres")


def into(world, source, *, scratch=True, checks="[]", user="postgres"):
    place = source.places.sockets
    url = f"postgresql://{user}@{str(place).replace('/', '%2F')}:{cluster.PORT}/postgres"
    extra = f"scratch_servers: ['{place}:{cluster.PORT}']\n" if scratch else ""
    world.configure(checks, dump=f", into: '{url}'", extra=extra)


def temporary_databases(source):
    with cluster.superuser_connection(source.places) as connection:
        query = "select datname from pg_database where datname like 'restorecheck%'"
        return [row[0] for row in connection.execute(query)]


def temporary_roles(source):
    with cluster.superuser_connection(source.places) as connection:
        query = "select rolname from pg_roles where rolname like 'restorecheck%'"
        return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize("kind", ["custom", "plain", "tar", "directory"])
def test_a_dump_is_verified_in_a_temporary_database_that_is_dropped(world, dumps, source, kind):
    copy = shutil.copytree if dumps[kind].is_dir() else shutil.copy
    copy(dumps[kind], world.backups / dumps[kind].name)
    into(world, source, checks="[{row_count: {table: public.books, equals: 2000}}]")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert temporary_databases(source) == []
    assert temporary_roles(source) == []


def test_a_server_that_is_not_marked_as_scratch_is_refused_before_anything_happens(library, source):
    into(library, source, scratch=False)

    done = library.run("drill")

    assert done.returncode == 2
    assert "scratch_servers" in done.stderr
    assert temporary_databases(source) == []


def test_a_kept_database_is_dropped_by_the_sweep_that_names_it(library, source):
    into(library, source)
    _, report = library.drill("--keep")
    assert len(temporary_databases(source)) == 1

    library.run("sweep")
    assert len(temporary_databases(source)) == 1

    assert library.run("sweep", report["drill_id"]).returncode == 0
    assert temporary_databases(source) == []


def test_a_foreign_database_with_our_prefix_is_spared(library, source):
    into(library, source)
    with cluster.superuser_connection(source.places) as connection:
        connection.execute("create database restorecheck_accounting")
        try:
            assert library.run("sweep").returncode == 0
            assert temporary_databases(source) == ["restorecheck_accounting"]
        finally:
            connection.execute("drop database restorecheck_accounting")


def test_a_scratch_server_that_is_down_is_inconclusive(library):
    library.configure(
        dump=", into: 'postgresql://u@127.0.0.1:1/postgres'",
        extra="scratch_servers: ['127.0.0.1:1']\n",
    )

    code, report = library.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "127.0.0.1:1" in report["reason"]


@FORMATS
@pytest.mark.parametrize(
    "more",
    [
        "alter table shops owner to tenant; grant select on shops to tenant",
        "comment on extension plpgsql is 'as pg_dump wrote it before version 11'",
        """alter table shops enable row level security, force row level security;
        create policy few on shops using (id < 10)""",
    ],
)
def test_a_user_who_may_only_create_databases_verifies_a_good_dump(
    world, source, dumped, kind, more
):
    dumped(kind, SHOPS + more)
    into(
        world,
        source,
        user=PLAIN_USER,
        checks="[{row_count: {table: public.shops, equals: 50}}]",
    )

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["teardown"]["left"] == []
    assert temporary_databases(source) == temporary_roles(source) == []


@FORMATS
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("create policy own on shops to tenant using (true)", 'role "tenant" does not exist'),
        (
            """create function f() returns event_trigger language plpgsql as 'begin end';
            create event trigger noted on sql_drop execute function f()""",
            'permission denied to create event trigger "noted"',
        ),
        ("create publication all_of_it for all tables", "superuser"),
    ],
)
def test_what_the_user_may_not_do_or_the_server_has_not_says_nothing_about_the_dump(
    world, source, dumped, kind, more, said
):
    dumped(kind, SHOPS + more)
    into(world, source, user=PLAIN_USER)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert said in report["reason"]
    assert report["hint"]


def test_a_user_who_may_create_nothing_is_inconclusive_and_says_which_right_is_needed(
    world, source, dumped
):
    dumped("custom")
    source.sql(f"alter role {PLAIN_USER} nocreatedb", "postgres")
    into(world, source, user=PLAIN_USER)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "CREATEDB" in report["hint"]


def test_a_dump_that_would_restore_nowhere_is_failed_without_a_log_too(world, source, dumped):
    dumped("plain")
    file = world.backups / "shops.dump"
    file.write_text(file.read_text().replace("\n8\tshop 8\n", "\n7\tshop 8\n"))
    into(world, source, user=PLAIN_USER)

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed")
    assert 'could not create unique index "shops_pkey"' in report["reason"]
    assert "shop 8" not in report["reason"]


@FORMATS
def test_a_subscription_does_not_keep_the_temporary_database(world, source, dumped, kind):
    dumped(
        kind,
        SHOPS + "create subscription shipping connection 'host=nowhere' publication p"
        " with (connect = false)",
    )
    into(world, source)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert temporary_databases(source) == []


def test_a_database_that_is_still_being_made_is_not_taken_for_gone(source):
    """Whoever asked for it was killed; the server goes on, and nobody sees it before it is there."""
    scratch = ScratchServer(host=str(source.places.sockets), port=cluster.PORT, user="postgres")
    name = "restorecheck_20260101_000000_abcdef"
    resource = Resource(kind=KIND, identifier=name, account=scratch.name)
    source.sql("create database busy", "postgres")
    refused = []

    def make():
        with scratch.open() as connection:
            try:
                connection.execute(f"create database {name} template busy".encode())
            except psycopg.Error as exc:
                refused.append(exc)

    maker = threading.Thread(target=make)
    try:
        with cluster.superuser_connection(source.places, "busy") as holder:
            maker.start()
            running = "select 1 from pg_stat_activity where query like 'create database%%busy'"
            while not holder.execute(running.encode()).fetchall():
                assert maker.is_alive()

            first = drop_database(scratch, resource)

            maker.join()
        assert isinstance(first, StillThere)
        assert isinstance(drop_database(scratch, resource), Gone)
        assert [type(exc) for exc in refused] == [psycopg.errors.AdminShutdown]
        assert temporary_databases(source) == []
    finally:
        source.sql("drop database busy", "postgres")
