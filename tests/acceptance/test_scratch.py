"""`into:` restores into a temporary database on a server that is marked as scratch."""

import shutil
import threading

import psycopg
import pytest

from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Resource
from restorecheck.postgres import cluster
from restorecheck.postgres.scratch_server import KIND, ScratchServer, drop_database


@pytest.fixture
def library(world, dumps, source):
    """The source server serves as the scratch server too; its socket is opened for everybody."""
    shutil.copy(dumps["custom"], world.backups)
    return world


def into(world, source, *, scratch=True, checks="[]"):
    place = source.places.directory
    url = f"postgresql://postgres@{str(place).replace('/', '%2F')}:{cluster.PORT}/postgres"
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


def test_a_database_that_is_still_being_made_is_not_taken_for_gone(source):
    """Whoever asked for it was killed; the server goes on, and nobody sees it before it is there."""
    scratch = ScratchServer(host=str(source.places.directory), port=cluster.PORT, user="postgres")
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
