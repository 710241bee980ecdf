"""A program beside a restored database: what it reaches, and what it does not, as an attacker would try it."""

import os
import socket
import struct
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from restorecheck.checks.answers import Exited, NoAnswer
from restorecheck.model import Endpoint
from restorecheck.postgres.dump import guest
from restorecheck.postgres.dump.guest import ROLE, GuestProgram, run_guest
from restorecheck.postgres.server import cluster, output, processes
from restorecheck.postgres.server.relay import relayed
from tests import pg
from tests.missing import needs
from tests.places import SHORT

pytestmark = needs(
    not guest.NEEDED & set(processes.missing_walls()),
    "user namespaces",
    "run the tests as root, or allow them",
)

SHOP = """
create table orders (id int primary key, secret text);
insert into orders select i, 'row value ' || i from generate_series(1, 100) i;
create table open_to_all (id int); grant insert, update, delete, truncate on open_to_all to public;
create table by_column (id int); grant update (id) on by_column to public;
create sequence numbers; grant usage on sequence numbers to public;
create function bump() returns void language sql security definer as 'delete from orders';
grant create on schema public to public;
grant create, temporary on database library to public;
select lo_create(4242); grant update on large object 4242 to public;
"""


@pytest.fixture(scope="module")
def shop():
    with pg.running(max(pg.installations(), key=lambda i: i.major), SHOP) as running:
        yield running


def run(shop, *argv, seconds=30.0, **more):
    endpoint = Endpoint(
        identity="x",
        host=str(shop.places.sockets),
        port=cluster.PORT,
        user="x",
        databases=("library",),
    )
    program = GuestProgram(argv=argv, **more)
    return run_guest(program, endpoint, "library", timedelta(seconds=seconds))


def reach(shop):
    """Folders of psql, for a program that starts it."""
    return tuple(processes._parts_of(shop.installation.program("psql")))


def psql(shop, *statements):
    words = [word for text in statements for word in ("-c", text)]
    program = str(shop.installation.program("psql"))
    return run(shop, program, "-v", "ON_ERROR_STOP=1", "-At", *words)


FUNCTIONS = """
select proname, (select array_agg(a::text order by a::text) from unnest(coalesce(proacl, acldefault('f', proowner))) a)
from pg_proc where prosecdef or proname ~ '^lo_' order by pg_proc.oid
"""


def state(shop):
    """What a program could change: rows, objects, rights, roles."""
    texts = (
        "select count(*), (select last_value from numbers) from orders",
        "select count(*) from open_to_all",
        "select relname, relacl::text from pg_class where relnamespace >= 2200 order by 1",
        "select nspname, nspacl::text from pg_namespace where nspname !~ '^pg_temp|^pg_toast_temp' order by 1",
        "select datname, datacl::text, datconnlimit from pg_database order by 1",
        "select attacl::text from pg_attribute where attacl is not null and attrelid = 'by_column'::regclass",
        "select rolname, rolsuper from pg_roles order by 1",
        "select oid, lomacl::text from pg_largeobject_metadata",
        "select count(*) from pg_largeobject",
        "select setrole, setconfig from pg_db_role_setting",
        FUNCTIONS,
    )
    with cluster.superuser_connection(shop.places, "library") as connection:
        return [connection.execute(text.encode()).fetchall() for text in texts]


def test_it_reads_as_a_role_of_its_own_by_url_and_by_variables(shop):
    text = "select count(*), current_user from orders"
    assert psql(shop, text) == Exited(code=0, said=f"100|{ROLE}")
    url = run(shop, "/bin/sh", "-c", f'{shop.installation.program("psql")} "$DATABASE_URL" -Atc "{text}"',
              files=reach(shop))  # fmt: skip
    assert url == Exited(code=0, said=f"100|{ROLE}")


WRITES = (
    "create table public.mine (id int)",
    "create temporary table mine (id int)",
    "create schema mine",
    "insert into open_to_all values (1)",
    "truncate open_to_all",
    "update by_column set id = 1",
    "delete from orders",
    "select bump()",
    "select nextval('numbers')",
    "select lo_create(99)",
    "select lo_from_bytea(98, 'x')",
    "select lo_put(4242, 0, 'x')",
    "select lowrite(lo_open(4242, 131072), 'x')",
    "select lo_unlink(4242)",
    f"alter role {ROLE} superuser",
    "create role mine",
    "grant pg_write_all_data to " + ROLE,
    "alter database library connection limit 0",
    "alter system set fsync = off",
    "copy orders to program 'touch /tmp/x'",
    "copy orders to '/tmp/x'",
    "set role postgres",
    "set session authorization postgres",
    "lock table orders in access exclusive mode",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
)


@pytest.mark.parametrize(
    "first", ["", "set default_transaction_read_only = off", "begin read write"]
)
def test_it_changes_nothing_however_it_begins_its_transactions(shop, first):
    before = state(shop)
    script = "\n".join(f"{first};\n{write};\nrollback;" for write in WRITES)
    program = shop.installation.program("psql")
    done = run(
        shop,
        "/bin/sh",
        "-c",
        f'printf %s "$SCRIPT" | {program} -f - 2>&1 | grep -c ERROR:',
        files=reach(shop),
        environment={"SCRIPT": script.replace("rollback", "commit")},
    )
    assert done == Exited(code=0, said=str(len(WRITES)))
    assert state(shop) == before


def test_no_other_role_and_no_other_database_is_reached(shop):
    program = str(shop.installation.program("psql"))
    assert run(shop, program, "-U", "postgres", "-Atc", "select current_user").said == ROLE
    assert run(shop, program, "-d", "postgres", "-c", "select 1").code == 2
    assert (
        run(
            shop, program, "-d", "replication=database dbname=library", "-c", "IDENTIFY_SYSTEM"
        ).code
        == 1
    )
    direct = run(shop, program, "-h", str(shop.places.sockets), "-U", "postgres", "-c", "select 1")
    assert direct.code == 2


def test_it_sees_no_variable_and_no_file_of_restorecheck(shop, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-of-restorecheck")
    (tmp_path / "key").write_text("s3cret in a file")
    tmp_path.chmod(0o755)
    script = f"env; cat {tmp_path}/key; cat /proc/[0-9]*/environ; ls /root /home {shop.places.data}; echo; env | wc -l"
    seen = run(shop, "/bin/sh", "-c", f"({script}) 2>&1 | grep -c s3cret")
    assert seen == Exited(code=1, said="0")
    given = run(shop, "/bin/sh", "-c", "echo $APP_KEY", environment={"APP_KEY": "given"})
    assert given.said == "given"
    read = run(shop, "/bin/cat", str(tmp_path / "key"), files=(tmp_path,))
    assert read.said == "s3cret in a file"


@pytest.mark.enable_socket
def test_it_reaches_no_network(shop):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        done = run(shop, "/usr/bin/python3", "-c", text)
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert done.code == 1


def test_it_writes_to_no_disk_but_64_mb_of_memory(shop):
    fill = "dd if=/dev/zero of=/tmp/x bs=1M count=500; stat -c %s /tmp/x"
    said = run(shop, "/bin/sh", "-c", fill).said
    assert int(said) <= 64 * 1024 * 1024
    for folder in (shop.places.directory / "c", "/", "/usr", "/etc"):
        assert run(shop, "/bin/sh", "-c", f"echo x > {folder}/mine").code == 2


def test_what_it_starts_ends_with_it(shop):
    mark = f"86399.{os.getpid()}"
    began = time.monotonic()
    daemon = f"(setsid sh -c 'sleep {mark} & sleep {mark}' >/dev/null 2>&1 &) ; setsid sleep {mark} & exit 0"
    assert run(shop, "/bin/sh", "-c", daemon) == Exited(code=0)
    late = run(
        shop, "/bin/sh", "-c", f"trap '' TERM; (setsid sleep {mark} &); sleep {mark}", seconds=1
    )
    assert late == NoAnswer(reason="the program did not end within 1 s")
    assert time.monotonic() - began < 60
    assert not [p.pid for p in psutil.process_iter() if mark in " ".join(_words(p))]


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_its_sessions_end_with_it(shop):
    sleeps = f"{shop.installation.program('psql')} -c 'select pg_sleep(600)'"
    files = reach(shop)
    assert isinstance(run(shop, "/bin/sh", "-c", sleeps, seconds=2, files=files), NoAnswer)
    with cluster.superuser_connection(shop.places) as connection:
        for _ in range(100):
            row = connection.execute(
                "select count(*) from pg_stat_activity where query ~ 'pg_sleep.600' and pid <> pg_backend_pid()"
            ).fetchone()
            if row == (0,):
                break
        assert row == (0,)


def test_a_flood_of_output_is_thrown_away_but_for_its_end(shop):
    done = run(shop, "/bin/sh", "-c", "head -c 200000000 /dev/zero; printf 'a\\033[2Jlast'")
    assert done.code == 0
    assert len(done.said) <= output.LONGEST_LINE
    assert "\033" not in done.said


def test_a_missing_program_is_not_a_bad_backup(shop):
    done = run(shop, "/nowhere/app")
    assert isinstance(done, NoAnswer)
    assert "could not start app" in done.reason


def test_without_the_walls_it_is_not_run(shop, monkeypatch):
    monkeypatch.setattr(processes, "missing_walls", lambda: ("files", "network"))
    done = run(shop, "/bin/true")
    assert isinstance(done, NoAnswer)
    assert "a file system of its own" in done.reason


def test_a_reachable_network_is_told(shop, monkeypatch):
    monkeypatch.setattr(processes, "missing_walls", lambda: ("network",))
    (note,) = run(shop, "/bin/true").notes
    assert "could reach the network" in note


# --- the relay -----------------------------------------------------------------------------------


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        yield Path(name)


@pytest.fixture
def door(shop, folder):
    with relayed(shop.places, folder, role="reader_of_relay", database="library"):
        yield folder / shop.places.socket_path.name


def talk(door, data, count=5):
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(10)
        wire.connect(str(door))
        wire.sendall(data)
        found = b""
        while len(found) < count and (part := wire.recv(4096)):
            found += part
        return found


@pytest.mark.parametrize(
    "start",
    [
        struct.pack("!i", 2_000_000_000),
        struct.pack("!i", 4) + b"xxxx",
        struct.pack("!i", -1) + b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!ii", 9, 2 << 16) + b"\0",
        struct.pack("!ii", 8, 3 << 16),
        struct.pack("!ii", 23, 3 << 16) + b"database\0other\0",
    ],
)
def test_a_strange_start_is_refused_and_the_server_does_not_see_it(door, start):
    assert talk(door, start).startswith(b"E")


def test_encryption_is_declined_and_a_hanging_start_blocks_nobody(door):
    assert talk(door, struct.pack("!ii", 8, 80877103), 1) == b"N"
    assert talk(door, struct.pack("!ii", 8, 80877104), 1) == b"N"
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.connect(str(door))
        assert talk(door, struct.pack("!ii", 8, 80877103), 1) == b"N"


def test_the_end_of_the_relay_ends_its_connections(shop, folder):
    shop.sql("create role reader_of_relay login")
    with relayed(shop.places, folder, role="reader_of_relay", database="library"):
        connection = psycopg.connect(host=str(folder), dbname="library", user="postgres")
        assert connection.execute("select current_user").fetchone() == ("reader_of_relay",)
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    shop.sql("drop role reader_of_relay")
