"""Statements of a dump on members of extensions, which the dump does not define. Pure."""

import re
from collections.abc import Iterable, Sequence

from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.needs import unquote

ABOUT = frozenset({"ACL", "COMMENT", "SECURITY LABEL"})
ROWS = frozenset({"TABLE DATA", "SEQUENCE SET"})
"""Of tables that an extension has for its configuration: their rows are in the dump, their definitions are not."""
_MEMBER = re.compile(
    r"^(COLUMN|TABLE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE|SEQUENCE|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN) (.*)$"
)
"""Tags of entries for objects in a schema: `FUNCTION uuid_generate_v4()`."""
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')


def members_of_extensions(entries: Sequence[TocEntry], *, rows: bool) -> tuple[TocEntry, ...]:
    """Grants, comments, security labels and, if asked for, rows of objects that the dump does not define.

    pg_dump writes no definition of an extension's members, but their changed rights, and the rows of the
    tables that the extension has for its configuration.
    Source: src/bin/pg_dump/pg_dump.c, checkExtensionMembership and processExtensionTables.
    """
    apart = ABOUT | ROWS
    defined = {(entry.namespace, _plain(entry.tag)) for entry in entries if entry.desc not in apart}
    return tuple(
        entry
        for entry in entries
        if (entry.desc in ABOUT and _is_member(entry, defined))
        or (rows and entry.desc in ROWS and (entry.namespace, _plain(entry.tag)) not in defined)
    )


def _is_member(entry: TocEntry, defined: Iterable[tuple[str, str]]) -> bool:
    match = _MEMBER.match(entry.tag)
    if match is None or not entry.namespace or entry.namespace == "pg_catalog":
        return False
    name = _plain(match[2])
    names = [name]
    if match[1] == "COLUMN":
        names = [name[:at] for at, letter in enumerate(name) if letter == "."]
    return not any((entry.namespace, candidate) in defined for candidate in names)


def _plain(tag: str) -> str:
    """The tag without SQL quotes: entries of tables have none, other entries on them do."""
    return _QUOTED.sub(lambda match: unquote(match[0]), tag)
