"""`iam:SimulatePrincipalPolicy`, which moto does not have: what a user or role may do.

Known: the policies of users, their groups and roles, inline and attached, permissions boundaries,
explicit denials, the usual condition operators. Not known: policies of organizations, sessions
and resources, policy variables, and operators on numbers, dates and addresses; a statement with
one of these does not apply. Nothing in the sandbox is *refused* by IAM: only asked about.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from moto.iam.models import iam_backends

from restorecheck.rules.policies import Decision, Request, evaluate
from restorecheck.simulated.refusals import Refusal

Document = Mapping[str, Any]


def simulate(account_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answers to every action on every resource, in IAM's words.

    Raises:
        Refusal: There is no such user or role in the account.
    """
    entity = _entity(account_id, str(given["PolicySourceArn"]))
    own = [*_policies(account_id, entity)]
    boundary = _boundary(account_id, entity)
    context = {
        str(entry["ContextKeyName"]).lower(): str(entry["ContextKeyValues"][0])
        for entry in given.get("ContextEntries") or ()
    }
    results = []
    for action in given["ActionNames"]:
        answers = {
            resource: _answer(own, boundary, Request(action, resource, context))
            for resource in given.get("ResourceArns") or ["*"]
        }
        specific = [
            {"EvalResourceName": name, "EvalResourceDecision": answer.value}
            for name, answer in answers.items()
        ]
        allowed = all(answer is Decision.ALLOWED for answer in answers.values())
        decision = Decision.ALLOWED if allowed else Decision.NOT_ALLOWED
        results.append(
            {
                "EvalActionName": action,
                "EvalResourceName": next(iter(answers)),
                "EvalDecision": decision.value,
                "ResourceSpecificResults": specific,
            }
        )
    return {"EvaluationResults": results, "IsTruncated": False}


MOST = {"PutUserPolicy": 2048, "PutGroupPolicy": 5120, "PutRolePolicy": 10_240}
"""Characters of all inline policies of one together, white space not counted: IAM User Guide, "IAM and AWS
STS quotas".
"""


def refuse_long(account_id: str, operation: str, given: Mapping[str, Any]) -> None:
    """Raises Refusal where the inline policies of a user, group or role would be too long."""
    if operation not in MOST:
        return
    backend: Any = iam_backends[account_id]["aws"]
    kind = operation.removeprefix("Put").removesuffix("Policy")
    name = given[f"{kind}Name"]
    everyone = (*backend.users.values(), *backend.groups.values(), *backend.roles.values())
    texts = {
        policy: document if isinstance(document, str) else json.dumps(document)
        for one in everyone
        if type(one).__name__ == kind and one.name == name
        for policy, document in one.policies.items()
    }
    texts[given["PolicyName"]] = str(given["PolicyDocument"])
    if sum(len("".join(unquote(text).split())) for text in texts.values()) > MOST[operation]:
        raise Refusal(
            "LimitExceeded",
            f"Maximum policy size of {MOST[operation]} bytes exceeded for {kind.lower()} {name}",
            status=409,
        )


def may(account_id: str, user: str, action: str, resource: str) -> bool:
    """Whether a user's policies allow an action; a user without policies may do everything."""
    backend: Any = iam_backends[account_id]["aws"]
    users = [u for u in backend.users.values() if u.name == user]
    own = [document for u in users for document in _policies(account_id, u)]
    context = {"aws:resourceaccount": account_id}
    return not own or evaluate(own, Request(action, resource, context)) is Decision.ALLOWED


def _answer(own: list[Document], boundary: Document | None, request: Request) -> Decision:
    answers = [evaluate(own, request)]
    if boundary is not None:
        answers.append(evaluate([boundary], request))
    if Decision.DENIED in answers:
        return Decision.DENIED
    clear = all(answer is Decision.ALLOWED for answer in answers)
    return Decision.ALLOWED if clear else Decision.NOT_ALLOWED


def _entity(account_id: str, arn: str) -> Any:  # noqa: ANN401  # moto's user or role
    backend: Any = iam_backends[account_id]["aws"]
    for entity in (*backend.users.values(), *backend.roles.values()):
        if entity.arn == arn:
            return entity
    raise Refusal("NoSuchEntity", f"{arn} cannot be found.", status=404)


def _policies(account_id: str, entity: Any) -> Iterator[Document]:  # noqa: ANN401  # moto's
    backend: Any = iam_backends[account_id]["aws"]
    holders = [entity]
    if hasattr(entity, "password_last_used"):  # a user, who may be in groups
        holders += [g for g in backend.groups.values() if entity in g.users]
    for holder in holders:
        yield from (_parsed(document) for document in holder.policies.values())
        yield from (_parsed(policy.document) for policy in holder.managed_policies.values())


def _boundary(account_id: str, entity: Any) -> Document | None:  # noqa: ANN401  # moto's
    arn = getattr(entity, "permissions_boundary_arn", None)
    if not arn:
        return None
    backend: Any = iam_backends[account_id]["aws"]
    return _parsed(backend.managed_policies[arn].document)


def _parsed(document: Any) -> Document:  # noqa: ANN401  # text, or what was text
    parsed: Document = json.loads(unquote(document)) if isinstance(document, str) else document
    return parsed
