"""Makes the results of the checks from the readings of all databases, for every engine. Pure.

A checker fills a `DatabaseReading` for each database; everything after that is here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from restorecheck.checks.answers import Judgement, Missing, NoAnswer
from restorecheck.checks.judge_scan import (
    counts,
    judge_answer,
    judge_built_in,
    judge_configured,
    rows_of,
)
from restorecheck.checks.judge_scan import seconds as seconds_of
from restorecheck.checks.kind import Context
from restorecheck.checks.kinds.compared import unsettled
from restorecheck.checks.kinds.tables_countable import TablesCountable
from restorecheck.checks.memory import remember, without_installed
from restorecheck.checks.scan_result import DatabaseReading, Readings, unpack
from restorecheck.model import Backup, Baseline, CheckResult, CheckSpec


def context_of(
    databases: Sequence[str], baseline: Baseline | None, backup: Backup | None, now: datetime
) -> Context:
    """`databases`: the existing databases to check."""
    return Context(
        baseline=unpack(baseline.readings) if baseline else {},
        databases=tuple(databases),
        taken_at=backup.taken_at if backup else None,
        started_at=now,
        physical=backup is not None and backup.kind != "dump",
        accepted=bool(baseline and baseline.accepted_by),
    )


def results_of(
    specs: Iterable[CheckSpec],
    readings: Readings,
    context: Context,
    *,
    default: str,
    answered_by: str,
) -> tuple[tuple[CheckResult, ...], Readings]:
    """The results, and the readings with the memory for later nights.

    `default`: the database of checks that name none; empty: unknown.
    """
    context = _without_installed(context, readings)
    results = tuple(
        _built_in(spec, readings, context, answered_by)
        if spec.built_in
        else _configured(spec, spec.database or default, readings, context, answered_by)
        for spec in specs
    )
    return results, {name: _remembered(context, name, r) for name, r in readings.items()}


def result_of(
    spec: CheckSpec, database: str, judgement: Judgement, answered_by: str, *, seconds: float = 0.0
) -> CheckResult:
    """`answered_by`: `Endpoint.identity` of the instance that was asked."""
    return CheckResult(
        name=spec.name,
        kind=spec.kind,
        database=database,
        severity=judgement.severity or spec.severity,
        outcome=judgement.outcome,
        expected=judgement.expected,
        found=judgement.found,
        detail=judgement.detail,
        seconds=seconds,
        answered_by=answered_by,
    )


def which(databases: Iterable[str]) -> str:
    """Why the database of a check is unknown."""
    return f"there are several databases ({', '.join(databases)}); set `database` in the check"


def _built_in(
    spec: CheckSpec, readings: Readings, context: Context, answered_by: str
) -> CheckResult:
    read = {name: readings[name] for name in context.databases}
    judgement = judge_built_in(spec, read, context)
    took = seconds_of(spec, read)
    names = ", ".join(context.databases)
    result = result_of(spec, names, judgement, answered_by, seconds=took)
    return replace(result, measured=counts(read)) if spec.kind == TablesCountable.name else result


def _configured(
    spec: CheckSpec, database: str, readings: Readings, context: Context, answered_by: str
) -> CheckResult:
    reading = readings.get(database)
    if not database:
        judgement = judge_answer(spec, NoAnswer(reason=which(context.databases)))
    elif reading is None:
        judgement = judge_answer(spec, Missing(what=f"database {database}"))
    else:
        judgement = judge_configured(spec, database, reading, context)
    took = seconds_of(spec, {database: reading} if reading else {})
    result = result_of(spec, database, judgement, answered_by, seconds=took)
    rows = rows_of(spec, reading)
    return result if rows is None else replace(result, measured={"rows": rows})


def _without_installed(context: Context, readings: Readings) -> Context:
    """The context, with a baseline without tables of extensions that are no longer read."""
    baseline = dict(context.baseline)
    for name, reading in readings.items():
        known = context.before(name)
        if known is not None:
            (at,) = (key for key, value in baseline.items() if value is known)
            baseline[at] = without_installed(known, reading)
    return replace(context, baseline=baseline)


def _remembered(context: Context, name: str, reading: DatabaseReading) -> DatabaseReading:
    """The reading, with the memory for later nights."""
    before = context.before(name)
    if before is not None:
        reading = replace(reading, unsettled=unsettled(before, reading, context))
    return remember(before, reading)
