"""Compares the measurements of a drill with the configured objectives. Pure.

The answers come from the drill's own records, never from the restored database: a missed objective can
fail a drill, a met one verifies nothing.
"""

from datetime import timedelta
from typing import assert_never

from restorecheck.model import (
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Drill,
    Objective,
    ObjectiveKind,
    RestoreOutcome,
)
from restorecheck.spelling import HOUR, LONG, MINUTE, spell

NAMES = {
    ObjectiveKind.RPO: "recovery point objective",
    ObjectiveKind.RTO: "recovery time objective",
}

_NO_BACKUP = "not measured: no backup was found"
_NO_TIME = "not measured: the backup does not say when it was taken"
_NOT_RESTORED = "not measured: the restore did not complete"
_TIME_UNKNOWN = "not measured: the time of the restore is unknown"


def measured(drill: Drill) -> tuple[CheckResult, ...]:
    """One result for each objective of a drill whose steps have ended."""
    return tuple(_held(objective, drill) for objective in drill.objectives)


def describe(objective: Objective) -> str:
    match objective.kind:
        case ObjectiveKind.RPO:
            return f"a backup of at most {spell(objective.limit, exact=True)}"
        case ObjectiveKind.RTO:
            return f"restored within {spell(objective.limit, exact=True)}"
        case _:
            assert_never(objective.kind)


def _held(objective: Objective, drill: Drill) -> CheckResult:
    outcome, found, detail = _judged(objective, drill)
    return CheckResult(
        name=NAMES[objective.kind],
        kind=objective.kind.value,
        database="",
        severity=objective.severity,
        outcome=outcome,
        expected=f"at most {spell(objective.limit, exact=True)}",
        found="" if found is None else _found(found, objective.limit),
        detail=detail,
        origin=CheckOrigin.DRILL,
        measured={
            "limit_seconds": objective.limit.total_seconds(),
            **({} if found is None else {"seconds": round(found.total_seconds(), 3)}),
        },
    )


def _found(found: timedelta, limit: timedelta) -> str:
    """The duration, to the second near the limit: rounding must not decide."""
    near = HOUR if limit >= LONG else MINUTE
    return spell(found, exact=abs(found - limit) < near)


def _judged(objective: Objective, drill: Drill) -> tuple[CheckOutcome, timedelta | None, str]:
    match objective.kind:
        case ObjectiveKind.RPO if drill.backup is None:
            return CheckOutcome.SKIPPED, None, _NO_BACKUP
        case ObjectiveKind.RPO:
            found, unknown = drill.newest_age, _NO_TIME
        case ObjectiveKind.RTO if drill.restore_outcome is not RestoreOutcome.SUCCEEDED:
            return CheckOutcome.SKIPPED, None, _NOT_RESTORED
        case ObjectiveKind.RTO:
            found, unknown = drill.restore_time, _TIME_UNKNOWN
        case _:
            assert_never(objective.kind)
    if found is None:
        return CheckOutcome.ERROR, None, unknown
    holds = found <= objective.limit
    return (CheckOutcome.PASSED if holds else CheckOutcome.FAILED), found, ""
