"""The history in PostgreSQL: its tables, lost connections, hosts at once, rights, and a long history."""

import re
import threading
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from restorecheck import config as configuration
from restorecheck.errors import BusyError, DrillConflictError, StoreError
from restorecheck.history import flaws
from restorecheck.hosts.cli import doctor
from restorecheck.hosts.drill.standings import newest_reports, notes_of, statuses_of
from restorecheck.postgres.history import migration
from restorecheck.postgres.history.database import PostgresDatabase, place_of
from restorecheck.postgres.history.leases import Leases
from restorecheck.postgres.server import cluster
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore
from tests.contract.postgres_store import empty, postgres_store, url_of
from tests.factories import NOW, drill, finished


@pytest.fixture
def store(history_server):
    with postgres_store(history_server) as made:
        yield made


@pytest.fixture
def administrator(history_server):
    with cluster.superuser_connection(history_server.places, "library") as connection:
        yield connection


def put(store, number, target="courses"):
    done = finished().evolve(id=f"d-{number}", target=target)
    stored = store.create(drill(id=f"d-{number}", target=target))
    store.finish(done.evolve(version=stored.version), chained)


def chained(link):
    sequence, before = link.sequence, link.previous_sha256
    return f'{{"chain": {{"sequence": {sequence}, "previous_sha256": "{before}"}}}}'


def cut_off(administrator):
    """Ends every connection of the history's role, as a restart or a cut network does."""
    administrator.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'keeper'"
    )


def together(*acts):
    """All at once; returns the errors."""
    errors = []
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            act()
        except Exception as exc:  # noqa: BLE001  # each is told
            errors.append(exc)

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_hosts_that_open_a_new_history_at_once_make_its_tables_once(history_server):
    empty(history_server)

    errors = together(*[lambda: PostgresDatabase(url_of(history_server)).close()] * 6)

    assert errors == []
    with closing(PostgresDatabase(url_of(history_server))) as database:
        assert database.rows("select version from format") == [(migration.VERSION,)]


def test_a_history_of_a_newer_version_is_refused(history_server, store, administrator):
    administrator.execute("update restorecheck.format set version = version + 1")

    with pytest.raises(StoreError, match="a newer restorecheck wrote it") as caught:
        PostgresDatabase(url_of(history_server))

    assert "Upgrade restorecheck" in caught.value.hint


def test_reports_of_hosts_that_write_at_once_are_one_chain(history_server, store):
    def write(host):
        with closing(PostgresDatabase(url_of(history_server))) as database:
            for number in range(10):
                put(SqlStore(database), f"{host}-{number}")

    errors = together(*[lambda host=host: write(host) for host in range(4)])

    assert errors == []
    assert [entry.sequence for entry in store.entries()] == list(range(1, 41))
    assert list(flaws(store.stored())) == []


def test_of_two_hosts_that_drill_for_one_slot_one_is_refused(history_server, store):
    def begin(host):
        with closing(PostgresDatabase(url_of(history_server))) as database:
            SqlStore(database).create(drill(id=f"d-{host}", scheduled_for=NOW))

    errors = together(*[lambda host=host: begin(host) for host in range(4)])

    assert [type(error) for error in errors] == [DrillConflictError] * 3
    assert store.drill_of_slot("courses", NOW) == store.unfinished()[0].id


def test_a_lost_connection_is_one_error_and_the_same_call_works_again(store, administrator):
    stored = store.create(drill())
    cut_off(administrator)

    with pytest.raises(StoreError, match="could not write the history") as caught:
        store.save(stored)

    assert "can be tried again" in caught.value.hint
    assert store.save(stored).version == stored.version + 1


def test_a_connection_lost_in_the_middle_of_a_report_leaves_the_drill_as_it_was(
    store, administrator
):
    stored = store.create(drill())

    def compose(link):
        cut_off(administrator)
        return chained(link)

    done = finished().evolve(version=stored.version)
    with pytest.raises(StoreError):
        store.finish(done, compose)

    assert store.load("d-1") == stored
    assert store.entries() == ()
    store.finish(done, chained)
    assert len(store.entries()) == 1


def test_what_fails_in_the_middle_is_not_there_at_all(store):
    def half():
        with store.database.transaction():
            store.database.execute("insert into cursors values ('ops', 1, 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()

    assert store.database.row("select count(*) from cursors") == (0,)


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path):
    url = f"postgresql://keeper:s3cret@/nights?host={tmp_path}"

    with pytest.raises(StoreError) as caught:
        PostgresDatabase(url)

    assert f"could not open the history {tmp_path}:5432/nights" in caught.value.message
    assert "s3cret" not in caught.value.message + caught.value.hint
    assert place_of("postgresql://a:b@db.example:6432/nights") == "db.example:6432/nights"


def test_a_role_without_its_schema_is_told_the_statement_that_makes_it(
    history_server, administrator
):
    administrator.execute("drop schema if exists restorecheck cascade")

    with pytest.raises(StoreError, match="permission denied for database library") as caught:
        PostgresDatabase(url_of(history_server))

    assert "create schema restorecheck authorization" in caught.value.hint


def test_a_role_that_may_only_read_can_ask_and_cannot_write(history_server, store, administrator):
    put(store, 1)
    administrator.execute(
        "drop role if exists reader; create role reader login;"
        "grant usage on schema restorecheck to reader;"
        "grant select on all tables in schema restorecheck to reader"
    )
    try:
        with closing(PostgresDatabase(url_of(history_server, role="reader"))) as database:
            reader = SqlStore(database)
            assert [entry.drill_id for entry in reader.entries()] == ["d-1"]
            with pytest.raises(StoreError, match="permission denied for table drills"):
                reader.create(drill(id="d-2"))
    finally:
        administrator.execute("drop owned by reader; drop role reader")


@pytest.mark.parametrize(
    "statement",
    [
        "update reports set report = 'another'",
        "update reports set report = null",
        "delete from reports",
        "update reports set sha256 = 'x', report = null, pruned_at = '2026'",
    ],
)
def test_a_report_once_written_cannot_be_changed_by_accident(store, statement):
    put(store, 1)

    with pytest.raises(psycopg.errors.RaiseException, match=r"a report (never|is never)"):
        store.database.execute(statement)


def leases(database, host):
    return Leases(database, host=host, holder=host, lasts=LASTS)


def test_a_lease_has_one_holder_until_it_is_given_back_or_ends(history_server, store):
    alpha, beta = leases(store.database, "alpha"), leases(store.database, "beta")
    alpha.take("drill d-1")

    with pytest.raises(BusyError, match="the host alpha has the lease"):
        beta.take("drill d-1")
    assert store.database.holder("drill d-1") == "alpha"
    Leases(store.database, host="alpha", holder="after a restart", lasts=LASTS).take("drill d-1")
    assert alpha.renew() == 0, "its process is dead"
    alpha.take("drill d-1")
    assert alpha.renew() == 1

    end = "update leases set until = until - make_interval(secs => ?)"
    store.database.execute(end, (LASTS.total_seconds() + 1,))
    assert store.database.holder("drill d-1") is None, "its host is dead"
    beta.take("drill d-1")
    assert alpha.renew() == 0
    alpha.give_back("drill d-1")
    assert store.database.holder("drill d-1") == "beta"
    beta.give_back("drill d-1")
    assert store.database.holder("drill d-1") is None


def test_hosts_take_turns(history_server, store):
    with (
        closing(PostgresDatabase(url_of(history_server))) as other,
        store.database.turn("messages"),
    ):
        with pytest.raises(BusyError, match="another host"), other.turn("messages", wait=False):
            pass
        with other.turn("news", wait=False):
            pass
    with closing(PostgresDatabase(url_of(history_server))) as other, other.turn("messages"):
        pass


def test_a_turn_ends_with_its_connection(history_server, store, administrator):
    with store.database.turn("messages"):
        cut_off(administrator)

        with pytest.raises(StoreError):
            store.create(drill())
        with (
            closing(PostgresDatabase(url_of(history_server))) as other,
            other.turn("messages", wait=False),
        ):
            pass


LASTS = timedelta(minutes=2)

AT = "to_char(timestamp '2020-01-01' + n * interval '1 minute', 'YYYY-MM-DD\"T\"HH24:MI:00.000000+00:00')"
LONG = f"""
insert into restorecheck.drills
  select 'd-' || n, 'target-' || n % 500, 9, {AT}, {AT}, 1, 0, '' from generate_series(1, 250000) n;
insert into restorecheck.reports
  select n, 'd-' || n, 'target-' || n % 500, 'verified', {AT}, {AT}, {AT}, 0, 1, 'x', 'x', null, 'newest', 'text'
  from generate_series(1, 250000) n;
insert into restorecheck.slots
  select 'target-' || n % 500, {AT}, null, null, null from generate_series(1, 250000) n;
analyze restorecheck.drills; analyze restorecheck.reports; analyze restorecheck.slots;
"""


def test_no_question_of_a_night_reads_a_whole_history_of_250_000_reports(
    store, administrator, tmp_path
):
    administrator.execute(LONG)
    asked = []
    really = store.database._cursor

    def noted(statement, parameters=()):
        asked.append((statement, tuple(parameters)))
        return really(statement, parameters)

    store.database._cursor = noted
    store.standing("target-7"), store.entries(newest=30), store.entries(after=249_990)
    store.entries(target="target-7", newest=30), store.unfinished(), store.with_leftovers()
    store.texts("target-7", until=NOW, newest=9), store.drill_of_slot("target-7", NOW)
    put(store, "new", target="target-7")
    agenda = Agenda(store.database)
    agenda.settled(), agenda.skips(settled_after=3)
    agenda.slots("target-7", NOW - timedelta(days=1), NOW)
    agenda.open("target-7"), agenda.waiting(NOW)
    # `status`, the pages, and the metrics:
    targets = "".join(f"  - {{name: target-{n}, dump: {{path: b}}}}\n" for n in range(3))
    text = f"version: 1\ntargets:\n{targets}"
    config = configuration.parse(text, file="r", directory=tmp_path, environment={"HOME": "/"})
    statuses = statuses_of(config, store, tmp_path, NOW)
    list(newest_reports(store, statuses)), notes_of(store, NOW)

    del store.database._cursor
    for statement, parameters in asked:
        if statement.startswith(("select", "update")):
            plan = "\n".join(
                line for (line,) in store.database.rows(f"explain {statement}", parameters)
            )
            # Of messages only those of the last days are kept: that table stays small.
            assert not re.search(r"Seq Scan on (drills|reports|slots)\b", plan), plan


def test_doctor_knows_the_newest_verified_backup_of_it(store, history_server, tmp_path):
    put(store, 1)
    text = (
        f"version: 1\nhistory: {{url: '{url_of(history_server)}'}}\n"
        "targets:\n  - {name: courses, dump: {path: b}}\n  - {name: shop, dump: {path: c}}\n"
    )
    config = configuration.parse(text, file="r", directory=tmp_path, environment={"HOME": "/"})

    assert doctor._proven(config, config.targets) == {
        "courses": store.load("d-1").backup.identifier
    }


def test_a_slot_with_a_reason_why_it_was_not_drilled_gets_no_drill(store):
    Agenda(store.database).settle("courses", NOW, "missed", NOW)

    with pytest.raises(DrillConflictError, match="is settled: missed"):
        store.create(drill(id="d-1", scheduled_for=NOW))

    assert store.unfinished() == ()
    store.create(drill(id="d-2", scheduled_for=NOW + timedelta(days=1)))
