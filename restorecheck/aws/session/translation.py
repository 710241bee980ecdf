"""Maps AWS's errors to restorecheck's. No other module does that.

Codes: botocore's service models (`rds/2014-10-31`, `kms`, `sts`, `secretsmanager`), the AWS
General Reference, "Common Errors", and aws-cloudformation-resource-providers-rds, ErrorCode.java.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from restorecheck.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    CapacityError,
    InvalidStateError,
    NotFoundError,
    ProviderError,
    TransientError,
)

THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
SERVER_TROUBLE = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServiceError",
        "InternalServiceException",
        "KMSInternalException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransientFailure",
    }
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "KMSAccessDeniedException",
        "KMSKeyNotAccessibleFault",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "RegionDisabledException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
CAPACITY = frozenset(
    {
        "InsufficientDBClusterCapacityFault",
        "InsufficientDBInstanceCapacity",
        "InsufficientStorageClusterCapacity",
        "ProvisionedIopsNotAvailableInAZFault",
        "LimitExceededException",
    }
)

HINTS = {
    "KMSKeyNotAccessibleFault": "The caller needs kms:DescribeKey, CreateGrant, Decrypt, Encrypt, "
    "GenerateDataKey* and ReEncrypt* on the key: in its own IAM policy, and in the key's policy "
    "where the key belongs to the other account. The key must be enabled.",
    "InstanceQuotaExceeded": "Ask for a higher quota of DB instances (L-7B6409FD) in the backup "
    "account, or delete instances that are not needed.",
    "SnapshotQuotaExceeded": "Ask for a higher quota of manual snapshots (L-272F1212, of cluster snapshots "
    "L-9B510759), or lower backup.keep_copies.",
    "InsufficientDBInstanceCapacity": "Choose another restore.db_instance_class, or a subnet group "
    "with more zones.",
    "InsufficientDBClusterCapacityFault": "Choose another restore.db_instance_class, or a subnet "
    "group with more zones.",
    "DBClusterQuotaExceededFault": "Ask for a higher quota of DB clusters (L-952B80B8) in the backup "
    "account, or delete clusters that are not needed.",
    "DBClusterParameterGroupNotFound": "Create the cluster parameter group in the backup account and "
    "region, or correct restore.db_cluster_parameter_group_name.",
    "DBSubnetGroupNotFoundFault": "Create the subnet group in the backup account and region, "
    "or correct restore.db_subnet_group_name.",
    "DBSubnetGroupDoesNotCoverEnoughAZs": "Add subnets in a second availability zone: a DB "
    "subnet group needs two zones, even for one instance.",
    "DBParameterGroupNotFound": "Create the parameter group in the backup account and region, "
    "or correct restore.db_parameter_group_name.",
    "ExpiredToken": "Renew the credentials and run the drill again.",
    "ExpiredTokenException": "Renew the credentials and run the drill again.",
    "InvalidClientTokenId": "AWS does not know these credentials. Check AWS_PROFILE and the "
    "access key.",
    "UnrecognizedClientException": "AWS does not know these credentials. Check AWS_PROFILE and "
    "the access key.",
}

LONGEST = 400
"""Characters of AWS's message; the rest is cut."""


@contextmanager
def attempting(what: str, resource: str = "") -> Iterator[None]:
    """Translate everything that boto3 raises; `what` completes "could not …".

    Raises:
        TransientError: Throttled, an internal error of AWS, or no connection.
        CapacityError: A quota or no capacity.
        AccessDeniedError: IAM, KMS, or credentials.
        NotFoundError, AlreadyExistsError, InvalidStateError: By AWS's error code.
        ProviderError: Anything else.
    """
    try:
        yield
    except ClientError as exc:
        raise _of_answer(exc, what, resource) from exc
    except BotoCoreError as exc:
        raise _of_library(exc, what, resource) from exc
    except ResponseParserError as exc:  # no BotoCoreError: a proxy's page instead of an answer
        raise TransientError(
            f"could not {what}: the response is not from AWS (a proxy may have sent it)",
            resource=resource,
            code="ResponseParserError",
        ) from exc


def is_throttled(error: ProviderError) -> bool:
    """Whether the call was throttled: this never changes a verdict, and is not counted as a retry."""
    return error.code in THROTTLING


def _of_answer(exc: ClientError, what: str, resource: str) -> ProviderError:
    details = exc.response.get("Error", {})
    metadata = exc.response.get("ResponseMetadata", {})
    code = str(details.get("Code", "Unknown"))
    request_id = str(metadata.get("RequestId", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    because = str(details.get("Message", "")).strip()[:LONGEST] or "AWS gave no reason"
    named = f"{code}, request {request_id}" if request_id else code
    kind = _kind(code, status)
    hint = HINTS.get(code, _hint_of(kind))
    return kind(
        f"could not {what}: {because} ({named})",
        hint=hint,
        operation=exc.operation_name,
        resource=resource,
        code=code,
        request_id=request_id,
    )


def _kind(code: str, status: int) -> type[ProviderError]:
    plain = code.removesuffix("Fault").removesuffix("Exception")
    if code in THROTTLING or code in SERVER_TROUBLE:
        return TransientError
    if code in DENIED:
        return AccessDeniedError
    if code in CAPACITY or "Quota" in code:
        return CapacityError
    if plain.endswith(("NotFound", "DoesNotExist")):
        return NotFoundError
    if plain.endswith(("AlreadyExists", "ResourceExists")):
        return AlreadyExistsError
    if plain.startswith("Invalid") and plain.endswith("State"):
        return InvalidStateError
    return TransientError if status >= 500 else ProviderError  # noqa: PLR2004  # 5xx


def _hint_of(kind: type[ProviderError]) -> str:
    if kind is AccessDeniedError:
        return "Compare the role's policy with docs/reference/aws-permissions.md."
    return ""


def _of_library(exc: BotoCoreError, what: str, resource: str) -> ProviderError:
    """Errors of the library: their texts may contain parameters, so only the type is reported."""
    name = type(exc).__name__
    match exc:
        case HTTPClientError() | NoConnectionError():
            return TransientError(
                f"could not {what}: no answer from AWS ({name})", resource=resource, code=name
            )
        case (
            NoCredentialsError()
            | PartialCredentialsError()
            | CredentialRetrievalError()
            | TokenRetrievalError()
            | SSOError()
        ):
            return AccessDeniedError(
                f"could not {what}: there are no usable AWS credentials ({name})",
                hint="Set AWS_PROFILE, log in (aws sso login), or run on a machine with an "
                "attached role.",
                resource=resource,
                code=name,
            )
        case NoRegionError():
            return ProviderError(
                f"could not {what}: no AWS region is set", resource=resource, code=name
            )
        case _:
            return ProviderError(
                f"could not {what}: the AWS library reported {name}", resource=resource, code=name
            )
