"""The rights that the two roles need, and those that they must not have. Pure; advised.py has the policies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from restorecheck.rules.policies import Request

MANAGED = "restorecheck:managed"
KEY_USE = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
)
AN_ID = "00000000-000000-000000"
"""Example id of a drill or key, where a name is needed."""
STRANGER = "999999999999"
"""An account of another organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names in the configuration of one RDS or Aurora target."""

    target: str
    partition: str
    source_account: str
    backup_account: str
    region: str
    backup_region: str
    role_arn: str
    instance: str
    transit_key: str = ""
    production_key: str = ""
    """Customer managed key of production's snapshots; empty: another kind of key."""
    backup_key: str = ""
    secret_key: str = ""
    """Customer managed key of the master user's secret; empty: another kind of key."""
    subnet_group: str = ""
    security_groups: tuple[str, ...] = ()
    parameter_group: str = ""
    credentials: str = "managed-secret"
    iam_user: str = ""
    aurora: bool = False
    """`instance` and `parameter_group` are then those of a cluster."""
    direct: bool = False
    """What is shared is restored without a copy."""
    rehearses: bool = False
    """Upgrades are rehearsed."""

    @property
    def key_of_target(self) -> str:
        """In the configuration."""
        return "aurora" if self.aurora else "rds"

    @property
    def engine(self) -> str:
        """As the API has it; families of parameter groups begin with it."""
        return "aurora-postgresql" if self.aurora else "postgres"

    @property
    def snapshot(self) -> str:
        """In operations: `DBSnapshot`."""
        return "DBClusterSnapshot" if self.aurora else "DBSnapshot"

    @property
    def snapshot_arn(self) -> str:
        return "cluster-snapshot" if self.aurora else "snapshot"

    @property
    def owner(self) -> str:
        """Of snapshots, in operations: `DBInstance`."""
        return "DBCluster" if self.aurora else "DBInstance"

    @property
    def owner_arn(self) -> str:
        return "cluster" if self.aurora else "db"

    @property
    def managed_secrets(self) -> str:
        """How the secrets are called that RDS manages."""
        return "rds!cluster-" if self.aurora else "rds!db-"

    @property
    def tag_of_secrets(self) -> str:
        """A tag of the secrets that RDS manages (RDS User Guide, "Password management")."""
        return f"aws:ResourceTag/aws:rds:primary{self.owner}Arn"

    @property
    def default_groups(self) -> tuple[str, ...]:
        """What a major upgrade may name: groups of AWS, which nobody can change."""
        groups = (("pg", "default.*"), ("cluster-pg", "default.*"), ("og", "default:*"))
        return tuple(self.in_backup(kind, name) for kind, name in groups)

    @property
    def role(self) -> str:
        return self.role_arn.rpartition("/")[2]

    def in_source(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:rds:{self.region}:{self.source_account}:{kind}:{name}"

    def in_backup(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:rds:{self.backup_region}:{self.backup_account}:{kind}:{name}"

    def secret(self, name: str) -> str:
        place = f"{self.backup_region}:{self.backup_account}"
        return f"arn:{self.partition}:secretsmanager:{place}:secret:{name}"

    def key(self, account: str, name: str) -> str:
        return f"arn:{self.partition}:kms:{self.backup_region}:{account}:key/{name}"

    @property
    def regions(self) -> tuple[str, ...]:
        """Where the transit key is used: the copy into another region reads it through RDS of
        either (?); the RDS User Guide ("Copying a DB snapshot") does not say which one calls KMS.
        """
        return tuple(dict.fromkeys((self.region, self.backup_region)))

    @property
    def source_keys(self) -> tuple[str, ...]:
        return tuple(key for key in (self.transit_key, self.production_key) if key)

    @property
    def backup_keys(self) -> tuple[str, ...]:
        """What the backup account reads the staging copy with, and writes the copies with."""
        return (self.transit_key or self.production_key, self.backup_key)


@dataclass(frozen=True, slots=True)
class PermissionQuestion:
    """A question to IAM's policy simulator, on several actions and resources."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    allowed: bool
    """The expected answer."""
    context: Mapping[str, str] = field(default_factory=dict)


def through(service: str, *regions: str) -> str | list[str]:
    """IAM's name of a service that calls KMS for the caller; several as a list."""
    named = [f"{service}.{region}.amazonaws.com" for region in regions]
    return named[0] if len(named) == 1 else named


def through_rds(region: str) -> dict[str, str]:
    return {"kms:ViaService": f"rds.{region}.amazonaws.com"}


def granting(region: str) -> dict[str, str]:
    return {**through_rds(region), "kms:GrantIsForAWSResource": "true"}


ASKED = {f"aws:RequestTag/{MANAGED}": "true"}
TAGGED = {f"aws:ResourceTag/{MANAGED}": "true"}


def owner_of(key: str) -> dict[str, str]:
    """The condition key for a key's account, which SimulatePrincipalPolicy does not set itself."""
    return {"aws:ResourceAccount": [*key.split(":"), "", "", "", "", ""][4]}


def _on_key(key: str, *regions: str) -> Iterator[PermissionQuestion]:
    if not key:
        return
    owner = owner_of(key)
    yield PermissionQuestion(("kms:DescribeKey",), (key,), allowed=True, context=owner)
    for region in regions:
        yield PermissionQuestion(
            ("kms:CreateGrant",), (key,), allowed=True, context=granting(region) | owner
        )
        yield PermissionQuestion(KEY_USE, (key,), allowed=True, context=through_rds(region) | owner)


def _on_keys_of_strangers(names: Names, region: str) -> PermissionQuestion:
    """Foreign keys must be denied: a copy with a foreign key could be shared with its owner."""
    key = f"arn:{names.partition}:kms:{region}:{STRANGER}:key/{AN_ID}"
    context = granting(region) | owner_of(key)
    return PermissionQuestion(("kms:CreateGrant", *KEY_USE), (key,), allowed=False, context=context)


def asks_of_source(names: Names) -> tuple[PermissionQuestion, ...]:
    """Questions on the role in production's account."""
    kind, word = names.snapshot_arn, names.snapshot
    ours = names.in_source(kind, f"restorecheck-{AN_ID}")
    automated = names.in_source(kind, f"rds:{names.instance}-2026-01-01-00-00")
    others = names.in_source(kind, f"{names.instance}-before-migration")
    instance = names.in_source(names.owner_arn, names.instance)
    return (
        PermissionQuestion((f"rds:Describe{names.owner}s",), (instance,), allowed=True),
        PermissionQuestion((f"rds:Describe{word}s",), (automated, ours), allowed=True),
        PermissionQuestion((f"rds:Copy{word}",), (automated, ours), allowed=True, context=ASKED),
        PermissionQuestion(("rds:AddTagsToResource",), (ours,), allowed=True, context=ASKED),
        PermissionQuestion(
            (
                f"rds:Describe{word}Attributes",
                f"rds:Modify{word}Attribute",
                f"rds:Delete{word}",
            ),
            (ours,),
            allowed=True,
            context=TAGGED,
        ),
        *(ask for key in names.source_keys for ask in _on_key(key, names.region)),
        _on_keys_of_strangers(names, names.region),
        PermissionQuestion(
            (*(f"rds:{verb}{names.owner}" for verb in ("Delete", "Modify", "Stop", "Reboot")),),
            (instance,),
            allowed=False,
        ),
        PermissionQuestion((f"rds:Delete{word}",), (automated, others), allowed=False),
        PermissionQuestion((f"rds:Modify{word}Attribute",), (others,), allowed=False),
        *_never_on_itself(names.role_arn, names.source_keys),
    )


def _never_on_itself(principal: str, keys: tuple[str, ...]) -> tuple[PermissionQuestion, ...]:
    """The role must not widen its own rights or make the keys unusable."""
    action = "iam:PutUserPolicy" if ":user/" in principal else "iam:PutRolePolicy"
    keys = tuple(key for key in keys if key)
    asked = (PermissionQuestion((action,), (principal,), allowed=False),) if principal else ()
    if not keys:
        return asked
    return (
        *asked,
        PermissionQuestion(("kms:DisableKey", "kms:ScheduleKeyDeletion"), keys, allowed=False),
    )


def asks_of_backup(names: Names, principal: str = "") -> tuple[PermissionQuestion, ...]:
    """Questions on the drilling user in the backup account."""
    word, kind = names.snapshot, names.snapshot_arn
    ours = names.in_backup("db", f"restorecheck-{AN_ID}")
    owner = names.in_backup(names.owner_arn, f"restorecheck-{AN_ID}")
    copy = names.in_backup(kind, f"restorecheck-{AN_ID}")
    staging = names.in_source(kind, f"restorecheck-{AN_ID}")
    others = names.in_backup("db", "other")
    foreign = names.in_backup(kind, "other")
    group = "cluster-pg" if names.aurora else "pg"
    around = (
        owner,
        copy,
        names.in_backup("subgrp", names.subnet_group),
        names.in_backup(group, names.parameter_group or "default.postgres17"),
        names.in_backup("og", "default:postgres-17"),
    )
    private = {"rds:PubliclyAccessible": "false", **ASKED}
    public = {"rds:PubliclyAccessible": "true", **ASKED}
    restore = (f"rds:{RESTORES[names.aurora]}",)
    public_call = ("rds:CreateDBInstance",) if names.aurora else restore
    return (
        *(_on_clusters(names, ours, owner) if names.aurora else ()),
        *(_on_upgrades(names) if names.rehearses else ()),
        PermissionQuestion(("rds:DescribeDBInstances",), (ours,), allowed=True),
        PermissionQuestion(
            ("rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion"), (ours,), allowed=True
        ),
        PermissionQuestion(("rds:DownloadDBLogFilePortion",), (others,), allowed=False),
        PermissionQuestion((f"rds:Describe{word}s",), (copy,), allowed=True),
        PermissionQuestion(("rds:DescribeEvents",), ("*",), allowed=True),
        PermissionQuestion((f"rds:Copy{word}",), (staging, copy), allowed=True, context=ASKED),
        PermissionQuestion(
            ("rds:AddTagsToResource",), (copy, ours, owner), allowed=True, context=ASKED | TAGGED
        ),
        PermissionQuestion(restore, around, allowed=True, context=private),
        PermissionQuestion(
            tuple(f"rds:{verb}{names.owner}" for verb in ("Modify", "Delete", "Stop")),
            (owner,),
            allowed=True,
            context=TAGGED,
        ),
        PermissionQuestion((f"rds:Delete{word}",), (copy,), allowed=True, context=TAGGED),
        PermissionQuestion(("sts:AssumeRole",), (names.role_arn,), allowed=True),
        *_on_credentials(names),
        *_on_key(names.backup_keys[0], *names.regions),
        *_on_key(names.backup_key, names.backup_region),
        _on_keys_of_strangers(names, names.backup_region),
        PermissionQuestion((f"rds:Modify{word}Attribute",), (copy,), allowed=False, context=TAGGED),
        PermissionQuestion(public_call, (ours,), allowed=False, context=public),
        PermissionQuestion(
            ("rds:DeleteDBInstance", "rds:ModifyDBInstance"), (others,), allowed=False
        ),
        PermissionQuestion((f"rds:Delete{word}",), (foreign,), allowed=False),
        *_never_on_itself(principal, (names.backup_key,)),
    )


RESTORES = {False: "RestoreDBInstanceFromDBSnapshot", True: "RestoreDBClusterFromSnapshot"}
"""By whether it is Aurora."""


def _on_clusters(names: Names, instance: str, cluster: str) -> tuple[PermissionQuestion, ...]:
    """What a cluster needs besides. Service Authorization Reference, "Amazon RDS": a restore depends on
    CreateDBInstance, and DeleteDBCluster is asked of a cluster snapshot, too, even without a final one.
    """
    private = {"rds:PubliclyAccessible": "false", **ASKED}
    snapshot = names.in_backup("cluster-snapshot", f"restorecheck-{AN_ID}")
    others = names.in_backup("cluster", "other")
    create = ("rds:CreateDBInstance",)
    around = (instance, cluster, names.in_backup("subgrp", names.subnet_group))
    return (
        PermissionQuestion(("rds:DescribeDBClusters",), (cluster,), allowed=True),
        PermissionQuestion(create, around, allowed=True, context=private),
        PermissionQuestion(create, (others,), allowed=False, context=private),
        PermissionQuestion(
            ("rds:DeleteDBInstance", "rds:ModifyDBInstance"),
            (instance,),
            allowed=True,
            context=TAGGED,
        ),
        PermissionQuestion(("rds:DeleteDBCluster",), (snapshot,), allowed=True, context=TAGGED),
        PermissionQuestion(("rds:StartDBCluster",), (cluster,), allowed=True, context=TAGGED),
        PermissionQuestion(
            ("rds:DeleteDBCluster", "rds:ModifyDBCluster", "rds:StopDBCluster"),
            (others,),
            allowed=False,
        ),
    )


def _on_upgrades(names: Names) -> tuple[PermissionQuestion, ...]:
    modify = (f"rds:Modify{names.owner}",)
    kind = "cluster-pg" if names.aurora else "pg"
    group = names.in_backup(kind, f"default.{names.engine}99")
    mine = names.in_backup(kind, "other")
    return (
        PermissionQuestion(("rds:DescribeDBEngineVersions",), ("*",), allowed=True),
        PermissionQuestion(modify, (group,), allowed=True),
        PermissionQuestion(("rds:ModifyDBParameterGroup",), (mine,), allowed=False),
    )


def _on_credentials(names: Names) -> tuple[PermissionQuestion, ...]:
    match names.credentials:
        case "iam":
            place = f"{names.backup_region}:{names.backup_account}"
            user = f"arn:{names.partition}:rds-db:{place}:dbuser:{names.owner_arn}-NEW/{names.iam_user}"
            return (PermissionQuestion(("rds-db:connect",), (user,), allowed=True),)
        case "reset":
            own = names.secret(f"restorecheck-{AN_ID}-AbCdEf")
            actions = ("CreateSecret", "TagResource", "GetSecretValue", "DeleteSecret")
            named = tuple(f"secretsmanager:{action}" for action in actions)
            return (PermissionQuestion(named, (own,), allowed=True),)
        case _:
            made = names.secret(f"{names.managed_secrets}0a1b2c3d-AbCdEf")
            by_rds = ("CreateSecret", "TagResource", "GetSecretValue")
            named = tuple(f"secretsmanager:{action}" for action in by_rds)
            owner = names.in_backup(names.owner_arn, f"restorecheck-{AN_ID}")
            of_ours = {names.tag_of_secrets: owner}
            return (
                PermissionQuestion(named, (made,), allowed=True, context=of_ours),
                *_on_secret_key(names),
            )


def _on_secret_key(names: Names) -> Iterator[PermissionQuestion]:
    """RDS makes the secret in the caller's name, also under Secrets Manager's own key, which it
    then describes (RDS User Guide, "Password management": permissions).
    """
    key = names.secret_key or names.key(names.backup_account, AN_ID)
    owner = owner_of(key)
    yield PermissionQuestion(("kms:DescribeKey",), (key,), allowed=True, context=owner)
    if names.secret_key:
        by_service = {"kms:ViaService": f"secretsmanager.{names.backup_region}.amazonaws.com"}
        used = ("kms:CreateGrant", *SECRET_KEY_USE)
        yield PermissionQuestion(used, (key,), allowed=True, context=by_service | owner)


SECRET_KEY_USE = ("kms:Decrypt", "kms:GenerateDataKey")


# --- key policies --------------------------------------------------------------------------------

READING = ("kms:DescribeKey", "kms:Decrypt", "kms:CreateGrant")
"""Actions on the key of the staging copy that the backup account needs."""


def key_requests(key: str, region: str, actions: tuple[str, ...]) -> tuple[Request, ...]:
    """Requests to a key policy, as RDS makes them for the caller."""
    context = {name.lower(): value for name, value in granting(region).items()}
    return tuple(Request(action, key, context) for action in actions)
