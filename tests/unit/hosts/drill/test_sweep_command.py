"""What `restorecheck sweep` says of what was found, and the code it exits with."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from restorecheck.hosts.drill import sweep_command
from restorecheck.hosts.drill.driver import Swept
from restorecheck.hosts.process.exit_codes import Exit, of_report, worst
from restorecheck.model import Resource, TeardownOutcome, Verdict
from restorecheck.report import document
from restorecheck.sweep import SweepPlan
from tests.factories import drill, finished

THING = Resource(kind="throw-away server", identifier="/tmp/restorecheck-d-1")


@dataclass
class PlayedSweeper:
    """Says what it was told to have done."""

    plan_made: SweepPlan
    swept: Swept | None = None

    def plan(self, *, end):
        assert end == ("d-9",)
        return self.plan_made

    def sweep(self, *, end):
        assert end == ("d-9",)
        return self.swept


@dataclass
class Played:
    """As much of the parts as a sweep needs."""

    sweeper: PlayedSweeper
    forgotten: list[str] = field(default_factory=list)

    def forget_locks(self):
        self.forgotten.append("locks")


def parts(plan, swept=None) -> Any:
    return Played(PlayedSweeper(plan, swept))


@pytest.mark.parametrize(
    ("plan", "did", "code", "said"),
    [
        ({}, {}, Exit.VERIFIED, "nothing to sweep"),
        ({}, {"deleted": (THING,)}, Exit.VERIFIED, "deleted"),
        ({}, {"finished": (finished(),)}, Exit.VERIFIED, "finished  drill d-1"),
        ({}, {"parked": (THING,)}, Exit.VERIFIED, "stopped"),
        ({"spared": ((THING, "no mark"),)}, {}, Exit.VERIFIED, "spared"),
        ({}, {"left": ((THING, "busy"),)}, Exit.LEFT_BEHIND, "LEFT"),
        ({"unseen": ("no connection",)}, {}, Exit.INCONCLUSIVE, "UNSEEN    no connection"),
        ({"unseen": ("x",)}, {"left": ((THING, "busy"),)}, Exit.LEFT_BEHIND, "UNSEEN"),
        ({"unseen": ("x",)}, {"deleted": (THING,)}, Exit.INCONCLUSIVE, "deleted"),
    ],
)
def test_a_sweep_exits_by_what_is_left_or_was_not_seen(plan, did, code, said, capsys):
    made = SweepPlan(**plan)
    played = parts(made, Swept(plan=made, **did))

    assert sweep_command.run(played, end=("d-9",)) is code

    told = capsys.readouterr()
    assert said in told.out + told.err
    assert played.forgotten == ["locks"]


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({}, Exit.VERIFIED),
        ({"finish": (drill(ledger=(THING,)),)}, Exit.LEFT_BEHIND),
        ({"delete": ((finished(), THING),)}, Exit.LEFT_BEHIND),
        ({"orphans": (THING,)}, Exit.LEFT_BEHIND),
        ({"orphans": (THING,), "unseen": ("x",)}, Exit.LEFT_BEHIND),
        ({"unseen": ("x",)}, Exit.INCONCLUSIVE),
        ({"spared": ((THING, "no mark"),)}, Exit.VERIFIED),
        ({"park": (THING,)}, Exit.VERIFIED),
    ],
)
def test_a_preview_exits_as_if_it_were_left(plan, code, capsys):
    assert sweep_command.preview(parts(SweepPlan(**plan)), end=("d-9",)) is code

    told = capsys.readouterr().out
    assert ("would delete" in told) == bool({"finish", "delete", "orphans"} & set(plan))


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([Exit.VERIFIED, Exit.FAILED, Exit.VERIFIED], Exit.FAILED),
        ([Exit.INCONCLUSIVE, Exit.FAILED], Exit.FAILED),
        ([Exit.VERIFIED, Exit.INCONCLUSIVE], Exit.INCONCLUSIVE),
        ([Exit.FAILED, Exit.INTERRUPTED], Exit.INTERRUPTED),
        ([Exit.INTERRUPTED, Exit.LEFT_BEHIND, Exit.FAILED], Exit.LEFT_BEHIND),
        ([], Exit.INCONCLUSIVE),
    ],
)
def test_of_several_drills_the_worst_counts(codes, code):
    assert worst(codes) is code
    assert worst(reversed(codes)) is code


def test_what_is_left_behind_outranks_every_verdict():
    left = finished().evolve(ledger=(THING,), teardown_outcome=TeardownOutcome.INCOMPLETE)

    assert of_report(document.build(left)) is Exit.LEFT_BEHIND


@pytest.mark.parametrize("outcome", [TeardownOutcome.COMPLETE, TeardownOutcome.KEPT])
@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.VERIFIED, Exit.VERIFIED),
        (Verdict.FAILED, Exit.FAILED),
        (Verdict.INCONCLUSIVE, Exit.INCONCLUSIVE),
    ],
)
def test_what_is_kept_on_request_is_not_left_behind(verdict, code, outcome):
    done = finished(verdict).evolve(teardown_outcome=outcome)

    assert of_report(document.build(done)) is code
