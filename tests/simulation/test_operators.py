"""At every step of a night an operator deletes, stops, re-tags, shares, protects or replaces something."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.engine import Done
from restorecheck.model import Drill, TeardownOutcome, Verdict
from restorecheck.testing.cloud import BACKUP_ACCOUNT, Data, Instance, Snapshot
from restorecheck.testing.cloud.clients import Session
from tests.simulation.disturbing import clean_up
from tests.simulation.stage import MINUTE, PASSWORD, PRODUCTION, Host, Setting, Stage

Deed = Callable[[Stage, str], bool]
"""Done to the things of a drill with this name; False where there is nothing to do it to."""


def instance_of(stage: Stage, name: str) -> Instance | None:
    return stage.cloud.backup.instances.get(name)


def copy_of(stage: Stage, name: str) -> Snapshot | None:
    return stage.cloud.backup.snapshots.get(name)


def staging_of(stage: Stage, name: str) -> Snapshot | None:
    return stage.cloud.source.snapshots.get(name)


def deletes_the_instance(stage, name):
    found = instance_of(stage, name)
    if found is not None:
        stage.cloud.remove_instance(stage.cloud.backup, found)
    return found is not None


def begins_to_delete_the_instance(stage, name):
    found = instance_of(stage, name)
    if found is None or found.status != "available":
        return False
    rds = Session(stage.cloud, BACKUP_ACCOUNT, caller="operator").client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    return True


def deletes_the_copy(stage, name):
    found = copy_of(stage, name)
    if found is not None:
        stage.promises.deleted_by_others.add(found.arn)
        stage.cloud.remove_snapshot(stage.cloud.backup, found)
    return found is not None


def deletes_the_staging_copy(stage, name):
    found = staging_of(stage, name)
    if found is not None:
        stage.cloud.remove_snapshot(stage.cloud.source, found)
    return found is not None


def _disown(stage, found):
    if found is None:
        return False
    stage.promises.disowned.add(found.arn)
    found.tags.clear()
    found.tags["owner"] = "somebody else"
    return True


def takes_our_tags_from_the_instance(stage, name):
    return _disown(stage, instance_of(stage, name))


def takes_our_tags_from_the_copy(stage, name):
    return _disown(stage, copy_of(stage, name))


def takes_our_tags_from_the_staging_copy(stage, name):
    return _disown(stage, staging_of(stage, name))


def says_that_the_instance_is_of_another_drill(stage, name):
    found = instance_of(stage, name)
    if found is not None:
        stage.promises.retagged.add(found.arn)
        found.tags["restorecheck:drill-id"] = "20200101-000000-ffffff"
    return found is not None


def says_that_the_copy_is_of_another_drill(stage, name):
    found = copy_of(stage, name)
    if found is not None:
        found.tags["restorecheck:drill-id"] = "20200101-000000-ffffff"
    return found is not None


def stops_the_instance(stage, name):
    found = instance_of(stage, name)
    if found is None or found.status != "available":
        return False
    found.status = "stopped"
    return True


def protects_the_instance(stage, name):
    found = instance_of(stage, name)
    if found is not None:
        found.settings["DeletionProtection"] = True
    return found is not None


def replaces_the_instance(stage, name):
    """By one of his own, of other data, that lets in whoever knows production's password."""
    old = instance_of(stage, name)
    if old is None or old.status == "deleting":
        return False
    cloud = stage.cloud
    cloud.remove_instance(cloud.backup, old)
    new = cloud.add_instance(
        cloud.backup,
        name,
        old.settings | {"EnableIAMDatabaseAuthentication": False},
        tags=dict(old.tags),
        data=Data("somewhere else"),
        password=PASSWORD,
    )
    new.tags.pop("restorecheck:managed", "")
    return True


def renames_the_instance(stage, name):
    """ModifyDBInstance with NewDBInstanceIdentifier: address and ARN change, what it is does not."""
    found = instance_of(stage, name)
    if found is None or found.status != "available":
        return False
    home = stage.cloud.backup
    del home.instances[name]
    found.identifier = f"rescued-{len(home.instances)}"
    found.arn = home.arn("db", found.identifier)
    found.host = found.host.replace(name, found.identifier)
    home.instances[found.identifier] = found
    stage.promises.disowned.add(found.arn)
    return True


def shares_the_staging_copy_with_a_stranger(stage, name):
    found = staging_of(stage, name)
    if found is None or found.status != "available":
        return False
    found.shared["999999999999"] = stage.world.now()
    return True


def swaps_what_the_copy_is_of(stage, name):
    """The same name and tags, and an older original."""
    found = copy_of(stage, name)
    automated = [s for s in stage.cloud.source.snapshots.values() if s.type == "automated"]
    if found is None or instance_of(stage, name) or not automated:
        return False
    older = min(automated, key=lambda s: s.original_at)
    found.original_at, found.data = older.original_at, older.data
    found.database_at = older.database_at
    return True


def disables_the_key_of_the_copies(stage, name):
    stage.cloud.backup.keys[stage.backup_key].enabled = False
    return True


def deletes_the_automated_snapshot(stage, name):
    automated = [s for s in stage.cloud.source.snapshots.values() if s.type == "automated"]
    newest = max(automated, key=lambda s: s.original_at, default=None)
    if newest is None:
        return False
    del stage.cloud.source.snapshots[newest.identifier]
    return True


def takes_another_snapshot_of_production(stage, name):
    stage.cloud.take_automated_snapshot(PRODUCTION, good=False)
    return True


DEEDS = [
    deletes_the_instance,
    begins_to_delete_the_instance,
    deletes_the_copy,
    deletes_the_staging_copy,
    takes_our_tags_from_the_instance,
    takes_our_tags_from_the_copy,
    takes_our_tags_from_the_staging_copy,
    says_that_the_instance_is_of_another_drill,
    says_that_the_copy_is_of_another_drill,
    stops_the_instance,
    protects_the_instance,
    replaces_the_instance,
    renames_the_instance,
    shares_the_staging_copy_with_a_stranger,
    swaps_what_the_copy_is_of,
    disables_the_key_of_the_copies,
    deletes_the_automated_snapshot,
    takes_another_snapshot_of_production,
]


def meddled_with(stage: Stage, deed: Deed, at: int) -> tuple[Drill, bool]:
    """A night in which somebody does this after so many steps."""
    host = Host(stage)
    drill_id = host.start()
    did = False
    for number in range(1000):
        if number == at:
            stage.world.pass_time(timedelta(milliseconds=1))
            did = deed(stage, f"restorecheck-{drill_id}")
            stage.world.pass_time(timedelta(milliseconds=1))
            if not did:
                break
        outcome = host.engine.advance(drill_id)
        if isinstance(outcome, Done):
            break
        stage.world.pass_time(outcome.duration)
    return stage.store.load(drill_id), did


def make_up(stage: Stage) -> None:
    """The operator takes back what keeps things from being deleted."""
    for instance in stage.cloud.backup.instances.values():
        instance.settings["DeletionProtection"] = False
    stage.cloud.backup.keys[stage.backup_key].enabled = True
    for snapshot in stage.cloud.source.snapshots.values():
        snapshot.shared.pop("999999999999", None)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__.replace("_", " "))
@pytest.mark.parametrize(
    "setting",
    [Setting(), Setting(credentials=Credentials.RESET, after=After.STOP)],
    ids=["managed secret", "reset and standby"],
)
def test_whatever_an_operator_does_and_whenever_everything_ends_as_promised(setting, deed):
    done = 0
    for at in range(1, 45):
        stage = Stage(setting=setting)
        try:
            drill, did = meddled_with(stage, deed, at)
            if did:
                done += 1
                untouched = {a: tags_at(stage, a) for a in stage.promises.disowned}
                make_up(stage)
                clean_up(stage)
                assert untouched == {a: tags_at(stage, a) for a in stage.promises.disowned}
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n  after {at} steps an operator {deed.__name__}") from exc
        if drill.finished and drill.ledger:
            assert drill.teardown_outcome is TeardownOutcome.INCOMPLETE

    assert done > 3


def tags_at(stage: Stage, arn: str) -> dict[str, str] | None:
    """Of what an operator has taken over: it is there as long as he wants."""
    homes = (stage.cloud.source, stage.cloud.backup)
    things: list[Instance | Snapshot] = []
    for home in homes:
        things += [*home.instances.values(), *home.snapshots.values()]
    return next((dict(t.tags) for t in things if t.arn == arn), None)


def test_a_copy_that_another_drill_has_taken_over_is_not_restored():
    stage = Stage()
    host = Host(stage)
    name = host.start()
    while stage.store.load(name).step.name != "unshare":
        host.engine.advance(name)
        stage.world.pass_time(MINUTE)
    assert says_that_the_copy_is_of_another_drill(stage, f"restorecheck-{name}")

    drill = host.drive(name)

    assert drill.verdict is Verdict.INCONCLUSIVE
    assert not [c for c in stage.cloud.calls if c.operation.startswith("Restore")]


def test_what_lost_our_tags_is_named_and_left():
    stage = Stage()

    drill, did = meddled_with(stage, takes_our_tags_from_the_instance, 17)

    assert did
    assert drill.verdict is Verdict.INCONCLUSIVE
    assert [r.kind for r in drill.ledger] == ["DB instance"]
    assert f"restorecheck-{drill.id}" in stage.cloud.backup.instances


def test_an_instance_that_was_renamed_is_named_until_somebody_deletes_or_takes_it_over():
    stage = Stage()

    drill, did = meddled_with(stage, renames_the_instance, 17)

    assert did
    assert drill.verdict is Verdict.INCONCLUSIVE
    assert [r.kind for r in drill.ledger] == ["DB instance"]
    assert "renamed to rescued-0" in drill.teardown_details[-1]
    stage.world.pass_time(timedelta(days=2))
    swept = Host(stage).sweep()
    assert "renamed to rescued-0" in swept.left[0][1]
    assert [r.identifier for r, _ in swept.plan.spared] == [
        stage.cloud.backup.arn("db", "rescued-0")
    ]

    stage.cloud.backup.instances["rescued-0"].tags.clear()

    swept = Host(stage).sweep()
    assert (swept.left, swept.plan.spared) == ((), ())
    assert "rescued-0" in stage.cloud.backup.instances


def gone_but_for_a_renamed_one(stage, *, drill_id=None, status="available"):
    """What a deletion says of an instance that is not there, beside one that somebody renamed."""
    host = Host(stage)
    name = host.start()
    drill = host.drive(name)
    assert drill.verdict is Verdict.VERIFIED
    other = stage.cloud.backup.instances.pop(f"restorecheck-{name}")
    stage.promises.disowned.add(other.arn)
    other.identifier, other.status = "rescued", status
    other.tags["restorecheck:drill-id"] = drill_id or name
    stage.cloud.backup.instances["rescued"] = other
    stage.world.pass_time(timedelta(days=1))
    (resource,) = drill.parked
    return type(Host(stage).provider.delete(resource, drill.started_at)).__name__


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, "StillThere"),
        ({"drill_id": "20260226-031500-ffffff"}, "Gone"),
        ({"status": "deleting"}, "Gone"),
    ],
)
def test_an_instance_is_gone_whatever_else_somebody_renamed_or_deletes(other, said):
    assert gone_but_for_a_renamed_one(Stage(setting=Setting(after=After.STOP)), **other) == said


def test_a_standby_that_was_renamed_is_named_by_the_sweep_and_left_as_it_is():
    stage = Stage(setting=Setting(after=After.STOP))
    host = Host(stage)
    name = host.start()
    host.drive(name)
    instance = stage.cloud.backup.instances[f"restorecheck-{name}"]
    instance.status = "available"
    assert renames_the_instance(stage, instance.identifier)
    stage.world.pass_time(timedelta(days=8))

    swept = Host(stage).sweep()

    assert [r.identifier for r, _ in swept.plan.spared] == [instance.arn]
    assert instance.status == "available"


@pytest.mark.parametrize(
    "tags",
    [
        {"owner": "somebody else"},
        {"restorecheck:managed": "true", "restorecheck:drill-id": "20200101-000000-ffffff"},
        {"restorecheck:drill-id": "its own"},
    ],
)
def test_what_has_our_name_and_not_our_whole_mark_is_named_by_the_sweep_and_left(tags):
    stage = Stage(setting=Setting(after=After.STOP))
    host = Host(stage)
    name = host.start()
    host.drive(name)
    instance = instance_of(stage, f"restorecheck-{name}")
    assert instance is not None
    stage.promises.disowned.add(instance.arn)
    instance.tags.clear()
    instance.tags.update({key: value.replace("its own", name) for key, value in tags.items()})
    stage.world.pass_time(timedelta(days=2))

    swept = Host(stage).sweep()

    assert instance_of(stage, instance.identifier) is instance
    assert [r.identifier for r, _ in swept.plan.spared] == [instance.arn]


def test_a_secret_that_lost_our_mark_is_named_and_left():
    stage = Stage(setting=Setting(credentials=Credentials.RESET))
    host = Host(stage)
    name = host.start()
    secrets = stage.cloud.backup.secrets
    while not secrets:
        host.engine.advance(name)
        stage.world.pass_time(MINUTE)
    (secret,) = secrets.values()
    stage.promises.disowned.add(secret.arn)
    secret.tags.clear()

    drill = host.drive(name)

    assert list(secrets.values()) == [secret]
    assert [r.kind for r in drill.ledger] == ["secret"]
