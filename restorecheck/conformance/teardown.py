"""Deletes only what a run made: instances, then copies, then the staging copies.

Each resource must have the name and the tag of the run; the tag is read immediately before, repeatedly if AWS does
not show it yet. In this order no source is deleted while it is still needed: the copy of an instance, the staging
copy of a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from restorecheck.conformance.port import Raw, Where
from restorecheck.conformance.stage import DENIED, GONE, Stage, Surprise, status_of

LIMIT = timedelta(minutes=40)
"""Time for each resource; after that it is reported as left, and `restorecheck sweep` tries again."""
NUMBERS = (2, 1)
DRILL, MANAGED = "restorecheck:drill-id", "restorecheck:managed"
GOING = frozenset({"deleting", "deleted"})
REFUSED = frozenset(
    {"InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidDBSnapshotState"}
)


@dataclass(frozen=True, slots=True)
class _Thing:
    kind: str
    where: Where
    number: int


def tear_down(stage: Stage) -> list[str]:
    """The resources that could not be deleted, with reasons. Never raises for an answer of AWS."""
    things = [_Thing("DB instance", Where.BACKUP, n) for n in NUMBERS]
    things += [
        _Thing("snapshot", where, n) for where in (Where.BACKUP, Where.SOURCE) for n in NUMBERS
    ]
    left = []
    began = stage.cloud.elapsed()
    for thing in things:
        why = _delete(stage, thing, settled=began + stage.setup.settling)
        if why:
            left.append(
                f"{thing.kind} {stage.setup.name(thing.number)} in the {thing.where} account: {why}"
            )
    return left


def _delete(stage: Stage, thing: _Thing, *, settled: timedelta) -> str:
    """Why it could not be deleted; empty: it was."""
    began = stage.cloud.elapsed()
    look = _looking(stage, thing)
    seen_since: timedelta | None = None
    while True:
        now = stage.cloud.elapsed()
        try:
            seen = look()
            if seen is None and now >= settled:
                return ""  # not shown, and old enough to be shown if it existed
            why = f"its status is {status_of(seen) or 'not seen'}"
            if seen is not None and status_of(seen) not in GOING:
                seen_since = now if seen_since is None else seen_since
                if _is_ours(seen, stage.setup.drill_id(thing.number)):
                    _ask_for_deletion(stage, thing)
                elif now - seen_since > stage.setup.settling:
                    return "it does not have the tag of this run"
        except Surprise as exc:
            why = str(exc)
            if exc.code in DENIED:
                return why
        if now - began > LIMIT:
            return why
        stage.cloud.pause()


def _looking(stage: Stage, thing: _Thing) -> Callable[[], Raw | None]:
    name = stage.setup.name(thing.number)
    if thing.kind == "snapshot":
        return lambda: stage.snapshot(thing.where, name)
    return lambda: stage.instance(name)


def _is_ours(seen: Raw, drill_id: str) -> bool:
    tags = {tag["Key"]: tag.get("Value", "") for tag in seen.get("TagList") or ()}
    return tags.get(DRILL) == drill_id and tags.get(MANAGED) == "true"


def _ask_for_deletion(stage: Stage, thing: _Thing) -> None:
    name = stage.setup.name(thing.number)
    if thing.kind == "snapshot":
        stage.call(
            thing.where, "DeleteDBSnapshot", expected=GONE | REFUSED, DBSnapshotIdentifier=name
        )
        return
    stage.call(
        thing.where,
        "DeleteDBInstance",
        expected=GONE | REFUSED,
        DBInstanceIdentifier=name,
        SkipFinalSnapshot=True,
        DeleteAutomatedBackups=True,
    )
