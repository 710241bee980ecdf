"""Adopted targets: from the configuration to the parts of the AWS room."""

from datetime import timedelta

from restorecheck.aws.adopt.provider import INSTANCE_ARN, AdoptProvider
from restorecheck.aws.session.accounts import Accounts
from restorecheck.aws.session.settings import AdoptSettings, Place, parse_arn
from restorecheck.config import Config, Target
from restorecheck.errors import ConfigError, Problem, ProviderError
from restorecheck.hosts.rds import poll_of


def provider_of(config: Config, target: Target, accounts: Accounts) -> AdoptProvider:
    return AdoptProvider(settings=settings_of(config, target), accounts=accounts)


def settings_of(config: Config, target: Target) -> AdoptSettings:
    adopt = target.adopt
    assert adopt is not None, "an adopted target"
    age = adopt.max_age_hours
    return AdoptSettings(
        target=target.name,
        place=Place(adopt.db_instance_arn.split(":")[1], adopt.account_id, adopt.region),
        db_instance_arn=adopt.db_instance_arn,
        user=adopt.user,
        secret_arn=adopt.secret_arn or "",
        max_age=None if age is None else timedelta(hours=age),
        deadline=timedelta(minutes=target.deadline_minutes),
        poll=poll_of(config),
        databases=tuple(target.databases or ()),
    )


def outputs_of(settings: AdoptSettings, instance: str) -> dict[str, str]:
    """What a drill begins with that adopts this instance; given by its name or its ARN.

    Raises:
        ConfigError: It is production itself, or somewhere else.
    """
    arn = instance if instance.startswith("arn:") else settings.place.arn("db", instance.lower())
    try:
        parsed = parse_arn(arn)
    except ProviderError as exc:
        raise ConfigError((Problem(message=f"--adopt {instance}: {exc.message}"),)) from exc
    if parsed.place != settings.place or (parsed.service, parsed.kind) != ("rds", "db"):
        message = f"--adopt {instance} is not a DB instance in {settings.place}"
        raise ConfigError((Problem(message=message),), hint="See adopt.account_id and region.")
    if arn == settings.db_instance_arn:
        message = (
            f"--adopt {instance} is production itself: a check of it says nothing of a backup; "
            "nothing was asked of it"
        )
        raise ConfigError((Problem(message=message),), hint="Name an instance restored from it.")
    return {INSTANCE_ARN: arn}
