"""The composition root of all hosts: the targets of a configuration, each with what restores, asks and
deletes its database.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from restorecheck.config import Target
from restorecheck.config.sources.registry import KINDS
from restorecheck.errors import ConfigError, NotFoundError, Problem, ProviderError
from restorecheck.hosts.sources.source import Host, Remover, Source, source_of
from restorecheck.lifecycle import Gone, StepEvent, StillThere, Unclear
from restorecheck.model import Drill, Resource, Step
from restorecheck.ports import Checker, Inventory, Provider

if TYPE_CHECKING:
    from restorecheck.postgres.session.connection import Connect


class Targets:
    """Every part is made when it is first used."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._targets = {target.name: target for target in host.config.targets}
        self._providers: dict[str, Provider] = {}
        self._checkers: dict[str, Checker] = {}

    def provider_of(self, name: str) -> Provider:
        """Raises ConfigError where the target is not for this host, or cannot be drilled on it."""
        if name not in self._providers:
            target = self._targets[name]
            if not self._is_here(target):
                message = f"the target {name!r} is not in AWS; run it with `restorecheck run`"
                raise ConfigError((Problem(message=message),))
            self._providers[name] = source_of(target.kind).provider_of(target, self._host)
        return self._providers[name]

    def providers(self) -> dict[str, Provider]:
        """By target, of all that are for this host. Raises as `provider_of`."""
        here = [name for name, target in self._targets.items() if self._is_here(target)]
        return {name: self.provider_of(name) for name in here}

    def provider_for(self, drill: Drill) -> Provider:
        """Also for a target that the configuration has lost since the drill began.

        Raises:
            NotFoundError: In AWS: nothing in the configuration reaches what this drill made.
        """
        target = self._targets.get(drill.target)
        if target is not None and self._is_here(target):
            return self.provider_of(drill.target)
        removers = (source.remover(drill, providers) for source, providers in self._sources())
        remover = next((remover for remover in removers if remover is not None), None)
        if remover is None and drill.ledger and self._host.in_aws:
            raise NotFoundError(f"the configuration no longer has the target {drill.target!r}")
        return Unconfigured(remover)

    def checker_for(self, drill: Drill) -> Checker:
        name = drill.target
        if name not in self._checkers:
            source = source_of(self._targets[name].kind)
            self._checkers[name] = source.checker_of(self.provider_of(name), self._host)
        return self._checkers[name]

    def connect_for(self, drill: Drill) -> "Connect":
        """How PostgreSQL is reached. Raises ConfigError where the database is of another engine."""
        source = source_of(self._targets[drill.target].kind)
        return source.connect_of(self.provider_of(drill.target), self._host)

    def check(self) -> None:
        """Refuse what is known to be impossible before anything is begun.

        Raises:
            ConfigError: No drill can be done.
        """
        for source, providers in self._sources():
            source.check(providers, self._host)

    def inventories(self) -> list[Inventory]:
        return [
            inventory
            for source, providers in self._sources()
            for inventory in source.inventories(providers, self._host)
        ]

    def close(self) -> None:
        for checker in self._checkers.values():
            checker.close()

    def _is_here(self, target: Target) -> bool:
        return target.kind.in_aws or not self._host.in_aws

    def _sources(self) -> Iterator[tuple[Source[Any], list[Provider]]]:
        """Those with targets; on a machine, also those whose unconfigured targets have left something
        on it.
        """
        providers = self.providers()
        for kind in KINDS:
            own = [p for name, p in providers.items() if self._targets[name].kind is kind]
            if own or not (kind.in_aws or self._host.in_aws):
                yield source_of(kind), own


class Unconfigured(Provider):
    """Stands in for a target that is no longer configured: deletes, makes nothing."""

    def __init__(self, remover: Remover | None) -> None:
        self._remover = remover

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        raise ProviderError(f"the target of drill {drill_id} is not configured any more")

    def ensure(self, drill: Drill, step: Step) -> StepEvent:  # noqa: ARG002  # the port's signature
        return Unclear(reason=f"the target {drill.target} is not configured any more")

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        if self._remover is None:
            return StillThere(resource, "no configured target reaches its account", hopeless=True)
        return self._remover(resource, made_until)

    def release(self, drill: Drill) -> None:
        pass
