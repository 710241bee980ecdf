"""RDS: automated snapshots, copied into the backup account and restored there."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import (
    After,
    BackupSettings,
    Credentials,
    Place,
    RdsSettings,
    RestoreSettings,
    SourceSettings,
)
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.config import Config, Target
from restorecheck.config.sources.rds import RDS, Rds
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.sources.in_aws import (
    SourceInAws,
    of_every_target,
    poll_of,
)
from restorecheck.hosts.sources.source import Remover, none_known
from restorecheck.lifecycle import MIN_TEARDOWN_WAIT
from restorecheck.model import Drill
from restorecheck.ports import Clock, Inventory

if TYPE_CHECKING:
    from restorecheck.rules.findings import Finding

LOOKS_AT_TEARDOWN = 360
"""After so many polls a deletion is given up and reported: an hour at the default interval."""


class RdsSource(SourceInAws[RdsProvider]):
    def make_provider(self, target: Target) -> RdsProvider:
        own = settings_of(self.host.config, target)
        return RdsProvider(settings=own, accounts=self.accounts, clock=self.host.clock)

    def account_of(self, provider: RdsProvider) -> Account:
        return provider.backup_account()

    def inventories(self) -> list[Inventory]:
        return [*inventories_of(self.providers, self.host.clock, self.host.dead)]

    def remover(self, drill: Drill) -> Remover | None:
        provider = reaching(drill, self.providers)
        return provider.delete if provider else None

    @staticmethod
    def teardown_limit(config: Config) -> timedelta:
        return LOOKS_AT_TEARDOWN * max(poll_of(config), MIN_TEARDOWN_WAIT)

    def findings(self, now: datetime) -> "Iterator[Finding]":
        from restorecheck.aws.facts.rds_target import copies_planned, examine
        from restorecheck.rules import readiness

        config = self.host.config
        every = [settings_of(config, target) for target in config.targets if target.kind is RDS]
        for target in self.targets.values():
            own = settings_of(config, target)
            facts = examine(own, self.accounts, planned=copies_planned(every, own))
            yield from readiness.judge(facts, now)


SOURCE = RdsSource


def settings_of(config: Config, target: Target) -> RdsSettings:
    rds = target.keys_of(Rds)
    place = partial(Place, rds.source.role_arn.split(":")[1])
    return settings(
        RdsSettings,
        rds,
        source=settings(SourceSettings, rds.source, place=place(rds.source.account_id, rds.region)),
        backup=settings(
            BackupSettings,
            rds.backup,
            place=place(rds.backup.account_id, rds.backup.region or rds.region),
        ),
        restore=settings(
            RestoreSettings,
            rds.restore,
            credentials=Credentials(rds.restore.credentials),
            iam_user=rds.restore.iam_user or "",
            after=After(rds.after),
        ),
        max_age=timedelta(hours=rds.max_age_hours),
        **of_every_target(config, target),
    )


def inventories_of(
    providers: Iterable[RdsProvider], clock: Clock, dead: Callable[[], Collection[str]] = none_known
) -> list[RdsInventory]:
    """One inventory for each pair of accounts, shared by its targets. `dead`: as in `RdsInventory`."""
    pairs = {(p.settings.source, p.settings.backup.place): p for p in providers}
    return [RdsInventory(provider, clock, dead) for provider in pairs.values()]


def reaching(drill: Drill, providers: Iterable[RdsProvider]) -> RdsProvider | None:
    """A provider with access to everything that the drill made, though its target is not configured."""
    places = [r.account for r in drill.ledger if r.identifier.startswith("arn:")]
    for provider in providers:
        own = provider.settings
        reached = {own.source.place.account_id, own.backup.place.account_id}
        if places and set(places) <= reached:
            return provider
    return None
