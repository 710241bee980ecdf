"""Which drills the functions start, under which names, and how often they look at them."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from restorecheck.errors import ConfigError, ProviderError
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions import adopter, planner, stepper
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.lifecycle import Ready, Retained
from restorecheck.model import Deployment, SelectBy, Step, StepKind, Verdict
from restorecheck.testing import MemoryStore, World
from tests.factories import drill
from tests.unit.hosts.functions.test_restarting import Machines
from tests.unit.hosts.sources.test_in_aws import TARGET, parsed

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
PRODUCTION = "arn:aws:rds:eu-west-1:111111111111:db"
CREATED, AGAIN = "2026-02-27T03:00:00Z", "2026-02-27T03:40:00Z"


def adopting(name):
    adopt = {
        "db_instance_arn": f"{PRODUCTION}:{name}-prod",
        "account_id": "222222222222",
        "region": "eu-west-1",
        "user": "checker",
        "credentials": "iam",
    }
    return {"name": name, "adopt": adopt}


class Around(Machines):
    """`jobs`: what AWS Backup tells of restore jobs."""

    def __init__(self, jobs=None):
        super().__init__()
        self.clock = World()
        self.jobs = jobs or {}
        self.asked: list[str] = []

    def client(self, service):
        return self if service == "backup" else super().client(service)

    def describe_restore_job(self, RestoreJobId):  # noqa: N803  # boto3's name
        self.asked.append(RestoreJobId)
        if RestoreJobId not in self.jobs:
            error: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": "no job"}}
            raise ClientError(error, "DescribeRestoreJob")
        return self.jobs[RestoreJobId]

    def config(self):
        grades = {**TARGET, "name": "grades"}
        return parsed(TARGET, grades, adopting("orders"), adopting("invoices"))


def restored(source="invoices-prod", **changes):
    """AWS Backup's event of a restore job that has ended."""
    detail = {
        "restoreJobId": "J-1",
        "status": "COMPLETED",
        "sourceResourceArn": f"{PRODUCTION}:{source}",
        "createdResourceArn": "arn:aws:rds:eu-west-1:222222222222:db:awsbackup-1",
        "creationDate": CREATED,
    }
    event = {"source": "aws.backup", "detail-type": "Restore Job State Change", "time": AGAIN}
    return {**event, "detail": detail} | changes


def adopt(event):
    around: Any = Around()
    order = adopter.adopt(event, around)
    assert around.started == {order["drill_id"]: order}
    return order


def test_a_restore_is_checked_for_the_target_that_it_is_of():
    order = adopt(restored())

    assert order["target"] == "invoices"
    assert order["adopt"] == {
        "db_instance_arn": "arn:aws:rds:eu-west-1:222222222222:db:awsbackup-1",
        "restore_job_id": "J-1",
    }


def test_a_restore_is_checked_once_however_often_and_late_it_is_told_of():
    around: Any = Around()

    first = adopter.adopt(restored(), around)
    second = adopter.adopt(restored(time="2026-02-27T09:00:00Z"), around)

    assert first == second
    assert list(around.started) == [first["drill_id"]]
    assert first["drill_id"].startswith("20260227-030000-")


@pytest.mark.parametrize(
    "event",
    [
        restored("courses-prod"),
        restored("other"),
        {**restored(), "source": "aws.rds"},
        restored(**{"detail-type": "Backup Job State Change"}),
        restored(detail={**restored()["detail"], "status": "RUNNING"}),
        restored(detail={**restored()["detail"], "restoreJobId": ""}),
    ],
    ids=["an rds target's", "nobody's", "of rds", "a backup", "under way", "without a job"],
)
def test_what_is_no_restore_of_an_adopted_target_starts_nothing(event):
    around: Any = Around()

    with pytest.raises(ConfigError):
        adopter.adopt(event, around)

    assert around.started == {}


def failed(**changes):
    """As the documentation shows it: without the ARN of what was to be restored."""
    detail = {"restoreJobId": "J-1", "status": "FAILED", "creationDate": CREATED, **changes}
    return restored(detail=detail | {"statusMessage": "no such subnet group"})


def test_a_restore_that_failed_is_told_of_to_the_target_that_aws_backup_names():
    around: Any = Around({"J-1": {"SourceResourceArn": f"{PRODUCTION}:invoices-prod"}})

    order = adopter.adopt(failed(), around)

    assert order["target"] == "invoices"
    assert order["adopt"] == {"db_instance_arn": "", "restore_job_id": "J-1"}


def test_aws_backup_is_asked_only_what_the_event_does_not_say():
    around: Any = Around()

    adopter.adopt(restored(), around)
    adopter.adopt(failed(sourceResourceArn=f"{PRODUCTION}:orders-prod"), around)

    assert around.asked == []


def test_a_restore_whose_event_names_no_instance_is_checked_by_what_the_job_names():
    made = "arn:aws:rds:eu-west-1:222222222222:db:awsbackup-1"
    around: Any = Around({"J-1": {"CreatedResourceArn": made}})
    event = restored()
    del event["detail"]["createdResourceArn"]

    assert adopter.adopt(event, around)["adopt"]["db_instance_arn"] == made


def test_a_job_of_which_aws_backup_knows_no_source_alarms_with_its_words():
    around: Any = Around({"J-1": {"Status": "FAILED"}})

    with pytest.raises(
        ConfigError, match=r"J-1 of AWS Backup restored: its status is FAILED.*no such subnet group"
    ):
        adopter.adopt(failed(), around)

    assert around.started == {}


def test_a_job_that_cannot_be_asked_about_is_tried_again():
    around: Any = Around()

    with pytest.raises(ProviderError, match="J-1"):
        adopter.adopt(failed(), around)

    assert around.started == {}


def test_a_night_has_one_drill_of_each_target_and_the_same_ones_if_it_comes_twice():
    around: Any = Around()
    event = {"scheduled_for": "2026-02-27T03:15:00Z"}

    night = planner.plan(event, around)
    around.clock.pass_time(9 * MINUTE)

    assert planner.plan(event, around) == night
    assert [drill["target"] for drill in night["drills"]] == ["courses", "grades"]
    assert len({drill["drill_id"] for drill in night["drills"]}) == 2
    assert {drill["scheduled_for"] for drill in night["drills"]} == {"2026-02-27T03:15:00+00:00"}


SNAPSHOT = "arn:aws:rds:eu-west-1:111111111111:snapshot:rds:courses-prod-2026-02-27-03-00"


class Watching(Around):
    def config(self):
        other = {**TARGET["rds"], "db_instance_identifier": "courses-prod-2026"}
        return parsed(
            {**TARGET, "when_new": True},
            {**TARGET, "name": "by-schedule"},
            {**TARGET, "name": "other", "when_new": True, "rds": other},
            adopting("orders"),
        )


def test_a_finished_snapshot_starts_one_drill_of_its_target_however_often_it_is_told_of():
    around: Any = Watching()
    event = {"SourceArn": SNAPSHOT, "EventID": "RDS-EVENT-0091", "Date": "2026-02-27T03:04:13Z"}

    night = planner.plan(event, around)

    assert planner.plan(event | {"Date": "2026-02-27T03:09:00Z"}, around) == night
    (drill,) = night["drills"]
    assert drill["target"] == "courses"
    assert drill["scheduled_for"] == "2026-02-27T03:00:01+00:00"
    assert (
        drill["drill_id"]
        != planner.plan({"scheduled_for": "2026-02-27T03:00:00Z", "targets": ["courses"]}, around)[
            "drills"
        ][0]["drill_id"]
    )


@pytest.mark.parametrize(
    "other",
    [
        SNAPSHOT.replace("courses-prod-", "grades-prod-"),
        SNAPSHOT.replace("111111111111", "333333333333"),
        SNAPSHOT.replace("eu-west-1", "eu-west-2"),
        SNAPSHOT.replace(":snapshot:", ":cluster-snapshot:"),
    ],
    ids=["instance", "account", "region", "cluster"],
)
def test_a_snapshot_of_no_watched_target_starts_nothing(other):
    around: Any = Watching()

    assert planner.plan({"SourceArn": other}, around)["drills"] == []


@pytest.mark.parametrize("arn", [7, "", "rds:x", SNAPSHOT.replace("rds:courses", "courses")])
def test_an_event_of_no_automated_snapshot_is_refused(arn):
    around: Any = Watching()

    with pytest.raises(ConfigError, match="the ARN of an automated snapshot"):
        planner.plan({"SourceArn": arn}, around)


def test_a_target_that_is_not_for_a_night_is_refused():
    around: Any = Around()

    assert len(planner.plan({"targets": ["grades"]}, around)["drills"]) == 1
    with pytest.raises(ConfigError, match="invoices"):
        planner.plan({"targets": ["invoices"]}, around)


@pytest.mark.parametrize(
    ("wanted", "age", "waits"),
    [
        (0 * SECOND, 60 * MINUTE, 0 * SECOND),
        (7 * SECOND, 0 * MINUTE, 30 * SECOND),
        (7 * SECOND, 60 * MINUTE, MINUTE),
        (7 * SECOND, 24 * 60 * MINUTE, 5 * MINUTE),
        (10 * MINUTE, 60 * MINUTE, 10 * MINUTE),
    ],
)
def test_an_older_drill_is_looked_at_more_rarely_and_no_sooner_than_it_asks_for(wanted, age, waits):
    assert stepper._wait(wanted, age) == waits


# --- what an execution may ask of the stepper -----------------------------------------------------


class Preparing:
    """As much of a provider as the first step needs."""

    def plan(self, _drill_id):
        return (Step(name="identify", kind=StepKind.PREPARE, does="x", deadline=MINUTE),)

    def ensure(self, _drill, _step):
        return Ready()

    def release(self, _drill):
        pass


class Places:
    """Of drills that run at once; `others`: taken by drills of other executions."""

    def __init__(self, others=0):
        self.taken = {f"other-{number}" for number in range(others)}

    def take(self, drill_id, limit):
        if drill_id not in self.taken and len(self.taken) >= limit:
            return False
        self.taken.add(drill_id)
        return True

    def drop(self, drill_id):
        self.taken.discard(drill_id)


class Stored(Around):
    def __init__(self, others=0):
        super().__init__()
        self.store = MemoryStore(self.clock)
        self.places = Places(others)

    def targets(self, _config):
        return self

    def provider_of(self, _name):
        return Preparing()

    def provider_for(self, _drill):
        return Preparing()


SLOT = "2026-02-26T03:15:00+00:00"


def order_for(name, around):
    (order,) = planner.plan({"scheduled_for": SLOT, "targets": [name]}, around)["drills"]
    return order


def test_a_planned_drill_begins_and_another_target_cannot_take_it_over():
    around: Any = Stored()
    order = order_for("courses", around)
    stepper.step(order, around)

    with pytest.raises(ConfigError, match="target: expected 'courses'"):
        stepper.step({**order, "target": "grades"}, around)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "grades"}, "drill_id: expected the id made from"),
        ({"scheduled_for": ""}, "drill_id: expected the id made from"),
        ({"drill_id": "mine"}, "drill_id: expected the id made from"),
        ({"scheduled_for": "2026-02-27T03:15:00+00:00"}, "drill_id: expected the id made from"),
        ({"abort": 7}, "abort: expected a text"),
        ({"adopt": "x"}, "adopt: expected"),
        (
            {"adopt": {"db_instance_arn": "arn:aws:rds:eu-west-1:2:db:x", "restore_job_id": "J"}},
            "adopt: expected nothing",
        ),
    ],
)
def test_an_execution_that_nobody_planned_makes_no_drill(changes, said):
    around: Any = Stored()

    with pytest.raises(ConfigError, match=said):
        stepper.step({**order_for("courses", around), **changes}, around)

    assert around.store.unfinished() == ()


@pytest.mark.parametrize(
    "adopt",
    [
        {},
        {"db_instance_arn": "arn:aws:rds:eu-west-1:222222222222:db:of-my-own"},
        {"db_instance_arn": "arn:aws:rds:eu-west-1:222222222222:db:x", "restore_job_id": ""},
        {"db_instance_arn": "arn:aws:rds:eu-west-1:222222222222:db:x", "restore_job_id": "../x"},
        {"db_instance_arn": "x\ny", "restore_job_id": "J-1"},
        {"db_instance_arn": 7, "restore_job_id": "J-1"},
        {"restore_job_id": "J-1", "more": "x"},
    ],
)
def test_an_instance_that_no_restore_job_vouches_for_is_no_proof(adopt):
    around: Any = Stored()
    event = {"drill_id": "d-1", "target": "invoices", "adopt": adopt}

    with pytest.raises(ConfigError, match=r"adopt|restore_job_id|db_instance_arn"):
        stepper.step(event, around)

    assert around.store.unfinished() == ()


def test_why_a_drill_is_ended_is_one_printable_line():
    around: Any = Stored()
    order = order_for("courses", around)

    stepper.step({**order, "abort": "a\nb\x1b[31m\u202ec" + "d" * 1000}, around)

    (drill,) = around.store.unfinished()
    assert drill.reason.isprintable()
    assert drill.reason.startswith("a b [31m c")
    assert len(drill.reason) <= 500


@pytest.mark.parametrize(("minutes", "refused"), [(1440, False), (1441, True), (20_000, True)])
def test_a_drill_that_the_state_machine_would_cut_off_ends_with_what_to_do(minutes, refused):
    around: Any = Stored()
    around.config = lambda: parsed({**TARGET, "deadline_minutes": minutes})

    stepper.step(order_for("courses", around), around)

    (drill,) = around.store.unfinished()
    assert ("a drill in AWS may take at most 1440" in drill.reason) is refused


def test_a_drill_waits_for_a_place_and_its_deadline_begins_when_it_has_one():
    around: Any = Stored(others=2)
    order = order_for("courses", around)

    waiting = stepper.step(order, around)
    around.clock.pass_time(600 * MINUTE)
    again = stepper.step(order, around)
    around.places.drop("other-0")
    began = stepper.step(order, around)

    assert waiting == again
    assert (waiting["next"], waiting["wait_seconds"]) == ("wait", 120)
    assert waiting["detail"] == "waits for a place: 2 drills run (max_parallel_drills)"
    assert began["detail"] != waiting["detail"]
    (drill,) = around.store.unfinished()
    assert drill.deadline - around.clock.now() == 90 * MINUTE


def test_two_days_of_waiting_fit_into_the_history_of_an_execution():
    """11 events a look, and 25,000 an execution: quotas of Step Functions."""
    looks = timedelta(days=2) / stepper.WAIT_FOR_A_PLACE

    assert looks * 11 < 25_000


class Ending(Preparing):
    def evidence(self, _drill):
        return ()

    def retain(self, _drill):
        return Retained()

    def afterwards(self, _drill_id):
        return ()


def test_a_drill_that_ended_leaves_its_place():
    around: Any = Stored()
    around.provider_of = around.provider_for = lambda _: Ending()
    order = order_for("courses", around)
    answers = [stepper.step({**order, "abort": "by hand"}, around)]
    while answers[-1]["next"] != "done":
        answers.append(stepper.step(order, around))

    assert around.places.taken == set()


class Quotas(Stored):
    """An account with so many instances of others and of ours."""

    def __init__(self, others, ours, most=40):
        super().__init__()
        self.instances = [*(f"prod-{n}" for n in range(others))]
        self.instances += [f"restorecheck-{n}" for n in range(ours)]
        self.most = most
        self.written: dict[str, Any] = {}

    def setting(self, name):
        return "reports" if name == "RESTORECHECK_BUCKET" else super().setting(name)

    def client(self, service):
        return self if service in {"rds", "s3"} else super().client(service)

    def put_object(self, Bucket, Key, Body, ContentType):  # noqa: N803  # boto3's names
        assert (Bucket, ContentType) == ("reports", "application/json")
        self.written[Key] = json.loads(Body)

    def describe_account_attributes(self):
        if not self.most:
            error: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(error, "DescribeAccountAttributes")
        used = len(self.instances)
        quota = {"AccountQuotaName": "DBInstances", "Used": used, "Max": self.most}
        return {"AccountQuotas": [{"AccountQuotaName": "ManualSnapshots", "Used": 1}, quota]}

    def get_paginator(self, operation):
        assert operation == "describe_db_instances"
        return self

    def paginate(self):
        yield {"DBInstances": [{"DBInstanceIdentifier": name} for name in self.instances]}

    def config(self):
        names = [f"t-{number}" for number in range(5)]
        return parsed(*({**TARGET, "name": name} for name in names), max_parallel_drills=4)


def test_the_list_of_a_night_is_in_the_bucket_and_the_same_night_has_the_same_list():
    around: Any = Quotas(others=0, ours=0)
    event = {"scheduled_for": SLOT}

    night = planner.night(event, around)

    assert planner.night(event, around) == night
    assert night["drills"] == 5
    assert around.written == {night["list"]: planner.plan(event, around)["drills"]}
    assert night["list"].startswith("nights/")


@pytest.mark.parametrize(
    ("others", "ours", "most", "at_once"),
    [(36, 0, 40, 4), (37, 0, 40, 3), (37, 3, 40, 3), (40, 0, 40, 1), (39, 0, 0, 4)],
    ids=["room", "less room", "ours give theirs back", "none", "unread"],
)
def test_a_night_runs_no_more_drills_at_once_than_the_quota_has_room_for(
    others, ours, most, at_once
):
    around: Any = Quotas(others, ours, most)

    assert planner.night({"scheduled_for": SLOT}, around)["max_concurrency"] == at_once


def test_a_night_without_drills_writes_no_list():
    around: Any = Quotas(others=0, ours=0)
    other = SNAPSHOT.replace("courses-prod-", "nobody-prod-")

    night = planner.night({"SourceArn": other}, around)

    assert night == {"drills": 0, "list": "", "max_concurrency": 4}
    assert around.written == {}


class Tiered(Stored):
    """Forty targets, of which two run at once."""

    names = tuple(f"t-{number}" for number in range(40))

    def __init__(self, **tier):
        super().__init__()
        self.tier = tier

    def config(self):
        keys = {"max_proof_age_hours": 200, "tier": "one"} if self.tier else {}
        targets = ({**TARGET, "name": name, **keys} for name in self.names)
        tiers = {"one": self.tier} if self.tier else {}
        return parsed(*targets, tiers=tiers)

    def drill_all(self, names, slot, verdict=Verdict.VERIFIED):
        for name in names:
            made = drill(id=drill_id_of(name, slot), target=name, scheduled_for=slot)
            made = made.evolve(started_at=slot, finished_at=slot + MINUTE, verdict=verdict)
            self.store.finish(self.store.create(made), lambda _link: "")


def tonight(around, night=0):
    slot = datetime.fromisoformat(SLOT) + timedelta(days=night)
    planned = planner.plan({"scheduled_for": slot.isoformat()}, around)["drills"]
    return [order["target"] for order in planned], slot


def test_those_whose_proofs_become_too_old_first_are_first_in_the_list():
    around: Any = Tiered()
    slot = datetime.fromisoformat(SLOT)
    around.drill_all(["t-5"], slot - timedelta(hours=50))
    around.drill_all([n for n in around.names if n not in {"t-3", "t-5"}], slot - 20 * 60 * MINUTE)
    around.drill_all(["t-9"], slot - 10 * 60 * MINUTE)
    around.drill_all(["t-7"], slot - 10 * 60 * MINUTE, Verdict.FAILED)

    names, _ = tonight(around)

    assert names[:2] == ["t-5", "t-3"], "overdue, then one that was never drilled"
    assert names[-1] == "t-9"
    assert names.index("t-7") < 39, "a drill that was not verified is no proof"
    assert sorted(names) == sorted(around.names)


def test_a_weekly_tier_is_drilled_once_a_week_and_spread_over_its_nights():
    around: Any = Tiered(every="7d")
    drilled = []
    for night in range(15):
        names, slot = tonight(around, night)
        around.drill_all(names, slot)
        drilled.append(names)

    assert sorted(drilled[0]) == sorted(around.names), "the first night after the deployment"
    weekly = Counter(name for names in drilled[1:] for name in names)
    assert set(weekly.values()) <= {2, 3}
    assert set(weekly) == set(around.names)
    assert max(len(names) for names in drilled[8:]) < 20


def test_a_sampled_tier_has_so_many_drills_each_night_and_others_each_night():
    around: Any = Tiered(sample=4)

    nights = [frozenset(tonight(around, night)[0]) for night in range(9)]

    assert {len(names) for names in nights} == {4}
    assert len(set(nights)) == 9
    assert tonight(around, 3)[0] == tonight(around, 3)[0]


def test_a_target_that_a_person_asks_for_is_drilled_whatever_its_tier():
    around: Any = Tiered(sample=1)

    night = planner.plan({"scheduled_for": SLOT, "targets": ["t-1", "t-2", "t-3"]}, around)

    assert len(night["drills"]) == 3


class Sampled(Stored):
    def config(self):
        return parsed({**TARGET, "select": "random"})


def test_a_backup_by_chance_is_drawn_by_the_slot_whichever_function_begins_the_drill():
    seeds = set()
    for _ in range(2):
        around: Any = Sampled()
        order = order_for("courses", around)
        stepper.step(order, around)
        drill = around.store.load(order["drill_id"])
        seeds.add(drill.select.seed)
        assert drill.select.by is SelectBy.RANDOM
        assert drill.baseline is None
    assert seeds == {f"courses {SLOT}"}


def test_a_deployment_is_named_by_the_environment_of_its_functions():
    names = {"RESTORECHECK_TABLE": "drills", "RESTORECHECK_BUCKET": "reports"}
    machine = {"RESTORECHECK_NIGHTLY_MACHINE": "arn:nightly"}

    assert FunctionContext(names | machine, session=object()).deployment == Deployment(
        nightly_machine="arn:nightly", table="drills", bucket="reports"
    )
    assert FunctionContext(names, session=object()).deployment is None
