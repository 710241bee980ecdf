"""From readings to results, as every engine's checker has them made."""

from datetime import UTC, datetime

from restorecheck.checks.results import context_of, results_of
from restorecheck.checks.scan_result import (
    AskedReading,
    DatabaseReading,
    RelationReading,
    TableReading,
    pack,
)
from restorecheck.checks.scan_statements import ROWS
from restorecheck.model import Backup, Baseline, CheckOutcome, CheckSpec, Severity

NOW = datetime(2026, 2, 26, 3, 15, tzinfo=UTC)
COUNTABLE = CheckSpec(name="every table", kind="tables_countable", built_in=True)
EMPTIED = CheckSpec(name="no table was emptied", kind="not_emptied", built_in=True)


def books(rows=3, *, asked=(), **keys):
    return DatabaseReading(
        tables={"books": TableReading(values={ROWS: str(rows)}, group="books")},
        relations={"books": RelationReading(members=["books"])},
        asked={name: AskedReading(relation="books") for name in asked},
        done=True,
        **keys,
    )


def count(*, database="", least=2):
    options = {"table": "books", "min": least}
    return CheckSpec(name="books", kind="row_count", database=database, options=options)


def results(specs, readings, *, default="library", before=None, accepted_by=""):
    baseline = before and Baseline(
        drill_id="d-0", at=NOW, readings=pack(before), accepted_by=accepted_by
    )
    backup = Backup(kind="dump", identifier="x", taken_at=NOW)
    context = context_of([*readings], baseline, backup, NOW)
    return results_of(specs, readings, context, default=default, answered_by="cluster/1")


def test_every_result_names_who_answered_and_the_counts_are_kept():
    (every, own), _ = results([COUNTABLE, count()], {"library": books(asked=["books"])})

    assert (every.outcome, own.outcome) == (CheckOutcome.PASSED, CheckOutcome.PASSED)
    assert every.answered_by == own.answered_by == "cluster/1"
    assert every.measured == {"books": 3}
    assert own.measured == {"rows": 3}
    assert (every.database, own.database) == ("library", "library")
    assert (every.kind, every.severity) == ("tables_countable", Severity.REQUIRED)


def test_a_check_that_does_not_hold_fails_and_one_that_was_not_read_is_an_error():
    readings = {"library": books(asked=["books"])}
    (failed,), _ = results([count(least=4)], readings)
    (unknown,), _ = results([count()], {"library": books()})

    assert failed.outcome is CheckOutcome.FAILED
    assert unknown.outcome is CheckOutcome.ERROR
    assert unknown.measured == {}


def test_what_database_a_check_means_is_said_or_is_an_error():
    readings = {"library": books(asked=["books"]), "archive": books(rows=1, asked=["books"])}
    (named,), _ = results([count(database="archive")], readings, default="")
    (open_,), _ = results([count()], readings, default="")
    (gone,), _ = results([count(database="lost")], readings)

    assert named.outcome is CheckOutcome.FAILED
    assert open_.outcome is CheckOutcome.ERROR
    assert "there are several databases (library, archive)" in open_.detail
    assert (gone.outcome, gone.detail) == (CheckOutcome.FAILED, "database lost is not there")


def test_a_night_is_compared_with_the_one_before_and_remembered_for_the_next():
    before = {"library": books(rows=5000)}
    (emptied,), kept = results([EMPTIED], {"library": books(rows=0)}, before=before)

    assert emptied.outcome is CheckOutcome.FAILED
    assert kept["library"].nights == 2
    assert kept["library"].past["books"]
    assert results([EMPTIED], {"library": books()})[1]["library"].nights == 1


def test_tables_of_an_extension_that_is_no_longer_read_are_not_called_lost():
    before = {"library": books(rows=5000)}
    (kept,), _ = results(
        [EMPTIED], {"library": DatabaseReading(installed=["books"])}, before=before
    )

    assert kept.outcome is CheckOutcome.PASSED


def test_a_new_database_has_nothing_before_it():
    before = {"library": books(), "archive": books()}
    readings = {"library": books(), "archive": books(), "new": books()}
    _, kept = results([EMPTIED], readings, before=before)

    assert [reading.nights for reading in kept.values()] == [2, 2, 1]


def test_what_a_person_accepted_is_known_to_the_checks():
    accepted = context_of(
        ["library"], Baseline(drill_id="d", at=NOW, readings="", accepted_by="me"), None, NOW
    )

    assert accepted.accepted
    assert accepted.until == NOW
    assert not context_of(["library"], None, None, NOW).accepted
