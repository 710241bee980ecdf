"""What adapters find out, for the rules to judge. Frozen; nothing in here is a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from restorecheck.rules.permissions import Names
from restorecheck.rules.policies import Decision


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be had; never taken for a good answer."""

    needs: str
    """Completes `not looked at: needs …`."""
    because: str = ""


# --- this machine ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the first steps of a drill say of a target's newest dump, before anything is loaded."""

    verdict: str = ""
    """`failed` or `inconclusive`, where the drill would end so; empty where it would load the dump."""
    reason: str = ""
    hint: str = ""
    newest: str = ""
    """The dump that would be restored."""
    problems: tuple[str, ...] = ()
    """What fails the drill although a dump is restored: a newer one is damaged, another database."""
    notes: tuple[str, ...] = ()
    """What was passed over, and why."""
    only_head: str = ""
    """Why the dump was not read to its end; empty where it was."""
    server: str = ""
    """What it would be restored into."""
    other_locale: str = ""
    """Of the source database, where the server has not the same."""
    lacks: str = ""
    """What that server has not, so that the drill would be inconclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFacts:
    """The dumps of one target."""

    target: str
    path: str
    max_age: timedelta | None
    decrypt: str = ""
    """The program; empty where dumps are not encrypted."""
    decrypt_found: bool = True
    problem: str = ""
    """Why there is no dump that we can read; completes a sentence."""
    newest: str = ""
    size_bytes: int = 0
    taken_at: datetime | None = None
    head: str | Unread = ""
    """Why the newest is no dump; empty where it is one."""
    major: int | None = None
    """Of the server that it was taken from; None where its head does not say."""
    majors: tuple[int, ...] | Unread = ()
    """Of the PostgreSQL programs at hand."""
    preview: Preview | Unread = field(default_factory=lambda: Unread("a dump"))
    restores_here: bool = True
    """False where the target is restored into a scratch server, which has programs of its own."""
    changes_allowed: tuple[str, ...] | Unread | None = None
    """What restorecheck could change where the dumps are; None: that cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What all targets of one machine share. A problem is empty where there is none."""

    history: str
    history_problem: str
    work_dir: str
    work_dir_problem: str
    free_bytes: int | None
    account: str
    account_problem: str
    config_file: str
    config_is_open: bool
    """Others may read it."""
    config_holds_secrets: bool
    config_changer: str = ""
    """Who but root and this user may change the configuration; empty: nobody."""
    config_change_at: str = ""
    """The file, or the folder on the way to it, that lets them."""
    config_changer_owns_it: bool = False
    missing_walls: tuple[str, ...] = ()
    """What the kernel refuses the fence around a dump's code, in words."""
    channels: int
    channel_problem: str
    pages: str = ""
    """Where the runner serves its pages, host:port; empty: nowhere."""
    token_file: str = ""
    token_problem: str = ""
    token_is_open: bool = False
    """Others may read it."""
    bundle: str = ""
    """Empty where no target is in AWS."""
    bundle_problem: str = ""
    dumps: tuple[DumpFacts, ...] = ()
    unscheduled: tuple[str, ...] = ()
    """Targets with dumps that no schedule drills."""


# --- AWS, before a drill -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """A clear no."""

    because: str


@dataclass(frozen=True, slots=True)
class Caller:
    account_id: str
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RdsDatabase:
    """A DB instance or cluster."""

    identifier: str
    arn: str
    kind: str = "instance"
    engine: str = ""
    version: str = ""
    status: str = ""
    port: int = 5432
    storage_gib: int = 0
    storage_type: str = ""
    retention_days: int = 0
    deletion_protection: bool = False
    public: bool = False
    kms_key_id: str = ""
    master: str = ""
    """The master user."""
    cluster: str = ""
    """Of an instance: the cluster that it is a member of."""

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsKey:
    arn: str
    state: str = ""
    manager: str = "CUSTOMER"
    policy: Mapping[str, Any] | Unread = field(default_factory=lambda: Unread("kms:GetKeyPolicy"))

    @property
    def usable(self) -> bool:
        return self.state == "Enabled"

    @property
    def has_own_policy(self) -> bool:
        """Nobody can change the policy of a key that AWS manages.

        Source: KMS Developer Guide, "AWS managed keys".
        """
        return self.usable and self.manager != "AWS"

    @property
    def identifier(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    identifier: str
    zone: str
    network: str
    addresses: str
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetGroup:
    name: str
    network: str
    subnets: tuple[Subnet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One rule of a security group: a protocol, ports, and one place."""

    protocol: str
    first: int
    last: int
    place: str
    """A range of addresses, a prefix list or a security group."""

    @property
    def is_world(self) -> bool:
        return self.place in {"0.0.0.0/0", "::/0"}

    def covers(self, port: int) -> bool:
        return self.protocol == "-1" or (
            self.protocol in {"tcp", "6"} and self.first <= port <= self.last
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    identifier: str
    network: str
    ingress: tuple[Opening, ...]
    egress: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    used: int
    most: int


Quotas = Mapping[str, Quota]
"""Under the names of DescribeAccountAttributes: DBInstances, ManualSnapshots, AllocatedStorage …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What AWS's simulator says to one question."""

    action: str
    resource: str
    wanted: bool
    """Whether it should be allowed."""
    answer: Decision


Simulation = tuple[Simulated, ...] | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class RdsFacts:
    """Everything that a drill of one RDS target meets. `None`: it does not exist."""

    names: Names
    max_age: timedelta
    keep_copies: int
    copies_planned: int
    """Manual snapshots that all targets of this backup account and region keep, and tonight's."""
    caller: Caller | Refused | Unread
    source_caller: Caller | Refused | Unread
    trust: Mapping[str, Any] | Unread
    production: RdsDatabase | Unread | None
    newest_snapshot: datetime | Unread | None
    snapshot_key: KmsKey | Unread | None
    """Of what production's snapshots are encrypted with; None where they are not."""
    transit_key: KmsKey | Unread | None
    """The configured one; None where it does not exist, or none is configured."""
    backup_key: KmsKey | Unread | None
    subnet_group: SubnetGroup | Unread | None
    other_subnets: tuple[Subnet, ...] | Unread
    """The subnets of the account and region, for advice."""
    security_groups: tuple[SecurityGroup, ...] | Unread
    parameter_family: str | Unread | None
    instance_class: str
    orderable: frozenset[str] | Unread
    """Storage types in which the class comes with production's version."""
    backup_quotas: Quotas | Unread
    source_quotas: Quotas | Unread
    source_rights: Simulation
    backup_rights: Simulation


# --- AWS, how exposed is production -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFacts:
    arn: str
    kind: str
    """manual, automated, awsbackup"""
    kms_key_id: str = ""
    shared_with: frozenset[str] | Unread = frozenset()
    """Account ids; `all` is everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFacts:
    """A copy of ours in the backup account."""

    taken_at: datetime | None
    kms_key_id: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What the configuration says of a database that is drilled."""

    target: str
    max_age: timedelta
    max_proof_age: timedelta
    proven_at: datetime | None
    """By the history of this machine: the time of the backup that was verified last."""
    copies: tuple[CopyFacts, ...] | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user or role, and what of this it may do."""

    arn: str
    may: frozenset[str]
    """Actions that the simulator allows on the database, its snapshots or its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    database: RdsDatabase
    snapshots: tuple[SnapshotFacts, ...] | Unread
    replicated: bool | Unread
    """Its automated backups are replicated to another region, or kept after a deletion."""
    target: TargetFacts | None
    keys: tuple[KmsKey, ...] | Unread
    principals: tuple[Principal, ...] | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """One source account in one region."""

    account_id: str
    region: str
    known_accounts: frozenset[str]
    databases: tuple[DatabaseFacts, ...] | Unread
