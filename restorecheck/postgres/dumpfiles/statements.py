r"""Splits plain SQL into pieces: statements, comments, and rows of COPY.

A plain dump that was truncated in the middle of a COPY loads without an error, and psql exits 0. So the reader
must recognise rows and quoted text, and never take them for statements. Only lines at which a statement can begin
are read one by one; rows pass in blocks.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from restorecheck.postgres.dumpfiles.unreadable import DamagedLayerError

CHUNK = 1 << 18
LONGEST_LINE = 1 << 30
"""Bytes of a line; a longer one counts as damage, because no server accepts it: src/include/utils/memutils.h, MaxAllocSize."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Of UTF-8. psql skips it at the beginning of a file: src/bin/psql/mainloop.c."""

HEADER = b"-- PostgreSQL database dump"
TRAILER = b"-- PostgreSQL database dump complete"
CLUSTER_HEADER = b"-- PostgreSQL database cluster dump"
CLUSTER_TRAILER = b"-- PostgreSQL database cluster dump complete"
"""Lines of pg_dump and pg_dumpall. Source: src/bin/pg_dump/pg_backup_archiver.c, pg_dumpall.c."""
MESSAGES = (b"pg_dump: ", b"pg_dumpall: ")
"""Messages of these programs, if a job writes their standard error into the dump."""

_COPY = re.compile(rb"^COPY (.+?) (?:\(.*\) )?FROM stdin;$", re.IGNORECASE)
_TOKEN = re.compile(rb"--|/\*|'|\"|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
_SENDS = re.compile(rb"\\(?:g|gx|gset|gexec|gdesc|crosstabview|watch)(?:\s.*)?$")
"""PostgreSQL documentation, psql, "Meta-Commands"."""
_END = re.compile(rb"\\\.\r?\n")
"""End of rows, at the start of a line."""
_LONGEST_END = 5
"""Bytes of the end, with the preceding line break."""
_INSERT = b"INSERT INTO "
_INSERTS = re.compile(
    rb"""(?:INSERT INTO (?:[^'";$\\/-]++|(?<![Ee])'[^']*+'|"[^"]*+"|-(?!-)|/(?!\*))*+;\r?\n)++"""
)
"""Without comments, dollar quotes, escape strings and commands of psql, which are read line by line."""
_STATEMENT_END = re.compile(rb";\r?\n")
LONGEST_INSERT = 1 << 24
"""Bytes of an INSERT that is read as a whole; the lines of a longer one are read one by one."""
_COMMENT_END = b"*/"
"""End of a comment that may span lines; nested comments are not recognised."""


class Position(Enum):
    """Position of a piece."""

    START = "start"  # a line that begins a statement, a comment or a psql command
    INSIDE = "inside"  # a line that continues a statement
    DATA = "data"  # rows of COPY, with the line that ends them; or INSERT statements


@dataclass(frozen=True, slots=True)
class Piece:
    where: Position
    data: bytes
    number: int
    """Number of its first line, from 1."""


class Lines:
    """Finds the position of each line."""

    def __init__(self) -> None:
        self.table: bytes | None = None
        """The table whose COPY data is being read."""
        self.rows = 0
        self.sent_by: bytes = b""
        """The first command of psql that sends a statement instead of its semicolon, such as `\\gexec`."""
        self._quote: bytes | None = None
        self._open = False
        self._copying = False

    @property
    def between_statements(self) -> bool:
        return not self._open and self._quote is None and self.table is None

    def place(self, line: bytes) -> Position:
        """Position of a line outside of COPY data; `table` is set if the line begins such data."""
        where = Position.INSIDE if self._open or self._quote is not None else Position.START
        if where is Position.START and line.startswith((b"\\", *MESSAGES)):
            return where  # a command of psql ends with its line
        if where is Position.START and line.startswith(b"COPY "):
            match = _COPY.match(line.rstrip())
            if match:
                self.table, self.rows = match[1], 0
                return where
            self._copying = True
        self._follow(line)
        if self._copying and self._quote is None:
            self._copying = False
            if line.rstrip().endswith(b" FROM stdin;"):
                # A table or column name with a line break.
                self.table, self.rows, self._open = b"with a line break in its name", 0, False
        return where

    def _follow(self, line: bytes) -> None:
        """Follow quotes and statement ends over one line."""
        code = line
        if self._quote is not None or any(
            mark in line for mark in (b"'", b'"', b"$", b"--", b"/*")
        ):
            code = self._outside_of_quotes(line)
        stripped = code.strip()
        if self._quote not in {None, _COMMENT_END}:
            self._open = True
        elif stripped:
            sent = _SENDS.search(stripped)
            self._open = not (stripped.endswith(b";") or sent)
            if sent:
                self.sent_by = self.sent_by or sent[0].split()[0]

    def _outside_of_quotes(self, line: bytes) -> bytes:
        kept: list[bytes] = []
        position = 0
        while position < len(line):
            if self._quote is not None:
                end = line.find(self._quote, position)
                if end < 0:
                    return b"".join(kept)
                position = end + len(self._quote)
                if self._quote != _COMMENT_END:
                    kept.append(b"q")
                self._quote = None
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
            self._quote = _COMMENT_END if match[0] == b"/*" else match[0]
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


class Reader:
    """Plain SQL in pieces, from its beginning to its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self.lines = Lines()
        self.size = 0
        self.zero_at: int | None = None
        """Offset of the first zero byte. Text has none, and psql ignores the rest of its line."""
        self._stream = stream
        self._number = 1

    def pieces(self) -> Iterator[Piece]:
        """Raises DamagedLayerError at a line that no server accepts; a packed dump may have one of any length."""
        rest = self._read().removeprefix(BYTE_ORDER_MARK)
        while rest:
            if self.lines.table is None:
                rest = yield from self._statements(rest)
            else:
                rest = yield from self._rows(rest)

    def _read(self) -> bytes:
        chunk = self._stream.read(CHUNK)
        if self.zero_at is None and (at := chunk.find(b"\0")) >= 0:
            self.zero_at = self.size + at
        self.size += len(chunk)
        return chunk

    def _statements(self, text: bytes) -> Generator[Piece, None, bytes]:
        """Lines up to the rows of a COPY, or to the end of the block; returns the rest."""
        position = 0
        while self.lines.table is None:
            begins = text[position : position + len(_INSERT)]  # fewer bytes at the end of a block
            if begins and _INSERT.startswith(begins) and self.lines.between_statements:
                if found := _INSERTS.match(text, position):
                    position = found.end()
                    yield self._piece(Position.DATA, found[0])
                    continue
                if more := self._more(text, position):
                    text, position = text[position:] + more, 0
                    continue
            end = text.find(b"\n", position) + 1
            if not end:
                line, text = self._completed(text[position:])
                if line:
                    yield self._piece(self.lines.place(line), line)
                return text
            line = text[position:end]
            position = end
            yield self._piece(self.lines.place(line), line)
        return text[position:] or self._read()

    def _more(self, text: bytes, position: int) -> bytes:
        """The next block, if the statement at the position may end there; empty: it ends here, or is too long."""
        if len(text) - position > LONGEST_INSERT or _STATEMENT_END.search(text, position):
            return b""
        return self._read()

    def _completed(self, begun: bytes) -> tuple[bytes, bytes]:
        """A complete line, and the bytes read beyond it."""
        parts, size = [begun], len(begun)
        while chunk := self._read():
            end = chunk.find(b"\n") + 1
            size += end or len(chunk)
            if size > LONGEST_LINE:
                raise _too_long()
            if end:
                return b"".join([*parts, chunk[:end]]), chunk[end:] or self._read()
            parts.append(chunk)
        return b"".join(parts), b""

    def _rows(self, rest: bytes) -> Generator[Piece, None, bytes]:
        """The rows of one table, in blocks; returns the bytes read beyond them."""
        before, unbroken = b"\n", 0  # an end may begin in the previous block
        while rest:
            window = before + rest
            end = _end_of_rows(window) - len(before)
            if end > 0:
                self.lines.table = None
                yield self._piece(Position.DATA, rest[:end])
                return rest[end:] or self._read()
            block = self._piece(Position.DATA, rest)
            self.lines.rows += self._number - block.number
            yield block
            unbroken = len(rest) - rest.rfind(b"\n") - 1 if b"\n" in rest else unbroken + len(rest)
            if unbroken >= LONGEST_LINE:
                raise _too_long()
            before = window[-_LONGEST_END:]
            rest = self._read()
        if before.endswith(b"\n\\."):
            self.lines.table = None
        return b""

    def _piece(self, where: Position, data: bytes) -> Piece:
        number = self._number
        self._number += data.count(b"\n")
        return Piece(where, data, number)


def _end_of_rows(window: bytes) -> int:
    """The offset after the line that ends rows; 0: there is none."""
    if b"\\" not in window:  # by far the fastest test
        return 0
    for match in _END.finditer(window):
        if window[match.start() - 1 : match.start()] == b"\n":
            return match.end()
    return 0


def _too_long() -> DamagedLayerError:
    return DamagedLayerError("is damaged: it holds a line of more than 1 GB")
