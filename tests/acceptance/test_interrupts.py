"""Ctrl-C, SIGTERM and SIGHUP tear down first; `--keep` keeps; `sweep` ends."""

import json
import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from tests.acceptance.ready import COMMAND
from tests.failures import expect

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
    lines = []
    for line in process.stderr:
        if said in line:
            return
        lines.append(line)
    out, _ = process.communicate(timeout=60)
    rest = f"{''.join(lines)}\n{out}"
    raise AssertionError(f"it ended with {process.returncode}, without saying {said!r}:\n{rest}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_a_check_tears_down_first(library, number):
    library.configure(SLEEPS)
    process = start(library)
    wait_for(process, "at least one table has rows")

    process.send_signal(number)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    report = json.loads(out)
    expect("interrupted", 130, report)
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
    wait_for(process, "teardown, then the process ends")
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
        host=f"{left['identifier']}/s", user="restorecheck_checker", dbname="library"
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
    assert "connect:  PGPASSFILE=/dev/null/none PGREQUIREAUTH=none " in done.stdout
    end = next(line for line in done.stdout.splitlines() if "delete:" in line)
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


HANGS = "import time, sys; sys.stdin.buffer.read(1); time.sleep(600)"


def test_a_decrypt_command_that_never_ends_is_bounded_by_the_deadline_and_ended(world):
    (world.backups / "library.enc").write_bytes(b"\x99" * 100)
    own = f"{HANGS} # {world.directory}"
    world.configure(dump=f", decrypt: [{sys.executable}, -c, {own!r}]")
    text = world.config.read_text().replace("checks: []", "checks: []\n    deadline_minutes: 0.05")
    world.config.write_text(text)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "deadline" in report["reason"]
    assert not [p for p in psutil.process_iter(["cmdline"]) if own in (p.info["cmdline"] or [])]


def test_a_decrypt_command_dies_with_a_killed_drill(world):
    (world.backups / "library.enc").write_bytes(b"\x99" * 100)
    world.configure(dump=f", decrypt: [{sys.executable}, -c, {HANGS!r}]")
    process = start(world)
    wait_for(process, "drill ")
    mine = psutil.Process(process.pid)
    while not mine.children():
        assert process.poll() is None
    (child,) = mine.children()

    process.kill()
    process.communicate(timeout=60)

    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert world.run("sweep").returncode == 0


def test_a_pipe_is_no_dump(world):
    os.mkfifo(world.directory / "pipe")
    world.configure(path="pipe")

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed")
    assert "neither a file nor a folder" in report["reason"]
