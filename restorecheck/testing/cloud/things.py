"""What there is in the accounts beside RDS, and what is in a database."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from restorecheck.simulated import pace
from restorecheck.simulated.things import Description, Parameters, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCall:
    """A call that reached the cloud."""

    service: str
    operation: str
    """As in AWS's API, `CopyDBSnapshot`; `method` is boto3's name of it."""
    method: str
    account_id: str
    region: str
    caller: str
    parameters: Parameters = field(repr=False)
    """All parameters, with passwords: not to be printed."""

    def __str__(self) -> str:
        return f"{self.operation} in {self.account_id}"


class EventDelivery(StrEnum):
    """How events come. RDS promises neither their order nor that they come at all (Amazon RDS User
    Guide, "Working with Amazon RDS event notification").
    """

    IN_ORDER = "each once, in order"
    TWICE = "each twice, the newest first"
    LATE = "half an hour late"
    NEVER = "none at all"


LATENESS = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudPace(pace.Durations):
    """A quick night. Whatever is not positive happens at once."""

    copy: float = 80
    restore: float = 140
    password: float = 40
    delete: float = 70
    stop: float = 50
    start: float = 50


@dataclass(frozen=True, slots=True)
class Data:
    """What is in a database."""

    origin: str
    """ARN of the automated snapshot it comes from; of an instance that was never restored, its own."""
    good: bool = True
    """Whether it is what a good backup holds."""


@dataclass(slots=True, kw_only=True)
class Key:
    """A KMS key."""

    arn: str
    manager: str = "CUSTOMER"
    enabled: bool = True
    admits: frozenset[str] = frozenset()
    """Accounts that its policy lets in."""


@dataclass(slots=True, kw_only=True)
class Secret:
    name: str
    arn: str
    text: str = field(repr=False)
    tags: dict[str, str]
    visible_from: datetime
    made_by: str


@dataclass(slots=True, kw_only=True)
class Home(Region):
    """Everything of one account in one region."""

    secrets: dict[str, Secret] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    subnet_groups: set[str] = field(default_factory=set)
    security_groups: set[str] = field(default_factory=set)
    parameter_groups: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name → changed parameters."""

    def zones_of(self, subnet_group: str) -> int | None:
        return 2 if subnet_group in self.subnet_groups else None

    def parameters_of(self, parameter_group: str) -> dict[str, str] | None:
        return self.parameter_groups.get(parameter_group)

    def has_security_group(self, identifier: str) -> bool:
        return identifier in self.security_groups


def delivered(
    events: list[Description], delivery: EventDelivery, now: datetime
) -> list[Description]:
    """What the event log shows."""
    match delivery:
        case EventDelivery.IN_ORDER:
            return events
        case EventDelivery.TWICE:
            return [e for e in reversed(events) for _ in range(2)]
        case EventDelivery.LATE:
            return [e for e in events if e["Date"] <= now - LATENESS]
        case EventDelivery.NEVER:
            return []
        case _:
            assert_never(delivery)
