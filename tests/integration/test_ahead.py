"""Plain dumps are loaded while they are read: what is restored in the end is the same."""

import gzip
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from restorecheck.hosts.clock import SystemClock
from restorecheck.lifecycle import Broken, Ensure, InProgress, Ready, StepEvent, apply, intend
from restorecheck.model import Drill
from restorecheck.postgres.dump import local_provider
from restorecheck.postgres.dump import streamed_load as ahead_room
from restorecheck.postgres.dump.local_provider import LocalDumpProvider
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.server import cluster
from tests.places import SHORT

DRILL_ID = "20260226-031500-a1b2c3"
COUNTS = b"select (select count(*) from authors), (select count(*) from books)"


class Target:
    """A folder of dumps, and one drill of it, step by step."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.provider = LocalDumpProvider(
            dump=DumpSettings(path=str(folder / "dumps"), **settings),
            server=ServerSettings(work_dir=folder / "work", cache_dir=folder / "cache"),
            clock=SystemClock(),
            lock_of=lambda drill_id: folder / f"{drill_id}.lock",
            deadline=timedelta(hours=1),
        )
        now = SystemClock().now()
        self.drill = Drill(
            id=DRILL_ID,
            target="library",
            plan=self.provider.plan(DRILL_ID),
            checks=(),
            started_at=now,
            deadline=now + timedelta(hours=1),
        )

    def take(self, number: int) -> StepEvent:
        step, clock = self.drill.plan[number], SystemClock()
        self.drill = intend(self.drill, Ensure(step), clock.now())
        while True:
            event = self.provider.ensure(self.drill, step)
            self.drill = apply(self.drill, event, clock.now())
            if not isinstance(event, InProgress):
                return event

    def restore(self) -> list[StepEvent]:
        events = [self.take(0)]
        while isinstance(events[-1], Ready) and len(events) < 3:  # the checks come fourth
            events.append(self.take(len(events)))
        return events

    @property
    def session(self):
        return self.provider.sessions[DRILL_ID]

    @property
    def loaded_while_read(self) -> bool:
        return self.session.ahead.begun is not None and self.session.load is (
            self.session.ahead.begun.load
        )

    def asked(self, query: bytes, database: str = "restored"):
        places = self.provider.server.places(DRILL_ID)
        with cluster.superuser_connection(places, database) as connection:
            return connection.execute(query).fetchall()

    def end(self):
        self.provider.delete(self.drill.plan[0].makes[0], self.drill.started_at)


@pytest.fixture
def short_folder():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def stage(short_folder, dumps, monkeypatch):
    monkeypatch.setattr(ahead_room, "FROM_SIZE", 0)
    (short_folder / "work").mkdir(mode=0o755)
    (short_folder / "dumps").mkdir(mode=0o755)
    targets = []

    def target(**settings):
        targets.append(Target(short_folder, **settings))
        return targets[-1]

    yield SimpleNamespace(
        target=target,
        dumps=short_folder / "dumps",
        text=dumps["plain"].read_bytes(),
        work=short_folder / "work",
    )
    for one in targets:
        if DRILL_ID in one.provider.sessions:
            one.end()
    assert list((short_folder / "work").iterdir()) == []


def written(stage, name, data, age=3600):
    """Old enough to be written to its end."""
    file = stage.dumps / name
    file.write_bytes(data)
    moment = SystemClock().now().timestamp() - age
    os.utime(file, (moment, moment))
    return file


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_whole_dump_is_restored_in_one_reading(stage, packed):
    written(stage, "library.sql", packed(stage.text))
    target = stage.target()

    events = target.restore()

    assert [type(event) for event in events] == [Ready, Ready, Ready]
    assert target.loaded_while_read
    assert target.asked(COUNTS) == [(50, 2000)]


def test_roles_that_only_the_last_statements_name_are_there_in_time(stage):
    last = b"GRANT SELECT ON TABLE public.authors TO somebody_new;\n"
    head, mark, tail = stage.text.rpartition(b"--\n-- PostgreSQL database dump complete")
    written(stage, "library.sql", head + last + mark + tail)
    target = stage.target()

    events = target.restore()

    assert isinstance(events[-1], Ready)
    assert target.loaded_while_read
    assert target.asked(
        b"select grantee from information_schema.role_table_grants "
        b"where table_name = 'authors' and grantee like 'some%'"
    ) == [("somebody_new",)]


@pytest.mark.parametrize("place", [b"\n\\.\n", b"CREATE VIEW public.titles"])
def test_of_a_cut_dump_nothing_stays_and_the_one_before_is_restored(stage, place):
    older = stage.text.replace(b"author 50", b"author of before")
    written(stage, "library-1.sql", older, age=90000)
    written(stage, "library-2.sql", stage.text[: stage.text.index(place)])
    target = stage.target()

    events = target.restore()

    first = events[0]
    assert isinstance(first, Ready)
    assert "the newest complete dump, library-1.sql, was restored" in "".join(first.notes)
    assert not target.loaded_while_read
    assert target.asked(b"select name from authors where id = 50") == [("author of before",)]


def test_a_cut_dump_alone_fails_as_ever(stage):
    written(stage, "library.sql", stage.text[: len(stage.text) // 2])
    target = stage.target()

    (event,) = target.restore()

    assert isinstance(event, Broken)
    assert "is truncated" in event.reason


def test_rows_of_another_database_in_the_same_file_are_not_merged(stage):
    written(stage, "nightly.sql", stage.text + b"\\connect other\n" * 2 + stage.text)
    target = stage.target(databases=("other",))

    events = target.restore()

    assert not target.session.load or not target.loaded_while_read
    assert "holds 2 dumps" in events[0].reason


def test_a_need_that_shows_up_late_makes_the_load_begin_again(stage):
    late = b"CREATE SCHEMA public;\n"
    head, mark, tail = stage.text.rpartition(b"--\n-- PostgreSQL database dump complete")
    written(stage, "library.sql", head + late + mark + tail)
    target = stage.target()

    target.restore()

    assert target.session.ahead.begun is not None
    assert not target.loaded_while_read


def test_what_fails_is_told_as_after_a_load_that_waited(stage, monkeypatch):
    text = stage.text.replace(b"CREATE VIEW public.titles AS", b"CREATE VIEW no.titles AS")
    written(stage, "library.sql", text)
    target = stage.target()
    ahead = target.restore()[-1]
    assert target.loaded_while_read
    target.end()
    monkeypatch.setattr(ahead_room, "FROM_SIZE", 1 << 40)
    later = stage.target()

    after = later.restore()[-1]

    assert later.session.ahead.begun is None
    assert isinstance(ahead, Broken)
    assert isinstance(after, Broken)
    assert (ahead.reason, ahead.hint) == (after.reason, after.hint)


def test_a_drill_that_ends_in_the_middle_leaves_nothing(stage):
    written(stage, "library.sql", stage.text.replace(b"\n\\.\n", b"\n\\.\nSELECT pg_sleep(100);\n"))
    target = stage.target()
    step = target.drill.plan[0]
    target.drill = intend(target.drill, Ensure(step), SystemClock().now())
    while target.provider.ensure(target.drill, step) and not target.session.ahead.begun:
        pass

    target.end()

    assert list(stage.work.iterdir()) == []


def test_a_dump_that_is_exchanged_while_it_is_read_is_loaded_anew(stage):
    file = written(stage, "library.sql", stage.text)
    target = stage.target()
    target.take(0)
    os.utime(file, (1, 1))
    target.take(0)  # a step may be repeated, and finds another file

    target.take(1)
    target.take(2)

    assert not target.loaded_while_read
    assert target.asked(COUNTS) == [(50, 2000)]


def test_a_directory_of_programs_that_lacks_an_extension_is_told_as_ever(stage):
    text = stage.text.replace(b"hstore", b"nowhere_known")
    written(stage, "library.sql", text)
    target = stage.target()

    event = target.restore()[-1]

    assert "nowhere_known" in event.reason


def test_a_load_whose_roles_could_not_be_made_begins_again(stage, monkeypatch):
    last = b"GRANT SELECT ON TABLE public.authors TO somebody_new;\n"
    head, mark, tail = stage.text.rpartition(b"--\n-- PostgreSQL database dump complete")
    written(stage, "library.sql", head + last + mark + tail)
    target = stage.target()

    def refuse(*_):
        raise psycopg.OperationalError

    monkeypatch.setattr(local_provider, "_make_roles", refuse)

    events = target.restore()

    assert isinstance(events[-1], Ready)
    assert not target.loaded_while_read
    assert target.asked(COUNTS) == [(50, 2000)]
