"""The printed commands of `bring-back`, run as they stand on a fresh server, find the data."""

import gzip
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import pg
from tests.acceptance import pgbackrest
from tests.acceptance.physical import Story, Yard, tell
from tests.missing import needs
from tests.places import SHORT
from tests.production import majors, producing

SHOP = """
create role clerk; create role auditor;
create table orders (id int primary key, state text);
insert into orders select i, 'open' from generate_series(1, 500) i;
alter table orders owner to clerk; grant select on orders to auditor;
create table "Odd; drop table orders; --" (id int);
insert into "Odd; drop table orders; --" select generate_series(1, 9000);
"""


@pytest.fixture(scope="module")
def source():
    installation = max(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, "") as running:
        running.sql("create database shop", "postgres")
        running.sql(SHOP, "shop")
        yield running


@pytest.fixture(scope="module")
def fresh(source):
    with pg.running(source.installation, "") as running:
        yield running


def followed(script, environment, *, log=Path("/dev/null"), **options):
    done = subprocess.run(
        ["/bin/sh", str(script)],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
        **options,
    )
    said = f"{done.stdout}\n{done.stderr}\n{script.read_text()}"
    assert done.returncode == 0, f"{log.read_text() if log.exists() else ''}\n{said}"
    return done.stdout


def printed(world, target):
    done = world.run("bring-back", target)
    assert done.returncode == 0, done.stderr
    script = world.directory / "recover.sh"
    script.write_text(done.stdout)
    script.chmod(0o644)
    return script


@pytest.mark.parametrize("form", ["custom", "plain", "plain, create", "gzip", "tar"])
def test_a_dump_is_loaded_into_a_fresh_server(world, source, fresh, form):
    options = {"custom": "-Fc", "tar": "-Ft", "plain, create": "-C"}.get(form, "-Fp")
    dump = source.pipe(world.backups / "shop o'clock.dump", options, database="shop")
    if form == "gzip":
        dump.with_suffix(".sql.gz").write_bytes(gzip.compress(dump.read_bytes()))
        dump.unlink()
    world.configure("[row_count: {table: orders, equals: 500}]")
    code, report = world.drill()
    assert code == 0, report["reason"]
    script = printed(world, "library")
    text = script.read_text()
    assert f"by drill {report['drill_id']}" in text
    assert "load dump: " in text
    assert "Size of the restored databases" in text
    assert "drop table" not in text, "a name of the backup is never a command"
    work = world.directory / "new"
    work.mkdir()
    psql = fresh.installation.program("psql")
    out = followed(
        script,
        {
            "PATH": f"{psql.parent}:{os.environ['PATH']}",
            "PGHOST": str(fresh.places.sockets),
            "PGUSER": "postgres",
            "WORK": str(work),
        },
    )
    name = "shop" if "create" in form else report["checks"][0]["database"]
    owner = fresh.run(
        "psql",
        "-Atc",
        "select count(*), min(tableowner) from orders, pg_tables where tablename = 'orders'",
        name,
    )
    fresh.sql(f'drop database "{name}"', "postgres")
    fresh.sql("drop role clerk; drop role auditor", "postgres")
    assert owner == b"500|clerk\n"
    assert "500" in out


def test_without_a_verified_drill_there_is_nothing_to_print(world):
    done = world.run("bring-back", "library")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no drill has verified a backup" in done.stderr
    done = world.run("bring-back", "libary")
    assert done.returncode == 2
    assert "no target 'libary'" in done.stderr


# --- copies of files -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def story():
    with producing(max(majors().items())[1]) as production:
        yield tell(production)


@pytest.fixture
def place():
    """A folder for a new cluster, with the socket of its server."""
    folder = Path(tempfile.mkdtemp(prefix="rc", dir=SHORT))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def started(script, place, installation, account):
    """Run the script as the user of the cluster; the rows of `orders`, and the server is stopped."""
    environment = {
        "PATH": f"{installation.program('psql').parent}:{os.environ['PATH']}",
        "PGDATA": str(place / "data"),
        "PGHOST": str(place),
        "START_OPTIONS": f"-c unix_socket_directories={place} -c listen_addresses= -c archive_mode=off",
    }
    options = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    log = place / "restored.log"
    try:
        followed(script, environment, log=log, cwd=place, **options)
        asked = [installation.program("psql"), "-h", str(place), "-U", "postgres", "-d", "shop"]
        return subprocess.run(
            [*asked, "-Atc", "select count(*) from orders"], capture_output=True, check=True
        ).stdout
    finally:
        stop = ["pg_ctl", "-D", str(place / "data"), "-m", "immediate", "-w", "stop"]
        subprocess.run(
            [str(installation.program("pg_ctl")), *stop[1:]],
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
            **options,
        )


@pytest.mark.parametrize("name", ["full", "tar"])
def test_a_base_backup_is_recovered_to_the_end_of_its_archive(world, story, place, name):
    yard = Yard(world, story)
    yard.fill(name)
    code, report = yard.drill(rows=story.rows["end"])
    assert code == 0, report["reason"]
    for path in (world.backups, yard.archive):
        subprocess.run(["chmod", "-R", "a+rX", str(path)], check=True)
    production = story.production
    script = printed(world, "shop")
    assert "restore_command" in script.read_text()
    rows = started(script, place, production.installation, production.account)
    assert rows == f"{story.rows['end']}\n".encode()


@needs(shutil.which("pgbackrest"), "pgbackrest", "apt-get install pgbackrest")
@needs(min(majors(), default=99) <= 15, "PostgreSQL 15", "apt-get install postgresql-15")
def test_a_backup_of_pgbackrest_is_recovered_to_the_end_of_its_archive(world, place):
    with producing(majors()[min(majors())]) as production:
        pgbackrest.folders(production, "repo", "lock", "pglog", "spool")
        config = production.directory / "pgbackrest.conf"
        config.write_text(
            pgbackrest.configuration(production, f"repo1-path={production.directory}/repo")
        )
        config.chmod(0o644)
        pgbackrest.archive_into(production, config)
        pgbackrest.pgbackrest(production, config, "stanza-create")
        production.order(100)
        pgbackrest.pgbackrest(production, config, "--type=full", "backup")
        production.order(50)
        production.sql("select pg_switch_wal()")
        pgbackrest.archived(production)
        story = Story(production, early="", between="", middle="", end="", rows={})
        Yard(world, story).configure(
            physical=f"{{kind: pgbackrest, stanza: shop, config: {config}}}",
            checks="[{row_count: {table: orders, equals: 150, database: shop}}]",
        )
        code, report = world.drill()
        assert code == 0, report["reason"]
        rows = started(printed(world, "shop"), place, production.installation, production.account)
    assert rows == b"150\n"
