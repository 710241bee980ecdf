"""Several hosts advance one drill at once, a sweeper takes a living host for dead, hosts meet."""

from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.engine import Done
from restorecheck.hosts.drill.driver import Swept
from restorecheck.model import Verdict
from restorecheck.testing import HostDied
from restorecheck.testing.cloud import BACKUP_ACCOUNT
from tests.simulation.disturbing import Disturbance, Fault, Kind, clean_up, effects_of
from tests.simulation.stage import Host, Setting, Stage


def meet(stage: Stage, at: int, what) -> str:
    """A night of one host; before its effect with this number, somebody else does `what`."""
    first = Host(stage)
    drill_id = first.start()
    met: list[int] = []

    def before(number: int, _name: str) -> None:
        if number == at and not met:
            met.append(number)
            what(drill_id)

    stage.world.before = before
    first.drive(drill_id)
    stage.world.before = lambda _number, _name: None
    assert met
    return drill_id


@pytest.mark.parametrize("steps", [1, 3, 1000], ids=["one step", "three steps", "to the end"])
@pytest.mark.parametrize(
    "setting",
    [Setting(), Setting(credentials=Credentials.RESET, after=After.STOP)],
    ids=["managed secret", "reset and standby"],
)
def test_two_hosts_at_once_do_everything_once_whatever_the_moment(setting, steps):
    def make():
        return Stage(setting=setting)

    for at, name in effects_of(make)[1:]:
        stage = make()
        stage.promises.by_mark = steps > 10  # the first host was away for the rest of the night
        second = Host(stage)

        def advance(drill_id, second=second, stage=stage):
            for _ in range(steps):
                outcome = second.engine.advance(drill_id)
                if isinstance(outcome, Done):
                    return
                if steps > 10:
                    stage.world.pass_time(outcome.duration)

        try:
            drill_id = meet(stage, at, advance)
            clean_up(stage)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n  before effect {at}, {name}") from exc
        if steps < 10:
            assert stage.store.load(drill_id).verdict is Verdict.VERIFIED, f"effect {at}, {name}"


def test_a_sweeper_that_takes_a_living_host_for_dead_leaves_nothing():
    for at, name in effects_of(Stage)[1:]:
        stage = Stage()
        stage.promises.by_mark = True
        sweeper = Host(stage)
        try:
            meet(stage, at, lambda _drill, sweeper=sweeper: sweeper.sweep())
            clean_up(stage)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n  before effect {at}, {name}") from exc


def test_a_sweep_spares_what_a_living_host_is_at_work_on():
    for at, name in effects_of(Stage)[1:]:
        stage = Stage()
        sweeper = Host(stage, is_alive=lambda _drill: True)
        swept: list[Swept] = []
        drill_id = meet(stage, at, lambda _drill, h=sweeper, s=swept: s.append(h.sweep()))

        assert stage.store.load(drill_id).verdict is Verdict.VERIFIED, f"effect {at}, {name}"
        assert [(s.deleted, s.finished, s.left) for s in swept] == [((), (), ())]
        stage.promises.at_end()


def test_a_sweep_of_another_machine_spares_what_may_be_in_use_until_it_expires():
    for at, name in effects_of(Stage)[1:]:
        stage = Stage()
        stage.promises.by_mark = True
        host = Host(stage)

        def die(number, name, at=at):
            if number == at:
                raise HostDied(name)

        stage.world.before = die
        drill_id = host.start()
        with pytest.raises(HostDied):
            host.drive(drill_id)
        stage.world.before = lambda _number, _name: None
        left = stage.promises._temporary()
        expires = stage.promises.bound(stage.store.load(drill_id))
        stage.forget()  # a machine with another history
        stranger = Host(stage)

        early = stranger.sweep()
        assert early.deleted == (), f"died at {at}, {name}"
        assert left <= stage.promises._temporary()
        stage.world.present = expires
        late = stranger.sweep()

        assert {r.identifier for r in late.deleted} >= left, f"died at {at}, {name}"
        assert stage.promises._temporary() == set()


def test_many_drills_of_one_target_at_once_keep_what_each_of_them_needs():
    for start in range(1, 36, 2):
        stage = Stage(setting=Setting(keep_copies=1))
        hosts = [Host(stage), Host(stage)]
        ids = [hosts[0].start()]
        for number in range(400):
            if number == start:
                stage.cloud.take_automated_snapshot("courses-prod")
                ids.append(hosts[1].start())
            waits = [h.engine.advance(i) for h, i in zip(hosts, ids, strict=False)]
            if len(ids) == 2 and all(isinstance(wait, Done) for wait in waits):
                break
            pauses = [w.duration for w in waits if not isinstance(w, Done)]
            stage.world.pass_time(max(pauses, default=timedelta(0)))

        assert [stage.store.load(i).verdict for i in ids] == [Verdict.VERIFIED] * 2
        stage.promises.at_end()


def left_by_a_finished_drill() -> Stage:
    stage = Stage()
    denied = Disturbance(
        stage, Fault(0, f"DeleteDBInstance in {BACKUP_ACCOUNT}", Kind.DENIED, None)
    )
    host = Host(stage)
    drill = host.drive(host.start())
    assert [r.kind for r in drill.ledger] == ["DB instance"]
    denied.end()
    return stage


def test_what_a_sweep_cannot_look_at_is_named_and_the_rest_is_done():
    stage = left_by_a_finished_drill()
    blocked = Fault(0, f"ListSecrets in {BACKUP_ACCOUNT}", Kind.DENIED, None)
    Disturbance(stage, blocked)

    swept = Host(stage).sweep()

    assert len(swept.plan.unseen) == 1
    assert "could not list secrets" in swept.plan.unseen[0]
    assert [r.kind for r in swept.deleted] == ["DB instance"]
    stage.promises.at_end()


def test_a_sweep_right_after_a_drill_does_not_believe_that_something_is_gone():
    stage = left_by_a_finished_drill()
    looks = f"DescribeDBInstances in {BACKUP_ACCOUNT}"
    Disturbance(stage, Fault(stage.world.started, looks, Kind.BLIND))

    swept = Host(stage).sweep()

    assert [r.kind for r in swept.deleted] == ["DB instance"]
    assert stage.cloud.backup.instances == {}
    stage.promises.at_end()
