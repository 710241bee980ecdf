"""Judges the end of a recovery: the backup and its archive. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres.physical import wal
from restorecheck.postgres.physical.wal import Segment

BAD = (
    "recovery ended before configured recovery target was reached",
    "requested recovery stop point is before consistent recovery point",
    "WAL ends before end of online backup",
    "WAL ends before consistent recovery point",
    "WAL was generated with",
    "could not locate required checkpoint record",
    "could not locate a valid checkpoint record",
    "could not find redo location",
    "invalid checkpoint record",
    "invalid redo record",
    "invalid data in file",
    "requested timeline",
    "unexpected timeline ID",
    "is from different database system",
    "this is an incremental backup",
    "has wrong size",
    "WAL contains references to invalid pages",
    "incorrect checksum in control file",
    "could not open directory",
    "could not open file",
    "could not read file",
    "could not access status of transaction",
)
"""Messages of the startup process about files and WAL of the backup. Sources:
src/backend/access/transam/xlogrecovery.c, xlog.c, xlogarchive.c, slru.c.
"""
OURS = (
    "database files are incompatible with server",
    "incompatible with operating system",
    "could not access file",
    "could not map",
    "could not create shared memory",
    "Cannot allocate memory",
    "insufficient parameter settings",
    "configuration file",
    "invalid value for parameter",
    "unrecognized configuration parameter",
    "could not create lock file",
    "could not bind",
    "Permission denied",
    "maximum number of prepared transactions reached",
    "child process exited with exit code 201",
)
"""Messages about this machine or restorecheck's settings; 201: restore_command got no answer of the broker."""
NO_ROOM = "No space left on device"
FREE = "Free disk space, or set postgres.work_dir to a larger disk."
PAUSED = "pausing at the end of recovery"
TOO_SMALL = "hot standby is not possible because of insufficient parameter settings"
"""Sources: xlogrecovery.c, recoveryPausesHere and RecoveryRequiresIntParameter."""
_SPACE = re.compile(
    r'directory "[^"]+" does not exist|could not set permissions on directory "[^"]+"'
)
"""Of the replay of CREATE TABLESPACE. Source: src/backend/commands/tablespace.c, create_tablespace_directories."""
LATER_SPACE = (
    "A tablespace was made after the backup, and its folder is production's: make a new backup."
)
_FATAL = re.compile(r"^\w{5}\|(?:FATAL|PANIC):\s+(.*)$")
_DONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")
_CONSISTENT = re.compile(r"consistent recovery state reached at ([0-9A-F]+/[0-9A-F]+)")
_TIMELINE = re.compile(r"selected new timeline ID: (\d+)")


def explain(lines: Iterable[str], refused: Broken | Unclear | None) -> Broken | Unclear:
    """Why the server ended before it was ready. `refused`: the broker's reason, if the archive failed."""
    fatal = [match[1] for line in lines if (match := _FATAL.match(line))]
    if refused is not None:
        return refused
    for text in fatal:
        if _SPACE.match(text):
            said = f"recovery ended at a new tablespace: {_shown(text)}"
            return Unclear(reason=said, hint=LATER_SPACE)
        if NO_ROOM in text:
            return Unclear(reason=f"recovery was stopped: {_shown(text)}", hint=FREE)
        if any(words in text for words in OURS):
            return Unclear(reason=f"the server could not start here: {_shown(text)}")
    for text in fatal:
        if any(words in text for words in BAD):
            return Broken(reason=f"recovery of the backup failed: {_shown(text)}")
    said = _shown(fatal[0]) if fatal else "the server ended without an error message"
    return Unclear(reason=f"recovery ended early: {said}")


def not_written(name: str, said: str) -> Unclear:
    """Of a file of the archive that this machine has no room for."""
    why = f": {said}" if said else ""
    return Unclear(
        reason=f"{name} could not be written to the disk of the temporary server{why}",
        hint=FREE,
    )


_LOST = re.compile(
    r'could not open file "[\w/.]+": No such file or directory'
    r'|could not read (?:file|block)[^\n"]*"?[\w/.]*"?: read only \d+ of \d+'
    r"|invalid page in block \d+ of relation [\w/]+"
)
"""Sources: src/backend/storage/smgr/md.c, src/backend/storage/buffer/bufmgr.c."""


def lost_file(said: str) -> str:
    """What a server says of a file of a catalog when it refuses a connection; empty: it refuses for another reason."""
    found = _LOST.search(said)
    return found[0] if found else ""


def _shown(text: str) -> str:
    """The message, which contains only files and positions, because no row is read yet."""
    return "".join(c if c.isprintable() else "?" for c in text)[:300]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The end of a recovery."""

    lsn: int
    """Position after the last replayed record."""
    timeline: int
    """Timeline of that record."""
    last_record: int
    consistent_at: int | None = None
    newest_commit: datetime | None = None
    """None: no commit was replayed."""

    def segment(self, size: int) -> Segment:
        return Segment.at(self.timeline, self.last_record, size)


@dataclass(frozen=True, slots=True)
class LogSays:
    """Facts of a successful recovery in the server's log."""

    last_record: int | None
    consistent_at: int | None
    new_timeline: int | None


def read_log(lines: Iterable[str]) -> LogSays:
    text = "\n".join(lines)
    done, consistent, timeline = (p.search(text) for p in (_DONE, _CONSISTENT, _TIMELINE))
    return LogSays(
        wal.position(done[1]) if done else None,
        wal.position(consistent[1]) if consistent else None,
        int(timeline[1]) if timeline else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSegment:
    """The archive's copy of the segment in which recovery ended."""

    problem: str = ""
    """Why it is damaged."""
    last_record: int | None = None
    newest_commit: datetime | None = None
    absent: bool = False
    """The archive does not have it: it is in the backup, or not archived yet."""
    partial: bool = False
    """The archive has its beginning: it is still being received."""


def gap(reached: Reached, newest: str, last: LastSegment, size: int) -> str:
    """How recovery missed the end of the archive; empty: it reached the end.

    `newest`: the newest segment in the archive at the start of recovery.
    """
    here = reached.segment(size)
    if newest and Segment.of(newest, size) > here:
        return (
            f"recovery ended in {here.name(size)} at {wal.position_text(reached.lsn)}; "
            f"the archive has WAL up to {newest}: WAL between them is missing or damaged"
        )
    if last.problem:
        return f"the last segment {here.name(size)} {last.problem}"
    if last.last_record is not None and last.last_record >= reached.lsn:
        return (
            f"recovery ended at {wal.position_text(reached.lsn)}; the last segment "
            f"{here.name(size)} has a later record at {wal.position_text(last.last_record)}"
        )
    return ""
