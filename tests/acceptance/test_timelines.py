"""Archives of two timelines, with holes where they part, and with WAL of one under the names of the other; of each kind of backup."""

import pytest

from tests.acceptance import forked, pgbackrest
from tests.acceptance.test_barman import NEW
from tests.missing import needs

pytestmark = [
    needs(pgbackrest.PROGRAM, "pgbackrest", "apt-get install pgbackrest"),
    needs(pgbackrest.newest_major(), "PostgreSQL 15", "apt-get install postgresql-15"),
    needs(NEW.exists(), "barman 3.19", "see .ci/run: pip install barman in .venv/barman"),
]
OLD, NEWER = 1, 2
LAST = forked.SEGMENTS - 1


@pytest.fixture(scope="module")
def made():
    with forked.forked() as found:
        yield found


@pytest.fixture(params=forked.KINDS)
def shelf(world, made, request):
    return forked.KINDS[request.param](world, made)


def first_of_the_new(shelf):
    shelf.find(NEWER, 0).unlink()


def second_of_the_new(shelf):
    shelf.find(NEWER, 1).unlink()


def last_before_the_fork(shelf):
    shelf.find(OLD, -1).unlink()


def history(shelf):
    for path in shelf.archive.rglob("00000002.history*"):
        path.unlink()


def old_content_in_the_new(shelf):
    shelf.put((OLD, 1), (NEWER, 1))


def old_content_at_the_end_of_the_new(shelf):
    shelf.put((OLD, LAST), (NEWER, LAST))


def old_content_at_the_fork(shelf):
    shelf.put((OLD, 0), (NEWER, 0))


def only_the_old(shelf, *, but):
    """As if nobody had been promoted; one segment has the content of the other timeline."""
    shelf.put((NEWER, but), (OLD, but))
    shelf.drop_timeline(NEWER)


def new_content_in_the_old(shelf):
    only_the_old(shelf, but=1)


def new_content_at_the_end_of_the_old(shelf):
    only_the_old(shelf, but=LAST)


def new_content_at_the_fork_of_the_old(shelf):
    only_the_old(shelf, but=0)


def new_content_at_the_fork_and_nothing_behind(shelf):
    only_the_old(shelf, but=0)
    for behind in range(1, forked.SEGMENTS):
        shelf.find(OLD, behind).unlink()


def wal_of_another_cluster(shelf):
    shelf.of_another_cluster(NEWER)


DAMAGES = (
    wal_of_another_cluster,
    first_of_the_new,
    second_of_the_new,
    last_before_the_fork,
    history,
    old_content_in_the_new,
    old_content_at_the_end_of_the_new,
    old_content_at_the_fork,
    new_content_in_the_old,
    new_content_at_the_end_of_the_old,
    new_content_at_the_fork_of_the_old,
    new_content_at_the_fork_and_nothing_behind,
)


def test_recovery_follows_the_newest_timeline(shelf, made):
    code, report = shelf.drill(made.rows[NEWER])

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert "on timeline 2" in "\n".join(report["notes"])


def test_a_timeline_that_nobody_left_is_recovered_to_its_end(shelf, made):
    shelf.drop_timeline(NEWER)

    code, report = shelf.drill(made.rows[OLD])

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_hole_or_wal_of_the_other_timeline_fails(shelf, damage):
    damage(shelf)

    code, report = shelf.drill()

    print(damage.__name__, report["reason"])
    assert (code, report["verdict"]) == (1, "failed"), (report["reason"], report["notes"])
    assert report["teardown"]["outcome"] == "complete"
