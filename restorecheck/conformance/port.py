"""The interface that the experiments call. The docstrings are the contract."""

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
    """A value, or AWS's error code and message."""

    value: Raw = field(default_factory=dict)
    code: str = ""
    message: str = ""


class CloudPort(Protocol):
    """Two accounts, a clock, and the record of every call."""

    def call(self, where: Where, service: str, operation: str, parameters: Raw) -> CallAnswer:
        """One call, by the names of AWS's API. Without a response the code is `NoAnswer`.

        Raises:
            AccessDeniedError: The call guard refused the call; it was not made.
        """
        ...

    def ask(self, instance: Raw, sql: str) -> CallAnswer:
        """The single row of `sql`, from a described instance as its master user: column → bool. The code is
        `Unreachable` without a connection.
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
    """Settings of the experiments; names of their resources contain `run_id`."""

    run_id: str
    production: str
    """The DB instance whose newest automated snapshot is copied. It is only read."""
    source_account: str
    backup_account: str
    staging_arn: Callable[[str], str]
    """The ARN of a snapshot of this name in the source account."""
    transit_key: str
    backup_key: str
    tags_of: Callable[[str, str], list[Any]]
    """Drill id and role of a resource → its tags, in AWS's form."""
    restore: Callable[[Raw, str], dict[str, Any]]
    """Description of the copy and drill id of the instance → a drill's parameters for the restore."""
    hopeless: frozenset[str]
    """Statuses that never become `available`."""
    settling: timedelta
    """How long AWS may take to show a new resource."""
    restore_job: str = ""
    """A restore job of AWS Backup that may get a validation result; empty: none."""
    limit: timedelta = timedelta(hours=2)

    def drill_id(self, number: int) -> str:
        """Drill id of the first and the second set of resources, in their tags."""
        return self.run_id if number == 1 else f"{self.run_id}-{number}"

    def name(self, number: int) -> str:
        return f"restorecheck-{self.drill_id(number)}"
