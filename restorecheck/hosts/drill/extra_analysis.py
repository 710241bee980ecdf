"""A provider with an ear: a verified database is studied once more before it goes.

The drill stays what it is: every way out of it leads through the teardown, whatever the study does.
"""

from collections.abc import Callable
from datetime import datetime

from restorecheck.lifecycle import Gone, InProgress, Parked, Retained, Retry, StepEvent, StillThere
from restorecheck.model import Drill, Observation, Proof, Resource, Step, Verdict
from restorecheck.ports import Provider

Study = Callable[[Drill, Provider], Proof | None]
"""Is given a verified drill whose database is still there, and the provider that has made it."""


class OneStudy:
    """At most one, of the drill that this very command performs and no other."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._begun = False
        self.armed = False
        """Not before the drills of dead processes are finished: those are nobody's to study."""

    def of(self, drill: Drill, provider: Provider) -> Proof | None:
        if not self.armed or self._begun or drill.verdict is not Verdict.VERIFIED:
            return None
        self._begun = True  # after an interrupt the drill goes on, and is not studied again
        return self._study(drill, provider)


class Studied(Provider):
    """Does what `inner` does."""

    def __init__(self, inner: Provider, study: OneStudy) -> None:
        self._inner = inner
        self._one = study

    def study(self, drill: Drill) -> Proof | None:
        return self._one.of(drill, self._inner)

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        return self._inner.plan(drill_id)

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        return self._inner.ensure(drill, step)

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        return self._inner.delete(resource, made_until)

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:
        return self._inner.evidence(drill)

    def park(self, resource: Resource) -> Parked | StillThere:
        return self._inner.park(resource)

    def afterwards(self, drill_id: str) -> tuple[str, ...]:
        return self._inner.afterwards(drill_id)

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:
        return self._inner.retain(drill)

    def release(self, drill: Drill) -> None:
        self._inner.release(drill)
