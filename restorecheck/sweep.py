"""Which leftovers nobody owns. Pure: what is known and what was found in, decisions out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.model import Drill, Resource, TeardownOutcome

ORPHAN_AGE = timedelta(minutes=10)
"""Unmarked things younger than this may be about to get their mark from a living drill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something out there that carries our name. See `ports.Found`, from which it is made."""

    resource: Resource
    drill_id: str
    marked: bool
    alive: bool
    kept: bool
    made_at: datetime | None
    restless: bool = False
    renamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    finish: tuple[Drill, ...] = ()
    """Drills whose host is dead: aborted, judged, torn down, reported."""
    delete: tuple[tuple[Drill, Resource], ...] = ()
    """What finished drills left, or kept and are no longer to keep."""
    orphans: tuple[Resource, ...] = ()
    """Found by name and mark; no drill that we know of has them in its ledger."""
    spared: tuple[tuple[Resource, str], ...] = ()
    """Left alone, and why."""
    park: tuple[Resource, ...] = ()
    """To be brought to rest again."""
    unseen: tuple[str, ...] = ()
    """Where nobody could look, and why."""


def plan_sweep(
    *,
    unfinished: Sequence[Drill],
    finished: Sequence[Drill],
    living: Collection[str],
    found: Sequence[Leftover],
    now: datetime,
    end: Collection[str] = (),
    unseen: Sequence[str] = (),
) -> SweepPlan:
    """What a sweep does.

    Args:
        unfinished: Drills without a report.
        finished: Drills with a report and a ledger that is not empty.
        living: Ids of drills whose host is alive.
        found: What an inventory found by name.
        now: The present time.
        end: Ids of kept drills that are to be ended.
        unseen: Where an inventory could not look, and why.
    """
    finish = tuple(d for d in unfinished if d.id not in living)
    delete: list[tuple[Drill, Resource]] = []
    spared: list[tuple[Resource, str]] = []
    for drill in finished:
        kept = drill.teardown_outcome is TeardownOutcome.KEPT and drill.id not in end
        for resource in reversed(drill.ledger):
            if kept:
                spared.append((resource, f"kept; end it with: restorecheck sweep {drill.id}"))
            else:
                delete.append((drill, resource))
    known = {r for drill in (*unfinished, *finished) for r in drill.ledger}
    orphans: list[Resource] = []
    park: list[Resource] = []
    for leftover in found:
        if leftover.resource in known:
            continue
        reason = _spare(leftover, living=living, now=now, end=end)
        if reason and leftover.restless:
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


def _spare(
    leftover: Leftover, *, living: Collection[str], now: datetime, end: Collection[str]
) -> str:
    """Why an unknown thing with our name is left alone; empty when it may be deleted."""
    if leftover.renamed:
        return (
            "has the tags of restorecheck but another name: somebody renamed it. Delete it, or "
            "remove its tags restorecheck:* to keep it"
        )
    if leftover.alive or leftover.drill_id in living:
        return "in use by a running drill"
    if leftover.kept and leftover.drill_id not in end:
        return f"kept; end it with: restorecheck sweep {leftover.drill_id}"
    if leftover.marked:
        return ""
    if leftover.made_at is None or now - leftover.made_at < ORPHAN_AGE:
        return "has a name of restorecheck but not its mark, and is less than 10 minutes old"
    return (
        "has a name of restorecheck but not its mark: another program made it, or its "
        "creation was interrupted; look at it"
    )


def still_left(finished: Collection[Drill]) -> frozenset[str]:
    """Targets of which something is not known to be gone, though nobody asked for it to be kept.

    `finished`: drills whose ledger is not empty; a sweep that succeeds takes them out of these.
    """
    return frozenset(d.target for d in finished if d.teardown_outcome is not TeardownOutcome.KEPT)
