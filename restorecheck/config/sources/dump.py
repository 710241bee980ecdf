"""Dumps in files: the keys, and what holds between them."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from restorecheck.checks.keys import Hours, Keys, Text, Texts
from restorecheck.config.document import Document
from restorecheck.config.fields import Command, Jobs, ScratchUrl
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.passwords import plain_password_arguments
from restorecheck.config.server_url import (
    MalformedUrlError,
    ServerUrl,
    has_plain_password,
    parse_server,
    parse_server_url,
)
from restorecheck.config.sources.kind import Absolute, SourceKind, Written


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
        "one list item per argument. The command is used for files that are neither dumps nor "
        "compressed.",
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="The drill fails if the newest dump is older than this. Default: the "
        "longest time between two slots of the schedule plus 2 hours, at least 26 hours. "
        "Without a schedule there is no limit, and the report says so.",
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
    def into_server(self) -> ServerUrl | None:
        """Host and port of `into`; its password stays inside."""
        return parse_server_url(self.into.get_secret_value()) if self.into else None


def _with_absolute_paths(dump: Dump, absolute: Absolute) -> Dump:
    named = {"path": dump.path, "globals": dump.globals}
    return dump.model_copy(
        update={key: absolute(path) for key, path in named.items() if path is not None}
    )


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    here = (*written.path, "dump")
    yield from _plain_passwords(written.keys, here, written.document)
    yield from _into_problems(written.keys, here, written.document)
    yield from _several_into(written.target, written.keys, written.path)


def _plain_passwords(
    dump: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    into = dump.get("into")
    if isinstance(into, str) and has_plain_password(document.hand_written((*path, "into"), into)):
        message = (
            "the password is in the file in plain text; "
            "write ${VARIABLE} or ${file:/path} in its place"
        )
        yield ConfigFinding((*path, "into"), message)
    decrypt = dump.get("decrypt")
    arguments = [
        document.hand_written((*path, "decrypt", index), item) if isinstance(item, str) else ""
        for index, item in enumerate(decrypt if isinstance(decrypt, list) else [])
    ]
    for index in plain_password_arguments(arguments):
        message = (
            "a password is in the file in plain text; let the program read it from a file "
            "(--passphrase-file, file:/path), or write ${VARIABLE} or ${file:/path} in its place"
        )
        yield ConfigFinding((*path, "decrypt", index), message)


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
    all_databases=False,
    broken_rules=_broken_rules,
    with_absolute_paths=_with_absolute_paths,
)
