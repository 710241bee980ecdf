"""Answers to a question, and judgements of a check. Frozen values."""

from dataclasses import dataclass
from typing import Any

from restorecheck.model import CheckOutcome, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A query's result: the number of rows, and the first row."""

    columns: int
    count: int
    first: tuple[Any, ...] = ()
    more: bool = False
    """There are more rows than `count`; the rest was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The subject of the question does not exist in the restored database."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableData:
    """The server could not read its own data."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """The question could not be asked or answered, which says nothing about the backup."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Late(NoAnswer):
    """There was no answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """A program of the user's ended."""

    code: int
    """The exit code; below zero: the signal that ended it."""
    said: str = ""
    """The last line that it printed: may be data of the restored database."""
    notes: tuple[str, ...] = ()
    """What was different from its documented surroundings."""


Answer = Rows | Missing | UnreadableData | NoAnswer | Exited


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: CheckOutcome
    expected: str = ""
    found: str = ""
    detail: str = ""
    severity: Severity | None = None
    """A lower severity than the check's: the finding is a warning only."""


def passed_if(holds: bool) -> CheckOutcome:  # its only argument
    return CheckOutcome.PASSED if holds else CheckOutcome.FAILED


class UnansweredError(Exception):
    """A requested value is missing in the scan's result: never zero, never a pass."""


class UnreadableError(Exception):
    """The server could not read its own data."""
