"""AWS Backup as far as restore testing needs it: jobs that end, and one answer for each.

After the AWS Backup API reference (DescribeRestoreJob, PutRestoreValidationResult) and the
developer guide, "Restore testing validation". Codes that were never seen on real AWS are
marked (?).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.backup import urls
from moto.backup.responses import BackupResponse

from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.things import Database, Snapshot

Operation = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""Account, path and body in; the answer out."""

PLAN = "restore-testing-plan:nightly-0a1b2c3d"
STATUSES = frozenset({"FAILED", "SUCCESSFUL", "TIMED_OUT", "VALIDATING"})
PATHS = ("{0}/restore-jobs/(?P<job>[^/]+)$", "{0}/restore-jobs/(?P<job>[^/]+)/validations$")


@dataclass(slots=True, kw_only=True)
class RestoreJob:
    """One restore that AWS Backup did for a test."""

    identifier: str
    account_id: str
    region: str
    source_arn: str
    created_arn: str
    recovery_point_at: datetime
    created_at: datetime
    completed_at: datetime | None = None
    status: str = "RUNNING"
    message: str = ""
    validation: str = ""
    validation_message: str = ""
    source_is_described: bool = True
    """(?) Whether AWS Backup knows the source of a job that failed: the field is in its model, and no page
    says when it is absent.
    """
    answers: list[str] = field(default_factory=list)
    """Every answer that was given, the refused ones too."""

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = {
            "AccountId": self.account_id,
            "RestoreJobId": self.identifier,
            "RecoveryPointArn": f"arn:aws:rds:{self.region}:{self.account_id}:snapshot:awsbackup:"
            f"job-{self.identifier}",
            "CreationDate": self.created_at.timestamp(),
            "Status": self.status,
            "PercentDone": "0",
            "BackupSizeInBytes": 107374182400,
            "ResourceType": self.resource_type,
            "RecoveryPointCreationDate": self.recovery_point_at.timestamp(),
            "CreatedBy": {"RestoreTestingPlanArn": self.plan_arn},
        }
        if self.source_is_described or self.status == "COMPLETED":
            described["SourceResourceArn"] = self.source_arn
        if self.status == "COMPLETED":
            described["CreatedResourceArn"] = self.created_arn
        if self.completed_at is not None:
            described["CompletionDate"] = self.completed_at.timestamp()
        if self.message:
            described["StatusMessage"] = self.message
        if self.validation:
            described["ValidationStatus"] = self.validation
            described["ValidationStatusMessage"] = self.validation_message
        return described

    @property
    def resource_type(self) -> str:
        return "Aurora" if ":cluster:" in self.source_arn else "RDS"

    @property
    def plan_arn(self) -> str:
        return f"arn:aws:backup:{self.region}:{self.account_id}:{PLAN}"

    def event(self) -> dict[str, Any]:
        """What EventBridge brings when the job has ended. The example of FAILED has no ARN but the role's and
        the plan's, and no moment of completion (AWS Backup Developer Guide, "Monitoring AWS Backup events
        using Amazon EventBridge").
        """
        detail: dict[str, Any] = {
            "restoreJobId": self.identifier,
            "backupSizeInBytes": "107374182400",
            "creationDate": self.created_at.isoformat(),
            "iamRoleArn": f"arn:aws:iam::{self.account_id}:role/aws-backup",
            "percentDone": 0,
            "resourceType": self.resource_type,
            "status": self.status,
            "restoreTestingPlanArn": self.plan_arn,
        }
        if self.status == "COMPLETED":
            detail["sourceResourceArn"] = self.source_arn
            detail["createdResourceArn"] = self.created_arn
            if self.completed_at is not None:
                detail["completionDate"] = self.completed_at.isoformat()
        if self.message:
            detail["statusMessage"] = self.message
        return {
            "version": "0",
            "id": self.identifier.lower(),
            "detail-type": "Restore Job State Change",
            "source": "aws.backup",
            "account": self.account_id,
            "time": (self.completed_at or self.created_at).isoformat(),
            "region": self.region,
            "resources": [f"arn:aws:backup:{self.region}:{self.account_id}:restore-job"],
            "detail": detail,
        }


class BackupService:
    """The operations. Each is called with the sandbox's lock held."""

    def __init__(self) -> None:
        self.jobs: dict[str, RestoreJob] = {}
        for path in PATHS:  # moto does not serve them
            urls.url_paths.setdefault(path, BackupResponse.dispatch)

    def operation(self, name: str) -> "Operation | None":
        operations: dict[str, Operation] = {
            "DescribeRestoreJob": self._describe,
            "PutRestoreValidationResult": self._put_result,
        }
        return operations.get(name)

    def begin(
        self, account_id: str, snapshot: Snapshot, instance: Database, now: datetime
    ) -> RestoreJob:
        job = RestoreJob(
            identifier=instance.identifier.rpartition("-")[2].upper(),
            account_id=account_id,
            region=instance.arn.split(":")[3],
            source_arn=re.sub(
                rf":{snapshot.family.snapshot_arn}:.*",
                f":{snapshot.family.owner_arn}:{snapshot.instance}",
                snapshot.arn,
            ),
            created_arn=instance.arn,
            recovery_point_at=snapshot.database_at.replace(tzinfo=UTC),
            created_at=now,
        )
        self.jobs[job.identifier] = job
        return job

    def _describe(self, account_id: str, path: str, _given: Mapping[str, Any]) -> dict[str, Any]:
        return self._job(account_id, path).describe()

    def _put_result(self, account_id: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        job = self._job(account_id, path)
        status = str(given.get("ValidationStatus"))
        job.answers.append(status)
        if status not in STATUSES:
            raise Refusal("InvalidParameterValueException", f"Invalid ValidationStatus {status}")
        if job.status != "COMPLETED":
            raise Refusal("InvalidRequestException", "The restore job is not completed.")  # (?)
        if job.validation:
            message = "The validation status of this restore job is set and cannot be changed."
            raise Refusal("InvalidRequestException", message)  # (?)
        job.validation = status
        job.validation_message = str(given.get("ValidationStatusMessage") or "")
        return {}

    def _job(self, account_id: str, path: str) -> RestoreJob:
        job = self.jobs.get(path.split("/")[2])
        if job is None or job.account_id != account_id:
            raise Refusal("ResourceNotFoundException", "Cannot find restore job.", status=404)
        return job
