"""Instances that another program restores: the keys, with AWS's names and values, and their rules."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from restorecheck.checks.keys import Hours, Keys, Text, optional, refusal
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.sources.kind import SourceKind, Written
from restorecheck.config.sources.rds import AccountId, Region

_INSTANCE = re.compile(
    r"arn:aws(-cn|-us-gov)?:rds:[a-z0-9-]+:\d{12}:db:[a-z][a-z0-9-]{0,62}", re.ASCII
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


def _secret_arn(value: str) -> str:
    if not _SECRET.fullmatch(value):
        raise refusal(
            "expected the full ARN of a secret, arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, "
            "found {found}"
        )
    return value


InstanceArn = Annotated[str, AfterValidator(_instance_arn)]
SecretArn = Annotated[str, AfterValidator(_secret_arn)]


class Adopt(Keys):
    """A DB instance that another program restored, such as restore testing of AWS Backup.

    It is checked, never changed or deleted.
    """

    db_instance_arn: InstanceArn = Field(
        description="The production DB instance whose backups are restored. restorecheck "
        "refuses to adopt this instance."
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


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    adopt, here = written.keys, (*written.path, "adopt")
    kind = adopt.get("credentials", "secret")
    secret = adopt.get("secret_arn")
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
