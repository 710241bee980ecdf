"""A drill of the functions takes many invocations, and arrives as one trace."""

import threading

import pytest

from restorecheck.hosts.functions import checker, stepper
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.report.spans import trace_of
from tests.integration.test_otlp import listening, spans_of
from tests.rds.conftest import configure
from tests.rds.test_functions import MINUTES, planned


@pytest.fixture
def collector():
    with listening() as made:
        yield made


@pytest.fixture
def traced(scene, around, collector):
    scene.keys["opentelemetry"] = {"endpoint": collector.url, "timeout_seconds": 1.0}
    configure(scene, around)
    return around


def drill_in_pieces(around, order):
    """Each invocation in a container of its own, which knows nothing of the earlier ones."""
    nap = threading.Event()
    for number in range(400):
        anew = FunctionContext(around._environment, session=around._session)
        answer = stepper.step(order, anew)
        if answer["next"] == "check":
            checker.check(order, anew, lambda: MINUTES)
        if answer["next"] == "done":
            return answer, number + 1
        if answer["wait_seconds"]:
            nap.wait(0.02)
    raise AssertionError(answer)


def test_many_invocations_are_one_trace_whose_id_follows_from_the_drills(traced, collector):
    order = planned(traced)

    answer, invocations = drill_in_pieces(traced, order)

    assert answer["verdict"] == "verified", answer
    assert invocations > 5
    (request,) = collector.received
    _, (root, *steps) = spans_of(request)
    drill = traced.store.load(order["drill_id"])
    assert root.trace_id == trace_of(drill).id.to_bytes(16)
    assert {step.trace_id for step in steps} == {root.trace_id}
    assert {step.parent_span_id for step in steps} == {root.span_id}
    assert [step.name for step in steps] == [*(r.name for r in drill.records), "teardown"]


def test_the_end_of_a_drill_that_is_repeated_sends_the_same_ids(traced, collector):
    order = planned(traced)
    drill_in_pieces(traced, order)

    assert stepper.step(order, traced)["next"] == "done"

    first, again = (spans_of(request)[1] for request in collector.received)
    assert [span.span_id for span in first] == [span.span_id for span in again]


def test_a_collector_that_refuses_changes_no_verdict(traced, collector):
    collector.status = 400

    answer, _ = drill_in_pieces(traced, planned(traced))

    assert answer["verdict"] == "verified"


def test_without_the_key_nothing_is_sent(scene, around, collector):
    scene.keys["opentelemetry"] = {"endpoint": collector.url, "traces": False}
    configure(scene, around)

    answer, _ = drill_in_pieces(around, planned(around))

    assert (answer["verdict"], collector.received) == ("verified", [])
