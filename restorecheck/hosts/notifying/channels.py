"""The channels of `notify`, and the facts of a report for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import Protocol

import structlog

from restorecheck.announcing import Finished, Kind, News, Rules
from restorecheck.config import Config
from restorecheck.config.notify import Channel
from restorecheck.errors import DeliveryError, NotFoundError
from restorecheck.history import Entry
from restorecheck.hosts.process.past import past_until
from restorecheck.model import DrillOf, Verdict
from restorecheck.ports import Clock, DrillStore, History, Messenger
from restorecheck.report import document
from restorecheck.report.advice import do_now
from restorecheck.report.document import Report
from restorecheck.report.message import compose
from restorecheck.report.restorable import to_restore
from restorecheck.report.wording import sentence

ELSEWHERE = {"sns": "restorecheck.aws.deployment.sns"}
"""Kinds of channel whose module is not in `notify`: only `aws` calls AWS."""

log = structlog.get_logger("restorecheck.messengers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A channel, ready to be used."""

    name: str
    rules: Rules
    concerns: Callable[[str], bool]
    messenger: Messenger
    is_ping: bool = False


def lines_of(config: Config, clock: Clock) -> tuple[Line, ...]:
    """Every channel.

    Raises:
        ConfigError: A channel needs a package that is not installed, or its URL is invalid.
    """
    return tuple(_line(channel, config, clock) for channel in config.notify)


def _line(channel: Channel, config: Config, clock: Clock) -> Line:
    assert channel.name is not None, "named when it was loaded"
    return Line(
        name=channel.name,
        rules=_rules(channel),
        concerns=channel.concerns,
        messenger=_messenger(channel, config, clock),
        is_ping=channel.ping is not None,
    )


def _rules(channel: Channel) -> Rules:
    if channel.ping is not None:
        # A dead man's switch gets every drill: it takes a missing message for an alarm.
        kinds = frozenset(Kind) - {Kind.OVERDUE}
        return Rules(kinds=kinds, inconclusive_after=1, repeat_after=timedelta(0))
    return Rules(
        kinds=frozenset(channel.on),
        inconclusive_after=channel.inconclusive_after,
        repeat_after=timedelta(hours=channel.repeat_after_hours),
    )


def _messenger(channel: Channel, config: Config, clock: Clock) -> Messenger:
    """Imports the channel's module here: Apprise and boto3 are large."""
    module = import_module(ELSEWHERE.get(channel.kind, f"restorecheck.notify.{channel.kind}"))
    made: Messenger = module.messenger_of(channel.own, channel.name, clock, config)
    return made


class Store(DrillStore, History, Protocol):
    """Drills with their history."""


def finished(entry: Entry, store: Store, *, with_past: bool = True) -> Finished:
    """The facts of a report for its channels. `with_past`: also which backup can be restored meanwhile."""
    fact = Finished(
        target=entry.target,
        at=entry.finished_at,
        drill_id=entry.drill_id,
        verdict=entry.verdict,
        reason="retention removed the report of this message",
        proves=entry.of is not DrillOf.ASKED,
    )
    try:
        report = document.parse(store.report(entry.drill_id))
    except NotFoundError:
        return fact
    unproven = with_past and report.verdict is not Verdict.VERIFIED
    left = report.teardown.left if entry.left_behind else ()
    return replace(
        fact,
        reason=report.reason,
        hint=report.hint,
        says=sentence(report),
        contact=report.contact,
        do_now=do_now(report),
        to_restore=to_restore(report, past_until(report, store)) if unproven else "",
        left=tuple(f"{one.kind} {one.identifier}" for one in left),
        sha256=entry.sha256,
        scheduled_for=entry.scheduled_for,
        page=_page_of(report),
    )


def _page_of(report: Report) -> str:
    """Where the notifier function writes the target's page (`functions.notifier`)."""
    if report.deployment is None:
        return ""
    return f"s3://{report.deployment.bucket}/pages/{report.target}.html"


def send(line: Line, news: Sequence[News], *, report_url: str | None, host: str) -> None:
    """Send one message.

    Raises:
        DeliveryError: It was not accepted.
    """
    try:
        line.messenger.send(compose(news, report_url=report_url, host=host))
    except DeliveryError:
        raise
    except Exception as exc:  # a defect in a channel counts as a failed delivery
        log.exception("channel.defect", channel=line.name)
        raise DeliveryError(f"a defect in the channel ({type(exc).__name__})") from exc
