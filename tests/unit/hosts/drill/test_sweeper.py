"""What a sweep does with its plan, how long it tries, and the code that `restorecheck sweep` exits with."""

from datetime import timedelta
from typing import Any

import pytest

from restorecheck.errors import ProviderError
from restorecheck.hosts.drill import sweep_command
from restorecheck.hosts.drill.driver import DELETE_TRIES, SLOW_DELETE_TRIES, Sweeper, Swept
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.lifecycle import Gone, Parked, StillThere
from restorecheck.model import Phase, Resource, TeardownOutcome, Verdict
from restorecheck.ports import Found, Inventory
from restorecheck.sweep import SweepPlan
from restorecheck.testing import MemoryStore, World
from tests.factories import SERVER, drill, finished

ORPHAN = Resource(kind="server", identifier="restorecheck-strange")
OTHER = Resource(kind="volume", identifier="restorecheck-other")
MINUTE = timedelta(minutes=1)


def found(resource=ORPHAN, **changes):
    values: dict[str, Any] = {"drill_id": "strange", "marked": True, "alive": False}
    return Found(resource=resource, **(values | changes))


class Shelf(Inventory):
    """What is found, and how often a deletion has to be asked for: a refusal, or a wait."""

    def __init__(self, *things, blind=(), stubborn=None):
        self.things = list(things)
        self.blind = list(blind)
        """For each look: whether it is refused."""
        self.stubborn = stubborn
        self.asked = 0

    def find(self):
        if self.blind and self.blind.pop(0):
            raise ProviderError("the shelf is locked")
        return tuple(self.things)

    def delete(self, resource, _made_until=None):
        return self._act(resource, Gone(resource))

    def park(self, resource):
        return self._act(resource, Parked(resource))

    def _act(self, resource, done):
        self.asked += 1
        if isinstance(self.stubborn, Exception):
            raise self.stubborn
        if self.stubborn is not None:
            return StillThere(resource, "in use", self.stubborn)
        self.things = [thing for thing in self.things if thing.resource != resource]
        return done


class Bench:
    sweeper: Any

    def __init__(self, *inventories, stored=(), patient=True):
        self.world = World()
        self.store = MemoryStore(self.world)
        for state in stored:
            self.store.create(state)
        self.slept = timedelta(0)
        nobody: Any = None
        self.sweeper = Sweeper(
            engine=nobody,  # no drill is driven
            store=self.store,
            inventories=inventories,
            provider_for=lambda _drill: inventories[0],  # it deletes as a provider does
            is_alive=lambda _drill: True,
            clock=self.world,
            sleep=self._sleep,
            patient=patient,
        )

    def _sleep(self, duration):
        self.slept += duration


@pytest.mark.parametrize(
    ("stubborn", "tries"),
    [
        (ProviderError("denied"), DELETE_TRIES),
        (timedelta(seconds=1), DELETE_TRIES),
        (MINUTE, SLOW_DELETE_TRIES),
    ],
    ids=str,
)
def test_what_cannot_be_deleted_is_tried_so_often_and_named(stubborn, tries):
    shelf = Shelf(found(), stubborn=stubborn)

    swept = Bench(shelf).sweeper.sweep()

    assert swept.deleted == ()
    assert [resource for resource, _ in swept.left] == [ORPHAN]
    assert tries <= shelf.asked <= tries + 1


def test_who_has_a_host_is_left_to_it_and_who_has_none_is_ended():
    dead, alive = drill(id="dead"), drill(id="alive")
    bench = Bench(Shelf(), stored=[dead, alive])
    bench.sweeper._is_alive = lambda state: state.id == "alive"

    assert [state.id for state in bench.sweeper.plan().finish] == ["dead"]


def test_who_is_not_patient_asks_once_and_does_not_sleep():
    shelf = Shelf(found(), stubborn=MINUTE)
    bench = Bench(shelf, patient=False)

    assert bench.sweeper.sweep().left == ((ORPHAN, "in use"),)
    assert (shelf.asked, bench.slept) == (1, timedelta(0))


def test_what_cannot_be_looked_for_any_more_is_not_called_deleted():
    shelf = Shelf(found(), blind=[False, True])

    swept = Bench(shelf).sweeper.sweep()

    assert swept.deleted == ()
    assert swept.left == ((ORPHAN, "the shelf is locked"),)


def test_a_place_where_nobody_can_look_keeps_nothing_elsewhere_from_being_deleted():
    locked, open_shelf = (
        Shelf(blind=[True] * 9),
        Shelf(found(OTHER), found(kept=True, restarted=True)),
    )

    swept = Bench(locked, open_shelf).sweeper.sweep()

    assert (swept.deleted, swept.parked, swept.left) == ((OTHER,), (ORPHAN,), ())
    assert swept.plan.unseen == ("the shelf is locked",)


def test_what_is_gone_by_the_time_that_it_is_its_turn_is_done():
    shelf = Shelf(found())
    bench = Bench(shelf)
    plan = bench.sweeper.plan()
    shelf.things = []
    bench.sweeper.plan = lambda **_: plan  # made a moment ago

    assert bench.sweeper.sweep().deleted == (ORPHAN,)


def test_every_inventory_counts_and_one_that_is_blind_is_named():
    bench = Bench(Shelf(blind=[True]), Shelf(found()), Shelf(found(OTHER)))

    plan = bench.sweeper.plan()

    assert plan.orphans == (ORPHAN, OTHER)
    assert plan.unseen == ("the shelf is locked",)


def test_what_is_kept_is_spared_until_it_is_ended_by_name():
    bench = Bench(Shelf(found(kept=True)))

    assert [resource for resource, _ in bench.sweeper.plan().spared] == [ORPHAN]
    assert bench.sweeper.plan(end=["strange"]).orphans == (ORPHAN,)


@pytest.mark.parametrize("stubborn", [None, ProviderError("denied")], ids=str)
def test_what_has_woken_up_is_brought_to_rest_or_named(stubborn):
    swept = Bench(Shelf(found(kept=True, restarted=True), stubborn=stubborn)).sweeper.sweep()

    assert swept.deleted == ()
    if stubborn is None:
        assert (swept.parked, swept.left) == ((ORPHAN,), ())
    else:
        assert (swept.parked, swept.left) == ((), ((ORPHAN, "denied"),))


@pytest.mark.parametrize("stubborn", [None, ProviderError("denied")], ids=str)
def test_what_finished_drills_left_is_struck_off_when_it_is_gone_and_never_before(stubborn):
    left = drill(
        phase=Phase.FINISHED, ledger=(SERVER,), teardown_outcome=TeardownOutcome.INCOMPLETE
    )
    bench = Bench(Shelf(stubborn=stubborn), stored=(left,))

    swept = bench.sweeper.sweep()

    assert bench.store.load("d-1").ledger == ((SERVER,) if stubborn else ())
    assert [resource for resource, _ in swept.left] == [SERVER] * bool(stubborn)
    assert swept.deleted == ((SERVER,) if not stubborn else ())


def test_a_sweep_that_another_one_overtakes_goes_on():
    left = drill(
        phase=Phase.FINISHED, ledger=(SERVER,), teardown_outcome=TeardownOutcome.INCOMPLETE
    )
    bench = Bench(Shelf(found()), stored=(left,))

    def another_sweep(_number, name):
        if name == "save drill":
            bench.world.before = lambda _number, _name: None
            bench.store.save(bench.store.load("d-1").evolve(ledger=()))

    bench.world.before = another_sweep

    assert bench.sweeper.sweep().deleted == (SERVER, ORPHAN)
    assert bench.store.load("d-1").ledger == ()


def test_what_dead_drills_could_not_delete_is_left():
    dead = finished().evolve(ledger=(SERVER,))
    bench = Bench(Shelf())
    bench.sweeper.finish_dead = lambda _plan=None: (dead,)  # driven before

    assert [resource for resource, _ in bench.sweeper.sweep().left] == [SERVER]


# --- `restorecheck sweep`


class Parts:
    """As much of the parts as the command uses."""

    def __init__(self, swept):
        self.sweeper = self
        self.swept = swept

    def sweep(self, *, end):  # noqa: ARG002  # the sweeper's signature
        return self.swept

    def plan(self, *, end):  # noqa: ARG002  # as above
        return self.swept.plan

    def forget_locks(self):
        pass


def code(**swept):
    parts: Any = Parts(Swept(plan=swept.pop("plan", SweepPlan()), **swept))
    return sweep_command.run(parts, end=())


def code_of_preview(**plan):
    parts: Any = Parts(Swept(plan=SweepPlan(**plan)))
    return sweep_command.preview(parts, end=())


BLIND = SweepPlan(unseen=("the shelf is locked",))


def test_the_exit_code_of_a_sweep_says_whether_anything_is_left_or_unseen(capsys):
    assert code() == Exit.VERIFIED
    assert code(deleted=(ORPHAN,)) == Exit.VERIFIED
    assert code(left=((ORPHAN, "denied"),)) == Exit.LEFT_BEHIND
    assert code(plan=BLIND) == Exit.INCONCLUSIVE
    assert code(plan=BLIND, left=((ORPHAN, "denied"),)) == Exit.LEFT_BEHIND
    said = capsys.readouterr()
    assert said.err.count("the shelf is locked") == 2
    assert said.err.count("LEFT") == 2


def test_the_exit_code_of_a_preview_says_whether_there_is_anything_to_do(capsys):
    assert code_of_preview() == Exit.VERIFIED
    assert code_of_preview(orphans=(ORPHAN,)) == Exit.LEFT_BEHIND
    assert code_of_preview(delete=((finished(Verdict.FAILED), SERVER),)) == Exit.LEFT_BEHIND
    assert code_of_preview(finish=(drill(),)) == Exit.LEFT_BEHIND
    assert code_of_preview(spared=((ORPHAN, "kept"),)) == Exit.VERIFIED
    assert code_of_preview(unseen=BLIND.unseen) == Exit.INCONCLUSIVE
    assert code_of_preview(unseen=BLIND.unseen, orphans=(ORPHAN,)) == Exit.LEFT_BEHIND
    assert "the shelf is locked" in capsys.readouterr().err
