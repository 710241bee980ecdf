"""Dumps in Google Cloud Storage."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.storages.kind import StorageKind


class Gcs(Keys):
    """Of a `path` that begins with gs://. Without a key, the credentials are those of the machine or of gcloud."""

    service_account_file: Text | None = Field(
        default=None,
        description="The key file of a service account. Relative to the configuration file.",
    )
    anonymous: bool = Field(default=False, description="Read a public bucket without credentials.")
    endpoint_url: Text | None = Field(
        default=None,
        description="URL of a storage other than Google's, such as http://127.0.0.1:4443.",
    )


GCS = StorageKind(
    key="gcs",
    keys=Gcs,
    schemes=("gs://",),
    files=("service_account_file",),
    help="How to reach the bucket of a path gs://….",
)
