"""The rules of `doctor --deployment`: does everything from docs/how-to/deploy.md exist, step by step?

Facts and judgements. Pure; `aws.deployed` reads the facts.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from restorecheck.rules.facts import Unread
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at, ok, problem
from restorecheck.rules.policies import listed
from restorecheck.spelling import number_of

T = TypeVar("T")

SOURCE_STACK, BACKUP_STACK = "restorecheck-source", "restorecheck"
FUNCTIONS = ("stepper", "checker", "planner", "sweeper", "notifier")
SCHEDULES = ("restorecheck-nightly", "restorecheck-sweep", "restorecheck-pages")
COMPLETE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
)
"""Statuses in which all resources of a stack exist (CloudFormation, StackStatus)."""
CONCURRENCY = 20
"""Concurrent executions that are needed: five drills with a checker and a stepper each, and the other functions."""
GATEWAY = "Gateway"


def role_name(part: str, suffix: str = "") -> str:
    """`part`: `source`, `stepper` …; `suffix`: as the stack's parameter NameSuffix, because IAM has no regions."""
    return f"restorecheck-{part}{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    name: str
    status: str
    outputs: Mapping[str, str]
    suffix: str = ""
    """The parameter NameSuffix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    name: str
    state: str
    update: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcEndpoint:
    service: str
    """`dynamodb`, `secretsmanager`"""
    kind: str
    """`Gateway` or `Interface`"""
    state: str
    connected: bool
    """It has route tables, or subnets."""
    policy: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLock:
    """Default retention of new objects, in days; 0: none is set."""

    mode: str = ""
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    status: str
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """`None`: it does not exist."""

    account_id: str
    region: str
    stack: Stack | Unread | None
    trust: Mapping[str, Any] | Unread | None
    """Of the role of the source account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """`None`: it does not exist."""

    account_id: str
    region: str
    stack: Stack | Unread | None
    roles: Mapping[str, Mapping[str, Any] | None] | Unread
    """Role → its trust policy."""
    functions: Mapping[str, Function | None] | Unread
    endpoints: tuple[VpcEndpoint, ...] | Unread
    """Of the VPC of the database subnet group."""
    concurrency: int | Unread
    schedules: Mapping[str, str | None] | Unread
    """Name → state."""
    subscriptions: tuple[bool, ...] | Unread
    """Of the topic: whether each was confirmed."""
    lock: ReportLock | Unread | None
    """Object lock of the bucket of the reports; None: it is off."""
    configuration: bool | Unread | None
    """Whether the configuration in the bucket equals the local one."""
    nights: tuple[Execution, ...] | Unread
    """The newest first."""


def judge_source(facts: SourceFacts) -> Iterator[Finding]:
    look = _Look(SOURCE_STACK, facts.region, AdvicePlace.SOURCE)
    yield look.stack("RC511", facts.stack, "deploy/source-account.yaml")
    if isinstance(facts.stack, Stack):
        role = role_name("source", facts.stack.suffix)
        yield look.read("RC512", facts.trust, lambda policy: look.trust(policy, role))


PARTS = ("source", "backup", "configuration", "night")


def judge_backup(facts: BackupFacts, part: str = "") -> Iterator[Finding]:
    """`part`: only this step of docs/how-to/deploy.md; empty: all steps."""
    look = _Look(BACKUP_STACK, facts.region, AdvicePlace.BACKUP)
    if part in {"", "backup"}:
        yield look.stack("RC521", facts.stack, "deploy/packaged.yaml")
    if not isinstance(facts.stack, Stack):
        if part not in {"", "backup"}:
            yield look.problem("RC521", f"the stack {BACKUP_STACK} does not exist")
        return
    if part in {"", "backup"}:
        yield look.read("RC522", facts.roles, look.roles)
        yield look.read("RC523", facts.functions, look.functions)
        yield look.read("RC524", facts.endpoints, look.endpoints)
        yield look.read("RC525", facts.concurrency, look.concurrency)
        yield look.read("RC526", facts.schedules, look.schedules)
        outputs = facts.stack.outputs
        yield look.read(
            "RC527", facts.subscriptions, lambda found: look.subscriptions(found, outputs)
        )
        yield look.read("RC528", facts.lock, lambda lock: look.lock(lock, outputs))
    if part in {"", "configuration"}:
        outputs = facts.stack.outputs
        yield look.read(
            "RC531", facts.configuration, lambda same: look.configuration(same, outputs)
        )
    if part in {"", "night"}:
        outputs = facts.stack.outputs
        yield look.read("RC541", facts.nights, lambda nights: look.nights(nights, outputs))


@dataclass(frozen=True, slots=True)
class _Look:
    resource: str
    region: str
    where: AdvicePlace

    def aws(self, *words: str) -> RuleAdvice:
        return RuleAdvice(self.where, f"{shlex.join(('aws', *words))} --region {self.region}")

    def ok(self, rule: str, found: str) -> Finding:
        return ok(rule, self.resource, found)

    def problem(self, rule: str, found: str, *advice: RuleAdvice) -> Finding:
        return problem(rule, self.resource, found, *advice)

    def read(self, rule: str, fact: T | Unread, judged: Callable[[T], Finding]) -> Finding:
        if isinstance(fact, Unread):
            return not_looked_at(rule, self.resource, fact.needs, fact.because)
        return judged(fact)

    def again(self, template: str) -> RuleAdvice:
        deploy = (
            "cloudformation",
            "deploy",
            "--stack-name",
            self.resource,
            "--template-file",
            template,
        )
        return self.aws(
            *deploy, "--capabilities", "CAPABILITY_NAMED_IAM", "<see docs/how-to/deploy.md>"
        )

    def stack(self, rule: str, stack: Stack | Unread | None, template: str) -> Finding:
        if isinstance(stack, Unread):
            return not_looked_at(rule, self.resource, stack.needs, stack.because)
        if stack is None:
            return self.problem(
                rule, f"the stack {self.resource} does not exist", self.again(template)
            )
        if stack.status in COMPLETE:
            return self.ok(rule, f"{stack.name} is {stack.status}")
        events = ("cloudformation", "describe-stack-events", "--stack-name", stack.name)
        return self.problem(rule, f"{stack.name} is {stack.status}", self.aws(*events))

    def trust(self, policy: Mapping[str, Any] | None, role: str) -> Finding:
        again = self.again("deploy/source-account.yaml")
        if policy is None:
            return self.problem("RC512", f"the role {role} does not exist", again)
        allowing = [s for s in listed(policy.get("Statement")) if s.get("Effect") == "Allow"]
        if not allowing:
            return self.problem("RC512", "the role trusts no account", again)
        asks = all("sts:externalid" in json.dumps(s.get("Condition", {})).lower() for s in allowing)
        if not asks:
            return self.problem("RC512", "the role does not require an external id", again)
        return self.ok("RC512", "the role requires an external id")

    def roles(self, roles: Mapping[str, Mapping[str, Any] | None]) -> Finding:
        flaws = [
            f"the role {name} does not exist" for name, trust in roles.items() if trust is None
        ]
        flaws += [
            f"Lambda may not assume {name}"
            for name, trust in roles.items()
            if trust is not None and "lambda.amazonaws.com" not in json.dumps(trust)
        ]
        if flaws:
            return self.problem("RC522", "; ".join(flaws), self.again("deploy/packaged.yaml"))
        return self.ok("RC522", f"{number_of(len(roles), 'role')} found")

    def functions(self, functions: Mapping[str, Function | None]) -> Finding:
        flaws = []
        for name, found in functions.items():
            if found is None:
                flaws.append(f"the function {name} does not exist")
            elif found.state != "Active" or found.update not in {"", "Successful"}:
                flaws.append(
                    f"{name} is {found.state}; its last update: {found.update or 'unknown'}"
                )
        if flaws:
            return self.problem("RC523", "; ".join(flaws), self.again("deploy/packaged.yaml"))
        return self.ok("RC523", f"{number_of(len(functions), 'function')} active")

    def endpoints(self, endpoints: tuple[VpcEndpoint, ...]) -> Finding:
        flaws = []
        for service in ("secretsmanager", "dynamodb"):
            found = [e for e in endpoints if e.service == service]
            if not found:
                flaws.append(f"the endpoint of {service} does not exist")
            flaws += [flaw for endpoint in found for flaw in _flaws_of(endpoint)]
        if flaws:
            return self.problem("RC524", "; ".join(flaws), self.again("deploy/packaged.yaml"))
        return self.ok("RC524", "the endpoints of secretsmanager and dynamodb are available")

    def concurrency(self, most: int) -> Finding:
        if most >= CONCURRENCY:
            return self.ok("RC525", f"{number_of(most, 'function')} may run at the same time")
        ask = ("service-quotas", "request-service-quota-increase", "--service-code", "lambda")
        # Lambda's "Concurrent executions" (Service Quotas).
        advice = self.aws(*ask, "--quota-code", "L-B99A9384", "--desired-value", "1000")
        return self.problem(
            "RC525",
            f"{number_of(most, 'function')} may run at the same time; {CONCURRENCY} are needed",
            advice,
        )

    def schedules(self, schedules: Mapping[str, str | None]) -> Finding:
        off = [
            f"{name} is {state or 'not there'}"
            for name, state in schedules.items()
            if state != "ENABLED"
        ]
        if off:
            return self.problem("RC526", "; ".join(off), self.again("deploy/packaged.yaml"))
        return self.ok("RC526", f"{number_of(len(schedules), 'schedule')} enabled")

    def subscriptions(self, confirmed: tuple[bool, ...], outputs: Mapping[str, str]) -> Finding:
        if any(confirmed):
            return self.ok("RC527", f"{number_of(sum(confirmed), 'confirmed subscription')}")
        if confirmed:
            wait = RuleAdvice(
                AdvicePlace.PATIENCE,
                "<ask the owner of the address to confirm the subscription>",
            )
            return self.problem("RC527", "no subscription is confirmed yet", wait)
        subscribe = ("sns", "subscribe", "--topic-arn", outputs.get("TopicArn", "<TopicArn>"))
        advice = self.aws(*subscribe, "--protocol", "email", "--notification-endpoint", "<address>")
        return self.problem("RC527", "the topic has no subscription", advice)

    def lock(self, lock: ReportLock | None, outputs: Mapping[str, str]) -> Finding:
        bucket = outputs.get("ReportBucketName", "<ReportBucketName>")
        if lock is None:
            put = ("s3api", "put-object-lock-configuration", "--bucket", bucket)
            on = self.aws(*put, "--object-lock-configuration", "ObjectLockEnabled=Enabled")
            return self.problem("RC528", f"object lock of the bucket {bucket} is off", on)
        if not lock.days:
            return self.ok(
                "RC528",
                "object lock is on; no default retention is set: who may delete versions can delete reports",
            )
        kept = number_of(lock.days, "day")
        return self.ok(
            "RC528", f"object lock is on; no report can be deleted for {kept} ({lock.mode})"
        )

    def configuration(self, same: bool | None, outputs: Mapping[str, str]) -> Finding:
        if same:
            return self.ok("RC531", "the configuration in the bucket equals the local file")
        bucket = outputs.get("ConfigBucketName", "<ConfigBucketName>")
        copy = self.aws("s3", "cp", "restorecheck.yaml", f"s3://{bucket}/restorecheck.yaml")
        if same is None:
            return self.problem("RC531", f"the bucket {bucket} has no restorecheck.yaml", copy)
        return self.problem(
            "RC531", f"the configuration in {bucket} differs from the local file", copy
        )

    def nights(self, nights: tuple[Execution, ...], outputs: Mapping[str, str]) -> Finding:
        machine = outputs.get("NightlyMachineArn", "<NightlyMachineArn>")
        start = self.aws(
            "stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", "{}"
        )
        ended = [night for night in nights if night.status != "RUNNING"]
        if not ended:
            said = "the first execution is running" if nights else "there was no execution yet"
            return self.problem("RC541", said, *(() if nights else (start,)))
        newest = ended[0]
        shown = (
            f"the execution of {newest.started:%Y-%m-%d %H:%M} UTC ended with the status "
            f"{newest.status}"
        )
        if newest.status == "SUCCEEDED":
            return self.ok("RC541", shown)
        return self.problem("RC541", shown, start)


def _flaws_of(endpoint: VpcEndpoint) -> Iterator[str]:
    name = f"the endpoint of {endpoint.service}"
    if endpoint.state.lower() != "available":
        yield f"{name} is {endpoint.state}"
    if not endpoint.connected:
        yield f"{name} is in no {'route table' if endpoint.kind == GATEWAY else 'subnet'}"
    named = [
        statement
        for statement in listed(endpoint.policy.get("Statement"))
        if statement.get("Effect") == "Allow" and not _is_everybody(statement.get("Principal"))
    ]
    # AWS PrivateLink guide, "Control access to VPC endpoints using endpoint policies".
    if endpoint.kind == GATEWAY and named:
        yield (
            f"the policy of {name} names principals; a gateway endpoint needs the condition "
            "aws:PrincipalArn instead"
        )


def _is_everybody(principal: object) -> bool:
    return principal in ("*", {"AWS": "*"}, {"AWS": ["*"]})
