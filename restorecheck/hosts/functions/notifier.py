"""HTML pages: one for each target, and an index.

Called when a drill has ended, and every hour, because a proof gets too old without a drill. Each
call updates all pages, so the next one makes up for a lost event.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from restorecheck.aws.deployment.pages import Pages
from restorecheck.errors import NotFoundError
from restorecheck.history import Standing, status_of
from restorecheck.hosts.functions.surroundings import BUCKET, FunctionContext
from restorecheck.hosts.process.past import past_until
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.sweep import still_left

log = structlog.get_logger("restorecheck.functions")

INDEX = "index.html"
DOUBT = timedelta(minutes=2)
"""A page younger than this is written again: it may have been made before its report was stored."""


def publish(_event: Mapping[str, Any], around: FunctionContext) -> dict[str, Any]:
    """Any event in, the names of the written pages out.

    Raises:
        ConfigError: The configuration cannot be used.
        ProviderError, StoreError: The bucket or the table cannot be used.
    """
    from restorecheck.report import html  # slow, and only this function needs it

    pages = Pages(around.client("s3"), around.setting(BUCKET))
    known = pages.written()
    now = around.clock.now()
    left = still_left(around.store.with_leftovers())
    statuses, newest, written = [], {}, []
    for target in around.config().targets:
        if not target.kind.in_aws:
            continue
        standing = around.store.standing(target.name)
        allowed = timedelta(hours=target.max_proof_age_hours)
        # Without a next drill: the template has the schedule.
        is_left = target.name in left
        statuses.append(
            status_of(standing, allowed, now, samples=target.samples, left_behind=is_left)
        )
        report = _newest(standing, around)
        if report is None:
            continue
        newest[target.name] = report
        if _is_old(known.get(_page_of(target.name)), report):
            pages.write(
                _page_of(target.name), html.render(report, past_until(report, around.store))
            )
            written.append(_page_of(target.name))
    links = {name: _page_of(name) for name in newest}
    pages.write(INDEX, html.render_index(statuses, newest, links, now))
    log.info("pages.written", pages=[*written, INDEX])
    return {"pages": [*written, INDEX]}


def _page_of(target: str) -> str:
    return f"{target}.html"


def _is_old(written: datetime | None, report: Report) -> bool:
    return written is None or written < report.finished_at + DOUBT


def _newest(standing: Standing, around: FunctionContext) -> Report | None:
    if standing.decisive is None:
        return None
    try:
        return document.parse(around.store.report(standing.decisive.drill_id))
    except NotFoundError:  # retention removed it
        return None
