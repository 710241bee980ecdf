"""Values for tests, whole and valid; each test changes only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from restorecheck.lifecycle import Checked, Closed, Ready, VerdictRecorded, apply, decide, intend
from restorecheck.model import (
    Backup,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Drill,
    Endpoint,
    Resource,
    Severity,
    Step,
    StepKind,
    Verdict,
)

NOW = datetime(2026, 2, 27, 3, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERVER = Resource(kind="server", identifier="restorecheck-d-1")
ENDPOINT = Endpoint(
    identity="7000/16384",
    host="h",
    port=5432,
    user="u",
    databases=("courses",),
    server_version="17.10",
)
BACKUP = Backup(
    kind="dump",
    identifier="/backups/courses.dump",
    taken_at=NOW - timedelta(hours=3),
    size_bytes=34_200_000,
    server_version="17.5",
)


def drill(**changes: Any) -> Drill:
    values: dict[str, Any] = {
        "id": "d-1",
        "target": "courses",
        "plan": (
            Step(name="find", kind=StepKind.PREPARE, does="find it", deadline=HOUR),
            Step(
                name="load", kind=StepKind.RESTORE, does="load it", deadline=HOUR, makes=(SERVER,)
            ),
            Step(name="check", kind=StepKind.CHECK, does="ask it", deadline=HOUR),
        ),
        "checks": (CheckSpec(name="rows", kind="row_count", options={"table": "t", "min": 1}),),
        "started_at": NOW,
        "deadline": NOW + 4 * HOUR,
    }
    return Drill(**(values | changes))


def result(name: str = "rows", **changes: Any) -> CheckResult:
    values: dict[str, Any] = {
        "name": name,
        "kind": "row_count",
        "database": "courses",
        "severity": Severity.REQUIRED,
        "outcome": CheckOutcome.PASSED,
        "expected": "at least 1",
        "found": "5",
        "seconds": 0.1,
        "answered_by": ENDPOINT.identity,
    }
    return CheckResult(**(values | changes))


def restored(**changes: Any) -> Drill:
    """A drill whose backup is restored and whose checks are still to be asked."""
    fresh = drill(**changes)
    found = apply(begun(fresh), Ready(backup=BACKUP), NOW)
    ready = Ready(endpoint=ENDPOINT, external_seconds=2.0)
    state = apply(begun(found), ready, NOW + timedelta(seconds=3))
    return state.evolve(ledger=())


def begun(state: Drill) -> Drill:
    return intend(state, decide(state), NOW)


def finished(verdict: Verdict = Verdict.VERIFIED, reason: str = "it restores") -> Drill:
    checked = apply(restored(), Checked(results=(result(),)), NOW + timedelta(seconds=4))
    judged = apply(checked, VerdictRecorded(verdict, reason), NOW + timedelta(seconds=4))
    return apply(judged, Closed(), NOW + timedelta(seconds=5))
