"""How long a query may take, judged with its plan and with its own past. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from restorecheck.checks.answers import Judgement
from restorecheck.checks.kind import listed
from restorecheck.checks.scan_result import TimedReading
from restorecheck.model import CheckOutcome, Severity

TIMES_SLOWER = 5
"""A query that takes so many times as long as in the drill before is a warning."""
LEAST_SLOWER = 1.0
"""Seconds; a smaller difference is none, because it may be chance."""
LONGEST_PLAN = 300
"""Characters of a plan that are shown."""
ON_EACH_MACHINE = frozenset({"Gather", "Gather Merge"})
"""Nodes that depend on the processors of a server, not on the database."""
ANALYZE = "run ANALYZE after the restore, before the application starts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How a query was answered."""

    seconds: float
    """The shortest time of all tries; the timeout, if there was no answer."""
    answered: bool = True
    plan: str = ""
    """As `shape`; empty: not known."""
    without_statistics: tuple[str, ...] = ()
    """Tables of the plan that have rows, and no statistics."""


def judge_time(
    judgement: Judgement, timing: Timing, before: TimedReading | None, most: float
) -> Judgement:
    """The judgement of the answer, with that of its time. `before`: in the drill to compare with.

    A slow query without statistics says nothing about the backup: the plan is a guess.
    """
    expected = f"{judgement.expected}, within {most:g} s"
    found = f"no answer within {timing.seconds:g} s"
    if timing.answered:
        found = f"{judgement.found}, in {timing.seconds:.3g} s"
        if judgement.outcome is not CheckOutcome.PASSED:
            return replace(judgement, expected=expected, found=found)
    over = timing.seconds > most or not timing.answered
    if not over and not _jumped(timing, before):
        return Judgement(CheckOutcome.PASSED, expected, found)
    if timing.without_statistics:
        tables = listed(timing.without_statistics)
        detail = f"no statistics of {tables}, so the plan is a guess: {ANALYZE}"
        return Judgement(CheckOutcome.ERROR, expected, found, detail)
    detail = _compared(timing, before)
    severity = None if over else Severity.WARNING
    return Judgement(CheckOutcome.FAILED, expected, found, detail, severity=severity)


def _jumped(timing: Timing, before: TimedReading | None) -> bool:
    return (
        before is not None
        and timing.seconds >= TIMES_SLOWER * before.seconds
        and timing.seconds - before.seconds >= LEAST_SLOWER
    )


def _compared(timing: Timing, before: TimedReading | None) -> str:
    """In which way it differs from the drill before."""
    if before is None:
        return f"no earlier drill to compare with; plan: {_cut(timing.plan)}" if timing.plan else ""
    took = f"{before.seconds:.3g} s in the last verified drill"
    if not timing.plan or not before.plan:
        return took
    if timing.plan == before.plan:
        return f"{took}, with the same plan: there is more data, or this server is slower"
    return f"{took}; the plan changed from {_cut(before.plan)} to {_cut(timing.plan)}"


def _cut(plan: str) -> str:
    return plan if len(plan) <= LONGEST_PLAN else f"{plan[:LONGEST_PLAN]} …"


def shape(explained: str) -> str:
    """A plan as nested nodes with the names of tables and indexes, without costs and without values.

    Args:
        explained: The answer to `EXPLAIN (FORMAT JSON)`.
    """
    return "; ".join(_shape(root["Plan"]) for root in json.loads(explained))


def _shape(node: dict[str, Any]) -> str:
    inner = ", ".join(_shape(child) for child in node.get("Plans", ()))
    if node["Node Type"] in ON_EACH_MACHINE:
        return inner
    name = node.get("Index Name") or node.get("Relation Name")
    said = f"{node['Node Type']} of {name}" if name else str(node["Node Type"])
    return f"{said} ({inner})" if inner else said


def tables_of(explained: str) -> tuple[tuple[str, str], ...]:
    """Schema and name of each table in a plan.

    Args:
        explained: The answer to `EXPLAIN (VERBOSE, FORMAT JSON)`.
    """
    found = (pair for root in json.loads(explained) for pair in _tables(root["Plan"]))
    return tuple(dict.fromkeys(found))


def _tables(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "Relation Name" in node and "Schema" in node:
        yield node["Schema"], node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _tables(child)
