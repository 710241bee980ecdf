"""What carries our name in the configured accounts, known or forgotten.

Copies and staging copies are no leftovers: retention keeps them on purpose.
"""

from typing import Any

from restorecheck.aws import naming
from restorecheck.aws.accounts import Account
from restorecheck.aws.copying import SHARE, admitted_to
from restorecheck.aws.credentials import SECRET
from restorecheck.aws.instances import INSTANCE
from restorecheck.aws.provider import RdsProvider
from restorecheck.aws.translation import attempting
from restorecheck.aws.views import InstanceView, Progress, SnapshotView
from restorecheck.lifecycle import Gone, Parked, StillThere
from restorecheck.model import Resource
from restorecheck.ports import Clock, Found, Inventory


class RdsInventory(Inventory):
    """Instances and secrets in the backup account, shares in the source account."""

    def __init__(self, provider: RdsProvider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock

    def find(self) -> tuple[Found, ...]:
        backup, source = self._provider.backup_account(), self._provider.source_account()
        now = self._clock.now()
        instances = backup.instances.latest(not_before=now).values()
        snapshots = source.manual_snapshots.latest(not_before=now).values()
        found = []
        for view in instances:
            if naming.is_ours(view.identifier):
                found.append(self._instance(view))
            elif naming.is_renamed(view.identifier, view.tags):
                found.append(self._renamed(view))
        found += self._secrets(backup)
        found += [share for view in snapshots for share in self._shares(source, view)]
        return tuple(found)

    def delete(self, resource: Resource) -> Gone | StillThere:
        # It was found, so it is old enough to be seen.
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
            restless=standby and view.progress is Progress.READY,
        )

    def _renamed(self, view: InstanceView) -> Found:
        return Found(
            resource=self._resource(view),
            drill_id=view.tags[naming.DRILL],
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
        """A staging copy that is still shared; who reads it is dead once it has expired."""
        if not naming.is_ours(view.identifier) or view.tags.get(naming.ROLE) != naming.STAGING:
            return []
        if self._provider.settings.backup.place.account_id not in admitted_to(
            source, view.identifier
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
        restless: bool = False,
    ) -> Found:
        expires = naming.moment_in(tags, naming.EXPIRES)
        drill_id = naming.drill_of(name)
        return Found(
            resource=resource,
            drill_id=drill_id,
            marked=naming.is_managed(tags) and tags.get(naming.DRILL) == drill_id,
            # A host elsewhere may be at work on it until then.
            alive=not kept and expires is not None and self._clock.now() < expires,
            kept=kept,
            restless=restless,
        )
