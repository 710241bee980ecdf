"""A template as CloudFormation would deploy it: every function worked out, with ids that are made up
but always the same. No network, no moto; an unknown function is an error.
"""

import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parents[2] / "infra"
NO_VALUE = object()


class Loader(yaml.SafeLoader):
    """Reads the short forms (!Ref, !Sub …) as the long ones."""


def _short_form(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            assert isinstance(node, yaml.MappingNode)
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short_form)


def template(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((INFRA / name).read_text(), Loader=Loader)  # noqa: S506  # a SafeLoader
    return loaded


ARNS = {
    "AWS::IAM::Role": ("iam", "role/{}"),
    "AWS::Lambda::Function": ("lambda", "function:{}"),
    "AWS::KMS::Key": ("kms", "key/{}"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/{}"),
    "AWS::S3::Bucket": ("s3", "{}"),
    "AWS::SNS::Topic": ("sns", "{}"),
    "AWS::SQS::Queue": ("sqs", "{}"),
    "AWS::StepFunctions::StateMachine": ("states", "stateMachine:{}"),
    "AWS::Events::EventBus": ("events", "event-bus/{}"),
    "AWS::Events::Rule": ("events", "rule/{}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}:*"),
}
REF_IS_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
NAMES = (
    "RoleName",
    "FunctionName",
    "TableName",
    "StateMachineName",
    "LogGroupName",
    "DBSubnetGroupName",
    "Name",
)
PREFIXES = {
    "AWS::EC2::VPC": "vpc-",
    "AWS::EC2::Subnet": "subnet-",
    "AWS::EC2::SecurityGroup": "sg-",
    "AWS::EC2::RouteTable": "rtb-",
    "AWS::EC2::VPCEndpoint": "vpce-",
}


@dataclass
class Stack:
    """A deployed template."""

    raw: dict[str, Any]
    account: str
    region: str
    parameters: dict[str, Any] = field(default_factory=dict)
    name: str = "restorecheck"

    def __post_init__(self) -> None:
        self._parameters: dict[str, Any] = {}
        for name, declared in self.raw.get("Parameters", {}).items():
            value = self.parameters.get(name, declared.get("Default"))
            assert value is not None, f"the parameter {name} has no default and was not given"
            if declared["Type"] == "CommaDelimitedList" and isinstance(value, str):
                value = [part.strip() for part in value.split(",") if part.strip()]
            if pattern := declared.get("AllowedPattern"):
                for one in value if isinstance(value, list) else [value]:
                    assert re.fullmatch(pattern, str(one)), f"{name}={one!r}"
            self._parameters[name] = value
        unknown = set(self.parameters) - set(self._parameters)
        assert not unknown, unknown
        self._conditions: dict[str, bool] = {}
        self.resources = {
            name: {
                **resource,
                "Properties": self._resolve(resource.get("Properties", {}), name),
            }
            for name, resource in self.raw["Resources"].items()
            if self._exists(name)
        }
        self.outputs = {
            name: self._resolve(output["Value"], name)
            for name, output in self.raw.get("Outputs", {}).items()
            if "Condition" not in output or self._condition(output["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def properties(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.resources[name]["Properties"]
        return found

    def definition(self, name: str) -> dict[str, Any]:
        """The definition of a state machine, with its substitutions."""
        properties = self.properties(name)
        found: dict[str, Any] = _substituted(
            properties["Definition"], properties.get("DefinitionSubstitutions", {})
        )
        return found

    def policy(self, role: str) -> list[dict[str, Any]]:
        """The statements of a role's own policies."""
        beside = self.of_type("AWS::IAM::RolePolicy").values()
        policies = [
            *self.properties(role)["Policies"],
            *(policy for policy in beside if policy["RoleName"] == self.physical(role)),
        ]
        return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]

    def arn(self, name: str) -> str:
        service, form = ARNS[self.raw["Resources"][name]["Type"]]
        physical = self.physical(name)
        if service == "s3":
            return f"arn:aws:s3:::{physical}"
        region = "" if service == "iam" else self.region
        return f"arn:aws:{service}:{region}:{self.account}:{form.format(physical)}"

    def physical(self, name: str) -> str:
        resource = self.raw["Resources"][name]
        digest = hashlib.sha256(name.encode()).hexdigest()
        if prefix := PREFIXES.get(resource["Type"]):
            return prefix + digest[:17]
        if resource["Type"] == "AWS::KMS::Key":
            return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        for key in NAMES:
            given = resource.get("Properties", {}).get(key)
            if given is not None:
                return str(self._resolve(given, name))
        physical = f"{self.name}-{name}"
        return physical.lower() if resource["Type"] == "AWS::S3::Bucket" else physical

    # --- within

    def _exists(self, name: str) -> bool:
        condition = self.raw["Resources"][name].get("Condition")
        return condition is None or self._condition(condition)

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            self._conditions[name] = bool(self._resolve(self.raw["Conditions"][name], name))
        return self._conditions[name]

    def _ref(self, name: str, where: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::StackName": self.name,
            "AWS::NoValue": NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        assert name in self.raw["Resources"], f"{where}: undefined {name}"
        assert self._exists(name), f"{where}: refers to {name}, which is not made"
        kind = self.raw["Resources"][name]["Type"]
        return self.arn(name) if kind in REF_IS_ARN else self.physical(name)

    def _attribute(self, name: str, attribute: str, where: str) -> str:
        assert name in self.raw["Resources"], f"{where}: undefined {name}.{attribute}"
        assert self._exists(name), f"{where}: refers to {name}, which is not made"
        if attribute in {"Arn", "TopicArn"}:
            return self.arn(name)
        assert attribute == "QueueName", f"{where}: unknown attribute {name}.{attribute}"
        return self.physical(name)

    def _sub(self, text: str, values: dict[str, Any], where: str) -> str:
        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(values[name])
            if "." in name:
                resource, _, attribute = name.partition(".")
                return self._attribute(resource, attribute, where)
            return str(self._ref(name, where))

        return re.sub(r"\$\{([^!}]+)\}", replace, text)

    def _resolve(self, value: Any, where: str) -> Any:
        if isinstance(value, list):
            found = [self._resolve(item, where) for item in value]
            return [item for item in found if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key == "Ref":
                return self._ref(argument, where)
            if (
                key == "Condition"
                and isinstance(argument, str)
                and argument in self.raw["Conditions"]
            ):
                return self._condition(argument)
            if key.startswith("Fn::"):
                return self._function(key.removeprefix("Fn::"), argument, where)
        resolved = {key: self._resolve(item, where) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _function(self, name: str, argument: Any, where: str) -> Any:
        match name:
            case "GetAtt":
                return self._attribute(argument[0], argument[1], where)
            case "Sub" if isinstance(argument, str):
                return self._sub(argument, {}, where)
            case "Sub":
                values = {key: self._resolve(item, where) for key, item in argument[1].items()}
                return self._sub(argument[0], values, where)
            case "If":
                chosen = argument[1] if self._condition(argument[0]) else argument[2]
                return self._resolve(chosen, where)
            case "Equals":
                first, second = self._resolve(argument, where)
                return first == second
            case "And":
                return all(self._resolve(argument, where))
            case "Join":
                return str(argument[0]).join(self._resolve(argument[1], where))
            case "Not":
                return not self._resolve(argument, where)[0]
            case "Split":
                return str(self._resolve(argument[1], where)).split(argument[0])
            case "Select":
                return self._resolve(argument[1], where)[int(argument[0])]
            case "GetAZs":
                return [f"{self.region}{letter}" for letter in "abc"]
            case "Cidr":
                block, count, bits = self._resolve(argument, where)
                network = ipaddress.ip_network(block)
                subnets = network.subnets(new_prefix=32 - int(bits))
                return [str(next(subnets)) for _ in range(int(count))]
            case _:
                raise AssertionError(f"{where}: unknown function Fn::{name}")


def _substituted(value: Any, substitutions: dict[str, str]) -> Any:
    match value:
        case dict():
            return {key: _substituted(item, substitutions) for key, item in value.items()}
        case list():
            return [_substituted(item, substitutions) for item in value]
        case str():
            for name, replacement in substitutions.items():
                value = value.replace(f"${{{name}}}", replacement)
            return value
        case _:
            return value


SOURCE, BACKUP, REGION = "111111111111", "222222222222", "eu-west-1"
EXTERNAL_ID = "a-secret-word-of-the-tests"


def source_stack(**parameters: Any) -> Stack:
    return source_stack_in(REGION, **parameters)


def source_stack_in(region: str, **parameters: Any) -> Stack:
    given = {"BackupAccountId": BACKUP, "ExternalId": EXTERNAL_ID, **parameters}
    return Stack(template("source-account.yaml"), SOURCE, region, given)


def backup_stack(**parameters: Any) -> Stack:
    return backup_stack_in(REGION, **parameters)


def backup_stack_in(region: str, **parameters: Any) -> Stack:
    given = {
        "SourceAccountId": SOURCE,
        "ExternalId": EXTERNAL_ID,
        "TransitKeyArn": source_stack_in(region).outputs["TransitKeyArn"],
        **parameters,
    }
    return Stack(template("backup-account.yaml"), BACKUP, region, given)
