"""kill -9 around every effect of a drill, then `restorecheck sweep`: nothing is left, one report."""

import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from restorecheck.model import Verdict
from restorecheck.report import document
from tests.chosen import chosen

DYING = [sys.executable, str(Path(__file__).with_name("dying.py"))]
CHECKS = "[{row_count: {table: public.books, min: 2000}}]"


@pytest.fixture
def library(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    world.configure(CHECKS)
    return world


def number_of_saves(world) -> int:
    whole = world.run("before", "-1", "drill", command=DYING)
    assert whole.returncode == 0, whole.stderr
    return int(whole.stderr.rpartition("saves: ")[2])


def reports(world) -> list[document.Report]:
    database = sqlite3.connect(world.directory / "history.sqlite")
    try:
        rows = database.execute("select report from reports").fetchall()
        (drills,) = database.execute("select count(*) from drills").fetchone()
    finally:
        database.close()
    assert len(rows) == drills, "every started drill has exactly one report"
    return [document.parse(row[0]) for row in rows]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_drill_that_is_killed_anywhere_leaves_nothing_after_the_sweep(library, when):
    count = number_of_saves(library)
    assert count >= 14, "the enumeration covers find, start, load, each check, verdict, teardown"
    (library.directory / "history.sqlite").unlink()

    tried = chosen(range(count), 0.25)
    for number in tried:
        died = library.run(when, str(number), "drill", command=DYING)
        assert died.returncode == -signal.SIGKILL, (number, died.stderr)

        swept = library.run("sweep")

        assert swept.returncode == 0, (number, swept.stdout, swept.stderr)
        assert library.leftovers() == [], number

    found = reports(library)
    # Killed before its first save, a drill has never begun.
    started = len(tried) - (when == "before" and 0 in tried)
    assert len(found) == started
    verdicts = [report.verdict for report in found]
    # Killed before the verdict: we cannot tell. Killed once every check was answered: we can.
    assert Verdict.FAILED not in verdicts
    assert verdicts.count(Verdict.INCONCLUSIVE) >= started - 6
    assert all(r.restore.outcome == "succeeded" for r in found if r.verdict is Verdict.VERIFIED)


def test_a_killed_drill_that_was_to_be_kept_is_swept_with_its_server(library):
    """Its server outlives the process on purpose; the sweep finds it by its data directory."""
    died = library.run("after", "8", "drill", "--keep", command=DYING)
    assert died.returncode == -signal.SIGKILL
    assert any("process" in left for left in library.leftovers())

    assert library.run("sweep").returncode == 0

    assert library.leftovers() == []
    locks = [path.name for path in (library.directory / "history.sqlite.locks").iterdir()]
    assert locks == ["target-library.lock"]


def test_the_next_drill_finishes_what_a_killed_one_left(library):
    died = library.run("after", "5", "drill", command=DYING)
    assert died.returncode == -signal.SIGKILL

    code, report = library.drill()

    assert (code, report["verdict"]) == (0, "verified")
    assert sorted(r.verdict for r in reports(library)) == [Verdict.INCONCLUSIVE, Verdict.VERIFIED]
