"""The state machines of the template in moto's interpreter, with our handlers behind them.

moto's interpreter is LocalStack's. What must be helped: functions want Docker; tasks
and item readers run in a fixed account; waits and retries really wait; nested executions want other spellings
(moto 5.2: `stateMachineArn` in, `ExecutionArn` out).
"""

import io
import json
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import moto.stepfunctions.parser.models  # noqa: F401  # before anything is replaced
from moto.core.config import default_user_config
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from pytest import MonkeyPatch  # noqa: PT013  # its type is wanted here

from restorecheck.sandbox import Sandbox
from tests.infra.resolving import REGION, Stack

Function = Callable[[dict[str, Any]], Any]
NAP = 0.02
LARGEST_PAYLOAD = 262_144
"""Bytes; quota of Step Functions for the input or output of a state."""


@dataclass
class Machines:
    """Both machines, made; and what was seen of them."""

    client: Any
    drill: str
    nightly: str
    invocations: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    time_out_after: float | None = None
    """Seconds of the machines' own time after which an execution has lasted too long."""
    at_work: int = 0
    """Invocations that have no answer yet."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def invoking(self) -> Iterator[None]:
        with self.changed:
            self.at_work += 1
        try:
            yield
        finally:
            with self.changed:
                self.at_work -= 1
                self.changed.notify_all()

    def rest(self) -> None:
        """Of an execution that was stopped, moto's interpreter ends the step that it is at."""
        with self.changed:
            assert self.changed.wait_for(lambda: not self.at_work, 60)

    def start(self, machine: str, name: str, order: dict[str, Any]) -> str:
        answer = self.client.start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(order)
        )
        return str(answer["executionArn"])

    def end(self, execution: str, seconds: float = 60.0) -> dict[str, Any]:
        nap, end = threading.Event(), time.monotonic() + seconds
        while time.monotonic() < end:
            found: dict[str, Any] = self.client.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            nap.wait(0.05)
        raise AssertionError(f"{execution} does not end")

    def executions(self, machine: str) -> dict[str, str]:
        found = self.client.list_executions(stateMachineArn=machine)["executions"]
        return {execution["name"]: execution["status"] for execution in found}

    def events(self, execution: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=execution) for event in page["events"]
        ]


class _Nested:
    """boto3's client as moto's tasks want it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        lowered = {name[0].lower() + name[1:]: value for name, value in arguments.items()}
        answer = self._client.start_execution(**lowered)
        return {name[0].upper() + name[1:]: value for name, value in answer.items()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@contextmanager
def machines(
    sandbox: Sandbox, stack: Stack, functions: dict[str, Function], *, reports: str
) -> Iterator[Machines]:
    """`functions` by their names in the template; `reports`: the bucket that stands for the stack's."""
    made: list[Machines] = []

    class Lambda:
        """Not by the sandbox's wire: a function makes calls of its own, and the wire takes turns."""

        def invoke(self, FunctionName: str, Payload: Any, **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's names
            plain = FunctionName.rpartition(":")[2]
            event = Payload if isinstance(Payload, dict) else json.loads(Payload or "{}")
            made[0].invocations.append((plain, event))
            try:
                with made[0].invoking():
                    answer = json.dumps(functions[plain](event)).encode()
            except Exception as exc:  # noqa: BLE001  # the boundary of the Lambda runtime
                failure = {"errorType": type(exc).__name__, "errorMessage": str(exc)}
                body = io.BytesIO(json.dumps(failure).encode())
                return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": body}
            assert len(answer) < LARGEST_PAYLOAD
            return {"StatusCode": 200, "Payload": io.BytesIO(answer)}

    def client_for(
        region: str, service: str, state_credentials: Any = None
    ) -> Any:  # moto's signature
        if service == "lambda":
            return Lambda()
        client = sandbox.client(service, sandbox.backup, region)
        return _Nested(client) if service == "stepfunctions" else client

    def wait(_self: Any, env: Any, wait_seconds: float) -> None:  # moto's names
        made[0].waited.append(wait_seconds)
        if made[0].time_out_after is not None and sum(made[0].waited) > made[0].time_out_after:
            env.set_timed_out()
            return
        threading.Event().wait(NAP)

    with MonkeyPatch.context() as moto_with:
        executing = {"execute_state_machine": True}
        moto_with.setitem(default_user_config, "stepfunctions", executing)
        moto_with.setattr(WaitFunction, "_wait_interval", wait)
        sleepless = types.SimpleNamespace(sleep=lambda _: None, time=time.monotonic)
        moto_with.setattr(retrier_decl, "time", sleepless)
        for module in _users_of("boto_client_for"):
            moto_with.setattr(module, "boto_client_for", client_for)
        made.append(_create(sandbox, stack, reports))
        try:
            yield made[0]
        finally:
            for arn in (made[0].nightly, made[0].drill):
                for name, status in made[0].executions(arn).items():
                    if status == "RUNNING":
                        execution = f"{arn.replace(':stateMachine:', ':execution:')}:{name}"
                        made[0].client.stop_execution(executionArn=execution)
                made[0].client.delete_state_machine(stateMachineArn=arn)


def _create(sandbox: Sandbox, stack: Stack, reports: str) -> Machines:
    iam = sandbox.client("iam", sandbox.backup)
    states = sandbox.client("stepfunctions", sandbox.backup, REGION)
    name = "restorecheck-machines"
    try:
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=name)["Role"]["Arn"]
    bucket = stack.physical("ReportBucket")
    arns = [
        states.create_state_machine(
            name=stack.properties(machine)["StateMachineName"],
            definition=json.dumps(_readable(stack.definition(machine))).replace(bucket, reports),
            roleArn=role,
        )["stateMachineArn"]
        for machine in ("DrillMachine", "NightlyMachine")
    ]
    return Machines(client=states, drill=arns[0], nightly=arns[1])


def _readable(value: Any) -> Any:
    """Moto's grammar (5.2) wants a fraction in a percentage; Step Functions takes any number."""
    match value:
        case dict():
            name = "ToleratedFailurePercentage"
            read = {key: _readable(item) for key, item in value.items()}
            return read | ({name: float(read[name])} if name in read else {})
        case list():
            return [_readable(item) for item in value]
        case _:
            return value


def _users_of(name: str) -> list[Any]:
    return [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("moto.stepfunctions.parser") and hasattr(module, name)
    ]
