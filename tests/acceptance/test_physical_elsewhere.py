"""Physical backups of a cluster that this machine differs from: what is fine on its own server is never called bad."""

import shutil

import pytest

from tests.acceptance.physical import Yard
from tests.chosen import chosen
from tests.missing import left_out
from tests.production import age, flip, majors, producing

MAJORS = majors()
CATALOG_TOO = "set allow_system_table_mods = on;"


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def production(request):
    with producing(MAJORS[request.param]) as made:
        yield made


class Foreign(Yard):
    """A backup of one database more, `other`, that is made as each test needs it."""

    def __init__(self, world, production):
        self.world, self.production = world, production

    def make(self, *statements):
        self.production.sql("drop database if exists other", "template1")
        self.production.sql("create database other template template0", "template1")
        self.also(*statements)

    def also(self, *statements):
        for statement in statements:
            self.production.sql(statement, "other")

    def back_up(self):
        shutil.copytree(self.production.backup("other"), self.full)
        shutil.rmtree(self.production.backups / "other")
        age(self.full)

    def drill_other(self, checks="[]", databases="[other]"):
        self.configure(
            physical=f"{{kind: basebackup, path: backups}}\n    databases: {databases}",
            checks=checks,
        )
        return self.world.drill()


@pytest.fixture
def foreign(world, production):
    return Foreign(world, production)


def outcomes(report):
    return {check["name"]: check for check in report["checks"]}


WORDS = "create table words (id int primary key, word text collate odd)"
FILL = "insert into words select i, chr(97 + i % 26) || i from generate_series(1, 3000) i"
FILL_UPPER = (
    "insert into words select 3000 + i, chr(65 + i % 26) || i from generate_series(1, 3000) i"
)


def with_another_order(foreign):
    """An index that was built under another version of a collation, in which capitals came last."""
    major = foreign.production.installation.major
    if foreign.production.sql("select to_regcollation('\"en-x-icu\"')", "template1") == [(None,)]:
        left_out("ICU is not in this build of PostgreSQL")
    locale = "colllocale" if major >= 17 else "colliculocale"
    foreign.make(
        "create collation odd (provider = icu, locale = 'en-u-kf-lower')",
        WORDS, FILL, FILL_UPPER,
        "create index words_word on words (word)",
        f"{CATALOG_TOO} update pg_collation set {locale} = 'en-u-kf-upper', collversion = '1.0' where collname = 'odd'",
    )  # fmt: skip


def test_an_index_of_text_that_another_collation_version_sorted_is_no_damage(foreign):
    with_another_order(foreign)
    foreign.back_up()

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    (check,) = [c for c in report["checks"] if c["outcome"] == "error"]
    assert 'invariant violated for index "words_word"' in check["detail"], check
    assert "collation version 1.0, this server has" in check["detail"], check


def test_damage_of_another_index_fails_whatever_the_collations(foreign):
    with_another_order(foreign)
    ((path,),) = foreign.production.sql("select pg_relation_filepath('words_pkey')", "other")
    foreign.back_up()
    (foreign.full / "backup_manifest").unlink()
    flip(foreign.full / path, 8192 + 4000, 64)
    age(foreign.full)

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "words_pkey" in report["reason"]


def test_an_unreadable_page_of_an_index_of_text_is_damage_whatever_the_collations(foreign):
    with_another_order(foreign)
    ((path,),) = foreign.production.sql("select pg_relation_filepath('words_word')", "other")
    foreign.back_up()
    (foreign.full / "backup_manifest").unlink()
    flip(foreign.full / path, 8192 * 2 + 4000, 64)
    age(foreign.full)

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "invalid page" in report["reason"]


def with_another_check(foreign, check):
    """A row that the check allowed under another version of the collation."""
    major = foreign.production.installation.major
    if foreign.production.sql("select to_regcollation('\"en-x-icu\"')", "template1") == [(None,)]:
        left_out("ICU is not in this build of PostgreSQL")
    locale = "colllocale" if major >= 17 else "colliculocale"
    foreign.make(
        "create collation odd (provider = icu, locale = 'en-u-kf-upper')",
        f"create table words (word text collate odd check ({check}))",
        "insert into words values ('A')",
        f"{CATALOG_TOO} update pg_collation set {locale} = 'en-u-kf-lower', collversion = '1.0' where collname = 'odd'",
    )  # fmt: skip


def test_a_check_on_the_order_of_texts_under_another_collation_version_is_no_damage(foreign):
    with_another_check(foreign, "word < 'a'")
    foreign.back_up()

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "1 row breaks words_word_check" in report["reason"]
    assert "version of a collation" in report["reason"]


def test_a_check_on_equal_texts_fails_whatever_the_collations(foreign):
    with_another_check(foreign, "word in ('A', 'B')")
    foreign.also(
        f"{CATALOG_TOO} alter table words drop constraint words_word_check",
        "insert into words values ('C')",
        "alter table words add check (word in ('A', 'B')) not valid",
        f"{CATALOG_TOO} update pg_constraint set convalidated = true",
    )
    foreign.back_up()

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (1, "failed"), report


OF_AN_EXTENSION = (
    f"{CATALOG_TOO} update pg_proc set prolang = (select oid from pg_language where lanname = 'c'),"
    " probin = '$libdir/not_here', prosrc = 'f' where proname = 'odd'"
)


def in_a_check(foreign):
    foreign.make(
        "create function odd(int) returns bool language internal immutable as 'int4_bool'",
        "create table words (id int check (odd(id)))",
        "insert into words values (1)",
        OF_AN_EXTENSION,
    )


def in_an_access_method(foreign):
    foreign.make(
        "create table words (id int)",
        "insert into words values (1)",
        "create index odd on words (id)",
        "create function odd(internal) returns index_am_handler language internal as 'bthandler'",
        "create access method odd type index handler odd",
        f"{CATALOG_TOO} update pg_class set relam = (select oid from pg_am where amname = 'odd') where relname = 'odd'",
        OF_AN_EXTENSION,
    )


def in_an_index(foreign):
    foreign.make(
        "create function odd(int) returns int language internal immutable as 'int4abs'",
        "create table words (id int)",
        "insert into words values (1)",
        "create index odd on words (odd(id))",
        OF_AN_EXTENSION,
    )


@pytest.mark.parametrize(
    "need", [in_a_check, in_an_access_method, in_an_index], ids=lambda f: f.__name__
)
def test_the_library_of_an_extension_that_is_not_here_is_no_damage(foreign, need):
    need(foreign)
    foreign.back_up()

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "is missing on this server" in report["reason"]


def test_a_locale_that_is_not_here_is_named(foreign):
    column = "datcollate"
    foreign.make("create table words (id int)")
    foreign.production.sql(
        f"update pg_database set {column} = 'xx_YY.utf8', datctype = 'xx_YY.utf8' where datname = 'other'"
    )
    foreign.back_up()
    foreign.production.sql(
        f"update pg_database set {column} = 'C', datctype = 'C' where datname = 'other'"
    )

    code, report = foreign.drill_other()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "xx_YY" in report["reason"] or "locale" in report["reason"], report["reason"]


def test_unlogged_tables_are_not_counted_against_a_backup(foreign):
    foreign.make(
        "create table words (id int primary key)", "insert into words values (1)",
        "create unlogged table fast (id int primary key, at timestamptz default now())",
        "insert into fast select i from generate_series(1, 500) i",
    )  # fmt: skip
    manifest = foreign.world.run(
        "manifest", "--source", f"host={foreign.production.directory} dbname=other user=postgres",
        "--output", "manifest.json",
    )  # fmt: skip
    assert manifest.returncode == 0, manifest.stderr
    foreign.back_up()

    code, report = foreign.drill_other(
        checks="[manifest: {file: manifest.json}, row_count: {table: fast, min: 1, severity: warning}]"
    )

    assert (code, report["verdict"]) == (0, "verified"), report
    assert [c["found"] for c in report["checks"] if c["kind"] == "manifest"] == [
        "1 table, unchanged"
    ]
    (counted,) = [c for c in report["checks"] if c["kind"] == "row_count"]
    assert counted["outcome"] == "error", counted
    assert "is unlogged and empty" in counted["detail"]
    assert "unlogged tables are empty" in "\n".join(report["notes"])
