"""The state machines as graphs: cfn-lint and moto take unknown and unreachable states for good."""

import pytest

from tests.infra.resolving import backup_stack

STACK = backup_stack()


def machines(definition, name):
    """The machine and those inside of its maps."""
    yield name, definition
    for state_name, state in definition["States"].items():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"], f"{name}.{state_name}")


ALL = [
    pytest.param(definition, id=name)
    for machine in ("DrillMachine", "NightlyMachine")
    for name, definition in machines(STACK.definition(machine), machine)
]


def targets(state):
    found = [state[key] for key in ("Next", "Default") if key in state]
    found += [choice["Next"] for choice in state.get("Choices", [])]
    return found + [catcher["Next"] for catcher in state.get("Catch", [])]


@pytest.mark.parametrize("definition", ALL)
def test_every_state_is_reached_and_leads_somewhere_that_is_there(definition):
    states = definition["States"]
    reached, waiting = set(), [definition["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        assert name in states, f"no state {name}"
        waiting += targets(states[name])

    assert reached == set(states)


@pytest.mark.parametrize("definition", ALL)
def test_every_state_goes_on_or_ends(definition):
    for name, state in definition["States"].items():
        ends = state.get("End") or state["Type"] in {"Succeed", "Fail"}
        assert bool(ends) != bool("Next" in state or "Default" in state), name


@pytest.mark.parametrize("definition", ALL)
def test_every_task_is_bounded_and_tried_again(definition):
    for name, state in definition["States"].items():
        if state["Type"] == "Task":
            assert "Retry" in state, name
            if "lambda" in state["Resource"]:
                assert state["TimeoutSeconds"] > 0, name
            for retry in state["Retry"]:
                assert retry["JitterStrategy"] == "FULL"
                assert retry["MaxAttempts"] <= 10


def test_a_task_waits_longer_for_a_function_than_the_function_may_take():
    drill = STACK.definition("DrillMachine")["States"]

    assert drill["Advance"]["TimeoutSeconds"] > STACK.properties("Stepper")["Timeout"]
    assert drill["Check"]["TimeoutSeconds"] > STACK.properties("Checker")["Timeout"]


def test_whatever_fails_leads_back_to_the_stepper_or_is_left_to_the_sweeper():
    states = STACK.definition("DrillMachine")["States"]
    for name, state in states.items():
        if state["Type"] == "Task":
            (catch,) = state["Catch"]
            assert catch["ErrorEquals"] == ["States.ALL"], name
    assert states["CheckerDoesNotAnswer"]["Next"] == "Advance"
    assert states["CheckerDoesNotAnswer"]["ResultPath"] == "$.abort"
    assert [n for n, s in states.items() if s["Type"] == "Fail"] == ["LeftToTheSweeper"]
