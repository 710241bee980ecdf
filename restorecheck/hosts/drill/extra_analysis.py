"""Provider wrapper that runs one extra analysis of a verified database before the teardown.

The analysis cannot change the drill: the teardown follows whatever the analysis does.
"""

from collections.abc import Callable
from datetime import datetime

from restorecheck.lifecycle import Gone, InProgress, Parked, Retained, Retry, StepEvent, StillThere
from restorecheck.model import Drill, Observation, Proof, Rehearsal, Resource, Step, Verdict
from restorecheck.ports import Provider

Study = Callable[[Drill, Provider], Proof | None]
"""Arguments: a verified drill whose database still exists, and the provider that made it."""


class OneStudy:
    """At most one analysis, only of the drill that this command performs."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._begun = False
        self.armed = False
        """Set after the drills of dead processes are finished: those are not analysed."""

    def of(self, drill: Drill, provider: Provider) -> Proof | None:
        if not self.armed or self._begun or drill.verdict is not Verdict.VERIFIED:
            return None
        self._begun = True  # after an interrupt the drill continues without a second analysis
        return self._study(drill, provider)


class Studied(Provider):
    """Passes every other call to `inner`."""

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

    def rehearse(self, drill: Drill) -> Rehearsal:  # noqa: ARG002  # the port's signature
        why = "no upgrade is rehearsed in a drill with an extra analysis, which may change the database"
        return Rehearsal(verdict=Verdict.INCONCLUSIVE, reason=why)

    def after_verified(self, drill: Drill) -> tuple[str, ...]:  # noqa: ARG002  # as above
        return ("after_verified was not run: the extra analysis may have changed the database",)

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:
        return self._inner.retain(drill)

    def release(self, drill: Drill) -> None:
        self._inner.release(drill)
