"""Metrics for CloudWatch, written as log lines in its embedded metric format (Powertools).

This needs no call and no right: CloudWatch reads them from the log.
"""

from datetime import timedelta

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from restorecheck.hosts.functions.sweeper import SweepCounts
from restorecheck.model import Drill, Verdict
from restorecheck.report import document

NAMESPACE = "restorecheck"
SERVICE = "restorecheck"


def of_drill(drill: Drill) -> None:
    """One metric for all targets, so that one alarm covers them, and one for each."""
    report = document.build(drill)
    values: dict[str, tuple[float, MetricUnit]] = {
        verdict.value.capitalize(): (float(drill.verdict is verdict), MetricUnit.Count)
        for verdict in Verdict
    }
    values["LeftBehind"] = (float(len(drill.ledger)), MetricUnit.Count)
    if report.restore.seconds:
        values["RestoreTime"] = (report.restore.seconds, MetricUnit.Seconds)
    values["DrillTime"] = (report.time.total_seconds, MetricUnit.Seconds)
    if report.backup is not None and report.backup.age_seconds is not None:
        values["BackupAge"] = (float(report.backup.age_seconds), MetricUnit.Seconds)
    _write(values, {})
    _write(values, {"target": drill.target})
    states = {
        "FailedTargets": drill.verdict is Verdict.FAILED,
        "DrillsWithLeftovers": bool(drill.ledger),
    }
    # At once; every sweep reports whether it lasts.
    if any(states.values()):
        _write({name: (1.0, MetricUnit.Count) for name, bad in states.items() if bad}, {})


def of_sweep(found: SweepCounts) -> None:
    """Written every hour, also with zeros: missing data raises an alarm.

    States, not events: an alarm on an event would end after one hour, as if all were well.
    """
    _write(
        {
            "FailedTargets": (float(len(found.failed)), MetricUnit.Count),
            "InconclusiveTargets": (float(len(found.inconclusive)), MetricUnit.Count),
            "DrillsWithLeftovers": (float(found.leftovers), MetricUnit.Count),
            "OverdueTargets": (float(len(found.overdue)), MetricUnit.Count),
            "Orphans": (float(len(found.deleted) + len(found.left)), MetricUnit.Count),
            "Unseen": (float(len(found.unseen)), MetricUnit.Count),
            "RestartedDrills": (float(len(found.restarted)), MetricUnit.Count),
        },
        {},
    )
    for target, hours in found.proof_hours.items():
        age = hours * timedelta(hours=1).total_seconds()
        _write({"ProofAge": (age, MetricUnit.Seconds)}, {"target": target})


def _write(values: dict[str, tuple[float, MetricUnit]], dimensions: dict[str, str]) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    for name, (number, unit) in values.items():
        metrics.add_metric(name=name, unit=unit, value=number)
    metrics.flush_metrics()
