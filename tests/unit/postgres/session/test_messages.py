"""What may be repeated of a server's error, and what it means."""

import psycopg
import pytest
from psycopg.pq import DiagnosticField as Field

from restorecheck.checks.server_messages import Known
from restorecheck.postgres.session.messages import (
    ServerError,
    errors_in_log,
    is_about_order,
    is_about_this_server,
    safe_message,
    shows_damage,
    why_not_reached,
    why_refused,
)


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("22P02", 'invalid input syntax for type integer: "alice@example.org"'),
        ("23505", 'duplicate key value violates unique constraint "alice@example.org"'),
        ("P0001", "alice@example.org is not welcome"),
    ],
)
def test_messages_that_quote_rows_are_reduced_to_their_condition(sqlstate, message):
    assert "alice" not in safe_message(sqlstate, message)
    assert sqlstate in safe_message(sqlstate, message)


@pytest.mark.parametrize("sqlstate", ["42601", "42703"])
def test_rows_taken_for_sql_at_a_load_are_not_quoted(sqlstate):
    assert "alice" not in ServerError(sqlstate, 'syntax error at or near "alice"').told


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("53100", "could not extend file: No space left on device"),
        ("57P03", "the database system is shutting down"),
        ("0A000", 'extension "postgis" is not available'),
        ("08001", "could not connect to server"),
        ("58P01", 'could not load library "postgres_fdw.so": undefined symbol'),
        ("42704", 'collation "pg_catalog.fr_FR" for encoding "UTF8" does not exist'),
        ("55000", "pg_cron can only be loaded via shared_preload_libraries"),
        ("42704", 'unrecognized configuration parameter "transaction_timeout"'),
    ],
)
def test_what_the_server_lacks_says_nothing_about_the_dump(sqlstate, message):
    assert is_about_this_server(ServerError(sqlstate, message))


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("42601", "syntax error"),
        ("22P04", "extra data after last expected column"),
        ("42P01", 'relation "t" does not exist'),
        ("23505", "duplicate key"),
        ("58P01", 'could not open file "base/5/1"'),
    ],
)
def test_what_is_wrong_with_the_data_is_about_the_dump(sqlstate, message):
    assert not is_about_this_server(ServerError(sqlstate, message))


def test_errors_are_read_from_the_servers_log_from_an_offset_on(tmp_path):
    log = tmp_path / "server.log"
    log.write_text("00000|LOG:  starting\n42601|ERROR:  old\n")
    offset = log.stat().st_size
    with log.open("a") as file:
        file.write("22P02|ERROR:  new\nDETAIL: no code\n57P02|FATAL:  bye\n")

    assert [e.sqlstate for e in errors_in_log(log, offset)] == ["22P02", "57P02"]
    assert errors_in_log(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "connection failed: FATAL:  password authentication failed for user s3cret",
            "password authentication failed",
        ),
        ("SSL error: certificate verify failed", "the server's certificate was not accepted"),
        ("received invalid response: s3cret of somebody", "the connection was lost"),
        ("", "the connection was lost"),
    ],
)
def test_of_a_refused_connection_only_known_words_are_repeated(message, told):
    assert why_refused(message) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No such file or directory", "No such file or directory"),
        ('FATAL:  database "shop" does not exist', 'database "shop" does not exist'),
        ('FATAL:  database "alice" does not exist', "does not exist"),
        ('SCHWERWIEGEND:  Datenbank "alice" existiert nicht', "the connection was lost"),
        ("FATAL:  alice raised this at the login", "the connection was lost"),
    ],
)
def test_of_a_server_of_the_configuration_libpqs_words_are_repeated_and_not_the_servers(said, told):
    begin = 'connection failed: connection to server at "db", port 5432 failed: '
    found = why_not_reached(psycopg.OperationalError(f"{begin}{said}"), Known("checker shop"))

    assert found.removeprefix(begin) == told


def raised(sqlstate, message, source_file):
    """As psycopg makes it of a server's answer."""
    info = {
        Field.SQLSTATE: sqlstate,
        Field.MESSAGE_PRIMARY: message,
        Field.SOURCE_FILE: source_file,
    }
    return psycopg.errors.lookup(sqlstate)(
        message, info={int(field): text.encode() for field, text in info.items()}
    )


@pytest.mark.parametrize(
    ("sqlstate", "source_file", "damage"),
    [
        ("58P01", "md.c", True),
        ("58P01", "dfmgr.c", False),
        ("XX000", "dfmgr.c", False),
        ("XX001", "bufmgr.c", True),
        ("42P01", "namespace.c", False),
    ],
)
def test_a_library_that_is_not_here_is_no_damage_though_it_is_a_missing_file(
    sqlstate, source_file, damage
):
    assert shows_damage(raised(sqlstate, "could not access file", source_file)) is damage


@pytest.mark.parametrize(
    ("message", "order"),
    [
        ('item order invariant violated for index "i"', True),
        ('cross page item order invariant violated for index "i"', True),
        ('could not find tuple using search from root page in index "i"', True),
        ('heap tuple (0,1) from table "t" lacks matching index tuple within index "i"', False),
        ('index "i" contains unexpected zero page at block 3', False),
    ],
)
def test_only_the_order_of_keys_depends_on_the_version_of_a_collation(message, order):
    assert is_about_order(raised("XX002", message, "verify_nbtree.c")) is order
