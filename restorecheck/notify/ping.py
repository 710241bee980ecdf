"""A dead man's switch: it gets a ping for every drill, and raises an alarm when none comes.

Compatible with healthchecks.io (and Cronitor, Uptime Kuma): the URL itself means
success; /start, /fail and /log are appended to its path. `rid` connects a start with its end.
https://healthchecks.io/docs/http_api/
"""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, urlsplit, urlunsplit

from restorecheck.announcing import Finished, Kind, News
from restorecheck.config.notify import Ping
from restorecheck.notify.http import post
from restorecheck.ports import Messenger
from restorecheck.report.message import Message


class Signal(StrEnum):
    START = "/start"
    SUCCESS = ""
    FAIL = "/fail"
    LOG = "/log"  # logged by the service, which still waits for a success


SIGNALS = {
    Kind.VERIFIED: Signal.SUCCESS,
    Kind.RECOVERED: Signal.SUCCESS,
    Kind.FAILED: Signal.FAIL,
    Kind.INCONCLUSIVE: Signal.LOG,
    Kind.LEFT_BEHIND: Signal.LOG,
    Kind.SKIPPED: Signal.LOG,
    Kind.TROUBLE: Signal.LOG,
}
"""Kinds that are sent. An overdue target is noticed by the service itself, because no ping comes."""


class PingMessenger(Messenger):
    def __init__(self, url: str) -> None:
        self._url = url

    def started(self, target: str, slot: datetime) -> None:
        """Report the start of a scheduled drill.

        Raises:
            DeliveryError: It was not accepted.
        """
        self._ping(target, Signal.START, slot, "")

    def send(self, message: Message) -> None:
        """One ping for each news about a target."""
        for item in message.news:
            signal = _signal(item)
            if signal is not None and item.fact.target:
                self._ping(item.fact.target, signal, _slot(item), message.text)

    def _ping(self, target: str, signal: Signal, slot: datetime | None, text: str) -> None:
        post(
            ping_url(self._url, target, signal, slot), text.encode(), {"Content-Type": "text/plain"}
        )


def _signal(item: News) -> Signal | None:
    """None: it is not sent. An older backup that was asked for is no proof, so the service still waits for one."""
    if isinstance(item.fact, Finished) and item.kind is Kind.VERIFIED and not item.fact.proves:
        return Signal.LOG
    return SIGNALS.get(item.kind)


def messenger_of(ping: Ping, *_: object) -> Messenger:
    return PingMessenger(ping.url.get_secret_value())


def ping_url(url: str, target: str, signal: Signal, slot: datetime | None) -> str:
    parts = urlsplit(url.replace("{target}", quote(target.lower(), safe="")))
    query = parts.query
    if slot is not None:
        query = f"{query}&rid={run_id(target, slot)}" if query else f"rid={run_id(target, slot)}"
    path = parts.path.rstrip("/") + signal.value
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def run_id(target: str, slot: datetime) -> uuid.UUID:
    """The same id for the start and the end of one slot's drill, whichever process sends them."""
    return uuid.uuid5(
        uuid.NAMESPACE_URL, f"restorecheck:{target}:{slot.astimezone(UTC).isoformat()}"
    )


def _slot(item: News) -> datetime | None:
    return item.fact.scheduled_for if isinstance(item.fact, Finished) else None
