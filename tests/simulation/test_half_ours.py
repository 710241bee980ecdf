"""What has our name and not our mark, or the mark and not the name; and what has changed hands since it was
last looked at.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.aws.session.snapshot_kinds import OF_INSTANCES
from restorecheck.errors import AlreadyExistsError
from restorecheck.lifecycle import InProgress, Parked, Retain, StillThere, Unclear, decide
from restorecheck.model import Resource, Verdict
from restorecheck.testing.cloud import Data
from restorecheck.testing.cloud.things import Secret
from tests.simulation.stage import MINUTE, PRODUCTION, Host, Setting, Stage
from tests.simulation.test_many_nights import night

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MANAGED, ROLE, EXPIRES = "restorecheck:managed", "restorecheck:role", "restorecheck:expires-at"

NOT_QUITE_OURS = [
    ("theirs", {}),
    ("theirs-restorecheck-1", {}),
    ("restorecheck-theirs", {MANAGED: None}),
    ("restorecheck-theirs", {MANAGED: "false"}),
    ("restorecheck-theirs", {ROLE: None}),
    ("restorecheck-theirs", {ROLE: "something else"}),
    ("restorecheck-theirs", {"restorecheck:target": "invoices"}),
]


def changed(tags, changes):
    found = {**tags, **changes}
    return {key: value for key, value in found.items() if value is not None}


def twin(home, snapshot, name, changes):
    """A snapshot that somebody else made, like one of ours, and older."""
    made = replace(
        snapshot,
        identifier=name,
        arn=home.arn("snapshot", name),
        tags=changed(snapshot.tags, changes),
        original_at=snapshot.original_at - DAY,
        shared={},
        made_by="operator",
    )
    home.snapshots[name] = made
    return made


def until(host, drill_id, name):
    """Drive a drill up to a step."""
    stage = host.stage
    while (step := stage.store.load(drill_id).step) is None or step.name != name:
        host.engine.advance(drill_id)
        stage.world.pass_time(MINUTE)
        stage.cloud.tick()


def until_retention(host, drill_id):
    stage = host.stage
    while decide(stage.store.load(drill_id)) != Retain():
        host.engine.advance(drill_id)
        stage.world.pass_time(MINUTE)
        stage.cloud.tick()


@pytest.mark.parametrize(("name", "changes"), NOT_QUITE_OURS)
def test_retention_leaves_snapshots_that_are_not_quite_ours(name, changes):
    stage = Stage(setting=Setting(keep_copies=1))
    first = f"restorecheck-{night(stage).id}"
    backup = stage.cloud.backup
    theirs = twin(backup, backup.snapshots[first], name, changes)
    stage.next_night()

    drill = night(stage)

    assert set(backup.snapshots) == {name, f"restorecheck-{drill.id}"}
    assert theirs.arn not in drill.retention.kept
    assert not [note for note in drill.notes if "retention was not applied" in note]


@pytest.mark.parametrize(
    ("name", "changes"),
    [*NOT_QUITE_OURS[:-1], ("restorecheck-theirs", {"restorecheck:source-db-instance": "other"})],
)
def test_staging_copies_that_are_not_quite_ours_are_left(name, changes):
    stage = Stage()
    first = f"restorecheck-{night(stage).id}"
    source = stage.cloud.source
    twin(source, source.snapshots[first], name, changes)
    stage.next_night()

    drill = night(stage)

    manual = {n for n, s in source.snapshots.items() if s.type == "manual"}
    assert manual == {name, f"restorecheck-{drill.id}"}


@pytest.mark.parametrize(
    ("name", "changes"), [*NOT_QUITE_OURS, ("restorecheck-other", {ROLE: "instance"})]
)
def test_instances_that_are_not_quite_earlier_standbys_are_left(name, changes):
    """One that another drill of this target asks right now, above all."""
    stage = Stage(setting=Setting(after=After.STOP))
    first = f"restorecheck-{night(stage).id}"
    backup = stage.cloud.backup
    standby = backup.instances[first]
    other = stage.cloud.add_instance(
        backup,
        name,
        standby.settings,
        tags=changed(standby.tags, changes),
        data=Data("somewhere else"),
    )
    stage.next_night()

    drill = night(stage)

    assert set(backup.instances) == {name, f"restorecheck-{drill.id}"}
    assert other.status == "available"


# --- staging copies of other drills


def test_a_staging_copy_that_was_never_copied_goes_when_its_drill_can_be_alive_no_longer():
    stage = Stage()
    dead = Host(stage)
    drill_id = dead.start()
    until(dead, drill_id, "copy")
    stage.next_night()

    drill = night(stage)

    staging = [n for n, s in stage.cloud.source.snapshots.items() if s.type == "manual"]
    assert staging == [f"restorecheck-{drill.id}"]


def test_a_staging_copy_that_does_not_say_until_when_belongs_to_nobody_alive():
    stage = Stage()
    dead = Host(stage)
    drill_id = dead.start()
    until(dead, drill_id, "copy")
    del stage.cloud.source.snapshots[f"restorecheck-{drill_id}"].tags[EXPIRES]
    stage.cloud.take_automated_snapshot(PRODUCTION, age=SECOND)

    host = Host(stage)
    other = host.start()
    until(host, other, "restore")

    assert f"restorecheck-{drill_id}" not in stage.cloud.source.snapshots


def test_a_staging_copy_stays_while_its_drill_is_about_to_copy_it():
    stage = Stage()
    slow = Host(stage)
    drill_id = slow.start()
    until(slow, drill_id, "share")
    stage.cloud.take_automated_snapshot(PRODUCTION, age=SECOND)
    quick = night(stage)

    assert quick.verdict is Verdict.VERIFIED
    assert f"restorecheck-{drill_id}" in stage.cloud.source.snapshots
    assert slow.drive(drill_id).verdict is Verdict.VERIFIED


def test_the_time_that_a_share_may_take_is_counted_from_the_step_that_waits_for_it():
    """Not from the drill's start: a staging copy of a large database takes hours."""
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "share")
    stage.world.pass_time(2 * 60 * MINUTE)
    until(host, drill_id, "copy")
    staging = stage.cloud.source.snapshots[f"restorecheck-{drill_id}"]
    (account,) = staging.shared
    staging.shared[account] = stage.world.now() + 5 * MINUTE

    assert host.drive(drill_id).verdict is Verdict.VERIFIED


# --- what has changed hands since it was last looked at


def disown(stage, thing):
    stage.promises.disowned.add(thing.arn)
    thing.tags.clear()
    stage.world.pass_time(SECOND)


@pytest.mark.parametrize("deed", ["delete", "park"])
def test_an_instance_that_was_taken_over_a_moment_ago_is_neither_deleted_nor_stopped(deed):
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "check")
    drill = stage.store.load(drill_id)
    instance = stage.cloud.backup.instances[f"restorecheck-{drill_id}"]
    resource = Resource(kind="DB instance", identifier=instance.arn, account="222222222222")
    host.provider.backup_account().instances.fresh()
    disown(stage, instance)

    answer = (
        host.provider.delete(resource, drill.started_at)
        if deed == "delete"
        else host.provider.park(resource)
    )

    assert isinstance(answer, StillThere)
    assert answer.detail == "not deleted: the tags of restorecheck are missing"
    assert instance.status == "available"
    stage.promises.look()


@pytest.mark.parametrize(("status", "said"), [("stopping", StillThere), ("stopped", Parked)])
def test_a_standby_is_at_rest_when_it_has_stopped_and_not_before(status, said):
    stage = Stage(setting=Setting(after=After.STOP))
    drill = night(stage)
    (standby,) = drill.parked
    instance = stage.cloud.backup.instances[f"restorecheck-{drill.id}"]
    assert (instance.status, instance.tags[ROLE]) == ("stopped", "standby")
    instance.status = status
    stage.world.pass_time(SECOND)

    assert isinstance(Host(stage).provider.park(standby), said)


def test_a_copy_whose_verdict_is_none_that_we_know_is_one_without():
    stage = Stage(setting=Setting(keep_copies=1))
    first = f"restorecheck-{night(stage).id}"
    stage.cloud.backup.snapshots[first].tags["restorecheck:verdict"] = "splendid"
    for _ in range(2):
        stage.next_night()
        drill = night(stage)

    assert set(stage.cloud.backup.snapshots) == {f"restorecheck-{drill.id}"}
    assert not [note for note in drill.notes if "retention was not applied" in note]


@pytest.mark.parametrize("step", ["staging copy", "copy"])
def test_a_snapshot_of_our_name_that_somebody_else_made_goes_no_further(step):
    """It is whole, of the right key and of the right original: only its tags are not ours."""
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, step)
    home = stage.cloud.source if step == "staging copy" else stage.cloud.backup
    while f"restorecheck-{drill_id}" not in home.snapshots:
        host.engine.advance(drill_id)
    stage.world.pass_time(10 * MINUTE)
    stage.cloud.tick()
    disown(stage, home.snapshots[f"restorecheck-{drill_id}"])
    drill = stage.store.load(drill_id)
    assert drill.step is not None

    early = host.provider.ensure(drill, drill.step)  # its tags might yet come
    assert isinstance(early, InProgress)
    stage.world.pass_time(10 * MINUTE)
    with pytest.raises(AlreadyExistsError):
        host.provider.ensure(drill.evolve(outputs=drill.outputs | early.outputs), drill.step)


@pytest.mark.parametrize(
    ("changes", "newer"),
    [
        ({}, False),
        ({"restorecheck:target": "invoices"}, True),
        ({ROLE: "something else"}, True),
        ({"restorecheck:verdict": "failed"}, True),
    ],
)
def test_the_copy_that_is_named_to_restore_from_is_the_newest_verified_one_of_this_target(
    changes, newer
):
    stage = Stage()
    first = f"restorecheck-{night(stage).id}"
    backup = stage.cloud.backup
    other = twin(backup, backup.snapshots[first], "restorecheck-other", changes)
    if newer:
        other.original_at += 2 * DAY
    stage.world.pass_time(4 * DAY)

    drill = night(stage)

    assert drill.verdict is Verdict.FAILED
    assert f"Restore from the newest verified copy, {first} " in drill.hint


@pytest.mark.parametrize("stranger", ["999999999999", "all"])
def test_a_staging_copy_that_somebody_else_may_read_goes_no_further(stranger):
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "share")
    staging = stage.cloud.source.snapshots[f"restorecheck-{drill_id}"]
    staging.shared[stranger] = stage.world.now()

    drill = host.drive(drill_id)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert f"is also shared with {stranger}" in drill.reason
    assert f"restorecheck-{drill_id}" not in stage.cloud.backup.snapshots


@pytest.mark.parametrize("moved", [{"region": "eu-north-1"}, {"account_id": "333333333333"}])
def test_a_share_in_a_place_that_is_no_longer_configured_is_not_called_gone(moved):
    """The snapshot of that name here is not shared; the other one may be."""
    stage = Stage()
    drill = night(stage)
    stage.world.pass_time(DAY)
    place = replace(stage.settings().source.place, **moved)
    share = Resource(
        kind="snapshot share",
        identifier=place.arn("snapshot", f"restorecheck-{drill.id}"),
        account=place.account_id,
    )

    answer = Host(stage).provider.delete(share, drill.started_at)

    assert isinstance(answer, StillThere)


def test_an_instance_that_is_taken_over_before_its_password_is_changed_keeps_it():
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "credentials")
    drill = stage.store.load(drill_id)
    assert drill.step is not None
    instance = stage.cloud.backup.instances[f"restorecheck-{drill_id}"]
    host.provider.backup_account().instances.fresh()
    disown(stage, instance)

    with pytest.raises(AlreadyExistsError):
        host.provider.ensure(drill, drill.step)

    assert "ModifyDBInstance" not in {call.operation for call in stage.cloud.calls}


def test_a_copy_that_was_taken_over_a_moment_ago_gets_no_verdict_and_is_not_pruned():
    stage = Stage(setting=Setting(keep_copies=1))
    earlier = stage.cloud.backup.snapshots[f"restorecheck-{night(stage).id}"]
    stage.next_night()
    host = Host(stage)
    drill_id = host.start()
    until_retention(host, drill_id)
    tonight = stage.cloud.backup.snapshots[f"restorecheck-{drill_id}"]
    host.provider.backup_account().snapshots(OF_INSTANCES).manual.fresh()
    disown(stage, tonight)
    disown(stage, earlier)

    host.engine.advance(drill_id)

    assert (tonight.tags, earlier.tags) == ({}, {})
    assert earlier.identifier in stage.cloud.backup.snapshots


def test_a_staging_copy_that_was_taken_over_a_moment_ago_is_not_pruned():
    stage = Stage()
    earlier = stage.cloud.source.snapshots[f"restorecheck-{night(stage).id}"]
    stage.next_night()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "unshare")
    host.engine.advance(drill_id)
    host.provider.source_account().snapshots(OF_INSTANCES).manual.fresh()
    disown(stage, earlier)
    stage.cloud.source.snapshots[f"restorecheck-{drill_id}"].shared.clear()

    host.engine.advance(drill_id)

    assert earlier.identifier in stage.cloud.source.snapshots


def test_a_copy_that_is_replaced_while_it_is_restored_is_noticed():
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "restore")
    host.engine.advance(drill_id)
    stage.world.pass_time(10 * MINUTE)
    stage.cloud.tick()
    host.provider.backup_account().snapshots(OF_INSTANCES).manual.fresh()
    host.provider.backup_account().instances.fresh()
    stage.world.pass_time(SECOND)
    copy = stage.cloud.backup.snapshots[f"restorecheck-{drill_id}"]
    copy.original_at -= DAY
    copy.database_at -= DAY
    drill = stage.store.load(drill_id)
    assert drill.step is not None

    event = host.provider.ensure(drill, drill.step)

    assert isinstance(event, Unclear)
    assert "was replaced" in event.reason


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("PubliclyAccessible", True, "public address"),
        ("DeletionProtection", True, "protected against deletion"),
        ("DBSubnetGroupName", "everybody", "subnet group everybody"),
    ],
)
def test_an_instance_that_is_set_up_otherwise_than_asked_for_is_not_asked(setting, value, said):
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "restore")
    host.engine.advance(drill_id)
    instance = stage.cloud.backup.instances[f"restorecheck-{drill_id}"]
    instance.settings = instance.settings | {setting: value}
    stage.world.pass_time(10 * MINUTE)
    stage.cloud.tick()
    drill = stage.store.load(drill_id)
    assert drill.step is not None

    event = host.provider.ensure(drill, drill.step)

    assert isinstance(event, Unclear)
    assert said in event.reason


def test_a_subnet_group_has_the_same_name_in_large_and_small_letters():
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "restore")
    host.engine.advance(drill_id)
    instance = stage.cloud.backup.instances[f"restorecheck-{drill_id}"]
    instance.settings = instance.settings | {"DBSubnetGroupName": "Drills"}

    assert host.drive(drill_id).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("where", "change", "said"),
    [
        ("backup", {"kms_key_id": "arn:aws:kms:x:2:key/other"}, "it is encrypted with"),
        ("backup", {"source_arn": "arn:aws:rds:x:3:snapshot:s"}, "its source is"),
        (
            "source",
            {"kms_key_id": "arn:aws:kms:x:1:key/other"},
            "not encrypted with source.transit_kms_key_id",
        ),
    ],
)
def test_a_copy_that_is_not_what_was_asked_for_goes_no_further(where, change, said):
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "staging copy" if where == "source" else "copy")
    home = stage.cloud.source if where == "source" else stage.cloud.backup
    while f"restorecheck-{drill_id}" not in home.snapshots:
        host.engine.advance(drill_id)
    stage.world.pass_time(10 * MINUTE)
    stage.cloud.tick()
    for name, value in change.items():
        setattr(home.snapshots[f"restorecheck-{drill_id}"], name, value)
    drill = stage.store.load(drill_id)
    assert drill.step is not None

    event = host.provider.ensure(drill, drill.step)

    assert isinstance(event, Unclear)
    assert said in event.reason


def test_what_is_no_postgresql_is_left_alone():
    stage = Stage()
    for snapshot in stage.cloud.source.snapshots.values():
        snapshot.instance_settings = snapshot.instance_settings | {"Engine": "mysql"}

    drill = night(stage)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "its engine is MySQL (mysql)" in drill.reason
    assert not stage.cloud.backup.snapshots


# --- secrets, and what calls say


def own_secret(stage, name, tags):
    stage.cloud.backup.secrets[name] = Secret(
        name=name,
        arn=stage.cloud.backup.arn("secret", f"{name}-AbCdEf", "secretsmanager"),
        text='{"username": "dbadmin", "password": "Somebody-Elses-1"}',
        tags=tags,
        visible_from=stage.world.now(),
        made_by="operator",
    )


def test_a_secret_of_our_name_that_somebody_else_made_is_not_used():
    stage = Stage(setting=Setting(credentials=Credentials.RESET))
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "credentials")
    own_secret(stage, f"restorecheck-{drill_id}", {"owner": "somebody else"})

    drill = host.drive(drill_id)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert "exists without the tag of this drill" in drill.reason
    assert "ModifyDBInstance" not in {call.operation for call in stage.cloud.calls}


@pytest.mark.parametrize("credentials", [Credentials.RESET, Credentials.MANAGED_SECRET])
def test_what_aws_would_put_off_is_asked_for_at_once(credentials):
    """A password in the next maintenance window, a secret for another week, a last snapshot."""
    stage = Stage(setting=Setting(credentials=credentials))

    assert night(stage).verdict is Verdict.VERIFIED

    given = {call.operation: call.parameters for call in stage.cloud.calls}
    assert given["ModifyDBInstance"]["ApplyImmediately"] is True
    assert given["DeleteDBInstance"]["SkipFinalSnapshot"] is True
    if credentials is Credentials.RESET:
        assert given["DeleteSecret"]["ForceDeleteWithoutRecovery"] is True
