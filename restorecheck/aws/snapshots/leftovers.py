"""Resources with a name or tags of restorecheck in the configured accounts.

Copies and staging copies are not leftovers: retention keeps them on purpose. Snapshots of `restorecheck
conformance` are.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import InstanceView, SnapshotView, StatusMeaning
from restorecheck.aws.snapshots.conformance_snapshots import is_trial
from restorecheck.aws.snapshots.conformance_snapshots import resource_of as trial_resource
from restorecheck.aws.snapshots.copies import SHARE, admitted_to
from restorecheck.aws.snapshots.credentials import SECRET
from restorecheck.aws.snapshots.instances import INSTANCE
from restorecheck.aws.snapshots.provider import SnapshotProvider
from restorecheck.lifecycle import Gone, Parked, StillThere
from restorecheck.model import Resource
from restorecheck.ports import Clock, Found, Inventory


class RdsInventory(Inventory):
    """Instances and secrets in the backup account, shares in the source account, and the snapshots of
    `restorecheck conformance` in both.
    """

    def __init__(
        self,
        provider: SnapshotProvider,
        clock: Clock,
        dead: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`dead`: ids whose host is known to be dead, whatever the expiry in their tags."""
        self._provider = provider
        self._kind = provider.settings.kind
        self._clock = clock
        self._dead = dead

    def find(self) -> tuple[Found, ...]:
        backup, source = self._provider.backup_account(), self._provider.source_account()
        now = self._clock.now()
        instances = backup.instances.latest(not_before=now).values()
        snapshots = source.snapshots(self._kind).manual.latest(not_before=now).values()
        found: list[Found] = []
        for view in instances:
            if naming.is_ours(view.identifier):
                found.append(self._instance(view))
            elif naming.is_renamed(view.identifier, view.tags):
                found.append(self.renamed(self._resource(view), view.tags))
        found += self._secrets(backup)
        found += self.shares()
        copies = backup.snapshots(self._kind).manual.latest(not_before=now).values()
        found += [self._trial(view) for view in (*copies, *snapshots) if is_trial(view)]
        return tuple(found)

    def shares(self) -> Iterator[Found]:
        """In the source account."""
        source = self._provider.source_account()
        views = source.snapshots(self._kind).manual.latest(not_before=self._clock.now())
        return (share for view in views.values() for share in self._shares(source, view))

    def delete(self, resource: Resource) -> Gone | StillThere:
        # It was found, so AWS shows it already.
        long_ago = self._clock.now() - self._provider.settings.settling
        return self._provider.delete(resource, long_ago)

    def park(self, resource: Resource) -> Parked | StillThere:
        return self._provider.park(resource)

    def _instance(self, view: InstanceView) -> Found:
        standby = view.tags.get(naming.ROLE) == naming.STANDBY
        return self._found(
            self._resource(view),
            view.identifier,
            view.tags,
            kept=standby or view.tags.get(naming.KEPT) == "true",
            # An instance of Aurora rests with its cluster.
            restarted=standby and not view.cluster and view.progress is StatusMeaning.READY,
        )

    def _trial(self, view: SnapshotView) -> Found:
        return self._found(trial_resource(view), view.identifier, view.tags)

    def renamed(self, resource: Resource, tags: naming.Tags) -> Found:
        return Found(
            resource=resource,
            drill_id=tags[naming.DRILL],
            marked=True,
            alive=False,
            renamed=True,
        )

    def _resource(self, view: InstanceView) -> Resource:
        account = self._provider.settings.backup.place.account_id
        return Resource(kind=INSTANCE, identifier=view.arn, account=account)

    def _secrets(self, backup: Account) -> list[Found]:
        place = backup.place
        paginator: Any = backup.secrets().get_paginator("list_secrets")
        names = [{"Key": "name", "Values": [naming.PREFIX]}]
        with attempting(f"list secrets in {place}", place.account_id):
            listed = [s for page in paginator.paginate(Filters=names) for s in page["SecretList"]]
        return [
            self._found(
                Resource(
                    kind=SECRET,
                    identifier=place.arn("secret", secret["Name"], service="secretsmanager"),
                    account=place.account_id,
                ),
                secret["Name"],
                naming.as_dict(secret.get("Tags")),
            )
            for secret in listed
            if naming.is_ours(secret["Name"]) and "DeletedDate" not in secret
        ]

    def _shares(self, source: Account, view: SnapshotView) -> list[Found]:
        """A staging copy that is still shared; after its expiry the drill that reads it is dead."""
        if not naming.is_ours(view.identifier) or view.tags.get(naming.ROLE) != naming.STAGING:
            return []
        if self._provider.settings.backup.place.account_id not in admitted_to(
            source.snapshots(self._kind), view.identifier
        ):
            return []
        resource = Resource(kind=SHARE, identifier=view.arn, account=source.place.account_id)
        return [self._found(resource, view.identifier, view.tags)]

    def _found(
        self,
        resource: Resource,
        name: str,
        tags: naming.Tags,
        *,
        kept: bool = False,
        restarted: bool = False,
    ) -> Found:
        now, dead = self._clock.now(), self._dead()
        return found_of(resource, name, tags, dead=dead, now=now, kept=kept, restarted=restarted)


def found_of(
    resource: Resource,
    name: str,
    tags: naming.Tags,
    *,
    dead: Collection[str],
    now: datetime,
    kept: bool = False,
    restarted: bool = False,
) -> Found:
    """A thing with our name; `dead`: ids of drills whose host is known to be dead."""
    drill_id = naming.drill_of(name)
    expires = None if drill_id in dead else naming.moment_in(tags, naming.EXPIRES)
    return Found(
        resource=resource,
        drill_id=drill_id,
        marked=naming.is_managed(tags) and tags.get(naming.DRILL) == drill_id,
        # A host on another machine may use it until then.
        alive=not kept and expires is not None and now < expires,
        kept=kept,
        restarted=restarted,
    )
