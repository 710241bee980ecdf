"""One step of one drill for each invocation. It calls RDS, and cannot connect to a database."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from restorecheck.config import Target
from restorecheck.engine import Done, Elsewhere, Engine, Wait
from restorecheck.errors import DrillConflictError, NotFoundError
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions.invocation import (
    abort_in,
    adopt_in,
    drill_id_in,
    moment_in,
    required,
    unexpected,
)
from restorecheck.hosts.functions.messages import tell
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.hosts.functions.tracing import trace
from restorecheck.hosts.sources.drill_settings import drill_of
from restorecheck.lifecycle import Action, Asking
from restorecheck.model import Drill
from restorecheck.ports import Checker

log = structlog.get_logger("restorecheck.functions")

SHORTEST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=5)
"""Longest time between two invocations of one drill."""
LONGEST_DRILL = timedelta(days=1)
"""A target with a longer deadline is refused: an execution ends after two days, teardown included."""
AGE_SHARE = 60
"""The older a drill, the longer the wait between steps: after one hour a minute. So a drill of 24
hours takes about 300 invocations; an execution may have 25,000 events in its history (quota of Step
Functions Standard).
"""
WAIT_FOR_A_PLACE = timedelta(minutes=2)
"""An execution may last two days: 1,440 looks of 11 events each."""

Event = Mapping[str, Any]


def no_message(_drill: Drill) -> None:
    """Sends nothing."""


def step(
    event: Event, around: FunctionContext, *, finished: Callable[[Drill], None] = no_message
) -> dict[str, Any]:
    """`{"drill_id", "target", "scheduled_for", "abort", "adopt"}` in, the next action out.

    `next` is `wait` (for `wait_seconds`), `check` (for the checker) or `done`.
    """
    reason = abort_in(event)
    drill = _begun(event, around)
    if drill is None:
        return _waiting(event, around)
    engine = _engine(around)
    if reason := reason or _too_long(drill):
        engine.abort(drill.id, reason)
    outcome = engine.advance(drill.id)
    if isinstance(outcome, Done):
        around.places.drop(drill.id)
        finished(outcome.drill)
        tell(outcome.drill, around)
        trace(outcome.drill, around)
    answer = _answer(outcome, drill, around)
    _log(answer)
    return answer


def _begun(event: Event, around: FunctionContext) -> Drill | None:
    """The drill of this execution; the first invocation that finds a place makes it. None: there is no place yet."""
    drill_id, slot, said = drill_id_in(event), moment_in(event, "scheduled_for"), adopt_in(event)
    try:
        return _of_this_target(around.store.load(drill_id), event)
    except NotFoundError:
        pass
    config = around.config()
    name = required(event, "target")
    target = next((t for t in config.targets if t.name == name), None)
    if target is None:
        raise NotFoundError(f"no target {name!r} in the configuration")
    _belong_together(target, drill_id, slot, said)
    # What another program restored exists already, and is deleted soon.
    is_next = target.kind.adopts or around.places.take(drill_id, config.runner.max_parallel_drills)
    if not is_next:
        return None
    made = drill_of(
        config,
        target,
        around.store,
        around.targets(config).provider_of(name).plan,
        drill_id=drill_id,
        now=around.clock.now(),
        slot=slot,
    )
    drill = made.evolve(announce=True, deployment=around.deployment, outputs=said)
    try:
        return around.store.create(drill)
    except DrillConflictError:
        return _of_this_target(around.store.load(drill_id), event)  # another invocation made it


def _waiting(event: Event, around: FunctionContext) -> dict[str, Any]:
    limit = around.config().runner.max_parallel_drills
    answer = {
        "drill_id": drill_id_in(event),
        "target": required(event, "target"),
        "next": "wait",
        "wait_seconds": round(WAIT_FOR_A_PLACE.total_seconds()),
        "detail": f"waits for a place: {limit} drills run (max_parallel_drills)",
    }
    _log(answer)
    return answer


def _of_this_target(drill: Drill, event: Event) -> Drill:
    named = event.get("target") or drill.target
    if named != drill.target:
        raise unexpected("target", f"{drill.target!r}, the target of drill {drill.id}", named)
    return drill


def _belong_together(
    target: Target, drill_id: str, slot: datetime | None, said: Mapping[str, str]
) -> None:
    """A caller who may start executions can neither use the id of another target's drill nor have an
    instance of his own checked.
    """
    kind = target.kind
    if bool(said) is not kind.adopts:
        adopter = "the output of the adopter function"
        wanted = adopter if kind.adopts else f"nothing for a target of kind {kind.key}"
        raise unexpected("adopt", wanted, dict(said))
    if not said and (slot is None or drill_id != drill_id_of(target.name, slot)):
        raise unexpected("drill_id", "the id made from target and scheduled_for", drill_id)


def _too_long(drill: Drill) -> str:
    """Why this host refuses the drill; empty: it does not."""
    wanted = drill.deadline - drill.started_at + drill.rehearsal_limit
    if wanted <= LONGEST_DRILL:
        return ""
    minute = timedelta(minutes=1)
    with_rehearsal = " with that of rehearse" if drill.rehearsal_limit else ""
    return (
        f"deadline_minutes{with_rehearsal} is {wanted / minute:g}, but a drill in AWS may take at most "
        f"{LONGEST_DRILL / minute:g}: set a lower value, or drill this target with "
        "`restorecheck run` "
        "on a machine"
    )


def _engine(around: FunctionContext) -> Engine:
    return Engine(
        store=around.store,
        provider_for=lambda drill: around.targets(around.config()).provider_for(drill),
        checker_for=_no_checker,
        clock=around.clock,
        performs=may_perform,
        sign=lambda: _sign(around),
    )


def _sign(around: FunctionContext) -> None:
    from restorecheck.hosts.functions.signing import sign  # takes time that most steps do not need

    sign(around)


def may_perform(action: Action) -> bool:
    return not isinstance(action, Asking)


def _no_checker(drill: Drill) -> Checker:
    raise AssertionError(f"drill {drill.id}: the stepper function cannot connect to a database")


def _answer(
    outcome: Wait | Done | Elsewhere, drill: Drill, around: FunctionContext
) -> dict[str, Any]:
    answer: dict[str, Any] = {"drill_id": drill.id, "target": drill.target, "wait_seconds": 0}
    match outcome:
        case Elsewhere():
            return {**answer, "next": "check"}
        case Wait(duration=duration, detail=detail):
            seconds = _wait(duration, around.clock.now() - drill.started_at).total_seconds()
            return {**answer, "next": "wait", "wait_seconds": round(seconds), "detail": detail}
        case Done(drill=finished):
            verdict = finished.verdict.value if finished.verdict else ""
            return {
                **answer,
                "next": "done",
                "verdict": verdict,
                "reason": finished.reason,
                "teardown": finished.teardown_outcome.value,
            }


def _wait(wanted: timedelta, age: timedelta) -> timedelta:
    if not wanted:
        return wanted
    return max(wanted, min(max(SHORTEST_WAIT, age / AGE_SHARE), LONGEST_WAIT))


def _log(answer: dict[str, Any]) -> None:
    """Log the result of this invocation."""
    log.info("drill.stepped", **answer)
