"""The history's file: formats, damage, locks, a full disk, and what nobody may change."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta, timezone

import pytest

from restorecheck.errors import DrillConflictError, StoreError
from restorecheck.history import flaws
from restorecheck.hosts.process import logs
from restorecheck.model import Verdict
from restorecheck.sql import moments
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite import migration
from restorecheck.sqlite.store import SqliteStore
from tests.factories import NOW, drill, finished


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "history.sqlite"


@pytest.fixture
def store(path):
    made = SqliteStore(path)
    yield made
    made.close()


def put(store, number, text="report"):
    done = finished().evolve(id=f"d-{number}")
    stored = store.create(drill(id=f"d-{number}"))
    store.finish(done.evolve(version=stored.version), lambda _: f"{text} {number}")


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_nothing_is_written_into_a_history_that_is_not_there_any_more(path, store, replaced):
    stored = store.create(drill())
    path.rename(path.with_name("elsewhere"))
    if replaced:
        SqliteStore(path).close()

    with pytest.raises(StoreError, match="removed or replaced the file"):
        store.save(stored)
    with pytest.raises(StoreError, match="removed or replaced the file"):
        store.create(drill(id="d-2"))


def test_the_history_is_for_the_eyes_of_its_owner(path, store):
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_history_of_the_first_format_is_taken_over_with_its_reports(path):
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript(
        migration._DRILLS_1
        + "create table reports (drill_id text primary key references drills (id),"
        " target text not null, verdict text not null, finished_at text not null,"
        " report text not null) strict;"
        "create index reports_by_target on reports (target, finished_at);"
        "pragma user_version = 1;"
    )
    for number, moment in enumerate(["2026-02-27T03:00:00+00:00", "2026-02-26T03:00:00+00:00"], 1):
        db.execute(
            "insert into drills values (?, 'courses', 3, ?, 1, 0, '{}')", (f"d-{number}", moment)
        )
        db.execute(
            "insert into reports values (?, 'courses', 'verified', ?, ?)",
            (f"d-{number}", moment, f'{{"drill_id": "d-{number}"}}'),
        )
    db.commit()
    db.close()

    store = SqliteStore(path)
    try:
        assert [entry.drill_id for entry in store.entries()] == ["d-2", "d-1"]
        assert store.report("d-1") == '{"drill_id": "d-1"}'
        assert list(flaws(store.stored())) == []
        put(store, 3, text='{"n":')
    finally:
        store.close()


def test_two_processes_that_open_a_new_history_at_once_make_it_once(path):
    code = (
        "import sys, pathlib; from restorecheck.sqlite.store import SqliteStore;"
        "SqliteStore(pathlib.Path(sys.argv[1]))"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", code, path], stderr=subprocess.PIPE)
        for _ in range(4)
    ]

    assert [(racer.communicate()[1], racer.returncode) for racer in racers] == [(b"", 0)] * 4


def test_a_history_of_a_newer_version_is_refused_and_not_touched(path, store):
    store.database.execute(f"pragma user_version = {migration.VERSION + 1}")
    store.close()

    with pytest.raises(StoreError, match="a newer restorecheck wrote it") as caught:
        SqliteStore(path)

    assert "Upgrade restorecheck" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_damaged_history_is_refused_with_what_to_do(path, content):
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StoreError) as caught:
        SqliteStore(path)

    assert str(path) in caught.value.message
    assert "damaged" in caught.value.hint or "Check the file" in caught.value.hint
    assert path.read_bytes()[:20] == content[:20]


def test_a_history_that_is_damaged_in_the_middle_says_so(path, store):
    for number in range(200):
        put(store, number, text="x" * 2000)
    store.database.execute("pragma wal_checkpoint(truncate)")
    store.close()
    with path.open("r+b") as file:
        for page in range(20, path.stat().st_size // 4096, 3):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)

    with pytest.raises(StoreError) as caught:  # noqa: PT012  # wherever it is noticed
        damaged = SqliteStore(path)
        list(damaged.stored())

    assert "malformed" in caught.value.message
    assert ".recover" in caught.value.hint


def test_a_locked_history_is_waited_for_and_then_told(path, store):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    store.database.execute("pragma busy_timeout = 50")

    with pytest.raises(StoreError, match="database is locked") as caught:
        store.create(drill())

    assert "Another program has locked the file" in caught.value.hint
    other.execute("rollback")
    other.close()
    store.create(drill())


def test_a_history_on_a_full_disk_keeps_the_drill_and_its_verdict(path, store):
    stored = store.create(drill())
    judged = store.save(finished().evolve(version=stored.version, finished_at=None))
    (pages,) = store.database.row("pragma page_count")
    store.database.execute(f"pragma max_page_count = {pages}")

    with pytest.raises(StoreError, match="full") as caught:
        store.finish(finished().evolve(version=judged.version), lambda _: "x" * 100_000)

    assert "Free space" in caught.value.hint
    assert store.load("d-1").verdict is judged.verdict
    assert store.entries() == ()
    store.database.execute("pragma max_page_count = 1000000")
    store.finish(finished().evolve(version=judged.version), lambda _: "x" * 100_000)
    assert len(store.entries()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update reports set report = 'another'",
        "update reports set verdict = 'verified'",
        "update reports set report = null",
        "delete from reports",
        "update reports set sha256 = 'x', report = null, pruned_at = '2026'",
    ],
)
def test_a_report_once_written_cannot_be_changed_by_accident(store, statement):
    put(store, 1)

    with pytest.raises(sqlite3.IntegrityError, match=r"a report (never changes|is never deleted)"):
        store.database.execute(statement)

    assert store.report("d-1") == "report 1"


def test_a_history_that_is_locked_for_a_moment_is_waited_for(path, store):
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    release = threading.Timer(0.3, other.execute, ["commit"])
    release.start()
    try:
        store.create(drill())
    finally:
        release.join()
        other.close()

    assert store.load("d-1").id == "d-1"


def test_a_slot_has_one_drill(store):
    slot = drill().started_at
    store.create(drill(id="d-1", scheduled_for=slot))

    with pytest.raises(Exception, match="for the same slot"):
        store.create(drill(id="d-2", scheduled_for=slot))

    store.create(drill(id="d-3", target="orders", scheduled_for=slot))
    assert store.drill_of_slot("courses", slot) == "d-1"


def test_a_slot_that_was_drilled_gets_no_reason_why_it_was_not(store):
    agenda = Agenda(store.database)
    store.create(drill(id="d-1", scheduled_for=NOW))

    assert not agenda.settle("courses", NOW, "missed", NOW)
    assert agenda.settle("courses", NOW + timedelta(days=1), "missed", NOW)
    assert not agenda.settle("courses", NOW + timedelta(days=1), "skipped", NOW)

    assert [(s.due_at, s.reason) for s in agenda.skips()] == [(NOW + timedelta(days=1), "missed")]


def test_what_fails_in_the_middle_is_not_there_at_all(store):
    def half():
        with store.database.transaction():
            store.database.execute("insert into cursors values ('ops', 1, 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()

    assert store.database.row("select count(*) from cursors") == (0,)
    with store.database.transaction():
        store.database.execute("insert into cursors values ('ops', 1, 1)")
    assert store.database.row("select count(*) from cursors") == (1,)


def test_a_report_that_cannot_be_made_leaves_the_drill_as_it_was(store):
    stored = store.create(drill())

    with pytest.raises(ZeroDivisionError):
        store.finish(finished().evolve(version=stored.version), lambda _: str(1 / 0))

    assert store.load("d-1") == stored
    assert [left.id for left in store.unfinished()] == ["d-1"]


def test_moments_sort_as_texts_whatever_their_zone_and_fraction():
    rising = [
        NOW,
        NOW + timedelta(microseconds=1),
        (NOW + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=-11))),
        (NOW + timedelta(seconds=1, microseconds=500)).astimezone(timezone(timedelta(hours=14))),
        NOW + timedelta(seconds=2),
    ]

    texts = [moments.stamp(at) for at in rising]
    assert sorted(texts) == texts
    assert [moments.moment(text) for text in texts] == rising


def test_readings_are_kept_of_the_baseline_and_of_the_newest_drills(tmp_path):
    store = SqliteStore(tmp_path / "history.sqlite")
    for number in range(40):
        at = NOW + timedelta(days=number)
        verdict = Verdict.VERIFIED if number == 2 else Verdict.FAILED
        drill = store.create(
            finished().evolve(
                id=f"d-{number}", verdict=verdict, finished_at=at, readings="x" * 100, version=0
            )
        )
        store.finish(drill, lambda link: f'{{"chain": {{"sequence": {link.sequence}}}}}')

    kept = [n for n in range(40) if store.load(f"d-{n}").readings]
    store.close()

    assert kept == [2, *range(10, 40)]


def modes_of(path):
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("*.sqlite*")}


def private(*ends):
    return {f"history.sqlite{end}": 0o600 for end in ends}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_history_and_its_journals_are_readable_by_their_owner_alone(path, umask):
    path.parent.mkdir(mode=0o755)
    before = os.umask(umask)
    try:
        store = SqliteStore(path)
        put(store, 1)
        seen = modes_of(path)
        store.close()
    finally:
        os.umask(before)

    assert seen == private("", "-wal", "-shm")


def test_a_history_that_others_could_read_is_made_private_once_and_that_is_told(path, capsys):
    logs.configure()
    store = SqliteStore(path)
    put(store, 1)
    for file in path.parent.iterdir():
        file.chmod(0o644)

    second = SqliteStore(path)
    third = SqliteStore(path)

    assert modes_of(path) == private("", "-wal", "-shm")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in told] == ["history.made_private"] * 3
    assert {line["mode"] for line in told} == {"644"}
    put(second, 2), put(store, 3), put(third, 4)
    for each in (store, second, third):
        each.close()


def a_text(path):
    path.write_text("remember the milk")


def a_folder(path):
    path.mkdir()
    (path / "shop.dump").touch()


def an_application(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("create table orders (id int)")


@pytest.mark.parametrize("made", [a_text, a_folder, an_application], ids=lambda f: f.__name__)
def test_what_is_no_history_is_refused_and_stays_as_it_is(path, made):
    path.parent.mkdir(parents=True, exist_ok=True)
    made(path)
    path.chmod(0o755)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(StoreError, match="could not open the history"):
        SqliteStore(path)

    assert path.stat().st_mode & 0o777 == 0o755
    assert before == (path.read_bytes() if path.is_file() else b"")
    assert [*path.parent.iterdir()] == [path]


def test_making_a_history_private_takes_no_lock_away_from_who_holds_it(path, store):
    """A process that closes a file lets go of all its locks on it, also those of other connections."""
    put(store, 1)
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("begin immediate")
    path.chmod(0o644)
    SqliteStore(path).close()

    other = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('begin immediate')"
    )
    done = subprocess.run(
        [sys.executable, "-c", other, str(path)], capture_output=True, text=True, check=False
    )

    held.close()
    assert "locked" in done.stderr


def test_a_slot_with_a_reason_why_it_was_not_drilled_gets_no_drill(store):
    Agenda(store.database).settle("courses", NOW, "missed", NOW)

    with pytest.raises(DrillConflictError, match="is settled: missed"):
        store.create(drill(id="d-1", scheduled_for=NOW))

    assert store.unfinished() == ()
    store.create(drill(id="d-2", scheduled_for=NOW + timedelta(days=1)))
