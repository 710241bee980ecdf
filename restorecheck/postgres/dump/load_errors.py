"""The errors of a load: their objects, the text for reports, and whether the dump is the cause.

A failed load says something about the dump only if the dump would not load on its own server either. Pure.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from restorecheck.checks.server_messages import Known, stands_in, texts_in
from restorecheck.postgres.dumpfiles.archive import TocEntry, label
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.session.messages import ServerError, is_about_this_server, safe_message
from restorecheck.postgres.session.sqlstates import NO_RIGHT, UNKNOWN, state_of

_MESSAGES = re.compile(r"\n(?=pg_restore: |psql:)")
_FROM_ENTRY = re.compile(r"^pg_restore: from TOC entry (\d+);")
_PG_RESTORE = re.compile(r"^pg_restore: error: [^:\n]*: (?:ERROR|FATAL):  ?([^\n]*)")
_COPY_FAILED = re.compile(
    r'^pg_restore: error: COPY failed for table "(.*?)": (?:ERROR|FATAL):  ?([^\n]*)'
)
_PSQL = re.compile(
    r"^psql:[^\n]*?:(\d+): "
    r"(?:(?:ERROR|FATAL):  ?(?:([0-9A-Z]{5}): )?|[^\s:]+:  (?!0[0-2])([0-9A-Z]{5}): )([^\n]*)"
)
"""Severities; if a server uses another language, the code distinguishes errors from notices (classes 00 to 02)."""

ROWS = frozenset(
    {"TABLE DATA", "MATERIALIZED VIEW DATA", "BLOBS", "SEQUENCE SET", "STATISTICS DATA"}
)
"""Entries whose statements contain or read rows."""
NOT_REPEATED = "an error that is not shown here, because it may contain row values"
UNTOLD = frozenset({"COMMENT", "SEQUENCE SET", "STATISTICS DATA"})
"""Entries whose statements contain free text or row values: their words are not taken for names."""
ALWAYS_THERE = "public pg_catalog plpgsql"
WRITTEN_BY_PG_DUMP = (
    "statement_timeout lock_timeout idle_in_transaction_session_timeout transaction_timeout client_encoding"
    " standard_conforming_strings check_function_bodies xmloption client_min_messages row_security"
    " default_tablespace default_table_access_method default_with_oids"
)
"""Settings at the start of every dump. Source: src/bin/pg_dump/pg_backup_archiver.c."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadError:
    sqlstate: str
    """Empty: the program does not report it, and its message is not known."""
    message: str
    entry: TocEntry | None = None
    """The object in the dump."""
    line: int = 0
    """Line in a plain dump."""
    afterwards: bool = False
    """After the last line of pg_dump."""

    @property
    def where(self) -> str:
        if self.afterwards:
            return f" after the dump's last line, in line {self.line:,}"
        named = f"{self.entry.desc} {label(self.entry)}" if self.entry else ""
        if self.line and named:
            return f" in {named} (line {self.line:,})"
        if self.line:
            return f" in line {self.line:,}"
        return f" in {named}" if named else ""

    @property
    def about_definitions(self) -> bool:
        """Syntax error or access rule violation (class 42), or invalid schema name (class 3F)."""
        return self.sqlstate.startswith(("42", "3F"))

    @property
    def about_a_setting(self) -> bool:
        """An invalid value of a setting or storage parameter in a definition (22023)."""
        rows = self.entry is None or self.entry.desc in ROWS
        return self.sqlstate == "22023" and not rows

    def told(self, names: str) -> str:
        """The error with its object and without row values. `names`: from `names_of`."""
        if self.sqlstate == UNKNOWN:
            return f"{NOT_REPEATED}{self.where}"
        texts = texts_in(self.sqlstate, self.message) | {self.sqlstate}
        known = Known(names=frozenset(text for text in texts if stands_in(text, names)))
        return f"{safe_message(self.sqlstate, self.message, known)}{self.where}"


def names_of(inspection: Inspection) -> str:
    """Names and definitions in a dump, without row values."""
    entries = inspection.entries
    named = (f"{entry.namespace} {entry.tag} {entry.owner}" for entry in entries)
    defined = (entry.defn for entry in entries if entry.desc not in UNTOLD)
    needs = inspection.needs
    others = (
        *needs.roles,
        *needs.named,
        *needs.settings,
        *(f"{collation.name} {collation.locale}" for collation in needs.collations),
        inspection.dbname,
        ALWAYS_THERE,
        WRITTEN_BY_PG_DUMP,
    )
    return "\n".join((*named, *defined, *others))


def located(errors: Sequence[ServerError], said: str, inspection: Inspection) -> list[LoadError]:
    """The errors in the server's log, each with the object that the program reports for the same message.

    Args:
        errors: From the server's log; empty: the log is not accessible.
        said: Standard error of pg_restore or psql.
        inspection: The dump.
    """
    heard = list(_heard(said, inspection))
    if not errors:
        return heard
    by_message = {error.message: error for error in reversed(heard)}
    found = []
    for error in errors:
        said_too = by_message.get(error.message, LoadError(sqlstate="", message=error.message))
        found.append(replace(said_too, sqlstate=error.sqlstate))
    return found


def _heard(said: str, inspection: Inspection) -> Iterable[LoadError]:
    entries = inspection.entries
    by_id = {entry.dump_id: entry for entry in entries}
    by_command = {entry.defn.strip(): entry for entry in reversed(entries)}
    entry: TocEntry | None = None
    for message in _MESSAGES.split(said):
        if begin := _FROM_ENTRY.match(message):
            entry = by_id.get(int(begin[1]))
        elif error := _COPY_FAILED.match(message):
            rows = [e for e in entries if (e.desc, e.tag) == ("TABLE DATA", error[1])]
            found = rows[0] if len(rows) == 1 else None
            state = state_of(error[2], loads_rows=True)
            yield LoadError(sqlstate=state, message=error[2], entry=found)
        elif error := _PG_RESTORE.match(message):
            # With several jobs, pg_restore names no entry, but the failed command.
            _, _, command = message.partition("\nCommand was: ")
            yield LoadError(
                sqlstate=state_of(error[1], loads_rows=False),
                message=error[1],
                entry=by_command.get(command.strip(), entry) if command else entry,
            )
        elif error := _PSQL.match(message):
            number = int(error[1])
            yield LoadError(
                sqlstate=error[2] or error[3] or state_of(error[4], loads_rows=False),
                message=error[4],
                entry=_entry_at(number, entries),
                line=inspection.lines_before + number,
                afterwards=0 < inspection.last_line < number,
            )


def _entry_at(number: int, entries: Sequence[TocEntry]) -> TocEntry | None:
    """For a plain dump: the object with the last comment before this line."""
    before = [entry for entry in entries if entry.position <= number]
    return before[-1] if before else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Into:
    """Facts of the server that may have caused an error."""

    major: int
    source_major: int | None
    ignored: tuple[str, ...] = ()
    """Needed extensions that the configuration leaves out."""
    server: str = ""
    """Name of a scratch server, where the user may lack rights and roles may be missing."""
    sorts_alike: bool = True
    """The database has the locale of the source."""
    by_collation: Callable[[LoadError], bool] = lambda _: True
    """Whether the comparison of texts may have caused the error."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A cause of an error that is not in the dump."""

    why: str
    """Completes `… could not be loaded into this server`; the error follows."""
    hint: str = ""


COMPARES_TEXTS = frozenset({"23514", "42P17", "23505", "23P01"})
"""Check constraints, partition bounds, unique expressions: they may depend on the comparison of texts."""
ROLE_MISSING = re.compile(r'^role "(.*)" does not exist$')


def ours(error: LoadError, into: Into) -> Ours | None:
    """The cause on this machine; None: the dump is the cause."""
    message = error.message
    if is_about_this_server(ServerError(error.sqlstate, message)):
        return Ours("", _hint(message))
    if into.server and (doubt := _of_a_scratch_server(error)):
        return doubt
    if ROLE_MISSING.match(message):
        return Ours(
            "",
            "A dump of one database contains no roles: set dump.globals to a file of "
            "pg_dumpall --globals-only.",
        )
    if message.startswith("security label provider"):
        return Ours(
            ", which has no such provider of security labels",
            "Dump with --no-security-labels, or restore `into` a server that loads the provider.",
        )
    if error.sqlstate.startswith("F0"):
        return Ours(
            ", which lacks files of the source's text search dictionaries",
            "Copy them from the source's SHAREDIR/tsearch_data to that of the server named in "
            "postgres.bin_dir.",
        )
    if message.startswith("invalid input syntax for type money"):
        return Ours(
            ", whose lc_monetary differs from the source's",
            "A dump does not contain the lc_monetary of the source. Restore `into` a server "
            "with this setting.",
        )
    if into.ignored and error.about_definitions:
        return Ours(
            f" without what ignore_extensions leaves out ({', '.join(into.ignored)})",
            "Install the extension for this server, or set postgres.bin_dir to a server with "
            "the extension; its objects in the dump cannot be left out.",
        )
    refused = error.about_definitions or error.about_a_setting
    if refused and into.source_major not in {None, into.major}:
        return Ours(
            f": it was restored into PostgreSQL {into.major}, the dump is of {into.source_major}",
            f"Install PostgreSQL {into.source_major} on this machine, or set postgres.bin_dir "
            "to its bin folder.",
        )
    if error.sqlstate in COMPARES_TEXTS and not into.sorts_alike and into.by_collation(error):
        return Ours(
            ", which may compare texts differently from the source",
            "Install the locale of the source or an ICU build on this machine, or restore "
            "`into` a server with this locale; "
            "pg_dump --create writes the locale into a plain dump.",
        )
    return None


LACKS_RIGHT = (
    "The user in `into` lacks this right. Use a superuser of a server without other data, or "
    "remove `into`: a throw-away server has every right."
)
IGNORE = " Or add the extension to ignore_extensions, if the drill does not need it."


def _of_a_scratch_server(error: LoadError) -> Ours | None:
    if ROLE_MISSING.match(error.message):
        return Ours(
            "",
            "Create the role on that server (it needs no rights), or leave out `into`: a "
            "throw-away server gets every role that the dump names.",
        )
    if error.sqlstate == NO_RIGHT:
        return Ours("", LACKS_RIGHT + (IGNORE if "extension" in error.message else ""))
    if error.sqlstate == UNKNOWN:
        return Ours("", "The full error is in the log of that server.")
    return None


def _hint(message: str) -> str:
    if "No space left" in message:
        return (
            "The restored database needs more space: free disk space, or set "
            "postgres.work_dir to a larger disk."
        )
    if "shared_preload_libraries" in message:
        return (
            "A throw-away server does not preload extensions: add this extension to "
            "ignore_extensions if the drill does not need it."
        )
    return ""
