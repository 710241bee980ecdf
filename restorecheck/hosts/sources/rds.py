"""RDS: automated snapshots, copied into the backup account and restored there. What Aurora has as well takes
whatever provider it is given.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from restorecheck.aws.aurora.leftovers import ForgottenClusters
from restorecheck.aws.aurora.provider import AuroraProvider
from restorecheck.aws.aurora.settings import AuroraRestoreSettings, AuroraSettings
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.naming import as_dict
from restorecheck.aws.session.settings import (
    After,
    BackupSettings,
    Credentials,
    Place,
    RdsSettings,
    RestoreSettings,
    SnapshotSettings,
    SourceSettings,
    UpgradeSettings,
)
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.aws.snapshots.provider import RdsProvider, SnapshotProvider
from restorecheck.config import Config, Target
from restorecheck.config.discovery import DiscoveryRule
from restorecheck.config.sources.aurora import AURORA, Aurora
from restorecheck.config.sources.rds import Rds
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.sources.drill_settings import rehearsal_limit_of
from restorecheck.hosts.sources.in_aws import (
    SourceInAws,
    of_every_target,
    poll_of,
)
from restorecheck.hosts.sources.source import Remover
from restorecheck.lifecycle import MIN_TEARDOWN_WAIT
from restorecheck.model import Drill
from restorecheck.ports import Inventory

if TYPE_CHECKING:
    from restorecheck.rules.findings import Finding

LOOKS_AT_TEARDOWN = 360
"""After so many polls a deletion is given up and reported: an hour at the default interval."""


S = TypeVar("S", bound=SnapshotProvider)


class SnapshotSource(SourceInAws[S]):
    inventory: type[RdsInventory] = RdsInventory
    listing: str
    """The operation that lists the databases of production, and what of its answer is read."""
    listed: str
    listed_as: str
    identifier: str
    engine: str

    @abstractmethod
    def settings_of(self, target: Target) -> SnapshotSettings: ...

    def account_of(self, provider: S) -> Account:
        return provider.backup_account()

    def findings(self, now: datetime) -> "Iterator[Finding]":
        from restorecheck.aws.facts.rds_target import copies_planned, examine
        from restorecheck.rules import readiness

        (kind,) = {target.kind for target in self.targets.values()}
        of_kind = [target for target in self.host.config.targets if target.kind is kind]
        every = [self.settings_of(target) for target in of_kind]
        for target in self.targets.values():
            own = self.settings_of(target)
            facts = examine(own, self.accounts, planned=copies_planned(every, own))
            yield from readiness.judge(facts, now)

    def discover(self, rule: DiscoveryRule) -> frozenset[str]:
        """By the tags in the descriptions themselves: no other right is needed."""
        account = self.accounts.source(self.settings_of(rule.template).source)
        tags = rule.tags.items()
        return frozenset(
            str(raw[self.identifier])
            for page in account.pages(self.listing, self.listed)
            for raw in page[self.listed_as]
            if raw.get("Engine") == self.engine and tags <= as_dict(raw.get("TagList")).items()
        )

    def inventories(self) -> list[Inventory]:
        host = self.host
        return [
            self.inventory(provider, host.clock, host.dead)
            for provider in for_each_pair(self.providers)
        ]

    def remover(self, drill: Drill) -> Remover | None:
        provider = reaching(drill, self.providers)
        return provider.delete if provider else None

    @staticmethod
    def teardown_limit(config: Config) -> timedelta:
        return LOOKS_AT_TEARDOWN * max(poll_of(config), MIN_TEARDOWN_WAIT)


class RdsSource(SnapshotSource[RdsProvider]):
    listing, listed, listed_as = "describe_db_instances", "DB instances", "DBInstances"
    identifier, engine = "DBInstanceIdentifier", "postgres"

    def make_provider(self, target: Target) -> RdsProvider:
        own = self.settings_of(target)
        return RdsProvider(settings=own, accounts=self.accounts, clock=self.host.clock)

    def settings_of(self, target: Target) -> RdsSettings:
        return settings_of(self.host.config, target)

    def inventories(self) -> list[Inventory]:
        """Also those of Aurora targets that are no longer configured."""
        host = self.host
        return [
            *super().inventories(),
            *(ForgottenClusters(p, host.clock, host.dead) for p in self._of_clusters()),
        ]

    def remover(self, drill: Drill) -> Remover | None:
        found = super().remover(drill) or reaching(drill, self._of_clusters())
        return found.delete if isinstance(found, AuroraProvider) else found

    def _of_clusters(self) -> list[AuroraProvider]:
        """Providers that only delete; none where an Aurora target is configured."""
        host = self.host
        if any(target.kind is AURORA for target in host.config.targets):
            return []
        return [
            AuroraProvider(
                settings=no_cluster(p.settings), accounts=self.accounts, clock=host.clock
            )
            for p in for_each_pair(self.providers)
        ]


SOURCE = RdsSource


def settings_of(config: Config, target: Target) -> RdsSettings:
    rds = target.keys_of(Rds)
    restore = settings(RestoreSettings, rds.restore, **restored_as(rds))
    return settings(RdsSettings, rds, restore=restore, **in_two_accounts(config, target, rds))


def no_cluster(own: SnapshotSettings) -> AuroraSettings:
    """Settings with which clusters of the same accounts are found and deleted, and nothing is restored."""
    restore = own.restore
    return AuroraSettings(
        target=own.target,
        db_cluster_identifier="",
        source=own.source,
        backup=own.backup,
        restore=AuroraRestoreSettings(
            db_instance_class="",
            db_subnet_group_name=restore.db_subnet_group_name,
            vpc_security_group_ids=restore.vpc_security_group_ids,
        ),
        max_age=own.max_age,
        deadline=own.deadline,
        poll=own.poll,
    )


def restored_as(keys: Rds | Aurora) -> dict[str, Any]:
    """Settings of a restore that do not stand in the keys as they are."""
    return {
        "credentials": Credentials(keys.restore.credentials),
        "iam_user": keys.restore.iam_user or "",
        "after": After(keys.after),
    }


def in_two_accounts(config: Config, target: Target, keys: Rds | Aurora) -> dict[str, Any]:
    """The settings that every target with snapshots has."""
    place = partial(Place, keys.source.role_arn.split(":")[1])
    here, there = keys.source, keys.backup
    backup = place(there.account_id, there.region or keys.region)
    return {
        "source": settings(SourceSettings, here, place=place(here.account_id, keys.region)),
        "backup": settings(BackupSettings, there, place=backup),
        "every": target.expected_every,
        "max_age": timedelta(hours=keys.max_age_hours),
        "upgrade": _upgrade_of(target),
        **of_every_target(config, target),
    }


def _upgrade_of(target: Target) -> UpgradeSettings | None:
    keys = target.rehearse
    if keys is None:
        return None
    limit = rehearsal_limit_of(target)
    return UpgradeSettings(limit=limit, parameter_group=keys.parameter_group_name)


def for_each_pair(providers: Iterable[S]) -> list[S]:
    """One for each pair of accounts, however many targets share it."""
    pairs = {(p.settings.source, p.settings.backup.place): p for p in providers}
    return [*pairs.values()]


def reaching(drill: Drill, providers: Iterable[S]) -> S | None:
    """One that can delete everything that the drill has made, though its target is not configured."""
    made = [r for r in drill.ledger if r.identifier.startswith("arn:")]
    for provider in providers:
        own = provider.settings
        reached = {own.source.place.account_id, own.backup.place.account_id}
        known = all(r.account in reached and provider.knows(r) for r in made)
        if made and known:
            return provider
    return None
