"""Dumps that were written to do harm: what they try, what they get, and what people see of it."""

import json
import os
import sys

import pytest

from restorecheck.checks.tables import full_name
from restorecheck.postgres.dump.load import Destination
from restorecheck.postgres.dump.scratch_server import ScratchServer
from tests.missing import needs

ROOT = needs(os.geteuid() == 0, "the rights of root", "run the tests as root, as .ci/run does")
TRAILER = "--\n-- PostgreSQL database dump complete"


@pytest.fixture
def plant(world, dumps):
    """Put SQL of somebody hostile into an otherwise good plain dump, before its end."""

    def put(sql, **configured):
        text = dumps["plain"].read_text()
        head, mark, tail = text.rpartition(TRAILER)
        assert mark
        (world.backups / "library.sql").write_text(f"{head}{sql}\n{mark}{tail}")
        world.configure(**configured)

    return put


def found(report, name):
    (result,) = [r for r in report["checks"] if r["name"] == name]
    return result


@pytest.fixture
def loot(world):
    """A folder where everybody may write."""
    folder = world.directory / "loot"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def test_commands_to_psql_in_a_dump_are_not_run(world, plant, loot):
    plant(rf"\! touch {loot}/touched")

    code, report = world.drill()

    assert list(loot.iterdir()) == []
    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert r"the command \! of psql" in report["reason"]


def test_a_program_of_a_dump_has_neither_network_nor_secrets(world, plant):
    """What else it does not reach: test_fence.py."""
    world.environment["PRODUCTION"] = "s3cret-of-production"
    steps = "(id -u; env; grep : /proc/net/dev) | grep . | tr -d '':''"
    asked = {
        "name": "neither",
        "sql": "select array_agg(trim(line)) from public.seen where line ~ '^0$|s3cret|^ *(eth|en|wl)'",
        "expect": {"equals": None},
    }
    plant(
        "create table public.seen (line text);\n"
        f"copy public.seen from program '{steps}' (format csv, delimiter e'\\x01', quote e'\\x02');",
        checks=json.dumps([{"query": asked}]),
    )

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


SPOILED = """
cat > /dev/null; rm -f postmaster.pid ../server.log ../restorecheck.json
mkfifo postmaster.pid; ln -s /dev/zero ../server.log; mkfifo ../restorecheck.json
mkdir closed && touch closed/file && chmod 0 closed
"""


def test_a_program_that_spoils_the_drills_own_directory_keeps_nothing_from_being_taken_away(
    world, plant
):
    """The mark, the server's log and its lock file are pipes and devices then; the fixture looks for what is left."""
    program = SPOILED.strip().replace("\n", "; ")
    plant(f"COPY public.authors TO PROGRAM '{program}';")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["teardown"]["outcome"] == "complete"


SHADOWS = """
create function public.set_config(text, text, boolean) returns text language plpgsql as $body$
begin raise exception 'called'; end $body$;
create function public.current_setting(text) returns text language plpgsql as $body$
begin raise exception 'called'; end $body$;
create view public.pg_database as select 'elsewhere'::name as datname, false as datistemplate, 1::oid as oid;
create view public.pg_roles as select null::name as rolname, false as rolsuper, false as rolcanlogin;
create table public.pg_class (oid oid, relname name);
create function public.pg_control_system() returns table (system_identifier bigint) language sql
  as 'select 1::bigint';
create function public.never(name, name) returns boolean language sql as 'select false';
create operator public.= (leftarg = name, rightarg = name, function = public.never);
do $body$ begin
  execute format('alter database %I set search_path = public, pg_catalog', current_database());
end $body$;
"""


RIGHTS = """
create role restorecheck_checker superuser login;
grant pg_execute_server_program to restorecheck_checker;
"""
EVENTS = """
create function public.harm() returns event_trigger language plpgsql as $body$
begin raise exception 'harm'; end $body$;
do $body$ begin
  if current_setting('server_version_num')::int >= 170000 then
    create event trigger at_login on login execute function public.harm();
  end if;
end $body$;
create event trigger at_start on ddl_command_start execute function public.harm();
"""
WIDE = ", ".join(f'"{"n" * 50} {n}" int' for n in range(1600))
QUESTIONS = {
    "the asking role is no superuser": "select not rolsuper from pg_catalog.pg_roles"
    " where rolname operator(pg_catalog.=) current_user",
    "nor may it run programs": "select not pg_has_role(current_user, 'pg_execute_server_program', 'usage')",
    "a view that sleeps": "select answer from public.slow",
}


def test_a_dump_that_attacks_the_checks_gets_no_rights_and_no_time_and_changes_no_answer(
    world, plant
):
    """A role of the checker's name, things of the catalog's names before the catalog in the search
    path, event triggers that raise, a view that sleeps, as many columns as there can be.
    """
    queries = [
        {
            "query": {
                "name": name,
                "sql": sql,
                "expect": {"equals": True},
                "timeout_seconds": 1 if "sleeps" in name else 60,
                "severity": "warning" if "sleeps" in name else "required",
            }
        }
        for name, sql in QUESTIONS.items()
    ]
    plant(
        f"set search_path = pg_catalog;\n{RIGHTS}{SHADOWS}"
        f"create table public.wide ({WIDE});\ninsert into public.wide default values;\n"
        f"create view public.slow as select true as answer from pg_sleep(3600);\n{EVENTS}",
        checks=json.dumps(queries),
    )

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    measured = found(report, "every table can be counted")["measured"]
    assert (measured["public.books"], measured["public.wide"]) == (2000, 1)
    assert "no answer within 1 s" in found(report, "a view that sleeps")["detail"]


IN_THE_WAY = """
do $body$ begin
  execute format('alter database %1$I set role = librarian; alter database %1$I set statement_timeout = 1;'
    'alter database %1$I set session_preload_libraries = nothing_here;'
    'alter database %1$I set default_transaction_read_only = on;'
    'alter database %1$I set "app.tenant" = seven;'
    'alter database %1$I connection limit 0; revoke connect on database %1$I from public',
    current_database());
end $body$;
alter role all set statement_timeout = 1;
alter role all set default_transaction_read_only = on;
"""


def test_what_a_dump_sets_for_every_session_keeps_no_question_out(world, plant):
    tenant = "select current_setting('app.tenant') = 'seven'"
    asked = {"name": "the application's own setting", "sql": tenant, "expect": {"equals": True}}
    plant(IN_THE_WAY, checks=json.dumps([{"query": asked}]))

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_a_database_that_nobody_may_enter_is_named_as_such(world, plant):
    plant("update pg_database set datallowconn = false where datname = current_database();")

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "not currently accepting connections" in report["reason"]


ESCAPES = "select E'\\x1b[2J<script>no</script>'"
NAMES = (
    "\x1b[31mred\x1b[0m",
    "<script>alert(1)</script>",
    "line\nbreak | cell",
    "quote\"'; drop table books; --",
    "percent %s %(x)s {x} $1",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp",
)


def test_names_with_escapes_tags_and_quotes_stay_text_on_every_way_out(world, plant):
    def named(text):
        return '"' + text.replace('"', '""') + '"'

    tables = "".join(
        f"create table public.{named(name)} (id int primary key, {named(name)} int check ({named(name)} > 0));\n"
        f"insert into public.{named(name)} values (1, 1);\n"
        f"alter table public.{named(name)} add foreign key (id) references public.{named(name)};\n"
        for name in NAMES
    )
    plant(
        tables + "do $body$ begin raise warning E'\\x1b[2J<b>%', repeat('x', 100); end $body$;",
        checks=json.dumps(
            [{"query": {"name": "<b>", "sql": ESCAPES, "expect": {"equals": "yes"}}}]
        ),
    )

    done = world.run("drill")
    faces = {
        face: world.run("report", "library", "--format", face).stdout
        for face in ("text", "markdown", "html", "junit", "json")
    }

    assert done.returncode == 1
    said = [done.stdout, done.stderr, *faces.values()]
    assert all(len(text) > 100 for text in faces.values()), {k: len(v) for k, v in faces.items()}
    assert [m for m in ("\x1b", "\u202e") for text in said[:-1] if m in text] == []
    assert "\x1b" not in said[-1]
    assert "<script>alert" not in faces["html"] + faces["junit"] + faces["markdown"]
    results = json.loads(faces["json"])["checks"]
    (counted,) = [r for r in results if r["name"] == "every table can be counted"]
    assert counted["outcome"] == "passed"
    assert {full_name("public", name) for name in NAMES} <= set(counted["measured"])


def test_a_flood_of_messages_costs_no_memory(world, plant):
    """Tens of megabytes on one line of the server's log, and an error of that size after it."""
    plant(
        "do $body$ begin raise warning '%', repeat('x', 40000000); end $body$;\n"
        "do $body$ begin raise exception '%', repeat('y', 40000000); end $body$;"
    )
    measured = (
        "import re, sys; from restorecheck.hosts.cli import main; code = main(sys.argv[1:]);"
        # Not ru_maxrss: that of a child remembers the parent that forked it.
        " most = re.search(r'VmHWM:\\s+([0-9]+)', open('/proc/self/status').read());"
        " print(int(most[1]) // 1024, file=sys.stderr); sys.exit(code)"
    )

    done = world.run("drill", "--json", command=[sys.executable, "-c", measured])

    assert done.returncode == 1, done.stderr
    assert len(done.stdout) < 100_000
    assert int(done.stderr.split()[-1]) < 180, "megabytes"


# --- the folder of the dumps, the command line


def test_links_in_the_folder_that_lead_nowhere_or_in_circles_and_pipes_are_passed_over(
    world, dumps
):
    (world.backups / "library.dump").write_bytes(dumps["custom"].read_bytes())
    (world.backups / "loop.dump").symlink_to("loop.dump")
    (world.backups / "gone.dump").symlink_to("/nowhere/at/all")
    (world.backups / "secrets.dump").symlink_to("/etc/shadow")
    os.utime(world.backups / "secrets.dump", (1, 1), follow_symlinks=False)
    os.mkfifo(world.backups / "pipe.dump")

    code, report = world.drill()

    assert (code, report["verdict"]) in {(0, "verified"), (1, "failed")}, report["reason"]
    assert report["backup"]["identifier"].endswith("library.dump")


@ROOT
def test_a_link_in_a_directory_dump_brings_no_file_of_roots_into_reach_of_the_restored_code(
    world, source
):
    secret = world.directory / "secret"
    secret.write_text("only root reads this")
    secret.chmod(0o600)
    source.dump(world.backups / "library.dir", "--format=directory")
    (world.backups / "library.dir" / "9999.dat.gz").symlink_to(secret)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "symbolic link 9999.dat.gz" in report["reason"]


def test_no_password_is_in_an_argument_of_a_program_that_loads():
    made = ScratchServer.of_url("postgresql://u:s3cret@h:1/d")
    destination = Destination(
        host=made.host, port=made.port, user=made.user, database="d", password=made.password
    )

    arguments = destination.arguments()

    assert made.password == "s3cret"  # noqa: S105  # made up
    assert not [argument for argument in arguments if "s3cret" in argument]


ELSEWHERE = """
create foreign data wrapper wires;
create server elsewhere foreign data wrapper wires options (host 'production.example');
create user mapping for public server elsewhere options (user 'app', password 's3cret');
create materialized view brought as select 1 as one;
"""


@pytest.mark.parametrize("kind", ["custom", "plain"])
def test_a_dump_that_knows_another_server_cannot_log_in_there(world, source, tmp_path, kind):
    """Not hostile at all, but it may be production: filling a view of what lies there would ask it."""
    source.sql("create database knowing")
    try:
        source.sql(ELSEWHERE, "knowing")
        source.sql("create table known (id int); insert into known values (1)", "knowing")
        source.sql("create role keeper nologin; alter table known owner to keeper", "knowing")
        dump = source.dump(tmp_path / f"knowing.{kind}", f"--format={kind}", database="knowing")
    finally:
        source.sql("drop database knowing")
        source.sql("drop role if exists keeper")
    (world.backups / "knowing.dump").write_bytes(dump.read_bytes())
    world.configure(
        "[{query: {name: no way in, sql: select count(*) from pg_user_mappings, expect: {equals: 0}}},"
        " {query: {name: not filled, sql: select relispopulated from pg_class where relname = 'brought',"
        " expect: {equals: false}}},"
        " {query: {name: owners are no superusers, sql: select count(*) from pg_roles where rolsuper,"
        " expect: {equals: 1}}}]"
    )

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert "the restored database connects to no other server" in " ".join(report["notes"])
    assert found(report, "no way in")["outcome"] == "passed"
