r"""Whether a plain file contains more than one dump, and of which databases.

Reads the lines of a plain dump that begin a statement, a comment or a psql command.
"""

import re

from restorecheck.postgres.dumpfiles.needs import unquote
from restorecheck.postgres.dumpfiles.statements import HEADER
from restorecheck.postgres.dumpfiles.texts import kept, shown

CREATES_OBJECTS = tuple(
    b"CREATE " + kind + b" "
    for kind in (
        b"TABLE", b"UNLOGGED TABLE", b"FOREIGN TABLE", b"SCHEMA", b"SEQUENCE", b"TYPE", b"DOMAIN",
        b"FUNCTION", b"PROCEDURE", b"AGGREGATE", b"VIEW", b"MATERIALIZED VIEW",
    )
)  # fmt: skip
"""Statements of the first section of a dump (pre-data) only: data and indexes may follow in another dump of the
same database.
"""

_CONNECT = re.compile(rb'^\\c(?:onnect)? (?:-reuse-previous=on )?("(?:[^"]|"")*"|[^\s"]+)')
_DBNAME = re.compile(r"dbname='((?:[^'\\]|\\.)*)'")


def connected(line: bytes) -> str:
    r"""The database that `\connect` names; empty for any other line."""
    match = _CONNECT.match(line)
    if match is None:
        return ""
    name = shown(unquote(kept(match[1])))
    quoted = _DBNAME.search(name)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name


class PartsSeen:
    """The parts of one file so far."""

    def __init__(self) -> None:
        self.databases: dict[str, None] = {}
        """In the order of the `connect` commands."""
        self.creating = 0
        """Dumps that create objects."""
        self._creates = False

    def take(self, line: bytes) -> None:
        if line.startswith(HEADER) and line.rstrip() == HEADER:
            self._creates = False
        elif not self._creates and line.startswith(CREATES_OBJECTS):
            self._creates = True
            self.creating += 1
        elif line.startswith(b"\\c") and (name := connected(line)):
            self.databases[name] = None
