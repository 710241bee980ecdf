"""The way out: what the experiments need of the world. The docstrings are the contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

Raw = Mapping[str, Any]


class Where(StrEnum):
    SOURCE = "source"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A value, or AWS's code and sentence."""

    value: Raw = field(default_factory=dict)
    code: str = ""
    message: str = ""


class CloudPort(Protocol):
    """Two accounts, a clock, and what is kept of every call."""

    def call(self, where: Where, service: str, operation: str, parameters: Raw) -> CallAnswer:
        """One call, under the names of AWS's API. No answer at all is a code of our own: `NoAnswer`.

        Raises:
            AccessDeniedError: The fence refused the call; it was not made.
        """
        ...

    def ask(self, instance: Raw, sql: str) -> CallAnswer:
        """The one row of `sql`, asked of a described instance as its master user: column → bool.
        `Unreachable` where no connection comes about.
        """
        ...

    def pause(self) -> None:
        """Wait for one poll."""
        ...

    def elapsed(self) -> timedelta:
        """Since the run began."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the experiments are made with; everything that they make is named after `run_id`."""

    run_id: str
    production: str
    """The DB instance whose newest automated snapshot is copied. It is read, nothing else."""
    source_account: str
    backup_account: str
    staging_arn: Callable[[str], str]
    """The ARN of a snapshot of this name in the source account."""
    transit_key: str
    backup_key: str
    tags_of: Callable[[str, str], list[Any]]
    """For a thing's drill id and role: its tags, as AWS takes them."""
    restore: Callable[[Raw, str], dict[str, Any]]
    """For the copy as it is described and the instance's drill id: what a drill sends to restore it."""
    hopeless: frozenset[str]
    """Statuses in which waiting for `available` is in vain."""
    settling: timedelta
    """How long a thing that was just made may stay unseen."""
    restore_job: str = ""
    """A restore job of AWS Backup that may be answered; empty: none."""
    limit: timedelta = timedelta(hours=2)

    def drill_id(self, number: int) -> str:
        """Of the first and the second set of things; each is marked with its own."""
        return self.run_id if number == 1 else f"{self.run_id}-{number}"

    def name(self, number: int) -> str:
        return f"restorecheck-{self.drill_id(number)}"
