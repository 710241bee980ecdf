"""A message to a topic of Amazon SNS.

A subject has at most 100 printable ASCII characters, a message 256 KiB
(https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
"""

from typing import Any

import boto3

from restorecheck.aws.session.accounts import client_config, refuse_forbidden_endpoint
from restorecheck.aws.session.translation import attempting
from restorecheck.config import Config
from restorecheck.config.notify import Sns
from restorecheck.errors import DeliveryError, ProviderError
from restorecheck.ports import Clock, Messenger
from restorecheck.report.message import Message

SUBJECT_LIMIT = 100
"""Characters, the limit of SNS (API Publish); a longer subject is cut."""
TEXT_LIMIT = 200_000
"""Characters, below the 256 KB of SNS (API Publish); a longer text is cut."""
ATTEMPTS = 2
"""Attempts of one call; then the message counts as not delivered."""
READ_TIMEOUT = 10.0


class SnsMessenger(Messenger):
    def __init__(self, topic_arn: str, *, sandbox: bool) -> None:
        self._topic_arn = topic_arn
        self._sandbox = sandbox
        self._client: Any = None

    def send(self, message: Message) -> None:
        try:
            with attempting("publish to the topic", self._topic_arn):
                self._connected().publish(
                    TopicArn=self._topic_arn,
                    Subject=subject(message.title),
                    Message=f"{message.title}\n\n{message.text}"[:TEXT_LIMIT],
                    MessageAttributes={
                        "kind": {"DataType": "String", "StringValue": message.kinds[0].value}
                    },
                )
        except ProviderError as exc:
            raise DeliveryError(exc.message, hint=exc.hint) from exc

    def _connected(self) -> Any:  # noqa: ANN401  # boto3's own
        if self._client is None:
            region = self._topic_arn.split(":")[3]
            client: Any = boto3.client(
                "sns", region_name=region, config=client_config(ATTEMPTS, READ_TIMEOUT)
            )
            refuse_forbidden_endpoint(client.meta.endpoint_url, sandbox=self._sandbox)
            self._client = client
        return self._client


def messenger_of(sns: Sns, _name: str, _clock: Clock, config: Config) -> Messenger:
    return SnsMessenger(sns.topic_arn, sandbox=config.sandbox)


def subject(title: str) -> str:
    """A valid subject: with an invalid one SNS refuses the whole message."""
    plain = "".join(c if " " <= c <= "~" else "-" for c in title)
    return plain if len(plain) <= SUBJECT_LIMIT else f"{plain[: SUBJECT_LIMIT - 3]}..."
