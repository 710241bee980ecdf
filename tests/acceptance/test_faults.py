"""What happens to a drill that is no fault of the backup: the right verdict, and nothing left.

Each fault has a line in `tests/failures.py`, which the page of the reference is made of.
"""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from restorecheck.postgres.server import cluster
from tests.acceptance.proxy import network
from tests.acceptance.ready import COMMAND
from tests.failures import expect, expect_message

NAPS = """
create function nap(i int) returns int immutable language plpgsql as $$
begin
  if current_setting('application_name') in ('pg_restore', 'psql') then
    perform pg_sleep(60);
  end if;
  return i;
end $$;
create table naps (id int);
insert into naps values (1);
create index on naps (nap(id));
"""
SLEEPS = (
    '[{query: {name: sleeper, sql: "select pg_sleep(60)", expect: not_empty, timeout_seconds: 90}}]'
)
LOCAL = pytest.mark.allow_hosts(["127.0.0.1"])
COPY = "shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
SCRIPT = Path(__file__).with_name("hurried.py")
HURRIED = [sys.executable, str(SCRIPT), "999999", "0"]
AT_CHECK, AT_LOAD = "at least one table has rows", "start server: done"


@pytest.fixture(scope="module")
def slow(source, tmp_path_factory):
    """Dumps whose load takes a minute: time enough for everything that may happen in it."""
    folder = tmp_path_factory.mktemp("slow")
    source.sql(NAPS)
    try:
        return {
            kind: source.dump(folder / f"library.{kind}", f"--format={kind}")
            for kind in ("custom", "plain")
        }
    finally:
        source.sql("drop table naps; drop function nap")


@pytest.fixture
def sleeping(world, dumps):
    """A drill that stays at a check."""
    shutil.copy(dumps["custom"], world.backups)
    world.configure(SLEEPS)
    return world


class Drilling:
    """A drill under way; what it is made of can be found and hit."""

    def __init__(self, world, *arguments, command=COMMAND, **options):
        self.process = subprocess.Popen(
            [*command, "drill", "--json", *arguments],
            cwd=world.directory,
            env={**os.environ, **world.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def wait_for(self, said):
        assert self.process.stderr is not None, "a pipe"
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if said in line:
                return self
        raise AssertionError(f"it ended without saying {said!r}: {lines}")

    def find(self, wanted):
        """The first process below whose command line says so."""
        while self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                try:
                    if wanted(" ".join(child.cmdline())):
                        return child
                except psutil.Error:
                    continue
        raise AssertionError("it ended before that")

    def end(self):
        out, err = self.process.communicate(timeout=120)
        assert out, err
        return self.process.returncode, json.loads(out)


def is_postmaster(line):
    return "postgres -D" in line


def is_napping(line):
    return line.startswith("postgres:") and line.rstrip().endswith("CREATE INDEX")


def is_asking(line):
    return line.startswith("postgres: restorecheck_checker") and line.rstrip().endswith("SELECT")


def is_loading(line):
    return "/pg_restore --host" in line or "/psql --host" in line


@pytest.mark.parametrize(
    ("kind", "key", "victim", "number"),
    [
        ("plain", "load: program killed", is_loading, signal.SIGKILL),
        ("custom", "load: program told to end", is_loading, signal.SIGTERM),
        ("custom", "load: statement canceled", is_napping, signal.SIGINT),
        ("plain", "load: backend killed", is_napping, signal.SIGKILL),
        ("custom", "load: postmaster killed", is_postmaster, signal.SIGKILL),
    ],
)
def test_a_load_that_is_broken_off_says_nothing_about_the_dump(
    world, slow, kind, key, victim, number
):
    shutil.copy(slow[kind], world.backups / "library.dump")
    drilling = Drilling(world).wait_for(AT_LOAD)
    drilling.find(is_napping)

    drilling.find(victim).send_signal(number)

    expect(key, *drilling.end())


@pytest.mark.parametrize(
    ("key", "victim"),
    [("check: backend killed", is_asking), ("check: postmaster killed", is_postmaster)],
)
def test_a_server_that_is_killed_under_a_check_proves_nothing(sleeping, key, victim):
    drilling = Drilling(sleeping).wait_for(AT_CHECK)
    drilling.find(is_asking)

    drilling.find(victim).kill()

    expect(key, *drilling.end())


def test_a_decrypting_program_that_is_killed_says_nothing_about_the_dump(world, dumps):
    (world.backups / "library.enc").write_bytes(b"\x99" + dumps["custom"].read_bytes())
    hangs = "import sys, time; sys.stdin.buffer.read(1); time.sleep(600)"
    world.configure(dump=f", decrypt: [{sys.executable}, -c, '{hangs}']")
    drilling = Drilling(world).wait_for("drill ")

    for _ in ("looks at its head", "reads it whole"):
        killed = drilling.find(lambda line: hangs in line)
        killed.kill()
        killed.wait()

    expect("decrypt: killed", *drilling.end())


def test_a_dump_that_is_deleted_while_it_is_loaded_says_nothing_about_itself(world, slow):
    """Looked into first, it is read once more for the load."""
    dump = world.backups / "library.sql.enc"
    dump.write_bytes(b"\x99" + slow["plain"].read_bytes())
    program = f"import os, sys, shutil; sys.stdin.buffer.read(1); {COPY}"
    world.configure(dump=f", decrypt: [{sys.executable}, -c, {json.dumps(program)}]")
    drilling = Drilling(world).wait_for("find dump: done")
    dump.unlink()

    expect("dump: gone", *drilling.end())


def limit_memory(drilling, more):
    """Of the command, and of what it starts from now on: so many bytes beyond what it has."""
    mine = psutil.Process(drilling.process.pid)
    limit = mine.memory_info().vms + more
    resource.prlimit(mine.pid, resource.RLIMIT_AS, (limit, limit))


def test_memory_that_runs_out_under_a_check_proves_nothing(sleeping):
    sleeping.configure(SLEEPS.replace("pg_sleep(60)", "pg_sleep(0.5), repeat('x', 99000000)"))
    drilling = Drilling(sleeping).wait_for(AT_CHECK)

    limit_memory(drilling, 50_000_000)

    expect("memory: ours", *drilling.end())


def test_too_little_memory_for_the_server_proves_nothing(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    drilling = Drilling(world).wait_for("find dump: done")

    limit_memory(drilling, 20_000_000)

    expect("memory: from the start", *drilling.end())


# --- the network to a scratch server ----------------------------------------------------------


@pytest.fixture
def remote(world, slow, source):
    """A scratch server behind a network of ours; the load stays in it."""
    shutil.copy(slow["custom"], world.backups)
    with network(source.places.socket_path) as proxy:
        place = f"127.0.0.1:{proxy.port}"
        world.configure(
            dump=f", into: 'postgresql://postgres@{place}/postgres'",
            extra=f"scratch_servers: ['{place}']\n",
        )
        yield proxy
        proxy.heal()
        assert world.run("sweep").returncode == 0
        with cluster.superuser_connection(source.places) as connection:
            query = "select datname from pg_database where datname like 'restorecheck%'"
            assert connection.execute(query).fetchall() == []


def loading_remotely(world, source):
    """A drill whose load is at its long index."""
    drilling = Drilling(world, command=HURRIED).wait_for("create database: done")
    with cluster.superuser_connection(source.places) as connection:
        query = (
            "select 1 from pg_stat_activity where application_name = 'pg_restore'"
            " and wait_event = 'PgSleep'"
        )
        while not connection.execute(query).fetchall():
            assert drilling.process.poll() is None
    return drilling


@LOCAL
def test_a_network_that_is_cut_during_the_load_says_nothing_about_the_dump(world, remote, source):
    drilling = loading_remotely(world, source)

    remote.cut()

    expect("network: cut", *drilling.end())


@LOCAL
def test_a_server_that_cannot_be_reached_any_more_is_swept_later(world, remote, source):
    drilling = loading_remotely(world, source)

    remote.refuses = True
    remote.cut()

    code, report = drilling.end()
    expect("network: cut for good", code, report)
    assert {left["kind"] for left in report["teardown"]["left"]} >= {"temporary database"}


@LOCAL
def test_a_network_that_swallows_everything_ends_with_the_deadline(world, remote, source):
    text = world.config.read_text().replace("checks: []", "checks: []\n    deadline_minutes: 0.08")
    world.config.write_text(text)
    drilling = loading_remotely(world, source)

    remote.swallow()

    expect("network: swallows everything", *drilling.end())


# --- the history ------------------------------------------------------------------------------


def remove(world):
    for path in world.directory.glob("history.sqlite*"):
        if path.is_file():
            path.unlink()


def lock(world):
    holder = sqlite3.connect(world.directory / "history.sqlite")
    holder.execute("begin exclusive")
    return holder


@pytest.mark.parametrize(("key", "hurt"), [("history: locked", lock), ("history: removed", remove)])
def test_a_history_that_cannot_be_written_in_the_middle_is_told_and_swept(world, dumps, key, hurt):
    shutil.copy(dumps["custom"], world.backups)
    world.configure(SLEEPS.replace("sleep(60)", "sleep(0.5)"))
    drilling = Drilling(world, command=HURRIED).wait_for(AT_CHECK)

    holder = hurt(world)

    out, err = drilling.process.communicate(timeout=60)
    if holder is not None:
        holder.close()
    expect_message(key, drilling.process.returncode, err)
    assert out == ""
    assert world.run("sweep").returncode == 0
    assert world.leftovers() == []
    if key == "history: locked":
        expect("killed", 0, json.loads(world.run("report", "--format", "json").stdout))


@pytest.mark.parametrize("key", ["history: truncated", "history: unwritable"])
def test_a_history_that_cannot_be_used_begins_no_drill(world, dumps, key):
    shutil.copy(dumps["custom"], world.backups)
    history = world.directory / "history.sqlite"
    if key == "history: truncated":
        history.write_bytes(b"no database, but long enough to be looked at as one" * 100)
    else:
        history.mkdir()

    done = world.run("drill", "--json")

    expect_message(key, done.returncode, done.stderr)
    assert done.stdout == ""
    assert world.leftovers() == []


# --- the clock --------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "by"), [("clock: forward", 86400), ("clock: back", -86400)])
def test_a_clock_that_jumps_in_the_middle_makes_no_time_negative(world, dumps, key, by):
    shutil.copy(dumps["custom"], world.backups)
    drilling = Drilling(world, command=[sys.executable, str(SCRIPT), "5", str(by)])

    code, report = drilling.end()

    expect(key, code, report)
    assert report["finished_at"] >= report["started_at"]
    assert all(step["seconds"] >= 0 for step in report["steps"])
    assert report["time"]["total_seconds"] >= 0
    assert world.run("history", "verify").returncode == 0


# --- bad dumps, for comparison ----------------------------------------------------------------


def test_a_bad_dump_is_called_bad(world, dumps):
    whole = dumps["custom"].read_bytes()
    dump = world.backups / "library.dump"
    dump.write_bytes(whole[: len(whole) * 2 // 3])
    expect("dump: truncated", *world.drill())

    dump.write_bytes(whole)
    world.configure("[{row_count: {table: public.books, min: 2001}}]")
    expect("dump: rows missing", *world.drill())
