"""Evaluates AWS policies as far as restorecheck needs it.

IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators". IAM's policy simulator
covers identity policies; this module covers key policies and trust policies. An unknown condition makes the answer
`UNCLEAR`, never allowed.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, str]


class Decision(StrEnum):
    """Names of SimulatePrincipalPolicy, except the last."""

    ALLOWED = "allowed"
    DENIED = "explicitDeny"
    NOT_ALLOWED = "implicitDeny"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Request:
    action: str
    resource: str
    context: Context = field(default_factory=dict)
    """Keys in lower case, because IAM ignores their case."""


def evaluate(
    documents: Iterable[Document], request: Request, who: frozenset[str] | None = None
) -> Decision:
    """The decision of all policies together.

    Args:
        documents: The policies.
        request: What is asked for.
        who: For a resource policy: names of the caller. None: identity policies, which name no caller.
    """
    unclear = False
    allowed = False
    for statement in (s for document in documents for s in listed(document.get("Statement"))):
        applies = _applies(statement, request, who)
        denies = statement.get("Effect") == "Deny"
        if applies and denies:
            return Decision.DENIED
        unclear = unclear or applies is None
        allowed = allowed or (applies is True and not denies)
    if unclear:
        return Decision.UNCLEAR
    return Decision.ALLOWED if allowed else Decision.NOT_ALLOWED


def listed(value: Any) -> list[Any]:  # noqa: ANN401  # JSON
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def names_of(account_id: str, arn: str = "", partition: str = "aws") -> frozenset[str]:
    """Names of a caller in policies; a policy that names the account leaves the decision to IAM."""
    return frozenset({"*", account_id, f"arn:{partition}:iam::{account_id}:root", arn} - {""})


def _applies(statement: Document, request: Request, who: frozenset[str] | None) -> bool | None:
    if who is not None and not _names(statement, who):
        return False
    if not _covered(statement, "Action", request.action.lower()):
        return False
    if not _covered(statement, "Resource", request.resource):
        return False
    return conditions_hold(statement.get("Condition", {}), request.context)


def _names(statement: Document, who: frozenset[str]) -> bool:
    if "NotPrincipal" in statement:
        return not _principals(statement["NotPrincipal"]) & who
    return bool(_principals(statement.get("Principal")) & who)


def _principals(value: Any) -> set[str]:  # noqa: ANN401  # JSON
    if isinstance(value, str):
        return {value}
    return {str(name) for name in listed((value or {}).get("AWS"))}


def _covered(statement: Document, element: str, value: str) -> bool:
    lower = element == "Action"
    if f"Not{element}" in statement:
        patterns = listed(statement[f"Not{element}"])
        return not any(like(_cased(p, lower=lower), value) for p in patterns)
    # A resource policy need not name its resource.
    patterns = listed(statement.get(element, "*" if element == "Resource" else None))
    return any(like(_cased(p, lower=lower), value) for p in patterns)


def _cased(pattern: Any, *, lower: bool) -> str:  # noqa: ANN401  # JSON
    return str(pattern).lower() if lower else str(pattern)


def like(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, re.DOTALL)


def conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool | None:
    """Whether all conditions hold; None: one is unknown and no other fails."""
    answers = [
        _holds(operator, key, [str(v) for v in listed(wanted)], context)
        for operator, tests in conditions.items()
        for key, wanted in tests.items()
    ]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool | None:
    quantifier, _, plain = operator.removesuffix("IfExists").lower().rpartition(":")
    value = context.get(key.lower())
    if value is None and quantifier:  # of no values: each one is, and none is
        return operator.endswith("IfExists") or quantifier == "forallvalues"
    if plain == "null":
        return (value is None) == (wanted[0].lower() == "true")
    negated = _NEGATIONS.get(plain, plain)
    test = _OPERATORS.get(negated)
    if test is None:
        return None
    if value is None:
        return operator.endswith("IfExists") or plain in _NEGATIONS
    met = any(test(one, value) for one in wanted)
    return met is not (plain in _NEGATIONS)


def _same(wanted: str, value: str) -> bool:
    return wanted == value


def _same_in_any_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "stringequals": _same,
    "stringequalsignorecase": _same_in_any_case,
    "stringlike": like,
    "arnequals": like,
    "arnlike": like,
    "bool": _same_in_any_case,
}
_NEGATIONS = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}
