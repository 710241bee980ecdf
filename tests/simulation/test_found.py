"""What the simulation has found in restorecheck, each as a night of its own."""

from datetime import timedelta

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.model import TeardownOutcome, Verdict
from tests.simulation.disturbing import Disturbance, Fault, Kind, Rescue, disturbed, effects_of
from tests.simulation.stage import PRODUCTION, Host, Setting, Stage

STANDBY = Setting(credentials=Credentials.RESET, after=After.STOP)


def standby():
    return Stage(setting=STANDBY)


def first(make, name):
    return next(number for number, found in effects_of(make) if found.startswith(name))


def test_a_secret_that_was_made_a_moment_ago_and_is_not_seen_yet_is_waited_for():
    number = first(standby, "CreateSecret")
    fault = Fault(number, "CreateSecret in 222222222222", Kind.DIES_AFTER)

    drill = disturbed(standby(), (fault,), Rescue.OTHER)

    assert drill is not None
    assert drill.verdict is Verdict.VERIFIED, drill.reason


def test_a_standby_that_may_not_be_stopped_is_given_up_in_minutes_and_named():
    stage = standby()
    host = Host(stage)
    Disturbance(stage, Fault(0, "StopDBInstance in 222222222222", Kind.DENIED, None))

    drill = host.drive(host.start())

    assert drill.verdict is Verdict.VERIFIED
    assert drill.teardown_outcome is TeardownOutcome.INCOMPLETE
    assert [r.kind for r in drill.ledger] == ["DB instance"]
    assert drill.version < 100


def test_a_staging_copy_that_a_newer_drill_has_pruned_is_shared_with_nobody():
    stage = Stage(setting=Setting(keep_copies=1))
    slow = Host(stage)
    first = slow.start()
    while not any(s.status == "available" for s in stage.cloud.backup.snapshots.values()):
        slow.engine.advance(first)
        stage.world.pass_time(timedelta(minutes=1))
        stage.cloud.tick()
    stage.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(minutes=1))

    quick = Host(stage)
    assert quick.drive(quick.start()).verdict is Verdict.VERIFIED
    drill = slow.drive(first)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
