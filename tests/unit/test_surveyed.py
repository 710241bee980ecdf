"""What a reading says to each check: the pure part, one fault at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from restorecheck.checks.surveyed import (
    Circumstances,
    any_rows,
    judge_asked,
    judge_reading,
    judged,
)

from restorecheck.checks.questions import BEHIND, INVALID, KEYS, ORPHANS
from restorecheck.checks.readings import DatabaseReading, TableReading
from restorecheck.checks.scanning import ASKED, CHECK, GREATEST, NULLS, PRESENT, PRINT, ROWS, UNTIL
from restorecheck.model import CheckOutcome, CheckSpec
from tests.factories import NOW

PASSED, FAILED, ERROR, SKIPPED = (
    CheckOutcome.PASSED,
    CheckOutcome.FAILED,
    CheckOutcome.ERROR,
    CheckOutcome.SKIPPED,
)
KEY = f"{ASKED}asked"


def table(rows=10, print_="7", group="public.t", **values):
    known = {ROWS: str(rows)} | ({PRINT: print_} if print_ else {})
    return TableReading(values=known | values, group=group)


def reading(**changes):
    return replace(DatabaseReading(tables={"public.t": table()}, done=True), **changes)


def around(before=None, taken_at=None):
    baseline = {} if before is None else {"shop": before}
    return Circumstances(baseline=baseline, databases=("shop",), taken_at=taken_at, started_at=NOW)


def own(kind, read, before=None):
    """What a check of every drill says to one database."""
    spec = CheckSpec(name="own", kind=kind, built_in=True)
    finding = judge_reading(spec, "shop", read, around(before))
    return judged(spec, {"shop": finding}).outcome


def asked(kind, read, before=None, taken_at=None, **options):
    spec = CheckSpec(name="asked", kind=kind, options={"table": "public.t", **options})
    return judge_asked(spec, "shop", read, around(before, taken_at)).outcome


# --- every drill's own ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "read", "outcome"),
    [
        ("rows_readable", reading(), PASSED),
        ("rows_readable", reading(tables={"t": TableReading(problem="invalid page")}), FAILED),
        ("rows_readable", reading(tables={"t": TableReading(doubts={PRINT: "late"})}), ERROR),
        ("rows_readable", reading(tables={"t": TableReading(doubts={ROWS: "late"})}), ERROR),
        ("tables_countable", reading(tables={"t": TableReading(doubts={ROWS: "x"})}), ERROR),
        ("tables_countable", reading(tables={"t": TableReading(problem="x")}), FAILED),
        ("constraints_hold", reading(tables={"t": table(**{NULLS: "0"})}), PASSED),
        ("constraints_hold", reading(tables={"t": table(**{NULLS: "1"})}), FAILED),
        ("constraints_hold", reading(tables={"t": table(**{f"{CHECK}c": "1"})}), FAILED),
        ("references_hold", reading(answers={f"{ORPHANS}fk": "0"}), PASSED),
        ("references_hold", reading(answers={f"{ORPHANS}fk": "1"}), FAILED),
        ("references_hold", reading(problems={f"{ORPHANS}fk": "invalid page"}), FAILED),
        ("references_hold", reading(doubts={f"{ORPHANS}fk": "no right"}), SKIPPED),
        ("sequences_ahead", reading(answers={f"{BEHIND}s": ""}), PASSED),
        ("sequences_ahead", reading(answers={f"{BEHIND}s": "1"}), FAILED),
        ("indexes_valid", reading(answers={INVALID: "public.i"}), FAILED),
        ("indexes_agree", reading(answers={f"{KEYS}public.t": "10"}), PASSED),
        ("indexes_agree", reading(answers={f"{KEYS}public.t": "9"}), FAILED),
        ("indexes_agree", reading(answers={f"{KEYS}public.t": "11"}), FAILED),
    ],
)
def test_one_fault_is_enough_and_a_doubt_is_no_pass(kind, read, outcome):
    assert own(kind, read) is outcome


@pytest.mark.parametrize(
    ("tables", "outcome"),
    [
        ({"t": table(rows=1)}, PASSED),
        ({"t": table(rows=0), "u": table(rows=1)}, PASSED),
        ({"t": table(rows=0)}, FAILED),
        ({"t": table(rows=0), "u": TableReading(doubts={ROWS: "no right"})}, ERROR),
        ({}, FAILED),
    ],
)
def test_a_table_is_no_row(tables, outcome):
    spec = CheckSpec(name="own", kind="any_rows", built_in=True)

    assert any_rows(spec, {"shop": reading(tables=tables)}).outcome is outcome


def test_what_one_database_says_is_not_drowned_by_the_others():
    spec = CheckSpec(name="own", kind="rows_readable", built_in=True)
    good = judge_reading(spec, "a", reading(), around())
    late = judge_reading(
        spec, "b", reading(tables={"t": TableReading(doubts={PRINT: "late"})}), around()
    )
    bad = judge_reading(spec, "c", reading(tables={"t": TableReading(problem="x")}), around())

    assert judged(spec, {"a": good, "b": late}).outcome is ERROR
    assert judged(spec, {"a": good, "b": late, "c": bad}).outcome is FAILED


@pytest.mark.parametrize(
    ("tonight", "outcome"),
    [
        (table(rows=0), FAILED),
        (None, FAILED),
        (TableReading(doubts={ROWS: "no right"}, group="public.t"), PASSED),
        (TableReading(problem="invalid page", group="public.t"), PASSED),
    ],
)
def test_a_table_that_nobody_could_count_is_not_called_gone(tonight, outcome):
    other = {"public.u": table(rows=1000, group="public.u")}
    before = reading(tables={"public.t": table(rows=1000), **other})
    after = reading(tables=other if tonight is None else {"public.t": tonight, **other})

    assert own("not_emptied", after, before) is outcome


# --- configured checks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newest", "outcome"),
    [
        (NOW - timedelta(hours=1), PASSED),
        (NOW - timedelta(hours=1, seconds=1), FAILED),
        (NOW + timedelta(hours=23), PASSED),
        (NOW + timedelta(hours=25), FAILED),
    ],
)
def test_the_newest_time_is_held_against_the_moment_of_the_backup(newest, outcome):
    read = reading(tables={"public.t": table(**{KEY: str(newest.timestamp())})})

    def of_a_backup(taken_at, started):
        spec = CheckSpec(
            name="asked",
            kind="freshness",
            options={"table": "public.t", "max_age_minutes": 60},
        )
        known = Circumstances(
            baseline={}, databases=("shop",), taken_at=taken_at, started_at=started
        )
        return judge_asked(spec, "shop", read, known).outcome

    assert of_a_backup(NOW, NOW + timedelta(days=9)) is outcome
    assert of_a_backup(None, NOW) is outcome


@pytest.mark.parametrize(("by_index", "outcome"), [(10, PASSED), (9, FAILED), (11, FAILED)])
def test_an_index_that_has_not_every_row_proves_no_uniqueness(by_index, outcome):
    read = reading(
        tables={"public.t": table(**{KEY + PRESENT: "10"})}, answers={KEY: f"0 {by_index}"}
    )

    assert asked("unique", read) is outcome


@pytest.mark.parametrize(
    ("until", "outcome"), [("7", PASSED), ("6", FAILED), ("8", FAILED), ("0", FAILED)]
)
def test_rows_of_before_are_as_they_were_or_not(until, outcome):
    before = reading(tables={"public.t": table(**{KEY + GREATEST: "10"})})
    after = reading(tables={"public.t": table(rows=99, **{KEY + UNTIL: until})})

    assert asked("append_only", after, before) is outcome


def test_an_earlier_night_without_fingerprints_condemns_no_row():
    before = reading(tables={"public.t": table(print_="", **{KEY + GREATEST: "10"})})
    after = reading(tables={"public.t": table(rows=99, **{KEY + UNTIL: "7"})})

    assert asked("append_only", after, before) is ERROR


JAN, FEB = "public.t_jan", "public.t_feb"


@pytest.mark.parametrize(
    ("tables", "outcome"),
    [
        ({JAN: table(print_="1"), FEB: table(print_="2")}, PASSED),
        ({JAN: table(print_="1"), FEB: table(print_="3")}, FAILED),
        ({JAN: table(print_="1")}, FAILED),
        ({JAN: table(print_="1"), FEB: table(print_="")}, ERROR),
    ],
)
def test_a_partition_that_is_gone_or_unread_is_not_unchanged(tables, outcome):
    before = reading(tables={JAN: table(print_="1"), FEB: table(print_="2")})

    assert asked("unchanged", reading(tables=tables), before) is outcome


@pytest.mark.parametrize(
    ("tables", "outcome"),
    [
        ({"public.t": table(), "public.new": table()}, PASSED),
        ({"public.t": table(rows=9)}, FAILED),
        ({"public.t": table(print_="8")}, FAILED),
        ({"public.t": TableReading(problem="invalid page")}, FAILED),
        ({"public.t": TableReading(doubts={ROWS: "no right"})}, ERROR),
        ({"public.t": TableReading(values={ROWS: "10"}, doubts={PRINT: "late"})}, ERROR),
        ({"public.t": replace(table(print_="3"), doubts={PRINT: "late"})}, ERROR),
        ({"public.t": table(print_="")}, ERROR),
        ({"public.t": TableReading(values={ROWS: "9"}, doubts={PRINT: "late"})}, FAILED),
        ({"public.u": table()}, FAILED),
        ({}, FAILED),
    ],
)
def test_every_table_of_a_manifest_is_wanted_and_a_doubt_is_no_difference(tables, outcome):
    wanted = {"public.t": {ROWS: "10", PRINT: "7"}}

    assert asked("manifest", reading(tables=tables), tables=wanted) is outcome


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"problems": {KEY: "invalid page"}}, FAILED),
        ({"doubts": {KEY: "no answer within 5 s"}}, ERROR),
        ({"tables": {"public.t": TableReading(problem="x", group="public.t")}}, FAILED),
        ({"tables": {"public.t": TableReading(doubts={KEY: "x"}, group="public.t")}}, ERROR),
        ({"tables": {"public.t": TableReading(doubts={ROWS: "x"}, group="public.t")}}, ERROR),
    ],
)
@pytest.mark.parametrize("kind", ["not_null", "range", "accepted_values"])
def test_a_question_without_its_answer_does_not_pass(kind, changes, outcome):
    assert asked(kind, reading(**changes), values=["a"]) is outcome
