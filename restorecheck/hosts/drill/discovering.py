"""One look for databases that `discover` names: what is new, what is gone, and the list that is kept of both."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.announcing import Trouble
from restorecheck.config import Config
from restorecheck.config.discovery import (
    DiscoveryRule,
    FoundDatabase,
    Looked,
    encode,
    merged,
    target_name,
)
from restorecheck.config.loading import found_file
from restorecheck.errors import RestorecheckError
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.hosts.sources.source import Host, source_of
from restorecheck.spelling import minute_of

NEW = "a new database was found: {name} ({rule}). It is not proven yet"
SAID_FOR = timedelta(days=30)
GONE = (
    "the database {name} is no longer found ({rule}): it was deleted, or its tag was taken away. It is not drilled any more; "
    "its reports are kept"
)


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """The result of one look at all rules."""

    looked: Looked
    problems: tuple[str, ...]
    """Rules that could not be looked for, or found too much: nothing changed for them."""
    at: datetime

    def facts(self) -> list[Trouble]:
        """What is new and what is gone, for the channels."""
        said = [(one, NEW) for one in self.looked.new] + [(one, GONE) for one in self.looked.gone]
        return [
            Trouble(target=target_name(one.identifier), at=self.at, reason=_say(one, text))
            for one, text in said
        ]


def discover(host: Host) -> Discovered:
    """Looks; stores nothing."""
    config, now = host.config, host.clock.now()
    seen: dict[str, frozenset[str]] = {}
    problems = []
    for rule in config.rules:
        try:
            names = source_of(rule.template.kind)(host).discover(rule)
        except RestorecheckError as exc:
            problems.append(f"could not look for databases ({rule.key}): {exc.message}")
            continue
        if len(names) > rule.at_most:
            problems.append(_too_many(rule, len(names)))
            continue
        seen[rule.key] = names
    looked = merged(config.found, seen, [rule.key for rule in config.rules], now)
    return Discovered(looked=looked, problems=tuple(problems), at=now)


def keep(config: Config, found: Discovered) -> bool:
    """Write the list of this machine; returns whether it differs from the one that the configuration was read with.

    Raises:
        ConfigError: It cannot be written.
    """
    if found.looked.found == config.found:
        return False
    with writing(str(found_file(config)), keeps=True) as stream:
        stream.write(encode(found.looked.found))
    return True


def gone_notes(config: Config, now: datetime) -> tuple[str, ...]:
    """Of databases that are no longer found, for a month."""
    return tuple(
        f"the database {one.identifier} is gone since {minute_of(one.gone_at)} ({one.rule}); its reports are kept"
        for one in config.found
        if one.gone_at is not None and now - one.gone_at < SAID_FOR
    )


def _say(one: FoundDatabase, text: str) -> str:
    return text.format(name=one.identifier, rule=one.rule)


def _too_many(rule: DiscoveryRule, number: int) -> str:
    return (
        f"{number} databases were found ({rule.key}), and at_most is {rule.at_most}: none was added or removed. Raise at_most, or "
        "narrow the tags"
    )
