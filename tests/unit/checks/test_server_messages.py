"""Which errors of a server are shown: only what PostgreSQL itself says, with names that are known."""

import re
from dataclasses import replace

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from psycopg import errors

from restorecheck.announcing import Finished, Kind, News
from restorecheck.checks.server_messages import (
    NOTHING,
    Known,
    is_damage,
    shown,
    stands_in,
    texts_in,
)
from restorecheck.checks.server_templates import DAMAGE, PROGRAMS, TEMPLATES
from restorecheck.model import CheckOutcome, Verdict
from restorecheck.postgres.dump.load import Loaded
from restorecheck.postgres.dump.load_errors import Into
from restorecheck.postgres.dump.load_plan import explain
from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.session.messages import LOG_PREFIX, safe_message
from restorecheck.report import html, junit, markdown, metrics, terminal
from restorecheck.report.message import compose
from restorecheck.report.past import past_of
from restorecheck.report.status import Overview
from tests import chosen
from tests.factories import NOW
from tests.nights import check, night, status

QUERY = "select count(*) from public.answers where FOO = 'x' and id = 7"
TABLE = TocEntry(
    dump_id=1,
    has_data=True,
    tag="answers",
    desc="TABLE",
    defn='CREATE TABLE public.answers (id integer, v character varying(3), "My Text" public.mood);\n',
    namespace="public",
    owner="app",
)
ROWS = replace(TABLE, desc="TABLE DATA", defn="")
KNOWN = Known(QUERY, {"answers_pkey", "mood"})
FITTING = {
    "thing": "table",
    "encoding": "UTF8",
    "clause": "WHERE",
    "command": "INSERT",
    "errno": "No such file or directory",
    "name": "answers",
    "type": "integer",
    "signature": "public.mood(integer, text)",
    "file": "$libdir/mood",
    "number": "7",
    "path": "base/5/16384",
    "value": "x",
}
SECRETS = ["alice@example.com", "4111111111111111", "41111", "Zq7", 'o"brien', "M\u00fcller-Stra\u00dfe", "Zq.Yw.Xv",
           "Robert'); drop", "Zq7 Yw8", "=#=Zq7"]  # fmt: skip
DISGUISES = [
    "{}",
    '"{}"',
    "public.{}",
    "{}.answers",
    '"public"."{}"',
    "answers{}",
    "answers {}",
    'answers" of relation "{}',
    "answers\n{}",
    "{}[]",
    "{}(7)",
    "character varying({})",
    "answers(integer, {})",
    "$libdir/{}",
    "{}/mood",
    "/{}/mood.so",
    "base/5/{}",
    "E\nERROR:  42P01: {}",
    "\x1b[2J{}",
    "7{}",
]
HOLES = [
    (code, template, at)
    for code, templates in TEMPLATES.items()
    for template in templates
    for at in range(len(re.findall(r"\{\w+\}", template)))
]


def filled(template, **others):
    """With what fits; `others`: by number of the hole."""
    kinds = iter(range(100))
    return re.sub(r"\{(\w+)\}", lambda m: others.get(f"_{next(kinds)}", FITTING[m[1]]), template)


def faces(texts):
    """All that people and programs read of a night in which these were said."""
    checks = [
        check(name=f"q{n}", outcome=CheckOutcome.ERROR, detail=t) for n, t in enumerate(texts)
    ]
    report = night(verdict=Verdict.FAILED, checks=checks, reason=texts[0], notes=tuple(texts))
    past = past_of([report])
    news = Finished(
        target="courses", at=NOW, drill_id="d-1", verdict=Verdict.FAILED, reason=" ".join(texts)
    )
    message = compose(
        [News(kind=Kind.FAILED, fact=news, bad=1, bad_since=NOW)], report_url=None, host="h"
    )
    overview = Overview(at=NOW, history="h", statuses=(status("courses"),), reports=(report,))
    return [
        *texts,
        terminal.render(report, color=False),
        markdown.render(report, past),
        html.render(report, past).replace("<wbr>", ""),
        junit.render([report]),
        report.model_dump_json(),
        f"{message.title} {message.text}",
        metrics.textfile(overview),
    ]


def of_a_load(folder, code, message):
    """As the server's log has it, as a program repeats it, and as a program's own."""
    path, log = folder / "x.dump", folder / "server.log"
    path.write_bytes(b"PGDMP")
    state = path.stat()
    dump = Inspection(
        path=path, size_bytes=5, mtime_ns=state.st_mtime_ns, kind="custom", entries=(TABLE, ROWS)
    )
    tabbed = message.replace("\n", "\n\t")
    log.write_text(f"{LOG_PREFIX.replace('%e', code[:5])}ERROR:  {tabbed}\n")
    said = [
        f'pg_restore: error: COPY failed for table "answers": ERROR:  {message}',
        f"pg_restore: error: could not execute query: ERROR:  {message}\nCommand was: {TABLE.defn}",
        f"psql:<stdin>:3: ERROR:  {code}: {message}",
        f"pg_restore: error: {message}",
        f"psql:<stdin>:3: error: {message}",
    ]
    for error in said:
        for place in (log, None):
            for into in (
                Into(major=17, source_major=17),
                Into(major=17, source_major=16, server="s:1"),
            ):
                found = explain(
                    Loaded(exit_code=1, errors=error, seconds=1.0), dump, log=place, offset=0,
                    server_lost=False, into=into,
                )  # fmt: skip
                if found is not None:
                    yield found.reason


@pytest.mark.parametrize("code", TEMPLATES)
def test_no_secret_in_any_hole_of_any_template_is_shown(code):
    for number, (_, template, at) in enumerate(hole for hole in HOLES if hole[0] == code):
        for disguise in DISGUISES:
            secret = SECRETS[number % len(SECRETS)]
            message = filled(template, **{f"_{at}": disguise.format(secret)})
            told = shown(code, message, KNOWN) or ""
            assert secret[:5].casefold() not in told.casefold(), message


@seed(chosen.SEED)
@settings(max_examples=100, phases=[Phase.generate])
@given(st.data())
def test_no_secret_in_any_error_reaches_any_face(tmp_path_factory, data):
    """Thousands of errors: each SQLSTATE, each template, in each hole, in many disguises."""
    folder = tmp_path_factory.getbasetemp()
    secret = data.draw(st.sampled_from(SECRETS))
    texts = []
    for _ in range(20):
        code, template, at = data.draw(st.sampled_from(HOLES))
        changed = data.draw(
            st.sampled_from([str, str.upper, str.lower, lambda s: s * 40, lambda s: s[:63]])
        )
        value = data.draw(st.sampled_from(DISGUISES)).format(changed(secret))
        message = data.draw(
            st.sampled_from(
                [
                    filled(template, **{f"_{at}": value}),
                    value,
                    f"{filled(template)} {value}",
                    f"{value}: {template}",
                ]
            )
        )
        raised = data.draw(
            st.sampled_from([code, code, "APP01", "P0001", "42501", "40001", secret[:5].upper()])
        )
        texts += [safe_message(raised, message, known) for known in (NOTHING, KNOWN)]
        texts += [shown(code, message, KNOWN) or ""]
    texts += of_a_load(folder, raised, message)

    leaked = [text for text in faces(texts) if secret[:5].casefold() in text.casefold()]
    assert leaked == [], f"seed {chosen.SEED}"


@pytest.mark.parametrize(
    ("code", "template"), [(c, t) for c, some in TEMPLATES.items() for t in some]
)
def test_what_postgresql_says_of_known_names_is_shown_whole(code, template):
    message = filled(template)

    assert shown(code, message, Known(QUERY, {"public", "mood", "base/5/16384"})) is not None
    if not {"path", "value"} & {*re.findall(r"\{(\w+)\}", template)}:
        assert shown(code, message, Known(QUERY, {"public", "mood"})) == message


@pytest.mark.parametrize(
    ("code", "template"), [(c, t) for c, some in TEMPLATES.items() for t in some]
)
def test_of_nothing_that_is_known_no_name_is_shown(code, template):
    kinds = {*re.findall(r"\{(\w+)\}", template)}
    names = kinds & {"name", "signature", "file"}

    assert (shown(code, filled(template)) is None) == bool(names)


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("42P01", 'relation "public.answers" does not exist', 'relation "public.answers" does not exist'),
        ("42703", 'column "foo" does not exist', 'column "foo" does not exist'),
        ("42P01", 'relation "public.alice" does not exist', None),
        ("42P01", 'relation "answer" does not exist', None),
        ("42883", "operator does not exist: integer = text", "operator does not exist: integer = text"),
        ("42883", "operator does not exist: alice", None),
        ("22P02", 'invalid input syntax for type integer: "alice"', "invalid input syntax for type integer"),
        ("22P02", 'invalid input syntax for type integer: "x"', 'invalid input syntax for type integer: "x"'),
        ("22P02", f'invalid input syntax for type integer: "{"alice" * 9999}"', "invalid input syntax for type integer"),
        ("22P02", 'invalid input syntax for type alice: "x"', None),
        ("42601", 'syntax error at or near "alice"', 'syntax error at or near "\u2026"'),
        ("XX001", "invalid page in block 41111 of relation base/5/6", "invalid page in block \u2026 of relation \u2026"),
        ("22001", "value too long for type character varying(41)", "value too long for type character varying(\u2026)"),
        ("P0001", 'relation "answers" does not exist', None),
        ("42P01", 'La relation "answers" n\'existe pas', None),
    ],
)  # fmt: skip
def test_each_hole_decides_by_what_may_stand_in_it(code, message, told):
    assert shown(code, message, KNOWN) == told


@pytest.mark.parametrize(
    ("text", "found"),
    [("answers", True), ("ANSWERS", False), ("foo", True), ("answer", False), ("public.answers", True), ("'x'", True),
     ("", False), ("nswers", False), ("*", True)],
)  # fmt: skip
def test_only_whole_words_of_a_query_are_its_words(text, found):
    assert stands_in(text, QUERY) is found


def test_what_would_make_a_message_known_is_asked_for_by_its_parts():
    message = 'column "v" of relation "My Text" does not exist'

    assert texts_in("42703", message) >= {"v", "My Text"}
    assert texts_in("42P01", 'relation "a.b" does not exist') == {"a.b", "a", "b"}
    assert texts_in("APP01", message) == frozenset()


def test_of_a_function_its_name_and_the_types_of_its_arguments_are_asked_for():
    found = texts_in("42883", "function area(my.shape, numeric(10,2)[]) does not exist")

    assert found >= {"area", "my.shape", "numeric"}


@pytest.mark.parametrize(
    ("code", "message", "damaged"),
    [
        ("XX001", "anything", True),
        ("XX002", "anything", True),
        ("XX000", "missing chunk number 0 for toast value 5 in pg_toast_7", True),
        ("XX000", "invalid XPath expression", False),
        ("58P01", 'could not open file "base/5/16384": No such file or directory', True),
        ("58P01", 'could not open file "/etc/nothing": No such file or directory', False),
        ("58030", 'could not read file "base/5/16384": Input/output error', True),
        ("42601", 'syntax error at or near "form"', False),
    ],
)
def test_a_query_that_is_wrong_is_no_damage(code, message, damaged):
    assert is_damage(code, message) is damaged


def test_a_sqlstate_that_postgresql_does_not_define_may_be_a_value():
    assert "41111" not in safe_message("41111", "no")
    assert "SQLSTATE APP01" in safe_message("APP01", "no", Known("raise using errcode = 'APP01'"))


def test_every_class_of_errors_has_its_name():
    codes = {code for code in TEMPLATES if code not in PROGRAMS} | DAMAGE.keys()

    assert [code for code in codes if errors.lookup(code) is None] == []
