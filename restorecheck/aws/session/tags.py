"""Whether what was just made carries our mark yet."""

from datetime import datetime

from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.settings import SnapshotSettings
from restorecheck.aws.session.views import InstanceView, SnapshotView
from restorecheck.lifecycle import InProgress
from restorecheck.model import Drill

UNMARKED = "unmarked_since"


def wait_for_tags(
    settings: SnapshotSettings,
    drill: Drill,
    view: InstanceView | ClusterView | SnapshotView,
    now: datetime,
) -> InProgress | None:
    """A thing of our name may be described before its tags are (`simulated.unknowns`); none at all
    within the settling time of our first look at it says nothing.

    None when there is nothing to wait for: it has tags, ours or not, or will have none.
    """
    if view.tags:
        return None
    key = f"{UNMARKED} {view.arn}"
    since = drill.outputs.get(key, now.isoformat())
    if now - datetime.fromisoformat(since) >= settings.settling:
        return None
    detail = "waiting until AWS shows its tags"
    return InProgress(wait=settings.poll, detail=detail, outputs={key: since})
