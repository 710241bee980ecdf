"""Traces and metrics to a collector of OpenTelemetry, over OTLP/HTTP. Extra `opentelemetry`; imported only where it is configured.

Nothing of a drill depends on it: what cannot be delivered in time is lost, and that is logged. The values are given to the SDK's
exporters as they are: no thread, no buffer, and no limit of 2,000 targets for a metric.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from restorecheck import __version__
from restorecheck.config.telemetry import OpenTelemetry
from restorecheck.errors import DeliveryError
from restorecheck.report.spans import Span, Trace

SCOPE = InstrumentationScope("restorecheck", __version__)
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a gauge."""

    name: str
    meaning: str
    labels: tuple[tuple[str, str], ...]
    value: float


class OtlpSender:
    """Raises (every method): DeliveryError: it was not accepted in time."""

    def __init__(
        self,
        keys: OpenTelemetry,
        *,
        spans: SpanExporter | None = None,
        metrics: MetricExporter | None = None,
    ) -> None:
        """`spans`, `metrics`: in place of the exporters over HTTP."""
        # The SDK logs each try with its traceback; the one error that counts is raised.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._keys = keys
        self._spans, self._metrics = spans, metrics
        self._resource = Resource(
            {"service.name": keys.service_name, "service.version": __version__}
        )

    def send_trace(self, trace: Trace) -> None:
        exporter = self._spans or OTLPSpanExporter(**self._options("traces"))
        root = self._span(trace, trace.root, None)
        children = [self._span(trace, span, root.context) for span in trace.children]
        result = exporter.export([root, *children])
        exporter.shutdown()
        if result is not SpanExportResult.SUCCESS:
            raise DeliveryError(
                f"{self._keys.endpoint} did not accept the trace of {trace.root.name}"
            )

    def send_metrics(self, samples: Iterable[Sample], at: datetime) -> None:
        """Gauges of this moment. `samples`: those of one gauge behind each other."""
        exporter = self._metrics or OTLPMetricExporter(**self._options("metrics"))
        scope = ScopeMetrics(scope=SCOPE, metrics=list(_gauges(samples, at)), schema_url="")
        group = ResourceMetrics(resource=self._resource, scope_metrics=[scope], schema_url="")
        result = exporter.export(MetricsData(resource_metrics=[group]))
        exporter.shutdown()
        if result is not MetricExportResult.SUCCESS:
            raise DeliveryError(f"{self._keys.endpoint} did not accept the metrics")

    def _span(self, trace: Trace, span: Span, parent: SpanContext | None) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=SpanContext(trace.id, span.id, is_remote=False, trace_flags=TraceFlags(1)),
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            status=Status(StatusCode.ERROR if span.is_error else StatusCode.OK),
            start_time=_nanoseconds(span.began),
            end_time=_nanoseconds(span.ended),
            instrumentation_scope=SCOPE,
        )

    def _options(self, signal: str) -> dict[str, Any]:
        headers = {name: value.get_secret_value() for name, value in self._keys.headers.items()}
        return {
            "endpoint": f"{self._keys.endpoint}/v1/{signal}",
            "headers": headers,
            "timeout": self._keys.timeout_seconds,
        }


def _gauges(samples: Iterable[Sample], at: datetime) -> Iterator[Metric]:
    moment = _nanoseconds(at)
    for (name, meaning), group in groupby(samples, key=lambda one: (one.name, one.meaning)):
        points = [
            NumberDataPoint(
                attributes=dict(sample.labels),
                start_time_unix_nano=moment,
                time_unix_nano=moment,
                value=sample.value,
            )
            for sample in group
        ]
        yield Metric(name=name, description=meaning, unit="", data=Gauge(data_points=points))


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * NANOSECONDS)
