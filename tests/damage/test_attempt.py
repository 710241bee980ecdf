"""The nights that any dump can be held against are nights that a database can have."""

from datetime import timedelta

import pytest

from tests import pg
from tests.damage.proving import admit_checker
from tests.reading import alarms, ask, connection_to, database
from tests.shapes import SHAPES, attempt, moment
from tests.shapes.growing import Grower

ROLES = "create role app_read nologin; create role app_user nologin"


@pytest.fixture(scope="module")
def source():
    with pg.running(min(pg.installations(), key=lambda i: i.major), schema=ROLES) as made:
        admit_checker(made, "postgres")
        yield made


def test_days_add_change_and_take_away_and_break_no_rule_of_the_database(source):
    with database(source, "music", SHAPES["music"].schema) as name:
        with connection_to(source, name) as connection:
            grower = Grower(connection)
            before = grower.rows
            for night in range(1, 4):
                grower.day(moment(night))
            grower.one_more_everywhere(moment(4))
            grown = grower.rows
            lost = grower.purge()
            counted = connection.execute('select count(*) from "Track"').fetchone()

        found, _ = ask(source, name)
        assert alarms(found) == {}
        assert grown > before
        assert grower.rows < grown
        assert lost
        assert counted == (next(t.rows for t in grower.tables.values() if t.name == "Track"),)


def test_a_snapshot_of_long_ago_can_be_made_to_live(source):
    with database(
        source, "old", "create table seen (id int primary key, at date, until date)"
    ) as name:
        source.sql(
            "insert into seen select g, date '2019-01-01' + g, '9999-01-01' from generate_series(1, 200) g",
            name,
        )
        with connection_to(source, name) as connection:
            Grower(connection).live_until(moment(0))

            rows = connection.execute("select max(at), max(until)::text from seen").fetchall()

        ((newest, never),) = rows
        assert never == "9999-01-01"
        assert timedelta(0) <= moment(0).date() - newest <= timedelta(days=1)


def test_an_attempt_says_which_checks_fail_on_which_nights(source, tmp_path, capsys):
    with database(source, "ledger", "create table paid (amount int, at timestamptz)") as name:
        source.sql(
            "insert into paid select 1 + g % 50, timestamptz '2020-01-01' + g * interval '1 day'"
            " from generate_series(1, 300) g;"
            "create function grow() returns trigger language plpgsql as 'begin new.amount = 900000; return new; end';"
            "create trigger grow before insert on paid for each row execute function grow();"
            "alter table paid enable always trigger grow",
            name,
        )
        dump = source.dump(tmp_path / "ledger.dump", "-Fc", database=name)

    code = attempt.main([str(dump), "--as", "living", "--nights", "3", "--no-proof"])

    told = capsys.readouterr().out
    assert code == 1
    assert "FAILED range of amount of public.paid" in told
