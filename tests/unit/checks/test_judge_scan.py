"""How answers and readings come to their kinds, and what of them the history keeps."""

from typing import Any

import pytest

from restorecheck.checks.answers import Missing, NoAnswer, UnreadableData
from restorecheck.checks.judge_scan import (
    LARGEST,
    counts,
    judge_answer,
    rows_of,
    scan_before,
    scan_of,
    seconds,
)
from restorecheck.checks.questions import ORPHANS
from restorecheck.checks.registry import BUILT_INS, CONFIGURED, KINDS, built_in
from restorecheck.checks.scan_result import CATALOG, MISSING_DATABASE, AskedReading
from restorecheck.checks.scan_statements import ASKED
from restorecheck.model import CheckOutcome, CheckSpec
from tests.scans import NAME, TABLE, about, asked, reading, spec, table

FAILED, ERROR = CheckOutcome.FAILED, CheckOutcome.ERROR


@pytest.mark.parametrize("spec", built_in(), ids=lambda spec: spec.kind)
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (NoAnswer(reason="timed out"), ERROR),
        (Missing(what="table t"), FAILED),
        (UnreadableData(reason="invalid page"), FAILED),
    ],
)
def test_no_answer_is_an_error_and_an_unreadable_database_a_failure(spec, answer, outcome):
    assert judge_answer(spec, answer).outcome is outcome


@pytest.mark.parametrize(
    ("changes", "outcome", "said"),
    [
        ({"doubts": {MISSING_DATABASE: "database shop"}}, FAILED, "database shop is not there"),
        ({"problems": {CATALOG: "invalid page"}}, FAILED, "invalid page"),
        ({"doubts": {CATALOG: "a missing right"}}, ERROR, "a missing right"),
    ],
)
@pytest.mark.parametrize("kind", ["row_count", "structure", "extensions"])
def test_of_a_database_that_could_not_be_entered_nothing_is_said(kind, changes, outcome, said):
    options: dict[str, Any] = {"min": 0, "structure": {}, "names": []}

    found = asked(kind, about(reading({}, **changes)), **options)

    assert (found.outcome, found.detail) == (outcome, said)


def test_the_night_before_a_check_was_configured_is_compared_with_where_its_table_was_read():
    tonight = about(reading(), "public.t_jan", "public.t_feb")
    parts = {name: table(4, group=TABLE) for name in ("public.t_jan", "public.t_dec")}
    scan = scan_of(spec("row_count"), tonight)

    earlier = scan_before(spec("row_count"), scan, reading(parts | {"public.u": table()}))

    assert earlier is not None
    assert earlier.rows == 8, "of the partitions that it had then"
    assert scan_before(spec("row_count"), scan, reading({"public.u": table()})) is None


def test_a_night_in_which_the_table_could_not_be_read_is_no_night_to_compare_with():
    scan = scan_of(spec("row_count"), about(reading()))
    unread = table()
    unread.problem = "invalid page"

    assert scan_before(spec("row_count"), scan, about(reading({TABLE: unread}))) is None
    assert scan_before(spec("row_count"), scan, about(reading({}))) is None


def test_time_is_shared_out_by_what_each_check_asked():
    key = f"{ASKED}{NAME}"
    read = reading({TABLE: table()}, seconds={f"{ORPHANS}fk": 2.0, key: 1.0, "catalog": 3.0})
    read.asked[NAME] = AskedReading(question=key)
    read.tables[TABLE].seconds = 4.0
    read.wall = 20.0

    def of(kind, *, own=True):
        return seconds(CheckSpec(name=NAME, kind=kind, built_in=own), {"shop": read})

    assert (of("tables_countable"), of("references_hold"), of("unique", own=False)) == (8, 4, 2)
    assert of("rows_readable") == 0, "the scans are counted once"
    assert of("of a later version") == 0
    read.asked.clear()
    assert of("unique", own=False) == 0


def test_the_history_keeps_the_rows_of_the_largest_tables_by_database_where_there_are_several():
    many = reading({f"public.t{n}": table(n) for n in range(LARGEST + 9)})

    kept = counts({"shop": many})

    assert len(kept) == LARGEST
    assert min(kept.values()) == 9
    assert set(counts({"a": reading(), "b": reading()})) == {f"a.{TABLE}", f"b.{TABLE}"}


def test_the_history_keeps_what_a_row_count_found_and_nothing_of_what_nobody_counted():
    assert rows_of(spec("row_count"), about(reading())) == 10
    assert rows_of(spec("row_count"), about(reading({}))) is None
    assert rows_of(spec("row_count"), None) is None
    assert rows_of(spec("unchanged"), about(reading())) is None


def test_every_kind_is_asked_by_somebody():
    """One that is neither built in nor configured would never be."""
    assert set(KINDS) == {*BUILT_INS, *CONFIGURED}
