"""The verdict of a rehearsed upgrade, and which checks it is asked."""

from dataclasses import replace

import pytest

from restorecheck.checks.registry import has_plan, is_asked_of_upgrade
from restorecheck.checks.rehearsals import failed_upgrade, judge, judge_upgrade, unasked
from restorecheck.model import CheckOutcome, CheckSpec, Upgrade, Verdict
from tests.factories import NOW, result

QUERY = CheckSpec(name="q", kind="query", options={"sql": "select 1", "expect": {"equals": 1}})


def upgrade(**changes):
    return Upgrade(until=NOW, from_version="16.4", to_version="17.2", **changes)


def test_a_check_that_was_not_asked_is_skipped_and_so_no_proof():
    told = unasked(QUERY)

    assert (told.name, told.outcome) == ("q", CheckOutcome.SKIPPED)
    assert judge_upgrade(upgrade(results=(told,))).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("outcomes", "verdict", "words"),
    [
        (["failed", "passed"], Verdict.FAILED, "the dump loads, but"),
        (["error", "passed"], Verdict.INCONCLUSIVE, "the dump loads; no answer to"),
        ([], Verdict.INCONCLUSIVE, "the dump loads; no required check was asked"),
        (["passed"], Verdict.VERIFIED, "the dump loads, and the required check passed"),
        (["passed"] * 2, Verdict.VERIFIED, "the dump loads, and all 2 required checks passed"),
    ],
)
def test_the_required_checks_decide(outcomes, verdict, words):
    results = [replace(result(), outcome=CheckOutcome(outcome)) for outcome in outcomes]

    told, reason = judge(results, "the dump loads")

    assert told is verdict
    assert reason.startswith(words)


def test_a_plan_that_could_not_be_read_is_counted_and_one_that_changed_is_told():
    both = upgrade(
        results=(result(),),
        queries=("q", "r"),
        plans_before={"q": "Index Scan of orders_pkey", "r": "Seq Scan of orders"},
        plans_after={"q": "Seq Scan of orders"},
    )

    told = judge_upgrade(both)

    assert told.verdict is Verdict.VERIFIED
    assert told.reason.endswith("; 1 plan could not be compared")
    assert told.plans == ("q: from Index Scan of orders_pkey to Seq Scan of orders",)


def test_a_refused_upgrade_is_failed_with_both_versions_and_its_time():
    told = failed_upgrade(upgrade(seconds=61.0), "AWS refused it")

    assert (told.verdict, told.reason) == (Verdict.FAILED, "AWS refused it")
    assert (told.from_version, told.to_version, told.upgrade_seconds) == ("16.4", "17.2", 61.0)


def test_an_upgraded_database_is_asked_what_its_version_can_change():
    compared = CheckSpec(name="s", kind="not_emptied", options={})
    program = CheckSpec(name="c", kind="command", options={"run": ["smoke"]})
    moment = CheckSpec(name="m", kind="query", options=QUERY.options, at="before")

    asked = [is_asked_of_upgrade(spec) for spec in (QUERY, compared, program, moment)]

    assert asked == [True, False, False, False]
    assert [has_plan(spec) for spec in (QUERY, program, moment)] == [True, False, False]
