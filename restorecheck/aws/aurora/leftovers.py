"""What carries our name in the configured accounts: Aurora clusters besides what RDS has, and staging copies, which
Aurora never keeps.
"""

from restorecheck.aws.aurora.clusters import CLUSTER
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.views import SnapshotView, StatusMeaning
from restorecheck.aws.snapshots.copies import STAGED
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.model import Resource
from restorecheck.ports import Found


class AuroraInventory(RdsInventory):
    """Instances before their clusters, shares before what they share: in this order all can go."""

    def find(self) -> tuple[Found, ...]:
        found = super().find()
        now = self._clock.now()
        backup, source = self._provider.backup_account(), self._provider.source_account()
        clusters = backup.clusters.latest(not_before=now).values()
        staged = source.snapshots(self._kind).manual.latest(not_before=now).values()
        return (
            *found,
            *(self._cluster(view) for view in clusters if naming.is_ours(view.identifier)),
            *(
                self.renamed(self._cluster_resource(view), view.tags)
                for view in clusters
                if naming.is_renamed(view.identifier, view.tags)
            ),
            *(self._staging(source, view) for view in staged if _is_staging(view)),
        )

    def _cluster(self, view: ClusterView) -> Found:
        standby = view.tags.get(naming.ROLE) == naming.STANDBY
        return self._found(
            self._cluster_resource(view),
            view.identifier,
            view.tags,
            kept=standby or view.tags.get(naming.KEPT) == "true",
            restarted=standby and view.progress is StatusMeaning.READY,
        )

    def _cluster_resource(self, view: ClusterView) -> Resource:
        account = self._provider.settings.backup.place.account_id
        return Resource(kind=CLUSTER, identifier=view.arn, account=account)

    def _staging(self, source: Account, view: SnapshotView) -> Found:
        resource = Resource(kind=STAGED, identifier=view.arn, account=source.place.account_id)
        return self._found(resource, view.identifier, view.tags)


def _is_staging(view: SnapshotView) -> bool:
    return naming.is_ours(view.identifier) and view.tags.get(naming.ROLE) == naming.STAGING
