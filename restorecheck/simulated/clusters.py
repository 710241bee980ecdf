"""Aurora clusters: created, restored, changed, stopped, started, deleted, described; and their instances.

A cluster has the data and the settings, and accepts no connection without an instance. Pages are of the Amazon Aurora
User Guide, calls of the RDS API.
"""

from restorecheck.errors import ProviderError
from restorecheck.simulated import rules
from restorecheck.simulated.families import CLUSTERS
from restorecheck.simulated.instances import KEPT_CHANGES, WEEK, Instances
from restorecheck.simulated.pace import PlannedOutcome
from restorecheck.simulated.passwords import MasterPasswords
from restorecheck.simulated.refusals import (
    Refusal,
    bad_combination,
    bad_owner_state,
    bad_value,
    no_owner,
)
from restorecheck.simulated.rules import LONGEST_NAME, name_of, tags_of
from restorecheck.simulated.snapshots import READ, Snapshots, filtered
from restorecheck.simulated.state import Operation, Page, State
from restorecheck.simulated.things import (
    Cluster,
    Description,
    Instance,
    Parameters,
    Region,
    Snapshot,
)
from restorecheck.simulated.upgrades import Upgrades, is_busy

SERVERLESS = "db.serverless"
OF_THE_CLUSTER = (
    "AllocatedStorage",
    "BackupRetentionPeriod",
    "DeletionProtection",
    "EnableIAMDatabaseAuthentication",
    "ManageMasterUserPassword",
    "MasterUserPassword",
    "MasterUsername",
    "StorageEncrypted",
    "VpcSecurityGroupIds",
)
"""CreateDBInstance: "managed by the DB cluster" or "doesn't apply to Amazon Aurora". That each is refused is the
stricter of two readings (?).
"""
INHERITED = (
    "BackupRetentionPeriod",
    "DBSubnetGroupName",
    "EngineLifecycleSupport",
    "EngineVersion",
    "KmsKeyId",
    "MasterUsername",
    "VpcSecurityGroupIds",
)
OF_CLUSTERS_ALONE = frozenset({"EngineVersion", "MasterUserPassword", "ManageMasterUserPassword"})
"""Parameters of ModifyDBInstance that are refused for an instance of a cluster."""
CLUSTER_CHANGES = (*KEPT_CHANGES, "BacktrackWindow")


class Clusters:
    def __init__(self, state: State, snapshots: Snapshots, instances: Instances) -> None:
        """`snapshots`: those of clusters."""
        self._state = state
        self._snapshots = snapshots
        self._instances = instances
        self._of_instances = instances.operations()
        self._passwords = MasterPasswords(state)
        self._upgrades = Upgrades(state)

    def operations(self) -> dict[str, Operation]:
        """Those of clusters, and instead of those of instances what differs for a cluster's."""
        return {
            "CreateDBCluster": self._create,
            "DeleteDBCluster": self._delete,
            "DescribeDBClusters": self._describe,
            "ModifyDBCluster": self._modify,
            "RestoreDBClusterFromSnapshot": self._restore,
            "StartDBCluster": self._start,
            "StopDBCluster": self._stop,
            "CreateDBInstance": self._create_instance,
            "DeleteDBInstance": self._delete_instance,
            "ModifyDBInstance": self._refusing_members("ModifyDBInstance"),
            "StartDBInstance": self._refusing_members("StartDBInstance"),
            "StopDBInstance": self._refusing_members("StopDBInstance"),
        }

    # --- clusters --------------------------------------------------------------------------

    def add(
        self,
        region: Region,
        name: str,
        settings: Description,
        tags: dict[str, str],
        *,
        caller: str,
    ) -> Cluster:
        """A new cluster, `creating` until it is started."""
        state = self._state
        cluster = Cluster(
            identifier=name,
            arn=region.arn("cluster", name),
            created_at=state.time.now(),
            visible_from=state.seen_from(),
            tags_from=state.tags_from(),
            settings=settings,
            tags=tags,
            made_by=caller,
        )
        state.behind.born(region, cluster)
        region.clusters[name] = cluster
        return cluster

    def _create(self, region: Region, given: Parameters, caller: str) -> Description:
        state = self._state
        name = name_of(given["DBClusterIdentifier"], LONGEST_NAME)
        self._refuse_taken(region, name)
        kept = {k: v for k, v in given.items() if k not in NOT_KEPT}
        settings = {"BackupRetentionPeriod": 1, "EngineVersion": state.cluster_version} | kept
        settings.setdefault("DBClusterParameterGroupName", f"default.{given['Engine']}")
        if given.get("StorageEncrypted"):
            key = given.get("KmsKeyId")
            resolved = state.keys.resolve(key, region) if key else state.keys.default(region)
            settings["KmsKeyId"] = resolved
        cluster = self.add(region, name, settings, tags_of(given), caller=caller)
        cluster.password = given["MasterUserPassword"]
        state.after(state.pace.create, lambda: self._is_up(region, cluster), PlannedOutcome())
        return self._answer(cluster)

    def _restore(self, region: Region, given: Parameters, caller: str) -> Description:
        """A shared snapshot is restored directly, encrypted or not: "Sharing a DB cluster snapshot"."""
        state = self._state
        name = name_of(given["DBClusterIdentifier"], LONGEST_NAME)
        snapshot = state.find_snapshot(region, given["SnapshotIdentifier"], CLUSTERS)
        self._refuse_taken(region, name)
        rules.refuse_unfinished(snapshot)
        settings = settings_of_restore(snapshot, given, state.cluster_version)
        if settings["Engine"] != snapshot.instance_settings["Engine"]:
            raise Refusal("InvalidRestoreFault", "The engine of the snapshot is another one.")
        if not 1 <= int(settings["BackupRetentionPeriod"]) <= 35:  # noqa: PLR2004  # as the API says
            raise bad_value("Backup retention must be between 1 and 35 days.")
        rules.refuse_unknown_groups(state.behind.groups(region), given)
        if snapshot.kms_key_id:
            if not state.keys.is_default(snapshot.kms_key_id):
                state.keys.require(snapshot.kms_key_id, region.account_id, READ)
            wanted = given.get("KmsKeyId") or snapshot.kms_key_id
            settings["KmsKeyId"] = state.keys.resolve(wanted, region)
        elif given.get("KmsKeyId"):
            settings["KmsKeyId"] = state.keys.resolve(given["KmsKeyId"], region)
        cluster = self.add(region, name, settings, tags_of(given), caller=caller)
        self._bring_to_its_end(region, cluster, snapshot)
        return self._answer(cluster)

    def restore_for_test(
        self, region: Region, snapshot: Snapshot, name: str, tags: dict[str, str]
    ) -> Cluster:
        """By AWS Backup, which restores "your Aurora cluster" without an instance: AWS Backup Developer Guide,
        "Restoring an Amazon Aurora cluster".
        """
        version = str(snapshot.instance_settings["EngineVersion"])
        settings = settings_of_restore(snapshot, {}, version)
        cluster = self.add(region, name, settings, tags, caller="AWS Backup")
        self._bring_to_its_end(region, cluster, snapshot)
        return cluster

    def _bring_to_its_end(self, region: Region, cluster: Cluster, snapshot: Snapshot) -> None:
        state, name = self._state, cluster.identifier
        cluster.data, cluster.password = snapshot.data, snapshot.password
        cluster.restored_from = snapshot
        state.tell(region, cluster, f"Restored from snapshot {snapshot.identifier}")
        outcome = state.restores.popleft() if state.restores else PlannedOutcome()
        cluster.shown_status = outcome.shown

        def up() -> None:
            cluster.shown_status = ""
            if region.clusters.get(name) is not cluster or cluster.status != "creating":
                return
            if outcome.event:
                state.tell(region, cluster, outcome.event)
            if outcome.status == "available":
                self._is_up(region, cluster)
            else:
                cluster.status = outcome.status

        state.after(state.pace.restore, up, outcome)

    def _is_up(self, region: Region, cluster: Cluster) -> None:
        """The data are there."""
        cluster.up = True
        cluster.status = "available"
        self._state.tell(region, cluster, "DB cluster created")

    def _refuse_taken(self, region: Region, name: str) -> None:
        """The quota's code comes with HTTP status 403, which is no denial."""
        if name in region.clusters:
            raise Refusal(CLUSTERS.owner_exists, "DB cluster already exists")
        if len(region.clusters) >= self._state.quotas.clusters:
            said = "You cannot create more than the allowed number of DB clusters."
            raise Refusal("DBClusterQuotaExceededFault", said, status=403)

    def _describe(self, region: Region, given: Parameters, _caller: str) -> Page:
        seen = [c for c in region.clusters.values() if self._state.sees(c)]
        items = filtered([self._described(c) for c in seen], given)
        wanted = given.get("DBClusterIdentifier")
        if wanted:
            name = wanted.rpartition(":")[2].lower()
            items = [item for item in items if item["DBClusterIdentifier"] == name]
            if not items:
                raise no_owner(wanted, CLUSTERS)
        return Page("DBClusters", items)

    def _described(self, cluster: Cluster) -> Description:
        return cluster.describe(self._state.time.now(), self._state.behind.endpoint(cluster))

    def _answer(self, cluster: Cluster) -> Description:
        return {"DBCluster": self._described(cluster)}

    def _modify(self, region: Region, given: Parameters, caller: str) -> Description:
        cluster = self._state.cluster(region, given["DBClusterIdentifier"])
        rules.refuse_change(cluster, given)
        self._upgrades.change(region, cluster, given)
        self._passwords.change(region, cluster, given, caller)
        for key in CLUSTER_CHANGES:
            if key in given:
                cluster.settings[key] = given[key]
        return self._answer(cluster)

    def _delete(self, region: Region, given: Parameters, _caller: str) -> Description:
        """DeleteDBCluster: InvalidDBClusterStateFault while it has an instance that is not on its way out."""
        state = self._state
        cluster = state.cluster(region, given["DBClusterIdentifier"])
        being_made = cluster.status == "creating" and not cluster.up
        may = state.unknowns.deletes_while_creating or self._is_stuck(cluster)
        busy = is_busy(cluster, state.time.now(), state.pace.lasts(state.pace.upgrade))
        rules.refuse_deletion(cluster, given, being_made=busy or (being_made and not may))
        if any(member.status != "deleting" for member in cluster.members):
            said = (
                "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
            )
            raise bad_owner_state(said, CLUSTERS)
        cluster.status, cluster.shown_status = "deleting", ""

        def gone() -> None:
            self.remove(region, cluster)

        state.after(state.pace.delete, gone, PlannedOutcome())
        return self._answer(cluster)

    def _is_stuck(self, cluster: Cluster) -> bool:
        """As an instance that is created for ever."""
        pace = self._state.pace
        return self._state.time.now() - cluster.created_at > 2 * pace.lasts(pace.restore)

    def remove(self, region: Region, cluster: Cluster) -> None:
        """Remove it at once without checks, with its instances and automated snapshots."""
        for member in list(cluster.members):
            self._instances.remove(region, member)
        self._state.behind.remove(region, cluster)
        cluster.status = "deleted"
        if region.clusters.get(cluster.identifier) is not cluster:
            return
        del region.clusters[cluster.identifier]
        self._state.tell(region, cluster, "DB cluster deleted")
        for name, snapshot in list(region.cluster_snapshots.items()):
            if snapshot.type == "automated" and snapshot.instance == cluster.identifier:
                del region.cluster_snapshots[name]

    def _stop(self, region: Region, given: Parameters, _caller: str) -> Description:
        """All instances stop with it; it starts again after seven days: "Stopping and starting a cluster"."""
        state = self._state
        cluster = state.cluster(region, given["DBClusterIdentifier"])
        rules.refuse_unless(cluster, "available")
        if not cluster.members or any(m.status != "available" for m in cluster.members):
            raise bad_owner_state("The cluster has no instance that is available.", CLUSTERS)
        self._turn_all(cluster, "stopping")

        def stopped() -> None:
            if cluster.status == "stopping":
                state.behind.stop(cluster)
                self._turn_all(cluster, "stopped")
                cluster.restart_at = state.time.now() + WEEK

        state.after(state.pace.stop, stopped, PlannedOutcome())
        return self._answer(cluster)

    def _start(self, region: Region, given: Parameters, _caller: str) -> Description:
        state = self._state
        cluster = state.cluster(region, given["DBClusterIdentifier"])
        rules.refuse_unless(cluster, "stopped")
        self._turn_all(cluster, "starting")
        cluster.restart_at = None

        def started() -> None:
            if cluster.status == "starting":
                state.behind.start(cluster)
                self._turn_all(cluster, "available")

        state.after(state.pace.start, started, PlannedOutcome())
        return self._answer(cluster)

    def _turn_all(self, cluster: Cluster, status: str) -> None:
        for thing in (cluster, *cluster.members):
            if thing.status != "deleting":
                thing.status = status

    # --- their instances -------------------------------------------------------------------

    def _create_instance(self, region: Region, given: Parameters, caller: str) -> Description:
        if not given.get("DBClusterIdentifier"):
            made: Description = self._of_instances["CreateDBInstance"](region, given, caller)  # type: ignore[assignment]  # it answers no page
            return made
        state = self._state
        name = name_of(given["DBInstanceIdentifier"], LONGEST_NAME)
        cluster = state.cluster(region, given["DBClusterIdentifier"])
        rules.refuse_taken_instance(region.instances, name, state.quotas.instances)
        if cluster.status != "available":
            raise bad_owner_state(f"DB cluster {cluster.identifier} is not available.", CLUSTERS)
        refuse_member(cluster, given)
        settings = {key: cluster.settings[key] for key in INHERITED if key in cluster.settings}
        settings |= {
            "DBParameterGroupName": f"default.{cluster.settings['Engine']}",
            "OptionGroupName": "default:aurora-postgresql",
            "StorageType": "aurora",
            "AllocatedStorage": 1,
            "PubliclyAccessible": True,
        }
        settings |= {key: value for key, value in given.items() if key not in rules.NOT_KEPT}
        instance = self._instances.add(region, name, settings, tags_of(given), caller=caller)
        self.join(region, cluster, instance)
        return {"DBInstance": self._instances.described(region, instance)}

    def join(self, region: Region, cluster: Cluster, instance: Instance) -> None:
        """The first one recovers the database; with long transactions in the snapshot it is `creating` for
        long (AWS re:Post knowledge centre, "Why is my Aurora snapshot restore slow").
        """
        state = self._state
        cluster.members.append(instance)
        outcome = state.members.popleft() if state.members else PlannedOutcome()
        instance.shown_status = outcome.shown

        def up() -> None:
            instance.shown_status = ""
            if instance not in cluster.members or instance.status != "creating":
                return
            if outcome.event:
                state.tell(region, instance, outcome.event)
            if outcome.status != "available":
                instance.status = outcome.status
                return
            try:
                self._serve(region, cluster)
            except ProviderError as exc:
                state.tell(region, instance, f"DB instance could not be started: {exc.message}")
                instance.status = "failed"
                return
            instance.up = True
            instance.status = "available"
            state.tell(region, instance, "DB instance created")

        state.after(state.pace.create, up, outcome)

    def _serve(self, region: Region, cluster: Cluster) -> None:
        """Raises ProviderError where what was restored does not start."""
        state = self._state
        if cluster.served:
            return
        if cluster.restored_from is None:
            state.behind.create(cluster, cluster.settings.get("DatabaseName", ""))
        else:
            state.behind.bring_back(cluster, cluster.restored_from)
        cluster.served = True

        def back_up() -> None:
            if region.clusters.get(cluster.identifier) is cluster and cluster.reachable:
                self._snapshots.take_automated(region, cluster.identifier)

        state.after(state.pace.backup, back_up, PlannedOutcome())

    def _delete_instance(
        self, region: Region, given: Parameters, caller: str
    ) -> Description | Page:
        """Not while the cluster is stopped: "Stopping and starting a cluster", operations ("You can't add or
        remove DB instances"). The code is not told (?).
        """
        instance = self._state.instance(region, given["DBInstanceIdentifier"])
        cluster = region.clusters.get(instance.cluster)
        if cluster is not None and cluster.status in {"stopping", "stopped", "starting"}:
            raise bad_owner_state(f"DB cluster {cluster.identifier} is {cluster.status}.", CLUSTERS)
        upgrade = self._state.pace.lasts(self._state.pace.upgrade)
        if cluster is not None and is_busy(cluster, self._state.time.now(), upgrade):
            raise bad_owner_state(f"DB cluster {cluster.identifier} is upgrading.", CLUSTERS)
        return self._of_instances["DeleteDBInstance"](region, given, caller)

    def _refusing_members(self, name: str) -> Operation:
        """Codes and texts: as AWS answers them to users of the command line (?)."""
        perform = self._of_instances[name]

        def refusing(region: Region, given: Parameters, caller: str) -> Description | Page:
            instance = self._state.instance(region, given["DBInstanceIdentifier"])
            of_the_cluster = OF_CLUSTERS_ALONE & given.keys()
            if instance.cluster and (of_the_cluster or name != "ModifyDBInstance"):
                raise bad_combination(
                    f"{name}: the instance is a member of an Aurora DB cluster; change the cluster."
                )
            return perform(region, given, caller)

        return refusing


NOT_KEPT = rules.NOT_KEPT | {"DBClusterIdentifier", "SnapshotIdentifier"}


def settings_of_restore(snapshot: Snapshot, given: Parameters, version: str) -> Description:
    """AWS's own choices where none is given. RestoreDBClusterFromSnapshot: the default of each parameter."""
    source = snapshot.instance_settings
    settings = source | {
        "DeletionProtection": False,
        "CopyTagsToSnapshot": False,
        "DBSubnetGroupName": "default",
        "DBClusterParameterGroupName": f"default.{source['Engine']}",
        "EngineVersion": version,
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        "VpcSecurityGroupIds": [],
        "KmsKeyId": snapshot.kms_key_id,
        "StorageType": "aurora",
    }
    settings.pop("ServerlessV2ScalingConfiguration", None)
    return settings | {key: value for key, value in given.items() if key not in NOT_KEPT}


def refuse_member(cluster: Cluster, given: Parameters) -> None:
    """CreateDBInstance: what an instance of a cluster must have, and what is its cluster's."""
    if given["Engine"] != cluster.settings["Engine"]:
        raise bad_combination(
            "The engine name requested for your DB instance doesn't match the engine name of your "
            "DB cluster."
        )
    for name in OF_THE_CLUSTER:
        if name in given:
            raise bad_combination(
                f"The requested DB Instance will be a member of a DB Cluster. Set {name} for the "
                "DB Cluster."
            )
    serverless = given["DBInstanceClass"] == SERVERLESS
    if serverless and "ServerlessV2ScalingConfiguration" not in cluster.settings:
        raise bad_combination(
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a "
            "Serverless v2 DB instance."
        )
