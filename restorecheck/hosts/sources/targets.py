"""The composition root of all hosts: the targets of a configuration, each with its provider and checker."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from restorecheck.config.sources.registry import KINDS
from restorecheck.errors import ConfigError, NotFoundError, Problem, ProviderError
from restorecheck.hosts.sources.source import Host, Remover, Source, source_of
from restorecheck.lifecycle import Gone, StepEvent, StillThere, Unclear
from restorecheck.model import Drill, Resource, Step
from restorecheck.ports import Checker, Inventory, Provider

if TYPE_CHECKING:
    from restorecheck.postgres.session.connection import Connect


NO_SERVER = (
    "Lambda functions have no PostgreSQL server to restore a dump with. Run `restorecheck run` on a machine, or "
    "in a container (a task of ECS)."
)


class Targets:
    """Every part is made when it is first used."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._targets = {target.name: target for target in host.config.targets}
        self._checkers: dict[str, Checker] = {}

    @cached_property
    def sources(self) -> dict[str, Source[Any]]:
        """By key; on a machine also kinds without a configured target, whose drills may have left resources."""
        kinds = [kind for kind in KINDS if kind.in_aws or not self._host.in_aws]
        targets = {
            kind: [target for target in self._targets.values() if target.kind is kind]
            for kind in kinds
        }
        return {
            kind.key: source_of(kind)(self._host, own)
            for kind, own in targets.items()
            if own or not kind.in_aws
        }

    def source_of(self, name: str) -> Source[Any]:
        """Raises ConfigError: the target is not for this host."""
        source = self.sources.get(self._targets[name].kind.key)
        if source is None:
            message = f"the target {name!r} is not in AWS; run it with `restorecheck run`"
            raise ConfigError((Problem(message=message),), hint=NO_SERVER)
        return source

    def provider_of(self, name: str) -> Provider:
        """Raises ConfigError: this host cannot drill the target."""
        return cast(Provider, self.source_of(name).provider_of(name))

    def provider_for(self, drill: Drill) -> Provider:
        """Also for a target that was removed from the configuration since the drill started.

        Raises:
            NotFoundError: In AWS: no configured target has access to what this drill made.
        """
        target = self._targets.get(drill.target)
        if target is not None and target.kind.key in self.sources:
            return self.provider_of(drill.target)
        removers = (source.remover(drill) for source in self.sources.values())
        remover = next((remover for remover in removers if remover is not None), None)
        if remover is None and drill.ledger and self._host.in_aws:
            raise NotFoundError(f"the configuration no longer has the target {drill.target!r}")
        return Unconfigured(remover)

    def checker_for(self, drill: Drill) -> Checker:
        if drill.target not in self._checkers:
            source = self.source_of(drill.target)
            made = source.make_checker(source.provider_of(drill.target))
            self._checkers[drill.target] = made
        return self._checkers[drill.target]

    def connect_for(self, drill: Drill) -> "Connect":
        """As `Source.connect_of`."""
        source = self.source_of(drill.target)
        return source.connect_of(source.provider_of(drill.target))

    def check(self) -> None:
        """Refuse what is known to be impossible before anything is begun.

        Raises:
            ConfigError: No drill can be done.
        """
        for source in self.sources.values():
            source.check()

    def inventories(self) -> list[Inventory]:
        return [found for source in self.sources.values() for found in source.inventories()]

    def close(self) -> None:
        for checker in self._checkers.values():
            checker.close()


class Unconfigured(Provider):
    """The provider of a target that is no longer configured: deletes, makes nothing."""

    def __init__(self, remover: Remover | None) -> None:
        self._remover = remover

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        raise ProviderError(f"the target of drill {drill_id} is no longer configured")

    def ensure(self, drill: Drill, step: Step) -> StepEvent:  # noqa: ARG002  # the port's signature
        return Unclear(reason=f"the target {drill.target} is no longer configured")

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        if self._remover is None:
            return StillThere(
                resource, "no configured target can access its account", hopeless=True
            )
        return self._remover(resource, made_until)

    def release(self, drill: Drill) -> None:
        pass
