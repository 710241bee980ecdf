"""Ninety nights of a course platform, as the pages are looked at: made up, and always the same."""

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, pairwise

from restorecheck.checks import objectives
from restorecheck.checks.registry import built_in, expected
from restorecheck.lifecycle import judge
from restorecheck.model import (
    Backup,
    Baseline,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Drill,
    Objective,
    ObjectiveKind,
    Observation,
    Resource,
    Severity,
    Step,
    StepKind,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import document
from restorecheck.report.document import ChainReport, Report
from restorecheck.report.status import TargetStatus
from tests.factories import ENDPOINT, NOW, finished
from tests.nights import DAY, HOSTILE, check, night, status

NIGHTS = 90
BAD = 3
"""The last nights, in which a table is empty."""
BEHIND = 12
"""The last nights, in which a sequence would give a number twice."""
AS_OF = NOW + timedelta(minutes=15)
ALLOWED = timedelta(hours=30)
UNREACHED = timedelta(minutes=10)
SLOW = 40
"""A night whose server was not reached in time."""
GROWING = {
    "public.answers": (4_100_000, 8_100),
    "public.enrolments": (410_000, 610),
    "public.payments": (88_000, 140),
    "public.users": (61_000, 95),
    "public.courses": (212, 0.4),
}
"""Rows on the first night, and more of them each night."""

PLAN = tuple(
    Step(name=name, kind=kind, does=name, deadline=DAY)
    for name, kind in {
        "find dump": StepKind.PREPARE,
        "start server": StepKind.RESTORE,
        "load dump": StepKind.RESTORE,
        "check": StepKind.CHECK,
    }.items()
)
OWN = (
    CheckSpec(
        name="row count of public.answers",
        kind="row_count",
        options={"table": "public.answers", "min": 4_000_000},
    ),
    CheckSpec(
        name="the newest enrolment is from the last day",
        kind="query",
        options={"expect": {"equals": True}},
    ),
    CheckSpec(name="every payment has a user", kind="references"),
)
OBJECTIVES = (
    Objective(kind=ObjectiveKind.RPO, limit=DAY, severity=Severity.WARNING),
    Objective(kind=ObjectiveKind.RTO, limit=timedelta(minutes=30), severity=Severity.WARNING),
)


@dataclass(frozen=True, slots=True)
class Nights:
    """What happens: in the last `BAD` nights one table has no rows; the last night cannot tell."""

    emptied: bool = False
    left_behind: bool = False

    def reports(self) -> list[Report]:
        return [self._night(number) for number in range(NIGHTS)]

    def _night(self, number: int) -> Report:
        bad = self.emptied and number >= NIGHTS - BAD
        left_behind = self.left_behind and number == NIGHTS - 1
        unreached = number == SLOW or left_behind
        at = NOW - (NIGHTS - 1 - number) * DAY
        rows = rows_of(number) | ({"public.answers": 0} if bad else {})
        records = tuple(_steps(number, at, unreached=unreached))
        drill = finished().evolve(
            id=f"{at:%Y%m%d-%H%M%S}-5f2c9a",
            target="courses",
            plan=PLAN,
            objectives=OBJECTIVES,
            checks=(),
            results=(),
            started_at=at,
            finished_at=at
            + sum(
                (_took(record) for record in records), timedelta(seconds=64 if left_behind else 4)
            ),
            records=records,
            backup=_backup(number, at),
            baseline=_baseline(NIGHTS - BAD - 1 if bad else number - 1),
        )
        if left_behind:
            drill = _with_leftovers(drill)
        if unreached:
            return document.build(_could_not_tell(drill), _chain(number))
        results = (*objectives.measured(drill), *_results(number, rows, emptied=bad))
        drill = drill.evolve(results=results)
        told = judge(drill)
        drill = drill.evolve(verdict=told.verdict, reason=told.reason)
        return document.build(drill, _chain(number))


def _chain(number: int) -> ChainReport:
    """As if reports of this target alone made the history."""
    before = f"report {number - 1}".encode()
    return ChainReport(
        sequence=number + 1,
        previous_sha256=hashlib.sha256(before).hexdigest() if number else "",
    )


def rows_of(number: int) -> dict[str, int]:
    return {
        name: round(first + each * number + first * 0.004 * math.sin(number / 3.5))
        for name, (first, each) in GROWING.items()
    }


def _with_leftovers(drill: Drill) -> Drill:
    name = f"restorecheck-{drill.id}"
    checked = drill.records[-1].started_at
    return drill.evolve(
        ledger=(
            Resource(kind="server", identifier=name),
            Resource(kind="db-instance", identifier=name, account="222222222222"),
        ),
        teardown_outcome=TeardownOutcome.INCOMPLETE,
        teardown_details=("the server did not stop within 60 s",),
        notes=("The dump was decrypted with age; its checksum was not published.",),
        evidence=(
            Observation(at=checked, source="machine", text="0.1 GB of 16 GB are free"),
            Observation(
                at=checked + timedelta(seconds=2),
                source="server log",
                text="LOG: server process (PID 4711) was terminated by signal 9: Killed",
            ),
        ),
    )


def with_long_reason() -> list[Report]:
    """As long as a page lets any text be."""
    *before, last = Nights(emptied=True).reports()
    return [*before, last.model_copy(update={"reason": "the server said a lot " * 91})]


LONG_NAMES = (
    "public.enrolment_transaction_audit_entries",
    "billing.CustomerSubscriptionInvoiceLineItems",
    "internationalization.course_descriptions_of_every_language",
    "public.payments-archived-before-2026",
)


def with_long_names() -> list[Report]:
    """Tables as large systems name them, in every cell of the checks."""
    outcomes = (CheckOutcome.FAILED, CheckOutcome.ERROR, CheckOutcome.SKIPPED, CheckOutcome.PASSED)
    checks = [
        check(
            f"row count of {name}",
            outcome=outcome,
            expected=f"as many as {other}",
            found="4,787,870 rows",
            detail=f"{name} has fewer than {other}",
        )
        for name, other in pairwise((*LONG_NAMES, LONG_NAMES[0]))
        for outcome in outcomes
    ]
    return [night(0), night(1, Verdict.FAILED, checks, reason=f"{LONG_NAMES[0]} lost rows")]


def hostile() -> list[Report]:
    """Two nights in which every name and text is one that wants to break out."""
    longest = max(HOSTILE, key=len)
    checks = [
        check(text, outcome=outcome, expected=text, found=text, detail=text)
        for text, outcome in zip(HOSTILE, cycle(CheckOutcome), strict=False)
    ]
    counted = check("tables", measured=dict.fromkeys(HOSTILE, 4_000_000))
    steps = [
        StepRecord(
            name=text,
            started_at=NOW + timedelta(seconds=number),
            finished_at=NOW + timedelta(seconds=number + 1),
            outcome=StepOutcome.SUCCEEDED,
        )
        for number, text in enumerate(HOSTILE)
    ]
    return [
        night(
            number,
            Verdict.FAILED,
            [counted, *checks],
            target=longest,
            reason=longest,
            hint=longest,
            records=tuple(steps),
            notes=tuple(HOSTILE),
            evidence=tuple(Observation(at=NOW, source=text, text=text) for text in HOSTILE),
            ledger=tuple(Resource(kind=t, identifier=t, account=t) for t in HOSTILE),
            teardown_outcome=TeardownOutcome.INCOMPLETE,
        )
        for number in range(2)
    ]


def targets(
    number: int, names: Sequence[str] = ()
) -> tuple[list[TargetStatus], dict[str, Report], dict[str, str], datetime]:
    """What an index is made of: so many that are well, six that are not, and these names."""
    good, bad = Nights().reports()[-1], Nights(emptied=True).reports()[-1]
    unclear = Nights(left_behind=True).reports()[-1]
    well = [status(f"shop-{n:02}", allowed=ALLOWED) for n in range(number - 6)]
    others = [
        status("courses", Verdict.FAILED, bad=BAD, proven_at=NOW - BAD * DAY),
        status("courses-test", Verdict.FAILED, bad=BAD, proven_at=NOW - BAD * DAY),
        status("forum", overdue=True, proven_at=NOW - 9 * DAY),
        status("mail", Verdict.INCONCLUSIVE, bad=1, left_behind=True, proven_at=NOW - DAY),
        status("wiki", Verdict.INCONCLUSIVE, bad=1, proven_at=NOW - DAY),
        status("new", None, proven_at=None),
    ]
    others = [replace(other, allowed=ALLOWED) for other in others]
    statuses = [*well, *others, *(status(name, Verdict.FAILED) for name in names)]
    newest = {Verdict.VERIFIED: good, Verdict.FAILED: bad, Verdict.INCONCLUSIVE: unclear}
    reports = {
        s.target: newest[s.verdict].model_copy(update={"target": s.target})
        for s in statuses
        if s.verdict
    }
    reports |= {name: bad.model_copy(update={"target": name, "reason": name}) for name in names}
    return statuses, reports, {name: f"{n}.html" for n, name in enumerate(reports)}, AS_OF


def _could_not_tell(drill):
    """The dump was loaded; then the server went away before its checks."""
    return drill.evolve(
        verdict=Verdict.INCONCLUSIVE,
        reason="the restored server was not reached within 10 min: connection refused",
        hint="See whether this machine was out of memory: “Log and observations” says what was seen.",
        checks=OWN,
    )


def _backup(number, at):
    return Backup(
        kind="dump",
        identifier=f"/backups/courses-{at:%Y-%m-%d}.dump",
        taken_at=at - timedelta(hours=2, minutes=15 + number % 4),
        size_bytes=1_410_000_000 + 2_900_000 * number,
        server_version="17.5",
    )


def _baseline(number):
    if number < 0:
        return None
    at = NOW - (NIGHTS - 1 - number) * DAY
    return Baseline(drill_id=f"{at:%Y%m%d-%H%M%S}-5f2c9a", at=at, readings="")


def _steps(number, at, *, unreached):
    load = 340 + 1.6 * number + random.Random(number).uniform(-14, 22)
    lasting = {"find dump": 1.8, "start server": 1.2, "load dump": load, "check": 41 + number / 9}
    for name, seconds in lasting.items():
        finish = at + timedelta(seconds=seconds)
        failed = unreached and name == "check"
        if failed:
            finish = at + UNREACHED
        yield StepRecord(
            name=name,
            started_at=at,
            finished_at=finish,
            outcome=StepOutcome.TIMED_OUT if failed else StepOutcome.SUCCEEDED,
        )
        at = finish
        if failed:
            return


def _took(record):
    return record.finished_at - record.started_at


def _results(number, rows, *, emptied):
    """What the built-in checks of a dump say, and three of the platform's own."""
    total = f"{sum(rows.values()):,} rows in {len(rows)} tables"
    before = rows_of(NIGHTS - BAD - 1)["public.answers"]
    compared = f"{len(rows)} tables compared"
    found = {
        "server_answers": "an answer",
        "tables_countable": total,
        "any_rows": total,
        "rows_readable": total,
        "constraints_hold": "14 checked",
        "references_hold": "6 references",
        "indexes_valid": "no index is invalid",
        "sequences_ahead": "5 sequences",
        "collations_current": "no collation has changed",
        "tables_readable": "7 of 7 tables",
        "contents_plausible": compared,
        "not_emptied": compared,
        "not_shrunk": f"{compared}, 1 of them emptied" if emptied else compared,
        "newest_there": "newest times compared",
        "structure_same": "61 objects compared",
        "not_widened": "17 objects compared",
        "row_count": f"{rows['public.answers']:,}",
        "query": "true",
        "references": "0",
    }
    wrong = {}
    if emptied:
        wrong["not_emptied"] = f"table public.answers: {before:,} rows → 0 rows"
        wrong["row_count"] = ""
    if number >= NIGHTS - BEHIND:
        wrong["sequences_ahead"] = (
            "public.payments_id_seq is 2,348 behind its column: the next insert fails"
        )
    for spec in (*built_in(physical=False, baseline=number > 0), *OWN):
        yield CheckResult(
            name=spec.name,
            kind=spec.kind,
            database="courses",
            severity=spec.severity,
            outcome=CheckOutcome.FAILED if spec.kind in wrong else CheckOutcome.PASSED,
            expected=expected(spec),
            found=found[spec.kind],
            seconds=0.4,
            detail=wrong.get(spec.kind, ""),
            measured=dict(rows) if spec.kind == "tables_countable" else {},
            answered_by=ENDPOINT.identity,
        )
