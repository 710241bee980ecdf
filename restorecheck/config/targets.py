"""The keys of a target: as they are written, and as they are once defaults are filled in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from restorecheck.checks.keys import FromList, Hours, Keys, Minutes, Text, Texts, optional
from restorecheck.config.adopt import Adopt
from restorecheck.config.checks import Check
from restorecheck.config.fields import (
    ALL_DATABASES,
    Command,
    Cron,
    Databases,
    Jobs,
    ScratchUrl,
    TargetName,
    TimeZone,
)
from restorecheck.config.rds import Rds
from restorecheck.config.suite import Suite
from restorecheck.model import CheckSpec, Objective, ObjectiveKind, Severity

_SCHEDULE = "When to drill: five cron fields. Without one, only on demand."
_TIMEZONE = "Time zone of the schedule, such as Europe/Berlin."
_DEADLINE = "A drill that takes longer is ended and torn down."
_MAX_PROOF_AGE = "A target without a verified drill for this long is overdue."
_JITTER = "A drill starts up to this long after its scheduled time; spreads many targets."
_MISFIRE = (
    "A drill that cannot start within this time after its scheduled one (the machine slept, others "
    "were at work) is skipped, and the reason recorded. By default it is made up for."
)
_OBJECTIVES = "What the business asks for; every drill measures it, and says where it is missed."
_MISSED = "What a missed one means: `required` fails the drill, `warning` is reported only."


class Objectives(Keys):
    rpo_hours: Hours | None = Field(
        default=None,
        description="Recovery point objective: the most hours of data that may be lost.",
    )
    rto_minutes: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Recovery time objective: the most minutes a restore may take."
    )
    rpo_severity: Literal["required", "warning"] = Field(default="warning", description=_MISSED)
    rto_severity: Literal["required", "warning"] = Field(default="warning", description=_MISSED)

    def wanted(self) -> tuple[Objective, ...]:
        """Those that were named."""
        rpo = None if self.rpo_hours is None else timedelta(hours=self.rpo_hours)
        rto = None if self.rto_minutes is None else timedelta(minutes=self.rto_minutes)
        named = (
            (ObjectiveKind.RPO, rpo, self.rpo_severity),
            (ObjectiveKind.RTO, rto, self.rto_severity),
        )
        return tuple(
            Objective(kind=kind, limit=limit, severity=Severity(severity))
            for kind, limit, severity in named
            if limit is not None
        )


_SUITE = "What becomes of the checks that every drill has without being asked."


class Defaults(Keys):
    """What every target inherits that does not say otherwise."""

    schedule: Cron | None = Field(default=None, description=_SCHEDULE)
    timezone: TimeZone = Field(default="UTC", description=_TIMEZONE)
    jitter_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(default=0.0, description=_JITTER)
    misfire_grace_minutes: Minutes | None = Field(default=None, description=_MISFIRE)
    deadline_minutes: Minutes = Field(default=240.0, description=_DEADLINE)
    max_proof_age_hours: Hours = Field(default=30.0, description=_MAX_PROOF_AGE)
    objectives: Objectives = Field(default_factory=Objectives, description=_OBJECTIVES)
    suite: Suite = Field(default_factory=Suite, description=_SUITE)


class Dump(Keys):
    """Logical dumps: what pg_dump or pg_dumpall wrote."""

    path: Text = Field(
        description="A folder, file or glob; the newest match is restored. "
        "Relative to the configuration file."
    )
    decrypt: Command | None = Field(
        default=None,
        repr=False,  # may hold an interpolated passphrase
        description="Command that reads the file from stdin and writes the plain dump to stdout, "
        "one list item per argument. It is used for files that are neither dumps nor compressed.",
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="A newest dump that is older than this fails the drill. By default the longest time "
        "between two slots of the schedule and 2 hours, at least 26; without a schedule, no dump is too "
        "old, and the report says so.",
    )
    globals: Text | None = Field(
        default=None,
        description="File or glob of what pg_dumpall --globals-only wrote beside the dumps; of the newest, "
        "roles, memberships and settings are restored, too. Relative to the configuration file.",
    )
    ignore_extensions: Texts = Field(
        default=(), description="Extensions of the database that are left out of the restore."
    )
    into: ScratchUrl | None = Field(
        default=None,
        description="Restore into this server instead of a throw-away one: "
        "postgresql://user:${PASSWORD}@host:port/. Must be listed in scratch_servers.",
    )
    jobs: Jobs | None = Field(
        default=None, description="Parallel jobs of pg_restore; by default what postgres.jobs says."
    )


class _TargetKeys(Keys):
    name: TargetName = Field(description="Unique; 1 to 40 letters, digits and hyphens.")
    dump: Dump | None = Field(default=None, description="The backups are dumps in files.")
    rds: Rds | None = Field(
        default=None, description="The backups are automated snapshots of an RDS instance."
    )
    adopt: Adopt | None = Field(
        default=None, description="Somebody else restores; what they restored is checked."
    )
    checks: Annotated[tuple[Check, ...], FromList] = Field(
        default=(), description="Questions put to the restored database."
    )
    databases: Databases | None = Field(
        default=None,
        description="Databases to prove; by default all that are not templates. Of dumps: the newest "
        "dump of each is restored, and a missing one fails the drill; `all`: each database of which there "
        "is a dump. Without it, dumps of several databases in one place are inconclusive.",
    )


class WrittenTarget(_TargetKeys):
    """A target as the file has it; what is left out is inherited from `defaults`."""

    model_config = ConfigDict(
        title="Target",
        json_schema_extra={"oneOf": [{"required": [kind]} for kind in ("dump", "rds", "adopt")]},
    )

    schedule: Cron | None = optional(_SCHEDULE)
    timezone: TimeZone = optional(_TIMEZONE)
    jitter_minutes: Annotated[float, Field(ge=0, le=1440)] = optional(_JITTER)
    misfire_grace_minutes: Minutes | None = optional(_MISFIRE)
    deadline_minutes: Minutes = optional(_DEADLINE)
    max_proof_age_hours: Hours = optional(_MAX_PROOF_AGE)
    objectives: Objectives = optional(_OBJECTIVES)
    suite: Suite = optional(_SUITE)


class Target(_TargetKeys, Defaults):
    """A target with everything that it inherits."""

    @property
    def is_in_aws(self) -> bool:
        return self.rds is not None or self.adopt is not None

    def check_specs(self) -> tuple[CheckSpec, ...]:
        """The configured checks, in order."""
        return tuple(check.check_spec() for check in self.checks)


def resolved(written: WrittenTarget, defaults: Defaults, absolute: Callable[[str], str]) -> Target:
    """The target with the defaults filled in; objectives and suite are inherited one by one."""
    own = {key: getattr(written, key) for key in written.model_fields_set}
    for key in {"objectives", "suite"} & set(own):
        given = {name: getattr(own[key], name) for name in own[key].model_fields_set}
        own[key] = getattr(defaults, key).model_copy(update=given)
    if written.dump is None and own.get("databases") == ALL_DATABASES:
        own["databases"] = None  # all are proven anyway
    inherited = {key: getattr(defaults, key) for key in Defaults.model_fields}
    if written.adopt is not None:
        own["schedule"] = None  # not that of `defaults`: it has none
    if written.checks:
        own["checks"] = tuple(check.with_absolute_paths(absolute) for check in written.checks)
    if written.dump is not None:
        named = {"path": written.dump.path, "globals": written.dump.globals}
        paths = {key: absolute(path) for key, path in named.items() if path is not None}
        own["dump"] = written.dump.model_copy(update=paths)
    return Target.model_construct(**{**inherited, **own})  # validated, each where it is written
