"""The pages of `runner.pages`: GET / and /targets/NAME and /drills/ID, and POST /targets/NAME/drill.

A form holds the token itself, entered for each drill. Nothing remembers it, no cookie and no HTTP authentication, so a
form of another site has nothing to send along (cross-site request forgery).
"""

import hmac
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog

from restorecheck.config import Config, Target
from restorecheck.errors import BusyError, NotFoundError
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.service import Service
from restorecheck.hosts.daemon.web import Answer, Request, Site
from restorecheck.hosts.drill.html_pages import html_room
from restorecheck.hosts.drill.standings import newest_reports, status_of_target, statuses_of
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.leases import locks_of
from restorecheck.hosts.process.past import past_until
from restorecheck.hosts.process.token_file import token_of
from restorecheck.model import Verdict
from restorecheck.ports import Clock
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.past import Past
from restorecheck.report.status import TargetStatus
from restorecheck.spelling import minute_of, spell
from restorecheck.sql.store import SqlStore

log = structlog.get_logger("restorecheck.runner")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WRONG_TOKENS = 10
"""Per minute, of all callers together; after that every attempt is refused, also one with the right token."""


class Allowance:
    """A limit of events within a time; not thread-safe."""

    def __init__(self, within: timedelta) -> None:
        self._within = within
        self._used: deque[datetime] = deque()

    def wait(self, most: int, now: datetime) -> timedelta:
        """How long until the next one is allowed; 0: now. A clock that was set back resets the count."""
        self._used = deque(at for at in self._used if timedelta(0) <= now - at < self._within)
        if len(self._used) < most:
            return timedelta(0)
        return self._within - (now - self._used[-most])

    def use(self, now: datetime) -> None:
        self._used.append(now)


class Pages:
    """Answers from the present history; each request opens the history itself."""

    def __init__(self, service: Service, watched: Watched, clock: Clock) -> None:
        """Raises ConfigError: the extra `report` is not installed, or the token cannot be used."""
        self._service = service
        self._watched = watched
        self._clock = clock
        self._html: Any = html_room()
        self._asking = threading.Lock()
        self._wrong = Allowance(MINUTE)
        self._drills = Allowance(HOUR)
        if file := self._token_file:
            token_of(file)

    def site(self) -> Site:
        return Site(self._get, self._post)

    def _get(self, request: Request) -> Answer:
        try:
            match request.path.split("/"):
                case ["", ""]:
                    return self._index(request)
                case ["", "targets", name] if target := self._target(name):
                    return self._newest(target)
                case ["", "drills", drill_id]:
                    return self._drill(drill_id)
                case _:
                    pass
        except NotFoundError as exc:
            return self._notice(HTTPStatus.NOT_FOUND, "Not found", exc.message)
        said = "There is no such target or page."
        return self._notice(HTTPStatus.NOT_FOUND, "Not found", said)

    def _post(self, request: Request) -> Answer:
        match request.path.split("/"):
            case ["", "targets", name, "drill"] if (target := self._target(name)) and (
                file := self._token_file
            ):
                token = token_of(file)
                with self._asking:
                    return self._ask(target, token, request.form.get("token", "").strip())
            case _:
                pass
        said = "There is no such target, or no token is configured."
        return self._notice(HTTPStatus.NOT_FOUND, "Not found", said)

    # --- reading --------------------------------------------------------------------------

    def _index(self, request: Request) -> Answer:
        config, now = self._config, self._clock.now()
        with self._history() as store:
            statuses = statuses_of(config, store, self._locks, now)
            unproven = [status for status in statuses if status.verdict is not Verdict.VERIFIED]
            reports = {report.target: report for report in newest_reports(store, unproven)}
        links = {target.name: f"/targets/{target.name}" for target in config.targets}
        view = self._html.View(
            search=request.query.get("search", ""),
            show=request.query.get("show", ""),
            order=request.query.get("order", ""),
        )
        return self._page(self._html.render_index(statuses, reports, links, now, view))

    def _newest(self, target: Target) -> Answer:
        with self._history() as store:
            status = status_of_target(target, store, self._locks, self._clock.now())
            around = self._html.Around(
                target=target.name,
                coming=self._coming(status),
                skipped=status.skipped,
                button=f"/targets/{target.name}/drill" if self._has_button(target) else "",
            )
            if not status.drill_id:
                said = "This target was never drilled."
                return self._page(self._html.render_notice(target.name, said, around))
            return self._page(self._html.render(*_read(store, status.drill_id), around))

    def _drill(self, drill_id: str) -> Answer:
        with self._history() as store:
            report, past = _read(store, drill_id)
            known = self._target(report.target) is not None
            around = self._html.Around(newest=f"/targets/{report.target}" if known else "")
            return self._page(self._html.render(report, past, around))

    def _coming(self, status: TargetStatus) -> str:
        """The drill of the target that runs or waits, as a sentence; empty: none."""
        if status.running_since:
            return f"A drill has been running since {minute_of(status.running_since)}."
        if self._service.coming(status.target):
            return "A drill waits for its turn."
        return ""

    # --- the button -----------------------------------------------------------------------

    def _ask(self, target: Target, token: str, given: str) -> Answer:
        """Under a lock, so that two requests do not use the same allowance."""
        now = self._clock.now()
        if wait := self._wrong.wait(WRONG_TOKENS, now):
            return self._later("Too many wrong tokens were entered.", wait)
        if not hmac.compare_digest(given.encode(), token.encode()):
            self._wrong.use(now)
            log.warning("web.wrong_token", target=target.name)
            said = "The token is wrong. No drill was started."
            return self._notice(HTTPStatus.FORBIDDEN, "Wrong token", said)
        if target.kind.adopts:
            said = f"{target.name} is drilled when another program has restored it. This page cannot start a drill."
            return self._notice(HTTPStatus.CONFLICT, "No drill was started", said)
        pages = self._config.runner.pages
        most = pages.drills_per_hour if pages else 0
        if wait := self._drills.wait(most, now):
            return self._later(f"The pages start at most {most} drills an hour.", wait)
        with self._history() as store:
            status = status_of_target(target, store, self._locks, now)
        if coming := self._coming(status):
            return self._notice(HTTPStatus.CONFLICT, "No drill was started", coming)
        try:
            self._service.ask(target.name)
        except BusyError as exc:
            said = f"No drill was started: {exc.message}."
            return self._notice(HTTPStatus.CONFLICT, "No drill was started", said)
        self._drills.use(now)
        place = ("Location", f"/targets/{target.name}")
        return Answer(HTTPStatus.SEE_OTHER, "text/plain", b"", (place,))

    def _later(self, said: str, wait: timedelta) -> Answer:
        seconds = max(1, round(wait.total_seconds()))
        said = f"{said} No drill was started; try again in {spell(timedelta(seconds=seconds))}."
        answer = self._notice(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", said)
        return answer._replace(headers=(("Retry-After", str(seconds)),))

    # --- within ---------------------------------------------------------------------------

    @property
    def _config(self) -> Config:
        return self._watched.config

    @property
    def _token_file(self) -> str | None:
        pages = self._config.runner.pages
        return pages.token_file if pages else None

    @property
    def _locks(self) -> Path:
        return locks_of(Path(self._config.history.path))

    def _target(self, name: str) -> Target | None:
        return next((target for target in self._config.targets if target.name == name), None)

    def _has_button(self, target: Target) -> bool:
        return bool(self._token_file) and not target.kind.adopts

    @contextmanager
    def _history(self) -> Iterator[SqlStore]:
        store = open_history(self._config.history)
        try:
            yield store
        finally:
            store.close()

    def _notice(self, status: HTTPStatus, title: str, said: str) -> Answer:
        return self._page(self._html.render_notice(title, said, self._html.Around()), status)

    def _page(self, page: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
        return Answer(status, "text/html; charset=utf-8", page.encode("utf-8", "replace"))


def _read(store: SqlStore, drill_id: str) -> tuple[Report, Past]:
    """A report and the earlier nights.

    Raises:
        NotFoundError: There is none, retention removed it, or a newer version wrote one of these reports.
    """
    text = store.report(drill_id)
    try:
        report = document.parse(text)
        return report, past_until(report, store)
    except ValueError as exc:
        message = (
            f"drill {drill_id}, or one before it, was written by a newer version of restorecheck"
        )
        raise NotFoundError(message) from exc
