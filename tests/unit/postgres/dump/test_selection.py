"""Which dump is restored, and what is said of the others: over small files, without a server."""

import gzip
import io
import os
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restorecheck.model import CheckOutcome, Severity
from restorecheck.postgres.dump.globals_file import GlobalsFile
from restorecheck.postgres.dump.selection import (
    FileState,
    Selection,
    absent,
    findings,
    of_the_future,
    on_globals,
    roles_missing,
    select,
    unusable,
)
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.dumpfiles.timestamps import Taken
from tests.factories import NOW

HOUR = timedelta(hours=1)
WHOLE = """--
-- PostgreSQL database dump
--
-- Dumped from database version 17.5
-- Dumped by pg_dump version 17.5
CREATE TABLE public.t (id integer);
COPY public.t (id) FROM stdin;
1
2
\\.
--
-- PostgreSQL database dump complete
--
"""
CUT = WHOLE.partition("2\n")[0]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def put(folder, name, content=WHOLE, age=HOUR):
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    moment = (NOW - age).timestamp()
    os.utime(folder / name, (moment, moment))


def chosen(folder, path=None, earlier=None):
    return select(
        str(path or folder), None, now=NOW, earlier=earlier or {}, materialise=folder.parent
    )


def names(inspections):
    return [inspection.path.name for inspection in inspections]


def test_the_newest_whole_dump_is_chosen_whatever_the_names_say(folder):
    put(folder, "z-old.sql", age=9 * HOUR)
    put(folder, "a-new.sql", age=HOUR)

    assert chosen(folder).chosen.path.name == "a-new.sql"


@pytest.mark.parametrize(
    "bad",
    [CUT, WHOLE.partition("-- PostgreSQL database dump complete")[0], "", gzip.compress(b"")],
    ids=["cut in its data", "without its last line", "empty", "packed and empty"],
)
def test_a_newer_one_that_is_not_whole_is_passed_over_and_told(folder, bad):
    put(folder, "old.sql", age=9 * HOUR)
    put(folder, "new.sql", bad, age=HOUR)

    found = chosen(folder)

    assert found.chosen.path.name == "old.sql"
    assert names(found.damaged) == ["new.sql"]
    (result, _age) = findings(found, max_age=None, databases=(), now=NOW)
    assert (result.outcome, result.severity) == (CheckOutcome.FAILED, Severity.REQUIRED)


def test_of_several_damaged_dumps_the_newest_is_the_one_that_is_named(folder):
    put(folder, "tue.sql", CUT, HOUR)
    put(folder, "mon.sql", CUT, 2 * HOUR)
    put(folder, "sun.sql", age=3 * HOUR)

    found = chosen(folder)

    assert (names(found.damaged), found.chosen.path.name) == (["tue.sql", "mon.sql"], "sun.sql")
    whole, *_ = findings(found, max_age=None, databases=(), now=NOW)
    assert whole.detail.startswith("tue.sql ")


def test_no_older_dump_stands_for_one_that_cannot_be_looked_into(folder):
    put(folder, "old.sql", age=9 * HOUR)
    put(folder, "new.sql.age", b"age-encryption.org/v1\n", age=HOUR)

    found = chosen(folder)

    assert found.chosen is None
    assert found.unusable.path.name == "new.sql.age"


def test_what_is_no_dump_is_passed_over_in_a_folder_and_damage_where_it_is_named(folder):
    put(folder, "old.sql", age=9 * HOUR)
    put(folder, "readme", b"%PDF-1.7", age=HOUR)

    assert chosen(folder).chosen.path.name == "old.sql"
    assert names(chosen(folder, folder / "readme").damaged) == ["readme"]


@pytest.mark.parametrize("rubbish", ["", "<html>502", "%PDF-1.7"])
def test_rubbish_under_the_name_of_a_job_is_its_newest_dump(folder, rubbish):
    put(folder, "shop-20260101", age=9 * HOUR)
    put(folder, "shop-20260102", rubbish, age=HOUR)
    put(folder, "finished", "", age=HOUR / 2)

    found = chosen(folder)

    assert found.chosen.path.name == "shop-20260101"
    assert names(found.damaged) == ["shop-20260102"]
    assert found.notes == ("finished was skipped because it is empty",)


def test_an_archive_of_other_files_is_passed_over_unless_the_dumps_of_the_job_are_named_so(folder):
    files = io.BytesIO()
    with zipfile.ZipFile(files, "w") as packed:
        packed.writestr("a.png", "1")
        packed.writestr("b.png", "2")
    dump = io.BytesIO()
    with zipfile.ZipFile(dump, "w") as packed:
        packed.writestr("shop.sql", WHOLE)
    put(folder, "shop-1.sql.zip", dump.getvalue(), age=9 * HOUR)
    put(folder, "uploads.tar.zip", files.getvalue(), age=2 * HOUR)

    found = chosen(folder)

    assert found.damaged == ()
    assert "uploads.tar.zip was skipped because it is a zip file of 2 files" in found.notes[0]
    put(folder, "shop-2.sql.zip", files.getvalue(), age=HOUR)
    assert names(chosen(folder).damaged) == ["shop-2.sql.zip"]


def test_an_empty_file_under_the_name_of_a_job_may_still_be_being_written(folder):
    put(folder, "shop-1", age=9 * HOUR)
    put(folder, "shop-2", "", age=timedelta(minutes=1))
    first = chosen(folder)
    assert list(first.undecided) == [folder / "shop-2"]

    grown = chosen(folder, earlier={folder / "shop-2": FileState(size=1, mtime_ns=1)})

    assert names(chosen(folder, earlier=first.undecided).damaged) == ["shop-2"]
    assert grown.damaged == ()
    assert grown.notes == ("shop-2 was skipped because it is still being written",)


def test_a_file_that_no_key_fits_and_whose_name_is_no_dumps_is_passed_over(folder):
    decryption = Decryption(["false"])
    put(folder, "shop-1.sql", age=9 * HOUR)
    put(folder, "photo.heic", bytes(range(256)), age=HOUR)

    found = select(str(folder), decryption, now=NOW, earlier={}, materialise=folder.parent)

    assert found.chosen is not None
    assert "photo.heic was skipped because it cannot be decrypted" in found.notes[0]


@pytest.mark.parametrize("name", ["x.gz", "shop-2", "x.gpg"])
def test_a_packed_or_encrypted_file_that_is_damaged_is_the_newest_dump_whatever_its_name(
    folder, name
):
    content = (
        b"\x8c\x0d\x04\x09" + bytes(99) if name == "x.gpg" else gzip.compress(WHOLE.encode())[:-9]
    )
    put(folder, "shop-1.sql", age=9 * HOUR)
    put(folder, name, content, age=HOUR)

    found = select(
        str(folder), Decryption(["false"]), now=NOW, earlier={}, materialise=folder.parent
    )

    assert names(found.damaged) == [name]


def test_many_other_files_do_not_hide_a_dump(folder):
    put(folder, "shop-1.sql", age=9 * HOUR)
    for number in range(30):
        put(folder, f"{number}.document", "%PDF-1.7", age=HOUR)

    assert chosen(folder).chosen.path.name == "shop-1.sql"


OF_OTHERS = b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(99)


def test_an_archive_that_others_unpack_is_passed_over_where_the_dumps_have_other_names(folder):
    put(folder, "shop-1.sql", age=9 * HOUR)
    put(folder, "photos.7z", OF_OTHERS, age=HOUR)

    found = chosen(folder)

    assert found.chosen.path.name == "shop-1.sql"
    assert "photos.7z was skipped because it is packed as 7z" in found.notes[0]


@pytest.mark.parametrize(("old", "new"), [("shop-1", "shop-2"), ("x.sql", "y.sql.7z"), (None, "y")])
def test_an_archive_that_others_unpack_and_that_may_be_the_dump_says_nothing(folder, old, new):
    if old is not None:
        put(folder, old, age=9 * HOUR)
    put(folder, new, OF_OTHERS, age=HOUR)

    found = chosen(folder)

    assert found.chosen is None
    assert found.unusable.path.name == new


MYSQL = "-- MySQL dump 10.13  Distrib 8.0.36\n--\n"


def test_a_dump_of_another_database_product_is_passed_over_whatever_its_name(folder):
    put(folder, "shop-1.sql", age=9 * HOUR)
    put(folder, "wordpress-2.sql", MYSQL, age=HOUR)
    put(folder, "app.dump", "SQLite format 3\x00", age=HOUR / 2)

    found = chosen(folder)

    assert found.chosen.path.name == "shop-1.sql"
    assert not found.damaged
    assert "wordpress-2.sql was skipped because it is a dump of MySQL" in " ".join(found.notes)


@pytest.mark.parametrize("old", ["shop-1.sql", None])
def test_a_dump_of_another_database_product_is_not_called_bad(folder, old):
    """It restores where it came from: alone, under the name of the job, or named by the path."""
    if old is not None:
        put(folder, old, age=9 * HOUR)
    put(folder, "shop-2.sql", MYSQL, age=HOUR)

    for found in (chosen(folder), chosen(folder, folder / "shop-2.sql")):
        assert (found.chosen, found.damaged) == (None, ())
        assert found.unusable.path.name == "shop-2.sql"
        assert found.unusable.problem == "is a dump of MySQL, not of PostgreSQL"
        assert "PostgreSQL only" in found.unusable.hint
        assert found.is_open


def test_what_is_being_written_is_looked_at_again_and_what_has_stopped_is_damaged(folder):
    put(folder, "old.sql", age=9 * HOUR)
    put(folder, "new.sql", CUT, age=timedelta(minutes=1))
    first = chosen(folder)
    assert list(first.undecided) == [folder / "new.sql"]

    stopped = chosen(folder, earlier=first.undecided)
    grown = chosen(folder, earlier={folder / "new.sql": FileState(size=1, mtime_ns=1)})

    assert names(stopped.damaged) == ["new.sql"]
    assert stopped.undecided == {}
    assert grown.damaged == ()
    assert grown.notes == ("new.sql was skipped because it is still being written",)
    assert grown.chosen.path.name == "old.sql"


# --- how old it is ----------------------------------------------------------------------------


def inspection(modified=NOW, created=None, **changes):
    known = Inspection(
        path=Path("/b/1.dump"),
        size_bytes=1,
        mtime_ns=int(modified.timestamp() * 1e9),
        complete=True,
        created_at=None if created is None else created.replace(tzinfo=None),
    )
    return replace(known, **changes)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (timedelta(0), timedelta(0)),
        (26 * HOUR, timedelta(0)),  # may be a time zone
        (27 * HOUR, 27 * HOUR),
        (timedelta(days=90), timedelta(days=90)),
        (-26 * HOUR, timedelta(0)),
    ],
)
def test_a_copy_is_as_old_as_what_was_copied(written, told):
    found = inspection(created=NOW - written)

    assert Selection().taken_of(found).at == NOW - told


def test_a_file_that_says_nothing_is_as_old_as_it_was_changed():
    taken = Selection().taken_of(inspection(NOW - HOUR))

    assert taken.at == NOW - HOUR
    assert taken.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (26 * HOUR, CheckOutcome.PASSED),
        (26 * HOUR + timedelta(seconds=1), CheckOutcome.FAILED),
        (47 * HOUR, CheckOutcome.FAILED),
        (-HOUR, CheckOutcome.PASSED),
    ],
)
def test_a_dump_is_stale_from_the_moment_that_is_configured(age, outcome):
    found = Selection(chosen=inspection(NOW - age))

    (result,) = findings(found, max_age=26 * HOUR, databases=(), now=NOW)

    assert (result.outcome, result.severity) == (outcome, Severity.REQUIRED)


def test_an_old_dump_that_was_copied_anew_is_stale():
    found = Selection(chosen=inspection(NOW, created=datetime(2026, 2, 20, tzinfo=UTC)))

    (result,) = findings(found, max_age=26 * HOUR, databases=(), now=NOW)

    assert result.outcome is CheckOutcome.FAILED


def test_a_dump_just_over_the_limit_is_not_as_old_as_the_limit():
    found = Selection(chosen=inspection(NOW - 26 * HOUR - timedelta(seconds=63)))

    (result,) = findings(found, max_age=26 * HOUR, databases=(), now=NOW)

    assert result.outcome is CheckOutcome.FAILED
    assert (result.expected, result.found) == ("at most 26.0 hours old", "26 h 1 min 3 s old")


@pytest.mark.parametrize(
    ("name", "wanted", "outcomes"),
    [
        ("courses", ("courses", "shop"), [CheckOutcome.PASSED]),
        ("Courses", ("courses",), [CheckOutcome.FAILED]),
        ("other", ("courses",), [CheckOutcome.FAILED]),
        ("other", (), []),
        ("", ("courses",), []),
    ],
)
def test_a_dump_of_another_database_is_not_the_one_that_is_wanted(name, wanted, outcomes):
    found = Selection(chosen=inspection(dbname=name))

    *results, _age = findings(found, max_age=None, databases=wanted, now=NOW)

    assert [result.outcome for result in results] == outcomes


def test_without_a_limit_the_age_is_said_and_nothing_passes():
    (result,) = findings(
        Selection(chosen=inspection(NOW - 90 * HOUR)), max_age=None, databases=(), now=NOW
    )

    assert (result.outcome, result.severity) == (CheckOutcome.FAILED, Severity.WARNING)
    assert "90.0 hours old" in result.found
    assert "max_age_hours" in result.expected


# --- what decides, and what is only said ------------------------------------------------------


def severity_and_outcome(*results):
    return [(result.severity.value, result.outcome.value) for result in results]


def test_a_database_whose_dump_is_missing_or_cannot_be_looked_into_is_no_warning():
    locked = inspection(problem="is encrypted", unusable=True)

    assert severity_and_outcome(absent("shop", "/b")) == [("required", "failed")]
    assert severity_and_outcome(unusable("shop", locked)) == [("required", "error")]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "passed"),
        ({"problem": "is cut"}, "failed"),
        ({"problem": "is locked", "unusable": True}, "error"),
    ],
)
@pytest.mark.parametrize(("days", "young"), [(0, "passed"), (9, "failed")])
def test_roles_beside_the_dumps_have_to_be_whole_and_their_age_only_warns(
    changes, outcome, days, young
):
    taken = Taken(at=NOW - days * 24 * HOUR, source="its name", earliest=NOW - days * 24 * HOUR)
    roles = GlobalsFile(path=Path("globals.sql"), taken=taken, all=frozenset(), **changes)

    found = on_globals(roles, 26 * HOUR, NOW)

    assert severity_and_outcome(*found) == [("required", outcome), ("warning", young)]
    assert severity_and_outcome(*on_globals(roles, None, NOW)) == [("required", outcome)]


def test_roles_that_are_missing_and_clocks_that_are_wrong_only_warn():
    assert severity_and_outcome(roles_missing(["ann"])) == [("warning", "failed")]
    assert severity_and_outcome(roles_missing([])) == [("warning", "passed")]
    assert severity_and_outcome(*of_the_future(["a.sql was taken tomorrow"])) == [
        ("warning", "failed")
    ]
    assert of_the_future([]) == []


TABLES = """-- Name: t; Type: TABLE; Schema: public; Owner: app
CREATE TABLE public.t (id integer);
"""
ROWS = """-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: app
COPY public.t (id) FROM stdin;
1
\\.
"""


def dumped(*parts):
    text = "--\n-- PostgreSQL database dump\n--\n\n" + "\n--\n".join(("--", *parts))
    return f"{text}\n--\n-- PostgreSQL database dump complete\n--\n\n"


@pytest.mark.parametrize("part", [dumped(TABLES), dumped(ROWS)])
@pytest.mark.parametrize(
    "name", ["shop_schema_only.sql", "shop-SCHEMA-2026-02-25.sql", "shop_data.sql"]
)
def test_a_part_beside_a_whole_dump_is_no_dump_of_its_own(folder, part, name):
    put(folder, "shop.sql", dumped(TABLES, ROWS), age=2 * HOUR)
    put(folder, name, part, age=HOUR)

    found = chosen(folder)

    assert found.chosen.path.name == "shop.sql"
    assert not found.damaged
    assert found.notes[0].startswith(f"{name} was skipped because it holds")


def test_tables_and_rows_in_two_files_are_not_called_bad(folder):
    put(folder, "shop-schema.sql", dumped(TABLES), age=2 * HOUR)
    put(folder, "shop-data.sql", dumped(ROWS), age=HOUR)

    found = chosen(folder)

    assert (found.chosen, found.damaged) == (None, ())
    assert "shop-schema.sql the tables: restorecheck restores one file" in found.unusable.problem


def test_a_part_alone_is_judged_as_it_is(folder):
    put(folder, "shop-schema.sql", dumped(TABLES))
    assert chosen(folder).chosen.path.name == "shop-schema.sql"

    put(folder, "shop-schema.sql", dumped(ROWS))
    put(folder, "wordpress.sql", MYSQL)
    assert names(chosen(folder).damaged) == ["shop-schema.sql"]
    assert "wordpress.sql was skipped because it is a dump of MySQL" in chosen(folder).notes[0]


@pytest.mark.parametrize("name", ["shop-2.sql", "shop.sql"])
def test_a_dump_without_rows_under_the_name_of_the_job_is_its_newest_one(folder, name):
    put(folder, "shop-1.sql", dumped(TABLES, ROWS), age=9 * HOUR)
    put(folder, name, dumped(TABLES))

    assert chosen(folder).chosen.path.name == name
