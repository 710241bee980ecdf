"""Night against night: what is compared, what fails, and how an explained difference is accepted."""

import shutil

import pytest


@pytest.fixture
def library(world, dumps):
    shutil.copy(dumps["custom"], world.backups / "1.dump")
    return world


@pytest.fixture
def smaller(source, tmp_path):
    """Tonight's dump: all books are gone."""
    source.sql("alter database library rename to whole", database="postgres")
    source.sql("create database library template whole", database="postgres")
    source.sql("delete from books", database="library")
    yield source.dump(tmp_path / "thin.dump", "--format=custom")
    source.sql("drop database library", database="postgres")
    source.sql("alter database whole rename to library", database="postgres")


@pytest.fixture
def without_an_index(source, tmp_path):
    """Tonight's dump: an index of last night's database is gone."""
    source.sql("create database plain template library", database="postgres")
    source.sql("create index by_title on books (title)", database="plain")
    before = source.dump(tmp_path / "before.dump", "--format=custom", database="plain")
    source.sql("drop index by_title", database="plain")
    yield before, source.dump(tmp_path / "after.dump", "--format=custom", database="plain")
    source.sql("drop database plain", database="postgres")


def names(report):
    return [check["name"] for check in report["checks"]]


def test_the_first_night_has_nothing_to_compare_with_and_says_so(library):
    code, report = library.drill()

    assert code == 0
    assert report["baseline"] is None
    assert "no table was emptied" not in names(report)


def test_a_purge_fails_until_somebody_says_why_it_is_right(library, smaller):
    _, first = library.drill()
    shutil.copy(smaller, library.backups / "2.dump")

    code, second = library.drill()
    assert (code, second["verdict"]) == (1, "failed")
    assert second["baseline"]["drill_id"] == first["drill_id"]
    assert "table public.books: 2,000 rows → 0 rows" in second["reason"]
    assert library.drill()[0] == 1, "a failed night is no baseline"

    why = "books were moved, ticket 4711"
    done = library.run("history", "accept", second["drill_id"], "--why", why, "--by", "ann")
    assert done.returncode == 0, done.stderr

    code, third = library.drill()
    assert code == 0, third["reason"]
    assert third["baseline"]["drill_id"] == second["drill_id"]
    assert (third["baseline"]["accepted_by"], third["baseline"]["accepted_because"]) == ("ann", why)
    shown = library.run("report").stdout
    assert f"accepted by ann: {why}" in shown

    code, fourth = library.drill()
    assert fourth["baseline"] == {
        "drill_id": third["drill_id"],
        "at": third["finished_at"],
        "accepted_by": "",
        "accepted_because": "",
    }


def test_the_name_of_a_target_accepts_its_newest_drill(library, smaller):
    library.drill()
    shutil.copy(smaller, library.backups / "2.dump")
    _, second = library.drill()
    target = second["target"]

    done = library.run("history", "accept", target, "--why", "ticket 4711")

    assert done.returncode == 0, done.stderr
    assert f"{target}: later drills are compared with drill {second['drill_id']}" in done.stdout
    assert library.drill()[0] == 0


def test_the_name_of_a_target_accepts_nothing_but_differences_to_an_earlier_night(library, smaller):
    library.drill()
    shutil.copy(smaller, library.backups / "2.dump")
    library.configure("[{row_count: {table: public.books, min: 1}}]")
    _, second = library.drill()

    done = library.run("history", "accept", second["target"], "--why", "x")

    assert done.returncode == 2
    assert "cannot be accepted by the name of its target" in done.stderr
    assert f"history accept {second['drill_id']}" in done.stderr


def test_a_warning_that_stays_in_verified_nights_ends_when_it_is_accepted(world, without_an_index):
    before, after = without_an_index
    shutil.copy(before, world.backups / "1.dump")
    world.drill()
    shutil.copy(after, world.backups / "2.dump")
    warned = [world.drill()[1] for _ in range(2)]
    assert [report["verdict"] for report in warned] == ["verified", "verified"]
    advice = f"restorecheck history accept {warned[-1]['drill_id']} --why REASON"
    assert advice in world.run("report").stdout

    done = world.run("history", "accept", warned[-1]["target"], "--why", "ticket 4711")

    assert done.returncode == 0, done.stderr
    _, settled = world.drill()
    outcomes = {check["name"]: check["outcome"] for check in settled["checks"]}
    assert outcomes["the structure is the same"] == "passed"
    assert settled["baseline"]["accepted_because"] == "ticket 4711"
    assert "history accept" not in world.run("report").stdout


def test_what_cannot_be_accepted_is_refused(library):
    _, report = library.drill()
    verified = report["drill_id"]

    for arguments, said in [
        (["accept", verified], "--why REASON"),
        (["accept", verified, "--why", " "], "--why REASON"),
        (["accept", "nobody", "--why", "x"], "no target 'nobody' and no finished drill"),
        (["accept", report["target"], "--why", "x"], f"drill {verified} is verified"),
        (["accept", verified, "--why", "x"], f"drill {verified} is verified"),
    ]:
        done = library.run("history", *arguments)
        assert done.returncode == 2
        assert said in done.stderr


def test_a_drill_that_read_nothing_cannot_be_accepted(library):
    (library.backups / "1.dump").write_bytes(b"PGDMP nonsense")
    _, report = library.drill()

    done = library.run("history", "accept", report["drill_id"], "--why", "x")

    assert done.returncode == 2
    assert "did not read every table" in done.stderr


def test_the_suite_says_what_becomes_of_each_check(library, smaller):
    library.configure(extra="defaults: {suite: {not_emptied: warning, structure_same: off}}\n")
    library.drill()
    shutil.copy(smaller, library.backups / "2.dump")

    code, report = library.drill()

    assert code == 0
    (emptied,) = [c for c in report["checks"] if c["name"] == "no table was emptied"]
    assert (emptied["outcome"], emptied["severity"]) == ("failed", "warning")
    assert "the structure is the same" not in names(report)


def test_a_manifest_of_production_is_what_the_restored_tables_must_be(library, source):
    dsn = f"host={source.places.sockets} dbname=library user=postgres"
    library.environment["RESTORECHECK_SOURCE"] = dsn
    done = library.run("manifest", "-o", "library.json", "--table", "books", "--table", "authors")
    assert done.returncode == 0, done.stderr
    library.configure("[{manifest: {file: library.json}}]")

    code, report = library.drill()

    assert code == 0, report["reason"]
    (check,) = [c for c in report["checks"] if c["kind"] == "manifest"]
    assert check["found"] == "2 tables, unchanged"


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ("[{manifest: {file: nowhere.json}}]", "is not a manifest"),
        ("[{manifest: {file: empty.json, tables: [x]}}]", "has no table 'x'"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_said_before_anything_is_done(library, checks, said):
    (library.directory / "empty.json").write_text(
        '{"version": 1, "tables": {}, "structure": {}, "taken_at": ""}'
    )
    library.configure(checks)

    done = library.run("drill")

    assert done.returncode == 2
    assert said in done.stderr
