"""Metrics for Prometheus, for `GET /metrics` and for node_exporter's textfile collector. Pure.

Extra `metrics`: prometheus-client writes both forms.

The file is OpenMetrics text, and valid for readers of Prometheus' older text format as well, which
node_exporter is (`collector/textfile.go`): only gauges, `# EOF` as a comment, and no timestamps, for which it would
refuse the whole file.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics import exposition as openmetrics

from restorecheck import __version__
from restorecheck.model import CheckOutcome, ObjectiveKind, RestoreOutcome, Verdict
from restorecheck.report.document import Report
from restorecheck.report.status import Overview, TargetStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Media type of `page`."""

Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Label values and the number; None: there is none."""


def page(overview: Overview) -> bytes:
    """The metrics for a scrape by Prometheus."""
    return generate_latest(_registry(overview))


def textfile(overview: Overview) -> str:
    """The metrics for node_exporter's textfile collector."""
    text: bytes = openmetrics.generate_latest(_registry(overview))  # type: ignore[no-untyped-call]  # the library's
    return text.decode()


def families(overview: Overview) -> Iterator[GaugeMetricFamily]:
    """One family for each metric; every target has a sample in each for which it has a value.

    Metrics without a target have the path of the history as a label: of samples with the same name and labels in
    two files node_exporter keeps only one, which may be the outdated one.
    """
    yield from _of_statuses(overview.statuses)
    yield from _of_reports(overview.reports)
    history = overview.history
    yield _family(
        "restorecheck_messages_waiting",
        "Messages that a channel has not yet accepted.",
        [((history, channel), float(number)) for channel, number in overview.waiting],
        labels=("history", "channel"),
    )
    yield _family(
        "restorecheck_config_valid",
        "1 when the present configuration file is in use.",
        [((history,), float(overview.config_valid))],
        labels=("history",),
    )
    yield _family(
        "restorecheck_written_timestamp_seconds",
        "When these numbers were read from the history.",
        [((history,), overview.at.timestamp())],
        labels=("history",),
    )
    yield _family(
        "restorecheck_build_info",
        "Always 1; the label has the version.",
        [((history, __version__), 1.0)],
        labels=("history", "version"),
    )


def _of_statuses(statuses: Sequence[TargetStatus]) -> Iterator[GaugeMetricFamily]:
    def gauge(
        name: str, meaning: str, answer: Callable[[TargetStatus], float | None]
    ) -> GaugeMetricFamily:
        return _family(name, meaning, [((s.target,), answer(s)) for s in statuses])

    yield gauge(
        "restorecheck_target_overdue",
        "1 when no drill verified the target within its allowed age.",
        lambda s: float(s.overdue),
    )
    yield gauge(
        "restorecheck_proof_timestamp_seconds",
        "When the newest drill that proves the target was finished; of a target with `select` also one of an older backup.",
        lambda s: _unix(s.proven_at),
    )
    yield gauge(
        "restorecheck_newest_proof_timestamp_seconds",
        "When the newest verified drill of the newest backup was finished.",
        lambda s: _unix(s.newest_proven_at),
    )
    yield gauge(
        "restorecheck_proof_max_age_seconds",
        "Maximum age of the newest verified drill.",
        lambda s: s.allowed.total_seconds(),
    )
    yield gauge(
        "restorecheck_drill_timestamp_seconds",
        "When the newest drill was finished.",
        lambda s: _unix(s.drilled_at),
    )
    yield gauge(
        "restorecheck_drill_running",
        "1 while a drill of the target is running.",
        lambda s: float(s.running_since is not None),
    )
    yield gauge(
        "restorecheck_drills_not_verified",
        "Drills after the newest verified one, none of them verified.",
        lambda s: float(s.bad),
    )
    yield gauge(
        "restorecheck_left_behind",
        "1 while a resource that a drill left behind is not known to be deleted.",
        lambda s: float(s.left_behind),
    )
    yield gauge(
        "restorecheck_next_drill_timestamp_seconds",
        "When the next drill is due.",
        lambda s: _unix(s.next_at),
    )
    yield _family(
        "restorecheck_last_verdict",
        "1 for the verdict of the newest drill, 0 for the others.",
        [((s.target, v.value), float(s.verdict is v)) for s in statuses for v in Verdict],
        labels=("target", "verdict"),
    )


def _of_reports(reports: Sequence[Report]) -> Iterator[GaugeMetricFamily]:
    def gauge(
        name: str, meaning: str, answer: Callable[[Report], float | None]
    ) -> GaugeMetricFamily:
        return _family(name, meaning, [((r.target,), answer(r)) for r in reports])

    yield gauge(
        "restorecheck_restore_duration_seconds",
        "How long the newest drill took to restore the data; absent: it did not.",
        _restore_seconds,
    )
    yield gauge(
        "restorecheck_drill_duration_seconds",
        "How long the newest drill took from start to end.",
        lambda r: r.time.total_seconds,
    )
    yield gauge(
        "restorecheck_backup_age_seconds",
        "How old the backup was when the newest drill began.",
        lambda r: r.backup.age_seconds if r.backup else None,
    )
    yield gauge(
        "restorecheck_backup_size_bytes",
        "Size of the newest drill's backup, as stored.",
        lambda r: r.backup.size_bytes if r.backup else None,
    )
    yield _family(
        "restorecheck_checks",
        "Checks of the newest drill by outcome, warnings included.",
        [
            ((report.target, outcome.value), float(count))
            for report in reports
            for outcome, count in _outcomes(report)
        ],
        labels=("target", "outcome"),
    )
    yield _objectives(
        reports,
        "restorecheck_objective_limit_seconds",
        "Limit of the objective: age of the backup (rpo), time of the restore (rto).",
        "limit_seconds",
    )
    yield _objectives(
        reports,
        "restorecheck_objective_measured_seconds",
        "Measurement of the newest drill for the objective.",
        "seconds",
    )


def _restore_seconds(report: Report) -> float | None:
    """None: the duration is unknown (0: another program restored), or the restore did not succeed."""
    if report.restore.outcome is not RestoreOutcome.SUCCEEDED:
        return None
    return report.restore.seconds or None


def _outcomes(report: Report) -> list[tuple[CheckOutcome, int]]:
    """Each outcome, also with 0 checks: a missing series would raise no alarm."""
    counted = Counter(check.outcome for check in report.checks)
    return [(outcome, counted[outcome]) for outcome in CheckOutcome]


def _objectives(
    reports: Sequence[Report], name: str, meaning: str, measure: str
) -> GaugeMetricFamily:
    kinds = {kind.value for kind in ObjectiveKind}
    samples = [
        ((report.target, check.kind), check.measured.get(measure))
        for report in reports
        for check in report.checks
        if check.kind in kinds
    ]
    return _family(name, meaning, samples, labels=("target", "objective"))


def _family(
    name: str, meaning: str, samples: Samples, *, labels: Sequence[str] = ("target",)
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, float(number))
    return family


def _registry(overview: Overview) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Made(overview))
    return registry


class _Made:
    """A collector with fixed families, for a registry."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return families(self._overview)


def _unix(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
