"""Every hour: drills whose execution ended too early, resources without a living drill, and metrics
of each target.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from restorecheck.announcing import Overdue
from restorecheck.aws.deployment.leases import TableLease
from restorecheck.aws.session.translation import attempting
from restorecheck.config import Config
from restorecheck.config.discovery import encode
from restorecheck.engine import Engine
from restorecheck.errors import AlreadyExistsError, NotFoundError
from restorecheck.history import overdue_since
from restorecheck.hosts.drill.discovering import discover
from restorecheck.hosts.drill.driver import Sweeper
from restorecheck.hosts.functions import stepper
from restorecheck.hosts.functions.messages import tell_facts
from restorecheck.hosts.functions.surroundings import MACHINE, TABLE, FunctionContext
from restorecheck.model import Drill, Verdict

log = structlog.get_logger("restorecheck.functions")

ALIVE = frozenset({"RUNNING", "PENDING_REDRIVE"})
DEAD = "the Step Functions execution ended before the drill did"
LEASE = "sweep"
SPARE = timedelta(minutes=1)
"""Added to the end of an invocation for its lease, because clocks differ."""
LOOK_BACK = 30
"""Drills after the last verified one that are read; older ones do not change the metrics."""
TWICE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCounts:
    """Counts of a sweep, for metrics and alarms."""

    restarted: tuple[str, ...]
    deleted: tuple[str, ...]
    left: tuple[str, ...]
    unseen: tuple[str, ...]
    overdue: tuple[Overdue, ...]
    proof_hours: Mapping[str, float]
    """Target → age of its newest verified drill."""
    failed: tuple[str, ...]
    """Targets with a failed drill since the last verified one."""
    inconclusive: tuple[str, ...]
    """Targets with two or more inconclusive drills, and no failed one, since the last verified one."""
    leftovers: int
    """Finished drills with resources that still exist."""


def sweep(around: FunctionContext) -> SweepCounts:
    unknown = _discover(around)
    config = around.config()
    _free_places(around)
    restarted = [drill.id for drill in around.store.unfinished() if _restart(drill, around)]
    swept = _sweeper(config, around).sweep()
    overdue, ages = _overdue(config, around)
    failed, inconclusive = _bad(config, around)
    found = SweepCounts(
        restarted=tuple(restarted),
        deleted=tuple(str(resource) for resource in swept.deleted),
        left=tuple(f"{resource}: {why}" for resource, why in swept.left),
        unseen=(*swept.plan.unseen, *unknown),
        overdue=tuple(overdue),
        proof_hours=ages,
        failed=failed,
        inconclusive=inconclusive,
        leftovers=len(around.store.with_leftovers()),
    )
    log.info(
        "swept",
        restarted=found.restarted,
        deleted=found.deleted,
        left=found.left,
        unseen=found.unseen,
        overdue=[fact.target for fact in found.overdue],
        failed=found.failed,
        inconclusive=found.inconclusive,
    )
    return found


def alone(
    around: FunctionContext,
    holder: str,
    remaining: timedelta,
    work: Callable[[FunctionContext], SweepCounts] = sweep,
) -> SweepCounts | None:
    """Sweep; None: another sweep is running and does the same.

    Two sweeps at once restart nothing twice, because of the names, but would count and delete twice.
    Reserved concurrency would prevent that, too, but not every account has any.
    """
    lease = TableLease(around.client("dynamodb"), table=around.setting(TABLE), name=LEASE)
    now = around.clock.now()
    if not lease.take(holder, now=now, until=now + remaining + SPARE):
        log.info("sweep.skipped", reason="another sweep is running")
        return None
    try:
        return work(around)
    finally:
        lease.drop(holder)


def _discover(around: FunctionContext) -> tuple[str, ...]:
    """New databases are targets from now on, and overdue until they are proven; what is gone is said, before it is stored.
    Returns why a rule could not be looked for.
    """
    config = around.config()
    if not config.rules:
        return ()
    found = discover(around.host(config))
    for fact in found.facts():
        log.warning("database.discovered", target=fact.target, reason=fact.reason)
    for problem in found.problems:
        log.warning("discovery.failed", reason=problem)
    tell_facts(found.facts(), around)
    if found.looked.found != config.found:
        around.keep_found(encode(found.looked.found))
    return found.problems


def _free_places(around: FunctionContext) -> None:
    """Of drills that have ended, or were never made. An unfinished one keeps its place: its execution is started again."""
    for drill_id in sorted(around.places.holders()):
        try:
            if not around.store.load(drill_id).finished:
                continue
        except NotFoundError:
            pass
        log.info("place.freed", drill_id=drill_id)
        around.places.drop(drill_id)


def _restart(drill: Drill, around: FunctionContext) -> bool:
    """Start an execution for a drill without a living one: it tears down and writes the report."""
    machine = around.setting(MACHINE)
    name = _free_name(drill, machine, around)
    if name is None:
        return False
    order = {
        "drill_id": drill.id,
        "target": drill.target,
        "scheduled_for": drill.scheduled_for.isoformat() if drill.scheduled_for else "",
        "abort": DEAD,
        "adopt": {},  # the stored drill has it
    }
    try:
        with attempting(f"start an execution for drill {drill.id}", machine):
            around.client("stepfunctions").start_execution(
                stateMachineArn=machine, name=name, input=json.dumps(order)
            )
    except AlreadyExistsError:
        return False
    return True


def _free_name(drill: Drill, machine: str, around: FunctionContext) -> str | None:
    """A free name for another execution; None: an execution of the drill is running.

    Two sweeps at once get the same name, so only one execution starts. An ended execution keeps its
    name for ninety days (Step Functions API, StartExecution), so each try uses the next name.
    """
    for name in _tries(drill.id):
        status = _status_of(name, machine, around)
        if status in ALIVE:
            return None
        # The first name is the planner's, even if the planner died before it used the name.
        if status is None and name != drill.id:
            return name
    raise AssertionError("names do not end")


def _tries(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def _status_of(name: str, machine: str, around: FunctionContext) -> str | None:
    """Status of the execution; None: there is none of this name."""
    place = machine.replace(":stateMachine:", ":execution:")
    try:
        with attempting(f"look for the execution {name}", machine):
            answer = around.client("stepfunctions").describe_execution(
                executionArn=f"{place}:{name}"
            )
    except NotFoundError:
        return None
    return str(answer["status"])


def _sweeper(config: Config, around: FunctionContext) -> Sweeper:
    targets = around.targets(config)
    return Sweeper(
        engine=Engine(
            store=around.store,
            provider_for=targets.provider_for,
            checker_for=_no_checker,
            clock=around.clock,
            performs=stepper.may_perform,
        ),
        store=around.store,
        inventories=targets.inventories(),
        provider_for=targets.provider_for,
        is_alive=lambda _drill: True,  # every unfinished drill has an execution by now
        clock=around.clock,
        sleep=_never,
        patient=False,
    )


def _no_checker(drill: Drill) -> Any:  # noqa: ANN401  # there is none
    raise AssertionError(f"drill {drill.id}: the sweeper function cannot connect to a database")


def _never(_duration: timedelta) -> None:
    raise AssertionError("a function does not sleep")


def _overdue(config: Config, around: FunctionContext) -> tuple[list[Overdue], dict[str, float]]:
    """A target that was never verified counts from its first drill, without a drill as overdue: the
    template has the schedule, and the first night is due within a day of the deployment.
    """
    now = around.clock.now()
    facts: list[Overdue] = []
    ages: dict[str, float] = {}
    for target in config.targets:
        if not target.kind.in_aws:
            continue
        standing = around.store.standing(target.name)
        allowed = timedelta(hours=target.max_proof_age_hours)
        first = around.store.entries(target=target.name)[:1]
        known = first[0].started_at if first else now - allowed
        since = overdue_since(standing, allowed, known, samples=target.samples)
        proof = standing.proof(samples=target.samples)
        proven = proof.finished_at if proof else None
        if proven is not None:
            ages[target.name] = (now - proven) / timedelta(hours=1)
        if since is not None and now >= since:
            facts.append(Overdue(target=target.name, at=now, proven_at=proven, allowed=allowed))
    return facts, ages


def _bad(config: Config, around: FunctionContext) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets with failed and with only inconclusive drills since the last verified one."""
    failed, inconclusive = [], []
    for target in config.targets:
        bad = around.store.standing(target.name).bad if target.kind.in_aws else 0
        if not bad:
            continue
        newest = around.store.entries(target=target.name, newest=min(bad, LOOK_BACK))
        if any(entry.verdict is Verdict.FAILED for entry in newest):
            failed.append(target.name)
        elif len(newest) >= TWICE:
            inconclusive.append(target.name)
    return tuple(failed), tuple(inconclusive)
