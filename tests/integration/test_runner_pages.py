"""The pages of `restorecheck run`, asked for over no network: what they show, and who may start a drill."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import time_machine
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from restorecheck.engine import _compose
from restorecheck.errors import BusyError, ConfigError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.pages import WRONG_TOKENS, Pages
from restorecheck.hosts.daemon.web import Request
from restorecheck.hosts.process.leases import Lease, locks_of
from restorecheck.model import Verdict
from restorecheck.sql.agenda import Agenda
from tests.factories import drill, finished
from tests.integration.test_service import Scene
from tests.nights import HOSTILE
from tests.simulation.test_nights import NIGHTLY

NOON = datetime(2026, 2, 23, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOKEN, WRONG = "correct-horse-battery", "another-horse-battery"
COURSES, ORDERS = ("courses", NIGHTLY), ("orders", NIGHTLY)
NEW: tuple[str, dict[str, str]] = ("new", {})


class Served(Scene):
    def open(self, *targets, token=TOKEN, drills_per_hour=6):
        keys = f'listen: "127.0.0.1:9188", drills_per_hour: {drills_per_hour}'
        if token is not None:
            self.token_file = self.path.parent / "token"
            self.token_file.write_text(f"{token}\n")
            keys += ", token_file: token"
        self.configure(*targets, pages=f"{{{keys}}}")
        service = self.scheduled()
        self.pages = Pages(service, service._watched, SystemClock())
        return self

    def report(self, target, number, verdict=Verdict.VERIFIED, text=""):
        at = self.now() - 24 * HOUR + number * HOUR

        def compose(link):
            return text or _compose(done, link)

        done = finished().evolve(
            id=f"20260223-{number}",
            target=target,
            started_at=at,
            finished_at=at + MINUTE,
            verdict=verdict,
            reason=f"it is {verdict.value}",
        )
        with self.history() as store:
            stored = store.create(done)
            done = done.evolve(version=stored.version)
            store.finish(done, compose)
        return done.id

    def get(self, path, **query):
        answer = self.pages._get(Request(path, query))
        return answer.status, answer.body.decode()

    def post(self, target="courses", token=TOKEN):
        form = {} if token is None else {"token": token}
        return self.pages._post(Request(f"/targets/{target}/drill", form=form))

    def asked(self, target):
        with self.history() as store:
            return Agenda(store.database).open(target)


@pytest.fixture
def served(tmp_path):
    with time_machine.travel(NOON, tick=False) as traveller:
        made = Served(tmp_path, traveller)
        yield made
        if made.service and made.service._alarm.state != STATE_STOPPED:
            BaseScheduler.shutdown(made.service._alarm)


def test_the_first_page_has_every_target_and_leads_to_its_own(served):
    served.open(COURSES, ORDERS, NEW)
    served.report("courses", 1)
    served.report("orders", 2, Verdict.FAILED)

    status, page = served.get("/")

    assert status == 200
    for name in ("courses", "orders", "new"):
        assert f'<a href="/targets/{name}">{name}</a>' in page
        assert served.get(f"/targets/{name}")[0] == 200
    assert "it is failed" in page
    assert page.index("/targets/orders") < page.index("/targets/courses"), "the worst first"


def test_a_reader_searches_filters_and_sorts_by_addresses_alone(served):
    served.open(COURSES, ORDERS, NEW)
    served.report("courses", 1)
    served.report("orders", 2, Verdict.FAILED)

    def names(**query):
        _, page = served.get("/", **query)
        found = [(page.find(f'"/targets/{n}"'), n) for n in ("courses", "orders", "new")]
        return [name for place, name in sorted(found) if place >= 0]

    assert names() == ["new", "orders", "courses"]
    assert names(order="name") == ["courses", "new", "orders"]
    assert names(order="proof") == ["new", "orders", "courses"]
    assert names(search="OR") == ["orders"]
    assert names(search="o r") == ["orders", "courses"]
    assert names(show="verified") == ["courses"]
    assert names(show="attention") == ["new", "orders"]
    assert names(show="verified", search="orders") == []
    assert names(show="nonsense", order="nonsense") == names()


def test_what_a_reader_searches_for_stays_text(served):
    served.open(COURSES)

    for text in HOSTILE:
        _, page = served.get("/", search=text, show=text, order=text)
        assert "<script" not in page
        assert "<img" not in page


def test_a_targets_page_is_its_newest_drill_and_leads_to_the_earlier_ones(served):
    served.open(COURSES)
    first, second = served.report("courses", 1, Verdict.FAILED), served.report("courses", 2)

    _, newest = served.get("/targets/courses")
    _, earlier = served.get(f"/drills/{first}")

    assert f"restorecheck report {second}" in newest
    assert f'href="/drills/{first}"' in newest
    assert f"restorecheck report {first}" in earlier
    assert 'href="/targets/courses"' in earlier
    assert "<form" not in earlier, "a drill of the past is not started"


def test_a_drill_of_a_target_that_is_not_configured_any_more_is_shown_without_a_link(served):
    served.open(COURSES)
    gone = served.report("gone", 1)

    status, page = served.get(f"/drills/{gone}")

    assert status == 200
    assert "/targets/gone" not in page
    assert served.get("/targets/gone")[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/targets/", "/targets", "/drills/", "/targets/../courses", "/targets/%2e%2e", "//", "", "*",
     "/drills/..%2f..%2fetc%2fpasswd", "/drills/../../../../etc/passwd", "/targets/courses/",
     "/targets/COURSES", "/favicon.ico", "http://127.0.0.1/targets/courses",
     *(f"/drills/{text[:900]}" for text in HOSTILE), *(f"/targets/{quote(text[:900])}" for text in HOSTILE)],
)  # fmt: skip
def test_a_path_that_names_nothing_is_a_page_that_says_so(served, path):
    served.open(COURSES)

    status, page = served.get(path)

    assert status == 404
    assert "<script" not in page
    assert "root:" not in page


def test_a_report_that_retention_removed_or_a_newer_version_wrote_is_said_to_be_so(served):
    served.open(COURSES)
    old = served.report("courses", 1)
    new = served.report("courses", 2, text='{"schema_version": 2}')
    later = served.report("courses", 3)
    with served.history() as store:
        store.prune(NOON - 22 * HOUR - 30 * MINUTE, NOON)

    assert "retention removed the report" in served.get(f"/drills/{old}")[1]
    for drill_id in (new, later):
        assert "newer version" in served.get(f"/drills/{drill_id}")[1]
    assert served.get("/")[0] == 200


def test_without_a_token_the_pages_are_for_reading_only(served):
    served.open(COURSES, token=None)
    served.report("courses", 1)

    assert "<form" not in served.get("/targets/courses")[1]
    assert served.post().status == 404
    assert served.asked("courses") == ()


def test_with_the_token_a_drill_waits_in_the_queue_of_the_schedule(served):
    served.open(COURSES, NEW)
    served.report("courses", 1)
    assert 'action="/targets/courses/drill"' in served.get("/targets/courses")[1]

    for name in ("courses", "new"):
        answer = served.post(name)

        assert (answer.status, dict(answer.headers)) == (303, {"Location": f"/targets/{name}"})
        assert served.asked(name) == (NOON,)
        page = served.get(f"/targets/{name}")[1]
        assert "A drill waits for its turn." in page
        assert "<form" not in page
        assert served.post(name).status == 409
    assert served.launcher.orders == [], "the scheduler begins it, not the request"


@pytest.mark.parametrize("token", [WRONG, "", None, TOKEN[:-1], f"{TOKEN}x", "é" * 21])
def test_without_the_right_token_nothing_is_started(served, token):
    served.open(COURSES)

    assert served.post(token=token).status == 403
    assert served.asked("courses") == ()


def test_a_token_is_guessed_a_few_times_a_minute_and_no_more(served):
    served.open(COURSES)
    answers = [served.post(token=WRONG).status for _ in range(WRONG_TOKENS + 1)]
    late = served.post()
    served.traveller.shift(MINUTE)

    assert answers == [403] * WRONG_TOKENS + [429]
    assert (late.status, dict(late.headers)) == (429, {"Retry-After": "60"})
    assert served.post().status == 303


def test_no_more_drills_are_started_in_an_hour_than_are_allowed(served):
    names = [f"t-{n}" for n in range(4)]
    served.open(*((name, NIGHTLY) for name in names), drills_per_hour=2)

    answers = [served.post(name) for name in names]
    served.traveller.shift(HOUR)

    assert [answer.status for answer in answers] == [303, 303, 429, 429]
    assert answers[2].headers == (("Retry-After", "3600"),)
    assert served.post("t-3").status == 303


def test_a_clock_that_was_set_back_locks_nobody_out(served):
    served.open(COURSES)
    for _ in range(WRONG_TOKENS):
        served.post(token=WRONG)

    served.traveller.shift(-24 * HOUR)

    assert served.post().status == 303


def test_a_drill_at_work_is_shown_whoever_started_it_and_no_other_is_started(served):
    served.open(COURSES)
    begun = drill().evolve(id="d-at-work", target="courses", started_at=NOON, deadline=NOON + HOUR)
    with served.history() as store:
        store.create(begun)
    with Lease(locks_of(served.database) / f"{begun.id}.lock"):
        page = served.get("/targets/courses")[1]
        answer = served.post()

    assert "A drill has been running since 2026-02-23 12:00 UTC." in page
    assert answer.status == 409
    assert served.asked("courses") == ()


@pytest.mark.parametrize("target", [COURSES, ("courses", {})], ids=["nightly", "on demand"])
def test_why_a_drill_that_was_asked_for_did_not_begin_stands_on_the_page(served, target):
    served.open(ORDERS, target)
    served.report("courses", 1)
    served.post()
    served.launcher.refuse = "another process holds courses.lock"

    served.service._night("courses")

    page = served.get("/targets/courses")[1]
    assert "did not take place: no drill started: another process holds courses.lock." in page
    assert "<form" in page, "it can be tried again"


def test_while_the_runner_stops_no_drill_is_started(served):
    served.open(COURSES)
    served.service._flags.stop = True

    assert served.post().status == 409
    with pytest.raises(BusyError):
        served.service.ask("courses")
    assert served.asked("courses") == ()


def test_a_changed_token_counts_at_once(served):
    served.open(COURSES)
    served.token_file.write_text(WRONG)

    assert served.post().status == 403
    assert served.post(token=WRONG).status == 303


@pytest.mark.parametrize(
    ("token", "said"),
    [("short", "has 5 characters"), ("", "has 0 characters"), ("x" * 2000, "has 1025 characters")],
)
def test_a_token_that_can_be_guessed_is_refused_at_the_start(served, token, said):
    with pytest.raises(ConfigError, match=said) as caught:
        served.open(COURSES, token=token)

    assert token == "" or token not in str(caught.value)


def test_a_token_file_that_is_not_there_is_refused_at_the_start_and_named_later(served):
    served.open(COURSES)
    served.token_file.unlink()

    with pytest.raises(ConfigError, match=r"token' cannot be read: No such file"):
        served.post()
    with pytest.raises(ConfigError, match="cannot be read"):
        Pages(served.service, served.service._watched, SystemClock())
