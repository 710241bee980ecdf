"""Ninety nights of a course platform, as the pages are looked at: made up, and always the same."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

from restorecheck.checks import objectives
from restorecheck.checks.catalogue import Family
from restorecheck.lifecycle import judge
from restorecheck.model import (
    Backup,
    Baseline,
    CheckOutcome,
    CheckResult,
    Drill,
    Objective,
    ObjectiveKind,
    Observation,
    Resource,
    RestoreOutcome,
    Severity,
    Step,
    StepKind,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.status import TargetStatus
from tests.factories import ENDPOINT, NOW, finished
from tests.nights import DAY, HOSTILE, check, night, status

NIGHTS = 90
BAD = 3
"""The last nights, in which a table is empty."""
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
            finished_at=at + sum((_took(record) for record in records), timedelta(seconds=4)),
            records=records,
            backup=_backup(number, at),
            baseline=_baseline(NIGHTS - BAD - 1 if bad else number - 1),
        )
        if left_behind:
            drill = _with_leftovers(drill)
        if unreached:
            return document.build(_could_not_tell(drill))
        results = (*objectives.measured(drill), *_results(number, rows, emptied=bad))
        drill = drill.evolve(results=results)
        told = judge(drill)
        return document.build(drill.evolve(verdict=told.verdict, reason=told.reason))


def rows_of(number: int) -> dict[str, int]:
    return {
        name: round(first + each * number + first * 0.004 * math.sin(number / 3.5))
        for name, (first, each) in GROWING.items()
    }


def _with_leftovers(drill: Drill) -> Drill:
    name = f"restorecheck-{drill.id}"
    return drill.evolve(
        ledger=(
            Resource(kind="server", identifier=name),
            Resource(kind="db-instance", identifier=name, account="222222222222"),
        ),
        teardown_outcome=TeardownOutcome.INCOMPLETE,
        teardown_details=("the server did not stop within 60 s",),
        notes=("The dump was decrypted with age; its checksum was not published.",),
        evidence=(
            Observation(at=drill.finished_at, source="server", text="out of memory"),
            Observation(at=None, source="machine", text="1.1 GB of 16 GB are free"),
        ),
    )


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
) -> tuple[list[TargetStatus], dict[str, Report], dict[str, str]]:
    """What an index is made of: so many that are well, six that are not, and these names."""
    good, bad = Nights().reports()[-1], Nights(emptied=True).reports()[-1]
    unclear = Nights(left_behind=True).reports()[-1]
    well = [status(f"shop-{n:02}") for n in range(number - 6)]
    others = [
        status("courses", Verdict.FAILED, bad=BAD, proven_at=NOW - BAD * DAY),
        status("courses-test", Verdict.FAILED, bad=BAD, proven_at=NOW - BAD * DAY),
        status("forum", overdue=True, proven_at=NOW - 9 * DAY),
        status("mail", Verdict.INCONCLUSIVE, left_behind=True, proven_at=NOW - DAY),
        status("wiki", Verdict.INCONCLUSIVE, proven_at=NOW - DAY),
        status("new", None, proven_at=None),
    ]
    statuses = [*well, *others, *(status(name, Verdict.FAILED) for name in names)]
    newest = {Verdict.VERIFIED: good, Verdict.FAILED: bad, Verdict.INCONCLUSIVE: unclear}
    reports = {
        s.target: newest[s.verdict].model_copy(update={"target": s.target})
        for s in statuses
        if s.verdict
    }
    reports |= {name: bad.model_copy(update={"target": name, "reason": name}) for name in names}
    return statuses, reports, {name: f"{n}.html" for n, name in enumerate(reports)}


def _could_not_tell(drill):
    return drill.evolve(
        verdict=Verdict.INCONCLUSIVE,
        reason="the restored server was not reached within 10 min: connection refused",
        hint="See whether this machine was out of memory; the server's log is below.",
        restore_outcome=RestoreOutcome.TIMED_OUT,
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
        failed = unreached and name == "load dump"
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
    total = f"{sum(rows.values()):,} rows in {len(rows)} tables"
    before = rows_of(NIGHTS - BAD - 1)["public.answers"]
    answers = rows["public.answers"]
    yield _check("the server answers", Family.SERVER_ANSWERS, "an answer", "an answer")
    yield _check(
        "every table can be counted", Family.TABLES_COUNTABLE, "a count", total, measured=dict(rows)
    )
    yield _check("at least one table has rows", Family.ANY_ROWS, "rows", total)
    yield _check("every row can be read", Family.ROWS_READABLE, "no unreadable row", total)
    yield _check("constraints hold", Family.CONSTRAINTS_HOLD, "no broken one", "14 looked at")
    yield _check("references hold", Family.REFERENCES_HOLD, "no orphan", "6 references")
    yield _check(
        "no table was emptied",
        Family.NOT_EMPTIED,
        "no sudden loss",
        "5 tables compared",
        holds=not emptied,
        detail=f"table public.answers: {before:,} rows → 0 rows",
    )
    yield _check(
        "row count of public.answers",
        Family.ROW_COUNT,
        "at least 4,000,000",
        f"{answers:,}",
        holds=answers >= 4_000_000,
    )
    yield _check("every payment has a user", Family.REFERENCES, "0", "0")
    yield _check("the newest enrolment is from the last day", Family.QUERY, "true", "true")
    yield _check(
        "indexes are valid",
        Family.INDEXES_VALID,
        "no invalid index",
        "no index is invalid",
        severity=Severity.WARNING,
    )
    yield _check(
        "sequences are ahead",
        Family.SEQUENCES_AHEAD,
        "ahead of their columns",
        "5 sequences",
        severity=Severity.WARNING,
        holds=number < NIGHTS - 12,
        detail="public.payments_id_seq stands at 98,112, behind 100,460",
    )


def _check(
    name, kind, expected, found, *, severity=Severity.REQUIRED, holds=True, detail="", measured=None
):
    return CheckResult(
        name=name,
        kind=kind,
        database="courses",
        severity=severity,
        outcome=CheckOutcome.PASSED if holds else CheckOutcome.FAILED,
        expected=expected,
        found=found,
        seconds=0.4,
        detail="" if holds else detail,
        measured=measured or {},
        answered_by=ENDPOINT.identity,
    )
