"""The text of a PostgreSQL error for reports, and its meaning for the verdict.

`server_messages` decides how much of a message is shown; this module adds its condition and SQLSTATE.
DETAIL, HINT, CONTEXT and the statement are never shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psycopg
from psycopg import errors

from restorecheck.checks import server_messages
from restorecheck.checks.server_messages import NOTHING, Known
from restorecheck.postgres.untrusted_files import open_regular

CONSEQUENCES = frozenset({"57014", "08006", "08P01"})
"""Consequences of another error of a load, never its cause: after an error in one job, pg_restore cancels
the others and closes its connections.
"""
MISSED_ROWS = "23503"
"""Foreign keys to rows that are missing because of another error."""

LONGEST_LINE = 8192
"""Bytes of a line of a log; the rest is cut."""
LARGEST_LOG = 1 << 30
"""Bytes of a log that are read."""
MOST_ERRORS = 10_000
"""Errors of one load that are read; later ones are ignored."""
LOG_PREFIX = "%e|"
_POSITION = re.compile(r" at character \d+$")
"""In a statement; the log alone says it on the line of the message: src/backend/utils/error/elog.c."""
_LOG_LINE = re.compile(r"^([0-9A-Z]{5})\|(ERROR|FATAL|PANIC):\s+(.*)$")


@dataclass(frozen=True, slots=True)
class ServerError:
    sqlstate: str
    message: str

    @property
    def told(self) -> str:
        return safe_message(self.sqlstate, self.message)


def told(exc: psycopg.Error, known: Known = NOTHING) -> str:
    """The text for a refused statement; for a connection see `why_refused`."""
    if exc.sqlstate == "58P01" and exc.diag.source_file == LIBRARIES:
        return "a library that an extension or a function needs is missing on this server (SQLSTATE 58P01)"
    return safe_message(exc.sqlstate, exc.diag.message_primary or "", known)


def safe_message(sqlstate: str | None, message: str, known: Known = NOTHING) -> str:
    """The part of a server's message without row values. `known`: words that are not values.

    If the message cannot be shown, the result is the name of its condition.
    """
    if not sqlstate:
        return "the connection was lost"
    shown = server_messages.shown(sqlstate, message, known)
    return f"{shown or condition(sqlstate)} ({_code(sqlstate, known)})"


def _code(sqlstate: str, known: Known) -> str:
    """The code, if it is known: a function can raise any five characters, also from a row."""
    if condition(sqlstate) != UNNAMED or known.has(sqlstate):
        return f"SQLSTATE {sqlstate}"
    return "a SQLSTATE that PostgreSQL does not define"


UNNAMED = "error"


def condition(sqlstate: str) -> str:
    """The condition name of PostgreSQL documentation, Appendix A."""
    try:
        name = errors.lookup(sqlstate).__name__.rstrip("_")
    except KeyError:
        return UNNAMED
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def errors_in_log(log: Path, offset: int = 0) -> list[ServerError]:
    """Errors in the log of a throw-away server, in order; the log has `LOG_PREFIX`."""
    matches = (_LOG_LINE.match(line) for line in log_lines(log, offset))
    found = (ServerError(m[1], _POSITION.sub("", m[3])) for m in matches if m)
    return list(islice(found, MOST_ERRORS))


def log_lines(log: Path, offset: int = 0, errors: str = "replace") -> Iterator[str]:
    """The lines of a log, each cut, and no more than `LARGEST_LOG`: restored code may write any number of gigabytes."""
    try:
        with open_regular(log) as file:
            file.seek(offset)
            whole, left = True, LARGEST_LOG
            while left > 0 and (piece := file.readline(LONGEST_LINE)):
                left -= len(piece)
                if whole:
                    yield piece.decode(errors=errors).rstrip("\r\n")
                whole = piece.endswith(b"\n")
    except OSError:
        return


_ROLE_MISSING = re.compile(r'^\w{5}\|(?:ERROR|FATAL):\s+role "(.*)" does not exist$')


def roles_missing(log: Path, offset: int) -> set[str]:
    """Names of missing roles in the log; as `texts.kept` has them."""
    lines = log_lines(log, offset, errors="surrogateescape")
    matches = (_ROLE_MISSING.match(_POSITION.sub("", line)) for line in lines)
    return {match[1] for match in matches if match}


DEPENDS_ON_ORDER = frozenset({"40P01", "23514", "P0001"})
"""Deadlocks; checks whose functions read other tables, and errors of such functions."""


def depends_on_order(log: Path, offset: int) -> bool:
    """Whether an error may come from parallel jobs, and not occur with one job."""
    codes = {error.sqlstate for error in errors_in_log(log, offset)}
    return bool(codes & DEPENDS_ON_ORDER) and codes <= DEPENDS_ON_ORDER | CONSEQUENCES | {
        MISSED_ROWS
    }


def is_damage(sqlstate: str) -> bool:
    """For statements of restorecheck: the server could not read its own data (corrupted pages or indexes,
    missing files, a missing TOAST value). A configured statement can raise these codes on a healthy server,
    with an invalid XPath or the path of a file: for these `server_messages.is_damage` decides.
    """
    return sqlstate.startswith("XX") or sqlstate in {"58030", "58P01"}


def shows_damage(exc: psycopg.Error) -> bool:
    """`is_damage`, but for a library of an extension that this machine lacks: it has the SQLSTATE of a missing
    file. Source: src/backend/utils/fmgr/dfmgr.c raises all errors of libraries, and no other.
    """
    return is_damage(exc.sqlstate or "") and exc.diag.source_file != LIBRARIES


LIBRARIES = "dfmgr.c"
_OF_ORDER = (
    "item order invariant violated",
    "high key invariant violated",
    "down-link lower bound invariant violated",
    "could not find tuple using search from root page",
)
"""Source: contrib/amcheck/verify_nbtree.c, where it compares keys."""


def is_about_order(exc: psycopg.Error) -> bool:
    """Whether amcheck says that an index is not sorted as this server sorts."""
    said = exc.diag.message_primary or ""
    return exc.sqlstate == "XX002" and any(words in said for words in _OF_ORDER)


def is_absence(sqlstate: str) -> bool:
    """Whether an object that the statement names does not exist: table, column, function, schema."""
    return sqlstate in {"42P01", "42703", "42883", "3F000"}


def lacks_room(sqlstate: str) -> bool:
    """Insufficient resources of the restored server: says nothing about the backup."""
    return sqlstate.startswith("53")


def is_about_this_server(error: ServerError) -> bool:
    """Whether a failed load is due to the server, not to the dump."""
    message = error.message
    if lacks_room(error.sqlstate) or error.sqlstate.startswith(("57", "40")):
        return True
    if error.sqlstate == "08001":  # a foreign server that this one cannot reach
        return True
    if error.sqlstate == "0A000":  # feature not supported: ICU, an extension not available, OIDs
        return True
    if "shared_preload_libraries" in message or "unrecognized configuration parameter" in message:
        return True
    missing = ("extension", "could not access file", "could not load library")
    if error.sqlstate == "58P01" and any(words in message for words in missing):
        return True
    return error.sqlstate == "42704" and message.startswith("collation ")


REFUSALS = (
    "server does not support SSL",
    "SSL SYSCALL error",
    "password authentication failed",
    "PAM authentication failed",
    "authentication method requirement",
    "no pg_hba.conf entry",
    "role does not exist",
    "remaining connection slots",
    "sorry, too many clients already",
    "the database system is starting up",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "timeout expired",
    "Connection refused",
    "Connection reset",
    "No route to host",
    "Network is unreachable",
    "could not translate host name",
    "failed to resolve host",
    "is not currently accepting connections",
    "cannot connect to invalid database",
    "too many connections for database",
    "too many connections for role",
    "permission denied for database",
    "is not permitted to log in",
    "could not access file",
    "could not open file",
    "database locale is incompatible with operating system",
    "database locale",
    "ICU is not supported in this build",
    "does not exist",
    "server closed the connection unexpectedly",
)
"""Messages of libpq on a failed connection, for which it has no SQLSTATE."""


def why_not(exc: psycopg.Error) -> str:
    """The text for a refused statement or connection."""
    return told(exc) if exc.sqlstate else why_refused(str(exc))


_OF_THE_SERVER = re.compile(r"(?:^|[ \n])\w+:  (.*)")
"""The text after the severity, in any language. Source: src/interfaces/libpq/fe-protocol3.c, pqBuildErrorMessage3."""


def why_not_reached(exc: psycopg.Error, known: Known) -> str:
    """For a server that the configuration names: libpq's own text, with host and port, and the server's text
    if it is known to be safe.
    """
    if exc.sqlstate:
        return told(exc, known)
    line = str(exc).strip().split("\n", 1)[0]
    server = _OF_THE_SERVER.search(line)
    if server is None:
        return line[:300]
    return server_messages.shown("connection", server[1], known) or why_refused(line)


UNTRUSTED = "the server's certificate was not accepted"
_ABOUT_CERTIFICATES = ("SSL error", "does not match host name", "root certificate file")


def why_refused(message: str) -> str:
    """Why there was no connection, in texts that are known to be safe."""
    if any(words in message for words in _ABOUT_CERTIFICATES):
        return UNTRUSTED
    for refusal in REFUSALS:
        if refusal in message:
            return refusal
    return "the connection was lost"
