"""The Aurora provider: automated cluster snapshot → copy in the backup account → cluster → instance.

With `from: shared` the snapshot that the source account shares is restored directly, and no copy is kept: Amazon
Aurora User Guide, "Sharing a DB cluster snapshot".
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from restorecheck.aws.aurora import clusters, prices
from restorecheck.aws.aurora.clusters import CLUSTER, DB_CLUSTER
from restorecheck.aws.aurora.settings import SERVERLESS, AuroraSettings
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.settings import After, parse_arn
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.snapshots import evidence, instances
from restorecheck.aws.snapshots.copies import SHARE_REFUSED, STAGED
from restorecheck.aws.snapshots.instances import DB_INSTANCE, INSTANCE, name_of
from restorecheck.aws.snapshots.provider import DELETIONS, SnapshotProvider
from restorecheck.lifecycle import Gone, Parked, StepEvent, StillThere
from restorecheck.model import Drill, Observation, Resource, Step, StepKind

FULL = "; a full copy, billed in full: Aurora has no incremental ones"


class AuroraProvider(SnapshotProvider):
    """Of one Aurora cluster."""

    restored = DB_CLUSTER
    deletions: ClassVar[Mapping[str, Callable[..., Gone | StillThere]]] = {
        **DELETIONS,
        CLUSTER: partial(instances.delete, kind=DB_CLUSTER),
    }
    settings: AuroraSettings

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        name = naming.identifier_of(drill_id)
        source = self.settings.source.place
        staging = Resource(
            kind=STAGED,
            identifier=source.arn(self.settings.kind.arn, name),
            account=source.account_id,
        )
        begin = (
            self.identify_step(),
            self.find_step(),
            self.staging_step(name, staging),
            self.share_step(name),
        )
        unshare = self.unshare_step(name, "all")
        end = (
            self._instance_step(name),
            self.credentials_step(drill_id),
            self.check_step(),
        )
        if self.settings.direct:
            return (*begin, self._restore_step(name, staging), unshare, *end)
        return (
            *begin,
            self.copy_step(name, FULL, staging),
            unshare,
            self._restore_step(name),
            *end,
        )

    def afterwards(self, drill_id: str) -> tuple[str, ...]:
        settings = self.settings
        name = naming.identifier_of(drill_id)
        backup = settings.backup.place
        if settings.direct:
            sentences: tuple[str, ...] = (
                (
                    f"nothing is kept in {backup}: with `from: shared` there is no copy outside of "
                    "the source account"
                ),
            )
        else:
            kept = f"kept: the copy {name} in {backup}, billed in full; no staging copy"
            sentences = (*self.retention_sentences(name), kept)
        sentences = (*sentences, prices.sentence(settings))
        if settings.restore.after is not After.STOP:
            return sentences
        standby = (
            f"a verified cluster is stopped and kept (rds:StopDBCluster {name}), its storage is "
            "billed; the previous standby is started and deleted (rds:StartDBCluster, rds:DeleteDBInstance, "
            "rds:DeleteDBCluster)"
        )
        return (*sentences, standby)

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:
        cluster = self._resource(naming.identifier_of(drill.id), DB_CLUSTER)
        if cluster not in drill.ledger:
            return ()
        first, name = naming.identifier_of(drill.id), name_of(drill, DB_CLUSTER)
        member = name_of(drill, DB_INSTANCE)
        backup = self.backup_account()
        view = backup.clusters.latest().get(name)
        if view is None or not naming.is_managed(view.tags):
            return ()
        of_cluster, of_instance = dict.fromkeys((first, name)), dict.fromkeys((first, member))
        parts: dict[str, Callable[[], tuple[Observation, ...]]] = {
            "events": lambda: evidence.events_of(backup.cluster_events, of_cluster),
            "events of the instance": lambda: evidence.events_of(backup.events, of_instance),
        }
        instance = backup.instances.latest().get(member)
        if instance is not None and naming.is_managed(instance.tags):
            parts["server log"] = lambda: evidence.log_of(backup, member)
        parts["parameters"] = lambda: self._differences(view)
        return evidence.gather(parts)

    def restores(self, name: str) -> Callable[[Drill], StepEvent]:
        return {"restore": self._restore, "instance": self._add_instance}[name]

    def put_to_rest(self, account: Account, resource: Resource) -> Parked | StillThere:
        """An instance rests when its cluster does, which is parked after it."""
        if resource.kind != INSTANCE:
            return super().put_to_rest(account, resource)
        name = parse_arn(resource.identifier).name
        view = account.instances.fresh().get(name)
        if view is None or not naming.is_ours(name) or not naming.is_managed(view.tags):
            detail = "not deleted: the tags of restorecheck are missing"
            return StillThere(resource, detail, self.settings.poll, hopeless=True)
        if view.tags.get(naming.ROLE) != naming.STANDBY:
            with attempting(f"mark DB instance {view.arn} as the standby", view.arn):
                account.rds().add_tags_to_resource(
                    ResourceName=view.arn, Tags=naming.as_list({naming.ROLE: naming.STANDBY})
                )
        return Parked(resource)

    # --- parts ---------------------------------------------------------------------------

    def _restore(self, drill: Drill) -> StepEvent:
        account, now = self.backup_account(), self._clock.now()
        try:
            return clusters.restore(self.settings, account, drill, now)
        except SHARE_REFUSED as exc:
            if not self.settings.direct:
                raise
            return self.copying().wait_for_share(drill, exc)

    def _add_instance(self, drill: Drill) -> StepEvent:
        account, now = self.backup_account(), self._clock.now()
        return clusters.add_instance(self.settings, account, drill, now)

    def _restore_step(self, name: str, *uses: Resource) -> Step:
        """`uses`: as in `copy_step`."""
        settings, wanted = self.settings, self.settings.restore
        origin = (
            f"the shared snapshot {name} of {settings.source.place}" if settings.direct else name
        )
        cluster = self._resource(name, DB_CLUSTER)
        return Step(
            name="restore",
            kind=StepKind.RESTORE,
            does=f"rds:RestoreDBClusterFromSnapshot in {settings.backup.place}: {origin} with its own "
            f"engine version, encrypted with {settings.backup.kms_key_id}, in the subnet group "
            f"{wanted.db_subnet_group_name}, backups for {clusters.RETENTION_DAYS} day",
            deadline=settings.deadline,
            makes=(cluster, *uses),
            standby=(cluster,) if wanted.after is After.STOP else (),
        )

    def _instance_step(self, name: str) -> Step:
        """The database answers only when it is done, so its time belongs to the recovery time."""
        wanted = self.settings.restore
        instance = self._resource(name, DB_INSTANCE)
        limits = (
            f" ({wanted.min_acu:g} to {wanted.max_acu:g} ACU)"
            if wanted.db_instance_class == SERVERLESS
            else ""
        )
        return Step(
            name="instance",
            kind=StepKind.RESTORE,
            does=f"rds:CreateDBInstance {name} in the DB cluster {name}: "
            f"{wanted.db_instance_class}{limits}, private",
            deadline=self.settings.deadline,
            makes=(instance,),
            standby=(instance,) if wanted.after is After.STOP else (),
        )

    def _resource(self, name: str, kind: Any) -> Resource:  # noqa: ANN401  # a kind of view is no matter here
        return instances.resource_of(self.settings, name, kind)

    def _differences(self, view: ClusterView) -> tuple[Observation, ...]:
        """How the restored cluster is set up differently from production."""
        source, wanted = self.source_account(), self.settings.identifier
        production = source.clusters.latest().get(wanted)
        if production is None:
            return (evidence.difference(f"the DB cluster {wanted} does not exist now"),)
        found = []
        if production.engine_version != view.engine_version:
            found.append(
                f"production runs {production.engine_version}, the restored cluster "
                f"{view.engine_version}"
            )
        there = evidence.set_in_group(source, production.parameter_group, of_cluster=True)
        here = evidence.set_in_group(self.backup_account(), view.parameter_group, of_cluster=True)
        found += evidence.parameter_differences(there, here)
        return tuple(evidence.difference(text) for text in found)
