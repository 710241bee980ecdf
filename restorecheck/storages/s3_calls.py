"""Calls of S3 for one target: credentials, which are renewed after they expire, and errors."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from restorecheck.aws.session.accounts import client_config, session_of_role, usable_credentials
from restorecheck.aws.session.translation import attempting
from restorecheck.errors import AccessDeniedError, ProviderError, TransientError
from restorecheck.storages.downloads import ATTEMPTS

READ_SECONDS = 60.0
"""Time without a byte; then the call is tried again."""
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"})  # fmt: skip
CHANGED = frozenset({"PreconditionFailed", "NoSuchKey"})
"""The object was overwritten or deleted after it was listed: the next try lists again."""
HINTS = {
    "NoSuchBucket": "Correct the bucket of dump.path, or dump.s3: endpoint_url, region, profile, role_arn.",
    "InvalidObjectState": "Restore the object first (aws s3api restore-object), and run the drill again afterwards.",
    "AccessDenied": "The credentials need s3:ListBucket on the bucket and s3:GetObject on its objects, and "
    "kms:Decrypt on the key with which the objects are encrypted.",
}
ENCRYPTED_BY_CUSTOMER = "Server Side Encryption"
"""Words in the message of InvalidRequest for a request without the object's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """Endpoint and credentials of the calls."""

    endpoint_url: str | None
    region: str | None
    profile: str | None
    role_arn: str | None


class S3Calls:
    def __init__(self, access: S3Access, place: str) -> None:
        self._access, self._place = access, place
        self._made: Any = None

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401  # of any operation
        """Make a call; expired credentials are read again once. Raises what botocore raises."""
        try:
            return self._call(operation, parameters)
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") not in EXPIRED:
                raise
        self._made = None
        return self._call(operation, parameters)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if self._made is None:
            self._made = self._client()
            weakref.finalize(self, self._made.close)
        call: Callable[..., dict[str, Any]] = getattr(self._made, operation)
        return call(**parameters)

    def _client(self) -> Any:  # noqa: ANN401  # its types know services by literal name only
        access = self._access
        # `integrity` compares the checksums: botocore does not for resumed downloads and parts.
        config = client_config(ATTEMPTS, READ_SECONDS).merge(
            Config(response_checksum_validation="when_required")
        )
        with attempting(f"prepare calls to {self._place}"):
            client = self._session().client("s3", endpoint_url=access.endpoint_url, config=config)
            client.meta.events.register("before-call.s3.GetObject", _ask_for_checksums)
            return client

    def beside(self, service: str, endpoint_url: str | None = None) -> Any:  # noqa: ANN401  # as above
        """A client of another service, as the same caller."""
        config = client_config(ATTEMPTS, READ_SECONDS)
        with attempting(f"prepare calls to {service}"):
            return self._session().client(service, endpoint_url=endpoint_url, config=config)

    def _session(self) -> Any:  # noqa: ANN401  # as above
        access = self._access
        session = boto3.session.Session(profile_name=access.profile, region_name=access.region)
        region = session.region_name or "us-east-1"
        if access.role_arn:
            what = f"read {self._place}"
            credentials = usable_credentials(session, what, access.role_arn)
            return session_of_role(access.role_arn, credentials, session.client, region)
        return boto3.session.Session(profile_name=access.profile, region_name=region)


def _ask_for_checksums(params: dict[str, Any], **_: object) -> None:
    """Like the parameter ChecksumMode, with which botocore would compare them, too."""
    params["headers"]["x-amz-checksum-mode"] = "ENABLED"


@contextmanager
def asking_s3(what: str) -> Iterator[None]:
    """As `attempting`, with hints for the error codes of S3. `what`: completes "could not …"."""
    try:
        with attempting(what):
            yield
    except ProviderError as exc:
        raise _in_our_words(exc, what) from exc


def _in_our_words(exc: ProviderError, what: str) -> ProviderError:
    if exc.code in CHANGED:
        return TransientError(exc.message, code=exc.code)
    if exc.code.startswith("KMS."):
        hint = "Enable the KMS key with which the objects are encrypted, and allow kms:Decrypt."
        return AccessDeniedError(exc.message, hint=hint, code=exc.code)
    if exc.code in EXPIRED:
        message = f"could not {what}: the credentials have expired, and there are no newer ones"
        hint = "Log in again, or name a role or a profile that renews its credentials (dump.s3)."
        return AccessDeniedError(f"{message} ({exc.code})", hint=hint, code=exc.code)
    hint = HINTS.get(exc.code, exc.hint)
    if exc.code == "InvalidRequest" and ENCRYPTED_BY_CUSTOMER in exc.message:
        hint = "Set dump.s3.customer_key to the key with which the object is encrypted (SSE-C)."
    exc.hint = hint
    return exc
