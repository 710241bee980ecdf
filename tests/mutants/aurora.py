"""Bugs of drills of Aurora clusters."""

from tests.mutants.planted import bug

NIGHTS = "tests/simulation/test_aurora.py"
KEYS = "tests/unit/config/sources/test_aurora.py"
FORGOTTEN = "tests/simulation/test_forgotten.py"
ADOPTED = "tests/unit/aws/adopt/test_clusters.py"

AURORA = (
    bug(
        "a cluster is restored in the region's default version",
        "aws/aurora/parameters",
        '"EngineVersion": drill.backup.server_version,',
        "",
        NIGHTS,
    ),
    bug(
        "a cluster of another version proves the backup",
        "aws/aurora/_doubt",
        "if view.engine_version != drill.backup.server_version:",
        "if not view.engine_version:",
        NIGHTS,
    ),
    bug(
        "production's long retention is kept by the restored cluster",
        "aws/aurora/parameters",
        '"BackupRetentionPeriod": RETENTION_DAYS,',
        "",
        NIGHTS,
    ),
    bug(
        "the instance of a cluster has a public address",
        "aws/aurora/ask_for_instance",
        "PubliclyAccessible=False,",
        "PubliclyAccessible=True,",
        NIGHTS,
    ),
    bug(
        "a cluster that got a role is used",
        "aws/aurora/_doubt",
        "if view.roles:",
        "if len(view.roles) > 1:",
        NIGHTS,
    ),
    bug(
        "the instances of a cluster are left to the ledger",
        "_DbCluster.delete",
        "staying = [member for member in members if member.status not in LEAVING]",
        "staying = members[:0]",
        NIGHTS,
    ),
    bug(
        "an instance that another program made goes with the cluster",
        "_DbCluster.delete",
        "if not naming.is_ours(member.identifier) or not naming.is_managed(member.tags):",
        "if not member.identifier:",
        NIGHTS,
    ),
    bug(
        "a staging copy of a cluster is kept like one of an instance",
        "Copying.prune_staging",
        "older = whole[:-1] if self._kind.staging_kept else whole",
        "older = whole[:-1]",
        NIGHTS,
    ),
    bug(
        "the age of a copy of a cluster is that of the copying",
        "SnapshotView.holds",
        "original = self._told if self.dated_by_tag else self.original_create_time",
        "original = self.original_create_time",
        NIGHTS,
    ),
    bug(
        "a full quota of clusters is a denial",
        "CAPACITY",
        '"InsufficientDBClusterCapacityFault",',
        "",
        NIGHTS,
    ),
    bug(
        "a shared snapshot is not waited for",
        "AuroraProvider._restore",
        "if not self.settings.direct:",
        "if self.settings.poll:",
        NIGHTS,
    ),
    bug(
        "the key for copies is sent for a snapshot that is not encrypted",
        "Copying._transit_key",
        "return None if PLAIN in drill.outputs else self._settings.source.transit_kms_key_id",
        "return self._settings.source.transit_kms_key_id",
        NIGHTS,
    ),
    bug(
        "Aurora MySQL is copied and restored",
        "refusal",
        "if engine in PLANNED:",
        "if engine == 'none':",
        NIGHTS,
    ),
    bug(
        "a way in from the internet passes the fence",
        "_refuse_values",
        "wrong = [name for name in NEVER.get(operation, ()) if name in params]",
        "wrong = []",
        "tests/unit/aws/test_rooms.py",
    ),
    bug(
        "a staging copy goes while its copy is not seen yet",
        "Copying.end_staging",
        'if now < late_enough:\n    return StillThere(resource, "a copy',
        'if not poll:\n    return StillThere(resource, "a copy',
        NIGHTS,
    ),
    bug(
        "a standby of a cluster is never stopped again",
        "AuroraInventory._cluster",
        "restarted=standby and view.progress is StatusMeaning.READY,",
        "",
        NIGHTS,
    ),
    bug(
        "serverless without limits is accepted",
        "_capacity",
        "if serverless and limits is None:",
        "if serverless and limits == 0:",
        KEYS,
    ),
    bug(
        "a cluster that is not of restore testing gets an instance",
        "AdoptedClusterProvider._without",
        "if cluster.arn == settings.production or not cluster.identifier.startswith(RESTORE_TEST):",
        "if cluster.arn == settings.production:",
        ADOPTED,
    ),
    bug(
        "the instance that was added to an adopted cluster is in no ledger",
        "AdoptedClusterProvider.plan",
        "makes = (self._resource(drill_id),)",
        "makes = ()",
        ADOPTED,
    ),
    bug(
        "the fence lets an instance into production's cluster",
        "aws/session/refuse_strangers",
        "if writes is ADOPTED_CLUSTER_WRITES and cluster and not cluster.startswith(RESTORE_TEST):",
        "if writes is ADOPTED_CLUSTER_WRITES and not cluster:",
        ADOPTED,
    ),
    bug(
        "a target of instances takes the staging copy of a cluster for gone",
        "SnapshotProvider.knows",
        "return parse_arn(resource.identifier).kind == self.settings.kind.arn",
        "return True",
        FORGOTTEN,
    ),
    bug(
        "a sweep for instances looks for clusters and not for what they were copied from",
        "ForgottenClusters.find",
        "self._if_allowed(self.clusters, self.shares, self.staged)",
        "self._if_allowed(self.clusters)",
        FORGOTTEN,
    ),
    bug(
        "a cluster that is available is started to delete its stopped instance",
        "_DbInstance.delete",
        'if cluster is not None and cluster.status == "stopped":',
        "if cluster is not None:",
        "tests/simulation/test_aurora_answers.py",
    ),
)
