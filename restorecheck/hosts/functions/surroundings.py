"""The context of a function: environment, clients and clock. Kept between invocations of one
container; tests pass their own.
"""

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from restorecheck import config as configuration
from restorecheck.aws.deployment.places import TablePlaces
from restorecheck.aws.deployment.stores import AwsStore
from restorecheck.aws.session.accounts import client_config, refuse_forbidden_endpoint
from restorecheck.aws.session.translation import attempting
from restorecheck.config import Config
from restorecheck.errors import ConfigError, Problem, ProviderError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.sources.source import Host
from restorecheck.hosts.sources.targets import Targets
from restorecheck.model import Deployment
from restorecheck.ports import Clock

TABLE = "RESTORECHECK_TABLE"
BUCKET = "RESTORECHECK_BUCKET"
CONFIG = "RESTORECHECK_CONFIG"
"""s3://bucket/key, or a path; a relative path starts at the function's code."""
MACHINE = "RESTORECHECK_DRILL_MACHINE"
NIGHTLY_MACHINE = "RESTORECHECK_NIGHTLY_MACHINE"
TOPIC = "RESTORECHECK_TOPIC"
BUNDLE = "RESTORECHECK_CA_BUNDLE"
SANDBOX = "RESTORECHECK_SANDBOX"

FOUND = ".found.json"
"""Added to the place of the configuration: the list of databases that `discover` has found."""
DISCOVERS = re.compile(r"\bdiscover\b[\"']?\s*:")
"""In the text of a configuration; only then the list is read."""
ATTEMPTS = 5
"""Attempts of one call; then it fails, and Step Functions or the next event repeats the invocation."""
READ_TIMEOUT = 20.0


class FunctionContext:
    """Every part is made when it is first used, so that a function imports only what it needs."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        session: Any = None,  # noqa: ANN401  # boto3.Session
    ) -> None:
        self._environment = os.environ if environment is None else environment
        self.clock = clock or SystemClock()
        self._session: Any = session or boto3.Session()
        self._clients: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        self._parsed: tuple[tuple[str, str], Config] | None = None

    def setting(self, name: str) -> str:
        """A setting of the function.

        Raises:
            ConfigError: It is missing; the template sets it.
        """
        value = self._environment.get(name, "")
        if not value:
            message = f"the environment of the function has no variable {name}"
            raise ConfigError((Problem(message=message),), hint="Deploy infra/backup-account.yaml.")
        return value

    def client(self, service: str) -> Any:  # noqa: ANN401  # boto3's own
        if service not in self._clients:
            with attempting(f"prepare calls to {service}"):
                made = self._session.client(service, config=client_config(ATTEMPTS, READ_TIMEOUT))
            sandbox = self._environment.get(SANDBOX) == "true"
            refuse_forbidden_endpoint(made.meta.endpoint_url, sandbox=sandbox)
            self._clients[service] = made
        return self._clients[service]

    @cached_property
    def store(self) -> AwsStore:
        return AwsStore(
            self.client("dynamodb"),
            self.client("s3"),
            table=self.setting(TABLE),
            bucket=self.setting(BUCKET),
        )

    @cached_property
    def places(self) -> TablePlaces:
        return TablePlaces(self.client("dynamodb"), table=self.setting(TABLE))

    @property
    def deployment(self) -> Deployment | None:
        """For the reports; None: the template of an older version does not name the state machine."""
        machine = self._environment.get(NIGHTLY_MACHINE, "")
        if not machine:
            return None
        table, bucket = self.setting(TABLE), self.setting(BUCKET)
        return Deployment(nightly_machine=machine, table=table, bucket=bucket)

    @cached_property
    def root(self) -> Path:
        return Path(self._environment.get("LAMBDA_TASK_ROOT", "."))

    @property
    def ca_bundle(self) -> Path:
        return self.root / self._environment.get(BUNDLE, "rds-global-bundle.pem")

    def config(self) -> Config:
        """The present configuration: a change needs no deployment. The same text is parsed once: 5,000 targets take seconds.

        Raises:
            ConfigError: It cannot be read, or has problems.
        """
        place = self.setting(CONFIG)
        text = self._text_of(place)
        found = self.found() if DISCOVERS.search(text) else ""
        if self._parsed is None or self._parsed[0] != (text, found):
            parsed = configuration.parse(
                text, file=place, directory=self.root, environment=self._environment, found=found
            )
            self._parsed = ((text, found), parsed)
        return self._parsed[1]

    def found(self) -> str:
        """The list of found databases, beside the configuration; empty: nothing was looked for yet."""
        place = f"{self.setting(CONFIG)}{FOUND}"
        try:
            return self._text_of(place)
        except ProviderError as exc:
            cause = exc.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "NoSuchKey":
                return ""
            raise

    def keep_found(self, text: str) -> None:
        """Raises ProviderError: it could not be stored."""
        place = f"{self.setting(CONFIG)}{FOUND}"
        parts = urlsplit(place)
        with attempting(f"store the list of found databases {place}", place):
            self.client("s3").put_object(
                Bucket=parts.netloc, Key=parts.path.lstrip("/"), Body=text.encode()
            )

    def _text_of(self, place: str) -> str:
        if not place.startswith("s3://"):
            try:
                return (self.root / place).read_text()
            except OSError as exc:
                message = f"could not read {place}: {exc.strerror}"
                raise ConfigError((Problem(message=message, file=place),)) from exc
        parts = urlsplit(place)
        with attempting(f"read the configuration {place}", place):
            answer = self.client("s3").get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))
            return str(answer["Body"].read().decode())

    def targets(self, config: Config) -> Targets:
        """The targets that a function can drill. Shared parts are kept between invocations."""
        return Targets(self.host(config))

    def host(self, config: Config) -> Host:
        return Host(config=config, clock=self.clock, in_aws=True, shared=self._shared)
