"""Facts for `doctor --deployment` about the two stacks and their resources. Every call only reads."""

import json
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Any, TypeVar

import boto3
from botocore.exceptions import ClientError

from restorecheck.aws.facts.lookup import Raw, reading, reading_one
from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.session.settings import Place
from restorecheck.errors import ConfigError, Problem
from restorecheck.rules.deployment import (
    BACKUP_STACK,
    FUNCTIONS,
    SCHEDULES,
    SOURCE_STACK,
    BackupFacts,
    Execution,
    Function,
    ReportLock,
    SourceFacts,
    Stack,
    VpcEndpoint,
    role_name,
)
from restorecheck.rules.facts import Unread

T = TypeVar("T")

NO_STACK = Unread("RC521 to be fixed first")
CONFIG_KEY = "restorecheck.yaml"


def own_account(accounts: Accounts, region: str | None) -> Account:
    """The account of the present credentials, in the region of this shell.

    Raises:
        ConfigError: No region is set.
        AccessDeniedError: There are no credentials.
    """
    region = region or boto3.Session().region_name
    if not region:
        message = "no AWS region is set"
        raise ConfigError(
            (Problem(message=message),), hint="Set AWS_DEFAULT_REGION, or a profile that has one."
        )
    anybody = accounts.looked_at(Place("aws", "", region))
    account_id, arn = anybody.caller()
    return accounts.looked_at(Place(arn.split(":")[1], account_id, region))


def source_facts(account: Account) -> SourceFacts:
    place = account.place
    stack = _stack(account, SOURCE_STACK)
    return SourceFacts(
        account_id=place.account_id,
        region=place.region,
        stack=stack,
        trust=_trust(account, role_name("source", _suffix(stack))),
    )


def backup_facts(account: Account, configuration: bytes | None) -> BackupFacts:
    """`configuration`: the local one; None: there is none."""
    stack = _stack(account, BACKUP_STACK)
    outputs = stack.outputs if isinstance(stack, Stack) else {}

    def of_stack(key: str, read: Callable[[str], T | Unread]) -> T | Unread:
        return read(outputs[key]) if outputs.get(key) else NO_STACK

    place = account.place
    roles = tuple(role_name(name, _suffix(stack)) for name in FUNCTIONS)
    return BackupFacts(
        account_id=place.account_id,
        region=place.region,
        stack=stack,
        roles=_each(roles, lambda name: _trust(account, name), prefix=""),
        functions=_each(FUNCTIONS, lambda name: _function(account, f"restorecheck-{name}")),
        endpoints=of_stack("DatabaseSecurityGroupId", lambda group: _endpoints(account, group)),
        concurrency=_concurrency(account),
        schedules=_each(SCHEDULES, lambda name: _schedule(account, name), prefix=""),
        subscriptions=of_stack("TopicArn", lambda topic: _subscriptions(account, topic)),
        lock=of_stack("ReportBucketName", lambda bucket: _lock(account, bucket)),
        configuration=of_stack(
            "ConfigBucketName", lambda bucket: _is_same(account, bucket, configuration)
        ),
        nights=of_stack("NightlyMachineArn", lambda machine: _nights(account, machine)),
    )


def _needs(account: Account, right: str) -> str:
    return f"{right} in account {account.place.account_id}"


def _each(
    names: tuple[str, ...], read: Callable[[str], T | Unread | None], prefix: str = "restorecheck-"
) -> Mapping[str, T | None] | Unread:
    """Read one after the other; the first unreadable one is the result for all."""
    found: dict[str, T | None] = {}
    for name in names:
        one = read(name)
        if isinstance(one, Unread):
            return one
        found[f"{prefix}{name}"] = one
    return found


def _stack(account: Account, name: str) -> Stack | Unread | None:
    """The stack; None: unknown name, for which CloudFormation returns ValidationError."""
    client = account.client("cloudformation")

    def read() -> Stack | None:
        try:
            raw = client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as exc:
            if exc.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        outputs = {o["OutputKey"]: o.get("OutputValue", "") for o in raw.get("Outputs", ())}
        given = {p["ParameterKey"]: p.get("ParameterValue", "") for p in raw.get("Parameters", ())}
        suffix = given.get("NameSuffix", "")
        return Stack(name=name, status=raw["StackStatus"], outputs=outputs, suffix=suffix)

    return reading(
        _needs(account, "cloudformation:DescribeStacks"), f"describe the stack {name}", read
    )


def _suffix(stack: Stack | Unread | None) -> str:
    return stack.suffix if isinstance(stack, Stack) else ""


def _trust(account: Account, name: str) -> Mapping[str, Any] | Unread | None:
    def read() -> Mapping[str, Any]:
        found: Raw = account.client("iam").get_role(RoleName=name)["Role"]
        policy: Mapping[str, Any] = found["AssumeRolePolicyDocument"]
        return policy

    return _or_none(_needs(account, "iam:GetRole"), f"read the role {name}", read, "NoSuchEntity")


def _or_none(needs: str, what: str, read: Callable[[], T], *codes: str) -> T | Unread | None:
    """As `reading_one`; `codes`: the service's error codes for a missing resource."""

    def read_or_none() -> T | None:
        try:
            return read()
        except ClientError as exc:
            if exc.response["Error"]["Code"] in codes:
                return None
            raise

    return reading_one(needs, what, read_or_none)


def _function(account: Account, name: str) -> Function | Unread | None:
    def read() -> Function:
        raw = account.client("lambda").get_function_configuration(FunctionName=name)
        return Function(
            name=name, state=raw.get("State", ""), update=raw.get("LastUpdateStatus", "")
        )

    needs = _needs(account, "lambda:GetFunctionConfiguration")
    return _or_none(needs, f"read the function {name}", read, "ResourceNotFoundException")


def _endpoints(account: Account, group: str) -> tuple[VpcEndpoint, ...] | Unread:
    def read() -> tuple[VpcEndpoint, ...]:
        ec2 = account.client("ec2")
        groups = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        of_network = [{"Name": "vpc-id", "Values": [groups[0]["VpcId"]]}]
        found = ec2.describe_vpc_endpoints(Filters=of_network)["VpcEndpoints"]
        return tuple(
            VpcEndpoint(
                service=raw["ServiceName"].rpartition(".")[2],
                kind=raw.get("VpcEndpointType", ""),
                state=raw.get("State", ""),
                connected=bool(raw.get("RouteTableIds") or raw.get("SubnetIds")),
                policy=json.loads(raw.get("PolicyDocument") or "{}"),
            )
            for raw in found
        )

    return reading(
        _needs(account, "ec2:DescribeVpcEndpoints"), "list the endpoints of the VPC", read
    )


def _concurrency(account: Account) -> int | Unread:
    def read() -> int:
        limits = account.client("lambda").get_account_settings()["AccountLimit"]
        return int(limits["UnreservedConcurrentExecutions"])

    return reading(_needs(account, "lambda:GetAccountSettings"), "read the quotas of Lambda", read)


def _schedule(account: Account, name: str) -> str | Unread | None:
    def read() -> str:
        return str(account.client("scheduler").get_schedule(Name=name)["State"])

    needs = _needs(account, "scheduler:GetSchedule")
    return _or_none(needs, f"read the schedule {name}", read, "ResourceNotFoundException")


PENDING = "PendingConfirmation"


def _subscriptions(account: Account, topic: str) -> tuple[bool, ...] | Unread:
    def read() -> tuple[bool, ...]:
        found = account.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        return tuple(raw["SubscriptionArn"] != PENDING for raw in found)

    return reading(_needs(account, "sns:ListSubscriptionsByTopic"), "list the subscriptions", read)


def _lock(account: Account, bucket: str) -> ReportLock | Unread | None:
    def read() -> ReportLock | None:
        raw: Raw = account.client("s3").get_object_lock_configuration(Bucket=bucket)
        found = raw["ObjectLockConfiguration"]
        if found.get("ObjectLockEnabled") != "Enabled":
            return None
        kept = found.get("Rule", {}).get("DefaultRetention", {})
        days = kept.get("Days", 0) + 365 * kept.get("Years", 0)
        return ReportLock(mode=kept.get("Mode", ""), days=days)

    needs = _needs(account, "s3:GetBucketObjectLockConfiguration")
    what = "read the object lock of the bucket of the reports"
    return _or_none(needs, what, read, "ObjectLockConfigurationNotFoundError")


def _is_same(account: Account, bucket: str, configuration: bytes | None) -> bool | Unread | None:
    """Compared by ETag, the MD5 of an object that was uploaded in one part under SSE-S3 (S3 API, Object)."""
    if configuration is None:
        return Unread("a configuration file to compare with: -c FILE")

    def read() -> bool:
        head = account.client("s3").head_object(Bucket=bucket, Key=CONFIG_KEY)
        digest = md5(configuration, usedforsecurity=False).hexdigest()
        return str(head["ETag"]).strip('"') == digest

    return _or_none(
        _needs(account, "s3:GetObject"),
        "read the configuration of the deployment",
        read,
        "404",
        "NoSuchKey",
    )


def _nights(account: Account, machine: str) -> tuple[Execution, ...] | Unread:
    def read() -> tuple[Execution, ...]:
        found = account.client("stepfunctions").list_executions(
            stateMachineArn=machine, maxResults=10
        )
        nights = [
            Execution(status=e["status"], started=e["startDate"]) for e in found["executions"]
        ]
        return tuple(sorted(nights, key=lambda night: night.started, reverse=True))

    return reading(_needs(account, "states:ListExecutions"), "list the executions", read)
