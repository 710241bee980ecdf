"""Reads for `doctor` and `audit`: the value, None for a missing resource, or why it could not be read."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.translation import attempting
from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError
from restorecheck.rules.facts import (
    KmsKey,
    Quota,
    Quotas,
    RdsDatabase,
    Simulated,
    Simulation,
    Unread,
)
from restorecheck.rules.permissions import PermissionQuestion
from restorecheck.rules.policies import Decision

T = TypeVar("T")
Raw = Mapping[str, Any]

BOOLEANS = frozenset({"kms:GrantIsForAWSResource", "rds:PubliclyAccessible"})


def reading(needs: str, what: str, read: Callable[[], T]) -> T | Unread:
    """The result of `read`, or the reason why reading failed."""
    try:
        with attempting(what):
            return read()
    except AccessDeniedError as exc:
        return Unread(needs, exc.code or "denied")
    except ProviderError as exc:
        return Unread("a second try", exc.message)


def reading_one(needs: str, what: str, read: Callable[[], T]) -> T | Unread | None:
    """As `reading`; None: AWS reports that it does not exist."""

    def read_or_none() -> T | None:
        try:
            with attempting(what):
                return read()
        except NotFoundError:
            return None

    return reading(needs, what, read_or_none)


def pages(client: Any, operation: str, key: str, **parameters: object) -> list[Raw]:  # noqa: ANN401  # boto3's own
    """All items of a paginated listing."""
    paginator = client.get_paginator(operation)
    return [item for page in paginator.paginate(**parameters) for item in page[key]]


def key_of(account: Account, arn: str) -> KmsKey | Unread | None:
    """A key, with its policy if that may be read."""
    kms = account.client("kms")
    where = f"in account {account.place.account_id}"

    def describe() -> KmsKey:
        found = kms.describe_key(KeyId=arn)["KeyMetadata"]
        return KmsKey(arn=found["Arn"], state=found["KeyState"], manager=found["KeyManager"])

    key = reading_one(f"kms:DescribeKey {where}", f"describe the key {arn}", describe)
    if not isinstance(key, KmsKey) or key.manager == "AWS":
        return key

    def policy() -> Raw:
        text = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
        read: Raw = json.loads(text)
        return read

    found = reading(f"kms:GetKeyPolicy {where}", f"read the policy of {arn}", policy)
    return KmsKey(arn=key.arn, state=key.state, manager=key.manager, policy=found)


def database_of(raw: Raw) -> RdsDatabase:
    """A DB instance."""
    return RdsDatabase(
        identifier=raw["DBInstanceIdentifier"],
        arn=raw["DBInstanceArn"],
        engine=raw.get("Engine", ""),
        version=raw.get("EngineVersion", ""),
        status=raw.get("DBInstanceStatus", ""),
        port=(raw.get("Endpoint") or {}).get("Port", 5432),
        storage_gib=raw.get("AllocatedStorage", 0),
        storage_type=raw.get("StorageType", ""),
        retention_days=raw.get("BackupRetentionPeriod", 0),
        deletion_protection=bool(raw.get("DeletionProtection")),
        public=bool(raw.get("PubliclyAccessible")),
        kms_key_id=raw.get("KmsKeyId", ""),
        master=raw.get("MasterUsername", ""),
        cluster=raw.get("DBClusterIdentifier", ""),
    )


def cluster_of(raw: Raw) -> RdsDatabase:
    """A DB cluster."""
    return RdsDatabase(
        identifier=raw["DBClusterIdentifier"],
        arn=raw["DBClusterArn"],
        kind="cluster",
        engine=raw.get("Engine", ""),
        engine_mode=raw.get("EngineMode", ""),
        version=raw.get("EngineVersion", ""),
        status=raw.get("Status", ""),
        port=raw.get("Port", 5432),
        retention_days=raw.get("BackupRetentionPeriod", 0),
        deletion_protection=bool(raw.get("DeletionProtection")),
        kms_key_id=raw.get("KmsKeyId", ""),
        encryption=raw.get("StorageEncryptionType", ""),
        public=bool(raw.get("PubliclyAccessible") or raw.get("InternetAccessGatewayEnabled")),
        backtrack=timedelta(seconds=raw.get("BacktrackWindow") or 0),
        global_database=raw.get("GlobalClusterIdentifier", ""),
        master=raw.get("MasterUsername", ""),
    )


def quotas_of(account: Account) -> Quotas | Unread:
    def read() -> Quotas:
        found = account.client("rds").describe_account_attributes()["AccountQuotas"]
        return {q["AccountQuotaName"]: Quota(int(q["Used"]), int(q["Max"])) for q in found}

    needs = f"rds:DescribeAccountAttributes in account {account.place.account_id}"
    return reading(needs, "read the quotas of RDS", read)


def simulated(account: Account, principal: str, asks: Iterable[PermissionQuestion]) -> Simulation:
    """Answers of IAM's policy simulator. It uses the principal's own policies, its boundary and those of the
    organization without conditions; it does not use key policies.
    """
    needs = f"iam:SimulatePrincipalPolicy in account {account.place.account_id}"

    def read() -> tuple[Simulated, ...]:
        return tuple(
            found for group in _grouped(asks) for found in _simulate(iam, principal, group)
        )

    iam = account.client("iam")
    return reading(needs, f"simulate the rights of {principal}", read)


def _grouped(asks: Iterable[PermissionQuestion]) -> list[list[PermissionQuestion]]:
    """Groups for one call each: a call combines every action with every resource, in one context.

    IAM allows few calls a second. Unrequested answers are removed.
    """
    groups: dict[object, list[PermissionQuestion]] = {}
    for ask in asks:
        service = ask.actions[0].partition(":")[0]
        key = (service, tuple(ask.context.items()), ask.resources == ("*",))
        groups.setdefault(key, []).append(ask)
    return [*groups.values()]


def _simulate(iam: Any, principal: str, asks: Sequence[PermissionQuestion]) -> list[Simulated]:  # noqa: ANN401  # boto3's own
    answers: dict[tuple[str, str], Decision] = {}
    for page in iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=[*dict.fromkeys(action for ask in asks for action in ask.actions)],
        ResourceArns=[*dict.fromkeys(resource for ask in asks for resource in ask.resources)],
        ContextEntries=_entries(asks[0].context),
    ):
        for result in page["EvaluationResults"]:
            for resource, answer in _answers(result):
                answers[result["EvalActionName"], resource] = answer
    return [
        Simulated(
            action=action,
            resource=resource,
            wanted=ask.allowed,
            # A missing answer counts as denied.
            answer=answers.get((action, resource), Decision.UNCLEAR),
        )
        for ask in asks
        for action in ask.actions
        for resource in ask.resources
    ]


def _entries(context: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {
            "ContextKeyName": key,
            "ContextKeyValues": [value],
            "ContextKeyType": "boolean" if key in BOOLEANS else "string",
        }
        for key, value in context.items()
    ]


def _answers(result: Raw) -> Sequence[tuple[str, Decision]]:
    """One answer for each resource, if the simulator distinguishes them."""
    specific = result.get("ResourceSpecificResults") or ()
    if specific:
        return [
            (one["EvalResourceName"], Decision(one["EvalResourceDecision"])) for one in specific
        ]
    return [(result.get("EvalResourceName", "*"), Decision(result["EvalDecision"]))]


def principal_of(account: Account, arn: str) -> str | Unread:
    """The user or role of a caller's ARN: the ARN of a session omits the role's path."""
    if ":assumed-role/" not in arn:
        return arn
    name = arn.split("/")[1]

    def read() -> str:
        return str(account.client("iam").get_role(RoleName=name)["Role"]["Arn"])

    needs = f"iam:GetRole in account {account.place.account_id}"
    return reading(needs, f"read the role {name}", read)
