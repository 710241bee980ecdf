"""Which databases a folder holds, and the newest dump of each: over small files, without a server."""

import gzip
import os
from datetime import timedelta

import pytest

from restorecheck.postgres.dump.database_choice import ALL, choose
from tests.factories import NOW

HOUR = timedelta(hours=1)
DUMP = """--
-- PostgreSQL database dump
--
{said}
-- Name: {table}; Type: TABLE; Schema: public; Owner: app
CREATE TABLE public.{table} (id integer);
--
-- PostgreSQL database dump complete
--
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def put(folder, name, *, of="", table="t", age=HOUR, said=""):
    said += f"\nCREATE DATABASE {of};\n\\connect {of}\n" if of else ""
    data = DUMP.format(said=said, table=table).encode()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    moment = (NOW - age).timestamp()
    os.utime(folder / name, (moment, moment))


def chosen(folder, *databases, path=""):
    return choose(str(folder / path), None, databases, now=NOW)


def newest(choice):
    return {wanted.name: wanted.files[0].path.name for wanted in choice.wanted}


def test_dumps_of_several_databases_are_not_proven_by_the_newest_of_them(folder):
    put(folder, "a.sql", of="shop")
    put(folder, "b.sql.gz", of="crm")

    choice = chosen(folder)

    assert choice.wanted == ()
    assert choice.reason == "there are dumps of several databases: crm, shop"
    assert "databases: all" in choice.hint


@pytest.mark.parametrize(
    "names",
    [("old.sql", "new.sql"), ("daily-2026-02-25.sql", "weekly-2026-02-22.sql"), ("1.sql", "2.sql")],
)
def test_names_alone_do_not_make_one_database_two(folder, names):
    for number, name in enumerate(names):
        put(folder, name, age=(10 - number) * HOUR)

    assert chosen(folder).reason == ""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("shop-2026-02-25.sql", "a"), ("crm-2026-02-25.sql", "a")),
        (("shop.sql", "orders"), ("crm.sql", "contacts")),
    ],
    ids=["two series of dated files", "nothing in common"],
)
def test_dumps_that_name_no_database_are_told_apart_by_name_and_contents(folder, one, two):
    for name, table in (one, two):
        put(folder, name, table=table)

    choice = chosen(folder)

    assert "crm, shop" in choice.reason
    assert "the file name was used" in choice.reason
    assert all(wanted.by_name for wanted in chosen(folder, ALL).wanted)


@pytest.mark.parametrize(
    "there",
    [
        ("shop-2026-02-25.sql", "shop_SCHEMA-2026-02-25.sql"),
        ("shop-schema-2026-02-25.sql", "shop-data-2026-02-25.sql"),
    ],
)
def test_parts_of_a_database_are_no_database_of_their_own(folder, there):
    for name in there:
        put(folder, name)

    assert chosen(folder).reason == ""
    assert [w.name for w in chosen(folder, "shop").wanted] == ["shop"]


def test_a_database_may_be_called_like_a_part(folder):
    put(folder, "app-data-2026-02-25.sql")
    put(folder, "shop-2026-02-25.sql")

    assert "app-data, shop" in chosen(folder).reason


def test_of_all_databases_the_newest_dump_of_each_is_chosen(folder):
    put(folder, "a1.sql", of="shop", age=30 * HOUR)
    put(folder, "a2.sql", of="shop", age=6 * HOUR)
    put(folder, "b.sql", of="crm", age=99 * HOUR)

    assert newest(chosen(folder, ALL)) == {"shop": "a2.sql", "crm": "b.sql"}


def test_of_listed_databases_the_missing_one_is_named(folder):
    put(folder, "a.sql", of="shop")
    put(folder, "b.sql", of="crm")

    choice = chosen(folder, "shop", "billing")

    assert (newest(choice), choice.absent) == ({"shop": "a.sql"}, ("billing",))


def test_dumps_that_say_nothing_of_their_database_are_named_where_several_are_proven(folder):
    put(folder, "a.sql", of="shop")
    put(folder, "b.sql", of="billing")
    put(folder, "odd.sql")

    choice = chosen(folder, ALL)

    assert newest(choice) == {"shop": "a.sql", "billing": "b.sql"}
    (note,) = choice.notes
    assert note == "odd.sql was skipped: the dump does not name its database"


def test_of_one_listed_database_the_dumps_of_others_do_not_count(folder):
    put(folder, "a.sql", of="shop", age=9 * HOUR)
    put(folder, "b.sql", of="crm")

    assert newest(chosen(folder, "shop")) == {"shop": "a.sql"}


@pytest.mark.parametrize(
    "name",
    [
        "shop-2026-02-25.sql",
        "shop.sql.gz",
        "crm_archive.sql",
        "acme/shop.sql",
        "shop2-2026-02-25.sql",
        "crm2.sql",
        "app-2026-02-25.sql",
        "test.sql",
        "scrm.sql",
    ],
)
def test_a_dump_that_is_called_after_another_database_does_not_prove_the_listed_one(folder, name):
    put(folder, name)

    choice = chosen(folder, "crm", path="acme" if "/" in name else "")

    assert choice.wanted == ()
    assert choice.reason.startswith(
        f"no dump is known to be of crm: {name.split('/')[-1]} does not"
    )
    assert "pg_dump -Fc" in choice.hint


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nightly-2026-02-25.sql", ""),
        ("dump.sql.gz", ""),
        ("db_backup_20260225.sql", ""),
        ("pg15-prod.sql", ""),
        ("crm-prod-2026-02-25.sql", ""),
        ("CRM.sql", ""),
        ("crm/a.sql", "crm"),
        ("shop-2026-02-25.sql", "shop-*.sql"),
        ("shop.sql", "shop.sql"),
        ("2026-02-25/shop.sql", "*/shop.sql"),
    ],
)
def test_a_dump_without_a_name_is_of_the_listed_database_if_nothing_says_otherwise(
    folder, name, path
):
    put(folder, name)

    assert newest(chosen(folder, "crm", path=path)) == {"crm": name.split("/")[-1]}


@pytest.mark.parametrize(
    ("name", "database"),
    [
        ("my_app-2026-02-25.sql", "my_app"),
        ("my-app-20260225.sql.gz", "my_app"),
        ("prod-my_app.sql", "my_app"),
        ("shop_2024-2026-02-25.sql", "shop_2024"),
        ("daily_reports-2026-02-25.sql", "daily_reports"),
        ("My.App.sql", "my app"),
    ],
)
def test_separators_numbers_and_words_in_a_name_of_a_database_count_as_it_has_them(
    folder, name, database
):
    put(folder, name)

    assert newest(chosen(folder, database)) == {database: name}
    choice = chosen(folder, database, "crm")
    if not name.startswith("prod"):
        assert (newest(choice), choice.absent) == ({database: name}, ("crm",))


def test_of_two_databases_the_longer_name_has_its_own_files(folder):
    put(folder, "shop-2026-02-25.sql")
    put(folder, "shop_2024-2026-02-25.sql")

    assert newest(chosen(folder, "shop", "shop_2024")) == {
        "shop": "shop-2026-02-25.sql",
        "shop_2024": "shop_2024-2026-02-25.sql",
    }


def test_a_newer_dump_that_is_called_otherwise_is_passed_over(folder):
    put(folder, "nightly.sql", age=9 * HOUR)
    put(folder, "shop.sql")

    assert newest(chosen(folder, "crm")) == {"crm": "nightly.sql"}


def test_of_listed_databases_the_one_whose_dumps_are_there_is_known_by_their_names(folder):
    put(folder, "shop-2026-02-25.sql")

    choice = chosen(folder, "shop", "crm")

    assert (newest(choice), choice.absent) == ({"shop": "shop-2026-02-25.sql"}, ("crm",))


def test_a_damaged_file_belongs_to_the_database_whose_files_are_named_like_it(folder):
    put(folder, "crm-2026-02-24.sql", of="crm", age=27 * HOUR)
    put(folder, "shop-2026-02-25.sql", of="shop")
    (folder / "crm-2026-02-25.sql").write_bytes(b"")

    assert newest(chosen(folder, ALL))["crm"] == "crm-2026-02-25.sql"


def test_the_newest_is_the_one_that_was_taken_last_whatever_was_copied_when(folder):
    started = f"-- Started on {NOW - 168 * HOUR:%Y-%m-%d %H:%M:%S} UTC"
    put(folder, "tonight.sql", said=started, age=timedelta(0))
    put(folder, "yesterday.sql", age=25 * HOUR)

    assert newest(chosen(folder)) == {"": "yesterday.sql"}


def test_a_folder_for_each_night_says_when_its_dumps_were_taken(folder):
    for day in ("2026-02-23", "2026-02-25", "2026-02-24"):
        put(folder, f"{day}/shop.sql", age=timedelta(0))

    choice = chosen(folder, path="*/shop.sql")

    assert choice.wanted[0].files[0].path.parent.name == "2026-02-25"


def test_a_dump_from_the_future_never_counts_as_the_newest_and_alone_it_decides_nothing(folder):
    put(folder, "wrong.sql", age=-8098 * HOUR)

    alone = chosen(folder)
    put(folder, "right.sql", age=9 * HOUR)
    beside = chosen(folder)

    assert "wrong.sql" in alone.reason
    assert "time zone" in alone.hint
    assert newest(beside) == {"": "right.sql"}
    assert [dump.path.name for dump in beside.future] == ["wrong.sql"]


@pytest.mark.parametrize(
    "name",
    [
        "{}_backup_2026-02-26.sql",
        "backup_{}_2026-02-26.sql",
        "db_{}.sql",
        "prod.{}.2026-02-26.sql.gz",
        "{}/2026-02-26.sql",
        "{}/nightly.sql",
    ],
)
def test_of_listed_databases_words_that_say_nothing_do_not_hide_the_name(folder, name):
    for database in ("shop", "crm"):
        put(folder, name.format(database), table=database)

    choice = chosen(folder, "shop", "crm", path="*/*" if "/" in name else "")

    assert choice.absent == ()
    found = {wanted.name: wanted.files[0].head.objects for wanted in choice.wanted}
    assert b"shop" in b"".join(found["shop"])
    assert b"crm" in b"".join(found["crm"])


def test_a_file_with_more_words_is_no_dump_of_a_database_that_has_one_of_its_own_name(folder):
    put(folder, "shop-2026-02-26.sql", age=2 * HOUR)
    put(folder, "shop_old-2026-02-26.sql")
    put(folder, "crm-2026-02-26.sql", table="other")

    choice = chosen(folder, "shop", "crm")

    assert newest(choice) == {"shop": "shop-2026-02-26.sql", "crm": "crm-2026-02-26.sql"}


def test_of_listed_databases_a_missing_one_may_be_a_dump_that_says_nothing(folder):
    put(folder, "shop-2026-02-26.sql")
    put(folder, "mydump9x_crm.sql", table="other")
    put(folder, "blog.sql", of="blog", table="third")

    choice = chosen(folder, "shop", "crm")

    assert choice.absent == ("crm",)
    assert [dump.path.name for dump in choice.unplaced] == ["mydump9x_crm.sql"]
