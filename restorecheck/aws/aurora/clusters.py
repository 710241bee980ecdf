"""The temporary Aurora cluster and its one instance: restored, handed over, taken away or put to rest.

RDS API, RestoreDBClusterFromSnapshot, CreateDBInstance, DeleteDBCluster; Amazon Aurora User Guide, "Restoring from
a DB cluster snapshot".
"""

from datetime import datetime, timedelta
from typing import Any

from restorecheck.aws.aurora.settings import SERVERLESS, AuroraSettings
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.settings import Credentials
from restorecheck.aws.session.snapshot_kinds import OF_CLUSTERS
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import EventView, InstanceView
from restorecheck.aws.snapshots.copies import expires_at
from restorecheck.aws.snapshots.instances import (
    DB_INSTANCE,
    RestoredKind,
    endpoint_of,
    is_of_aws,
    name_of,
    own,
    unready,
    wait_for,
)
from restorecheck.aws.snapshots.selection import copy_of
from restorecheck.errors import AlreadyExistsError, InvalidStateError, NotFoundError
from restorecheck.lifecycle import InProgress, Ready, StepEvent, Unclear
from restorecheck.model import Drill

CLUSTER = "DB cluster"
RETENTION_DAYS = 1
"""The least that RDS accepts for a cluster: RestoreDBClusterFromSnapshot, BackupRetentionPeriod."""
LEAVING = frozenset({"deleting", "deleted"})


class _DbCluster(RestoredKind[ClusterView]):
    name, arn, modifies = CLUSTER, "cluster", "ModifyDBCluster"
    second = "second_cluster"

    def views(self, account: Account) -> DescribeCache[ClusterView]:
        return account.clusters

    def events(self, account: Account) -> DescribeCache[tuple[EventView, ...]]:
        return account.cluster_events

    def modify(self, account: Account, view: ClusterView, **changes: Any) -> None:  # noqa: ANN401  # of several types
        account.rds().modify_db_cluster(
            DBClusterIdentifier=view.identifier, ApplyImmediately=True, **changes
        )

    def groups_for(
        self, view: ClusterView, version: str, parameter_group: str | None
    ) -> dict[str, str]:
        """Its instances have the default parameter group."""
        if not parameter_group and is_of_aws(view.parameter_group):
            return {}
        default = f"default.{view.engine}{version.partition('.')[0]}"
        return {"DBClusterParameterGroupName": parameter_group or default}

    def delete(self, account: Account, view: ClusterView) -> str:
        """Its instances first: RDS refuses a cluster that has one which is not on its way out. A stopped cluster is
        started for it.

        Raises:
            InvalidStateError: It has an instance that another program made.
        """
        known = account.instances.fresh()
        members = [known[name] for name in view.members if name in known]
        staying = [member for member in members if member.status not in LEAVING]
        for member in staying:
            if not naming.is_ours(member.identifier) or not naming.is_managed(member.tags):
                raise InvalidStateError(
                    f"the DB cluster {view.identifier} has the instance {member.identifier}, which "
                    "another program made",
                    hint="Delete the instance. restorecheck then deletes the cluster.",
                    resource=member.arn,
                )
            detail = DB_INSTANCE.delete(account, member)
            if member.status == "stopped":
                return detail
        if staying:
            return f"deleting the instance {staying[0].identifier} first"
        account.rds().delete_db_cluster(
            DBClusterIdentifier=view.identifier,
            SkipFinalSnapshot=True,
            DeleteAutomatedBackups=True,
        )
        return "deleting"

    def stop(self, account: Account, view: ClusterView) -> None:
        """All of its instances stop with it."""
        account.rds().stop_db_cluster(DBClusterIdentifier=view.identifier)


DB_CLUSTER = _DbCluster()


def restore(settings: AuroraSettings, account: Account, drill: Drill, now: datetime) -> StepEvent:
    """The cluster with its data, without an instance yet. A backup is bad that does not restore twice."""
    name = name_of(drill, DB_CLUSTER)
    view = account.clusters.latest().get(name)
    if view is None:
        return _begin_restore(settings, account, drill, name)
    waiting = unready(settings, drill, view, DB_CLUSTER, now)
    if waiting is not None:
        return waiting
    doubt = _doubt(settings, view, drill) or _origin_doubt(settings, account, drill)
    if doubt:
        return Unclear(reason=f"DB cluster {view.arn} differs from the request: {doubt}")
    told = ("RDS restored the snapshot only at the second try",)
    notes = told if DB_CLUSTER.second in drill.outputs else ()
    return Ready(endpoint=endpoint_of(settings, view), notes=notes)


def add_instance(
    settings: AuroraSettings, account: Account, drill: Drill, now: datetime
) -> StepEvent:
    """The instance that serves the cluster; the data are asked at the cluster's writer endpoint."""
    name = name_of(drill, DB_INSTANCE)
    view = account.instances.latest().get(name)
    cluster = own(account, drill, DB_CLUSTER)  # after its instance: then its endpoint is as new
    if view is None:
        return _begin_instance(settings, account, drill, cluster, name)
    waiting = unready(settings, drill, view, DB_INSTANCE, now)
    if waiting is not None:
        return waiting
    doubt = _instance_doubt(settings, view, cluster)
    if doubt:
        return Unclear(reason=f"DB instance {view.arn} differs from the request: {doubt}")
    waiting = wait_for(settings.poll, cluster)
    if waiting is not None:
        return waiting
    if not cluster.host:
        return InProgress(wait=settings.poll, detail="waiting for the writer endpoint")
    told = ("RDS started the restored database only at the second try",)
    notes = told if DB_INSTANCE.second in drill.outputs else ()
    return Ready(endpoint=endpoint_of(settings, cluster), notes=notes)


def _begin_restore(
    settings: AuroraSettings, account: Account, drill: Drill, name: str
) -> StepEvent:
    chosen = parameters(settings, _origin(settings, account, drill), drill, name)
    origin = chosen["SnapshotIdentifier"]
    try:
        with attempting(f"restore {origin} as DB cluster {name}", origin):
            account.rds().restore_db_cluster_from_snapshot(**chosen)
    except AlreadyExistsError:
        pass  # made by an earlier call; its tags are looked at once it is seen
    return InProgress(wait=settings.poll, detail="creating", status="restore requested")


def _origin(settings: AuroraSettings, account: Account, drill: Drill) -> str:
    """What is restored: our own copy by its name, or what the source account shares by its ARN."""
    if settings.direct:
        return settings.source.place.arn(settings.kind.arn, naming.identifier_of(drill.id))
    own_name = copy_of(drill)
    copy = account.snapshots(settings.kind).manual.latest().get(own_name)
    if copy is None:
        raise NotFoundError(f"the copy {own_name} no longer exists in {account.place}")
    made_by = naming.drill_of(own_name)
    if copy.tags.get(naming.DRILL) != made_by or not naming.is_managed(copy.tags):
        raise AlreadyExistsError(
            f"snapshot {copy.arn} does not have the tag of this drill",
            hint="Another program replaced the snapshot or removed the tag, so it was not "
            "restored. Look at CloudTrail.",
            resource=copy.arn,
        )
    return copy.identifier


def parameters(settings: AuroraSettings, origin: str, drill: Drill, name: str) -> dict[str, Any]:
    """Everything that AWS would otherwise choose: the region's default version instead of the snapshot's,
    35 days of backups, the default VPC and security group, paid or silent upgrades.
    """
    wanted = settings.restore
    assert drill.backup is not None, "found before it is restored"
    chosen: dict[str, Any] = {
        "DBClusterIdentifier": name,
        "SnapshotIdentifier": origin,
        "Engine": settings.kind.engine,
        "EngineVersion": drill.backup.server_version,
        "KmsKeyId": settings.backup.kms_key_id,
        "DBSubnetGroupName": wanted.db_subnet_group_name,
        "VpcSecurityGroupIds": list(wanted.vpc_security_group_ids),
        "DeletionProtection": False,
        "BackupRetentionPeriod": RETENTION_DAYS,
        "CopyTagsToSnapshot": False,
        "StorageType": "aurora",
        "EnableIAMDatabaseAuthentication": wanted.credentials is Credentials.IAM,
        "EngineLifecycleSupport": wanted.engine_lifecycle_support,
        "Tags": _tags(settings.target, drill, naming.CLUSTER),
    }
    if wanted.db_cluster_parameter_group_name:
        chosen["DBClusterParameterGroupName"] = wanted.db_cluster_parameter_group_name
    if wanted.db_instance_class == SERVERLESS:
        chosen["ServerlessV2ScalingConfiguration"] = {
            "MinCapacity": wanted.min_acu,
            "MaxCapacity": wanted.max_acu,
        }
    return chosen


def _begin_instance(
    settings: AuroraSettings, account: Account, drill: Drill, cluster: ClusterView, name: str
) -> StepEvent:
    waiting = wait_for(settings.poll, cluster)
    if waiting is not None:
        return waiting
    return ask_for_instance(
        account,
        drill,
        cluster,
        name,
        target=settings.target,
        instance_class=settings.restore.db_instance_class,
        poll=settings.poll,
    )


def ask_for_instance(
    account: Account,
    drill: Drill,
    cluster: ClusterView,
    name: str,
    *,
    target: str,
    instance_class: str,
    poll: timedelta,
) -> InProgress:
    try:
        with attempting(f"create DB instance {name} in DB cluster {cluster.identifier}", name):
            account.rds().create_db_instance(
                DBInstanceIdentifier=name,
                DBClusterIdentifier=cluster.identifier,
                DBInstanceClass=instance_class,
                Engine=OF_CLUSTERS.engine,
                PubliclyAccessible=False,
                AutoMinorVersionUpgrade=False,
                CopyTagsToSnapshot=False,
                Tags=_tags(target, drill, naming.INSTANCE),
            )
    except AlreadyExistsError:
        pass  # as in `_begin_restore`
    except InvalidStateError as exc:
        return InProgress(wait=poll, detail=exc.message, status=cluster.status)
    return InProgress(wait=poll, detail="creating", status="instance requested")


def _tags(target: str, drill: Drill, role: str) -> list[Any]:
    """A cluster's tags do not pass to its instances."""
    tags = naming.common_tags(
        drill_id=drill.id, target=target, role=role, expires_at=expires_at(drill)
    )
    if drill.keep:
        tags[naming.KEPT] = "true"
    return naming.as_list(tags)


def _doubt(settings: AuroraSettings, view: ClusterView, drill: Drill) -> str:
    """What AWS may have chosen instead of what was asked for."""
    assert drill.backup is not None, "found before it is restored"
    if view.public:
        return f"it can be reached from the internet ({view.public})"
    if view.deletion_protection:
        return "it is protected against deletion"
    if view.engine_version != drill.backup.server_version:
        return (
            f"it runs {view.engine} {view.engine_version}, and the snapshot is of "
            f"{drill.backup.server_version}"
        )
    if view.backup_retention_days > RETENTION_DAYS:
        return f"it keeps automated backups for {view.backup_retention_days} days"
    if view.roles:
        return f"the IAM role {view.roles[0]} is associated with it"
    wanted = settings.restore.db_subnet_group_name
    if view.subnet_group and view.subnet_group.lower() != wanted.lower():
        return f"it is in the subnet group {view.subnet_group}"
    return ""


def _instance_doubt(settings: AuroraSettings, view: InstanceView, cluster: ClusterView) -> str:
    if view.publicly_accessible:
        return "it has a public address"
    if view.cluster != cluster.identifier:
        return f"it is in the DB cluster {view.cluster or 'of no name'}"
    if cluster.members and view.identifier not in cluster.members:
        return f"the DB cluster {cluster.identifier} does not have it"
    strangers = [name for name in cluster.members if not naming.is_ours(name)]
    if strangers:
        return f"the DB cluster has the instance {strangers[0]}, which another program made"
    wanted = settings.restore.db_subnet_group_name
    if view.subnet_group and view.subnet_group.lower() != wanted.lower():
        return f"it is in the subnet group {view.subnet_group}"
    return ""


def _origin_doubt(settings: AuroraSettings, account: Account, drill: Drill) -> str:
    """Whether the copy is still the one whose lineage was proven before it was restored: a cluster does not
    say what it was restored from. What is restored directly was looked at in the source account.
    """
    if settings.direct:
        return ""
    found = account.snapshots(settings.kind).manual.fresh()
    copy = found.get(copy_of(drill))
    if copy is None or copy.holds(drill.outputs.get("snapshot_time", ""), None):
        return ""
    return f"its source, the copy, was replaced by a copy with data up to {copy.taken_at}"
