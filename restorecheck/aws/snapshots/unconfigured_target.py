"""A drill whose target is no longer configured: what it made is still taken away."""

from datetime import datetime

from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.errors import ProviderError
from restorecheck.lifecycle import Gone, StepEvent, StillThere, Unclear
from restorecheck.model import Drill, Resource, Step
from restorecheck.ports import Provider


class ForgottenRds(Provider):
    """Reaches the accounts through a target that is still configured, and uses nothing else of it.

    Without one: for a drill that has made nothing, or nothing that is left.
    """

    def __init__(self, other: RdsProvider | None) -> None:
        self._other = other

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        raise ProviderError(f"the target of drill {drill_id} is not configured any more")

    def ensure(self, drill: Drill, step: Step) -> StepEvent:  # noqa: ARG002  # the port's signature
        return Unclear(reason=f"the target {drill.target} is not configured any more")

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        if self._other is None:
            return StillThere(resource, "no configured target reaches its account", hopeless=True)
        return self._other.delete(resource, made_until)

    def release(self, drill: Drill) -> None:
        pass
