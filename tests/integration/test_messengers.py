"""Web hooks, dead man's switches and e-mail, over real sockets, to receivers that misbehave."""

import contextlib
import hashlib
import hmac
import json
import socket
import socketserver
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto import mock_aws

from restorecheck.announcing import Finished, Kind, News
from restorecheck.aws.deployment.sns import SnsMessenger, subject
from restorecheck.errors import ConfigError, DeliveryError
from restorecheck.model import Verdict
from restorecheck.notify import http
from restorecheck.notify.apprise import AppriseMessenger
from restorecheck.notify.ping import PingMessenger, Signal, ping_url, run_id
from restorecheck.notify.webhook import SIGNATURE, WebhookMessenger
from restorecheck.report.message import compose

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NOW = datetime(2026, 2, 26, 3, 16, tzinfo=UTC)
SLOT = datetime(2026, 2, 26, 3, 15, tzinfo=UTC)
TOKEN = "very-secret-token"  # noqa: S105  # of nobody


def message(kind=Kind.FAILED, verdict=Verdict.FAILED, target="Courses", *, proves=True):
    fact = Finished(
        target=target,
        at=NOW,
        drill_id="d-1",
        verdict=verdict,
        reason="a table is empty",
        scheduled_for=SLOT,
        proves=proves,
    )
    return compose([News(kind=kind, fact=fact, bad=1)], report_url=None, host="db-1")


class FixedClock:
    def now(self):
        return NOW


class Receiver(ThreadingHTTPServer):
    """Answers as it is told, and remembers what it got."""

    daemon_threads = True

    def __init__(self, status=200, headers=()):
        self.got = []
        self.status, self.headers = status, headers
        super().__init__(("127.0.0.1", 0), self._handler())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/{TOKEN}"

    def _handler(receiver):  # noqa: N805  # two selves
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"] or 0)
                receiver.got.append((self.path, dict(self.headers), self.rfile.read(length)))
                self.send_response(receiver.status)
                for name, value in receiver.headers:
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST  # noqa: N815  # what a followed redirection becomes

            def log_message(self, *_):
                pass

        return Handler


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver():
    with serving(Receiver()) as server:
        yield server


@contextlib.contextmanager
def raw(answer):
    """A server that does with a connection whatever `answer` does."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                answer(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}/{TOKEN}"


def test_a_web_hook_gets_json_that_it_can_check(receiver):
    WebhookMessenger(receiver.url, "key", FixedClock()).send(message())

    ((path, headers, body),) = receiver.got
    assert path == f"/{TOKEN}"
    assert json.loads(body)["events"][0]["reason"] == "a table is empty"
    parts = dict(part.split("=", 1) for part in headers[SIGNATURE].split(","))
    assert parts["t"] == str(int(NOW.timestamp()))
    signed = f"{parts['t']}.".encode() + body
    assert parts["v1"] == hmac.new(b"key", signed, hashlib.sha256).hexdigest()


def test_a_web_hook_without_a_secret_is_not_signed(receiver):
    WebhookMessenger(receiver.url, None, FixedClock()).send(message())

    assert SIGNATURE not in receiver.got[0][1]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_is_an_error_that_names_the_host_and_not_the_url(status):
    with serving(Receiver(status)) as server, pytest.raises(DeliveryError) as caught:
        WebhookMessenger(server.url, None, FixedClock()).send(message())

    assert caught.value.message == f"127.0.0.1 answered HTTP {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(receiver, status):
    elsewhere = Receiver(status, [("Location", receiver.url)])
    with serving(elsewhere), pytest.raises(DeliveryError, match=f"HTTP {status}"):
        WebhookMessenger(elsewhere.url, None, FixedClock()).send(message())

    assert receiver.got == []


def test_nobody_at_home_is_an_error(receiver):
    receiver.shutdown()
    receiver.server_close()

    with pytest.raises(DeliveryError) as caught:
        WebhookMessenger(receiver.url, None, FixedClock()).send(message())

    assert "could not reach 127.0.0.1: Connection refused" in caught.value.message
    assert TOKEN not in caught.value.message


def hangs(connection):
    connection.recv(65536)
    threading.Event().wait(20)


def drips(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(2000):
        connection.sendall(b"a")
        threading.Event().wait(0.01)


def babbles(connection):
    connection.recv(65536)
    connection.sendall(b"\x00\xff garbage" * 100)


def hangs_up(connection):
    connection.recv(10)


@pytest.mark.parametrize("answer", [hangs, drips, babbles, hangs_up])
def test_a_receiver_that_misbehaves_costs_a_bounded_time(answer, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(http, "LIMIT_SECONDS", 0.5)

    with raw(answer) as url, pytest.raises(DeliveryError) as caught:
        WebhookMessenger(url, None, FixedClock()).send(message())

    assert "127.0.0.1" in caught.value.message
    assert TOKEN not in caught.value.message


def test_a_switch_is_told_of_the_start_and_of_the_end_of_a_run(receiver):
    switch = PingMessenger(f"{receiver.url}/{{target}}")

    switch.started("Courses", SLOT)
    switch.send(message(Kind.VERIFIED, Verdict.VERIFIED))
    switch.send(message(Kind.FAILED))
    switch.send(message(Kind.INCONCLUSIVE, Verdict.INCONCLUSIVE))
    switch.send(message(Kind.VERIFIED, Verdict.VERIFIED, proves=False))

    run = run_id("Courses", SLOT)
    assert [path for path, _, _ in receiver.got] == [
        f"/{TOKEN}/courses/start?rid={run}",
        f"/{TOKEN}/courses?rid={run}",
        f"/{TOKEN}/courses/fail?rid={run}",
        f"/{TOKEN}/courses/log?rid={run}",
        f"/{TOKEN}/courses/log?rid={run}",
    ]
    assert b"a table is empty" in receiver.got[2][2]


def test_a_ping_url_keeps_its_query():
    assert ping_url("https://up.example/push?token=1", "t", Signal.FAIL, None) == (
        "https://up.example/push/fail?token=1"
    )


def test_an_apprise_channel_delivers(receiver):
    url = receiver.url.replace("http://", "json://")

    AppriseMessenger(url, "on-call").send(message())

    body = json.loads(receiver.got[0][2])
    assert body["title"].startswith("Courses: FAILED. Do now:")
    assert "a table is empty" in body["message"]
    assert body["type"] == "failure"


def test_an_apprise_channel_that_refuses_is_an_error_without_the_url():
    with serving(Receiver(500)) as server:
        channel = AppriseMessenger(server.url.replace("http://", "json://"), "on-call")
        with pytest.raises(DeliveryError) as caught:
            channel.send(message())

    assert caught.value.message == "json did not accept the message"


def test_an_smtp_server_that_is_not_there_is_an_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    messenger = AppriseMessenger(
        f"mailto://user:{TOKEN}@example.org?smtp=127.0.0.1&port={port}&to=a@example.org", "mail"
    )

    with pytest.raises(DeliveryError) as caught:
        messenger.send(message())

    assert TOKEN not in caught.value.message


def test_an_apprise_url_that_unknown_cause_is_a_problem_of_the_configuration():
    with pytest.raises(ConfigError) as caught:
        AppriseMessenger(f"nonsense://{TOKEN}", "on-call")

    assert "the channel 'on-call'" in caught.value.message
    assert TOKEN not in caught.value.message


@pytest.fixture
def topic(monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        sns = boto3.client("sns", region_name="eu-west-1")
        arn = sns.create_topic(Name="on-call")["TopicArn"]
        sqs = boto3.client("sqs", region_name="eu-west-1")
        queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])
        yield arn, lambda: sqs.receive_message(QueueUrl=queue)["Messages"]


def test_a_topic_gets_subject_text_and_kind(topic):
    arn, seen = topic

    SnsMessenger(arn, sandbox=False).send(message())

    body = json.loads(seen()[0]["Body"])
    assert body["Subject"].startswith("Courses: FAILED. Do now:")
    assert "a table is empty" in body["Message"]
    assert body["MessageAttributes"]["kind"]["Value"] == "failed"


def test_a_topic_that_is_not_there_is_an_error(topic):
    arn, _ = topic

    with pytest.raises(DeliveryError, match="publish to the topic"):
        SnsMessenger(arn.replace("on-call", "gone"), sandbox=False).send(message())


def test_a_subject_is_what_sns_takes():
    assert subject("tägl…ich\n" + "x" * 200) == "t-gl-ich-" + "x" * 88 + "..."
