"""The pages that `restorecheck run` serves, in a real browser: read, searched, and a drill started by the keyboard."""

from datetime import timedelta
from functools import partial
from http import HTTPStatus

import pytest
from apscheduler.schedulers.base import BaseScheduler

from restorecheck.hosts.daemon import web
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.pages import Pages
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.ports import Clock
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests.browser import courses
from tests.browser.browsing import (
    BROKEN_WORDS,
    DESKTOP,
    NARROW,
    OUTSIDE,
    OVERLAPPING,
    PHONE,
    TABLET,
    grave,
    words,
)
from tests.factories import finished
from tests.simulation.test_nights import PlayedDrills

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
TARGETS = 500
TOKEN, WRONG = "one that nobody guesses", "no"
FAILED, NEW = "/targets/courses", "/targets/shop-499"
SEEN = ("/", "/?search=courses&show=attention&order=name", FAILED, NEW, "/drills/{first}")


class AtTheEnd(Clock):
    """The moment after the last of the nights."""

    def now(self):
        return courses.AS_OF


def _stored(report, _link):
    return report.to_json()


class Runner:
    """What serves, and the history that it reads: one target with all its nights, and 499 that were never drilled."""

    def __init__(self, folder):
        self.database = folder / "history.sqlite"
        (folder / "token").write_text(TOKEN)
        names = ["courses", *(f"shop-{number}" for number in range(1, TARGETS))]
        text = "".join(f"  - {{name: {name}, dump: {{path: /b}}}}\n" for name in names)
        config = folder / "restorecheck.yaml"
        config.write_text(
            'version: 1\ndefaults: {schedule: "15 3 * * *"}\nhistory: {path: history.sqlite}\n'
            "runner: {pages: {listen: '127.0.0.1:0', token_file: token}}\n"
            f"targets:\n{text}"
        )
        self.reports = courses.Nights(emptied=True).reports()
        store = SqliteStore(self.database)
        for report in self.reports:
            drill = finished().evolve(
                id=report.drill_id,
                target=report.target,
                verdict=report.verdict,
                started_at=report.started_at,
                finished_at=report.finished_at,
            )
            store.finish(store.create(drill), partial(_stored, report))
        store.close()
        self.watched = Watched(config, {"HOME": "/"})
        self.service = Service(
            self.watched,
            PlayedDrills(self),
            AtTheEnd(),
            pause=lambda _: None,
            flags=Flags(),
            reach=lambda *_: (),
        )
        BaseScheduler.start(self.service._alarm, paused=True)

    def asked(self, target):
        store = SqliteStore(self.database)
        try:
            return Agenda(store.database).open(target)
        finally:
            store.close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("served"))
    yield made
    BaseScheduler.shutdown(made.service._alarm)


@pytest.fixture(scope="module")
def at(runner):
    """A path → its address."""
    pages = Pages(runner.service, runner.watched, AtTheEnd())
    with web.serving("runner.pages.listen", "127.0.0.1:0", pages.site()) as port:
        first = runner.reports[0].drill_id
        yield lambda path: f"http://127.0.0.1:{port}{path.format(first=first)}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", SEEN)
def test_a_page_is_quiet_and_everybody_can_read_it(plain, lenient, at, screenshots, path, scheme):
    plain.open(at(path), scheme=scheme)
    name = path.strip("/").partition("?")[0].replace("/", "-").format(first="drill") or "first"
    plain.page.screenshot(path=screenshots / f"served-{name}-{scheme}.png")

    assert plain.said == []
    assert plain.asked == [at(path)]

    lenient.open(at(path), scheme=scheme)
    assert grave(lenient.page) == []


@pytest.mark.parametrize("path", [*SEEN, "/nowhere"])
def test_a_page_fits_every_window(plain, at, path):
    plain.open(at(path))

    for window in (DESKTOP, TABLET, PHONE, NARROW):
        plain.page.set_viewport_size(window)
        assert plain.page.evaluate("document.documentElement.scrollWidth") == window["width"]
        assert plain.page.evaluate(OUTSIDE) == []
        assert plain.page.evaluate(OVERLAPPING) == []
        assert plain.page.evaluate(BROKEN_WORDS, "th, td, dt, dd, label, button, .pick li") == []


def test_what_can_be_touched_is_as_large_as_a_finger(phone, at, screenshots):
    phone.open(at(FAILED), window=PHONE)
    phone.page.screenshot(path=screenshots / "served-target-phone.png", full_page=True)

    for part in ("button", "#token"):
        assert phone.page.locator(part).bounding_box()["height"] >= 24  # WCAG 2.2, 2.5.8


def test_from_the_first_page_to_a_drill_by_the_keyboard_alone(scriptless, at, runner):
    page = scriptless.page
    scriptless.open(at("/"))

    def tab_to(place):
        wanted = page.locator(place).first
        for _ in range(100):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            assert focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
            if wanted.evaluate("e => e === document.activeElement"):
                return
        raise AssertionError(f"{place} is never reached")

    tab_to("#search")
    page.keyboard.type("COURSES")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?search=COURSES")
    assert page.locator("tbody tr").count() == 1
    tab_to('a[href="/targets/courses"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{FAILED}")
    tab_to("#token")
    page.keyboard.type(TOKEN)
    assert runner.asked("courses") == ()
    page.keyboard.press("Enter")
    page.get_by_text("A drill waits for its turn.").wait_for()

    assert page.url == at(FAILED)
    assert runner.asked("courses") == (courses.AS_OF.replace(microsecond=0),)
    assert page.locator("form").count() == 0
    assert TOKEN not in page.content()
    tab_to("details.earlier summary")
    page.keyboard.press("Enter")
    tab_to("details.earlier a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/drills/*")
    tab_to(".top a")
    page.keyboard.press("Enter")
    page.wait_for_url(at("/"))


def test_a_wrong_token_is_said_to_be_wrong_and_leads_back(plain, at, runner):
    plain.open(at(NEW))
    plain.page.locator("#token").fill(WRONG)
    with plain.page.expect_navigation() as answer:
        plain.page.locator("button").click()

    assert answer.value.status == HTTPStatus.FORBIDDEN
    assert "The token is wrong. No drill was started." in words(plain.page)
    assert plain.page.get_by_role("link", name="All targets").is_visible()
    assert runner.asked("shop-499") == ()


def test_a_form_of_another_site_starts_nothing(plain, at, runner, tmp_path):
    page = tmp_path / "evil.html"
    page.write_text(
        f'<form method="post" action="{at(NEW)}/drill"><input name="token" value="{TOKEN}"><button>x</button></form>'
    )
    plain.open(page)
    with plain.page.expect_navigation() as answer:
        plain.page.locator("button").click()

    assert answer.value.status == HTTPStatus.FORBIDDEN
    assert runner.asked("shop-499") == ()


def test_on_paper_there_is_nothing_to_press(plain, at):
    plain.open(at(FAILED))
    plain.page.emulate_media(media="print")

    assert plain.page.locator("form >> visible=true").count() == 0
    assert plain.page.locator("nav >> visible=true").count() == 0
    assert plain.page.locator(".verdict").is_visible()


def test_five_hundred_targets_are_searched_and_sorted_at_once(plain, at):
    quickest = timedelta.max
    for _ in range(3):
        plain.open(at("/?order=name"))
        spent = plain.page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
        quickest = min(quickest, timedelta(milliseconds=spent))

    assert plain.page.locator("tbody tr").count() == TARGETS
    assert quickest < timedelta(seconds=2)
