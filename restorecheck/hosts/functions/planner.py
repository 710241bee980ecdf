"""What a night consists of: one drill for each RDS target."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions.surroundings import Surroundings

log = structlog.get_logger("restorecheck.functions")


def plan(event: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """`{"scheduled_for", "targets"}` in (both optional); the drills of this night out.

    Ids follow from target and time: a schedule that fires twice (EventBridge Scheduler delivers
    at least once) plans the same drills, and each of them starts once.

    Raises:
        ConfigError: The configuration cannot be used, or has no such target.
    """
    config = around.config()
    slot = _slot(event, around)
    names = [target.name for target in config.targets if target.rds is not None]
    wanted = list(event.get("targets") or names)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        message = f"no RDS target {unknown[0]!r} in the configuration"
        raise ConfigError((Problem(message=message, path="targets"),))
    others = [target.name for target in config.targets if target.rds is None]
    drills = [
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


def _slot(event: Mapping[str, Any], around: Surroundings) -> datetime:
    text = event.get("scheduled_for")
    if not text:
        return around.clock.now().replace(microsecond=0)
    try:
        return datetime.fromisoformat(str(text))
    except ValueError as exc:
        message = f"scheduled_for: expected a time such as 2026-02-26T03:15:00Z, found {text!r}"
        raise ConfigError((Problem(message=message),)) from exc
