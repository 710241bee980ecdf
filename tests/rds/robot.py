"""Follows the advice of `doctor` to the letter: commands, configuration, and nothing else.

Commands of the AWS CLI are taken apart by botocore's models, as the CLI itself does. What stands in
<angle brackets> only a person knows; a test gives the answers.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

VARIABLE = re.compile(r"(\w+)=\$\((.*)\)", re.DOTALL)
QUOTAS = {
    "L-272F1212": "snapshots",
    "L-7ADDB58A": "storage",
    "L-7B6409FD": "instances",
    "L-952B80B8": "clusters",
    "L-9B510759": "snapshots",
}


@dataclass
class Robot:
    scene: Any
    """Its `run` is the command, its `keys` the configuration; and a sandbox, where it needs one."""
    answers: dict[str, Any] = field(default_factory=dict)
    """What only a person knows: text for text, or something to do."""
    variables: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def look(self) -> list[dict[str, Any]]:
        """What doctor finds that is not well."""
        outcome = self.scene.run("doctor", "--format", "json")
        assert outcome.out, outcome.err
        wrong = [f for f in json.loads(outcome.out)["findings"] if f["outcome"] != "ok"]
        assert (outcome.code == 0) is (not wrong)
        return wrong

    def mend(self, findings: list[dict[str, Any]]) -> None:
        self.done = []
        for finding in findings:
            assert finding["advice"] or finding["outcome"] == "not looked at", finding
            for advice in finding["advice"]:
                self.follow(advice["where"], advice["line"])

    def follow(self, where: str, line: str) -> None:
        line = self._answered(line)
        if line in self.done:
            return  # two findings may advise the same
        self.done.append(line)
        if line.startswith("<"):
            self._here(line)
            return
        match where:
            case "in the configuration":
                self._configure(line)
            case "in the source account":
                self._shell(line, self.scene.sandbox.source)
            case "in the backup account":
                self._shell(line, self.scene.sandbox.backup)
            case _:
                self._here(line)

    def _answered(self, line: str) -> str:
        for question, answer in self.answers.items():
            if question in line and isinstance(answer, str):
                line = line.replace(f"<{question}>", answer)
        return line

    def _here(self, line: str) -> None:
        asked = line.strip("<>")
        if asked in self.answers:
            self.answers[asked]()
            return
        words = shlex.split(line)
        assert words[0] in {"mkdir", "chmod", "chown"}, line
        subprocess.run([str(shutil.which(words[0])), *words[1:]], check=True)

    # --- the configuration -----------------------------------------------------------------------

    def _configure(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        path, _, value = rest.partition(" = ")
        for name, known in self.variables.items():
            value = value.replace(f"${name}", known)
        *way, last = path.split(".")
        place: Any = self.scene.keys
        for step in way:
            if isinstance(place, list):
                place = next(item for item in place if item["name"] == step)
            else:
                place = place[step]
        if verb == "remove":
            del place[last]
        else:
            assert verb == "set", line
            place[last] = json.loads(value)

    # --- the AWS CLI -------------------------------------------------------------------------------

    def _shell(self, line: str, account: Any) -> None:
        assigned = VARIABLE.fullmatch(line)
        if assigned:
            self.variables[assigned[1]] = self._aws(shlex.split(assigned[2]), account)
            return
        first, _, otherwise = line.partition(" || ")
        try:
            self._aws(shlex.split(first), account)
        except ClientError:
            if not otherwise:
                raise
            self._aws(shlex.split(otherwise), account)

    def _aws(self, words: list[str], account: Any) -> str:
        assert words[0] == "aws", words
        service, command = words[1], words[2]
        options = _options(words[3:])
        region = options.pop("region")[0]
        query = options.pop("query", None)
        options.pop("output", None)
        if service == "service-quotas":
            self._ask_for_more(options)
            return ""
        client = self.scene.sandbox.client(service, account, region)
        model = client.meta.service_model
        (name,) = [n for n in model.operation_names if xform_name(n, "-") == command]
        shape = model.operation_model(name).input_shape
        given = {}
        for option, values in options.items():
            negative = option.removeprefix("no-")
            for member, kind in shape.members.items():
                flag = xform_name(member, "-")
                if flag == option:
                    given[member] = _value(kind, values)
                elif flag == negative and kind.type_name == "boolean":
                    given[member] = False
        assert len(given) == len(options), (command, options, given)
        answer: Any = getattr(client, xform_name(name))(**given)
        for step in query[0].split(".") if query else ():
            answer = answer[step]
        return str(answer)

    def _ask_for_more(self, options: dict[str, list[str]]) -> None:
        """Somebody at AWS says yes."""
        rds = self.scene.sandbox.rds.state
        name = QUOTAS[options["quota-code"][0]]
        rds.quotas = replace(rds.quotas, **{name: int(options["desired-value"][0])})


def _options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            current = options.setdefault(word[2:], [])
        else:
            current.append(word)
    return options


def _value(kind: Any, values: list[str]) -> Any:
    convert: dict[str, Callable[[list[str]], Any]] = {
        "boolean": lambda _: True,
        "integer": lambda given: int(given[0]),
        "structure": lambda given: json.loads(given[0]),
        "list": lambda given: json.loads(given[0]) if given[0].startswith("[") else given,
    }
    return convert.get(kind.type_name, lambda given: given[0])(values)
