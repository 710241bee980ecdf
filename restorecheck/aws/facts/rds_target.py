"""Facts for `doctor` about a target of RDS or Aurora: everything that the next drill depends on.

Every call only reads. A value that may not be read is `Unread`, with the missing right.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from botocore import xform_name

from restorecheck.aws.facts.lookup import (
    Raw,
    cluster_of,
    database_of,
    key_of,
    pages,
    principal_of,
    quotas_of,
    reading,
    reading_one,
    simulated,
)
from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.session.settings import SnapshotSettings
from restorecheck.aws.session.snapshot_kinds import OF_CLUSTERS
from restorecheck.aws.session.views import SnapshotView
from restorecheck.aws.snapshots import engines
from restorecheck.aws.snapshots.copies import AWS_BACKUP
from restorecheck.errors import AccessDeniedError, ProviderError
from restorecheck.rules import permissions
from restorecheck.rules.facts import (
    Caller,
    Capacity,
    KmsKey,
    Opening,
    RdsDatabase,
    RdsFacts,
    Refused,
    SecurityGroup,
    Simulation,
    Subnet,
    SubnetGroup,
    Unread,
)
from restorecheck.rules.permissions import Names

UNFINISHED = frozenset({"copying", "creating", "pending"})
BACKUP_FIRST = Unread("RC201 to be fixed first")
SOURCE_FIRST = Unread("RC202 to be fixed first")


def names_of(settings: SnapshotSettings, production_key: str = "") -> Names:
    source, backup, restore = settings.source, settings.backup, settings.restore
    return Names(
        target=settings.target,
        partition=source.place.partition,
        source_account=source.place.account_id,
        backup_account=backup.place.account_id,
        region=source.place.region,
        backup_region=backup.place.region,
        role_arn=source.role_arn,
        instance=settings.identifier,
        transit_key=source.transit_kms_key_id or "",
        production_key=production_key,
        backup_key=backup.kms_key_id,
        secret_key=restore.master_user_secret_kms_key_id or "",
        subnet_group=restore.db_subnet_group_name,
        security_groups=restore.vpc_security_group_ids,
        parameter_group=restore.parameter_group or "",
        credentials=restore.credentials.value,
        iam_user=restore.iam_user,
        aurora=settings.kind is OF_CLUSTERS,
        direct=settings.direct,
        rehearses=settings.upgrade is not None,
    )


def copies_planned(settings: Sequence[SnapshotSettings], of: SnapshotSettings) -> int:
    """Number of manual snapshots that the targets of one backup account and region keep, with the next one of each."""
    same = [s for s in settings if s.backup.place == of.backup.place and not s.direct]
    return sum(s.backup.keep_copies + 1 for s in same)


def examine(settings: SnapshotSettings, accounts: Accounts, *, planned: int) -> RdsFacts:
    """All facts of one target; `planned`: copies of all targets (`copies_planned`)."""
    backup = accounts.looked_at(settings.backup.place)
    caller = _caller(backup, settings.backup.place.account_id)
    source, source_caller = _entered(settings, accounts, caller)
    production = _production(source, settings)
    newest = _newest_snapshot(source, settings, production)
    key = _snapshot_key(source, production)
    customers = isinstance(key, KmsKey) and key.manager != "AWS"
    names = names_of(settings, key.arn if isinstance(key, KmsKey) and customers else "")
    here = backup if isinstance(caller, Caller) else None
    return RdsFacts(
        names=names,
        max_age=settings.max_age,
        keep_copies=settings.backup.keep_copies,
        copies_planned=planned,
        caller=caller,
        source_caller=source_caller,
        trust=SOURCE_FIRST if source is None else _trust(source, names),
        production=production,
        newest_snapshot=newest,
        snapshot_key=key,
        refused=_refused(settings, production),
        transit_key=_transit_key(source, names),
        backup_key=BACKUP_FIRST if here is None else key_of(here, names.backup_key),
        subnet_group=BACKUP_FIRST if here is None else _subnet_group(here, names),
        other_subnets=BACKUP_FIRST if here is None else _all_subnets(here),
        security_groups=BACKUP_FIRST if here is None else _security_groups(here, names),
        parameter_family=BACKUP_FIRST if here is None else _family(here, names),
        instance_class=settings.restore.db_instance_class,
        orderable=_orderable(here, settings, production),
        capacity=settings.restore.capacity,
        offered=_offered(here, settings, production),
        copying_there=BACKUP_FIRST if here is None else _copies_in_progress(here, settings),
        copying_here=SOURCE_FIRST if source is None else _copies_in_progress(source, settings),
        backup_quotas=BACKUP_FIRST if here is None else quotas_of(here),
        source_quotas=SOURCE_FIRST if source is None else quotas_of(source),
        source_rights=_source_rights(source, names),
        backup_rights=_backup_rights(here, caller, names),
    )


def _caller(account: Account, expected: str) -> Caller | Refused | Unread:
    try:
        found, arn = account.caller()
    except AccessDeniedError as exc:
        return Refused(exc.message)
    except ProviderError as exc:
        return Unread("a second try", exc.message)
    if found != expected:
        return Refused(f"the credentials belong to account {found}, not to {expected}")
    return Caller(found, arn)


def _entered(
    settings: SnapshotSettings, accounts: Accounts, caller: Caller | Refused | Unread
) -> tuple[Account | None, Caller | Refused | Unread]:
    if not isinstance(caller, Caller):
        return None, BACKUP_FIRST
    try:
        source = accounts.looked_at(settings.source.place, settings.source)
    except AccessDeniedError as exc:
        return None, Refused(exc.message)
    entered = _caller(source, settings.source.place.account_id)
    return (source if isinstance(entered, Caller) else None), entered


def _trust(source: Account, names: Names) -> Mapping[str, Any] | Unread:
    def read() -> Mapping[str, Any]:
        role = source.client("iam").get_role(RoleName=names.role)["Role"]
        policy: Mapping[str, Any] | str = role["AssumeRolePolicyDocument"]
        # botocore decodes the document; otherwise it is text.
        assert not isinstance(policy, str), unquote(policy)
        return policy

    needs = f"iam:GetRole in account {names.source_account}"
    return reading(needs, f"read the role {names.role}", read)


def _production(source: Account | None, settings: SnapshotSettings) -> RdsDatabase | Unread | None:
    if source is None:
        return SOURCE_FIRST
    name, of_cluster = settings.identifier, settings.kind is OF_CLUSTERS
    rds = source.client("rds")

    def read() -> RdsDatabase:
        if of_cluster:
            return cluster_of(rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])
        return database_of(rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])

    right = "rds:DescribeDBClusters" if of_cluster else "rds:DescribeDBInstances"
    needs = f"{right} in account {source.place.account_id}"
    return reading_one(needs, f"describe {name}", read)


def _refused(settings: SnapshotSettings, production: RdsDatabase | Unread | None) -> str:
    """Why no drill restores this engine; empty: drills do."""
    if not isinstance(production, RdsDatabase):
        return ""
    name, mode = settings.identifier, production.engine_mode
    refused = engines.refusal(settings.kind, name, production.engine, mode)
    return refused.reason if refused else ""


def _snapshots(
    account: Account, settings: SnapshotSettings, **which: str
) -> tuple[SnapshotView, ...]:
    kind = settings.kind
    found = pages(account.client("rds"), f"describe_{kind.method}s", f"{kind.name}s", **which)
    return tuple(kind.view(raw) for raw in found)


def _newest_snapshot(
    source: Account | None, settings: SnapshotSettings, production: RdsDatabase | Unread | None
) -> datetime | Unread | None:
    """Time of the newest snapshot of AWS Backup, for an instance without automated backups."""
    if source is None:
        return SOURCE_FIRST
    off = isinstance(production, RdsDatabase) and not production.retention_days
    types = (AWS_BACKUP,) if off else ("automated", AWS_BACKUP)
    owner = f"{names_of(settings).owner}Identifier"

    def read() -> datetime | None:
        found = (
            view
            for one in types
            for view in _snapshots(
                source, settings, **{owner: settings.identifier, "SnapshotType": one}
            )
        )
        taken = (view.taken_at for view in found if view.status == "available")
        return max((at for at in taken if at), default=None)

    needs = f"rds:Describe{settings.kind.name}s in account {source.place.account_id}"
    return reading(needs, "list snapshots", read)


def _copies_in_progress(account: Account, settings: SnapshotSettings) -> int | Unread:
    """Of all programs that copy into this account and region."""

    def read() -> int:
        manual = _snapshots(account, settings, SnapshotType="manual")
        return len([view for view in manual if view.status in UNFINISHED])

    needs = f"rds:Describe{settings.kind.name}s in account {account.place.account_id}"
    return reading(needs, "list the snapshots that are copied", read)


def _snapshot_key(
    source: Account | None, production: RdsDatabase | Unread | None
) -> KmsKey | Unread | None:
    if source is None:
        return SOURCE_FIRST
    if not isinstance(production, RdsDatabase) or not production.kms_key_id:
        return production if isinstance(production, Unread) else None
    return key_of(source, production.kms_key_id)


def _transit_key(source: Account | None, names: Names) -> KmsKey | Unread | None:
    if source is None:
        return SOURCE_FIRST
    return key_of(source, names.transit_key) if names.transit_key else None


def _subnet_group(account: Account, names: Names) -> SubnetGroup | Unread | None:
    needs = f"rds:DescribeDBSubnetGroups in account {names.backup_account}"
    rds = account.client("rds")
    found = reading_one(
        needs,
        f"describe the DB subnet group {names.subnet_group}",
        lambda: rds.describe_db_subnet_groups(DBSubnetGroupName=names.subnet_group),
    )
    if found is None or isinstance(found, Unread):
        return found
    raw = found["DBSubnetGroups"][0]
    wanted = [subnet["SubnetIdentifier"] for subnet in raw["Subnets"]]
    subnets = _subnets(account, SubnetIds=wanted) if wanted else ()
    if isinstance(subnets, Unread):
        return subnets
    return SubnetGroup(name=raw["DBSubnetGroupName"], network=raw["VpcId"], subnets=subnets)


def _all_subnets(account: Account) -> tuple[Subnet, ...] | Unread:
    return _subnets(account)


def _subnets(account: Account, **which: object) -> tuple[Subnet, ...] | Unread:
    def read() -> tuple[Subnet, ...]:
        found = pages(account.client("ec2"), "describe_subnets", "Subnets", **which)
        return tuple(
            Subnet(
                identifier=raw["SubnetId"],
                zone=raw["AvailabilityZone"],
                network=raw["VpcId"],
                addresses=raw["CidrBlock"],
                free=raw["AvailableIpAddressCount"],
            )
            for raw in found
            if which or not raw.get("DefaultForAz")
        )

    needs = f"ec2:DescribeSubnets in account {account.place.account_id}"
    return reading(needs, "list subnets", read)


def _security_groups(account: Account, names: Names) -> tuple[SecurityGroup, ...] | Unread:
    """The configured ones that exist."""

    def read() -> tuple[SecurityGroup, ...]:
        # By filter, not by id: with an unknown id the call would fail for all.
        wanted = [{"Name": "group-id", "Values": list(names.security_groups)}]
        found = pages(
            account.client("ec2"), "describe_security_groups", "SecurityGroups", Filters=wanted
        )
        return tuple(
            SecurityGroup(
                identifier=raw["GroupId"],
                network=raw["VpcId"],
                ingress=_openings(raw["IpPermissions"]),
                egress=_openings(raw["IpPermissionsEgress"]),
            )
            for raw in found
        )

    needs = f"ec2:DescribeSecurityGroups in account {names.backup_account}"
    return reading(needs, "describe the security groups", read)


def _openings(rules: list[Raw]) -> tuple[Opening, ...]:
    return tuple(
        Opening(
            protocol=rule["IpProtocol"],
            first=rule.get("FromPort", 0),
            last=rule.get("ToPort", 65_535),
            place=place,
        )
        for rule in rules
        for place in (
            *(r["CidrIp"] for r in rule.get("IpRanges", ())),
            *(r["CidrIpv6"] for r in rule.get("Ipv6Ranges", ())),
            *(r["PrefixListId"] for r in rule.get("PrefixListIds", ())),
            *(r["GroupId"] for r in rule.get("UserIdGroupPairs", ())),
        )
    )


def _family(account: Account, names: Names) -> str | Unread | None:
    if not names.parameter_group:
        return None
    rds = account.client("rds")
    name, word = (
        names.parameter_group,
        "DBClusterParameterGroup" if names.aurora else "DBParameterGroup",
    )

    def read() -> str | None:
        describe = getattr(rds, f"describe_{xform_name(word)}s")
        groups = describe(**{f"{word}Name": name})[f"{word}s"]
        return str(groups[0]["DBParameterGroupFamily"]) if groups else None

    needs = f"rds:Describe{word}s in account {names.backup_account}"
    return reading_one(needs, f"describe the parameter group {name}", read)


def _orderable(
    account: Account | None, settings: SnapshotSettings, production: RdsDatabase | Unread | None
) -> frozenset[str] | Unread:
    """Storage types of the class with one version: a class may be available without the configured storage."""
    if account is None:
        return BACKUP_FIRST
    if not isinstance(production, RdsDatabase):
        return Unread("RC210 to be fixed first")

    def read() -> frozenset[str]:
        options = pages(
            account.client("rds"),
            "describe_orderable_db_instance_options",
            "OrderableDBInstanceOptions",
            Engine=production.engine,
            EngineVersion=production.version,
            DBInstanceClass=settings.restore.db_instance_class,
            Vpc=True,
        )
        return frozenset(option["StorageType"] for option in options)

    needs = f"rds:DescribeOrderableDBInstanceOptions in account {account.place.account_id}"
    return reading(needs, "list the instance classes that can be ordered", read)


def _offered(
    account: Account | None, settings: SnapshotSettings, production: RdsDatabase | Unread | None
) -> Capacity | Unread | None:
    """Limits of Serverless v2 for this version; None: the region does not have the version."""
    if account is None:
        return BACKUP_FIRST
    if not settings.restore.capacity:
        return None
    if not isinstance(production, RdsDatabase):
        return Unread("RC210 to be fixed first")

    def read() -> Capacity | Unread | None:
        wanted = {"Engine": production.engine, "EngineVersion": production.version}
        rds = account.client("rds")
        found = pages(rds, "describe_db_engine_versions", "DBEngineVersions", **wanted)
        if not found:
            return None
        limits = found[0].get("ServerlessV2FeaturesSupport") or {}
        if "MaxCapacity" not in limits:
            return Unread("limits of Serverless v2, which AWS did not return")
        return Capacity(least=limits.get("MinCapacity", 0), most=limits["MaxCapacity"])

    needs = f"rds:DescribeDBEngineVersions in account {account.place.account_id}"
    return reading(needs, "describe the engine version", read)


def _source_rights(source: Account | None, names: Names) -> Simulation:
    if source is None:
        return SOURCE_FIRST
    return simulated(source, names.role_arn, permissions.asks_of_source(names))


def _backup_rights(
    account: Account | None, caller: Caller | Refused | Unread, names: Names
) -> Simulation:
    if account is None or not isinstance(caller, Caller):
        return BACKUP_FIRST
    if caller.arn.endswith(":root"):
        return Unread("an IAM user or role: IAM cannot simulate the rights of the root user")
    principal = principal_of(account, caller.arn)
    if isinstance(principal, Unread):
        return principal
    return simulated(account, principal, permissions.asks_of_backup(names, principal))
