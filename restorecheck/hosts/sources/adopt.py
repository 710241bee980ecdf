"""Instances that another program restored: AWS Backup, or a person. They are checked, never changed or deleted."""

from datetime import timedelta

from restorecheck.aws.adopt.provider import INSTANCE_ARN, AdoptProvider
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import AdoptSettings, Place, parse_arn
from restorecheck.config import Config, Target
from restorecheck.config.sources.adopt import Adopt
from restorecheck.errors import ConfigError, Problem, ProviderError
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.sources.in_aws import SourceInAws, of_every_target


class AdoptSource(SourceInAws[AdoptProvider]):
    def make_provider(self, target: Target) -> AdoptProvider:
        own = settings_of(self.host.config, target)
        return AdoptProvider(settings=own, accounts=self.accounts)

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
        place=Place(adopt.db_instance_arn.split(":")[1], adopt.account_id, adopt.region),
        secret_arn=adopt.secret_arn or "",
        max_age=None if age is None else timedelta(hours=age),
        **of_every_target(config, target),
    )


def outputs_of(settings: AdoptSettings, instance: str) -> dict[str, str]:
    """The first outputs of a drill that adopts this instance, given by name or ARN.

    Raises:
        ConfigError: It is production itself, or in another account or region.
    """
    arn = instance if instance.startswith("arn:") else settings.place.arn("db", instance.lower())
    try:
        parsed = parse_arn(arn)
    except ProviderError as exc:
        raise ConfigError((Problem(message=f"--adopt {instance}: {exc.message}"),)) from exc
    if parsed.place != settings.place or (parsed.service, parsed.kind) != ("rds", "db"):
        message = f"--adopt {instance} is not the ARN of a DB instance in {settings.place}"
        raise ConfigError(
            (Problem(message=message),), hint="Check adopt.account_id and adopt.region."
        )
    if arn == settings.db_instance_arn:
        message = (
            f"could not adopt {instance}: this is the production instance, not a restored "
            "backup; restorecheck did not connect"
        )
        raise ConfigError(
            (Problem(message=message),),
            hint="Name an instance that was restored from a backup of production.",
        )
    return {INSTANCE_ARN: arn}
