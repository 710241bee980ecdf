"""Settings of one RDS target, for this room."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from restorecheck.aws.session.snapshot_kinds import OF_INSTANCES, SnapshotKind
from restorecheck.errors import ProviderError


@dataclass(frozen=True, slots=True)
class Place:
    """One account in one region."""

    partition: str
    account_id: str
    region: str

    def arn(self, kind: str, name: str, *, service: str = "rds") -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{kind}:{name}"

    def __str__(self) -> str:
        return f"account {self.account_id} ({self.region})"


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:PARTITION:SERVICE:REGION:ACCOUNT:KIND:NAME`; the name of an automated snapshot has a colon."""

    place: Place
    service: str
    kind: str
    name: str

    def __str__(self) -> str:
        return self.place.arn(self.kind, self.name, service=self.service)


def parse_arn(text: str) -> Arn:
    """Parse an ARN of RDS or Secrets Manager.

    Raises:
        ProviderError: The text is not such an ARN.
    """
    parts = text.split(":", 6)
    if len(parts) != 7 or parts[0] != "arn":  # noqa: PLR2004  # the parts of an ARN
        raise ProviderError(f"expected an ARN of another kind, found {text!r}")
    _, partition, service, region, account_id, kind, name = parts
    return Arn(Place(partition, account_id, region), service, kind, name)


class Credentials(StrEnum):
    """How the checker logs in to a restored instance."""

    MANAGED_SECRET = "managed-secret"  # noqa: S105  # RDS makes the password and keeps it in Secrets Manager
    RESET = "reset"  # restorecheck makes the password and keeps it in Secrets Manager
    IAM = "iam"  # no password: a token signed by the checker's own role


class After(StrEnum):
    """What happens to a verified instance."""

    DELETE = "delete"
    STOP = "stop"  # a warm standby, until the next one is verified


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """Production's account, and the role for access from the backup account."""

    place: Place
    role_arn: str
    external_id: str
    transit_kms_key_id: str | None = None
    """Full ARN of a key that the backup account may use; the staging copy is encrypted with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """The account in which copies are kept and restored."""

    place: Place
    kms_key_id: str
    keep_copies: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSettings:
    """Restore parameters that must be explicit, because AWS's defaults are dangerous."""

    db_instance_class: str
    db_subnet_group_name: str
    vpc_security_group_ids: tuple[str, ...]
    db_parameter_group_name: str | None = None
    engine_lifecycle_support: str = "open-source-rds-extended-support"
    credentials: Credentials = Credentials.MANAGED_SECRET
    iam_user: str = ""
    master_user_secret_kms_key_id: str | None = None
    after: After = After.DELETE

    @property
    def parameter_group(self) -> str | None:
        """The configured one: of an instance or of a cluster."""
        return self.db_parameter_group_name

    @property
    def capacity(self) -> tuple[float, float] | None:
        """Least and greatest capacity of Aurora Serverless v2; None: another class."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeSettings:
    """The rehearsal of an upgrade."""

    limit: timedelta
    parameter_group: str | None = None
    """Of the new version; None: the default group of AWS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptSettings:
    """A target whose backups another program restores."""

    target: str
    place: Place
    """Where they are restored."""
    production: str
    """ARN of production's DB instance or cluster."""
    db_instance_class: str | None = None
    """Of the instance that is added to an adopted cluster without one; None: none is added."""
    user: str
    secret_arn: str = ""
    """Secret with the password; empty: the user logs in with a token (IAM database authentication)."""
    max_age: timedelta | None = None
    deadline: timedelta
    poll: timedelta = timedelta(seconds=15)
    databases: tuple[str, ...] = ()
    """Databases to prove; empty: all that are not templates."""

    @property
    def of_cluster(self) -> bool:
        return parse_arn(self.production).kind == "cluster"

    @property
    def settling(self) -> timedelta:
        return settling(self.poll)


def settling(poll: timedelta) -> timedelta:
    """How long AWS may take to show a new resource; after that an absent one counts as deleted.

    RDS does not document it; its own CloudFormation handler waits for several describe calls
    (aws-cloudformation-resource-providers-rds, Probing.java). Here it is six polls.
    """
    return 6 * poll


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSettings(ABC):
    """One target whose backups are snapshots."""

    kind: ClassVar[SnapshotKind]
    direct: bool = False
    """What the source account shares is restored directly, and no copy is made. RDS has that of clusters only."""
    target: str
    source: SourceSettings
    backup: BackupSettings
    restore: RestoreSettings
    max_age: timedelta
    every: timedelta | None = None
    """At which interval snapshots are expected."""
    deadline: timedelta
    poll: timedelta = timedelta(seconds=15)
    databases: tuple[str, ...] = ()
    """Databases to prove; empty: all that are not templates."""
    upgrade: UpgradeSettings | None = None
    """None: no upgrade is rehearsed."""

    @property
    @abstractmethod
    def identifier(self) -> str:
        """Of production."""

    @property
    def production(self) -> str:
        """Its ARN."""
        return self.source.place.arn(self.kind.owner_arn, self.identifier)

    @property
    def settling(self) -> timedelta:
        return settling(self.poll)


@dataclass(frozen=True, slots=True, kw_only=True)
class RdsSettings(SnapshotSettings):
    """One RDS instance."""

    kind: ClassVar[SnapshotKind] = OF_INSTANCES
    db_instance_identifier: str

    @property
    def identifier(self) -> str:
        return self.db_instance_identifier
