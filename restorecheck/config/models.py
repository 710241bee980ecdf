"""The keys of the whole file, and the `Config` that they become."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from restorecheck.config.fields import (
    AtLeastOne,
    FromList,
    Jobs,
    Keys,
    Notification,
    Server,
    ServerUser,
    Text,
    exactly_one,
    optional,
)
from restorecheck.config.targets import Defaults, Target, WrittenTarget

EXTENSION_PREFIX = "x-"
"""Top-level keys that are ignored: a place for anchors."""


class Postgres(Keys):
    """The PostgreSQL programs, and the throw-away servers made with them."""

    bin_dir: Text | None = Field(
        default=None,
        description="Folder of initdb, postgres and pg_restore; by default searched for.",
    )
    run_as: ServerUser | None = Field(
        default=None,
        description="User of the operating system that throw-away servers run as, when restorecheck "
        "itself runs as root. Never postgres or root.",
    )
    work_dir: Text | None = Field(
        default=None,
        description="Folder for throw-away servers; needs room for the whole database.",
    )
    cache_dir: Text | None = Field(
        default=None, description="Folder for what is kept between drills to make them faster."
    )
    jobs: Jobs | None = Field(
        default=None, description="Parallel jobs of a restore; by default one per processor."
    )


class Aws(Keys):
    """What all RDS targets share."""

    ca_bundle: Text | None = Field(
        default=None,
        description="PEM file with the certificate authorities of RDS (global-bundle.pem); needed "
        "beside an RDS target. Relative to the configuration file.",
    )
    poll_interval_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=10.0, description="Time between two looks at AWS; one look serves all drills."
    )


class WrittenHistory(Keys):
    model_config = ConfigDict(title="History")

    path: Text = optional(
        "SQLite file; by default restorecheck/history.sqlite in $XDG_STATE_HOME or ~/.local/state."
    )


class History(Keys):
    path: Text = Field(description="SQLite file, absolute.")


class _ConfigKeys(Keys):
    version: Annotated[Literal[1], exactly_one] = Field(
        description="Version of this file's format: 1."
    )
    defaults: Defaults = Field(
        default_factory=Defaults,
        description="What targets inherit; each may override every key.",
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
        description="Work against `restorecheck sandbox up`: endpoints of AWS must then be on this "
        "machine. Without it they must be https.",
    )
    notify: Annotated[tuple[Notification, ...], FromList] = Field(
        default=(), repr=False, description="Who is told of verdicts; for a later version."
    )


class ConfigFile(_ConfigKeys):
    """restorecheck.yaml: the databases whose backups are to be proven, and how."""

    model_config = ConfigDict(
        title="restorecheck.yaml",
        json_schema_extra={"patternProperties": {f"^{EXTENSION_PREFIX}": {}}},
    )

    targets: Annotated[tuple[WrittenTarget, ...], FromList, AtLeastOne] = Field(
        description="The databases whose backups are to be proven."
    )
    history: WrittenHistory = Field(
        default_factory=WrittenHistory, description="Where finished drills are recorded."
    )


class Config(_ConfigKeys):
    """The file with defaults filled in, paths absolute and references resolved."""

    targets: tuple[Target, ...]
    history: History
    secrets: tuple[str, ...] = Field(default=(), repr=False, exclude=True)
    """Every text that came from ${…} and has 4 characters or more; to be redacted everywhere."""


def without_extensions(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if not key.startswith(EXTENSION_PREFIX)}
