"""The command of `after_verified`, in whole drills: what it gets, how it is bounded, and that nothing of it stays."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests import pg

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "masked-development-database.md"
PEOPLE = """
create table people (id int primary key, name text, email text, joined date);
insert into people select i, 'Ada Lovelace ' || i, 'ada' || i || '@example.org', '2026-01-01' from generate_series(1, 50) i;
"""


@pytest.fixture(scope="module")
def people():
    with pg.running(max(pg.installations(), key=lambda i: i.major), PEOPLE) as running:
        yield running


@pytest.fixture
def hooked(world, people):
    """A target with a script as its command."""
    people.pipe(world.backups / "people.dump", "-Fc")

    def configure(script, more="", checks="[]"):
        file = world.directory / "hook.sh"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        world.configure(checks, extra="")
        text = world.config.read_text()
        hook = f"    after_verified: {{run: [./hook.sh]{more}}}\n"
        world.config.write_text(text.replace("    checks:", f"{hook}    checks:"))
        world.config.chmod(0o600)

    return configure


def told(report):
    return [note for note in report["notes"] if note.startswith("after_verified")]


def binaries(people):
    return people.installation.program("psql").parent


def test_it_gets_the_verified_copy_and_no_secret_of_restorecheck(world, people, hooked):
    world.environment |= {"AWS_SECRET_ACCESS_KEY": "s3cret"}
    out = world.directory / "out"
    hooked(
        f"{binaries(people)}/psql -Atc 'select count(*) from people' > {out}\n"
        f'env >> {out}; echo "last line"',
        ", show_output: true, environment: {LEVEL: masked}",
    )
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified")
    (note,) = told(report)
    assert note.startswith("after_verified ended after")
    assert note.endswith(": last line")
    lines = out.read_text().splitlines()
    assert lines[0] == "50"
    assert "LEVEL=masked" in lines
    assert f"RESTORECHECK_DRILL={report['drill_id']}" in lines
    assert not any("s3cret" in line for line in lines)


def test_a_masked_development_database_is_made_of_it(world, people, hooked):
    """The script of docs/how-to/masked-development-database.md."""
    page = PAGE.read_text()
    script = page.split("```sh\n")[1].split("```")[0]
    out = world.directory / "masked"
    out.mkdir()
    script = script.replace("/srv/masked", str(out)).replace("#!/bin/sh\n", "")
    (world.directory / "mask.sql").write_text(page.split("```sql\n")[1].split("```")[0])
    script = script.replace("/etc/restorecheck/mask.sql", str(world.directory / "mask.sql"))
    hooked(f"PATH={binaries(people)}:$PATH\n{script}")
    code, report = world.drill()
    assert (code, told(report)[0][:20]) == (0, "after_verified ended")
    people.sql("create database development", "postgres")
    restored = out / "development.dump"
    with restored.open("rb") as dump:
        people.run("pg_restore", "--dbname=development", "--no-owner", stdin=dump)
    rows = people.run(
        "psql", "-Atc", "select name, email from people order by id limit 1", "development"
    )
    people.sql("drop database development", "postgres")
    assert rows == b"person 1|person1@example.invalid\n"
    assert b"Ada" not in restored.read_bytes()
    assert not list(out.glob("*.new"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Ada Lovelace' >&2; exit 3", "it ended with exit code 3"),
        ("sleep 600", "it did not end within 2 s"),
        ("kill -SEGV $$; sleep 600", "it did not end within 2 s"),
        (
            "psql -c 'drop table people cascade' -c 'drop database postgres'; exit 1",
            "it ended with exit code 1",
        ),
    ],
)
def test_a_failure_is_a_note_and_changes_no_verdict(world, hooked, people, script, words):
    hooked(f"PATH={binaries(people)}:$PATH\n{script}", ", timeout_seconds: 2")
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified")
    (note,) = told(report)
    assert words in note
    assert "Ada" not in str(report)


def test_nothing_that_it_starts_outlives_it(world, hooked):
    mark = f"86398.{os.getpid()}"
    hooked(
        f"(setsid sh -c 'trap \"\" TERM; sleep {mark} & sleep {mark}' >/dev/null 2>&1 &)\nsetsid sleep {mark} &\nexit 0"
    )
    _code, report = world.drill()
    assert "ended after" in told(report)[0]
    assert running(mark) == []


def running(mark):
    return [
        p.pid for p in psutil.process_iter(["cmdline"]) if mark in " ".join(p.info["cmdline"] or ())
    ]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_drill_that_dies_in_it_is_torn_down_and_stays_verified(world, hooked, how):
    mark = f"86397.{os.getpid()}"
    begun = world.directory / "begun"
    hooked(f"echo x >> {begun}\n(setsid sleep {mark} &)\nsleep {mark}")
    command = [sys.executable, "-m", "restorecheck", "drill", "--json"]
    process = subprocess.Popen(
        command,
        cwd=world.directory,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 150
    while not begun.exists() and time.monotonic() < end:
        assert process.poll() is None
        threading.Event().wait(0.05)
    process.send_signal(how)
    process.communicate(timeout=120)
    if how is signal.SIGKILL:
        assert world.run("sweep").returncode == 0
    end = time.monotonic() + 20
    while running(mark) and time.monotonic() < end:
        threading.Event().wait(0.05)
    assert running(mark) == []
    assert begun.read_text() == "x\n", "it is not run again"
    report = json.loads(world.run("report", "--format", "json").stdout)
    assert report["verdict"] == "verified"
    assert told(report) == ["after_verified was interrupted, and is not run again"]
    assert world.leftovers() == []


def test_it_is_not_run_for_a_kept_database_or_where_another_user_can_change_it(world, hooked):
    hooked(f"touch {world.directory}/ran")
    world.config.chmod(0o666)
    _code, report = world.drill()
    assert "can write to" in told(report)[0]
    world.config.chmod(0o600)
    done = world.run("drill", "--keep", "--json")
    assert "after_verified was not run: the database is kept" in done.stdout
    kept = json.loads(done.stdout)["drill_id"]
    assert world.run("sweep", kept).returncode == 0
    assert not (world.directory / "ran").exists()


def test_the_plan_names_it(world, hooked):
    hooked("exit 0", ", timeout_seconds: 120")
    assert (
        "run the command of after_verified  (within 2 minutes)"
        in world.run("drill", "--plan").stdout
    )
