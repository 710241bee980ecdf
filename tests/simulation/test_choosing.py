"""A backup that is chosen on purpose: chosen once, whoever dies and whoever goes on, and no other one answers."""

from datetime import timedelta

import pytest

from restorecheck.aws.snapshots.selection import CHOSEN_COPY
from restorecheck.model import CheckOutcome, Phase, Select, SelectBy, Verdict
from restorecheck.testing import HostDied
from tests.chosen import chosen
from tests.simulation.disturbing import (
    DEATHS,
    Disturbance,
    Fault,
    Kind,
    clean_up,
    telling,
)
from tests.simulation.stage import PRODUCTION, Host, Setting, Stage

NIGHTS = 3
SEED = "courses 2026-02-26T03:15:00+00:00"
BY_CHANCE = Select(by=SelectBy.RANDOM, seed=SEED)
OLDEST = Select(by=SelectBy.OLDEST)


RDS, AURORA = Setting(keep_copies=NIGHTS), Setting(keep_copies=NIGHTS, aurora=True)
EACH = pytest.mark.parametrize("setting", [RDS, AURORA], ids=["instance", "cluster"])


def after_nights(setting: Setting = RDS, *, good: bool = True) -> Stage:
    """Copies of some nights, and snapshots that were never copied."""
    stage = Stage(setting=setting, good=good)
    for night in range(NIGHTS):
        if night:
            stage.next_night(good=good)
        host = Host(stage)
        host.drive(host.start())
    stage.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(hours=9), good=good)
    return stage


def drilled(stage: Stage, select: Select):
    host = Host(stage)
    drill = host.drive(host.start(select=select))
    stage.promises.look()
    return drill


def copies(stage: Stage) -> list[str]:
    backup = stage.cloud.backup
    return sorted({**backup.snapshots, **backup.cluster_snapshots})


@EACH
@pytest.mark.parametrize("by", [SelectBy.OLDEST, SelectBy.RANDOM, SelectBy.ROTATING])
def test_whatever_is_chosen_is_what_answers(by, setting):
    stage = after_nights(setting)
    drill = drilled(stage, Select(by=by, seed=SEED))
    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert drill.backup is not None
    origins = {a.data.origin for a in stage.answers if a.drill_id == drill.id}
    assert origins == {drill.backup.identifier}
    clean_up(stage)


@EACH
def test_a_copy_that_is_there_is_restored_as_it_is_and_no_other_one_is_made(setting):
    stage = after_nights(setting)
    before = copies(stage)
    drill = drilled(stage, Select(by=SelectBy.NAMED, name=before[0]))
    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert drill.outputs[CHOSEN_COPY] == before[0]
    assert drill.backup is not None
    assert drill.backup.storage.endswith(before[0])
    assert copies(stage) == before
    clean_up(stage)


def test_of_a_shared_snapshot_a_copy_is_never_chosen():
    stage = after_nights(Setting(aurora=True, direct=True))
    drill = drilled(stage, OLDEST)
    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert CHOSEN_COPY not in drill.outputs
    assert drill.backup is not None
    origins = {a.data.origin for a in stage.answers if a.drill_id == drill.id}
    assert origins == {drill.backup.identifier}
    clean_up(stage)


def test_a_snapshot_that_was_never_copied_is_copied_as_every_night():
    stage = after_nights()
    uncopied = max(
        stage.cloud.source.snapshots.values(),
        key=lambda s: (s.type == "automated", -s.original_at.timestamp()),
    )
    before = copies(stage)
    drill = drilled(stage, Select(by=SelectBy.NAMED, name=uncopied.identifier))
    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert CHOSEN_COPY not in drill.outputs
    assert set(copies(stage)) != set(before) or len(before) == NIGHTS
    clean_up(stage)


def test_a_chosen_backup_that_is_bad_fails_and_the_newest_is_not_restored_instead():
    stage = after_nights(good=False)
    stage.next_night(good=True)
    name = copies(stage)[-1]
    drill = drilled(stage, OLDEST)
    # The very first snapshot of the stage is good; the nights after it are not.
    assert drill.verdict is Verdict.VERIFIED, drill.reason
    drill = drilled(stage, Select(by=SelectBy.NAMED, name=name))
    assert drill.verdict is Verdict.FAILED
    assert drill.outputs[CHOSEN_COPY] == name
    clean_up(stage)


def test_an_old_backup_on_purpose_is_not_stale_and_the_newest_is_judged():
    stage = after_nights()
    stage.world.pass_time(timedelta(days=2))
    drill = drilled(stage, OLDEST)
    assert drill.verdict is Verdict.FAILED
    age = next(r for r in drill.results if r.name == "the newest backup is young enough")
    assert age.outcome is CheckOutcome.FAILED
    assert drill.endpoint is not None, "the chosen backup was restored all the same"
    clean_up(stage)


def test_a_drill_that_could_not_tell_takes_no_verdict_from_a_copy():
    stage = after_nights()
    name = copies(stage)[0]
    host = Host(stage)
    drill_id = host.start(select=Select(by=SelectBy.NAMED, name=name))
    while stage.store.load(drill_id).endpoint is None:
        host.engine.advance(drill_id)
        stage.world.pass_time(timedelta(minutes=1))
    host.engine.abort(drill_id, "interrupted")
    drill = host.drive(drill_id)
    assert drill.verdict is Verdict.INCONCLUSIVE
    assert stage.cloud.backup.snapshots[name].tags["restorecheck:verdict"] == "verified"
    clean_up(stage)


def test_a_copy_that_fails_later_loses_its_verdict():
    stage = after_nights()
    name = copies(stage)[0]
    snapshot = stage.cloud.backup.snapshots[name]
    snapshot.data = type(snapshot.data)(snapshot.data.origin, False)
    drill = drilled(stage, Select(by=SelectBy.NAMED, name=name))
    assert drill.verdict is Verdict.FAILED
    assert stage.cloud.backup.snapshots[name].tags["restorecheck:verdict"] == "failed"
    clean_up(stage)


# --- chosen once ------------------------------------------------------------------------------------


def effects() -> list[tuple[int, str]]:
    """Of the chosen drill alone, numbered as the world counts them."""
    stage = after_nights()
    begun = stage.world.started
    drilled(stage, BY_CHANCE)
    every = list(enumerate(stage.world.effects))
    return telling([(n, name) for n, name in every if n >= begun])


def died(stage: Stage, fault: Fault) -> str:
    """The id of the drill whose host has died."""
    host = Host(stage)
    disturbance = Disturbance(stage, fault)
    try:
        drill_id = host.start(select=BY_CHANCE)
        host.drive(drill_id)
    except HostDied:
        pass
    disturbance.end()
    return next(iter(d.id for d in reversed(stage.store._all()) if d.select == BY_CHANCE), "")


@pytest.mark.parametrize("kind", DEATHS)
@pytest.mark.parametrize("changed", [False, True], ids=["the same list", "a new snapshot since"])
def test_whoever_goes_on_restores_the_backup_that_was_chosen_first(kind: Kind, changed: bool):
    wanted = drilled(after_nights(), BY_CHANCE).backup
    assert wanted is not None
    for number, name in chosen(effects(), 0.5):
        stage = after_nights()
        drill_id = died(stage, Fault(number, name, kind))
        if not drill_id:
            continue  # the host died before the drill was stored
        before = stage.store.load(drill_id)
        if changed:
            for age in range(2, 8):
                stage.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(hours=age))
        after = Host(stage).drive(drill_id)
        where = f"{number} {name} {kind}: {after.reason}"
        assert after.verdict is Verdict.VERIFIED, where
        assert after.backup is not None
        if before.backup is not None:
            assert after.backup.identifier == before.backup.identifier, where
        if not changed:
            assert after.backup.identifier == wanted.identifier, where
        clean_up(stage)


def test_two_hosts_at_once_choose_the_same_backup_though_the_list_changes_between_them():
    stage = after_nights()
    first, second = Host(stage), Host(stage)
    drill_id = first.start(select=BY_CHANCE)
    seen = set()
    while stage.store.load(drill_id).phase is not Phase.FINISHED:
        for host in (first, second):
            host.engine.advance(drill_id)
            backup = stage.store.load(drill_id).backup
            seen |= {backup.identifier} if backup else set()
            if len(stage.cloud.source.snapshots) < 12:
                stage.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(hours=1))
        stage.world.pass_time(timedelta(minutes=1))
    assert len(seen) == 1
    assert stage.store.load(drill_id).verdict is Verdict.VERIFIED
    clean_up(stage)
