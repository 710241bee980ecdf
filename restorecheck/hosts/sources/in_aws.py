"""Parts that the kinds of source in AWS share: credentials, certificates, connections."""

from abc import abstractmethod
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from restorecheck.aws.adopt.provider import AdoptProvider
from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.snapshots.provider import SnapshotProvider
from restorecheck.config import Config, Target
from restorecheck.config.files import content_of
from restorecheck.config.sources.rds import HOW_TO_GET
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.sources.drill_settings import deadline_of
from restorecheck.hosts.sources.source import Host, Source
from restorecheck.ports import Checker, Clock

if TYPE_CHECKING:
    from restorecheck.postgres.session.connection import Connect
    from restorecheck.rules.facts import MachineFacts

P = TypeVar("P", bound=SnapshotProvider | AdoptProvider)

LARGEST_BUNDLE = 16 * 1024 * 1024
"""Bytes; a larger file is refused. The bundle of all regions has a hundredth of it."""
CERTIFICATE = "-----BEGIN CERTIFICATE-----"

LOGIN_LOOKS = 3
"""Polls between two tries to log in: a new password is accepted after minutes, and a step has five tries."""


class SourceInAws(Source[P]):
    @property
    def accounts(self) -> Accounts:
        """One for all targets: it caches clients and credentials."""
        return self.host.once("accounts", lambda: accounts_of(self.host.config, self.host.clock))

    def make_checker(self, provider: P) -> Checker:
        from restorecheck.postgres.scan.checker import PostgresChecker

        return PostgresChecker(self.connect_of(provider), self.host.clock)

    def connect_of(self, provider: P) -> "Connect":
        """Imports psycopg, which a host that only restores and deletes does not need."""
        from restorecheck.postgres.session.tls import TlsConnector

        bundle = self.host.config.aws.ca_bundle
        assert bundle is not None, "required beside a target in AWS"
        return TlsConnector(
            ca_bundle=Path(bundle),
            password_of=provider.passwords().of,
            by_token=provider.by_token,
            patience=LOGIN_LOOKS * provider.settings.poll,
        )

    @abstractmethod
    def account_of(self, provider: P) -> Account:
        """The account of the database."""

    def check(self) -> None:
        """Refuses forbidden endpoints of AWS, too. Makes no call."""
        check_bundle(self.host.config.aws.ca_bundle)
        for provider in self.providers:
            self.account_of(provider).check_endpoints()

    def facts(self, known: "MachineFacts") -> "MachineFacts":
        bundle = self.host.config.aws.ca_bundle
        return replace(
            known, bundle=bundle or "", bundle_problem=_bundle_problem(bundle, self.host)
        )


def accounts_of(config: Config, clock: Clock) -> Accounts:
    return Accounts(clock=clock, tick=poll_of(config), sandbox=config.sandbox)


def poll_of(config: Config) -> timedelta:
    return timedelta(seconds=config.aws.poll_interval_seconds)


def of_every_target(config: Config, target: Target) -> dict[str, Any]:
    """Settings of both kinds."""
    return {
        "target": target.name,
        "deadline": deadline_of(target),
        "poll": poll_of(config),
        "databases": tuple(target.databases or ()),
    }


def check_bundle(bundle: str | None) -> None:
    """Raises ConfigError: the certificates are missing."""
    assert bundle is not None, "required beside a target in AWS"
    try:
        text = content_of(Path(bundle), LARGEST_BUNDLE).decode(errors="replace")
    except OSError as exc:
        message = f"could not read {bundle}: {exc.strerror}"
    else:
        if CERTIFICATE in text:
            return
        message = f"{bundle} contains no certificate in PEM format"
    raise ConfigError(
        (Problem(message=message, path="aws.ca_bundle"),),
        hint=f"Download the file with: {HOW_TO_GET}",
    )


def _bundle_problem(bundle: str | None, host: Host) -> str:
    try:
        check_bundle(bundle)
    except ConfigError as exc:
        return exc.message
    from restorecheck.postgres.session.tls import expired

    assert bundle is not None, "checked above"
    return expired(Path(bundle), host.clock.now())
