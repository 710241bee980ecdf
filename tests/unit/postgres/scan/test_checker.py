"""What becomes of a judgement, and which of several databases is asked what: without a server."""

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from restorecheck.checks.answers import Judgement
from restorecheck.checks.registry import built_in
from restorecheck.checks.results import result_of
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import CheckOutcome, CheckSpec, Severity
from restorecheck.ports import Inquiry
from restorecheck.postgres.scan import checker as checking
from restorecheck.postgres.scan.checker import PostgresChecker
from tests.factories import ENDPOINT
from tests.scans import table


def nobody(_endpoint, _database):
    raise AssertionError("nobody is asked any more")


REQUIRED, WARNING = Severity.REQUIRED, Severity.WARNING


@pytest.mark.parametrize(
    ("configured", "judged", "told"),
    [
        (REQUIRED, None, REQUIRED),
        (WARNING, None, WARNING),
        (REQUIRED, WARNING, WARNING),
        (WARNING, WARNING, WARNING),
    ],
)
@pytest.mark.parametrize("outcome", CheckOutcome)
def test_an_answer_has_the_severity_of_its_check_unless_it_is_milder_itself(
    configured, judged, told, outcome
):
    spec = CheckSpec(name="rows", kind="row_count", severity=configured)

    result = result_of(spec, "shop", Judgement(outcome, severity=judged), "me")

    assert (result.severity, result.outcome) == (told, outcome)


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("kind", ["query", "row_count"])
def test_a_check_for_which_no_time_is_left_is_an_error_of_its_own_severity(severity, kind):
    clock = SystemClock()
    spec = CheckSpec(name="rows", kind=kind, severity=severity)
    inquiry = Inquiry(pending=(spec,), endpoint=ENDPOINT, until=clock.now() - timedelta(seconds=1))

    (result,) = PostgresChecker(nobody, clock).run(inquiry).results

    assert (result.severity, result.outcome) == (severity, CheckOutcome.ERROR)
    assert result.detail == "no time was left for this check"


# --- several databases ------------------------------------------------------------------------

SEVERAL = replace(ENDPOINT, databases=("a", "b", "c"))


class PlayedInquirer:
    """Reads a table in each database; some databases take more than one call."""

    asked: ClassVar[list[tuple[str, set[str]]]] = []
    slow: ClassVar[set[str]] = set()

    def __init__(self, _connect, specs, *, database, **_):
        self._database = database
        self.asked.append((database, {spec.name for spec in specs if not spec.built_in}))
        self._built_in = {spec.kind for spec in specs if spec.built_in}

    def read(self, reading, _soon, _allowed):
        assert "tables_countable" in self._built_in, "which every database is asked"
        reading.tables["public.t"] = table()
        reading.done = self._database not in self.slow
        self.slow.discard(self._database)


@pytest.fixture
def inquirer(monkeypatch):
    monkeypatch.setattr(checking, "Inquirer", PlayedInquirer)
    PlayedInquirer.asked, PlayedInquirer.slow = [], set()
    return PlayedInquirer


def configured(name, database=""):
    options = {"table": "t", "min": 1}
    return CheckSpec(name=name, kind="row_count", database=database, options=options)


def asked_of(endpoint, *specs, readings="", listed=()):
    clock = SystemClock()
    made = PostgresChecker(nobody, clock)
    made._listed[endpoint.identity] = tuple(listed)
    own = [spec for spec in built_in() if spec.kind == "tables_countable"]
    until = clock.now() + timedelta(hours=1)
    return made.run(
        Inquiry(pending=(*own, *specs), endpoint=endpoint, until=until, readings=readings)
    )


def test_every_database_is_read_and_a_check_is_asked_of_the_one_that_it_names(inquirer):
    answers = asked_of(SEVERAL, configured("first"), configured("mine", "b"))

    assert inquirer.asked == [("a", {"first"}), ("b", {"mine"}), ("c", set())]
    assert [result.database for result in answers.results] == ["a, b, c", "a", "b"]
    assert "a: 10 rows" in answers.results[0].found
    assert "c: 10 rows" in answers.results[0].found


def test_a_reading_that_is_not_through_goes_on_with_the_database_in_which_it_stopped(inquirer):
    inquirer.slow = {"b"}

    first = asked_of(SEVERAL, configured("first"))
    second = asked_of(SEVERAL, configured("first"), readings=first.readings or "")

    assert [name for name, _ in inquirer.asked] == ["a", "b", "b", "c"]
    assert (first.results, len(second.results)) == ((), 2)


@pytest.mark.parametrize(
    ("there", "meant"),
    [
        (["postgres"], "postgres"),
        (["courses", "postgres"], "courses"),
        (["courses"], "courses"),
        (["courses", "postgres", "shop"], ""),
    ],
)
def test_a_check_that_names_no_database_means_the_only_one_and_of_several_none(
    inquirer, there, meant
):
    found = asked_of(replace(ENDPOINT, databases=()), configured("mine"), listed=there).results[-1]

    assert [name for name, _ in inquirer.asked] == there
    assert found.database == meant
    assert ("set `database` in the check" in found.detail) is (not meant)


def test_a_check_of_a_database_that_is_not_there_fails(inquirer):
    found = asked_of(SEVERAL, configured("mine", "shop")).results[-1]

    assert (found.outcome, found.detail) == (CheckOutcome.FAILED, "database shop is not there")
