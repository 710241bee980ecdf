"""Dumps in Azure Blob Storage."""

from pydantic import Field, SecretStr

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.storages.kind import StorageKind


class Azure(Keys):
    """Of a `path` that begins with az://container/. Without key and token, the credentials are those of the machine."""

    account: Text = Field(description="Name of the storage account.")
    account_key: SecretStr | None = Field(
        default=None, description="A key of the account: ${VARIABLE} or ${file:/path}."
    )
    sas_token: SecretStr | None = Field(
        default=None,
        description="A shared access signature with the rights to read and to list: ${VARIABLE} or ${file:/path}.",
    )
    endpoint_url: Text | None = Field(
        default=None, description="URL of a storage other than Azure's own."
    )


AZURE = StorageKind(
    key="azure",
    keys=Azure,
    schemes=("az://",),
    help="How to reach the container of a path az://….",
)
