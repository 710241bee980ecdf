"""What a sweep finds in the two accounts: everything of ours, nothing of others, as of this moment."""

from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import Credentials
from restorecheck.testing.cloud import BACKUP_ACCOUNT, Data
from tests.simulation.disturbing import Disturbance, Fault, Kind
from tests.simulation.stage import Host, Setting, Stage
from tests.simulation.test_half_ours import EXPIRES, MANAGED, own_secret, until
from tests.simulation.test_many_nights import night

DAY = timedelta(days=1)


def tags_of(drill_id, **changes):
    tags = {MANAGED: "true", "restorecheck:drill-id": drill_id, **changes}
    return {key: value for key, value in tags.items() if value is not None}


def instance(stage, name, tags):
    return stage.cloud.add_instance(
        stage.cloud.backup,
        name,
        stage.production.settings,
        tags=tags,
        data=Data("somewhere"),
        caller="restorecheck/elsewhere",
    )


def test_things_of_others_are_not_found():
    stage = Stage()
    instance(stage, "theirs", {})
    instance(stage, "my-restorecheck-1", tags_of("1"))
    own_secret(stage, "production/password", {})

    assert Host(stage).inventory.find() == ()


def test_everything_is_found_on_whatever_page_it_stands():
    stage = Stage()
    names = {f"restorecheck-d-{number}" for number in range(5)}
    for name in names:
        instance(stage, name, tags_of(name.removeprefix("restorecheck-")))
        own_secret(stage, name, tags_of(name.removeprefix("restorecheck-")))

    found = Host(stage).inventory.find()

    for kind in ("DB instance", "secret"):
        of_kind = [f for f in found if f.resource.kind == kind]
        assert {f"restorecheck-{f.drill_id}" for f in of_kind} == names
        assert all(f.marked for f in of_kind)


def test_what_was_made_since_the_last_look_is_found():
    stage = Stage()
    host = Host(stage)
    assert host.inventory.find() == ()
    stage.world.pass_time(timedelta(seconds=1))
    instance(stage, "restorecheck-d-1", tags_of("d-1"))
    assert [f.resource.kind for f in host.inventory.find()] == ["DB instance"]
    working = Host(stage)
    drill_id = working.start()
    until(working, drill_id, "copy")
    stage.world.pass_time(timedelta(seconds=1))

    assert sorted(f.resource.kind for f in host.inventory.find()) == [
        "DB instance",
        "snapshot share",
    ]


def test_what_is_found_is_what_a_ledger_names():
    """Else a sweep takes for an orphan what it knows to belong to a drill."""
    stage = Stage(setting=Setting(credentials=Credentials.RESET))
    host = Host(stage)
    drill_id = host.start()
    seen = set()
    for step in ("unshare", "check"):
        until(host, drill_id, step)
        stage.world.pass_time(timedelta(seconds=1))
        seen |= {f.resource for f in host.inventory.find()}

    assert seen == set(stage.store.load(drill_id).ledger)
    assert len(seen) == len(("share", "instance", "secret"))


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({}, True),
        ({MANAGED: None}, False),
        ({MANAGED: "false"}, False),
        ({"restorecheck:drill-id": "d-2"}, False),
        ({"restorecheck:drill-id": None}, False),
    ],
)
def test_a_mark_is_whole_or_none(changes, marked):
    stage = Stage()
    instance(stage, "restorecheck-d-1", tags_of("d-1", **changes))

    (found,) = Host(stage).inventory.find()

    assert (found.drill_id, found.marked) == ("d-1", marked)


@pytest.mark.parametrize(
    ("expires", "alive"),
    [(timedelta(minutes=1), True), (timedelta(minutes=-1), False), (None, False)],
    ids=str,
)
def test_what_may_be_in_use_elsewhere_says_until_when(expires, alive):
    stage = Stage()
    until_when = None if expires is None else (stage.world.now() + expires).isoformat()
    instance(stage, "restorecheck-d-1", tags_of("d-1", **{EXPIRES: until_when}))

    (found,) = Host(stage).inventory.find()

    assert found.alive is alive


def test_what_is_kept_on_request_is_neither_deleted_nor_stopped_by_a_machine_that_knows_nothing():
    stage = Stage()
    drill = night(stage, keep=True)
    kept = stage.cloud.backup.instances[f"restorecheck-{drill.id}"]
    stage.forget()
    stage.world.pass_time(7 * DAY)
    host = Host(stage)

    (found,) = host.inventory.find()
    swept = host.sweep()

    assert (found.kept, found.restarted, found.alive) == (True, False, False)
    assert kept.status == "available"
    assert (swept.deleted, swept.parked, swept.left) == ((), (), ())


def test_a_log_that_is_not_to_be_had_costs_no_other_evidence():
    stage = Stage(good=False)
    host = Host(stage)
    Disturbance(stage, Fault(0, f"DescribeDBLogFiles in {BACKUP_ACCOUNT}", Kind.DENIED, None))

    drill = host.drive(host.start())

    sources = {seen.source for seen in drill.evidence}
    assert {"RDS event", "difference from production"} <= sources
    said = [seen.text for seen in drill.evidence if seen.source == "server log"]
    assert ["not available" in text for text in said] == [True]


def test_of_an_instance_that_is_not_ours_any_more_no_log_is_read():
    stage = Stage()
    host = Host(stage)
    drill_id = host.start()
    until(host, drill_id, "check")
    drill = stage.store.load(drill_id)
    assert host.provider.evidence(drill)
    theirs = stage.cloud.backup.instances[f"restorecheck-{drill_id}"]
    theirs.tags.clear()
    stage.world.pass_time(DAY)
    calls = len(stage.cloud.calls)

    assert host.provider.evidence(drill) == ()
    assert not [c for c in stage.cloud.calls[calls:] if "Log" in c.operation]
