"""Sends messages on a finished drill. What a channel has reported follows from the earlier reports."""

from collections.abc import Sequence

import structlog

from restorecheck.announcing import NOTHING_TOLD, Finished, News, Rules, Trouble, hear
from restorecheck.errors import DeliveryError, RestorecheckError
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.hosts.notifying.channels import Line, finished, lines_of, send
from restorecheck.model import Drill

log = structlog.get_logger("restorecheck.functions")

LOOK_BACK = 30
"""Earlier drills that are read for this; an older trouble is reported again."""


def tell(drill: Drill, around: FunctionContext) -> None:
    """An error here neither changes a verdict nor prevents the end of a drill."""
    try:
        config = around.config()
        lines = [line for line in lines_of(config, around.clock) if line.concerns(drill.target)]
        entries = around.store.entries(target=drill.target, newest=LOOK_BACK)
        facts = [
            finished(entry, around.store, with_past=entry.drill_id == drill.id)
            for entry in entries
            if entry.announce
        ]
        for line in lines:
            _tell_line(line, drill, facts, config.report_url)
    except RestorecheckError as exc:
        log.warning("message.trouble", drill_id=drill.id, reason=exc.message)


def tell_facts(facts: Sequence[Trouble], around: FunctionContext) -> None:
    """Messages that are not about a drill. An error here prevents nothing."""
    try:
        config = around.config()
        for line in lines_of(config, around.clock):
            for fact in facts:
                _, news = hear(NOTHING_TOLD, fact, line.rules)
                if news and line.concerns(fact.target):
                    send(line, news, report_url=config.report_url, host="AWS")
    except RestorecheckError as exc:
        log.warning("message.trouble", reason=exc.message)


def _tell_line(line: Line, drill: Drill, facts: list[Finished], report_url: str | None) -> None:
    news = [item for item in _news(facts, line.rules) if item.fact.at == drill.finished_at]
    if not news:
        return
    try:
        send(line, news, report_url=report_url, host="AWS")
    except DeliveryError as exc:
        log.warning("message.undelivered", drill_id=drill.id, channel=line.name, reason=exc.message)


def _news(facts: list[Finished], rules: Rules) -> list[News]:
    told = NOTHING_TOLD
    found: list[News] = []
    for fact in facts:
        told, news = hear(told, fact, rules)
        found += news
    return found
