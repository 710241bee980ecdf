"""What RDS says beside: events, logs, parameters, tags, quotas, automated backups."""

from datetime import UTC, datetime
from typing import Any

from restorecheck.simulated import rules
from restorecheck.simulated.families import CLUSTERS, INSTANCES
from restorecheck.simulated.refusals import bad_combination
from restorecheck.simulated.rules import tags_of
from restorecheck.simulated.state import Operation, Page, State
from restorecheck.simulated.things import Description, Instance, Parameters, Region, tag_list
from restorecheck.simulated.upgrades import targets

LOG = "error/postgresql.log"


class Evidence:
    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> dict[str, Operation]:
        return {
            "AddTagsToResource": self._add_tags,
            "DescribeAccountAttributes": self._describe_quotas,
            "DescribeDBClusterParameters": self._describe_cluster_parameters,
            "DescribeDBEngineVersions": self._describe_versions,
            "DescribeDBInstanceAutomatedBackups": self._describe_automated_backups,
            "DescribeDBLogFiles": self._describe_logs,
            "DescribeDBParameters": self._describe_parameters,
            "DescribeEvents": self._describe_events,
            "DescribeOrderableDBInstanceOptions": self._describe_orderable,
            "DownloadDBLogFilePortion": self._download_log,
            "ListTagsForResource": self._list_tags,
            "RemoveTagsFromResource": self._remove_tags,
        }

    def _describe_events(self, region: Region, given: Parameters, _caller: str) -> Page:
        source, kind = given.get("SourceIdentifier"), given.get("SourceType")
        if source and not kind:
            raise bad_combination("Cannot specify source identifier without source type")
        items = [e for e in region.events if kind in {None, e["SourceType"]}]
        if source:
            items = [e for e in items if e["SourceIdentifier"] == source]
        since = _moment(given.get("StartTime"))
        return Page("Events", [e for e in items if since is None or _moment(e["Date"]) >= since])

    def _describe_logs(self, region: Region, given: Parameters, _caller: str) -> Page:
        instance = self._state.instance(region, given["DBInstanceIdentifier"])
        if not instance.up:
            return Page("DescribeDBLogFiles", [])
        written = round(self._state.time.now().timestamp() * 1000)
        texts = instance.logs | {LOG: self._log_text(region, instance)}
        wanted = given.get("FilenameContains") or ""
        found = [
            {"LogFileName": name, "LastWritten": written, "Size": len(text)}
            for name, text in texts.items()
            if wanted in name
        ]
        return Page("DescribeDBLogFiles", found)

    def _download_log(self, region: Region, given: Parameters, _caller: str) -> Description:
        instance = self._state.instance(region, given["DBInstanceIdentifier"])
        text = instance.logs.get(given["LogFileName"]) or self._log_text(region, instance)
        lines = text.splitlines(keepends=True)[-int(given.get("NumberOfLines") or 10_000) :]
        return {"LogFileData": "".join(lines), "Marker": "0", "AdditionalDataPending": False}

    def _log_text(self, region: Region, instance: Instance) -> str:
        """An instance of Aurora serves its cluster's data, and so has its log."""
        return self._state.behind.log_text(region.clusters.get(instance.cluster, instance))

    def _describe_parameters(self, region: Region, given: Parameters, _caller: str) -> Page:
        return self._parameters_in(region, given["DBParameterGroupName"])

    def _describe_cluster_parameters(self, region: Region, given: Parameters, _caller: str) -> Page:
        return self._parameters_in(region, given["DBClusterParameterGroupName"])

    def _parameters_in(self, region: Region, name: str) -> Page:
        group = self._state.behind.groups(region).parameters_of(name)
        if group is None and not name.startswith("default."):
            raise rules.no_parameter_group(name)
        items = [{"ParameterName": k, "ParameterValue": v} for k, v in (group or {}).items()]
        return Page("Parameters", items)

    def _describe_orderable(self, _region: Region, given: Parameters, _caller: str) -> Page:
        kind, version = given.get("DBInstanceClass", ""), given.get("EngineVersion", "")
        options = [
            {
                "Engine": given["Engine"],
                "EngineVersion": version,
                "DBInstanceClass": kind,
                "StorageType": storage,
            }
            for storage in rules.orderable(kind, version, given["Engine"])
        ]
        return Page("OrderableDBInstanceOptions", options)

    def _describe_versions(self, _region: Region, given: Parameters, _caller: str) -> Page:
        """Versions of Aurora that support pausing have 0 as the least capacity (DBEngineVersion,
        ServerlessV2FeaturesSupport). Every version is available.
        """
        engine, version = given.get("Engine", ""), given.get("EngineVersion", "")
        limits = {"MinCapacity": 0.0, "MaxCapacity": 256.0}
        of_aurora = {"ServerlessV2FeaturesSupport": limits} if "aurora" in engine else {}
        found: Description = {"Engine": engine, "EngineVersion": version, "Status": "available"}
        if version:
            found["ValidUpgradeTarget"] = targets(version, self._state.newest_major)
        return Page("DBEngineVersions", [found | of_aurora])

    def _add_tags(self, region: Region, given: Parameters, _caller: str) -> Description:
        self._tagged(region, given["ResourceName"]).update(tags_of(given))
        return {}

    def _remove_tags(self, region: Region, given: Parameters, _caller: str) -> Description:
        tags = self._tagged(region, given["ResourceName"])
        for key in given["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _list_tags(self, region: Region, given: Parameters, _caller: str) -> Description:
        return {"TagList": tag_list(self._tagged(region, given["ResourceName"]))}

    def _tagged(self, region: Region, arn: str) -> dict[str, str]:
        kind, _, name = arn.partition(f":{region.account_id}:")[2].partition(":")
        family = CLUSTERS if kind.startswith("cluster") else INSTANCES
        if kind == family.owner_arn:
            return self._state.owner(region, name, family).tags
        return self._state.own_snapshot(region, name, family).tags

    def _describe_quotas(self, region: Region, _given: Parameters, _caller: str) -> Description:
        quotas = self._state.quotas
        instances = region.instances.values()
        manual = [s for s in region.snapshots.values() if s.type == "manual"]
        storage = sum(int(i.settings.get("AllocatedStorage", 0)) for i in instances)
        clusters = len(region.clusters)
        manual_clusters = [s for s in region.cluster_snapshots.values() if s.type == "manual"]
        used = {
            "DBInstances": (len(instances), quotas.instances),
            "DBClusters": (clusters, quotas.clusters),
            "ManualClusterSnapshots": (len(manual_clusters), quotas.snapshots),
            "ManualSnapshots": (len(manual), quotas.snapshots),
            "AllocatedStorage": (storage, quotas.storage),
        }
        return {
            "AccountQuotas": [
                {"AccountQuotaName": name, "Used": now, "Max": most}
                for name, (now, most) in used.items()
            ]
        }

    def _describe_automated_backups(self, region: Region, given: Parameters, _caller: str) -> Page:
        backups = [
            {
                "DBInstanceArn": instance.arn,
                "DBInstanceIdentifier": instance.identifier,
                "DbiResourceId": instance.resource_id,
                "Region": region.region,
                "Status": "active",
                "BackupRetentionPeriod": instance.retention,
                "DBInstanceAutomatedBackupsReplications": [
                    {"DBInstanceAutomatedBackupsArn": arn} for arn in instance.replications
                ],
            }
            for instance in region.instances.values()
            if instance.retention and not instance.cluster
        ]
        wanted = given.get("DBInstanceIdentifier")
        found = [b for b in backups if wanted in {None, b["DBInstanceIdentifier"]}]
        return Page("DBInstanceAutomatedBackups", found)


def _moment(given: Any) -> Any:  # noqa: ANN401  # a datetime or None
    """A moment as it came over a wire, or as a face's clock has it; some know no zones."""
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    if isinstance(given, datetime) and given.tzinfo is None:
        return given.replace(tzinfo=UTC)
    return given
