"""The faces of a report: Markdown, JUnit, HTML. Whatever is in it, it stays text."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorecheck.model import (
    Backup,
    Baseline,
    CheckOutcome,
    Resource,
    RestoreOutcome,
    Severity,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import html, junit, markdown, wording
from restorecheck.report.document import ChainReport
from restorecheck.report.html.charts import LABELS, _days, _powers, _scale, charts
from restorecheck.report.html.page import LONG, NAMED, _css_string
from restorecheck.report.past import DRAWN_NIGHTS, DRAWN_TABLES, MARKED, past_of
from tests.factories import NOW
from tests.nights import DAY, HOSTILE, check, hostile, night, status

FAILED = CheckOutcome.FAILED
WARNING = Severity.WARNING


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


def page_of(report):
    """Of the first night."""
    return html.render(report, past_of([report]))


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


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_no_text_breaks_a_face(text):
    report = hostile(text)
    ET.fromstring(junit.render([report]))  # noqa: S314  # our own text
    reader = parsed(html.render(report, past_of([report])))
    assert reader.tags.count("h1") == 1
    assert "script" not in reader.tags
    markdown.render(report, past_of([report]))


def test_a_page_needs_nothing_but_itself():
    nights = [night(n) for n in range(DRAWN_NIGHTS + 20)]
    page = html.render(nights[-1], past_of(nights))

    reader = parsed(page)
    assert "default-src 'none'" in page
    assert not [v for name, v in reader.attributes if name in {"src", "href"} and "//" in v]
    assert "url(" not in page
    assert "@import" not in page
    assert reader.tags.count("figure") == 4
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
    assert "The backup restored, but its data is wrong." in page
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
    assert order == ["bad", "unclear", "only a warning", "not asked", "fine"]


def test_checks_that_were_not_asked_are_folded():
    asked = check("bad", outcome=CheckOutcome.FAILED)
    unasked = [check(f"not asked {n}", outcome=CheckOutcome.SKIPPED) for n in range(3)]

    pages = [page_of(night(checks=[*first, *unasked])) for first in ([asked], [])]

    assert ["Show 3 not asked" in page for page in pages] == [True, True]


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


@pytest.mark.parametrize(
    ("outcome", "since"), [("failed", 1), ("error", 1), ("skipped", 1), ("passed", 3)]
)
def test_a_check_has_not_passed_since_the_night_after_it_did(outcome, since):
    outcomes = ["passed", "failed", outcome, "failed"]
    nights = [
        night(n, checks=[check("rows", outcome=CheckOutcome(what))])
        for n, what in enumerate(outcomes)
    ]

    assert past_of(nights).since("rows") == nights[since].finished_at


def test_the_index_begins_with_what_wants_looking_at():
    statuses = [status("fine"), status("late", overdue=True), status("new", None, proven_at=None)]
    reports = {"fine": night(target="fine"), "late": night(target="late")}

    page = html.render_index(statuses, reports, {"fine": "fine.html", "late": "late.html"}, NOW)

    assert page.index("late") < page.index("fine</a>")
    assert "1 of 3 proven" in page, "a target that was never drilled is not proven"
    assert "never drilled" in page
    assert "Never drilled: <code>restorecheck drill new</code>" in page
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
    if drilled[-1].finished_at.date() != drilled[0].finished_at.date():
        assert drawn[-1] == number - 1


@given(st.floats(min_value=0, max_value=1e12))
def test_a_scale_begins_at_nothing_and_leaves_room_above(highest):
    scale = _scale(highest)

    assert scale[0] == 0
    assert highest < scale[-1] <= max(highest * 4, 2)
    assert 2 <= len(scale) <= 5


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


def test_an_acceptance_is_offered_only_where_it_settles_everything():
    emptied = check("e", kind="not_emptied", outcome=FAILED)
    before = Baseline(drill_id="d-0", at=NOW, readings="")
    others = [
        check("c", kind="row_count", outcome=FAILED),
        check("c", kind="row_count", outcome=CheckOutcome.ERROR),
        check("c", kind="row_count", outcome=FAILED, severity=Severity.WARNING),
    ]

    offered = [
        "history accept" in page_of(night(0, Verdict.FAILED, [emptied, other], baseline=before))
        for other in others
    ]

    assert offered == [False, False, True]
    assert "history accept" not in page_of(night(0, Verdict.FAILED, [emptied]))


def test_nights_without_a_proof_are_counted_in_a_row():
    verdicts = [Verdict.FAILED, Verdict.VERIFIED, Verdict.INCONCLUSIVE, Verdict.FAILED]
    past = past_of([night(n, verdict) for n, verdict in enumerate(verdicts)])

    assert past.nights_not_verified == 2
    assert past_of([]).nights_not_verified == 0


def test_the_last_verified_backup_is_named_and_not_one_that_somebody_accepted():
    def dump(number):
        return Backup(kind="dump", identifier=f"/b/{number}.dump")

    accepted = Baseline(
        drill_id="d-2", at=NOW, readings="", accepted_by="kim", accepted_because="purged"
    )
    nights = [
        night(1, backup=dump(1)),
        night(2, Verdict.FAILED, backup=dump(2)),
        night(3, Verdict.FAILED, backup=dump(3), baseline=accepted),
    ]
    past = past_of(nights)

    page, said = html.render(nights[-1], past), markdown.render(nights[-1], past)

    verified = f"Verified {nights[0].finished_at:%Y-%m-%d %H:%M} UTC."
    assert 'Newest backup known to restore: <span class="id">/b/1.dump</span>' in page
    assert verified in page
    assert f"Newest backup known to restore: /b/1.dump. {verified}" in said
    assert "Keep the last verified backup: do not let it expire." in page
    for shown in (page, said):
        assert f"Failing since {NOW + 2 * DAY:%Y-%m-%d} (2 nights)." in shown
        assert "/b/2.dump" not in shown


def test_without_a_verified_night_none_is_promised():
    nights = [night(n, Verdict.FAILED) for n in range(3)]

    page = html.render(nights[-1], past_of(nights))

    assert "No verified backup of the last 3 nights is known." in page
    assert "last verified backup" not in page


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], ""),
        ([Verdict.FAILED, Verdict.VERIFIED], ""),
        ([Verdict.VERIFIED, Verdict.FAILED], "Failing since 2026-02-28 (1 night)."),
        ([Verdict.INCONCLUSIVE, Verdict.FAILED], "Not proven since 2026-02-27 (2 nights)."),
        ([Verdict.FAILED] * DRAWN_NIGHTS, f"Not proven in any of the last {DRAWN_NIGHTS} nights."),
    ],
)
def test_since_says_no_more_than_is_known(verdicts, said):
    nights = [night(n, verdict) for n, verdict in enumerate(verdicts)]

    assert wording.since(nights[-1] if nights else night(), past_of(nights)) == said


def test_what_to_do_begins_with_what_cannot_wait_and_ends_with_what_hides_it():
    emptied = check("e", kind="not_emptied", outcome=FAILED)
    before = Baseline(drill_id="d-0", at=NOW, readings="")
    nights = [
        night(0),
        night(
            1,
            Verdict.FAILED,
            [emptied],
            hint="Ask Kim.",
            baseline=before,
            ledger=(
                Resource(kind="db-instance", identifier="rc-1", account="222222222222"),
                Resource(kind="server", identifier="rc-2", account="a host"),
            ),
            teardown_outcome=TeardownOutcome.INCOMPLETE,
            teardown_details=("it did not stop",),
        ),
    ]

    page = html.render(nights[-1], past_of(nights))

    steps = [
        "do not let it expire",
        "restorecheck sweep",
        "in AWS account 222222222222",
        "in a host",
        "Why: it did not stop",
        "If that fails too",
        "Ask Kim.",
        "Look at the data in production",
        "restorecheck drill courses --keep",
        "Only if this change was intended",
        "restorecheck history accept d-1",
    ]
    places = [page.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("verdict", "outcome", "kind", "said", "tries", "looks"),
    [
        ("failed", "succeeded", "row_count", "but its data is wrong.", "--keep", True),
        ("failed", "succeeded", "rpo", "restores, but an objective was missed.", "--keep", False),
        ("failed", "failed", None, "The backup does not restore.", "", False),
        ("failed", "pending", None, "The backup is bad.", "", False),
        ("inconclusive", "succeeded", None, "could not decide", "--keep", False),
        ("inconclusive", "timed_out", None, "could not decide", "", False),
    ],
)
def test_a_verdict_is_a_sentence_and_keeps_the_database_only_where_there_is_one(
    verdict, outcome, kind, said, tries, looks
):
    checks = [check(kind=kind, outcome=FAILED)] if kind else [check()]
    report = night(0, Verdict(verdict), checks, restore_outcome=RestoreOutcome(outcome))

    page = page_of(report)

    assert said in page
    assert f"<code>restorecheck drill courses{' ' if tries else ''}{tries}</code>" in page
    assert ("Look at the data in production" in page) is looks


def test_a_backup_that_was_not_there_is_not_called_one_that_does_not_restore():
    report = night(0, Verdict.FAILED, backup=None, restore_outcome=RestoreOutcome.PENDING)

    assert "There is no backup to restore." in page_of(report)


@pytest.mark.parametrize(
    ("checks", "said", "mood", "shares"),
    [
        ([check()], "1 passed", "good", "1 of 1 required"),
        (
            [check(), check(outcome=FAILED, severity=WARNING)],
            "1 passed, 1 warning",
            "doubt",
            "1 of 1 required, 0 of 1 warnings",
        ),
        (
            [check(outcome=FAILED)] * 2 + [check(outcome=FAILED, severity=WARNING), check()],
            "2 required checks and 1 warning failed, 1 passed",
            "bad",
            "1 of 3 required, 0 of 1 warnings",
        ),
        (
            [check(outcome=CheckOutcome.ERROR), check(outcome=CheckOutcome.SKIPPED)],
            "1 without an answer, 1 not asked",
            "doubt",
            "0 of 2 required",
        ),
    ],
)
def test_checks_are_counted_in_one_way(checks, said, mood, shares):
    report = night(0, Verdict.INCONCLUSIVE, checks)

    page = page_of(report)

    assert f'<dd class="{mood}">{said}</dd><dd class="muted">{shares}</dd>' in page
    assert f"| Did the checks pass? | {said} |" in markdown.render(report, past_of([report]))


def test_a_failed_warning_of_a_verified_night_is_named_at_the_top_and_called_a_warning():
    warned = check("sequences are ahead", outcome=FAILED, severity=WARNING)
    nights = [night(0), night(1, checks=[check(), warned]), night(2, checks=[check(), warned])]

    page = html.render(nights[-1], past_of(nights))

    header = page[page.index("<header") : page.index("</header>")]
    assert "1 warning: sequences are ahead, not passed since <time>2026-02-28</time>." in header
    assert '<td class="outcome warning">warning</td>' in page
    assert ">failed<" not in page.replace("</i> failed<", "")


def test_an_auditor_finds_what_was_restored_and_what_ties_it_to_its_history():
    plain = night(3)
    tied = plain.model_copy(update={"chain": ChainReport(sequence=8, previous_sha256="ab" * 32)})

    page, alone = page_of(tied), page_of(plain)

    evidence = page[page.index("<h2>Evidence") :]
    for text in (
        "/b/1.dump",
        "restored into PostgreSQL 17",
        "d-3",
        f"{plain.started_at:%Y-%m-%d %H:%M} to {plain.finished_at:%H:%M} UTC",
        "report number 8",
        "ab" * 32,
        "restorecheck history verify",
    ):
        assert text in evidence
    assert "history verify" not in alone


def test_a_reason_without_an_end_stands_whole_below_its_first_lines():
    reason = "table after table is gone " * (LONG // 10)

    pages = [page_of(night(0, Verdict.FAILED, reason=text)) for text in (reason, "gone")]

    assert [page.count("The whole reason") for page in pages] == [1, 0]
    assert pages[0].count(reason) == 2


def test_the_index_says_of_each_target_what_is_the_matter_and_nothing_of_what_is_well():
    now = NOW + DAY / 96
    statuses = [
        status("well"),
        status("late", overdue=True, proven_at=now - 9 * DAY),
        status("new", None, proven_at=None),
        status("mail", Verdict.INCONCLUSIVE, left_behind=True, bad=1),
        status("wiki", Verdict.INCONCLUSIVE, bad=3),
    ]
    reports = {
        name: night(0, verdict, target=name, reason=f"reason of {name}")
        for name, verdict in {
            "well": Verdict.VERIFIED,
            "late": Verdict.VERIFIED,
            "mail": Verdict.INCONCLUSIVE,
            "wiki": Verdict.INCONCLUSIVE,
        }.items()
    }

    page = html.render_index(statuses, reports, {}, now)

    assert "As of <time>2026-02-27 03:30 UTC</time>, restorecheck 0." in page
    assert "2 of 5 proven" in page
    assert "3 need attention, 1 inconclusive but still within its allowed age." in page
    assert "<p>Last proven 9 days ago; allowed: 24 h</p>" in page
    assert "<p>Never drilled: <code>restorecheck drill new</code></p>" in page
    assert "<p>Something was left behind: <code>restorecheck sweep</code></p>" in page
    assert "3 drills without a proof since" in page
    assert [f"reason of {name}" in page for name in reports] == [False, False, True, True]


def test_a_name_in_the_margin_of_a_sheet_ends_neither_its_text_nor_the_style():
    assert _css_string('a-1"; } </style>\n\\') == (
        '"a-1\\22 \\3b  \\7d  \\3c \\2f style\\3e \\fffd \\5c "'
    )


def test_charts_show_the_objective_the_last_day_and_what_was_counted_last():
    def objective(limit):
        return check("rto", kind="rto", measured={"limit_seconds": limit, "seconds": 60})

    nights = [night(n) for n in range(6)]
    drawn = {}
    for limit in (120, 86_400):
        tonight = night(6, checks=[objective(limit)])
        rows, restore, *_ = charts(tonight, past_of([*nights, tonight]))
        drawn[limit] = (restore.key, restore.svg.count('class="line'))

    assert drawn[120][0] == ("restore time", "objective: 2 min")
    assert drawn[86_400][0] == ("restore time", "objective: 24 h, above this picture")
    assert f"{nights[0].finished_at + 6 * DAY:%d %b}" in restore.svg
    assert rows.key == ("public.answers: last counted: 500 on 2026-03-04",)


def test_a_date_that_the_header_says_is_not_said_again_beside_each_check():
    older, newer = (check(name, outcome=FAILED) for name in ("older", "newer"))
    mild = check("mild", outcome=FAILED, severity=WARNING)
    nights = [
        night(0),
        night(1, checks=[mild, check("older"), check("newer")]),
        *(night(n, Verdict.FAILED, [mild, older, check("newer")]) for n in (2, 3)),
        night(4, Verdict.FAILED, [mild, older, newer]),
    ]

    page = html.render(nights[-1], past_of(nights))

    def day(number):
        return f"{nights[number].finished_at:%Y-%m-%d}"

    assert f"Failing since {day(2)} (3 nights)." in page
    said = re.findall(r"<td>(\w+)<br><span class=.muted.>not passed since <time>([\d-]+)", page)
    assert sorted(said) == [("mild", day(1)), ("newer", day(4))]
    assert f"Without a proof: <time>{day(2)}</time> to <time>{day(4)}</time> (failed)." in page


def test_nights_without_a_proof_are_said_in_runs_and_only_the_newest():
    verdicts = [Verdict.FAILED, Verdict.INCONCLUSIVE, *[Verdict.VERIFIED, Verdict.FAILED] * NAMED]
    nights = [night(n, verdict) for n, verdict in enumerate(verdicts)]

    page = re.sub("</?time>", "", html.render(nights[-1], past_of(nights)))

    first = nights[-2 * NAMED + 1].finished_at
    assert f"Without a proof: …, {first:%Y-%m-%d} (failed), " in page
    assert f"{nights[-1].finished_at:%Y-%m-%d} (failed).</p>" in page
    few = re.sub("</?time>", "", html.render(nights[1], past_of(nights[:2])))
    a, b = (f"{each.finished_at:%Y-%m-%d}" for each in nights[:2])
    assert f"Without a proof: {a} (failed), {b} (inconclusive).</p>" in few


def test_a_name_may_end_a_line_between_its_words_and_is_copied_whole():
    name = "public.enrolment_auditEntries <b>"
    page = page_of(night(checks=[check(name, found="1.5 GB: a/b", outcome=FAILED)]))

    assert "<td>public.<wbr>enrolment_<wbr>audit<wbr>Entries &lt;b&gt;" in page
    assert "1.5 GB: a/<wbr>b" in page


def same(number, **changes):
    backup = Backup(kind="dump", identifier="/b/x.dump", taken_at=NOW, size_bytes=10)
    return night(number, backup=replace(backup, **changes))


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (same(0), True),
        (same(0, identifier="/b/y.dump"), False),
        (same(0, taken_at=NOW - DAY), False),
        (same(0, size_bytes=9), False),
        (night(0, backup=None), False),
    ],
)
def test_the_same_backup_as_in_the_drill_before_is_said_to_be_the_same(before, said):
    report = same(1)
    words = f"the same backup as in the drill of {before.finished_at:%Y-%m-%d %H:%M} UTC"

    for face in (html, markdown):
        assert (words in face.render(report, past_of([before, report]))) is said
        assert "the same backup" not in face.render(report, past_of([report]))
    two = [night(n, backup=None) for n in (0, 1)]
    assert "the same backup" not in html.render(two[1], past_of(two))


def test_what_was_not_restored_is_not_said_to_have_been():
    report = night(0, Verdict.FAILED, restore_outcome=RestoreOutcome.PENDING)

    for said in (page_of(report), markdown.render(report, past_of([report]))):
        assert "Which backup is this about?" in said
        assert "No: not begun" in said
        assert "known to restore" not in said


def test_the_time_of_a_restore_that_failed_is_no_restore_time():
    nights = [night(0), night(1, Verdict.FAILED, restore_outcome=RestoreOutcome.FAILED)]

    assert [n.restore_seconds is None for n in past_of(nights).nights] == [False, True]
