"""Instances of ours in adopted clusters, that dead drills left behind."""

from collections.abc import Callable, Collection

from restorecheck.aws.adopt.clusters import AdoptedClusterProvider
from restorecheck.aws.session import naming
from restorecheck.aws.snapshots.instances import INSTANCE
from restorecheck.aws.snapshots.leftovers import found_of
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Resource
from restorecheck.ports import Clock, Found, Inventory


class AdoptInventory(Inventory):
    """In the account in which another program restores."""

    def __init__(
        self,
        provider: AdoptedClusterProvider,
        clock: Clock,
        dead: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`dead`: as for snapshots."""
        self._provider = provider
        self._clock = clock
        self._dead = dead

    def find(self) -> tuple[Found, ...]:
        account, now = self._provider.account(), self._clock.now()
        return tuple(
            found_of(
                Resource(kind=INSTANCE, identifier=view.arn, account=account.place.account_id),
                view.identifier,
                view.tags,
                dead=self._dead(),
                now=now,
            )
            for view in account.instances.latest(not_before=now).values()
            if naming.is_ours(view.identifier) and view.cluster and not naming.is_ours(view.cluster)
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        # It was found, so AWS shows it already.
        return self._provider.delete(resource, self._clock.now() - self._provider.settings.settling)
