"""A night of the AWS deployment with many targets: the real planner, stepper and engine; AWS and the clock are simulated.

One thread, one queue of moments: an execution comes back when its wait is over, as Step Functions wakes it. What is counted is
what AWS bills.
"""

import heapq
import itertools
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from restorecheck.engine import Engine
from restorecheck.hosts.functions import checker, planner, stepper
from restorecheck.model import CheckOutcome, CheckResult, Drill
from restorecheck.ports import Answers, Checker, Inquiry
from restorecheck.testing import MemoryStore, World
from tests.simulation.scale import CHECKING, PlayedRds, Region
from tests.unit.hosts.functions.test_starting import Places
from tests.unit.hosts.sources.test_in_aws import TARGET, parsed

SLOT = "2026-02-26T03:15:00+00:00"
STEP = timedelta(seconds=1)
"""One invocation of the stepper."""
STATES_OF_A_LOOK, STATES_OF_A_CHECK, STATES_OF_AN_ITEM, STATES_OF_A_NIGHT = 4, 2, 2, 3
"""State transitions: Advance, WhatNext, Wait, Remember; Check, WhatNext; the drill in the map, and its end; Plan, AnyDrills, Drills."""
ITEM = 24
"""Kilobytes of a drill in DynamoDB; a write unit has one."""


@dataclass(frozen=True)
class Prices:
    """US dollars, us-east-1, late 2026, as in docs/how-to/deploy.md."""

    transition: float = 0.025 / 1000
    gigabyte_second: float = 0.0000133
    invocation: float = 0.20 / 1_000_000
    write_unit: float = 0.625 / 1_000_000
    put: float = 0.005 / 1000
    get: float = 0.0004 / 1000
    instance_hour: float = 0.065  # db.t4g.medium


class CountingStore(MemoryStore):
    def __init__(self, world: World, counts: Counter[str]) -> None:
        super().__init__(world)
        self._counts = counts

    def _put(self, drill: Drill) -> None:
        self._counts["writes"] += 1
        super()._put(drill)


class Asked(Checker):
    """All checks pass; their time passes in `Night`."""

    def run(self, inquiry: Inquiry) -> Answers:
        return Answers(
            results=tuple(
                CheckResult(
                    name=spec.name,
                    kind=spec.kind,
                    database="courses",
                    severity=spec.severity,
                    outcome=CheckOutcome.PASSED,
                    answered_by=inquiry.endpoint.identity,
                )
                for spec in inquiry.pending
            )
        )


class Functions:
    """The context of the functions: a configuration of so many targets, an account with its quotas."""

    deployment = None

    def __init__(self, targets: int, parallel: int, clock: World, region: Region) -> None:
        self.clock: Any = clock
        self.counts: Counter[str] = Counter()
        self.store: Any = CountingStore(clock, self.counts)
        self.places = Places()
        one = parsed(TARGET, max_parallel_drills=parallel)
        names = (f"t-{number:04}" for number in range(targets))
        many = tuple(one.targets[0].model_copy(update={"name": name}) for name in names)
        self._config = one.model_copy(update={"targets": many})
        self.rds = PlayedRds(region)

    def config(self) -> Any:
        self.counts["configurations read"] += 1
        return self._config

    def targets(self, _config: Any) -> Any:
        return self

    def provider_of(self, _name: str) -> PlayedRds:
        return self.rds

    def provider_for(self, _drill: Drill) -> PlayedRds:
        return self.rds


@dataclass
class Counted:
    """Of one night."""

    targets: int
    verified: int
    hours: float
    at_once: int
    list_bytes: int
    counts: Counter[str]
    calls: Counter[str]
    instance_hours: float
    events: int
    """Of the longest history of a drill's execution."""

    def dollars(self, prices: Prices = Prices()) -> dict[str, float]:  # frozen
        c = self.counts
        seconds = STEP.total_seconds() * c["stepper"] / 2 + CHECKING.total_seconds() * c["checker"]
        return {
            "instances": self.instance_hours * prices.instance_hour,
            "Step Functions": c["transitions"] * prices.transition,
            "Lambda": seconds * prices.gigabyte_second
            + (c["stepper"] + c["checker"]) * prices.invocation,
            "DynamoDB": c["writes"] * ITEM * prices.write_unit,
            "S3": (self.targets + 1) * prices.put + c["configurations read"] * prices.get,
        }


@dataclass
class DeployedNight:
    targets: int
    parallel: int
    instances: int = 40
    copies: int = 20
    clock: World = field(default_factory=World)

    def run(self) -> Counted:
        region = Region(self.clock, self.instances, self.copies)  # type: ignore[arg-type]  # a clock, too
        around: Any = Functions(self.targets, self.parallel, self.clock, region)
        planned = planner.plan({"scheduled_for": SLOT}, around)
        waiting = deque(planned["drills"])
        limit = min(planned["max_concurrency"], self.instances)
        moments: list[tuple[datetime, int, dict[str, Any], str]] = []
        numbers = itertools.count()
        began, running, at_once, looks = self.clock.now(), 0, 0, Counter[str]()
        around.counts["transitions"] += STATES_OF_A_NIGHT

        def at(moment: datetime, order: dict[str, Any], what: str) -> None:
            heapq.heappush(moments, (moment, next(numbers), order, what))

        while waiting or moments:
            while waiting and running < limit:
                at(self.clock.now(), waiting.popleft(), "step")
                running += 1
                around.counts["transitions"] += STATES_OF_AN_ITEM
            at_once = max(at_once, running)
            moment, _, order, what = heapq.heappop(moments)
            self.clock.pass_time(max(timedelta(0), moment - self.clock.now()))
            answer = self._invoke(what, order, around)
            looks[order["drill_id"]] += 1
            if answer["next"] == "done":
                running -= 1
                continue
            took = CHECKING if what == "check" else STEP
            wait = timedelta(seconds=answer["wait_seconds"])
            after = "check" if answer["next"] == "check" else "step"
            at(self.clock.now() + took + wait, order, after)
        verified = sum(e.verdict.value == "verified" for e in around.store.entries())
        return Counted(
            targets=self.targets,
            verified=verified,
            hours=(self.clock.now() - began) / timedelta(hours=1),
            at_once=at_once,
            list_bytes=len(str(planned["drills"])),
            counts=around.counts,
            calls=region.calls,
            instance_hours=sum(region.lived, timedelta(0)) / timedelta(hours=1),
            events=math.ceil(11 * max(looks.values())),
        )

    def _invoke(self, what: str, order: dict[str, Any], around: Any) -> dict[str, Any]:
        if what == "step":
            around.counts["stepper"] += 1
            around.counts["transitions"] += STATES_OF_A_LOOK
            return stepper.step(order, around)
        around.counts["checker"] += 1
        around.counts["transitions"] += STATES_OF_A_CHECK
        engine = Engine(
            store=around.store,
            provider_for=around.provider_for,
            checker_for=lambda _: Asked(),
            clock=self.clock,
            performs=checker.may_perform,
        )
        return checker._ask_while_there_is_time(
            order["drill_id"], engine, around, self.clock.now() + timedelta(minutes=14)
        )
