r"""Plain SQL of pg_dump: its completeness and its needs.

Only the trailer shows that a plain dump is complete (`-- PostgreSQL database dump complete`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol

from restorecheck.postgres.dumpfiles.archive import TocEntry
from restorecheck.postgres.dumpfiles.needs import Needs, NeedsCollector, unquote
from restorecheck.postgres.dumpfiles.parts import PartsSeen
from restorecheck.postgres.dumpfiles.statements import (
    CLUSTER_HEADER,
    CLUSTER_TRAILER,
    HEADER,
    MESSAGES,
    TRAILER,
    Piece,
    Position,
    Reader,
)
from restorecheck.postgres.dumpfiles.texts import kept, shown
from restorecheck.postgres.dumpfiles.unreadable import UnusableLayerError
from restorecheck.spelling import number_of

LONGEST_STATEMENT = 1 << 20
"""Bytes of a statement that is searched for needs; the rest of a longer one, and INSERTs, are not searched."""

_OBJECT = re.compile(
    r"^-- (Data for |Statistics for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: (.*?)(?:; Tablespace: .*)?$"
)
_VERSION = re.compile(rb"^-- Dumped (from database|by pg_dump) version (\S+)")
_CREATE_DATABASE = re.compile(rb'^CREATE DATABASE ("(?:[^"]|"")+"|\S+)')
DUMPERS_COMMANDS = (b"\\restrict", b"\\unrestrict", b"\\connect", b"\\encoding ")
"""Commands of psql that pg_dump and pg_dumpall write."""
HARMLESS = frozenset(
    rf"\{name}"
    for name in ("echo", "qecho", "warn", "set", "unset", "timing", "pset", "x", "t", "a", "q")
)
"""Commands of psql that do not change the restored data."""

LOOKED_INTO = (
    b"ALTER ", b"GRANT ", b"REVOKE ", b"SET client_encoding", b"SET SESSION AUTHORIZATION",
    b"CREATE EXTENSION ", b"CREATE COLLATION ", b"CREATE POLICY ", b"CREATE SCHEMA ",
    b"CREATE LANGUAGE ", b"CREATE PROCEDURAL LANGUAGE ", b"CREATE USER MAPPING ", b"SET ROLE ",
    b"CREATE FUNCTION ", b"CREATE PROCEDURE ", b"CREATE DATABASE ",
)  # fmt: skip
MOST_ENTRIES = 3_000_000
"""About a gigabyte of memory; with more the dump is not read. Before PostgreSQL 17 each large object is one."""
DEFINED = frozenset({"TABLE", "INDEX", "CONSTRAINT"})
"""Entries whose definition is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFacts:
    written_by_pg_dump: bool
    cluster: bool
    """pg_dumpall's file of a whole cluster."""
    globals_only: bool
    """pg_dumpall --globals-only: roles and tablespaces, no database."""
    problem: str
    """Why it is not complete, completing `the dump …`; empty: it is."""
    server_version: str
    dump_version: str
    dbname: str
    """Named by a dump made with --create; empty otherwise."""
    needs: Needs
    size: int
    entries: tuple[TocEntry, ...] = ()
    """The objects in pg_dump's comments, in order; `position` is the number of the comment's line. Tables, indexes
    and constraints have their definition.
    """
    commands: tuple[str, ...] = ()
    """Commands of psql that may change the restored data, and are not run here."""
    last_line: int = 0
    """Number of the last trailer's line."""
    notes: tuple[str, ...] = ()
    """Sentences for the report."""
    databases: tuple[str, ...] = ()
    """Databases of its `connect` commands, in order."""
    dumps: int = 1
    """Number of dumps in it that create objects."""


@dataclass
class Scan:
    """State of the reading of a plain dump."""

    collector: NeedsCollector = field(default_factory=NeedsCollector)
    headers: int = 0
    trailers: int = 0
    last_line: int = 0
    cluster: bool = False
    cluster_trailer: bool = False
    server_version: str = ""
    dump_version: str = ""
    dbname: str = ""
    entries: list[TocEntry] = field(default_factory=list)
    statement: bytes = b""
    parts: PartsSeen = field(default_factory=PartsSeen)
    line_breaks: bytes = b""
    """Line break of the header."""
    afterwards: int = 0
    """Number of the first line after the trailer that is not a comment; 0: none."""
    message_at: int = 0
    """Number of the first line between statements that is a message of pg_dump."""
    message_in_rows: int = 0
    """Number of the first row that looks like one."""
    commands: dict[str, None] = field(default_factory=dict)
    """Commands of psql that pg_dump does not write."""
    restricted: bool = False
    """psql obeys none of them here. Source: PostgreSQL documentation, psql, `\\restrict`."""
    refused: str = ""
    begun: bytes = b""
    """First line of the last statement."""
    preceded: bool = False
    """A text that is not SQL precedes the header."""

    @property
    def ended(self) -> bool:
        return self.trailers > 0 and self.trailers >= self.headers

    @property
    def begun_well(self) -> bool:
        """Whether it is the dump of one database, without a problem so far."""
        alone = self.headers == 1 and not self.cluster and len(self.parts.databases) <= 1
        bad = self.refused or self.message_at or self.preceded
        return alone and not (bad or set(self.commands) - HARMLESS)

    @property
    def looks_into_statement(self) -> bool:
        """Whether the needs of the last statement are not known yet, because it may continue."""
        return bool(self.statement)

    def take(self, line: bytes, where: Position, number: int) -> None:
        if where is Position.START:
            self._take_start(line, number)
        elif where is Position.INSIDE and self._is_preceded(line):
            self._take_comment(line, line.strip(), number)
        elif where is Position.INSIDE and self.statement:
            self._extend(line)
        elif where is Position.DATA:
            self._flush()
            self._take_rows(line, number)

    def _is_preceded(self, line: bytes) -> bool:
        """Whether pg_dump's header follows a text that is not SQL, and so looks like a part of that statement."""
        if not self.headers and line.strip() == HEADER:
            self.preceded = not any(mark in self.begun for mark in (b"'", b'"', b"$", b"/*"))
        return self.preceded and self.headers <= 1 and line.startswith(b"-- ")

    def _take_rows(self, rows: bytes, number: int) -> None:
        self._note_afterwards(number)
        at = rows.find(b"\npg_dump: ") if not self.message_in_rows else -1
        if at >= 0:
            self.message_in_rows = number + rows.count(b"\n", 0, at + 1)

    def _take_start(self, line: bytes, number: int) -> None:
        self._flush()
        self.parts.take(line)
        stripped = line.strip()
        self.begun = line
        if stripped.startswith(b"--"):
            self._take_comment(line, stripped, number)
        elif stripped.startswith(b"\\"):
            self._take_command(stripped, number)
        elif stripped:
            self._note_afterwards(number)
            if line.startswith(MESSAGES):
                self.message_at = self.message_at or number
            if line.startswith(LOOKED_INTO) or self._defines(line):
                self._extend(line)
            if match := _CREATE_DATABASE.match(line):
                self.dbname = shown(unquote(kept(match[1]).rstrip(";")))

    def _take_command(self, line: bytes, number: int) -> None:
        if line.startswith((b"\\restrict", b"\\unrestrict")):
            self.restricted = line.startswith(b"\\restrict")
        elif not line.startswith(DUMPERS_COMMANDS):
            command = shown(kept(line.split()[0]))
            self.commands[command] = None
            if self.restricted:
                self.refused = self.refused or f"the command {command} of psql in line {number:,}"

    def _note_afterwards(self, number: int) -> None:
        if self.ended:
            self.afterwards = self.afterwards or number

    def _defines(self, line: bytes) -> bool:
        """Whether the line begins the statement that makes the last entry's object."""
        if not self.entries or self.entries[-1].desc not in DEFINED:
            return False
        return line.startswith((b"CREATE ", b"ALTER TABLE ")) and b" OWNER TO " not in line

    def _take_comment(self, line: bytes, stripped: bytes, number: int) -> None:
        if stripped == TRAILER:
            self.trailers += 1
            self.last_line = number
        elif stripped == HEADER:
            self.headers += 1
            self.line_breaks = line[len(line.rstrip(b"\r\n")) :]
        elif stripped == CLUSTER_HEADER:
            self.cluster = True
        elif stripped == CLUSTER_TRAILER:
            self.cluster_trailer = True
        match = _VERSION.match(stripped)
        if match and match[1] == b"from database":
            self.server_version = self.server_version or match[2].decode(errors="replace")
        elif match:
            self.dump_version = self.dump_version or match[2].decode(errors="replace")
        elif entry := entry_of(stripped):
            self._take_entry(replace(entry, position=number))

    def _take_entry(self, entry: TocEntry) -> None:
        if len(self.entries) >= MOST_ENTRIES:
            raise UnusableLayerError(
                f"holds more than {MOST_ENTRIES:,} objects, which would need too much memory",
                hint="Dump in the custom format (pg_dump -Fc).",
            )
        self.entries.append(entry)
        self.collector.add_owner(entry.owner)
        if entry.desc in {"SERVER", "FOREIGN SERVER"}:
            self.collector.foreign_servers = True
        if entry.desc == "EXTENSION":
            self.collector.add_extension(entry.tag)

    def _extend(self, line: bytes) -> None:
        if len(self.statement) < LONGEST_STATEMENT:
            self.statement += line

    def _flush(self) -> None:
        if not self.statement:
            return
        text = kept(self.statement)
        if self._defines(self.statement):
            self.entries[-1] = replace(self.entries[-1], defn=text)
        else:
            self.collector.add_statement(text)
        self.statement = b""


def entry_of(comment: bytes) -> TocEntry | None:
    """The object that pg_dump's comment announces: `-- Name: t; Type: TABLE; Schema: public; Owner: app`."""
    if not comment.startswith((b"-- Name: ", b"-- Data for Name: ", b"-- Statistics for Name: ")):
        return None
    match = _OBJECT.match(kept(comment.rstrip()))
    if match is None:
        return None
    data, name, kind, schema, owner = match.groups()
    return TocEntry(
        dump_id=0,
        has_data=data is not None,
        tag=name,
        desc=kind,
        defn="",
        namespace="" if schema == "-" else schema,
        owner="" if owner == "-" else owner,
    )


class Follower(Protocol):
    """Gets each piece of a dump while it is read."""

    def take(self, piece: Piece, seen: Scan) -> None: ...
    def end(self, seen: Scan) -> None:
        """The dump has no more pieces."""


def scan(stream: BinaryIO, follower: Follower | None = None) -> PlainFacts:
    """Read plain SQL to its end."""
    reader, seen = Reader(stream), Scan()
    for piece in reader.pieces():
        seen.take(piece.data, piece.where, piece.number)
        if follower is not None:
            follower.take(piece, seen)
    seen._flush()  # noqa: SLF001  # its own module
    if follower is not None:
        follower.end(seen)
    return PlainFacts(
        written_by_pg_dump=seen.headers > 0 or seen.cluster,
        cluster=seen.cluster,
        globals_only=seen.cluster and not seen.headers,
        problem=_problem(reader, seen),
        server_version=seen.server_version,
        dump_version=seen.dump_version,
        dbname=seen.dbname,
        needs=seen.collector.finish(),
        size=reader.size,
        entries=tuple(seen.entries),
        commands=tuple(command for command in seen.commands if command not in HARMLESS)
        + ((shown(kept(reader.lines.sent_by)),) if reader.lines.sent_by else ()),
        last_line=seen.last_line,
        notes=tuple(_notes(seen)),
        databases=tuple(seen.parts.databases),
        dumps=seen.parts.creating,
    )


def _problem(reader: Reader, seen: Scan) -> str:
    lines = reader.lines
    if not seen.headers and not seen.cluster:
        return (
            "is SQL text that pg_dump did not write: restorecheck cannot know whether it is "
            "complete"
        )
    if reader.zero_at is not None:
        return f"is damaged: it holds a zero byte at offset {reader.zero_at:,}"
    if lines.table is not None:
        table = shown(kept(lines.table))
        return (
            f"is truncated: the file ends inside the data of table {table}, after "
            f"{number_of(lines.rows, 'row')}"
        )
    if seen.trailers < seen.headers:
        return "is truncated: pg_dump's last line ('database dump complete') is missing"
    if seen.cluster and not seen.cluster_trailer:
        return "is truncated: pg_dumpall's last line ('database cluster dump complete') is missing"
    if seen.refused:
        return f"holds {seen.refused}, which psql refuses between \\restrict and \\unrestrict"
    if seen.preceded:
        return (
            "does not begin with pg_dump's header: line 1 is a text that is not SQL; "
            "the backup job writes its own messages into the dump"
        )
    if seen.message_at:
        return (
            f"holds a message of pg_dump in line {seen.message_at:,}: the backup job writes pg_dump's "
            "standard error into the dump (2>&1)"
        )
    return ""


def _notes(seen: Scan) -> Iterator[str]:
    if seen.line_breaks == b"\r\n":
        yield (
            "the dump's lines end in CR LF: it went through a terminal (docker exec -t) or a Windows "
            "program, which also changes line breaks inside of texts"
        )
    if seen.afterwards:
        yield (
            f"statements follow after pg_dump's last line, from line {seen.afterwards:,}; "
            "these statements were run, too"
        )
    if seen.message_in_rows:
        yield (
            f"line {seen.message_in_rows:,} among its rows reads like a message of pg_dump: "
            "does the backup job write standard error into the dump (2>&1)?"
        )
    if harmless := [command for command in seen.commands if command in HARMLESS]:
        yield f"the dump holds commands of psql, which were left out: {', '.join(harmless)}"
