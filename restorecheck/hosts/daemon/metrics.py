"""What Prometheus is told, made from the history at the moment of asking (extra `metrics`)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus

from restorecheck import __version__
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.daemon.web import Answer, Page
from restorecheck.model import Verdict
from restorecheck.report.status import TargetStatus

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
except ImportError as exc:
    raise ConfigError(
        (
            Problem(
                message="runner.listen needs prometheus-client, which is not installed",
                path="runner.listen",
            ),
        ),
        hint="pip install 'restorecheck[metrics]', or remove runner.listen.",
    ) from exc

Undelivered = Sequence[tuple[str, int]]


class Collector:
    """One family a question; every target has a sample in each that it can answer."""

    def __init__(
        self,
        statuses: Callable[[], Sequence[TargetStatus]],
        undelivered: Callable[[], Undelivered],
        *,
        config_ok: Callable[[], bool],
    ) -> None:
        self._statuses = statuses
        self._undelivered = undelivered
        self._config_ok = config_ok

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from families(self._statuses())
        yield _messages(self._undelivered())
        yield GaugeMetricFamily(
            "restorecheck_config_valid",
            "1 when the configuration file as it is now is in use.",
            value=float(self._config_ok()),
        )


def families(statuses: Sequence[TargetStatus]) -> Iterator[GaugeMetricFamily]:
    yield _gauge(
        "restorecheck_target_overdue",
        "1 when no drill verified the target within its allowed age.",
        [(s.target, float(s.overdue)) for s in statuses],
    )
    yield _gauge(
        "restorecheck_proof_timestamp_seconds",
        "When the newest verified drill was finished.",
        [(s.target, _unix(s.proven_at)) for s in statuses],
    )
    yield _gauge(
        "restorecheck_proof_max_age_seconds",
        "How old the newest proof may be.",
        [(s.target, s.allowed.total_seconds()) for s in statuses],
    )
    yield _gauge(
        "restorecheck_drill_timestamp_seconds",
        "When the newest drill was finished.",
        [(s.target, _unix(s.drilled_at)) for s in statuses],
    )
    yield _gauge(
        "restorecheck_drill_running",
        "1 while a drill of the target is at work.",
        [(s.target, float(s.running_since is not None)) for s in statuses],
    )
    yield _gauge(
        "restorecheck_drills_not_verified",
        "Drills since the newest proof that were not verified.",
        [(s.target, float(s.bad)) for s in statuses],
    )
    yield _gauge(
        "restorecheck_left_behind",
        "1 when the newest drill left resources behind.",
        [(s.target, float(s.left_behind)) for s in statuses],
    )
    yield _gauge(
        "restorecheck_next_drill_timestamp_seconds",
        "When the next drill is due.",
        [(s.target, _unix(s.next_at)) for s in statuses],
    )
    verdicts = GaugeMetricFamily(
        "restorecheck_last_verdict",
        "1 for the verdict of the newest drill, 0 for the others.",
        labels=["target", "verdict"],
    )
    for status in statuses:
        for verdict in Verdict:
            verdicts.add_metric([status.target, verdict.value], float(status.verdict is verdict))
    yield verdicts
    build = GaugeMetricFamily("restorecheck_build_info", "1, with the version.", labels=["version"])
    build.add_metric([__version__], 1.0)
    yield build


def page_of(collector: Collector) -> Page:
    registry = CollectorRegistry()
    registry.register(collector)

    def page() -> Answer:
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)

    return page


def _gauge(
    name: str, meaning: str, samples: Sequence[tuple[str, float | None]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=["target"])
    for target, value in samples:
        if value is not None:
            family.add_metric([target], value)
    return family


def _messages(undelivered: Undelivered) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "restorecheck_messages_waiting",
        "Messages that a channel did not take yet.",
        labels=["channel"],
    )
    for channel, number in undelivered:
        family.add_metric([channel], float(number))
    return family


def _unix(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
