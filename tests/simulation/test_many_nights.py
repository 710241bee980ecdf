"""Weeks of nights: what is kept, what stands by, and what AWS's own failures come to."""

import itertools
from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.model import RestoreOutcome, TeardownOutcome, Verdict
from restorecheck.report import document
from restorecheck.testing.cloud import (
    BACKUP_ACCOUNT,
    SOURCE_ACCOUNT,
    CloudPace,
    EventDelivery,
    PlannedOutcome,
    Refusal,
)
from restorecheck.testing.cloud.state import NEVER
from tests.simulation.disturbing import Disturbance, Fault, Kind, clean_up
from tests.simulation.stage import DEADLINE, MINUTE, PRODUCTION, Host, Setting, Stage

DAY = timedelta(days=1)


def night(stage, **options):
    host = Host(stage)
    drill = host.drive(host.start(**options))
    stage.promises.look()
    return drill


def kept(stage) -> set[str]:
    return {n.removeprefix("restorecheck-") for n in stage.cloud.backup.snapshots}


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_of_every_sequence_of_good_and_bad_nights_the_right_copies_are_kept(keep):
    for pattern in itertools.product((True, False), repeat=5):
        stage = Stage(setting=Setting(keep_copies=keep), good=pattern[0])
        drills = [night(stage)]
        for good in pattern[1:]:
            stage.next_night(good=good)
            drills.append(night(stage))
            verified = [d.id for d in drills if d.verdict is Verdict.VERIFIED]
            expected = {d.id for d in drills[-keep:]} | set(verified[-1:])

            assert kept(stage) == expected, pattern
            assert list(stage.cloud.source.snapshots)[-1] == f"restorecheck-{drills[-1].id}"
            staging = [s for s in stage.cloud.source.snapshots.values() if s.type == "manual"]
            assert len(staging) == 1
        assert [d.verdict is Verdict.VERIFIED for d in drills] == list(pattern)
        stage.promises.at_end()


def test_of_several_copies_of_one_snapshot_the_proven_one_is_kept():
    stage = Stage(setting=Setting(keep_copies=2))
    first = night(stage)
    stage.world.pass_time(timedelta(hours=1))
    stage.cloud.restores.append(PlannedOutcome(status="incompatible-network"))
    second = night(stage)
    stage.world.pass_time(timedelta(hours=1))
    stage.cloud.restores.append(PlannedOutcome(status="incompatible-network"))
    third = night(stage)

    verdicts = [d.verdict for d in (first, second, third)]
    assert verdicts == [Verdict.VERIFIED, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE]
    assert kept(stage) == {first.id, third.id}


def test_a_copy_is_kept_while_another_drill_of_its_target_is_at_work_on_it():
    stage = Stage(setting=Setting(keep_copies=1))
    slow = Host(stage)
    first = slow.start()
    while not any(s.status == "available" for s in stage.cloud.backup.snapshots.values()):
        slow.engine.advance(first)
        stage.world.pass_time(timedelta(minutes=1))
        stage.cloud.tick()
    stage.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(minutes=1))

    second = night(stage)

    assert second.verdict is Verdict.VERIFIED
    assert kept(stage) == {first, second.id}


def test_nothing_is_shared_any_more_when_the_restore_begins():
    stage = Stage()
    host = Host(stage)
    name = host.start()
    while not stage.cloud.backup.instances:
        host.engine.advance(name)
        stage.world.pass_time(MINUTE)

    assert not stage.cloud.source.snapshots[f"restorecheck-{name}"].shared


def test_the_report_names_what_is_kept_and_what_was_deleted():
    stage = Stage(setting=Setting(keep_copies=1))
    first = night(stage)
    stage.next_night()

    second = night(stage)

    arn = stage.cloud.backup.arn("snapshot", "restorecheck-")
    assert second.retention.deleted == (arn + first.id,)
    assert second.retention.kept == (arn + second.id,)


def test_a_broken_copy_goes_with_the_next_good_one_and_never_before():
    stage = Stage(setting=Setting(keep_copies=1))
    stage.cloud.copies.extend([PlannedOutcome(), PlannedOutcome(status="failed")])
    broken = night(stage)
    assert kept(stage) == {broken.id}
    assert broken.verdict is Verdict.INCONCLUSIVE
    stage.next_night()

    good = night(stage)

    assert kept(stage) == {good.id}


def test_a_broken_staging_copy_goes_and_the_newest_whole_one_stays():
    stage = Stage()
    first = night(stage)
    stage.next_night()
    stage.cloud.copies.append(PlannedOutcome(status="failed"))
    night(stage)
    assert f"restorecheck-{first.id}" in stage.cloud.source.snapshots
    stage.next_night()

    third = night(stage)

    staging = [n for n, s in stage.cloud.source.snapshots.items() if s.type == "manual"]
    assert staging == [f"restorecheck-{third.id}"]


def test_a_standby_is_replaced_by_the_next_verified_one_and_by_no_other():
    stage = Stage(setting=Setting(after=After.STOP))
    first = night(stage)
    stage.next_night(good=False)
    night(stage)
    assert set(stage.cloud.backup.instances) == {f"restorecheck-{first.id}"}
    stage.next_night()

    third = night(stage)

    assert set(stage.cloud.backup.instances) == {f"restorecheck-{third.id}"}
    assert stage.cloud.backup.instances[f"restorecheck-{third.id}"].status == "stopped"
    stage.promises.at_end()


def test_the_report_names_what_was_deleted_however_long_the_earlier_standby_takes_to_go():
    stage = Stage(setting=Setting(after=After.STOP, keep_copies=1))
    first = night(stage)
    stage.next_night()

    second = night(stage)

    assert second.retention_waited >= 2 * stage.settings().poll
    ends = [
        [arn.rpartition(":")[2] for arn in arns]
        for arns in (second.retention.deleted, second.retention.kept)
    ]
    assert ends == [[f"restorecheck-{first.id}"], [f"restorecheck-{second.id}"]]


def test_a_standby_stays_while_a_verified_night_leaves_none_of_its_own():
    stage = Stage(setting=Setting(after=After.STOP))
    first = night(stage)
    stage.next_night()

    second = night(stage, keep=True)

    assert second.verdict is Verdict.VERIFIED
    assert not second.parked
    assert f"restorecheck-{first.id}" in stage.cloud.backup.instances


def test_where_standbys_are_no_longer_wanted_the_last_one_goes_with_the_next_verified_night():
    stage = Stage(setting=Setting(after=After.STOP))
    first = night(stage)
    stage.setting = Setting(after=After.DELETE)
    stage.next_night(good=False)
    night(stage)
    assert set(stage.cloud.backup.instances) == {f"restorecheck-{first.id}"}
    stage.next_night()

    night(stage)

    assert not stage.cloud.backup.instances


def test_what_is_kept_of_another_target_is_left_alone():
    stage = Stage(setting=Setting(after=After.STOP, keep_copies=1))
    other = f"restorecheck-{night(stage).id}"
    source, backup = stage.cloud.source, stage.cloud.backup
    for thing in (source.snapshots[other], backup.snapshots[other], backup.instances[other]):
        thing.tags["restorecheck:target"] = "invoices"
    source.snapshots[other].tags["restorecheck:source-db-instance"] = source.arn(
        "db", "invoices-prod"
    )
    stage.next_night()

    ours = f"restorecheck-{night(stage).id}"

    assert set(backup.snapshots) == {other, ours}
    assert set(backup.instances) == {other, ours}
    assert {other, ours} <= set(source.snapshots)


def test_a_standby_that_aws_has_started_again_is_stopped_by_the_sweep():
    stage = Stage(setting=Setting(after=After.STOP))
    drill = night(stage)
    instance = stage.cloud.backup.instances[f"restorecheck-{drill.id}"]
    assert Host(stage).sweep().parked == ()
    instance.status = "available"

    swept = Host(stage).sweep()

    assert [r.identifier for r in swept.parked] == [instance.arn]
    assert instance.status == "stopped"


def test_what_is_kept_on_request_stands_until_it_is_ended():
    stage = Stage()
    drill = night(stage, keep=True)
    assert drill.teardown_outcome is TeardownOutcome.KEPT
    stage.world.pass_time(30 * DAY)

    Host(stage).sweep()
    assert f"restorecheck-{drill.id}" in stage.cloud.backup.instances
    assert stage.cloud.backup.instances[f"restorecheck-{drill.id}"].status == "available"
    Host(stage).sweeper.sweep(end=[drill.id])

    assert stage.cloud.backup.instances == {}
    assert stage.store.load(drill.id).ledger == ()


OUTCOMES = {
    "failed": Verdict.FAILED,
    "incompatible-restore": Verdict.FAILED,
    "restore-error": Verdict.FAILED,
    "incompatible-network": Verdict.INCONCLUSIVE,
    "incompatible-parameters": Verdict.INCONCLUSIVE,
    "insufficient-capacity": Verdict.INCONCLUSIVE,
    "inaccessible-encryption-credentials": Verdict.INCONCLUSIVE,
    "storage-full": Verdict.INCONCLUSIVE,
    "stopped": Verdict.INCONCLUSIVE,
    "upgrade-failed": Verdict.INCONCLUSIVE,
    "a status of the future": Verdict.INCONCLUSIVE,
}


@pytest.mark.parametrize("status", OUTCOMES)
def test_how_a_restore_ends_decides_what_is_said_of_the_backup(status):
    """A status that speaks of the backup is believed at the second time."""
    stage = Stage()
    stage.cloud.restores.extend([PlannedOutcome(status=status, event="The restore ended")] * 2)

    drill = night(stage)
    clean_up(stage)

    assert drill.verdict is OUTCOMES[status]
    assert drill.results == ()
    assert status in drill.reason
    texts = [o.text for o in drill.evidence]
    assert "The restore ended" in texts
    assert drill.restore_outcome is not RestoreOutcome.SUCCEEDED


@pytest.mark.parametrize("where", [0, 1], ids=["staging copy", "copy"])
def test_a_copy_that_fails_says_nothing_of_the_backup(where):
    stage = Stage()
    stage.cloud.copies.extend([PlannedOutcome()] * where + [PlannedOutcome(status="failed")])

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "is failed" in drill.reason
    assert stage.cloud.backup.instances == {}


@pytest.mark.parametrize("what", ["copies", "restores"])
def test_what_never_ends_is_ended_by_the_deadline(what):
    stage = Stage()
    getattr(stage.cloud, what).append(PlannedOutcome(takes=NEVER))

    drill = night(stage)
    clean_up(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert drill.failure is not None
    assert drill.failure.timed_out
    assert drill.finished_at - drill.started_at < DEADLINE + timedelta(hours=2)


@pytest.mark.parametrize("credentials", [Credentials.MANAGED_SECRET, Credentials.RESET])
def test_a_password_that_rds_cannot_change_is_inconclusive(credentials):
    stage = Stage(setting=Setting(credentials=credentials))
    stage.cloud.passwords.append(PlannedOutcome(status="failed"))

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "could not change the master password" in drill.reason
    assert drill.results == ()


@pytest.mark.parametrize("credentials", [Credentials.MANAGED_SECRET, Credentials.RESET])
def test_a_password_that_rds_cannot_change_is_inconclusive_though_nobody_says_so(credentials):
    stage = Stage(setting=Setting(credentials=credentials))
    stage.cloud.passwords.append(PlannedOutcome(status="failed"))
    stage.cloud.delivery = EventDelivery.NEVER

    drill = night(stage)

    assert (drill.verdict, drill.ledger) == (Verdict.INCONCLUSIVE, ())


def test_events_that_come_twice_and_in_any_order_stand_once_and_in_order_in_the_evidence():
    stage = Stage()
    stage.cloud.delivery = EventDelivery.TWICE

    events = [o for o in night(stage).evidence if o.source == "RDS event"]

    assert [e.text for e in events][-1] == "Reset master credentials"
    assert len(events) == len({(e.at, e.text) for e in events}) > 2
    assert events == sorted(events, key=lambda e: e.at)


@pytest.mark.parametrize("delivery", list(EventDelivery), ids=lambda delivery: delivery.value)
@pytest.mark.parametrize("seconds", [20, 90, 200, 330])
@pytest.mark.parametrize("credentials", [Credentials.MANAGED_SECRET, Credentials.RESET])
def test_a_password_that_takes_its_time_is_waited_for(credentials, seconds, delivery):
    """However long until it is seen that it is under way, nobody logs in too early for good, and
    events, which may be lost, come twice or in any order, decide nothing.
    """
    pace = CloudPace(password=seconds, visible=seconds / 3)
    stage = Stage(setting=Setting(credentials=credentials), pace=pace)
    stage.cloud.delivery = delivery

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED, drill.reason
    refused = [o for o in stage.world.effects if o == "answer check"]
    assert len(refused) == len(drill.checks)


@pytest.mark.parametrize("minutes", [0, 1, 3, 5])
def test_what_is_seen_late_is_made_once_and_deleted(minutes):
    """Up to what a drill waits for: six looks."""
    for at in range(1, 40, 2):
        stage = Stage(pace=CloudPace(visible=60 * minutes))
        host = Host(stage)
        drill_id = host.start()
        for _ in range(at):
            outcome = host.engine.advance(drill_id)
            stage.world.pass_time(getattr(outcome, "duration", timedelta(0)))
        host.engine.abort(drill_id, "interrupted")

        drill = host.drive(drill_id)

        assert drill.ledger == ()
        stage.world.pass_time(timedelta(hours=1))
        stage.promises.at_end()


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("InsufficientDBInstanceCapacity", Verdict.VERIFIED),
        ("InstanceQuotaExceeded", Verdict.VERIFIED),
        ("Throttling", Verdict.VERIFIED),
        ("InvalidRestoreFault", Verdict.INCONCLUSIVE),
        ("DBSubnetGroupNotFoundFault", Verdict.INCONCLUSIVE),
        ("KMSKeyNotAccessibleFault", Verdict.INCONCLUSIVE),
        ("SomethingNew", Verdict.INCONCLUSIVE),
    ],
)
def test_a_restore_that_is_refused_is_waited_for_or_inconclusive(code, verdict):
    stage = Stage()
    times = 0

    def before(_number, name):
        nonlocal times
        if name.startswith("RestoreDB") and times < 8:
            times += 1
            raise Refusal(code)

    stage.world.before = before

    drill = night(stage)

    assert drill.verdict is verdict, drill.reason
    assert drill.ledger == ()
    if verdict is Verdict.INCONCLUSIVE:
        assert code in drill.reason
        assert times == 1


@pytest.mark.parametrize(
    ("age", "verdict"),
    [(25, Verdict.VERIFIED), (25.99, Verdict.VERIFIED), (26.01, Verdict.FAILED)],
)
def test_a_backup_is_stale_from_the_allowed_age_on(age, verdict):
    stage = Stage()
    stage.cloud.source.snapshots.clear()
    stage.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(hours=age))

    drill = night(stage)

    assert drill.verdict is verdict
    if verdict is Verdict.FAILED:
        assert "stale" in drill.reason
        assert stage.cloud.backup.snapshots == {}
        assert "no verified copy" in drill.hint


def test_no_snapshot_at_all_names_the_newest_verified_copy():
    stage = Stage()
    first = night(stage)
    stage.next_night(good=False)
    night(stage)
    stage.world.pass_time(DAY)
    for name in [n for n, s in stage.cloud.source.snapshots.items() if s.type == "automated"]:
        del stage.cloud.source.snapshots[name]
    calls = len(stage.cloud.calls)

    drill = night(stage)

    assert drill.verdict is Verdict.FAILED
    assert f"restorecheck-{first.id}" in drill.hint
    writes = [c.operation for c in stage.cloud.calls[calls:]]
    assert not [w for w in writes if w.startswith(("Copy", "Modify", "Restore", "Delete"))]


def test_the_newest_finished_snapshot_is_taken_whatever_else_is_there():
    stage = Stage()
    wanted = max((s for s in stage.cloud.source.snapshots.values()), key=lambda s: s.original_at)
    under_way = stage.cloud.take_automated_snapshot(PRODUCTION)
    under_way.status, under_way.created_at = "creating", None
    other = stage.cloud.take_automated_snapshot(PRODUCTION, age=MINUTE)
    other.instance = "another-prod"

    drill = night(stage)

    assert drill.backup is not None
    assert drill.backup.identifier == wanted.arn
    assert drill.verdict is Verdict.VERIFIED
    assert any("newer automated snapshot" in note for note in drill.notes)


def test_a_wrong_account_is_left_before_anything_is_asked():
    stage = Stage()
    stage.cloud.backup.account_id = "333333333333"

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "333333333333" in drill.reason
    assert {c.operation for c in stage.cloud.calls} == {"GetCallerIdentity"}


def test_a_default_key_without_a_transit_key_is_refused_before_anything_is_made():
    stage = Stage()
    stage.transit_key = ""

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "default key" in drill.reason
    assert len(stage.cloud.source.snapshots) == 2


@pytest.mark.parametrize("key", ["", "a customer's"])
def test_without_a_transit_key_what_can_be_shared_is_proven(key):
    stage = Stage()
    stage.transit_key = ""
    both = frozenset({SOURCE_ACCOUNT, BACKUP_ACCOUNT})
    made = key and stage.cloud.key(stage.cloud.source, "production", admits=both)
    stage.production.settings = stage.production.settings | {"KmsKeyId": made}
    stage.world.pass_time(DAY)
    stage.next_night()

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED
    assert any("not encrypted" in note for note in drill.notes) is not bool(key)


def test_a_backup_is_as_old_as_its_data_and_known_by_when_it_was_begun():
    stage = Stage()
    newest = max(stage.cloud.source.snapshots.values(), key=lambda s: s.original_at)
    newest.database_at -= 5 * MINUTE  # its last transaction

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED
    assert drill.backup is not None
    assert drill.backup.taken_at == newest.original_at - 5 * MINUTE


def test_retention_that_may_not_prune_changes_no_verdict_and_is_told():
    stage = Stage(setting=Setting(keep_copies=1))
    night(stage)
    stage.next_night()
    Disturbance(stage, Fault(0, f"DeleteDBSnapshot in {BACKUP_ACCOUNT}", Kind.DENIED, None))

    drill = night(stage)

    assert drill.verdict is Verdict.VERIFIED
    assert any("retention was not applied" in note for note in drill.notes)
    assert len(kept(stage)) == 2


def test_a_report_says_what_its_drill_says():
    stage = Stage()

    drill = night(stage)

    report = document.parse(stage.store.report(drill.id))
    assert report.verdict is drill.verdict
    assert report.drill_id == drill.id
    assert report.teardown.left == ()
    assert stage.cloud.calls


def test_no_password_and_no_row_is_in_any_log_line(capfd):
    import logging  # noqa: PLC0415  # for this test alone

    import structlog  # noqa: PLC0415  # as above

    usual = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        for credentials in Credentials:
            stage = Stage(setting=Setting(credentials=credentials))
            stage.cloud.restores.append(PlannedOutcome(shown="a status of the future"))
            night(stage)
            printed = "".join(capfd.readouterr())
            assert "drill.advanced" in printed
            assert "status.unknown" in printed
            for line in printed.splitlines():
                stage.promises._hold_no_secret(line, "a log line")
    finally:
        structlog.configure(**usual)
