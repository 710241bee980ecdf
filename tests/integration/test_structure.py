"""The structure of databases on real servers, next to what pg_dump writes of them."""

import shutil

import pytest

from restorecheck.checks.structure import comparable, structure_changes
from restorecheck.postgres import describing
from tests import everything, pg
from tests.reading import connection_to


def installed(major):
    found = next((i for i in pg.installations() if i.major == major), None)
    return found or pytest.skip(f"no PostgreSQL {major} here")


def dumped(server, name="library"):
    """By pg_dump -s, without the key that is another one each time."""
    lines = server.run("pg_dump", "--schema-only", name).decode().splitlines()
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


def structure_of(server, name="library"):
    with connection_to(server, name) as connection:
        connection.autocommit = False
        describing.pin_settings(connection)
        return describing.structure(connection)


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
        inside = server.places.directory / archive.name
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
