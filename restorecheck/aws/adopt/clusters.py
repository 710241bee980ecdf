"""An Aurora cluster that another program restored.

AWS Backup restores a cluster without an instance (AWS Backup Developer Guide, "Restoring an Amazon Aurora cluster"), so
nothing can be asked of it. Where a class is configured, restorecheck adds one instance to a cluster of restore testing,
and deletes it again before AWS Backup gets the validation result and deletes the cluster.
"""

from datetime import datetime, timedelta

from restorecheck.aws.adopt.provider import INSTANCE_ARN, AdoptProvider, Job
from restorecheck.aws.aurora.clusters import ask_for_instance
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Accounts
from restorecheck.aws.session.call_guard import RESTORE_TEST
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.settings import AdoptSettings, parse_arn
from restorecheck.aws.session.views import InstanceView
from restorecheck.aws.snapshots import instances
from restorecheck.aws.snapshots.instances import INSTANCE, wait_for
from restorecheck.errors import AccessDeniedError, AlreadyExistsError, NotFoundError, ProviderError
from restorecheck.lifecycle import Gone, InProgress, Ready, StepEvent, StillThere, Unclear
from restorecheck.model import Drill, Resource, Step, StepKind
from restorecheck.ports import Clock

PATIENCE = timedelta(hours=1)
"""For the instance of another program. Longer, and the drill is inconclusive."""
NONE_YET = "the DB cluster has no instance"
ADD_ONE = "Set adopt.db_instance_class, and restorecheck adds an instance for the checks."


class AdoptedClusterProvider(AdoptProvider):
    """Makes and deletes nothing but the one instance."""

    def __init__(self, *, settings: AdoptSettings, accounts: Accounts, clock: Clock) -> None:
        super().__init__(settings=settings, accounts=accounts)
        self._clock = clock

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        settings = self.settings
        *begin, check = super().plan(drill_id)
        wanted, name = settings.db_instance_class, naming.identifier_of(drill_id)
        does = "wait for an instance of the adopted cluster"
        makes: tuple[Resource, ...] = ()
        deadline = PATIENCE
        if wanted:
            does = f"{does}; where it has none: rds:CreateDBInstance {name}: {wanted}, private"
            makes = (self._resource(drill_id),)
            deadline = settings.deadline  # it recovers what was long at the time of the backup
        step = Step(name="instance", kind=StepKind.ADOPT, does=does, deadline=deadline, makes=makes)
        return (*begin, step, check)

    def afterwards(self, drill_id: str) -> tuple[str, ...]:
        said = super().afterwards(drill_id)
        if not self.settings.db_instance_class:
            return said
        return (*said, "an instance that restorecheck added is deleted (rds:DeleteDBInstance)")

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        account, now = self.account(), self._clock.now()
        if resource.kind != INSTANCE or parse_arn(resource.identifier).place != account.place:
            return super().delete(resource, made_until)
        try:
            return instances.delete(
                self.settings, account, resource, made_until=made_until, now=now
            )
        except AccessDeniedError as exc:
            return StillThere(resource, exc.message, self.settings.poll, hopeless=True)
        except ProviderError as exc:
            return StillThere(resource, exc.message, self.settings.poll)

    # --- parts ---------------------------------------------------------------------------

    def perform(self, drill: Drill, step: Step) -> StepEvent:
        return self._instance(drill) if step.name == "instance" else super().perform(drill, step)

    def _when_available(self, wanted: str, job: Job | None) -> StepEvent:
        view = self._cluster(wanted)
        waiting = wait_for(self.settings.poll, view)
        return waiting or self._taken(wanted, view, job)

    def _cluster(self, wanted: str) -> ClusterView:
        view = self.account().clusters.latest().get(parse_arn(wanted).name)
        if view is None or view.arn != wanted:
            raise NotFoundError(
                f"could not find the DB cluster {wanted} in {self.settings.place}",
                hint="AWS Backup deletes the cluster of a restore test at the end of the "
                "validation window (ValidationWindowHours of the restore testing selection).",
            )
        return view

    def _instance(self, drill: Drill) -> StepEvent:
        settings, account = self.settings, self.account()
        name, known = naming.identifier_of(drill.id), account.instances.latest()
        # After its instances: then its endpoint is as new.
        cluster = self._cluster(drill.outputs[INSTANCE_ARN])
        member = known.get(cluster.writer) or known.get(name)
        if member is None and cluster.members:
            return InProgress(wait=settings.poll, detail="waiting for the writer")
        if member is None:
            return self._without(drill, cluster, name)
        waiting = self._doubt_of(member, cluster, drill) or wait_for(settings.poll, member)
        if waiting is not None:
            return waiting
        if not cluster.host:
            return InProgress(wait=settings.poll, detail="waiting for the writer endpoint")
        added = member.identifier == name
        notes = ("restorecheck added an instance to the adopted DB cluster",) if added else ()
        return Ready(endpoint=self._endpoint(cluster), notes=notes)

    def _without(self, drill: Drill, cluster: ClusterView, name: str) -> StepEvent:
        settings = self.settings
        wanted = settings.db_instance_class
        if not wanted:
            return InProgress(wait=settings.poll, detail=f"{NONE_YET}. {ADD_ONE}")
        if cluster.arn == settings.production or not cluster.identifier.startswith(RESTORE_TEST):
            return Unclear(
                reason=f"the DB cluster {cluster.identifier} has no instance, and restorecheck adds one only to "
                f"clusters of restore testing ({RESTORE_TEST}*)",
                hint="Add an instance to the cluster, and delete it after the drill.",
            )
        return ask_for_instance(
            self.account(),
            drill,
            cluster,
            name,
            target=settings.target,
            instance_class=wanted,
            poll=settings.poll,
        )

    def _doubt_of(self, member: InstanceView, cluster: ClusterView, drill: Drill) -> Unclear | None:
        """Of an instance that is to be ours."""
        if member.identifier != naming.identifier_of(drill.id):
            return None
        if member.tags.get(naming.DRILL) != drill.id or not naming.is_managed(member.tags):
            raise AlreadyExistsError(
                f"DB instance {member.arn} exists without the tag of this drill",
                hint="Another program created it or removed the tag; look at CloudTrail.",
                resource=member.arn,
            )
        if member.publicly_accessible:
            return Unclear(reason=f"DB instance {member.arn} has a public address")
        if member.cluster != cluster.identifier:
            return Unclear(reason=f"DB instance {member.arn} is in another DB cluster")
        return None

    def _resource(self, drill_id: str) -> Resource:
        place = self.settings.place
        arn = place.arn("db", naming.identifier_of(drill_id))
        return Resource(kind=INSTANCE, identifier=arn, account=place.account_id)
