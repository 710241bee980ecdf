"""The pages that a server answers with: what a reader asked to see, and what stands around it."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from restorecheck.model import CheckOutcome, Severity, Verdict
from restorecheck.report import html
from restorecheck.report.html import Around, View
from restorecheck.report.html.charts import charts
from restorecheck.report.html.page import _answers
from restorecheck.report.past import past_of
from tests.factories import NOW
from tests.nights import DAY, HOSTILE, check, night, status

STATUSES = [
    status("Wiki"),
    status("orders", Verdict.FAILED, proven_at=NOW - 2 * DAY),
    status("mail", Verdict.INCONCLUSIVE, proven_at=NOW - 3 * DAY),
    status("new-orders", None, proven_at=None),
]


def listed(view, statuses=STATUSES):
    """The targets of the index, in its order."""
    page = html.render_index(statuses, {}, {}, NOW, view)
    return re.findall(r'<td class="name">([^<]*)</td>', page)


# --- what a reader asked to see ----------------------------------------------------------------


@pytest.mark.parametrize("view", [None, View(), View(show="gone", order="gone")])
def test_without_a_wish_that_is_known_all_are_shown_and_the_worst_first(view):
    assert listed(view) == ["orders", "new-orders", "mail", "Wiki"]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", ["mail", "new-orders", "orders", "Wiki"]),
        ("proof", ["new-orders", "mail", "orders", "Wiki"]),
    ],
)
def test_targets_are_in_the_order_that_was_asked_for(order, names):
    """Capital letters come before no others; without a proof is before the oldest one."""
    assert listed(View(order=order)) == names


@pytest.mark.parametrize(
    ("show", "names"),
    [
        ("failed", ["orders"]),
        ("inconclusive", ["mail"]),
        ("verified", ["Wiki"]),
        ("new", ["new-orders"]),
        ("attention", ["orders", "new-orders"]),
    ],
)
def test_a_group_shows_its_targets_and_no_others(show, names):
    assert listed(View(show=show)) == names


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("ORDERS", ["orders", "new-orders"]),
        ("orders new", ["new-orders"]),
        ("  wik  ", ["Wiki"]),
        ("orders wiki", []),
        ("", ["orders", "new-orders", "mail", "Wiki"]),
    ],
)
def test_a_search_finds_names_with_all_of_its_words_in_any_case(search, names):
    assert listed(View(search=search)) == names


def test_search_and_group_hold_together():
    assert listed(View(search="orders", show="new")) == ["new-orders"]


def test_what_a_reader_does_not_see_counts_all_the_same():
    """A filter hides rows and no alarm."""
    page = html.render_index(STATUSES, {}, {}, NOW, View(show="verified"))

    assert "2 of 4 proven" in page
    assert "1 of 4 targets" in page


def test_a_link_changes_one_wish_and_keeps_the_others():
    view = View(search="a&b=c#d", show="failed", order="name")

    address = urlsplit(view.address(order="proof"))

    assert (address.scheme, address.netloc, address.path) == ("", "", "/")
    assert parse_qs(address.query) == {
        "search": ["a&b=c#d"],
        "show": ["failed"],
        "order": ["proof"],
    }
    assert View(show="failed").address(show="") == "/", "no wish is left"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_reader_asked_for_stays_text(text):
    page = html.render_index(STATUSES, {}, {}, NOW, View(search=text, show=text, order=text))

    assert "<script>alert" not in page
    assert "<img" not in page
    assert not re.search("[\x00-\x08\x0b\x1b\u202e]", page.replace(text, ""))


# --- what stands around a page -------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_notice_says_its_one_thing_as_text(text):
    page = html.render_notice(text, text, Around(target="courses"))

    assert "<script>alert" not in page
    assert "<img" not in page
    assert not re.search("[\x00-\x08\x0b\x1b\u202e]", page)


def test_a_notice_has_its_title_and_what_is_said():
    page = html.render_notice("No report yet", "The first drill is running.", Around())

    assert page.count("No report yet") >= 2, "for the window, and for the reader"
    assert "The first drill is running." in page
    assert "<form" not in page


@pytest.mark.parametrize(
    ("around", "form"),
    [
        (Around(button="/drill/courses"), True),
        (Around(button="/drill/courses", coming="A drill is running."), False),
        (Around(skipped="the machine slept"), False),
    ],
)
def test_a_drill_can_be_started_where_none_is_under_way(around, form):
    page = html.render_notice("courses", "No report.", around)

    assert ('action="/drill/courses"' in page) is form
    assert (around.coming or around.skipped or "<form") in page


# --- what is said of a target --------------------------------------------------------------------


def test_a_target_that_is_overdue_and_was_never_proven_is_not_said_to_have_a_proof():
    late = status("mail", Verdict.INCONCLUSIVE, overdue=True, proven_at=None)

    page = html.render_index([late], {}, {}, NOW)

    assert "Never proven" in page
    assert "Last proven" not in page


def test_the_reason_of_a_drill_that_did_not_take_place_is_said():
    page = html.render_index([status("wiki", skipped="the disk <is> full")], {}, {}, NOW)

    assert "Skipped: the disk &lt;is&gt; full" in page


# --- what is said of a drill ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "severity", "mood", "missed"),
    [
        (CheckOutcome.PASSED, Severity.REQUIRED, "good", False),
        (CheckOutcome.FAILED, Severity.REQUIRED, "bad", True),
        (CheckOutcome.FAILED, Severity.WARNING, "doubt", True),
        (CheckOutcome.ERROR, Severity.REQUIRED, "doubt", False),
        (CheckOutcome.SKIPPED, Severity.REQUIRED, "doubt", False),
    ],
)
@pytest.mark.parametrize("kind", ["rpo", "rto"])
def test_an_objective_that_nobody_measured_is_neither_met_nor_missed(
    kind, outcome, severity, mood, missed
):
    found = "30 h" if missed or mood == "good" else ""
    objective = check(
        "loss of data", kind=kind, outcome=outcome, severity=severity, expected="24 h", found=found
    )
    report = night(0, Verdict.FAILED, [objective])

    page = html.render(report, past_of([report]))

    (answer,) = [a for a in _answers(report) if a[0].startswith("Loss of data: 24 h")]
    assert answer[1] == mood
    assert ("missed" in answer[2]) is missed
    assert ("not measured" in answer[2]) is (not found)
    assert answer[2] in page.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("lasting", "said"),
    [
        (timedelta(minutes=8), "2026-02-27 03:15 to 03:23 UTC"),
        (timedelta(hours=22), "2026-02-27 03:15 UTC to 2026-02-28 01:15 UTC"),
    ],
)
def test_a_drill_over_midnight_has_both_of_its_dates(lasting, said):
    report = night(0, finished_at=NOW + lasting)

    assert said in html.render(report, past_of([report]))


def test_a_drill_without_a_step_has_no_strip_of_its_steps():
    some, none = night(0), night(0, records=())

    assert [c.strip for c in charts(some, past_of([some]))].count(True) == 1
    assert [c.strip for c in charts(none, past_of([none]))].count(True) == 0
    assert html.render(none, past_of([none]))
