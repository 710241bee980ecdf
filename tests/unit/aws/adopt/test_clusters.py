"""Aurora clusters that others restore: which instance is asked, which one is added, and what is deleted."""

from dataclasses import replace
from typing import Any

import pytest

from restorecheck.aws.adopt.clusters import AdoptedClusterProvider
from restorecheck.aws.adopt.leftovers import AdoptInventory
from restorecheck.aws.adopt.provider import INSTANCE_ARN
from restorecheck.aws.session import naming
from restorecheck.aws.session.call_guard import ADOPTED_CLUSTER_WRITES, refuse_strangers
from restorecheck.aws.session.cluster_views import ClusterView
from restorecheck.aws.session.settings import AdoptSettings, Place
from restorecheck.aws.session.views import InstanceView
from restorecheck.errors import AccessDeniedError, AlreadyExistsError, NotFoundError
from restorecheck.lifecycle import Broken, Gone, InProgress, Ready, StillThere, Unclear
from restorecheck.model import Resource
from tests.factories import HOUR, NOW, drill

PLACE = Place("aws", "222222222222", "eu-west-1")
PRODUCTION = "arn:aws:rds:eu-west-1:111111111111:cluster:courses"
NAME = "awsbackup-restore-test-1"
RESTORED = PLACE.arn("cluster", NAME)
SETTINGS = AdoptSettings(
    target="courses",
    place=PLACE,
    production=PRODUCTION,
    db_instance_class="db.t4g.medium",
    user="checker",
    deadline=HOUR,
)
CLUSTER = ClusterView(
    identifier=NAME,
    arn=RESTORED,
    status="available",
    resource_id="cluster-1",
    host="writer.example",
    port=5432,
)
DRILL = drill(outputs={INSTANCE_ARN: RESTORED})
OURS = naming.identifier_of(DRILL.id)
TAGS = naming.common_tags(
    drill_id=DRILL.id, target="courses", role=naming.INSTANCE, expires_at=NOW + HOUR
)
MEMBER = InstanceView(
    identifier=OURS,
    arn=PLACE.arn("db", OURS),
    status="available",
    host="h",
    cluster=NAME,
    tags=TAGS,
)
OTHER = replace(MEMBER, identifier="added-by-a-person", arn=PLACE.arn("db", "x"), tags={})


class Still:
    """A clock that stands still."""

    def now(self):
        return NOW


class Cache:
    def __init__(self, *views):
        self.views = {view.identifier: view for view in views}

    def latest(self, *, not_before=None):
        assert not_before is None or not_before <= NOW
        return self.views

    def fresh(self):
        return self.views


class Everything:
    """The accounts, the account and RDS in one."""

    place = PLACE

    def __init__(self, cluster=CLUSTER, *members):
        self.clusters = Cache(*((cluster,) if cluster else ()))
        self.instances = Cache(*members)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def adopted(self, place, *, clusters=False):
        assert (place, clusters) == (PLACE, True)
        return self

    def rds(self):
        return self

    def create_db_instance(self, **given):
        self.asked.append(("create", given))

    def delete_db_instance(self, **given):
        self.asked.append(("delete", given))


def provider_of(accounts, settings=SETTINGS):
    return AdoptedClusterProvider(settings=settings, accounts=accounts, clock=Still())


def instance_step(accounts, settings=SETTINGS):
    provider = provider_of(accounts, settings)
    step = next(step for step in provider.plan(DRILL.id) if step.name == "instance")
    return provider.ensure(DRILL, step)


def with_member(member, **changes):
    known = replace(CLUSTER, members=(member.identifier,), writer=member.identifier, **changes)
    return Everything(known, member)


def test_a_cluster_without_an_instance_gets_a_private_one_with_our_mark():
    accounts = Everything()

    event = instance_step(accounts)

    assert isinstance(event, InProgress)
    ((operation, given),) = accounts.asked
    assert operation == "create"
    assert (given["DBInstanceIdentifier"], given["DBClusterIdentifier"]) == (OURS, NAME)
    assert given["PubliclyAccessible"] is False
    assert {"Key": naming.MANAGED, "Value": "true"} in given["Tags"]


def test_without_a_class_nothing_is_added_and_the_reason_says_what_to_set():
    accounts = Everything()

    event = instance_step(accounts, replace(SETTINGS, db_instance_class=None))

    assert isinstance(event, InProgress)
    assert "adopt.db_instance_class" in event.detail
    assert accounts.asked == []


@pytest.mark.parametrize("name", ["courses", "my-restore", "restorecheck-x"])
def test_a_cluster_that_is_not_of_restore_testing_gets_no_instance(name):
    accounts = Everything(replace(CLUSTER, identifier=name, arn=PLACE.arn("cluster", name)))
    provider = provider_of(accounts)
    mine = replace(DRILL, outputs={INSTANCE_ARN: PLACE.arn("cluster", name)})

    event = provider.ensure(mine, provider.plan(DRILL.id)[2])

    assert isinstance(event, Unclear)
    assert accounts.asked == []


def test_production_gets_no_instance_whatever_its_name_is():
    accounts = Everything()

    event = instance_step(accounts, replace(SETTINGS, production=RESTORED))

    assert isinstance(event, Unclear)
    assert accounts.asked == []


@pytest.mark.parametrize("member", [MEMBER, OTHER])
def test_the_data_are_asked_at_the_writer_endpoint_whoever_made_the_instance(member):
    event = instance_step(with_member(member))

    assert isinstance(event, Ready)
    assert event.endpoint is not None
    assert (event.endpoint.host, event.endpoint.identity) == ("writer.example", "cluster-1")
    assert bool(event.notes) is (member is MEMBER)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("creating", InProgress), ("failed", Broken), ("stopped", Unclear), ("strange", InProgress)],
)
def test_a_writer_that_is_not_available_is_not_asked(status, kind):
    assert isinstance(instance_step(with_member(replace(MEMBER, status=status))), kind)


def test_an_endpoint_that_is_not_there_yet_is_waited_for():
    assert isinstance(instance_step(with_member(MEMBER, host="")), InProgress)


def test_members_of_which_none_is_the_writer_are_waited_for():
    accounts = Everything(replace(CLUSTER, members=("reader",)))

    assert isinstance(instance_step(accounts), InProgress)
    assert accounts.asked == []


def test_an_instance_with_our_name_and_without_our_tag_is_not_ours():
    with pytest.raises(AlreadyExistsError):
        instance_step(with_member(replace(MEMBER, tags={})))


@pytest.mark.parametrize("changes", [{"publicly_accessible": True}, {"cluster": "another"}])
def test_an_instance_that_is_public_or_elsewhere_is_not_asked(changes):
    assert isinstance(instance_step(with_member(replace(MEMBER, **changes))), Unclear)


def test_a_cluster_that_is_gone_is_no_verdict():
    with pytest.raises(NotFoundError):
        instance_step(Everything(None))


def test_the_cluster_is_taken_when_it_is_available():
    provider = provider_of(Everything(replace(CLUSTER, status="creating")))
    adopt = provider.plan(DRILL.id)[1]

    assert isinstance(provider.ensure(DRILL, adopt), InProgress)
    assert isinstance(provider_of(Everything()).ensure(DRILL, adopt), Ready)


def test_only_a_configured_class_makes_something():
    none = provider_of(Everything(), replace(SETTINGS, db_instance_class=None))

    assert all(step.makes == () for step in none.plan(DRILL.id))
    assert [len(step.makes) for step in provider_of(Everything()).plan(DRILL.id)] == [0, 0, 1, 0]
    assert len(provider_of(Everything()).afterwards(DRILL.id)) == 1 + len(none.afterwards(DRILL.id))


def test_our_instance_is_deleted_and_nothing_else():
    accounts = with_member(MEMBER)
    provider = provider_of(accounts)
    ours = Resource(kind="DB instance", identifier=MEMBER.arn, account=PLACE.account_id)

    assert isinstance(provider.delete(ours, NOW - HOUR), StillThere)
    assert accounts.asked == [("delete", {"DBInstanceIdentifier": OURS, "SkipFinalSnapshot": True})]
    assert isinstance(provider_of(Everything()).delete(ours, NOW - HOUR), Gone)
    for kind, arn in (
        ("DB cluster", RESTORED),
        ("DB instance", MEMBER.arn.replace("2222", "3333")),
    ):
        other = provider.delete(
            Resource(kind=kind, identifier=arn, account=PLACE.account_id), NOW - HOUR
        )
        assert isinstance(other, StillThere)
        assert other.hopeless
    assert len(accounts.asked) == 1


def test_a_sweep_finds_our_instances_in_clusters_of_others():
    mine = replace(MEMBER, cluster=OURS)  # of an Aurora target: another inventory has it
    accounts = Everything(CLUSTER, MEMBER, OTHER, replace(mine, identifier=f"{OURS}-1"))
    inventory = AdoptInventory(provider_of(accounts), Still())

    (found,) = inventory.find()

    assert found.resource.identifier == MEMBER.arn
    assert (found.marked, found.alive) == (True, True)
    assert isinstance(inventory.delete(found.resource), StillThere)


@pytest.mark.parametrize(
    ("cluster", "name", "allowed"),
    [
        (NAME, OURS, True),
        ("courses", OURS, False),
        (OURS, OURS, False),
        (NAME, "other", False),
    ],
)
def test_the_fence_lets_our_instances_into_clusters_of_restore_testing_only(cluster, name, allowed):
    given = {
        "DBClusterIdentifier": cluster,
        "DBInstanceIdentifier": name,
        "PubliclyAccessible": False,
    }

    if allowed:
        refuse_strangers("CreateDBInstance", given, ADOPTED_CLUSTER_WRITES)
    else:
        with pytest.raises(AccessDeniedError):
            refuse_strangers("CreateDBInstance", given, ADOPTED_CLUSTER_WRITES)
    with pytest.raises(AccessDeniedError):
        refuse_strangers(
            "CreateDBInstance", given | {"PubliclyAccessible": True}, ADOPTED_CLUSTER_WRITES
        )
    with pytest.raises(AccessDeniedError):
        refuse_strangers("DeleteDBCluster", given, ADOPTED_CLUSTER_WRITES)
