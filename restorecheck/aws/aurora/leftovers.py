"""What carries our name in the configured accounts: Aurora clusters besides what RDS has, and staging copies, which
Aurora never keeps.
"""

from collections.abc import Callable, Iterable, Iterator

import structlog

from restorecheck.aws.aurora.clusters import CLUSTER
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.views import SnapshotView, StatusMeaning
from restorecheck.aws.snapshots.copies import STAGED
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.errors import AccessDeniedError
from restorecheck.model import Resource
from restorecheck.ports import Found

log = structlog.get_logger("restorecheck.aurora")


class AuroraInventory(RdsInventory):
    """Instances before their clusters, shares before what they share: in this order all can go."""

    def find(self) -> tuple[Found, ...]:
        return (*super().find(), *self.clusters(), *self.staged())

    def clusters(self) -> Iterator[Found]:
        """In the backup account."""
        views = self._provider.backup_account().clusters.latest(not_before=self._clock.now())
        for view in views.values():
            if naming.is_ours(view.identifier):
                yield self._cluster(view)
            elif naming.is_renamed(view.identifier, view.tags):
                yield self.renamed(self._cluster_resource(view), view.tags)

    def staged(self) -> Iterator[Found]:
        source = self._provider.source_account()
        views = source.snapshots(self._kind).manual.latest(not_before=self._clock.now())
        return (self._staging(source, view) for view in views.values() if _is_staging(view))

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


class ForgottenClusters(AuroraInventory):
    """Of a configuration that has no Aurora target (any more), besides what RdsInventory finds.

    Its policies may lack the rights for clusters, if it never had such a target: then none is looked for.
    """

    def find(self) -> tuple[Found, ...]:
        return tuple(self._if_allowed(self.clusters, self.shares, self.staged))

    def _if_allowed(self, *parts: Callable[[], Iterable[Found]]) -> Iterator[Found]:
        for part in parts:
            try:
                yield from tuple(part())
            except AccessDeniedError as exc:
                log.info("clusters.unseen", reason=exc.message)


def _is_staging(view: SnapshotView) -> bool:
    return naming.is_ours(view.identifier) and view.tags.get(naming.ROLE) == naming.STAGING
