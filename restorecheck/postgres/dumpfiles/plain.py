r"""Plain SQL as pg_dump writes it: is it whole, what does it need, what of it is passed to psql.

A plain dump that was cut in the middle of a COPY loads without an error and psql exits 0; only
the trailer tells (`-- PostgreSQL database dump complete`). Everything here knows where COPY data
and quoted text are, so that rows and function bodies are never taken for statements.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import BinaryIO

from restorecheck.postgres.dumpfiles.layers import DamagedLayerError
from restorecheck.postgres.dumpfiles.needs import Needs, NeedsCollector, decoded, unquote

HEADER = b"-- PostgreSQL database dump"
CLUSTER_HEADER = b"-- PostgreSQL database cluster dump"
TRAILER = b"-- PostgreSQL database dump complete"

CHUNK = 1 << 18
LONGEST_LINE = 1 << 30
"""Neither a row nor a statement may be as long: src/include/utils/memutils.h, MaxAllocSize."""
LONGEST_STATEMENT = 1 << 20
"""Of a statement that is looked into for what it needs; INSERTs are not."""

_COPY = re.compile(rb"^COPY (.+?) (?:\(.*\) )?FROM stdin;$", re.IGNORECASE)
_TOKEN = re.compile(rb"--|'|\"|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
_OBJECT = re.compile(
    r"^-- (?:Data for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: (.*?)(?:; Tablespace: .*)?$"
)
_VERSION = re.compile(rb"^-- Dumped (from database|by pg_dump) version (\S+)")
_CREATE_DATABASE = re.compile(rb'^CREATE DATABASE ("(?:[^"]|"")+"|\S+)')

LOOKED_INTO = (
    b"ALTER ", b"GRANT ", b"REVOKE ", b"SET client_encoding", b"SET SESSION AUTHORIZATION",
    b"CREATE EXTENSION ", b"CREATE COLLATION ", b"CREATE POLICY ", b"CREATE SCHEMA ",
    b"CREATE LANGUAGE ", b"CREATE PROCEDURAL LANGUAGE ", b"CREATE USER MAPPING ",
)  # fmt: skip

NEVER_PASSED = (b"CREATE DATABASE ", b"DROP DATABASE ", b"ALTER DATABASE ", b"COMMENT ON DATABASE ")
META = (b"\\restrict", b"\\unrestrict", b"\\connect", b"\\c ", b"\\encoding ")
CREATES = (b"CREATE ", b"COPY ", b"INSERT ")
ELSEWHERE = (b"SET default_tablespace = ", b"CREATE USER MAPPING ", b"ALTER USER MAPPING ")
"""Belongs to the server it came from: its disks, and how it logs in to others."""
OWNERSHIP = (b"GRANT ", b"REVOKE ", b"ALTER DEFAULT PRIVILEGES ", b"SET SESSION AUTHORIZATION ")


class Where(Enum):
    """Where a line stands."""

    START = "start"  # begins a statement, a comment or a psql command
    INSIDE = "inside"  # goes on with a statement
    DATA = "data"  # a row of COPY data, or the line that ends it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFacts:
    written_by_pg_dump: bool
    cluster: bool
    """pg_dumpall's file of a whole cluster."""
    globals_only: bool
    """pg_dumpall --globals-only: roles and tablespaces, no database."""
    problem: str
    """Why it is not whole, completing `the dump …`; empty when it is."""
    server_version: str
    dump_version: str
    dbname: str
    """Named by a dump made with --create; empty otherwise."""
    needs: Needs
    size: int


class Lines:
    """Says of each line where it stands."""

    def __init__(self) -> None:
        self.table: bytes | None = None
        """The table whose COPY data is being read."""
        self.rows = 0
        self._quote: bytes | None = None
        self._open = False
        self._copying = False

    def place(self, line: bytes) -> Where:
        if self.table is not None:
            if line in {b"\\.\n", b"\\.\r\n", b"\\."}:
                self.table = None
            else:
                self.rows += 1
            return Where.DATA
        where = Where.INSIDE if self._open else Where.START
        if where is Where.START and line.startswith(b"COPY "):
            match = _COPY.match(line.rstrip())
            if match:
                self.table, self.rows = match[1], 0
                return where
            self._copying = True
        self._follow(line)
        if self._copying and self._quote is None:
            self._copying = False
            if line.rstrip().endswith(b" FROM stdin;"):
                # A table or column whose name has a line break.
                self.table, self.rows, self._open = b"with a line break in its name", 0, False
        return where

    def _follow(self, line: bytes) -> None:
        """Follow quotes and statement ends over one line."""
        code = line
        if self._quote is not None or any(mark in line for mark in (b"'", b'"', b"$", b"--")):
            code = self._outside_of_quotes(line)
        stripped = code.strip()
        if self._quote is not None:
            self._open = True
        elif stripped:
            self._open = not stripped.endswith(b";") and not (
                stripped.startswith(b"\\") and not self._open
            )

    def _outside_of_quotes(self, line: bytes) -> bytes:
        kept: list[bytes] = []
        position = 0
        while position < len(line):
            if self._quote is not None:
                end = line.find(self._quote, position)
                if end < 0:
                    return b"".join(kept)
                position = end + len(self._quote)
                self._quote = None
                kept.append(b"q")
                continue
            match = _TOKEN.search(line, position)
            if match is None:
                kept.append(line[position:])
                break
            kept.append(line[position : match.start()])
            position = match.end()
            if match[0] == b"--":
                break
            if match[0] == b"'" and _is_escape_string(line, match.start()):
                position = self._skip_escape_string(line, position)
                continue
            self._quote = match[0]
        return b"".join(kept)

    def _skip_escape_string(self, line: bytes, position: int) -> int:
        r"""E'…\'…': a backslash takes the next character with it. Does not span lines here."""
        while position < len(line):
            if line[position : position + 1] == b"\\":
                position += 2
            elif line[position : position + 1] == b"'":
                return position + 1
            else:
                position += 1
        self._quote = b"'"
        return position


def _is_escape_string(line: bytes, start: int) -> bool:
    before = line[max(0, start - 2) : start]
    return before[-1:] in {b"E", b"e"} and not before[:1].isalnum()


@dataclass
class _Scan:
    """What is known so far."""

    collector: NeedsCollector = field(default_factory=NeedsCollector)
    header: bool = False
    cluster: bool = False
    trailer: bool = False
    server_version: str = ""
    dump_version: str = ""
    dbname: str = ""
    size: int = 0
    database: bool = False
    zero_at: int | None = None
    """Offset of the first zero byte. Text has none, and psql drops what follows it on its line."""
    statement: bytes = b""

    def take(self, line: bytes, where: Where) -> None:
        if where is Where.START:
            self._take_start(line)
        elif where is Where.INSIDE:
            self.trailer = False
            if self.statement:
                self._extend(line)

    def _take_start(self, line: bytes) -> None:
        self._flush()
        stripped = line.strip()
        if stripped.startswith(b"--"):
            self._take_comment(stripped)
        elif stripped and not stripped.startswith(b"\\unrestrict"):
            self.trailer = False
            if line.startswith(LOOKED_INTO):
                self._extend(line)
            match = _CREATE_DATABASE.match(line)
            if line.startswith((b"CREATE DATABASE ", b"ALTER DATABASE ")):
                self.collector.add_database(decoded(line))
            if match:
                self.dbname = unquote(decoded(match[1]).rstrip(";"))

    def _take_comment(self, line: bytes) -> None:
        if line == TRAILER:
            self.trailer = True
        elif line == HEADER:
            self.header = self.database = True
        elif line == CLUSTER_HEADER:
            self.header = self.cluster = True
        match = _VERSION.match(line)
        if match and match[1] == b"from database":
            self.server_version = self.server_version or match[2].decode(errors="replace")
        elif match:
            self.dump_version = self.dump_version or match[2].decode(errors="replace")
        elif line.startswith((b"-- Name: ", b"-- Data for Name: ")):
            self._take_object(decoded(line))

    def _take_object(self, line: str) -> None:
        match = _OBJECT.match(line)
        if match is None:
            return
        name, kind, _schema, owner = match.groups()
        self.collector.add_owner(owner)
        if kind in {"SERVER", "FOREIGN SERVER"}:
            self.collector.foreign_servers = True
        if kind == "EXTENSION":
            self.collector.add_extension(name)

    def _extend(self, line: bytes) -> None:
        if len(self.statement) < LONGEST_STATEMENT:
            self.statement += line

    def _flush(self) -> None:
        if self.statement:
            self.collector.add_statement(decoded(self.statement))
            self.statement = b""


def _lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Raises DamagedLayerError at a line that no server takes; a packed dump may hold one of any length."""
    for line in iter(partial(stream.readline, LONGEST_LINE), b""):
        if len(line) == LONGEST_LINE:
            raise DamagedLayerError("is damaged: it holds a line of more than 1 GB")
        yield line


def scan(stream: BinaryIO) -> PlainFacts:
    """Read plain SQL to its end."""
    lines, seen = Lines(), _Scan()
    for line in _lines_of(stream):
        if b"\0" in line and seen.zero_at is None:
            seen.zero_at = seen.size + line.index(b"\0")
        seen.size += len(line)
        where = lines.place(line)
        if where is not Where.DATA:
            seen.take(line, where)
    seen._flush()  # noqa: SLF001  # its own module
    return PlainFacts(
        written_by_pg_dump=seen.header,
        cluster=seen.cluster,
        globals_only=seen.cluster and not seen.database,
        problem=_problem(lines, seen),
        server_version=seen.server_version,
        dump_version=seen.dump_version,
        dbname=seen.dbname,
        needs=seen.collector.finish(),
        size=seen.size,
    )


def _problem(lines: Lines, seen: _Scan) -> str:
    if not seen.header:
        return "is SQL text that pg_dump did not write: nothing says where it should end"
    if seen.zero_at is not None:
        return f"is damaged: it holds a zero byte at offset {seen.zero_at:,}"
    if lines.table is not None:
        table = lines.table.decode(errors="replace")
        return (
            f"is truncated: it ends inside of the data of table {table}, "
            f"after {lines.rows:,} rows of it"
        )
    if not seen.trailer:
        return "is truncated: pg_dump's last line ('database dump complete') is missing"
    return ""


def restorable(
    stream: BinaryIO, *, ownership: bool, ignored_extensions: Sequence[str], refresh: bool = True
) -> Iterator[bytes]:
    r"""The dump for psql, in chunks, without what belongs to the server it came from.

    Left out: psql's own commands (`\connect`, `\restrict`), statements about the database itself,
    ignored extensions, and, without `ownership`, owners and grants.
    """
    lines = Lines()
    dropping = False
    created = False
    batch: list[bytes] = []
    size = 0
    for line in _lines_of(stream):
        where = lines.place(line)
        if where is Where.START:
            created = created or line.startswith(CREATES)
            dropping = _is_dropped(line, ownership, ignored_extensions) or (
                not created and _drops(line)
            )
            if not refresh and line.startswith(b"REFRESH MATERIALIZED VIEW "):
                dropping = True
        if dropping and where is not Where.DATA:
            continue
        batch.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(batch)
            batch, size = [], 0
    yield b"".join(batch)


def _drops(line: bytes) -> bool:
    """The section that --clean writes first: the new database has nothing to drop."""
    if line.startswith((b"DROP ", b"SELECT pg_catalog.lo_unlink(")):
        return True
    return line.startswith(b"ALTER ") and b" DROP " in line


def _is_dropped(line: bytes, ownership: bool, ignored_extensions: Iterable[str]) -> bool:
    if line.startswith((*META, *NEVER_PASSED, *ELSEWHERE)):
        return True
    if line.startswith((b"GRANT ", b"REVOKE ", b"SECURITY LABEL ")) and b" ON DATABASE " in line:
        return True
    for name in ignored_extensions:
        text = name.encode()
        for start in (
            b"CREATE EXTENSION IF NOT EXISTS ",
            b"CREATE EXTENSION ",
            b"COMMENT ON EXTENSION ",
        ):
            for written in (text, b'"' + text + b'"'):
                rest = line[len(start) + len(written) :][:1]
                if line.startswith(start + written) and rest in {b" ", b";"}:
                    return True
    if ownership:
        return False
    return line.startswith(OWNERSHIP) or (line.startswith(b"ALTER ") and b" OWNER TO " in line)
