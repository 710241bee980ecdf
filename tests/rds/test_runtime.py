"""The handlers as Lambda runs them: in processes of their own, under its runtime client, against the
sandbox.
"""

import json
import threading
from pathlib import Path

import pytest
from moto.secretsmanager.models import secretsmanager_backends

from restorecheck.model import Verdict
from restorecheck.report import document
from tests.infra.runtime_api import Runtime
from tests.rds.conftest import PASSWORD, configure
from tests.rds.test_functions import SLOT

HANDLERS = Path(__file__).parents[2] / "lambda"
SECRET_WORD = "sandbox-external-id"  # noqa: S105  # the sandbox's


@pytest.fixture
def functions(scene, around):
    """One process a function, with the environment that the template gives it."""
    environment = {**scene.sandbox.environment(), **around._environment}
    made = {}
    for name in ("planner", "stepper", "checker"):
        made[name] = Runtime(f"{name}.handler", HANDLERS, environment)
    yield made
    for runtime in made.values():
        runtime.__exit__()


def answer(runtime, event):
    result = runtime.invoke(event)
    assert result.status == "ok", (result, runtime.log)
    return result.payload


def planned(functions, around):
    night = answer(functions["planner"], {"scheduled_for": SLOT})
    bucket = around.setting("RESTORECHECK_BUCKET")
    listed = around.client("s3").get_object(Bucket=bucket, Key=night["list"])["Body"].read()
    (drill,) = json.loads(listed)
    return drill


def run(functions, drill, *, before=lambda _number: None):
    """As the state machine does, which tries again where an invocation does not succeed."""
    nap = threading.Event()
    name = "stepper"
    for number in range(500):
        before(number)
        result = functions[name].invoke(drill)
        if result.status != "ok":
            name = "stepper"
            continue
        said = result.payload
        if said["next"] == "done":
            return said
        name = "checker" if said["next"] == "check" else "stepper"
        if said["wait_seconds"]:
            nap.wait(0.02)
    raise AssertionError(functions["stepper"].log[-3000:])


def test_a_night_under_the_genuine_runtime_client(scene, around, functions):
    drill = planned(functions, around)

    said = run(functions, drill)

    assert said["verdict"] == "verified", functions["checker"].log
    assert scene.leftovers() == []
    assert [runtime.starts for runtime in functions.values()] == [1, 1, 1], "warm after the first"


def test_every_line_is_json_with_its_drill_and_holds_no_secret(scene, around, functions):
    drill = planned(functions, around)
    run(functions, drill)

    managed = [
        json.loads(secret.secret_string or "{}")["password"]
        for secret in _secrets_ever(scene)
        if "password" in (secret.secret_string or "")
    ]
    for name, runtime in functions.items():
        assert runtime.lines, name
        for line in runtime.lines:
            seen = json.loads(line)
            assert "request_id" in seen or "_aws" in seen, line
            if name != "planner" and "event" in seen:
                assert seen.get("drill_id", drill["drill_id"]) == drill["drill_id"]
        for secret in (PASSWORD, SECRET_WORD, *managed):
            assert secret not in runtime.log
    steps = [line for line in functions["stepper"].lines if '"drill.stepped"' in line]
    assert steps, "one line for each advance"
    stored = around.store.report(drill["drill_id"])
    assert not [secret for secret in (PASSWORD, SECRET_WORD, *managed) if secret in stored]


def _secrets_ever(scene):
    sandbox = scene.sandbox
    backend = secretsmanager_backends[sandbox.backup.account_id][sandbox.backup_region]
    return [secret for secret in backend.secrets.values() if hasattr(secret, "secret_string")]


def test_a_function_that_crashes_is_started_again_and_the_drill_goes_on(scene, around, functions):
    drill = planned(functions, around)

    def crash_now_and_then(number):
        if number % 8 == 3:
            functions["stepper"].kill()
            functions["checker"].kill()

    said = run(functions, drill, before=crash_now_and_then)

    assert said["verdict"] == "verified"
    assert functions["stepper"].starts > 2
    assert scene.leftovers() == []


def test_a_function_that_is_killed_in_the_middle_of_its_work_leaves_nothing(
    scene, around, functions
):
    drill = planned(functions, around)
    stepper = functions["stepper"]

    def kill_in_the_middle(number):
        if number and number % 3 == 0 and stepper.process is not None:
            killer = threading.Timer(0.005 * (number % 9), stepper.process.kill)
            killer.start()

    said = run(functions, drill, before=kill_in_the_middle)

    assert said["next"] == "done"
    assert scene.leftovers() == []
    report = document.parse(around.store.report(drill["drill_id"]))
    assert report.verdict is Verdict.VERIFIED, report.reason


def test_the_checker_keeps_to_the_time_that_lambda_leaves_it(scene, around, functions):
    scene.keys["targets"][0]["checks"] = [
        {
            "query": {
                "name": "too long",
                "sql": "select 1 from pg_sleep(50)",
                "expect": "not_empty",
                "timeout_seconds": 600,
            }
        }
    ]
    configure(scene, around)
    functions["checker"].timeout = 23.0  # three seconds, and the margin

    drill = planned(functions, around)
    said = run(functions, drill)

    assert said["verdict"] == "inconclusive"
    assert functions["checker"].starts == 1, "it was never killed at its deadline"
    report = document.parse(around.store.report(drill["drill_id"]))
    assert "the limit of one run of the checker function" in report.reason


def test_an_error_is_told_in_words_that_are_safe_to_show(scene, around, functions):
    configure(scene, around)
    result = functions["stepper"].invoke({"drill_id": "20260226-031500-abcdef", "target": "nobody"})

    assert result.status == "error"
    assert result.payload["errorType"] == "FunctionFailedError"
    assert (
        result.payload["errorMessage"] == "NotFoundError: no target 'nobody' in the configuration"
    )
    assert "Traceback" not in json.dumps(result.payload)


def test_an_answer_that_is_too_large_is_an_error_and_not_the_end(scene, around, functions):
    planner = functions["planner"]
    planner.largest_answer = 100

    assert planner.invoke({"scheduled_for": SLOT}).status == "too large"
    assert planner.process is not None
    planner.process.wait(timeout=20)  # the client gives up, and Lambda starts another one

    planner.largest_answer = 6_000_000
    assert planned(functions, around)["target"] == scene.target
    assert planner.starts == 2


def test_an_event_that_is_none_is_refused(functions):
    result = functions["stepper"].invoke({})

    assert result.status == "error"
    assert result.payload["errorMessage"] == "ConfigError: the event has no drill_id"
