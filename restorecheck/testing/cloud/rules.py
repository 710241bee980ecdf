"""What RDS takes and what it shows, as far as that is the same in memory and in the sandbox."""

import re
from collections.abc import Mapping
from typing import Any

from restorecheck.testing.cloud.refusals import bad_value

Description = dict[str, Any]
Parameters = Mapping[str, Any]

NAME = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]*(?<!-)")
LONGEST_INSTANCE, LONGEST_SNAPSHOT = 63, 255
MOST_SHARES = 20
BAD_IN_PASSWORDS = set("/'\"@ ")

COPIED = (
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "EngineLifecycleSupport",
    "MasterUsername",
    "DBName",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "KmsKeyId",
    "BackupRetentionPeriod",
    "PubliclyAccessible",
    "MultiAZ",
    "DeletionProtection",
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
    "DedicatedLogVolume",
)
"""Settings that are described under the names under which they were given."""


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def name_of(text: str, longest: int) -> str:
    if len(text) > longest or not NAME.fullmatch(text):
        raise bad_value(
            f"The parameter {text} is not a valid identifier. Identifiers must begin with a letter; "
            "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen "
            "or contain two consecutive hyphens."
        )
    return text.lower()


def tags_of(given: Parameters) -> dict[str, str]:
    tags = {tag["Key"]: tag.get("Value", "") for tag in given.get("Tags") or []}
    if any(key.lower().startswith(("aws:", "rds:")) for key in tags):
        raise bad_value("Tag keys cannot start with the reserved prefix 'aws:' or 'rds:'")
    return tags


def refuse_bad_password(password: str) -> None:
    if not 8 <= len(password) <= 128 or set(password) & BAD_IN_PASSWORDS:  # noqa: PLR2004  # RDS for PostgreSQL
        raise bad_value("The parameter MasterUserPassword is not a valid password.")
