"""Dumps and queries whose errors repeat rows: no report, page, message or log has the row."""

import json
from typing import Any

import pytest

from restorecheck.postgres.server import cluster

SECRET = "secretuser1@example.com"  # noqa: S105  # made up
SCHEMA = f"""
create table public.people (id int primary key, email text);
insert into people values (1, '{SECRET}'), (2, '"{SECRET}"'), (3, 'public.{SECRET}'),
  (4, 'E\\n42P01|ERROR:  {SECRET}'), (5, repeat('{SECRET} ', 5000)), (6, '4111111111111111');
create function public.tell(code text, said text) returns text language plpgsql as $$
begin raise exception using errcode = code, message = said; end $$;
create function public.run(text) returns text language plpgsql as $$ begin execute $1; return ''; end $$;
create function public.noise(text) returns text language plpgsql as $$
begin raise warning '%', $1; raise log '%', $1; return ''; end $$;
create view public.loud as select tell('APP01', email) as v, id from people;
create function public.abroad() returns bool language sql stable as
  $$ select not exists (select from pg_catalog.pg_roles where rolname = 'at_home') $$;
"""
TELLING = """
create function public.repeated(said text) returns bool language plpgsql immutable as $$
begin if public.abroad() then raise exception using errcode = '{code}', message = {message}; end if;
return true; end $$;
"""
MESSAGES = {
    "APP01": "said",
    "42501": "'permission denied for ' || said",
    "40001": "said",
    "42P01": "format('relation \"%s\" does not exist', said)",
    "42704": "format('role \"%s\" does not exist', said)",
    "22P02": "format('invalid input syntax for type %s', said)",
    "23505": "format('could not create unique index \"%s\"', said)",
    "58P01": "format('could not access file \"%s\": No such file or directory', said)",
    "0A000": "format('extension \"%s\" is not available', said)",
    "57014": "E'canceling\\npg_restore: error: invalid ' || said",
    "XX000": "said",
    "53100": "said || ': No space left on device'",
    "F0000": "said",
}
CARRIERS = {
    "check": "create table public.c (v text check (repeated(v)));",
    "domain": "create domain public.d as text check (repeated(value)); create table public.c (v public.d);",
    "index": "create table public.c (v text); create index on c (repeated(v));",
    "materialized view": "create table public.c (v text); create materialized view m as select repeated(v) from c;",
    "generated column": "create table public.c (v text, g bool generated always as (repeated(v)) stored);",
    "not valid check": "create table public.c (v text); alter table c add check (repeated(v));",
    "partition": (
        "create table public.p (v text) partition by list (repeated(v));"
        "create table public.c partition of p for values in (true);"
    ),
}
QUERIES = [
    *(
        f"select tell('{code}', {message.replace('said', 'email')}) from people where id = 1"
        for code, message in MESSAGES.items()
        if code != "57014"
    ),
    *(f"select email::{to} from people where id = {row}"
      for to in ("regclass", "regoper", "regoperator", "regproc", "regprocedure", "regrole", "regtype",
                 "regnamespace", "regconfig", "regcollation", "int", "uuid", "json", "date", "inet", "xml")
      for row in (1, 2, 3)),
    *(f"select {call} from people where id = {row}"
      for call in ("run(email)", "run('select ' || email)", "run('select \"' || id || email || '\"')",
                   "current_setting(email)", "set_config(email, 'x', true)", "nextval(email)",
                   "has_table_privilege(email, 'pg_class', 'select')", "to_char(now(), format(email || '%s'))",
                   "to_timestamp(email, 'YYYY')", "make_date(id, 99, 99)::text || email::int",
                   "tell('42601', format('syntax error at or near \"%s\"', email))",
                   "tell('42703', format('column \"%s\" does not exist', email))",
                   "tell('42883', format('function %s(integer) does not exist', email))",
                   "tell('42883', format('operator does not exist: %s', email))",
                   "tell('3F000', format('schema \"%s\" does not exist', email))",
                   "tell('XX001', format('invalid page in block 7 of relation \"%s\"', email))",
                   "tell('58P01', format('could not open file \"%s\": No such file or directory', email))",
                   "tell('25006', format('cannot execute %s in a read-only transaction', email))",
                   "noise(email) || tell('P0001', email)", "xpath(email, '<a/>')")
      for row in (1, 2, 3, 4, 5)),
    "select tell('XX001', format('invalid page in block %s of relation base/5/%s', email, email)) from people where id = 6",
    "select tell('22001', format('value too long for type character varying(%s)', email)) from people where id = 6",
]  # fmt: skip


def faces(world):
    """Everything that people and programs are given of the newest drill, and what is kept of it."""
    forms = [
        world.run("report", "library", "--format", form).stdout.replace("<wbr>", "")
        for form in ("text", "markdown", "html", "junit", "json")
    ]
    lists = [world.run("history", *more).stdout for more in ((), ("export",), ("--json",))]
    state = [world.run("status", *more).stdout for more in ((), ("--json",))]
    assert all(len(text) > 100 for text in forms)
    files = [
        p.read_bytes().decode(errors="replace")
        for p in world.directory.glob("history.sqlite*")
        if p.is_file()
    ]
    return [*forms, *lists, *state, *files]


def leaks(world, done):
    said = [done.stdout, done.stderr, *faces(world)]
    return [
        text[max(0, text.find(word) - 200) :][:260]
        for text in said
        for word in ("secretuser1", "4111111")
        if word in text
    ]


@pytest.fixture
def home(source):
    """A database whose functions are silent only on its own server."""
    with cluster.superuser_connection(source.places) as connection:
        connection.execute("create role at_home")
        connection.execute("create database rows template template0")
    yield source
    with cluster.superuser_connection(source.places) as connection:
        connection.execute("drop database rows")
        connection.execute("drop role if exists at_home")


@pytest.mark.parametrize("form", ["custom", "plain"])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_raises_while_a_dump_is_loaded_repeats_no_row(world, home, form, carrier):
    code = list(MESSAGES)[list(CARRIERS).index(carrier)]
    home.sql(SCHEMA + TELLING.format(code=code, message=MESSAGES[code]), "rows")
    home.sql(f"{CARRIERS[carrier]} insert into c values ('{SECRET}');", "rows")
    home.sql(
        "do $$ begin if exists (select from pg_matviews) then refresh materialized view m; end if; end $$",
        "rows",
    )
    home.dump(world.backups / "rows.dump", f"--format={form}", database="rows")

    done = world.run("drill")

    assert done.returncode in {1, 3}, done.stdout
    assert leaks(world, done) == []


@pytest.mark.parametrize("form", ["custom", "plain"])
@pytest.mark.parametrize("code", MESSAGES)
def test_whatever_class_an_error_of_a_load_claims_it_repeats_no_row(world, home, form, code):
    home.sql(SCHEMA + TELLING.format(code=code, message=MESSAGES[code]), "rows")
    home.sql(f"{CARRIERS['check']} insert into c values ('{SECRET}');", "rows")
    home.dump(world.backups / "rows.dump", f"--format={form}", database="rows")

    done = world.run("drill")

    assert done.returncode in {1, 3}, done.stdout
    assert leaks(world, done) == []


@pytest.mark.parametrize("form", ["custom", "plain"])
@pytest.mark.parametrize("code", ["42501", "42P01", "57014", "XX000"])
def test_of_a_server_whose_log_cannot_be_read_no_row_is_repeated_either(world, home, form, code):
    home.sql(SCHEMA + TELLING.format(code=code, message=MESSAGES[code]), "rows")
    home.sql(f"{CARRIERS['check']} insert into c values ('{SECRET}');", "rows")
    home.dump(world.backups / "rows.dump", f"--format={form}", database="rows")
    home.sql("drop role at_home", "postgres")
    place = f"{home.places.sockets}:{cluster.PORT}"
    url = f"postgresql://postgres@{place.replace('/', '%2F')}/postgres"
    world.configure(dump=f", into: '{url}'", extra=f"scratch_servers: ['{place}']\n")

    done = world.run("drill")

    assert done.returncode in {1, 3}, done.stdout
    assert "no connection" not in done.stdout
    assert leaks(world, done) == []


def test_queries_that_fail_over_a_row_do_not_repeat_it(world, home):
    home.sql(SCHEMA, "rows")
    home.sql(
        f"create function public.picky(v text) returns bool language plpgsql as $$ begin if v like '%@%' and"
        " current_user like 'restorecheck%' then raise exception using errcode = '42501', message = v; end if;"
        " return true; end $$;"
        f"create table public.k (v text check (picky(v))); insert into k values ('{SECRET}');",
        "rows",
    )
    home.dump(world.backups / "rows.dump", "--format=custom", database="rows")
    checks: list[dict[str, Any]] = [
        {"query": {"name": f"q{n}", "sql": sql, "expect": {"equals": 1}}}
        for n, sql in enumerate(QUERIES)
    ]
    checks += [{"row_count": {"name": "of a view", "table": "loud", "min": 1}},
               {"not_null": {"name": "of a column", "table": "loud", "columns": ["v"]}}]  # fmt: skip
    world.configure(checks=json.dumps(checks))

    done = world.run("drill")

    assert done.returncode in {1, 3}, done.stdout + done.stderr
    assert leaks(world, done) == []


def test_a_version_that_the_dump_s_sql_writes_is_not_repeated(world, home):
    home.sql(f"create extension hstore; {SCHEMA}", "rows")
    file = home.dump(world.backups / "rows.sql", database="rows")
    head, mark, tail = file.read_text().rpartition("--\n-- PostgreSQL database dump complete")
    stolen = "update pg_extension set extversion = (select email from people where id = 1) where extname = 'hstore';\n"
    file.write_text(f"{head}set search_path to public;\n{stolen}{mark}{tail}")

    done = world.run("drill")

    assert done.returncode == 0, done.stdout
    assert leaks(world, done) == []
