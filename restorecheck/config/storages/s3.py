"""Dumps in S3, or in what speaks its protocol."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.storages.kind import StorageKind


class S3(Keys):
    """Of a `path` that begins with s3://. Credentials come from the environment, a profile or the machine's role."""

    endpoint_url: Text | None = Field(
        default=None, description="Of a storage that is not Amazon's: https://minio.example:9000."
    )
    region: Text | None = Field(default=None, description="By default the one of the environment.")
    profile: Text | None = Field(
        default=None, description="A profile of the AWS configuration files of this machine."
    )
    role_arn: Text | None = Field(
        default=None, description="A role to assume; it needs s3:ListBucket and s3:GetObject."
    )


S3_STORAGE = StorageKind(
    key="s3", keys=S3, schemes=("s3://",), help="How to reach the bucket of a path s3://…."
)
