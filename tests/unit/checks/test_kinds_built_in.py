"""What every drill asks by itself: one fault at a time, and what nobody could look at."""

from dataclasses import replace

import pytest

from restorecheck.checks.answers import NoAnswer, Rows, UnreadableData
from restorecheck.checks.dialects import postgresql
from restorecheck.checks.judge_scan import judge_answer, judge_built_in
from restorecheck.checks.kind import Alone, Catalog, OfDatabase
from restorecheck.checks.kinds import sequences_ahead
from restorecheck.checks.kinds.pages import AMCHECK, VISIBILITY
from restorecheck.checks.questions import (
    AGE,
    BEHIND,
    BTREE,
    COLLATIONS,
    EXCLUDED,
    HEAP,
    INVALID,
    KEYS,
    LARGE_CONTENTS,
    LARGE_OBJECTS,
    ORPHANS,
    VISIBLE,
)
from restorecheck.checks.registry import BY_NAME, KINDS, built_in
from restorecheck.checks.scan_result import CATALOG, HIDDEN, MISSING_DATABASE, TableReading
from restorecheck.checks.scan_statements import (
    CHECK,
    NULLS,
    OVER_BUDGET,
    PRINT,
    ROWS,
    UNSETTLED,
)
from restorecheck.checks.tables import (
    UNLOGGED,
    BTree,
    Exclusion,
    ForeignKey,
    KeyPair,
    OwnedSequence,
    Table,
)
from restorecheck.model import CheckOutcome, CheckSpec
from tests.scans import TABLE, context, own, reading, table

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR
DAMAGED = TableReading(problem="invalid page")
UNCOUNTED = TableReading(doubts={ROWS: "no right"})
NO_OBJECTS = {LARGE_OBJECTS: "0"}
CONTENTS = {LARGE_OBJECTS: "2", LARGE_CONTENTS: "7"}


def breaking(key, number):
    """A table in which so many rows break a constraint."""
    return TableReading(values={ROWS: "10", PRINT: "7", key: str(number)})


# --- what every kind keeps: what is missing is never zero, never a pass ------------------------

KEYS_OF_A_DATABASE = Catalog(
    sql=postgresql,
    major=18,
    tables=(Table(schema="public", name="t", key_index='"public"."i"'),),
    foreign_keys=(
        ForeignKey(
            name="fk",
            table='"public"."t"',
            target='"public"."u"',
            pairs=(KeyPair(here="a", there="b"),),
        ),
    ),
    exclusions=(Exclusion(name="once", table='"public"."t"', elements=(("a", "="),)),),
    sequences=(OwnedSequence(name='"public"."s"', table='"public"."t"', column="id"),),
    btrees=(BTree(name='"public"."i"', blocks=1),),
    extensions={AMCHECK: "public", VISIBILITY: ""},
)
OF_DATABASES = [kind for kind in KINDS if isinstance(kind, OfDatabase)]
ASKING = [
    kind
    for kind in OF_DATABASES
    if kind.name != "any_rows"
    and list(kind.questions(KEYS_OF_A_DATABASE, kind.options({}, physical=True)))
]
"""Of emptiness, see below: rows are enough, whatever else there is."""


def answered(kind):
    """Every question with its best answer."""
    questions = kind.questions(KEYS_OF_A_DATABASE, kind.options({}, physical=True))
    return {q.key: "10" if q.key.startswith(KEYS) else "" for q in questions}


@pytest.mark.parametrize("kind", ASKING, ids=lambda kind: kind.name)
def test_a_question_of_any_kind_that_nobody_could_answer_is_an_error(kind):
    answers = answered(kind)
    assert own(kind.name, reading(answers=answers)).outcome is PASSED

    for key in answers:
        left = {k: v for k, v in answers.items() if k != key}
        found = own(kind.name, reading(answers=left, doubts={key: "no right"}))
        assert found.outcome is ERROR, f"{key}: {found}"
        found = own(kind.name, reading(answers=answers, problems={key: "invalid page"}))
        assert found.outcome is FAILED, f"{key}: {found}"


@pytest.mark.parametrize("kind", OF_DATABASES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("unread", [UNCOUNTED, TableReading()])
def test_a_table_that_nobody_read_is_an_error_of_every_kind_that_looks_at_tables(kind, unread):
    answers = answered(kind) if kind.name != "any_rows" else NO_OBJECTS
    found = own(kind.name, reading({TABLE: unread}, answers=answers))

    looks = (
        kind.contents
        or kind.constraints
        or kind.name in {"tables_countable", "any_rows", "indexes_agree"}
    )
    assert (found.outcome is ERROR) is looks, found


# --- one by one -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "read", "outcome"),
    [
        ("rows_readable", reading(answers=CONTENTS), PASSED),
        ("rows_readable", reading(), ERROR),
        ("rows_readable", reading({"t": DAMAGED}, answers=CONTENTS), FAILED),
        (
            "rows_readable",
            reading({"t": TableReading(doubts={PRINT: "late"})}, answers=CONTENTS),
            ERROR,
        ),
        ("rows_readable", reading({"t": UNCOUNTED}, answers=CONTENTS), ERROR),
        ("rows_readable", reading({"t": table(contents="")}, answers=CONTENTS), ERROR),
        ("rows_readable", reading(problems={LARGE_CONTENTS: "invalid page"}), FAILED),
        ("rows_readable", reading(doubts={LARGE_CONTENTS: "no right"}), ERROR),
        (
            "rows_readable",
            reading(answers=NO_OBJECTS, doubts={LARGE_CONTENTS: "no right"}),
            PASSED,
        ),
        ("tables_countable", reading({"t": UNCOUNTED}), ERROR),
        ("tables_countable", reading({"t": TableReading()}), ERROR),
        ("tables_countable", reading({"t": DAMAGED}), FAILED),
        ("tables_countable", reading({"t": table(contents="")}), PASSED),
        ("tables_countable", reading(doubts={HIDDEN: "damage is hidden"}), ERROR),
        ("constraints_hold", reading({"t": breaking(NULLS, 0)}), PASSED),
        ("constraints_hold", reading({"t": breaking(NULLS, 1)}), FAILED),
        ("constraints_hold", reading({"t": breaking(f"{CHECK}c", 1)}), FAILED),
        ("constraints_hold", reading({"t": breaking(f"{UNSETTLED}c", 0)}), PASSED),
        ("constraints_hold", reading({"t": UNCOUNTED}), ERROR),
        ("constraints_hold", reading(answers={f"{EXCLUDED}t once": "0"}), PASSED),
        ("constraints_hold", reading(answers={f"{EXCLUDED}t once": "2"}), FAILED),
        ("constraints_hold", reading(problems={f"{EXCLUDED}t once": "invalid page"}), FAILED),
        ("references_hold", reading(answers={f"{ORPHANS}fk": "0"}), PASSED),
        ("references_hold", reading(answers={f"{ORPHANS}fk": "1"}), FAILED),
        ("references_hold", reading(problems={f"{ORPHANS}fk": "invalid page"}), FAILED),
        ("sequences_ahead", reading(answers={f"{BEHIND}s": ""}), PASSED),
        ("sequences_ahead", reading(answers={f"{BEHIND}s": "1"}), FAILED),
        ("indexes_valid", reading(answers={INVALID: ""}), PASSED),
        ("indexes_valid", reading(answers={INVALID: "public.i"}), FAILED),
        ("indexes_valid", reading(), ERROR),
        ("collations_current", reading(answers={COLLATIONS: "de_DE"}), FAILED),
        ("collations_current", reading(), ERROR),
        ("transactions_young", reading(answers={AGE: "2,000,000,000 behind"}), FAILED),
        ("transactions_young", reading(), ERROR),
        ("indexes_agree", reading(answers={f"{KEYS}{TABLE}": "10"}), PASSED),
        ("indexes_agree", reading(answers={f"{KEYS}{TABLE}": "9"}), FAILED),
        ("indexes_agree", reading(answers={f"{KEYS}{TABLE}": "11"}), FAILED),
        ("indexes_agree", reading({TABLE: UNCOUNTED}, answers={f"{KEYS}{TABLE}": "0"}), ERROR),
        ("indexes_agree", reading({}, answers={f"{KEYS}{TABLE}": "0"}), ERROR),
        ("pages_sound", reading(answers={f"{HEAP}{TABLE}": "", f"{BTREE}i": ""}), PASSED),
        ("pages_sound", reading(answers={f"{HEAP}{TABLE}": "1 faults"}), FAILED),
        ("pages_sound", reading(answers={f"{VISIBLE}{TABLE}": "3"}), FAILED),
        ("pages_sound", reading(problems={f"{BTREE}i": "item order invariant violated"}), FAILED),
        ("pages_sound", reading(), ERROR),
        ("pages_sound", reading({}), PASSED),
    ],
)
def test_one_fault_is_enough_and_a_doubt_is_no_pass(kind, read, outcome):
    assert own(kind, read).outcome is outcome


def test_pages_that_were_not_looked_at_in_time_are_counted_and_prove_nothing():
    late = {f"{HEAP}{name}": OVER_BUDGET for name in "abc"}
    found = own("pages_sound", reading(answers={f"{HEAP}d": ""}, doubts=late))

    assert found.outcome is ERROR
    assert found.detail.startswith("3 not checked within suite.pages_minutes")


def test_a_missing_right_to_amcheck_is_said_once_with_what_to_grant_however_many_questions_lack_it():
    denied = {
        f"{HEAP}{name}": "permission denied for function verify_heapam (42501)" for name in "abc"
    }
    found = own("pages_sound", reading(answers={f"{HEAP}d": ""}, doubts=denied))

    assert found.outcome is ERROR
    assert found.detail.count("amcheck") == found.detail.count("EXECUTE") == 1
    assert "verify_heapam" not in found.detail


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Rows(columns=1, count=1, first=(1,)), PASSED),
        (NoAnswer(reason="no connection"), ERROR),
        (UnreadableData(reason="invalid page"), FAILED),
    ],
)
def test_the_server_answers_where_rows_come_and_only_there(answer, outcome):
    spec = CheckSpec(name="own", kind="server_answers", built_in=True)

    assert judge_answer(spec, answer).outcome is outcome


def test_what_shows_that_the_server_answers_reads_no_table():
    """An empty database, or one whose catalog is damaged, has a server that answers."""
    kind = BY_NAME["server_answers"]

    assert isinstance(kind, Alone)
    assert kind.sql({}).lower().startswith("select ")
    assert " from " not in kind.sql({}).lower()


def test_a_missing_right_is_said_with_the_grant_that_mends_it():
    denied = "permission denied for table t (42501)"

    found = [
        own("rows_readable", reading({"t": TableReading(doubts={ROWS: denied})})),
        own("references_hold", reading(doubts={f"{ORPHANS}fk": denied})),
    ]

    assert {judgement.outcome for judgement in found} == {ERROR}
    assert all("grant the checker's role pg_read_all_data" in j.detail for j in found)


@pytest.mark.parametrize(
    ("tables", "objects", "outcome"),
    [
        ({"t": table(rows=1)}, "0", PASSED),
        ({"t": table(rows=0), "u": table(rows=1)}, "0", PASSED),
        ({"t": table(rows=1)}, None, PASSED),
        ({"t": table(rows=0)}, "0", FAILED),
        ({"t": table(rows=0)}, "3", PASSED),
        ({"t": table(rows=0)}, None, ERROR),
        ({"t": table(rows=0), "u": UNCOUNTED}, "0", ERROR),
        ({"t": table(rows=0), "u": DAMAGED}, "0", ERROR),
        ({}, "0", FAILED),
    ],
)
def test_a_table_is_no_row_and_what_nobody_counted_is_no_emptiness(tables, objects, outcome):
    answers = {} if objects is None else {LARGE_OBJECTS: objects}

    assert own("any_rows", reading(tables, answers=answers)).outcome is outcome


@pytest.mark.parametrize(
    ("tables", "structure"),
    [
        ({}, {"table public.m": "m not populated"}),
        ({}, {"table public.f": "f", "foreign table public.f": "on far"}),
        ({"t": replace(table(rows=0), traits=UNLOGGED)}, {"table t": "r u"}),
    ],
)
def test_rows_that_no_dump_was_to_bring_are_not_lost_and_prove_nothing(tables, structure):
    read = reading(tables, answers=NO_OBJECTS, structure=structure)

    assert own("any_rows", read).outcome is ERROR


EMPTY = reading({"t": table(rows=0)}, answers=NO_OBJECTS)
UNREAD = reading({}, doubts={CATALOG: "a missing right"})


@pytest.mark.parametrize(
    ("databases", "outcome"),
    [
        ({"a": reading(), "b": EMPTY}, PASSED),
        ({"a": EMPTY, "b": EMPTY}, FAILED),
        ({"a": EMPTY, "b": UNREAD}, ERROR),
        ({"a": reading(), "b": UNREAD}, PASSED),
        ({"a": EMPTY, "b": reading({}, problems={CATALOG: "invalid page"})}, FAILED),
    ],
)
def test_one_database_may_be_empty_and_not_all(databases, outcome):
    spec = CheckSpec(name="own", kind="any_rows", built_in=True)

    assert judge_built_in(spec, databases, context(databases=tuple(databases))).outcome is outcome


def test_what_one_database_says_is_not_drowned_by_the_others():
    def of_all(**databases):
        spec = CheckSpec(name="own", kind="rows_readable", built_in=True)
        return judge_built_in(spec, databases, context(databases=tuple(databases)))

    good, late, bad = (
        reading(answers=CONTENTS),
        reading({"t": TableReading(doubts={PRINT: "late"})}, answers=CONTENTS),
        reading({"t": DAMAGED}, answers=CONTENTS),
    )

    assert of_all(a=good, b=late).outcome is ERROR
    assert of_all(a=good, b=late, c=bad).outcome is FAILED
    assert "c: table t cannot be read" in of_all(a=good, b=late, c=bad).detail


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (reading({}, doubts={MISSING_DATABASE: "database shop"}), FAILED),
        (reading({}, problems={CATALOG: "invalid page"}), FAILED),
        (UNREAD, ERROR),
    ],
)
@pytest.mark.parametrize("kind", ["rows_readable", "references_hold", "not_emptied", "any_rows"])
def test_of_a_database_that_could_not_be_entered_no_check_passes(kind, read, outcome):
    assert own(kind, read, before=reading()).outcome is outcome


@pytest.mark.parametrize(
    ("tonight", "outcome"),
    [
        (table(rows=0), FAILED),
        (None, FAILED),
        (replace(UNCOUNTED, group=TABLE), PASSED),
        (replace(DAMAGED, group=TABLE), PASSED),
    ],
)
def test_a_table_that_nobody_could_count_is_not_called_gone(tonight, outcome):
    other = {"public.u": table(rows=1000)}
    before = reading({TABLE: table(rows=1000), **other})
    after = reading(other if tonight is None else {TABLE: tonight, **other})

    assert own("not_emptied", after, before).outcome is outcome


@pytest.mark.parametrize(
    ("distance", "said"), [("5", "is 5 behind"), ("4111111111111111", "is more than 10,000 behind")]
)
def test_how_far_a_sequence_is_behind_is_no_value_of_a_row(distance, said):
    text = sequences_ahead._is_behind('"s"', distance)

    assert said in text
    assert len(distance) < 5 or distance not in text


@pytest.mark.parametrize(("physical", "outcome"), [(True, ERROR), (False, FAILED)])
def test_a_constraint_that_settings_decide_is_no_failure_of_a_copy_of_files(physical, outcome):
    """A load has held each row against it here; a copy's rows were held against it in production."""
    (spec,) = [s for s in built_in() if s.kind == "constraints_hold"]
    readings = {"shop": reading({"t": breaking(f"{UNSETTLED}c", 1)})}

    judged = judge_built_in(spec, readings, replace(context(), physical=physical))

    assert judged.outcome is outcome
    assert "1 row breaks c" in judged.detail
