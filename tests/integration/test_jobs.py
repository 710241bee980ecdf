"""Jobs in a real PostgreSQL, with Procrastinate: what waits, what is put back, and what can never be in the way."""

import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest

from restorecheck.dispatch.again import Again
from restorecheck.errors import StoreError
from restorecheck.postgres.history.database import PostgresDatabase
from tests.acceptance.test_workers import need_procrastinate
from tests.contract.postgres_store import empty, url_of
from tests.factories import NOW


@pytest.fixture
def room():
    need_procrastinate()
    from restorecheck.dispatch import jobs  # noqa: PLC0415  # an extra

    return jobs


@pytest.fixture
def url(history_server):
    empty(history_server)
    return url_of(history_server)


@pytest.fixture
def database(url):
    with closing(PostgresDatabase(url)) as made:
        yield made


def states(database):
    return database.rows("select status::text, queue_name from procrastinate_jobs order by id")


def work(room, url, drill, *, queues=("shop",), times=1):
    """Works until `drill` was called so often, or a minute is over."""
    calls = []

    def noted(name):
        calls.append(name)
        drill(len(calls))

    end = time.monotonic() + 60
    jobs = room.Jobs(
        url,
        queues=queues,
        name="alpha",
        concurrency=2,
        dead_after=timedelta(seconds=2),
        drill=noted,
    )
    jobs.work(lambda: len(calls) >= times or time.monotonic() > end)
    return calls


def nothing(_number):
    pass


def test_one_job_of_a_target_waits_however_often_it_is_handed_over(room, url, database):
    deferrer = room.Deferrer(url)
    for name in ("shop", "shop", "crm"):
        assert deferrer.defer(name, NOW) == ""

    assert states(database) == [("todo", "shop"), ("todo", "crm")]


def test_a_worker_takes_the_jobs_of_its_targets_alone(room, url, database):
    for name in ("shop", "crm"):
        room.Deferrer(url).defer(name, NOW)

    assert work(room, url, nothing) == ["shop"]
    assert states(database) == [("succeeded", "shop"), ("todo", "crm")]


def test_a_job_that_is_to_be_done_later_is_done_again(room, url, database):
    room.Deferrer(url).defer("shop", NOW)

    def twice(number):
        if number == 1:
            raise Again(timedelta(0))

    assert work(room, url, twice, times=2) == ["shop", "shop"]
    assert states(database) == [("succeeded", "shop")]


def test_a_job_whose_history_was_lost_waits_in_its_queue(room, url, database):
    room.Deferrer(url).defer("shop", NOW)

    def lost(_number):
        raise StoreError("could not write")

    work(room, url, lost)

    assert states(database) == [("todo", "shop")]


def test_the_job_of_a_dead_worker_is_put_back(room, url, database):
    room.Deferrer(url).defer("shop", NOW)
    database.execute("update procrastinate_jobs set status = 'doing'")

    assert work(room, url, nothing) == ["shop"]


def test_the_job_of_a_dead_worker_is_not_in_the_way_of_a_later_one(room, url, database):
    room.Deferrer(url).defer("shop", NOW)
    database.execute("update procrastinate_jobs set status = 'doing'")
    room.Deferrer(url).defer("shop", NOW)
    assert states(database) == [("doing", "shop"), ("todo", "shop")]

    assert work(room, url, nothing) == ["shop"]
    assert states(database) == [("succeeded", "shop")]


def test_hosts_that_prepare_the_tables_at_once_make_them_once(room, url, database):
    errors = []

    def prepare():
        try:
            with closing(PostgresDatabase(url)) as own:
                room.prepare(own)
        except StoreError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(database.rows("select * from procrastinate_migrated")) == 1


def test_a_history_that_is_not_there_is_told(room, tmp_path):
    with pytest.raises(StoreError):
        room.Deferrer(f"postgresql://keeper@/library?host={tmp_path}").defer("shop", NOW)
