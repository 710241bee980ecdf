"""What the end of a load says of the dump: nothing is restored that somebody has not finished."""

import os
from dataclasses import replace

import pytest

from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres.dump.load import Loaded
from restorecheck.postgres.dump.load_errors import Into
from restorecheck.postgres.dump.load_plan import explain, needed_major
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.session.messages import LOG_PREFIX

ROW = 'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax: alice'
GERMAN = "pg_restore: error: could not execute query: FEHLER:  Rolle »alice« existiert nicht"
UNREADABLE = "pg_restore: error: could not uncompress data: (null)"
DIED = "pg_restore: error: a worker process died unexpectedly"


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "library.dump"
    path.write_bytes(b"PGDMP")
    state = path.stat()
    return Inspection(path=path, size_bytes=state.st_size, mtime_ns=state.st_mtime_ns)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "server.log"
    path.touch()
    return path


def said(dump, log=None, *, lost=False, sorts_alike=True, **changes):
    return explain(
        replace(Loaded(exit_code=0, errors="", seconds=1.0), **changes),
        dump,
        log=log,
        offset=0,
        server_lost=lost,
        into=Into(major=17, source_major=17, sorts_alike=sorts_alike),
    )


def test_a_load_that_came_to_its_end_has_restored_the_dump(dump, log):
    assert said(dump, log) is None
    assert said(dump) is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"exit_code": 1, "errors": UNREADABLE}, Broken),
        ({"exit_code": 1, "errors": ""}, Unclear),
        ({"exit_code": -9}, Unclear),
        ({"exit_code": -15, "errors": UNREADABLE}, Unclear),
        ({"exit_code": 1, "errors": "server closed the connection unexpectedly"}, Unclear),
        ({"exit_code": 1, "errors": DIED}, Unclear),
        ({"exit_code": 1, "errors": f"{UNREADABLE}\n{DIED}"}, Broken),
        ({"feed_problem": "is truncated"}, Broken),
        ({"feed_problem": "is truncated", "exit_code": -9}, Broken),
        ({"feed_doubt": "an input error"}, Unclear),
        ({"feed_doubt": "an input error", "exit_code": -9}, Unclear),
        ({"lost": True}, Unclear),
    ],
)
def test_a_load_that_did_not_is_no_proof(dump, log, changes, kind):
    assert isinstance(said(dump, log, **changes), kind)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"exit_code": 1, "errors": ROW}, Broken),
        ({"exit_code": 3, "errors": 'psql:<stdin>:3: ERROR:  42P07: relation "t" exists'}, Broken),
        ({"exit_code": -9, "errors": ROW}, Unclear),
        ({"exit_code": 1, "errors": DIED}, Unclear),
        ({"exit_code": 1, "errors": f"{ROW}\n{DIED}"}, Broken),
        ({"exit_code": 1, "errors": GERMAN}, Unclear),
    ],
)
def test_of_a_server_without_a_log_the_program_is_believed(dump, changes, kind):
    found = said(dump, **changes)

    assert isinstance(found, kind)
    assert "alice" not in found.reason


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("22P02", 'invalid input syntax for type integer: "alice"', Broken),
        ("23505", "duplicate key value violates unique constraint", Broken),
        ("42P01", 'relation "t" does not exist', Broken),
        ("53100", "could not extend file: No space left on device", Unclear),
        ("53200", "out of memory", Unclear),
        ("57P01", "terminating connection due to administrator command", Unclear),
        ("0A000", "ICU is not supported in this build", Unclear),
    ],
)
def test_an_error_in_the_log_counts_whatever_the_program_exits_with(dump, log, code, message, kind):
    log.write_text(f"{LOG_PREFIX.replace('%e', code)}ERROR:  {message}\n")

    for exit_code in (0, 1):
        found = said(dump, log, exit_code=exit_code)
        assert isinstance(found, kind)
        assert "alice" not in found.reason


def test_what_goes_wrong_after_this_server_has_no_room_is_not_the_dump_s_fault(dump, log):
    full = "53100|ERROR:  could not extend file: No space left on device\n"
    log.write_text(f"42P01|ERROR:  relation does not exist\n{full}")

    assert isinstance(said(dump, log, exit_code=1), Unclear)


def test_one_error_of_another_kind_is_not_excused_by_how_texts_sort(dump, log):
    log.write_text("23514|ERROR:  a check constraint\n42P01|ERROR:  relation does not exist\n")

    assert isinstance(said(dump, log, sorts_alike=False), Broken)


@pytest.mark.parametrize(("sorts_alike", "kind"), [(True, Broken), (False, Unclear)])
def test_texts_that_sort_otherwise_here_break_no_constraint_of_the_source(
    dump, log, sorts_alike, kind
):
    log.write_text("23514|ERROR:  new row violates check constraint\n")

    assert isinstance(said(dump, log, sorts_alike=sorts_alike), kind)


def test_a_file_that_was_changed_under_the_load_is_no_proof(dump, log):
    dump.path.write_bytes(b"PGDMP and more")
    assert isinstance(said(dump, log), Unclear)

    dump.path.write_bytes(b"PGDMp")
    os.utime(dump.path, ns=(dump.mtime_ns, dump.mtime_ns + 1))
    assert isinstance(said(dump, log), Unclear)

    dump.path.unlink()
    assert isinstance(said(dump, log), Unclear)


@pytest.mark.parametrize(
    ("server", "dumped_by", "major"),
    [
        ("15.3", "17.5", 17),
        ("17.5 (Debian 17.5-1)", "16.1", 17),
        ("9.6.24", "", 9),
        ("", "14.2", 14),
        ("", "", 8),
    ],
)
def test_a_server_is_as_new_as_the_source_and_as_the_program_that_dumped(
    dump, server, dumped_by, major
):
    assert needed_major(replace(dump, server_version=server, dump_version=dumped_by)) == major
