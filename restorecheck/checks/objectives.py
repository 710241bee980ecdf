"""What the business asks for, held against what a drill has measured. Pure.

The answers come from the drill's own records, never from the restored database: they can keep a
drill from being verified, and can verify nothing.
"""

import math
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

NAMES = {
    ObjectiveKind.RPO: "recovery point objective",
    ObjectiveKind.RTO: "recovery time objective",
}

_NO_BACKUP = "not measured: no backup was found"
_NO_TIME = "not measured: the backup does not say when it was taken"
_NOT_RESTORED = "not measured: the restore did not complete"
_TIME_UNKNOWN = "not measured: nobody knows how long the restore took"


def measured(drill: Drill) -> tuple[CheckResult, ...]:
    """One result for each objective of a drill whose steps are through, or have ended early."""
    return tuple(_held(objective, drill) for objective in drill.objectives)


def spell(duration: timedelta) -> str:
    """Hours, minutes and seconds: `26 h 30 min`; parts of a second count as one."""
    minutes, seconds = divmod(math.ceil(duration / timedelta(seconds=1)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def describe(objective: Objective) -> str:
    match objective.kind:
        case ObjectiveKind.RPO:
            return f"a backup of at most {spell(objective.limit)}"
        case ObjectiveKind.RTO:
            return f"restored within {spell(objective.limit)}"
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
        expected=f"at most {spell(objective.limit)}",
        found="" if found is None else spell(found),
        detail=detail,
        origin=CheckOrigin.DRILL,
        measured={
            "limit_seconds": objective.limit.total_seconds(),
            **({} if found is None else {"seconds": round(found.total_seconds(), 3)}),
        },
    )


def _judged(objective: Objective, drill: Drill) -> tuple[CheckOutcome, timedelta | None, str]:
    match objective.kind:
        case ObjectiveKind.RPO if drill.backup is None:
            return CheckOutcome.SKIPPED, None, _NO_BACKUP
        case ObjectiveKind.RPO:
            found, unknown = drill.backup_age, _NO_TIME
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
