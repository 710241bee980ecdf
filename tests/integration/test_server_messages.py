"""The templates of messages against the programs that have them, and names against a server's catalog."""

import re

import psycopg
import pytest

from restorecheck.checks.server_templates import PROGRAMS, TEMPLATES
from restorecheck.model import CheckOutcome
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session import known_names
from restorecheck.postgres.session.known_names import known_in
from restorecheck.postgres.session.messages import told
from tests import pg
from tests.reading import ask, database, spec

PUT_TOGETHER = re.compile(
    r" at (?:or near .*|end of input)$|(?<=^operator does not exist: ).*|(?<=^operator is not unique: ).*"
    r"|^(?:server|startup) process(?= \(PID)|(?<=^starting )PostgreSQL.*"
    r"|(?<=^cannot drop ).*(?= because)"
)
"""Where PostgreSQL makes one message of two: scanner_yyerror in scan.l, op_error in parse_oper.c,
LogChildExit in postmaster.c."""
OF_OTHERS = {
    'could not connect to server "{name}"',
    "{name} can only be loaded via shared_preload_libraries",
}
"""postgres_fdw, pg_cron."""


def texts_of(installation):
    """The programs and libraries of an installation."""
    folders = {installation.bin_dir, installation.bin_dir.parent / "lib", installation.bin_dir.parent / "lib" / "postgresql"}  # fmt: skip
    names = ("postgres", "pg_restore", "psql", "plpgsql.so", "amcheck.so", "pg_stat_statements.so")
    for folder in folders:
        for name in names:
            file = folder / name
            if file.is_file():
                yield file.read_bytes()


def pattern_of(template):
    """As C has it: a hole is a conversion, or two of them with dots and dashes between."""
    pieces = re.split(r"(\{\w+\})", template)
    hole = rb"[^\0]{0,60}"
    return re.compile(
        b"".join(hole if piece.startswith("{") else re.escape(piece.encode()) for piece in pieces)
    )


@pytest.fixture(scope="module")
def every_text():
    return b"\0".join(
        text for installation in pg.installations() for text in texts_of(installation)
    )


def test_every_template_is_one_of_postgresqls_own(every_text):
    missing = [
        (code, template)
        for code, templates in TEMPLATES.items()
        for template in templates
        if template not in OF_OTHERS
        and not pattern_of(PUT_TOGETHER.sub("{name}", template)).search(every_text)
    ]

    assert PROGRAMS
    assert missing == []


@pytest.fixture
def connection(source):
    with cluster.superuser_connection(source.places, "library") as made:
        made.execute("create schema if not exists messages")
        yield made
        made.execute("drop schema messages cascade")


def refused(connection, statement, configured=""):
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    connection.rollback()
    return told(caught.value, known_in(connection, caught.value, configured))


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("select nobody from books", "undefined column (SQLSTATE 42703)"),
        ("select title.x from books", 'missing FROM-clause entry for table "title" (SQLSTATE 42P01)'),
        ("select count(books, title) from books", "function count(books, text) does not exist (SQLSTATE 42883)"),
        ("insert into books (id, title) values (1, 'secret')", 'duplicate key value violates unique constraint "books_pkey" (SQLSTATE 23505)'),
        ("select 'secret'::regclass", "undefined table (SQLSTATE 42P01)"),
        ("select 'public.secret'::regclass", "undefined table (SQLSTATE 42P01)"),
        ("select 'books.secret'::regclass", 'schema "books" does not exist (SQLSTATE 3F000)'),
        ("select 'secret.books'::regclass", "invalid schema name (SQLSTATE 3F000)"),
        ("select (repeat('b', 5) || 'ooks' || 'books')::regclass", "undefined table (SQLSTATE 42P01)"),
        ("select 'Books'::regclass::text, '\"Books\"'::regclass", "undefined table (SQLSTATE 42P01)"),
        ("select '+++'::regoper", "undefined function (SQLSTATE 42883)"),
        ("select 1 + true", "operator does not exist: integer + boolean (SQLSTATE 42883)"),
        ("select 'x'::int", "invalid input syntax for type integer (SQLSTATE 22P02)"),
        ("select pg_catalog.pg_read_file('/secret')", "undefined file (SQLSTATE 58P01)"),
    ],
)  # fmt: skip
def test_names_of_the_catalog_are_told_and_others_are_not(connection, statement, shown):
    assert refused(connection, statement) == shown


def test_words_of_the_configuration_are_told(connection):
    statement = "select nobody from books"

    assert refused(connection, statement, statement) == (
        'column "nobody" does not exist (SQLSTATE 42703)'
    )


def test_a_name_of_another_ones_beginning_is_no_name(connection):
    """PostgreSQL cuts names after 63 bytes; a value that begins like one must not pass for it."""
    name = "n" * 63
    connection.execute(f"create table messages.{name} (id int)")

    assert known_names.among(connection, {name, f"{name}secret"}) == {name}


def test_of_a_connection_that_is_lost_nothing_is_asked(source):
    with cluster.superuser_connection(source.places, "library") as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("select nobody from books")
        connection.close()

        assert told(caught.value, known_in(connection, caught.value)) == (
            "undefined column (SQLSTATE 42703)"
        )


@pytest.mark.parametrize(
    ("query", "outcome", "told_of_it"),
    [
        ("select xpath('///', '<a/>')", "error", "internal error (SQLSTATE XX000)"),
        ("select pg_read_file('nothing')", "error", "undefined file (SQLSTATE 58P01)"),
        ("select lo_get(1)", "error", "large object 1 does not exist (SQLSTATE 42704)"),
        ("selec 1", "error", 'syntax error at or near "selec" (SQLSTATE 42601)'),
        ("select nobody from books", "failed", 'column "nobody" is not there'),
        ("select 1 from t where v::regclass is null", "failed", "a table or view that the query needs (SQLSTATE 42P01) is not there"),
        ("select (v || 'a')::int from t", "error", "invalid input syntax for type integer (SQLSTATE 22P02)"),
        ("select tell('XX001', 'invalid page in block 0 of relation base/1/2')", "failed", "invalid page in block 0 of relation base/1/2 (SQLSTATE XX001)"),
        ("select tell('XX001', format('invalid page in block %s of relation base/1/2', v)) from t", "failed", "invalid page in block \u2026 of relation base/1/2 (SQLSTATE XX001)"),
        ("select tell('APP01', v) from t", "error", "error (SQLSTATE APP01)"),
        ("select tell(v, v) from t", "error", "error (a SQLSTATE that PostgreSQL does not define)"),
    ],
)  # fmt: skip
def test_a_query_that_is_wrong_is_no_unreadable_data(source, query, outcome, told_of_it):
    text = (
        "create table t (v text); insert into t values ('41111'); create table books (id int);"
        "create function tell(code text, said text) returns text language plpgsql as"
        " $$ begin raise exception using errcode = code, message = said; end $$;"
    )
    with database(source, "wrong_queries", text) as name:
        checks = [spec("query", sql=query, expect={"not_empty": True})]
        found, _ = ask(source, name, checks)

    result = found["asked"]
    assert result.outcome == CheckOutcome(outcome), result
    assert told_of_it in result.detail
    assert "41111" not in result.detail
    assert (result.found == "unreadable data") == ("XX001" in query)
