"""What another program restored: AWS Backup, or a person. It is checked, never changed or deleted."""

from datetime import timedelta

from restorecheck.aws.adopt.clusters import AdoptedClusterProvider
from restorecheck.aws.adopt.leftovers import AdoptInventory
from restorecheck.aws.adopt.provider import INSTANCE_ARN, AdoptProvider
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import AdoptSettings, Place, parse_arn
from restorecheck.aws.snapshots.instances import INSTANCE
from restorecheck.config import Config, Target
from restorecheck.config.sources.adopt import Adopt
from restorecheck.errors import ConfigError, Problem, ProviderError
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.sources.in_aws import SourceInAws, of_every_target
from restorecheck.hosts.sources.source import Remover
from restorecheck.model import Drill
from restorecheck.ports import Inventory


class AdoptSource(SourceInAws[AdoptProvider]):
    def make_provider(self, target: Target) -> AdoptProvider:
        own = settings_of(self.host.config, target)
        if own.of_cluster:
            clock = self.host.clock
            return AdoptedClusterProvider(settings=own, accounts=self.accounts, clock=clock)
        return AdoptProvider(settings=own, accounts=self.accounts)

    def inventories(self) -> list[Inventory]:
        """One for each account and region in which an instance is added to adopted clusters."""
        return [AdoptInventory(p, self.host.clock, self.host.dead) for p in self._adding().values()]

    def remover(self, drill: Drill) -> Remover | None:
        made = {parse_arn(resource.identifier).place for resource in drill.ledger}
        if len(made) != 1 or any(resource.kind != INSTANCE for resource in drill.ledger):
            return None
        provider = self._adding().get(made.pop())
        return provider.delete if provider else None

    def _adding(self) -> dict[Place, AdoptedClusterProvider]:
        return {
            provider.settings.place: provider
            for provider in self.providers
            if isinstance(provider, AdoptedClusterProvider) and provider.settings.db_instance_class
        }

    def account_of(self, provider: AdoptProvider) -> Account:
        return provider.account()

    def outputs_of(self, target: Target, instance: str) -> dict[str, str]:
        return outputs_of(settings_of(self.host.config, target), instance)


SOURCE = AdoptSource


def settings_of(config: Config, target: Target) -> AdoptSettings:
    adopt = target.keys_of(Adopt)
    age = adopt.max_age_hours
    return settings(
        AdoptSettings,
        adopt,
        production=adopt.production,
        place=Place(adopt.production.split(":")[1], adopt.account_id, adopt.region),
        secret_arn=adopt.secret_arn or "",
        max_age=None if age is None else timedelta(hours=age),
        **of_every_target(config, target),
    )


def outputs_of(settings: AdoptSettings, instance: str) -> dict[str, str]:
    """The first outputs of a drill that adopts this instance or cluster, given by name or ARN.

    Raises:
        ConfigError: It is production itself, or in another account or region.
    """
    kind, what = ("cluster", "cluster") if settings.of_cluster else ("db", "instance")
    arn = instance if instance.startswith("arn:") else settings.place.arn(kind, instance.lower())
    try:
        parsed = parse_arn(arn)
    except ProviderError as exc:
        raise ConfigError((Problem(message=f"--adopt {instance}: {exc.message}"),)) from exc
    if parsed.place != settings.place or (parsed.service, parsed.kind) != ("rds", kind):
        message = f"--adopt {instance} is not the ARN of a DB {what} in {settings.place}"
        raise ConfigError(
            (Problem(message=message),), hint="Check adopt.account_id and adopt.region."
        )
    if arn == settings.production:
        message = (
            f"could not adopt {instance}: this is the production {what}, not a restored "
            "backup; restorecheck did not connect"
        )
        raise ConfigError(
            (Problem(message=message),),
            hint=f"Name a DB {what} that was restored from a backup of production.",
        )
    return {INSTANCE_ARN: arn}
