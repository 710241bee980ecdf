"""A DB instance that another program or a person restored: restore testing of AWS Backup, for example.

Instance, password and tags are not changed, and the instance is not deleted: AWS Backup does that after it has the
validation result (AWS Backup Developer Guide, "Restore testing validation"). So the checker logs in with
credentials that the backup contains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.session.settings import AdoptSettings, parse_arn
from restorecheck.aws.session.translation import attempting, is_throttled
from restorecheck.aws.snapshots.credentials import Passwords
from restorecheck.aws.snapshots.instances import RestoredView, wait_for
from restorecheck.errors import AccessDeniedError, NotFoundError, ProviderError, TransientError
from restorecheck.lifecycle import (
    Broken,
    Gone,
    InProgress,
    Ready,
    Retained,
    Retry,
    StepEvent,
    StillThere,
    Unclear,
)
from restorecheck.model import Backup, Drill, Endpoint, Resource, Step, StepKind, Verdict
from restorecheck.ports import Provider

Description = Mapping[str, Any]
"""Answer of DescribeRestoreJob. Unknown fields are absent, whatever the model says."""

INSTANCE_ARN, RESTORE_JOB = "db_instance_arn", "restore_job_id"
"""First outputs of a drill of an adopted instance."""

QUICK = timedelta(minutes=30)
UNDER_WAY = frozenset({"PENDING", "RUNNING", "CREATED"})
COMPLETED = "COMPLETED"

ANSWERS = {
    Verdict.VERIFIED: "SUCCESSFUL",
    Verdict.FAILED: "FAILED",
    Verdict.INCONCLUSIVE: "TIMED_OUT",
}
"""AWS Backup has no value for "inconclusive". `TIMED_OUT` is the closest; `FAILED` would call a backup bad without
evidence.
"""

OPEN = (None, "VALIDATING")
"""Statuses without a result yet."""

LONGEST_MESSAGE = 1024
"""Characters; a longer message is cut. AWS documents no limit; longer ones were never tested on a real account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A restore job of AWS Backup."""

    identifier: str
    backup: Backup
    took: timedelta | None


class AdoptProvider(Provider):
    """Checks instances that other programs restore. Makes, changes and deletes nothing."""

    def __init__(self, *, settings: AdoptSettings, accounts: Accounts) -> None:
        self.settings = settings
        self._accounts = accounts

    def plan(self, drill_id: str) -> tuple[Step, ...]:  # noqa: ARG002  # nothing is named after it
        settings = self.settings
        what = self.what
        return (
            Step(
                name="identify",
                kind=StepKind.PREPARE,
                does="sts:GetCallerIdentity; any account other than "
                f"{settings.place.account_id} ends the drill",
                deadline=QUICK,
            ),
            Step(
                name="adopt",
                kind=StepKind.ADOPT,
                does=f"rds:DescribeDB{'Clusters' if settings.of_cluster else 'Instances'} in {settings.place} until "
                f"the adopted {what} is available; production ({settings.production}) is refused",
                deadline=settings.deadline,
            ),
            Step(
                name="check",
                kind=StepKind.CHECK,
                does="query the adopted database over TLS (verify-full), read-only, as "
                f"{settings.user}",
                deadline=settings.deadline,
            ),
        )

    def afterwards(self, drill_id: str) -> tuple[str, ...]:  # noqa: ARG002  # as above
        return (
            f"restorecheck does not delete the adopted {self.what}",
            "after a restore test of AWS Backup: backup:PutRestoreValidationResult, once",
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        try:
            return self.perform(drill, step)
        except TransientError as exc:
            if not is_throttled(exc):
                return Retry(reason=exc.message, wait=self.settings.poll)
            return InProgress(wait=self.settings.poll, detail="throttled by AWS", status=exc.code)

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:  # noqa: ARG002  # the port's signature
        return StillThere(resource, "restorecheck does not delete what it adopted", hopeless=True)

    def release(self, drill: Drill) -> None:
        """This provider holds nothing."""

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:
        """Send the validation result to AWS Backup: once, because it cannot be changed."""
        job_id = drill.outputs.get(RESTORE_JOB)
        if not job_id:
            return Retained()
        try:
            return self._answer(drill, job_id)
        except TransientError as exc:
            if is_throttled(exc):
                return InProgress(wait=self.settings.poll, detail="throttled by AWS")
            return Retry(reason=exc.message, wait=self.settings.poll)

    @property
    def by_token(self) -> bool:
        """Whether the checker logs in by IAM, without a password."""
        return not self.settings.secret_arn

    def passwords(self) -> Passwords:
        """For the checker, which reads only the configured secret."""
        return Passwords(self.account())

    def account(self) -> Account:
        return self._accounts.adopted(self.settings.place, clusters=self.settings.of_cluster)

    @property
    def what(self) -> str:
        return "cluster" if self.settings.of_cluster else "instance"

    # --- parts ---------------------------------------------------------------------------

    def perform(self, drill: Drill, step: Step) -> StepEvent:
        """Raises TransientError, too."""
        if step.name != "identify":
            return self._adopt(drill)
        self.account().identify()
        return Ready()

    def _adopt(self, drill: Drill) -> StepEvent:
        wanted = drill.outputs[INSTANCE_ARN]
        if wanted == self.settings.production:
            return Unclear(
                reason=f"could not adopt {wanted}: this is the production {self.what}, not a "
                "restored backup"
            )
        job_id = drill.outputs.get(RESTORE_JOB)
        job = None
        if job_id:
            answer = self._describe(job_id)
            doubt = self._doubt(answer, wanted)
            if doubt is not None:
                return doubt
            job = _job(answer)
        too_old = self._too_old(drill, job.backup if job else None)
        return too_old or self._when_available(wanted, job)

    def _when_available(self, wanted: str, job: Job | None) -> StepEvent:
        view = self.account().instances.latest().get(parse_arn(wanted).name)
        if view is None or view.arn != wanted:
            raise NotFoundError(
                f"could not find the DB instance {wanted} in {self.settings.place}",
                hint="AWS Backup deletes the instance of a restore test at the end of the "
                "validation window (ValidationWindowHours of the restore testing selection).",
            )
        waiting = wait_for(self.settings.poll, view)
        return waiting or self._taken(wanted, view, job)

    def _taken(self, wanted: str, view: RestoredView, job: Job | None) -> Ready:
        if job is not None:
            return Ready(
                endpoint=self._endpoint(view),
                backup=job.backup,
                restored_in=job.took,
                notes=(f"AWS Backup restored the {self.what} (restore job {job.identifier})",),
            )
        return Ready(
            endpoint=self._endpoint(view),
            backup=Backup(
                kind=f"adopted {self.what}", identifier=wanted, server_version=view.engine_version
            ),
            notes=(
                (
                    f"the backup behind the adopted {self.what} is unknown: no restore job of AWS "
                    "Backup was given"
                ),
            ),
        )

    def _endpoint(self, view: RestoredView) -> Endpoint:
        settings = self.settings
        return Endpoint(
            identity=view.resource_id,
            host=view.host,
            port=view.port,
            user=settings.user,
            databases=settings.databases,
            server_version=view.engine_version,
            secret=settings.secret_arn,
        )

    def _doubt(self, answer: Description, wanted: str) -> InProgress | Unclear | None:
        status = answer.get("Status", "")
        name = answer.get("RestoreJobId", "")
        if status in UNDER_WAY:
            return InProgress(wait=self.settings.poll, detail=f"restore job {status}")
        if status != COMPLETED:
            said = answer.get("StatusMessage", "")
            return Unclear(
                reason=f"AWS Backup's restore job {name} is {status}{f': {said}' if said else ''}",
                hint="Look at the restore job in AWS Backup: its role, subnet group, key or "
                "recovery point may be the cause.",
            )
        source = answer.get("SourceResourceArn", "")
        if source != self.settings.production:
            return Unclear(
                reason=f"restore job {name} restored {source or 'an unknown source'}, not "
                f"{self.settings.production}"
            )
        if answer.get("CreatedResourceArn") != wanted:
            made = answer.get("CreatedResourceArn") or "nothing"
            return Unclear(reason=f"restore job {name} created {made}, not {wanted}")
        return None

    def _too_old(self, drill: Drill, backup: Backup | None) -> Broken | Unclear | None:
        allowed = self.settings.max_age
        if allowed is None:
            return None
        if backup is None or backup.taken_at is None:
            return Unclear(
                reason="could not compare the age of the backup with max_age_hours: the age is "
                "unknown",
                hint="The age is known only for restore jobs of AWS Backup. Remove "
                "max_age_hours for instances that another program restores.",
            )
        age = drill.started_at - backup.taken_at
        if age <= allowed:
            return None
        hours = timedelta(hours=1)
        return Broken(
            reason="the backup is stale: the recovery point of AWS Backup is from "
            f"{backup.taken_at:%Y-%m-%d %H:%M} UTC, {age / hours:.1f} hours before this "
            f"drill; max_age_hours allows {allowed / hours:g} hours",
            backup=backup,
        )

    def _answer(self, drill: Drill, job_id: str) -> Retained:
        assert drill.verdict is not None, "the verdict is recorded before"
        wanted = ANSWERS[drill.verdict]
        told = self._describe(job_id)
        if told.get("Status") != COMPLETED:
            return Retained(
                notes=(
                    "no validation result was sent to AWS Backup: the restore job did not complete",
                )
            )
        if told.get("ValidationStatus") in OPEN:
            self._put(job_id, wanted, f"restorecheck {drill.id}: {drill.verdict}: {drill.reason}")
            told = self._describe(job_id)
        known = told.get("ValidationStatus") or "missing"
        if known != wanted:
            return Retained(
                notes=(
                    (
                        f"the validation result in AWS Backup is {known}; restorecheck wanted to send "
                        f"{wanted}"
                    ),
                )
            )
        return Retained(notes=(f"the validation result {wanted} was sent to AWS Backup",))

    def _put(self, job_id: str, answer: str, message: str) -> None:
        try:
            with attempting(
                f"send the validation result of AWS Backup's restore job {job_id}", job_id
            ):
                self.account().aws_backup().put_restore_validation_result(
                    RestoreJobId=job_id,
                    ValidationStatus=answer,  # type: ignore[arg-type]  # one of the literals
                    ValidationStatusMessage=message[:LONGEST_MESSAGE],
                )
        except (TransientError, AccessDeniedError):
            raise
        except ProviderError:
            # A refused result may have been stored: botocore repeats a call whose response was lost.
            if self._describe(job_id).get("ValidationStatus") in OPEN:
                raise

    def _describe(self, job_id: str) -> Description:
        with attempting(f"describe AWS Backup's restore job {job_id}", job_id):
            return self.account().aws_backup().describe_restore_job(RestoreJobId=job_id)


def _job(answer: Description) -> Job:
    began, ended = answer.get("CreationDate"), answer.get("CompletionDate")
    return Job(
        identifier=answer.get("RestoreJobId", ""),
        backup=Backup(
            kind="AWS Backup recovery point",
            identifier=answer.get("RecoveryPointArn", ""),
            taken_at=answer.get("RecoveryPointCreationDate"),
            size_bytes=answer.get("BackupSizeInBytes"),
        ),
        took=ended - began if began and ended else None,
    )
