"""Ctrl-C, SIGTERM and SIGHUP tear down first; `--keep` keeps; `sweep` ends."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from tests.acceptance.conftest import COMMAND

SLEEPS = '[{query: {name: sleeper, sql: "select pg_sleep(120)", expect: not_empty, timeout_seconds: 300}}]'


@pytest.fixture
def library(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    return world


def start(world, *arguments):
    return subprocess.Popen(
        [*COMMAND, "drill", "--json", *arguments],
        cwd=world.directory,
        env={**os.environ, **world.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process, said):
    for line in process.stderr:
        if said in line:
            return
    raise AssertionError(f"it ended without saying {said!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_a_check_tears_down_first(library, number):
    library.configure(SLEEPS)
    process = start(library)
    wait_for(process, "at least one table has rows")

    process.send_signal(number)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    report = json.loads(out)
    assert report["verdict"] == "inconclusive"
    assert f"interrupted by {number.name}" in report["reason"]
    assert report["teardown"]["outcome"] == "complete"


@pytest.mark.parametrize(
    "after", ["drill ", "find dump: done", "start server: done", "load dump: done"]
)
def test_a_signal_at_any_step_tears_down_first(library, after):
    library.configure(SLEEPS)
    process = start(library)
    wait_for(process, after)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert library.leftovers() == []


def test_a_second_interrupt_does_not_cut_the_teardown_short(library):
    library.configure(SLEEPS)
    process = start(library)
    wait_for(process, "at least one table has rows")

    process.send_signal(signal.SIGINT)
    wait_for(process, "tearing down first")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert library.leftovers() == []


def test_a_kept_database_answers_until_it_is_ended(library):
    code, report = library.drill("--keep")
    assert code == 0
    assert report["teardown"]["outcome"] == "kept"
    (left,) = report["teardown"]["left"]

    import psycopg  # noqa: PLC0415

    with psycopg.connect(
        host=left["identifier"], user="restorecheck_checker", dbname="library"
    ) as c:
        assert c.execute("select count(*) from books").fetchone() == (2000,)

    spared = library.run("sweep")
    assert spared.returncode == 0
    assert "kept" in spared.stdout

    ended = library.run("sweep", report["drill_id"])
    assert ended.returncode == 0, ended.stderr
    assert library.leftovers() == []
    assert library.run("sweep").stdout == "nothing to sweep\n"


def test_keep_prints_how_to_connect_and_how_to_end_it(library):
    done = library.run("drill", "--keep")

    assert "psql --host=" in done.stdout
    end = next(line for line in done.stdout.splitlines() if "end it:" in line)
    library.run("sweep", end.split()[-1])


def test_a_forgotten_directory_of_ours_is_swept_even_without_its_history(library):
    _, report = library.drill("--keep")
    (library.directory / "history.sqlite").unlink()

    preview = library.run("sweep", "--dry-run", report["drill_id"])
    assert preview.returncode == 4
    assert "would delete" in preview.stdout
    assert library.leftovers() != []

    assert library.run("sweep", report["drill_id"]).returncode == 0


def test_a_directory_that_only_has_our_name_is_spared(library):
    foreign = library.work / "restorecheck-20200101-000000-abcdef"
    foreign.mkdir()
    (foreign / "precious").touch()

    done = library.run("sweep")

    assert done.returncode == 0
    assert (foreign / "precious").exists()
    shutil.rmtree(foreign)


def test_a_sweep_leaves_a_running_drill_alone(library):
    library.configure(SLEEPS)
    process = start(library)
    wait_for(process, "at least one table has rows")

    done = library.run("sweep")
    assert "finished" not in done.stdout
    assert library.leftovers() != []

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
