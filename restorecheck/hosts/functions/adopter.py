"""Starts a drill for an instance that AWS Backup restored for a test.

EventBridge delivers at least once, so the drill is named after the restore job, and starts once.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from restorecheck.aws.adopt.provider import COMPLETED, INSTANCE_ARN, RESTORE_JOB
from restorecheck.aws.session.translation import attempting
from restorecheck.config import Config, Target
from restorecheck.config.sources.adopt import ADOPT, Adopt
from restorecheck.errors import AlreadyExistsError, ConfigError, Problem
from restorecheck.hosts.clock import drill_id_of
from restorecheck.hosts.functions.invocation import (
    arn_of,
    moment_in,
    restore_job_of,
    shown,
    unexpected,
)
from restorecheck.hosts.functions.surroundings import MACHINE, FunctionContext

log = structlog.get_logger("restorecheck.functions")

SOURCE, KIND = "aws.backup", "Restore Job State Change"
ENDED = frozenset({COMPLETED, "FAILED", "ABORTED"})
HINT = "Only the EventBridge rule of infra/backup-account.yaml may call this function."


def adopt(raw: Mapping[str, Any], around: FunctionContext) -> dict[str, Any]:
    """AWS Backup's event in, the started drill out.

    A failed restore gets a drill, too: it ends inconclusive, with the message of AWS Backup.
    The field of the event is `status`; only its first one, of the creation, has a `state`. The example
    of FAILED names neither what was restored nor what it was restored from, so AWS Backup is asked (AWS
    Backup Developer Guide, "Monitoring AWS Backup events using Amazon EventBridge").

    Raises:
        ConfigError: It is another event, AWS Backup does not say what was restored, or no target is
            configured for that.
        ProviderError: A call to AWS Backup failed.
    """
    event = EventBridgeEvent(dict(raw))
    if (raw.get("source"), raw.get("detail-type")) != (SOURCE, KIND):
        raise ConfigError(
            (
                Problem(
                    message="expected an event of AWS Backup, found an event of "
                    f"{shown(raw.get('source'))}"
                ),
            ),
            hint=HINT,
        )
    detail = raw.get("detail")
    if not isinstance(detail, Mapping) or detail.get("status") not in ENDED:
        status = detail.get("status") if isinstance(detail, Mapping) else None
        message = f"expected a restore job that has ended, found the status {shown(status)}"
        raise ConfigError((Problem(message=message),), hint=HINT)
    _validate(detail)
    known = _completed(detail, around)
    target = _target_of(known, around.config())
    order = _order(event, target, known.get("createdResourceArn") or "")
    log.info("restore.adopted", **{key: order[key] for key in ("drill_id", "target", "adopt")})
    _start(order, around)
    return order


def _validate(detail: Mapping[str, Any]) -> None:
    """Checks the fields of the event that become part of names or of calls."""
    restore_job_of("restoreJobId", detail.get("restoreJobId"))
    for key in ("sourceResourceArn", "createdResourceArn"):
        arn_of(key, detail.get(key))


def _completed(detail: Mapping[str, Any], around: FunctionContext) -> Mapping[str, Any]:
    """The event's fields; missing ones are taken from the restore job."""
    wanted = {"sourceResourceArn": "SourceResourceArn"}
    if detail["status"] == COMPLETED:
        wanted["createdResourceArn"] = "CreatedResourceArn"
    missing = {ours: theirs for ours, theirs in wanted.items() if not detail.get(ours)}
    if not missing:
        return detail
    job = detail["restoreJobId"]
    with attempting(f"describe AWS Backup's restore job {job}", job):
        told = around.client("backup").describe_restore_job(RestoreJobId=job)
    known = {**detail, **{ours: told.get(theirs) or "" for ours, theirs in missing.items()}}
    _validate(known)
    return known


def _target_of(detail: Mapping[str, Any], config: Config) -> Target:
    source = detail.get("sourceResourceArn")
    if not source:
        said = shown(detail.get("statusMessage") or "nothing")
        message = (
            f"could not find out what restore job {detail['restoreJobId']} of AWS Backup "
            f"restored: its status is {detail['status']}, the message is {said}"
        )
        raise ConfigError(
            (Problem(message=message),), hint="Look at the restore job in AWS Backup."
        )
    for target in config.targets:
        if target.kind is ADOPT and target.keys_of(Adopt).production == source:
            return target
    message = (
        f"the restore of {source} is not checked: no target of kind adopt has this db_instance_arn "
        "or db_cluster_arn"
    )
    raise ConfigError((Problem(message=message, path="targets"),))


def _order(event: EventBridgeEvent, target: Target, created: str) -> dict[str, Any]:
    job = event.detail["restoreJobId"]
    return {
        "drill_id": drill_id_of(f"{target.name}/{job}", _began(event)),
        "target": target.name,
        "scheduled_for": "",
        "abort": "",
        "adopt": {
            INSTANCE_ARN: created,
            RESTORE_JOB: job,
        },
    }


def _start(order: Mapping[str, Any], around: FunctionContext) -> None:
    machine = around.setting(MACHINE)
    try:
        with attempting(f"start an execution for drill {order['drill_id']}", machine):
            around.client("stepfunctions").start_execution(
                stateMachineArn=machine, name=order["drill_id"], input=json.dumps(order)
            )
    except AlreadyExistsError:
        log.info("restore.known", drill_id=order["drill_id"])


def _began(event: EventBridgeEvent) -> datetime:
    """The same in every event of the job."""
    began = moment_in(event.detail, "creationDate") or moment_in(event.raw_event, "time")
    if began is None:
        raise unexpected("time", "a time such as 2026-02-26T03:15:00Z", None)
    return began
