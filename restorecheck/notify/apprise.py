"""Slack, Teams, e-mail, PagerDuty, ntfy and a hundred more, by Apprise (extra `notify`)."""

import logging
from typing import Any

from pydantic import SecretStr

from restorecheck.announcing import Kind
from restorecheck.errors import ConfigError, DeliveryError, Problem
from restorecheck.notify.http import bounded
from restorecheck.ports import Messenger
from restorecheck.report.message import Message

LIMIT_SECONDS = 60.0
"""A message that takes longer counts as not delivered."""


class AppriseMessenger(Messenger):
    """Raises ConfigError when Apprise is not installed, or does not know the URL."""

    def __init__(self, url: str, name: str) -> None:
        try:
            import apprise  # noqa: PLC0415  # large, and an extra
        except ImportError as exc:
            message = f"the channel {name!r} needs Apprise, which is not installed"
            raise ConfigError(
                (Problem(message=message, path="notify"),),
                hint="pip install 'restorecheck[notify]'",
            ) from exc
        # Its log lines may contain the URL with its token.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._scheme = url.partition("://")[0]
        self._apprise: Any = apprise.Apprise()
        if not self._apprise.add(url):
            message = f"Apprise does not support the URL of the channel {name!r}"
            raise ConfigError(
                (Problem(message=message, path="notify"),),
                hint="Correct the URL: the documentation of Apprise lists the URLs of each "
                "service.",
            )

    def send(self, message: Message) -> None:
        def attempt() -> None:
            # `text`: for services with markup Apprise escapes the text.
            taken = self._apprise.notify(
                title=message.title,
                body=message.text,
                notify_type=_kind(message.kinds[0]),
                body_format="text",
            )
            if not taken:
                raise DeliveryError(f"{self._scheme} did not accept the message")

        bounded(attempt, LIMIT_SECONDS, f"sending by {self._scheme} did not end in time")


def messenger_of(url: SecretStr, name: str, *_: object) -> Messenger:
    return AppriseMessenger(url.get_secret_value(), name)


def _kind(kind: Kind) -> str:
    match kind:
        case Kind.FAILED | Kind.LEFT_BEHIND | Kind.OVERDUE | Kind.TROUBLE:
            return "failure"
        case Kind.INCONCLUSIVE | Kind.SKIPPED:
            return "warning"
        case Kind.RECOVERED | Kind.VERIFIED:
            return "success"
