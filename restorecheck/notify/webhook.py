"""A POST of JSON, signed so that its receiver can verify the sender and the time."""

import hashlib
import hmac

from restorecheck.config.notify import Webhook
from restorecheck.notify.http import post
from restorecheck.ports import Clock, Messenger
from restorecheck.report.message import Message

SIGNATURE = "Restorecheck-Signature"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """`t=<unix time>,v1=<hex HMAC-SHA256 of "<unix time>.<body>">`.

    The receiver computes the same and refuses old times, so that a recorded request cannot be replayed.
    """
    signed = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class WebhookMessenger(Messenger):
    def __init__(self, url: str, secret: str | None, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock

    def send(self, message: Message) -> None:
        body = message.payload.encode()
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            now = int(self._clock.now().timestamp())
            headers[SIGNATURE] = signature(self._secret, now, body)
        post(self._url, body, headers)


def messenger_of(hook: Webhook, _name: str, clock: Clock, *_: object) -> Messenger:
    secret = hook.secret.get_secret_value() if hook.secret else None
    return WebhookMessenger(hook.url.get_secret_value(), secret, clock)
