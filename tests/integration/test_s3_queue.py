"""Events of S3 start drills: moto's S3 notifies moto's SQS, over HTTP, on a clock that is moved."""

import json
import os
from datetime import timedelta

import boto3
import pytest
import structlog
import time_machine
from moto.server import ThreadedMotoServer

from restorecheck.config.queue import Queue
from restorecheck.errors import AccessDeniedError, NotFoundError, TransientError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.looks import Seen
from restorecheck.hosts.daemon.queue_watch import QueueWatch, queue_of
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.drill import new_backups
from restorecheck.hosts.drill.new_backups import AGAIN, SETTLED
from restorecheck.model import Verdict
from restorecheck.storages.s3_queue import HIDDEN
from tests.integration.test_new_backups import NOON, Drills
from tests.simulation.test_nights import Stage

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
AT_ONCE = timedelta(0)
PLAIN = b"--\n-- PostgreSQL database dump\n--\n"


@pytest.fixture(scope="module")
def server():
    made = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    made.start()
    yield "http://{}:{}".format(*made.get_host_and_port())
    made.stop()


class Scene(Stage):
    """A bucket that notifies a queue, and a runner with that queue."""

    def __init__(self, tmp_path, traveller, endpoint, name):
        super().__init__(tmp_path, traveller)
        self.endpoint, self.bucket = endpoint, name
        made = {"endpoint_url": endpoint, "region_name": "us-east-1"}
        self.s3, self.sqs = boto3.client("s3", **made), boto3.client("sqs", **made)
        self.s3.create_bucket(Bucket=name)
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.verdicts: list[Verdict] = []
        self.refusal: Exception | None = None
        self.configure_shop()
        self.start()

    def notify(self):
        arn = f"arn:aws:sqs:us-east-1:123456789012:{self.bucket}"
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket,
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            },
        )

    def configure_shop(self, *more):
        lines = ["version: 1", f"history: {{path: {self.database}}}", "targets:"]
        for name, path in (("shop", f"s3://{self.bucket}/shop/*.dump"), *more):
            keys = f"path: '{path}', s3: {{endpoint_url: '{self.endpoint}'}}"
            lines += [f"- {{name: {name}, when_new: true, dump: {{{keys}}}}}"]
        self.path.write_text("\n".join(lines) + "\n")

    def start(self):
        watched = Watched(self.path, {"HOME": "/"})
        self.launcher = Listing(self)
        self.service = Service(
            watched,
            self.launcher,
            SystemClock(),
            pause=self.pause,
            flags=Flags(),
            reach=lambda _config, _clock: (),
            newest_of=self.newest_of,
        )
        self.service._call = self.service._night
        queue = queue_of(Queue(url=self.url))
        self.watch = QueueWatch(queue, lambda: watched.config, self.service, SystemClock())

    def newest_of(self, config, name, clock):
        if self.refusal:
            raise self.refusal
        return new_backups.newest_of(config, name, clock)

    def put(self, key, body=PLAIN):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def send(self, body):
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def turn(self, times=1, after=SETTLED):
        for _ in range(times):
            self.watch.turn(AT_ONCE)
            self.traveller.shift(after)
        return self.launcher.drilled

    def left(self):
        """Messages in the queue, the hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)


class Listing(Drills):
    """Each drill is of the newest dump in the bucket."""

    def __init__(self, scene):
        super().__init__(scene, [], scene.verdicts)
        self.dies = False

    def drill(self, target, slot, limit):
        if self.dies:
            return "the process was ended by signal 9"
        config = self.stage.service._watched.config
        self.listed = [*new_backups.newest_of(config, target, SystemClock())]
        return super().drill(target, slot, limit)


@pytest.fixture
def scene(server, tmp_path, monkeypatch, request):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    with time_machine.travel(NOON, tick=False) as traveller:
        yield Scene(tmp_path, traveller, server, f"q{abs(hash(request.node.nodeid)) % 10**9}")


def test_a_new_dump_is_drilled_and_its_message_is_deleted_after_the_report(scene):
    scene.notify()
    scene.turn()
    assert scene.left() == 0  # S3's test event
    scene.put("shop/a 1+ü.dump")
    assert scene.turn() == []  # the first look
    assert scene.left() == 1
    assert scene.turn() == [f"s3://{scene.bucket}/shop/a 1+ü.dump"]
    scene.turn()
    assert scene.left() == 0
    assert len(scene.launcher.drilled) == 1


def test_the_same_message_twice_is_one_drill(scene):
    scene.notify()
    scene.put("shop/a.dump")
    scene.put("shop/a.dump")
    scene.turn(4)
    assert len(scene.launcher.drilled) == 1
    assert scene.left() == 0
    scene.send(json.dumps({"source": "aws.s3", "detail-type": "Object Created",
                           "detail": {"bucket": {"name": scene.bucket}, "object": {"key": "shop/a.dump"}}}))  # fmt: skip
    scene.turn(3)
    assert len(scene.launcher.drilled) == 1
    assert scene.left() == 0


def test_a_message_outlives_a_runner_that_dies_before_the_report(scene):
    scene.notify()
    scene.put("shop/a.dump")
    scene.launcher.dies = True
    scene.turn(3)
    assert scene.left() > 0
    scene.start()
    scene.turn(2)
    assert scene.launcher.drilled == []  # the first runner's messages are hidden
    scene.traveller.shift(HIDDEN)
    scene.turn(3)
    assert len(scene.launcher.drilled) == 1
    assert scene.left() == 0


def test_a_message_is_held_for_as_long_as_a_drill_takes_and_received_once(scene):
    scene.notify()
    scene.put("shop/a.dump")
    scene.turn()
    scene.service._drilling.add("shop")
    for _ in range(20):
        scene.turn(after=HIDDEN / 3)
    asked = {"VisibilityTimeout": 0, "MessageSystemAttributeNames": ["ApproximateReceiveCount"]}
    assert "Messages" not in scene.sqs.receive_message(QueueUrl=scene.url, **asked)
    scene.traveller.shift(HIDDEN)
    (found,) = scene.sqs.receive_message(QueueUrl=scene.url, **asked)["Messages"]
    assert found["Attributes"]["ApproximateReceiveCount"] == "2"  # once before this
    scene.service._drilling.clear()
    scene.turn(3)
    assert len(scene.launcher.drilled) == 1
    assert scene.left() == 0


def test_an_inconclusive_drill_settles_its_message_and_the_clock_tries_again(scene):
    scene.notify()
    scene.verdicts += [Verdict.INCONCLUSIVE]
    scene.put("shop/a.dump")
    scene.turn(4)
    assert scene.left() == 0
    assert len(scene.launcher.drilled) == 1
    scene.traveller.shift(AGAIN)
    scene.service._look_for_new()
    assert len(scene.launcher.drilled) == 2


def test_a_list_that_cannot_be_read_keeps_the_message(scene):
    scene.notify()
    scene.put("shop/a.dump")
    scene.refusal = AccessDeniedError("no")
    scene.turn(3)
    assert scene.left() == 1
    scene.refusal = None
    scene.turn(3)
    assert scene.left() == 0
    assert len(scene.launcher.drilled) == 1


def test_objects_of_no_target_are_dropped_and_start_nothing(scene):
    scene.notify()
    scene.put("shop/readme.txt")
    scene.put("other/a.dump")
    scene.turn(3)
    assert scene.left() == 0
    assert scene.launcher.drilled == []


def test_messages_of_others_stay_in_the_queue_and_are_named_once(scene):
    for body in ("hello", '{"order": 7}'):
        scene.send(body)
    with structlog.testing.capture_logs() as logs:
        scene.turn(5, after=HIDDEN)
    assert scene.left() == 2
    named = [(one["log_level"], one["reason"]) for one in logs if one["event"] == "queue.foreign"]
    assert sorted(named) == [
        ("warning", "neither a notification of S3 nor an event of EventBridge"),
        ("warning", "no JSON"),
    ]


def test_a_dump_for_two_targets_is_drilled_for_both_before_its_message_goes(scene):
    scene.configure_shop(("again", f"s3://{scene.bucket}/shop/*"))
    scene.start()
    scene.notify()
    scene.put("shop/a.dump")
    scene.service._drilling.add("again")
    scene.turn(3)
    assert len(scene.launcher.drilled) == 1
    assert scene.left() == 1
    scene.service._drilling.clear()
    scene.turn(3)
    assert len(scene.launcher.drilled) == 2
    assert scene.left() == 0


def test_a_target_that_is_no_longer_configured_is_not_waited_for(scene):
    scene.notify()
    scene.put("shop/a.dump")
    scene.turn()
    scene.path.write_text(scene.path.read_text().replace("name: shop", "name: store"))
    scene.service._watched.reload()
    scene.turn()
    assert scene.watch._pending == {}
    scene.traveller.shift(HIDDEN)
    scene.turn(3)
    assert len(scene.launcher.drilled) == 1
    assert scene.left() == 0


def test_a_queue_that_does_not_exist_has_words(scene):
    scene.watch._queue.url = scene.url + "x"
    with pytest.raises(NotFoundError, match="could not read the queue http"):
        scene.turn()


def test_errors_of_a_turn_end_no_runner(scene):
    turns: list[int] = []

    def turn():
        turns.append(len(turns))
        if len(turns) == 1:
            raise TransientError("could not read the queue")
        scene.watch.stop()

    scene.watch.turn = turn
    scene.watch._stop.wait = lambda _seconds: None
    scene.watch.run()
    assert turns == [0, 1]
    assert scene.service.look("shop") is Seen.AGAIN
