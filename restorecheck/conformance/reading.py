"""The answers in a recording, from its calls alone, so that a later version can read it again."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from restorecheck.conformance.questions import NOT_SETTLED, QUESTIONS
from restorecheck.conformance.recording import RecordedCall, Recording

FASTER = 0.5
"""A second copy that takes less than this share of the first counts as faster."""


def answers(recording: Recording) -> dict[str, str]:
    """Question id → answer. Questions without a completed step are left out."""
    found = {}
    for question in QUESTIONS:
        end = recording.outcome(question.step)
        if end is not None and end.outcome == "done":
            found[question.id] = _READERS[question.id](recording)
    return found


def collapsed(words: Iterable[str]) -> list[str]:
    """The words without consecutive repetitions and empty ones."""
    given = [word for word in words if word]
    return [word for index, word in enumerate(given) if index == 0 or word != given[index - 1]]


def things(call: RecordedCall) -> list[Mapping[str, Any]]:
    """The snapshots or instances that a call described."""
    value = call.answer or {}
    found: list[Mapping[str, Any]] = value.get("DBSnapshots") or value.get("DBInstances") or []
    return found


def status(call: RecordedCall) -> str:
    """Status of the single resource that a call described; empty: none."""
    seen = next(iter(things(call)), {})
    return str(seen.get("DBInstanceStatus") or seen.get("Status") or "")


def _of(recording: Recording, step: str, operation: str) -> list[RecordedCall]:
    return [call for call in recording.calls(step) if call.operation == operation]


def _tags(recording: Recording) -> str:
    first = next(c for c in _of(recording, "stage", "DescribeDBSnapshots") if things(c))
    keys = {tag["Key"] for tag in things(first)[0].get("TagList") or ()}
    return "with tags" if "restorecheck:managed" in keys else "without tags"


def _share(recording: Recording) -> str:
    codes = collapsed(c.code for c in _of(recording, "share", "CopyDBSnapshot"))
    return f"{', '.join(codes)}, then accepted" if codes else "accepted at once"


def _time(recording: Recording) -> str:
    copied = _of(recording, "stage", "CopyDBSnapshot")[0].parameters["SourceDBSnapshotIdentifier"]
    listed = [s for c in _of(recording, "find", "DescribeDBSnapshots") for s in things(c)]
    (original,) = {
        s.get("OriginalSnapshotCreateTime") for s in listed if s["DBSnapshotArn"] == copied
    }
    copy = things(_of(recording, "copy", "DescribeDBSnapshots")[-1])[0]
    time = copy.get("OriginalSnapshotCreateTime")
    if time is None:
        return "missing in the copy"
    return "the same in both accounts" if time == original else "a different one in the copy"


def _statuses(recording: Recording) -> str:
    return ", ".join(collapsed(map(status, _of(recording, "restore", "DescribeDBInstances"))))


def _password(recording: Recording) -> str:
    described = _of(recording, "password", "DescribeKey")[0]
    modified = _of(recording, "password", "ModifyDBInstance")[-1]
    if not described.code:
        return f"{NOT_SETTLED}: the caller may describe the key"
    return "needed" if modified.code else "not needed"


def _master(recording: Recording) -> str:
    row = recording.calls("master")[-1].answer or {}
    if row.get("member"):
        return "a member"
    return "may grant it" if row.get("may_grant") else "neither"


def _delete(recording: Recording) -> str:
    code = _of(recording, "delete", "DeleteDBInstance")[0].code
    return f"refused with {code}" if code else "accepted"


def _second(recording: Recording) -> str:
    begun = next(c for c in _of(recording, "share", "CopyDBSnapshot") if not c.code)
    first = recording.calls("copy")[-1].at - begun.at
    again = [
        c
        for c in _of(recording, "second copy", "CopyDBSnapshot")
        if c.account == "backup" and not c.code
    ]
    second = recording.calls("second copy")[-1].at - again[0].at
    return "faster than the first" if second < FASTER * first else "as slow as the first"


def _endpoint(recording: Recording) -> str:
    history = _of(recording, "endpoint", "GetExecutionHistory")[-1].answer or {}
    exited = [e.get("stateExitedEventDetails", {}).get("name") for e in history.get("events") or ()]
    return (
        "reached"
        if "<state-check>" in exited
        else f"{NOT_SETTLED}: the newest drill queried no database"
    )


def _trust(recording: Recording) -> str:
    role = _of(recording, "trust", "GetRole")[-1].answer or {}
    asks = "aws:SourceAccount" in str(role.get("Role", {}).get("AssumeRolePolicyDocument"))
    return "yes" if asks else f"{NOT_SETTLED}: the role does not require the condition"


def _validation(recording: Recording) -> str:
    code = _of(recording, "validation", "PutRestoreValidationResult")[-1].code
    return f"refused with {code}" if code else "accepted"


_READERS: Mapping[str, Callable[[Recording], str]] = {
    "tags-at-first-sight": _tags,
    "first-copy-after-share": _share,
    "original-time": _time,
    "statuses-of-a-restore": _statuses,
    "managed-password-and-describe-key": _password,
    "read-all-data": _master,
    "delete-while-creating": _delete,
    "second-copy": _second,
    "gateway-endpoint": _endpoint,
    "source-account-in-trust": _trust,
    "timed-out": _validation,
}
