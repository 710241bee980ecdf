"""Which leftovers belong to no living drill. Pure: drills and found resources in, decisions out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.model import Drill, Resource, TeardownOutcome

POD = "pod:"
"""Begins the name of a host that is a Kubernetes pod."""

ORPHAN_AGE = timedelta(minutes=10)
"""Younger unmarked resources are spared: a living drill may be about to mark them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A resource with a name or tags of restorecheck, made from `ports.Found`."""

    resource: Resource
    drill_id: str
    marked: bool
    alive: bool
    kept: bool
    made_at: datetime | None
    restarted: bool = False
    renamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    finish: tuple[Drill, ...] = ()
    """Drills whose host is dead: aborted, judged, torn down, reported."""
    delete: tuple[tuple[Drill, Resource], ...] = ()
    """Resources that finished drills left, or that are not to be kept any longer."""
    orphans: tuple[Resource, ...] = ()
    """Found by name and mark, and in no known drill's ledger."""
    spared: tuple[tuple[Resource, str], ...] = ()
    """Not touched, with the reason."""
    park: tuple[Resource, ...] = ()
    """Standbys to stop again."""
    unseen: tuple[str, ...] = ()
    """Places that could not be searched, with the reason."""


def plan_sweep(
    *,
    unfinished: Sequence[Drill],
    finished: Sequence[Drill],
    living: Collection[str],
    found: Sequence[Leftover],
    now: datetime,
    end: Collection[str] = (),
    unseen: Sequence[str] = (),
    host: str = "",
) -> SweepPlan:
    """What a sweep does.

    Args:
        unfinished: Drills without a report.
        finished: Drills with a report and a ledger that is not empty.
        living: Ids of drills whose host is alive.
        found: What the inventories found by name or tags.
        now: The present time.
        end: Ids of kept drills to end.
        unseen: As in the result.
        host: Name of this host, where several share the history.
    """
    finish = tuple(d for d in unfinished if d.id not in living)
    delete: list[tuple[Drill, Resource]] = []
    spared: list[tuple[Resource, str]] = []
    for drill in finished:
        kept = drill.teardown_outcome is TeardownOutcome.KEPT and drill.id not in end
        for resource in reversed(drill.ledger):
            if kept:
                spared.append((resource, f"kept; delete it with: restorecheck sweep {drill.id}"))
            elif drill.host != host and is_of_its_host(resource) and not is_ephemeral(drill.host):
                spared.append((resource, f"on the host {drill.host}, whose next sweep deletes it"))
            else:
                delete.append((drill, resource))
    known = {r for drill in (*unfinished, *finished) for r in drill.ledger}
    orphans: list[Resource] = []
    park: list[Resource] = []
    # Two inventories may look at one place.
    for leftover in {leftover.resource: leftover for leftover in found}.values():
        if leftover.resource in known:
            continue
        reason = _spare(leftover, living=living, now=now, end=end)
        if reason and leftover.restarted:
            park.append(leftover.resource)
        elif reason:
            spared.append((leftover.resource, reason))
        else:
            orphans.append(leftover.resource)
    return SweepPlan(
        finish=finish,
        delete=tuple(delete),
        orphans=tuple(orphans),
        spared=tuple(spared),
        park=tuple(park),
        unseen=tuple(unseen),
    )


def is_of_its_host(resource: Resource) -> bool:
    """Whether only the host that made it can delete it: it is in no account and on no server."""
    return not resource.account


def is_ephemeral(host: str) -> bool:
    """Whether the files of a host are deleted with it, as those of a Kubernetes pod with ephemeral volumes."""
    return host.startswith(POD)


def _spare(
    leftover: Leftover, *, living: Collection[str], now: datetime, end: Collection[str]
) -> str:
    """Why a resource that is in no known ledger is not touched; empty: it may be deleted."""
    if leftover.renamed:
        return (
            "has the tags of restorecheck but another name: it was renamed. Delete it, or remove "
            "its tags restorecheck:* to keep it"
        )
    if leftover.alive or leftover.drill_id in living:
        return "in use by a running drill"
    if leftover.kept and leftover.drill_id not in end:
        return f"kept; delete it with: restorecheck sweep {leftover.drill_id}"
    if leftover.marked:
        return ""
    if leftover.made_at is None or now - leftover.made_at < ORPHAN_AGE:
        return "has a name of restorecheck but not its mark, and is less than 10 minutes old"
    return (
        "has a name of restorecheck but not its mark: another program made it, or its "
        "creation was interrupted; look at it"
    )


def still_left(finished: Collection[Drill]) -> frozenset[str]:
    """Targets with a resource that is not known to be gone and that no one asked to keep.

    `finished`: drills whose ledger is not empty; a successful sweep empties it.
    """
    return frozenset(d.target for d in finished if d.teardown_outcome is not TeardownOutcome.KEPT)
