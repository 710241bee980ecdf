"""Whether a target has a backup that was not drilled yet."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.choosing import Listed, key_of
from restorecheck.config import Config
from restorecheck.hosts.drill.wiring import targets_of
from restorecheck.hosts.sources.drill_settings import PastDrills, drilled
from restorecheck.ports import Clock

AGAIN = timedelta(hours=1)
"""After a drill that was inconclusive, or did not begin, the same backup is tried again."""
SETTLED = timedelta(seconds=5)
"""A backup that has not changed for this long is complete, as far as a list can tell."""


def newest_of(config: Config, name: str, clock: Clock) -> tuple[Listed, ...]:
    """As `Provider.newest`."""
    return targets_of(config).provider_of(name).newest(clock.now())


def keys_of(listed: Collection[Listed]) -> frozenset[str]:
    return frozenset(key_of(one.identifier, one.version) for one in listed)


def is_new(keys: Collection[str], store: PastDrills, target: str) -> bool:
    """Where there is no backup at all, that is news, too: a drill says so."""
    return not keys or not set(keys) <= drilled(store, target, unclear=False).keys()


@dataclass
class Look:
    """What a runner has seen of one target."""

    keys: frozenset[str]
    seen_at: datetime | None = None
    """When these keys were first seen; None: before there was a runner to see them change."""
    asked_at: datetime | None = None

    def is_settled(self, keys: frozenset[str], now: datetime) -> bool:
        """The same at two looks, so that nothing is drilled while it is written."""
        if keys != self.keys:
            self.keys, self.seen_at, self.asked_at = keys, now, None
        return self.seen_at is None or now - self.seen_at >= SETTLED

    def is_due(self, now: datetime) -> bool:
        """Not asked for lately."""
        return self.asked_at is None or now - self.asked_at >= AGAIN
