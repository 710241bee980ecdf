"""Dumps in S3, or in storages with the same protocol."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from restorecheck.checks.keys import Keys, Text, refusal
from restorecheck.config.storages.kind import StorageKind

KEY_BYTES = 32
"""AES-256."""


def _customer_key(value: SecretStr) -> SecretStr:
    try:
        size = len(base64.b64decode(value.get_secret_value().strip(), validate=True))
    except binascii.Error:
        size = 0
    if size != KEY_BYTES:
        raise refusal("expected a key of 256 bits in base64")
    return SecretStr(value.get_secret_value().strip())


class S3(Keys):
    """Of a `path` that begins with s3://. Credentials come from the environment, a profile or the machine's role."""

    endpoint_url: Text | None = Field(
        default=None,
        description="URL of a storage other than Amazon's, such as https://minio.example:9000.",
    )
    region: Text | None = Field(
        default=None, description="Region; by default that of the environment."
    )
    profile: Text | None = Field(
        default=None, description="A profile of the AWS configuration files of this machine."
    )
    role_arn: Text | None = Field(
        default=None, description="A role to assume; it needs s3:ListBucket and s3:GetObject."
    )
    customer_key: Annotated[SecretStr, AfterValidator(_customer_key)] | None = Field(
        default=None,
        description="Customer key with which the objects are encrypted (SSE-C), in base64: "
        "${VARIABLE} or ${file:/path}.",
    )
    versions: bool = Field(
        default=False,
        description="List the versions of the bucket, too: the report says which newer dump was deleted. Needs "
        "s3:ListBucketVersions.",
    )


S3_STORAGE = StorageKind(
    key="s3", keys=S3, schemes=("s3://",), help="How to reach the bucket of a path s3://…."
)
