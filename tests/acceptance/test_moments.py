"""Checks at named moments: asked of a server that pauses there, and again when the recovery is complete."""

import signal
import sys
from pathlib import Path

import pytest

from tests.acceptance.physical import Yard, tell
from tests.chosen import chosen
from tests.production import majors, producing

MAJORS = majors()
DYING = [sys.executable, str(Path(__file__).with_name("dying.py"))]


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def story(request):
    with producing(MAJORS[request.param]) as production:
        yield tell(production)


@pytest.fixture
def yard(world, story):
    world_yard = Yard(world, story)
    world_yard.fill("full")
    return world_yard


def drilled(yard, moments, checks, last="latest"):
    named = ", ".join(f"{name}: {{time: '{at}'}}" for name, at in moments.items())
    yard.configure(
        physical="{kind: basebackup, path: backups, archive: archive, "
        f"moment: {last}, moments: {{{named}}}}}",
        checks=f"[{', '.join(checks)}]",
    )
    return yard.world.drill()


def rows(number, at="", more=""):
    name = f"{number} orders{more and ' alone'}"
    at = f", at: {at}" if at else ""
    return (
        f"{{query: {{name: {name}, sql: select count(*) from orders, expect: {{equals: {number}}}, "
        f"database: shop{at}{more}}}}}"
    )


def results(report):
    return {check["name"]: check["outcome"] for check in report["checks"]}


def test_checks_are_asked_at_each_moment_and_again_at_the_end(yard, story):
    rows_of = "{row_count: {table: orders, equals: %d, database: shop%s}}"

    code, report = drilled(
        yard,
        {"migrated": story.middle, "before": story.between},
        [
            rows(200, "before", ", false_after: true"),
            rows_of % (3300, ", at: migrated"),
            rows_of % (5400, ""),
        ],
    )

    assert (code, report["verdict"]) == (0, "verified"), report
    found = results(report)
    assert found["200 orders alone, at before"] == "passed"
    assert found["200 orders alone, at before, no longer afterwards"] == "passed"
    assert found["row count of orders, at migrated"] == "passed"
    assert found["row count of orders"] == "passed"
    notes = "\n".join(report["notes"])
    assert "recovered to before (time 20" in notes
    assert report["backup"]["recovered"]["segment"] == story.needed[-1]
    asked = [seen["text"] for seen in report["evidence"] if seen["source"] == "WAL archive"]
    assert any(story.needed[-1] in text for text in asked)
    assert report["teardown"]["outcome"] == "complete"


def test_a_moment_that_holds_other_data_fails_the_drill(yard, story):
    code, report = drilled(
        yard, {"before": story.between}, [rows(3300, "before")], f"{{time: '{story.middle}'}}"
    )

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "expected 3,300, found 200" in report["reason"]
    assert "nothing about the data at that moment" in "\n".join(report["notes"])


def test_a_check_that_still_holds_afterwards_tells_no_moment_apart(yard, story):
    always = (
        "{query: {name: orders, sql: select count(*) from orders, expect: {at_least: 1}, "
        "database: shop, at: before, false_after: true}}"
    )

    code, report = drilled(yard, {"before": story.between}, [always])

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "orders, at before, no longer afterwards" in report["reason"]
    assert "still passes when the recovery is complete" in report["reason"]


def test_a_hole_before_a_moment_fails(yard, story):
    yard.segment(1).unlink()

    code, report = drilled(yard, {"middle": story.middle}, [rows(3300, "middle")])

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "recovery ended before configured recovery target" in report["reason"]


def test_a_drill_that_is_killed_at_a_moment_leaves_nothing_after_the_sweep(yard, story):
    world = yard.world
    drilled(yard, {"before": story.between}, [rows(200, "before", ", false_after: true")])
    whole = world.run("before", "-1", "drill", command=DYING)
    assert whole.returncode == 0, whole.stderr
    count = int(whole.stderr.rpartition("saves: ")[2])

    for number in chosen(range(count), 0.1):
        died = world.run("after", str(number), "drill", command=DYING)
        assert died.returncode == -signal.SIGKILL, (number, died.stderr)
        swept = world.run("sweep")

        assert swept.returncode == 0, (number, swept.stdout, swept.stderr)
        assert world.leftovers() == [], number
