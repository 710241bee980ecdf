"""200 drills at once in this process, for `bench_rds.py`: nothing of the sandbox is imported here,
so that its memory is that of a host.

Usage: many_drills.py FACTS   (JSON: what the sandbox prepared). Prints its measurements as JSON.
"""

import json
import logging
import sys
import threading
import time
from datetime import timedelta

import psutil
import structlog

from restorecheck.aws.session.accounts import Accounts
from restorecheck.aws.session.settings import (
    BackupSettings,
    Place,
    RdsSettings,
    RestoreSettings,
    SourceSettings,
)
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.checks.registry import built_in
from restorecheck.engine import Engine, Wait
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import Drill
from restorecheck.ports import Answers, Checker, Inquiry
from restorecheck.testing import MemoryStore, World

MANY = 200
TICK = 1.0
TICKS = 15


class NobodyAsks(Checker):
    def run(self, inquiry: Inquiry) -> Answers:
        raise AssertionError(f"no instance comes up here: {inquiry}")


def run(facts: dict[str, str]) -> None:
    """200 drills of one process, until all of them have waited for their instances for a while."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    clock = SystemClock()
    tick = timedelta(seconds=TICK)
    accounts = Accounts(clock=clock, tick=tick, sandbox=True)
    providers = {
        f"t-{n}": RdsProvider(
            settings=RdsSettings(
                target=f"t-{n}",
                db_instance_identifier=facts["production"],
                source=SourceSettings(
                    place=Place("aws", "111111111111", "eu-west-1"),
                    role_arn=facts["role_arn"],
                    external_id=facts["external_id"],
                    transit_kms_key_id=facts["transit"],
                ),
                backup=BackupSettings(
                    place=Place("aws", "222222222222", "eu-west-1"), kms_key_id=facts["key"]
                ),
                restore=RestoreSettings(
                    db_instance_class="db.t4g.small",
                    db_subnet_group_name=facts["subnet_group"],
                    vpc_security_group_ids=(facts["security_group"],),
                ),
                max_age=timedelta(hours=26),
                deadline=timedelta(hours=4),
                poll=tick,
            ),
            accounts=accounts,
            clock=clock,
        )
        for n in range(MANY)
    }
    store = MemoryStore(World())
    checker = NobodyAsks()
    engine = Engine(
        store=store,
        provider_for=lambda drill: providers[drill.target],
        checker_for=lambda _drill: checker,
        clock=clock,
    )
    began = time.perf_counter()
    due = {start(store, clock, providers[name], name): 0.0 for name in providers}
    waiting_since: float | None = None
    process, most = psutil.Process(), 0  # ru_maxrss remembers the size of the parent that forked
    while waiting_since is None or time.perf_counter() - waiting_since < TICKS * TICK:
        now = time.perf_counter()
        for drill_id in [drill_id for drill_id, at in due.items() if at <= now]:
            outcome = engine.advance(drill_id)
            assert isinstance(outcome, Wait), "no drill ends here"
            due[drill_id] = time.perf_counter() + outcome.duration.total_seconds()
        if waiting_since is None and all(
            store.load(drill_id).waiting_for == "creating" for drill_id in due
        ):
            waiting_since = time.perf_counter()
        most = max(most, process.memory_info().rss)
        threading.Event().wait(0.01)
    told = {
        "megabytes": most / 1e6,
        "seconds": time.perf_counter() - began,
        "tick": TICK,
    }
    print(json.dumps(told))


def start(store: MemoryStore, clock: SystemClock, provider: RdsProvider, name: str) -> str:
    drill_id = f"20260101-000000-{int(name[2:]):06x}"
    now = clock.now()
    store.create(
        Drill(
            id=drill_id,
            target=name,
            plan=provider.plan(drill_id),
            checks=built_in(),
            started_at=now,
            deadline=now + timedelta(hours=4),
        )
    )
    return drill_id


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
