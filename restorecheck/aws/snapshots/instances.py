"""The temporary DB instance: restored from the copy, then deleted or stopped.

What is done to an Aurora cluster in the same way takes its `RestoredKind`.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import structlog

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.settings import Credentials, SnapshotSettings, parse_arn
from restorecheck.aws.session.snapshot_kinds import OF_INSTANCES
from restorecheck.aws.session.tags import wait_for_tags
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import (
    INSTANCE_HINTS,
    EventView,
    InstanceView,
    SnapshotView,
    StatusMeaning,
)
from restorecheck.aws.snapshots.copies import expires_at
from restorecheck.aws.snapshots.selection import copy_of
from restorecheck.errors import (
    AlreadyExistsError,
    InvalidStateError,
    NotFoundError,
    ProviderError,
)
from restorecheck.lifecycle import (
    Broken,
    Gone,
    InProgress,
    Parked,
    Ready,
    StepEvent,
    StillThere,
    Unclear,
)
from restorecheck.model import Drill, Endpoint, Resource

log = structlog.get_logger("restorecheck.aws")

INSTANCE = "DB instance"

MAGNETIC = "standard"
"""RDS no longer restores to this storage type since 2026-07: RDS User Guide, "Restoring to a DB instance"."""

PROVISIONED = ("io1", "io2")


FEWEST_GIB = 20
"""Least size of gp2 and gp3: Amazon RDS User Guide, "Amazon RDS DB instance storage"."""

STORAGE_REFUSED = frozenset({"InvalidParameterCombination", "InvalidParameterValue"})
"""Error codes for a storage type that does not fit size, class or engine, among others."""


View = TypeVar("View", InstanceView, ClusterView)
RestoredView = InstanceView | ClusterView


class RestoredKind(ABC, Generic[View]):
    """What a restore makes: a DB instance, or an Aurora cluster. Raises: what boto3 does."""

    name: str
    """The kind of the resource."""
    arn: str
    modifies: str
    """The operation that changes it, in a plan."""
    second: str
    """Output: name of the one that is made where the first one failed."""

    @abstractmethod
    def views(self, account: Account) -> DescribeCache[View]: ...

    @abstractmethod
    def events(self, account: Account) -> DescribeCache[tuple[EventView, ...]]: ...

    @abstractmethod
    def modify(self, account: Account, view: View, **changes: Any) -> None:  # noqa: ANN401  # of several types
        """At once, and not in the next maintenance window."""

    @abstractmethod
    def groups_for(self, view: View, version: str, parameter_group: str | None) -> dict[str, str]:
        """The groups that a major upgrade to the version must name. A group of AWS is replaced by AWS: RDS API,
        ModifyDBInstance, EngineVersion. `parameter_group`: the configured one.
        """

    @abstractmethod
    def delete(self, account: Account, view: View) -> str:
        """Ask for it; what is under way."""

    @abstractmethod
    def stop(self, account: Account, view: View) -> None: ...


def is_of_aws(group: str) -> bool:
    """Whether this is a default group: `default.postgres16`, `default:postgres-16`."""
    return group.startswith(("default.", "default:"))


class _DbInstance(RestoredKind[InstanceView]):
    name, arn, modifies = INSTANCE, "db", "ModifyDBInstance"
    second = "second_instance"

    def views(self, account: Account) -> DescribeCache[InstanceView]:
        return account.instances

    def events(self, account: Account) -> DescribeCache[tuple[EventView, ...]]:
        return account.events

    def modify(self, account: Account, view: InstanceView, **changes: Any) -> None:  # noqa: ANN401  # as above
        account.rds().modify_db_instance(
            DBInstanceIdentifier=view.identifier, ApplyImmediately=True, **changes
        )

    def groups_for(
        self, view: InstanceView, version: str, parameter_group: str | None
    ) -> dict[str, str]:
        major = version.partition(".")[0]
        named = {}
        if parameter_group or not all(map(is_of_aws, view.parameter_groups)):
            named["DBParameterGroupName"] = parameter_group or f"default.{view.engine}{major}"
        if not all(map(is_of_aws, view.option_groups)):
            named["OptionGroupName"] = f"default:{view.engine}-{major}"
        return named

    def delete(self, account: Account, view: InstanceView) -> str:
        """Of Aurora the cluster has the backups, and a stopped one lets no instance go: Amazon Aurora User
        Guide, "Stopping and starting a cluster". A member may be shown as `stopped` while its cluster is available:
        such a cluster cannot be started.
        """
        at_rest = view.cluster and view.status == "stopped"
        cluster = account.clusters.fresh().get(view.cluster) if at_rest else None
        if cluster is not None and cluster.status == "stopped":
            account.rds().start_db_cluster(DBClusterIdentifier=view.cluster)
            return f"starting the DB cluster {view.cluster}: a stopped one cannot be deleted"
        backups: Any = {} if view.cluster else {"DeleteAutomatedBackups": True}
        account.rds().delete_db_instance(
            DBInstanceIdentifier=view.identifier, SkipFinalSnapshot=True, **backups
        )
        return "deleting"

    def stop(self, account: Account, view: InstanceView) -> None:
        account.rds().stop_db_instance(DBInstanceIdentifier=view.identifier)


DB_INSTANCE = _DbInstance()


def restore(settings: SnapshotSettings, account: Account, drill: Drill, now: datetime) -> StepEvent:
    """Restore tonight's copy to an instance, and wait until it is ready.

    A first failed restore may be due to the host; a backup that fails to restore twice is bad. The first instance
    is kept as evidence until the verdict is stored.
    """
    name = name_of(drill)
    view = account.instances.latest().get(name)
    if view is None:
        return _begin_restore(settings, account, drill, name)
    waiting = unready(settings, drill, view, DB_INSTANCE, now)
    if waiting is not None:
        return waiting
    doubt = _doubt(settings, view) or _origin_doubt(account, drill)
    if doubt:
        return Unclear(reason=f"DB instance {view.arn} differs from the request: {doubt}")
    told = ("RDS restored the snapshot only at the second try",)
    notes = told if DB_INSTANCE.second in drill.outputs else ()
    return Ready(endpoint=endpoint_of(settings, view), notes=notes)


def name_of(drill: Drill, kind: RestoredKind[Any] = DB_INSTANCE) -> str:
    """Name of the instance or cluster that this drill checks: the first or the second one."""
    return drill.outputs.get(kind.second, naming.identifier_of(drill.id))


def unready(
    settings: SnapshotSettings,
    drill: Drill,
    view: RestoredView,
    kind: RestoredKind[Any],
    now: datetime,
) -> StepEvent | None:
    """The event for a restored database that cannot be used yet, or never; None: it can be used.

    Raises:
        AlreadyExistsError: It belongs to another program.
    """
    unmarked = wait_for_tags(settings, drill, view, now)
    if unmarked is not None:
        return unmarked
    refuse_foreign(view, drill)
    waiting = wait_for(settings.poll, view)
    if isinstance(waiting, Broken):
        return once_more(settings, drill, view, waiting, kind)
    return waiting


def once_more(
    settings: SnapshotSettings,
    drill: Drill,
    view: RestoredView,
    said: Broken,
    kind: RestoredKind[Any],
) -> StepEvent:
    if kind.second in drill.outputs:
        return replace(said, reason=f"{said.reason}, at the first and at the second try")
    second = naming.second_of(drill.id)
    return InProgress(
        wait=settings.poll,
        detail=f"{said.reason}; trying a second restore",
        status=view.status,
        outputs={kind.second: second},
        instead=(
            resource_of(settings, view.identifier, kind),
            resource_of(settings, second, kind),
        ),
    )


def resource_of(
    settings: SnapshotSettings, name: str, kind: RestoredKind[Any] = DB_INSTANCE
) -> Resource:
    place = settings.backup.place
    return Resource(kind=kind.name, identifier=place.arn(kind.arn, name), account=place.account_id)


def wait_for(poll: timedelta, view: RestoredView) -> InProgress | Broken | Unclear | None:
    """The event for its status; None: it can be used."""
    match view.progress:
        case StatusMeaning.READY if view.ready:
            return None
        case StatusMeaning.READY | StatusMeaning.UNDER_WAY:
            unfinished = [*view.pending, *view.unsettled]
            still = f", still applying {', '.join(unfinished)}" if unfinished else ""
            return InProgress(wait=poll, detail=f"{view.status}{still}", status=view.status)
        case StatusMeaning.UNKNOWN:
            log.warning("status.unknown", resource=view.arn, status=view.status)
            return InProgress(wait=poll, detail=f"{view.status} (unknown)", status=view.status)
        case StatusMeaning.BAD_BACKUP:
            return Broken(
                reason=f"RDS could not restore the snapshot: the status of the {view.what} is "
                f"{view.status}"
            )
        case StatusMeaning.HOPELESS:
            return Unclear(
                reason=f"{view.what} {view.identifier} cannot become available: its status is "
                f"{view.status}",
                hint=INSTANCE_HINTS.get(view.status, ""),
            )


def endpoint_of(settings: SnapshotSettings, view: RestoredView, *, secret: str = "") -> Endpoint:
    iam = settings.restore.credentials is Credentials.IAM
    return Endpoint(
        identity=view.resource_id,
        host=view.host,
        port=view.port,
        user=settings.restore.iam_user if iam else view.master_username,
        databases=settings.databases,
        server_version=view.engine_version,
        secret=secret,
    )


def own(account: Account, drill: Drill, kind: RestoredKind[View], *, now: bool = False) -> View:
    """The instance or cluster that this drill restored; `now`: read again, before a change.

    Raises:
        NotFoundError: It was deleted, or another instance has its name.
        AlreadyExistsError: The tag of restorecheck was removed, so the instance is no longer restorecheck's.
    """
    assert drill.endpoint is not None, "restored before"
    views = kind.views(account)
    known = views.fresh() if now else views.latest()
    view = known.get(name_of(drill, kind))
    if view is None or view.resource_id != drill.endpoint.identity:
        raise NotFoundError(
            f"the {kind.name} {name_of(drill, kind)}, which this drill restored, no longer exists in "
            f"{account.place}",
            hint=f"Another program deleted, renamed or replaced the {kind.name}. Look at CloudTrail.",
        )
    refuse_foreign(view, drill)
    return view


def refuse_foreign(view: RestoredView, drill: Drill) -> None:
    if view.tags.get(naming.DRILL) != drill.id or not naming.is_managed(view.tags):
        raise AlreadyExistsError(
            f"{view.what} {view.arn} exists without the tag of this drill",
            hint="Another program created it or removed the tag. restorecheck did not touch "
            "it; look at CloudTrail.",
            resource=view.arn,
        )


class Polling(Protocol):
    """Of any kind of target."""

    @property
    def poll(self) -> timedelta: ...

    @property
    def settling(self) -> timedelta: ...


def delete(
    settings: Polling,
    account: Account,
    resource: Resource,
    *,
    made_until: datetime,
    now: datetime,
    kind: RestoredKind[Any] = DB_INSTANCE,
) -> Gone | StillThere:
    name = parse_arn(resource.identifier).name
    # An absent instance counts as deleted only in a look that is late enough to show a new one.
    late_enough = made_until + settings.settling
    views = kind.views(account)
    view = views.latest(not_before=min(now, late_enough)).get(name)
    if view is None:
        if now < late_enough:
            return StillThere(resource, "not visible yet; AWS may show it later", settings.poll)
        other = _other_name(views, name)
        if other:
            detail = (
                f"the {kind.name} was renamed to {other}; restorecheck does not delete "
                "what another program renamed. Delete it, or remove its tags restorecheck:* to keep it"
            )
            return StillThere(resource, detail, settings.poll, hopeless=True)
        return Gone(resource)
    if view.status in {"deleting", "deleted"}:
        return StillThere(resource, view.status, settings.poll)
    # Its tags are read immediately before, because they may have been removed since.
    view = views.fresh().get(name)
    if view is None:
        return StillThere(resource, "going", settings.poll)
    if not view.tags and now < late_enough:
        return StillThere(resource, "waiting until AWS shows its tags", settings.poll)
    if not naming.is_ours(name) or not naming.is_managed(view.tags):
        return StillThere(
            resource,
            "not deleted: the tags of restorecheck are missing",
            settings.poll,
            hopeless=True,
        )
    try:
        with attempting(f"delete {kind.name} {view.arn}", view.arn):
            detail = kind.delete(account, view)
    except NotFoundError:
        return StillThere(resource, "going", settings.poll)
    except InvalidStateError as exc:
        # AWS returns the same for an instance that is being deleted.
        return StillThere(resource, exc.message, settings.poll)
    return StillThere(resource, detail, settings.poll)


def _other_name(views: DescribeCache[Any], name: str) -> str:
    """New name of this drill's instance or cluster if it was renamed; else empty."""
    return next(
        (
            view.identifier
            for view in views.latest().values()
            if naming.is_renamed(view.identifier, view.tags)
            and view.tags[naming.DRILL] == naming.drill_of(name)
            and view.status not in {"deleting", "deleted"}
        ),
        "",
    )


def park(
    settings: SnapshotSettings,
    account: Account,
    resource: Resource,
    kind: RestoredKind[Any] = DB_INSTANCE,
) -> Parked | StillThere:
    """Stop it and mark it as the standby. RDS starts it again after seven days: "Stopping an
    Amazon RDS DB instance temporarily"; the sweep stops it again.
    """
    name = parse_arn(resource.identifier).name
    view = kind.views(account).fresh().get(name)
    if view is None:
        raise NotFoundError(f"{kind.name} {resource.identifier} does not exist", resource=name)
    if not naming.is_ours(name) or not naming.is_managed(view.tags):
        return StillThere(
            resource,
            "not deleted: the tags of restorecheck are missing",
            settings.poll,
            hopeless=True,
        )
    if view.tags.get(naming.ROLE) != naming.STANDBY:
        with attempting(f"mark {kind.name} {view.arn} as the standby", view.arn):
            account.rds().add_tags_to_resource(
                ResourceName=view.arn, Tags=naming.as_list({naming.ROLE: naming.STANDBY})
            )
    if view.status == "stopped":
        return Parked(resource)
    if view.progress is StatusMeaning.READY:
        with attempting(f"stop {kind.name} {view.arn}", view.arn):
            kind.stop(account, view)
    return StillThere(resource, view.status, settings.poll)


def standbys(settings: SnapshotSettings, account: Account, kind: RestoredKind[View]) -> list[View]:
    """Every standby of this target, read now, because the callers delete."""
    return [
        view
        for view in kind.views(account).fresh().values()
        if naming.is_ours(view.identifier)
        and naming.is_managed(view.tags)
        and view.tags.get(naming.ROLE) == naming.STANDBY
        and view.tags.get(naming.TARGET) == settings.target
    ]


def _begin_restore(
    settings: SnapshotSettings, account: Account, drill: Drill, name: str
) -> StepEvent:
    own = copy_of(drill)
    copy = account.snapshots(OF_INSTANCES).manual.latest().get(own)
    if copy is None:
        raise NotFoundError(f"the copy {own} no longer exists in {account.place}")
    if copy.tags.get(naming.DRILL) != naming.drill_of(own) or not naming.is_managed(copy.tags):
        raise AlreadyExistsError(
            f"snapshot {copy.arn} does not have the tag of this drill",
            hint="Another program replaced the snapshot or removed the tag, so it was not "
            "restored. Look at CloudTrail.",
            resource=copy.arn,
        )
    chosen = parameters(settings, copy, drill, name)
    try:
        try:
            _ask_for_restore(account, copy, chosen)
        except ProviderError as exc:
            if exc.code not in STORAGE_REFUSED or "StorageType" not in chosen:
                raise
            log.warning("storage.refused", resource=copy.arn, reason=exc.message)
            as_aws_chooses = {k: v for k, v in chosen.items() if k not in {"StorageType", "Iops"}}
            _ask_for_restore(account, copy, as_aws_chooses)
    except AlreadyExistsError:
        pass  # made by an earlier call; its tags are looked at once it is seen
    return InProgress(wait=settings.poll, detail="creating", status="restore requested")


def _ask_for_restore(account: Account, copy: SnapshotView, chosen: dict[str, Any]) -> None:
    name = chosen["DBInstanceIdentifier"]
    with attempting(f"restore {copy.arn} as DB instance {name}", copy.arn):
        account.rds().restore_db_instance_from_db_snapshot(**chosen)


def parameters(
    settings: SnapshotSettings, copy: SnapshotView, drill: Drill, name: str
) -> dict[str, Any]:
    """Explicit values for everything that AWS would otherwise choose: the source's class and tags, the default VPC
    and security group, a public address, 35 days of backups, paid or automatic upgrades.

    Amazon RDS API, RestoreDBInstanceFromDBSnapshot.
    """
    tags = naming.common_tags(
        drill_id=drill.id,
        target=settings.target,
        role=naming.INSTANCE,
        expires_at=expires_at(drill),
    )
    if drill.keep:
        tags[naming.KEPT] = "true"
    chosen = {
        "DBInstanceIdentifier": name,
        "DBSnapshotIdentifier": copy.identifier,
        **chosen_by_us(settings),
        "Tags": naming.as_list(tags),
    }
    return chosen | storage_of(copy.storage_type, copy.iops, copy.allocated_gib)


def chosen_by_us(settings: SnapshotSettings) -> dict[str, Any]:
    """The restore parameters that are the same for every drill of a target."""
    wanted = settings.restore
    chosen: dict[str, Any] = {
        "DBInstanceClass": wanted.db_instance_class,
        "DBSubnetGroupName": wanted.db_subnet_group_name,
        "VpcSecurityGroupIds": list(wanted.vpc_security_group_ids),
        "PubliclyAccessible": False,
        "MultiAZ": False,
        "DeletionProtection": False,
        "BackupRetentionPeriod": 0,
        "AutoMinorVersionUpgrade": False,
        "CopyTagsToSnapshot": False,
        "DedicatedLogVolume": False,
        "EnableIAMDatabaseAuthentication": wanted.credentials is Credentials.IAM,
        "EngineLifecycleSupport": wanted.engine_lifecycle_support,
    }
    if wanted.db_parameter_group_name:
        chosen["DBParameterGroupName"] = wanted.db_parameter_group_name
    return chosen


def storage_of(storage_type: str, iops: int | None, allocated_gib: int) -> dict[str, Any]:
    """The storage type of the snapshot: another type makes the restore slower."""
    if not storage_type:
        return {}
    if storage_type == MAGNETIC:
        return {"StorageType": "gp3", "AllocatedStorage": max(FEWEST_GIB, allocated_gib)}
    if storage_type in PROVISIONED and iops:
        return {"StorageType": storage_type, "Iops": iops}
    return {"StorageType": storage_type}


def _origin_doubt(account: Account, drill: Drill) -> str:
    """Why the copy may not be the one whose origin was proven before the restore; empty: it is. An instance does
    not record what it was restored from.
    """
    copy = account.snapshots(OF_INSTANCES).manual.fresh().get(copy_of(drill))
    assert drill.backup is not None, "found before it is restored"
    if copy is None or copy.holds(drill.outputs.get("snapshot_time", ""), drill.backup.taken_at):
        return ""
    return f"its source, the copy, was replaced by a copy with data up to {copy.taken_at}"


def _doubt(settings: SnapshotSettings, view: InstanceView) -> str:
    if view.publicly_accessible:
        return "it has a public address"
    if view.deletion_protection:
        return "it is protected against deletion"
    wanted = settings.restore.db_subnet_group_name
    if view.subnet_group and view.subnet_group.lower() != wanted.lower():
        return f"it is in the subnet group {view.subnet_group}"
    return ""
