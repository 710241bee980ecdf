"""Plans a night: one drill for each RDS target. Or the drill of one target whose snapshot is finished."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from restorecheck.aws.deployment.nights import Nights
from restorecheck.aws.session.naming import is_ours
from restorecheck.aws.session.translation import attempting
from restorecheck.config import Config, Target
from restorecheck.config.sources.aurora import Aurora
from restorecheck.config.sources.rds import Rds
from restorecheck.config.tiers import with_tiers
from restorecheck.errors import ConfigError, Problem, ProviderError
from restorecheck.history import Standing, overdue_since
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions.invocation import moment_in, shown, unexpected
from restorecheck.hosts.functions.surroundings import BUCKET, FunctionContext
from restorecheck.hosts.sources.targets import NO_SERVER
from restorecheck.schedule import Each, Every, Sample

log = structlog.get_logger("restorecheck.functions")

_AUTOMATED = re.compile(
    r"arn:[a-z-]+:rds:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<kind>snapshot|cluster-snapshot):"
    r"rds:(?P<owner>[a-z0-9-]+)-(?P<moment>\d{4}(?:-\d\d){4})",
    re.ASCII,
)
"""Of an automated snapshot: `rds:`, its owner, and when it began, in UTC."""
READERS = 16
"""Reads of the table at once: 5,000 targets take half a minute."""
BESIDE_THE_SCHEDULE = timedelta(seconds=1)
"""No slot of a schedule has seconds: the drill of a snapshot never takes the place of a night's."""


def night(event: Mapping[str, Any], around: FunctionContext) -> dict[str, Any]:
    """As `plan`, but the drills are in a list in the bucket: `list` is its key, `drills` their number. No more run at
    once than the account has room for.

    Raises: as `plan`.
        ProviderError: The list could not be stored.
    """
    planned = plan(event, around)
    drills, limit = planned["drills"], planned["max_concurrency"]
    if not drills:
        return {**planned, "drills": 0, "list": ""}
    key = Nights(around.client("s3"), around.setting(BUCKET)).write(drills)
    room = _room(around)
    if room is not None and room < limit:
        log.warning("night.limited", max_parallel_drills=limit, room_for_instances=room)
        limit = max(1, room)
    return {"drills": len(drills), "list": key, "max_concurrency": limit}


def _room(around: FunctionContext) -> int | None:
    """DB instances that the quota of this region leaves for drills; None: it could not be read."""
    rds = around.client("rds")
    try:
        with attempting("read the quota of DB instances"):
            quotas = rds.describe_account_attributes()["AccountQuotas"]
            pages = rds.get_paginator("describe_db_instances").paginate()
            ours = sum(
                is_ours(instance["DBInstanceIdentifier"])
                for page in pages
                for instance in page["DBInstances"]
            )
    except ProviderError as exc:
        log.warning("quota.unread", reason=exc.message)
        return None
    found = [q for q in quotas if q["AccountQuotaName"] == "DBInstances"]
    return int(found[0]["Max"]) - int(found[0]["Used"]) + ours if found else None


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
    wanted = event.get("targets") or tonight(config, names, slot, around)
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


def tonight(config: Config, names: list[str], slot: datetime, around: FunctionContext) -> list[str]:
    """The targets that are due at this slot by their tiers; those first whose proofs become too old first."""
    targets = [target for target in config.targets if target.name in set(names)]
    if not any(t.tier for t in targets) and len(targets) <= config.runner.max_parallel_drills:
        return names  # all begin at once: the history need not be read
    with ThreadPoolExecutor(READERS) as pool:
        standings = list(pool.map(around.store.standing, [target.name for target in targets]))
    # Here no target has a schedule of its own: a sample is drawn from the whole tier.
    alike = [t.model_copy(update={"schedule": None, "timezone": "UTC"}) for t in targets]
    due = [
        (_proof_ends(target, standing, slot), target.name)
        for target, standing in zip(with_tiers(alike, config.tiers), standings, strict=True)
        if _is_due(target, standing, slot)
    ]
    return [name for _, name in sorted(due, key=lambda one: one[0])]


def _proof_ends(target: Target, standing: Standing, slot: datetime) -> datetime:
    """When the target becomes, or became, overdue; one that was never drilled: now."""
    allowed = timedelta(hours=target.max_proof_age_hours)
    known = standing.latest.started_at if standing.latest else slot - allowed
    since = overdue_since(standing, allowed, known, samples=target.samples)
    assert since is not None, "something is known"
    return since


def _is_due(target: Target, standing: Standing, slot: datetime) -> bool:
    match target.slots_of_tier:
        case Every() as tier:
            latest = standing.latest
            last = (latest.scheduled_for or latest.started_at) if latest else None
            return tier.is_due(target.name, slot, last)
        case Sample() as tier:
            return target.name in tier.drawn(slot)
        case Each():
            return True


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
