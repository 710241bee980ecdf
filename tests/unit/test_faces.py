"""The faces of a report: Markdown, JUnit, HTML. Whatever is in it, it stays text."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorecheck.model import Baseline, CheckOutcome, Severity, Verdict
from restorecheck.report import html, junit, markdown
from restorecheck.report.html.charts import LABELS, _days, _powers, _scale, charts
from restorecheck.report.past import DRAWN_TABLES, MARKED, SHOWN, past_of
from tests.factories import NOW
from tests.nights import DAY, HOSTILE, check, hostile, night, status


class Reader(HTMLParser):
    """Tags, and what they point to."""

    def __init__(self):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def parsed(page):
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text_everywhere(text):
    report = hostile(text)
    past = past_of([night(), report])

    page = html.render(report, past)
    reader = parsed(page)
    assert not {"script", "img", "iframe", "object", "link"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert text != HOSTILE[-1] or "{{ 7 * 7 }}" in page
    assert not re.search("[\x00-\x08\x0b\x1b\u202e]", page)
    assert len(page) < 300_000

    said = markdown.render(report, past)
    assert "<script" not in said
    assert "](javascript" not in said
    assert not re.search("[\x00\x1b\u202e]", said)
    assert all(line.count("|") - line.count("\\|") in {0, 3, 5} for line in said.splitlines())

    ET.fromstring(junit.render([report]))  # noqa: S314  # our own text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_a_face(text):
    report = hostile(text)
    ET.fromstring(junit.render([report]))  # noqa: S314  # our own text
    reader = parsed(html.render(report, past_of([report])))
    assert reader.tags.count("h1") == 1
    assert "script" not in reader.tags
    markdown.render(report, past_of([report]))


def test_a_page_needs_nothing_but_itself():
    nights = [night(n) for n in range(SHOWN + 20)]
    page = html.render(nights[-1], past_of(nights))

    reader = parsed(page)
    assert "default-src 'none'" in page
    assert not [v for name, v in reader.attributes if name in {"src", "href"} and "//" in v]
    assert "url(" not in page
    assert "@import" not in page
    assert reader.tags.count("svg") == 4
    assert len(page) < 300_000


def test_a_page_of_the_same_nights_is_the_same_page():
    nights = [night(n) for n in range(5)]

    assert html.render(nights[-1], past_of(nights)) == html.render(nights[-1], past_of(nights))


def test_a_stranger_sees_what_failed_since_when_and_what_to_do():
    bad = check("no table was emptied", outcome=CheckOutcome.FAILED, detail="answers: gone")
    nights = [night(n) for n in range(3)]
    nights += [
        night(n, Verdict.FAILED, [bad], reason="answers are gone", hint="Look at the purge.")
        for n in (3, 4)
    ]
    past = past_of(nights)

    page = html.render(nights[-1], past)
    said = markdown.render(nights[-1], past)

    for shown in (page, said):
        assert "answers are gone" in shown
        assert "Look at the purge." in shown
        assert f"{NOW + 3 * DAY:%Y-%m-%d}" in shown
        assert "no table was emptied" in shown
    assert "The backup is bad." in page
    assert "passed in 0 of the last 5 nights" in page


def test_what_decides_the_verdict_comes_first():
    checks = [
        check("fine"),
        check("only a warning", outcome=CheckOutcome.FAILED, severity=Severity.WARNING),
        check("not asked", outcome=CheckOutcome.SKIPPED),
        check("bad", outcome=CheckOutcome.FAILED),
        check("unclear", outcome=CheckOutcome.ERROR),
    ]
    page = html.render(report := night(checks=checks), past_of([report]))

    places = [page.index(f"<td>{c.name}") for c in checks]
    order = [c.name for _, c in sorted(zip(places, checks, strict=True), key=lambda pair: pair[0])]
    assert order == ["bad", "unclear", "not asked", "only a warning", "fine"]


def test_junit_counts_what_a_continuous_integration_counts():
    checks = [
        check("fine"),
        check("only a warning", outcome=CheckOutcome.FAILED, severity=Severity.WARNING),
        check("not asked", outcome=CheckOutcome.SKIPPED),
        check("bad", outcome=CheckOutcome.FAILED),
        check("unclear", outcome=CheckOutcome.ERROR),
    ]
    root = ET.fromstring(junit.render([night(verdict=Verdict.FAILED, checks=checks)]))  # noqa: S314  # our own text
    (suite,) = root

    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "7", "failures": "1", "errors": "1", "skipped": "1"}
    assert {case.get("classname") for case in suite} == {"courses"}


def test_the_past_remembers_the_last_nights_of_each_check():
    nights = [night(n) for n in range(MARKED + 5)]
    nights.append(night(MARKED + 5, checks=[check("another")]))
    past = past_of(nights)

    assert len(past.outcomes("another")) == MARKED
    assert past.outcomes("another")[-2:] == (None, CheckOutcome.PASSED)
    assert past.since("another") is None
    assert past.not_verified_since is None


def test_the_index_begins_with_what_wants_looking_at():
    statuses = [status("fine"), status("late", overdue=True), status("new", None, proven_at=None)]
    reports = {"fine": night(target="fine"), "late": night(target="late")}

    page = html.render_index(statuses, reports, {"fine": "fine.html", "late": "late.html"})

    assert page.index("late") < page.index("fine</a>")
    assert "1 of 3" in page, "a target that was never drilled is not proven"
    assert "never drilled" in page
    assert 'href="late.html"' in page


def test_a_table_that_lost_its_rows_is_drawn_down_to_nothing():
    tables = {f"t{number}": 10 ** (number + 2) for number in range(DRAWN_TABLES + 1)}
    nights = [night(n, checks=[check(measured=tables)]) for n in range(5)]
    nights.append(night(5, checks=[check(measured=tables | {"t5": 0})]))

    (rows, *_) = charts(nights[-1], past_of(nights))

    assert rows.key[0] == "t5: 0"
    assert "t0: 100" not in rows.key
    (line,) = re.findall(r'series serie-0 color-0"><path d="M([^"]*)"', rows.svg)
    heights = [float(number) for number in line.split()[1::2]]
    (floor,) = re.findall(r'y="([\d.]+)"[^>]*>0</text>', rows.svg)
    assert heights[-1] == pytest.approx(float(floor) - 3.5, abs=0.1)
    assert heights[0] < heights[-1] / 2


@pytest.mark.parametrize("hours", [1, 8, 24, 24 * 7])
@pytest.mark.parametrize("number", [2, 3, 9, 90])
def test_dates_below_a_chart_leave_room_however_often_drills_run(number, hours):
    drilled = [night(n * hours / 24) for n in range(number)]

    days = _days(past_of(drilled).nights)

    drawn = [n for n, day in enumerate(days) if day]
    assert drawn[0] == 0
    assert len(set(days) - {""}) == len(drawn) <= LABELS
    assert all(b - a >= number / LABELS for a, b in pairwise(drawn))


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e12))
def test_a_scale_begins_at_nothing_and_leaves_room_above(highest):
    scale = _scale(highest)

    assert scale[0] == 0
    assert highest < scale[-1] <= max(highest * 4, 2)
    assert 2 <= len(scale) <= 5


@settings(deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=10**15), max_size=8))
def test_a_scale_of_powers_has_room_below_for_nothing_and_for_the_highest(values):
    scale = _powers(values)

    some = [value for value in values if value] or [1]
    assert scale[0] < min(some)
    assert scale[-1] >= max(some) * 0.999
    assert 2 <= len(scale) <= 6


def test_a_difference_may_be_accepted_and_a_broken_backup_not():
    emptied = check("e", kind="not_emptied", outcome=CheckOutcome.FAILED)
    unreadable = check("u", kind="rows_readable", outcome=CheckOutcome.FAILED)
    before = Baseline(drill_id="d-0", at=NOW, readings="")

    pages = [
        html.render(report, past_of([report]))
        for report in (
            night(3, Verdict.FAILED, [emptied], baseline=before),
            night(3, Verdict.FAILED, [unreadable], baseline=before),
        )
    ]

    assert ["history accept d-3" in page for page in pages] == [True, False]


def test_nights_without_a_proof_are_counted_in_a_row():
    verdicts = [Verdict.FAILED, Verdict.VERIFIED, Verdict.INCONCLUSIVE, Verdict.FAILED]
    past = past_of([night(n, verdict) for n, verdict in enumerate(verdicts)])

    assert past.nights_not_verified == 2
    assert past_of([]).nights_not_verified == 0
