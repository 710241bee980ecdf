"""Plans a night: one drill for each RDS target. Or the drill of one target whose snapshot is finished."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from restorecheck.config import Config, Target
from restorecheck.config.sources.aurora import Aurora
from restorecheck.config.sources.rds import Rds
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions.invocation import moment_in, shown, unexpected
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.hosts.sources.targets import NO_SERVER

log = structlog.get_logger("restorecheck.functions")

_AUTOMATED = re.compile(
    r"arn:[a-z-]+:rds:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<kind>snapshot|cluster-snapshot):"
    r"rds:(?P<owner>[a-z0-9-]+)-(?P<moment>\d{4}(?:-\d\d){4})",
    re.ASCII,
)
"""Of an automated snapshot: `rds:`, its owner, and when it began, in UTC."""
BESIDE_THE_SCHEDULE = timedelta(seconds=1)
"""No slot of a schedule has seconds: the drill of a snapshot never takes the place of a night's."""


def plan(event: Mapping[str, Any], around: FunctionContext) -> dict[str, Any]:
    """`{"scheduled_for", "targets"}` in (both optional), the drills of this night out; or the detail of an
    RDS event in, the drills of the targets with `when_new` whose snapshot it is out.

    Ids follow from target and time: a schedule that fires twice (EventBridge Scheduler delivers
    at least once) plans the same drills, and each of them starts once.

    Raises:
        ConfigError: The configuration cannot be used, or has no such target.
    """
    config = around.config()
    if "SourceArn" in event:
        return _of_snapshot(event["SourceArn"], config)
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
    log.info("night.planned", drills=len(wanted), slot=slot.isoformat(), not_rds=others)
    return _drills(wanted, slot, config)


def _of_snapshot(arn: object, config: Config) -> dict[str, Any]:
    """The slot follows from the snapshot, so an event that comes twice starts one drill.

    Source: docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html, RDS-EVENT-0091 and 0169. RDS
    delivers events on a best effort basis: the schedule stays.
    """
    match = _AUTOMATED.fullmatch(arn) if isinstance(arn, str) else None
    if match is None:
        raise unexpected("SourceArn", "the ARN of an automated snapshot", arn)
    began = datetime.strptime(match["moment"], "%Y-%m-%d-%H-%M").replace(tzinfo=UTC)
    names = [t.name for t in config.targets if t.when_new and _is_of(t, match)]
    log.info("snapshot.finished", snapshot=arn, targets=names)
    return _drills(names, began + BESIDE_THE_SCHEDULE, config)


def _is_of(target: Target, snapshot: "re.Match[str]") -> bool:
    match target.source:
        case Rds() as keys:
            kind, owner = "snapshot", keys.db_instance_identifier
        case Aurora() as keys:
            kind, owner = "cluster-snapshot", keys.db_cluster_identifier
        case _:
            return False
    found = (snapshot["kind"], snapshot["owner"], snapshot["account"], snapshot["region"])
    return found == (kind, owner, keys.source.account_id, keys.region)


def _drills(names: list[str], slot: datetime, config: Config) -> dict[str, Any]:
    drills = [
        {
            "drill_id": drill_id_of(name, slot),
            "target": name,
            "scheduled_for": slot.isoformat(),
            "abort": "",
            "adopt": {},
        }
        for name in names
    ]
    return {"drills": drills, "max_concurrency": config.runner.max_parallel_drills}
