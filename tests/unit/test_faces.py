"""The faces of a report: Markdown, JUnit, HTML. Whatever is in it, it stays text."""

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorecheck.model import (
    Backup,
    CheckOutcome,
    CheckResult,
    Resource,
    Severity,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import document, html, junit, markdown
from restorecheck.report.past import MARKED, SHOWN, past_of
from restorecheck.report.status import TargetStatus
from tests.factories import NOW, finished

DAY = timedelta(days=1)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' or 1=1 --",
    "\x1b[31mred\x1b[0m",
    "line\nbreak\r\n| cell",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "]]>&amp;<!--",
    "[link](javascript:alert(1)) `code` @everyone #1",
    "x" * 10_000,
    "\x00\x0b\ud7ff\ufffe",
    "{{ 7 * 7 }}{% for x in y %}",
]


def check(name="every table can be counted", **changes):
    values = {
        "name": name,
        "kind": "tables_countable",
        "database": "courses",
        "severity": Severity.REQUIRED,
        "outcome": CheckOutcome.PASSED,
        "expected": "a count",
        "found": "5 rows",
        "measured": {"public.answers": 500},
    }
    return CheckResult(**(values | changes))


def night(number=0, verdict=Verdict.VERIFIED, checks=None, **changes):
    at = NOW + number * DAY
    drill = finished().evolve(
        id=f"d-{number}",
        verdict=verdict,
        checks=(),
        results=tuple(checks or (check(),)),
        started_at=at,
        finished_at=at + timedelta(minutes=3),
        backup=Backup(kind="dump", identifier="/b/1.dump", taken_at=at - timedelta(hours=3)),
        records=(
            StepRecord(
                name="load",
                started_at=at,
                finished_at=at + timedelta(seconds=60 + number),
                outcome=StepOutcome.SUCCEEDED,
            ),
        ),
    )
    return document.build(drill.evolve(**changes))


def hostile(text):
    return night(
        verdict=Verdict.FAILED,
        checks=[
            check(name=text, outcome=CheckOutcome.FAILED, expected=text, found=text, detail=text)
        ],
        target=text,
        reason=text,
        hint=text,
        notes=(text,),
        ledger=(Resource(kind=text, identifier=text, account=text),),
        teardown_outcome=TeardownOutcome.INCOMPLETE,
        backup=Backup(kind=text, identifier=text),
    )


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


def status(name, verdict=Verdict.VERIFIED, **changes):
    values = {
        "target": name,
        "verdict": verdict,
        "drill_id": "d-1",
        "drilled_at": NOW,
        "proven_at": NOW,
        "allowed": DAY,
        "overdue": False,
        "bad": 0,
        "left_behind": False,
        "next_at": None,
    }
    return TargetStatus(**(values | changes))


def test_the_index_begins_with_what_wants_looking_at():
    statuses = [status("fine"), status("late", overdue=True), status("new", None, proven_at=None)]
    reports = {"fine": night(target="fine"), "late": night(target="late")}

    page = html.render_index(statuses, reports, {"fine": "fine.html", "late": "late.html"})

    assert page.index("late") < page.index("fine</a>")
    assert "2 of 3" in page
    assert "never drilled" in page
    assert 'href="late.html"' in page
