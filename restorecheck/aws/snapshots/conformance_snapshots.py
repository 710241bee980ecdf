"""The snapshots of `restorecheck conformance`, for the sweep: found by name, deleted only with their tags.

The role in the tags distinguishes them from copies of a drill, which are backups and are never deleted here.
"""

from datetime import datetime

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import SnapshotSettings, parse_arn
from restorecheck.aws.session.snapshot_kinds import OF_INSTANCES
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import SnapshotView
from restorecheck.errors import InvalidStateError, NotFoundError
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Resource

TRIAL = "conformance snapshot"


def is_trial(view: SnapshotView) -> bool:
    return naming.is_ours(view.identifier) and view.tags.get(naming.ROLE) == naming.CONFORMANCE


def resource_of(view: SnapshotView) -> Resource:
    return Resource(kind=TRIAL, identifier=view.arn, account=parse_arn(view.arn).place.account_id)


def delete(
    settings: SnapshotSettings,
    account: Account,
    resource: Resource,
    *,
    made_until: datetime,
    now: datetime,
) -> Gone | StillThere:
    """Its tags are read immediately before: a snapshot with another role is not deleted."""
    name = parse_arn(resource.identifier).name
    view = account.snapshots(OF_INSTANCES).manual.fresh().get(name)
    if view is None:
        if now < made_until + settings.settling:
            return StillThere(resource, "not visible yet; AWS may show it later", settings.poll)
        return Gone(resource)
    if not is_trial(view) or not naming.is_managed(view.tags):
        return StillThere(
            resource,
            "not deleted: the tags of restorecheck are missing",
            settings.poll,
            hopeless=True,
        )
    try:
        with attempting(f"delete the snapshot {view.arn}", view.arn):
            account.snapshots(OF_INSTANCES).delete(name)
    except NotFoundError:
        return StillThere(resource, "going", settings.poll)
    except InvalidStateError as exc:
        return StillThere(resource, exc.message, settings.poll)
    return StillThere(resource, "deleting", settings.poll)
