"""From the items of `notify` to those who deliver."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from restorecheck.announcing import Kind, Rules
from restorecheck.config import Config
from restorecheck.config.notify import Channel
from restorecheck.ports import Clock, Messenger


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
        ConfigError: One needs what is not installed, or its URL is not understood.
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
        # A switch hears of every drill: what it is not told looks like silence to it.
        kinds = frozenset(Kind) - {Kind.OVERDUE}
        return Rules(kinds=kinds, inconclusive_after=1, repeat_after=timedelta(0))
    return Rules(
        kinds=frozenset(channel.on),
        inconclusive_after=channel.inconclusive_after,
        repeat_after=timedelta(hours=channel.repeat_after_hours),
    )


def _messenger(channel: Channel, config: Config, clock: Clock) -> Messenger:
    """Imported as they are used: Apprise and boto3 are large."""
    assert channel.name is not None, "named when it was loaded"
    if channel.ping is not None:
        from restorecheck.notify.ping import PingMessenger

        return PingMessenger(channel.ping.url.get_secret_value())
    if channel.webhook is not None:
        from restorecheck.notify.webhook import WebhookMessenger

        secret = channel.webhook.secret
        return WebhookMessenger(
            channel.webhook.url.get_secret_value(),
            secret.get_secret_value() if secret else None,
            clock,
        )
    if channel.sns is not None:
        from restorecheck.aws.deployment.sns import SnsMessenger

        return SnsMessenger(channel.sns.topic_arn, sandbox=config.sandbox)
    from restorecheck.notify.apprise import AppriseMessenger

    assert channel.apprise is not None, "exactly one of the four"
    return AppriseMessenger(channel.apprise.get_secret_value(), channel.name)
