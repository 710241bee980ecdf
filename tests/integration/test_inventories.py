"""What a sweep may take of this machine and of a scratch server, and what is somebody else's."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restorecheck.errors import DatabaseUnreachableError
from restorecheck.hosts.clock import SystemClock
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Resource
from restorecheck.postgres.dump.finder import SERVER
from restorecheck.postgres.dump.leftovers import LocalInventory
from restorecheck.postgres.dump.local_provider import LocalDumpProvider
from restorecheck.postgres.dump.scratch_server import (
    KIND,
    ROLE_KIND,
    ScratchInventory,
    ScratchServer,
    drop_database,
    drop_role,
    exists,
    write_mark,
)
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.cluster import Mark, Places, StartedServer
from restorecheck.postgres.server.processes import Birth
from tests.factories import ENDPOINT, NOW, drill
from tests.missing import ROOT, needs

MADE = datetime(2026, 2, 27, 3, 0, tzinfo=UTC)
OURS, OTHER = "20260227-030000-abcdef", "20260227-030000-fedcba"
HELD = Path("/locks/held")


def is_held(path):
    return path == HELD


# --- this machine -----------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path):
    return tmp_path


def make(work, name=f"restorecheck-{OURS}", **changes):
    places = Places(work / name)
    mark = replace(Mark(drill_id=OURS, made_at=MADE, lock="/locks/free"), **changes)
    cluster.make_directory(places, mark, None)
    return places.directory


def inventory(work):
    return LocalInventory([work], is_held)


def test_a_directory_that_is_ours_is_found_as_what_it_is(work):
    make(work)
    make(work, f"restorecheck-{OTHER}", drill_id=OTHER, lock=str(HELD), kept=True)

    first, second = inventory(work).find()

    assert (first.drill_id, first.marked, first.alive, first.kept) == (OURS, True, False, False)
    assert first.made_at == MADE
    assert (second.drill_id, second.marked, second.alive, second.kept) == (OTHER, True, True, True)
    assert isinstance(inventory(work).delete(first.resource), Gone)
    assert [path.name for path in work.iterdir()] == [f"restorecheck-{OTHER}"]


@pytest.mark.parametrize("name", ["restorecheck-main", "restorecheck-wheel-2ern4yt7"])
def test_a_folder_that_no_drill_can_have_made_is_not_taken_for_a_server(work, name):
    (work / name).mkdir()

    assert inventory(work).find() == ()


def test_a_directory_with_the_mark_of_another_drill_is_not_marked(work):
    """Somebody has copied or renamed it: it is no longer what the drill has made."""
    make(work, f"restorecheck-{OTHER}", drill_id=OURS)

    (found,) = inventory(work).find()

    assert not found.marked


@pytest.mark.parametrize("mark", ["", "{}", "[]", '{"made_by": "somebody"}'])
def test_a_directory_that_only_has_our_name_is_not_marked_and_not_deleted(work, mark):
    directory = work / f"restorecheck-{OURS}"
    directory.mkdir()
    (directory / cluster.MARK).write_text(mark)

    (found,) = inventory(work).find()

    assert not found.marked
    assert isinstance(inventory(work).delete(found.resource), StillThere)
    assert directory.exists()


def test_a_mark_that_is_a_link_is_nobody_s(work):
    directory = make(work)
    (directory / cluster.MARK).rename(work / "elsewhere.json")
    (directory / cluster.MARK).symlink_to(work / "elsewhere.json")

    (found,) = inventory(work).find()

    assert not found.marked


def test_a_mark_in_a_directory_of_another_user_is_not_believed(work):
    """What it names would be ended, by root."""
    directory = make(work)
    os.chown(directory, 4711, 4711)

    assert cluster.read_mark(directory) is None
    os.chown(directory, os.geteuid(), -1)
    os.chown(directory / cluster.MARK, 4711, 4711)
    assert cluster.read_mark(directory) is None


def test_a_mark_says_what_was_started_and_as_whom(work):
    me = Birth.of(os.getpid())
    assert me is not None
    standing = StartedServer(me, (1, 2), (3, 4))
    account = OsUser("60706", 60706, 60706, alone=True)
    directory = make(work)
    places = Places(directory)
    mark = Mark(drill_id=OURS, made_at=MADE, lock="/locks/free")
    written = replace(mark, processes=(me,), standing=standing, account=account)

    cluster.write_mark(places, written)

    assert cluster.read_mark(directory) == written


def test_a_link_of_our_name_is_passed_over(work):
    (work / "else").mkdir()
    place = make(work / "else")
    (work / f"restorecheck-{OURS}").symlink_to(place)

    assert inventory(work).find() == ()
    resource = Resource(kind=SERVER, identifier=str(work / f"restorecheck-{OURS}"))
    assert isinstance(inventory(work).delete(resource), StillThere)
    assert place.exists()


@needs(os.geteuid() == 0, *ROOT)
def test_a_directory_of_another_user_is_passed_over_whatever_it_says(work):
    """Anybody may make one in /tmp, with any mark: what it names would be ended as root."""
    directory = make(work)
    os.chown(directory, 4711, 4711)

    assert inventory(work).find() == ()


def test_a_directory_is_removed_for_the_drill_that_made_it_only(work):
    directory = make(work)

    assert cluster.remove(Places(directory), OTHER) == "it does not have the mark of this drill"
    assert (directory / "data").exists()
    assert cluster.remove(Places(directory), OURS) == ""


class Cut(BaseException):
    """The process is gone."""


def test_a_mark_that_could_not_be_written_anew_is_the_old_one(work):
    directory = make(work)
    mark = cluster.read_mark(directory)
    assert mark is not None

    def cut(descriptor, *_):
        os.write(descriptor, b'{"made_by"')
        os.close(descriptor)
        raise Cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdopen", cut)
        with pytest.raises(Cut):
            cluster.write_mark(Places(directory), replace(mark, kept=True))

    assert cluster.read_mark(directory) == mark
    (found,) = inventory(work).find()
    assert isinstance(inventory(work).delete(found.resource), Gone)


def test_a_removal_that_was_cut_short_is_taken_up_again(work):
    directory = make(work)
    (directory / "data" / "file").touch()
    real = os.rmdir

    def cut(path, *args, **more):
        if Path(os.fspath(path)).name == "data":
            raise Cut
        real(path, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rmdir", cut)
        with pytest.raises(Cut):
            cluster.remove(Places(directory), OURS)

    (found,) = inventory(work).find()
    assert found.marked
    assert isinstance(inventory(work).delete(found.resource), Gone)
    assert not directory.exists()


def test_a_link_of_our_name_is_not_followed(work):
    elsewhere = make(work)
    link = work / f"restorecheck-{OTHER}"
    link.symlink_to(elsewhere)

    assert cluster.remove(Places(link), OURS) == "it is not a directory"

    assert link.is_symlink()
    assert (elsewhere / "data").is_dir()


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_left_standing_on_request_says_so_itself(work, keep):
    """Another history, or a new one, knows nothing of the drill: its sweep reads the mark."""
    make(work)
    provider = LocalDumpProvider(
        dump=DumpSettings(path="/b"),
        server=ServerSettings(work_dir=work, cache_dir=work),
        clock=SystemClock(),
        lock_of=lambda _: Path("/locks/free"),
        deadline=timedelta(hours=1),
    )

    provider.release(drill(id=OURS, keep=keep, endpoint=ENDPOINT))

    (found,) = inventory(work).find()
    assert (found.marked, found.kept, found.made_at) == (True, keep, MADE)


# --- a scratch server -------------------------------------------------------------------------


@pytest.fixture
def scratch(source):
    return ScratchServer(host=str(source.places.sockets), port=cluster.PORT, user="postgres")


@pytest.fixture
def made(scratch):
    """A database of our name with a table in it, and a way to mark it."""
    name = f"restorecheck_{OURS.replace('-', '_')}"
    with scratch.open() as connection:
        connection.execute(f'create database "{name}"'.encode())

        def marked(**changes):
            write_mark(connection, name, drill(id=OURS), Path("/locks/free"))
            row = connection.execute(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = %s",
                [name],
            ).fetchone()
            mark = json.loads(row[0]) | changes
            text = json.dumps(mark).replace("'", "''")
            connection.execute(f"comment on database \"{name}\" is '{text}'".encode())

        try:
            with scratch.open(name) as inside:
                inside.execute("create table public.precious ()")
            yield name, marked
        finally:
            connection.execute(f'drop database if exists "{name}"'.encode())


def look(scratch):
    (found,) = ScratchInventory(scratch, is_held).find()
    return found


@pytest.mark.parametrize(
    ("changes", "marked", "alive", "kept"),
    [
        ({}, True, False, False),
        ({"kept": True}, True, False, True),
        ({"lock": str(HELD)}, True, True, False),
        ({"host": "another machine"}, True, True, False),
        ({"drill_id": OTHER}, False, False, False),
        ({"made_by": "somebody"}, False, False, False),
    ],
)
def test_a_temporary_database_is_found_as_what_its_mark_says(
    scratch, made, changes, marked, alive, kept
):
    name, mark = made
    mark(**changes)

    found = look(scratch)

    assert (found.resource.identifier, found.drill_id) == (name, OURS)
    assert (found.marked, found.alive, found.kept) == (marked, alive, kept)


def test_what_is_kept_is_written_into_the_mark(scratch, made):
    name, _ = made
    with scratch.open() as connection:
        write_mark(connection, name, drill(id=OURS, keep=True), HELD)

    found = look(scratch)

    assert (found.kept, found.alive, found.made_at) == (True, True, NOW)


def test_a_database_with_something_in_it_is_dropped_by_its_mark_only(scratch, made):
    name, mark = made
    resource = Resource(kind=KIND, identifier=name, account=scratch.name)

    assert isinstance(drop_database(scratch, resource), StillThere)
    mark(drill_id=OTHER)
    assert isinstance(drop_database(scratch, resource), StillThere)
    assert look(scratch).resource.identifier == name
    mark()
    assert isinstance(drop_database(scratch, resource), Gone)
    assert ScratchInventory(scratch, is_held).find() == ()


def test_a_server_that_nobody_reaches_has_not_lost_what_was_on_it(work):
    nowhere = ScratchServer(host=str(work), port=cluster.PORT, user="postgres")

    with pytest.raises(DatabaseUnreachableError, match="could not connect to the scratch server"):
        ScratchInventory(nowhere, is_held).find()


def test_a_connection_that_is_lost_over_the_look_has_found_nothing_out(scratch, made):
    _, mark = made
    mark()

    class Cut(ScratchServer):
        def open(self, database=None, **options):
            connection = super().open(database, **options)
            with scratch.open() as other:
                other.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])
            return connection

    cut = Cut(host=scratch.host, port=scratch.port, user=scratch.user)

    with pytest.raises(DatabaseUnreachableError, match="could not look for databases"):
        ScratchInventory(cut, is_held).find()


def test_an_empty_database_or_a_role_of_another_name_is_somebody_else_s(scratch):
    name = "not_restorecheck_1"
    resource = Resource(kind=KIND, identifier=name, account=scratch.name)
    with scratch.open() as connection:
        connection.execute(f"create database {name}".encode())
        connection.execute(f"create role {name}".encode())
        try:
            assert isinstance(drop_database(scratch, resource), StillThere)
            assert isinstance(drop_role(scratch, replace(resource, kind=ROLE_KIND)), StillThere)
            assert exists(connection, name)
        finally:
            connection.execute(f"drop database {name}".encode())
            connection.execute(f"drop role {name}".encode())
