"""RDS targets: from the configuration to the parts of the AWS room."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.aws.adopt.provider import AdoptProvider
from restorecheck.aws.session.accounts import Accounts
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
from restorecheck.aws.snapshots.unconfigured_target import ForgottenRds
from restorecheck.config import Config, Target
from restorecheck.config.files import content_of
from restorecheck.errors import ConfigError, Problem
from restorecheck.lifecycle import MIN_TEARDOWN_WAIT
from restorecheck.model import Drill
from restorecheck.ports import Clock, Provider

if TYPE_CHECKING:
    from restorecheck.postgres.session.connection import Connect

LARGEST_BUNDLE = 16 * 1024 * 1024
"""Bytes; that of all regions has a hundredth of it."""
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
HOW_TO_GET = (
    "curl -o rds-global-bundle.pem "
    "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
)

LOGIN_LOOKS = 3
"""Polls between two tries to log in; five tries take minutes: a new password is accepted late."""

LOOKS_AT_TEARDOWN = 360
"""Polls before a deletion is given up: an hour at the default interval."""


def accounts_of(config: Config, clock: Clock) -> Accounts:
    return Accounts(clock=clock, tick=poll_of(config), sandbox=config.sandbox)


def provider_of(config: Config, target: Target, accounts: Accounts, clock: Clock) -> RdsProvider:
    return RdsProvider(settings=settings_of(config, target), accounts=accounts, clock=clock)


def poll_of(config: Config) -> timedelta:
    return timedelta(seconds=config.aws.poll_interval_seconds)


def teardown_limit_of(config: Config) -> timedelta:
    return LOOKS_AT_TEARDOWN * max(poll_of(config), MIN_TEARDOWN_WAIT)


def settings_of(config: Config, target: Target) -> RdsSettings:
    rds = target.rds
    assert rds is not None, "an RDS target"
    partition = rds.source.role_arn.split(":")[1]
    region = rds.region
    return RdsSettings(
        target=target.name,
        db_instance_identifier=rds.db_instance_identifier,
        source=SourceSettings(
            place=Place(partition, rds.source.account_id, region),
            role_arn=rds.source.role_arn,
            external_id=rds.source.external_id,
            transit_kms_key_id=rds.source.transit_kms_key_id,
        ),
        backup=BackupSettings(
            place=Place(partition, rds.backup.account_id, rds.backup.region or region),
            kms_key_id=rds.backup.kms_key_id,
            keep_copies=rds.backup.keep_copies,
        ),
        restore=RestoreSettings(
            db_instance_class=rds.restore.db_instance_class,
            db_subnet_group_name=rds.restore.db_subnet_group_name,
            vpc_security_group_ids=tuple(rds.restore.vpc_security_group_ids),
            db_parameter_group_name=rds.restore.db_parameter_group_name,
            engine_lifecycle_support=rds.restore.engine_lifecycle_support,
            credentials=Credentials(rds.restore.credentials),
            iam_user=rds.restore.iam_user or "",
            master_user_secret_kms_key_id=rds.restore.master_user_secret_kms_key_id,
            after=After(rds.after),
        ),
        max_age=timedelta(hours=rds.max_age_hours),
        deadline=timedelta(minutes=target.deadline_minutes),
        poll=poll_of(config),
        databases=tuple(target.databases or ()),
    )


def connector_of(config: Config, provider: RdsProvider | AdoptProvider) -> "Connect":
    """Imports psycopg, which who only restores and deletes does without."""
    from restorecheck.postgres.session.tls import TlsConnector

    bundle = config.aws.ca_bundle
    assert bundle is not None, "required beside a target in AWS"
    return TlsConnector(
        ca_bundle=Path(bundle),
        password_of=provider.passwords().of,
        by_token=provider.by_token,
        patience=LOGIN_LOOKS * provider.settings.poll,
    )


def rds_of(providers: Mapping[str, Provider]) -> list[RdsProvider]:
    return [p for p in providers.values() if isinstance(p, RdsProvider)]


def check(config: Config, providers: Iterable[Provider]) -> None:
    """What can be refused before anything is asked of AWS.

    Raises:
        ConfigError: The certificates are not there, or an endpoint is one that must not be used.
    """
    check_bundle(config.aws.ca_bundle)
    for provider in providers:
        if isinstance(provider, RdsProvider):
            provider.backup_account().check_endpoints()
        elif isinstance(provider, AdoptProvider):
            provider.account().check_endpoints()


def check_bundle(bundle: str | None) -> None:
    assert bundle is not None, "required beside a target in AWS"
    try:
        text = content_of(Path(bundle), LARGEST_BUNDLE).decode(errors="replace")
    except OSError as exc:
        message = f"{bundle} cannot be read: {exc.strerror}"
    else:
        if CERTIFICATE in text:
            return
        message = f"{bundle} holds no certificate in PEM format"
    raise ConfigError(
        (Problem(message=message, path="aws.ca_bundle"),), hint=f"Get it with: {HOW_TO_GET}"
    )


def inventories_of(
    providers: Iterable[RdsProvider],
    clock: Clock,
    dead: Callable[[], Collection[str]] = frozenset,
) -> list[RdsInventory]:
    """One for each pair of accounts, however many targets share it. `dead`: as `RdsInventory` has it."""
    pairs = {(p.settings.source, p.settings.backup.place): p for p in providers}
    return [RdsInventory(provider, clock, dead) for provider in pairs.values()]


def forgotten(drill: Drill, providers: Iterable[RdsProvider]) -> ForgottenRds | None:
    """A provider that reaches what this drill made, though its target is no longer configured."""
    places = [r.account for r in drill.ledger if r.identifier.startswith("arn:")]
    for provider in providers:
        settings = provider.settings
        reached = {settings.source.place.account_id, settings.backup.place.account_id}
        if places and set(places) <= reached:
            return ForgottenRds(provider)
    return None
