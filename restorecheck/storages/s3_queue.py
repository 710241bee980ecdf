"""A queue of SQS with messages on new objects. A message stays there until it is deleted.

Source: docs.aws.amazon.com/AWSSimpleQueueService/latest: ReceiveMessage, ChangeMessageVisibility, DeleteMessage;
DeveloperGuide, "Amazon SQS short and long polling", "Amazon SQS visibility timeout".
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from restorecheck.aws.session.translation import attempting
from restorecheck.errors import NotFoundError, ProviderError
from restorecheck.storages.s3_calls import S3Access, S3Calls

WAIT = timedelta(seconds=20)
"""The longest that SQS lets a call wait for a message."""
HIDDEN = timedelta(minutes=5)
"""A received message is delivered again after this, if this process has died."""
MOST = 10
"""Messages of one call: the most that SQS delivers."""
RIGHTS = "sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage on the queue"
GONE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


@dataclass(frozen=True, slots=True)
class Message:
    identifier: str
    receipt: str
    """Names this delivery; that of an earlier delivery may no longer delete the message."""
    body: str


class S3Queue:
    """Raises (every method): as `attempting`."""

    def __init__(self, url: str, access: S3Access) -> None:
        self.url, self._access = url, access
        self._made: Any = None

    def receive(self, wait: timedelta = WAIT) -> Sequence[Message]:
        """Messages that no one else is working on, as soon as there is one; after `wait`, none."""
        answer = self._call(
            "read",
            "receive_message",
            MaxNumberOfMessages=MOST,
            WaitTimeSeconds=int(wait.total_seconds()),
            VisibilityTimeout=int(HIDDEN.total_seconds()),
        )
        return [
            Message(one["MessageId"], one["ReceiptHandle"], one["Body"])
            for one in answer.get("Messages", ())
        ]

    def hold(self, message: Message) -> bool:
        """Nobody else receives it for `HIDDEN` from now on; False: this delivery has ended."""
        seconds = int(HIDDEN.total_seconds())
        try:
            self._call(
                "hold a message of",
                "change_message_visibility",
                ReceiptHandle=message.receipt,
                VisibilityTimeout=seconds,
            )
        except ProviderError as exc:
            if exc.code in ENDED:
                return False
            raise
        return True

    def delete(self, message: Message) -> None:
        self._call("delete a message of", "delete_message", ReceiptHandle=message.receipt)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def _call(self, what: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401  # of any operation
        with self._asking(f"{what} the queue {self.url}"):
            if self._made is None:
                access = self._access
                self._made = S3Calls(access, self.url).beside("sqs", access.endpoint_url)
            call: Callable[..., dict[str, Any]] = getattr(self._made, operation)
            return call(QueueUrl=self.url, **parameters)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            with attempting(what, self.url):
                yield
        except ProviderError as exc:
            with suppress(Exception):
                self.close()
            self._made = None  # the next call reads the credentials again
            if exc.code in GONE:
                raise NotFoundError(exc.message, hint=exc.hint, code=exc.code) from exc
            if exc.code in {"AccessDenied", "AccessDeniedException"}:
                exc.hint = f"The credentials need {RIGHTS}."
            raise


ENDED = frozenset({"InvalidParameterValue", "ReceiptHandleIsInvalid", "MessageNotInflight"})
"""The message was delivered again, or was held for the 12 hours that SQS allows."""
