"""Sends traces of finished drills, and metrics, where `opentelemetry` is configured. Errors are logged and change nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog

from restorecheck.config import Config
from restorecheck.errors import DeliveryError, RestorecheckError
from restorecheck.hosts.drill.metrics_file import metrics_room, not_installed
from restorecheck.lifecycle import Action, Event
from restorecheck.model import Drill
from restorecheck.ports import Observer
from restorecheck.report.status import Overview

if TYPE_CHECKING:
    from restorecheck.notify.otlp import OtlpSender, Sample

log = structlog.get_logger("restorecheck.telemetry")


class Traced(Observer):
    """Passes every call on. When a drill has finished, also by a sweep, its trace is sent."""

    def __init__(self, inner: Observer, config: Config) -> None:
        self._inner = inner
        self._config = config

    def performed(self, before: Drill, action: Action, event: Event, after: Drill) -> None:
        self._inner.performed(before, action, event, after)
        if after.finished and not before.finished:
            send_trace(self._config, after)


def wants_traces(config: Config) -> bool:
    return config.opentelemetry is not None and config.opentelemetry.traces


def observer_of(inner: Observer, config: Config) -> Observer:
    """`inner`, unless traces are to be sent, too."""
    return Traced(inner, config) if wants_traces(config) else inner


def send_trace(config: Config, drill: Drill) -> None:
    from restorecheck.report.spans import trace_of

    try:
        sender_of(config).send_trace(trace_of(drill))
    except RestorecheckError as exc:
        log.warning("trace.unsent", drill_id=drill.id, reason=exc.message)


def send_metrics(config: Config, overview: Overview) -> None:
    """The metrics that Prometheus gets, too.

    Raises:
        ConfigError: An extra is not installed.
        DeliveryError: They were not accepted.
    """
    sender_of(config).send_metrics(_samples(overview), overview.at)


def sender_of(config: Config) -> "OtlpSender":
    """Raises ConfigError: the extra is not installed."""
    assert config.opentelemetry is not None, "asked before"
    try:
        from restorecheck.notify.otlp import OtlpSender
    except ImportError as exc:
        raise not_installed("opentelemetry", exc, "opentelemetry") from exc
    try:
        return OtlpSender(config.opentelemetry)
    except Exception as exc:  # the SDK reads variables of the environment, which may be wrong
        log.exception("telemetry.defect")
        raise DeliveryError(f"the SDK of OpenTelemetry: {type(exc).__name__}") from exc


def _samples(overview: Overview) -> "Iterator[Sample]":
    from restorecheck.notify.otlp import Sample

    for family in metrics_room().families(overview):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            yield Sample(sample.name, family.documentation, labels, float(sample.value))
