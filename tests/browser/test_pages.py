"""The pages in a real browser: for the eye, for the ear, on a phone, on paper, and alone."""

import re

import pytest

from tests.browser.browsing import (
    BROKEN_WORDS,
    DESKTOP,
    NARROW,
    OUTSIDE,
    OVERLAPPING,
    PHONE,
    SHEET,
    TABLET,
    grave,
    words,
)
from tests.nights import HOSTILE
from tests.unit.report.test_restorable import KINDS

CALLS = tuple(f"call-{number}" for number in range(len(KINDS)))
SEEN = ("failed", "verified", "left-behind", "hostile", "names", "index")
EVERY = (
    *SEEN,
    *CALLS,
    "long",
    "index-hostile",
    *(f"hostile-{number}" for number in range(len(HOSTILE))),
)
SIGN = "e => getComputedStyle(e, '::before').content"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SEEN)
def test_a_page_is_quiet_and_asks_for_nothing_but_itself(plain, pages, screenshots, name, scheme):
    plain.open(pages[name], scheme=scheme)
    plain.page.screenshot(path=screenshots / f"{name}-{scheme}.png", full_page=name == "failed")

    assert plain.said == []
    assert plain.asked == [pages[name].as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SEEN)
def test_everybody_can_read_a_page(lenient, pages, name, scheme):
    """axe-core is a script, and the page allows none."""
    lenient.open(pages[name], scheme=scheme)

    assert grave(lenient.page) == []
    assert lenient.page.url == pages[name].as_uri()


@pytest.mark.parametrize("name", SEEN)
def test_a_page_says_the_same_without_scripts(plain, scriptless, pages, name):
    plain.open(pages[name])
    scriptless.open(pages[name])

    said = words(scriptless.page)
    assert said == words(plain.page)
    assert len(said) > 500


@pytest.mark.parametrize("name", EVERY)
def test_a_page_fits_whatever_is_in_it(plain, pages, name):
    plain.open(pages[name])

    cells = "th, .outcome" if "hostile" in name else "th, td, dt, dd"
    for window in (DESKTOP, TABLET, PHONE, NARROW):
        plain.page.set_viewport_size(window)
        assert plain.page.evaluate("document.documentElement.scrollWidth") == window["width"]
        assert plain.page.evaluate(OUTSIDE) == []
        assert plain.page.evaluate(OVERLAPPING) == []
        assert plain.page.evaluate(BROKEN_WORDS, cells) == []


@pytest.mark.parametrize("name", SEEN)
def test_rows_are_read_from_top_to_bottom_on_a_phone(phone, pages, screenshots, name):
    phone.open(pages[name], window=PHONE)
    phone.page.screenshot(path=screenshots / f"{name}-phone.png", full_page=name == "failed")

    labelled = phone.page.locator("td[data-label]:not(:empty) >> visible=true")
    assert labelled.count() > 0
    assert labelled.first.evaluate(SIGN).strip('"').rstrip(": ") in {
        "Expected",
        "Found",
        "Began, UTC",
        "Newest proof, UTC",
    }
    row = phone.page.locator("tbody tr >> visible=true").first
    assert row.bounding_box()["width"] <= PHONE["width"]


def test_what_failed_since_when_and_what_to_do_stand_on_the_first_screen_of_a_phone(phone, pages):
    phone.open(pages["failed"], window=PHONE)

    for text in (
        "failed",
        "no table was emptied",
        "Failing since 2026-02-25 (3 nights)",
        "courses-2026-02-24.dump",
        "--keep",
    ):
        box = phone.page.get_by_text(text).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= PHONE["height"], text


@pytest.mark.parametrize("name", CALLS)
def test_the_questions_of_an_engineer_on_call_are_answered_on_two_screens_of_a_phone(
    phone, lenient, pages, screenshots, name
):
    phone.open(pages[name], window=PHONE)
    phone.page.screenshot(path=screenshots / f"{name}-phone.png")

    for text in (
        "Newest backup known to restore: /b/mon.dump",
        "Data after 2026-02-27 00:15 UTC is not in it.",
        "Its restore took 1 min",
        "since 2026-02-28 (1 night)",
        "Whom to call: Database on call, +49 30 901820",
        "restorecheck drill courses",
        "Is it the backup or restorecheck?",
        "Is production untouched?",
        "Yes, nothing is left",
    ):
        box = phone.page.get_by_text(
            re.compile(re.escape(text).replace(r"\ ", r"\s"))
        ).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 2 * PHONE["height"], text
    lenient.open(pages[name], window=PHONE, scheme="dark")
    assert grave(lenient.page) == []


def test_a_reason_without_an_end_leaves_room_for_what_to_do_and_stands_whole_below(phone, pages):
    phone.open(pages["long"], window=PHONE)

    lines = phone.page.locator("header .sentence.clamp")
    assert lines.evaluate("e => e.scrollHeight > e.clientHeight")
    for text in ("Failing since 2026-02-25", "courses-2026-02-24.dump", "--keep"):
        box = phone.page.get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] <= PHONE["height"], text
    whole = phone.page.locator("main > p", has_text="the server said a lot")
    assert whole.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    assert len(whole.inner_text()) > 2_000


@pytest.mark.parametrize("name", ["failed", "left-behind", "index"])
def test_dates_names_and_numbers_are_not_broken_over_lines(plain, pages, name):
    for window in (DESKTOP, PHONE):
        plain.open(pages[name], window=window)

        whole = "time" if window is PHONE else "time, .id"
        tall = plain.page.locator(f"{whole} >> visible=true").evaluate_all(
            "all => all.filter(e => e.offsetHeight > 30).map(e => e.textContent)"
        )
        assert tall == []


def test_a_reason_that_stands_whole_in_the_header_is_not_said_again(plain, pages):
    plain.open(pages["failed"])
    again = plain.page.get_by_text("The whole reason")

    assert not again.is_visible()
    plain.page.set_viewport_size(PHONE)
    assert again.is_visible(), "there the header has the first lines of it"


def test_who_copies_a_command_gets_all_of_it(plain, pages):
    plain.open(pages["failed"])

    plain.page.locator(".do code").click()

    assert plain.page.evaluate("getSelection().toString()") == "restorecheck drill courses --keep"


def test_checks_that_passed_can_be_folded_and_are_on_paper_all_the_same(plain, pages):
    plain.open(pages["failed"])
    passed = plain.page.get_by_text("collations are current")
    assert passed.is_visible()

    plain.page.locator("summary").click()
    folded = passed.is_visible()
    plain.page.emulate_media(media="print")

    assert not folded
    assert passed.is_visible()


def test_an_index_is_filtered_without_a_script_and_by_the_keyboard(scriptless, pages):
    scriptless.open(pages["index"])
    page = scriptless.page
    rows = page.locator("tbody tr >> visible=true")
    assert rows.count() == 50

    page.get_by_label("Failed (2)").check()
    failed = rows.locator("td.name").all_inner_texts()
    page.keyboard.press("ArrowUp")

    assert failed == ["courses", "courses-test"]
    assert page.get_by_label("Need attention (5)").is_checked()
    assert rows.count() == 5


def test_on_a_phone_checks_that_passed_are_folded_until_they_are_asked_for(phone, pages):
    phone.open(pages["failed"], window=PHONE)
    page = phone.page
    passed, failed = (
        page.get_by_text(text) for text in ("collations are current", "no table was emptied")
    )
    assert failed.last.is_visible()
    assert not passed.is_visible()
    folded = page.evaluate("document.documentElement.scrollHeight")

    page.get_by_label("Show 18 passed").tap()

    passed.wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") > folded + 1000
    page.set_viewport_size(DESKTOP)
    assert not page.get_by_label("Show 18 passed").is_visible(), "there is room for all of them"
    assert passed.is_visible()


def test_no_colour_says_the_contrary_of_its_words(plain, pages):
    for name in ("failed", "verified", "left-behind"):
        plain.open(pages[name])

        green = plain.page.locator(".good, .passed").all_inner_texts()
        assert not [text for text in green if re.search("fail|warning|No:|not asked", text)]


@pytest.mark.parametrize(("name", "most"), [("failed", 3), ("left-behind", 2), ("index", 2)])
def test_a_page_is_printed_on_a_few_sheets(plain, pages, screenshots, name, most):
    plain.open(pages[name], scheme="dark")
    plain.page.emulate_media(media="print")

    printed = plain.page.pdf(
        path=screenshots / f"{name}.pdf",
        format="A4",
        margin={"top": "1cm", "right": "1cm", "bottom": "1cm", "left": "1cm"},
    )

    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= most


def test_paper_needs_no_colours(plain, pages, screenshots):
    plain.open(pages["failed"], scheme="dark", window=SHEET)
    plain.page.emulate_media(media="print")
    plain.page.screenshot(path=screenshots / "failed-print.png", full_page=True)

    assert plain.page.evaluate(OUTSIDE) == []
    assert plain.page.evaluate(OVERLAPPING) == []
    assert plain.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert plain.page.locator(".verdict").inner_text().lower() == "failed"
    outcomes = plain.page.locator("td.outcome").all_inner_texts()
    assert {text.split()[0] for text in outcomes} == {"failed", "warning", "passed"}
    tall, short = (
        plain.page.locator(f".marks .{outcome}").first.bounding_box()
        for outcome in ("failed", "passed")
    )
    assert tall["height"] > short["height"] + 4
    days = [plain.page.locator(f".days .{v}").first for v in ("failed", "inconclusive")]
    assert len({day.evaluate(SIGN) for day in days}) == len(days)


def test_pages_are_small(pages):
    sizes = {name: path.stat().st_size for name, path in pages.items()}

    assert max(sizes[name] for name in EVERY if "index" not in name) < 300_000
    assert sizes["index"] < 1_000_000
