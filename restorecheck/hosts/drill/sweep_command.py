"""`restorecheck sweep`: its output and exit code."""

import sys
from collections.abc import Collection

from restorecheck.hosts.drill.wiring import Parts
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.report.terminal import clean
from restorecheck.sweep import SweepPlan

NOTHING = "nothing to sweep"


def run(parts: Parts, *, end: Collection[str]) -> int:
    swept = parts.sweeper.sweep(end=end)
    parts.forget_locks()
    for drill in swept.finished:
        verdict = drill.verdict.value if drill.verdict else "no verdict"
        print(
            f"finished  drill {drill.id} of {clean(drill.target)}: {verdict}: {clean(drill.reason)}"
        )
    for resource in swept.deleted:
        print(f"deleted   {clean(str(resource))}")
    for resource in swept.parked:
        print(f"stopped   {clean(str(resource))}: RDS had started this standby again")
    for resource, reason in swept.plan.spared:
        print(f"spared    {clean(str(resource))}: {clean(reason)}")
    for resource, detail in swept.left:
        print(f"LEFT      {clean(str(resource))}: {clean(detail)}", file=sys.stderr)
    if swept.left or swept.plan.unseen:
        _tell_unseen(swept.plan)
        return Exit.LEFT_BEHIND if swept.left else Exit.INCONCLUSIVE
    if not (swept.finished or swept.deleted or swept.parked):
        print(NOTHING)
    return Exit.VERIFIED


def preview(parts: Parts, *, end: Collection[str]) -> int:
    plan = parts.sweeper.plan(end=end)
    for drill in plan.finish:
        print(f"would finish  drill {drill.id} of {clean(drill.target)}")
        for resource in reversed(drill.ledger):
            print(f"would delete  {clean(str(resource))}")
    for _, resource in plan.delete:
        print(f"would delete  {clean(str(resource))}")
    for resource in plan.orphans:
        print(f"would delete  {clean(str(resource))}")
    for resource, reason in plan.spared:
        print(f"would spare   {clean(str(resource))}: {clean(reason)}")
    for resource in plan.park:
        print(f"would stop    {clean(str(resource))}: RDS has started this standby again")
    _tell_unseen(plan)
    if plan.finish or plan.delete or plan.orphans:
        return Exit.LEFT_BEHIND
    if plan.unseen:
        return Exit.INCONCLUSIVE
    if not plan.park:
        print(NOTHING)
    return Exit.VERIFIED


def _tell_unseen(plan: SweepPlan) -> None:
    for reason in plan.unseen:
        print(f"UNSEEN    {clean(reason)}", file=sys.stderr)
