"""What several databases say to one check becomes one answer, and no answer becomes milder on the way."""

import pytest

from restorecheck.checks.kind import CheckFinding, resolve, together
from restorecheck.checks.tables import Column, Relation
from restorecheck.model import CheckOutcome, Severity
from tests.scans import context, reading

PASSED, FAILED, ERROR = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.ERROR
FINE = CheckFinding(found="10 rows")
WRONG = CheckFinding(problems=("table t cannot be read",))
DOUBT = CheckFinding(doubts=("table t was not read",))
WARNED = CheckFinding(warnings=("table t is thinner",))
OWN = None
"""The severity that the check has."""


@pytest.mark.parametrize(
    ("findings", "outcome", "severity"),
    [
        ([FINE], PASSED, OWN),
        ([WRONG], FAILED, OWN),
        ([DOUBT], ERROR, OWN),
        ([WARNED], FAILED, Severity.WARNING),
        ([FINE, WARNED], FAILED, Severity.WARNING),
        ([WRONG, WARNED], FAILED, OWN),
        ([DOUBT, WARNED], ERROR, OWN),
        ([WRONG, DOUBT], FAILED, OWN),
        ([FINE, DOUBT], ERROR, OWN),
    ],
)
@pytest.mark.parametrize("turn", [1, -1])
def test_the_gravest_of_several_databases_is_the_answer_in_the_severity_of_the_check(
    findings, outcome, severity, turn
):
    judgement = together("rows", dict(zip("ab", findings[::turn], strict=False)))

    assert (judgement.outcome, judgement.severity) == (outcome, severity)


@pytest.mark.parametrize(
    ("finding", "outcome", "severity"),
    [
        (CheckFinding(problems=("broken",), warnings=("thin",)), FAILED, OWN),
        (CheckFinding(doubts=("not read",), warnings=("thin",)), ERROR, OWN),
        (CheckFinding(problems=("broken",), doubts=("not read",)), FAILED, OWN),
    ],
)
def test_of_one_database_the_gravest_finding_is_the_answer(finding, outcome, severity):
    judgement = together("rows", {"shop": finding})

    assert (judgement.outcome, judgement.severity) == (outcome, severity)


@pytest.mark.parametrize("finding", [WRONG, DOUBT, WARNED])
def test_of_several_databases_it_is_said_which_one_is_meant(finding):
    assert together("rows", {"a": FINE, "b": finding}).detail.startswith("b: table t ")
    assert together("rows", {"b": finding}).detail.startswith("table t ")


def test_what_is_wrong_beside_all_databases_fails_the_check():
    judgement = together("rows", {"a": FINE}, ["database b: gone"])

    assert (judgement.outcome, judgement.severity) == (FAILED, OWN)
    assert judgement.detail == "database b: gone"


@pytest.mark.parametrize(
    ("databases", "lost"),
    [
        (("shop",), ()),
        (("a",), ("b",)),
        (("b",), ("a",)),
        (("other",), ("a", "b")),
        ((), ("a", "b")),
    ],
)
def test_a_database_of_the_night_before_is_missed_unless_a_single_one_was_renamed(databases, lost):
    names = ("courses",) if databases == ("shop",) else ("a", "b")
    around = context(baseline={name: reading() for name in names}, databases=databases)

    assert around.lost == lost


def test_a_single_database_may_have_another_name_than_before_and_one_of_several_may_not():
    one, other = reading(), reading()

    assert context(baseline={"courses": one}, databases=("shop",)).before("shop") is one
    assert context(baseline={"a": one, "b": other}, databases=("shop",)).before("shop") is None
    assert context(baseline={"a": one}, databases=("b", "c")).before("b") is None
    assert context(baseline={"a": one, "b": other}, databases=("a", "b")).before("b") is other


def test_each_configured_column_is_told_as_the_table_has_it_and_one_that_is_not_there_as_none():
    columns = tuple(Column(name=name, type="text") for name in ("id", "Name"))
    relation = Relation(schema="public", name="t", columns=columns)

    found = dict(resolve(["ID", "Name", '"name"', "gone"], relation))

    assert found == {"ID": "id", "Name": "Name", '"name"': None, "gone": None}
