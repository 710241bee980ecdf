"""Exit statuses of the commands. Unknown codes are failures."""

from collections.abc import Iterable
from enum import IntEnum

from restorecheck.model import TeardownOutcome, Verdict
from restorecheck.report.document import Report


class Exit(IntEnum):
    VERIFIED = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    LEFT_BEHIND = 4
    INTERRUPTED = 130


RANKS = (
    Exit.LEFT_BEHIND,
    Exit.INTERRUPTED,
    Exit.USAGE,
    Exit.FAILED,
    Exit.INCONCLUSIVE,
    Exit.VERIFIED,
)
"""Of several drills the first of these codes that occurred."""


def of_report(report: Report) -> Exit:
    if report.teardown.outcome is TeardownOutcome.INCOMPLETE:
        return Exit.LEFT_BEHIND
    match report.verdict:
        case Verdict.VERIFIED:
            return Exit.VERIFIED
        case Verdict.FAILED:
            return Exit.FAILED
        case Verdict.INCONCLUSIVE:
            return Exit.INCONCLUSIVE


def worst(codes: Iterable[Exit]) -> Exit:
    return min(codes, key=RANKS.index, default=Exit.INCONCLUSIVE)
