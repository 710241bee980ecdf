"""Messages on new objects in S3, as a queue delivers them. Pure.

Source: docs.aws.amazon.com/AmazonS3/latest/userguide: "Event message structure" (`Records`, keys as in a URL, and the
test event), "EventBridge event message structure" (`detail`, keys as they are). A queue behind a topic of SNS holds the
message as text in `Message`, unless the subscription has raw delivery.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

CREATED = ("ObjectCreated:", "ObjectRestore:Completed")
"""Beginnings of `eventName`; an object of an archive can be read once its restore is completed."""
CREATED_ON_THE_BUS = frozenset({"Object Created", "Object Restore Completed"})
TEST = "s3:TestEvent"


@dataclass(frozen=True, slots=True)
class NewObject:
    bucket: str
    key: str


class ForeignMessageError(ValueError):
    """The message does not come from S3; the text says what it is instead."""


def new_objects(body: str) -> tuple[NewObject, ...]:
    """The objects that a message says can be read now; empty: it is of S3, and of no such object.

    Raises:
        ForeignMessageError: It is not of S3, or not understood.
    """
    message = _mapping(body)
    if message.get("Type") == "Notification" and isinstance(message.get("Message"), str):
        message = _mapping(message["Message"])
    try:
        return tuple(dict.fromkeys(_found(message)))
    except (KeyError, TypeError, AttributeError) as exc:
        raise ForeignMessageError("an event of S3 whose form is not known") from exc


def _found(message: dict[str, Any]) -> Iterator[NewObject]:
    if message.get("Event") == TEST:
        return
    if message.get("source") == "aws.s3":
        if message["detail-type"] in CREATED_ON_THE_BUS:
            detail = message["detail"]
            yield NewObject(detail["bucket"]["name"], detail["object"]["key"])
        return
    records = message.get("Records")
    if not isinstance(records, list):
        raise ForeignMessageError("neither a notification of S3 nor an event of EventBridge")
    for record in records:
        if record.get("eventSource") != "aws:s3":
            raise ForeignMessageError(f"an event of {record.get('eventSource')!r}, not of S3")
        if record["eventName"].startswith(CREATED):
            found = record["s3"]
            yield NewObject(found["bucket"]["name"], unquote_plus(found["object"]["key"]))


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise ForeignMessageError("no JSON") from None
    if not isinstance(value, dict):
        raise ForeignMessageError("no JSON object")
    return value
