"""Physical backups, recovered by a throw-away server on this machine."""

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from restorecheck.config import Target
from restorecheck.config.sources.physical import Physical
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.process.programs import after_verified_of, runner_of
from restorecheck.hosts.sources.drill_settings import deadline_of
from restorecheck.hosts.sources.server_settings import server_settings
from restorecheck.hosts.sources.source import Source
from restorecheck.ports import Checker
from restorecheck.postgres.physical import moment
from restorecheck.postgres.physical.moment import Moment
from restorecheck.postgres.physical.provider import PhysicalProvider
from restorecheck.postgres.physical.settings import PhysicalSettings
from restorecheck.postgres.physical.source import PhysicalSource
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.session.connection import Connect
from restorecheck.postgres.session.opening import by_system_identifier

if TYPE_CHECKING:
    from restorecheck.rules.facts import MachineFacts

LATE = timedelta(hours=2)
"""Added to the derived age limit: a backup may take so much longer than the previous one."""


class PhysicalBackups(Source[PhysicalProvider]):
    """What its drills leave is found by the inventory of dumps: the same directories."""

    def make_provider(self, target: Target) -> PhysicalProvider:
        host = self.host
        return PhysicalProvider(
            physical=physical_settings(target),
            server=replace(server_settings(host.config), full_text=host.full_text),
            clock=host.clock,
            lock_of=host.lock_of,
            deadline=deadline_of(target),
            after=after_verified_of(target, Path(host.config.file)),
        )

    def make_checker(self, provider: PhysicalProvider) -> Checker:
        connect = self.connect_of(provider)
        run = runner_of(self.target_of(provider), superuser=provider.physical.superuser)
        return PostgresChecker(connect, self.host.clock, killed=provider.killed, run=run)

    def facts(self, known: "MachineFacts") -> "MachineFacts":
        from restorecheck.postgres.physical.listing import examine

        now, server = self.host.clock.now(), server_settings(self.host.config)
        targets = self.targets.values()
        unscheduled = (t.name for t in targets if t.schedule is None and not t.when_new)
        found = (examine(t.name, physical_settings(t), server, now) for t in targets)
        return replace(known, unscheduled=(*known.unscheduled, *unscheduled), physical=tuple(found))

    def connect_of(self, provider: PhysicalProvider) -> Connect:
        return by_system_identifier(provider.connect)


SOURCE = PhysicalBackups


def physical_settings(target: Target) -> PhysicalSettings:
    physical = target.keys_of(Physical)
    kind, hours = physical.backup_kind, physical.max_age_hours
    made: type[Any] = import_module(f"restorecheck.postgres.physical.sources.{kind.key}").SOURCE
    return settings(
        PhysicalSettings,
        physical,
        source=cast(PhysicalSource, settings(made, physical.own)),
        moment=Moment(*physical.moment),
        named=moment.in_order({n: Moment(*m) for n, m in physical.moments.items()}),
        false_after=any(spec.false_after for spec in target.check_specs()),
        max_age=max_age_of(hours, target.expected_every),
        every=target.expected_every,
        databases=tuple(target.databases or ()),
    )


def max_age_of(hours: float | None, every: timedelta | None) -> timedelta | None:
    """The configured limit, or one derived from the expected interval; None: no limit."""
    if hours is not None:
        return timedelta(hours=hours)
    return None if every is None else every + LATE
