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
    """Skipped files, with reasons."""
    only_head: str = ""
    """Why the dump was not read to its end; empty: it was."""
    server: str = ""
    """The server for the restore."""
    other_locale: str = ""
    """Locale of the source database, if the server lacks it."""
    lacks: str = ""
    """What the server lacks, so that the drill would be inconclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFacts:
    """The dumps of one target."""

    target: str
    path: str
    max_age: timedelta | None
    decrypt: str = ""
    """The program; empty: dumps are not encrypted."""
    decrypt_found: bool = True
    problem: str = ""
    """Why there is no readable dump; completes a sentence."""
    newest: str = ""
    size_bytes: int = 0
    taken_at: datetime | None = None
    head: str | Unread = ""
    """Why the newest file is not a dump; empty: it is."""
    major: int | None = None
    """Major version of the source server; None: not in the head."""
    majors: tuple[int, ...] | Unread = ()
    """Major versions of the installed PostgreSQL programs."""
    own_major: str = ""
    """The command that installs the dump's own major version; empty: there is none."""
    unusable: tuple[str, ...] = ()
    """Programs that are here and do not run, each with its reason."""
    unusable_fixes: tuple[str, ...] = ()
    """Commands that install what they lack."""
    preview: Preview | Unread = field(default_factory=lambda: Unread("a dump"))
    restores_here: bool = True
    """False: the target is restored into a scratch server."""
    changes_allowed: tuple[str, ...] | Unread | None = None
    """What restorecheck could change where the dumps are; None: that cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalFacts:
    """The physical backups of one target, as their source lists them."""

    target: str
    place: str
    problem: str = ""
    """Why they cannot be listed."""
    hint: str = ""
    max_age: timedelta | None = None
    newest: str = ""
    """Name of the newest finished backup; empty: there is none."""
    newest_problem: str = ""
    """Why it cannot be restored; completes `<name> …`."""
    whole: int = 0
    """Number of backups that can be restored, as listed."""
    ended_at: datetime | None = None
    major: int | None = None
    majors: tuple[int, ...] = ()
    """Major versions of the installed PostgreSQL programs."""
    needed_bytes: int | None = None
    """Space of the restored files; None: not known."""
    archive: str | Unread = ""
    """The newest WAL segment in the archive; empty: none."""
    archived_at: datetime | None = None
    """When the newest segment came into the archive; None: not known."""
    missing_wal: tuple[str, ...] | None = None
    """Segments that are missing between the start of the newest backup and the newest segment; None: not known."""
    kept: tuple[str, ...] = ()
    """Addresses of all listed backups."""
    last_of_kept: tuple[str, ...] = ()
    """Those that the next full backup will expire, as the backup tool is configured."""
    repositories: tuple["RepositoryFacts", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFacts:
    """One repository of a backup tool, as its configuration on this machine describes it; or a folder of backups."""

    name: str
    encrypted: bool
    beside_the_database: bool
    """It is on a disk of the machine on which the cluster runs."""
    writable_by: str | None = ""
    """What lets the database's machine delete backups; empty: nothing that is known; None: it is another machine, and not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """Facts that all targets of one machine share. An empty problem means none."""

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
    proven: Mapping[str, str] = field(default_factory=dict)
    """Target → address of the backup of its newest verified drill."""
    config_changer: str = ""
    """Who, except root and this user, may change the configuration; empty: no one."""
    config_change_at: str = ""
    """The file or parent folder with these rights."""
    config_changer_owns_it: bool = False
    missing_walls: tuple[str, ...] = ()
    """Parts of the fence that the kernel does not support, as names."""
    channels: int
    channel_problem: str
    pages: str = ""
    """Address of the runner's pages, host:port; empty: off."""
    token_file: str = ""
    token_problem: str = ""
    token_is_open: bool = False
    """Others may read it."""
    bundle: str = ""
    """Empty: no target is in AWS."""
    bundle_problem: str = ""
    dumps: tuple[DumpFacts, ...] = ()
    physical: tuple[PhysicalFacts, ...] = ()
    unscheduled: tuple[str, ...] = ()
    """Targets with dumps and without a schedule."""
    discovered: tuple[str, ...] = ()
    """Databases that `discover` has found now."""
    undiscovered: tuple[str, ...] = ()
    """Those that are no targets yet."""
    discovery_problems: tuple[str, ...] = ()


# --- AWS, before a drill -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """A clear refusal."""

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
    backtrack: timedelta = timedelta(0)
    """Of a cluster of Aurora MySQL: how far back it can be rewound."""
    global_database: str = ""
    """Of a cluster: the global database that it is a member of."""
    engine_mode: str = ""
    """Of a cluster."""
    encryption: str = ""
    """StorageEncryptionType of a cluster: none, sse-rds (a key that AWS owns) or sse-kms."""

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
        """Whether the key policy can be changed: not for a key that AWS manages.

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
    """One rule of a security group: a protocol, ports, and one peer."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Limits of Aurora Serverless v2 for one engine version, in Aurora capacity units."""

    least: float
    most: float


Quotas = Mapping[str, Quota]
"""By the names of DescribeAccountAttributes: DBInstances, ManualSnapshots, AllocatedStorage …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The answer of IAM's policy simulator to one question."""

    action: str
    resource: str
    wanted: bool
    """Whether it should be allowed."""
    answer: Decision


Simulation = tuple[Simulated, ...] | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class RdsFacts:
    """Everything that a drill of one target of RDS or Aurora depends on. `None`: it does not exist."""

    names: Names
    max_age: timedelta
    keep_copies: int
    copies_planned: int
    """Manual snapshots that all targets of this backup account and region keep, with the next ones."""
    caller: Caller | Refused | Unread
    source_caller: Caller | Refused | Unread
    trust: Mapping[str, Any] | Unread
    production: RdsDatabase | Unread | None
    refused: str = ""
    """Why no drill restores this engine; empty: drills do."""
    newest_snapshot: datetime | Unread | None
    snapshot_key: KmsKey | Unread | None
    """Key of production's snapshots; None: they are not encrypted."""
    transit_key: KmsKey | Unread | None
    """The configured key; None: it does not exist, or none is configured."""
    backup_key: KmsKey | Unread | None
    subnet_group: SubnetGroup | Unread | None
    other_subnets: tuple[Subnet, ...] | Unread
    """The subnets of the account and region, for advice."""
    security_groups: tuple[SecurityGroup, ...] | Unread
    parameter_family: str | Unread | None
    instance_class: str
    orderable: frozenset[str] | Unread
    """Storage types of the class with production's version."""
    capacity: tuple[float, float] | None = None
    """Configured limits of Serverless v2; None: another class."""
    offered: Capacity | Unread | None = None
    """None: the region does not have the version."""
    copying_there: int | Unread = 0
    """Manual snapshots that are being copied into the backup account; `copying_here`: within the source account."""
    copying_here: int | Unread = 0
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
    """A copy in the backup account."""

    taken_at: datetime | None
    kms_key_id: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """A configured target, for `audit`."""

    target: str
    max_age: timedelta
    max_proof_age: timedelta
    proven_at: datetime | None
    """Time of the last verified backup, by the history of this machine."""
    copies: tuple[CopyFacts, ...] | Unread
    direct: bool = False
    """What is shared is restored, and no copy is made."""

    @property
    def key(self) -> str:
        """In the configuration."""
        return "aurora" if self.of_cluster else "rds"

    of_cluster: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user or role, and its relevant rights."""

    arn: str
    may: frozenset[str]
    """Actions that the simulator allows on the database, its snapshots or its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    database: RdsDatabase
    snapshots: tuple[SnapshotFacts, ...] | Unread
    replicated: bool | Unread
    """Whether its automated backups are replicated to another region, or kept after a deletion."""
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
