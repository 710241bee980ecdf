"""A night of instances and clusters together in the state machines that ship, in the sandbox."""

import copy
from dataclasses import replace

import pytest

from restorecheck.history import flaws
from restorecheck.hosts.functions import adopter, planner, sweeper
from restorecheck.model import Verdict
from tests.infra.machines import machines
from tests.infra.resolving import backup_stack
from tests.rds.conftest import PASSWORD, ROWS, adoption, configure, run_stage
from tests.rds.test_aurora import delete_copies, left
from tests.rds.test_functions import SLOT
from tests.rds.test_machines import Functions, verdicts

STACK = backup_stack(Aurora="true")
QUOTA = 40
"""Of DB instances in each account and region, of RDS and Aurora together: RDS User Guide, "Quotas"."""


@pytest.fixture(scope="module")
def stage():
    for made in run_stage():
        sandbox = made.sandbox
        cluster = sandbox.create_production_cluster(password=PASSWORD)
        with sandbox.sql(cluster, "courses") as connection:
            connection.execute(
                f"create table answers as select g as id from generate_series(1, {ROWS}) g"
            )
            connection.execute("alter table answers owner to dbadmin")
        sandbox.move_in(cluster, "courses")
        sandbox.take_automated_snapshot("courses-aurora")
        yield made


@pytest.fixture
def functions(around):
    return Functions(around)


@pytest.fixture
def night(scene, around, functions):
    reports = around.setting("RESTORECHECK_BUCKET")
    with machines(scene.sandbox, STACK, functions.by_name(), reports=reports) as made:
        around._environment["RESTORECHECK_DRILL_MACHINE"] = made.drill
        around._clients["stepfunctions"] = made.client
        yield made
    delete_copies(scene)


def both_kinds(scene, *, of_each, **changes):
    """So many targets of instances and of clusters; `changes` of one by its name."""
    (first,) = scene.keys["targets"]
    cluster = copy.deepcopy(first)
    keys = cluster.pop("rds")
    del keys["db_instance_identifier"], keys["restore"]["db_parameter_group_name"]
    keys["db_cluster_identifier"] = "courses-aurora"
    keys["restore"]["db_instance_class"] = "db.serverless"
    keys["restore"]["serverless_v2"] = {"min_acu": 0.5, "max_acu": 2.0}
    cluster["aurora"] = keys
    scene.keys["targets"] = [
        copy.deepcopy(target)
        | {"name": f"{first['name']}-{kind}{number}"}
        | changes.get(f"{kind}{number}", {})
        for kind, target in (("rds", first), ("aurora", cluster))
        for number in range(of_each)
    ]


def others_have(scene, instances):
    """So many instances of others count into the quota; they never end."""
    state = scene.sandbox.rds.state
    state.quotas = replace(state.quotas, instances=QUOTA - instances)


@pytest.fixture
def quotas(scene):
    state = scene.sandbox.rds.state
    before = state.quotas
    yield
    state.quotas = before


def test_instances_and_clusters_share_what_is_left_of_the_quota(scene, around, night, quotas):
    """Thirty-nine of forty instances are those of others: the planner lets one drill run at a time, and none is refused."""
    both_kinds(scene, of_each=2)
    configure(scene, around)
    others_have(scene, 39)
    scene.sandbox.forget_calls()

    execution = night.start(night.nightly, "night-quota", {"scheduled_for": SLOT})

    assert night.end(execution, 180)["status"] == "SUCCEEDED"
    assert set(verdicts(around).values()) == {Verdict.VERIFIED}, [
        around.store.report(e.drill_id) for e in around.store.entries()
    ]
    assert len(around.store.entries()) == 4
    assert left(scene.sandbox) == []
    assert scene.leftovers() == []
    refused = [c.operation for c in scene.sandbox.calls if c.error == "InstanceQuotaExceeded"]
    assert refused == []
    assert list(flaws(around.store.stored())) == []


def test_each_kind_has_its_own_verdict_and_leaves_nothing(scene, around, night):
    too_many = [{"row_count": {"table": "public.answers", "min": ROWS + 1}}]
    both_kinds(scene, of_each=2, aurora1={"checks": too_many}, rds1={"deadline_minutes": 0.01})
    configure(scene, around)

    execution = night.start(night.nightly, "night-kinds", {"scheduled_for": SLOT})

    assert night.end(execution, 180)["status"] == "SUCCEEDED"
    assert verdicts(around) == {
        "rds0": Verdict.VERIFIED,
        "rds1": Verdict.INCONCLUSIVE,
        "aurora0": Verdict.VERIFIED,
        "aurora1": Verdict.FAILED,
    }
    assert left(scene.sandbox) == []
    assert scene.leftovers() == []


def test_what_a_dead_stepper_leaves_of_a_cluster_the_sweeper_finishes(
    scene, around, night, functions
):
    both_kinds(scene, of_each=1)
    scene.keys["targets"] = scene.keys["targets"][1:]
    configure(scene, around)
    (order,) = planner.plan({"scheduled_for": SLOT}, around)["drills"]
    sandbox = scene.sandbox
    functions.dying = {"stepper": lambda _: "before" if sandbox.instances(sandbox.backup) else ""}
    execution = night.start(night.drill, order["drill_id"], order)
    assert night.end(execution)["status"] == "FAILED"
    assert sandbox.clusters(sandbox.backup)
    functions.dying = {}

    assert sweeper.sweep(around).restarted == (order["drill_id"],)
    (again,) = set(night.executions(night.drill)) - {order["drill_id"]}
    finished = night.end(f"{night.drill.replace(':stateMachine:', ':execution:')}:{again}")

    assert finished["status"] == "SUCCEEDED"
    assert [e.verdict for e in around.store.entries()] == [Verdict.INCONCLUSIVE]
    assert left(sandbox) == []


def test_a_cluster_of_aws_backup_goes_through_the_machine_and_is_answered(scene, around, night):
    target = scene.keys["targets"][0]
    del target["rds"]
    own = adoption(scene)
    production = own.pop("db_instance_arn").replace(":db:courses-prod", ":cluster:courses-aurora")
    target["adopt"] = own | {"db_cluster_arn": production, "db_instance_class": "db.r6g.large"}
    configure(scene, around)
    sandbox = scene.sandbox
    job = sandbox.restore_for_test(sandbox.take_automated_snapshot("courses-aurora"))

    order = adopter.adopt(job.event(), around)

    execution = f"{night.drill.replace(':stateMachine:', ':execution:')}:{order['drill_id']}"
    assert night.end(execution)["status"] == "SUCCEEDED"
    assert job.answers == ["SUCCESSFUL"]
    assert sandbox.instances(sandbox.backup) == {}
    name = job.created_arn.rpartition(":")[2]
    assert list(sandbox.clusters(sandbox.backup)) == [name]
    region = sandbox.rds.state.region(sandbox.backup.account_id, sandbox.backup_region)
    sandbox.rds._machine.clusters.remove(region, region.clusters[name])
