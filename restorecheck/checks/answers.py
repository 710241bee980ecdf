"""What comes back from a question, and what a check makes of it. Frozen values."""

from dataclasses import dataclass
from typing import Any

from restorecheck.model import CheckOutcome, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A query's result: how many rows, and the first one."""

    columns: int
    count: int
    first: tuple[Any, ...] = ()
    more: bool = False
    """There are more rows than `count`; the rest was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What the question asks about is not in the restored database."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableData:
    """The server could not read its own data."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """The question could not be put or answered; says nothing about the backup."""

    reason: str


Answer = Rows | Missing | UnreadableData | NoAnswer


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: CheckOutcome
    expected: str = ""
    found: str = ""
    detail: str = ""
    severity: Severity | None = None
    """Less than that of the check: what was found is worth a look, and no reason to call a backup bad."""


def passed_if(holds: bool) -> CheckOutcome:  # the one thing that it is about
    return CheckOutcome.PASSED if holds else CheckOutcome.FAILED


class UnansweredError(Exception):
    """A value that was asked for is not in the scan's result: never zero, never a pass."""


class UnreadableError(Exception):
    """The server could not read its own data."""
