"""The queue whose messages start drills of new dumps in S3."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from restorecheck.checks.keys import Keys, Text, optional, refusal
from restorecheck.config.sources.rds import Region, RoleArn

_OF_AMAZON = re.compile(r"(?:sqs|queue)\.(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+)\.", re.ASCII)
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(?::\d{1,5})?/\S+", re.ASCII)
LOOPBACK = ("127.0.0.1", "localhost")


def _queue_url(value: str) -> str:
    match = _URL.fullmatch(value)
    if match is None:
        raise refusal(
            "expected the URL of a queue, as in https://sqs.eu-central-1.amazonaws.com/111122223333/restorecheck, "
            "found {found}"
        )
    if match["scheme"] != "https" and match["host"] not in LOOPBACK:
        raise refusal("expected https: others could read the messages")
    return value


class Queue(Keys):
    """A queue of SQS that S3 notifies, or EventBridge, of new objects. It belongs to one runner."""

    url: Annotated[Text, AfterValidator(_queue_url)] = Field(
        description="URL of the queue, such as https://sqs.eu-central-1.amazonaws.com/111122223333/restorecheck."
    )
    region: Region | None = optional("Region; by default that of the URL.")
    profile: Text | None = optional("A profile of the AWS configuration files of this machine.")
    role_arn: RoleArn | None = optional(
        "A role to assume; it needs sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage."
    )

    @property
    def endpoint_url(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def region_name(self) -> str | None:
        """None: that of the environment."""
        found = _OF_AMAZON.match(urlsplit(self.url).netloc)
        return self.region or (found["region"] if found else None)
