"""The interface of a face for the simulation: time, keys, and the data of instances and snapshots."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from restorecheck.simulated.things import Database, Parameters, Region, Snapshot


class Time(Protocol):
    def now(self) -> datetime: ...

    def after(self, duration: timedelta, action: Callable[[], None]) -> None:
        """Run the action so much later."""


class KmsPort(Protocol):
    """KMS, as RDS sees it."""

    def resolve(self, key: str, region: Region) -> str:
        """The ARN that is meant by an ARN, id or alias.

        Raises:
            Refusal: There is no such key.
        """

    def default(self, region: Region) -> str:
        """The ARN of RDS's own key."""

    def is_default(self, arn: str) -> bool: ...

    def require(self, arn: str, account_id: str, operations: tuple[str, ...]) -> None:
        """Refuse unless the key is usable and its policy admits this account to all operations.

        Raises:
            Refusal: As RDS says it.
        """


class Behind(Protocol):
    """Called in the one thread in which the machine works. Of Aurora the data are in the cluster: its instances
    are only born and removed.
    """

    def born(self, region: Region, thing: Database) -> None:
        """A requested instance: set its `resource_id` and the face's own data."""

    def create(self, thing: Database, database: str) -> None:
        """Start it with an empty database."""

    def bring_back(self, thing: Database, snapshot: Snapshot) -> None:
        """Start it with the snapshot's data.

        Raises:
            ProviderError: The server does not start.
        """

    def back_up(self, thing: Database) -> Any:  # noqa: ANN401  # the face's own
        """What a snapshot of this moment holds."""

    def set_password(self, thing: Database, password: str) -> None: ...

    def stop(self, thing: Database) -> None: ...

    def start(self, thing: Database) -> None: ...

    def remove(self, region: Region, thing: Database) -> None:
        """The instance is gone, and its managed secret with it."""

    def endpoint(self, thing: Database) -> tuple[str, int] | None: ...

    def log_text(self, thing: Database) -> str: ...

    def make_secret(self, region: Region, thing: Database) -> tuple[str, str]:
        """A secret of the instance's own in Secrets Manager; its ARN and the password in it."""

    def may(self, region: Region, caller: str, action: str, resource: str) -> bool:
        """Whether IAM lets this caller do what RDS asks on its behalf."""

    def groups(self, region: Region) -> "Groups": ...


class Groups(Protocol):
    """The network and the parameters of one region."""

    def zones_of(self, subnet_group: str) -> int | None:
        """How many zones it covers; None: there is no such group."""

    def parameters_of(self, parameter_group: str) -> Mapping[str, str] | None:
        """Its changed parameters; None: there is no such group."""

    def has_security_group(self, identifier: str) -> bool: ...


__all__ = ["Behind", "Groups", "KmsPort", "Parameters", "Time"]
