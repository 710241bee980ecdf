"""`restorecheck propose`, as a person runs it."""

import shutil

import yaml


def test_checks_that_are_merged_pass_the_next_drill_and_leave_nothing_behind(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    checks = "\n      # mine\n      - row_count: {table: public.books, min: 7}\n"
    world.configure(checks, dump=", max_age_hours: 26")
    written = world.config.read_text()

    proposed = world.run("propose", "library")
    merged = world.run("propose", "library", "--merge", "-o", str(world.config))

    assert proposed.returncode == merged.returncode == 0, merged.stderr
    items = yaml.safe_load(proposed.stdout)["checks"]
    assert {"references", "not_null", "unique"} >= {next(iter(i)) for i in items} - {
        "row_count",
        "query",
        "range",
        "extensions",
    }
    assert {"row_count": {"table": "public.books", "min": 1000, "max_drop": "4%"}} in items
    text = world.config.read_text()
    assert all(line in text for line in written.splitlines())
    assert text.count("table: public.books, min") == 1, "what a person wrote is not said again"
    code, report = world.drill()
    assert code == 0
    assert [c for c in report["checks"] if c["outcome"] != "passed"] == [], "warnings neither"
    assert len(report["checks"]) > 20
    from_history = world.run("propose", "library", "--from-history")
    assert from_history.returncode == 0, from_history.stderr
    assert "public.authors" in from_history.stdout
    assert len(world.run("history", "library").stdout.splitlines()) >= 3


def test_nothing_is_proposed_of_a_database_that_is_not_verified(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    world.configure("[{row_count: {table: public.books, min: 1_000_000}}]")

    done = world.run("propose", "library")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "nothing is proposed" in done.stderr


def test_a_history_without_a_verified_night_proposes_nothing(world):
    done = world.run("propose", "library", "--from-history")

    assert done.returncode == 2
    assert "no drill was verified" in done.stderr
