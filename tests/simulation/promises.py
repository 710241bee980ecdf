"""The promises, as somebody sees them who knows everything: the store, the accounts, the calls.

Nothing here asks the product what it thinks of its own things: who made what is known from the
calls, and which data answered is known from the data.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from restorecheck.aws.session.naming import drill_of, identifier_of
from restorecheck.model import CheckOutcome, Drill, Phase, TeardownOutcome, Verdict
from restorecheck.testing.cloud import (
    BACKUP_ACCOUNT,
    SOURCE_ACCOUNT,
    ClientCall,
    Database,
    Home,
    Secret,
    Snapshot,
)

if TYPE_CHECKING:
    from tests.simulation.stage import Stage

OURS = "restorecheck"
PREFIX = "restorecheck-"
READS = ("Describe", "List", "Get", "Download")
MOST_CALLS = 1500
"""Of one host for each drill; a quiet one has about 50."""
MOST_STEPS = 800
"""Saves of one drill; a quiet one has about 40."""
SLACK = timedelta(hours=2)
"""For waits that are under way when a limit passes."""


OF_UPGRADES = {
    "AllowMajorVersionUpgrade",
    "DBClusterParameterGroupName",
    "DBParameterGroupName",
    "EngineVersion",
}


class PromiseBrokenError(AssertionError):
    """A promise was broken."""


def hold(condition: object, promise: int, text: str) -> None:
    if not condition:
        raise PromiseBrokenError(f"promise {promise} of the simulation: {text}")


class Promises:
    """Looked at before every call and after every step."""

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.instance_class = "db.t4g.small"
        self.disowned: set[str] = set()
        """ARNs that an operator has changed, so that they are his now."""
        self.retagged: set[str] = set()
        """ARNs that an operator has given to another drill."""
        self.deleted_by_others: set[str] = set()
        self.by_mark = False
        """AWS lies for longer than anybody waits, or a host wakes up after its drill was ended: then
        what is in no ledger must be found by its mark.
        """
        self._protected: set[str] = set()
        """Instances that an operator has ever protected from deletion."""
        self._broken: PromiseBrokenError | None = None
        """By a call. Who looks after what is kept survives any defect, this one too."""
        self._identified: set[tuple[str, str]] = set()
        self._reports: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._calls: dict[str, int] = {}
        self._drills: dict[str, Drill] = {}
        self.copies: dict[str, Snapshot] = {}
        """Every copy in the backup account that there ever was, by drill."""
        self._pruned: set[str] = set()
        """Copies that were deleted while a newer verified one was there."""

    # --- before every call -----------------------------------------------------------------

    def on_call(self, call: ClientCall) -> None:
        try:
            self._judge(call)
        except PromiseBrokenError as exc:
            self._broken = exc
            raise

    def _judge(self, call: ClientCall) -> None:
        if not call.caller.startswith(OURS):
            return
        self._calls[call.caller] = self._calls.get(call.caller, 0) + 1
        if call.operation == "GetCallerIdentity":
            self._identified.add((call.caller, call.account_id))
            return
        known = (call.caller, call.account_id) in self._identified
        hold(known, 1, f"{call} came before the account was known to be the right one")
        if call.operation.startswith(READS):
            return
        aurora = self.stage.setting.aurora
        word = self.word
        of_instances = {
            "RestoreDBInstanceFromDBSnapshot": self._restore,
            "ModifyDBInstance": self._modify,
            "StopDBInstance": self._stop,
        }
        of_clusters = {
            "RestoreDBClusterFromSnapshot": self._restore_cluster,
            "CreateDBInstance": self._create_instance,
            "ModifyDBCluster": self._modify,
            "DeleteDBCluster": self._delete_instance,
            "StopDBCluster": self._stop,
            "StartDBCluster": self._start,
        }
        copies = {} if self.stage.setting.direct else {f"Copy{word}": self._copy}
        in_backup = {
            **(of_clusters if aurora else of_instances),
            **copies,
            f"Delete{word}": self._delete_copy,
            "DeleteDBInstance": self._delete_instance,
            "AddTagsToResource": self._tag,
            "CreateSecret": self._create_secret,
            "DeleteSecret": self._delete_secret,
        }
        in_source = {
            f"Copy{word}": self._staging,
            f"Modify{word}Attribute": self._share,
            f"Delete{word}": self._delete_staging,
        }
        known_calls = {SOURCE_ACCOUNT: in_source, BACKUP_ACCOUNT: in_backup}[call.account_id]
        judge = known_calls.get(call.operation)
        hold(judge is not None, 1, f"{call} is never called")
        assert judge is not None
        judge(call)

    @property
    def word(self) -> str:
        return "DBClusterSnapshot" if self.stage.setting.aurora else "DBSnapshot"

    @property
    def arn_kind(self) -> str:
        return "cluster-snapshot" if self.stage.setting.aurora else "snapshot"

    def snapshots(self, home: Home) -> dict[str, Snapshot]:
        return home.cluster_snapshots if self.stage.setting.aurora else home.snapshots

    def _staging(self, call: ClientCall) -> None:
        given = call.parameters
        name = given[f"Target{self.word}Identifier"]
        drill = self._drill_of(name)
        production = self.stage.production.identifier
        source = self.snapshots(self.stage.cloud.source).get(
            given[f"Source{self.word}Identifier"].partition(f":{self.arn_kind}:")[2]
        )
        hold(source is None or source.instance == production, 1, f"{call} of a strange snapshot")
        hold(
            given.get("KmsKeyId", "") == self.stage.transit_key,
            1,
            f"{call} without the transit key",
        )
        self._hold_tags(call, drill, "staging-copy")
        hold(not given.get("CopyTags"), 1, f"{call} takes production's tags along")
        if self.stage.setting.aurora:
            self._hold_intent(call, drill, self.stage.cloud.source.arn(self.arn_kind, name))

    def _share(self, call: ClientCall) -> None:
        given = call.parameters
        name = given[f"{self.word}Identifier"]
        snapshot = self.snapshots(self.stage.cloud.source).get(name)
        made = snapshot is None or snapshot.made_by.startswith(OURS)
        hold(made, 1, f"{call} on what we did not make")
        values = {*given.get("ValuesToAdd", ()), *given.get("ValuesToRemove", ())}
        hold(values == {BACKUP_ACCOUNT}, 1, f"{call} with {values}")
        if given.get("ValuesToAdd"):
            arn = self.stage.cloud.source.arn(self.arn_kind, name)
            self._hold_intent(call, self._drill_of(name), arn)

    def _delete_staging(self, call: ClientCall) -> None:
        cloud = self.stage.cloud
        staged = self.snapshots(cloud.source)
        snapshot = staged.get(call.parameters[f"{self.word}Identifier"])
        if snapshot is None:
            return
        hold(self._is_ours(snapshot), 1, f"{call} on what we did not make")
        copying = [
            c.identifier
            for c in self.snapshots(cloud.backup).values()
            if c.in_progress and c.copied_from == snapshot.arn
        ]
        copying += [
            c.identifier
            for c in cloud.backup.clusters.values()
            if c.status == "creating" and c.restored_from is snapshot
        ]
        hold(not copying or self.by_mark, 5, f"{call} while {copying} is made from it")
        if snapshot.status == "failed" or self.stage.setting.aurora:
            return
        newer = [
            s
            for s in staged.values()
            if self._is_ours(s)
            and s.status == "available"
            and s.original_at >= snapshot.original_at
        ]
        hold(len(newer) > 1, 5, f"{call} on the newest staging copy")

    def _copy(self, call: ClientCall) -> None:
        given = call.parameters
        name = given[f"Target{self.word}Identifier"]
        drill = self._drill_of(name)
        staging = self.stage.cloud.source.arn(self.arn_kind, name)
        hold(given[f"Source{self.word}Identifier"] == staging, 3, f"{call} of another drill's")
        hold(given.get("KmsKeyId") == self.stage.backup_key, 1, f"{call} with another key")
        self._hold_tags(call, drill, "copy")

    def _delete_copy(self, call: ClientCall) -> None:
        copies = self.snapshots(self.stage.cloud.backup)
        copy = copies.get(call.parameters[f"{self.word}Identifier"])
        if copy is None:
            return
        hold(self._is_ours(copy), 1, f"{call} on what we did not make")
        self._hold_marked(call, copy.tags)
        if copy.status == "failed":
            return
        whole = [c for c in copies.values() if self._is_ours(c) and c.status == "available"]
        newest = max(whole, key=_age)
        hold(copy is not newest, 5, f"{call} on the newest copy")
        verified = [c for c in whole if self._verdict_on(c) is Verdict.VERIFIED]
        hold(
            not verified or copy is not max(verified, key=_age), 5, f"{call} on the last good copy"
        )
        origins = {c.data.origin for c in whole if c is not copy}
        enough = len(origins) >= self.stage.setting.keep_copies or copy.data.origin in origins
        manual = [c for c in copies.values() if c.type == "manual"]
        full = len(manual) >= self.stage.cloud.rds.state.quotas.snapshots
        hold(enough or full, 5, f"{call} leaves fewer copies than are to be kept")
        owner = self._stored(copy.identifier)
        busy = owner is not None and owner.phase is Phase.STEPS
        hold(not busy or self._is_expired(copy.tags), 5, f"{call} while its drill needs it")
        self._pruned.add(copy.arn)

    def _restore(self, call: ClientCall) -> None:
        given = call.parameters
        name = given["DBInstanceIdentifier"]
        drill = self._drill_of(name)
        copied = given["DBSnapshotIdentifier"]
        chosen = drill.outputs.get("chosen_copy", identifier_of(drill.id))
        hold(copied == chosen, 3, f"{call} of another copy than {chosen}")
        copy = self.stage.cloud.backup.snapshots.get(copied)
        made = copy is None or copy.made_by.startswith(OURS)
        hold(made, 3, f"{call} of what we did not make")
        settings = {
            "DBInstanceClass": self.instance_class,
            "DBSubnetGroupName": "drills",
            "VpcSecurityGroupIds": ["sg-drills"],
            "DBParameterGroupName": "drills",
            "PubliclyAccessible": False,
            "MultiAZ": False,
            "DeletionProtection": False,
            "BackupRetentionPeriod": 0,
            "AutoMinorVersionUpgrade": False,
            "CopyTagsToSnapshot": False,
            "EngineLifecycleSupport": "open-source-rds-extended-support",
        }
        for key, value in settings.items():
            hold(given.get(key) == value, 1, f"{call} with {key} {given.get(key)!r}")
        self._hold_tags(call, drill, "instance")
        self._hold_intent(call, drill, self.stage.cloud.backup.arn("db", name))

    def _restore_cluster(self, call: ClientCall) -> None:
        given = call.parameters
        name = given["DBClusterIdentifier"]
        drill = self._drill_of(name)
        cloud = self.stage.cloud
        own = identifier_of(drill.id)
        copied = drill.outputs.get("chosen_copy", own)
        wanted = cloud.source.arn(self.arn_kind, own) if self.stage.setting.direct else copied
        hold(given["SnapshotIdentifier"] == wanted, 3, f"{call} of another snapshot than {wanted}")
        copy = cloud.backup.cluster_snapshots.get(wanted)
        made = copy is None or copy.made_by.startswith(OURS)
        hold(made, 3, f"{call} of what we did not make")
        chosen = {
            "Engine": "aurora-postgresql",
            "EngineVersion": self.stage.production.settings["EngineVersion"],
            "KmsKeyId": self.stage.backup_key,
            "DBSubnetGroupName": "drills",
            "VpcSecurityGroupIds": ["sg-drills"],
            "DBClusterParameterGroupName": "drills",
            "DeletionProtection": False,
            "BackupRetentionPeriod": 1,
            "CopyTagsToSnapshot": False,
            "StorageType": "aurora",
            "EngineLifecycleSupport": "open-source-rds-extended-support",
            "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
        }
        for key, value in chosen.items():
            hold(given.get(key) == value, 1, f"{call} with {key} {given.get(key)!r}")
        allowed = {
            *chosen,
            "DBClusterIdentifier",
            "SnapshotIdentifier",
            "EnableIAMDatabaseAuthentication",
            "Tags",
        }
        hold(set(given) <= allowed, 1, f"{call} asks for {set(given) - allowed}")
        self._hold_tags(call, drill, "cluster")
        self._hold_intent(call, drill, cloud.backup.arn("cluster", name))

    def _create_instance(self, call: ClientCall) -> None:
        given = call.parameters
        name = given["DBInstanceIdentifier"]
        drill = self._drill_of(name)
        own = drill_of(given.get("DBClusterIdentifier", "")) == drill.id
        hold(own, 1, f"{call} in another cluster")
        hold(given.get("PubliclyAccessible") is False, 1, f"{call} with a public address")
        hold(given["DBInstanceClass"] == "db.serverless", 1, f"{call} of another class")
        self._hold_tags(call, drill, "instance")
        self._hold_intent(call, drill, self.stage.cloud.backup.arn("db", name))

    def _modify(self, call: ClientCall) -> None:
        instance = self._instance(call)
        if instance is None:
            return
        self._hold_marked(call, instance.tags)
        harmless = {
            "DBInstanceIdentifier",
            "DBClusterIdentifier",
            "ApplyImmediately",
            "ManageMasterUserPassword",
            "MasterUserPassword",
        }
        if self.stage.setting.rehearse and "EngineVersion" in call.parameters:
            drill = self._drill_of(instance.identifier)
            hold(drill.phase is Phase.REHEARSAL, 1, f"{call} comes before the verdict")
            harmless |= OF_UPGRADES
        hold(set(call.parameters) <= harmless, 1, f"{call} changes more than a password")

    def _delete_instance(self, call: ClientCall) -> None:
        instance = self._instance(call)
        if instance is None:
            return
        self._hold_marked(call, instance.tags)
        hold(call.parameters.get("SkipFinalSnapshot"), 4, f"{call} would leave a snapshot")
        self._hold_verdict(call, instance.identifier, instance.tags)

    def _stop(self, call: ClientCall) -> None:
        instance = self._instance(call)
        if instance is None:
            return
        self._hold_marked(call, instance.tags)
        drill = self._stored(instance.identifier)
        verified = drill is None or drill.verdict is Verdict.VERIFIED
        hold(verified, 4, f"{call} of an instance that was not verified")

    def _start(self, call: ClientCall) -> None:
        """Only to delete it: a stopped one lets no instance go."""
        cluster = self._instance(call)
        if cluster is None:
            return
        self._hold_marked(call, cluster.tags)
        self._hold_verdict(call, cluster.identifier, cluster.tags)

    def _tag(self, call: ClientCall) -> None:
        arn = call.parameters["ResourceName"]
        name = arn.rpartition(":")[2]
        home = self.stage.cloud.backup
        things: dict[str, Mapping[str, Database | Snapshot]] = {
            "db": home.instances,
            "cluster": home.clusters,
            "snapshot": home.snapshots,
            "cluster-snapshot": home.cluster_snapshots,
        }
        thing = things[arn.rsplit(":", 2)[1]].get(name)
        hold(thing is None or self._is_ours(thing), 1, f"{call} on what we did not make")
        drill = self._drill_of(name)
        for tag in call.parameters["Tags"]:
            if tag["Key"] == "restorecheck:verdict":
                verdicts = [d.verdict for d in self._drills_of(name)]
                hold(tag["Value"] in verdicts, 3, f"{call}: {tag['Value']} is not the verdict")
            else:
                right = tag == {"Key": "restorecheck:role", "Value": "standby"}
                hold(right and drill.verdict is Verdict.VERIFIED, 3, f"{call}: {tag}")

    def _create_secret(self, call: ClientCall) -> None:
        name = call.parameters["Name"]
        drill = self._drill_of(name)
        self._hold_tags(call, drill, "secret")
        arn = self.stage.cloud.backup.arn("secret", name, "secretsmanager")
        self._hold_intent(call, drill, arn)

    def _delete_secret(self, call: ClientCall) -> None:
        secret = self.stage.cloud.backup.secrets.get(call.parameters["SecretId"])
        if secret is None:
            return
        hold(secret.made_by.startswith(OURS), 1, f"{call} on what we did not make")
        self._hold_marked(call, secret.tags)
        self._hold_verdict(call, secret.name, secret.tags)

    # --- after every step ------------------------------------------------------------------

    def look(self) -> None:
        """Every promise that can be held against the present state, and what a call has broken."""
        if self._broken is not None:
            raise self._broken
        self.stage.cloud.tick()
        home = self.stage.cloud.backup
        things: list[Database] = [*home.instances.values(), *home.clusters.values()]
        self._protected |= {i.arn for i in things if i.settings.get("DeletionProtection")}
        changed = self._read_store()
        for drill in changed:
            self._look_at_verdict(drill)
            self._look_at_report(drill)
            self._look_at_bounds(drill)
        self._look_for_strays()
        self._look_at_copies()

    def at_end(self) -> None:
        """After faults have ended and hosts or sweeps were through: nothing is left."""
        self.look()
        unfinished = [d.id for d in self._drills.values() if not d.finished]
        hold(not unfinished, 8, f"drills {unfinished} never finished")
        standing = {r.identifier for d in self._drills.values() for r in d.parked}
        kept = {
            r.identifier
            for d in self._drills.values()
            if d.teardown_outcome is TeardownOutcome.KEPT
            for r in d.ledger
        }
        for arn in self._temporary():
            lost = self.by_mark and arn in self.retagged
            hold(arn in standing | kept or lost, 8, f"{arn} was left behind")
        # One that an operator protects cannot be deleted; the report says so.
        mine = (self._temporary() & standing) - self._protected
        drills = {drill_of(arn.rpartition(":")[2]) for arn in mine}
        hold(len(drills) <= 1, 6, "more than one standby is standing")

    def _read_store(self) -> list[Drill]:
        changed = []
        for drill_id, text in self.stage.store.texts.items():
            if self._seen.get(drill_id) == text:
                continue
            self._hold_no_secret(text, f"the stored drill {drill_id}")
            self._seen[drill_id] = text
            drill = self.stage.store.load(drill_id)
            before = self._drills.get(drill_id)
            if before is not None and before.finished:
                same = drill.evolve(ledger=before.ledger, version=before.version) == before
                fewer = set(drill.ledger) <= set(before.ledger)
                hold(same and fewer, 4, f"the finished drill {drill_id} changed")
            self._drills[drill_id] = drill
            changed.append(drill)
        return changed

    def _look_at_verdict(self, drill: Drill) -> None:
        if drill.verdict is None:
            return
        known = self._verdicts.setdefault(drill.id, drill.verdict)
        hold(known is drill.verdict, 4, f"the verdict of {drill.id} changed")
        if drill.verdict is not Verdict.VERIFIED:
            return
        hold(drill.endpoint is not None and drill.backup is not None, 3, "verified without proof")
        assert drill.endpoint is not None
        assert drill.backup is not None
        of_this = [
            a
            for a in self.stage.answers
            if a.drill_id == drill.id
            and a.resource_id == drill.endpoint.identity
            and a.data.origin == drill.backup.identifier
        ]
        for spec in drill.checks:
            if spec.severity.value != "required":
                continue
            truth = [a for a in of_this if a.check == spec.name]
            hold(truth, 3, f"verified, though nothing restored from it answered {spec.name}")
            good = truth[-1].data.good or spec.name != "freshness"
            hold(good, 3, f"verified, though the answer to {spec.name} was wrong")
            said = [r.outcome for r in drill.results if r.name == spec.name]
            hold(said == [CheckOutcome.PASSED], 3, f"verified with {spec.name} {said}")

    def _look_at_report(self, drill: Drill) -> None:
        texts = self.stage.store.reports.get(drill.id, [])
        hold(len(texts) == (1 if drill.finished else 0), 4, f"{drill.id} has {len(texts)} reports")
        for text in texts:
            known = self._reports.setdefault(drill.id, text)
            hold(text == known, 4, f"the report of {drill.id} changed")
            if known is text and drill.finished:
                self._hold_no_secret(text, f"the report of {drill.id}")
                report = json.loads(text)
                hold(report["verdict"] == drill.verdict, 4, "the report says something else")
                # What was left is named, and nothing else is.
                left = {r["identifier"] for r in report["teardown"]["left"]}
                now = {r.identifier for r in drill.ledger}
                hold(left >= now, 4, f"the report of {drill.id} does not name {now - left}")

    def _look_at_bounds(self, drill: Drill) -> None:
        now = drill.finished_at or self.stage.world.now()
        if not self._disturbed():
            hold(now <= self.bound(drill), 6, f"{drill.id} takes longer than it may")
        hold(drill.version < MOST_STEPS, 6, f"{drill.id} was saved {drill.version} times")
        calls = max(self._calls.values(), default=0)
        most = MOST_CALLS * max(1, len(self._drills))
        hold(calls < most, 6, f"{calls} calls")

    def _disturbed(self) -> bool:
        """Whether hosts have died: then nobody was there to keep the time."""
        return self.stage.hosts > 1

    @staticmethod
    def bound(drill: Drill):
        """Until when a drill is through whose host lives."""
        return drill.deadline + 2 * drill.teardown_limit + SLACK

    def _look_for_strays(self) -> None:
        """(2) Whatever is alive stands in the ledger of its drill, or was parked by it."""
        for arn in self._temporary():
            drill = self._stored(arn.rpartition(":")[2])
            if drill is None:
                continue
            owned = {r.identifier for r in (*drill.ledger, *drill.parked)}
            found = self.by_mark and self._carries_mark(arn)
            hold(arn in owned or found, 2, f"{arn} is alive and in no ledger")

    def _carries_mark(self, arn: str) -> bool:
        """Or did, before an operator wrote another drill on it; both at once is beyond us."""
        _, _, kind, name = arn.rsplit(":", 3)
        cloud = self.stage.cloud
        things: dict[str, Mapping[str, Snapshot | Database | Secret]] = {
            "snapshot": cloud.source.snapshots,
            "cluster-snapshot": cloud.source.cluster_snapshots,
            "db": cloud.backup.instances,
            "cluster": cloud.backup.clusters,
            "secret": cloud.backup.secrets,
        }
        drill_id = things[kind][name].tags.get("restorecheck:drill-id")
        return drill_id == name.removeprefix(PREFIX) or arn in self.retagged

    def _temporary(self) -> set[str]:
        """What restorecheck has made, that is not for keeps, and that nobody is deleting."""
        cloud = self.stage.cloud
        things: list[Database] = [
            *cloud.backup.instances.values(),
            *cloud.backup.clusters.values(),
        ]
        alive = {t.arn for t in things if t.made_by.startswith(OURS) and t.status != "deleting"}
        alive |= {  # Aurora's staging copies are not kept
            s.arn for s in cloud.source.cluster_snapshots.values() if s.made_by.startswith(OURS)
        }
        alive |= {
            cloud.backup.arn("secret", s.name, "secretsmanager")
            for s in cloud.backup.secrets.values()
            if s.made_by.startswith(OURS)
        }
        alive |= {
            s.arn
            for s in cloud.source.snapshots.values()
            if s.made_by.startswith(OURS) and BACKUP_ACCOUNT in s.shared
        }
        return alive - self.disowned

    def _look_at_copies(self) -> None:
        """(5) The newest verified copy is there. Pruned copies were judged when they were deleted; one that
        an operator deleted counts once it is made again.
        """
        snapshots = self.snapshots(self.stage.cloud.backup)
        for snapshot in snapshots.values():
            if self._is_ours(snapshot) and snapshot.status == "available":
                self.copies.setdefault(snapshot.identifier.removeprefix(PREFIX), snapshot)
        verified = [
            copy
            for copy in self.copies.values()
            if self._last_verdict(copy.identifier) is Verdict.VERIFIED
            and (
                copy.arn not in self.deleted_by_others | self._pruned
                or copy.identifier in snapshots
            )
        ]
        if verified:
            newest = max(verified, key=_age)
            there = newest.identifier in snapshots
            hold(there, 5, f"the newest verified copy {newest.identifier} is gone")

    def forget(self) -> None:
        """From now on somebody looks who has another store."""
        self._drills, self._seen, self._verdicts, self._reports = {}, {}, {}, {}

    # --- parts -----------------------------------------------------------------------------

    def _hold_no_secret(self, text: str, where: str) -> None:
        from tests.simulation.stage import EXTERNAL_ID, ROW  # noqa: PLC0415  # it imports this module

        for secret in (*self.stage.cloud.secrets_made, ROW, EXTERNAL_ID):
            hold(secret not in text, 7, f"a secret stands in {where}")

    def _is_ours(self, thing: Database | Snapshot) -> bool:
        return thing.made_by.startswith(OURS) and thing.arn not in self.disowned

    def _instance(self, call: ClientCall) -> Database | None:
        """Or the cluster."""
        home, given = self.stage.cloud.backup, call.parameters
        instance: Database | None
        if "DBClusterIdentifier" in given:
            instance = home.clusters.get(given["DBClusterIdentifier"])
        else:
            instance = home.instances.get(given["DBInstanceIdentifier"])
        hold(instance is None or self._is_ours(instance), 1, f"{call} on what we did not make")
        return instance

    def _stored(self, name: str) -> Drill | None:
        drill_id = drill_of(name)
        return self.stage.store.load(drill_id) if drill_id in self.stage.store.texts else None

    def _drill_of(self, name: str) -> Drill:
        drill = self._stored(name)
        hold(name.startswith(PREFIX) and drill is not None, 1, f"{name} belongs to no drill")
        assert drill is not None
        return drill

    def _verdict_on(self, copy: Snapshot) -> Verdict | None:
        return self._last_verdict(copy.identifier)

    def _drills_of(self, copy: str) -> list[Drill]:
        """Those that made or chose this copy, the oldest first."""
        names = [d for d in self._drills if identifier_of(d) == copy]
        made = [self.stage.store.load(d) for d in names if d in self.stage.store.texts]
        every = [self.stage.store.load(d) for d in self.stage.store.texts]
        return made + [d for d in every if d.outputs.get("chosen_copy") == copy and d not in made]

    def _last_verdict(self, copy: str) -> Verdict | None:
        """What is known of a copy: a drill that could not tell takes nothing back."""
        verdicts = [d.verdict for d in self._drills_of(copy) if d.verdict is not None]
        clear = [v for v in verdicts if v is not Verdict.INCONCLUSIVE]
        return (clear or verdicts or [None])[-1]

    def _is_expired(self, tags: dict[str, str]) -> bool:
        return tags.get("restorecheck:expires-at", "") < self.stage.world.now().isoformat()

    def _hold_tags(self, call: ClientCall, drill: Drill, role: str) -> None:
        tags = {tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags", ())}
        wanted = {
            "restorecheck:managed": "true",
            "restorecheck:drill-id": drill.id,
            "restorecheck:target": drill.target,
            "restorecheck:role": role,
        }
        hold(wanted.items() <= tags.items(), 2, f"{call} is not marked as ours: {tags}")
        # Nobody may take it for forgotten while its drill can be at work.
        expires = tags.get("restorecheck:expires-at", "")
        hold(expires > drill.deadline.isoformat(), 2, f"{call} expires at {expires!r}")

    def _hold_marked(self, call: ClientCall, tags: dict[str, str]) -> None:
        hold(tags.get("restorecheck:managed") == "true", 1, f"{call} on what lost our mark")

    def _hold_intent(self, call: ClientCall, drill: Drill, arn: str) -> None:
        noted = {resource.identifier for resource in drill.ledger}
        hold(arn in noted or self.by_mark, 2, f"{call} makes {arn}, and no ledger knows of it")

    def _hold_verdict(self, call: ClientCall, name: str, tags: dict[str, str]) -> None:
        """(4) The verdict is stored before anything is deleted."""
        drill = self._stored(name)
        judged = drill is None or drill.verdict is not None or self._is_expired(tags)
        hold(judged, 4, f"{call} before there is a verdict")


def _age(snapshot: Snapshot):
    return snapshot.original_at, snapshot.created_at or snapshot.original_at, snapshot.identifier
