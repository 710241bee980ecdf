"""What becomes of a judgement: the severity of a result, and what is not asked at all."""

from datetime import timedelta

import pytest

from restorecheck.checks.answers import Judgement
from restorecheck.checks.results import result_of
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import CheckOutcome, CheckSpec, Severity
from restorecheck.ports import Inquiry
from restorecheck.postgres.scan.checker import PostgresChecker
from tests.factories import ENDPOINT

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
    def nobody(_endpoint, _database):
        raise AssertionError("nobody is asked any more")

    clock = SystemClock()
    spec = CheckSpec(name="rows", kind=kind, severity=severity)
    inquiry = Inquiry(pending=(spec,), endpoint=ENDPOINT, until=clock.now() - timedelta(seconds=1))

    (result,) = PostgresChecker(nobody, clock).run(inquiry).results

    assert (result.severity, result.outcome) == (severity, CheckOutcome.ERROR)
    assert result.detail == "no time was left to ask"
