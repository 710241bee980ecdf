"""Whether a new resource has its tags yet."""

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
    """AWS may show a new resource before its tags (`simulated.unknowns`): within the settling time after the
    first look, missing tags prove nothing.

    None: there is nothing to wait for, because it has tags, or the time is over.
    """
    if view.tags:
        return None
    key = f"{UNMARKED} {view.arn}"
    since = drill.outputs.get(key, now.isoformat())
    if now - datetime.fromisoformat(since) >= settings.settling:
        return None
    detail = "waiting until AWS shows its tags"
    return InProgress(wait=settings.poll, detail=detail, outputs={key: since})
