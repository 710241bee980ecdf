"""What there is in the accounts, and how AWS describes it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from restorecheck.testing.cloud.described import (
    Description,
    Parameters,
    RdsInstance,
    RdsSnapshot,
    event,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that reached the cloud."""

    service: str
    operation: str
    """As in AWS's API, `CopyDBSnapshot`; `method` is boto3's name of it."""
    method: str
    account_id: str
    region: str
    caller: str
    parameters: Parameters = field(repr=False)
    """Everything, passwords too: whoever prints calls leaves these out."""

    def __str__(self) -> str:
        return f"{self.operation} in {self.account_id}"


class Delivery(StrEnum):
    """How events come. RDS promises neither their order nor that they come at all (Amazon RDS User
    Guide, "Working with Amazon RDS event notification").
    """

    IN_ORDER = "each once, in order"
    TWICE = "each twice, the newest first"
    LATE = "half an hour late"
    NEVER = "none at all"


LATENESS = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long AWS takes. Whatever is not positive happens at once."""

    copy: timedelta = timedelta(seconds=80)
    restore: timedelta = timedelta(seconds=140)
    backup: timedelta = timedelta(seconds=60)
    password: timedelta = timedelta(seconds=40)
    delete: timedelta = timedelta(seconds=70)
    stop: timedelta = timedelta(seconds=50)
    start: timedelta = timedelta(seconds=50)
    visible: timedelta = timedelta(seconds=10)
    """From a call that makes or changes something until others see it: eventual consistency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Per account and region; Amazon RDS User Guide, "Quotas and constraints"."""

    instances: int = 40
    snapshots: int = 100
    copies_in_progress: int = 20


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
class Instance(RdsInstance):
    """A DB instance."""

    host: str
    visible_from: datetime
    data: Data
    password: str = field(repr=False)
    made_by: str
    up: bool = False
    """Its server has been started once, and so it has an address."""
    pending_from: datetime | None = None
    secret_name: str = ""
    shown_status: str = ""
    """Said in place of the status while it is set: a word of the future, or a wrong one."""

    @property
    def reachable(self) -> bool:
        unreachable = {"creating", "stopping", "stopped", "starting", "deleting", "failed"}
        return self.up and self.status not in unreachable

    def describe(self, now: datetime) -> Description:
        described = self.described(
            shows_pending=self.pending_from is None or now >= self.pending_from
        )
        if self.shown_status:
            described["DBInstanceStatus"] = self.shown_status
        if self.up:
            described["Endpoint"] = {"Address": self.host, "Port": 5432, "HostedZoneId": "Z0"}
        return described


@dataclass(slots=True, kw_only=True)
class Snapshot(RdsSnapshot):
    """A DB snapshot."""

    data: Data
    password: str = field(repr=False)
    """Of the master user, when it was taken."""
    visible_from: datetime
    made_by: str
    shared: dict[str, datetime] = field(default_factory=dict)
    """Account to the moment from which it may use the snapshot."""
    shown_status: str = ""

    def usable_by(self, account_id: str, now: datetime) -> bool:
        return any(now >= self.shared[who] for who in (account_id, "all") if who in self.shared)

    def describe(self) -> Description:
        shown = {"Status": self.shown_status} if self.shown_status else {}
        return self.described() | shown


@dataclass(slots=True, kw_only=True)
class Home:
    """Everything of one account in one region."""

    account_id: str
    region: str
    instances: dict[str, Instance] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    events: list[Description] = field(default_factory=list)
    keys: dict[str, Key] = field(default_factory=dict)
    subnet_groups: set[str] = field(default_factory=set)
    security_groups: set[str] = field(default_factory=set)
    parameter_groups: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name → what somebody has set in it."""

    def arn(self, kind: str, name: str, service: str = "rds") -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{kind}:{name}"

    def tell(self, instance: str, message: str, at: datetime) -> None:
        self.events.append(event(instance, self.arn("db", instance), message, at))

    def delivered(self, delivery: Delivery, now: datetime) -> list[Description]:
        """What the event log shows."""
        match delivery:
            case Delivery.IN_ORDER:
                return self.events
            case Delivery.TWICE:
                return [e for e in reversed(self.events) for _ in range(2)]
            case Delivery.LATE:
                return [e for e in self.events if e["Date"] <= now - LATENESS]
            case Delivery.NEVER:
                return []
            case _:
                assert_never(delivery)
