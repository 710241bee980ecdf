"""What every checker promises; one suite, the world, a local server and the simulated AWS."""

from datetime import timedelta

import pytest

from restorecheck.checks.registry import built_in
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import CheckOutcome, CheckSpec, Endpoint
from restorecheck.ports import Inquiry
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session.opening import by_system_identifier, connect, identity_of
from restorecheck.postgres.session.tls import TlsConnector
from restorecheck.testing import World, WorldChecker, WorldProvider
from tests.contract.test_provider import Case
from tests.missing import left_out
from tests.rds.conftest import PASSWORD, run_stage


@pytest.fixture(scope="module")
def stage():
    yield from run_stage(drills=False)


def in_the_world():
    world = World()
    case = Case(WorldProvider(world), world.pass_time, world.exists)
    endpoint = case.bring_about(case.drill())[-1].endpoint
    return WorldChecker(world), endpoint, world


def on_a_local_server(source):
    with cluster.superuser_connection(source.places) as connection:
        identity = identity_of(connection)
    endpoint = Endpoint(
        identity=identity,
        host=str(source.places.sockets),
        port=cluster.PORT,
        user="postgres",
        databases=("postgres",),
    )
    clock = SystemClock()
    return PostgresChecker(by_system_identifier(connect), clock), endpoint, clock


def in_the_sandbox(stage):
    production = stage.sandbox.instance(stage.sandbox.source, "courses-prod")
    endpoint = Endpoint(
        identity=production.resource_id,
        host="127.0.0.1",
        port=production.server.port,
        user="dbadmin",
        databases=("courses",),
    )
    connector = TlsConnector(
        ca_bundle=stage.sandbox.ca_bundle,
        password_of=lambda _endpoint: PASSWORD,
        by_token=False,
        patience=timedelta(0),
    )
    clock = SystemClock()
    return PostgresChecker(connector, clock), endpoint, clock


@pytest.fixture(
    params=["world", "local", pytest.param("sandbox", marks=pytest.mark.allow_hosts(["127.0.0.1"]))]
)
def case(request, source):
    match request.param:
        case "world":
            made = in_the_world()
        case "local":
            made = on_a_local_server(source)
        case _:
            made = in_the_sandbox(request.getfixturevalue("stage"))
    yield made
    if isinstance(made[0], PostgresChecker):
        made[0].close()


def test_at_least_the_first_pending_check_is_answered_by_the_endpoint_s_own_server(case):
    checker, endpoint, clock = case
    pending = list(built_in())
    answered: list[str] = []

    readings = ""

    while pending:
        until = clock.now() + timedelta(minutes=1)
        answers = checker.run(
            Inquiry(endpoint=endpoint, pending=tuple(pending), until=until, readings=readings)
        )
        assert answers.results or answers.readings not in {None, readings}
        assert not answers.results or answers.results[0].name == pending[0].name
        assert all(result.answered_by == endpoint.identity for result in answers.results)
        readings = answers.readings or readings
        answered += [result.name for result in answers.results]
        pending = [spec for spec in pending if spec.name not in answered]

    assert answered == [spec.name for spec in built_in()]


def test_a_plan_is_read_with_statistics_and_only_in_time(case):
    checker, endpoint, clock = case
    soon = clock.now() + timedelta(minutes=1)
    queries = [
        CheckSpec(name="tables", kind="query", options={"sql": "select count(*) from pg_class"}),
        CheckSpec(name="nonsense", kind="query", options={"sql": "selct"}),
    ]

    plans = checker.plans(endpoint, queries, soon)

    assert plans["tables"]
    assert ("nonsense" in plans) is isinstance(checker, WorldChecker)
    if not isinstance(checker, WorldChecker):
        assert "of pg_class" in plans["tables"]
        assert checker.plans(endpoint, queries, clock.now()) == {}


def test_a_question_that_makes_no_sense_is_a_result_and_no_exception(case):
    checker, endpoint, clock = case
    if isinstance(checker, WorldChecker):
        left_out("the world has no database: no question is nonsense to it")
    spec = CheckSpec(name="x", kind="query", options={"sql": "selct", "expect": {"equals": 1}})

    inquiry = Inquiry(endpoint=endpoint, pending=(spec,), until=clock.now() + timedelta(minutes=1))
    (result,) = checker.run(inquiry).results

    assert result.outcome is CheckOutcome.ERROR
