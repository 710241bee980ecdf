"""One thing goes wrong at one effect of a night; somebody goes on; everything ends as promised."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from restorecheck.errors import DrillConflictError, StoreError
from restorecheck.model import Drill
from restorecheck.testing import HostDied
from restorecheck.testing.cloud import Database, NoReply, Refusal, Snapshot
from tests.simulation.stage import DEADLINE, TEARDOWN_LIMIT, Host, Stage

STORE = ("save drill", "finish drill", "create drill")
LONG = DEADLINE + 2 * TEARDOWN_LIMIT + timedelta(hours=1)
STRANGE = "entangled"
"""A status that AWS does not have yet."""


class Kind(StrEnum):
    DIES_BEFORE = "the host dies before it"
    DIES_AFTER = "the host dies after it"
    BROKEN = "AWS answers 500"
    LOST = "it takes effect, and the answer is lost"
    HANGS = "it takes effect, and no answer comes for eleven minutes"
    LATE = "it takes effect after eleven minutes, and is refused all the same"
    THROTTLED = "throttled"
    DENIED = "denied"
    BLIND = "nothing is seen of what is there"
    STRANGE = "what is there has an unknown status"
    CONFLICT = "another host has saved"
    STORE_BROKEN = "the store cannot be written"
    STORE_LOST = "it is stored, and the answer is lost"


DEATHS = (Kind.DIES_BEFORE, Kind.DIES_AFTER)
OF_CALLS = (
    Kind.BROKEN,
    Kind.LOST,
    Kind.HANGS,
    Kind.LATE,
    Kind.THROTTLED,
    Kind.DENIED,
    Kind.BLIND,
    Kind.STRANGE,
)
OF_STORE = (Kind.CONFLICT, Kind.STORE_BROKEN, Kind.STORE_LOST)


class Rescue(StrEnum):
    SAME = "the same host goes on"
    OTHER = "another host goes on at once"
    LATE = "another host comes after every deadline"
    SWEEPER = "only the sweeper comes"


@dataclass(frozen=True)
class Fault:
    """`times` calls of this name go wrong, from the effect with this number on; None: for long."""

    number: int
    name: str
    kind: Kind
    times: int | None = 1

    def __str__(self) -> str:
        lasting = "for long" if self.times is None else f"{self.times} times"
        return f"effect {self.number}, {self.name}: {self.kind} ({lasting})"


class Disturbance:
    """Faults, hung into the world's effects."""

    def __init__(self, stage: Stage, *faults: Fault, kills_after: bool = False) -> None:
        self._stage = stage
        self._faults = faults
        self._kills_after = kills_after
        self._done = dict.fromkeys(faults, 0)
        self._until = stage.world.now() + LONG
        self._doomed = False
        self._at_after: Callable[[], None] | None = None
        stage.world.before, stage.world.after = self._before, self._after

    def end(self) -> None:
        """From now on all is well."""
        self._faults = ()
        self._doomed = False
        self._see()

    def revive(self) -> None:
        """The host that was to die is dead."""
        self._doomed = False

    def happened(self) -> bool:
        return any(self._done.values())

    def _before(self, number: int, name: str) -> None:
        self._at_after = None
        self._see()
        if self._doomed:
            self._doomed = False
            raise HostDied(name)
        for fault in self._faults:
            if self._hits(fault, number, name):
                self._done[fault] += 1
                self._doomed = self._kills_after and fault.kind not in DEATHS
                self._strike(fault)
                return

    def _after(self, _number: int, _name: str) -> None:
        self._stage.cloud.blind = False
        if self._at_after is not None:
            self._at_after()

    def _hits(self, fault: Fault, number: int, name: str) -> bool:
        if name != fault.name or number < fault.number:
            return False
        if fault.times is None:
            return self._stage.world.now() < self._until
        return self._done[fault] < fault.times

    def _strike(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.DIES_BEFORE:
                raise HostDied(fault.name)
            case Kind.DIES_AFTER:
                self._at_after = lambda: _raise(HostDied(fault.name))
            case Kind.BROKEN:
                raise Refusal("InternalFailure", "An internal error occurred.", status=500)
            case Kind.LOST:
                self._at_after = lambda: _raise(NoReply())
            case Kind.HANGS:
                self._at_after = self._hang
            case Kind.LATE:
                self._stage.world.pass_time(timedelta(minutes=11))
                self._at_after = lambda: _raise(Refusal("SomethingNew"))
            case Kind.THROTTLED:
                raise Refusal("Throttling", "Rate exceeded")
            case Kind.DENIED:
                raise Refusal("AccessDenied", "not authorized to perform this", status=403)
            case Kind.BLIND:
                self._stage.cloud.blind = True
            case Kind.STRANGE:
                self._show(STRANGE)
            case Kind.CONFLICT:
                raise DrillConflictError("another host was faster")
            case Kind.STORE_BROKEN:
                raise StoreError("the disk is full")
            case Kind.STORE_LOST:
                self._at_after = lambda: _raise(StoreError("no answer from the store"))

    def _hang(self) -> None:
        self._stage.world.pass_time(timedelta(minutes=11))
        raise NoReply

    def _see(self) -> None:
        self._stage.cloud.blind = False
        self._show("")

    def _show(self, status: str) -> None:
        cloud = self._stage.cloud
        for home in (cloud.source, cloud.backup):
            things: list[Database | Snapshot]
            things = [*home.instances.values(), *home.snapshots.values()]
            things += [*home.clusters.values(), *home.cluster_snapshots.values()]
            for thing in things:
                if thing.made_by.startswith("restorecheck"):
                    thing.shown_status = status


def _raise(error: BaseException) -> None:
    raise error


def disturbed(stage: Stage, faults: tuple[Fault, ...], rescue: Rescue) -> Drill | None:
    """A night with these faults, to its end; None where nothing had begun."""
    # A cluster is deleted long after it was made: then a look that sees nothing is believed.
    blind = [f.times for f in faults if f.kind is Kind.BLIND]
    stage.promises.by_mark |= None in blind or (stage.setting.aurora and bool(blind))
    disturbance = Disturbance(stage, *faults, kills_after=rescue is not Rescue.SAME)
    drill_id = ""
    host = Host(stage)
    try:
        drill_id = host.start()
        host.drive(drill_id)
    except (HostDied, StoreError, DrillConflictError):
        disturbance.revive()
        _rescue(stage, rescue)
    disturbance.end()
    clean_up(stage)
    drills = stage.store._all()
    return drills[-1] if drills else None


def _rescue(stage: Stage, rescue: Rescue) -> None:
    if rescue is Rescue.LATE:
        stage.world.pass_time(10 * DEADLINE)
    for _ in range(4):
        unfinished = stage.store.unfinished()
        if not unfinished:
            return
        host = Host(stage)
        try:
            if rescue is Rescue.SWEEPER:
                host.sweep()
                stage.world.pass_time(timedelta(hours=1))
            else:
                stage.world.pass_time(timedelta(seconds=5))
                host.drive(unfinished[0].id)
        except (HostDied, StoreError, DrillConflictError):
            continue  # the next one comes


def clean_up(stage: Stage) -> None:
    """What the report named as left is taken away by sweeps, and no more than three of them."""
    stage.world.pass_time(timedelta(minutes=5))  # what was made last is seen by now
    for _ in range(3):
        swept = Host(stage).sweep()
        waits = [reason for _, reason in swept.plan.spared if reason.startswith("in use")]
        if not (swept.left or swept.plan.unseen or swept.plan.finish or waits):
            break
        stage.world.pass_time(timedelta(hours=3))
    stage.promises.at_end()


def effects_of(make: Callable[[], Stage]) -> list[tuple[int, str]]:
    """The effects of a night in which nothing happens: number and name."""
    stage = make()
    host = Host(stage)
    host.drive(host.start())
    stage.promises.at_end()
    return list(enumerate(stage.world.effects))


def telling(effects: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Without the looks in the middle of a wait: they differ in nothing but the hour."""
    names = [name for _, name in effects]
    kept = []
    for number, name in effects:
        around = [n for n in names[max(0, number - 4) : number + 5] if n != "save drill"]
        if name not in STORE and around.count(name) == len(around) > 2:
            continue
        kept.append((number, name))
    return kept
