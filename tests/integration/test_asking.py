"""A checker before a real server: who answers, for how long it is waited, and what it may do."""

import os
import signal
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.errors import DatabaseUnreachableError, ProviderError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.process.signals import Interrupted
from restorecheck.model import CheckOutcome, CheckSpec, Endpoint
from restorecheck.ports import Inquiry
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.scan import checker as checking
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session.connection import bounded, plainly, rolled_back
from restorecheck.postgres.session.opening import by_system_identifier, connect, identity_of
from tests import pg

MINUTE = timedelta(minutes=1)


def endpoint(source, **changes):
    with cluster.superuser_connection(source.places) as connection:
        identity = identity_of(connection)
    made = Endpoint(
        identity=identity,
        host=str(source.places.sockets),
        port=cluster.PORT,
        user="postgres",
        databases=("postgres",),
    )
    return replace(made, **changes)


def query(sql, timeout=MINUTE):
    options = {"sql": sql, "expect": {"not_empty": True}}
    return CheckSpec(name="asked", kind="query", options=options, timeout=timeout)


def ask(checker, where, spec, left=MINUTE):
    until = SystemClock().now() + left
    (result,) = checker.run(Inquiry(endpoint=where, pending=(spec,), until=until)).results
    return result


@pytest.fixture
def checker():
    made = PostgresChecker(by_system_identifier(connect), SystemClock())
    yield made
    made.close()


def test_a_server_that_is_not_the_one_that_was_made_is_asked_nothing(source, checker):
    elsewhere = endpoint(source, identity="7000000000000000000/5")

    with pytest.raises(DatabaseUnreachableError, match="another server answers"):
        ask(checker, elsewhere, query("select 1"))


def test_another_database_of_the_same_server_is_not_the_one_that_was_made(source, checker):
    other = endpoint(source, databases=("library",))

    with pytest.raises(DatabaseUnreachableError, match="another server answers"):
        ask(checker, other, query("select 1"))


def test_a_question_has_no_more_time_than_its_drill(source, checker):
    where = endpoint(source)

    late = ask(checker, where, query("select pg_sleep(30)"), left=timedelta(seconds=0.5))
    never = ask(checker, where, query("select 1"), left=timedelta(0))

    assert late.outcome is CheckOutcome.ERROR
    assert late.detail.startswith("no answer within 0."), "what was left of half a second"
    assert (never.outcome, never.detail) == (CheckOutcome.ERROR, "no time was left for this check")


@pytest.mark.allow_hosts(["127.0.0.1"])  # cutting wraps the connection's descriptor in a socket
@pytest.mark.timeout(60)  # seconds; what it is about is that it ends
def test_a_server_that_stands_still_is_not_waited_for(source, monkeypatch):
    """Its own timeout is of no use then: the connection is cut on this side."""
    monkeypatch.setattr(checking, "GRACE", timedelta(seconds=0.2))
    stopped: list[int] = []

    def stopping(where, database):
        connection = by_system_identifier(connect)(where, database)
        if database == "postgres" and not stopped:
            stopped.append(pg.outside(source, connection.info.backend_pid))
            os.kill(stopped[0], signal.SIGSTOP)
        return connection

    checker = PostgresChecker(stopping, SystemClock())
    where = endpoint(source)
    try:
        first = ask(checker, where, query("select 1", timeout=timedelta(seconds=0.3)))
        second = ask(checker, where, query("select 1"))
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        checker.close()

    assert (first.outcome, first.detail) == (CheckOutcome.ERROR, "no answer within 0.3 s")
    assert second.outcome is CheckOutcome.PASSED, "a connection that was cut is not used again"


@pytest.mark.parametrize("block", [plainly, lambda c: rolled_back(c, MINUTE)])
def test_an_interrupt_in_the_middle_of_a_statement_stays_one(source, block):
    """Rolling back fails then: another statement is under way."""
    with cluster.superuser_connection(source.places) as connection:
        with pytest.raises(Interrupted):
            interrupt_within(block, connection)
        connection.close()


def interrupt_within(block, connection):
    with block(connection):
        connection.pgconn.send_query(b"select pg_sleep(20)")
        raise Interrupted(signal.SIGINT)


def test_the_end_of_the_time_comes_to_nothing_where_the_connection_was_closed_before(source):
    """Sockets are forbidden here: a watch that wants to cut fails this test from its own thread."""
    connection = cluster.superuser_connection(source.places)
    before = set(threading.enumerate())
    bounded(connection, timedelta(seconds=0.05)).close()

    for watch in set(threading.enumerate()) - before:
        watch.join(10)

    assert set(threading.enumerate()) <= before


def test_an_answer_of_a_server_that_was_killed_meanwhile_is_none(source):
    checker = PostgresChecker(
        by_system_identifier(connect), SystemClock(), killed=lambda _: "it was killed"
    )
    try:
        with pytest.raises(ProviderError, match="it was killed"):
            ask(checker, endpoint(source), query("select 1"))
    finally:
        checker.close()


@pytest.mark.parametrize(
    "sql",
    [
        "create table public.made ()",
        "with gone as (delete from public.kept returning 1) select * from gone",
        "select setval('public.counted', 9)",
    ],
)
def test_a_question_changes_nothing_even_of_a_superuser(source, checker, sql):
    source.sql(
        "create table if not exists kept (id int); create sequence if not exists counted",
        "postgres",
    )

    result = ask(checker, endpoint(source), query(sql))

    assert result.outcome is CheckOutcome.ERROR
    assert "a check may only read" in result.detail


def test_roles_of_a_dump_keep_no_right_that_they_had_for_the_load(source):
    """Their functions may run with their owner's rights, whoever calls them."""
    with cluster.superuser_connection(source.places) as connection:
        try:
            preparation.make_roles(connection, ["of the dump"], "UTF8")
            during = rights(connection)
            preparation.demote_roles(connection)
            after = rights(connection)
        finally:
            connection.execute('drop role if exists "of the dump"')

    assert (during, after) == ((True, False), (False, False))


def rights(connection):
    return connection.execute(
        "select rolsuper, rolcanlogin from pg_roles where rolname = 'of the dump'"
    ).fetchone()
