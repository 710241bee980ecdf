r"""Filters a plain dump for psql.

Left out: psql's own commands (`\connect`, `\restrict`), statements about the database itself, what
--clean drops first, ignored extensions, and, without `ownership`, owners and grants. An empty line
stands for each line that is left out, so that psql counts lines as the dump has them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.plain import entry_of
from restorecheck.postgres.dumpfiles.statements import CHUNK, Piece, Position, Reader

NEVER_PASSED = (b"CREATE DATABASE ", b"DROP DATABASE ", b"ALTER DATABASE ", b"COMMENT ON DATABASE ")
ELSEWHERE = (b"SET default_tablespace = ", b"CREATE USER MAPPING ", b"ALTER USER MAPPING ")
"""Statements for the source server only: its disks, and its logins to other servers."""
OWNERSHIP = (b"GRANT ", b"REVOKE ", b"ALTER DEFAULT PRIVILEGES ", b"SET SESSION AUTHORIZATION ")
CREATES = (b"CREATE ", b"COPY ", b"INSERT ")
EMPTY_VIEW = b"CREATE OR REPLACE VIEW "
"""With --clean a dump first replaces each view that depends on a primary key by such a view, so that the key can
be dropped. Source: src/bin/pg_dump/pg_dump.c, createDummyViewAsClause.
"""


def restorable(stream: BinaryIO, rules: "FilterRules") -> Iterator[bytes]:
    """The dump for psql, in chunks. `stream`: plain SQL."""
    kept = Filter(rules)
    batch: list[bytes] = []
    size = 0
    for piece in Reader(stream).pieces():
        passed = kept.passed(piece)
        batch.append(passed)
        size += len(passed)
        if size >= CHUNK:
            yield b"".join(batch)
            batch, size = [], 0
    yield b"".join(batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRules:
    """Which parts of a plain dump are restored."""

    ownership: bool = True
    """Owners and grants are passed on."""
    ignored_extensions: Sequence[str] = ()
    """Extensions whose CREATE EXTENSION and COMMENT are left out."""
    left_out: Collection[TocEntry] = ()
    """Entries that are left out completely."""
    refresh: bool = True
    """Materialized views are filled."""


class Filter:
    """Decides at the first line of each statement."""

    def __init__(self, rules: FilterRules) -> None:
        self._ownership = rules.ownership
        self._extensions = tuple(
            start + written
            for name in rules.ignored_extensions
            for start in (
                b"CREATE EXTENSION IF NOT EXISTS ",
                b"CREATE EXTENSION ",
                b"COMMENT ON EXTENSION ",
            )
            for written in (name.encode(), b'"' + name.encode() + b'"')
        )
        self._left_out = frozenset(map(_key, rules.left_out))
        self._refresh = rules.refresh
        self._entry_left_out = False
        self._nothing_made = True
        self._dropping = False

    def passed(self, piece: Piece) -> bytes:
        if piece.where is Position.DATA:
            # Rows after a COPY that was left out would be read as SQL. INSERTs begin with no piece of their own.
            dropped = self._dropping or self._entry_left_out
            return b"\n" * piece.data.count(b"\n") if dropped else piece.data
        if piece.where is Position.START:
            self._dropping = self._drops(piece.data)
        return b"\n" if self._dropping else piece.data

    def _drops(self, line: bytes) -> bool:
        if entry := entry_of(line):
            self._entry_left_out = _key(entry) in self._left_out
            return False
        if line.startswith((b"--", b"\n", b"\r\n")):
            return False
        if line.startswith((b"\\", *NEVER_PASSED, *ELSEWHERE)):
            return True
        if self._nothing_made:
            if line.startswith(EMPTY_VIEW) or _drops(line):
                return True
            self._nothing_made = not line.startswith(CREATES)
        return self._entry_left_out or self._is_unwanted(line)

    def _is_unwanted(self, line: bytes) -> bool:
        if not self._refresh and line.startswith(b"REFRESH MATERIALIZED VIEW "):
            return True
        if (
            line.startswith((b"GRANT ", b"REVOKE ", b"SECURITY LABEL "))
            and b" ON DATABASE " in line
        ):
            return True
        if line.startswith(b"ALTER ROLE ") and b" IN DATABASE " in line:
            return True
        for start in self._extensions:
            if line.startswith(start) and line[len(start) :][:1] in {b" ", b";"}:
                return True
        if self._ownership:
            return False
        return line.startswith(OWNERSHIP) or (line.startswith(b"ALTER ") and b" OWNER TO " in line)


def _key(entry: TocEntry) -> tuple[str, str, str]:
    return entry.desc, entry.namespace, entry.tag


def _drops(line: bytes) -> bool:
    """Whether the line is in the first section of --clean: a new database has nothing to drop."""
    if line.startswith((b"DROP ", b"SELECT pg_catalog.lo_unlink(")):
        return True
    return line.startswith(b"ALTER ") and b" DROP " in line
