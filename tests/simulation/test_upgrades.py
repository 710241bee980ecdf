"""Rehearsals of an upgrade, in an AWS of memory: the real provider, and RDS that upgrades, refuses, or never ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.aws.aurora.clusters import DB_CLUSTER
from restorecheck.aws.snapshots.instances import DB_INSTANCE
from restorecheck.aws.snapshots.upgrades import UNSEEN_LOOKS
from restorecheck.model import Phase, Rehearsal, TeardownOutcome, Verdict
from restorecheck.testing.cloud import NEVER, PlannedOutcome
from tests.simulation.stage import POLL, Host, Setting, Stage

LIMIT = timedelta(hours=1)
KINDS = {"rds": Setting(rehearse=LIMIT), "aurora": Setting(rehearse=LIMIT, aurora=True)}
kinds = pytest.mark.parametrize("kind", KINDS)


def stage_of(kind, *outcomes, **changes):
    stage = Stage(setting=replace(KINDS[kind], **changes))
    stage.cloud.upgrades.extend(outcomes)
    return stage


def night(stage):
    host = Host(stage)
    drill = host.drive(host.start())
    assert drill.verdict is Verdict.VERIFIED, drill.reason
    return drill


def upgrades_of(stage):
    return [
        c.parameters
        for c in stage.cloud.calls
        if "EngineVersion" in c.parameters and "Modify" in c.operation
    ]


@kinds
def test_the_temporary_database_is_upgraded_asked_again_and_deleted(kind):
    stage = stage_of(kind)
    before = stage.production.settings["EngineVersion"]

    drill = night(stage)

    rehearsal = drill.rehearsal
    assert rehearsal.verdict is Verdict.VERIFIED, rehearsal.reason
    major = int(before.partition(".")[0])
    assert (rehearsal.from_version, rehearsal.to_version) == (before, f"{major + 1}.10")
    assert rehearsal.plans == tuple(
        f"{name}: from Scan of {major} to Scan of {major + 1}"
        for name in ("freshness", "nice to have")
    )
    assert timedelta(minutes=10) < timedelta(seconds=rehearsal.upgrade_seconds) < LIMIT
    assert drill.teardown_outcome is TeardownOutcome.COMPLETE
    assert stage.production.settings["EngineVersion"] == before
    (asked,) = upgrades_of(stage)
    group = next(v for k, v in asked.items() if "ParameterGroupName" in k)
    assert group == f"default.{stage.production.settings['Engine']}{major + 1}"
    asked_twice = [a.check for a in stage.answers]
    assert asked_twice.count("rows") == asked_twice.count("freshness") == 2


@kinds
def test_what_would_break_is_told_in_aws_s_words_and_the_old_version_is_deleted(kind):
    stage = stage_of(kind, PlannedOutcome(status="refused"))

    drill = night(stage)

    rehearsal = drill.rehearsal
    assert rehearsal.verdict is Verdict.FAILED
    assert "check_for_reg_data_type_usage" in rehearsal.reason
    assert "one of the reg* data types in user tables" in rehearsal.reason
    assert "public.settings.dictionary" in rehearsal.reason
    assert "ok" not in rehearsal.reason.split()
    assert drill.teardown_outcome is TeardownOutcome.COMPLETE


@kinds
def test_a_refusal_whose_event_is_lost_is_read_in_the_log(kind):
    stage = stage_of(kind, PlannedOutcome(status="refused", event="nothing that anybody knows"))

    rehearsal = night(stage).rehearsal

    assert rehearsal.verdict is Verdict.FAILED
    assert rehearsal.reason.startswith("AWS refused the upgrade: Checking for reg*")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("rds", "upgrade-failed"),
        ("rds", "incompatible-parameters"),
        ("rds", "storage-full"),
        ("aurora", "storage-full"),  # the others are no status of a cluster
    ],
)
def test_an_upgrade_that_fails_without_a_reason_says_nothing_about_the_data(kind, status):
    stage = stage_of(kind, PlannedOutcome(status=status))

    drill = night(stage)

    assert drill.rehearsal.verdict is Verdict.INCONCLUSIVE
    assert status in drill.rehearsal.reason
    assert drill.teardown_outcome is TeardownOutcome.COMPLETE


@kinds
def test_an_upgrade_that_never_ends_is_ended_and_its_database_deleted_later(kind):
    stage = stage_of(kind, PlannedOutcome(takes=NEVER))

    drill = night(stage)

    assert drill.rehearsal.verdict is Verdict.INCONCLUSIVE
    assert "did not end within 60 minutes; last seen: upgrading" in drill.rehearsal.reason
    assert drill.teardown_outcome is TeardownOutcome.COMPLETE


@kinds
def test_a_request_that_is_forgotten_is_not_waited_for_until_the_end(kind, monkeypatch):
    stage = stage_of(kind)
    restored = DB_CLUSTER if kind == "aurora" else DB_INSTANCE
    kept = restored.modify

    def forgetful(account, view, **changes):
        if "EngineVersion" not in changes:
            kept(account, view, **changes)

    monkeypatch.setattr(restored, "modify", forgetful)
    rehearsal = night(stage).rehearsal

    assert rehearsal.verdict is Verdict.INCONCLUSIVE
    assert "gave no reason: its status is available" in rehearsal.reason
    assert timedelta(seconds=rehearsal.upgrade_seconds) >= UNSEEN_LOOKS * POLL


@kinds
def test_without_a_later_major_version_nothing_is_changed(kind):
    stage = stage_of(kind)
    stage.cloud.rds.state.newest_major = 1

    rehearsal = night(stage).rehearsal

    assert rehearsal.verdict is Verdict.INCONCLUSIVE
    assert "AWS has no later major version for" in rehearsal.reason
    assert upgrades_of(stage) == []


def test_a_configured_parameter_group_is_that_of_the_new_version():
    stage = stage_of("rds", parameter_group="drills-18")
    stage.cloud.backup.parameter_groups["drills-18"] = {}

    assert night(stage).rehearsal.verdict is Verdict.VERIFIED
    (asked,) = upgrades_of(stage)
    assert asked["DBParameterGroupName"] == "drills-18"


@kinds
def test_a_database_that_another_program_has_taken_over_is_not_upgraded(kind):
    stage = stage_of(kind)
    host = Host(stage)
    drill_id = host.start()
    while stage.store.load(drill_id).phase is not Phase.REHEARSAL:
        outcome = host.engine.advance(drill_id)
        stage.world.pass_time(outcome.duration)
    things = stage.cloud.backup.clusters if kind == "aurora" else stage.cloud.backup.instances
    (thing,) = things.values()
    stage.promises.disowned.add(thing.arn)
    tags = dict(thing.tags)
    thing.tags.pop("restorecheck:drill-id")
    stage.world.pass_time(POLL)  # what was read before is not looked at again

    while stage.store.load(drill_id).phase is Phase.REHEARSAL:
        stage.world.pass_time(host.engine.advance(drill_id).duration)

    rehearsal = stage.store.load(drill_id).rehearsal
    assert isinstance(rehearsal, Rehearsal)
    assert rehearsal.verdict is Verdict.INCONCLUSIVE
    assert "without the tag of this drill" in rehearsal.reason
    assert upgrades_of(stage) == []
    thing.tags = tags
    stage.promises.disowned.discard(thing.arn)
