"""The verdict of a rehearsed upgrade."""

from datetime import timedelta

import pytest

from restorecheck.checks.rehearsals import changed, judge, judge_upgrade
from restorecheck.model import CheckOutcome, Severity, Upgrade, Verdict
from tests.factories import NOW, result

PASSED, FAILED = result(), result(outcome=CheckOutcome.FAILED)
UNASKED = result(outcome=CheckOutcome.SKIPPED)
WARNED = result(outcome=CheckOutcome.FAILED, severity=Severity.WARNING)


@pytest.mark.parametrize(
    ("results", "verdict", "words"),
    [
        ([PASSED, WARNED], Verdict.VERIFIED, "it loads, and the required check passed"),
        ([PASSED, FAILED, UNASKED], Verdict.FAILED, "it loads, but 'rows' failed"),
        ([PASSED, UNASKED], Verdict.INCONCLUSIVE, "it loads; no answer to 'rows'"),
        ([WARNED], Verdict.INCONCLUSIVE, "it loads; no required check was asked"),
        ([], Verdict.INCONCLUSIVE, "it loads; no required check was asked"),
    ],
)
def test_only_answers_to_every_required_check_verify(results, verdict, words):
    assert judge(results, "it loads") == (verdict, words)


def test_a_plan_that_is_not_known_in_both_versions_is_counted_and_never_a_change():
    upgrade = Upgrade(
        until=NOW + timedelta(hours=1),
        queries=("same", "other", "lost", "new"),
        plans_before={"same": "Scan", "other": "Seq Scan", "lost": "Scan"},
        plans_after={"same": "Scan", "other": "Index Scan", "new": "Scan"},
        results=(PASSED,),
    )

    told = judge_upgrade(upgrade)

    assert told.verdict is Verdict.VERIFIED
    assert told.plans == ("other: from Seq Scan to Index Scan",)
    assert told.reason.endswith("; 2 plans could not be compared")
    assert [*changed({"lost": "Scan"}, {})] == []
