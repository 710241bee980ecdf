"""Tells of a finished drill. What its readers know already follows from the reports before it."""

import structlog

from restorecheck.announcing import NOTHING_TOLD, Finished, News, Rules, hear
from restorecheck.errors import DeliveryError, RestorecheckError
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.hosts.notifying.channels import Line, finished, lines_of, send
from restorecheck.model import Drill

log = structlog.get_logger("restorecheck.functions")

LOOK_BACK = 30
"""Drills from which it follows what a channel was told; troubles that last longer are told anew."""


def tell(drill: Drill, around: FunctionContext) -> None:
    """Nothing that goes wrong here changes a verdict, or keeps a drill from its end."""
    try:
        config = around.config()
        lines = [line for line in lines_of(config, around.clock) if line.concerns(drill.target)]
        entries = around.store.entries(target=drill.target, newest=LOOK_BACK)
        facts = [finished(entry, around.store) for entry in entries if entry.announce]
        for line in lines:
            _tell_line(line, drill, facts, config.report_url)
    except RestorecheckError as exc:
        log.warning("message.trouble", drill_id=drill.id, reason=exc.message)


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
