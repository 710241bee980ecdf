"""Names and tags of restorecheck's resources in AWS. Pure.

RDS has no client tokens for calls that create: the name, derived from the drill id, is the token, and "already
exists" counts as done only if the resource has the tag of this drill.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

PREFIX = "restorecheck-"
SECOND = "-again"

MANAGED = "restorecheck:managed"
DRILL = "restorecheck:drill-id"
TARGET = "restorecheck:target"
ROLE = "restorecheck:role"
EXPIRES = "restorecheck:expires-at"
SOURCE_INSTANCE = "restorecheck:source-db-instance"
SOURCE_SNAPSHOT = "restorecheck:source-snapshot"
SNAPSHOT_TIME = "restorecheck:snapshot-time"
VERDICT = "restorecheck:verdict"
KEPT = "restorecheck:kept"

STAGING = "staging-copy"
COPY = "copy"
INSTANCE = "instance"
CLUSTER = "cluster"
STANDBY = "standby"
CONFORMANCE = "conformance"
"""A snapshot of `restorecheck conformance`: never a backup, and deleted at the end of its run."""
SECRET = "secret"  # noqa: S105  # a role, no secret

Tags = dict[str, str]

_FOREIGN = re.compile(r"[^\w\s.:/=+\-@]")


def identifier_of(drill_id: str) -> str:
    """Name of every resource of this drill."""
    return f"{PREFIX}{drill_id}"


def second_of(drill_id: str) -> str:
    """Name of the second instance of this drill, if the first restore failed."""
    return f"{identifier_of(drill_id)}{SECOND}"


def drill_of(identifier: str) -> str:
    return identifier.removeprefix(PREFIX).removesuffix(SECOND)


def is_ours(identifier: str) -> bool:
    return identifier.startswith(PREFIX)


def common_tags(*, drill_id: str, target: str, role: str, expires_at: datetime) -> Tags:
    """Tags of every resource of a drill."""
    return {
        MANAGED: "true",
        DRILL: drill_id,
        TARGET: target,
        ROLE: role,
        EXPIRES: expires_at.isoformat(timespec="seconds"),
    }


def as_list(tags: Mapping[str, str]) -> list[Any]:
    """Tags in AWS's form. Invalid characters in values become underscores."""
    return [
        {"Key": key, "Value": _FOREIGN.sub("_", value)[:256]} for key, value in sorted(tags.items())
    ]


def as_dict(tags: Iterable[Mapping[str, str]] | None) -> Tags:
    return {tag["Key"]: tag.get("Value", "") for tag in tags or ()}


def is_managed(tags: Mapping[str, str]) -> bool:
    return tags.get(MANAGED) == "true"


def is_renamed(identifier: str, tags: Mapping[str, str]) -> bool:
    """Whether a DB instance or cluster carries the mark that we gave it, under a name that we did not give."""
    of_an_instance = is_managed(tags) and tags.get(ROLE) in {INSTANCE, CLUSTER, STANDBY}
    if not of_an_instance or not tags.get(DRILL):
        return False
    return identifier not in {identifier_of(tags[DRILL]), second_of(tags[DRILL])}


def moment_in(tags: Mapping[str, str], key: str) -> datetime | None:
    """A time in a tag of restorecheck; None: missing or not readable."""
    try:
        moment = datetime.fromisoformat(tags[key])
    except (KeyError, ValueError):
        return None
    return moment if moment.tzinfo else None
