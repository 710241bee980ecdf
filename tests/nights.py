"""Reports of nights, for tests of what people read; each test changes only what it is about."""

from datetime import timedelta

from restorecheck.model import (
    Backup,
    CheckOutcome,
    CheckResult,
    Resource,
    Severity,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import document
from restorecheck.report.status import TargetStatus
from tests.factories import NOW, finished

DAY = timedelta(days=1)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' or 1=1 --",
    "\x1b[31mred\x1b[0m",
    "line\nbreak\r\n| cell",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "]]>&amp;<!--",
    "[link](javascript:alert(1)) `code` @everyone #1",
    "x" * 10_000,
    "\x00\x0b\ud7ff\ufffe",
    "{{ 7 * 7 }}{% for x in y %}",
]


def check(name="every table can be counted", **changes):
    values = {
        "name": name,
        "kind": "tables_countable",
        "database": "courses",
        "severity": Severity.REQUIRED,
        "outcome": CheckOutcome.PASSED,
        "expected": "a count",
        "found": "5 rows",
        "measured": {"public.answers": 500},
    }
    return CheckResult(**(values | changes))


def night(number=0, verdict=Verdict.VERIFIED, checks=None, **changes):
    at = NOW + number * DAY
    drill = finished().evolve(
        id=f"d-{number}",
        verdict=verdict,
        checks=(),
        results=tuple(checks or (check(),)),
        started_at=at,
        finished_at=at + timedelta(minutes=3),
        backup=Backup(kind="dump", identifier="/b/1.dump", taken_at=at - timedelta(hours=3)),
        records=(
            StepRecord(
                name="load",
                started_at=at,
                finished_at=at + timedelta(seconds=60 + number),
                outcome=StepOutcome.SUCCEEDED,
            ),
        ),
    )
    return document.build(drill.evolve(**changes))


def hostile(text):
    return night(
        verdict=Verdict.FAILED,
        checks=[
            check(name=text, outcome=CheckOutcome.FAILED, expected=text, found=text, detail=text)
        ],
        target=text,
        reason=text,
        hint=text,
        notes=(text,),
        ledger=(Resource(kind=text, identifier=text, account=text),),
        teardown_outcome=TeardownOutcome.INCOMPLETE,
        backup=Backup(kind=text, identifier=text),
    )


def status(name, verdict=Verdict.VERIFIED, **changes):
    values = {
        "target": name,
        "verdict": verdict,
        "drill_id": "d-1",
        "drilled_at": NOW,
        "proven_at": NOW,
        "allowed": DAY,
        "overdue": False,
        "bad": 0,
        "left_behind": False,
        "next_at": None,
    }
    return TargetStatus(**(values | changes))
