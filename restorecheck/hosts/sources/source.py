"""What a host asks of one kind of source."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from restorecheck.config import Config, Target
from restorecheck.config.sources.kind import SourceKind
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Drill, Resource
from restorecheck.ports import Checker, Clock, Inventory, Provider

if TYPE_CHECKING:
    from restorecheck.postgres.dump.settings import FullText
    from restorecheck.postgres.session.connection import Connect
    from restorecheck.rules.facts import MachineFacts
    from restorecheck.rules.findings import Finding

T = TypeVar("T")
P = TypeVar("P", bound=Provider)
Remover = Callable[[Resource, datetime], Gone | StillThere]
"""As `Provider.delete`."""

TEARDOWN_LIMIT = timedelta(minutes=2)
"""Local things go at once or not at all; what is left is named, and the next sweep tries again."""


def nobody() -> Collection[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Host:
    """Who drills, as far as a source is concerned."""

    config: Config
    clock: Clock
    locks: Path = Path()
    """Folder of the locks of drills."""
    in_aws: bool = False
    """A function: it has no PostgreSQL of its own, and no disk."""
    full_text: "FullText | None" = None
    dead: Callable[[], Collection[str]] = nobody
    """Ids of drills whose host is known to be dead, whatever their resources say."""
    shared: dict[str, Any] = field(default_factory=dict)

    def lock_of(self, drill_id: str) -> Path:
        return self.locks / f"{drill_id}.lock"

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What all targets share, made for the first of them."""
        if name not in self.shared:
            self.shared[name] = make()
        return cast(T, self.shared[name])


class Source(ABC, Generic[P]):
    """The targets of one kind on one host; `P` is the type of their providers."""

    def __init__(self, host: Host, targets: Iterable[Target] = ()) -> None:
        self.host = host
        self.targets = {target.name: target for target in targets}
        self._providers: dict[str, P] = {}

    def provider_of(self, name: str) -> P:
        """Raises as `make_provider`."""
        if name not in self._providers:
            self._providers[name] = self.make_provider(self.targets[name])
        return self._providers[name]

    @property
    def providers(self) -> list[P]:
        return [self.provider_of(name) for name in self.targets]

    @abstractmethod
    def make_provider(self, target: Target) -> P:
        """Brings nothing about and reads nothing.

        Raises:
            ConfigError: What the configuration says cannot be done on this host.
        """

    @abstractmethod
    def make_checker(self, provider: P) -> Checker:
        """How the restored database is asked."""

    def connect_of(self, provider: P) -> "Connect":  # noqa: ARG002  # for other kinds
        """How PostgreSQL is reached, for `propose` and `prove`; asked of its dialect only."""
        raise AssertionError("a database of another engine cannot be reached like PostgreSQL")

    def check(self) -> None:  # most have nothing to refuse
        """Refuse what is known to be impossible before anything is begun.

        Raises:
            ConfigError: No drill of this kind can be done.
        """

    def inventories(self) -> list[Inventory]:
        """Where a sweep looks."""
        return []

    def remover(self, drill: Drill) -> Remover | None:  # noqa: ARG002  # for other kinds
        """What deletes the resources of this drill, whose target is no longer configured; None where
        it is of another kind, or none of these targets reaches them.
        """
        return None

    @staticmethod
    def teardown_limit(config: Config) -> timedelta:  # noqa: ARG004  # for other kinds
        return TEARDOWN_LIMIT

    def outputs_of(self, target: Target, instance: str) -> dict[str, str]:
        """Of a kind that adopts: what the drill of this instance begins with.

        Raises:
            ConfigError: The instance cannot be a restored backup of the target.
        """
        raise AssertionError(
            f"target {target.name} is not of kind adopt: it cannot adopt {instance}"
        )

    def facts(self, known: "MachineFacts") -> "MachineFacts":
        """For `doctor`: what is known of this machine, and what these targets need of it."""
        return known

    def findings(self, now: datetime) -> "Iterator[Finding]":  # noqa: ARG002  # for other kinds
        """For `doctor`: what else is or is not in order."""
        yield from ()


def source_of(kind: SourceKind[Any]) -> type[Source[Any]]:
    return cast(type[Source[Any]], import_module(f"{__package__}.{kind.key}").SOURCE)
