"""After a drill: tags the copy with the verdict, and deletes old copies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.settings import After, SnapshotSettings
from restorecheck.aws.session.snapshot_kinds import Snapshots
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import SnapshotView, StatusMeaning
from restorecheck.aws.snapshots import instances
from restorecheck.aws.snapshots.copies import Copying, is_expired
from restorecheck.aws.snapshots.instances import RestoredKind
from restorecheck.aws.snapshots.selection import CHOSEN_COPY, copy_of
from restorecheck.errors import InvalidStateError, NotFoundError
from restorecheck.lifecycle import InProgress, Retained
from restorecheck.model import Drill, Retention, Verdict
from restorecheck.retention import Copy, prunable

DELETED = "retention_deleted"


@dataclass(frozen=True, slots=True)
class Keeping:
    """Retention of one target's copies and standby."""

    settings: SnapshotSettings
    backup: Account
    copying: Copying
    restored: RestoredKind[Any]
    """What a standby is."""

    def retain(self, drill: Drill, now: datetime) -> Retained | InProgress:
        """Tag tonight's copy, delete old copies and staging copies, delete the previous standby."""
        self._mark(drill)
        self.copying.prune_staging()
        views = self._copies(now)
        gone = self._prune(drill, views, now, self.settings.backup.keep_copies)
        deleted = [*filter(None, drill.outputs.get(DELETED, "").split("\n")), *gone]
        if drill.verdict is Verdict.VERIFIED:
            leaving = self._end_standbys(drill)
            if leaving:
                detail = f"waiting until the previous standby {leaving[0]} is deleted"
                outputs = {DELETED: "\n".join(deleted)}
                return InProgress(wait=self.settings.poll, detail=detail, outputs=outputs)
        kept = tuple(v.arn for v in views if v.arn not in deleted)
        return Retained(retention=Retention(kept=kept, deleted=tuple(dict.fromkeys(deleted))))

    def make_room(self, drill: Drill, now: datetime) -> dict[str, str]:
        """Delete before the copy what retention would delete after it; returns the outputs for the report."""
        keep = max(1, self.settings.backup.keep_copies - 1)
        return {DELETED: "\n".join(self._prune(drill, self._copies(now), now, keep))}

    @property
    def _there(self) -> Snapshots:
        return self.backup.snapshots(self.settings.kind)

    def _mark(self, drill: Drill) -> None:
        view = self._there.manual.fresh().get(copy_of(drill))
        assert drill.verdict is not None, "the verdict comes first"
        if view is None or not self._is_copy(view) or view.progress is not StatusMeaning.READY:
            return
        verdict = _verdict_on(view, drill)
        if view.tags.get(naming.VERDICT) == verdict:
            return
        with attempting(f"write the verdict to the tags of {view.arn}", view.arn):
            self.backup.rds().add_tags_to_resource(
                ResourceName=view.arn, Tags=naming.as_list({naming.VERDICT: verdict})
            )

    def _copies(self, now: datetime) -> list[SnapshotView]:
        """Copies, oldest first, read after the verdict was tagged."""
        found = self._there.manual.latest(not_before=now).values()
        mine = [view for view in found if self._is_copy(view)]
        return sorted(mine, key=lambda view: (view.taken_at or now, view.identifier))

    def _is_copy(self, view: SnapshotView) -> bool:
        tags = view.tags
        return (
            naming.is_ours(view.identifier)
            and naming.is_managed(tags)
            and tags.get(naming.ROLE) == naming.COPY
            and tags.get(naming.TARGET) == self.settings.target
        )

    def _prune(
        self, drill: Drill, views: list[SnapshotView], now: datetime, keep: int
    ) -> list[str]:
        by_name = {view.identifier: view for view in views}
        copies = [_copy_of(view, drill) for view in views]
        gone = []
        for copy in prunable(copies, keep):
            view = by_name[copy.identifier]
            if copy.verdict is None and not is_expired(view, now):
                continue  # another drill of this target uses it
            try:
                with attempting(f"delete the old copy {view.arn}", view.arn):
                    self._there.delete(view.identifier)
            except (NotFoundError, InvalidStateError):
                continue  # being deleted, or in use: the next drill tries again
            gone.append(view.arn)
        return gone

    def _end_standbys(self, drill: Drill) -> list[str]:
        """Request deletion of every standby except tonight's; returns those that still exist.

        If a standby is configured and tonight has none (`--keep`, or it could not be stopped), the earlier one is
        kept.
        """
        if self.settings.restore.after is After.STOP and not drill.parked:
            return []
        tonight = {resource.identifier for resource in drill.parked}
        leaving = []
        for view in instances.standbys(self.settings, self.backup, self.restored):
            if view.arn in tonight:
                continue
            leaving.append(view.identifier)
            if view.status in {"deleting", "deleted"}:
                continue
            try:
                with attempting(f"delete the previous standby {view.arn}", view.arn):
                    self.restored.delete(self.backup, view)
            except (NotFoundError, InvalidStateError):
                continue  # checked again at the next poll
        return leaving


def _verdict_on(view: SnapshotView, drill: Drill) -> str:
    """The drill's own where it has restored this copy; a drill that could not tell takes back nothing that an
    earlier one has found.
    """
    known = view.tags.get(naming.VERDICT, "")
    if view.identifier != copy_of(drill) or drill.verdict is None:
        return known
    unclear = drill.verdict is Verdict.INCONCLUSIVE and CHOSEN_COPY in drill.outputs
    return known if known and unclear else drill.verdict.value


def _copy_of(view: SnapshotView, drill: Drill) -> Copy:
    verdict = _verdict_on(view, drill)  # AWS may not show the tag yet
    return Copy(
        identifier=view.identifier,
        origin=view.tags.get(naming.SOURCE_SNAPSHOT, view.identifier),
        taken_at=view.taken_at,
        made_at=view.create_time,
        available=view.progress is StatusMeaning.READY,
        broken=view.progress is StatusMeaning.HOPELESS,
        verdict=Verdict(verdict) if verdict in set(Verdict) else None,
    )
