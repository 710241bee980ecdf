"""AWS's evaluation of policies, offline: `@cloud-copilot/iam-simulate` in a node process.

moto's own evaluation knows neither conditions nor most resources. The simulator is AGPL: a tool
of development in a process of its own, neither shipped nor copied.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLACES = (ROOT / ".venv" / "iam" / "node_modules", HERE / "node_modules")
"""Where .ci/run, or `npm install` in this folder, puts it."""

Statement = dict[str, Any]
EVERYTHING: list[Statement] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@dataclass(frozen=True)
class Request:
    """What somebody asks of AWS."""

    action: str
    resource: str
    context: dict[str, Any] = field(default_factory=dict)
    account: str = ""
    """Of the resource, where its ARN has none."""

    def __str__(self) -> str:
        context = f" with {self.context}" if self.context else ""
        return f"{self.action} on {self.resource}{context}"


def find() -> Path | None:
    """The installed simulator; None where there is no node, or nothing installed."""
    if shutil.which("node") is None:
        return None
    package = Path("@cloud-copilot") / "iam-simulate"
    return next((place for place in PLACES if (place / package).is_dir()), None)


class Simulator:
    def __init__(self, modules: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(HERE / "simulate.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_MODULES": str(modules)},
        )
        self._answers: dict[str, bool] = {}

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def allows(
        self,
        principal: str,
        request: Request,
        identity: Sequence[Statement],
        *,
        resource_policy: Sequence[Statement] | None = None,
        guardrails: Sequence[Sequence[Statement]] = (),
    ) -> bool:
        """Whether AWS would let the principal do it. Answers are remembered.

        Raises:
            AssertionError: The simulator does not know the action, or the resource does not fit.
        """
        asked = json.dumps(_simulation(principal, request, identity, resource_policy, guardrails))
        if asked not in self._answers:
            self._answers[asked] = self._ask(asked, request)
        return self._answers[asked]

    def _ask(self, asked: str, request: Request) -> bool:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(asked + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert not answer["errors"], f"{request}: {answer['errors']}"
        assert answer["verdict"], request
        return bool(answer["verdict"] == "Allowed")


def _simulation(
    principal: str,
    request: Request,
    identity: Sequence[Statement],
    resource_policy: Sequence[Statement] | None,
    guardrails: Sequence[Sequence[Statement]],
) -> dict[str, Any]:
    account = request.resource.split(":")[4] if request.resource.startswith("arn:") else ""
    simulation: dict[str, Any] = {
        "request": {
            "principal": principal,
            "action": request.action,
            "resource": {
                "resource": request.resource,
                "accountId": account or request.account or principal.split(":")[4],
            },
            "contextVariables": request.context,
        },
        "identityPolicies": [{"name": "own", "policy": document(identity)}],
        "resourceControlPolicies": [],
        "serviceControlPolicies": [
            {
                "orgIdentifier": "root",
                "policies": [
                    {"name": "all", "policy": document(EVERYTHING)},
                    *(
                        {"name": f"guardrail-{number}", "policy": document(statements)}
                        for number, statements in enumerate(guardrails)
                    ),
                ],
            }
        ],
    }
    if resource_policy is not None:
        simulation["resourcePolicy"] = document(resource_policy)
    return simulation


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
