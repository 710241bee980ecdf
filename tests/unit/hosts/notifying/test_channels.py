"""Which rules a channel of the configuration hears by."""

from datetime import timedelta

import pytest

from restorecheck.announcing import NOTHING_TOLD, Finished, Kind, News, hear
from restorecheck.config import parse
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.notifying.channels import lines_of
from restorecheck.model import CheckOutcome, Deployment, Verdict
from restorecheck.report.message import compose
from tests.factories import NOW
from tests.messages import fact_of
from tests.nights import check, night
from tests.unit.config.test_config import HERE, target

DAY = timedelta(days=1)
HOOK = "webhook: {url: 'https://x/y'}"


def rules(item):
    config = parse(
        target(top=f"notify: [{{{item}}}]"), file="r.yaml", directory=HERE, environment={}
    )
    (line,) = lines_of(config, SystemClock())
    return line.rules


@pytest.mark.parametrize(
    ("item", "after", "hours"),
    [
        (HOOK, 2, 20),
        (f"{HOOK}, inconclusive_after: 1", 1, 20),
        (f"{HOOK}, inconclusive_after: 5, repeat_after_hours: 3", 5, 3),
        ("ping: {url: 'https://x/y'}", 1, 0),
        ("ping: {url: 'https://x/y'}, inconclusive_after: 5, repeat_after_hours: 3", 1, 0),
    ],
)
def test_a_channel_hears_by_its_own_numbers_and_a_switch_hears_of_every_drill(item, after, hours):
    found = rules(item)

    assert (found.inconclusive_after, found.repeat_after) == (after, timedelta(hours=hours))


def test_a_channel_hears_of_what_it_asks_for_and_a_switch_of_all_but_silence():
    assert rules(f"{HOOK}, on: [failed]").kinds == {Kind.FAILED}
    assert rules("ping: {url: 'https://x/y'}, on: [failed]").kinds == set(Kind) - {Kind.OVERDUE}


@pytest.mark.parametrize(("after", "told"), [(1, [0, 1, 2, 3]), (2, [1, 2, 3]), (4, [3])])
def test_unclear_so_often_in_a_row_is_told_from_then_on_every_night(after, told):
    state, heard = NOTHING_TOLD, []
    for number in range(4):
        fact = Finished(
            target="a",
            at=NOW + number * DAY,
            drill_id=f"d-{number}",
            verdict=Verdict.INCONCLUSIVE,
            reason="denied",
        )
        state, news = hear(state, fact, rules(f"{HOOK}, inconclusive_after: {after}"))
        heard += [number for item in news if item.kind is Kind.INCONCLUSIVE]

    assert heard == told


def test_a_message_of_a_bad_backup_names_the_one_that_restores():
    good, bad = night(0), night(1, Verdict.FAILED, [check(outcome=CheckOutcome.FAILED)])

    told = fact_of(bad, [good])

    assert told.to_restore.startswith("Newest backup known to restore: /b/1.dump. Verified ")
    assert (
        told.to_restore
        in compose(
            [News(kind=Kind.FAILED, fact=told)], report_url=None, host="db-1"
        ).text.splitlines()
    )
    assert fact_of(bad).to_restore == "No verified backup is known."
    assert fact_of(bad, [good], with_past=False).to_restore == ""
    assert fact_of(good).to_restore == ""


def test_a_fact_of_a_deployment_has_the_address_of_its_page():
    deployment = Deployment(nightly_machine="arn", table="drills", bucket="reports")

    assert fact_of(night(0, deployment=deployment)).page == "s3://reports/pages/courses.html"
    assert fact_of(night(0)).page == ""
