"""What pgBackRest's configuration files and environment say about who may read a repository."""

import configparser
import glob
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from restorecheck.rules.facts import RepositoryFacts

PREFIX = "PGBACKREST_"
DEFAULTS = (
    "/etc/pgbackrest.conf",
    "/etc/pgbackrest/pgbackrest.conf",
    "/etc/pgbackrest/conf.d/*.conf",
)
"""Files that pgBackRest reads without --config. Source: pgBackRest, src/config/load.c and parse.c."""


def environment() -> dict[str, str]:
    """Options for pgBackRest, of restorecheck's own environment: a key need not stand in a file."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def owner_of(config: str | None, stanza: str, repo: int) -> pwd.struct_passwd | None:
    """The owner of a local repository, else of the configuration file; None: unknown, or root."""
    files = list(_files(config))
    place = Path(_option(files, stanza, f"repo{repo}-path") or "/var/lib/pgbackrest")
    for path in (place / "backup", place, *files):
        entry = _owner(path)
        if entry is not None and entry.pw_uid != 0:
            return entry
    return None


def retention(config: str | None, stanza: str, repo: int) -> int | None:
    """How many full backups pgBackRest keeps; None: all, or those of some days."""
    files = list(_files(config))
    if _option(files, stanza, f"repo{repo}-retention-full-type") == "time":
        return None
    kept = _option(files, stanza, f"repo{repo}-retention-full")
    return int(kept) if kept.isdigit() else None


def repository(config: str | None, stanza: str, repo: int) -> RepositoryFacts:
    """What is known without asking another machine. Source: pgBackRest, "Configuration Reference", repository options."""
    files = list(_files(config))
    kind = _option(files, stanza, f"repo{repo}-type") or "posix"
    host = _option(files, stanza, f"repo{repo}-host")
    cluster_is_here = bool(_option(files, stanza, "pg1-path")) and not _option(
        files, stanza, "pg1-host"
    )
    local = kind == "posix" and not host
    writable = ""
    if cluster_is_here and not host:
        writable = (
            "the same user owns it"
            if local
            else f"the keys of {kind} are in pgBackRest's configuration"
        )
    return RepositoryFacts(
        name=f"repository {repo}",
        encrypted=False,
        beside_the_database=local and cluster_is_here,
        writable_by=writable,
    )


def _files(config: str | None) -> Iterator[Path]:
    for pattern in (config,) if config else DEFAULTS:
        yield from (Path(path) for path in sorted(glob.glob(pattern)))  # noqa: PTH207  # an absolute pattern


def _option(files: list[Path], stanza: str, key: str) -> str:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    for path in files:
        try:
            parser.read(path)
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
    if given := environment().get(PREFIX + key.upper().replace("-", "_")):
        return given  # goes before what a file says
    sections = (section for section in (stanza, "global") if parser.has_option(section, key))
    return next((parser.get(section, key) or "" for section in sections), "")


def _owner(path: Path) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(path.stat().st_uid)
    except (OSError, KeyError):
        return None
