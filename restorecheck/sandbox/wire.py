"""moto handles HTTP; the answers of RDS, and the rules of STS, are the sandbox's own.

moto parses the requests and writes the answers by botocore's own models. This module depends on
`BaseResponse.call_action` and two methods of moto 5.2; the extra pins that version.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from flask import request
from moto.core.responses import ActionResult, BaseResponse
from moto.iam.models import iam_backends

from restorecheck.sandbox.answers import Played
from restorecheck.sandbox.backup import BackupService
from restorecheck.sandbox.faults import Fault, FaultKind, Faults, WireCall
from restorecheck.sandbox.permissions import refuse_long, simulate
from restorecheck.sandbox.rds import ServedRds
from restorecheck.simulated.refusals import Refusal, bad_value
from restorecheck.simulated.state import Page

Response = tuple[int, dict[str, str], Any]
Original = Callable[[BaseResponse], Response]


class Wire:
    """Between moto's wire and the sandbox."""

    def __init__(
        self, rds: ServedRds, backup: BackupService, faults: Faults, lock: threading.RLock
    ) -> None:
        self.users: dict[str, str] = {}
        """Access keys and their users."""
        self._rds = rds
        self._backup = backup
        self._faults = faults
        self._lock = lock
        self.calls: list[WireCall] = []
        self.played = Played(rds)
        """Answers that replace the defaults of the sandbox."""

    @contextmanager
    def plugged_in(self) -> Iterator[None]:
        """Moto answers for the sandbox while this is open; one at a time in a process."""
        original: Original = cast(Any, BaseResponse.call_action)

        def call_action(response: BaseResponse) -> Response:
            return self._answer(response, original)

        BaseResponse.call_action = call_action  # type: ignore[assignment, method-assign]  # moto has no hook for this
        try:
            yield
        finally:
            BaseResponse.call_action = original  # type: ignore[assignment, method-assign]  # moto has no hook for this

    def _answer(self, response: BaseResponse, original: Original) -> Response:
        service, operation = str(response.service_name), str(response._get_action())  # noqa: SLF001  # moto's own
        account_id, region = str(response.current_account), str(response.region)
        given = _given(response)
        fault = self._faults.take(service, account_id, operation)
        error = ""
        answer: Response = (500, {}, "")
        if fault is None or fault.after_effect or fault.kind is FaultKind.HANG:
            with self._lock:
                answer, error = self._perform(response, original, given)
        if fault is not None:
            error = fault.code if fault.kind is FaultKind.ERROR else fault.kind.value
        self.calls.append(
            WireCall(
                service=service,
                account_id=account_id,
                region=region,
                operation=operation,
                caller=self._caller(response),
                parameters={k: v for k, v in given.items() if k not in SECRET_PARAMETERS},
                error=error,
            )
        )
        if fault is not None and fault.kind is not FaultKind.HANG:
            return _fail(response, fault)
        if fault is not None:
            threading.Event().wait(fault.seconds)
        return answer

    def _caller(self, response: BaseResponse) -> str:
        return self.users.get(str(response.get_access_key()), ROLE)

    def _refuse_strangers(self, response: BaseResponse) -> None:
        """Moto lets unknown keys into an account of its own."""
        key = str(response.get_access_key())
        if key not in self.users and not is_of_a_role(key):
            raise Refusal(
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
                status=403,
            )

    def _perform(
        self,
        response: BaseResponse,
        original: Original,
        given: Mapping[str, Any],
    ) -> tuple[Response, str]:
        service, operation = str(response.service_name), str(response._get_action())  # noqa: SLF001  # moto's own
        try:
            self._refuse_strangers(response)
            self.played.refuse(service, operation)
            if service == "sts" and operation == "AssumeRole":
                _refuse_untrusted(str(response.current_account), given)
            if service == "rds" and (perform := self._rds.operation(operation)) is not None:
                account_id, region = str(response.current_account), str(response.region)
                place = self._rds.state.region(account_id, region)
                result = perform(place, given, self._caller(response))
                shown = one_page(result, given) if isinstance(result, Page) else result
                return response.serialized(ActionResult(shown)), ""
            if service == "iam":
                refuse_long(str(response.current_account), operation, given)
            if service == "iam" and operation == "SimulatePrincipalPolicy":
                answered = simulate(str(response.current_account), given)
                return response.serialized(ActionResult(answered)), ""
            if service == "backup" and (job := self._backup.operation(operation)) is not None:
                path = str(urlsplit(response.uri).path)
                answered = job(str(response.current_account), path, given)
                return (200, JSON, json.dumps(answered)) if answered else (204, {}, ""), ""
        except Refusal as refusal:
            return _refused(response, refusal), refusal.code
        answer = original(response)
        return answer, str(answer[0]) if int(answer[0]) >= 400 else ""  # noqa: PLR2004  # HTTP errors


ROLE = "role"
"""Name of a caller with temporary credentials."""
JSON = {"content-type": "application/json"}

FEWEST, MOST = 20, 100
"""MaxRecords of RDS: 20 to 100, by default 100."""

QUERY_PROTOCOL = frozenset({"rds", "sts", "iam", "ec2"})
REST_PROTOCOL = frozenset({"backup"})
SECRET_PARAMETERS = frozenset({"MasterUserPassword", "SecretString", "SecretBinary"})


def is_of_a_role(access_key: str) -> bool:
    """Temporary credentials: moto gives them out for roles that were assumed."""
    return access_key.startswith("ASIA")


def one_page(page: Page, given: Mapping[str, Any]) -> dict[str, Any]:
    """The items from the marker on, and the marker of the rest."""
    most = int(given.get("MaxRecords") or MOST)
    if not FEWEST <= most <= MOST:
        raise bad_value(f"Invalid value {most} for MaxRecords. Must be between {FEWEST} and {MOST}")
    start = int(given.get("Marker") or 0)
    end = start + most
    rest = {"Marker": str(end)} if end < len(page.items) else {}
    return {page.key: page.items[start:end], **rest}


def _given(response: BaseResponse) -> dict[str, Any]:
    """What the caller gave, under the names of the API."""
    match response.service_name:
        case "rds" | "iam" | "ec2":
            params: Any = response.params  # a plain dict where the call has none
            return dict(params.original_dict() if hasattr(params, "original_dict") else params)
        case "sts":
            names = ("RoleArn", "ExternalId", "RoleSessionName")
            return {name: response._get_param(name) for name in names}  # noqa: SLF001  # moto's own
        case _:
            try:
                body = json.loads(response.body or "{}")
            except (ValueError, TypeError):
                return {}
            return body if isinstance(body, dict) else {}


def _refused(response: BaseResponse, refusal: Refusal) -> Response:
    """As the service's protocol has it; moto knows only the codes of botocore's models."""
    if response.service_name in QUERY_PROTOCOL:
        body = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message>"
            "</Error><RequestId>5a4d0b0a-5a4d-4b0a-8a4d-5a4d0b0a5a4d</RequestId></ErrorResponse>"
        )
        return refusal.status, {"content-type": "text/xml"}, body
    body = json.dumps({"__type": refusal.code, "message": refusal.message})
    if response.service_name in REST_PROTOCOL:
        return refusal.status, {**JSON, "x-amzn-errortype": refusal.code}, body
    return refusal.status, {"content-type": "application/x-amz-json-1.1"}, body


def _fail(response: BaseResponse, fault: Fault) -> Response:
    if fault.kind is FaultKind.RESET:
        wire: socket.socket = request.environ["werkzeug.socket"]
        wire.shutdown(socket.SHUT_RDWR)
        return 500, {}, ""
    return _refused(response, Refusal(fault.code, fault.message, status=fault.status))


def _refuse_untrusted(caller: str, given: Mapping[str, Any]) -> None:
    """Moto allows every caller to assume every role. Here the role must exist and trust the caller's account, and the
    external id must be the one in its policy.
    """
    role_arn = str(given.get("RoleArn"))
    refusal = Refusal(
        "AccessDenied",
        f"User: arn:aws:iam::{caller}:user/sandbox is not authorized to perform: sts:AssumeRole "
        f"on resource: {role_arn}",
        status=403,
    )
    parts = role_arn.split(":")
    if len(parts) != 6 or not parts[4].isdigit():  # noqa: PLR2004  # the parts of a role's ARN
        raise refusal
    backend: Any = iam_backends[parts[4]]["aws"]
    roles = [role for role in backend.roles.values() if role.arn == role_arn]
    if not roles:
        raise refusal
    policy = json.loads(roles[0].assume_role_policy_document)
    if not any(_trusts(statement, caller, given) for statement in policy["Statement"]):
        raise refusal


def _trusts(statement: Mapping[str, Any], caller: str, given: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal", {}).get("AWS", "")
    wanted = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
    return (
        statement.get("Effect") == "Allow"
        and f":{caller}:" in str(principal)
        and wanted in {None, given.get("ExternalId")}
    )
