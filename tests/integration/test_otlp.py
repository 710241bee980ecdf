"""Traces and metrics as a collector receives them: protobuf over HTTP on this machine."""

import gzip
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from restorecheck.config.telemetry import OpenTelemetry
from restorecheck.errors import DeliveryError
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.drill import telemetry
from restorecheck.lifecycle import Finish, Ready
from restorecheck.notify.otlp import OtlpSender, Sample
from restorecheck.ports import NoObserver
from restorecheck.report.spans import trace_of
from tests.factories import NOW
from tests.unit.config.test_config import parse
from tests.unit.report.test_spans import ended

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


class Collector:
    def __init__(self):
        self.status = 200
        self.received: list[Any] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                message = MESSAGES[self.path]()
                message.ParseFromString(body)
                collector.received.append(message)
                collector.headers.append(dict(self.headers))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def listening():
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


@pytest.fixture
def collector():
    with listening() as made:
        yield made


def config_of(collector, **keys):
    found = OpenTelemetry.model_validate(
        {"endpoint": collector.url, "timeout_seconds": 1.0, **keys}
    )
    return parse("version: 1\ntargets: [{name: courses, dump: {path: /b}}]").model_copy(
        update={"opentelemetry": found}
    )


def spans_of(request):
    (group,) = request.resource_spans
    (scope,) = group.scope_spans
    names = {a.key: a.value.string_value for a in group.resource.attributes}
    return names, list(scope.spans)


def test_a_collector_receives_a_trace_with_a_span_for_each_step(collector):
    drill = ended()

    telemetry.send_trace(config_of(collector), drill)

    (request,) = collector.received
    resource, (root, *children) = spans_of(request)
    assert resource["service.name"] == "restorecheck"
    assert root.name == "drill courses"
    assert root.parent_span_id == b""
    assert [span.name for span in children] == ["find", "restore", "teardown"]
    assert {span.parent_span_id for span in children} == {root.span_id}
    assert {span.trace_id for span in (root, *children)} == {trace_of(drill).id.to_bytes(16)}
    seconds = [(s.end_time_unix_nano - s.start_time_unix_nano) / 1e9 for s in (root, *children)]
    assert seconds == [12, 2, 7, 3]
    assert root.status.code == 2  # STATUS_CODE_ERROR
    assert children[0].status.code == 1  # STATUS_CODE_OK
    attributes = {a.key: a.value.string_value for a in root.attributes}
    assert attributes["restorecheck.verdict"] == "failed"
    assert b"jane" not in request.SerializeToString()


def test_a_header_is_sent_and_not_shown(collector):
    config = config_of(collector, headers={"authorization": "Bearer s3cret-token"})

    telemetry.send_trace(config, ended())

    (headers,) = collector.headers
    assert headers["authorization"] == "Bearer s3cret-token"
    assert "s3cret" not in repr(config)
    assert b"s3cret" not in collector.received[0].SerializeToString()


def test_thousands_of_targets_have_their_metrics_in_one_request(collector):
    """The SDK's own gauges stop at 2,000 attribute sets, and the rest becomes one."""
    samples = [
        Sample("restorecheck_target_overdue", "1 when …", (("target", f"t-{n}"),), float(n % 2))
        for n in range(5000)
    ]
    samples.append(Sample("restorecheck_config_valid", "1 when …", (("history", "/h"),), 1.0))

    OtlpSender(config_of(collector).opentelemetry).send_metrics(samples, NOW)

    (request,) = collector.received
    (group,) = request.resource_metrics
    gauges = {m.name: m.gauge.data_points for m in group.scope_metrics[0].metrics}
    assert {name: len(points) for name, points in gauges.items()} == {
        "restorecheck_target_overdue": 5000,
        "restorecheck_config_valid": 1,
    }
    last = gauges["restorecheck_target_overdue"][4999]
    assert last.as_double == 1.0
    assert [(a.key, a.value.string_value) for a in last.attributes] == [("target", "t-4999")]
    assert last.time_unix_nano == NOW.timestamp() * 1e9


def test_what_a_collector_refuses_changes_nothing_and_is_logged(collector):
    collector.status = 400
    config = config_of(collector)

    with structlog.testing.capture_logs() as logged:
        telemetry.send_trace(config, ended())
    assert [entry["event"] for entry in logged] == ["trace.unsent"]
    with pytest.raises(DeliveryError, match="did not accept the metrics"):
        OtlpSender(config.opentelemetry).send_metrics([], NOW)


def test_a_collector_that_is_not_there_holds_a_drill_up_for_its_time_at_most(collector):
    config = config_of(collector)
    gone = config.opentelemetry.model_copy(update={"endpoint": "http://127.0.0.1:9"})

    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1:9 did not accept the trace"):
        OtlpSender(gone).send_trace(trace_of(ended()))


def test_the_sdk_sees_the_same_trace_in_memory():
    exporter = InMemorySpanExporter()
    keys = OpenTelemetry.model_validate({"endpoint": "http://127.0.0.1:4318"})

    sender = OtlpSender(keys, spans=exporter)
    sender.send_trace(trace_of(ended()))

    spans: Any = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["drill courses", "find", "restore", "teardown"]
    assert {span.parent.span_id for span in spans[1:]} == {spans[0].context.span_id}
    assert spans[1].attributes["restorecheck.outcome"] == "succeeded"
    assert logging.getLogger("opentelemetry").level == logging.CRITICAL


def test_a_trace_is_sent_when_a_drill_has_finished_and_not_before(collector):
    config, drill = config_of(collector), ended()
    observer = telemetry.observer_of(NoObserver(), config)
    under_way = drill.evolve(finished_at=None, verdict=None, phase=drill.phase.__class__.TEARDOWN)

    observer.performed(under_way, Finish(), Ready(), under_way)
    assert collector.received == []
    observer.performed(under_way, Finish(), Ready(), drill)
    observer.performed(drill, Finish(), Ready(), drill)

    assert len(collector.received) == 1


def test_a_drill_of_the_command_line_arrives_as_a_trace(collector, tmp_path, capsys):
    path = tmp_path / "restorecheck.yaml"
    path.write_text(
        f"version: 1\nhistory: {{path: {tmp_path / 'h.sqlite'}}}\n"
        f"opentelemetry: {{endpoint: '{collector.url}'}}\n"
        f"targets: [{{name: courses, dump: {{path: {tmp_path / 'nothing'}}}}}]\n"
    )

    code = main(["drill", "-c", str(path), "--json"])

    report = json.loads(capsys.readouterr().out)
    (request,) = collector.received
    _, (root, *steps) = spans_of(request)
    attributes = {a.key: a.value.string_value for a in root.attributes}
    assert code != 0
    assert attributes["restorecheck.drill_id"] == report["drill_id"]
    assert attributes["restorecheck.verdict"] == report["verdict"]
    assert steps[-1].name == "teardown"
    digits = hashlib.sha256(f"trace {report['drill_id']}".encode()).hexdigest()[:32]
    assert root.trace_id.hex() == digits, "as the guide says"


def test_without_traces_the_observer_stays_as_it_is(collector):
    inner = NoObserver()

    assert telemetry.observer_of(inner, config_of(collector, traces=False)) is inner
    plain = config_of(collector).model_copy(update={"opentelemetry": None})
    assert telemetry.observer_of(inner, plain) is inner


def test_nothing_of_it_is_imported_where_it_is_not_configured():
    code = (
        "import sys; import restorecheck.hosts.drill.wiring, restorecheck.hosts.functions.stepper; "
        "import restorecheck.hosts.functions.sweeper, restorecheck.hosts.daemon.service; "
        "sys.exit(any(name.split('.')[0] == 'opentelemetry' for name in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)

    assert done.returncode == 0


WITHOUT_METADATA = """
import importlib.metadata as metadata
metadata.distributions = lambda **_: iter(())
metadata.Distribution.discover = classmethod(lambda *_, **__: iter(()))
import sys
from restorecheck.config.telemetry import OpenTelemetry
from restorecheck.notify.otlp import OtlpSender
from restorecheck.report.spans import trace_of
from tests.unit.report.test_spans import ended
OtlpSender(OpenTelemetry(endpoint=sys.argv[1])).send_trace(trace_of(ended()))
"""


def test_a_trace_is_sent_where_packages_have_no_metadata_as_in_those_of_the_aws_functions(
    collector,
):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_METADATA, collector.url],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(collector.received) == 1


def test_a_moment_of_the_past_is_sent_as_it_was(collector):
    drill = ended()
    early = drill.evolve(started_at=drill.started_at - timedelta(days=30))

    telemetry.send_trace(config_of(collector), early)

    _, (root, *_) = spans_of(collector.received[0])
    assert root.start_time_unix_nano == early.started_at.timestamp() * 1e9
