"""What a scan says to each configured check: at its limits, and where something is missing."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.checks import registry
from restorecheck.checks.dialects import postgresql
from restorecheck.checks.judge_scan import scan_of
from restorecheck.checks.kind import OfRelation, RelationScan
from restorecheck.checks.kinds.append_only import AppendOnly
from restorecheck.checks.kinds.distribution import FINITE, TOTAL
from restorecheck.checks.kinds.freshness import LATER
from restorecheck.checks.kinds.row_count import RowCount
from restorecheck.checks.kinds.unique import Unique
from restorecheck.checks.questions import LARGE_CONTENTS, LARGE_OBJECTS
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
)
from restorecheck.checks.scan_statements import ASKED, NOTHING, PRINT, ROWS, Plan, filled_key
from restorecheck.checks.tables import Column, Relation
from restorecheck.model import CheckOutcome
from tests.factories import NOW
from tests.scans import NAME, TABLE, about, ask, asked, context, reading, spec, table

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR
KEY = f"{ASKED}{NAME}"
FILLED = filled_key(["id"])
BY_ID = f"append_only:{TABLE}:id"
UNREADABLE, UNREAD = TableReading(problem="invalid page"), TableReading(doubts={ROWS: "no right"})


def holding(rows=10, contents="7", *, answers=None, **values):
    """A reading of the table that the check is about."""
    return about(reading({TABLE: table(rows, contents, **values)}, answers=answers or {}))


# --- what every kind keeps: what is missing is never zero, never a pass ------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "row_count": {"min": 1, "max_drop": 0.5},
    "freshness": {"column": "at", "max_age_minutes": 60},
    "heartbeat": {"column": "at", "max_age_minutes": 60},
    "not_null": {"columns": ["id"]},
    "percent_null": {"column": "id", "max": 0.5, "max_rise": 0.5},
    "unique": {"columns": ["id"]},
    "range": {"column": "id", "min": 1},
    "accepted_values": {"column": "name", "values": ["a"]},
    "references": {"columns": ["id"], "to": "public.u", "to_columns": ["id"]},
    "unchanged": {},
    "append_only": {"key": "id"},
    "distribution": {"column": "id", "max_shift": 0.5},
}
"""Of every configured kind that a scan answers."""
OF_RELATIONS = [kind for kind in registry.KINDS if isinstance(kind, OfRelation)]


def everything(kind: OfRelation, before: RelationScan | None) -> tuple[dict[str, str], str]:
    """A reading's values by key, as if everything that this kind asks for had its best answer; and the key
    of its question.
    """
    wanted = ask(kind, before, **OPTIONS[kind.name])
    values = {aggregate.key: "0" for aggregate in kind.aggregates(wanted)}
    values |= {key: "10" for key in values if key == FILLED or key.startswith(FINITE)}
    if kind.name in {"freshness", "heartbeat"}:
        values[KEY] = str(NOW.timestamp())
    values[ROWS] = "10"
    if kind.contents:
        values[PRINT] = "7"
    question = kind.question(wanted)
    return values, question.key if question else ""


def night(kind: OfRelation, values: dict[str, str], question: str) -> DatabaseReading:
    best = {"unique": "0 10", "append_only": json.dumps(then())}
    answers = {question: best.get(kind.name, "0")} if question else {}
    made = about(reading({TABLE: TableReading(values=values)}, answers=answers))
    made.asked[NAME].question = question
    return made


def two_nights(kind: OfRelation) -> tuple[DatabaseReading, DatabaseReading, dict[str, str], str]:
    """Last night, tonight, and what tonight was asked."""
    before = night(kind, *everything(kind, None))
    seen = scan_of(spec(kind.name, **OPTIONS[kind.name]), before)
    values, question = everything(kind, seen)
    return before, night(kind, values, question), values, question


@pytest.mark.parametrize("kind", OF_RELATIONS, ids=lambda kind: kind.name)
def test_what_is_missing_is_an_error_of_every_kind_and_never_zero_and_never_a_pass(kind):
    before, tonight, values, question = two_nights(kind)
    assert asked(kind.name, tonight, before, **OPTIONS[kind.name]).outcome is PASSED

    for key in values:
        less = replace(
            tonight,
            tables={TABLE: TableReading(values={k: v for k, v in values.items() if k != key})},
        )
        found = asked(kind.name, less, before, **OPTIONS[kind.name])
        assert found.outcome is ERROR, f"without {key}: {found}"
    if question:
        found = asked(kind.name, replace(tonight, answers={}), before, **OPTIONS[kind.name])
        assert found.outcome is ERROR, f"without an answer to {question}: {found}"


@pytest.mark.parametrize("kind", OF_RELATIONS, ids=lambda kind: kind.name)
def test_what_the_first_night_lacks_is_an_error_at_once_and_not_a_night_later(kind):
    values, question = everything(kind, None)
    tonight = night(kind, values, question)
    assert asked(kind.name, tonight, **OPTIONS[kind.name]).outcome is PASSED

    for key in values:
        less = {k: v for k, v in values.items() if k != key}
        found = asked(kind.name, night(kind, less, question), **OPTIONS[kind.name])
        assert found.outcome is ERROR, f"without {key}: {found}"


@pytest.mark.parametrize("kind", OF_RELATIONS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"problems": {KEY: "invalid page"}}, FAILED),
        ({"doubts": {KEY: "no answer within 5 s"}}, ERROR),
        ({"tables": {TABLE: UNREADABLE}}, FAILED),
        ({"tables": {TABLE: UNREAD}}, ERROR),
        ({"tables": {}}, ERROR),
        ({"asked": {}}, ERROR),
        ({"relations": {}}, ERROR),
        ({"asked": {NAME: AskedReading(absent="table t")}}, FAILED),
        ({"asked": {NAME: AskedReading(refused="no table")}}, ERROR),
    ],
)
def test_a_question_without_its_answer_does_not_pass(kind, changes, outcome):
    before, tonight, _, question = two_nights(kind)
    own = {KEY: question or KEY}
    changes = {
        part: {own.get(key, key): value for key, value in of.items()}
        for part, of in changes.items()
    }
    tonight = replace(tonight, **changes)

    assert asked(kind.name, tonight, before, **OPTIONS[kind.name]).outcome is outcome


@pytest.mark.parametrize("kind", OF_RELATIONS, ids=lambda kind: kind.name)
def test_an_aggregate_that_was_refused_says_why(kind):
    before, tonight, values, _ = two_nights(kind)
    own = values.keys() - {ROWS}
    refused = TableReading(values={ROWS: "10"}, doubts=dict.fromkeys(own, "no right"))

    found = asked(
        kind.name, replace(tonight, tables={TABLE: refused}), before, **OPTIONS[kind.name]
    )

    if own:
        assert (found.outcome, found.detail) == (ERROR, f"table {TABLE}: no right")


# --- row counts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "count", "outcome"),
    [
        ({"min": 10}, 10, PASSED),
        ({"min": 10}, 9, FAILED),
        ({"max": 10}, 10, PASSED),
        ({"max": 10}, 11, FAILED),
        ({"min": 1, "max": 3}, 2, PASSED),
        ({"min": 1, "max": 3}, 4, FAILED),
        ({"equals": 0}, 0, PASSED),
        ({"equals": 5}, 6, FAILED),
        ({}, 6, ERROR),
    ],
)
def test_a_row_count_is_held_against_its_bounds(options, count, outcome):
    assert asked("row_count", holding(count), **options).outcome is outcome


@pytest.mark.parametrize(
    ("options", "count", "before", "outcome"),
    [
        ({"max_drop": 0.05}, 95, 100, PASSED),
        ({"max_drop": 0.05}, 94, 100, FAILED),
        ({"max_growth": 0.5}, 150, 100, PASSED),
        ({"max_growth": 0.5}, 151, 100, FAILED),
        ({"max_drop": 0.05, "max_growth": 0.5}, 140, 100, PASSED),
        ({"max_drop": 0.05, "max_growth": 0.5}, 94, 100, FAILED),
        ({"max_drop": 0.05}, 1, None, PASSED),
        ({"max_drop": 0.05, "min": 50}, 40, None, FAILED),
        ({"max_drop": 0}, 100, 100, PASSED),
        ({"max_drop": 0}, 99, 100, FAILED),
    ],
)
def test_a_row_count_is_held_against_the_last_verified_night(options, count, before, outcome):
    earlier = None if before is None else holding(before)

    assert asked("row_count", holding(count), earlier, **options).outcome is outcome


@pytest.mark.parametrize(
    ("share", "said"), [(0.04, "4%"), (0.00125, "0.125%"), (0.07, "7%"), (0.0, "0%"), (1.5, "150%")]
)
def test_a_share_is_said_as_it_was_written(share, said):
    assert RowCount().expected({"max_drop": share}) == f"at most {said} less than before"


def test_the_rows_of_a_parent_are_those_of_its_children():
    """A partitioned table has none of its own."""
    parts = {name: table(rows=4) for name in ("public.jan", "public.feb")}
    read = about(reading(parts | {"public.other": table(rows=99)}), *parts)

    found = asked("row_count", read, equals=8)

    assert (found.outcome, found.found) == (PASSED, "8")
    without = replace(read, tables={"public.jan": table(rows=4)})
    assert asked("row_count", without, min=1).outcome is ERROR


def test_a_table_of_another_schema_does_not_answer_for_it():
    others = {"old_public.t": table(9), "public.more_t": table(9)}
    read = about(reading(others | {TABLE: table(0)}))

    assert asked("row_count", read, min=1).outcome is FAILED


def test_rows_that_another_server_holds_are_said_to_be_left_out():
    read = holding(5)
    read.relations[TABLE].foreign = ["public.t_elsewhere"]

    found = asked("row_count", read, min=1)

    assert found.detail == "not counted: rows of public.t_elsewhere, which are on another server"


@pytest.mark.parametrize("kind", OF_RELATIONS, ids=lambda kind: kind.name)
def test_where_all_rows_are_on_another_server_no_kind_says_anything(kind):
    """Its own tables are empty: that is no answer to what the check is about."""
    values = dict.fromkeys(everything(kind, None)[0], "0")
    for tables in ({}, {TABLE: TableReading(values=values)}):
        read = about(reading(tables))
        read.relations[TABLE].members = list(tables)
        read.relations[TABLE].foreign = ["public.t_elsewhere"]

        found = asked(kind.name, read, **OPTIONS[kind.name])

        assert found.outcome is ERROR
        assert "foreign tables, and no backup contains these: public.t_elsewhere" in found.detail


def test_a_table_without_foreign_rows_may_be_empty():
    assert asked("row_count", holding(0), equals=0).outcome is PASSED


@pytest.mark.parametrize("answer", ['{"rows": 3}', '{"rows": null}', ""])
def test_a_view_is_counted_by_its_own_answer(answer):
    read = about(reading({}, answers={f"view:{NAME}": answer}))
    read.relations[TABLE].kind = "v"

    found = asked("row_count", read, min=1)

    if answer == "":
        assert found.outcome is ERROR
    else:
        assert found.found == ("3" if "3" in answer else "0")


# --- times ------------------------------------------------------------------------------------


def fresh(newest, *, taken_at=NOW, started_at=NOW, ahead=0):
    moment = NOTHING if newest is None else str(newest.timestamp())
    read = holding(**{KEY: moment, f"{LATER}{NAME}": ahead})
    around = context(taken_at=taken_at, started_at=started_at)
    return asked("freshness", read, around=around, column="at", max_age_minutes=60)


@pytest.mark.parametrize(
    ("age", "outcome"), [(timedelta(hours=1), PASSED), (timedelta(hours=1, seconds=1), FAILED)]
)
def test_the_newest_time_is_held_against_the_moment_of_the_backup(age, outcome):
    of_a_slow_drill = fresh(NOW - age, started_at=NOW + timedelta(days=9))
    of_an_unknown_age = fresh(NOW - age, taken_at=None)

    assert of_a_slow_drill.outcome is of_an_unknown_age.outcome is outcome
    assert "before the backup" in of_a_slow_drill.found
    assert "before the drill" in of_an_unknown_age.found


def test_rows_later_than_the_backup_are_counted_and_make_nothing_fresh():
    stale = fresh(NOW - timedelta(days=3), ahead=2)
    none = fresh(None, ahead=2)

    assert (stale.outcome, stale.detail) == (FAILED, "2 rows later than the backup")
    assert (none.outcome, none.found) == (FAILED, "no row with a time before the backup")
    assert (fresh(NOW, ahead=1).outcome, fresh(NOW, ahead=1).detail) == (
        PASSED,
        "1 row later than the backup",
    )
    assert (fresh(None).outcome, fresh(None).found) == (FAILED, "no row with a time")


@pytest.mark.parametrize(
    ("moment", "said"), [("-1e15", "before the year 1"), ("1e15", "after the year")]
)
def test_times_that_no_calendar_here_has_are_told_and_fail(moment, said):
    read = holding(**{KEY: moment, f"{LATER}{NAME}": 0})

    found = asked("freshness", read, column="at", max_age_minutes=60)

    assert found.outcome is FAILED
    assert said in found.found


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["not_null", "range", "accepted_values"])
@pytest.mark.parametrize(("wrong", "outcome"), [(0, PASSED), (1, FAILED)])
def test_one_wrong_row_is_enough(kind, wrong, outcome):
    assert asked(kind, holding(**{KEY: wrong}), **OPTIONS[kind]).outcome is outcome


@pytest.mark.parametrize(
    ("present", "before", "outcome"),
    [
        (95, None, PASSED),
        (94, None, FAILED),
        (95, 97, PASSED),
        (95, 98, FAILED),
        (100, 50, PASSED),
    ],
)
def test_the_share_of_null_has_a_bound_and_may_rise_by_so_much(present, before, outcome):
    def of(number):
        return holding(100, **{FILLED: number})

    options: dict[str, Any] = {"column": "id", "max": 0.05, "max_rise": 0.02}
    found = asked("percent_null", of(present), None if before is None else of(before), **options)

    assert found.outcome is outcome, found


@pytest.mark.parametrize(
    ("options", "before", "outcome"),
    [
        ({"max": 0.05}, 100, PASSED),
        ({"max": 0.04}, 100, FAILED),
        ({"max_rise": 0.02}, 97, PASSED),
        ({"max_rise": 0.01}, 97, FAILED),
    ],
)
def test_one_bound_of_the_share_of_null_is_enough_and_the_other_is_not_made_up(
    options, before, outcome
):
    tonight, earlier = (holding(100, **{FILLED: number}) for number in (95, before))

    assert asked("percent_null", tonight, earlier, column="id", **options).outcome is outcome


@pytest.mark.parametrize("kind", OF_RELATIONS, ids=lambda kind: kind.name)
def test_every_column_that_a_check_names_is_looked_up_in_the_database(kind):
    """One that is not looked up would be a missing key in the middle of the drill."""
    options = OPTIONS[kind.name]
    alone = {options[key] for key in ("column", "key") if key in options}

    assert set(kind.used(options)) == {*alone, *options.get("columns", ())}


def test_of_no_rows_no_share_is_null_and_the_report_says_so():
    found = asked("percent_null", holding(0, **{FILLED: 0}), column="id", max=0)

    assert (found.outcome, found.found) == (PASSED, "no rows")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("0 10", PASSED), ("1 10", FAILED), ("0 9", FAILED), ("0 11", FAILED)],
)
def test_an_index_that_has_not_every_row_proves_no_uniqueness(answer, outcome):
    read = holding(answers={KEY: answer}, **{FILLED: 10})

    assert asked("unique", read, columns=["id"]).outcome is outcome


@pytest.mark.parametrize(("orphans", "outcome"), [("0", PASSED), ("1", FAILED)])
def test_one_row_that_points_to_nothing_is_enough(orphans, outcome):
    read = holding(answers={KEY: orphans})

    assert asked("references", read, **OPTIONS["references"]).outcome is outcome


# --- compared with the last verified night ----------------------------------------------------

JAN, FEB = "public.t_jan", "public.t_feb"


@pytest.mark.parametrize(
    ("tables", "outcome"),
    [
        ({JAN: table(contents="1"), FEB: table(contents="2")}, PASSED),
        ({JAN: table(contents="1"), FEB: table(contents="3")}, FAILED),
        ({JAN: table(contents="1")}, FAILED),
        ({JAN: table(contents="1"), FEB: table(contents="")}, ERROR),
    ],
)
def test_a_partition_that_is_gone_or_unread_is_not_unchanged(tables, outcome):
    before = about(reading({JAN: table(contents="1"), FEB: table(contents="2")}), JAN, FEB)

    assert asked("unchanged", about(reading(tables), *tables), before).outcome is outcome


@pytest.mark.parametrize(
    ("earlier", "now", "outcome"),
    [({KEY: "5"}, {KEY: "5"}, PASSED), ({KEY: "5"}, {KEY: "6"}, FAILED), ({}, {KEY: "6"}, PASSED),
     ({KEY: "5"}, {}, ERROR)],
)  # fmt: skip
def test_large_objects_that_rows_name_belong_to_what_is_unchanged(earlier, now, outcome):
    found = asked("unchanged", holding(answers=now), holding(answers=earlier))

    assert found.outcome is outcome


def test_an_earlier_night_without_fingerprints_condemns_no_row():
    before = holding(contents="")

    found = [asked("unchanged", holding(), before), asked("unchanged", holding(), reading({}))]

    assert [(j.outcome, j.detail) for j in found] == [
        (PASSED, "no verified drill to compare with yet")
    ] * 2


GREATEST = {"greatest": "30", "last": 1}


def buckets(**changes):
    """The answer of one night: three buckets, 300 rows, one of them with the greatest key."""
    rows = {"0": "100 11", "1": "100 22", "2": "100 33"}
    return {**GREATEST, "last then": 0, "rows": rows, "then": None, **changes}


def then(*, last=1, **places):
    """Tonight's answer: the rows of before as they were, but for these buckets."""
    kept = {"0": "100 11", "1": "100 22", "2": "100 33"}
    kept |= {place.removeprefix("b"): value for place, value in places.items()}
    found = {place: value for place, value in kept.items() if value}
    return buckets(greatest="99", **{"last then": last, "then": found})


def appended(tonight, *, rows=300, before=None, rows_before=300):
    def night(answer, count):
        return about(reading({TABLE: table(count)}, answers={BY_ID: json.dumps(answer)}))

    first = night(before or buckets(), rows_before)
    return asked("append_only", night(tonight, rows), first, key="id")


def test_rows_of_before_are_as_they_were_however_many_are_new():
    found = appended(then(), rows=99_999)

    assert (found.outcome, found.found, found.detail) == (PASSED, "99,999 rows, +99,699", "")


@pytest.mark.parametrize(
    ("bucket", "what"),
    [
        ("100 12", "a row is changed"),
        ("99 9", "a row is lost"),
        ("99 11", "a row is lost, whose hash is zero"),
        ("", "all rows of the bucket are lost"),
    ],
)
def test_a_row_that_is_changed_or_lost_is_told(bucket, what):
    found = appended(then(b0=bucket))

    assert (found.outcome, found.detail) == (FAILED, "earlier rows are missing or changed"), what


def test_a_row_that_is_lost_is_told_though_another_came_late_in_another_bucket():
    assert appended(then(b0="99 9", b1="101 25")).outcome is FAILED


@pytest.mark.parametrize("bucket", [{"b0": "101 17"}, {"b7": "1 6"}])
def test_a_row_with_a_smaller_key_came_late_and_nothing_is_lost(bucket):
    found = appended(then(**bucket), rows=301)

    assert (found.outcome, found.detail) == (PASSED, "1 row with smaller keys, added later")


@pytest.mark.parametrize(
    ("rows_before", "late", "outcome"),
    [(300, 10, PASSED), (300, 11, FAILED), (1000, 20, PASSED), (1000, 21, FAILED)],
)
def test_few_rows_come_late_and_many_were_loaded_twice(rows_before, late, outcome):
    found = appended(then(b0=f"{100 + late} 99"), rows_before=rows_before)

    assert found.outcome is outcome
    assert f"{late} rows" in found.detail
    assert ("loaded twice" in found.detail) == (outcome is FAILED)


def test_all_rows_are_there_twice():
    twice = then(b0="200 22", b1="200 44", b2="200 66", last=2)

    assert (
        appended(twice, rows=600).detail
        == "299 rows added between the earlier rows; were rows loaded twice?"
    )


def test_of_the_greatest_key_itself_more_may_come_all_day():
    """Of a date there are as many rows as the day brings."""
    found = appended(then(b0="150 99", b1="150 98", last=101), rows=400)

    assert (found.outcome, found.detail) == (PASSED, "")
    assert appended(then(b0="150 99", b1="150 98", last=50)).outcome is FAILED


@pytest.mark.parametrize(
    ("tonight", "outcome"),
    [
        ({"rows": {"4": "2 5"}, "then": {"4": "2 5"}}, PASSED),
        ({"rows": {"4": "3 9"}, "then": {"4": "3 9"}}, PASSED),
        ({"rows": {"4": "2 6"}, "then": {"4": "2 6"}}, FAILED),
        ({"rows": None, "then": None}, FAILED),
    ],
)
def test_rows_without_a_key_are_earlier_ones_every_night(tonight, outcome):
    nothing = {"greatest": "", "last": 0, "last then": 0}
    first = {**nothing, "rows": {"4": "2 5"}, "then": None}

    found = appended({**nothing, **tonight}, before=first, rows=2, rows_before=2)

    assert found.outcome is outcome


def test_of_a_table_that_was_empty_nothing_is_missed():
    empty = {"greatest": "", "last": 0, "last then": 0, "rows": None, "then": None}

    assert appended(empty, before=empty, rows=0, rows_before=0).outcome is PASSED
    assert appended(buckets(), before=empty, rows_before=0).outcome is PASSED


def test_a_column_that_is_gone_has_taken_its_values_with_it():
    before, tonight = two_nights(registry.BY_NAME["append_only"])[:2]  # type: ignore[arg-type]
    tonight.relations[TABLE].columns.remove("name")

    found = asked("append_only", tonight, before, key="id")

    assert (found.outcome, found.detail) == (FAILED, "column name no longer exists")


APPEND_ONLY = AppendOnly()


def scan(answer, *columns):
    """Last night's, with these columns."""
    relation = RelationReading(members=[TABLE], columns=list(columns))
    return RelationScan(
        name=TABLE,
        relation=relation,
        tables={TABLE: table(300)},
        answers={BY_ID: json.dumps(answer)} if answer else {},
    )


def asks(before=None, **options):
    question = APPEND_ONLY.question(ask(APPEND_ONLY, before, **options))
    assert question is not None
    return question


def test_tonight_s_buckets_have_every_column_and_those_of_before_the_columns_of_before():
    """A column that is new changes no row of before."""
    hashes = re.compile(r"row\(([^)]*)\)")

    both = hashes.findall(asks(scan(buckets(), "id", "name"), key="id").sql)
    first = hashes.findall(asks(key="id").sql)

    assert first == [first[0]] * 2
    assert both == [first[0], 't."id", t."name" collate "C"']


def test_earlier_rows_are_those_up_to_the_greatest_key_and_those_without_one():
    def old(before):
        found = re.search(r" as finite, (.*?) as old,", asks(before, key="id").sql)
        return found and found[1]

    none = 't."id" is null or not true'
    limit = "t.\"id\" <= '30'::pg_catalog.int8"
    assert old(scan(buckets(), "id")) == f"{none} or {limit}"
    assert old(scan(buckets(greatest=""), "id")) == none
    assert [old(None), old(scan(None, "id"))] == ["false", "false"]


def test_what_grows_with_every_row_is_a_number_or_a_time():
    def refused(key):
        return APPEND_ONLY.refused(ask(APPEND_ONLY, key=key))

    assert [refused(key) for key in ("id", "at", "lo")] == [""] * 3
    assert refused("name") == "column name has the type text; expected a number or a time as key"


@pytest.mark.parametrize(
    ("kind", "finite"),
    [
        ("int8", "true"),
        ("timestamptz", 'isfinite(t."k")'),
        ("float8", "t.\"k\" between '-1e308' and '1e308'"),
        ("numeric", "(t.\"k\" < 'NaN' and concat(t.\"k\") not like '%Infinity')"),
    ],
)
def test_the_greatest_key_is_no_infinity(kind, finite):
    """After it no key would be greater."""
    column = Column(name="k", type=kind, sql_type=f"pg_catalog.{kind}")
    wanted = replace(
        ask(APPEND_ONLY, key="k"),
        relation=Relation(schema="public", name="t", columns=(column,), members=(TABLE,)),
        columns={"k": "k"},
    )

    question = APPEND_ONLY.question(wanted)

    assert question is not None
    assert f"{finite} as finite" in question.sql


def averaged(total, present, rows, filled=None):
    values = {f"{TOTAL}id": total, f"{FINITE}id": present, FILLED: filled or present}
    return holding(rows, **values)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((1000, 100, 100), (1100, 100, 100), PASSED),
        ((1000, 100, 100), (1101, 100, 100), FAILED),
        ((1000, 100, 100), (899, 100, 100), FAILED),
        ((-1000, 100, 100), (-1100, 100, 100), PASSED),
        ((-1000, 100, 100), (-1101, 100, 100), FAILED),
        ((1000, 100, 100), (900, 90, 100), PASSED),
        ((1000, 100, 100), (890, 89, 100), FAILED),
        ((1000, 100, 100), (1000, 100, 100, 101), FAILED),
        ((1000, 100, 100, 101), (1000, 100, 100, 101), PASSED),
        ((1000, 100, 100), (NOTHING, 0, 100), FAILED),
        ((NOTHING, 0, 100), (1000, 100, 100), PASSED),
    ],
)
def test_an_average_may_move_and_a_column_may_thin_out_by_the_share_that_is_allowed(
    before, after, outcome
):
    """NaN and infinities count as values, and as no numbers."""
    tonight, earlier = averaged(*after), averaged(*before)

    assert asked("distribution", tonight, earlier, column="id", max_shift=0.1).outcome is outcome


# --- of the database as a whole ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "outcome"),
    [
        ({TABLE: table(), "public.new": table()}, PASSED),
        ({TABLE: table(rows=9)}, FAILED),
        ({TABLE: table(contents="8")}, FAILED),
        ({TABLE: UNREADABLE}, FAILED),
        ({TABLE: UNREAD}, ERROR),
        ({TABLE: TableReading(values={ROWS: "10"}, doubts={PRINT: "late"})}, ERROR),
        ({TABLE: table(contents="")}, ERROR),
        ({TABLE: TableReading()}, ERROR),
        ({TABLE: TableReading(values={ROWS: "9"}, doubts={PRINT: "late"})}, FAILED),
        ({"public.u": table()}, FAILED),
        ({}, FAILED),
    ],
)
def test_every_table_of_a_manifest_is_wanted_and_a_doubt_is_no_difference(tables, outcome):
    wanted = {TABLE: {ROWS: "10", PRINT: "7"}}

    assert asked("manifest", reading(tables), tables=wanted).outcome is outcome


@pytest.mark.parametrize("rows", [0, 1])
def test_of_a_table_without_rows_the_manifest_wants_no_contents(rows):
    """There is no fingerprint of nothing."""
    found = asked("manifest", reading({TABLE: table(rows, "")}), tables={TABLE: {ROWS: "0"}})

    assert found.outcome is (FAILED if rows else PASSED)


@pytest.mark.parametrize(
    ("answers", "doubts", "outcome"),
    [
        ({LARGE_OBJECTS: "2", LARGE_CONTENTS: "7"}, {}, PASSED),
        ({LARGE_OBJECTS: "1", LARGE_CONTENTS: "7"}, {}, FAILED),
        ({LARGE_OBJECTS: "2", LARGE_CONTENTS: "8"}, {}, FAILED),
        ({LARGE_OBJECTS: "2"}, {LARGE_CONTENTS: "no right"}, ERROR),
        ({LARGE_CONTENTS: "7"}, {LARGE_OBJECTS: "no right"}, ERROR),
        ({}, {}, ERROR),
    ],
)
def test_large_objects_of_a_manifest_are_compared_as_a_table_is(answers, doubts, outcome):
    read = reading(answers=answers, doubts=doubts)

    found = asked("manifest", read, tables={LARGE_OBJECTS: {ROWS: "2", PRINT: "7"}})

    assert found.outcome is outcome
    assert ("no right" in found.detail) is bool(doubts), "the reason is that of the question"


def test_a_manifest_of_an_older_version_is_to_be_written_again():
    found = asked("manifest", reading(), tables={TABLE: {ROWS: "10", "print": "7"}})

    assert found.outcome is ERROR
    assert "restorecheck manifest" in found.detail


@pytest.mark.parametrize(
    ("there", "outcome"),
    [
        (["extension citext", "extension postgis"], PASSED),
        (["extension citext"], FAILED),
        (["schema postgis", "extension citext"], FAILED),
        ([], FAILED),
    ],
)
def test_every_extension_is_wanted(there, outcome):
    read = reading(structure=dict.fromkeys(there, "1.0"))

    assert asked("extensions", read, names=["citext", "postgis"]).outcome is outcome


@pytest.mark.parametrize(
    ("there", "outcome"), [({"table a": "1"}, PASSED), ({"table a": "2"}, FAILED), ({}, FAILED)]
)
def test_the_structure_is_that_of_the_file(there, outcome):
    found = asked("structure", reading(structure=there), structure={"table a": "1"})

    assert found.outcome is outcome


def test_a_materialized_view_of_a_manifest_that_was_not_filled_is_no_difference():
    read = reading({}, structure={f"table {TABLE}": "m not populated"})

    found = asked("manifest", read, tables={TABLE: {ROWS: "10", "print": "7"}})

    assert found.outcome is CheckOutcome.ERROR
    assert "has no data" in found.detail


# --- tables with partitions -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "plan"),
    [
        ({}, Plan.INDEX),
        ({"members": ("public.t_jan", "public.t_feb"), "kind": "p"}, Plan.HEAP),
        ({"foreign": ("public.t_far",)}, Plan.HEAP),
    ],
)
def test_uniqueness_is_read_from_an_index_only_where_one_index_holds_all_rows(relation, plan):
    kind = Unique()
    about_it = ask(kind, columns=["id"])
    about_it = replace(about_it, relation=replace(about_it.relation, **relation), has_index=True)

    question = kind.question(about_it)

    assert question is not None
    assert question.plan is plan
    without = kind.question(replace(about_it, has_index=False))
    assert without is not None
    assert without.plan is Plan.HEAP


@pytest.mark.parametrize(
    ("sql_type", "by_index", "major", "first"),
    [
        ("int8", False, 15, True),
        ("int8", True, 15, True),
        ("uuid", False, 15, True),
        ("uuid", True, 15, False),
        ("uuid", True, 16, True),
        ("text", True, 16, True),
        ("text", False, 16, False),
        ("float8", True, 18, False),
    ],
)
def test_distinct_values_are_counted_first_where_this_is_faster(sql_type, by_index, major, first):
    column = Column(name="c", type=sql_type, sql_type=f"pg_catalog.{sql_type}")
    relation = Relation(schema="s", name="t")

    def asks_first(*columns):
        question = postgresql.duplicates(
            relation, columns, name="u", by_index=by_index, major=major
        )
        return "count(distinct" in question.sql

    assert asks_first(column) is first
    assert not asks_first(column, column)
    assert not asks_first(replace(column, kind="c"))
    assert not asks_first(replace(column, sql_type=f"public.{sql_type}"))


def test_contents_of_the_same_sum_in_another_number_of_rows_are_not_the_same():
    before = about(reading({TABLE: table(10, "7")}))
    parts = {"public.t_jan": table(9, "3", group=TABLE), "public.t_feb": table(2, "4", group=TABLE)}

    assert asked("unchanged", about(reading(parts), *parts), before).outcome is FAILED
    parts["public.t_feb"] = table(1, "4", group=TABLE)
    assert asked("unchanged", about(reading(parts), *parts), before).outcome is PASSED


@pytest.mark.parametrize(
    ("traits", "rows", "physical", "outcome"),
    [("u", 0, True, ERROR), ("u", 0, False, FAILED), ("u", 9, True, FAILED), ("", 0, True, FAILED)],
)
def test_an_unlogged_table_is_not_counted_against_a_copy_of_files(traits, rows, physical, outcome):
    read = reading({TABLE: replace(table(rows=rows), traits=traits)})
    around = replace(context(), physical=physical)

    kinds: dict[str, dict[str, Any]] = {
        "row_count": {"equals": 10},
        "manifest": {"tables": {TABLE: {ROWS: "10", PRINT: "7"}}},
    }
    for kind, options in kinds.items():
        found = asked(kind, about(read), around=around, **options)
        assert found.outcome is outcome, found
        assert ("unlogged" in found.detail) is (outcome is ERROR)


def test_a_manifest_passes_by_the_tables_that_are_not_unlogged():
    empty = replace(table(rows=0), traits="u")
    wanted = {TABLE: {ROWS: "10", PRINT: "7"}, "public.fast": {ROWS: "10", PRINT: "7"}}
    around = replace(context(), physical=True)

    found = asked(
        "manifest", reading({TABLE: table(), "public.fast": empty}), around=around, tables=wanted
    )

    assert (found.outcome, found.found) == (PASSED, "1 table, unchanged")
    assert "public.fast is unlogged and empty" in found.detail
