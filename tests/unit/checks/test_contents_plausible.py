"""From the answers about columns to what is kept of them, and to what is told of two nights."""

import json
from datetime import timedelta

import pytest

from restorecheck.checks.column_statistics import unpack
from restorecheck.checks.dialects import postgresql
from restorecheck.checks.kind import Catalog
from restorecheck.checks.kinds.contents_plausible import COLUMNS, MOST_TABLES, ContentsPlausible
from restorecheck.checks.questions import LARGE_CONTENTS, LARGE_OBJECTS
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.checks.scan_statements import NEWEST
from restorecheck.checks.tables import Column, Table
from restorecheck.model import CheckOutcome, Severity
from tests.factories import NOW
from tests.scans import own, reading, table

PASSED, FAILED = CheckOutcome.PASSED, CheckOutcome.FAILED
KIND = ContentsPlausible()
PLACES = (
    Column(name="id", type="int8", not_null=True),
    Column(name="town", type="text", not_null=True),
)


def places(name="places", **more):
    return Table(schema="public", name=name, columns=PLACES, key=("id",), **more)


def catalog(*tables):
    return Catalog(sql=postgresql, major=18, tables=tables or (places(),))


def answer(*, foreign=300, rows=1000, states=0):
    """Towns, so many of which are written with letters beyond ASCII."""
    ids = f"{rows},{rows},500500,,"
    towns = f"{rows},400,0,9000,20,{foreign},0,0,0"
    probes = ";".join(f"{g},4,4,{g * 77},{g + states}" for g in range(16))
    return json.dumps([f"{rows},{ids},{towns}", None, probes])


def night(answers, before=None, tables=None, **changes):
    """`answers`: by table. What is settled of them."""
    there = tables or {f"public.{name}": table(1000) for name in answers}
    made = reading(there, answers={f"{COLUMNS}public.{n}": a for n, a in answers.items()})
    for name, value in changes.items():
        setattr(made, name, value)
    KIND.settle(catalog(*(places(name) for name in answers)), made, before)
    return made


# --- asked ------------------------------------------------------------------------------------


def asked(read: DatabaseReading, *tables: Table) -> list[str]:
    return [question.key for question in KIND.studies(catalog(*tables), read)]


def test_every_table_with_rows_is_asked_and_no_view_the_largest_first():
    names = ("few", "many", "none", "shown", "unread")
    rows = {"public.few": table(90), "public.many": table(900), "public.none": table(0),
            "public.shown": table(900)}  # fmt: skip
    tables = [places(name, view=name == "shown") for name in names]

    assert asked(reading(rows), *tables) == [f"{COLUMNS}public.many", f"{COLUMNS}public.few"]


def test_of_a_handful_of_rows_nothing_is_asked():
    assert asked(reading({"public.places": table(7)}), places()) == []


def test_of_very_many_tables_the_largest_are_asked():
    names = [f"t{n}" for n in range(MOST_TABLES + 5)]
    rows = {f"public.{name}": table(1000 + n) for n, name in enumerate(names)}

    keys = asked(reading(rows), *map(places, names))

    assert len(keys) == MOST_TABLES
    assert f"{COLUMNS}public.t4" not in keys


def test_what_is_known_of_the_largest_tables_is_kept_and_no_smaller_one_is_asked_instead():
    """Of a damaged copy whose other tables are as they were."""
    names = [f"t{n}" for n in range(MOST_TABLES + 5)]
    rows = {f"public.{name}": table(1000 + n) for n, name in enumerate(names)}
    known = {f"public.{name}": "…" for name in names[5:-1]}
    read = reading(rows, statistics=dict(known))
    tables = [places(name) for name in names]

    assert asked(read, *tables) == [f"{COLUMNS}public.{names[-1]}"]

    read.answers = {f"{COLUMNS}public.{names[-1]}": answer()}
    KIND.settle(catalog(*tables), read, None)
    assert read.statistics.keys() == {*known, f"public.{names[-1]}"}
    assert {read.statistics[name] for name in known} == {"…"}


# --- kept -------------------------------------------------------------------------------------


def test_an_answer_becomes_statistics_and_is_not_kept_itself():
    settled = night({"places": answer()})

    assert settled.answers == {}
    assert unpack(settled.statistics["public.places"]).rows == 1000
    assert settled.implausible == {}


def test_what_was_not_answered_is_not_there():
    settled = night({"places": ""})

    assert (settled.answers, settled.statistics, settled.implausible) == ({}, {}, {})


def test_parts_of_one_table_are_one():
    parts = [Table(schema="public", name=n, root="public.places", columns=PLACES, key=("id",))
             for n in ("jan", "feb")]  # fmt: skip
    made = reading(
        {f"public.{n}": table(1000, group="public.places") for n in ("jan", "feb")},
        answers={f"{COLUMNS}public.{n}": answer() for n in ("jan", "feb")},
    )

    KIND.settle(catalog(*parts), made, None)

    assert list(made.statistics) == ["public.places"]
    assert unpack(made.statistics["public.places"]).rows == 2000


# --- told -------------------------------------------------------------------------------------


def test_the_first_night_has_nothing_to_compare_with():
    first = night({"places": answer()})

    found = own("contents_plausible", first)

    assert found.outcome is PASSED
    assert found.found == "1 table read; no verified drill to compare with yet"
    assert own("contents_plausible", first, reading()).found == found.found, "has an older version"


def test_letters_that_are_lost_are_told_and_those_that_were_never_there_are_not():
    first = night({"places": answer()})
    same, lost = night({"places": answer()}, first), night(
        {"places": answer(foreign=0, states=5)}, first
    )  # fmt: skip

    good, bad = own("contents_plausible", same, first), own("contents_plausible", lost, first)

    assert (good.outcome, good.found) == (PASSED, "1 table compared")
    assert (bad.outcome, bad.severity) == (FAILED, None)
    assert bad.detail.startswith("public.places.town: texts with non-ASCII characters")


def test_what_was_told_last_night_is_not_told_again_of_the_same_contents():
    first = night({"places": answer()})
    lost = answer(foreign=0, states=5)
    second = night({"places": lost}, first)

    assert own("contents_plausible", night({"places": lost}, second), second).outcome is PASSED


def test_a_table_that_is_new_is_compared_with_nothing():
    first = night({"places": answer()})
    second = night({"places": answer(), "more": answer(foreign=0)}, first)

    found = own("contents_plausible", second, first)

    assert (found.outcome, found.found) == (PASSED, "1 table compared")
    assert set(second.statistics) == {"public.places", "public.more"}


def taken(hours, newest, contents="7", **changes):
    """A backup taken so many hours later, whose newest row came at `newest`."""
    at = {f"{NEWEST}created_at": (NOW + timedelta(hours=newest)).timestamp()}
    until = (NOW + timedelta(hours=hours)).isoformat() if hours is not None else ""
    tables = {"public.places": table(1000, contents, "", **at)}
    return night({"places": answer()}, tables=tables, until=until, **changes)


def test_last_night_s_backup_under_another_date_is_told():
    first = taken(0, newest=-1)

    def outcome(*args, **changes):
        found = own("contents_plausible", taken(*args, **changes), first)
        return found.outcome, found.severity

    assert outcome(24, newest=-1) == (FAILED, Severity.WARNING)
    assert outcome(24, newest=-1, contents="8") == (PASSED, None)
    assert outcome(24, newest=-1, contents="") == (PASSED, None), "nobody has read them"
    assert outcome(None, newest=-1) == (PASSED, None)


def test_what_may_be_a_migration_warns_and_what_cannot_fails():
    first = night({"places": answer()})
    second = night({"places": answer()}, first)

    def of(**found):
        second.implausible = found
        told = own("contents_plausible", second, first)
        return told.outcome, told.detail, told.severity

    assert of(a=False) == (FAILED, "a", Severity.WARNING)
    assert of(a=False, b=True) == (FAILED, "b; a", None)


@pytest.mark.parametrize(
    ("tonight", "outcome"),
    [
        (("20", "7"), PASSED),
        (("20", "8"), FAILED),
        (("21", "8"), PASSED),
        (("20", None), PASSED),
        ((None, "8"), PASSED),
    ],
)
def test_large_objects_with_other_contents_are_worth_a_word(tonight, outcome):
    def holding(number, contents):
        made = night({"places": answer()})
        known = {LARGE_OBJECTS: number, LARGE_CONTENTS: contents}
        made.answers = {key: value for key, value in known.items() if value}
        return made

    found = own("contents_plausible", holding(*tonight), holding("20", "7"))

    assert found.outcome is outcome
    assert found.severity is (Severity.WARNING if outcome is FAILED else None)
