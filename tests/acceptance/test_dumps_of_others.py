"""Dumps as other people have them: of other roles, encodings, options and ways through other hands.

`failed` is said only of a dump that would not restore on the server that it came from either.
"""

import re
from contextlib import contextmanager

import pytest

from restorecheck.postgres.server import cluster

ROWS = "create table public.t (id int primary key, v text); insert into t select g, 'r' || g from generate_series(1, 50) g;"
FORMS = ["custom", "plain"]


@contextmanager
def database(source, text, *, name="others", options="", roles=()):
    """A database of its own on the source server."""
    with cluster.superuser_connection(source.places) as connection:
        for role in roles:
            connection.execute(b'create role "' + role + b'"')
        connection.execute(f'create database "{name}" template template0 {options}'.encode())
    try:
        source.sql(text, database=name)
        yield name
    finally:
        with cluster.superuser_connection(source.places) as connection:
            connection.execute(f'drop database "{name}"'.encode())
            for role in roles:
                connection.execute(b'drop role "' + role + b'"')


def verdict(world, **configured):
    world.configure(**configured)
    _, report = world.drill()
    return report["verdict"], report["reason"], report


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("create table public.r (who regrole); insert into r values ('\"Of data\"');", ()),
        (
            "create table public.r (who regrole); insert into r values ('\"Of data\"');",
            ("--inserts",),
        ),
        (
            "create function public.f() returns int language sql set role to 'Of data' as 'select 1';",
            (),
        ),
        ("alter role \"Of data\" in database others set statement_timeout to '5s';", ("--create",)),
        (
            (
                "create table public.p (id int); insert into p values (1); create policy own on p"
                " using (pg_has_role('Of data', 'usage'));"
            ),
            (),
        ),
        (
            (
                "create table public.c (id int check (pg_has_role('Of data', 'member') is not null));"
                "insert into c values (1);"
            ),
            (),
        ),
        (
            (
                "create function public.may() returns bool language sql immutable as"
                " $$ select pg_has_role('Of data', 'member') $$;"
                "create table public.c (id int check (may() and pg_has_role('Of data', 'member')));"
                "insert into c values (1);"
            ),
            (),
        ),
    ],
    ids=["row", "insert", "function", "setting", "policy", "check", "check of the user"],
)
def test_a_role_may_be_named_anywhere_in_a_dump(world, source, form, text, options):
    with database(source, ROWS + text, roles=[b"Of data"]) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", *options, database=name)

    assert verdict(world)[0] == "verified"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII", "EUC_JP", "ISO_8859_5"])
def test_a_database_is_restored_in_its_own_encoding(world, source, form, encoding):
    """The length in bytes, and the hash that chooses a partition, depend on it."""
    letter = {"EUC_JP": "\u65e5", "ISO_8859_5": "\u0436"}.get(encoding, "\u00e9")
    server = "UTF8" if encoding == "SQL_ASCII" else encoding
    text = (
        f"set client_encoding to '{server}';"
        "create table public.t (v text check (octet_length(v) < 4)) partition by hash (v);"
        + "".join(
            f"create table public.t{n} partition of t for values with (modulus 4, remainder {n});"
            for n in range(4)
        )
    )
    rows = "".join(f"insert into t values ('{letter}{n}');" for n in range(8))
    with database(source, text, options=f"encoding '{encoding}' locale 'C'") as name:
        source.sql(rows, database=name)
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    found, reason, _ = verdict(world, checks="[{row_count: {table: t, equals: 8}}]")

    assert (found, reason) == ("verified", reason)


@pytest.mark.parametrize("form", FORMS)
def test_roles_are_named_in_the_encoding_of_the_dump(world, source, form):
    role = "gest\u00e3o".encode("latin-1")
    with database(source, ROWS, options="encoding 'LATIN1' locale 'C'") as name:
        with cluster.superuser_connection(source.places, name) as connection:
            connection.execute("set client_encoding to 'LATIN1'")
            connection.execute(b'create role "' + role + b'"')
            connection.execute(b'grant select on t to "' + role + b'"')
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)
        with cluster.superuser_connection(source.places, name) as connection:
            connection.execute("set client_encoding to 'LATIN1'")
            connection.execute(b'drop owned by "' + role + b'"; drop role "' + role + b'"')

    assert verdict(world)[0] == "verified"


@pytest.mark.parametrize("form", FORMS)
def test_names_that_are_valid_in_no_encoding_are_asked_as_they_are(world, source, form):
    name = "caf\u00e9".encode("latin-1")
    with database(source, ROWS, options="encoding 'SQL_ASCII' locale 'C'") as made:
        with cluster.superuser_connection(source.places, made) as connection:
            connection.execute(b"set client_encoding to 'SQL_ASCII'")
            connection.execute(
                b'create schema "%b"; create table "%b"."%b" (id int primary key, "%b" text not null);'
                b'create function "%b"."%b"(text) returns boolean language sql as \'select true\';'
                b'alter table "%b"."%b" add check ("%b"."%b"("%b"));'
                b'insert into "%b"."%b" values (1, \'\xff\')'.replace(b"%b", name)
            )
        source.dump(world.backups / "x.dump", f"--format={form}", database=made)

    found, reason, _ = verdict(world)

    assert (found, reason) == ("verified", reason)


def test_the_database_postgres_is_restored_in_its_encoding_too(world, source):
    text = "create table public.bytes (v text check (octet_length(v) = 1)); insert into bytes values (chr(233));"
    with database(source, text, options="encoding 'LATIN1' locale 'C'") as name:
        dump = source.dump(world.backups / "x.sql", "--create", database=name)
    dump.write_bytes(re.sub(rb"\bothers\b", b"postgres", dump.read_bytes()))

    assert verdict(world)[0] == "verified"


@pytest.mark.parametrize(
    "options", [(), ("--if-exists",), ("--quote-all-identifiers",), ("--create",)]
)
def test_what_clean_drops_first_is_no_matter_also_with_views_that_need_a_key(
    world, source, options
):
    text = (
        "create schema app; create table app.t (id int primary key, v text); insert into app.t values (1, 'a');"
        "create view app.w as select id, v, count(*) from app.t group by id;"
        "create table app.k (id int references app.t); create publication p for table app.t;"
        "create sequence app.s; alter table app.k alter id set default nextval('app.s');"
        "select lo_from_bytea(0, 'x');"
    )
    with database(source, text) as name:
        source.dump(world.backups / "x.sql", "--clean", *options, database=name)

    assert verdict(world)[0] == "verified"


EXTENSION = (
    "create schema ext; create extension {0} with schema ext;comment on extension {0} is 'of ours';"
)


@pytest.mark.parametrize("form", FORMS)
def test_rights_on_members_of_an_ignored_extension_are_left_out_and_said(world, source, form):
    text = (
        ROWS
        + EXTENSION.format("hstore")
        + "grant execute on function ext.akeys(ext.hstore) to librarian;"
        "revoke execute on function ext.slice(ext.hstore, text[]) from public;"
        "create function ext.mine() returns int language sql as 'select 1';"
        "grant execute on function ext.mine() to librarian; comment on function ext.mine() is 'kept';"
    )
    with database(source, text) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    found, reason, report = verdict(
        world,
        dump=", ignore_extensions: [hstore]",
        checks="[{query: {name: what it defines came along, sql: \"select has_function_privilege('librarian', 'ext.mine()', 'execute')"
        " and obj_description('ext.mine()'::regprocedure) = 'kept'\", expect: {equals: true}}}]",
    )

    assert (found, reason) == ("verified", reason)
    assert "2 entries on their objects (grants, comments) were left out" in " ".join(
        report["notes"]
    )


@pytest.mark.parametrize("form", FORMS)
def test_what_is_made_of_an_ignored_extension_makes_no_backup_bad(world, source, form):
    text = (
        ROWS
        + EXTENSION.format("hstore")
        + "create table public.h (a ext.hstore); insert into h values ('a=>b');"
    )
    with database(source, text) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    found, reason, _ = verdict(world, dump=", ignore_extensions: [hstore]")

    assert found == "inconclusive"
    assert "ignore_extensions" in reason
    assert "hstore" in reason


@pytest.mark.parametrize(
    ("line", "found", "said"),
    [
        ("SECURITY LABEL FOR selinux ON TABLE public.t IS 'x';", "inconclusive", "security label"),
        ("CREATE TEXT SEARCH DICTIONARY public.d (template = ispell, dictfile = ours, afffile = ours);",
         "inconclusive", "dictionar"),
        ("CREATE TABLE public.m AS SELECT '1.001,00 \u20ac'::money;", "inconclusive", "money"),
        ("CREATE FUNCTION public.c() RETURNS int LANGUAGE c AS '$libdir/of_ours', 'x';", "inconclusive", "of_ours"),
        ("CREATE INDEX t_norm_idx ON public.t USING btree (public.norm(v));", "failed",
         "function public.norm(text) does not exist"),
        ("INSERT INTO public.t VALUES (1, 'alice');", "failed", "t_pkey"),
        ("INSERT INTO public.t VALUES ('alice');", "failed", "invalid input syntax for type integer"),
        ("COMMIT;", "verified", ""),
        ("\\echo done", "failed", "\\echo"),
    ],
)  # fmt: skip
def test_who_is_to_blame_is_said_with_the_object_and_no_value(world, source, line, found, said):
    with database(source, ROWS) as name:
        dump = source.dump(world.backups / "x.sql", database=name)
    text = dump.read_text()
    end = text.rindex("--\n-- PostgreSQL database dump complete")
    dump.write_text(
        f"{text[:end]}--\n-- Name: of_ours; Type: INDEX; Schema: public; Owner: postgres\n--\n\n{line}\n\n{text[end:]}"
    )
    number = text[:end].count("\n") + 5

    got, reason, _ = verdict(world)

    assert (got, reason) == (found, reason)
    assert said in reason
    assert "alice" not in reason
    assert found == "verified" or f"line {number}" in reason


@pytest.mark.parametrize(
    ("head", "tail", "found", "said"),
    [
        ("\ufeff", "", "verified", ""),
        ("BEGIN;\n", "COMMIT;\n", "verified", "follow after pg_dump's last line"),
        ("\\echo restoring\n", "-- written by us\n", "verified", "\\echo"),
        ("", "Backup finished at Sat Nov 28 03:00:01 UTC 2026\n", "failed", "after the dump's last line"),
        ("pg_dump: warning: there are circular foreign-key constraints\n", "", "failed", "standard error"),
        ("", "pg_dump: warning: there was something\n", "failed", "standard error"),
        ("\\i other.sql\n", "", "inconclusive", "\\i"),
        ("select 'select 1' \\gexec\n", "", "inconclusive", "\\gexec"),
    ],
)  # fmt: skip
def test_what_others_put_around_a_dump_is_said_as_it_is(world, source, head, tail, found, said):
    with database(source, ROWS) as name:
        dump = source.dump(world.backups / "x.sql", database=name)
    dump.write_text(head + dump.read_text() + tail)

    got, reason, report = verdict(world)

    assert (got, reason) == (found, reason)
    assert said in " ".join([reason, *report["notes"]])


@pytest.mark.parametrize("options", [(), ("--inserts",)])
def test_line_ends_of_a_terminal_are_said(world, source, options):
    with database(source, ROWS) as name:
        dump = source.dump(world.backups / "x.sql", *options, database=name)
    dump.write_bytes(dump.read_bytes().replace(b"\n", b"\r\n"))

    found, _, report = verdict(world)

    assert found == "verified"
    assert "CR LF" in " ".join(report["notes"])


@pytest.mark.parametrize("form", ["custom", "directory", "tar", "plain"])
@pytest.mark.parametrize(
    ("option", "said"),
    [("--data-only", "--data-only"), ("--section=post-data", "--section=post-data")],
)
def test_what_has_no_table_is_called_by_its_name(world, source, form, option, said):
    with database(source, ROWS) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", option, database=name)

    found, reason, _ = verdict(world)

    assert found == "failed"
    assert said in reason


@pytest.mark.parametrize("form", FORMS)
def test_a_database_of_one_table_and_a_function_is_no_dump_of_a_table(world, source, form):
    function = "create function public.f() returns int language sql as 'select 1';"
    with database(source, ROWS + function) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    _, _, report = verdict(world)

    assert "one table only" not in str(report)


@pytest.mark.parametrize(
    "statement",
    [
        # An aggregate over array_append(anyarray, anyelement) is one in 13 and none in 14.
        (
            "CREATE AGGREGATE public.gather(anyelement)"
            " (SFUNC = array_append, STYPE = anyarray, INITCOND = '{}');"
        ),
        # `on` is a value in 13 and none in 14.
        (
            "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql"
            " SET password_encryption TO 'on' AS 'select 1';"
        ),
    ],
    ids=["aggregate", "setting"],
)
def test_an_error_of_definitions_says_nothing_where_the_major_is_another(world, source, statement):
    with database(source, ROWS) as name:
        dump = source.dump(world.backups / "x.sql", database=name)
    text = re.sub(r"(-- Dumped .* version) \S+", r"\1 13.23", dump.read_text())
    dump.write_text(text.replace("CREATE TABLE", f"{statement}\nCREATE TABLE", 1))

    found, reason, _ = verdict(world)

    assert found == "inconclusive"
    assert "the dump is of 13" in reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("column", "by"),
    [("kind int", "kind"), ('kind text collate "C"', "kind::int")],
    ids=["int", "text"],
)
def test_a_check_that_no_order_of_texts_decides_fails_whatever_the_locale(
    world, source, form, column, by
):
    """Of a plain dump the locale is not known; what breaks this constraint is the order of tables."""
    text = (
        f"create table public.a (id int primary key, {column}); create table public.z (id int primary key);"
        "insert into z values (1);"
        "create function public.known(k int) returns boolean language sql as 'select exists (select from public.z where id = k)';"
        f"alter table a add constraint is_known check (public.known({by})); insert into a values (1, '1');"
    )
    with database(source, text) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    found, reason, _ = verdict(world)

    assert found == "failed"
    assert "is_known" in reason
    assert "TABLE DATA public.a" in reason


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "create index t_norm_idx on t (public.norm(v));",
            ["INDEX public.t_norm_idx", "function helper(text) does not exist"],
        ),
        (
            "create materialized view public.filled as select public.norm(v) from t;",
            ["MATERIALIZED VIEW DATA public.filled"],
        ),
        ("alter table t add check (public.norm(v) is not null);", ["TABLE DATA public.t"]),
    ],
    ids=["index", "view", "check"],
)
def test_the_object_that_does_not_restore_is_named(world, source, form, jobs, text, named):
    """A function that needs the search path of its sessions restores nowhere: pg_dump sets none."""
    functions = (
        "create function public.helper(text) returns text immutable language sql as 'select lower($1)';"
        "create function public.norm(text) returns text immutable language sql as 'select helper($1)';"
    )
    with database(source, ROWS + functions + text) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    found, reason, _ = verdict(world, dump=f", jobs: {jobs}")

    assert found == "failed"
    assert all(words in reason for words in named), reason


@pytest.mark.parametrize("form", FORMS)
def test_a_view_that_is_filled_before_the_one_it_reads_fails_whatever_the_jobs(world, source, form):
    """pg_dump does not see that it depends on it: a function stands between them."""
    text = (
        "create materialized view public.z_base as select * from t; create function public.total() returns bigint"
        " language plpgsql stable as 'begin return (select count(*) from public.z_base); end';"
        "create materialized view public.a_total as select public.total() as n;"
    )
    with database(source, ROWS + text) as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)

    found, reason, _ = verdict(world)

    assert found == "failed"
    assert "MATERIALIZED VIEW DATA public.a_total" in reason


@pytest.mark.parametrize("form", FORMS)
def test_extensions_are_noted_in_the_versions_that_this_server_has(world, source, form):
    with database(source, f"create extension hstore; {ROWS}") as name:
        source.dump(world.backups / "x.dump", f"--format={form}", database=name)
        with cluster.superuser_connection(source.places, name) as connection:
            ((version,),) = connection.execute(
                "select extversion from pg_extension where extname = 'hstore'"
            ).fetchall()

    found, reason, report = verdict(world)

    assert found == "verified", reason
    assert any(
        f"hstore {version} (a dump does not record the versions of the source)" in note
        for note in report["notes"]
    )


def test_a_dump_whose_database_speaks_another_language_is_judged_alike(world, source):
    """Messages in that language are there where the server has translations and the locale."""
    with database(source, ROWS) as name:
        file = source.dump(world.backups / "x.sql", "--create", database=name)
    language = f"ALTER DATABASE {name} SET lc_messages TO 'de_DE.UTF-8';\n\\connect"
    written = file.read_text().replace("\\connect", language, 1)
    file.write_text(written.replace("50\tr50\n", "49\tr50\n"))

    found, reason, _ = verdict(world)

    assert found == "failed"
    assert 'could not create unique index "t_pkey" (SQLSTATE 23505)' in reason
