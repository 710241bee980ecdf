"""The interface between a host and one kind of source."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from restorecheck.config import Config, Target
from restorecheck.config.discovery import DiscoveryRule
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
"""Limit of a local teardown: the report names the rest, and the next sweep tries again."""


def none_known() -> Collection[str]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Host:
    """The host, as a source sees it."""

    config: Config
    clock: Clock
    locks: Path = Path()
    """Folder of the locks of drills."""
    in_aws: bool = False
    """A Lambda function: without its own PostgreSQL and disk."""
    full_text: "FullText | None" = None
    dead: Callable[[], Collection[str]] = none_known
    """Ids of drills whose host is known to be dead, whatever their tags say."""
    shared: dict[str, Any] = field(default_factory=dict)

    def lock_of(self, drill_id: str) -> Path:
        return self.locks / f"{drill_id}.lock"

    def once(self, name: str, make: Callable[[], T]) -> T:
        """A part that all targets share, made for the first one."""
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

    def target_of(self, provider: P) -> Target:
        """The target that this provider was made for."""
        (name,) = (name for name, made in self._providers.items() if made is provider)
        return self.targets[name]

    @property
    def providers(self) -> list[P]:
        return [self.provider_of(name) for name in self.targets]

    @abstractmethod
    def make_provider(self, target: Target) -> P:
        """Makes and reads nothing.

        Raises:
            ConfigError: This host cannot do what the configuration says.
        """

    @abstractmethod
    def make_checker(self, provider: P) -> Checker:
        """What asks the restored database."""

    def connect_of(self, provider: P) -> "Connect":  # noqa: ARG002  # for other kinds
        """How to connect to PostgreSQL, for `propose` and `prove`; called only for that dialect."""
        raise AssertionError("a database of another engine cannot be reached like PostgreSQL")

    def check(self) -> None:  # most kinds refuse nothing
        """Refuse what is known to be impossible before anything is begun.

        Raises:
            ConfigError: No drill of this kind can be done.
        """

    def inventories(self) -> list[Inventory]:
        """The places that a sweep searches."""
        return []

    def remover(self, drill: Drill) -> Remover | None:  # noqa: ARG002  # for other kinds
        """Deletes resources of this drill, whose target is no longer configured; None: the drill is of
        another kind, or none of these targets has access to them.
        """
        return None

    @staticmethod
    def teardown_limit(config: Config) -> timedelta:  # noqa: ARG004  # for other kinds
        return TEARDOWN_LIMIT

    def outputs_of(self, target: Target, instance: str) -> dict[str, str]:
        """For a kind that adopts: the first outputs of a drill of this instance.

        Raises:
            ConfigError: The instance cannot be a restored backup of the target.
        """
        raise AssertionError(
            f"target {target.name} is not of kind adopt: it cannot adopt {instance}"
        )

    def discover(self, rule: DiscoveryRule) -> frozenset[str]:
        """Identifiers of the databases that the rule is about.

        Raises:
            ConfigError: This host cannot look for them.
            ProviderError: It could not look.
        """
        raise AssertionError(f"databases of this kind are not discovered: {rule.key}")

    def facts(self, known: "MachineFacts") -> "MachineFacts":
        """For `doctor`: `known`, with the facts that these targets need."""
        return known

    def findings(self, now: datetime) -> "Iterator[Finding]":  # noqa: ARG002  # for other kinds
        """For `doctor`: findings of this kind alone."""
        yield from ()


def source_of(kind: SourceKind[Any]) -> type[Source[Any]]:
    return cast(type[Source[Any]], import_module(f"{__package__}.{kind.key}").SOURCE)
