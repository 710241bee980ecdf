"""A finished drill as a trace: one span for the drill, one for each step and one for the teardown. Pure.

Attributes are names, outcomes and numbers of a closed list. Texts of a drill (reasons, details, names of files and tables) are left
out: they may quote the database.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from restorecheck.model import Drill, StepOutcome, Verdict

TRACE_BYTES, SPAN_BYTES = 16, 8
"""Source: W3C Trace Context, sections 3.2.2.3 and 3.2.2.4."""
TEARDOWN = "teardown"

Value = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    name: str
    id: int
    began: datetime
    ended: datetime
    is_error: bool
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    id: int
    """From the drill's id: sent twice, it is the same trace, and a report leads to it."""
    root: Span
    children: tuple[Span, ...]


def trace_of(drill: Drill) -> Trace:
    """Of a finished drill."""
    assert drill.finished_at is not None, "a trace is of a finished drill"
    assert drill.verdict is not None, "as above"
    return Trace(
        id=_number(f"trace {drill.id}", TRACE_BYTES),
        root=Span(
            name=f"drill {drill.target}",
            id=_number(f"root {drill.id}", SPAN_BYTES),
            began=drill.started_at,
            ended=drill.finished_at,
            is_error=drill.verdict is not Verdict.VERIFIED,
            attributes=_of_drill(drill),
        ),
        children=tuple(_steps(drill, drill.finished_at)),
    )


def _of_drill(drill: Drill) -> dict[str, Value]:
    outcomes = Counter(result.outcome.value for result in drill.results)
    attributes: dict[str, Value] = {
        "restorecheck.target": drill.target,
        "restorecheck.drill_id": drill.id,
        "restorecheck.verdict": drill.verdict.value if drill.verdict else "",
        "restorecheck.restore": drill.restore_outcome.value,
        "restorecheck.teardown": drill.teardown_outcome.value,
        "restorecheck.left_behind": len(drill.ledger),
        "restorecheck.scheduled": drill.scheduled_for is not None,
    }
    return attributes | {f"restorecheck.checks.{name}": n for name, n in sorted(outcomes.items())}


def _steps(drill: Drill, end: datetime) -> Iterator[Span]:
    last = drill.started_at
    for number, record in enumerate(drill.records):
        ended = record.finished_at or end
        outcome = record.outcome.value if record.outcome else ""
        yield Span(
            name=record.name,
            id=_number(f"step {number} {drill.id}", SPAN_BYTES),
            began=record.started_at,
            ended=ended,
            is_error=record.outcome is not StepOutcome.SUCCEEDED,
            attributes={
                "restorecheck.outcome": outcome,
                "restorecheck.external_seconds": record.external_seconds,
            },
        )
        last = max(last, ended)
    yield Span(
        name=TEARDOWN,
        id=_number(f"{TEARDOWN} {drill.id}", SPAN_BYTES),
        began=last,
        ended=end,
        is_error=bool(drill.ledger),
        attributes={
            "restorecheck.outcome": drill.teardown_outcome.value,
            "restorecheck.external_seconds": drill.teardown_external_seconds,
        },
    )


def _number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size]) or 1
