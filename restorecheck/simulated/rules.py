"""What RDS takes and what it refuses. Codes are those of botocore's model of each call (`rds/2014-10-31`); pages are
of the Amazon RDS User Guide, if nothing else is said.

Codes that were never seen on real AWS are marked (?).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from restorecheck.simulated.behind import Groups
from restorecheck.simulated.families import CLUSTERS, INSTANCES, Family
from restorecheck.simulated.refusals import (
    Refusal,
    bad_combination,
    bad_owner_state,
    bad_snapshot_state,
    bad_value,
    no_owner,
    no_snapshot,
)
from restorecheck.simulated.things import (
    Database,
    Description,
    Parameters,
    Region,
    Snapshot,
)

NAME = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]*(?<!-)")
LONGEST_NAME = 63
"""Of an instance or a cluster."""
MOST_SHARES = 20
FEWEST_ZONES = 2
OLD_CLASSES, NOT_WITH_OLD = ("db.t2.", "db.m3.", "db.m4.", "db.r3.", "db.r4."), 13
FEWEST_GIB, FEWEST_GIB_WITH_IOPS = 20, 400
BAD_IN_PASSWORDS = set("/'\"@ ")
NOT_KEPT = frozenset(
    {
        "MasterUserPassword",
        "Tags",
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "StorageEncrypted",
    }
)
"""Parameters that are no settings of an instance."""


# --- names ------------------------------------------------------------------------------------


def name_of(text: str, longest: int) -> str:
    """RDS API, CopyDBSnapshot and RestoreDBInstanceFromDBSnapshot: constraints of the identifiers."""
    if len(text) > longest or not NAME.fullmatch(text):
        raise bad_value(
            f"The parameter {text} is not a valid identifier. Identifiers must begin with a letter; "
            "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen "
            "or contain two consecutive hyphens."
        )
    return text.lower()


def tags_of(given: Parameters) -> dict[str, str]:
    """Reserved prefixes: "Tagging Amazon RDS resources"."""
    tags = {tag["Key"]: tag.get("Value", "") for tag in given.get("Tags") or []}
    if any(key.lower().startswith(("aws:", "rds:")) for key in tags):
        raise bad_value("Tag keys cannot start with the reserved prefix 'aws:' or 'rds:'")
    return tags


def is_arn(name: str) -> bool:
    return name.startswith("arn:")


T = TypeVar("T", bound=Database)


def owner_in(owners: Mapping[str, T], name: str, family: Family = INSTANCES) -> T:
    """An instance or a cluster, by its name or ARN."""
    owner = owners.get(name.rpartition(":")[2].lower())
    if owner is None:
        raise no_owner(name, family)
    return owner


def own_snapshot_in(region: Region, name: str, family: Family) -> Snapshot:
    """Of this account, by its name or ARN."""
    prefix = f":{region.account_id}:{family.snapshot_arn}:"
    own = name.partition(prefix)[2] if is_arn(name) else name
    snapshot = region.snapshots_of(family).get(own.lower())
    if snapshot is None:
        raise no_snapshot(name, family)
    return snapshot


# --- snapshots --------------------------------------------------------------------------------


def refuse_taken_snapshot(region: Region, name: str, most: int, family: Family) -> None:
    """RDS API, CopyDBSnapshot: errors. "Quotas and constraints": manual snapshots for each region, those of
    clusters counted apart.
    """
    snapshots = region.snapshots_of(family)
    if name in snapshots:
        raise Refusal(
            family.snapshot_exists,
            f"Cannot create the snapshot because a snapshot with the identifier {name} already "
            "exists.",
        )
    if len([s for s in snapshots.values() if s.type == "manual"]) >= most:
        raise Refusal("SnapshotQuotaExceeded", "The request cannot be processed: quota.")


def refuse_unfinished(snapshot: Snapshot) -> None:
    """RDS API, InvalidDBSnapshotState: "The state of the DB snapshot doesn't allow deletion" and copies."""
    if snapshot.status != "available":
        said = f"The snapshot {snapshot.identifier} is not available."
        raise bad_snapshot_state(said, snapshot.family)


def refuse_many_copies(snapshots: Iterable[Snapshot], most: int) -> None:
    """Of 20 in progress for each region: "Copying a DB snapshot", limitations; of clusters 5: Aurora User
    Guide, "Copying a DB cluster snapshot". No code is told.
    """
    if len([s for s in snapshots if s.type == "manual" and s.in_progress]) >= most:
        raise Refusal("SnapshotQuotaExceeded", "Too many snapshot copies in progress.")  # (?)


def refuse_copy_without_key(source: Snapshot, account_id: str, wanted: str | None) -> None:
    """RDS API, CopyDBSnapshot, KmsKeyId: must be given for an encrypted snapshot of another account."""
    if source.kms_key_id and source.account_id != account_id and not wanted:
        raise bad_combination(  # (?)
            "KmsKeyId is required to copy an encrypted snapshot of another account."
        )
    if wanted and not source.kms_key_id and source.family is CLUSTERS:
        # RDS API, CopyDBClusterSnapshot, KmsKeyId: "If you copy an unencrypted DB cluster snapshot and
        # specify a value for the KmsKeyId parameter, then an error is returned." (?): which one.
        raise bad_combination("The DB cluster snapshot is not encrypted: KmsKeyId is not allowed.")


def refuse_deletion_of_snapshot(snapshot: Snapshot) -> None:
    """RDS API, DeleteDBSnapshot: "must be in the available state"; "Deleting a DB snapshot": manual ones."""
    if snapshot.type != "manual":
        raise bad_snapshot_state("Automated snapshots cannot be deleted.", snapshot.family)
    if snapshot.status == "creating":
        said = f"The snapshot {snapshot.identifier} is being created."
        raise bad_snapshot_state(said, snapshot.family)


def forget_snapshot(snapshot: Snapshot, everywhere: Iterable[Snapshot]) -> None:
    """Gone at once. "Might fail", says the user guide, of copies from it; here they do."""
    snapshot.status = "deleted"
    for other in everywhere:
        if other.in_progress and other.copied_from == snapshot.arn:
            other.status = "failed"


def share(snapshot: Snapshot, given: Parameters, seen_from: datetime, *, default: bool) -> None:
    """Change who may use a snapshot. `default`: it is encrypted with the default key of RDS.

    RDS API, ModifyDBSnapshotAttribute; "Sharing a DB snapshot" and "Sharing encrypted snapshots"; the limit of 20
    accounts stands in "Quotas and constraints".
    """
    added, removed = given.get("ValuesToAdd") or [], given.get("ValuesToRemove") or []
    if given["AttributeName"] != "restore":
        raise bad_value(f"Invalid snapshot attribute {given['AttributeName']}")
    if snapshot.type != "manual" and snapshot.family is CLUSTERS:
        # Users of moto and of the API quote it: automated snapshots cannot be modified.
        raise bad_snapshot_state("Automated snapshots cannot be modified.", CLUSTERS)
    if snapshot.type != "manual":
        raise bad_value("The parameter DBSnapshotIdentifier is not a valid identifier.")  # (?)
    refuse_unfinished(snapshot)
    if added and snapshot.kms_key_id:
        if "all" in added:
            raise bad_value("Encrypted snapshots cannot be made public.")  # (?)
        if default:
            raise bad_combination(  # (?): the text is known, the code is not
                "Sharing snapshots encrypted with the default service key for RDS is currently "
                "not supported."
            )
    if len({*snapshot.shared, *added} - set(removed)) > MOST_SHARES:
        raise Refusal("SharedSnapshotQuotaExceeded", "You have exceeded the limit of 20.")
    for account in added:
        snapshot.shared.setdefault(account, seen_from)
    for account in removed:
        snapshot.shared.pop(account, None)


# --- instances --------------------------------------------------------------------------------


def refuse_taken_instance(instances: Collection[str], name: str, most: int) -> None:
    """RDS API, RestoreDBInstanceFromDBSnapshot: errors. "Quotas and constraints": DB instances."""
    if name in instances:
        raise Refusal("DBInstanceAlreadyExists", "DB instance already exists")
    if len(instances) >= most:
        raise Refusal("InstanceQuotaExceeded", "Instance quota exceeded for this account.")


def refuse_managed_restore(given: Parameters) -> None:
    """RDS API, RestoreDBInstanceFromDBSnapshot, ManageMasterUserPassword: for RDS for Oracle."""
    if given.get("ManageMasterUserPassword"):
        raise bad_combination("ManageMasterUserPassword is only supported for RDS for Oracle.")


def refuse_foreign_restore(snapshot: Snapshot, account_id: str) -> None:
    """Of what is both shared and encrypted: "Restoring to a DB instance"."""
    if snapshot.account_id != account_id and snapshot.kms_key_id:
        raise bad_snapshot_state(  # (?)
            "An encrypted snapshot of another account cannot be restored; copy it first."
        )


def default_group(settings: Mapping[str, object], pattern: str) -> str:
    return pattern.format(str(settings["EngineVersion"]).partition(".")[0])


def settings_of_restore(snapshot: Snapshot, given: Parameters) -> Description:
    """AWS's own choices where none is given: the source's class and backups, a public address
    without a subnet group. RDS API, RestoreDBInstanceFromDBSnapshot: the default of each parameter.
    """
    source = snapshot.instance_settings
    settings = source | {
        "DeletionProtection": False,
        "MultiAZ": False,
        "CopyTagsToSnapshot": False,
        "PubliclyAccessible": not given.get("DBSubnetGroupName"),
        "DBSubnetGroupName": "default",
        "DBParameterGroupName": default_group(source, "default.postgres{}"),
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        "VpcSecurityGroupIds": [],
        "KmsKeyId": snapshot.kms_key_id,
    }
    return settings | {key: value for key, value in given.items() if key not in NOT_KEPT}


def orderable(instance_class: str, version: str, engine: str = "postgres") -> tuple[str, ...]:
    """Storage types in which this class comes with this version of PostgreSQL: RDS User Guide, "Supported
    DB engines for DB instance classes", and Aurora User Guide, "Amazon Aurora DB instance classes" (no m
    classes), as far as drills ask for them.
    """
    if engine.startswith("aurora"):
        offered = re.fullmatch(r"db\.(serverless|(?!t2|m)[a-z0-9]+\.[a-z0-9]+)", instance_class)
        return ("aurora", "aurora-iopt1") if offered else ()
    old = instance_class.startswith(OLD_CLASSES) and int(version.partition(".")[0]) >= NOT_WITH_OLD
    known = re.fullmatch(r"db\.[a-z0-9]+\.[a-z0-9]+", instance_class)
    return () if old or not known else ("gp2", "gp3", "io1", "io2")


def refuse_combination(settings: Description) -> None:
    kind, version = settings["DBInstanceClass"], settings["EngineVersion"]
    if not orderable(kind, version):
        raise bad_combination(
            "RDS does not support creating a DB instance with the following combination: "
            f"DBInstanceClass={kind}, Engine=postgres, EngineVersion={version}, "
            "LicenseModel=postgresql-license."
        )


def refuse_storage(settings: Description, given: Parameters) -> None:
    """RDS User Guide, "Amazon RDS DB instance storage": gp2 and gp3 from 20 GiB on, IOPS of gp3 only
    from 400 GiB on; "Restoring to a DB instance": magnetic storage not since 2026-07. The texts are
    those that users of Terraform's provider quote; which of two codes comes is not certain (?).
    """
    kind, size = settings["StorageType"], int(settings["AllocatedStorage"])
    if kind == "standard":
        raise bad_combination("The storage type standard is not supported.")  # (?)
    if kind in {"gp2", "gp3"} and size < FEWEST_GIB:
        raise bad_combination(
            f"Invalid storage size for engine name postgres and storage type {kind}: {size}"
        )
    if kind == "gp3" and given.get("Iops") and size < FEWEST_GIB_WITH_IOPS:
        raise bad_combination(
            "You can't specify IOPS or storage throughput for engine postgres and a storage size "
            "less than 400."
        )


def no_subnet_group(name: str) -> Refusal:
    return Refusal("DBSubnetGroupNotFoundFault", f"DB subnet group {name} not found.", status=404)


def no_parameter_group(name: str) -> Refusal:
    return Refusal("DBParameterGroupNotFound", f"DBParameterGroup {name} not found.", status=404)


def no_security_group(name: str) -> Refusal:
    return bad_value(f"Invalid security group , groupId= {name}, groupName=.")


def refuse_unknown_groups(groups: Groups, given: Parameters) -> None:
    subnets, parameters = given.get("DBSubnetGroupName"), given.get("DBParameterGroupName")
    of_cluster = given.get("DBClusterParameterGroupName")
    if subnets:
        zones = groups.zones_of(subnets)
        if zones is None:
            raise no_subnet_group(subnets)
        if zones < FEWEST_ZONES:
            raise Refusal(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "DB Subnet Group doesn't meet availability zone coverage requirement.",
            )
    if parameters and groups.parameters_of(parameters) is None:
        raise no_parameter_group(parameters)
    if of_cluster and groups.parameters_of(of_cluster) is None:
        said = f"DBClusterParameterGroup {of_cluster} not found."
        raise Refusal("DBClusterParameterGroupNotFound", said, status=404)
    for security in given.get("VpcSecurityGroupIds") or []:
        if not groups.has_security_group(security):
            raise no_security_group(security)


def not_authorized(caller: str, action: str, resource: str) -> Refusal:
    return Refusal(  # (?): that it is refused is documented, the code is not
        "AccessDenied",
        f"User: {caller} is not authorized to perform: {action} on resource: {resource}",
        status=403,
    )


def refuse_change(thing: Database, given: Parameters) -> None:
    """RDS API, ModifyDBInstance and ModifyDBCluster: the state that each needs, and which of the two passwords
    may be given.
    """
    if thing.status not in {"available", "storage-optimization"}:
        said = f"Database instance is not in available state: {thing.status}"
        raise bad_owner_state(said, thing.family)
    password = given.get("MasterUserPassword")
    if given.get("ManageMasterUserPassword"):
        if password:
            raise bad_combination("You can't specify both a password and RDS-managed ones.")
    elif password is not None:
        refuse_bad_password(password)


def refuse_bad_password(password: str) -> None:
    """RDS API, ModifyDBInstance, MasterUserPassword: constraints, RDS for PostgreSQL."""
    if not 8 <= len(password) <= 128 or set(password) & BAD_IN_PASSWORDS:  # noqa: PLR2004  # RDS for PostgreSQL
        raise bad_value("The parameter MasterUserPassword is not a valid password.")


def refuse_upgrade(
    thing: Database, given: Parameters, targets: Iterable[Description], groups: Groups
) -> None:
    """RDS API, ModifyDBInstance and ModifyDBCluster: EngineVersion, AllowMajorVersionUpgrade and the groups. The texts are
    those that users of Terraform's provider quote.
    """
    settings, wanted = thing.settings, given["EngineVersion"]
    engine, version = settings["Engine"], settings["EngineVersion"]
    target = next((t for t in targets if t["EngineVersion"] == wanted), None)
    if target is None:
        raise bad_combination(f"Cannot upgrade {engine} from {version} to {wanted}")
    if not target["IsMajorVersionUpgrade"]:
        return
    if not given.get("AllowMajorVersionUpgrade"):
        raise bad_combination(
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
        )
    key, major = group_key(thing), str(wanted).partition(".")[0]
    group = given.get(key)
    if group is None and not str(settings[key]).startswith("default."):
        raise bad_combination(
            f"The current parameter group {settings[key]} is custom. You must explicitly specify a new "
            "parameter group, either default or custom, for the engine version upgrade."
        )
    if group is None:
        return
    if group.startswith("default."):
        if group != f"default.{engine}{major}":
            raise bad_combination(
                f"The Parameter Group {group} cannot be used for this instance. Please use a Parameter "
                f"Group with DBParameterGroupFamily {engine}{major}"
            )
    elif groups.parameters_of(group) is None:
        raise no_parameter_group(group)


def group_key(thing: Database) -> str:
    of_cluster = thing.family is CLUSTERS
    return "DBClusterParameterGroupName" if of_cluster else "DBParameterGroupName"


def groups_of_upgrade(thing: Database, given: Parameters) -> Description:
    """The groups after a major upgrade: default ones are replaced by those of the new version."""
    engine, major = thing.settings["Engine"], str(given["EngineVersion"]).partition(".")[0]
    key = group_key(thing)
    changed = {key: given.get(key) or f"default.{engine}{major}"}
    if thing.family is INSTANCES:
        changed["OptionGroupName"] = given.get("OptionGroupName") or f"default:{engine}-{major}"
    return changed


def refuse_deletion(thing: Database, given: Parameters, *, being_made: bool) -> None:
    """`being_made`: it is not up yet, or being upgraded, and will be up soon. RDS API, DeleteDBInstance and DeleteDBCluster:
    parameters and errors.
    """
    skip, final = given.get("SkipFinalSnapshot"), given.get("FinalDBSnapshotIdentifier")
    if thing.status == "deleting":
        said = f"Instance {thing.identifier} is already being deleted."
        raise bad_owner_state(said, thing.family)
    if thing.settings.get("DeletionProtection"):
        raise bad_combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    if skip and final:
        raise bad_combination(
            "FinalDBSnapshotIdentifier can not be specified when deleting an instance with "
            "SkipFinalSnapshot enabled."
        )
    if not skip and not final and not thing.settings.get("DBClusterIdentifier"):
        raise bad_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )
    if being_made:
        said = f"Instance {thing.identifier} is being created or upgraded."
        raise bad_owner_state(said, thing.family)  # (?)


def refuse_unless(thing: Database, status: str) -> None:
    """RDS API, StopDBInstance, StartDBInstance and their cluster twins: the state that each needs."""
    if thing.status != status:
        said = f"Instance {thing.identifier} is not in {status} state."
        raise bad_owner_state(said, thing.family)
