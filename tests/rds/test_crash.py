"""A host that dies after any effect of a drill in the simulated AWS; then only the sweep comes."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from restorecheck.aws.session.accounts import Accounts
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.checks.registry import built_in
from restorecheck.config import load
from restorecheck.engine import Engine
from restorecheck.errors import NotFoundError
from restorecheck.hosts.clock import SystemClock, new_drill_id
from restorecheck.hosts.drill.driver import Sweeper, drive
from restorecheck.hosts.sources import rds, source
from restorecheck.hosts.sources.in_aws import poll_of
from restorecheck.lifecycle import Gone, InProgress, Ready, Unclear
from restorecheck.model import CheckOutcome, Drill, Endpoint, Verdict
from restorecheck.ports import Inquiry
from restorecheck.postgres.session.tls import TlsConnector
from restorecheck.report import document
from restorecheck.sandbox import Fault, FaultKind
from restorecheck.testing import HostDied, MemoryStore, World
from tests.chosen import chosen


def sleep(duration: timedelta) -> None:
    threading.Event().wait(duration.total_seconds())


class Host:
    """One process: it has its own clients and its own memory; only the store outlives it."""

    def __init__(self, scene, store, **options):
        (scene.directory / "restorecheck.yaml").write_text(yaml.safe_dump(scene.keys))
        config = load(Path(scene.directory / "restorecheck.yaml"), {})
        self.store = store
        self.clock = SystemClock()
        accounts = Accounts(clock=self.clock, tick=poll_of(config), sandbox=True, **options)
        host = source.Host(config=config, clock=self.clock, shared={"accounts": accounts})
        target = config.targets[0]
        own = rds.RdsSource(host, [target])
        self.provider = own.provider_of(target.name)
        self.checker = own.make_checker(self.provider)
        self.engine = Engine(
            store=store,
            provider_for=lambda _drill: self.provider,
            checker_for=lambda _drill: self.checker,
            clock=self.clock,
        )
        self.sweeper = Sweeper(
            engine=self.engine,
            store=store,
            inventories=[RdsInventory(self.provider, self.clock)],
            provider_for=lambda _drill: self.provider,
            is_alive=lambda _drill: False,
            clock=self.clock,
            sleep=sleep,
        )

    def start(self) -> Drill:
        now = self.clock.now()
        drill_id = new_drill_id(now)
        created: Drill = self.store.create(
            Drill(
                id=drill_id,
                target=self.provider.settings.target,
                plan=self.provider.plan(drill_id),
                checks=built_in(),
                started_at=now,
                deadline=now + timedelta(minutes=5),
                teardown_limit=timedelta(minutes=2),
            )
        )
        return created

    def run(self, drill_id: str) -> Drill:
        return drive(self.engine, drill_id, sleep)


@pytest.fixture
def hosts(scene):
    """Makes hosts, and closes their connections at the end."""
    made = []

    def make(store=None, **options):
        made.append(Host(scene, store or MemoryStore(World()), **options))
        return made[-1]

    yield make
    for host in made:
        host.checker.close()


@pytest.fixture
def host(hosts):
    return hosts()


def effects_of_a_whole_drill(hosts) -> int:
    world = World()
    host = hosts(MemoryStore(world))
    finished = host.run(host.start().id)
    assert finished.verdict is Verdict.VERIFIED, finished.reason
    return world.started


def test_whenever_the_host_dies_the_sweep_alone_leaves_nothing_and_one_report(scene, hosts):
    """Dying before a save is dying after the effect that it was to record."""
    count = effects_of_a_whole_drill(hosts)
    assert count > 25, "the enumeration covers a whole drill"
    verdicts = set()
    deaths = 0

    for number in chosen(range(1, count), 0.5):
        world = World()
        store = MemoryStore(world)
        world.kill_host_at(number, after=False)
        host = hosts(store)
        drill = host.start()
        try:
            host.run(drill.id)
        except HostDied:
            deaths += 1  # a quicker drill than the counted one has fewer effects

        hosts(store).sweeper.sweep()

        assert scene.leftovers() == [], f"died before effect {number}"
        report = document.parse(store.report(drill.id))
        assert report.teardown.left == ()
        assert store.unfinished() == ()
        verdicts.add(report.verdict)

    assert verdicts <= {Verdict.INCONCLUSIVE, Verdict.VERIFIED}
    assert deaths > 10


def test_an_interrupt_right_after_the_restore_was_asked_for_finds_what_is_not_seen_yet(host, scene):
    drill = host.start()
    while not any(
        c.operation == "RestoreDBInstanceFromDBSnapshot"
        and drill.id in str(c.parameters["DBInstanceIdentifier"])
        for c in scene.sandbox.calls
    ):
        outcome = host.engine.advance(drill.id)
        sleep(getattr(outcome, "duration", timedelta(0)))

    host.engine.abort(drill.id, "interrupted")
    finished = host.run(drill.id)

    assert finished.teardown_outcome.value == "complete"
    assert scene.leftovers() == []


def test_another_host_carries_on_in_the_middle_of_the_change_of_credentials(scene, hosts):
    scene.rds["restore"]["credentials"] = "reset"
    store = MemoryStore(World())
    pair = [hosts(store), hosts(store)]
    drill_id = pair[0].start().id
    drill = store.load(drill_id)
    for turn in range(10_000):
        outcome = pair[turn % 2].engine.advance(drill_id)
        drill = store.load(drill_id)
        if drill.finished:
            break
        sleep(getattr(outcome, "duration", timedelta(0)))

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    assert scene.leftovers() == []


def at_step(host, name) -> Drill:
    """A drill whose next step is this one: the one that is under way, or a new one."""
    under_way = host.store.unfinished()
    drill_id = under_way[0].id if under_way else host.start().id
    while True:
        drill: Drill = host.store.load(drill_id)
        assert drill.failure is None, drill.failure
        if drill.step is not None and drill.step.name == name:
            return drill
        sleep(getattr(host.engine.advance(drill_id), "duration", timedelta(0)))


def test_a_staging_copy_that_somebody_shared_with_a_stranger_is_not_used(host, scene):
    drill = at_step(host, "share")
    operator = scene.sandbox.client("rds", scene.sandbox.source)
    operator.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=f"restorecheck-{drill.id}",
        AttributeName="restore",
        ValuesToAdd=["999999999999"],
    )

    finished = host.run(drill.id)
    operator.modify_db_snapshot_attribute(
        DBSnapshotIdentifier=f"restorecheck-{drill.id}",
        AttributeName="restore",
        ValuesToRemove=["999999999999"],
    )

    assert finished.verdict is Verdict.INCONCLUSIVE
    assert "also shared with 999999999999" in finished.reason


def test_a_name_that_somebody_else_took_is_not_touched(host, scene):
    drill = at_step(host, "restore")
    name = f"restorecheck-{drill.id}"
    sandbox = scene.sandbox
    operator = sandbox.client("rds", sandbox.backup)
    operator.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name,
        DBSnapshotIdentifier=name,
        DBSubnetGroupName="restorecheck",
        BackupRetentionPeriod=0,
        Tags=[{"Key": "mine", "Value": "yes"}],
    )

    finished = host.run(drill.id)

    assert finished.verdict is Verdict.INCONCLUSIVE
    assert "exists without the tag of this drill" in finished.reason
    assert [r.kind for r in finished.ledger] == ["DB instance"]
    assert name in sandbox.instances(sandbox.backup)
    operator.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    sandbox.wait_until(lambda: name not in sandbox.instances(sandbox.backup), "it to go")


def test_an_instance_that_somebody_replaced_is_not_asked(host, scene):
    drill = at_step(host, "credentials")
    instance = scene.sandbox.instance(scene.sandbox.backup, f"restorecheck-{drill.id}")
    instance.resource_id = "db-SOMEBODYELSES"

    finished = host.run(drill.id)

    assert finished.verdict is Verdict.INCONCLUSIVE
    assert "no longer exists in" in finished.reason
    assert finished.results == ()


def test_an_answer_that_never_comes_is_asked_for_again(scene, hosts):
    host = hosts(read_timeout=0.5)
    for operation in ("CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot"):
        scene.sandbox.faults.add(
            Fault(operation=operation, kind=FaultKind.HANG, seconds=1.0, after_effect=True)
        )

    finished = host.run(host.start().id)

    assert finished.verdict is Verdict.VERIFIED, finished.reason
    assert scene.leftovers() == []


def test_throttling_without_end_costs_time_and_is_told_by_the_deadline(scene, hosts):
    host = hosts(attempts=1)
    scene.sandbox.faults.add(Fault(operation="DescribeDBInstances", times=40))

    finished = host.run(host.start().id)

    assert finished.verdict is Verdict.VERIFIED, finished.reason
    assert "Throttling" in [seen.text for seen in finished.evidence]


def test_a_share_of_a_dead_drill_is_found_and_taken_away_by_the_sweep(host, scene, hosts):
    drill = at_step(host, "unshare")
    sandbox = scene.sandbox
    snapshot = sandbox.snapshots(sandbox.source)[f"restorecheck-{drill.id}"]
    assert snapshot.shared
    snapshot.tags["restorecheck:expires-at"] = "2026-01-01T00:00:00+00:00"
    stranger = hosts()  # a machine with another history

    swept = stranger.sweeper.sweep()

    assert not snapshot.shared
    assert [r.kind for r in swept.deleted] == ["snapshot share"]


def test_what_a_drill_elsewhere_may_be_at_work_on_is_spared_until_it_expires(host, scene, hosts):
    drill = at_step(host, "credentials")
    sandbox, name = scene.sandbox, f"restorecheck-{drill.id}"
    stranger = hosts()

    assert stranger.sweeper.sweep().deleted == ()
    sandbox.instances(sandbox.backup)[name].tags["restorecheck:expires-at"] = (
        "2026-01-01T00:00:00+00:00"
    )
    assert [r.kind for r in stranger.sweeper.sweep().deleted] == ["DB instance"]
    assert scene.leftovers() == []


def test_an_inventory_that_cannot_look_is_named_and_hides_no_other(host, scene):
    scene.sandbox.faults.add(
        Fault(operation="DescribeDBInstances", code="AccessDenied", status=403, times=None)
    )

    plan = host.sweeper.plan()

    (reason,) = plan.unseen
    assert "could not list DB instances in account 222222222222" in reason


def test_the_provider_keeps_no_drill_in_memory(host, hosts):
    drill = at_step(host, "unshare")
    other = hosts(host.store).provider

    events = [type(other.ensure(drill, drill.plan[5])) for _ in range(2)]

    assert set(events) <= {InProgress, Ready}
    assert not isinstance(other.ensure(drill, drill.plan[3]), Unclear)
    with pytest.raises(NotFoundError):
        other.ensure(
            drill.evolve(endpoint=None, position=6, outputs={}, id="20260101-000000-000000"),
            drill.plan[6],
        )
    for resource in drill.ledger:
        event = other.delete(resource, drill.started_at)
        for _ in range(100):
            if isinstance(event, Gone):
                break
            sleep(event.wait)
            event = other.delete(resource, drill.started_at)
        assert isinstance(event, Gone)


def test_two_drills_of_one_target_at_once_do_not_take_each_other_s_copies(scene, hosts):
    scene.rds["backup"]["keep_copies"] = 1
    store = MemoryStore(World())
    host = hosts(store)
    ids = [host.start().id, host.start().id]
    for _ in range(10_000):
        outcomes = [host.engine.advance(drill_id) for drill_id in ids]
        drills = [store.load(drill_id) for drill_id in ids]
        if all(drill.finished for drill in drills):
            break
        sleep(max(getattr(outcome, "duration", timedelta(0)) for outcome in outcomes))

    assert [drill.verdict for drill in drills] == [Verdict.VERIFIED] * 2
    assert scene.leftovers() == []
    assert scene.copies()


def test_a_drill_that_lags_behind_another_one_of_its_target_keeps_what_it_needs(scene, hosts):
    scene.rds["backup"]["keep_copies"] = 1
    host = hosts()
    slow = at_step(host, "restore")
    scene.sandbox.take_automated_snapshot("courses-prod")
    quick = host.run(host.start().id)
    assert quick.verdict is Verdict.VERIFIED, quick.reason

    finished = host.run(slow.id)

    assert finished.verdict is Verdict.VERIFIED, finished.reason
    assert f"restorecheck-{quick.id}" in scene.copies()


def test_a_copy_that_lost_our_tag_is_not_restored(host, scene):
    drill = at_step(host, "restore")
    sandbox = scene.sandbox
    copy = sandbox.snapshots(sandbox.backup)[f"restorecheck-{drill.id}"]
    copy.tags["restorecheck:drill-id"] = "somebody else's"

    finished = host.run(drill.id)

    assert finished.verdict is Verdict.INCONCLUSIVE
    assert "does not have the tag of this drill" in finished.reason
    assert scene.leftovers() == []


def test_nobody_can_read_the_staging_copy_once_the_own_copy_is_made(host, scene):
    drill = at_step(host, "restore")

    assert scene.sandbox.snapshots(scene.sandbox.source)[f"restorecheck-{drill.id}"].shared == {}

    host.run(drill.id)


@pytest.mark.parametrize("credentials", ["managed-secret", "reset"])
def test_the_new_password_is_accepted_by_the_time_that_the_checks_begin(scene, hosts, credentials):
    scene.rds["restore"]["credentials"] = credentials
    host = hosts()
    at_step(host, "credentials")
    host.provider.backup_account().secrets()  # made beforehand: it takes longer than the race
    usual = scene.sandbox.rds.state.pace
    scene.sandbox.rds.state.pace = replace(usual, password=8000, visible=800)
    try:
        drill = at_step(host, "check")
        assert drill.endpoint is not None
        results = host.checker.run(
            Inquiry(endpoint=drill.endpoint, pending=drill.checks[:1], until=drill.deadline)
        ).results
    finally:
        scene.sandbox.rds.state.pace = usual

    assert results[0].outcome is CheckOutcome.PASSED
    host.run(drill.id)


def test_a_copy_of_another_snapshot_is_not_restored(host, scene):
    drill = at_step(host, "copy")
    name, sandbox = f"restorecheck-{drill.id}", scene.sandbox
    while name not in sandbox.snapshots(sandbox.backup):
        sleep(getattr(host.engine.advance(drill.id), "duration", timedelta(0)))
    copy = sandbox.snapshots(sandbox.backup)[name]
    copy.original_at -= timedelta(days=3)
    copy.database_at -= timedelta(days=3)

    finished = host.run(drill.id)

    assert finished.verdict is Verdict.INCONCLUSIVE
    assert "differs from the request: its original was taken at" in finished.reason
    assert scene.leftovers() == []


def test_connections_prove_who_answers_and_never_fall_back():
    given: dict[str, object] = {}

    def fake(_endpoint, _database, **options):
        given.update(options)

    connector = TlsConnector(
        ca_bundle=Path("/ca.pem"),
        password_of=lambda _endpoint: "token",
        by_token=True,
        patience=timedelta(0),
        connect=fake,
    )

    connector(Endpoint(identity="i", host="h", port=1, user="u", databases=()), "d")

    assert given["sslmode"] == "verify-full"
    assert given["sslrootcert"] == "/ca.pem"
    assert given["require_auth"] == "password"
    assert given["gssencmode"] == "disable"
