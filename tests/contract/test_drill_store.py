"""What every drill store promises; one suite, every store."""

from datetime import timedelta

import pytest

from restorecheck.errors import DrillConflictError, NotFoundError
from restorecheck.lifecycle import Ready, apply
from restorecheck.sqlite.store import SqliteStore
from restorecheck.testing import MemoryStore, World
from tests.contract.aws_store import simulated_store
from tests.contract.postgres_store import postgres_store
from tests.factories import NOW, SERVER, drill, finished, restored


@pytest.fixture(params=["memory", "sqlite", "postgresql", "aws"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore(World())
    elif request.param == "aws":
        with simulated_store() as made:
            yield made
    elif request.param == "postgresql":
        with postgres_store(request.getfixturevalue("history_server")) as made:
            yield made
    else:
        sqlite = SqliteStore(tmp_path / "state" / "history.sqlite")
        yield sqlite
        sqlite.close()


def test_a_drill_comes_back_as_it_was_stored(store):
    stored = store.create(restored().evolve(ledger=(SERVER,)))

    assert store.load("d-1") == stored


def test_an_id_can_be_taken_once(store):
    store.create(drill())

    with pytest.raises(DrillConflictError):
        store.create(drill())


def test_an_unknown_drill_is_not_found(store):
    with pytest.raises(NotFoundError):
        store.load("d-9")


def test_a_save_counts_the_version_up(store):
    stored = store.create(drill())

    saved = store.save(apply(stored, Ready(), NOW))

    assert saved.version == stored.version + 1
    assert store.load("d-1") == saved


def test_the_second_of_two_hosts_that_save_the_same_version_is_refused(store):
    stored = store.create(drill())
    store.save(apply(stored, Ready(), NOW))

    with pytest.raises(DrillConflictError):
        store.save(apply(stored, Ready(), NOW + timedelta(seconds=1)))


def test_a_finished_drill_has_its_report_and_is_no_longer_unfinished(store):
    stored = store.create(drill())
    assert [d.id for d in store.unfinished()] == ["d-1"]

    store.finish(finished().evolve(version=stored.version), lambda _: '{"the": "report"}')

    assert store.unfinished() == ()
    assert store.report("d-1") == '{"the": "report"}'
    assert store.load("d-1").finished


def test_a_report_is_written_once(store):
    stored = store.create(drill())
    saved = store.finish(finished().evolve(version=stored.version), lambda _: "first")

    with pytest.raises(DrillConflictError):
        store.finish(saved, lambda _: "second")

    assert store.report("d-1") == "first"
    assert store.load("d-1") == saved


def test_a_drill_without_a_report_has_none(store):
    store.create(drill())

    with pytest.raises(NotFoundError):
        store.report("d-1")


def test_leftovers_of_finished_drills_are_found_until_they_are_struck_off(store):
    stored = store.create(drill())
    left = finished().evolve(version=stored.version, ledger=(SERVER,))
    saved = store.finish(left, lambda _: "report")
    assert [d.id for d in store.with_leftovers()] == ["d-1"]
    assert store.unfinished() == (), "it has its report"

    store.save(saved.evolve(ledger=()))

    assert store.with_leftovers() == ()


def test_unfinished_drills_come_in_the_order_in_which_they_began_and_without_leftovers(store):
    for number, hours in enumerate((2, 1, 1, 0)):
        began = NOW + timedelta(hours=hours)
        store.create(drill(id=f"d-{9 - number}", started_at=began, ledger=(SERVER,)))

    assert [d.id for d in store.unfinished()] == ["d-6", "d-7", "d-8", "d-9"]
    assert store.with_leftovers() == (), "what runs has left nothing"
