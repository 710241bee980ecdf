"""Plans a night: one drill for each RDS target."""

from collections.abc import Mapping
from typing import Any

import structlog

from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions.invocation import moment_in, shown, unexpected
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.hosts.sources.targets import NO_SERVER

log = structlog.get_logger("restorecheck.functions")


def plan(event: Mapping[str, Any], around: FunctionContext) -> dict[str, Any]:
    """`{"scheduled_for", "targets"}` in (both optional), the drills of this night out.

    Ids follow from target and time: a schedule that fires twice (EventBridge Scheduler delivers
    at least once) plans the same drills, and each of them starts once.

    Raises:
        ConfigError: The configuration cannot be used, or has no such target.
    """
    config = around.config()
    slot = moment_in(event, "scheduled_for") or around.clock.now().replace(microsecond=0)
    names = [t.name for t in config.targets if t.kind.in_aws and not t.kind.adopts]
    wanted = event.get("targets") or names
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise unexpected("targets", "a list of names", wanted)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        message = f"no RDS target {shown(unknown[0])} in the configuration"
        known = {target.name for target in config.targets}
        hint = NO_SERVER if unknown[0] in known else ""
        raise ConfigError((Problem(message=message, path="targets"),), hint=hint)
    others = [target.name for target in config.targets if target.name not in names]
    drills: list[dict[str, Any]] = [
        {
            "drill_id": drill_id_of(name, slot),
            "target": name,
            "scheduled_for": slot.isoformat(),
            "abort": "",
            "adopt": {},
        }
        for name in wanted
    ]
    log.info("night.planned", drills=len(drills), slot=slot.isoformat(), not_rds=others)
    return {"drills": drills, "max_concurrency": config.runner.max_parallel_drills}
