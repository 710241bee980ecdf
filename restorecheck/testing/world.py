"""`World`: resources that appear and disappear slowly, and a host that can die at every effect.

An *effect* is anything that outlives the host: a save, a create, a delete, an answered check.
Each passes through `World.effect`, which counts it and kills the host before or after it when
requested. The resources in the world continue to exist.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from restorecheck import codec
from restorecheck.choosing import Listed
from restorecheck.errors import DrillConflictError, NotFoundError
from restorecheck.history import Acceptance, Entry, Link, Standing, Stored, entry_of, standing_of
from restorecheck.lifecycle import (
    Broken,
    Gone,
    InProgress,
    Parked,
    Ready,
    Rehearsing,
    Retained,
    StepEvent,
    StillThere,
)
from restorecheck.model import (
    Backup,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Drill,
    Endpoint,
    Observation,
    Rehearsal,
    Resource,
    Retention,
    Step,
    StepKind,
    Upgrade,
    Verdict,
)
from restorecheck.ports import (
    Answers,
    Checker,
    Clock,
    DrillStore,
    Found,
    History,
    Inquiry,
    Inventory,
    Provider,
)

T = TypeVar("T")

START = datetime(2026, 2, 26, 3, 15, tzinfo=UTC)
POLL = timedelta(seconds=30)


class HostDied(BaseException):
    """The host process died; no further code of it runs."""


@dataclass
class BilledThing:
    """Something that costs money while it exists."""

    made_at: datetime
    good: bool
    """Whether the data in it is what a good backup holds."""
    deleted_at: datetime | None = None
    parked: bool = False
    asked: list[str] = field(default_factory=list)
    """Names of the checks that this very thing answered."""
    upgrade_requested_at: datetime | None = None


@dataclass
class World(Clock):
    """All that exists outside of the host."""

    present: datetime = START
    backup_good: bool = True
    backup_exists: bool = True
    creating_takes: timedelta = timedelta(minutes=5)
    deleting_takes: timedelta = timedelta(minutes=1)
    appearing_takes: timedelta = timedelta(0)
    """For so long after its creation a resource is not visible."""
    standby: bool = False
    """Whether verified instances are parked and not deleted."""
    marks: dict[str, Verdict] = field(default_factory=dict)
    """Verdicts by drill id, as retention wrote them on the backups."""
    things: dict[Resource, BilledThing] = field(default_factory=dict)
    rehearsed: list[str] = field(default_factory=list)
    """Drills whose upgrade was rehearsed."""
    upgrade_takes: timedelta | None = None
    """Of a rehearsal that upgrades the instance; None: it takes one call."""
    hooked: list[str] = field(default_factory=list)
    """Drills whose command of after_verified was run."""
    effects: list[str] = field(default_factory=list)
    """Names of the effects that took place, in order."""
    before: Callable[[int, str], None] = lambda _count, _name: None
    """Called before each effect with its number; raises to kill the host or to refuse."""
    after: Callable[[int, str], None] = lambda _count, _name: None
    started: int = 0

    def now(self) -> datetime:
        return self.present

    def pass_time(self, duration: timedelta) -> None:
        self.present += duration

    def effect(self, name: str, act: Callable[[], T]) -> T:
        """Let one effect take place; the host may die on either side of it."""
        number = self.started
        self.started += 1
        self.before(number, name)
        result = act()
        self.effects.append(name)
        self.after(number, name)
        return result

    def kill_host_at(self, number: int, *, after: bool) -> None:
        """The host dies once, at the effect with this number."""

        def die(count: int, name: str) -> None:
            if count == number:
                raise HostDied(name)

        def survive(_count: int, _name: str) -> None:
            pass

        self.before, self.after = (survive, die) if after else (die, survive)

    def alive(self) -> list[Resource]:
        """What exists now and is not on its way out."""
        return [r for r, thing in self.things.items() if thing.deleted_at is None]

    def sees(self, resource: Resource) -> bool:
        """Whether a search finds it."""
        if not self.exists(resource):
            return False
        return self.present >= self.things[resource].made_at + self.appearing_takes

    def exists(self, resource: Resource) -> bool:
        thing = self.things.get(resource)
        if thing is None:
            return False
        gone = (
            thing.deleted_at is not None and self.present >= thing.deleted_at + self.deleting_takes
        )
        return not gone


class MemoryStore(DrillStore, History):
    """Keeps encoded drills, so that nothing survives that a real store would not keep."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._drills: dict[str, str] = {}
        self.reports: dict[str, list[str]] = {}
        self._entries: list[Entry] = []
        self.accepted: list[Acceptance] = []

    def create(self, drill: Drill) -> Drill:
        if drill.id in self._drills:
            raise DrillConflictError(f"drill {drill.id} exists already")
        stored = drill.evolve(version=1)
        self._world.effect("create drill", lambda: self._put(stored))
        return stored

    def load(self, drill_id: str) -> Drill:
        if drill_id not in self._drills:
            raise NotFoundError(f"no drill {drill_id}")
        return codec.decode(self._drills[drill_id])

    def save(self, drill: Drill) -> Drill:
        return self._world.effect("save drill", lambda: self._update(drill))

    def finish(self, drill: Drill, compose: Callable[[Link], str]) -> Drill:
        def both() -> Drill:
            if drill.id in self.reports:
                raise DrillConflictError(f"drill {drill.id} has a report already")
            saved = self._update(drill)
            self._append(drill, compose)
            return saved

        return self._world.effect("finish drill", both)

    def _append(self, drill: Drill, compose: Callable[[Link], str]) -> None:
        previous = self._entries[-1].sha256 if self._entries else ""
        link = Link(sequence=len(self._entries) + 1, previous_sha256=previous)
        text = compose(link)
        self.reports.setdefault(drill.id, []).append(text)
        self._entries.append(entry_of(drill, link, text))

    def entries(
        self,
        *,
        target: str | None = None,
        since: datetime | None = None,
        after: int = 0,
        newest: int | None = None,
    ) -> tuple[Entry, ...]:
        found = [
            entry
            for entry in self._entries
            if target in {None, entry.target}
            and (since is None or entry.finished_at >= since)
            and entry.sequence > after
        ]
        return tuple(found if newest is None else found[max(0, len(found) - newest) :])

    def stored(
        self, *, target: str | None = None, since: datetime | None = None
    ) -> Iterator[Stored]:
        for entry in self.entries(target=target, since=since):
            text = None if entry.pruned_at else self.reports[entry.drill_id][0]
            yield Stored(entry=entry, text=text)

    def texts(self, target: str, *, until: datetime, newest: int) -> tuple[str, ...]:
        found = [
            stored.text
            for stored in self.stored(target=target)
            if stored.text is not None and stored.entry.finished_at <= until
        ]
        return tuple(found[max(0, len(found) - newest) :])

    def standing(self, target: str) -> Standing:
        return standing_of(target, self.entries(target=target))

    def acceptance(self, target: str) -> Acceptance | None:
        of_target = [a for a in self.accepted if a.target == target]
        return max(of_target, key=lambda a: a.sequence, default=None)

    def accept(self, acceptance: Acceptance) -> None:
        self.accepted.append(acceptance)

    def prune(self, before: datetime, now: datetime) -> int:
        spared = set()
        for target in {entry.target for entry in self._entries}:
            standing = self.standing(target)
            proofs = (standing.proven, standing.newest_proven)
            kept = (standing.latest, standing.decisive, *proofs, self.acceptance(target))
            spared |= {e.sequence for e in kept if e}
        gone = {
            entry.sequence
            for entry in self._entries
            if entry.pruned_at is None
            and entry.finished_at < before
            and entry.sequence not in spared
        }
        self._entries = [
            replace(entry, pruned_at=now) if entry.sequence in gone else entry
            for entry in self._entries
        ]
        return len(gone)

    def unfinished(self) -> tuple[Drill, ...]:
        return tuple(d for d in self._all() if not d.finished)

    def with_leftovers(self) -> tuple[Drill, ...]:
        return tuple(d for d in self._all() if d.finished and d.ledger)

    def report(self, drill_id: str) -> str:
        pruned = {entry.drill_id for entry in self._entries if entry.pruned_at}
        if drill_id not in self.reports or drill_id in pruned:
            raise NotFoundError(f"no report of drill {drill_id}")
        return self.reports[drill_id][0]

    def _all(self) -> list[Drill]:
        drills = [codec.decode(text) for text in self._drills.values()]
        return sorted(drills, key=lambda drill: (drill.started_at, drill.id))

    def _update(self, drill: Drill) -> Drill:
        if self.load(drill.id).version != drill.version:
            raise DrillConflictError(f"drill {drill.id} was advanced by another host")
        saved = drill.evolve(version=drill.version + 1)
        self._put(saved)
        return saved

    def _put(self, drill: Drill) -> None:
        self._drills[drill.id] = codec.encode(drill)


class WorldProvider(Provider):
    """Finds a backup, copies it, restores it; both the copy and the instance are temporary."""

    def __init__(self, world: World) -> None:
        self._world = world

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        hour = timedelta(hours=1)
        return (
            Step(name="find", kind=StepKind.PREPARE, does="find the newest backup", deadline=hour),
            Step(
                name="copy",
                kind=StepKind.PREPARE,
                does="copy it",
                deadline=hour,
                makes=(_copy(drill_id),),
            ),
            Step(
                name="restore",
                kind=StepKind.RESTORE,
                does="restore the copy",
                deadline=hour,
                makes=(_instance(drill_id),),
                standby=(_instance(drill_id),) if self._world.standby else (),
            ),
            Step(name="check", kind=StepKind.CHECK, does="ask the instance", deadline=hour),
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        match step.name:
            case "find":
                if not self._world.backup_exists:
                    return Broken(reason="there is no backup")
                taken_at = self._world.present - timedelta(hours=1)
                return Ready(backup=Backup(kind="world", identifier="b-1", taken_at=taken_at))
            case "copy":
                return self._make(_copy(drill.id), Ready())
            case "restore":
                return self._make(_instance(drill.id), Ready(endpoint=_endpoint(drill.id)))
            case _:
                raise AssertionError(f"no step {step.name!r} in this plan")

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        if not self._world.sees(resource):
            if self._world.present < made_until + self._world.appearing_takes:
                return StillThere(resource, "not seen, but may yet appear", POLL)
            return Gone(resource)
        return _delete(self._world, resource)

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:
        return tuple(
            Observation(at=self._world.present, source="world", text=f"{resource} exists")
            for resource in drill.ledger
            if self._world.exists(resource)
        )

    def park(self, resource: Resource) -> Parked:
        thing = self._world.things[resource]

        def come_to_rest() -> None:
            thing.parked = True

        if not thing.parked:
            self._world.effect(f"park {resource.kind}", come_to_rest)
        return Parked(resource)

    def rehearse(self, drill: Drill) -> Rehearsal | Rehearsing:
        if self._world.upgrade_takes is not None:
            return self._upgrade(drill, self._world.upgrade_takes)
        self._world.effect("rehearse", lambda: self._world.rehearsed.append(drill.id))
        return Rehearsal(verdict=Verdict.FAILED, reason="an extension is missing")

    def _upgrade(self, drill: Drill, takes: timedelta) -> Rehearsing:
        now, upgrade = self._world.present, drill.upgrade
        if upgrade is None:
            until, asks = now + drill.rehearsal_limit, tuple(spec.name for spec in drill.checks)
            return Rehearsing(upgrade=Upgrade(until=until, asks=asks, queries=asks[:1]))
        thing = self._world.things[_instance(drill.id)]

        def request() -> None:
            thing.upgrade_requested_at = now
            self._world.rehearsed.append(drill.id)

        if thing.upgrade_requested_at is None:
            self._world.effect("request upgrade", request)
        if now < (thing.upgrade_requested_at or now) + takes:
            return Rehearsing(upgrade=upgrade, wait=POLL, detail="upgrading")
        return Rehearsing(upgrade=replace(upgrade, endpoint=_endpoint(drill.id)))

    def after_verified(self, drill: Drill) -> tuple[str, ...]:
        self._world.effect("after_verified", lambda: self._world.hooked.append(drill.id))
        return ("after_verified ended",)

    def newest(self, now: datetime) -> tuple[Listed, ...]:  # noqa: ARG002  # there is one
        return (Listed(identifier="b-1"),) if self._world.backup_exists else ()

    def retain(self, drill: Drill) -> Retained:
        assert drill.verdict is not None, "the verdict comes first"
        if drill.backup is None:
            return Retained()
        verdict = drill.verdict

        def mark() -> None:
            self._world.marks[drill.id] = verdict

        if drill.id not in self._world.marks:
            self._world.effect("mark backup", mark)
        return Retained(retention=Retention(kept=(drill.backup.identifier,)))

    def release(self, drill: Drill) -> None:
        pass

    def _make(self, resource: Resource, ready: Ready) -> StepEvent:
        if not self._world.exists(resource):
            self._world.effect(f"make {resource.kind}", lambda: self._create(resource))
        thing = self._world.things[resource]
        if self._world.present < thing.made_at + self._world.creating_takes:
            return InProgress(wait=POLL, detail="creating", status="creating")
        return ready

    def _create(self, resource: Resource) -> None:
        self._world.things[resource] = BilledThing(
            made_at=self._world.present, good=self._world.backup_good
        )


class WorldInventory(Inventory):
    """Searches the world for resources of restorecheck."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self) -> tuple[Found, ...]:
        return tuple(
            Found(
                resource=resource,
                drill_id=resource.identifier.removeprefix("restorecheck-"),
                marked=True,
                alive=False,
                kept=self._world.things[resource].parked,
                made_at=self._world.things[resource].made_at,
            )
            for resource in self._world.alive()
            if self._world.sees(resource)
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        return _delete(self._world, resource) if self._world.exists(resource) else Gone(resource)


def _delete(world: World, resource: Resource) -> StillThere:
    thing = world.things[resource]

    def begin() -> None:
        thing.deleted_at = world.present

    if thing.deleted_at is None:
        world.effect(f"delete {resource.kind}", begin)
    return StillThere(resource, "deleting", POLL)


class WorldChecker(Checker):
    """Answers one check a call, from the thing behind the endpoint and from no other."""

    def __init__(self, world: World) -> None:
        self._world = world

    def plans(
        self,
        endpoint: Endpoint,
        queries: Sequence[CheckSpec],
        until: datetime,  # noqa: ARG002  # the port's signature
    ) -> dict[str, str]:
        resource = next(r for r in self._world.things if r.identifier == endpoint.identity)
        upgraded = self._world.things[resource].upgrade_requested_at is not None
        plan = "Index Scan" if upgraded else "Seq Scan"
        return self._world.effect("read plans", lambda: {spec.name: plan for spec in queries})

    def run(self, inquiry: Inquiry) -> Answers:
        endpoint, spec = inquiry.endpoint, inquiry.pending[0]
        resource = next(r for r in self._world.things if r.identifier == endpoint.identity)
        thing = self._world.things[resource]
        if not self._world.exists(resource):
            outcome, detail = CheckOutcome.ERROR, "the connection was lost"
        else:
            self._world.effect("answer check", lambda: thing.asked.append(spec.name))
            outcome, detail = (CheckOutcome.PASSED if thing.good else CheckOutcome.FAILED), ""
        result = CheckResult(
            name=spec.name,
            kind=spec.kind,
            database="world",
            severity=spec.severity,
            outcome=outcome,
            detail=detail,
            answered_by=endpoint.identity,
        )
        return Answers(results=(result,))


def _copy(drill_id: str) -> Resource:
    return Resource(kind="copy", identifier=f"restorecheck-{drill_id}")


def _instance(drill_id: str) -> Resource:
    return Resource(kind="instance", identifier=f"restorecheck-{drill_id}-i")


def _endpoint(drill_id: str) -> Endpoint:
    return Endpoint(
        identity=_instance(drill_id).identifier,
        host="world",
        port=5432,
        user="checker",
        databases=("world",),
        server_version="17.0",
    )
