from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.model import Phase, Resource, TeardownOutcome
from restorecheck.sweep import ORPHAN_AGE, Leftover, plan_sweep, still_left
from tests.factories import NOW, SERVER, drill

VOLUME = Resource(kind="volume", identifier="restorecheck-d-1")
STRANGE = Resource(kind="server", identifier="restorecheck-strange")
KEPT = "kept; delete it with: restorecheck sweep"


def leftover(**changes) -> Leftover:
    """Something that a dead drill left, of which no ledger knows."""
    found = Leftover(
        resource=STRANGE, drill_id="strange", marked=True, alive=False, kept=False, made_at=NOW
    )
    return replace(found, **changes)


def sweep(*found, **changes):
    known: dict[str, Any] = {"unfinished": (), "finished": (), "living": (), "now": NOW}
    return plan_sweep(**(known | changes), found=found)


def over(outcome=TeardownOutcome.INCOMPLETE, **changes):
    """A drill that is finished and has things in its ledger."""
    things = {"phase": Phase.FINISHED, "ledger": (SERVER, VOLUME), "teardown_outcome": outcome}
    return drill(**(things | changes))


def test_a_drill_is_ended_when_its_host_is_dead_and_not_before():
    dead, alive = drill(id="dead"), drill(id="alive")

    assert sweep(unfinished=[dead, alive], living={"alive"}).finish == (dead,)


def test_what_a_finished_drill_left_is_deleted_the_newest_first():
    left = over()

    assert sweep(finished=[left]).delete == ((left, VOLUME), (left, SERVER))


def test_what_was_kept_on_request_is_spared_until_it_is_ended_by_name():
    kept, other = over(TeardownOutcome.KEPT), over(TeardownOutcome.KEPT, id="d-2")

    spared = sweep(finished=[kept], end=["d-2"])
    assert spared.delete == ()
    assert spared.spared == ((VOLUME, f"{KEPT} d-1"), (SERVER, f"{KEPT} d-1"))
    assert sweep(finished=[other], end=["d-2"]).delete == ((other, VOLUME), (other, SERVER))


def test_what_stands_in_a_ledger_is_no_orphan():
    found = [leftover(resource=SERVER), leftover(resource=VOLUME), leftover()]
    unfinished = drill(ledger=(SERVER,))

    plan = sweep(*found, unfinished=[unfinished], finished=[over(ledger=(VOLUME,))])

    assert plan.orphans == (STRANGE,)
    assert plan.spared == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alive": True}, "in use by a running drill"),
        ({"drill_id": "living"}, "in use by a running drill"),
        ({"kept": True}, f"{KEPT} strange"),
        (
            {"marked": False},
            ("has a name of restorecheck but not its mark, and is less than 10 minutes old"),
        ),
        (
            {"marked": False, "made_at": None},
            "has a name of restorecheck but not its mark, and is less than 10 minutes old",
        ),
        (
            {"marked": False, "made_at": NOW - ORPHAN_AGE},
            (
                "has a name of restorecheck but not its mark: another program made it, or its "
                "creation was interrupted; look at it"
            ),
        ),
    ],
)
def test_what_may_be_somebodys_is_spared_and_why_is_said(changes, reason):
    plan = sweep(leftover(**changes), living={"living"})

    assert plan.spared == ((STRANGE, reason),)
    assert (plan.orphans, plan.park) == ((), ())


@pytest.mark.parametrize("changes", [{}, {"alive": True}, {"kept": True}, {"marked": False}])
def test_what_has_our_tags_under_another_name_is_never_deleted(changes):
    """A name is the guard of every deletion: a person who renames a thing takes it over."""
    plan = sweep(leftover(renamed=True, **changes), end=["strange"])

    ((spared, why),) = plan.spared
    assert spared == STRANGE
    assert "another name" in why
    assert "restorecheck:*" in why
    assert (plan.orphans, plan.delete, plan.park) == ((), (), ())


def test_every_leftover_is_looked_at_whatever_came_before_it():
    second = Resource(kind="server", identifier="restorecheck-second")
    known, parked = replace(STRANGE, identifier="a"), replace(STRANGE, identifier="b")

    plan = sweep(
        leftover(resource=known),
        leftover(resource=parked, kept=True, restarted=True),
        leftover(resource=second, alive=True),
        leftover(),
        unfinished=[drill(ledger=(known,))],
    )

    assert plan.park == (parked,)
    assert plan.spared == ((second, "in use by a running drill"),)
    assert plan.orphans == (STRANGE,)


def test_a_standby_that_is_ended_by_name_is_deleted_though_it_is_restarted():
    restarted = leftover(kept=True, restarted=True)

    assert sweep(restarted).park == (STRANGE,)
    assert sweep(restarted, end=["strange"]).orphans == (STRANGE,)


def test_who_is_ended_by_name_takes_nobody_else_s_standby_along():
    standby = leftover(kept=True)

    plan = sweep(standby, end=["d-2"])

    assert plan.orphans == ()
    assert plan.spared == ((STRANGE, f"{KEPT} strange"),)


def test_an_orphan_without_our_mark_is_never_deleted_however_old_it_is():
    old = leftover(marked=False, made_at=NOW - timedelta(days=400))

    assert sweep(old).orphans == ()


def test_where_nobody_could_look_is_passed_on():
    assert sweep(unseen=["us-east-1: AccessDenied"]).unseen == ("us-east-1: AccessDenied",)


def test_a_target_is_left_with_something_unless_it_was_kept_on_request():
    drills = [over(target="a"), over(TeardownOutcome.KEPT, target="b"), over(target="c")]

    assert still_left(drills) == {"a", "c"}


def test_what_lies_on_the_disk_of_another_host_is_left_to_it():
    there = Resource(kind="temporary database", identifier="restorecheck_d_1", account="db-1:5432")
    left = over(host="alpha", ledger=(SERVER, there))

    here = sweep(finished=[left], host="beta")
    assert here.delete == ((left, there),), "a server can be reached from any host"
    assert here.spared == ((SERVER, "on the host alpha, whose next sweep deletes it"),)
    assert sweep(finished=[left], host="alpha").delete == ((left, there), (left, SERVER))
    of_a_pod = over(host="pod:x", ledger=(SERVER,))
    assert sweep(finished=[of_a_pod], host="beta").delete == ((of_a_pod, SERVER),)
