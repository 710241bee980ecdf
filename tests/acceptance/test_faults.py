"""What happens to a drill that is no fault of the backup: the right verdict, and nothing left.

Each fault has a line in `tests/failures.py`, which the page of the reference is made of.
"""

import json
import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from tests.acceptance.conftest import COMMAND
from tests.failures import expect

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
COPIES = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
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
        ("plain", "load: statement canceled", is_napping, signal.SIGINT),
        ("custom", "load: backend killed", is_napping, signal.SIGKILL),
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

    drilling.find(lambda line: hangs in line).kill()

    expect("decrypt: killed", *drilling.end())
