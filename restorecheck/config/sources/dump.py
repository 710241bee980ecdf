"""Dumps in files: the keys, and their rules."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, create_model

from restorecheck.checks.keys import Hours, Keys, Text, Texts
from restorecheck.config.document import Document
from restorecheck.config.fields import Command, Jobs, ScratchUrl, optional_keys
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.passwords import plain_arguments
from restorecheck.config.server_url import (
    IN_PLAIN_TEXT,
    MalformedUrlError,
    has_plain_password,
    parse_server,
    parse_server_url,
)
from restorecheck.config.sources.kind import Absolute, SourceKind, Written
from restorecheck.config.storages.kind import StorageKind
from restorecheck.config.storages.registry import STORAGES
from restorecheck.config.storages.secrets import plain_secrets

_Stored = create_model(
    "_Stored",
    __base__=Keys,
    **optional_keys(STORAGES),
)


class Before(Keys):
    """A command that must succeed before the dumps are listed."""

    run: Command = Field(
        repr=False,  # may hold an interpolated secret
        description="The command, one list item per argument: [mount, /backups]. No shell is started.",
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=60.0,
        description="A command that takes longer is ended, and the drill is inconclusive.",
    )


class Dump(_Stored):
    """Logical dumps, written by pg_dump or pg_dumpall."""

    path: Text = Field(
        description="A folder, file or glob; the newest match is restored. Relative to the configuration "
        "file; or s3://bucket/folder/*.dump, or https://host/file; or within a repository (restic, borg, "
        "rclone, command)."
    )
    max_size_gb: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="A larger dump is not fetched from a storage."
    )
    before: Before | None = Field(
        default=None,
        description="A command that must succeed first, for mounts and tunnels. It runs before each drill and each look "
        "for new backups, never for doctor, and not where another user can change the configuration file.",
    )
    limit_rate_mb: Annotated[float, Field(ge=0.1)] | None = Field(
        default=None,
        description="Limit downloads from a storage to this many MB (10^6 bytes) a second.",
    )
    decrypt: Command | None = Field(
        default=None,
        repr=False,  # may hold an interpolated passphrase
        description="Command that reads the file from stdin and writes the plain dump to stdout, "
        "one list item per argument. The command is used for files that are neither dumps nor "
        "compressed.",
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="The drill fails if the newest dump is older than this. Default: the "
        "`every` of the target plus 2 hours; without it, the longest time between two slots of the schedule plus "
        "2 hours, at least 26 hours. Without both there is no limit, and the report says so.",
    )
    globals: Text | None = Field(
        default=None,
        description="File or glob of the output of pg_dumpall --globals-only. The roles, "
        "memberships and settings of the newest file are restored, too. Relative to the "
        "configuration file.",
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
        default=None, description="Parallel jobs of pg_restore; by default postgres.jobs."
    )

    @property
    def storage(self) -> StorageKind[Any] | None:
        """The storage of the dumps; None: a folder of this machine."""
        named = (kind for kind in STORAGES if getattr(self, kind.key) is not None)
        by_path = (kind for kind in STORAGES if kind.schemes and self.path.startswith(kind.schemes))
        return next(named, next(by_path, None))


def _with_absolute_paths(dump: Dump, absolute: Absolute) -> Dump:
    storage = dump.storage
    named = {"globals": dump.globals} | ({} if storage else {"path": dump.path})
    changed: dict[str, Any] = {
        key: absolute(path) for key, path in named.items() if path is not None
    }
    if storage is not None and (keys := getattr(dump, storage.key)) is not None:
        files = {key: getattr(keys, key) for key in storage.files}
        named = {key: absolute(path) for key, path in files.items() if path is not None}
        changed[storage.key] = keys.model_copy(update=named)
    return dump.model_copy(update=changed)


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    here = (*written.path, "dump")
    yield from _plain_passwords(written.keys, here, written.document)
    yield from _into_problems(written.keys, here, written.document)
    yield from _several_into(written.target, written.keys, written.path)
    yield from _storage_problems(written.keys, here, written.document)


def _storage_problems(
    dump: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    where = dump.get("path")
    named = [kind for kind in STORAGES if dump.get(kind.key) is not None]
    for kind in named[1:]:
        yield ConfigFinding(
            (*path, kind.key),
            f"dumps can be in one storage only; {named[0].key} is configured, too",
        )
    meant = named[:1] or [
        kind
        for kind in STORAGES
        if kind.schemes and isinstance(where, str) and where.startswith(kind.schemes)
    ]
    for kind in meant:
        yield from plain_secrets(kind, dump, path, document)
    for kind in named[:1]:
        fits = isinstance(where, str) and where.startswith(kind.schemes)
        if kind.schemes and not fits:
            yield ConfigFinding(
                (*path, "path"), f"expected {' or '.join(kind.schemes)}… beside {kind.key}"
            )
    if not named and isinstance(where, str) and "://" in where:
        known = [scheme for kind in STORAGES for scheme in kind.schemes]
        if not where.startswith(tuple(known)):
            yield ConfigFinding(
                (*path, "path"),
                f"expected a path of this machine or {', '.join(known)}…; other storages: restic, borg, rclone, command",
            )


def _plain_passwords(
    dump: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    into = dump.get("into")
    if isinstance(into, str) and has_plain_password(document.hand_written((*path, "into"), into)):
        yield ConfigFinding((*path, "into"), IN_PLAIN_TEXT)
    before = dump.get("before")
    if isinstance(before, dict):
        yield from plain_arguments(before.get("run"), (*path, "before", "run"), document)
    yield from plain_arguments(dump.get("decrypt"), (*path, "decrypt"), document)


def _into_problems(dump: dict[str, Any], path: Path, document: Document) -> Iterator[ConfigFinding]:
    into = dump.get("into")
    try:
        server = parse_server_url(into).server if isinstance(into, str) else None
    except MalformedUrlError:
        return  # is reported with its own words
    if server is None or server in _scratch_servers(document.data.get("scratch_servers")):
        return
    shown = "this server" if (*path, "into") in document.sources else server
    yield ConfigFinding(
        (*path, "into"),
        f"{shown} is not marked as a scratch server: restoring replaces databases and would "
        "overwrite a production server. If this server may be overwritten, list its "
        "'host:port' in the top-level scratch_servers",
    )


def _several_into(
    target: dict[str, Any], dump: dict[str, Any], path: Path
) -> Iterator[ConfigFinding]:
    databases = target.get("databases")
    several = databases == "all" or (isinstance(databases, list) and len(databases) > 1)
    if several and dump.get("into") is not None:
        yield ConfigFinding(
            (*path, "databases"),
            "`into` restores one database: name one database, and write one target for each",
        )
    if dump.get("globals") is not None and dump.get("into") is not None:
        yield ConfigFinding(
            (*path, "dump", "globals"),
            "`into` restores no roles, because roles would stay on the scratch server; remove "
            "`into` or `globals`",
        )


def _scratch_servers(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else []:
        try:
            yield parse_server(item) if isinstance(item, str) else ""
        except MalformedUrlError:
            continue  # is reported with its own words


DUMP = SourceKind(
    key="dump",
    keys=Dump,
    help="The backups are dumps in files.",
    physical=False,
    selects=True,
    starts_server=lambda keys: keys.get("into") is None,
    all_databases=False,
    broken_rules=_broken_rules,
    with_absolute_paths=_with_absolute_paths,
)
