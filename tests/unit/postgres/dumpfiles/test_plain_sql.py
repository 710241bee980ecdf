"""The state machine over plain SQL: what is a statement, what is data, what is quoted."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.postgres.dumpfiles import partial, plain, statements
from restorecheck.postgres.dumpfiles.filtering import FilterRules, restorable
from restorecheck.postgres.dumpfiles.layers import DamagedLayerError, UnusableLayerError
from restorecheck.postgres.dumpfiles.needs import NeedsCollector, split_names
from restorecheck.postgres.dumpfiles.plain import scan
from restorecheck.postgres.dumpfiles.texts import kept

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 17.5\n\n"
END = b"--\n-- PostgreSQL database dump complete\n--\n\n"


def facts(body: bytes, head: bytes = HEAD, end: bytes = END):
    return scan(io.BytesIO(head + body + end))


def passed(
    body: bytes, *, ownership: bool = True, ignored: tuple[str, ...] = (), left_out=()
) -> bytes:
    """Without the empty lines that stand for what is left out."""
    rules = FilterRules(ownership=ownership, ignored_extensions=ignored, left_out=left_out)
    chunks = restorable(io.BytesIO(body), rules)
    text = b"".join(chunks)
    assert text.count(b"\n") == body.count(b"\n"), "psql counts the lines of the dump"
    return b"".join(line for line in text.splitlines(keepends=True) if line.strip())


def test_header_trailer_and_version_are_read():
    found = facts(b"SET x = 1;\n")

    assert found.written_by_pg_dump
    assert found.problem == ""
    assert found.server_version == "17.5"


@pytest.mark.parametrize(
    "after",
    [b"", b"\n", b"\\unrestrict AbC\n\n", b"-- Completed on 2026-02-26\n"],
)
def test_comments_and_unrestrict_may_follow_the_trailer(after):
    assert facts(b"SET x = 1;\n", end=END + after).problem == ""


def test_a_comment_before_a_dump_may_span_lines_and_hold_quotes():
    comment = b"/* the nightly job's\n-- PostgreSQL database dump\n\\connect it; */ /* $$ */\n"

    found = facts(b"CREATE TABLE t ();\n", head=comment + HEAD)

    assert found.problem == ""
    assert found.databases == ()
    assert found.server_version == "17.5"


def test_what_follows_a_comment_on_its_last_line_is_a_statement():
    body = b"/* two\nlines */ CREATE TABLE a (\n);\nCOPY public.a (x) FROM stdin;\n1\n"

    assert "public.a" in facts(body, end=b"").problem


def test_another_dump_after_the_trailer_has_to_end_too():
    assert "missing" in facts(b"", end=END + HEAD + b"CREATE TABLE t ();\n").problem


def test_statements_after_the_trailer_are_said():
    found = facts(b"", end=END + b"COMMIT;\n")

    assert found.problem == ""
    assert "from line 11" in " ".join(found.notes)


@pytest.mark.parametrize(
    "statement",
    [
        b"select 'drop table t' \\gexec\n",
        b"select 1 \\g\n",
        b"select $$ a \\gexec $$,\n  2 \\gset x_\n",
        b"select 'it''s' from \"a;b\" \\gexec  \n",
    ],
)
def test_a_statement_that_a_command_of_psql_sends_has_its_end_and_the_command_is_named(statement):
    found = facts(statement + b"CREATE TABLE t (i int);\n")

    assert found.problem == ""
    assert found.commands[0] in statement.decode()


@pytest.mark.parametrize(
    "statement",
    [
        b"COMMENT ON TABLE t IS 'see \\gexec';\n",
        b"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$\n select '\\g' \\gexec\n$$;\n",
        b"INSERT INTO t VALUES (E'a\\gexec');\n",
        b"-- select 1 \\gexec\n",
        b"CREATE OPERATOR public.@ (leftarg = int, function = f); -- \\g\n",
    ],
)
def test_what_is_quoted_is_no_command_of_psql(statement):
    assert (facts(statement).problem, facts(statement).commands) == ("", ())


def test_a_trailer_inside_of_data_ends_nothing():
    body = b"COPY public.t (a) FROM stdin;\n-- PostgreSQL database dump complete\n"

    assert "public.t" in facts(body, end=b"").problem
    assert "after 1 row" in facts(body, end=b"").problem


def test_a_zero_byte_is_damage():
    """Psql drops the rest of its line without a word: rows get lost, and it exits 0."""
    body = b"COPY t FROM stdin;\n1\ta\0002\tb\n\\.\n"

    assert "zero byte at offset" in facts(body).problem


@pytest.mark.parametrize(
    "body",
    [
        b"CREATE FUNCTION f() AS $$\n-- PostgreSQL database dump complete\n",
        b"CREATE FUNCTION f() AS $a$ $$ \n-- PostgreSQL database dump complete\n",
        b"INSERT INTO t VALUES ('one\n-- PostgreSQL database dump complete\n",
        b"INSERT INTO t VALUES (E'it\\'s\n-- PostgreSQL database dump complete\n",
        b'CREATE TABLE "odd\n-- PostgreSQL database dump complete\n',
    ],
)
def test_a_trailer_inside_of_quotes_ends_nothing(body):
    assert facts(body, end=b"").problem


def test_copy_inside_of_a_function_body_is_no_data():
    body = b"CREATE FUNCTION f() AS $$\nCOPY t FROM stdin;\n$$;\nSET x = 1;\n"

    assert facts(body).problem == ""


@pytest.mark.parametrize(
    "dropped",
    [
        b"\\restrict AbC\n",
        b"\\unrestrict AbC\n",
        b"\\connect courses\n",
        b"\\encoding SQL_ASCII\n",
        b"CREATE DATABASE courses WITH TEMPLATE = template0;\n",
        b"DROP DATABASE IF EXISTS courses;\n",
        b"ALTER DATABASE courses OWNER TO app;\n",
        b"GRANT CONNECT ON DATABASE courses TO app;\n",
    ],
)
def test_what_belongs_to_the_server_it_came_from_is_not_passed_on(dropped):
    assert passed(dropped + b"SET x = 1;\n") == b"SET x = 1;\n"


def test_data_and_function_bodies_are_passed_on_to_the_letter():
    body = (
        b"COPY t FROM stdin;\n\\connect x\nGRANT a\n\\.\n"
        b"CREATE FUNCTION f() AS $$\n\\connect y\nALTER TABLE t OWNER TO x;\n$$;\n"
    )

    assert passed(body, ownership=False) == body


def test_owners_and_grants_are_left_out_where_roles_would_stay():
    body = b"ALTER TABLE t OWNER TO app;\nGRANT SELECT ON t TO app;\nALTER TABLE t ADD c int;\n"

    assert passed(body, ownership=False) == b"ALTER TABLE t ADD c int;\n"
    assert passed(body, ownership=True) == body


def test_ignored_extensions_are_left_out_and_no_others():
    body = (
        b"CREATE EXTENSION IF NOT EXISTS pg_cron WITH SCHEMA public;\n"
        b"COMMENT ON EXTENSION pg_cron IS 'a\nb';\n"
        b"CREATE EXTENSION IF NOT EXISTS pg_cron_more WITH SCHEMA public;\n"
    )

    assert passed(body, ignored=("pg_cron",)) == body.split(b"\n", 3)[3]
    assert (
        passed(body.replace(b"pg_cron ", b'"pg-cron" '), ignored=("pg-cron",))
        == body.split(b"\n", 3)[3]
    )


def test_names_are_split_as_sql_quotes_them():
    assert split_names('app, "Odd, ""name""" ,b') == ["app", 'Odd, "name"', "b"]


def test_names_in_other_encodings_are_read_too():
    body = "-- Name: t; Type: TABLE; Schema: public; Owner: rôlé\n".encode("latin-1")

    assert facts(body).needs.roles == (kept("rôlé".encode("latin-1")),)


def test_grantees_of_every_kind_are_roles():
    collector = NeedsCollector()
    collector.add_statement(
        "GRANT ALL ON TABLE t TO a;\n"
        "GRANT SELECT ON TABLE t TO b WITH GRANT OPTION;\n"
        'REVOKE ALL ON SCHEMA s FROM "C c";\n'
        "GRANT ALL ON TABLE t TO PUBLIC;\n"
        "ALTER DEFAULT PRIVILEGES FOR ROLE d IN SCHEMA s GRANT SELECT ON TABLES TO e;\n"
        "GRANT pg_read_all_data TO f GRANTED BY g;\n"
        "CREATE POLICY p ON t TO h, i USING (true);\n"
        "ALTER TABLE t OWNER TO j;\n"
    )

    assert set(collector.finish().roles) == {"a", "b", "C c", "d", "e", "f", "g", "h", "i", "j"}


def test_a_cluster_dump_without_a_database_holds_globals_only():
    cluster = b"--\n-- PostgreSQL database cluster dump\n--\n\n"
    end = b"--\n-- PostgreSQL database cluster dump complete\n--\n"

    assert facts(b"CREATE ROLE a;\n", head=cluster, end=end).globals_only
    assert not facts(HEAD + b"SET x = 1;\n" + END, head=cluster, end=end).globals_only


def test_a_copy_of_a_table_whose_name_has_a_line_break_is_data():
    body = b'COPY public."odd\nname" (a) FROM stdin;\n\\connect x\nit\'s\n\\.\nSET x = 1;\n'

    assert facts(body).problem == ""
    assert passed(body) == body


def test_what_clean_drops_first_is_left_out_and_later_drops_are_kept():
    body = b"DROP TABLE public.t;\nDROP SCHEMA s;\nCREATE TABLE t ();\nALTER TABLE t DROP c;\n"

    assert passed(body) == b"CREATE TABLE t ();\nALTER TABLE t DROP c;\n"


@pytest.mark.parametrize("kind", ["SERVER", "FOREIGN SERVER"])
def test_a_server_elsewhere_is_noticed_and_no_view_over_it_is_filled(kind):
    body = (
        f"-- Name: elsewhere; Type: {kind}; Schema: -; Owner: app\n"
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER w;\n"
        "REFRESH MATERIALIZED VIEW public.brought;\n"
    ).encode()
    assert facts(body).needs.foreign_servers
    assert not facts(b"SET x = 1;\n").needs.foreign_servers

    def loaded(refresh):
        chunks = restorable(io.BytesIO(body), FilterRules(refresh=refresh))
        return b"".join(chunks)

    assert b"REFRESH" in loaded(True)
    assert b"REFRESH" not in loaded(False)
    assert b"CREATE SERVER" in loaded(False)


@pytest.mark.parametrize(
    "line",
    [
        "DROP DATABASE other;",
        "CREATE DATABASE other;",
        "ALTER DATABASE other SET x TO 1;",
        "COMMENT ON DATABASE other IS 'x';",
        "\\connect other",
        "\\c other",
        "\\restrict x",
    ],
)
def test_what_is_about_other_databases_is_left_out_wherever_it_stands(line):
    body = f"CREATE TABLE t ();\n{line}\nSET x = 1;\n".encode()

    assert passed(body) == b"CREATE TABLE t ();\nSET x = 1;\n"


def test_how_the_source_logs_in_elsewhere_is_left_out():
    body = b"CREATE USER MAPPING FOR app SERVER s OPTIONS (\n    password 'x'\n);\nSET x = 1;\n"

    assert passed(body) == b"SET x = 1;\n"


def test_many_quotes_on_one_line_take_no_longer_than_they_must():
    body = b"INSERT INTO t VALUES ('" + b"''" * 200_000 + b"');\n"

    assert facts(body).problem == ""


IN_A_DUMP = (
    b"INSERT INTO public.t VALUES (1, 'plain', -2.5);\n",
    b"INSERT INTO public.t VALUES (2, 'it''s', NULL, 'c:\\dir\\');\n",
    b'INSERT INTO public."User\'s; list" (id, "at") VALUES (3, \'{"a": "b", "c": "--"}\');\n',
    b"INSERT INTO t VALUES\n\t(1, 'a;\nINSERT INTO t VALUES (1);\n'),\n\t(2, '\n');\n",
    b"INSERT INTO t VALUES (4, 'CREATE TABLE y ();\nDROP TABLE y;\n') ON CONFLICT DO NOTHING;\r\n",
    b"INSERT INTO t VALUES (E'it\\'s; \\\\');\n",
    b"INSERT INTO t DEFAULT VALUES;\n",
    b"INSERT INTO t VALUES (E'it\\'s;\nCREATE TABLE hidden ();\n');\n",
    b"INSERT INTO t VALUES (5, $$ it;\nCREATE TABLE hidden ();\n$$);\n",
    b"INSERT INTO t VALUES (6 -- it's\n);\n",
    b"INSERT INTO t VALUES (7 /* ; it's\n*/);\n",
    b"INSERT INTO t SELECT 'a' \\g\n",
    b"-- Name: it's; Type: TABLE; Schema: public; Owner: a\n",
    b"\n",
    b"CREATE TABLE u (\n    i int DEFAULT 1\n);\n",
    b"COPY public.u (i) FROM stdin;\nINSERT INTO u VALUES (';\n2\n\\.\n",
    b"\\connect other\n",
    b"pg_dump: warning: it's odd\n",
    b"SET x = 'a;\nINSERT INTO t VALUES (1);\n';\n",
)


@given(parts=st.lists(st.sampled_from(IN_A_DUMP), max_size=12), chunk=st.integers(1, 200))
def test_statements_begin_where_they_begin_whether_inserts_are_read_together_or_by_lines(
    parts, chunk
):
    def read(insert):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(statements, "CHUNK", chunk)
            patched.setattr(statements, "_INSERT", insert)
            return [*statements.Reader(io.BytesIO(b"".join(parts))).pieces()]

    def begun(pieces):
        starts = [p for p in pieces if p.where is statements.Position.START]
        return [(p.number, p.data) for p in starts if not p.data.startswith(b"INSERT INTO ")]

    together, by_lines = read(b"INSERT INTO "), read(b"never")

    assert b"".join(piece.data for piece in together) == b"".join(parts)
    assert begun(together) == begun(by_lines)


@pytest.mark.parametrize(
    "values",
    [
        b"(1, 'it''s');",
        b'(1, \'{"a": "\\u00e4"}\') ON CONFLICT DO NOTHING;',
        b"\n\t(1, 'a;\nb'),\n\t(-2, 'c');",
    ],
)
def test_inserts_are_read_together_however_many_lines_they_have(values):
    body = (b'INSERT INTO public."User" VALUES ' + values + b"\n") * 30_000

    pieces = [*statements.Reader(io.BytesIO(body)).pieces()]

    assert len(pieces) <= 10 * len(body) / statements.CHUNK, "the last one of a block by its lines"


def test_a_statement_that_is_longer_than_fits_is_read_by_its_lines(monkeypatch):
    monkeypatch.setattr(statements, "CHUNK", 100)
    monkeypatch.setattr(statements, "LONGEST_INSERT", 1000)
    body = b"INSERT INTO t VALUES\n" + b"\t(1, 'a'),\n" * 1000 + b"\t(2, 'b');\n"

    assert facts(body).problem == ""


def test_rows_of_a_table_that_is_left_out_are_not_inserted():
    rows = b"INSERT INTO public.t VALUES (1);\nINSERT INTO public.t VALUES (2);\n"
    comment = b"-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: a\n"
    (entry,) = facts(comment + rows).entries

    assert passed(comment + rows, left_out=(entry,)) == comment


def test_a_line_longer_than_any_server_takes_is_damage_and_is_not_held_whole(monkeypatch):
    monkeypatch.setattr(statements, "LONGEST_LINE", 1000)
    monkeypatch.setattr(statements, "CHUNK", 100)

    assert facts(b"SET x = '" + b"x" * 900 + b"';\n").problem == ""
    with pytest.raises(DamagedLayerError, match="a line of more than"):
        facts(b"SET x = '" + b"x" * 1000 + b"';\n")
    with pytest.raises(DamagedLayerError):
        passed(b"COPY t FROM stdin;\n" + b"x" * 1200 + b"\n\\.\n")


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: app", "--data-only"),
        (
            "-- Statistics for Name: t; Type: STATISTICS DATA; Schema: public; Owner: -",
            "--statistics-only",
        ),
        ("-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: app", "--section=post-data"),
    ],
)
def test_a_dump_without_definitions_is_called_by_the_option_that_made_it(comment, said):
    entries = facts(f"{comment}\n\nSELECT 1;\n".encode()).entries

    assert said in partial.without_definitions(entries)


def test_a_dump_of_objects_without_number_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(plain, "MOST_ENTRIES", 3)
    comments = b"".join(
        b"-- Name: t%d; Type: TABLE; Schema: public; Owner: a\n\n" % i for i in range(4)
    )

    with pytest.raises(UnusableLayerError, match="more than 3 objects"):
        scan(io.BytesIO(comments))


@pytest.mark.parametrize("text", [b"Starting backup\n", b"mysqldump: [Warning]\nof some kind\n"])
def test_a_text_before_the_dump_is_called_by_its_name(text):
    found = facts(b"CREATE TABLE public.t (id integer);\n", head=text + HEAD)

    assert found.written_by_pg_dump
    assert found.problem.startswith(
        "does not begin with pg_dump's header: line 1 is a text that is not SQL"
    )
    assert found.server_version == "17.5"


def test_comments_and_statements_before_the_dump_are_no_such_text():
    assert facts(b"SELECT 1;\n", head=b"-- nightly\nSET x = 1;\n" + HEAD).problem == ""
    assert facts(b"SELECT 1;\n", head=b"BEGIN;\n" + HEAD).problem == ""
