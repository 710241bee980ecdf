"""Errors of a server whose log cannot be read, in what its client programs wrote."""

from dataclasses import replace
from pathlib import Path

import pytest

from restorecheck.postgres.dump.load_errors import Into, LoadError, located, names_of, ours
from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.needs import NeedsCollector


def entry(desc, tag, defn="", namespace="public"):
    return TocEntry(
        dump_id=0, has_data=False, tag=tag, desc=desc, defn=defn, namespace=namespace, owner="app"
    )


ENTRIES = (
    entry(
        "POLICY", "t p", "CREATE POLICY p ON public.t TO tenant USING ((owner = 'alice'::text));\n"
    ),
    entry(
        "CONSTRAINT",
        "t t_pkey",
        "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);",
    ),
    entry("TABLE", "t", "CREATE TABLE public.t (id integer, v character varying(3));"),
    entry("COMMENT", "TABLE t", "COMMENT ON TABLE public.t IS 'of bob';"),
    entry("STATISTICS DATA", "t", "SELECT pg_restore_attribute_stats('carol');"),
    entry("TABLE DATA", "t"),
)
FOUND = Inspection(path=Path("x"), size_bytes=1, mtime_ns=1, entries=ENTRIES)
SCRATCH = Into(major=17, source_major=17, server="scratch:5432")


def said(text):
    return located([], text, FOUND)


def told(text):
    names = names_of(FOUND).replace("alice", "")
    return [(error.sqlstate, error.told(names)) for error in said(text)]


POLICY = """\
pg_restore: error: could not execute query: ERROR:  role "tenant" does not exist
Command was: CREATE POLICY p ON public.t TO tenant USING ((owner = 'alice'::text));


pg_restore: warning: errors ignored on restore: 1
"""
KEY = """\
pg_restore: error: could not execute query: ERROR:  could not create unique index "t_pkey"
DETAIL:  Key (id)=(alice) is duplicated.
Command was: ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (id);
"""
ROWS = """\
pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "alice"
CONTEXT:  COPY t, line 1, column id: "alice"
"""
INSERTS = """\
pg_restore: error: could not execute query: ERROR:  value too long for type character varying(3)
Command was: INSERT INTO public.t VALUES ('alice');
"""
RAISED = "psql:<stdin>:7: ERROR:  no rights for alice"
OWNED = (
    "pg_restore: error: could not execute query: ERROR:  must be superuser to create a base type"
)


@pytest.mark.parametrize(
    ("text", "sqlstate", "shown"),
    [
        (POLICY, "42704", 'role "tenant" does not exist (SQLSTATE 42704) in POLICY public.t p'),
        (
            KEY,
            "23505",
            'could not create unique index "t_pkey" (SQLSTATE 23505) in CONSTRAINT public.t t_pkey',
        ),
        (
            ROWS,
            "22P02",
            "invalid input syntax for type integer (SQLSTATE 22P02) in TABLE DATA public.t",
        ),
        (INSERTS, "22001", "value too long for type character varying(3) (SQLSTATE 22001)"),
        (
            "pg_restore: error: could not execute query: ERROR:  must be owner of extension plpgsql",
            "42501",
            "must be owner of extension plpgsql (SQLSTATE 42501)",
        ),
        (
            "psql:<stdin>:3: ERROR:  permission denied for user alice",
            "42501",
            "insufficient privilege (SQLSTATE 42501) in TABLE DATA public.t (line 3)",
        ),
        (
            RAISED,
            "",
            (
                "an error that is not shown here, because it may contain row values in TABLE DATA "
                "public.t (line 7)"
            ),
        ),
    ],
)
def test_the_words_give_the_code_and_what_is_shown_quotes_no_row(text, sqlstate, shown):
    assert told(text) == [(sqlstate, shown)]


def test_a_server_of_another_language_is_understood_by_its_codes():
    said = (
        "psql:<stdin>:6: WARNUNG:  01000: das ist nichts\n"
        'psql:<stdin>:7: FEHLER:  23505: konnte Unique Index "t_pkey" nicht erstellen'
    )

    assert [code for code, _ in told(said)] == ["23505"]


@pytest.mark.parametrize("role", ["alice", "bob", "carol", "tena", "TENANT"])
def test_a_role_that_the_dump_does_not_name_may_stand_in_a_row(role):
    ((_, shown),) = told(f'psql:<stdin>:3: ERROR:  role "{role}" does not exist')

    assert role not in shown


def test_an_error_while_rows_are_loaded_is_one_of_the_rows():
    ((state, _),) = told('pg_restore: error: COPY failed for table "t": ERROR:  strange')

    assert state == "22000"


def test_each_error_is_at_its_own_statement():
    assert [shown.rpartition(" ")[2] for _, shown in told(POLICY + KEY)] == ["p", "t_pkey"]


@pytest.mark.parametrize("text", [POLICY, RAISED, OWNED])
def test_what_may_be_the_scratch_servers_fault_is_not_the_dumps(text):
    (error,) = said(text)

    found = ours(error, SCRATCH)

    assert found is not None
    assert found.hint


@pytest.mark.parametrize("text", [KEY, ROWS, INSERTS])
def test_what_is_not_is_left_to_the_judgement_on_the_dump(text):
    (error,) = said(text)

    assert ours(error, SCRATCH) is None


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("58P01", 'could not access file "$libdir/mylib": No such file or directory'),
        ("0A000", 'extension "plpython3u" is not available'),
        ("42704", 'unrecognized configuration parameter "app.old"'),
        ("42704", 'language "plperlu" does not exist'),
        ("42704", 'unrecognized configuration parameter "transaction_timeout"'),
    ],
)
def test_what_a_server_lacks_for_a_plain_dump_is_named(sqlstate, message):
    collector = NeedsCollector()
    collector.add_statement(
        "CREATE FUNCTION public.f() RETURNS integer\n    LANGUAGE plperlu\n"
        "    SET \"app.old\" TO 'on'\n    AS '$libdir/mylib', 'f';\n"
    )
    extension = entry("EXTENSION", "plpython3u", namespace="")
    names = names_of(replace(FOUND, needs=collector.finish(), entries=(extension,)))
    error = LoadError(sqlstate=sqlstate, message=message, line=7)

    assert error.told(names) == f"{message} (SQLSTATE {sqlstate}) in line 7"
    assert error.told("") != error.told(names)
