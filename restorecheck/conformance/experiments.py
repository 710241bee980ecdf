"""The calls that answer the open questions, in order. `reading` reads the answers.

They are calls of a drill, within its rights, on resources with a drill's names and tags: a copy of production's
newest automated snapshot, which is shared, copied into the backup account, restored and deleted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from restorecheck.conformance.port import Raw, Where
from restorecheck.conformance.stage import DENIED, THERE, Stage, StepSkipped, Surprise, status_of

ROLE = "conformance"
"""A value of the tag restorecheck:role. No snapshot with it is ever a backup."""

SHARE_LIMIT = timedelta(minutes=15)
"""Time until a share must be in effect; RDS documents none. After that the run ends with an unexpected answer."""
DELETE_LIMIT = timedelta(minutes=40)
"""Time for which RDS may refuse to delete a new instance; after that the run ends."""

STEADY_LOOKS = 15
SECRETS_KEY = "alias/aws/secretsmanager"
READ_ALL_DATA = (
    "SELECT pg_has_role(current_user, 'pg_read_all_data', 'USAGE') AS member, "
    "pg_has_role(current_user, 'pg_read_all_data', 'MEMBER WITH ADMIN OPTION') AS may_grant"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    name: str
    does: str
    minutes: int
    """Estimated duration on AWS, for the plan."""
    run: Callable[[Stage], None]


def _find(stage: Stage) -> None:
    wanted = {"DBInstanceIdentifier": stage.setup.production, "SnapshotType": "automated"}
    found: list[Raw] = []
    marker = ""
    while True:
        rest = {"Marker": marker} if marker else {}
        page = stage.call(Where.SOURCE, "DescribeDBSnapshots", **wanted, **rest).value
        found += page.get("DBSnapshots") or ()
        marker = page.get("Marker") or ""
        if not marker:
            break
    finished = [s for s in found if s.get("Status") == "available" and _taken_at(s)]
    if not finished:
        raise Surprise("there is no finished automated snapshot to copy")
    newest = max(finished, key=_taken_at)
    if newest.get("Engine") != "postgres":
        raise Surprise("the newest automated snapshot is not of RDS for PostgreSQL")
    stage.found["automated"] = newest


def _taken_at(snapshot: Raw) -> Any:  # noqa: ANN401  # a datetime, or nothing
    return snapshot.get("OriginalSnapshotCreateTime") or snapshot.get("SnapshotCreateTime")


def _stage(stage: Stage) -> None:
    _make_staging_copy(stage, 1)


def _make_staging_copy(stage: Stage, number: int) -> None:
    setup, name = stage.setup, stage.setup.name(number)
    key = {"KmsKeyId": setup.transit_key} if setup.transit_key else {}
    stage.call(
        Where.SOURCE,
        "CopyDBSnapshot",
        expected=THERE,
        SourceDBSnapshotIdentifier=stage.found["automated"]["DBSnapshotArn"],
        TargetDBSnapshotIdentifier=name,
        Tags=setup.tags_of(setup.drill_id(number), ROLE),
        **key,
    )
    stage.until(lambda: stage.snapshot(Where.SOURCE, name), _available, "the staging copy")


def _available(seen: Raw) -> bool:
    return status_of(seen) == "available"


def _share(stage: Stage) -> None:
    """Shares and copies at once: the answers until the share is in effect are the result."""
    _share_and_copy(stage, 1)


def _share_and_copy(stage: Stage, number: int) -> None:
    setup, name = stage.setup, stage.setup.name(number)
    stage.call(
        Where.SOURCE,
        "ModifyDBSnapshotAttribute",
        DBSnapshotIdentifier=name,
        AttributeName="restore",
        ValuesToAdd=[setup.backup_account],
    )
    began = stage.cloud.elapsed()
    while True:
        answer = stage.cloud.call(
            Where.BACKUP,
            "rds",
            "CopyDBSnapshot",
            {
                "SourceDBSnapshotIdentifier": setup.staging_arn(name),
                "TargetDBSnapshotIdentifier": name,
                "KmsKeyId": setup.backup_key,
                "Tags": setup.tags_of(setup.drill_id(number), ROLE),
            },
        )
        if not answer.code or answer.code in THERE:
            return
        if stage.cloud.elapsed() - began > SHARE_LIMIT:
            raise Surprise(
                f"the share is not in effect: CopyDBSnapshot still fails with {answer.code}: "
                f"{answer.message}"
            )
        stage.cloud.pause()


def _copy(stage: Stage) -> None:
    name = stage.setup.name(1)
    copy = stage.until(lambda: stage.snapshot(Where.BACKUP, name), _available, "the copy")
    stage.found["copy"] = copy


def _restore(stage: Stage) -> None:
    name = stage.setup.name(1)
    _begin_restore(stage, 1)
    stage.found["instance"] = stage.until(
        lambda: stage.instance(name), _steadily_up(), "the restore", hopeless=stage.setup.hopeless
    )


def _steadily_up() -> Callable[[Raw], bool]:
    """An instance that becomes available may change its status again soon."""
    looks = 0

    def is_so(seen: Raw) -> bool:
        nonlocal looks
        looks = looks + 1 if _up(seen) else 0
        return looks >= STEADY_LOOKS

    return is_so


def _begin_restore(stage: Stage, number: int) -> None:
    setup = stage.setup
    wanted = setup.restore(stage.found["copy"], setup.drill_id(number))
    stage.call(Where.BACKUP, "RestoreDBInstanceFromDBSnapshot", expected=THERE, **wanted)


def _up(seen: Raw) -> bool:
    address = (seen.get("Endpoint") or {}).get("Address")
    return _available(seen) and bool(address) and not seen.get("PendingModifiedValues")


def _delete(stage: Stage) -> None:
    """A second instance, deleted during its creation."""
    name = stage.setup.name(2)
    _begin_restore(stage, 2)
    began = stage.cloud.elapsed()
    while True:
        answer = stage.call(
            Where.BACKUP,
            "DeleteDBInstance",
            expected={
                "InvalidDBInstanceState",
                "InvalidDBInstanceStateFault",
                "DBInstanceNotFound",
            },
            DBInstanceIdentifier=name,
            SkipFinalSnapshot=True,
            DeleteAutomatedBackups=True,
        )
        seen = stage.instance(name)
        if not answer.code or status_of(seen) == "deleting":
            return
        if stage.cloud.elapsed() - began > DELETE_LIMIT:
            raise Surprise(f"could not delete the new instance: {answer.code}: {answer.message}")
        stage.cloud.pause()


def _password(stage: Stage) -> None:
    """First tests whether the key may be described: only if not, the rest answers the question."""
    name = stage.setup.name(1)
    stage.call(
        Where.BACKUP,
        "DescribeKey",
        service="kms",
        expected=DENIED | {"NotFoundException"},
        KeyId=SECRETS_KEY,
    )
    answer = stage.call(
        Where.BACKUP,
        "ModifyDBInstance",
        expected=DENIED | {"KMSKeyNotAccessibleFault"},
        DBInstanceIdentifier=name,
        ManageMasterUserPassword=True,
        ApplyImmediately=True,
    )
    if answer.code:
        return
    stage.found["instance"] = stage.until(
        lambda: stage.instance(name),
        _has_password,
        "the managed password",
        hopeless=stage.setup.hopeless,
    )


def _has_password(seen: Raw) -> bool:
    return _up(seen) and (seen.get("MasterUserSecret") or {}).get("SecretStatus") == "active"


def _master(stage: Stage) -> None:
    instance = stage.found["instance"]
    if not instance.get("MasterUserSecret"):
        raise StepSkipped("RDS did not manage the password")
    answer = stage.cloud.ask(instance, READ_ALL_DATA)
    if answer.code:
        raise StepSkipped(f"this machine cannot connect to the restored instance: {answer.message}")


def _second_copy(stage: Stage) -> None:
    name = stage.setup.name(2)
    _make_staging_copy(stage, 2)
    _share_and_copy(stage, 2)
    stage.until(lambda: stage.snapshot(Where.BACKUP, name), _available, "the second copy")


DRILL_MACHINE, NIGHTLY_MACHINE = "restorecheck-drill", "restorecheck-nightly"


def _endpoint(stage: Stage) -> None:
    """A drill with an answered check has used the endpoint: there is no other way to the table."""
    _expect(stage, "ec2:DescribeVpcEndpoints", "DescribeVpcEndpoints", service="ec2")
    execution = _succeeded(stage, DRILL_MACHINE)
    _expect(
        stage,
        "states:GetExecutionHistory",
        "GetExecutionHistory",
        service="stepfunctions",
        executionArn=execution,
        includeExecutionData=False,
        reverseOrder=True,
        maxResults=100,
    )


def _trust(stage: Stage) -> None:
    """A successful night has run the planner in its role."""
    _expect(stage, "iam:GetRole", "GetRole", service="iam", RoleName="restorecheck-planner")
    _succeeded(stage, NIGHTLY_MACHINE)


def _succeeded(stage: Stage, machine: str) -> str:
    """The ARN of the newest execution that succeeded."""
    listed = _expect(
        stage, "states:ListStateMachines", "ListStateMachines", service="stepfunctions"
    )
    arns = [m["stateMachineArn"] for m in listed.get("stateMachines") or () if m["name"] == machine]
    if not arns:
        raise StepSkipped(f"there is no state machine {machine}: nothing is deployed")
    executions = _expect(
        stage,
        "states:ListExecutions",
        "ListExecutions",
        service="stepfunctions",
        stateMachineArn=arns[0],
        statusFilter="SUCCEEDED",
        maxResults=1,
    ).get("executions")
    if not executions:
        raise StepSkipped(f"no execution of {machine} has succeeded yet")
    return str(executions[0]["executionArn"])


def _expect(stage: Stage, right: str, operation: str, *, service: str, **parameters: object) -> Raw:
    missing = {"NoSuchEntity"}
    answer = stage.call(
        Where.BACKUP, operation, service=service, expected=DENIED | missing, **parameters
    )
    if answer.code in DENIED:
        raise StepSkipped(f"needs the right {right} in the backup account")
    if answer.code:
        raise StepSkipped("nothing is deployed")
    return answer.value


def _validation(stage: Stage) -> None:
    job = stage.setup.restore_job
    if not job:
        raise StepSkipped("no restore job of AWS Backup was given (--restore-job)")
    described = stage.call(
        Where.BACKUP, "DescribeRestoreJob", service="backup", RestoreJobId=job
    ).value
    if described.get("ValidationStatus") or described.get("Status") != "COMPLETED":
        raise StepSkipped("the restore job did not complete, or already has a validation result")
    stage.call(
        Where.BACKUP,
        "PutRestoreValidationResult",
        service="backup",
        expected={"InvalidParameterValueException", "InvalidRequestException"},
        RestoreJobId=job,
        ValidationStatus="TIMED_OUT",
        ValidationStatusMessage="restorecheck conformance",
    )
    stage.call(Where.BACKUP, "DescribeRestoreJob", service="backup", RestoreJobId=job)


STEPS = (
    Experiment(
        name="find", does="find production's newest automated snapshot", minutes=1, run=_find
    ),
    Experiment(
        name="stage", does="copy it to {first} in the source account", minutes=10, run=_stage
    ),
    Experiment(
        name="share",
        does="share {first}, and copy it into the backup account at once",
        minutes=2,
        run=_share,
    ),
    Experiment(name="copy", does="wait for the copy {first}", minutes=10, run=_copy),
    Experiment(
        name="restore", does="restore {first} as {instance_class}", minutes=15, run=_restore
    ),
    Experiment(
        name="password",
        does="let RDS manage the master password of {first}",
        minutes=5,
        run=_password,
    ),
    Experiment(
        name="master",
        does="query the rights of the master user in the restored database",
        minutes=1,
        run=_master,
    ),
    Experiment(
        name="delete",
        does="restore {first} as {second}, and delete that instance while RDS creates it",
        minutes=15,
        run=_delete,
    ),
    Experiment(
        name="second copy",
        does="copy the snapshot a second time, as {second}",
        minutes=20,
        run=_second_copy,
    ),
    Experiment(
        name="endpoint",
        does="read how the deployed checker function reached its table",
        minutes=1,
        run=_endpoint,
    ),
    Experiment(
        name="trust",
        does="read whether the deployed functions could assume their roles",
        minutes=1,
        run=_trust,
    ),
    Experiment(
        name="validation",
        does="send the validation result TIMED_OUT for the given restore job",
        minutes=1,
        run=_validation,
    ),
)
