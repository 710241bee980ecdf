"""The two accounts, entered only after the caller's identity equals the one in the configuration.

No client is available before that. Each account has one cache of descriptions for each kind of resource, which all
drills of this process share.
"""

import ipaddress
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config as ClientConfig
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.loaders import Loader

from restorecheck import __version__
from restorecheck.aws.session import call_guard
from restorecheck.aws.session.cluster_views import ClusterView, cluster_view
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.settings import BackupSettings, Place, SourceSettings
from restorecheck.aws.session.snapshot_kinds import (
    OF_CLUSTERS,
    OF_INSTANCES,
    SnapshotKind,
    Snapshots,
)
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import (
    EventView,
    InstanceView,
    event_view,
    instance_view,
)
from restorecheck.errors import AccessDeniedError, ConfigError, Problem
from restorecheck.ports import Clock

if TYPE_CHECKING:
    from types_boto3_backup.client import BackupClient
    from types_boto3_kms.client import KMSClient
    from types_boto3_rds.client import RDSClient
    from types_boto3_secretsmanager.client import SecretsManagerClient
    from types_boto3_sts.client import STSClient

EVENTS_LOOK_BACK = timedelta(hours=24)
"""Age of the events that are read: a drill needs those of its own time. RDS keeps events for 14 days."""

ATTEMPTS = 8
"""Attempts of botocore's `standard` mode, with up to 20 s between two; then the call fails."""


def client_config(attempts: int, read_timeout: float) -> ClientConfig:
    return ClientConfig(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=read_timeout,
        user_agent_extra=f"restorecheck/{__version__}",
    )


class Account:
    """One account in one region, for one role.

    Raises (every method that needs the network): as `attempting`.
    """

    def __init__(
        self,
        place: Place,
        session: Any,  # noqa: ANN401  # boto3.Session; its types know services by literal name only
        *,
        entered_by: str,
        writes: Mapping[str, tuple[str, ...]] | None,
        clock: Clock,
        tick: timedelta,
        config: ClientConfig,
        sandbox: bool,
    ) -> None:
        """`writes`: the allowed writing calls; None: the account is only read, as by `doctor` and `audit`."""
        self.place = place
        self._config = config
        self._session = session
        self._entered_by = entered_by
        self._writes = writes
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._identified = False
        self._clients: dict[str, Any] = {}
        self.instances: DescribeCache[InstanceView] = DescribeCache(
            self._read_instances, clock, tick
        )
        self.clusters: DescribeCache[ClusterView] = DescribeCache(self._read_clusters, clock, tick)
        self._snapshots = {
            kind.name: Snapshots(self, kind, clock, tick) for kind in (OF_INSTANCES, OF_CLUSTERS)
        }
        self.events: DescribeCache[tuple[EventView, ...]] = DescribeCache(
            lambda: self._read_events("db-instance", clock), clock, tick
        )
        self.cluster_events: DescribeCache[tuple[EventView, ...]] = DescribeCache(
            lambda: self._read_events("db-cluster", clock), clock, tick
        )

    def identify(self) -> None:
        """Verify that calls reach the pinned account. Called once, before any other call.

        Raises:
            AccessDeniedError: The credentials belong to another account, or are not valid.
        """
        if self._identified:
            return
        sts: STSClient = self._client("sts")
        with attempting(f"enter {self.place} {self._entered_by}", self.place.account_id):
            found = sts.get_caller_identity()["Account"]
        if found != self.place.account_id:
            raise AccessDeniedError(
                f"could not enter account {self.place.account_id} {self._entered_by}: the "
                f"credentials belong to account {found}; restorecheck did nothing",
                hint="Check AWS_PROFILE and the account ids in the configuration.",
                operation="GetCallerIdentity",
                code="WrongAccount",
            )
        self._identified = True

    def snapshots(self, kind: SnapshotKind) -> Snapshots:
        return self._snapshots[kind.name]

    def owners(self, kind: SnapshotKind) -> DescribeCache[Any]:
        """Of snapshots of this kind: the DB instances, or the clusters."""
        return self.clusters if kind is OF_CLUSTERS else self.instances

    def rds(self) -> "RDSClient":
        return self._identified_client("rds")  # type: ignore[no-any-return]  # boto3 has no types of its own

    def kms(self) -> "KMSClient":
        return self._identified_client("kms")  # type: ignore[no-any-return]  # as above

    def secrets(self) -> "SecretsManagerClient":
        return self._identified_client("secretsmanager")  # type: ignore[no-any-return]  # as above

    def aws_backup(self) -> "BackupClient":
        return self._identified_client("backup")  # type: ignore[no-any-return]  # as above

    def client(self, service: str) -> Any:  # noqa: ANN401  # boto3's own; its types know services by literal name
        """A client of a service that only `doctor` and `audit` use."""
        return self._identified_client(service)

    def caller(self) -> tuple[str, str]:
        """Account and ARN of the credentials, whatever the configuration expects."""
        with attempting(f"ask AWS for the account id {self._entered_by}"):
            found = self._client("sts").get_caller_identity()
        return str(found["Account"]), str(found["Arn"])

    def log_in_token(self, host: str, port: int, user: str) -> str:
        """A password for IAM database authentication, valid for 15 minutes. Signed here, without a call."""
        with attempting(f"sign a token for {user}"):
            token: str = self.rds().generate_db_auth_token(
                DBHostname=host, Port=port, DBUsername=user, Region=self.place.region
            )
        return token

    def check_endpoints(self) -> None:
        """Raises ConfigError: a client would use an endpoint that the configuration forbids."""
        for service in ("sts", "rds", "kms", "secretsmanager"):
            self._client(service)

    def _identified_client(self, service: str) -> Any:  # noqa: ANN401  # boto3's own
        self.identify()
        return self._client(service)

    def _client(self, service: str) -> Any:  # noqa: ANN401  # boto3's own
        with self._lock:  # making clients is not thread-safe; using them is
            if service not in self._clients:
                with attempting(f"prepare calls to {service} in {self.place}"):
                    client = self._session.client(
                        service, region_name=self.place.region, config=self._config
                    )
                refuse_forbidden_endpoint(client.meta.endpoint_url, sandbox=self._sandbox)
                if self._writes is None:
                    call_guard.allow_reads_only(client.meta)
                else:
                    call_guard.put_up(client.meta, self._writes)
                self._clients[service] = client
            return self._clients[service]

    def pages(self, operation: str, what: str, **parameters: object) -> Iterable[Any]:
        paginator: Any = self.rds().get_paginator(operation)  # type: ignore[call-overload]  # by name
        with attempting(f"list {what} in {self.place}", self.place.account_id):
            yield from paginator.paginate(**parameters)

    def _read_instances(self) -> Mapping[str, InstanceView]:
        pages = self.pages("describe_db_instances", "DB instances")
        views = (instance_view(raw) for page in pages for raw in page["DBInstances"])
        return {view.identifier: view for view in views}

    def _read_clusters(self) -> Mapping[str, ClusterView]:
        pages = self.pages("describe_db_clusters", "DB clusters")
        views = (cluster_view(raw) for page in pages for raw in page["DBClusters"])
        return {view.identifier: view for view in views}

    def _read_events(self, kind: str, clock: Clock) -> Mapping[str, tuple[EventView, ...]]:
        pages = self.pages(
            "describe_events",
            "events",
            SourceType=kind,
            StartTime=clock.now() - EVENTS_LOOK_BACK,
            EndTime=clock.now(),
        )
        # RDS may return events repeatedly and in any order.
        events = {event_view(raw) for page in pages for raw in page["Events"]}
        found: dict[str, tuple[EventView, ...]] = {}
        for event in sorted(events, key=lambda e: (e.at, e.message)):
            found[event.instance] = (*found.get(event.instance, ()), event)
        return found


class Accounts:
    """The configured accounts, each opened once in a process."""

    def __init__(
        self,
        *,
        clock: Clock,
        tick: timedelta,
        sandbox: bool = False,
        attempts: int = ATTEMPTS,
        read_timeout: float = 60.0,
    ) -> None:
        self._config = client_config(attempts, read_timeout)
        self._clock = clock
        self._tick = tick
        self._sandbox = sandbox
        self._open: dict[tuple[object, ...], Account] = {}
        self._own: boto3.Session | None = None

    def backup(self, settings: BackupSettings) -> Account:
        """The account of this process's credentials."""
        return self._account(
            ("backup", settings.place),
            settings.place,
            self._own_session,
            entered_by="with the credentials of this process",
            writes=call_guard.BACKUP_WRITES,
        )

    def adopted(self, place: Place, *, clusters: bool = False) -> Account:
        """An account in which another program restores; its resources are not changed. `clusters`: an instance of
        ours may be added to a cluster of restore testing.
        """
        return self._account(
            ("adopted", place, clusters),
            place,
            self._own_session,
            entered_by="with the credentials of this process",
            writes=call_guard.ADOPTED_CLUSTER_WRITES if clusters else call_guard.ADOPTED_WRITES,
        )

    def looked_at(self, place: Place, source: SourceSettings | None = None) -> Account:
        """An account that is only read; the source account through its role."""
        role = None if source is None else (source.role_arn, source.external_id)
        return self._account(
            ("looked at", place, role),
            place,
            self._own_session if source is None else lambda: self._assumed(source),
            entered_by="with the credentials of this process"
            if source is None
            else f"with the role {source.role_arn}",
            writes=None,
        )

    def source(self, settings: SourceSettings) -> Account:
        """Production's account, through the role that trusts the backup account."""
        return self._account(
            ("source", settings.place, settings.role_arn, settings.external_id),
            settings.place,
            lambda: self._assumed(settings),
            entered_by=f"with the role {settings.role_arn}",
            writes=call_guard.SOURCE_WRITES,
        )

    def _account(
        self,
        key: tuple[object, ...],
        place: Place,
        open_session: Callable[[], boto3.Session],
        *,
        entered_by: str,
        writes: Mapping[str, tuple[str, ...]] | None,
    ) -> Account:
        if key not in self._open:
            self._open[key] = Account(
                place,
                open_session(),
                entered_by=entered_by,
                writes=writes,
                clock=self._clock,
                tick=self._tick,
                config=self._config,
                sandbox=self._sandbox,
            )
        return self._open[key]

    def _own_session(self) -> boto3.Session:
        if self._own is None:
            with attempting("read the AWS configuration of this machine"):
                self._own = boto3.Session(botocore_session=_fresh_session())
        return self._own

    def _assumed(self, settings: SourceSettings) -> boto3.Session:
        """Credentials of the role, renewed before they end: a drill may outlive an hour."""
        own: Any = self._own_session()
        region = settings.place.region
        credentials = usable_credentials(own, f"enter {settings.place}", settings.role_arn)

        def create_client(service: str, **options: Any) -> Any:  # noqa: ANN401  # botocore's own
            client = own.client(
                service, **{"region_name": region, "config": self._config} | options
            )
            refuse_forbidden_endpoint(client.meta.endpoint_url, sandbox=self._sandbox)
            return client

        return session_of_role(
            settings.role_arn, credentials, create_client, region, ExternalId=settings.external_id
        )


def usable_credentials(own: Any, what: str, role_arn: str) -> Any:  # noqa: ANN401  # botocore's own
    """The credentials of a session. `what`: completes "could not …".

    Raises:
        AccessDeniedError: There are none.
    """
    credentials = own.get_credentials()
    if credentials is None:
        raise AccessDeniedError(
            f"could not {what}: there are no AWS credentials to assume {role_arn} with",
            hint="Set AWS_PROFILE, log in (aws sso login), or run on a machine with an "
            "attached role.",
            code="NoCredentials",
        )
    return credentials


def session_of_role(
    role_arn: str,
    credentials: Any,  # noqa: ANN401  # botocore's own
    create_client: Callable[..., Any],
    region: str | None,
    **asked: str,
) -> boto3.Session:
    """Credentials of the role, renewed before they end. `asked`: further parameters of AssumeRole."""
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create_client,
        source_credentials=credentials,
        role_arn=role_arn,
        extra_args={"RoleSessionName": "restorecheck", **asked},
    )
    inner = _fresh_session()
    inner._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]  # noqa: SLF001  # the documented recipe: botocore has no public setter for refreshable ones
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    return boto3.Session(botocore_session=inner, region_name=region)


@cache
def _models() -> Loader:
    """Botocore's descriptions of the services: large, slow to read, and shared by all clients."""
    return botocore.loaders.create_loader()


def _fresh_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _models())
    return session


def refuse_forbidden_endpoint(url: str, *, sandbox: bool) -> None:
    """Allow real AWS over TLS, or the sandbox on this machine: never one instead of the other.

    Raises:
        ConfigError: The configuration does not say `sandbox: true` and the endpoint is plain
            http, or says it and the endpoint is not on this machine.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if sandbox and not is_loopback(host):
        message = (
            "`sandbox: true` allows only AWS endpoints on this machine; "
            f"{parts.scheme}://{host} is on another machine"
        )
        hint = "Export what `restorecheck sandbox up` prints, or remove `sandbox: true`."
    elif not sandbox and parts.scheme != "https":
        message = (
            f"the AWS endpoint {parts.scheme}://{host} does not use https: others could "
            "read the credentials"
        )
        hint = (
            "Unset AWS_ENDPOINT_URL, or set `sandbox: true` to use the simulated AWS on "
            "this machine."
        )
    else:
        return
    raise ConfigError((Problem(message=message, path="sandbox"),), hint=hint)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
