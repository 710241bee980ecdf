"""The keys of a target, as written and with defaults."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, cast, get_type_hints

from pydantic import ConfigDict, Field, create_model

from restorecheck.checks.keys import FromList, Hours, Keys, Minutes, optional
from restorecheck.config.after_verified import AfterVerifiedKeys
from restorecheck.config.checks import Check
from restorecheck.config.fields import (
    ALL_DATABASES,
    Cron,
    Databases,
    Interval,
    Label,
    LabelValue,
    TargetName,
    TierName,
    TimeZone,
    interval_of,
    optional_keys,
)
from restorecheck.config.rehearse import RehearseKeys
from restorecheck.config.select import NEWEST, SelectRule
from restorecheck.config.server import OwnServer
from restorecheck.config.sources.kind import K, SourceKind
from restorecheck.config.sources.registry import KINDS
from restorecheck.config.suite import Suite
from restorecheck.model import CheckSpec, Objective, ObjectiveKind, SelectBy, Severity
from restorecheck.schedule import EACH, Tier

_MISSED = "Severity of a missed objective: `required` fails the drill, `warning` is only reported."


class Objectives(Keys):
    rpo_hours: Hours | None = Field(
        default=None,
        description="Recovery point objective: the maximum hours of data that may be lost.",
    )
    rto_minutes: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Recovery time objective: the maximum minutes of a restore."
    )
    rpo_severity: Literal["required", "warning"] = Field(default="warning", description=_MISSED)
    rto_severity: Literal["required", "warning"] = Field(default="warning", description=_MISSED)

    def wanted(self) -> tuple[Objective, ...]:
        """The configured objectives."""
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


class Defaults(Keys):
    """Values that targets inherit unless they set their own."""

    schedule: Cron | None = Field(
        default=None,
        description="When to drill: five cron fields. Without a schedule, drills run only on demand.",
    )
    tier: TierName | None = Field(
        default=None,
        description="One of `tiers`: the target is not drilled at every slot of its schedule.",
    )
    timezone: TimeZone = Field(
        default="UTC", description="Time zone of the schedule, such as Europe/Berlin."
    )
    jitter_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        default=0.0,
        description="Each drill starts up to this long after its scheduled time, so that many targets do "
        "not start together.",
    )
    misfire_grace_minutes: Minutes | None = Field(
        default=None,
        description="A drill that cannot start within this time after its scheduled time (the machine was off, "
        "other drills were running) is skipped, and the reason is recorded. By default it "
        "starts late.",
    )
    deadline_minutes: Minutes = Field(
        default=240.0,
        description="Maximum time of a drill. A drill that takes longer is ended and torn down.",
    )
    max_proof_age_hours: Hours = Field(
        default=30.0, description="A target without a verified drill for this long is overdue."
    )
    contact: Annotated[str, Field(max_length=200)] = Field(
        default="",
        description="Whom to call when a backup is not verified: a name, a telephone number, a channel. "
        "Reports and messages show it.",
    )
    objectives: Objectives = Field(
        default_factory=Objectives,
        description="Recovery objectives; every drill measures them and reports a missed objective.",
    )
    suite: Suite = Field(
        default_factory=Suite,
        description="Severity of the built-in checks, which every drill has.",
    )
    server: OwnServer = Field(
        default_factory=OwnServer,
        description="The throw-away server of dumps: libraries, settings, limits, or a container image.",
    )
    runs_on: dict[Label, LabelValue] = Field(
        default_factory=dict,
        description="Labels that a worker must have to drill this target (`restorecheck work --label`), such as "
        "{site: berlin, postgresql: 16}. Without runner.dispatch they mean nothing.",
    )


class _Named(Keys):
    name: TargetName = Field(description="Unique; 1 to 40 letters, digits and hyphens.")

    @property
    def kind(self) -> SourceKind[Any]:
        """Of the target's one source."""
        return next(kind for kind in KINDS if getattr(self, kind.key) is not None)

    @property
    def source(self) -> Keys:
        """The keys of the target's one source."""
        return cast(Keys, getattr(self, self.kind.key))

    def keys_of(self, model: type[K]) -> K:
        """The keys of the source, which must be of this model."""
        assert isinstance(self.source, model), f"{self.name} is of kind {self.kind.key}"
        return self.source


_OneSource = create_model(
    "_OneSource",
    __base__=_Named,
    **optional_keys(KINDS),
)


class _TargetKeys(_OneSource):
    checks: Annotated[tuple[Check, ...], FromList] = Field(
        default=(), description="Checks on the restored database."
    )
    after_verified: AfterVerifiedKeys | None = Field(
        default=None,
        description="A command that gets a connection to the database after a verified verdict, before the teardown: an "
        "export, statistics, a masked copy. It changes no verdict; a failure is a note in the report.",
    )
    rehearse: RehearseKeys | None = Field(
        default=None,
        description="Rehearse an upgrade after each verified drill: {upgrade: next}. A dump is loaded into the next version; the "
        "temporary database of RDS or Aurora is upgraded. It has a verdict of its own, which changes no other.",
    )
    databases: Databases | None = Field(
        default=None,
        description="Databases to prove; by default all databases that are not templates. For "
        "dumps: the newest dump of each listed database is restored, and a missing dump "
        "fails the drill; `all` means each database that has a dump. Without this key, "
        "dumps of several databases in one place are inconclusive.",
    )
    select: SelectRule = Field(
        default=NEWEST,
        description="Which backup is drilled: newest; oldest; random; rotating (each in turn: the one that "
        "was never drilled, or longest ago); {random: {within_days: 30}}; or {name: BACKUP}. A chosen backup "
        "that is bad fails the drill, and no other one is restored instead.",
    )
    when_new: bool = Field(
        default=False,
        description="`restorecheck run` looks every runner.look_every_minutes for a backup that was not drilled yet, and "
        "drills it when two looks in a row found it unchanged. The target may also have a schedule.",
    )
    every: Interval | None = Field(
        default=None,
        description="The interval at which backups are expected, such as 24h or 7d. A backup that is missing in the "
        "last seven intervals is a warning.",
    )


_Inheriting = create_model(
    "_Inheriting",
    __base__=_TargetKeys,
    **cast(
        dict[str, Any],
        {
            name: (written, optional(Defaults.model_fields[name].description or ""))
            for name, written in get_type_hints(Defaults, include_extras=True).items()
            if name in Defaults.model_fields
        },
    ),
)


class WrittenTarget(_Inheriting):
    """A target as written; missing keys are inherited from `defaults`."""

    model_config = ConfigDict(
        title="Target",
        json_schema_extra={"oneOf": [{"required": [kind.key]} for kind in KINDS]},
    )


class Target(_TargetKeys, Defaults):
    """A target with all inherited values."""

    slots_of_tier: Tier = Field(default=EACH, exclude=True)
    """Its tier, worked out."""
    found_at: datetime | None = Field(default=None, exclude=True)
    """Of a database that `discover` has found: since when."""

    @property
    def samples(self) -> bool:
        """Whether its drills are of older backups, too, and these prove it."""
        return self.select.rule().by is not SelectBy.NEWEST

    @property
    def expected_every(self) -> timedelta | None:
        return None if self.every is None else interval_of(self.every)

    def check_specs(self) -> tuple[CheckSpec, ...]:
        """The configured checks, in order."""
        return tuple(check.check_spec() for check in self.checks)


def resolved(written: WrittenTarget, defaults: Defaults, absolute: Callable[[str], str]) -> Target:
    """The target with the defaults filled in; objectives, suite and server are inherited one by one."""
    own = {key: getattr(written, key) for key in written.model_fields_set}
    for key in {"objectives", "server", "suite"} & set(own):
        given = {name: getattr(own[key], name) for name in own[key].model_fields_set}
        own[key] = getattr(defaults, key).model_copy(update=given)
    kind = written.kind
    own[kind.key] = kind.with_absolute_paths(written.source, absolute)
    if kind.all_databases and own.get("databases") == ALL_DATABASES:
        own["databases"] = None  # this kind always checks all
    inherited = {key: getattr(defaults, key) for key in Defaults.model_fields}
    if kind.adopts:
        own["schedule"] = None  # not that of `defaults`: it has none
    if written.after_verified is not None:
        own["after_verified"] = written.after_verified.with_absolute_paths(absolute)
    if written.checks:
        own["checks"] = tuple(check.with_absolute_paths(absolute) for check in written.checks)
    return Target.model_construct(
        **{**inherited, **own}
    )  # each value was validated where it is written
