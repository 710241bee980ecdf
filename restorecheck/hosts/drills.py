"""What a target's configuration says of its drills, whichever host runs them."""

from datetime import timedelta
from typing import Protocol

from restorecheck.checks.catalogue import built_in
from restorecheck.config import Config, Target
from restorecheck.history import Acceptance, Standing
from restorecheck.model import Baseline, CheckSpec, Drill

TEARDOWN_LIMIT = timedelta(minutes=2)
"""Local things go at once or not at all; what is left is named, and the next sweep tries again."""


def checks_of(target: Target, *, baseline: bool) -> tuple[CheckSpec, ...]:
    """The built-in checks first: they say whether the others can be answered at all.

    `baseline`: there is an earlier night to compare with.
    """
    own = built_in(
        target.suite.severities(),
        physical=target.dump is None,  # a dump's pages are written anew by every restore
        baseline=baseline,
        max_drop=target.suite.max_drop,
    )
    return (*own, *target.check_specs())


class Past(Protocol):
    """As much of a store as tells of earlier nights."""

    def standing(self, target: str) -> Standing: ...

    def acceptance(self, target: str) -> Acceptance | None: ...

    def load(self, drill_id: str) -> Drill: ...


def baseline_of(store: Past, target: str) -> Baseline | None:
    """The last verified drill of a target, or a later one that somebody accepted."""
    proven, accepted = store.standing(target).proven, store.acceptance(target)
    if accepted is not None and (proven is None or accepted.sequence > proven.sequence):
        drill = store.load(accepted.drill_id)
        return _baseline(drill, accepted.by, accepted.why)
    return _baseline(store.load(proven.drill_id), "", "") if proven else None


def _baseline(drill: Drill, by: str, why: str) -> Baseline | None:
    if not drill.readings or drill.finished_at is None:
        return None  # of a version that did not keep any
    return Baseline(
        drill_id=drill.id,
        at=drill.finished_at,
        readings=drill.readings,
        accepted_by=by,
        accepted_because=why,
    )


def teardown_limit_of(config: Config, target: Target) -> timedelta:
    if target.rds is None:
        return TEARDOWN_LIMIT
    from restorecheck.hosts import rds

    return rds.teardown_limit_of(config)


def deadline_of(target: Target) -> timedelta:
    return timedelta(minutes=target.deadline_minutes)
