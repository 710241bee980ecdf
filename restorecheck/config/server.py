"""The keys of `server`: how a throw-away server of dumps is made."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from restorecheck.checks.keys import FromList, Keys, Text, refusal

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]B)")
LEAST_MEMORY = 128 * 10**6
"""Bytes; PostgreSQL does not start with much less."""

OURS = frozenset(
    {
        "archive_command",
        "archive_library",
        "archive_mode",
        "config_file",
        "data_directory",
        "dynamic_shared_memory_type",
        "event_triggers",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "include",
        "include_dir",
        "include_if_exists",
        "lc_messages",
        "listen_addresses",
        "local_preload_libraries",
        "log_destination",
        "log_directory",
        "log_error_verbosity",
        "log_filename",
        "log_line_prefix",
        "log_min_error_statement",
        "log_statement",
        "logging_collector",
        "max_logical_replication_workers",
        "port",
        "primary_conninfo",
        "restore_command",
        "session_preload_libraries",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)
"""Settings by which a throw-away server has no effect outside, keeps row values out of its log, and is found again."""


def _size(value: Any) -> Any:  # noqa: ANN401  # before validation
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise refusal("expected a size such as 4GB or 512MB, found {found}")
    size = int(float(match[1]) * _UNITS[match[2]])
    if size < LEAST_MEMORY:
        raise refusal(f"expected {LEAST_MEMORY // 10**6}MB or more, found {{found}}")
    return size


def _setting(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", name):
            raise refusal(f"'{name}' is not the name of a setting of PostgreSQL")
        if name == "shared_preload_libraries":
            raise refusal("write the libraries into server.preload instead")
        if name in OURS:
            raise refusal(
                f"'{name}' cannot be set: restorecheck sets it, so that the server has no effect outside"
            )
    return value


def _text(value: Any) -> Any:  # noqa: ANN401  # before validation
    """YAML's numbers and truths, as PostgreSQL writes them."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else value


def _library(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_$][A-Za-z0-9_.$-]*", value):
        raise refusal("expected the name of a library such as pg_cron, found {found}")
    return value


def _image(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][A-Za-z0-9._/:@{}-]*", value) or "{" in value.replace(
        "{major}", ""
    ):
        raise refusal(
            "expected an image such as registry/postgis:{major}-3.5, found {found}; "
            "only {major} is replaced"
        )
    return value


Memory = Annotated[int, BeforeValidator(_size)]
SettingValue = Annotated[str, BeforeValidator(_text)]
Library = Annotated[str, AfterValidator(_library)]


class OwnServer(Keys):
    """How the throw-away server of dumps is made, where the defaults do not fit."""

    preload: Annotated[tuple[Library, ...], FromList] = Field(
        default=(),
        description="Libraries for shared_preload_libraries, besides those that restorecheck knows the dump to need.",
    )
    settings: Annotated[dict[str, SettingValue], AfterValidator(_setting)] = Field(
        default_factory=dict,
        description="Settings of PostgreSQL, such as {max_locks_per_transaction: 4096}.",
    )
    memory: Memory | None = Field(
        default=None,
        description="Memory of the server, such as 4GB. PostgreSQL's own settings are chosen for it; a container cannot use more.",
    )
    cpus: Annotated[float, Field(gt=0, le=1024)] | None = Field(
        default=None,
        description="Processors of the server: at most so many parallel jobs load the dump; a container cannot use more.",
    )
    image: Annotated[Text, AfterValidator(_image)] | None = Field(
        default=None,
        description="Container image with the server, such as registry/postgis:{major}-3.5; {major} is the major "
        "version of the dump. `restorecheck server pull` fetches it; a drill never does.",
    )
    runtime: Literal["auto", "podman", "docker", "none"] = Field(
        default="auto",
        description="What runs the image: podman, docker, or the first of them that is installed (auto). none: the image is "
        "not used, and the server runs in a private directory.",
    )
