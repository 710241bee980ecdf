"""A DB instance that somebody else restored: AWS Backup's restore testing, or a person.

Nothing of theirs is changed: not the instance, not its password, not its tags; and it is not
deleted, for AWS Backup does that itself once it has its answer (AWS Backup Developer Guide,
"Restore testing validation"). So the checker logs in with what production's backup already knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.session.settings import AdoptSettings, parse_arn
from restorecheck.aws.session.translation import attempting, is_throttled
from restorecheck.aws.session.views import InstanceView
from restorecheck.aws.snapshots.credentials import Passwords
from restorecheck.aws.snapshots.instances import wait_for
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
"""What DescribeRestoreJob answers. What is not known yet is absent, whatever the model says."""

INSTANCE_ARN, RESTORE_JOB = "db_instance_arn", "restore_job_id"
"""Outputs that a drill of an adopted instance begins with."""

QUICK = timedelta(minutes=30)
UNDER_WAY = frozenset({"PENDING", "RUNNING", "CREATED"})
COMPLETED = "COMPLETED"

ANSWERS = {
    Verdict.VERIFIED: "SUCCESSFUL",
    Verdict.FAILED: "FAILED",
    Verdict.INCONCLUSIVE: "TIMED_OUT",
}
"""AWS Backup knows no word for "we could not tell". Of its words this one says least that is not
true; `FAILED` would call a backup bad of which nothing is known.
"""

OPEN = (None, "VALIDATING")
"""Statuses that are no answer yet."""

LONGEST_MESSAGE = 1024
"""Characters; AWS documents no limit. Nobody has tried a longer one on a real account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What AWS Backup says of a restore."""

    identifier: str
    backup: Backup
    took: timedelta | None


class AdoptProvider(Provider):
    """Checks instances that others restore. Makes nothing, changes nothing, deletes nothing."""

    def __init__(self, *, settings: AdoptSettings, accounts: Accounts) -> None:
        self.settings = settings
        self._accounts = accounts

    def plan(self, drill_id: str) -> tuple[Step, ...]:  # noqa: ARG002  # nothing is named after it
        settings = self.settings
        return (
            Step(
                name="identify",
                kind=StepKind.PREPARE,
                does=f"sts:GetCallerIdentity; anything else than {settings.place.account_id} ends "
                "the drill",
                deadline=QUICK,
            ),
            Step(
                name="adopt",
                kind=StepKind.ADOPT,
                does=f"rds:DescribeDBInstances in {settings.place} until the given instance is "
                f"available; {settings.db_instance_arn} itself is refused",
                deadline=settings.deadline,
            ),
            Step(
                name="check",
                kind=StepKind.CHECK,
                does="ask the adopted database over TLS (verify-full), reading only, as "
                f"{settings.user}",
                deadline=settings.deadline,
            ),
        )

    def afterwards(self, drill_id: str) -> tuple[str, ...]:  # noqa: ARG002  # as above
        return (
            "the instance is left as it is: it belongs to whoever restored it",
            "where AWS Backup restored it for a test: backup:PutRestoreValidationResult, once",
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        try:
            if step.name == "identify":
                self.account().identify()
                return Ready()
            return self._adopt(drill)
        except TransientError as exc:
            if not is_throttled(exc):
                return Retry(reason=exc.message, wait=self.settings.poll)
            return InProgress(wait=self.settings.poll, detail="throttled by AWS", status=exc.code)

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:  # noqa: ARG002  # the port's signature
        return StillThere(resource, "an adopted instance is not ours to delete", hopeless=True)

    def release(self, drill: Drill) -> None:
        """Nothing is held."""

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:
        """Answer AWS Backup: once, because a status that is set cannot be changed."""
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
        """For the checker, which reads the one secret that the configuration names."""
        return Passwords(self.account())

    def account(self) -> Account:
        return self._accounts.adopted(self.settings.place)

    # --- parts ---------------------------------------------------------------------------

    def _adopt(self, drill: Drill) -> StepEvent:
        wanted = drill.outputs[INSTANCE_ARN]
        if wanted == self.settings.db_instance_arn:
            return Unclear(reason=f"{wanted} is production itself, and no restored backup of it")
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
                f"the DB instance {wanted} is not there in {self.settings.place}",
                hint="AWS Backup deletes what it restores for a test at the end of the validation "
                "window (ValidationWindowHours of the restore testing selection).",
            )
        waiting = wait_for(self.settings.poll, view)
        if waiting is not None:
            return waiting
        if job is not None:
            return Ready(
                endpoint=self._endpoint(view),
                backup=job.backup,
                restored_in=job.took,
                notes=(f"AWS Backup restored it (restore job {job.identifier})",),
            )
        return Ready(
            endpoint=self._endpoint(view),
            backup=Backup(
                kind="adopted instance", identifier=wanted, server_version=view.engine_version
            ),
            notes=("what the adopted instance was restored from was not looked at",),
        )

    def _endpoint(self, view: InstanceView) -> Endpoint:
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
                hint="Its role, subnet group or key may be at fault, or the recovery point.",
            )
        source = answer.get("SourceResourceArn", "")
        if source != self.settings.db_instance_arn:
            return Unclear(
                reason=f"restore job {name} is of {source or 'an unknown source'}, not of "
                f"{self.settings.db_instance_arn}"
            )
        if answer.get("CreatedResourceArn") != wanted:
            made = answer.get("CreatedResourceArn") or "nothing"
            return Unclear(reason=f"restore job {name} made {made}, not {wanted}")
        return None

    def _too_old(self, drill: Drill, backup: Backup | None) -> Broken | Unclear | None:
        allowed = self.settings.max_age
        if allowed is None:
            return None
        if backup is None or backup.taken_at is None:
            return Unclear(
                reason="max_age_hours asks for the age of the backup, and nobody says it",
                hint="Only AWS Backup's own restore jobs do. Leave max_age_hours out.",
            )
        age = drill.started_at - backup.taken_at
        if age <= allowed:
            return None
        hours = timedelta(hours=1)
        return Broken(
            reason=f"the backup is stale: AWS Backup's recovery point is of "
            f"{backup.taken_at:%Y-%m-%d %H:%M} UTC, {age / hours:.1f} hours before this drill; "
            f"at most {allowed / hours:g} hours are allowed",
            backup=backup,
        )

    def _answer(self, drill: Drill, job_id: str) -> Retained:
        assert drill.verdict is not None, "the verdict is recorded before"
        wanted = ANSWERS[drill.verdict]
        told = self._describe(job_id)
        if told.get("Status") != COMPLETED:
            return Retained(notes=("AWS Backup is not answered: its restore did not complete",))
        if told.get("ValidationStatus") in OPEN:
            self._put(job_id, wanted, f"restorecheck {drill.id}: {drill.verdict}: {drill.reason}")
            told = self._describe(job_id)
        known = told.get("ValidationStatus") or "no answer"
        if known != wanted:
            return Retained(notes=(f"AWS Backup has {known}; it was to be told {wanted}",))
        return Retained(notes=(f"AWS Backup was told {wanted}",))

    def _put(self, job_id: str, answer: str, message: str) -> None:
        try:
            with attempting(f"answer AWS Backup's restore job {job_id}", job_id):
                self.account().aws_backup().put_restore_validation_result(
                    RestoreJobId=job_id,
                    ValidationStatus=answer,  # type: ignore[arg-type]  # one of the literals
                    ValidationStatusMessage=message[:LONGEST_MESSAGE],
                )
        except (TransientError, AccessDeniedError):
            raise
        except ProviderError:
            # Refused, it may be there: botocore tries again where an answer got lost.
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
