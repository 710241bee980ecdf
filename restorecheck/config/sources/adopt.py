"""Instances that another program restores: the keys, with AWS's names and values, and their rules."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from restorecheck.checks.keys import Hours, Keys, Text, optional, refusal
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.sources.kind import SourceKind, Written
from restorecheck.config.sources.rds import AccountId, Region, matching

_INSTANCE = re.compile(
    r"arn:aws(-cn|-us-gov)?:rds:[a-z0-9-]+:\d{12}:db:[a-z][a-z0-9-]{0,62}", re.ASCII
)
_CLUSTER = re.compile(
    r"arn:aws(-cn|-us-gov)?:rds:[a-z0-9-]+:\d{12}:cluster:[a-z][a-z0-9-]{0,62}", re.ASCII
)
_SECRET = re.compile(
    r"arn:aws(-cn|-us-gov)?:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@!-]+", re.ASCII
)


def _instance_arn(value: str) -> str:
    if not _INSTANCE.fullmatch(value):
        raise refusal(
            "expected the ARN of a DB instance, arn:aws:rds:REGION:ACCOUNT:db:NAME, found {found}"
        )
    return value


def _cluster_arn(value: str) -> str:
    if not _CLUSTER.fullmatch(value):
        raise refusal(
            "expected the ARN of a DB cluster, arn:aws:rds:REGION:ACCOUNT:cluster:NAME, found {found}"
        )
    return value


def _secret_arn(value: str) -> str:
    if not _SECRET.fullmatch(value):
        raise refusal(
            "expected the full ARN of a secret, arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, "
            "found {found}"
        )
    return value


InstanceArn = Annotated[str, AfterValidator(_instance_arn)]
ClusterArn = Annotated[str, AfterValidator(_cluster_arn)]
MemberClass = Annotated[
    str,
    matching(r"db\.(?!serverless)[a-z0-9-]+\.[a-z0-9-]+", "an instance class such as db.r6g.large"),
]
SecretArn = Annotated[str, AfterValidator(_secret_arn)]


class Adopt(Keys):
    """A DB instance or an Aurora cluster that another program restored, such as restore testing of AWS Backup.

    It is checked, never changed or deleted.
    """

    db_instance_arn: InstanceArn | None = optional(
        "The production DB instance whose backups are restored. restorecheck "
        "refuses to adopt this instance."
    )
    db_cluster_arn: ClusterArn | None = optional(
        "In place of db_instance_arn: the production Aurora cluster whose backups are restored. restorecheck "
        "refuses to adopt this cluster."
    )
    db_instance_class: MemberClass | None = optional(
        "With db_cluster_arn: AWS Backup restores a cluster without an instance. With this class restorecheck "
        "adds one to a cluster of restore testing that has none, and deletes it after the checks. By default "
        "restorecheck waits an hour for an instance of another program."
    )
    account_id: AccountId = Field(
        description="The account in which the backups are restored; 12 digits, in quotes."
    )
    region: Region = Field(description="The region in which the backups are restored.")
    credentials: Literal["secret", "iam"] = Field(
        default="secret",
        description="secret: the checker reads the password of `user` from Secrets Manager; a "
        "restored database has the users and passwords of production. iam: the checker logs "
        "in with a token.",
    )
    user: Text = Field(
        description="Read-only role in the database. With credentials: iam, the role needs rds_iam."
    )
    secret_arn: SecretArn | None = optional(
        "With credentials: secret, the full ARN of the secret; JSON with a `password`."
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="The drill fails if the recovery point of AWS Backup is older than this.",
    )

    @property
    def production(self) -> str:
        """ARN of the instance or cluster."""
        return self.db_instance_arn or self.db_cluster_arn or ""


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    adopt, here = written.keys, (*written.path, "adopt")
    kind = adopt.get("credentials", "secret")
    secret = adopt.get("secret_arn")
    if (adopt.get("db_instance_arn") is None) is (adopt.get("db_cluster_arn") is None):
        yield ConfigFinding(
            here, "expected db_instance_arn or db_cluster_arn, the production database"
        )
    if adopt.get("db_instance_class") is not None and adopt.get("db_cluster_arn") is None:
        message = "db_instance_class is allowed only with db_cluster_arn"
        yield ConfigFinding((*here, "db_instance_class"), message)
    if kind == "secret" and secret is None:
        yield ConfigFinding(
            here, "credentials: secret needs secret_arn, the secret with the password"
        )
    if kind == "iam" and secret is not None:
        yield ConfigFinding(
            (*here, "secret_arn"), "secret_arn is allowed only with credentials: secret"
        )
    if written.target.get("schedule") is not None:
        message = (
            "an adopted target cannot have a schedule: a drill starts when AWS Backup has "
            "restored a backup, or by `restorecheck drill --adopt INSTANCE`"
        )
        yield ConfigFinding((*written.path, "schedule"), message)


ADOPT = SourceKind(
    key="adopt",
    keys=Adopt,
    help="Another program restores the backup; the restored database is checked.",
    physical=True,
    in_aws=True,
    adopts=True,
    broken_rules=_broken_rules,
)
