"""What a message in a queue says of objects in S3."""

import json

import pytest

from restorecheck.storages.s3_events import ForeignMessageError, NewObject, new_objects

DUMP = NewObject("backups", "shop/shop 2026-11-29+ü.dump")


def record(name="ObjectCreated:Put", key="shop/shop+2026-11-29%2B%C3%BC.dump", **more):
    found = {"bucket": {"name": "backups"}, "object": {"key": key, "size": 7}}
    return {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": found} | more


def on_the_bus(kind="Object Created"):
    detail = {"version": "0", "bucket": {"name": DUMP.bucket}, "object": {"key": DUMP.key}}
    return {"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail}


def of_a_topic(message):
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:…", "Message": json.dumps(message)}


TEST = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "backups"}


@pytest.mark.parametrize(
    "message",
    [
        {"Records": [record()]},
        {"Records": [record("ObjectCreated:CompleteMultipartUpload")]},
        {"Records": [record("ObjectRestore:Completed")]},
        {"Records": [record(), record()]},
        on_the_bus(),
        on_the_bus("Object Restore Completed"),
        of_a_topic({"Records": [record()]}),
        of_a_topic(on_the_bus()),
    ],
)
def test_each_format_names_the_bucket_and_the_key_as_it_is(message):
    assert new_objects(json.dumps(message)) == (DUMP,)


@pytest.mark.parametrize(
    "message",
    [
        TEST,
        of_a_topic(TEST),
        {"Records": []},
        {"Records": [record("ObjectRemoved:Delete"), record("ObjectRestore:Post")]},
        on_the_bus("Object Deleted"),
    ],
)
def test_an_event_of_no_new_object_names_none(message):
    assert new_objects(json.dumps(message)) == ()


def test_one_message_may_name_several_objects():
    message = {"Records": [record(), record(key="shop/b.dump")]}
    assert [one.key for one in new_objects(json.dumps(message))] == [DUMP.key, "shop/b.dump"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "no JSON"),
        ("not JSON", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"Type": "Notification", "Message": "hello"}', "no JSON"),
        ('{"order": 7}', "neither a notification of S3 nor an event of EventBridge"),
        ('{"Records": {}}', "neither a notification of S3 nor an event of EventBridge"),
        ('{"Records": [{"eventSource": "aws:sqs"}]}', "an event of 'aws:sqs', not of S3"),
        ('{"Records": [7]}', "an event of S3 whose form is not known"),
        ('{"Records": [{"eventSource": "aws:s3"}]}', "an event of S3 whose form is not known"),
        (
            json.dumps({"Records": [record() | {"s3": None}]}),
            "an event of S3 whose form is not known",
        ),
        ('{"source": "aws.s3"}', "an event of S3 whose form is not known"),
        ('{"source": "aws.ec2", "detail-type": "x"}', "neither a notification of S3"),
    ],
)
def test_a_message_that_is_not_understood_is_foreign(body, reason):
    with pytest.raises(ForeignMessageError, match=f"^{reason}"):
        new_objects(body)
