"""RDS as the sandbox has it: life cycles that take time, and AWS's refusals.

Semantics after the Amazon RDS API reference and user guide; codes as in botocore's model. Codes
of which nobody has seen the real thing are marked (?).
"""

import itertools
import json
import secrets
import string
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends
from moto.secretsmanager.models import secretsmanager_backends

from restorecheck.errors import ProviderError
from restorecheck.sandbox import keys
from restorecheck.sandbox.pace import Pace, Quotas, Worker
from restorecheck.sandbox.servers import Farm, Server
from restorecheck.sandbox.things import Instance, Snapshot
from restorecheck.testing.cloud import rules
from restorecheck.testing.cloud.described import (
    Description,
    Parameters,
    attributes,
    event,
    tag_list,
)
from restorecheck.testing.cloud.refusals import (
    Refusal,
    bad_combination,
    bad_instance_state,
    bad_value,
    no_instance,
    no_snapshot,
)
from restorecheck.testing.cloud.rules import (
    LONGEST_INSTANCE,
    LONGEST_SNAPSHOT,
    default_group,
    name_of,
    tags_of,
)

FEWEST_ZONES = 2
WEEK = timedelta(days=7)
FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-snapshot-id": "DBSnapshotIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "snapshot-type": "SnapshotType",
    "engine": "Engine",
}
NEVER = float("inf")
ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the next restore or copy ends, where that is not well."""

    status: str
    event: str = ""
    slower: float = 1.0
    """How many times longer it takes; `NEVER` leaves it under way."""


@dataclass(slots=True)
class Region:
    """Everything of one account in one region."""

    account_id: str
    name: str
    instances: dict[str, Instance] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    events: list[Description] = field(default_factory=list)

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:rds:{self.name}:{self.account_id}:{kind}:{name}"

    def tell(self, instance: str, message: str) -> None:
        self.events.append(event(instance, self.arn("db", instance), message, utcnow()))


@dataclass(frozen=True, slots=True)
class Page:
    """A result that AWS gives out in pages."""

    key: str
    items: list[Description]


class Rds:
    """The operations. Each is called with the lock held, in the thread of its request."""

    def __init__(self, farm: Farm, worker: Worker, pace: Pace, quotas: Quotas) -> None:
        self._defaults = _DEFAULTS | {"EngineVersion": farm.installation.version}
        self._farm = farm
        self._worker = worker
        self.pace = pace
        self.quotas = quotas
        self._regions: dict[tuple[str, str], Region] = {}
        self._numbers = itertools.count(1)
        self.restores: deque[Outcome] = deque()
        self.copies: deque[Outcome] = deque()
        self.passwords: deque[Outcome] = deque()
        self.before_start: deque[Callable[[Path], None]] = deque()
        """Called with the data directory of the next restored instance, before its server starts."""

    def region(self, account_id: str, name: str) -> Region:
        key = (account_id, name)
        return self._regions.setdefault(key, Region(account_id, name))

    def operation(self, name: str) -> "Callable[[Region, Parameters], Description | Page] | None":
        operations: dict[str, Callable[[Region, Parameters], Description | Page]] = {
            "AddTagsToResource": self._add_tags,
            "CopyDBSnapshot": self._copy_snapshot,
            "CreateDBInstance": self._create_instance,
            "CreateDBSnapshot": self._create_snapshot,
            "DeleteDBInstance": self._delete_instance,
            "DeleteDBSnapshot": self._delete_snapshot,
            "DescribeAccountAttributes": self._describe_quotas,
            "DescribeDBInstanceAutomatedBackups": self._describe_automated_backups,
            "DescribeDBInstances": self._describe_instances,
            "DescribeDBLogFiles": self._describe_logs,
            "DescribeDBParameters": self._describe_parameters,
            "DescribeDBSnapshotAttributes": self._describe_attributes,
            "DescribeDBSnapshots": self._describe_snapshots,
            "DescribeEvents": self._describe_events,
            "DownloadDBLogFilePortion": self._download_log,
            "ListTagsForResource": self._list_tags,
            "ModifyDBInstance": self._modify_instance,
            "ModifyDBSnapshotAttribute": self._modify_attribute,
            "ModifyDBSubnetGroup": self._modify_subnet_group,
            "RemoveTagsFromResource": self._remove_tags,
            "RestoreDBInstanceFromDBSnapshot": self._restore_instance,
            "StartDBInstance": self._start_instance,
            "StopDBInstance": self._stop_instance,
        }
        return operations.get(name)

    def take_automated_snapshot(
        self, region: Region, identifier: str, *, age: timedelta = timedelta(0)
    ) -> Snapshot:
        """Production's nightly snapshot; `age` dates it back."""
        instance = self._instance(region, identifier)
        base = f"rds:{instance.identifier}-{utcnow() - age:%Y-%m-%d-%H-%M}"
        names = itertools.chain([base], (f"{base}-{n}" for n in itertools.count(1)))
        name = next(n for n in names if n not in region.snapshots)
        return self._snapshot(region, instance, name, "automated", {}, age=age)

    def restore_for_test(self, region: Region, snapshot: Snapshot) -> Instance:
        """AWS Backup's own restore, with its name and its tag, in no public place."""
        settings = rules.settings_of_restore(snapshot, {"PubliclyAccessible": False})
        name = f"awsbackup-restore-test-{secrets.token_hex(8)}"
        instance = self._new_instance(region, name, settings, {"awsbackup-restore-test": "x"})
        self._bring_restore_to_its_end(region, instance, snapshot)
        return instance

    # --- snapshots -------------------------------------------------------------------------

    def _create_snapshot(self, region: Region, given: Parameters) -> Description:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        name = name_of(given["DBSnapshotIdentifier"], LONGEST_SNAPSHOT)
        if instance.status != "available":
            raise bad_instance_state(f"Instance {instance.identifier} is not available.")
        rules.refuse_taken_snapshot(region.snapshots, name, self.quotas.snapshots)
        snapshot = self._snapshot(region, instance, name, "manual", tags_of(given))
        return {"DBSnapshot": snapshot.describe(region.account_id)}

    def _snapshot(
        self,
        region: Region,
        instance: Instance,
        name: str,
        kind: str,
        tags: dict[str, str],
        *,
        age: timedelta = timedelta(0),
    ) -> Snapshot:
        assert instance.server is not None, "only what is up is backed up"
        now = utcnow() - age
        snapshot = Snapshot(
            identifier=name,
            arn=region.arn("snapshot", name),
            account_id=region.account_id,
            type=kind,
            instance=instance.identifier,
            instance_settings=dict(instance.settings),
            instance_tags=dict(instance.tags),
            data=self._farm.snapshot(instance.server),
            visible_from=self._visible(),
            original_at=now,
            database_at=now,
            kms_key_id=instance.settings.get("KmsKeyId", ""),
            tags=tags,
        )
        region.snapshots[name] = snapshot
        self._finish(snapshot, self.pace.backup, created_at=now)
        return snapshot

    def _finish(
        self, snapshot: Snapshot, seconds: float, *, created_at: datetime | None = None
    ) -> None:
        def half() -> None:
            snapshot.percent = 50 if snapshot.in_progress else snapshot.percent

        def done() -> None:
            if snapshot.in_progress:
                snapshot.status, snapshot.percent = "available", 100
                snapshot.created_at = created_at or utcnow()

        self._worker.after(self.pace.real(seconds / 2), half)
        self._worker.after(self.pace.real(seconds), done)

    def _copy_snapshot(self, region: Region, given: Parameters) -> Description:
        name = name_of(given["TargetDBSnapshotIdentifier"], LONGEST_SNAPSHOT)
        rules.refuse_taken_snapshot(region.snapshots, name, self.quotas.snapshots)
        tags = tags_of(given)
        source = self._find_snapshot(region, given["SourceDBSnapshotIdentifier"])
        rules.refuse_unfinished(source)
        rules.refuse_many_copies(region.snapshots.values(), self.quotas.copies_in_progress)
        foreign = source.account_id != region.account_id
        copy = Snapshot(
            identifier=name,
            arn=region.arn("snapshot", name),
            account_id=region.account_id,
            type="manual",
            instance=source.instance,
            instance_settings=source.instance_settings,
            instance_tags=source.instance_tags,
            data=source.data,
            visible_from=self._visible(),
            original_at=source.original_at,
            database_at=source.database_at,
            status="copying" if foreign else "creating",
            kms_key_id=self._key_of_copy(region, source, given.get("KmsKeyId")),
            copied_from=source.arn,
            source_arn=source.arn if foreign or region.name not in source.arn else "",
            tags=tags or (dict(source.tags) if given.get("CopyTags") and not foreign else {}),
        )
        region.snapshots[name] = copy
        self._bring_copy_to_its_end(copy)
        return {"DBSnapshot": copy.describe(region.account_id)}

    def _bring_copy_to_its_end(self, copy: Snapshot) -> None:
        outcome = self.copies.popleft() if self.copies else Outcome(status="available")
        if outcome.slower == NEVER:
            return
        if outcome.status == "available":
            self._finish(copy, self.pace.copy * outcome.slower)
            return

        def fail() -> None:
            copy.status = outcome.status

        self._worker.after(self.pace.real(self.pace.copy * outcome.slower), fail)

    def _key_of_copy(self, region: Region, source: Snapshot, wanted: str | None) -> str:
        rules.refuse_copy_without_key(source, region.account_id, wanted)
        foreign = source.account_id != region.account_id
        if source.kms_key_id and (foreign or not keys.is_default(source.kms_key_id)):
            keys.require(source.kms_key_id, region.account_id, keys.READ)
        if not wanted:
            return source.kms_key_id
        arn = keys.resolve(wanted, region.account_id, region.name)
        keys.require(arn, region.account_id, keys.WRITE)
        return arn

    def _delete_snapshot(self, region: Region, given: Parameters) -> Description:
        snapshot = self._own_snapshot(region, given["DBSnapshotIdentifier"])
        rules.refuse_deletion_of_snapshot(snapshot)
        del region.snapshots[snapshot.identifier]
        everywhere = (s for home in self._regions.values() for s in home.snapshots.values())
        rules.forget_snapshot(snapshot, everywhere)
        return {"DBSnapshot": snapshot.describe(region.account_id)}

    def _describe_snapshots(self, region: Region, given: Parameters) -> Page:
        kind, wanted = given.get("SnapshotType"), given.get("DBSnapshotIdentifier")
        if kind not in {None, "automated", "manual", "shared", "public", "awsbackup"}:
            raise bad_value(f"Invalid snapshot type {kind}.")  # (?)
        found: list[Snapshot] = []
        if kind not in {"shared", "public"}:
            found = [s for s in region.snapshots.values() if kind in {None, s.type}]
        if kind == "shared" or (kind is None and given.get("IncludeShared")):
            found += self._shared_with(region)
        items = [s.describe(region.account_id) for s in found if s.visible]
        items = _filtered(items, given)
        if given.get("DBInstanceIdentifier"):
            instance = given["DBInstanceIdentifier"].lower()
            items = [item for item in items if item["DBInstanceIdentifier"] == instance]
        if wanted:
            names = ("DBSnapshotIdentifier", "DBSnapshotArn")
            items = [item for item in items if wanted.lower() in {item[n].lower() for n in names}]
            if not items:
                raise no_snapshot(wanted)
        return Page("DBSnapshots", items)

    def _shared_with(self, region: Region) -> list[Snapshot]:
        return [
            snapshot
            for other in self._regions.values()
            if other.account_id != region.account_id and other.name == region.name
            for snapshot in other.snapshots.values()
            if snapshot.status == "available" and snapshot.usable_by(region.account_id)
        ]

    def _describe_attributes(self, region: Region, given: Parameters) -> Description:
        snapshot = self._own_snapshot(region, given["DBSnapshotIdentifier"])
        return attributes(snapshot, snapshot.shared)

    def _modify_attribute(self, region: Region, given: Parameters) -> Description:
        snapshot = self._own_snapshot(region, given["DBSnapshotIdentifier"])
        default = bool(snapshot.kms_key_id) and keys.is_default(snapshot.kms_key_id)
        rules.share(snapshot, snapshot.shared, given, self._visible(), default=default)
        return attributes(snapshot, snapshot.shared)

    # --- instances -------------------------------------------------------------------------

    def _create_instance(self, region: Region, given: Parameters) -> Description:
        name = name_of(given["DBInstanceIdentifier"], LONGEST_INSTANCE)
        rules.refuse_taken_instance(region.instances, name, self.quotas.instances)
        password, database = given["MasterUserPassword"], given.get("DBName")
        settings = self._defaults | {k: v for k, v in given.items() if k not in rules.NOT_KEPT}
        settings["DBParameterGroupName"] = given.get(
            "DBParameterGroupName", default_group(settings, "default.postgres{}")
        )
        settings["OptionGroupName"] = default_group(settings, "default:postgres-{}")
        if given.get("StorageEncrypted"):
            wanted = given.get("KmsKeyId")
            settings["KmsKeyId"] = (
                keys.resolve(wanted, region.account_id, region.name)
                if wanted
                else keys.default_key(region.account_id, region.name)
            )
        instance = self._new_instance(region, name, settings, tags_of(given))

        def up() -> None:
            server = self._farm.create()
            server.start()
            server.make_master(instance.master, password, database)
            instance.server = server
            region.tell(name, "DB instance created")
            self._back_up_first(region, instance)

        self._worker.after(self.pace.real(self.pace.create), up)
        return {"DBInstance": instance.describe()}

    def _back_up_first(self, region: Region, instance: Instance) -> None:
        if not int(instance.settings.get("BackupRetentionPeriod", 0)):
            instance.status = "available"
            return
        instance.status = "backing-up"
        self.take_automated_snapshot(region, instance.identifier)
        self._later(instance, self.pace.backup, "available")

    def _restore_instance(self, region: Region, given: Parameters) -> Description:
        name = name_of(given["DBInstanceIdentifier"], LONGEST_INSTANCE)
        rules.refuse_managed_restore(given)
        snapshot = self._find_snapshot(region, given["DBSnapshotIdentifier"])
        rules.refuse_foreign_restore(snapshot, region.account_id)
        rules.refuse_taken_instance(region.instances, name, self.quotas.instances)
        rules.refuse_unfinished(snapshot)
        settings = rules.settings_of_restore(snapshot, given)
        self._refuse_unknown_groups(region, given)
        if snapshot.kms_key_id and not keys.is_default(snapshot.kms_key_id):
            keys.require(snapshot.kms_key_id, region.account_id, keys.READ)
        tags = tags_of(given) if "Tags" in given else dict(snapshot.instance_tags)
        instance = self._new_instance(region, name, settings, tags)
        region.tell(name, f"Restored from snapshot {snapshot.identifier}")
        self._bring_restore_to_its_end(region, instance, snapshot)
        return {"DBInstance": instance.describe()}

    def _refuse_unknown_groups(self, region: Region, given: Parameters) -> None:
        """Moto keeps subnet groups, parameter groups and security groups."""
        backend: Any = rds_backends[region.account_id][region.name]
        subnets = given.get("DBSubnetGroupName")
        if subnets:
            group = backend.subnet_groups.get(subnets)
            if group is None:
                raise rules.no_subnet_group(subnets)
            zones = {getattr(s, "availability_zone", None) for s in group._subnets}  # noqa: SLF001  # moto's
            if len(zones) < 2:  # noqa: PLR2004  # two zones
                raise Refusal(
                    "DBSubnetGroupDoesNotCoverEnoughAZs",
                    "DB Subnet Group doesn't meet availability zone coverage requirement.",
                )
        parameters = given.get("DBParameterGroupName")
        if parameters and parameters not in backend.db_parameter_groups:
            raise rules.no_parameter_group(parameters)
        ec2: Any = ec2_backends[region.account_id][region.name]
        for security in given.get("VpcSecurityGroupIds") or []:
            if ec2.get_security_group_from_id(security) is None:
                raise rules.no_security_group(security)

    def _bring_restore_to_its_end(
        self, region: Region, instance: Instance, snapshot: Snapshot
    ) -> None:
        outcome = self.restores.popleft() if self.restores else Outcome(status="available")
        damage = self.before_start.popleft() if self.before_start else None
        if outcome.slower == NEVER:
            return

        def up() -> None:
            if region.instances.get(instance.identifier) is not instance:
                return
            if outcome.event:
                region.tell(instance.identifier, outcome.event)
            if outcome.status != "available":
                instance.status = outcome.status
                return
            assert snapshot.data is not None, "an available snapshot has data"
            server = self._farm.copy_of(snapshot.data)
            instance.server = server
            try:
                if damage is not None:
                    damage(server.places.data)
                server.start()
            except ProviderError as exc:
                region.tell(instance.identifier, f"DB instance could not be started: {exc.message}")
                instance.status = "restore-error"
                return
            region.tell(instance.identifier, "DB instance created")
            self._back_up_first(region, instance)

        self._worker.after(self.pace.real(self.pace.restore * outcome.slower), up)

    def _new_instance(
        self, region: Region, name: str, settings: Description, tags: dict[str, str]
    ) -> Instance:
        alphabet = string.ascii_uppercase + string.digits
        instance = Instance(
            identifier=name,
            arn=region.arn("db", name),
            resource_id="db-" + "".join(secrets.choice(alphabet) for _ in range(26)),
            created_at=utcnow(),
            visible_from=self._visible(),
            settings=settings,
            tags=tags,
        )
        region.instances[name] = instance
        return instance

    def _describe_instances(self, region: Region, given: Parameters) -> Page:
        items = [i.describe() for i in region.instances.values() if i.visible]
        items = _filtered(items, given)
        wanted = given.get("DBInstanceIdentifier")
        if wanted:
            name = wanted.rpartition(":")[2].lower()
            items = [item for item in items if item["DBInstanceIdentifier"] == name]
            if not items:
                raise no_instance(wanted)
        return Page("DBInstances", items)

    def _modify_instance(self, region: Region, given: Parameters) -> Description:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        rules.refuse_change(instance, given)
        password = given.get("MasterUserPassword")
        if given.get("ManageMasterUserPassword"):
            self._manage_password(region, instance)
        elif password is not None:
            self._change_password(region, instance, password)
        for key in ("DeletionProtection", "BackupRetentionPeriod", "PubliclyAccessible"):
            if key in given:
                instance.settings[key] = given[key]
        return {"DBInstance": instance.describe() | {"PendingModifiedValues": instance.pending}}

    def _manage_password(self, region: Region, instance: Instance) -> None:
        password = secrets.token_urlsafe(24)
        backend: Any = secretsmanager_backends[region.account_id][region.name]
        secret = backend.create_managed_secret(
            service_name="rds",
            secret_id=f"rds!{instance.resource_id.lower()}",
            secret_string=json.dumps({"username": instance.master, "password": password}),
            tags=[{"Key": "aws:rds:primaryDBInstanceArn", "Value": instance.arn}],
        )
        instance.secret_arn, instance.secret_status = secret.arn, "creating"

        def active() -> None:
            instance.secret_status = ACTIVE

        self._change_password(region, instance, password, then=active)

    def _change_password(
        self,
        region: Region,
        instance: Instance,
        password: str,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """The race of the real thing: right after the call the instance is still `available`, for a
        moment even with nothing pending.
        """
        instance.pending = {"MasterUserPassword": "****"}
        instance.pending_from = self._visible()
        outcome = self.passwords.popleft() if self.passwords else Outcome(status="available")

        def begin() -> None:
            if instance.status == "available":
                instance.status = "resetting-master-credentials"

        def end() -> None:
            instance.pending = {}
            if instance.status == "resetting-master-credentials":
                instance.status = "available"
            if outcome.status != "available":
                region.tell(instance.identifier, "Unable to reset your password. Error information")
                return
            if instance.server is not None and instance.server.running:
                instance.server.set_password(instance.master, password)
                region.tell(instance.identifier, "Reset master credentials")
                then()

        self._worker.after(self.pace.real(self.pace.password / 4), begin)
        self._worker.after(self.pace.real(self.pace.password), end)

    def _delete_instance(self, region: Region, given: Parameters) -> Description:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        begun = instance.status != "creating" or instance.server is not None
        being_made = not begun and not self._is_stuck(instance)
        rules.refuse_deletion(instance, given, being_made=being_made)
        instance.status = "deleting"
        self._worker.after(self.pace.real(self.pace.delete), lambda: self._forget(region, instance))
        return {"DBInstance": instance.describe()}

    def _is_stuck(self, instance: Instance) -> bool:
        """One that is created for ever can be deleted some time after it should have been up."""
        age = (utcnow() - instance.created_at).total_seconds()
        return age > 2 * self.pace.real(self.pace.restore + self.pace.create)

    def _forget(self, region: Region, instance: Instance) -> None:
        if instance.server is not None:
            instance.server.remove()
        if instance.secret_arn:
            backend: Any = secretsmanager_backends[region.account_id][region.name]
            backend.secrets.pop(instance.secret_arn)
        region.instances.pop(instance.identifier, None)
        region.tell(instance.identifier, "DB instance deleted")
        for name, snapshot in list(region.snapshots.items()):
            if snapshot.type == "automated" and snapshot.instance == instance.identifier:
                del region.snapshots[name]

    def _stop_instance(self, region: Region, given: Parameters) -> Description:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        rules.refuse_unless(instance, "available")
        instance.status = "stopping"

        def stopped() -> None:
            if instance.status == "stopping" and instance.server is not None:
                instance.server.stop()
                instance.status, instance.restart_at = "stopped", utcnow() + WEEK

        self._worker.after(self.pace.real(self.pace.stop), stopped)
        return {"DBInstance": instance.describe()}

    def _start_instance(self, region: Region, given: Parameters) -> Description:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        rules.refuse_unless(instance, "stopped")
        instance.status, instance.restart_at = "starting", None

        def started() -> None:
            if instance.status == "starting" and instance.server is not None:
                instance.server.start()
                instance.status = "available"

        self._worker.after(self.pace.real(self.pace.start), started)
        return {"DBInstance": instance.describe()}

    # --- evidence, tags ----------------------------------------------------------------------

    def _describe_events(self, region: Region, given: Parameters) -> Page:
        source, kind = given.get("SourceIdentifier"), given.get("SourceType")
        if source and not kind:
            raise bad_combination("Cannot specify source identifier without source type")
        items = [e for e in region.events if kind in {None, e["SourceType"]}]
        if source:
            items = [e for e in items if e["SourceIdentifier"] == source]
        return Page("Events", items)

    def _describe_logs(self, region: Region, given: Parameters) -> Page:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        if instance.server is None:
            return Page("DescribeDBLogFiles", [])
        text = instance.server.log_text()
        written = round(utcnow().timestamp() * 1000)
        name = "error/postgresql.log"
        return Page(
            "DescribeDBLogFiles",
            [{"LogFileName": name, "LastWritten": written, "Size": len(text)}],
        )

    def _download_log(self, region: Region, given: Parameters) -> Description:
        instance = self._instance(region, given["DBInstanceIdentifier"])
        text = instance.server.log_text() if instance.server else ""
        lines = text.splitlines(keepends=True)[-int(given.get("NumberOfLines") or 10_000) :]
        return {"LogFileData": "".join(lines), "Marker": "0", "AdditionalDataPending": False}

    def _describe_parameters(self, region: Region, given: Parameters) -> Page:
        name = given["DBParameterGroupName"]
        if name.startswith("default."):
            return Page("Parameters", [])
        backend: Any = rds_backends[region.account_id][region.name]
        group = backend.db_parameter_groups.get(name)
        if group is None:
            raise Refusal("DBParameterGroupNotFound", f"{name} not found.", status=404)
        return Page(
            "Parameters",
            [
                {"ParameterName": p["ParameterName"], "ParameterValue": p.get("ParameterValue", "")}
                for p in group.parameters.values()
            ],
        )

    def _add_tags(self, region: Region, given: Parameters) -> Description:
        self._tagged(region, given["ResourceName"]).update(tags_of(given))
        return {}

    def _remove_tags(self, region: Region, given: Parameters) -> Description:
        tags = self._tagged(region, given["ResourceName"])
        for key in given["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _list_tags(self, region: Region, given: Parameters) -> Description:
        return {"TagList": tag_list(self._tagged(region, given["ResourceName"]))}

    def _tagged(self, region: Region, arn: str) -> dict[str, str]:
        kind, _, name = arn.partition(f":{region.account_id}:")[2].partition(":")
        if kind == "db":
            return self._instance(region, name).tags
        return self._own_snapshot(region, name).tags

    def _modify_subnet_group(self, region: Region, given: Parameters) -> Description:
        """Moto's own forgets the group."""
        name = given["DBSubnetGroupName"]
        group: Any = rds_backends[region.account_id][region.name].subnet_groups.get(name)
        if group is None:
            raise rules.no_subnet_group(name)
        network: Any = ec2_backends[region.account_id][region.name]
        subnets = [network.get_subnet(identifier) for identifier in given["SubnetIds"]]
        if len({subnet.availability_zone for subnet in subnets}) < FEWEST_ZONES:
            message = (
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
            )
            raise Refusal("DBSubnetGroupDoesNotCoverEnoughAZs", message)
        group.subnets = subnets
        return {"DBSubnetGroup": {"DBSubnetGroupName": name}}

    def _describe_quotas(self, region: Region, given: Parameters) -> Description:  # noqa: ARG002  # it takes none
        instances = region.instances.values()
        manual = [s for s in region.snapshots.values() if s.type == "manual"]
        storage = sum(int(i.settings.get("AllocatedStorage", 0)) for i in instances)
        used = {
            "DBInstances": (len(instances), self.quotas.instances),
            "ManualSnapshots": (len(manual), self.quotas.snapshots),
            "AllocatedStorage": (storage, self.quotas.storage),
        }
        return {
            "AccountQuotas": [
                {"AccountQuotaName": name, "Used": now, "Max": most}
                for name, (now, most) in used.items()
            ]
        }

    def _describe_automated_backups(self, region: Region, given: Parameters) -> Page:
        backups = [
            {
                "DBInstanceArn": instance.arn,
                "DBInstanceIdentifier": instance.identifier,
                "DbiResourceId": instance.resource_id,
                "Region": region.name,
                "Status": "active",
                "BackupRetentionPeriod": int(instance.settings["BackupRetentionPeriod"]),
                "DBInstanceAutomatedBackupsReplications": [
                    {"DBInstanceAutomatedBackupsArn": arn} for arn in instance.replications
                ],
            }
            for instance in region.instances.values()
            if int(instance.settings.get("BackupRetentionPeriod", 0))
        ]
        wanted = given.get("DBInstanceIdentifier")
        found = [b for b in backups if wanted in {None, b["DBInstanceIdentifier"]}]
        return Page("DBInstanceAutomatedBackups", found)

    # --- finding -----------------------------------------------------------------------------

    def _visible(self) -> float:
        return time.monotonic() + self.pace.real(self.pace.visible)

    def _later(self, instance: Instance, seconds: float, status: str) -> None:
        before = instance.status

        def change() -> None:
            if instance.status == before:
                instance.status = status

        self._worker.after(self.pace.real(seconds), change)

    def _instance(self, region: Region, name: str) -> Instance:
        return rules.instance_in(region.instances, name)

    def _own_snapshot(self, region: Region, name: str) -> Snapshot:
        return rules.own_snapshot_in(region.snapshots, region.account_id, name)

    def _find_snapshot(self, region: Region, name: str) -> Snapshot:
        """An own one by name or ARN; a foreign one by its ARN, if it is shared by now."""
        if not rules.is_arn(name):
            return self._own_snapshot(region, name)
        _, _, _, place, account_id, _, own = name.split(":", 6)
        home = self._regions.get((account_id, place))
        snapshot = home.snapshots.get(own.lower()) if home else None
        if snapshot is None:
            raise no_snapshot(name)
        if account_id != region.account_id and not snapshot.usable_by(region.account_id):
            raise no_snapshot(name)
        return snapshot


_DEFAULTS: Description = {
    "Engine": "postgres",
    "AllocatedStorage": 20,
    "StorageType": "gp3",
    "BackupRetentionPeriod": 1,
    "PubliclyAccessible": False,
    "DeletionProtection": False,
    "VpcSecurityGroupIds": [],
}


def _filtered(items: list[Description], given: Parameters) -> list[Description]:
    for wanted in given.get("Filters") or []:
        key = FILTERS.get(wanted["Name"])
        if key is None:
            raise bad_value(f"Unrecognized filter name: {wanted['Name']}")
        items = [item for item in items if _matches(item, key, wanted["Values"])]
    return items


def _matches(item: Description, key: str, values: Sequence[str]) -> bool:
    found = {str(item.get(key, ""))}
    if key == "DBInstanceIdentifier":
        found.add(str(item.get("DBInstanceArn", "")))
    return bool(found & set(values))


__all__ = ["NEVER", "Outcome", "Page", "Rds", "Region", "Server"]
