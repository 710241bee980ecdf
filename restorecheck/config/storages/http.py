"""One dump behind an HTTP address."""

from pydantic import Field, SecretStr

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.storages.kind import StorageKind


class Http(Keys):
    """Of a `path` that begins with https:// or http://."""

    headers: dict[Text, SecretStr] = Field(
        default_factory=dict,
        description="Headers of each request, such as {Authorization: 'Bearer ${TOKEN}'}.",
    )


HTTP_STORAGE = StorageKind(
    key="http",
    keys=Http,
    schemes=("https://", "http://"),
    help="How to read the address of a path https://….",
)
