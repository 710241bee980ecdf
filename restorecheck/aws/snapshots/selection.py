"""The snapshots and copies that a drill may restore, as one list: a copy stands for the snapshot it was made of."""

from collections.abc import Iterable
from dataclasses import dataclass

from restorecheck.aws.session import naming
from restorecheck.aws.session.views import SnapshotView, StatusMeaning
from restorecheck.choosing import Listed
from restorecheck.model import Drill

CHOSEN_COPY = "chosen_copy"
"""Output: the name of a copy that was there already and is restored; without it, the drill makes its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBackup:
    """One backup of the instance, wherever it is kept."""

    listed: Listed
    snapshot: SnapshotView | None = None
    """In the source account."""
    copy: SnapshotView | None = None
    """Of restorecheck, in the backup account."""


def copy_of(drill: Drill) -> str:
    """Name of the copy that this drill restores."""
    return drill.outputs.get(CHOSEN_COPY, naming.identifier_of(drill.id))


def is_copy_of(view: SnapshotView, production: str) -> bool:
    """Whether any drill of ours has made this copy of the instance. `production`: its ARN."""
    tags = view.tags
    return (
        naming.is_ours(view.identifier)
        and naming.is_managed(tags)
        and tags.get(naming.ROLE) == naming.COPY
        and tags.get(naming.SOURCE_INSTANCE) == production
        and tags.get(naming.DRILL) == naming.drill_of(view.identifier)
    )


def listed_of(view: SnapshotView, origin: str = "") -> Listed:
    """`origin`: of a copy, the snapshot that it was made of."""
    return Listed(
        identifier=origin or view.arn,
        taken_at=view.database_time or view.taken_at,
        size_bytes=view.full_size_bytes,
        also=view.identifier if origin else "",
    )


def known(snapshots: Iterable[SnapshotView], copies: Iterable[SnapshotView]) -> list[KnownBackup]:
    """Each backup once. Of several copies of one snapshot the one that was made last is restored."""
    found = {
        view.arn: KnownBackup(listed=listed_of(view), snapshot=view) for view in finished(snapshots)
    }
    for view in sorted(finished(copies), key=_made):
        origin = view.tags.get(naming.SOURCE_SNAPSHOT, "") or view.arn
        before = found.get(origin)
        found[origin] = KnownBackup(
            listed=listed_of(view, origin), snapshot=before.snapshot if before else None, copy=view
        )
    return [*found.values()]


def finished(snapshots: Iterable[SnapshotView]) -> list[SnapshotView]:
    return [s for s in snapshots if s.progress is StatusMeaning.READY and s.taken_at]


def _made(view: SnapshotView) -> tuple[bool, float, str]:
    at = view.create_time
    return at is not None, at.timestamp() if at else 0.0, view.identifier
