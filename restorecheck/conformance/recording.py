"""The format of a recording: JSON lines, a header first. `VERSION` grows when a reader must change.

Values in it are sanitised before they come here (`sanitising`). Times are seconds since the start.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from restorecheck.errors import RestorecheckError

FORMAT = "restorecheck-conformance"
VERSION = 1


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Header(_Line):
    """Versions and places of the recording."""

    format: Literal["restorecheck-conformance"] = "restorecheck-conformance"
    version: Literal[1] = 1
    restorecheck: str
    botocore: str
    simulated: bool
    """Whether the sandbox answered instead of AWS."""
    regions: tuple[str, str]
    """Regions of the source and of the backup account."""


class Error(_Line):
    code: str
    message: str = ""


class RecordedCall(_Line):
    """One call and its answer: a value, or an error."""

    at: float
    step: str
    account: str
    """`source` or `backup`; `instance` for a query of the restored database."""
    service: str
    operation: str
    parameters: dict[str, Any]
    answer: dict[str, Any] | None = None
    error: Error | None = None

    def repeats(self, before: object) -> bool:
        """Whether only the time differs from the previous line."""
        return (
            isinstance(before, RecordedCall) and self.model_copy(update={"at": before.at}) == before
        )

    @property
    def code(self) -> str:
        """AWS's error code; empty: success."""
        return self.error.code if self.error else ""


class StepEnd(_Line):
    """How a step ended. `skipped` is never taken for `done`."""

    at: float
    step: str
    outcome: Literal["done", "skipped", "surprise"]
    because: str = ""


class End(_Line):
    """The last line. A recording without it is incomplete: its process was killed."""

    at: float
    ended: Literal["complete", "surprise", "interrupted"]
    left: int = 0
    """Number of resources that could not be deleted."""


Line = Header | RecordedCall | StepEnd | End


class Recording(BaseModel):
    """A parsed recording."""

    model_config = ConfigDict(frozen=True)

    header: Header
    lines: tuple[RecordedCall | StepEnd | End, ...]

    def calls(self, step: str) -> list[RecordedCall]:
        return [line for line in self.lines if isinstance(line, RecordedCall) and line.step == step]

    def outcome(self, step: str) -> StepEnd | None:
        """The end of a step; None: the recording ends earlier."""
        ends = [line for line in self.lines if isinstance(line, StepEnd) and line.step == step]
        return ends[-1] if ends else None

    @property
    def end(self) -> End | None:
        """The last line; None: the run was killed."""
        last = self.lines[-1] if self.lines else None
        return last if isinstance(last, End) else None

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(x.step for x in self.lines if not isinstance(x, End)))


def as_line(line: Line, before: Line | None = None) -> str:
    """The line to write after `before`. A repeated call with the same answer is written as its time only, because most
    of a recording is polling.
    """
    values = line.model_dump(mode="json", exclude_none=True)
    if isinstance(line, RecordedCall) and line.repeats(before):
        values = {"at": line.at, "same": True}
    return json.dumps(values) + "\n"


def parse(text: str) -> Recording:
    """Parse a recording; an incomplete last line is left out.

    Raises:
        RestorecheckError: It is not a recording, or has another version.
    """
    lines = text.splitlines()
    whole = lines if text.endswith("\n") else lines[:-1]
    if not whole:
        raise RestorecheckError("the recording is empty")
    try:
        parsed = [json.loads(line) for line in whole]
        _refuse_another_version(parsed[0])
        header = Header.model_validate(parsed[0])
        return Recording(header=header, lines=tuple(_lines(parsed[1:])))
    except (ValueError, ValidationError) as exc:
        raise RestorecheckError(
            f"the file is not a recording of `restorecheck conformance`: {exc}"
        ) from exc


def _refuse_another_version(header: Any) -> None:  # noqa: ANN401  # JSON
    found = header.get("version") if isinstance(header, dict) else None
    if isinstance(found, int) and found != VERSION:
        raise RestorecheckError(
            f"the recording has the format version {found}; this restorecheck reads {VERSION}"
        )


def _lines(parsed: Iterable[Mapping[str, Any]]) -> Iterable[RecordedCall | StepEnd | End]:
    before: RecordedCall | None = None
    for raw in parsed:
        if raw.get("same") and before is not None:
            yield before.model_copy(update={"at": raw["at"]})
        elif "operation" in raw:
            before = RecordedCall.model_validate(raw)
            yield before
        elif "outcome" in raw:
            yield StepEnd.model_validate(raw)
        else:
            yield End.model_validate(raw)
