"""Calls by the names of AWS's API, each with a value or AWS's error code as the answer, for the experiments of
`restorecheck conformance`. The clients are those of a drill, with the call guard.
"""

from collections.abc import Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from restorecheck.aws.session.accounts import Account
from restorecheck.conformance.port import CallAnswer, Where

NO_ANSWER = "NoAnswer"
ADOPTING = "backup"
"""The service of AWS Backup; its client may only send a validation result."""


class AwsCalls:
    """The two accounts of one target."""

    def __init__(self, *, source: Account, backup: Account, adopted: Account) -> None:
        self._source = source
        self._backup = backup
        self._adopted = adopted

    def identify(self) -> None:
        """Raises AccessDeniedError: a call would reach another account."""
        self._backup.identify()
        self._source.identify()

    def call(
        self, where: Where, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> CallAnswer:
        """As `conformance.port.Cloud.call`."""
        method = getattr(self._account(where, service).client(service), xform_name(operation))
        try:
            value = method(**parameters)
        except ClientError as exc:
            error = exc.response.get("Error", {})
            return CallAnswer(code=str(error.get("Code")), message=str(error.get("Message", "")))
        except (BotoCoreError, ResponseParserError) as exc:
            return CallAnswer(code=NO_ANSWER, message=type(exc).__name__)
        return CallAnswer({k: v for k, v in value.items() if k != "ResponseMetadata"})

    def _account(self, where: Where, service: str) -> Account:
        if where is Where.SOURCE:
            return self._source
        return self._adopted if service == ADOPTING else self._backup
