"""A night of many targets: the real runner, engine and history; only AWS and the clock are played.

The played region has AWS's quotas (40 instances, 20 copies in progress), its durations, and counts
calls. Time is moved to the next moment at which somebody wants to go on, when all are at rest.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import time_machine

from restorecheck.engine import Engine
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.alarm import CHORES, DRILLS, MESSAGES
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.daemon.workers import Launcher
from restorecheck.hosts.drill.driver import drive
from restorecheck.lifecycle import Gone, InProgress, Ready, StepEvent, StillThere
from restorecheck.model import CheckOutcome, CheckResult, Drill, Endpoint, Resource, Step, StepKind
from restorecheck.ports import Answers, Checker, Inquiry, Provider
from restorecheck.sqlite.store import SqliteStore
from tests.factories import drill

POLL = timedelta(seconds=30)
COPYING, RESTORING = timedelta(minutes=4), timedelta(minutes=11)
CHECKING, DELETING = timedelta(minutes=5), timedelta(minutes=3)
BEGIN = datetime(2026, 2, 25, 23, 0, tzinfo=UTC)
DUE = datetime(2026, 2, 26, 0, 0, tzinfo=UTC)


@dataclass
class Region:
    """What AWS has at a time, and how often it was called."""

    clock: SystemClock
    instances: int = 40
    copies: int = 20
    busy: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """Kind → name → when it is through; of an instance, when it is up."""
    going: dict[str, datetime] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    lived: list[timedelta] = field(default_factory=list)
    """How long each instance existed."""
    began: dict[str, datetime] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, kind: str, name: str, quota: int, takes: timedelta) -> datetime | None:
        """When it will be there; None when there is no room."""
        things, now = self.busy.setdefault(kind, {}), self.clock.now()
        if name in things:
            return things[name]
        under_way = [n for n, until in things.items() if kind == "instance" or until > now]
        self.calls[f"make {kind}"] += 1
        if len(under_way) >= quota:
            return None
        things[name] = now + takes
        if kind == "instance":
            self.began[name] = now
        self.most[kind] = max(self.most[kind], len(under_way) + 1)
        return things[name]


class PlayedRds(Provider):
    """As the real one: ask, come back after a poll, wait where there is no room."""

    def __init__(self, region: Region) -> None:
        self._region = region

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        instance = Resource(kind="DB instance", identifier=f"restorecheck-{drill_id}")
        hours = timedelta(hours=24)
        return (
            Step(name="copy", kind=StepKind.PREPARE, does="copy it", deadline=hours),
            Step(
                name="restore",
                kind=StepKind.RESTORE,
                does="restore it",
                deadline=hours,
                makes=(instance,),
            ),
            Step(name="check", kind=StepKind.CHECK, does="ask it", deadline=hours),
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        region = self._region
        with region.lock:
            region.calls[f"describe {step.name}"] += 1
            if step.name == "copy":
                until = region.make("copy", drill.id, region.copies, COPYING)
            else:
                until = region.make("instance", drill.id, region.instances, RESTORING)
        if until is None:
            return InProgress(wait=POLL, detail="quota", status="quota")
        if until > region.clock.now():
            return InProgress(wait=POLL, detail="creating", status="creating")
        if step.name == "copy":
            return Ready()
        endpoint = Endpoint(identity=drill.id, host="h", port=1, user="u", databases=())
        return Ready(endpoint=endpoint)

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:  # noqa: ARG002  # seen at once
        region, name = self._region, resource.identifier.removeprefix("restorecheck-")
        with region.lock:
            region.calls["describe instance"] += 1
            until = region.going.setdefault(name, region.clock.now() + DELETING)
            if until > region.clock.now():
                return StillThere(resource, "deleting", wait=POLL)
            region.busy.get("instance", {}).pop(name, None)
            if name in region.began:
                region.lived.append(region.clock.now() - region.began.pop(name))
        return Gone(resource)

    def release(self, drill: Drill) -> None:
        pass


class PlayedChecker(Checker):
    def __init__(self, night: "Night") -> None:
        self._night = night

    def run(self, inquiry: Inquiry) -> Answers:
        self._night.sleep(CHECKING)
        return Answers(
            results=tuple(
                CheckResult(
                    name=spec.name,
                    kind=spec.kind,
                    database="courses",
                    severity=spec.severity,
                    outcome=CheckOutcome.PASSED,
                    answered_by=inquiry.endpoint.identity,
                )
                for spec in inquiry.pending
            )
        )


@dataclass
class Measured:
    """Of one night."""

    targets: int
    verified: int
    hours: float
    """Until the last report; of the clock that was moved."""
    waited: list[float]
    """Hours until each drill began, in the order in which they were due."""
    overtaken: int
    """The most drills that began before one which was earlier in the queue."""
    at_once: int
    calls: Counter[str]
    most: Counter[str]
    megabytes: float
    seconds: float
    """Of this machine, all of it: runner, engine, history, and the playing."""

    @property
    def calls_per_drill(self) -> float:
        return sum(self.calls.values()) / self.targets


class Tickets(Iterator[int]):
    """The numbers of the gate's queue, and which thread drew its last one."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.drawn: dict[int, int] = {}

    def __next__(self) -> int:
        number = self.drawn[threading.get_ident()] = next(self._numbers)
        return number


class Night(Launcher):
    """Drills in threads, where the runner has processes; the clock is everybody's."""

    def __init__(self, directory: Path, traveller: Any, region: Region) -> None:
        self.path = directory / "restorecheck.yaml"
        self._history = directory / "history.sqlite"
        self._traveller = traveller
        self._region = region
        self._moved = threading.Condition()
        self._asleep: dict[int, datetime] = {}
        self._queue = iter(range(1_000_000))
        self.tickets = Tickets()
        self.arrived: dict[str, int] = {}
        """Place of each target in the queue: threads of one moment may come to it in any order."""
        self.began: list[str] = []
        self.begun_at: dict[str, datetime] = {}
        self.ended_at: dict[str, datetime] = {}
        self._at_once = self.most_at_once = 0
        self.flags = Flags()
        self.service: Service | None = None
        self.most_memory = 0
        self._rings = 0

    def now(self) -> datetime:
        return self._region.clock.now()

    # --- the runner's side

    def drill(self, target: str, slot: datetime, limit: timedelta) -> str:  # noqa: ARG002  # nobody hangs
        provider, checker = PlayedRds(self._region), PlayedChecker(self)
        with self._moved:
            self.arrived[target] = self.tickets.drawn[threading.get_ident()]
            self.began.append(target)
            self.begun_at[target] = self.now()
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            number = next(self._queue)
        store = SqliteStore(self._history)
        try:
            engine = Engine(
                store=store,
                provider_for=lambda _: provider,
                checker_for=lambda _: checker,
                clock=self._region.clock,
            )
            drill_id = f"20260226-000000-{number:06x}"
            begun = drill(id=drill_id, target=target, plan=provider.plan(drill_id))
            now = self.now()
            day = now + timedelta(hours=48)
            store.create(begun.evolve(started_at=now, deadline=day, scheduled_for=slot))
            drive(engine, drill_id, self.sleep)
        finally:
            store.close()
            with self._moved:
                self._at_once -= 1
                self.ended_at[target] = self.now()
        return ""

    def finish(self) -> str:
        return ""

    def sweep(self) -> str:
        return ""

    def stop(self, within: timedelta) -> int:  # noqa: ARG002  # nothing is left to do
        return 0

    # --- the clock

    def sleep(self, duration: timedelta) -> None:
        me, until = threading.get_ident(), self.now() + duration
        with self._moved:
            self._asleep[me] = until
            self._moved.wait_for(lambda: self.now() >= until)
            del self._asleep[me]

    def pause(self, _duration: timedelta) -> None:
        """The runner's main thread has nothing to do: on to the next moment."""
        targets = len(self.service._plans) if self.service else 0
        if len(self.ended_at) == targets:
            self.flags.stop = True
            return
        self._until_quiet()
        self.most_memory = max(self.most_memory, psutil.Process().memory_info().rss)
        with self._moved:
            if self._asleep:
                moment = min(self._asleep.values())
            else:
                moment = DUE if self.now() < DUE else self.now() + timedelta(seconds=1)
            self._traveller.move_to(max(moment, self.now() + timedelta(milliseconds=1)))
            self._moved.notify_all()

    def _until_quiet(self) -> None:
        assert self.service is not None, "it calls"
        alarm, gate = self.service._alarm, self.service._gate
        executors = [alarm._lookup_executor(name) for name in (DRILLS, CHORES, MESSAGES)]
        nap = threading.Event()
        for _ in range(200_000):
            jobs = sum(sum(executor._instances.values()) for executor in executors)
            with self._moved:
                asleep = sum(until > self.now() for until in self._asleep.values())
            queued = executors[0]._pool._work_queue.qsize()
            if jobs <= asleep + gate.waiting + queued:
                return
            nap.wait(0.0005)
        raise AssertionError("the runner does not come to rest")


def configuration(targets: int, parallel: int, directory: Path) -> str:
    lines = ["version: 1", f"history: {{path: {directory / 'history.sqlite'}}}"]
    lines += [f"runner: {{max_parallel_drills: {parallel}}}", "targets:"]
    for number in range(targets):
        lines += [f"  - name: t-{number:04}", "    dump: {path: /b}"]
        lines += ['    schedule: "0 0 * * *"', "    timezone: UTC"]
    return "\n".join(lines) + "\n"


@contextmanager
def moved_clock() -> Iterator[Any]:
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


def one_night(
    targets: int, directory: Path, *, parallel: int, instances: int = 40, copies: int = 20
) -> Measured:
    """Every target is due at midnight; until all have their reports."""
    began = time.perf_counter()
    with moved_clock() as traveller:
        clock = SystemClock()
        night = Night(directory, traveller, Region(clock, instances, copies))
        night.path.write_text(configuration(targets, parallel, directory))
        night.service = Service(
            Watched(night.path, {"HOME": "/"}),
            night,
            clock,
            pause=night.pause,
            flags=night.flags,
            reach=lambda *_: (),
        )
        night.service._gate._numbers = night.tickets
        night.service.run()
    seconds = time.perf_counter() - began
    store = SqliteStore(directory / "history.sqlite")
    try:
        entries = store.entries()
    finally:
        store.close()
    hour = timedelta(hours=1)
    places = [
        night.began.index(name) for name in sorted(night.began, key=night.arrived.__getitem__)
    ]
    return Measured(
        targets=targets,
        verified=sum(entry.verdict.value == "verified" for entry in entries),
        hours=(max(night.ended_at.values()) - DUE) / hour,
        waited=[(night.begun_at[name] - DUE) / hour for name in sorted(night.begun_at)],
        overtaken=max(place - number for number, place in enumerate(places)),
        at_once=night.most_at_once,
        calls=night._region.calls,
        most=night._region.most,
        megabytes=night.most_memory / 1e6,
        seconds=seconds,
    )
