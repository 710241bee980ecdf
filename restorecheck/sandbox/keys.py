"""KMS for RDS. moto has the keys; the sandbox enforces their policies."""

import json
from typing import Any

from moto.kms.models import kms_backends

from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.things import Region

DEFAULT_ALIAS = "alias/aws/rds"


class KmsService:
    def default(self, region: Region) -> str:
        """The ARN of RDS's own key in this account, made when it is first needed."""
        backend: Any = kms_backends[region.account_id][region.region]
        key_id = backend.get_key_id_from_alias(DEFAULT_ALIAS)
        key = backend.describe_key(key_id or backend._generate_default_keys(DEFAULT_ALIAS))  # noqa: SLF001  # moto makes it there
        key.key_manager = "AWS"  # moto says CUSTOMER
        return str(key.arn)

    def is_default(self, arn: str) -> bool:
        return getattr(_find(arn), "key_manager", "CUSTOMER") == "AWS"

    def resolve(self, key: str, region: Region) -> str:
        if key.startswith("arn:"):
            _find(key)
            return key
        backend: Any = kms_backends[region.account_id][region.region]
        try:
            key_id = backend.get_key_id_from_alias(key) if key.startswith("alias/") else key
            return str(backend.describe_key(key_id).arn)
        except Exception as exc:
            raise _inaccessible(key) from exc

    def require(self, arn: str, account_id: str, operations: tuple[str, ...]) -> None:
        key = _find(arn)
        if not key.enabled or key.key_state != "Enabled":
            raise _inaccessible(arn)
        policy = key.policy if isinstance(key.policy, dict) else json.loads(key.policy)
        if not all(admits(policy, account_id, operation) for operation in operations):
            raise _inaccessible(arn)


def admits(policy: dict[str, Any], account_id: str, operation: str) -> bool:
    """A key policy's decision for every user of an account; conditions count as fulfilled."""
    effects = {
        statement["Effect"]
        for statement in _listed(policy.get("Statement", []))
        if _names(statement.get("Principal", {}), account_id)
        and any(_covers(action, operation) for action in _listed(statement.get("Action", [])))
    }
    return effects == {"Allow"}


def _find(key_arn: str) -> Any:  # noqa: ANN401  # moto's key
    try:
        _, _, _, region, account_id, name = key_arn.split(":", 5)
        return kms_backends[account_id][region].describe_key(name.removeprefix("key/"))
    except Exception as exc:
        raise _inaccessible(key_arn) from exc


def _inaccessible(key: str) -> Refusal:
    return Refusal(
        "KMSKeyNotAccessibleFault",
        f"The specified KMS key [{key}] does not exist, is not enabled or you do not have "
        "permissions to access it.",
    )


def _names(principal: Any, account_id: str) -> bool:  # noqa: ANN401  # JSON
    if principal == "*":
        return True
    named = _listed(principal.get("AWS", [])) if isinstance(principal, dict) else []
    return any(who in {"*", account_id} or f":{account_id}:" in who for who in named)


def _covers(pattern: str, operation: str) -> bool:
    if pattern.endswith("*"):
        return operation.lower().startswith(pattern[:-1].lower()) or pattern == "*"
    return pattern.lower() == operation.lower()


def _listed(value: Any) -> list[Any]:  # noqa: ANN401  # JSON
    return value if isinstance(value, list) else [value]
