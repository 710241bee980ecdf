"""Where targets stand, as a line, as JSON, and as a Nagios plugin says it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from restorecheck.model import Verdict
from restorecheck.report.status import (
    Nagios,
    TargetStatus,
    nagios_unknown,
    render_json,
    render_nagios,
    render_text,
    render_waiting,
)

NOW = datetime(2026, 2, 26, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = TargetStatus(
    target="courses",
    verdict=Verdict.VERIFIED,
    drill_id="d-1",
    drilled_at=NOW - 6 * HOUR,
    proven_at=NOW - 6 * HOUR,
    allowed=30 * HOUR,
    overdue=False,
    bad=0,
    left_behind=False,
    next_at=NOW + 18 * HOUR,
)
FAILED = replace(GOOD, target="orders", verdict=Verdict.FAILED, bad=2)
OVERDUE = replace(
    GOOD, target="old", verdict=Verdict.INCONCLUSIVE, overdue=True, proven_at=NOW - 60 * HOUR, bad=3
)
NEVER = replace(
    GOOD, target="new", verdict=None, drill_id="", drilled_at=None, proven_at=None, overdue=True
)
UNCLEAR = replace(GOOD, target="odd", verdict=Verdict.INCONCLUSIVE, bad=1)


def lines(*statuses, notes=()):
    return render_text(statuses, NOW, notes, color=False).splitlines()


def test_one_line_a_target():
    first, second = lines(GOOD, FAILED)

    assert first == (
        "courses  VERIFIED      2026-02-26 03:00 UTC  proof 6 h old, limit 30 h  "
        "next 2026-02-27 03:00 UTC"
    )
    assert "orders   FAILED" in second
    assert "2 drills not verified" in second


def test_what_is_overdue_or_was_never_proven_says_so():
    assert "OVERDUE, proof 60" not in lines(OVERDUE)[0]
    assert "OVERDUE, proof 2 days 12 h old, limit 30 h" in lines(OVERDUE)[0]
    assert "NEVER DRILLED" in lines(NEVER)[0]
    assert "OVERDUE, never proven" in lines(NEVER)[0]


def test_what_is_at_work_left_or_skipped_is_on_the_line():
    busy = replace(
        GOOD, running_since=NOW - HOUR / 4, left_behind=True, skipped="missed: nobody", next_at=None
    )

    assert lines(busy)[0].endswith(
        "on demand  running for 15 min; LEFT BEHIND: restorecheck sweep; missed: nobody"
    )


def test_notes_come_last():
    assert lines(GOOD, notes=["messages to 'x' are not delivered"])[-1].startswith("note: messages")


def test_nagios_is_ok_when_everything_is_proven():
    line, state = render_nagios([GOOD], NOW)

    assert state is Nagios.OK
    assert line == "RESTORECHECK OK - 1 of 1 proven | 'courses'=21600s;;108000;0"


def test_nagios_is_critical_for_what_is_bad_and_warns_of_what_is_unclear():
    line, state = render_nagios([GOOD, UNCLEAR, OVERDUE, NEVER, FAILED], NOW)
    assert state is Nagios.CRITICAL
    assert line.partition(" |")[0] == (
        "RESTORECHECK CRITICAL - orders failed, new was never drilled, "
        "old is overdue and is inconclusive, odd is inconclusive"
    )

    line, state = render_nagios([GOOD, UNCLEAR], NOW)
    assert state is Nagios.WARNING
    assert line.startswith("RESTORECHECK WARNING - odd is inconclusive |")


def test_nagios_says_of_one_target_that_it_failed_before_that_it_is_overdue():
    both = replace(FAILED, overdue=True, left_behind=True)

    line, state = render_nagios([both], NOW)

    assert state is Nagios.CRITICAL
    assert "- orders failed and left something behind and is overdue |" in line


def test_where_no_target_is_due_each_says_when_it_is_and_how_old_its_proof_is():
    on_demand = replace(FAILED, next_at=None)

    assert render_waiting([GOOD, on_demand, NEVER], NOW).splitlines() == [
        "no drill took place: no target is due",
        "  courses: due 2026-02-27 03:00 UTC; newest drill verified; proof 6 h old, limit 30 h",
        "  orders: has no schedule; newest drill failed; proof 6 h old, limit 30 h",
        "  new: due 2026-02-27 03:00 UTC; never drilled; OVERDUE, never proven",
    ]


def test_json_has_everything():
    (good,) = render_json([GOOD], NOW, [])["targets"]

    assert good["proof_age_seconds"] == 6 * 3600
    assert good["max_proof_age_seconds"] == 30 * 3600
    assert (good["verdict"], good["overdue"], good["next_at"]) == (
        "verified",
        False,
        "2026-02-27T03:00:00+00:00",
    )


def test_nagios_is_told_on_one_line_why_nothing_is_known():
    """What stands behind a bar is taken for numbers."""
    line, state = nagios_unknown("no such file | \x1b[31m\nx")

    assert state is Nagios.UNKNOWN
    assert line.startswith("RESTORECHECK UNKNOWN - no such file / ")
    assert [mark for mark in "|\x1b\n" if mark in line] == []


def test_of_a_target_that_drills_samples_the_newest_backup_is_told_apart():
    sampled = replace(GOOD, samples=True, newest_proven_at=NOW - 50 * HOUR)

    assert lines(sampled)[0].endswith(
        "samples; the newest backup was last proven 2026-02-24 07:00 UTC"
    )
    never = replace(sampled, newest_proven_at=None)
    assert lines(never)[0].endswith("samples; the newest backup was never proven by this target")
    assert lines(GOOD)[0].endswith("next 2026-02-27 03:00 UTC")
    (said,) = render_json([sampled], NOW, ())["targets"]
    assert (said["samples"], said["newest_proven_at"]) == (True, "2026-02-24T07:00:00+00:00")
