"""Physical backups of unusual clusters, whole and damaged: what they hold never counts against them, and does nothing."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.acceptance.physical import Yard
from tests.acceptance.ready import COMMAND
from tests.chosen import chosen
from tests.missing import LINUX, needs
from tests.production import age, flip, majors, producing

MAJORS = majors()
REFUSING = Path(__file__).with_name("refusing.py")
TRACE = "create table traces (at timestamptz default now())"
HOSTILE = """
create function spread() returns event_trigger language plpgsql as $$ begin
  copy (select 1) to program 'touch {left}';
end $$
"""


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def odd(request):
    """Another superuser, no checksums, a locale of ICU, and all that a cluster keeps for its own server."""
    icu = "/usr/lib" in str(MAJORS[request.param].bin_dir)  # built by Debian with it
    options = ["--locale-provider=icu", "--icu-locale=en"] if icu and request.param >= 15 else []
    with producing(
        MAJORS[request.param], *options, superuser="dba", checksums=False,
        max_prepared_transactions="10", wal_level="logical", max_connections="300",
    ) as made:  # fmt: skip
        made.sql("alter role dba set default_transaction_read_only = on")
        yield made


class Odd(Yard):
    def __init__(self, world, production):
        self.world, self.production = world, production

    def run(self, *statements):
        for statement in statements:
            with self.production.connected() as connection:
                connection.execute("set default_transaction_read_only = off")
                connection.execute(statement)

    def back_up(self):
        shutil.copytree(self.production.backup("odd"), self.full)
        shutil.rmtree(self.production.backups / "odd")
        age(self.full)

    def drill_odd(self, keys="superuser: dba", checks="[]", target=""):
        self.configure(
            physical=f"{{kind: basebackup, path: backups, {keys}}}", checks=checks, target=target
        )
        return self.world.drill()


@pytest.fixture
def yard(world, odd):
    return Odd(world, odd)


def test_an_unusual_cluster_is_verified(yard):
    yard.run(
        "create unlogged table fast (id int)",
        "insert into fast values (1)",
        "create table held (id int primary key)",
        "insert into held values (1)",
    ) if yard.production.sql("select to_regclass('held')") == [(None,)] else None
    yard.run("begin; lock table held; insert into held values (2); prepare transaction 'pending'")
    yard.back_up()
    yard.run("rollback prepared 'pending'")

    code, report = yard.drill_odd(checks="[{row_count: {table: held, equals: 1, database: shop}}]")

    notes = "\n".join(report["notes"])
    assert (code, report["verdict"]) == (0, "verified"), (report["reason"], report["checks"])
    assert "1 prepared transactions of the backup were rolled back in the copy" in notes
    assert "unlogged tables are empty" in notes
    assert {c["outcome"] for c in report["checks"]} <= {"passed", "skipped"}, report["checks"]


def test_a_constraint_that_the_time_zone_decides_is_no_failure(yard):
    yard.run(
        "create table price (at timestamptz check (at::date >= date '2020-01-01'))",
        "set timezone = 'Europe/Berlin'; insert into price values ('2020-01-01 00:30:00+01')",
    )
    yard.back_up()
    yard.run("drop table price")

    code, report = yard.drill_odd()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "1 row breaks price_at_check, which may depend on settings" in report["reason"]


def test_without_the_superuser_the_hint_names_the_key(yard):
    yard.back_up()

    code, report = yard.drill_odd(keys="max_age_hours: 100")

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "accepts no connection as postgres" in report["reason"]
    assert "physical.superuser" in report["hint"]


OF_ITS_OWN = (
    "create role boss superuser",
    "create role chief superuser login createdb connection limit 3",
    "alter role chief in database shop set work_mem = '8MB'",
    "alter role chief set session_preload_libraries = 'nothing'",
    "alter database shop connection limit 50",
    "alter database shop set default_transaction_read_only = on",
    "grant create on database shop to public",
    "create extension amcheck",
    "create extension pg_visibility",
    "create role restorecheck_checker login",
    "grant select on big to restorecheck_checker",
    "create function even(int) returns bool immutable language sql return $1 % 2 = 0",
    "revoke execute on function even from public",
    "create table evens (id int check (even(id)))",
    "create foreign data wrapper nothing",
    "create server elsewhere foreign data wrapper nothing",
    "create user mapping for chief server elsewhere options (password 'secret')",
    "create user mapping for public server elsewhere options (password 'none')",
    "create subscription others connection 'host=/nowhere dbname=x' publication all_of_it with (connect = false)",
    "create publication ours for all tables",
    "create materialized view counted as select count(*) from big",
    "create unlogged table quick (id int)",
    "create function nothing() returns event_trigger language plpgsql as $$ begin end $$",
    "create event trigger nothing on ddl_command_end execute function nothing()",
    "alter event trigger nothing enable always",
    "comment on role boss is 'the boss'",
)
"""What a restored copy has less of, or is kept from doing, and what restorecheck makes in it itself."""
AWAY_AGAIN = (
    "alter subscription others disable; alter subscription others set (slot_name = none); drop subscription others",
    "drop event trigger nothing; drop function nothing; drop publication ours; drop table quick",
    "drop materialized view counted; drop server elsewhere cascade; drop foreign data wrapper nothing",
    "drop table evens; drop function even; drop owned by restorecheck_checker; drop role restorecheck_checker",
    "drop extension pg_visibility, amcheck; revoke create on database shop from public",
    "alter database shop reset all; alter database shop connection limit -1; drop role chief, boss",
)


def test_the_structure_of_production_is_that_of_the_copy(yard):
    """Every object is dropped again before the drill: the cluster is that of other tests, too."""
    yard.run(*OF_ITS_OWN)
    done = yard.world.run(
        "manifest", "--source", f"host={yard.production.directory} dbname=shop user=dba",
        "--output", "manifest.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yard.back_up()
    for statements in AWAY_AGAIN:
        yard.run(*statements.split("; "))

    _, report = yard.drill_odd(checks="[{structure: {file: manifest.json, database: shop}}]")

    (check,) = [c for c in report["checks"] if c["kind"] == "structure"]
    assert check["outcome"] == "passed", check["detail"]


def test_any_superuser_of_the_backup_will_do(yard):
    yard.run("create role chief superuser login")
    yard.back_up()
    yard.run("drop role chief")

    code, report = yard.drill_odd(keys="superuser: chief")

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_without_checksums_and_manifest_damage_of_an_index_is_still_seen(yard):
    ((path,),) = yard.production.sql("select pg_relation_filepath('big_pkey')")
    yard.back_up()
    flip(yard.full / path, 8192 + 8000, 64)
    (yard.full / "backup_manifest").unlink()
    age(yard.full)

    code, report = yard.drill_odd()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]


def test_prove_damages_a_copy_of_physical_backups(yard):
    yard.back_up()
    yard.drill_odd(target="    databases: [shop]\n")

    done = yard.world.run("prove", "shop", "--slow", "--json")

    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])


def state_of(folder):
    every = [(path, path.stat()) for path in [folder, *sorted(folder.rglob("*"))]]
    return [(path, of.st_ino, of.st_mode, of.st_ctime_ns) for path, of in every]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (COMMAND, "recovery ended at a new tablespace"),
        pytest.param(
            [sys.executable, str(REFUSING)],
            "it makes a tablespace",
            marks=needs(sys.platform.startswith("linux"), *LINUX),
        ),
    ],
    ids=["behind walls", "without walls"],
)
def test_a_tablespace_that_was_made_after_the_backup_is_inconclusive_and_left_alone(
    yard, command, words
):
    """Its folder is production's: on the same machine, a server would make files in it."""
    production = yard.production
    place = production.directory / "late"
    place.mkdir()
    if production.account:
        os.chown(place, production.account.uid, production.account.gid)
    yard.back_up()
    yard.run(
        f"create tablespace late location '{place}'", "create table aside (id int) tablespace late"
    )
    production.switch()
    before = state_of(place)
    yard.configure(
        physical=f"{{kind: basebackup, path: backups, archive: {production.archive}, superuser: dba}}"
    )

    done = yard.world.run("drill", "--json", command=command)
    report = json.loads(done.stdout)

    after = state_of(place)
    yard.run("drop table aside", "drop tablespace late")
    place.rmdir()
    assert (done.returncode, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert words in report["reason"]
    assert str(place) in report["reason"]
    assert before == after


@pytest.mark.parametrize("enabled", ["enable", "enable always"])
def test_event_triggers_that_forbid_changes_are_not_in_the_way(yard, enabled):
    yard.run(
        "create function no_ddl() returns event_trigger language plpgsql as $$ begin raise 'not now'; end $$",
        "create table evens (id int check (id % 2 = 0))",
        "create event trigger no_ddl on ddl_command_start execute function no_ddl()",
        f"alter event trigger no_ddl {enabled}",
    )
    yard.back_up()
    yard.run("drop event trigger no_ddl", "drop table evens", "drop function no_ddl")

    code, report = yard.drill_odd()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_database_that_accepts_no_connections_is_named(yard):
    """Closed on purpose; and left behind by a DROP DATABASE that was interrupted, as PostgreSQL marks it."""
    yard.run(
        "create database a_closed allow_connections false", "create database a_dropped",
    )  # fmt: skip
    yard.run("update pg_database set datconnlimit = -2 where datname = 'a_dropped'")
    yard.back_up()
    yard.run("drop database a_closed", "drop database a_dropped")

    _, report = yard.drill_odd()

    print(report["verdict"], report["reason"], report["notes"])
    assert report["verdict"] != "failed", report["reason"]
    assert "a_closed" in str(report)
    assert "a_dropped" in str(report)
