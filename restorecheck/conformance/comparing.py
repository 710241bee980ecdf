"""Compares two recordings of the same experiments: of AWS and of the simulation.

It compares what restorecheck depends on: the calls with their error codes in order, the sequence of statuses, and
the types of the fields that are read. Durations, counts of polls and user values are ignored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from restorecheck.conformance.reading import collapsed, status, things
from restorecheck.conformance.recording import RecordedCall, Recording
from restorecheck.conformance.stage import GONE, THROTTLED

READ = frozenset(
    {
        "AllocatedStorage",
        "BackupRetentionPeriod",
        "DBInstanceArn",
        "DBInstanceIdentifier",
        "DBInstanceStatus",
        "DBParameterGroups",
        "DBSnapshotArn",
        "DBSnapshotIdentifier",
        "DBSubnetGroup",
        "DbiResourceId",
        "DeletionProtection",
        "Encrypted",
        "Endpoint",
        "Engine",
        "EngineVersion",
        "IAMDatabaseAuthenticationEnabled",
        "KmsKeyId",
        "MasterUsername",
        "MasterUserSecret",
        "OptionGroupMemberships",
        "OriginalSnapshotCreateTime",
        "PercentProgress",
        "PubliclyAccessible",
        "SnapshotCreateTime",
        "SnapshotDatabaseTime",
        "SnapshotType",
        "Status",
        "StorageType",
        "TagList",
        "VpcSecurityGroups",
    }
)
"""Fields of instances and snapshots that restorecheck reads (`aws.views`)."""
RACE = "delete"
"""The step that deletes an instance during its creation: the statuses in between are random."""
READY = "available"
"""Fields are compared only for ready resources: before, they differ from poll to poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDifference:
    """Both sides of a difference."""

    step: str
    what: str
    recorded: str
    simulated: str

    def __str__(self) -> str:
        return (
            f"step {self.step!r}, {self.what}:\n"
            f"  recorded:  {self.recorded}\n"
            f"  simulated: {self.simulated}"
        )


def differences(recorded: Recording, simulated: Recording) -> list[AnswerDifference]:
    """Differences in the steps that both completed; a step that one side skipped is not compared."""
    return [
        difference
        for step in recorded.steps
        if _done(recorded, step) and _done(simulated, step)
        for difference in _of_step(step, recorded, simulated)
    ]


def _done(recording: Recording, step: str) -> bool:
    end = recording.outcome(step)
    return end is not None and end.outcome == "done"


def _of_step(step: str, recorded: Recording, simulated: Recording) -> Iterator[AnswerDifference]:
    stories = _story(recorded.calls(step)), _story(simulated.calls(step))
    if stories[0] != stories[1]:
        yield AnswerDifference(
            step=step,
            what="calls, errors and statuses",
            recorded="; ".join(stories[0]),
            simulated="; ".join(stories[1]),
        )
    shapes = _shapes(recorded.calls(step)), _shapes(simulated.calls(step))
    for field in sorted({*shapes[0], *shapes[1]}):
        kinds = shapes[0].get(field, "missing"), shapes[1].get(field, "missing")
        if kinds[0] != kinds[1] and _operation(field) in _operations(shapes[0]) & _operations(
            shapes[1]
        ):
            yield AnswerDifference(step=step, what=field, recorded=kinds[0], simulated=kinds[1])


def _story(calls: list[RecordedCall]) -> list[str]:
    """Answers of each operation, in order, without repetitions, because the number of polls is random."""
    answers: dict[str, list[str]] = {}
    for call in calls:
        if call.step == RACE and call.operation == "DescribeDBInstances":
            continue
        answers.setdefault(f"{call.account} {call.operation}", []).append(_outcome(call))
    return [f"{name}: {', '.join(_changes(found))}" for name, found in answers.items()]


def _changes(outcomes: list[str]) -> list[str]:
    """Status changes; an early look may still show the previous status, depending on time."""
    changes = collapsed(outcomes)
    return changes[1:] if len(changes) > 1 and changes[0] == changes[-1] == READY else changes


def _outcome(call: RecordedCall) -> str:
    seen_late = call.operation.startswith("Describe") and call.code in GONE
    if seen_late or call.code in THROTTLED:
        return ""  # when AWS first shows a resource varies
    return call.code or (status(call) if len(things(call)) == 1 else "") or "answered"


def _shapes(calls: list[RecordedCall]) -> dict[str, str]:
    """`operation.field` → type of its value, of the last ready resource that each described."""
    shapes: dict[str, str] = {}
    for call in calls:
        for thing in things(call):
            if READY in {thing.get("Status"), thing.get("DBInstanceStatus")}:
                of_one = {
                    f"{call.account} {call.operation}.{k}": _kind(v)
                    for k, v in thing.items()
                    if k in READ
                }
                shapes.update(of_one)
    return shapes


def _kind(value: object) -> str:
    match value:
        case bool():
            return "truth value"
        case str() if value.startswith("arn:"):
            return "ARN"
        case str() if value.endswith("s") and value[:1] in "+-":
            return "time"
        case str() if value == "<number>":
            return "number"
        case str():
            return "text"
        case int() | float():
            return "number"
        case Mapping():
            return "mapping"
        case list():
            return "list"
        case _:
            return "nothing"


def _operation(field: str) -> str:
    return field.partition(".")[0]


def _operations(shapes: Mapping[str, Any]) -> set[str]:
    return {_operation(field) for field in shapes}
