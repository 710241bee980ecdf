"""The keys of the whole file, and the resulting `Config`."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr

from restorecheck.checks.keys import (
    AtLeastOne,
    FromList,
    Keys,
    Minutes,
    Text,
    exactly_one,
    optional,
)
from restorecheck.config.audit import Audit
from restorecheck.config.discovery import DiscoveryRule, FoundDatabase, WrittenDiscovery
from restorecheck.config.fields import (
    Interval,
    Jobs,
    Listen,
    ScratchUrl,
    Server,
    ServerUser,
    TextFile,
    TierName,
)
from restorecheck.config.kubernetes import Kubernetes
from restorecheck.config.notify import Notification
from restorecheck.config.queue import Queue
from restorecheck.config.signing import Signing
from restorecheck.config.targets import Defaults, Target, WrittenTarget
from restorecheck.config.telemetry import OpenTelemetry

EXTENSION_PREFIX = "x-"
"""Top-level keys that are ignored: a place for anchors."""


class Postgres(Keys):
    """The PostgreSQL programs, and the throw-away servers made with them."""

    bin_dir: Text | None = Field(
        default=None,
        description="Folder with initdb, postgres and pg_restore. By default restorecheck "
        "searches for it.",
    )
    run_as: ServerUser | None = Field(
        default=None,
        description="User of the operating system that throw-away servers run as, when restorecheck "
        "itself runs as root. Never postgres or root.",
    )
    work_dir: Text | None = Field(
        default=None,
        description="Folder for the data of throw-away servers; it needs room for the whole "
        "database.",
    )
    cache_dir: Text | None = Field(
        default=None, description="Cache folder: files that make later drills faster."
    )
    jobs: Jobs | None = Field(
        default=None, description="Parallel jobs of a restore; by default one per processor."
    )
    nice: Annotated[int, Field(ge=0, le=19)] = Field(
        default=0,
        description="Niceness of a drill and all its programs: 19 gives way to every other program, also for disk "
        "access on Linux.",
    )
    require_fence: bool = Field(
        default=False,
        description="Do not restore if the kernel does not support a part of the fence around "
        "throw-away servers; `restorecheck doctor` names the missing part. Linux only.",
    )


class Aws(Keys):
    """What all RDS targets share."""

    ca_bundle: Text | None = Field(
        default=None,
        description="PEM file with the certificate authorities of RDS (global-bundle.pem); "
        "required for RDS targets. Relative to the configuration file.",
    )
    poll_interval_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=10.0, description="Time between two polls of AWS; all drills share one poll."
    )


class PagesServer(Keys):
    """The pages of all targets, served by `restorecheck run`."""

    model_config = ConfigDict(title="Pages")

    listen: Listen = Field(
        description="host:port of the pages, such as 127.0.0.1:9188. The pages need no password: listen on "
        "this machine only, or behind a server that asks for one."
    )
    token_file: Text | None = Field(
        default=None,
        description="File with a token of 16 characters or more. A person who enters the token on a "
        "target's page can start a drill. Without a file the pages only show reports.",
    )
    drills_per_hour: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=6,
        description="Maximum number of drills that the pages start in an hour, for all targets together.",
    )


class Runner(Keys):
    """`restorecheck run`: the service that drills by schedule."""

    max_parallel_drills: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=2,
        description="Maximum number of drills that run at the same time, in AWS also those that events start; a target "
        "never has more than one.",
    )
    stop_within_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=60.0,
        description="On SIGTERM, the time that running drills have to tear down. A drill that "
        "needs longer is ended; the next start finishes its teardown.",
    )
    sweep_every_minutes: Minutes = Field(
        default=60.0,
        description="Time between two sweeps, which delete what dead drills left behind.",
    )
    look_every_minutes: Annotated[float, Field(ge=1, le=1440)] = Field(
        default=5.0,
        description="Time between two looks for new backups of targets with `when_new`.",
    )
    dispatch: Literal["here", "workers", "kubernetes"] = Field(
        default="here",
        description="Where drills run. here: on the machine of the runner. workers: on every host with "
        "`restorecheck work`. kubernetes: each in a Job of its own. The last two need history.url.",
    )
    kubernetes: Kubernetes | None = Field(
        default=None, description="The Jobs of `dispatch: kubernetes`."
    )
    queue: Queue | None = Field(
        default=None,
        description="Receive events on new objects in S3: a message starts a look for new dumps of the targets with "
        "`when_new` whose path it fits. Off by default.",
    )
    listen: Listen | None = Field(
        default=None,
        description="host:port of GET /healthz and /metrics, as in 127.0.0.1:9187. Off by default.",
    )
    pages: PagesServer | None = Field(
        default=None,
        description="Serve pages with all targets, their history, and a button that starts a drill. Off by default.",
    )
    textfile: TextFile | None = Field(
        default=None,
        description="The metrics as a file *.prom for node_exporter's textfile collector, "
        "written every minute and after each drill. Off by default.",
    )

    @property
    def pages_at(self) -> str | None:
        return self.pages.listen if self.pages else None


_KEEP_DAYS = (
    "Reports older than this are reduced to one line (verdict, time, hash), except the newest "
    "report and the newest verified report of each target. By default all reports are kept "
    "in full."
)


_URL = (
    "PostgreSQL database for the history of several machines, instead of `path`: "
    "postgresql://user:${PASSWORD}@host:port/database. restorecheck makes its tables in the schema restorecheck."
)


_HOST_TIMEOUT = (
    "With `url`: a host that has not renewed the lease of its drill for so long is taken for dead, and "
    "another host ends the drill."
)


_SIGN = "Sign every report and every note with this key. By default nothing is signed."


class WrittenHistory(Keys):
    model_config = ConfigDict(title="History")

    path: Text = optional(
        "SQLite file; by default restorecheck/history.sqlite in $XDG_STATE_HOME or ~/.local/state."
    )
    url: ScratchUrl | None = optional(_URL)
    host_timeout_seconds: Annotated[float, Field(ge=5, le=3600)] = Field(
        default=120.0, description=_HOST_TIMEOUT
    )
    keep_days: Annotated[int, Field(ge=1, le=36_600)] | None = optional(_KEEP_DAYS)
    sign: Signing | None = optional(_SIGN)


class History(Keys):
    path: Text = Field(
        description="SQLite file, absolute. With `url`: no file, but the locks of this machine are beside it."
    )
    url: SecretStr | None = Field(default=None, description=_URL)
    host_timeout_seconds: float = Field(default=120.0, description=_HOST_TIMEOUT)
    keep_days: int | None = Field(default=None, description=_KEEP_DAYS)
    sign: Signing | None = Field(default=None, description=_SIGN)


class WrittenTier(Keys):
    """Which of its slots a target is drilled at."""

    model_config = ConfigDict(
        title="Tier", json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    every: Interval | None = optional(
        "Once in this time, such as 7d: at the first slot of each such time. The targets of the tier are spread evenly over "
        "all slots, by their names."
    )
    sample: Annotated[int, Field(ge=1, le=100_000)] | None = optional(
        "So many targets of the tier at each slot, drawn by chance."
    )


class _ConfigKeys(Keys):
    version: Annotated[Literal[1], exactly_one] = Field(
        description="Version of this file's format: 1."
    )
    defaults: Defaults = Field(
        default_factory=Defaults,
        description="Default values for all targets; a target may override every key.",
    )
    postgres: Postgres = Field(
        default_factory=Postgres, description="The PostgreSQL programs and throw-away servers."
    )
    scratch_servers: Annotated[tuple[Server, ...], FromList] = Field(
        default=(),
        description="Servers that a target may be restored `into`, as 'host:port' or "
        "'/socket/directory:port'. Never list production here.",
    )
    aws: Aws = Field(default_factory=Aws, description="Settings that every RDS target shares.")
    sandbox: bool = Field(
        default=False,
        description="true: work with the simulated AWS of `restorecheck sandbox up`; AWS "
        "endpoints must be on this machine. false: AWS endpoints must use https.",
    )
    notify: Annotated[tuple[Notification, ...], FromList] = Field(
        default=(), repr=False, description="Channels for messages. A plain text is an Apprise URL."
    )
    report_url: Text | None = Field(
        default=None,
        description="URL of a report, for links in messages; `{drill_id}` and `{target}` are "
        "replaced.",
    )
    tiers: dict[TierName, WrittenTier] = Field(
        default_factory=dict,
        description="Groups of targets that are not drilled at every slot of their schedule; a target names its group with `tier`.",
    )
    runner: Runner = Field(default_factory=Runner, description="The service `restorecheck run`.")
    opentelemetry: OpenTelemetry | None = Field(
        default=None,
        description="Send traces and metrics to a collector of OpenTelemetry. Off by default.",
    )
    audit: Audit = Field(
        default_factory=Audit, description="Findings that `doctor` and `audit` accept."
    )


class ConfigFile(_ConfigKeys):
    """restorecheck.yaml: the databases whose backups are to be proven, and how."""

    model_config = ConfigDict(
        title="restorecheck.yaml",
        json_schema_extra={"patternProperties": {f"^{EXTENSION_PREFIX}": {}}},
    )

    targets: Annotated[tuple[WrittenTarget, ...], FromList, AtLeastOne] = Field(
        description="The databases whose backups are drilled."
    )
    discover: Annotated[tuple[WrittenDiscovery, ...], FromList] = Field(
        default=(),
        description="Databases that are targets by themselves; one rule, or a list of rules.",
    )
    history: WrittenHistory = Field(
        default_factory=WrittenHistory, description="Where finished drills are recorded."
    )


class DiscoveringFile(ConfigFile):
    """A file with `discover` needs no targets of its own."""

    targets: Annotated[tuple[WrittenTarget, ...], FromList] = ()


class Config(_ConfigKeys):
    """The file with defaults filled in, paths absolute and references resolved."""

    targets: tuple[Target, ...]
    """Also those of databases that `discover` has found."""
    history: History
    rules: tuple[DiscoveryRule, ...] = Field(default=(), exclude=True)
    found: tuple[FoundDatabase, ...] = Field(default=(), exclude=True)
    """All that `discover` has ever found by these rules or earlier ones, also what is gone."""
    file: str = Field(default="", exclude=True)
    """Where it was read from."""
    secrets: tuple[str, ...] = Field(default=(), repr=False, exclude=True)
    references: dict[str, str] = Field(default={}, repr=False, exclude=True)
    """Value → the reference that it came from, `NAME` or `file:/path`: for commands that people are shown."""
    """Values of ${…} with 4 characters or more, which are redacted everywhere."""


def without_extensions(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if not key.startswith(EXTENSION_PREFIX)}
