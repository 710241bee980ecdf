"""Instances: created, restored, changed, stopped, started, deleted, described."""

from datetime import timedelta

from restorecheck.errors import ProviderError
from restorecheck.simulated import rules
from restorecheck.simulated.pace import PlannedOutcome
from restorecheck.simulated.passwords import MasterPasswords
from restorecheck.simulated.refusals import no_owner
from restorecheck.simulated.rules import LONGEST_NAME, default_group, name_of, tags_of
from restorecheck.simulated.snapshots import READ, Snapshots, filtered
from restorecheck.simulated.state import Operation, Page, State
from restorecheck.simulated.things import Description, Instance, Parameters, Region, Snapshot
from restorecheck.simulated.unknowns import Statuses
from restorecheck.simulated.upgrades import Upgrades, is_busy

WEEK = timedelta(days=7)
KEPT_CHANGES = ("DeletionProtection", "BackupRetentionPeriod", "PubliclyAccessible")


class Instances:
    def __init__(self, state: State, snapshots: Snapshots) -> None:
        self._state = state
        self._snapshots = snapshots
        self._passwords = MasterPasswords(state)
        self._upgrades = Upgrades(state)

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateDBInstance": self._create,
            "DeleteDBInstance": self._delete,
            "DescribeDBInstances": self._describe,
            "ModifyDBInstance": self._modify,
            "RestoreDBInstanceFromDBSnapshot": self._restore,
            "StartDBInstance": self._start,
            "StopDBInstance": self._stop,
        }

    def add(
        self,
        region: Region,
        name: str,
        settings: Description,
        tags: dict[str, str],
        *,
        caller: str,
    ) -> Instance:
        """A new instance, `creating` until it is started."""
        state = self._state
        instance = Instance(
            identifier=name,
            arn=region.arn("db", name),
            created_at=state.time.now(),
            visible_from=state.seen_from(),
            tags_from=state.tags_from(),
            settings=settings,
            tags=tags,
            made_by=caller,
        )
        state.behind.born(region, instance)
        region.instances[name] = instance
        return instance

    def _answer(self, region: Region, instance: Instance) -> Description:
        return {"DBInstance": self.described(region, instance)}

    def described(self, region: Region, instance: Instance) -> Description:
        endpoint = self._state.behind.endpoint(instance)
        cluster = region.clusters.get(instance.cluster)
        if endpoint is None and cluster is not None and instance.up:
            endpoint = self._state.behind.endpoint(cluster)
        return instance.describe(self._state.time.now(), endpoint)

    def _create(self, region: Region, given: Parameters, caller: str) -> Description:
        state = self._state
        name = name_of(given["DBInstanceIdentifier"], LONGEST_NAME)
        rules.refuse_taken_instance(region.instances, name, state.quotas.instances)
        settings = state.defaults | {k: v for k, v in given.items() if k not in rules.NOT_KEPT}
        settings["DBParameterGroupName"] = given.get(
            "DBParameterGroupName", default_group(settings, "default.postgres{}")
        )
        settings["OptionGroupName"] = default_group(settings, "default:postgres-{}")
        if given.get("StorageEncrypted"):
            wanted = given.get("KmsKeyId")
            settings["KmsKeyId"] = (
                state.keys.resolve(wanted, region) if wanted else state.keys.default(region)
            )
        instance = self.add(region, name, settings, tags_of(given), caller=caller)
        instance.password = given["MasterUserPassword"]

        def up() -> None:
            state.behind.create(instance, given.get("DBName", ""))
            self._is_up(region, instance)

        state.after(state.pace.create, up, PlannedOutcome())
        return self._answer(region, instance)

    def _is_up(self, region: Region, instance: Instance) -> None:
        instance.up = True
        self._state.tell(region, instance, "DB instance created")
        if not instance.retention:
            instance.status = "available"
            return
        instance.status = "backing-up"
        self._snapshots.take_automated(region, instance.identifier)
        self._state.turn(instance, self._state.pace.backup, "backing-up", "available")

    def _restore(self, region: Region, given: Parameters, caller: str) -> Description:
        state = self._state
        name = name_of(given["DBInstanceIdentifier"], LONGEST_NAME)
        rules.refuse_managed_restore(given)
        snapshot = state.find_snapshot(region, given["DBSnapshotIdentifier"])
        rules.refuse_foreign_restore(snapshot, region.account_id)
        rules.refuse_taken_instance(region.instances, name, state.quotas.instances)
        rules.refuse_unfinished(snapshot)
        settings = rules.settings_of_restore(snapshot, given)
        rules.refuse_combination(settings)
        rules.refuse_storage(settings, given)
        rules.refuse_unknown_groups(state.behind.groups(region), given)
        if snapshot.kms_key_id and not state.keys.is_default(snapshot.kms_key_id):
            state.keys.require(snapshot.kms_key_id, region.account_id, READ)
        tags = tags_of(given) if "Tags" in given else dict(snapshot.instance_tags)
        instance = self.add(region, name, settings, tags, caller=caller)
        state.tell(region, instance, f"Restored from snapshot {snapshot.identifier}")
        self.bring_restore_to_its_end(region, instance, snapshot)
        return self._answer(region, instance)

    def bring_restore_to_its_end(
        self, region: Region, instance: Instance, snapshot: Snapshot
    ) -> None:
        state = self._state
        outcome = state.restores.popleft() if state.restores else PlannedOutcome()
        instance.shown_status = outcome.shown
        instance.data, instance.password = snapshot.data, snapshot.password

        def up() -> None:
            instance.shown_status = ""
            if region.instances.get(instance.identifier) is not instance:
                return
            if instance.status != "creating":
                return
            if outcome.event:
                state.tell(region, instance, outcome.event)
            if outcome.status != "available":
                instance.status = outcome.status
                return
            try:
                state.behind.bring_back(instance, snapshot)
            except ProviderError as exc:
                said = f"DB instance could not be started: {exc.message}"
                state.tell(region, instance, said)
                instance.status = "restore-error"
                return
            self._is_up(region, instance)
            self._apply_parameters(instance)

        state.after(state.pace.restore, up, outcome)

    def _apply_parameters(self, instance: Instance) -> None:
        """See `unknowns.Statuses`."""
        state = self._state
        if instance.status != "available":
            return
        if state.unknowns.statuses is Statuses.MODIFYING:
            instance.status = "modifying"
            state.turn(instance, state.pace.backup, "modifying", "available")
        if state.unknowns.statuses is Statuses.TWICE:
            steps = ("available", "modifying", "rebooting", "available")
            state.turn(instance, state.pace.backup, *steps)

    def _describe(self, region: Region, given: Parameters, _caller: str) -> Page:
        seen = [i for i in region.instances.values() if self._state.sees(i)]
        items = filtered([self.described(region, i) for i in seen], given)
        wanted = given.get("DBInstanceIdentifier")
        if wanted:
            name = wanted.rpartition(":")[2].lower()
            items = [item for item in items if item["DBInstanceIdentifier"] == name]
            if not items:
                raise no_owner(wanted)
        return Page("DBInstances", items)

    def _modify(self, region: Region, given: Parameters, caller: str) -> Description:
        instance = self._state.instance(region, given["DBInstanceIdentifier"])
        rules.refuse_change(instance, given)
        self._upgrades.change(region, instance, given)
        self._passwords.change(region, instance, given, caller)
        for key in KEPT_CHANGES:
            if key in given:
                instance.settings[key] = given[key]
        return {
            "DBInstance": self.described(region, instance)
            | {"PendingModifiedValues": dict(instance.pending)}
        }

    def _delete(self, region: Region, given: Parameters, _caller: str) -> Description:
        state = self._state
        instance = state.instance(region, given["DBInstanceIdentifier"])
        being_made = instance.status == "creating" and not instance.up
        may = state.unknowns.deletes_while_creating or self._is_stuck(instance)
        busy = is_busy(instance, state.time.now(), state.pace.lasts(state.pace.upgrade))
        rules.refuse_deletion(instance, given, being_made=busy or (being_made and not may))
        instance.status, instance.shown_status = "deleting", ""

        def gone() -> None:
            self.remove(region, instance)

        state.after(state.pace.delete, gone, PlannedOutcome())
        return self._answer(region, instance)

    def _is_stuck(self, instance: Instance) -> bool:
        """One that is created for ever can be deleted some time after it should have been up."""
        pace = self._state.pace
        return self._state.time.now() - instance.created_at > 2 * pace.lasts(pace.restore)

    def remove(self, region: Region, instance: Instance) -> None:
        """Remove it at once without checks, with its automated snapshots."""
        self._state.behind.remove(region, instance)
        instance.status = "deleted"
        if region.instances.get(instance.identifier) is not instance:
            return
        del region.instances[instance.identifier]
        cluster = region.clusters.get(instance.cluster)
        if cluster is not None and instance in cluster.members:
            cluster.members.remove(instance)
        self._state.tell(region, instance, "DB instance deleted")
        for name, snapshot in list(region.snapshots.items()):
            if snapshot.type == "automated" and snapshot.instance == instance.identifier:
                del region.snapshots[name]

    def _stop(self, region: Region, given: Parameters, _caller: str) -> Description:
        state = self._state
        instance = state.instance(region, given["DBInstanceIdentifier"])
        rules.refuse_unless(instance, "available")
        instance.status = "stopping"

        def stopped() -> None:
            if instance.status == "stopping":
                state.behind.stop(instance)
                instance.status, instance.restart_at = "stopped", state.time.now() + WEEK

        state.after(state.pace.stop, stopped, PlannedOutcome())
        return self._answer(region, instance)

    def _start(self, region: Region, given: Parameters, _caller: str) -> Description:
        state = self._state
        instance = state.instance(region, given["DBInstanceIdentifier"])
        rules.refuse_unless(instance, "stopped")
        instance.status, instance.restart_at = "starting", None

        def started() -> None:
            if instance.status == "starting":
                state.behind.start(instance)
                instance.status = "available"

        state.after(state.pace.start, started, PlannedOutcome())
        return self._answer(region, instance)
