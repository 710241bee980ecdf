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


def drills():
    found = STACK.definition("NightlyMachine")["States"]["Drills"]
    assert found["ItemProcessor"]["ProcessorConfig"] == {
        "Mode": "DISTRIBUTED",
        "ExecutionType": "STANDARD",
    }
    return found


def test_a_night_reads_its_list_from_the_bucket_that_the_planner_writes_to():
    reader = drills()["ItemReader"]

    assert reader == {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": STACK.physical("ReportBucket"), "Key.$": "$.list"},
    }
    environment = STACK.properties("Planner")["Environment"]["Variables"]
    assert environment["RESTORECHECK_BUCKET"] == STACK.physical("ReportBucket")
    assert len(drills()["Label"]) <= 40, "Step Functions developer guide, Map state, Label"


def test_as_many_drills_run_at_once_as_the_planner_says():
    assert drills()["MaxConcurrencyPath"] == "$.max_concurrency"
    assert "MaxConcurrency" not in drills()


def test_no_drill_that_is_stopped_ends_the_night_for_the_others():
    assert drills()["ToleratedFailurePercentage"] == 100


def test_the_answers_of_all_drills_of_a_night_fit_into_one_payload():
    """Without a ResultWriter they are gathered, and 256 KiB are the limit (States.DataLimitExceeded)."""
    states = drills()["ItemProcessor"]["States"]
    ends = [state for state in states.values() if state["Type"] == "Succeed"]

    assert len(ends) == 3
    assert all(state["OutputPath"] is None for state in ends)
    assert not [state for state in states.values() if state.get("End")]
    assert 10_000 * len("{},") < 262_144


def test_an_empty_night_starts_no_map():
    states = STACK.definition("NightlyMachine")["States"]
    (choice,) = states["AnyDrills"]["Choices"]

    assert choice == {"Variable": "$.drills", "NumericEquals": 0, "Next": "NothingToDrill"}
    assert states["AnyDrills"]["Default"] == "Drills"


def test_the_role_of_the_night_reads_lists_and_starts_its_own_items_and_drills_alone():
    rights = {s["Sid"]: s for s in STACK.policy("NightlyMachineRole")}
    own = STACK.arn("NightlyMachine")

    assert rights["ReadTheListOfTheNight"]["Resource"] == f"{STACK.arn('ReportBucket')}/nights/*"
    assert rights["RunTheMap"]["Resource"] == own
    assert rights["WaitForTheMap"]["Resource"] == (
        own.replace(":stateMachine:", ":execution:") + ":*"
    )
    assert rights["StartDrills"]["Resource"] == STACK.arn("DrillMachine")
    starting = [sid for sid, s in rights.items() if "states:StartExecution" in s["Action"]]
    assert sorted(starting) == ["RunTheMap", "StartDrills"]
